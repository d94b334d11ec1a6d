"""Deletion and insertion on models whose answer is known, and the sanity of maps."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from metrascope.explain.faithfulness import (
    FRACTIONS,
    SHARES,
    curve_area,
    faithfulness_numbers,
    perturbation_curves,
    shuffled,
)
from metrascope.explain.localization import spread
from metrascope.explain.sanity import randomized, rank_similarity
from metrascope.networks.networks import create_network

SIZE = 40


def linear(grey: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probability of class 1: the weighted mean of the grey levels."""
    said = (grey / 255 * weights).sum((1, 2)) / weights.sum()
    return np.stack([1 - said, said], axis=1)


def test_areas_of_a_linear_model_are_those_of_the_closed_form() -> None:
    # White above, black below, and the model looks at the upper half alone: the mean grey that
    # deletion leaves is 127.5, so probability falls from 1 to a half over the first half.
    image = np.zeros((1, SIZE, SIZE), np.uint8)
    image[0, : SIZE // 2] = 255
    weights = np.zeros((SIZE, SIZE))
    weights[: SIZE // 2] = 1
    heat = weights[None].astype(np.float32)
    maps = {"map": heat, "shuffled": 1 - heat, "randomized": np.ones((1, 1, 1), np.float32)}
    curves = perturbation_curves(
        lambda grey: linear(grey, weights), image, np.array([1]), maps, seed=0
    )
    assert curves.shape == (1, 2, 3, 11)
    half = round(image.mean()) / 255
    first, last = np.minimum(2 * FRACTIONS, 1), np.maximum(2 * FRACTIONS - 1, 0)
    np.testing.assert_allclose(curves[0, 0, 0], 1 - (1 - half) * first, atol=1e-9)
    np.testing.assert_allclose(curves[0, 0, 1], 1 - (1 - half) * last, atol=1e-9)
    # A map without order deletes pixels in a drawn order: in proportion.
    np.testing.assert_allclose(curves[0, 0, 2], 1 - (1 - half) * FRACTIONS, atol=0.03)
    areas = curve_area(curves)[0]
    assert areas[0, 0] == pytest.approx(1 - (1 - half) * 0.75)
    assert areas[0, 1] == pytest.approx(1 - (1 - half) * 0.25)
    # Insertion ends with the image itself, and begins with a blurred one.
    assert curves[0, 1, :, -1] == pytest.approx([1, 1, 1])
    assert (curves[0, 1, :, 0] < 1).all()
    assert areas[1, 0] > areas[1, 2] > areas[1, 1]


def test_area_is_the_trapezoidal_rule() -> None:
    curves = np.random.default_rng(0).random((4, 3, len(FRACTIONS)))
    expected = [
        [np.interp(np.linspace(0, 1, 10001), FRACTIONS, c).mean() for c in r] for r in curves
    ]
    np.testing.assert_allclose(curve_area(curves), expected, atol=1e-3)


def test_numbers_say_how_much_the_map_gains() -> None:
    curves = np.random.default_rng(1).random((30, 2, 3, len(FRACTIONS)))
    curves[:, 0, 0] *= 0.5
    patients = np.repeat(np.arange(15), 2)
    numbers = faithfulness_numbers(curves, patients)
    areas = curve_area(curves)
    for way, sign in (("deletion", -1), ("insertion", 1)):
        at = int(way == "insertion")
        for order, place in (("shuffled", 1), ("randomized", 2)):
            expected = sign * (areas[:, at, 0] - areas[:, at, place]).mean()
            assert numbers[way]["gain"][order]["value"] == pytest.approx(expected)
            found = numbers[way][order]["area"]
            assert found["value"] == pytest.approx(areas[:, at, place].mean())
            assert found["low"] < found["value"] < found["high"]
        shown = [point["value"] for point in numbers[way]["map"]["curve"]]
        np.testing.assert_allclose(shown, curves[:, at, 0].mean(0))
    assert numbers["deletion"]["gain"]["shuffled"]["low"] > 0


def test_a_shuffled_map_has_the_same_values_as_coarsely() -> None:
    heat = np.arange(49, dtype=np.float32).reshape(7, 7)
    other = shuffled(heat, np.random.default_rng(0))
    assert sorted(other.ravel()) == sorted(heat.ravel())
    assert not np.array_equal(other, heat)
    assert spread(other, SIZE).shape == (SIZE, SIZE)


def test_similarity_is_spearmans() -> None:
    rng = np.random.default_rng(2)
    one, other = np.maximum(rng.normal(size=(2, 7, 7)), 0).astype(np.float32)  # with ties
    assert rank_similarity(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel())[0])
    assert rank_similarity(one, one**2) == pytest.approx(1)
    assert rank_similarity(one, -one) == pytest.approx(-1)
    assert np.isnan(rank_similarity(one, np.zeros_like(one)))


def test_layers_are_drawn_anew_from_the_last_backward() -> None:
    torch.manual_seed(0)
    network = create_network("resnet18", 3, weights="none").eval()
    for module in network.modules():  # as trained: no running average is the first one
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean += 1
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.random.get_rng_state()
    changed = []
    for copy in randomized(network, seed=1):
        names = {
            n.rsplit(".", 1)[0] for n, v in copy.state_dict().items() if not v.equal(before[n])
        }
        changed.append(names)
    assert len(changed) == len(SHARES)
    assert changed[0] == {"head"}
    assert all(one < other for one, other in pairwise(changed))
    assert "model.conv1" in changed[-1]
    assert not any(name.startswith("model.layer1") for name in changed[1])
    layers = {n.rsplit(".", 1)[0] for n in before}
    assert changed[-1] == layers
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert torch.random.get_rng_state().equal(state)
    again = [copy.head.weight.clone() for copy in randomized(network, seed=1)]
    assert again[0].equal(again[-1])
