"""Heat maps against masks: known answers, chance, and the geometry of the network's view."""

from math import pi

import numpy as np
import pandas as pd
import pytest
import torch

from metrascope.dataset.preprocess import centre_crop, seen_box, square, stored_size
from metrascope.explain.lesion_measures import (
    LESION_MEASURES,
    LocatedLesion,
    add_sizes,
    localization_numbers,
    localize,
)
from metrascope.explain.localization import (
    CENTER_SPREAD,
    TOLERANCE,
    by_center,
    by_chance,
    grown,
    locate,
    seen_mask,
    spread,
)
from metrascope.overlay import spread_heat
from metrascope.training.augment import centre_transforms, resample

SIZE = 112


def disc(x: float, y: float, radius: float, size: int = SIZE) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    return (rows / size - y) ** 2 + (columns / size - x) ** 2 < radius**2


LESION = disc(0.3, 0.6, 0.12)


def test_a_map_equal_to_the_mask_is_perfect() -> None:
    assert locate(LESION.astype(np.float32), LESION) == (1.0, 1.0, 1.0)


def test_an_even_map_scores_chance_and_an_empty_one_nothing() -> None:
    even = locate(np.full((SIZE, SIZE), 0.3, np.float32), LESION)
    assert even == pytest.approx(by_chance(LESION, (SIZE, SIZE)))
    assert even.energy == even.iou == pytest.approx(pi * 0.12**2, rel=0.02)
    assert even.pointing == pytest.approx(pi * (0.12 + TOLERANCE) ** 2, rel=0.04)
    assert locate(np.zeros((SIZE, SIZE), np.float32), LESION) == (0, 0, 0)


def test_a_map_beside_the_lesion_finds_nothing() -> None:
    assert locate(disc(0.8, 0.2, 0.1).astype(np.float32), LESION) == (0, 0, 0)


def test_random_maps_score_chance_on_average() -> None:
    rng = np.random.default_rng(0)
    apart = []
    for _ in range(3000):
        lesion = disc(*rng.uniform(0.2, 0.8, 2), rng.uniform(0.1, 0.2), 56)
        heat = rng.random((7, 7)).astype(np.float32)
        found, chance = locate(heat, lesion), by_chance(lesion, heat.shape)
        apart.append([found.pointing - chance.pointing, found.energy - chance.energy])
    assert np.mean(apart, axis=0) == pytest.approx([0, 0], abs=0.02)


def test_the_maximum_may_lie_beside_the_lesion_by_the_tolerance() -> None:
    reach = TOLERANCE * SIZE
    bottom = np.flatnonzero(LESION[:, 33])[-1]
    for distance, expected in ((int(reach), 1.0), (int(reach) + 2, 0.0)):
        heat = np.zeros((SIZE, SIZE), np.float32)
        heat[bottom + distance, 33] = 1
        assert locate(heat, LESION).pointing == expected
    assert (grown(LESION) >= LESION).all()


def test_best_iou_is_the_best_over_all_thresholds() -> None:
    rng = np.random.default_rng(3)
    for _ in range(5):
        # Values on the 255 levels themselves, so that no threshold falls between them.
        heat = rng.integers(0, 256, (20, 20)).astype(np.float32)
        heat[0, 0] = 255
        mask = rng.random((20, 20)) < 0.3
        best = max(
            ((heat >= level) & mask).sum() / ((heat >= level) | mask).sum()
            for level in np.unique(heat[heat > 0])
        )
        assert locate(heat, mask).iou == pytest.approx(best)


def test_the_map_of_the_middle_is_a_gauss_bell() -> None:
    middle = disc(0.5, 0.5, CENTER_SPREAD)
    # Within one standard deviation of a two-dimensional bell lie 1 - exp(-1/2); the square cuts
    # off what lies beyond two of them on every side.
    inside = (1 - np.exp(-0.5)) / 0.9545**2
    assert by_center(middle).energy == pytest.approx(inside, abs=0.01)
    assert by_center(middle).pointing == 1
    assert by_center(middle).iou > 0.95


@pytest.mark.parametrize("cells", [1, 3, 7, 8])
def test_maps_are_spread_as_the_figures_draw_them(cells: int) -> None:
    heat = np.random.default_rng(cells).random((cells, cells)).astype(np.float32)
    expected = spread_heat(heat, (SIZE, SIZE))
    np.testing.assert_allclose(spread(heat, SIZE), expected, atol=1e-5)
    assert not spread(np.zeros_like(heat), SIZE).any()


