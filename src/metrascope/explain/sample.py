"""The images that a costly measurement is made on."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def sample_images(patients: npt.ArrayLike, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of at most ``count`` images, ascending: one a patient while there are more.

    Parameters
    ----------
    patients
        Patient of each image, (n,). The same patients and seed give the same rows.
    count
        Greatest number of images.
    seed
        Seed of the draw.
    """
    names = np.asarray(patients)
    order = np.random.default_rng(seed).permutation(len(names))
    # How many images of the same patient come earlier: all first ones, then all second ones, ...
    earlier = pd.Series(names[order]).groupby(names[order]).cumcount()
    return np.sort(order[np.argsort(earlier.to_numpy(), kind="stable")][:count])
