"""Which of many images are looked at closely."""

import numpy as np
import numpy.typing as npt
import pandas as pd


def sample_images(patients: npt.ArrayLike, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the places of at most ``count`` images, ascending: one a patient while there are more.

    Parameters
    ----------
    patients
        (n,) whose each image is. The same patients and seed give the same places.
    count
        How many.
    seed
        Of the draw.
    """
    own = np.asarray(patients)
    order = np.random.default_rng(seed).permutation(len(own))
    again = pd.Series(own[order]).groupby(own[order]).cumcount()
    return np.sort(order[np.argsort(again.to_numpy(), kind="stable")][:count])
