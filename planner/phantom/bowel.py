"""Colon with haustra, gas and faeces; small-bowel loops in the mesentery."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.body import Trunk
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, capsule, smooth_maximum, spline

COLON = (
    ((-108, 30, -150), (-108, 28, -128), (-106, 22, -108), (-100, 6, -98), (-92, -22, -92), (-84, -52, -84)),
    ((-84, -52, -84), (-62, -76, -78), (-30, -84, -72), (4, -86, -66), (38, -84, -52), (66, -76, -30), (92, -50, -8)),
    ((92, -50, -8), (104, -22, 2), (112, 8, -4), (114, 26, -26), (114, 32, -60), (114, 32, -100), (112, 32, -150)),
)
COLON_RADII_MM = (20.0, 16.5, 13.5)


def _tube(box: Box, path: NDArray[np.float64], radius: NDArray[np.float64]) -> Array:
    """Distance to a tube, each rod evaluated only near itself."""
    far = np.full(box.shape, 60.0, dtype=np.float32)
    z, y, x = box.z.ravel(), box.y.ravel(), box.x.ravel()
    for index in range(len(path) - 1):
        reach = float(max(radius[index], radius[index + 1])) + 8.0
        low = np.minimum(path[index], path[index + 1]) - reach
        high = np.maximum(path[index], path[index + 1]) + reach
        parts = tuple(
            slice(int(np.searchsorted(values, low[axis])), int(np.searchsorted(values, high[axis], side="right")))
            for values, axis in ((z, 2), (y, 1), (x, 0))
        )
        if any(part.stop <= part.start for part in parts):
            continue
        near = Box((parts[0], parts[1], parts[2]), box.x[:, :, parts[2]], box.y[:, parts[1], :], box.z[parts[0], :, :])
        rod = capsule(near, path[index], path[index + 1], radius[index], radius[index + 1])
        region = far[near.slices]
        np.minimum(region, rod, out=region)
    return far


def paint_colon(canvas: Canvas, anatomy: Anatomy) -> None:
    """Ascending, transverse and descending parts."""
    for points, base in zip(COLON, COLON_RADII_MM, strict=True):
        path = spline(points, 5.0)
        box = canvas.frame.box(path.min(axis=0) - base - 10, path.max(axis=0) + base + 10)
        if box is None:
            continue
        along = np.arange(len(path)) * 5.0
        radius = base + 2.6 * np.sin(along / 22.0 * 2 * np.pi) + 1.5 * np.sin(along / 61.0)
        trunk = Trunk(box, anatomy)
        tube = np.maximum(_tube(box, path, radius) + 1.6 * anatomy.noise_12.on(box), trunk.cavity + 2.0)
        canvas.paint(box, tube, "gut_wall", structure="colon")
        lumen = tube + 2.0
        mottle = 24.0 * anatomy.noise_6.on(box) - 420.0 * np.clip(anatomy.noise_6.on(box) - 1.0, 0, 1.2)
        canvas.paint(box, lumen, "faeces", texture=mottle.astype(np.float32))
        level = np.interp(box.x.ravel(), path[np.argsort(path[:, 0]), 0], path[np.argsort(path[:, 0]), 1])
        front = box.y - (level[None, None, :].astype(np.float32) - 3.0 + 5.0 * anatomy.noise_28.on(box))
        pockets = np.maximum(lumen, np.maximum(front, 6.0 - 12.0 * np.clip(anatomy.noise_28.on(box) + 0.8, 0, 1)))
        canvas.paint(box, pockets.astype(np.float32), "gut_gas")


def _loops(anatomy: Anatomy) -> list[NDArray[np.float64]]:
    """Serpentine loops in sheets from front to back, beside the great vessels, bent at random."""
    random = anatomy.random(31)
    sheets = []
    for y, low, high, left, right in (
        (-66.0, -142.0, -88.0, -66.0, 92.0),
        (-40.0, -142.0, -44.0, -58.0, 98.0),
        (-14.0, -142.0, -46.0, 34.0, 96.0),
        (-14.0, -142.0, -88.0, -84.0, -34.0),
        (14.0, -142.0, -62.0, 52.0, 94.0),
    ):
        turns: list[tuple[float, float, float]] = []
        rows = np.arange(high, low, -24.0)
        for row, z in enumerate(rows):
            columns = np.linspace(left, right, max(3, round((right - left) / 28.0)))
            for x in columns if row % 2 == 0 else columns[::-1]:
                jitter = random.uniform(-1, 1, 3) * (5.0, 7.0, 9.0)
                turns.append((x + jitter[0], y + jitter[1], z + jitter[2]))
        sheets.append(spline(turns, 6.0))
    return sheets


def paint_small_bowel(canvas: Canvas, anatomy: Anatomy) -> None:
    """Loops with enhancing walls, fluid and a little gas; in front of the great vessels."""
    box = canvas.frame.box((-112, -104, -140), (122, 32, -24))
    if box is None:
        return
    trunk = Trunk(box, anatomy)
    aside = np.sqrt((0.62 * (box.x + 2.0)) ** 2 + (box.y - 14.0) ** 2) - 20.0
    for path in _loops(anatomy):
        along = np.arange(len(path)) * 6.0
        radius = 10.0 + 1.4 * np.sin(along / 13.0) + 1.6 * np.sin(along / 47.0)
        tube = _tube(box, path, radius) + 1.1 * anatomy.noise_12.on(box)
        tube = smooth_maximum(np.maximum(tube, trunk.cavity + 3.0), -aside, 6.0)
        canvas.paint(box, tube.astype(np.float32), "gut_wall", structure="small_bowel")
        folds = 30.0 * np.clip(anatomy.noise_6.on(box), 0, 1.5)
        canvas.paint(box, (tube + 2.3).astype(np.float32), "gut_fluid", texture=folds.astype(np.float32))
        bubbles = np.maximum(tube + 3.4, 4.0 * (1.5 - anatomy.noise_12.on(box)))
        canvas.paint(box, bubbles.astype(np.float32), "gut_gas")
