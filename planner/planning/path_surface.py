"""The skin as a list of points a needle may enter at: the outer faces of the body mask's voxels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused
from planner.imaging.masks import Index, Mask, ball_box, box_slices, clipped_box, is_empty


@dataclass(frozen=True, eq=False, slots=True)
class SkinPoints:
    """Attributes
    ----------
    lps_mm
        (n, 3): for each voxel of the body with outside air beside it, the middle of its open faces.
    kji
        (n, 3) that voxel.
    """

    lps_mm: NDArray[np.float64]
    kji: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.lps_mm)

    def chosen(self, which: NDArray[np.bool_]) -> SkinPoints:
        return SkinPoints(self.lps_mm[which], self.kji[which])


def skin_points(body: Mask, around_lps_mm: NDArray[np.float64], reach_mm: float | None) -> SkinPoints:
    """Every skin point within reach of a point.

    Air inside the body is no skin, and neither is the cut at the first and the last slice or at the edge of the image.

    Parameters
    ----------
    body
        The whole body, filled or not.
    reach_mm
        None looks at all of it.

    Raises
    ------
    InputRefused
        ``empty-mask`` for a body without voxels.
    """
    if body.is_empty:
        raise InputRefused("empty-mask", "The mask of the skin is empty; segment the body first.", subject="skin")
    low, high = body.box
    if reach_mm is not None:
        ball = ball_box(body.grid, around_lps_mm, reach_mm)
        if is_empty(ball):
            return SkinPoints(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
        low = (max(low[0], ball[0][0]), low[1], low[2])
        high = (min(high[0], ball[1][0]), high[1], high[2])
    points = _open_faces(body, low, high) if low[0] < high[0] else SkinPoints(np.empty((0, 3)), np.empty((0, 3), int))
    if reach_mm is None:
        return points
    return points.chosen(np.linalg.norm(points.lps_mm - around_lps_mm, axis=1) <= reach_mm)


def _open_faces(body: Mask, low: Index, high: Index) -> SkinPoints:
    """The body's voxels in a box that reaches across the whole body in its slices."""
    bits, air = _bits_and_air(body, low, high)
    inner = (slice(1, -1),) * 3
    faces = np.zeros(bits[inner].shape, dtype=np.int8)
    offset = np.zeros((*faces.shape, 3), dtype=np.int8)
    for axis in range(3):
        for way in (-1, 1):
            shifted = list(inner)
            shifted[axis] = slice(1 + way, bits.shape[axis] - 1 + way)
            open_face = bits[inner] & air[tuple(shifted)]
            faces += open_face
            offset[..., axis][open_face] += way
    kji = np.argwhere(faces > 0)
    found = (kji[:, 0], kji[:, 1], kji[:, 2])
    middle = kji + np.asarray(low) + 0.5 * offset[found] / faces[found][:, None]
    return SkinPoints(body.grid.lps_from_kji.points(middle), kji + np.asarray(low))


def _bits_and_air(body: Mask, low: Index, high: Index) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The body, and the air around it inside the image, in the box and one voxel more on each side."""
    from scipy import ndimage

    first, last = np.asarray(low) - 1, np.asarray(high) + 1
    bits = np.zeros(tuple(last - first), dtype=np.bool_)
    box = clipped_box(first, last, body.grid.size_kji)
    within = box_slices(box, (int(first[0]), int(first[1]), int(first[2])))
    bits[within] = body.within(box)
    parts, _ = ndimage.label(~bits)
    rim = np.concatenate([parts[:, 0].ravel(), parts[:, -1].ravel(), parts[:, :, 0].ravel(), parts[:, :, -1].ravel()])
    outside = np.zeros(int(parts.max()) + 1, dtype=np.bool_)
    outside[rim] = True
    outside[0] = False
    air = np.zeros_like(bits)
    air[within] = outside[parts[within]]
    return bits, air
