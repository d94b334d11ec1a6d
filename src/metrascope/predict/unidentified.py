"""Image files that say no patient, and whose folder they lie in.

Nobody guesses whose they are. But a patient's reading must not be silent about a picture that lies
among her images and is not counted.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from metrascope.messages import text
from metrascope.predict.reading import Notice

_SEVERAL: Final = ""
"""Stands for more than one patient in a folder."""
_NAMED: Final = 3


@dataclass
class _Beside:
    count: int = 0
    names: list[str] = field(default_factory=list)


class Unidentified:
    """Files without a patient, by the only patient whose images lie in or below their folder.

    Parameters
    ----------
    files
        Returns name and patient's key (``""`` if unknown) of each file; called twice.
    """

    def __init__(self, files: Callable[[], Iterable[tuple[str, str]]]) -> None:
        owners: dict[str, str] = {}
        for name, person in files():
            if person:
                for folder in _folders(name):
                    if owners.setdefault(folder, person) != person:
                        owners[folder] = _SEVERAL
        self._beside: dict[str, _Beside] = {}
        for name, person in files() if owners else ():
            if not person:
                nearest = next((owners[one] for one in _folders(name) if one in owners), _SEVERAL)
                if nearest != _SEVERAL:
                    self._add(nearest, name)

    def warnings(self, person: str) -> tuple[Notice, ...]:
        """Return what is to be said of the files that lie among a patient's images."""
        beside = self._beside.get(person)
        if beside is None:
            return ()
        files = ", ".join(beside.names) + (", …" if beside.count > len(beside.names) else "")
        key = "serving.beside"
        return (Notice(key=key, text=text(key, count=beside.count, files=files)),)

    def _add(self, person: str, name: str) -> None:
        beside = self._beside.setdefault(person, _Beside())
        beside.count += 1
        if len(beside.names) < _NAMED:
            beside.names.append(name)


def _folders(name: str) -> Iterator[str]:
    """Yield the folder of a file, then the folders around it."""
    while name:
        name = name.rpartition("/")[0]
        yield name
