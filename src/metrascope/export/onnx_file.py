"""Write a graph as an ONNX file."""

import io
import logging
import warnings
from contextlib import redirect_stdout
from typing import Any

import torch

from metrascope.predict.bundle import OPSET
from metrascope.predict.graph import Graph
from metrascope.predict.runtime import INPUT, OUTPUTS


def to_onnx(graph: Graph) -> bytes:
    """Return a graph as one ONNX file, weights inside.

    Parameters
    ----------
    graph
        Graph in evaluation mode, on the processor. It takes images of any size and any number,
        uint8, (n, 1 or 3, height, width), and returns `metrascope.predict.graph.GraphOutput`.
    """
    # Bounds are for the exporter, which wants to know that sizes vary; the file has none.
    largest = {"min": 32, "max": 4096}
    sizes = {
        0: torch.export.Dim("images", min=1, max=4096),
        1: torch.export.Dim("channels", min=1, max=3),
        2: torch.export.Dim("height", **largest),
        3: torch.export.Dim("width", **largest),
    }
    # Neither 0 nor 1 and all different, so that no size is taken for a constant or for another.
    example = torch.zeros((2, 3, 300, 420), dtype=torch.uint8)
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()), torch.no_grad():
        warnings.simplefilter("ignore")  # of the exporter about itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            verbose=False,
            input_names=[INPUT],
            output_names=list(OUTPUTS),
            dynamic_shapes=(sizes,),
            opset_version=OPSET,
        )
    model: Any = program.model_proto  # type: ignore[union-attr]
    _strip(model)
    return bytes(model.SerializeToString(deterministic=True))


def _strip(model: Any) -> None:
    """Remove the exporter's notes of this machine: source lines with their paths."""
    graph = model.graph
    for item in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        item.doc_string = ""
        if hasattr(item, "metadata_props"):
            del item.metadata_props[:]
    del graph.value_info[:]
