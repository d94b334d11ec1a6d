"""What an ONNX file says is read without the onnx library, and that library is the oracle."""

import numpy as np
import pytest

from metrascope.serving.protobuf import what_reaches_out

onnx = pytest.importorskip("onnx")
helper = onnx.helper


def model(*nodes: object, tensors: tuple[object, ...] = ()) -> object:
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        list(nodes) or [helper.make_node("Identity", ["x"], ["y"])],
        "g",
        [value("x", onnx.TensorProto.FLOAT, [1])],
        [value("y", onnx.TensorProto.FLOAT, [1])],
        initializer=list(tensors),
    )
    return helper.make_model(graph)


def external(name: str = "w") -> object:
    tensor = onnx.numpy_helper.from_array(np.zeros(3, np.float32), name)
    onnx.external_data_helper.set_external_data(tensor, "../../secret.bin")
    return tensor


def test_a_file_that_holds_all_it_needs() -> None:
    tensor = onnx.numpy_helper.from_array(np.arange(1000, dtype=np.float32), "w")
    assert what_reaches_out(model(tensors=(tensor,)).SerializeToString()) is None


def test_external_data_of_an_initializer() -> None:
    assert what_reaches_out(model(tensors=(external(),)).SerializeToString()) == "external data"


def test_external_data_of_a_constant_inside_a_branch() -> None:
    inner = model(helper.make_node("Constant", [], ["y"], value=external())).graph
    branch = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    assert what_reaches_out(model(branch).SerializeToString()) == "external data"


def test_operators_that_are_not_of_onnx() -> None:
    node = helper.make_node("Steal", ["x"], ["y"], domain="evil.ops")
    assert what_reaches_out(model(node).SerializeToString()) == "evil.ops.Steal"


def test_external_data_of_a_function() -> None:
    content = model()
    constant = helper.make_node("Constant", [], ["y"], value=external())
    opset = [helper.make_opsetid("", 18)]
    content.functions.append(helper.make_function("local", "f", [], ["y"], [constant], opset))
    assert what_reaches_out(content.SerializeToString()) == "external data"


@pytest.mark.parametrize("content", [b"\x07", b"\x3a\xff\x01abc", b"\x80" * 40, b"\x38\x01"])
def test_what_is_no_message(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|wire type|no message"):
        what_reaches_out(content)


def test_random_bytes_never_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    whole = model(tensors=(external(),)).SerializeToString()
    for _ in range(500):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            what_reaches_out(bytes(damaged))
        except ValueError:
            continue
