"""Programs and packages of others that tests need and an ordinary development machine lacks.

A test names them, ``@pytest.mark.peer("dcmtk")``, and is skipped with a reason where one is absent;
``pytest -m peer`` runs these tests alone. The continuous integration installs them all.
"""

import shutil
from importlib.util import find_spec
from typing import Final

PROGRAMS: Final = {
    "dcmtk": (("dcmdump", "dcmj2pnm", "dcmdjpls", "dcmdrle", "dcmdjpeg"), "dcmtk"),
    "gdcm": (("gdcmconv", "gdcmimg"), "libgdcm-tools"),
    "dciodvfy": (("dciodvfy",), "dicom3tools"),
    "pdflatex": (("pdflatex",), "texlive-latex-recommended"),
}
"""What is called of each, and the package of Debian that has it."""


def absent(name: str) -> str | None:
    """Return why a peer cannot be used here, None where it can."""
    if name == "ray":
        present, package = find_spec("ray") is not None, 'pip install -e ".[ray]"'
    else:
        commands, debian = PROGRAMS[name]
        present, package = all(map(shutil.which, commands)), f"apt-get install {debian}"
    return None if present else f"{name} is not installed ({package})"
