"""Closed-form Grad-CAM against automatic differentiation and pytorch-grad-cam."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn

from metrascope.explain.heatmap import class_maps
from metrascope.networks.architectures import ARCHITECTURES
from metrascope.networks.networks import Network, create_network

CLASSES = 3


class Logits(nn.Module):
    """The network as pytorch-grad-cam wants it: images in, scores out."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).logits


@pytest.fixture(scope="module", params=["avgmax", "avg"])
def pooling(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module", params=ARCHITECTURES)
def network(request: pytest.FixtureRequest, pooling: str) -> Network:
    torch.manual_seed(11)
    network = create_network(request.param, CLASSES, pooling, weights="none").eval()
    # A trained head has positive and negative weights of one size, whatever the width is.
    nn.init.normal_(network.head.weight)
    # What speaks against the second class speaks for the third: one of their maps is not empty.
    network.head.weight.data[2] = -network.head.weight.data[1]
    return network


@pytest.fixture(scope="module")
def images(network: Network) -> Tensor:
    size = 107 if network.architecture.name == "inception_v3" else 64
    return torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(4))


@pytest.fixture(scope="module")
def maps(network: Network, images: Tensor) -> Tensor:
    with torch.inference_mode():
        output = network(images)
        maps = class_maps(network, output)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert maps.shape == (2, CLASSES, *output.maps.shape[2:])
    assert maps.shape[2] == 2
    return maps


def test_equals_automatic_differentiation(network: Network, images: Tensor, maps: Tensor) -> None:
    output = network(images)
    for index in range(CLASSES):
        score = output.logits[:, index].sum()
        (gradient,) = torch.autograd.grad(score, output.maps, retain_graph=True)
        weights = gradient.mean((2, 3), keepdim=True)
        expected = (weights * output.maps).sum(1).relu().detach()
        scale = maps.max().item()
        assert scale > 0
        torch.testing.assert_close(maps[:, index], expected, rtol=1e-4, atol=1e-5 * scale)


def test_equals_pytorch_grad_cam(network: Network, images: Tensor, maps: Tensor) -> None:
    # That one stretches each map to [0, 1], to the image's size, and to [0, 1] again.
    chosen = maps.sum((2, 3)).argmax(1).tolist()
    with GradCAM(model=Logits(network), target_layers=[network.last_map]) as oracle:
        theirs = oracle(images, targets=[ClassifierOutputTarget(index) for index in chosen])
    ours = np.stack([maps[row, index].numpy() for row, index in enumerate(chosen)])
    assert ours.max((1, 2)).min() > 0
    ours = scale_cam_image(scale_cam_image(ours, (images.shape[3], images.shape[2])))
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_works_without_gradients_and_in_low_precision() -> None:
    for pooling in ("avgmax", "avg"):
        network = create_network("resnet18", CLASSES, pooling, weights="none").eval()
        images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(4))
        with torch.inference_mode():
            exact = class_maps(network, network(images))
            with torch.autocast("cpu", dtype=torch.bfloat16):
                low = class_maps(network, network(images))
        assert low.dtype == torch.float32
        torch.testing.assert_close(low, exact, rtol=0.1, atol=0.1 * exact.max().item())


def test_a_hand_made_map() -> None:
    network = create_network("resnet18", 2, weights="none").eval()
    with torch.no_grad():
        network.head.weight.zero_()
        network.head.weight[0, 3], network.head.weight[0, 512 + 3] = 1.0, 2.0  # average, maximum
        network.head.weight[1, 3] = -1.0
    output = network(torch.zeros(1, 3, 32, 32))
    given = torch.zeros(1, 512, 2, 2)
    given[0, 3] = torch.tensor([[0.0, 4.0], [8.0, 0.0]])
    maps = class_maps(network, output._replace(maps=given))
    assert maps[0, 0].tolist() == [[0.0, 3.0], [6.0, 0.0]]
    assert not maps[0, 1].any()
