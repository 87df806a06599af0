"""Which part of an angiographic frame X-rays reached: shutters by tag, collimator leaves by the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun, Shutter

_FRAMES_LOOKED_AT = 8
_DARK_SHARE = 0.06
"""Of the way from the darkest to the brightest: collimator leaves let almost nothing through, bone a quarter."""
_OUTER_SHARE = 0.3
"""Leaves are looked for in this outer part of each side."""
_EDGE_STEP = 0.25
"""Least change of ln intensity across a leaf's edge."""
_EDGE_LENGTH = 0.7
"""Share of the open pixels along a line that must show that change: anatomy seldom draws a line across the image."""
_EDGE_REACH_PX = 4
_LEAST_OPEN = 0.1
_RIM_PX = 3


def open_field(run: AngioRun) -> NDArray[np.bool_]:
    """(y, x) True where the image is open.

    The shutter of the file, less what the image shows to be closed: dark areas connected to the border (leaves, masked
    corners, the round frame of an image intensifier), and straight leaves that some radiation passes. Three pixels at
    every border found are left out, because edges are blurred. Where less than a tenth would remain, nothing found
    is believed and the file's shutter alone stands.
    """
    said = shutter_field(run.shutter, run.size_yx)
    picture = _intensity(run)
    found = said & _not_dark(picture)
    found = _between_leaves(picture, found)
    if found.mean() < _LEAST_OPEN:
        return said
    return found


def shutter_field(shutter: Shutter | None, size_yx: tuple[int, int]) -> NDArray[np.bool_]:
    """(y, x) True inside the shutter a file tells; borders belong to the open part."""
    height, width = size_yx
    inside = np.ones(size_yx, dtype=np.bool_)
    if shutter is None:
        return inside
    y, x = np.ogrid[:height, :width]
    if shutter.left is not None:
        inside &= x >= shutter.left
    if shutter.right is not None:
        inside &= x <= shutter.right
    if shutter.top is not None:
        inside &= y >= shutter.top
    if shutter.bottom is not None:
        inside &= y <= shutter.bottom
    if shutter.circle is not None:
        centre_x, centre_y, radius = shutter.circle
        inside &= (x - centre_x) ** 2 + (y - centre_y) ** 2 <= radius**2
    if len(shutter.polygon_xy) >= 3:
        inside &= _in_polygon(shutter.polygon_xy, x, y)
    return inside if inside.any() else np.ones(size_yx, dtype=np.bool_)


def _in_polygon(
    corners: tuple[tuple[float, float], ...], x: NDArray[np.integer], y: NDArray[np.integer]
) -> NDArray[np.bool_]:
    """Even-odd rule."""
    inside = np.zeros(np.broadcast_shapes(x.shape, y.shape), dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(corners, (*corners[1:], corners[0]), strict=True):
        if ay == by:
            continue
        crosses = (y >= min(ay, by)) & (y < max(ay, by))
        inside ^= crosses & (x < ax + (y - ay) * (bx - ax) / (by - ay))
    return inside


def _intensity(run: AngioRun) -> NDArray[np.float32]:
    """Mean of a few frames, bright where radiation arrived, lowest value 0."""
    chosen = np.unique(np.linspace(0, run.count - 1, min(run.count, _FRAMES_LOOKED_AT)).astype(int))
    picture = np.mean([run.frames[index].astype(np.float32) for index in chosen], axis=0)
    if run.bright_is_dense:
        picture = picture.max() - picture
    found: NDArray[np.float32] = np.asarray(picture - picture.min(), dtype=np.float32)
    return found


def _not_dark(picture: NDArray[np.float32]) -> NDArray[np.bool_]:
    """True but for dark areas connected to the border."""
    from scipy import ndimage

    bright = float(np.percentile(picture, 98.0))
    dark = picture <= _DARK_SHARE * bright
    if bright <= 0.0 or not dark.any():
        return np.ones(picture.shape, dtype=np.bool_)
    labels, _ = ndimage.label(dark)
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    closed = np.isin(labels, border[border > 0])
    # Leaves are at least a few pixels wide; single dark pixels on the border are noise.
    core = ndimage.binary_opening(closed, iterations=2) | _at_border(closed)
    closed = ndimage.binary_propagation(core, mask=closed)
    grown: NDArray[np.bool_] = ndimage.binary_dilation(closed, iterations=_RIM_PX) if closed.any() else closed
    return _largest(~grown)


def _at_border(closed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whole outer rows and columns that are closed, which an opening would lose when they are thin."""
    kept = np.zeros_like(closed)
    for view, target in (
        (closed, kept),
        (closed.T, kept.T),
        (closed[::-1], kept[::-1]),
        (closed.T[::-1], kept.T[::-1]),
    ):
        for row in range(4):
            if view[row].mean() < 0.9:
                break
            target[row] = view[row]
    return kept


def _largest(field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    labels, count = ndimage.label(field)
    if count <= 1:
        return field
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    found: NDArray[np.bool_] = labels == int(np.argmax(sizes))
    return found


def _between_leaves(picture: NDArray[np.float32], field: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The field less what lies beyond straight edges of partly transparent leaves."""
    logs = np.log(picture + 0.01 * float(np.percentile(picture, 98.0)) + 1e-6)
    kept = field.copy()
    for turn in range(4):
        edge = _leaf_edge(np.rot90(logs, turn), np.rot90(kept, turn))
        if edge is not None:
            np.rot90(kept, turn)[: edge + _RIM_PX] = False
    return kept


def _leaf_edge(logs: NDArray[np.float32], field: NDArray[np.bool_]) -> int | None:
    """Innermost row of the upper part across which nearly the whole line grows brighter downwards, or None."""
    reach = _EDGE_REACH_PX
    last = int(logs.shape[0] * _OUTER_SHARE)
    if last <= 2 * reach:
        return None
    step = logs[2 * reach : last + 2 * reach] - logs[:last]
    both = field[2 * reach : last + 2 * reach] & field[:last]
    open_pixels = both.sum(axis=1)
    rising = ((step > _EDGE_STEP) & both).sum(axis=1)
    enough = (open_pixels > 0.3 * logs.shape[1]) & (rising >= _EDGE_LENGTH * np.maximum(open_pixels, 1))
    rows = np.flatnonzero(enough)
    if not rows.size:
        return None
    return int(rows[-1]) + 2 * reach
