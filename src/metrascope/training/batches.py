"""The images and labels of a run, and batches of them on the network's device."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from metrascope.dataset.preprocess import Preprocessing
from metrascope.dataset.rows import read_rows
from metrascope.training.augment import centre_transforms, resample

ImageRows = npt.NDArray[np.int64]

# Share of a GPU's free memory that the images may take; the rest is the network's. Chosen, not
# measured: the study's 1,291 images of 256 x 256 are 85 MB.
_RESIDENT_SHARE: Final = 0.25
# Images copied to the device at a time: 67 MB of 256 x 256. Chosen, not measured.
_COPIED_IMAGES: Final = 1024


@dataclass(frozen=True)
class TrainingData:
    """Images, labels and partitions of one run.

    Attributes
    ----------
    pixels
        uint8, (images, stored, stored): the whole store, mapped into memory.
    labels
        int64, (images,): class index of each image.
    train, validation
        Rows of each partition, ascending.
    preprocessing
        With the grey-level table fitted to ``train``.
    """

    pixels: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    preprocessing: Preprocessing


class Normalizer:
    """The photometric part of preprocessing on tensors: grey-level table, [0, 1], normalize.

    Called with uint8 (n, size, size), returns float32 (n, 3, size, size), channels last.
    """

    def __init__(self, preprocessing: Preprocessing, device: torch.device) -> None:
        # (256,) to (256, 3): a grey level's value in each of the three channels.
        table = torch.tensor(preprocessing.grey_table, dtype=torch.float32, device=device) / 255
        mean = torch.tensor(preprocessing.mean, device=device)
        std = torch.tensor(preprocessing.std, device=device)
        self.table = (table[:, None] - mean) / std

    def __call__(self, grey: Tensor) -> Tensor:
        """Look every pixel up in the table of 256 grey levels x 3 channels."""
        # The channel is the last axis of the table, so the result is channels-last as it comes.
        # 32-bit indices, which every device takes, halve the reading of a step's largest input.
        colors = torch.index_select(self.table, 0, grey.flatten().int())
        return colors.view(*grey.shape, 3).permute(0, 3, 1, 2)


class BatchFeed:
    """The images of a run on the device of its network, batch by batch.

    A GPU keeps all of them, as bytes, where they take a quarter of its free memory at most; then
    nothing but numbers of rows travels in a step. Elsewhere a batch is read from the store.

    Parameters
    ----------
    data
        Images, labels and preprocessing.
    device
        Where the batches go.

    Attributes
    ----------
    resident : bool
        Whether the device keeps all images.
    """

    def __init__(self, data: TrainingData, device: torch.device) -> None:
        self._data, self._device = data, device
        self._normalize = Normalizer(data.preprocessing, device)
        self._labels = torch.tensor(data.labels, device=device)
        self._size = data.preprocessing.input_size
        self._centre = centre_transforms(
            1, input_size=self._size, stored_size=data.preprocessing.stored_size
        ).to(device)
        self.resident = _fits(data.pixels.nbytes, device)
        self._pixels = _copy(data.pixels, device) if self.resident else None

    def to_device(self, rows: ImageRows) -> Tensor:
        """Return numbers of rows as a tensor where the other methods need it."""
        device = self._device if self.resident else torch.device("cpu")
        return torch.tensor(rows, device=device)

    def images(self, rows: Tensor, transforms: Tensor | None = None) -> Tensor:
        """Return images as the network takes them, float32 (n, 3, size, size), channels last.

        Parameters
        ----------
        rows
            int64, (n,), as `to_device` returns them.
        transforms
            float32, (n, 2, 3), on the device: a geometric change for each
            (`metrascope.training.augment`); None for the plain centre crop.
        """
        if transforms is None:
            transforms = self._centre.expand(len(rows), 2, 3)
        if self._pixels is not None:
            pixels = self._pixels[rows]
        else:
            pixels = torch.from_numpy(read_rows(self._data.pixels, rows.numpy())).to(self._device)
        return self._normalize(resample(pixels, transforms, self._size))

    def labels(self, rows: Tensor) -> Tensor:
        """Return the class index of each row, int64, (n,), on the device."""
        return self._labels[rows.to(self._device)]


def _fits(size: int, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return size <= _RESIDENT_SHARE * free


def _copy(pixels: npt.NDArray[np.uint8], device: torch.device) -> Tensor:
    """Copy a memory-mapped array to a device, some images at a time."""
    copy = torch.empty(pixels.shape, dtype=torch.uint8, device=device)
    for start in range(0, len(pixels), _COPIED_IMAGES):
        part = slice(start, start + _COPIED_IMAGES)
        copy[part] = torch.from_numpy(np.array(pixels[part]))
    return copy
