"""Settings of the audit: from when on two images count as one, and what the page shows."""

from typing import Annotated, Final

from pydantic import Field

from metrascope.audit.verification import Agreement
from metrascope.settings.study_settings import Section

# Mean and standard deviation of the highest correlation of one block in different images: 0.150 and
# 0.129 in 132 pairs of real ovary stills, 0.149 and 0.134 in 130 of phantoms (docs/audit.md).
CHANCE_MEAN: Final = 0.16
CHANCE_SPREAD: Final = 0.13


class AuditSettings(Section):
    """From when on two images count as one, and what the page shows.

    Attributes
    ----------
    least_score
        Agreement of the speckle (mean block correlation) from which two images are one.
    least_deviations
        The same in standard deviations above chance, which grow with the compared area: keeps
        a few blocks that agree by luck from counting.
    least_share
        Share of the smaller image that must have been compared.
    pictures
        Pairs shown with pictures in the page; the others are in ``pairs.csv``.
    """

    least_score: Annotated[float, Field(gt=0, lt=1)] = 0.36
    least_deviations: Annotated[float, Field(ge=0, le=1e6)] = 5.0
    least_share: Annotated[float, Field(ge=0, le=1)] = 0.4
    pictures: Annotated[int, Field(ge=0, le=10**5)] = 150

    def same(self, agreement: Agreement) -> bool:
        """Say whether two images that agree so are one."""
        return (
            agreement.score >= self.least_score
            and agreement.share >= self.least_share
            and deviations(agreement) >= self.least_deviations
        )


def deviations(agreement: Agreement) -> float:
    """Return how many standard deviations above chance an agreement lies.

    Blocks overlap by less than a third, so they count as independent but for the factor of two.
    """
    return float((agreement.score - CHANCE_MEAN) / CHANCE_SPREAD * (agreement.blocks / 2) ** 0.5)
