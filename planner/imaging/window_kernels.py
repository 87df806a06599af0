"""Compiled grey-scale windows of `planner.imaging.window`. Importing this module loads numba.

The formulas are those of DICOM PS3.3 C.11.2.1.2 with an output range of 0 to 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.compiled import compiled


@compiled
def linear(
    image: NDArray[np.float32],
    centre: float,
    width: float,
    exact: bool,
    inverted: bool,
    background: int,
    grey: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """LINEAR (C.11.2.1.2.1) or LINEAR_EXACT (C.11.2.1.3.2); values that are no number become the background."""
    middle = centre if exact else centre - 0.5
    span = width if exact else width - 1.0
    if span <= 0.0:
        for row in range(first, last):
            for column in range(image.shape[1]):
                value = image[row, column]
                whole = 255 if (value > middle) != inverted else 0
                grey[row, column] = background if np.isnan(value) else whole
        return
    # Inside the window the standard's formula is a straight line, outside its two ends: one line, clipped.
    scale = 255.0 / span
    offset = 127.5 - middle * scale + 0.5
    if inverted:
        scale, offset = -scale, 256.0 - offset
    for row in range(first, last):
        for column in range(image.shape[1]):
            value = image[row, column]
            level = min(max(value * scale + offset, 0.5), 255.5)
            grey[row, column] = np.uint8(background) if value != value else np.uint8(np.int32(level))


@compiled
def sigmoid(
    image: NDArray[np.float32],
    centre: float,
    width: float,
    inverted: bool,
    background: int,
    grey: NDArray[np.uint8],
    first: int,
    last: int,
) -> None:
    """SIGMOID (C.11.2.1.3.1)."""
    for row in range(first, last):
        for column in range(image.shape[1]):
            value = float(image[row, column])
            if np.isnan(value):
                grey[row, column] = background
                continue
            whole = int(255.0 / (1.0 + np.exp(-4.0 * (value - centre) / width)) + 0.5)
            grey[row, column] = 255 - whole if inverted else whole
