"""Numbers, tables and page of predictions that are in memory or in files."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Floats, Integers
from metrascope.dataset.csv_table import read_table
from metrascope.errors import DataError
from metrascope.messages import language, text
from metrascope.results.estimate import Estimate
from metrascope.results.tables import table_frames
from metrascope.statistics.attributes import NAMED, attributes, match_images
from metrascope.statistics.cohort import cohort
from metrascope.statistics.comparison import TESTS
from metrascope.statistics.evaluate import evaluate_predictions
from metrascope.statistics.interval import Interval
from metrascope.statistics.predictions import Predictions, check_predictions, read_predictions
from metrascope.statistics.resampling import Weights, bca, draw_patients, replicate

PredictionSource = pd.DataFrame | str | Path
"""A table of predictions in the columns of ``predictions.csv``, or the path of one."""
GroupSource = Mapping[str, Sequence[object]] | pd.DataFrame | str | Path
"""What is known of each image: columns with one value for each row, or a manifest."""
Metric = Callable[[Integers, Floats, Weights], float]
"""True classes (n,), probabilities (n, K) and weights (n,) to a number."""

_IMAGES: Final = "arrays"
"""Name of a table made from arrays, in errors."""
_SUBGROUPS: Final = (*NAMED, "age", "lesion_mm", "marks")
"""Columns that `metrascope.statistics.attributes` forms subgroups by."""


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` and `compare` return.

    Attributes
    ----------
    metrics
        Content of ``metrics.json``: plain dictionaries, lists and numbers; see
        docs/statistics.md. A number is ``{"value": …, "low": …, "high": …}`` as a share, None
        where it is not defined.
    predictions
        The table that was evaluated, checked and completed: the columns of ``predictions.csv``
        and ``predicted``.
    name
        Of the data, for headings.
    sources
        Where the images come from, as the manifest says it; of synthetic ones the page says so.
    """

    metrics: dict[str, Any] = field(repr=False)
    predictions: pd.DataFrame = field(repr=False)
    name: str = ""
    sources: tuple[str, ...] = ()

    @property
    def networks(self) -> list[str]:
        """Names of the networks, in the order of every table."""
        return list(self.metrics["networks"])

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables by name, as the command writes them to ``tables/``, in the language in use.

        A cell of ``comparison`` and ``per_class`` is an `Estimate` (percent, with its interval);
        the cells of the others are text.
        """
        return table_frames(self.metrics, data_name=self.name)

    @property
    def differences(self) -> pd.DataFrame:
        """Every pair of networks, paired by patient: a row for each pair and measure.

        Columns ``first``, ``second``, ``measure`` (``macro_f1``, ``macro_auc``, ``accuracy``),
        ``value`` (first minus second, a share), ``low`` and ``high`` (95 % interval), ``p`` and
        ``p_holm`` (corrected for the number of pairs). No rows where one network was evaluated.
        """
        rows = [
            {"first": pair["first"], "second": pair["second"], "measure": test, **pair[test]}
            for pair in self.metrics.get("comparisons", {"pairs": []})["pairs"]
            for test in TESTS
            if test in pair
        ]
        columns = ["first", "second", "measure", "value", "low", "high", "p", "p_holm"]
        return pd.DataFrame(rows, columns=columns)

    def estimate(
        self, measure: str, network: str | None = None, label: str | None = None
    ) -> Estimate:
        """Return one number in percent, with its 95 % interval.

        Parameters
        ----------
        measure
            Such as ``macro_f1``, ``accuracy``, ``macro_auc``; with a ``label`` such as
            ``recall``, ``specificity``, ``auc``.
        network
            Needed where there are several.
        label
            Class, for the measures of one class.

        Raises
        ------
        DataError
            If there is no such network, class or measure; those there are are listed.
        """
        numbers = self.metrics["networks"][self._network(network)]
        if label is not None:
            numbers = _found("class", label, numbers["classes"])
        known = {
            name: value
            for name, value in numbers.items()
            if isinstance(value, Mapping) and "value" in value
        }
        return Estimate.percent(_found("measure", measure, known), measure=measure)

    def measure(
        self,
        metric: Metric,
        network: str | None = None,
        *,
        bounds: tuple[float, float] = (0.0, 1.0),
        replicates: int = 2000,
    ) -> Interval:
        """Return a metric of one's own with its 95 % interval: BCa bootstrap of the patients.

        Parameters
        ----------
        metric
            Called with the true class of each unit as a number (n,), the probabilities (n, K)
            and how often each was drawn (n,), which functions of scikit-learn take as
            ``sample_weight``; returns a number, NaN where it is not defined. A unit is a
            patient, her images averaged; one with images of two classes is two units. Called
            once for each resample, each patient left out and each seed.
        network
            Needed where there are several.
        bounds
            Smallest and largest value that the metric can have; infinite where it has none.
        replicates
            Resamples.

        Raises
        ------
        DataError
            If there is no such network, or the metric returns no number.
        """
        name = self._network(network)
        people = cohort(Predictions(self.predictions, tuple(self.metrics["classes"])))
        readings = people.readings[name]
        shares = readings.probabilities
        if shares is None:  # of labels alone
            shares = np.eye(readings.classes)[readings.predicted]

        def statistic(weights: Weights) -> Floats:
            returned = [[metric(readings.truth, one, row) for one in shares] for row in weights]
            try:
                numbers = np.asarray(returned, dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise DataError("library.metric", reason=error) from error
            if numbers.shape != (len(weights), len(shares)):
                raise DataError("library.metric", reason=numbers.shape[2:])
            # (b, replications) to (b,), as of every number of ours.
            return np.asarray(numbers.mean(axis=1))

        patients = people.table["patient_id"].iloc[readings.units]
        values = replicate(statistic, draw_patients(patients, replicates=replicates))
        low, high = bca(values, *bounds)
        return Interval(float(values.value), float(low), float(high))

    def save(self, folder: str | Path, lang: str | None = None) -> Path:
        """Write what ``metrascope evaluate --out`` writes: numbers, tables, figures and page.

        Parameters
        ----------
        folder
            Made where it does not exist; files of these names in it are replaced.
        lang
            ``en`` or ``zh``: of tables and figures, and the one that the page opens in; the
            language in use when not given.

        Returns
        -------
        The folder.

        Raises
        ------
        StudyError
            If a file cannot be written.
        """
        from metrascope.figures.evaluation import write_results

        write_results(self.metrics, Path(folder), lang or language(), self.name)
        self.page(Path(folder) / "evaluation.html", lang)
        return Path(folder)

    def page(self, path: str | Path, lang: str | None = None) -> Path:
        """Write the page alone, one file that needs no other and no network; return its path.

        Raises
        ------
        StudyError
            If it cannot be written.
        """
        from metrascope.report.evaluation_page import write_evaluation_page

        file, shown = Path(path), lang or language()
        return write_evaluation_page(
            self.metrics,
            self.predictions,
            file.parent,
            shown,
            self.name,
            self.sources,
            file=file.name,
        )

    def _network(self, name: str | None) -> str:
        networks = self.metrics["networks"]
        if name is None and len(networks) > 1:
            raise DataError("library.which_network", names=", ".join(networks))
        chosen = name or str(next(iter(networks)))
        _found("network", chosen, networks)
        return chosen

    def _repr_html_(self) -> str:
        """Show the comparison of the networks where a notebook shows this object."""
        return str(self.tables["comparison"].to_html(index=False))


@overload
def evaluate(
    predictions: PredictionSource | Sequence[str | Path],
    probabilities: None = None,
    *,
    classes: Sequence[object] | None = None,
    patients: Sequence[object] | None = None,
    groups: GroupSource | None = None,
    prevalence: Mapping[str, float] | None = None,
    name: str = "",
) -> Evaluation: ...
@overload
def evaluate(
    predictions: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    *,
    classes: Sequence[object] | None = None,
    patients: Sequence[object] | None = None,
    groups: GroupSource | None = None,
    prevalence: Mapping[str, float] | None = None,
    name: str = "",
) -> Evaluation: ...
def evaluate(
    predictions: Any,
    probabilities: npt.ArrayLike | None = None,
    *,
    classes: Sequence[object] | None = None,
    patients: Sequence[object] | None = None,
    groups: GroupSource | None = None,
    prevalence: Mapping[str, float] | None = None,
    name: str = "",
) -> Evaluation:
    """Compute every number of predictions with its interval, as ``metrascope evaluate`` does.

    The unit of every interval and test is the patient: say whose each image is.

    Parameters
    ----------
    predictions
        A table in the columns of ``predictions.csv`` (at least ``image``, ``label`` and one
        ``p_<class>`` for each class, or ``predicted``), the path of one, or several paths. Or,
        with ``probabilities``, the true class of each image, (n,): the names of the classes, or
        0 to K - 1.
    probabilities
        (n, K), between 0 and 1, each row adding up to 1; column k is the k-th class.
    classes
        In order. Needed with ``probabilities`` where the true classes are names.
    patients
        Whose each row is, (n,), where the table does not say so; without, every image is a
        patient of her own, and the intervals are too narrow where that is not so.
    groups
        What subgroups are formed by: columns ``scanner``, ``centre``, ``plane``, ``age``
        (years), ``lesion_mm`` or ``marks`` with a value for each row, or a manifest
        (its path, or a table with a column ``image``).
    prevalence
        Share of each class, adding up to 1, at which predictive values and net benefit are
        stated as well.
    name
        Of the data, for headings; by default those of the files.

    Raises
    ------
    DataError
        With every problem of the predictions, each with its row and column; if an array has
        another length or shape, or the groups know none of the images.
    """
    if probabilities is not None:
        table = _array_table(predictions, probabilities, classes)
        given = None if classes is None else [str(label) for label in classes]
        checked = check_predictions(_with_patients(table, patients), given, name=_IMAGES)
    else:
        checked = _checked(predictions, classes, patients)
        name = name or ", ".join(path.name for path in _paths(predictions))
    return _evaluation(checked, groups, prevalence, name)


def compare(
    tables: Mapping[str, PredictionSource],
    *,
    classes: Sequence[object] | None = None,
    groups: GroupSource | None = None,
    prevalence: Mapping[str, float] | None = None,
    name: str = "",
) -> Evaluation:
    """Compare networks on the patients that all of them read, as a study compares its own.

    Every pair is tested three ways, each corrected by Holm: `Evaluation.differences`.

    Parameters
    ----------
    tables
        By the name of the network: a table in the columns of ``predictions.csv``, or its path.
        What the table itself calls its network does not matter.
    classes, groups, prevalence, name
        As in `evaluate`; the rows of ``groups`` are those of all tables, one after the other.

    Raises
    ------
    DataError
        As `evaluate`; if fewer than two tables are given, one holds several networks, or no
        patient was read by all.
    """
    if not isinstance(tables, Mapping) or len(tables) < 2:
        raise DataError("library.few_tables")
    frames = []
    for network, source in tables.items():
        checked = _checked(source, classes, None, name=str(network)).table
        several = sorted(set(checked["network"]))
        if len(several) > 1:
            raise DataError("library.several_networks", name=network, names=", ".join(several))
        frames.append(checked.assign(network=str(network)))
    table = pd.concat(frames, ignore_index=True)
    given = None if classes is None else [str(label) for label in classes]
    found = _evaluation(check_predictions(table, given), groups, prevalence, name)
    if "comparisons" not in found.metrics:
        raise DataError("library.nothing_shared", names=", ".join(map(str, tables)))
    return found


def _evaluation(
    checked: Predictions,
    groups: GroupSource | None,
    prevalence: Mapping[str, float] | None,
    name: str,
) -> Evaluation:
    known = None if groups is None else _known_images(groups, checked.table["image"])
    metrics = evaluate_predictions(
        checked,
        attributes=None if known is None else attributes(known),
        prevalence=prevalence,
    )
    sources = () if known is None or "source" not in known else sorted(set(known["source"]))
    return Evaluation(metrics, checked.table, name, tuple(sources))


def _checked(
    source: Any,
    classes: Sequence[object] | None,
    patients: Sequence[object] | None,
    name: str = "DataFrame",
) -> Predictions:
    """Return the predictions of a table or of files."""
    given = None if classes is None else [str(label) for label in classes]
    if isinstance(source, pd.DataFrame):
        return check_predictions(_with_patients(source, patients), given, name=name)
    paths = _paths(source)
    if not paths:
        raise DataError("library.no_predictions", found=type(source).__name__)
    read = read_predictions(paths, given)
    if patients is None:
        return read
    return check_predictions(_with_patients(read.table, patients), read.classes)


def _paths(source: object) -> list[Path]:
    """Return the files that were given, none where it is something else."""
    given = source if isinstance(source, list | tuple) else [source]
    paths = [Path(one) for one in given if isinstance(one, str | Path)]
    return paths if len(paths) == len(given) else []


def _array_table(
    truth: npt.ArrayLike, probabilities: npt.ArrayLike, classes: Sequence[object] | None
) -> pd.DataFrame:
    """Return true classes (n,) and probabilities (n, K) as a table; images are named by row."""
    labels, shares = np.asarray(truth), np.asarray(probabilities)
    if labels.ndim != 1 or shares.ndim != 2 or len(labels) != len(shares):
        raise DataError("library.array_shapes", labels=labels.shape, probabilities=shares.shape)
    if shares.dtype.kind not in "fiu":
        raise DataError("library.array_kind", found=shares.dtype)
    count = shares.shape[1]
    if classes is not None and len(classes) != count:
        listed = ", ".join(map(str, classes))
        raise DataError("library.class_count", columns=count, count=len(classes), classes=listed)
    names = [str(label) for label in (range(count) if classes is None else classes)]
    table = pd.DataFrame({"image": [str(row) for row in range(len(labels))]})
    table["label"] = _class_names(labels, names, named=classes is not None)
    table[[f"p_{label}" for label in names]] = shares.astype(np.float64)
    return table


def _class_names(labels: npt.NDArray[Any], names: Sequence[str], *, named: bool) -> list[str]:
    """Return the name of each true class: given as names, or as numbers of columns."""
    if labels.dtype.kind == "f" and (labels == np.round(labels)).all():
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        if not named:
            raise DataError("library.unordered_classes", columns=len(names), found=labels[0])
        return list(map(str, labels))
    # Names that are numbers themselves are what the labels say, not numbers of columns.
    if all(name.lstrip("-").isdecimal() for name in names):
        return list(map(str, labels))
    wrong = labels[(labels < 0) | (labels >= len(names))]
    if len(wrong):
        raise DataError("library.label_range", found=wrong[0], last=len(names) - 1)
    return [names[label] for label in labels]


def _with_patients(table: pd.DataFrame, patients: Sequence[object] | None) -> pd.DataFrame:
    if patients is None:
        return table
    given = np.asarray(patients, dtype=object)
    if given.shape != (len(table),):
        raise DataError("library.patients", found=given.shape, rows=len(table))
    return table.assign(patient_id=given)


def _known_images(groups: GroupSource, images: "pd.Series[str]") -> pd.DataFrame:
    """Return what is known of each image, every cell a string, with the column ``image``."""
    if isinstance(groups, str | Path):
        path = Path(groups)
        path = path / "manifest.csv" if path.is_dir() else path
        return _matched(read_table(path, ("image",)), images, path)
    if not isinstance(groups, Mapping | pd.DataFrame):
        raise DataError("library.groups_kind", columns=", ".join(_SUBGROUPS))
    given = dict(groups.items())
    columns = {str(name): np.asarray(values, dtype=object) for name, values in given.items()}
    usable = [column for column in columns if column in _SUBGROUPS]
    other = [column for column in columns if column not in _SUBGROUPS]
    if not usable or (other and "image" not in columns):
        found, valid = ", ".join(columns), ", ".join(_SUBGROUPS)
        raise DataError("library.groups_columns", found=found, columns=valid)
    rows = len(columns.get("image", images))
    for column, values in columns.items():
        if values.shape != (rows,):
            raise DataError("library.groups_rows", column=column, found=values.shape, rows=rows)
    known = pd.DataFrame({column: _texts(values) for column, values in columns.items()})
    if "image" in columns:
        return _matched(known, images, Path("groups"))
    each = known.assign(image=images.to_numpy()).drop_duplicates()
    twice = each[each["image"].duplicated()]
    if len(twice):
        raise DataError("library.groups_differ", image=twice["image"].iat[0])
    return each


def _matched(known: pd.DataFrame, images: "pd.Series[str]", path: Path) -> pd.DataFrame:
    """Return what is known of images; warn where some of them are not among it."""
    found, count = match_images(known, images, path)
    if found < count:
        told = text("evaluation.some_known", path=path, found=found, count=count)
        warnings.warn(told, stacklevel=4)
    return known


def _texts(values: npt.NDArray[Any]) -> list[str]:
    return ["" if pd.isna(value) else str(value) for value in values]


def _found(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        names = ", ".join(known)
        raise DataError(f"library.no_{kind}", name=name, names=names)
    return known[name]
