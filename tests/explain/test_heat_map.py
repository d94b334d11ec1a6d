"""A heat map at the size of its image, against the map of every class laid over by hand."""

import numpy as np
import pytest
import torch
from torch import nn

from metrascope import MetrascopeError, create_network, heat_map
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import Network
from metrascope.overlay import spread_heat


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return create_network("resnet18", weights="none")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(5, 3, 64, 96, generator=torch.Generator().manual_seed(1))


def test_each_image_has_the_map_of_its_likeliest_class(
    network: Network, images: torch.Tensor
) -> None:
    network.train()
    found = heat_map(network, images, batch_size=2)
    assert network.training
    assert found.dtype == np.float32
    assert found.shape == (5, 64, 96)
    network.eval()
    with torch.no_grad():
        output = network(images)
    likeliest = output.logits.argmax(1).tolist()
    maps = class_maps(network, output).numpy()
    for row, chosen in enumerate(likeliest):
        wanted = spread_heat(maps[row, chosen], (64, 96))
        np.testing.assert_allclose(found[row], wanted, atol=1e-4)
        assert found[row].min() >= 0
        assert found[row].max() <= 1
    np.testing.assert_allclose(heat_map(network, images, likeliest), found, atol=1e-4)
    other = heat_map(network, images, 2)
    rows = [row for row, chosen in enumerate(likeliest) if chosen == 2]
    np.testing.assert_allclose(other[rows], found[rows], atol=1e-4)
    assert heat_map(network, images[:0]).shape == (0, 64, 96)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"network": nn.Identity()}, "this is Identity"),
        ({"images": torch.zeros(3, 64, 64)}, r"image\[None\]"),
        ({"images": np.zeros((1, 64, 64))}, r"\(1, 64, 64\)"),
        ({"images": torch.zeros(1, 3, 64, 64, dtype=torch.uint8)}, "uint8: floats"),
        ({"images": torch.full((1, 3, 64, 64), torch.nan)}, "not finite"),
        ({"classes": 3}, "class 3 does not exist"),
        ({"classes": [0, 1]}, "one for each of the 1"),
        ({"classes": "polyp"}, "one whole number"),
    ],
)
def test_what_has_no_map_is_told(network: Network, change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"network": network, "images": torch.zeros(1, 3, 64, 64)} | change
    with pytest.raises(MetrascopeError, match=words):
        heat_map(**given)  # type: ignore[arg-type]
