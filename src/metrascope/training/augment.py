"""The random part of training: crop, flips, rotation and affine as one resampling per batch.

Every change is a 3 x 3 matrix; their product is applied once, so that an image is interpolated
once however many steps are on (paper, Preprocessing 4).
"""

import torch
from torch import Tensor
from torch.nn import functional

from metrascope.settings.study_settings import AugmentationSettings


def draw_transforms(
    count: int,
    settings: AugmentationSettings,
    *,
    input_size: int,
    stored_size: int,
    generator: torch.Generator,
) -> Tensor:
    """Draw one geometric change for each of ``count`` images.

    Parameters
    ----------
    count
        Images of an epoch, in the order in which they are used.
    settings
        Which steps are on, and their ranges.
    input_size, stored_size
        Sides of the square that the network sees and of the stored one, pixels.
    generator
        Source of randomness, on the processor.

    Returns
    -------
    float32, (count, 2, 3): from the output's pixel coordinates, in units where the output spans
    [-1, 1], to the stored image's, in units where that spans [-1, 1].
    """
    # An image is cropped, flipped, rotated and sheared in that order. The matrices lead the other
    # way, from the output's pixel to the stored one: the last step is the rightmost factor.
    matrices = torch.eye(3).repeat(count, 1, 1)  # (count, 3, 3)
    if settings.affine:
        matrices = _affine(count, settings, generator) @ matrices
    if settings.rotation:
        degrees = _uniform(count, settings.rotation, generator)
        matrices = _rotation(torch.deg2rad(degrees)) @ matrices
    matrices = _flips(count, settings, generator) @ matrices
    scale = input_size / stored_size
    matrices = torch.diag(torch.tensor([scale, scale, 1.0])) @ matrices
    if not settings.crop:
        matrices[:, :2, 2] += _whole_pixel_shift(input_size, stored_size)
    else:
        room = stored_size - input_size
        # Whole pixels, as torchvision's RandomCrop.
        corner = torch.randint(0, room + 1, (count, 2), generator=generator)
        matrices[:, :2, 2] += (2 * corner - room) / stored_size
    return matrices[:, :2]


def centre_transforms(count: int, *, input_size: int, stored_size: int) -> Tensor:
    """Return the transforms of a plain centre crop; shapes as in `draw_transforms`."""
    scale = input_size / stored_size
    shift = _whole_pixel_shift(input_size, stored_size)
    return torch.tensor([[scale, 0.0, shift], [0.0, scale, shift]]).repeat(count, 1, 1)


def _whole_pixel_shift(input_size: int, stored_size: int) -> float:
    """Return the shift that puts the centre crop on whole pixels, also where the margin is odd.

    Without it Inception-v3 (299 of 342) would see every pixel as the mean of four.
    """
    room = stored_size - input_size
    return (2 * (room // 2) - room) / stored_size


def resample(pixels: Tensor, transforms: Tensor, input_size: int) -> Tensor:
    """Apply one transform to each image.

    Parameters
    ----------
    pixels
        uint8, (n, stored, stored).
    transforms
        float32, (n, 2, 3), as `draw_transforms` returns them, on the same device.
    input_size
        Side of the output.

    Returns
    -------
    uint8, (n, input_size, input_size); bilinear, black beyond the stored image.
    """
    size = [len(pixels), 1, input_size, input_size]
    grid = functional.affine_grid(transforms, size, align_corners=False)
    source = pixels.unsqueeze(1).to(torch.float32)
    warped = functional.grid_sample(source, grid, align_corners=False)
    return warped.squeeze(1).round_().to(torch.uint8)


def _affine(count: int, settings: AugmentationSettings, generator: torch.Generator) -> Tensor:
    """Draw scale, horizontal shear and translation; (count, 3, 3)."""
    matrices = torch.eye(3).repeat(count, 1, 1)
    factor = 1 + _uniform(count, settings.scale, generator)
    shear = torch.tan(torch.deg2rad(_uniform(count, settings.shear, generator)))
    # From output to input, so the inverse: an image enlarged by `factor` is read from a square
    # that is smaller by it.
    matrices[:, 0, 0] = matrices[:, 1, 1] = 1 / factor
    matrices[:, 0, 1] = shear / factor
    # Translations are shares of the side, which spans 2.
    matrices[:, 0, 2] = 2 * _uniform(count, settings.translation, generator)
    matrices[:, 1, 2] = 2 * _uniform(count, settings.translation, generator)
    return matrices


def _rotation(angle: Tensor) -> Tensor:
    matrices = torch.eye(3).repeat(len(angle), 1, 1)
    matrices[:, 0, 0] = matrices[:, 1, 1] = torch.cos(angle)
    matrices[:, 0, 1] = -torch.sin(angle)
    matrices[:, 1, 0] = torch.sin(angle)
    return matrices


def _flips(count: int, settings: AugmentationSettings, generator: torch.Generator) -> Tensor:
    matrices = torch.eye(3).repeat(count, 1, 1)
    for axis, chance in ((0, settings.horizontal_flip), (1, settings.vertical_flip)):
        if chance:
            flipped = torch.rand(count, generator=generator) < chance
            matrices[:, axis, axis] = torch.where(flipped, -1.0, 1.0)
    return matrices


def _uniform(count: int, limit: float, generator: torch.Generator) -> Tensor:
    return (2 * torch.rand(count, generator=generator) - 1) * limit
