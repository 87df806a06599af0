"""Conventions of other programs, turned into ours at the door: LPS millimetres and indices in the order k, j, i.

NIfTI counts in RAS (patient right to left, back to front, feet to head), NRRD in a space that it names, MetaImage in
LPS. All of them index i, j, k with i fastest in memory, so their arrays are [k, j, i] as they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

_SIGNS = {"R": (0, -1.0), "L": (0, 1.0), "A": (1, -1.0), "P": (1, 1.0), "S": (2, 1.0), "I": (2, -1.0)}
"""Towards which LPS axis, and in which sense, a letter points."""


def lps_from_letters(letters: str) -> NDArray[np.float64]:
    """(3, 3) map from a world whose axes point to the letters (``RAS``, ``LPS``, ``LAS``) to LPS.

    Raises
    ------
    ValueError
        When the letters do not name three different axes.
    """
    axes = [_SIGNS[letter] for letter in letters if letter in _SIGNS]
    if len(letters) != 3 or len({axis for axis, _ in axes}) != 3:
        raise ValueError(f"'{letters}' does not name three axes")
    turned = np.zeros((3, 3))
    for column, (axis, sign) in enumerate(axes):
        turned[axis, column] = sign
    return turned


def lps_from_kji_of(world_from_ijk: ArrayLike, letters: str) -> NDArray[np.float64]:
    """(4, 4) homogeneous map from k, j, i to LPS.

    Parameters
    ----------
    world_from_ijk
        (4, 4) homogeneous map from i, j, k to a world in mm.
    letters
        Where that world's axes point.
    """
    given = np.asarray(world_from_ijk, dtype=np.float64)
    turned = np.eye(4)
    turned[:3, :3] = lps_from_letters(letters)
    found: NDArray[np.float64] = turned @ given
    return found[:, [2, 1, 0, 3]]


def world_from_ijk_of(lps_from_kji: ArrayLike, letters: str) -> NDArray[np.float64]:
    """The inverse of `lps_from_kji_of`: (4, 4) map from i, j, k to a world whose axes point to the letters."""
    given = np.asarray(lps_from_kji, dtype=np.float64)
    turned = np.eye(4)
    turned[:3, :3] = lps_from_letters(letters).T
    found: NDArray[np.float64] = turned @ given[:, [2, 1, 0, 3]]
    return found
