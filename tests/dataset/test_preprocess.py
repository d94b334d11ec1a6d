import cv2
import numpy as np
import pytest
from PIL import Image

from metrascope.dataset.preprocess import (
    Preprocessing,
    equalize,
    fit_grey_table,
    seen_box,
    square,
    stored_size,
)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.gamma(3, 20, (height, width)).clip(0, 255).astype(np.uint8)


def test_the_table_of_one_image_is_opencvs_equalization() -> None:
    grey = noise(90, 70)
    table = fit_grey_table(np.bincount(grey.ravel(), minlength=256))
    expected = cv2.equalizeHist(grey).astype(int)
    assert np.abs(table[grey].astype(int) - expected).max() <= 1


def test_the_table_of_pooled_images_is_that_of_their_union() -> None:
    one, other = noise(40, 40, 1), noise(30, 50, 2)
    pooled = np.bincount(one.ravel(), minlength=256) + np.bincount(other.ravel(), minlength=256)
    table = fit_grey_table(pooled)
    union = np.concatenate([one.ravel(), other.ravel()])[None]
    assert np.abs(table[union].astype(int) - cv2.equalizeHist(union)).max() <= 1
    assert (np.diff(table.astype(int)) >= 0).all()


def test_an_equalized_histogram_is_flat() -> None:
    grey = noise(400, 400)
    table = fit_grey_table(np.bincount(grey.ravel(), minlength=256))
    levels = np.sort(table[grey].ravel()) / 255
    uniform = np.linspace(0, 1, levels.size)
    assert np.abs(levels - uniform).max() < 0.03


def test_a_constant_image_keeps_its_levels() -> None:
    histogram = np.zeros(256, np.int64)
    histogram[17] = 1000
    assert fit_grey_table(histogram).tolist() == list(range(256))


def test_stored_sizes_are_torchvisions() -> None:
    assert stored_size(224) == 256
    assert stored_size(299) == 342


@pytest.mark.parametrize(("height", "width"), [(300, 500), (500, 300), (300, 300), (90, 130)])
def test_crop_is_a_proportional_resize_and_a_center_crop(height: int, width: int) -> None:
    grey = cv2.GaussianBlur(noise(height, width), (0, 0), 3)
    size = 256
    scale = size / min(height, width)
    resized = Image.fromarray(grey).resize(
        (round(width * scale), round(height * scale)), Image.Resampling.BILINEAR
    )
    left, top = (resized.width - size) / 2, (resized.height - size) / 2
    expected = np.asarray(resized.crop((int(left), int(top), int(left) + size, int(top) + size)))
    difference = np.abs(square(grey, size).astype(int) - expected)
    assert np.median(difference) <= 2


def test_pad_loses_nothing() -> None:
    grey = np.full((100, 200), 200, np.uint8)
    padded = square(grey, 64, "pad")
    assert padded.shape == (64, 64)
    assert (padded[16:48] == 200).all()
    assert not padded[:16].any()
    assert not padded[48:].any()


def test_the_seen_box_is_the_center() -> None:
    box = seen_box(300, 500)
    assert (box.right - box.left, box.bottom - box.top) == (262.5, 262.5)
    assert (box.left + box.right, box.top + box.bottom) == (500, 300)
    padded = seen_box(100, 200, "pad")
    assert padded.top < 0
    assert padded.left == 12.5


def test_image_equalization_counts_the_sector_alone() -> None:
    grey = noise(60, 60)
    sector = np.zeros((60, 60), dtype=bool)
    sector[20:50, 10:50] = True
    expected = cv2.equalizeHist(np.ascontiguousarray(grey[sector][None]))[0].astype(int)
    result = equalize(grey, "image", sector)[sector].astype(int)
    assert np.abs(result - expected).max() <= 1


def test_train_and_none_leave_an_image_alone_and_clahe_does_not() -> None:
    grey = noise(64, 64)
    sector = np.ones_like(grey, dtype=bool)
    assert equalize(grey, "train", sector) is grey
    assert equalize(grey, "none", sector) is grey
    assert equalize(grey, "clahe", sector).std() > grey.std()


def test_the_grey_table_must_have_256_levels() -> None:
    with pytest.raises(ValueError, match="grey_table"):
        Preprocessing(
            input_size=224,
            stored_size=256,
            sector_crop=True,
            fit="crop",
            equalization="train",
            grey_table=(1, 2, 3),
        )
