"""Make the picture of a report for the README: ``python -m tools.report_picture demo/report.html``.

Chromium shows the page's summary beside its heat maps, once in each language, as the report is
after ``make demo``.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2

OUT = Path(__file__).parent.parent / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
NAMES = {"en": "report.jpg", "zh": "report.zh.jpg"}
WIDTH, HEIGHT = 880, 940
"""Pixels of each of the two views; chosen by eye, so that the heat maps fill theirs."""
PLACES = ("#summary", "#heatmaps")
QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 82)
SHEET = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 20px; display: flex; gap: 20px; background: #e8ecef; }}
iframe {{ width: {width}px; height: {height}px; border: 0; box-shadow: 0 2px 10px #0005; }}
</style>{frames}"""


def main() -> None:
    """Write a picture for each language."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path, help="report.html of a study of phantoms")
    report = parser.parse_args().report.read_text("utf-8")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        sys.exit(f"None of {', '.join(BROWSERS)} is installed")
    for lang, name in NAMES.items():
        with tempfile.TemporaryDirectory() as folder:
            picture = photograph(browser, _in_language(report, lang), Path(folder))
            small = cv2.resize(cv2.imread(str(picture)), None, fx=0.75, fy=0.75, interpolation=3)
            cv2.imwrite(str(OUT / name), small, QUALITY)


def photograph(browser: str, report: str, folder: Path) -> Path:
    """Return a PNG of the places of a page side by side."""
    (folder / "report.html").write_text(report, "utf-8")
    frames = "".join(f'<iframe src="report.html{place}"></iframe>' for place in PLACES)
    sheet = folder / "sheet.html"
    sheet.write_text(SHEET.format(width=WIDTH, height=HEIGHT, frames=frames), "utf-8")
    picture = folder / "sheet.png"
    size = f"{len(PLACES) * (WIDTH + 20) + 20},{HEIGHT + 40}"
    switches = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-gpu"]
    where = [f"--user-data-dir={folder / 'profile'}", f"--screenshot={picture}"]
    command = [browser, *switches, *where, f"--window-size={size}", sheet.as_uri()]
    subprocess.run([*command[:-1], "--virtual-time-budget=5000", command[-1]], check=True)
    return picture


def _in_language(report: str, lang: str) -> str:
    """Return a report that opens in a language."""
    choice = f'id="lang-{lang}"'
    plain = report.replace(" checked", "", 1)
    return plain.replace(choice, f"{choice} checked", 1)


if __name__ == "__main__":
    main()
