"""What an ONNX file says is read without the onnx library, and that library is the oracle."""

import numpy as np
import pytest

from metrascope.predict.onnx_check import Faults, find_faults

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
    assert find_faults(model(tensors=(tensor,)).SerializeToString()) == Faults()


def test_external_data_of_an_initializer() -> None:
    assert find_faults(model(tensors=(external(),)).SerializeToString()).outside == "external data"


def test_external_data_of_a_constant_inside_a_branch() -> None:
    inner = model(helper.make_node("Constant", [], ["y"], value=external())).graph
    branch = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    assert find_faults(model(branch).SerializeToString()).outside == "external data"


def test_operators_that_are_not_of_onnx() -> None:
    node = helper.make_node("Steal", ["x"], ["y"], domain="evil.ops")
    assert find_faults(model(node).SerializeToString()).outside == "evil.ops.Steal"


def test_external_data_of_a_function() -> None:
    content = model()
    constant = helper.make_node("Constant", [], ["y"], value=external())
    opset = [helper.make_opsetid("", 18)]
    content.functions.append(helper.make_function("local", "f", [], ["y"], [constant], opset))
    assert find_faults(content.SerializeToString()).outside == "external data"


@pytest.mark.parametrize("operator", ["Loop", "Scan", "SequenceMap"])
@pytest.mark.parametrize("within", [False, True])
def test_operators_that_may_never_end(operator: str, within: bool) -> None:
    node = helper.make_node(operator, ["x"], ["y"])
    if within:
        inner = model(node).graph
        node = helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner)
    assert find_faults(model(node).SerializeToString()) == Faults(repeats=operator)


def test_a_function_may_call_itself() -> None:
    content = model()
    node = helper.make_node("f", ["x"], ["y"])
    opset = [helper.make_opsetid("", 18)]
    content.functions.append(helper.make_function("", "f", ["x"], ["y"], [node], opset))
    assert find_faults(content.SerializeToString()).repeats == "function"


@pytest.mark.parametrize(
    ("shape", "claims"), [((10**9, 10**9), "1000000000x1000000000"), ((3,), None), ((), None)]
)
def test_tensors_that_claim_more_than_they_hold(shape: tuple[int, ...], claims: str | None) -> None:
    tensor = onnx.numpy_helper.from_array(np.zeros(3 if shape == (3,) else 1, np.float32), "w")
    tensor.ClearField("dims")
    tensor.dims.extend(shape)
    assert find_faults(model(tensors=(tensor,)).SerializeToString()).claims == claims


@pytest.mark.parametrize(
    "value", [np.zeros((4, 5), np.uint8), np.array([True]), np.zeros((0, 3)), np.array(["a", ""])]
)
def test_honest_tensors_of_every_kind(value: np.ndarray) -> None:
    tensor = onnx.numpy_helper.from_array(
        value.astype(object) if value.dtype.kind == "U" else value
    )
    packed = helper.make_tensor("p", onnx.TensorProto.INT64, [1000], [0] * 1000)
    assert find_faults(model(tensors=(tensor, packed)).SerializeToString()) == Faults()


@pytest.mark.parametrize("content", [b"\x07", b"\x3a\xff\x01abc", b"\x80" * 40, b"\x38\x01"])
def test_what_is_no_message(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|wire type|no message"):
        find_faults(content)


def test_random_bytes_never_raise_anything_else() -> None:
    rng = np.random.default_rng(0)
    whole = model(tensors=(external(),)).SerializeToString()
    for _ in range(500):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(damaged), 3):
            damaged[place] = rng.integers(0, 256)
        try:
            find_faults(bytes(damaged))
        except ValueError:
            continue
