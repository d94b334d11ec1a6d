"""What comes of predictions, whose cost `benchmarks.growth` measures: statistics and the report.

The predictions are made up, and so are maps and features; all images have one picture.
"""

from pathlib import Path

import numpy as np

from benchmarks.growth_study import CLASSES
from benchmarks.meter import Costs, Part, metered

_READ = ("mobilenet_v2", "resnet18")


def statistics(patients: int, folder: Path, bundle: Path | None) -> Costs:
    """Compute all that is said of eight networks."""
    from benchmarks.statistics_speed import made
    from metrascope.statistics.evaluate import evaluate_predictions as evaluate

    predictions = made(patients)
    with metered() as cost:
        evaluate(predictions)
    yield "eight networks", cost


def report(images: int, folder: Path, bundle: Path | None) -> Costs:
    """Make numbers, maps, figures and pages of two networks that read so many test images."""
    from metrascope.report.page import write_report
    from metrascope.study import embeddings
    from metrascope.study.summary import summarize

    embeddings.MOST_MAPPED = 500  # a constant, which would hide the rest
    _write_study(images, folder)
    with metered() as cost:
        summarize(folder, "en")
    yield "summary and report", cost
    with metered() as cost:
        page = write_report(folder, "en")
    yield "report alone", cost
    print(f"{images} images: report.html {page.stat().st_size / 2**20:.1f} MiB", flush=True)


def _write_study(images: int, folder: Path) -> None:
    """Write the folder of a study whose patients have an image each, all with one picture."""
    from PIL import Image

    from benchmarks.statistics_speed import made
    from metrascope.files.atomic import write_json, write_text
    from metrascope.settings.study_settings import dump_settings, load_settings
    from metrascope.statistics.predictions import write_predictions

    predictions, rng = made(images), np.random.default_rng(0)
    settings = load_settings("paper").model_copy(update={"networks": _READ})
    write_text(folder / "settings.toml", dump_settings(settings))
    counts = {label: {"patients": images, "images": images} for label in CLASSES}
    data = {"name": "made up", "manifest_sha256": "0", "split_sha256": "0", "classes": CLASSES}
    data |= {"images": images, "patients": images, "partitions": {"validation": counts}}
    write_json(folder / "data.json", data)
    square = Image.fromarray(rng.integers(0, 256, (256, 256), dtype=np.uint8))
    square.save(folder / "case.png")
    Image.fromarray(np.pad(np.full((60, 60), 255, np.uint8), 98)).save(folder / "mask.png")
    for network in _READ:
        table = predictions.table[predictions.table["network"] == network]
        run = folder / f"runs/{network}-f0-s0"
        write_predictions(table, run / "predictions.csv")
        maps = rng.random((images, len(CLASSES), 7, 7), dtype=np.float32)
        np.save(run / "heatmaps.npy", maps)
        np.save(run / "features.npy", rng.random((images, 64), dtype=np.float32))
        write_json(run / "model.json", {"network": network})
        write_json(run / "resources.json", {"device": "cpu"})
    masks = np.where(table["label"] == "normal", "", "mask.png")
    box = dict(zip(("left", "top", "right", "bottom"), (0.0, 0.0, 256.0, 256.0), strict=True))
    cases = table[["image"]].assign(file="case.png", mask_file=masks, **box)
    write_text(folder / "cases.csv", cases.to_csv(index=False))
    scanners = np.array(["A", "B"])[rng.integers(2, size=images)]
    write_text(
        folder / "images.csv",
        table[["image", "patient_id"]].assign(scanner=scanners).to_csv(index=False),
    )


PARTS = {
    "statistics": Part((125, 1_291, 10_000, 100_000), "patients", statistics),
    "report": Part((1_000, 10_000, 100_000), "test images", report),
}
