"""Metrascope reads routine transvaginal ultrasound stills of the uterus.

A still is read as normal uterus, submucosal fibroid or endometrial polyp, after a 2025 study
that compared eight ImageNet networks. Research use only, not a medical device.

Map of the package, in the order in which data flows; each folder's own docstring lists its files:

phantom       synthetic ultrasound with known truth; ``phantom/hospital`` invents whole exports
sources       files, archives and discs of an export
dicom         one DICOM file
screen        one decoded screen: scan sector, marks, lettering, usability
labels        the table of pathology results
ingest        raw exports to a clean data set
dataset       manifest, images, split, store of decoded pixels
audit         duplicates, leaks, confounding
networks      the eight networks and their files
training      one run, from data to predictions
explain       heat maps, shortcuts, embeddings
statistics    numbers with intervals, from the predictions table
results       numbers to cells and sentences
figures       matplotlib
study_folder  a study's files, read back
report        page, Word document, methods, checklists, cards
study         all runs of one question, resumable
export        trained runs to a bundle
predict       a bundle and a file to a reading, without torch
commands      the command line, one file per command
library       what ``from metrascope import …`` gives, for programs and notebooks

and what all of them share: ``files`` (whole or absent, strict tables), ``settings``, ``processes``
(workers, clusters), ``arrays`` (named once), ``errors``, ``messages`` (sentences in English and
Chinese), ``classes``, ``pages``, ``overlay``, ``progress``.
"""

__version__ = "0.1.0"

# Nothing is imported here, not even typing: ``python -m metrascope`` looks for modules in the
# folder one stands in until processes/search_path.py has taken it away. Type checkers know it.
TYPE_CHECKING = False

# The public names and where they are defined. Each is loaded when it is first asked for, so that
# ``import metrascope`` loads neither torch nor pandas; docs/library.md says what each one does.
_PLACES = {
    "Evaluation": "metrascope.library.evaluate",
    "ImageDataset": "metrascope.library.image_dataset",
    "MetrascopeError": "metrascope.errors",
    "Predictor": "metrascope.predict.predictor",
    "UltrasoundClassifier": "metrascope.library.classifier",
    "compare": "metrascope.library.evaluate",
    "create_network": "metrascope.networks.networks",
    "evaluate": "metrascope.library.evaluate",
    "heat_map": "metrascope.explain.heatmap",
    "load_data": "metrascope.library.image_dataset",
    "set_language": "metrascope.messages",
    "write_phantom": "metrascope.phantom.phantom",
}
__all__ = [
    "Evaluation",
    "ImageDataset",
    "MetrascopeError",
    "Predictor",
    "UltrasoundClassifier",
    "__version__",
    "compare",
    "create_network",
    "evaluate",
    "heat_map",
    "load_data",
    "set_language",
    "write_phantom",
]

if TYPE_CHECKING:
    from typing import Any

    from metrascope.errors import MetrascopeError
    from metrascope.explain.heatmap import heat_map
    from metrascope.library.classifier import UltrasoundClassifier
    from metrascope.library.evaluate import Evaluation, compare, evaluate
    from metrascope.library.image_dataset import ImageDataset, load_data
    from metrascope.messages import set_language
    from metrascope.networks.networks import create_network
    from metrascope.phantom.phantom import write_phantom
    from metrascope.predict.predictor import Predictor


def __getattr__(name: str) -> "Any":
    """Load a public name when it is first asked for (PEP 562)."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    try:
        found = getattr(import_module(_PLACES[name]), name)
    except ModuleNotFoundError as error:
        from metrascope.errors import missing_extra

        missing = missing_extra(error, "predict" if name == "Predictor" else "")
        if missing is None:
            raise
        raise missing from error
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
