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


def filled_body(body: Mask) -> Mask:
    """The body with the air inside it: what cannot be reached from the edges of its slices is inside.

    The first and the last slice are no edges: the windpipe of a chest that the image cuts is inside. A mask made by a
    threshold has lungs and bowel as holes; a needle that runs through them does not leave the body.

    Raises
    ------
    InputRefused
        ``empty-mask`` for a body without voxels.
    """
    from scipy import ndimage

    if body.is_empty:
        raise InputRefused("empty-mask", "The mask of the skin is empty; segment the body first.", subject="skin")
    bits = np.pad(body.voxels, ((0, 0), (1, 1), (1, 1)))
    parts, count = ndimage.label(~bits)
    outside = np.zeros(count + 1, dtype=np.bool_)
    for rim in (parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]):
        outside[np.unique(rim)] = True
    outside[0] = False
    if count == np.count_nonzero(outside):
        return body
    return Mask.of(body.grid, ~outside[parts][:, 1:-1, 1:-1], body.box[0])


def skin_points(body: Mask, around_lps_mm: NDArray[np.float64], reach_mm: float | None) -> SkinPoints:
    """Every skin point within reach of a point.

    The cut at the first and the last slice or at the edge of the image is no skin.

    Parameters
    ----------
    body
        The whole body without holes (`filled_body`).
    reach_mm
        None looks at all of it.
    """
    nothing = SkinPoints(np.empty((0, 3)), np.empty((0, 3), dtype=np.int64))
    low, high = body.box
    if reach_mm is not None:
        ball = ball_box(body.grid, around_lps_mm, reach_mm)
        low, high = _index(np.maximum(low, ball[0])), _index(np.minimum(high, ball[1]))
        if is_empty(ball) or is_empty((low, high)):
            return nothing
    points = _open_faces(body, low, high)
    if reach_mm is None:
        return points
    return points.chosen(np.linalg.norm(points.lps_mm - around_lps_mm, axis=1) <= reach_mm)


def _index(values: NDArray[np.int64]) -> Index:
    k, j, i = (int(value) for value in values)
    return k, j, i


def _open_faces(body: Mask, low: Index, high: Index) -> SkinPoints:
    """The voxels of a box that have a face to the air."""
    bits, air = _bits_and_air(body, low, high)
    inner = (slice(1, -1),) * 3
    faces = np.zeros(bits[inner].shape, dtype=np.int8)
    offset = np.zeros((3, *faces.shape), dtype=np.int8)
    for axis in range(3):
        for way in (-1, 1):
            shifted = list(inner)
            shifted[axis] = slice(1 + way, bits.shape[axis] - 1 + way)
            open_face = bits[inner] & air[tuple(shifted)]
            faces += open_face
            offset[axis][open_face] += way
    kji = np.argwhere(faces)
    found = (kji[:, 0], kji[:, 1], kji[:, 2])
    middle = kji + np.asarray(low) + 0.5 * (offset[:, *found] / faces[found]).T
    return SkinPoints(body.grid.lps_from_kji.points(middle), kji + np.asarray(low))


def _bits_and_air(body: Mask, low: Index, high: Index) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """The body, and what is not of it inside the image, in the box and one voxel more on each side."""
    first, last = np.asarray(low) - 1, np.asarray(high) + 1
    bits = np.zeros(tuple(last - first), dtype=np.bool_)
    air = np.zeros_like(bits)
    box = clipped_box(first, last, body.grid.size_kji)
    within = box_slices(box, _index(first))
    bits[within] = body.within(box)
    air[within] = ~bits[within]
    return bits, air
