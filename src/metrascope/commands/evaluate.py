"""The command that computes the tables of predictions."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrascope.commands.arguments import check_out_folder, check_path_argument
from metrascope.commands.console import names, prevalence, print_table
from metrascope.commands.parser import Commands, add_command
from metrascope.errors import SettingsError
from metrascope.messages import language, text
from metrascope.progress import begin, print_note, steps

if TYPE_CHECKING:
    import pandas as pd


def add(group: Commands) -> None:
    """Add the command and its options."""
    parser = add_command(group, "evaluate", run)
    parser.add_argument(
        "predictions", type=Path, nargs="*", metavar="predictions.csv", help=text("cli.predictions")
    )
    parser.add_argument("--run", type=Path, metavar="DIR", dest="trained", help=text("cli.trained"))
    parser.add_argument("--data", type=Path, metavar="DIR", help=text("cli.other_data"))
    parser.add_argument(
        "--out", type=Path, metavar="DIR", required=True, help=text("cli.evaluate_out")
    )
    parser.add_argument("--classes", metavar="A,B", help=text("cli.classes"))
    parser.add_argument("--manifest", type=Path, metavar="FILE", help=text("cli.attributes"))
    parser.add_argument("--prevalence", metavar="LABEL=SHARE,…", help=text("cli.stated"))


def run(options: argparse.Namespace) -> None:
    """Compute the tables of predictions, given or of an external test, and print them."""
    _check(options)
    stated = prevalence(options.prevalence)
    with steps("loading", "predictions", "resampling", "figures", "saving", "page"):
        metrics, name = _evaluate(options, stated)
    print_table(metrics, name)
    print(options.out / "metrics.json")
    print(options.out / "evaluation.html")


def _evaluate(
    options: argparse.Namespace, stated: dict[str, float] | None
) -> tuple[dict[str, Any], str]:
    """Write the numbers, tables, figures and page; return the numbers and the data's name."""
    begin("loading")
    from metrascope.figures.evaluation import write_evaluation
    from metrascope.report.evaluation_page import write_evaluation_page
    from metrascope.statistics.attributes import attributes
    from metrascope.statistics.predictions import read_predictions

    paths, name, shared = _predictions(options)
    classes = names(options.classes) if options.classes else None
    begin("predictions")
    predictions = read_predictions(paths, classes)
    known = _manifest(options, predictions.table["image"])
    metrics = write_evaluation(
        predictions,
        options.out,
        language(),
        name,
        attributes=None if known is None else attributes(known),
        prevalence=stated,
    )
    begin("page")
    sources = [] if known is None or "source" not in known else sorted(set(known["source"]))
    write_evaluation_page(
        metrics, predictions.table, options.out, language(), name, sources, shared
    )
    return metrics, name


def _check(options: argparse.Namespace) -> None:
    """Refuse options that contradict each other, and paths that are not what they should be."""
    external = options.trained is not None and options.data is not None
    if external == bool(options.predictions) or (options.trained is None) != (options.data is None):
        raise SettingsError("external.either")
    if external:
        if options.classes:
            raise SettingsError("external.classes")
        check_path_argument(options.trained, "trained", "evaluate --run")
        check_path_argument(options.data, "data_set", "evaluate --data")
    for path in options.predictions:
        check_path_argument(path, "predictions", "evaluate")
    if options.manifest is not None:
        check_path_argument(options.manifest, "data_set", "evaluate --manifest")
    check_out_folder(options.out)


def _manifest(options: argparse.Namespace, images: "pd.Series[str]") -> "pd.DataFrame | None":
    """Return what is known of each image: of the table given, or of the external data set."""
    from metrascope.dataset.csv_table import read_table
    from metrascope.statistics.attributes import match_images

    path = options.manifest or options.data
    if path is None:
        return None
    path = path / "manifest.csv" if path.is_dir() else path
    known = read_table(path, ("image",))
    found, count = match_images(known, images, path)
    if found < count:
        print_note(text("evaluation.some_known", path=path, found=found, count=count))
    return known


def _predictions(options: argparse.Namespace) -> tuple[list[Path], str, list[str]]:
    """Return the tables to evaluate, the name of the data, and its patients who are in training.

    The table of an external test is made.
    """
    if options.trained is None:
        return options.predictions, ", ".join(path.name for path in options.predictions), []
    begin("loading_torch")
    from metrascope.study.external import predict_external

    folder = options.data if options.data.is_dir() else options.data.parent
    path, shared = predict_external(options.trained, options.data, options.out)
    return [path], folder.resolve().name, shared
