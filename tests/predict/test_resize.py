"""The resize of exported graphs is the one of training, to the last bit."""

import numpy as np
import pytest
import torch
from PIL import Image

from metrascope.dataset.preprocess import centre_crop, square
from metrascope.predict.resize import resize_and_crop

SIZES = [(224, 224), (256, 256), (100, 90), (33, 700), (1100, 48), (517, 389), (1080, 1440)]


@pytest.mark.parametrize("fit", ["crop", "pad"])
@pytest.mark.parametrize(("stored", "seen"), [(256, 224), (342, 299), (64, 56)])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_equals_pillow(height: int, width: int, stored: int, seen: int, fit: str) -> None:
    rng = np.random.default_rng(height + width)
    grey = rng.integers(0, 256, (height, width), dtype=np.uint8)
    expected = centre_crop(square(grey, stored, fit)[None], seen)[0]
    found = resize_and_crop(torch.from_numpy(grey).float()[None], stored, seen, fit)
    np.testing.assert_array_equal(found[0].numpy(), expected)


def test_hard_edges_equal_pillow() -> None:
    # Black beside white leaves the most to be rounded.
    grey = np.where(np.add.outer(np.arange(411), np.arange(633)) // 5 % 2, 255, 0)
    grey = grey.astype(np.uint8)
    expected = centre_crop(square(grey, 256)[None], 224)[0]
    found = resize_and_crop(torch.from_numpy(grey).float()[None], 256, 224, "crop")
    np.testing.assert_array_equal(found[0].numpy(), expected)


def test_rows_come_before_columns_whatever_pillow_does() -> None:
    # From version 13 on, Pillow by itself would resize this tall image columns first.
    grey = np.random.default_rng(1).integers(0, 256, (900, 300), dtype=np.uint8)
    image = Image.fromarray(grey)
    rows = image.resize((256, 900), Image.Resampling.BILINEAR)
    both = rows.resize((256, 256), Image.Resampling.BILINEAR, box=(0, 300, 256, 600))
    np.testing.assert_array_equal(square(grey, 256), np.asarray(both))


def test_several_images_at_once() -> None:
    pixels = torch.randint(0, 256, (3, 80, 120)).float()
    together = resize_and_crop(pixels, 64, 56, "crop")
    one_by_one = [resize_and_crop(own[None], 64, 56, "crop")[0] for own in pixels]
    assert torch.equal(together, torch.stack(one_by_one))
