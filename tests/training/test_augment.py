import cv2
import numpy as np
import pytest
import torch
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from metrascope.settings.study_settings import AugmentationSettings
from metrascope.training.augment import centre_transforms, draw_transforms, resample

OFF = AugmentationSettings(crop=False, vertical_flip=0, rotation=0, affine=False)


def pictures(count: int = 4, size: int = 64) -> torch.Tensor:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (count, size, size)).astype(np.uint8)
    return torch.from_numpy(np.stack([cv2.GaussianBlur(image, (0, 0), 3) for image in noise]))


def draw(count: int, settings: AugmentationSettings, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return draw_transforms(count, settings, input_size=56, stored_size=64, generator=generator)


def test_without_steps_it_is_the_center_crop() -> None:
    images = pictures()
    expected = v2.CenterCrop(56)(images)
    centre = centre_transforms(4, input_size=56, stored_size=64)
    assert torch.equal(draw(4, OFF), centre)
    assert torch.equal(resample(images, centre, 56), expected)


def test_a_crop_is_a_cut_of_whole_pixels() -> None:
    images = pictures(50)
    drawn = draw(50, OFF.model_copy(update={"crop": True}))
    corners = set()
    for image, cut in zip(images, resample(images, drawn, 56), strict=True):
        matches = [
            (top, left)
            for top in range(9)
            for left in range(9)
            if torch.equal(image[top : top + 56, left : left + 56], cut)
        ]
        assert len(matches) == 1
        corners.add(matches[0])
    assert len(corners) > 30


def test_flips_are_torchvisions() -> None:
    images = pictures()
    flipped = resample(images, draw(4, OFF.model_copy(update={"vertical_flip": 1.0})), 56)
    assert torch.equal(flipped, functional.vertical_flip(v2.CenterCrop(56)(images)))
    mirrored = resample(images, draw(4, OFF.model_copy(update={"horizontal_flip": 1.0})), 56)
    assert torch.equal(mirrored, functional.horizontal_flip(v2.CenterCrop(56)(images)))


def test_a_rotation_is_within_its_range_and_torchvisions() -> None:
    images = pictures(1, 64)
    drawn = draw(200, OFF.model_copy(update={"rotation": 10.0}))
    angles = torch.rad2deg(torch.atan2(drawn[:, 1, 0], drawn[:, 0, 0]))
    assert angles.abs().max() <= 10
    assert angles.std() == pytest.approx(10 / 3**0.5, rel=0.15)
    mine = resample(images, drawn[:1], 56)[:, 14:42, 14:42].float()
    theirs = functional.rotate(images.float(), float(angles[0]), v2.InterpolationMode.BILINEAR)
    theirs = v2.CenterCrop(56)(theirs)[:, 14:42, 14:42]
    assert (mine - theirs).abs().mean() < 1


def test_affine_ranges_hold() -> None:
    settings = OFF.model_copy(update={"affine": True})
    drawn = draw(500, settings)
    zoom = 56 / 64
    scales = drawn[:, 1, 1] / zoom
    assert scales.min() >= 1 / 1.1 - 1e-6
    assert scales.max() <= 1 / 0.9 + 1e-6
    shear = torch.rad2deg(torch.atan(drawn[:, 0, 1] / drawn[:, 1, 1]))
    assert shear.abs().max() <= 5 + 1e-4
    shift = drawn[:, :, 2] / zoom / 2
    assert shift.abs().max() <= 0.05 + 1e-6
    assert shift.std() == pytest.approx(0.05 / 3**0.5, rel=0.15)


def test_steps_compose_into_the_product_of_their_matrices() -> None:
    """All steps at once equal the steps one after another, up to interpolation."""
    images = pictures(1, 256)
    settings = AugmentationSettings(vertical_flip=1.0, scale=0.0, shear=0.0)
    generator = torch.Generator().manual_seed(3)
    drawn = draw_transforms(1, settings, input_size=224, stored_size=256, generator=generator)
    corners = torch.tensor([[-1.0, -1, 1], [1, -1, 1], [0, 0, 1]]).T
    mapped = drawn[0] @ corners
    assert torch.allclose((mapped[:, 1] - mapped[:, 0]).norm(), torch.tensor(2 * 224 / 256))
    assert torch.det(drawn[0][:, :2]) < 0, "a vertical flip turns the orientation"
    assert resample(images, drawn, 224).shape == (1, 224, 224)


def test_the_generator_decides_alone() -> None:
    torch.manual_seed(1)
    first = draw(8, AugmentationSettings(), seed=5)
    torch.manual_seed(2)
    assert torch.equal(first, draw(8, AugmentationSettings(), seed=5))
    assert not torch.equal(first, draw(8, AugmentationSettings(), seed=6))


def test_the_center_of_an_odd_margin_is_on_whole_pixels() -> None:
    images = pictures(2, 37)
    centre = centre_transforms(2, input_size=32, stored_size=37)
    assert torch.equal(resample(images, centre, 32), images[:, 2:34, 2:34])