@pytest.mark.parametrize("size", [224, 299, 96, 33])
def test_the_centre_crop_is_the_networks(size: int) -> None:
    stored = stored_size(size)
    pixels = np.random.default_rng(0).integers(0, 256, (2, stored, stored), dtype=np.uint8)
    transforms = centre_transforms(2, input_size=size, stored_size=stored)
    expected = resample(torch.from_numpy(pixels), transforms, size).numpy()
    assert np.array_equal(centre_crop(pixels, size), expected)


@pytest.mark.parametrize("fit", ["crop", "pad"])
def test_masks_go_the_way_of_the_pixels(fit: str) -> None:
    mask = np.zeros((300, 420), np.uint8)
    mask[120:200, 180:260] = 255
    seen = seen_mask(mask, 64, fit)  # type: ignore[arg-type]
    box = seen_box(300, 420, fit)  # type: ignore[arg-type]
    scale = 64 / (box.right - box.left)
    rows, columns = np.nonzero(seen)
    edges = [columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]
    expected = [180 - box.left, 260 - box.left, 120 - box.top, 200 - box.top]
    np.testing.assert_allclose(edges, np.array(expected) * scale, atol=1)
    grey = centre_crop(square(mask, stored_size(64), fit)[None], 64)[0]  # type: ignore[arg-type]
    assert np.array_equal(seen, grey > 127)


def reading(image: str, label: str = "polyp", predicted: str = "polyp") -> dict[str, object]:
    keys = {"network": "vgg16", "fold": 0, "seed": 0, "image": image, "patient_id": image}
    return {**keys, "label": label, "predicted": predicted}


def rows_of(radius: float, label: str, predicted: str, on_lesion: bool) -> list[dict[str, object]]:
    mask = disc(0.5, 0.5, radius)
    heat = np.zeros((7, 7), np.float32)
    heat[(3, 3) if on_lesion else (0, 0)] = 1
    maps = {"predicted": heat, "true": heat}
    image = f"{radius}-{label}-{predicted}-{on_lesion}"
    lesion = LocatedLesion(mask, np.nan)
    return list(localize(reading(image, label, predicted), maps, lesion, {"polyp", "fibroid"}))


def test_a_map_that_fails_is_marked_unreliable() -> None:
    good, _ = rows_of(0.2, "polyp", "polyp", True)
    bad, true = rows_of(0.2, "polyp", "fibroid", False)
    missed, of_true = rows_of(0.2, "polyp", "normal", False)
    assert (good["unreliable"], bad["unreliable"], true["unreliable"]) == (0, 1, 1)
    # What speaks for a normal uterus need not lie on the polyp that was missed.
    assert np.isnan(missed["unreliable"])
    assert of_true["unreliable"] == 1
    assert good["diameter"] == pytest.approx(0.4, rel=0.02)


def test_numbers_by_size_with_chance() -> None:
    found = [
        row
        for radius in np.linspace(0.05, 0.3, 36)
        for row in rows_of(radius, "polyp", "polyp", radius > 0.14)
    ]
    table, unit, bounds = add_sizes(pd.DataFrame(found))
    assert unit == "share"
    assert table.groupby("size")["image"].nunique().to_dict() == dict.fromkeys(
        ("small", "medium", "large"), 12
    )
    numbers = localization_numbers(table, unit, bounds)
    assert numbers["images"] == numbers["patients"] == 36
    assert numbers["sizes"]["small"]["pointing"]["value"] == 0
    assert numbers["sizes"]["large"]["pointing"] == {
        "value": 1,
        "low": pytest.approx(12 / (12 + 1.959964**2)),
        "high": 1,
    }
    assert numbers["unreliable"]["value"] == pytest.approx(
        table.loc[table["map"] == "predicted", "unreliable"].mean()
    )
    predicted = table[table["map"] == "predicted"]
    for measure in LESION_MEASURES:
        chance = predicted[f"chance_{measure}"]
        own = numbers["maps"]["predicted"]
        assert own[measure]["value"] == pytest.approx(predicted[measure].mean())
        assert own["chance"][measure]["value"] == pytest.approx(chance.mean())
        gained = (predicted[measure] - chance).mean()
        above = own["above_chance"][measure]
        assert above["value"] == pytest.approx(gained)
        assert above["low"] < gained < above["high"]


def test_sizes_are_in_millimeters_where_all_are_known() -> None:
    found = pd.DataFrame([row for r in (0.1, 0.2, 0.3) for row in rows_of(r, "a", "a", True)])
    table, unit, _ = add_sizes(found.assign(lesion_mm=[30, 30, 20, 20, 10, 10]))
    assert unit == "mm"
    assert table["size"].tolist() == ["large"] * 2 + ["medium"] * 2 + ["small"] * 2
