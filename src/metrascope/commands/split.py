"""The command that draws who is trained on and who is tested."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from metrascope.commands.arguments import check_out, check_path_argument
from metrascope.commands.console import names, print_frame
from metrascope.commands.parser import Commands, add_command
from metrascope.errors import SettingsError
from metrascope.messages import text
from metrascope.progress import begin, print_note, steps

if TYPE_CHECKING:
    import pandas as pd

    from metrascope.dataset.manifest import Manifest
    from metrascope.dataset.split import Split
    from metrascope.settings.study_settings import SplitSettings


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "split", run)
    parser.add_argument("data", type=Path, metavar="DATA", help=text("cli.audit_data"))
    parser.add_argument(
        "--out", type=Path, metavar="splits.csv", required=True, help=text("cli.split_out")
    )
    designs = ("holdout", "kfold", "leave-one-out")
    parser.add_argument("--design", choices=designs, help=text("cli.design"))
    parser.add_argument("--folds", type=int, metavar="K", help=text("cli.folds"))
    parser.add_argument("--repeats", type=int, metavar="R", help=text("cli.repeats"))
    parser.add_argument("--by", choices=("scanner", "centre"), help=text("cli.by"))
    parser.add_argument("--validation", type=float, metavar="SHARE", help=text("cli.validation"))
    parser.add_argument("--test", type=float, metavar="SHARE", help=text("cli.test"))
    parser.add_argument("--seed", type=int, metavar="S", help=text("cli.seed"))
    parser.add_argument("--classes", metavar="A,B", help=text("cli.classes"))
    parser.add_argument("--no-audit", action="store_true", help=text("cli.no_audit"))


def run(options: argparse.Namespace) -> None:
    """Draw the partitions of a study; write them, print who is where and what to mind."""
    check_path_argument(options.data, "data_set", "split")
    if options.out.suffix != ".csv":
        raise SettingsError("design.no_csv", path=options.out)
    check_out(options.out)
    settings = _split_settings(options)
    with steps("loading", "manifest", "drawing_split"):
        begin("loading")
        drawn, manifest, classes = _draw(options, settings)
    from metrascope.dataset.counts import cautions

    name = manifest.root.resolve().name
    print_frame(_split_frame(drawn, manifest.table, classes), text("design.table", name=name))
    if several := _in_several_classes(manifest.table):
        print_note(text("design.two_classes", count=several))
    for caution in cautions(drawn, manifest.table, classes):
        print_note(caution)
    print(text("common.research_only"))
    print(options.out.resolve())


def _draw(
    options: argparse.Namespace, settings: "SplitSettings"
) -> tuple["Split", "Manifest", Sequence[str]]:
    """Draw and write the split; return it, the data set and the classes."""
    from metrascope.dataset.manifest import read_manifest
    from metrascope.dataset.split import write_split
    from metrascope.study.split_choice import choose_classes, choose_split, find_duplicate_pairs

    begin("manifest")
    manifest = read_manifest(options.data)
    begin("drawing_split")
    classes = choose_classes(manifest, names(options.classes) if options.classes else ())
    choose_split(manifest, classes, settings, None, ())  # tells what is wrong before the audit
    known = find_duplicate_pairs(manifest, options.out.parent, near=not options.no_audit)
    drawn, _ = choose_split(manifest, classes, settings, None, known.pairs)
    drawn_by = settings.model_dump()
    write_split(drawn, options.out, manifest_sha256=manifest.digest, settings=drawn_by)
    return drawn, manifest, classes


def _split_settings(options: argparse.Namespace) -> "SplitSettings":
    """Return the settings that the options state; what they imply need not be said."""
    from metrascope.settings.study_settings import SplitSettings, parse_section

    names = ("by", "folds", "repeats", "validation", "test", "seed")
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    implied = {"folds": "kfold", "repeats": "kfold", "by": "leave-one-out"}
    design = options.design or next(
        (design for name, design in implied.items() if name in given), "holdout"
    )
    for name, needed in implied.items():
        if name in given and design != needed:
            raise SettingsError("design.option_of", option=name, needed=needed, design=design)
    return parse_section(SplitSettings, given | {"design": design}, "metrascope split")


def _in_several_classes(images: "pd.DataFrame") -> int:
    """Return how many patients have images of more than one class."""
    return int((images.groupby("patient_id")["label"].nunique() > 1).sum())


def _split_frame(split: "Split", images: "pd.DataFrame", classes: Sequence[str]) -> "pd.DataFrame":
    """Return a row for each fold and partition, a column for each class: patients / images."""
    import pandas as pd

    from metrascope.classes import class_short
    from metrascope.dataset.counts import count_partitions, count_patients, sites

    counts, patients = count_partitions(split, images, classes), count_patients(split, images)
    tested = sites(split, images)
    rows = []
    for (fold, partition), own in counts.groupby(["fold", "partition"], sort=False):
        row = {text("design.fold"): str(fold)}
        if tested:
            row[text("design.site")] = tested[int(str(fold))]
        row[text("design.partition")] = text(f"design.{partition}")
        for label, of_class, shown in own[["label", "patients", "images"]].itertuples(index=False):
            row[class_short(label)] = f"{of_class} / {shown}"
        people = patients.get((int(str(fold)), str(partition)), 0)
        row[text("design.all")] = f"{people} / {own['images'].sum()}"
        rows.append(row)
    return pd.DataFrame(rows)
