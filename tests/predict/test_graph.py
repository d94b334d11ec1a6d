"""The graph says what training's own preprocessing and the network say."""

import numpy as np
import pytest
import torch
from PIL import Image

from metrascope.dataset.preprocess import Preprocessing, centre_crop, square
from metrascope.errors import SettingsError
from metrascope.explain.heatmap import class_maps
from metrascope.networks.networks import Network, create_network
from metrascope.predict.crops import to_grey
from metrascope.predict.graph import Graph
from metrascope.training.batches import Normalizer

TABLE = tuple(int(level) for level in np.linspace(255, 0, 256) ** 2 / 255)


def preprocessing(**changes: object) -> Preprocessing:
    values = {
        "input_size": 64,
        "stored_size": 73,
        "sector_crop": True,
        "fit": "crop",
        "equalization": "train",
        "grey_table": TABLE,
    }
    return Preprocessing.model_validate(values | changes)


@pytest.fixture(scope="module")
def network() -> Network:
    torch.manual_seed(0)
    return create_network("resnet18", 3, weights="none").eval()


def test_says_what_preprocessing_and_network_say(network: Network) -> None:
    steps = preprocessing()
    grey = np.random.default_rng(0).integers(0, 256, (150, 117), dtype=np.uint8)
    seen = centre_crop(square(grey, 73)[None], 64)
    with torch.no_grad():
        found = Graph(network, steps, temperature=2.5)(torch.from_numpy(grey)[None, None])
        images = Normalizer(steps, torch.device("cpu"))(torch.from_numpy(seen.copy()))
        output = network(images)
    torch.testing.assert_close(found.logits, output.logits)
    torch.testing.assert_close(found.probabilities, (output.logits / 2.5).softmax(1))
    torch.testing.assert_close(found.features, output.features)
    torch.testing.assert_close(found.maps, class_maps(network, output))


def test_color_is_read_as_pillow_makes_it_grey(network: Network) -> None:
    color = np.random.default_rng(1).integers(0, 256, (90, 130, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(color).convert("L"))
    np.testing.assert_array_equal(to_grey(color), grey)
    graph = Graph(network, preprocessing())
    with torch.no_grad():
        of_color = graph(torch.from_numpy(color.transpose(2, 0, 1).copy())[None])
        of_grey = graph(torch.from_numpy(grey.copy())[None, None])
    assert torch.equal(of_color.logits, of_grey.logits)


@pytest.mark.parametrize("found", ["image", "clahe"])
def test_equalization_of_single_images_is_refused(network: Network, found: str) -> None:
    with pytest.raises(SettingsError, match=f"equalization = {found} cannot be exported"):
        Graph(network, preprocessing(equalization=found))
