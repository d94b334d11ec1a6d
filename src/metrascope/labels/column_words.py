"""What of the labels' columns of scanner, centre and plane may enter the data set.

Such cells hold what somebody typed: a telephone number after the hospital, a doctor after the
machine, the patient before the plane. As of a header, words of a vocabulary pass, and the rest
becomes a code, which a list beside the secret leads back from.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from metrascope.dicom.identifiers import is_placeholder
from metrascope.dicom.vocabulary import clean_maker, clean_model, scanner_name

ATTRIBUTES: Final = ("centre", "plane", "scanner")

# Plane and the pattern that tells it, in lower case; the order is that of a name of two.
_PLANES: Final = {
    "sagittal": r"\bsag\b|sagittal|longitudinal|long[- ]?axis|矢状|矢面|纵切|纵断|纵轴|长轴",
    "transverse": r"\btra(ns)?\b|\btrv\b|transvers|\baxial|short[- ]?axis|cross[- ]?section|"
    r"横切|横断|横轴|横面|短轴|水平[切面]",
    "coronal": r"\bcor\b|coronal|冠状",
    "oblique": r"oblique|斜切|斜断|斜面|斜位",
}
# What names a place among a few: 1, B, C12, 中心3, Site 2, 第一中心. It says nothing to others.
_NUMBERED: Final = re.compile(
    r"(?:centre|center|site|hospital|hosp|中心|医院|分中心|院区|机构|单位)?[ _#-]?"
    r"(?:[a-z]?[0-9]{1,2}|[a-z]|[一二三四五六七八九十甲乙丙丁])(?:号|区|院|院区|中心|医院)?|"
    r"第?[一二三四五六七八九十](?:中心|院区|分中心|分院)|本院|总院|分院|[东西南北]院区?",
)
# Words around a model that name nobody.
_NOISE: Final = re.compile(
    r"彩色|彩超|黑白|多普勒|超声波?|诊断|系统|主机|机器|设备|仪器?|台式|便携式?|实时|四维|三维|高端|"
    r"经?阴道|腔内|探头|品牌|厂家|公司|医疗|型号?|牌|机"
)


class Codes(Protocol):
    """What gives codes; see `metrascope.ingest.pseudonyms.Pseudonyms`."""

    def scanner(self, scanner: str) -> str:
        """Return six letters or digits."""

    def centre(self, centre: str) -> str:
        """Return ``C`` and six letters or digits."""


@dataclass(frozen=True)
class ColumnWords:
    """Cleans the cells of those columns.

    Parameters
    ----------
    codes
        Pseudonyms under the secret.
    default_centre
        The centre where the labels name none.
    centres
        Names of centres that pass as they are, besides that one.
    """

    codes: Codes
    default_centre: str = ""
    centres: Collection[str] = ()

    def clean(self, column: str, cell: str) -> str:
        """Return what a cell of one of `ATTRIBUTES` may be in the data set, ``""`` if empty."""
        if is_placeholder(cell) and not cell.strip().isdigit():
            return ""
        how = {"centre": self._centre, "plane": self._plane, "scanner": self._scanner}
        return how[column](cell)

    def coded(self, row: Mapping[str, str]) -> list[tuple[str, str, str]]:
        """Return column, what stands in the data set and the cell, where the two differ."""
        cleaned = ((column, self.clean(column, row.get(column, ""))) for column in ATTRIBUTES)
        return [(column, new, row[column]) for column, new in cleaned if new != row.get(column, "")]

    def _centre(self, cell: str) -> str:
        shown = " ".join(unicodedata.normalize("NFKC", cell).split())
        plain = shown.casefold()
        for name in filter(None, (self.default_centre, *self.centres)):
            if _plain(name) == plain:
                return name
        return shown if _NUMBERED.fullmatch(plain) else self.codes.centre(plain)

    def _plane(self, cell: str) -> str:
        plain = _plain(cell)
        found = [plane for plane, pattern in _PLANES.items() if re.search(pattern, plain)]
        return "+".join(found) or f"unlisted-{self.codes.scanner(f'plane {plain}')}"

    def _scanner(self, cell: str) -> str:
        # 迈瑞Resona7彩超: Chinese and Latin words stand together without a space.
        text = _NOISE.sub(" ", unicodedata.normalize("NFKC", cell))
        text = re.sub(r"(?<=[㐀-鿿])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[㐀-鿿])", " ", text)
        model, whole = clean_model(text)
        return scanner_name(clean_maker(text), model, "" if whole else self.codes.scanner(cell))


def _plain(cell: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", cell).casefold().split())
