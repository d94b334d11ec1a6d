"""Numbers, tables and page of predictions that are in memory or in files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from metrascope.arrays import Floats, Integers
from metrascope.errors import DataError
from metrascope.library.prediction_sources import (
    GroupSource,
    PredictionSource,
    class_names,
    known_images,
    read_source,
    source_paths,
)
from metrascope.messages import language
from metrascope.results.estimate import Estimate
from metrascope.results.statistic_tables import NOT_SHARES
from metrascope.results.tables import table_frames
from metrascope.statistics.attributes import attributes
from metrascope.statistics.cohort import cohort
from metrascope.statistics.comparison import TESTS
from metrascope.statistics.evaluate import evaluate_predictions
from metrascope.statistics.interval import Interval
from metrascope.statistics.predictions import Predictions, check_predictions
from metrascope.statistics.resampling import Weights, bca, draw_patients, replicate

Metric = Callable[[Integers, Floats, Weights], float]
"""True classes (n,), probabilities (n, K) and weights (n,) to a number."""


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

        A cell with a measure is an `Estimate` (``value``, ``low``, ``high``; percent where the
        heading says so), which prints itself; the others are text and counts.
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
        """Return one number with its 95 % interval, rounded as tables print it: shares in percent.

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
        number = _found("measure", measure, known)
        if measure in NOT_SHARES:
            return Estimate.of(number, measure=measure)
        return Estimate.percent(number, measure=measure)

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
        if replicates < 1:
            raise DataError("library.at_least_one", name="replicates", found=replicates)
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


def evaluate(
    predictions: PredictionSource | Sequence[str | Path] | npt.ArrayLike,
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
    source = predictions if probabilities is None else (predictions, probabilities)
    checked = read_source(source, classes, patients)
    name = name or ", ".join(path.name for path in source_paths(source))
    return _evaluation(checked, groups, prevalence, name)


def compare(
    tables: Mapping[str, PredictionSource],
    *,
    classes: Sequence[object] | None = None,
    patients: Sequence[object] | None = None,
    groups: GroupSource | None = None,
    prevalence: Mapping[str, float] | None = None,
    name: str = "",
) -> Evaluation:
    """Compare networks on the patients that all of them read, as a study compares its own.

    Every pair is tested three ways, each corrected by Holm: `Evaluation.differences`.

    Parameters
    ----------
    tables
        By the name of the network: a table in the columns of ``predictions.csv``, its path, or
        true classes and probabilities as two arrays. What the table itself calls its network
        does not matter. Rows of several arrays are the same images, in one order.
    classes, patients, groups, prevalence, name
        As in `evaluate`; ``patients`` are those of each table, and the rows of ``groups`` those
        of all tables, one after the other.

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
        checked = read_source(source, classes, patients, name=str(network)).table
        several = sorted(set(checked["network"]))
        if len(several) > 1:
            raise DataError("library.several_networks", name=network, names=", ".join(several))
        frames.append(checked.assign(network=str(network)))
    whole = check_predictions(pd.concat(frames, ignore_index=True), class_names(classes))
    found = _evaluation(whole, groups, prevalence, name)
    if "comparisons" not in found.metrics:
        raise DataError("library.nothing_shared", names=", ".join(map(str, tables)))
    return found


def _evaluation(
    checked: Predictions,
    groups: GroupSource | None,
    prevalence: Mapping[str, float] | None,
    name: str,
) -> Evaluation:
    if prevalence is not None and not isinstance(prevalence, Mapping):
        classes = ", ".join(checked.classes)
        raise DataError("evaluation.prevalence", given=prevalence, classes=classes)
    known = None if groups is None else known_images(groups, checked.table["image"])
    metrics = evaluate_predictions(
        checked,
        attributes=None if known is None else attributes(known),
        prevalence=prevalence,
    )
    sources = () if known is None or "source" not in known else sorted(set(known["source"]))
    return Evaluation(metrics, checked.table, name, tuple(sources))


def _found(kind: str, name: str, known: Mapping[str, Any]) -> Any:
    if name not in known:
        names = ", ".join(known)
        raise DataError(f"library.no_{kind}", name=name, names=names)
    return known[name]
