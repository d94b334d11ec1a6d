"""The files that a real study has beside those of ``make.py``: split, all settings, models."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from metrascope.settings.study_settings import Settings, dump_settings
from metrascope.study_folder.contents import Study, read_study

from .make import make_study

PREPROCESSING = {
    "input_size": 224,
    "stored_size": 256,
    "sector_crop": True,
    "fit": "crop",
    "equalization": "train",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def whole_study(folder: Path, **how: Any) -> Path:
    """Make a study and everything that a checklist may look for in it."""
    make_study(folder, **how)
    planned = tomllib.loads((folder / "settings.toml").read_text())["networks"]
    write_settings(folder, {"networks": planned})
    rows = [
        [f"P{i:04}", "polyp", fold, "validation" if i % 3 == fold else "train"]
        for fold in range(how.get("folds", 1))
        for i in range(30)
    ]
    columns = ["patient_id", "label", "fold", "partition"]
    pd.DataFrame(rows, columns=columns).to_csv(folder / "splits.csv", index=False)
    change(folder / "data.json", split="drawn", leaks=0)
    for file in folder.glob("runs/*/model.json"):
        change(file, preprocessing=PREPROCESSING, temperature=1.0)
    return folder


def write_settings(folder: Path, changes: Mapping[str, Any]) -> None:
    """Write all settings, the paper's but for changes of top-level keys or sections."""
    values = Settings().model_dump()
    for key, value in changes.items():
        values[key] = values[key] | value if isinstance(value, dict) else value
    text = dump_settings(Settings.model_validate(values))
    (folder / "settings.toml").write_text(text, encoding="utf-8")


def change(file: Path, **values: Any) -> None:
    """Set keys of a JSON file; ``None`` removes one."""
    content = json.loads(file.read_text(encoding="utf-8")) | values
    kept = {key: value for key, value in content.items() if value is not None}
    file.write_text(json.dumps(kept), encoding="utf-8")


def without_intervals(folder: Path) -> Study:
    """Take the ends of the intervals away from every figure of the networks."""
    file = folder / "metrics.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    for scores in content["networks"].values():
        for part in (scores, *scores["classes"].values()):
            for number in part.values():
                if isinstance(number, dict) and "low" in number:
                    number |= {"low": None, "high": None}
    file.write_text(json.dumps(content), encoding="utf-8")
    return read_study(folder)
