"""The pictures of the page: each needed case once, and the heat maps that go over it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from metrascope.report.misread import (
    GalleryReading,
    misread,
    missed_by_several,
    panel_cases,
    panel_readings,
    readings,
)
from metrascope.report.thumbnails import CaseImage, heat_address, read_case
from metrascope.study_folder.contents import Study, StudyRun

MOST_CARDS: Final = 250
"""Wrong readings that are shown of each network, and images that several misread: a page of more
opens slowly, and nobody looks at them all."""


@dataclass(frozen=True)
class HeatPicture:
    """A heat map for one class, ``address`` empty where the map is zero, ``None`` without map."""

    label: str
    address: str | None


@dataclass(frozen=True)
class ImageCard:
    """A reading with its heat maps: for the predicted class, then for the true one if other.

    ``unreliable`` is of the former: whether it misses the lesion; None where that was not judged.
    """

    reading: GalleryReading
    case: CaseImage | None
    heats: tuple[HeatPicture, ...]
    unreliable: bool | None


@dataclass(frozen=True)
class Group:
    """The misread cases of one network, ``total`` readings in all, ``wrong`` of them misread.

    Of more than `MOST_CARDS` the ones it was surest of are there.
    """

    network: str
    total: int
    wrong: int
    cards: tuple[ImageCard, ...]


@dataclass(frozen=True)
class Missed:
    """An image that several networks misread."""

    case: CaseImage | None
    networks: int
    readings: tuple[GalleryReading, ...]


@dataclass(frozen=True)
class Gallery:
    """All pictures of the page.

    Attributes
    ----------
    cases
        Every picture used, by image.
    panel
        By network, then by class: the reading of the class's chosen image.
    map_sides
        Smallest and largest side of a heat map in values, ``None`` where there is none.
    readings
        Number of readings of all networks.
    """

    cases: dict[str, CaseImage]
    chosen: dict[str, str]
    panel: dict[str, dict[str, ImageCard]]
    groups: tuple[Group, ...]
    several: tuple[Missed, ...]
    several_in_all: int
    networks_read: int
    map_sides: tuple[int, int] | None
    readings: int

    @property
    def judged(self) -> int:
        """Number of wrong readings whose heat map was judged by the lesion's mask."""
        return sum(card.unreliable is not None for group in self.groups for card in group.cards)

    @property
    def unreliable(self) -> int:
        """Number of those whose heat map misses the lesion."""
        return sum(bool(card.unreliable) for group in self.groups for card in group.cards)

    @property
    def misread(self) -> int:
        """Number of wrong readings."""
        return sum(group.wrong for group in self.groups)

    @property
    def shown(self) -> int:
        """Number of those that are shown."""
        return sum(len(group.cards) for group in self.groups)


def build_gallery(study: Study) -> Gallery:
    """Choose the cases that the page shows and read their pictures and heat maps."""
    found = readings(study)
    chosen = panel_cases(found, study.classes)
    wrong = misread(found, study.classes)
    surest = {network: _surest(wrong, network) for network in study.networks}
    several = missed_by_several(found)
    shown = [item.image for items in surest.values() for item in items]
    shown += [items[0].image for items in several[:MOST_CARDS]]
    cases = _cases(study, [*chosen.values(), *shown])
    sides = [side for run in study.runs for side in _sides(run)]
    return Gallery(
        cases=cases,
        chosen=chosen,
        panel={
            network: {
                label: _card(study, item, [item.predicted], cases) for label, item in row.items()
            }
            for network, row in panel_readings(found, chosen).items()
        },
        groups=_groups(study, found, wrong, surest, cases),
        several=tuple(_missed(item, cases) for item in several[:MOST_CARDS]),
        several_in_all=len(several),
        networks_read=len({item.run.network for item in found}),
        map_sides=(min(sides), max(sides)) if sides else None,
        readings=len(found),
    )


def long_side(pictures: int) -> int:
    """Return the size of an embedded case in pixels: smaller where there are very many."""
    return 360 if pictures <= 150 else 256 if pictures <= 400 else 176


def _cases(study: Study, images: Iterable[str]) -> dict[str, CaseImage]:
    known = [image for image in sorted(set(images)) if image in study.cases]
    size = long_side(len(known))
    return {
        image: read_case(study.folder, study.cases[image], f"c{number}", size)
        for number, image in enumerate(known)
    }


def _surest(wrong: Sequence[GalleryReading], network: str) -> list[GalleryReading]:
    """Return the wrong readings of a network that are shown, in their order."""
    own = [item for item in wrong if item.run.network == network]
    by_probability = sorted(range(len(own)), key=lambda place: -max(own[place].probabilities))
    return [own[place] for place in sorted(by_probability[:MOST_CARDS])]


def _groups(
    study: Study,
    found: Sequence[GalleryReading],
    wrong: Sequence[GalleryReading],
    shown: Mapping[str, Sequence[GalleryReading]],
    cases: dict[str, CaseImage],
) -> tuple[Group, ...]:
    groups = []
    totals, misread_by = (Counter(item.run.network for item in items) for items in (found, wrong))
    for network in study.networks:
        cards = [_card(study, item, [item.predicted, item.label], cases) for item in shown[network]]
        if totals[network]:
            groups.append(Group(network, totals[network], misread_by[network], tuple(cards)))
    return tuple(groups)


def _missed(wrong: Sequence[GalleryReading], cases: dict[str, CaseImage]) -> Missed:
    networks = len({item.run.network for item in wrong})
    return Missed(cases.get(wrong[0].image), networks, tuple(wrong))


def _card(
    study: Study, reading: GalleryReading, labels: Sequence[str], cases: dict[str, CaseImage]
) -> ImageCard:
    heats = tuple(HeatPicture(label, _heat(study, reading, label)) for label in labels)
    unreliable = study.unreliable.get((reading.run.name, reading.image))
    return ImageCard(reading, cases.get(reading.image), heats, unreliable)


def _heat(study: Study, reading: GalleryReading, label: str) -> str | None:
    maps = reading.run.heatmaps
    return None if maps is None else heat_address(maps[reading.row, study.classes.index(label)])


def _sides(run: StudyRun) -> tuple[int, ...]:
    return () if run.heatmaps is None else tuple(int(side) for side in run.heatmaps.shape[2:])
