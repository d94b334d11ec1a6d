"""The arrays and boxes that pass between modules, each named once."""

import numpy as np
from numpy.typing import NDArray

GreyImage = NDArray[np.uint8]
"""Grey levels (h, w), 0 black to 255 white."""
Pixels = NDArray[np.uint8]
"""Grey (h, w) or RGB (h, w, 3), one image or a stack of them, 8 bits a sample."""
Mask = NDArray[np.bool_]
"""Which pixels or items belong to something, of any shape."""
Floats = NDArray[np.float64]
"""Numbers of 64 bits, of any shape: statistics are computed in them."""
Floats32 = NDArray[np.float32]
"""Numbers of 32 bits, of any shape: images, features and maps are computed in them."""
Integers = NDArray[np.int64]
"""Whole numbers of 64 bits, of any shape."""
Points = NDArray[np.float64]
"""Points (n, 2): column and row, in pixels."""
Box = tuple[int, int, int, int]
"""Left, top, right and bottom in pixels; right and bottom are the first ones outside."""
