"""Spleen, kidneys, adrenals, stomach, duodenum and pancreas."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.body import Trunk
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, chain, ellipsoid, smooth_maximum, smooth_minimum, spline
from planner.phantom.liver import LEFT_KIDNEY_LPS_MM, RIGHT_KIDNEY_LPS_MM, kidney, kidney_axes

STOMACH = (
    ((58.0, 12.0, 76.0), 25.0),
    ((66.0, 2.0, 68.0), 30.0),
    ((74.0, -30.0, 38.0), 25.0),
    ((60.0, -56.0, 8.0), 22.0),
    ((30.0, -66.0, -14.0), 18.0),
    ((4.0, -62.0, -16.0), 15.0),
    ((-16.0, -50.0, -10.0), 9.0),
)
STOMACH_LEVEL_Y_MM = -50.0
"""Gas lies in front of this plane in a patient on the back."""

DUODENUM = (
    (-18, -47, -10),
    (-36, -32, -12),
    (-42, -16, -28),
    (-40, -8, -58),
    (-20, -4, -70),
    (12, -8, -66),
    (34, -14, -52),
)
PANCREAS = (
    ((-27.0, -14.0, -44.0), 9.0),
    ((-24.0, -16.0, -24.0), 12.5),
    ((-12.0, -20.0, -12.0), 10.0),
    ((6.0, -24.0, -2.0), 8.0),
    ((28.0, -16.0, 8.0), 9.0),
    ((52.0, 6.0, 16.0), 9.5),
    ((76.0, 18.0, 26.0), 8.0),
)


def paint_spleen(canvas: Canvas, anatomy: Anatomy) -> None:
    """A crescent between the diaphragm, stomach and left kidney; mottled in the arterial phase."""
    box = canvas.frame.box((60, -40, -20), (165, 100, 100))
    if box is None:
        return
    trunk = Trunk(box, anatomy)
    body = ellipsoid(box, (108.0, 40.0, 38.0), (40.0, 52.0, 52.0))
    shape = smooth_maximum(body, trunk.cavity + 1.2, 6.0)
    shape = smooth_maximum(shape, trunk.below_diaphragm + 1.2, 6.0)
    shape = smooth_maximum(shape, -ellipsoid(box, (62.0, 8.0, 48.0), (44.0, 46.0, 64.0)), 8.0)
    shape = smooth_maximum(shape, -(kidney(box, 1.0) - 6.0), 8.0)
    shape = shape + 1.6 * anatomy.noise_28.on(box)
    canvas.paint(box, shape, "spleen", structure="spleen")
    mottle = np.clip(26.0 * anatomy.noise_12.on(box), -38, 38)
    if "arterial" in canvas.phases:
        part = canvas.hu[canvas.phases.index("arterial")][box.slices]
        part += canvas.coverage(shape) * mottle


def paint_kidneys(canvas: Canvas, anatomy: Anatomy) -> None:
    """Cortex, pyramids, sinus fat; corticomedullary difference in the arterial phase only."""
    for side, name, centre in (
        (1.0, "kidney_left", LEFT_KIDNEY_LPS_MM),
        (-1.0, "kidney_right", RIGHT_KIDNEY_LPS_MM),
    ):
        middle = np.asarray(centre)
        box = canvas.frame.box(middle - (46, 40, 66), middle + (46, 40, 66))
        if box is None:
            continue
        shape = kidney(box, side) + 0.9 * anatomy.noise_28.on(box)
        capsule_fat = shape - 3.0
        canvas.paint(box, capsule_fat, "fat")
        canvas.paint(box, shape, "kidney_cortex", structure=name)
        canvas.paint(box, _pyramids(box, shape, middle, side), "kidney_medulla")
        sinus = ellipsoid(box, (centre[0] - side * 13.0, centre[1] - 3.0, centre[2]), (14.0, 9.0, 29.0))
        sinus = sinus + 2.2 * anatomy.noise_12.on(box)
        canvas.paint(box, smooth_maximum(sinus, shape - 1.0, 2.0), "kidney_sinus")
        pelvis = ellipsoid(box, (centre[0] - side * 18.0, centre[1] - 2.0, centre[2] - 3.0), (11.0, 5.0, 9.0))
        canvas.paint(box, pelvis, "urine")


def _pyramids(box: Box, shape: Array, middle: NDArray[np.float64], side: float) -> Array:
    """Medullary pyramids between columns of cortex, arranged around the sinus."""
    axes = kidney_axes(side).astype(np.float32)
    x, y, z = box.x - middle[0], box.y - middle[1], box.z - middle[2]
    across, deep, along = (x * axes[0, c] + y * axes[1, c] + z * axes[2, c] for c in range(3))
    around = np.arctan2(deep, side * across + 14.0)
    level = along / 15.0
    columns = 4.6 * (np.cos(np.pi * 2.0 * level) * 0.55 + np.cos(around * 5.0) * 0.75)
    inner: Array = shape + 8.0 + columns
    return inner.astype(np.float32)


def paint_adrenals(canvas: Canvas) -> None:
    for name, points in (
        ("adrenal_gland_left", ((34, 22, 22), (38, 18, 34), (36, 30, 26), (38, 18, 34), (46, 30, 28))),
        ("adrenal_gland_right", ((-32, 26, 34), (-33, 22, 44), (-38, 32, 36))),
    ):
        places = np.asarray(points, dtype=float)
        box = canvas.frame.box(places.min(axis=0) - 8, places.max(axis=0) + 8)
        if box is not None:
            canvas.paint(box, chain(box, places, [2.2] * len(places)), "adrenal", structure=name)


def stomach(box: Box, anatomy: Anatomy) -> Array:
    """Signed distance to the outer surface of the stomach."""
    points = spline([place for place, _ in STOMACH], 12.0)
    known = np.linspace(0, 1, len(STOMACH))
    radii = np.interp(np.linspace(0, 1, len(points)), known, [radius for _, radius in STOMACH])
    shape = chain(box, points, radii, 8.0) + 1.2 * anatomy.noise_28.on(box)
    trunk = Trunk(box, anatomy)
    shape = smooth_maximum(shape, trunk.cavity + 5.0, 6.0)
    return smooth_maximum(shape, trunk.below_diaphragm + 2.0, 6.0)


def paint_stomach(canvas: Canvas, anatomy: Anatomy) -> None:
    """Wall with folds, fluid behind and gas in front; then the duodenum."""
    box = canvas.frame.box((-34, -105, -44), (110, 60, 104))
    if box is not None:
        shape = stomach(box, anatomy)
        canvas.paint(box, shape, "gut_wall", structure="stomach")
        lumen = shape + 4.2 + 1.4 * anatomy.noise_6.on(box)
        canvas.paint(box, lumen, "gut_fluid", texture=12.0 * np.clip(anatomy.noise_12.on(box), 0, 2))
        gas = np.maximum(lumen, box.y - STOMACH_LEVEL_Y_MM)
        canvas.paint(box, gas.astype(np.float32), "gut_gas")
    path = spline(DUODENUM, 7.0)
    box = canvas.frame.box(path.min(axis=0) - 16, path.max(axis=0) + 16)
    if box is not None:
        tube = chain(box, path, np.full(len(path), 10.5), 2.0) + 1.2 * anatomy.noise_12.on(box)
        canvas.paint(box, tube, "gut_wall", structure="duodenum")
        canvas.paint(box, tube + 3.2 + anatomy.noise_6.on(box), "gut_fluid")


def paint_pancreas(canvas: Canvas, anatomy: Anatomy) -> None:
    """A lobulated gland in front of the splenic vein."""
    box = canvas.frame.box((-44, -42, -60), (92, 30, 46))
    if box is None:
        return
    points = spline([place for place, _ in PANCREAS], 6.0)
    known = np.linspace(0, 1, len(PANCREAS))
    radii = np.interp(np.linspace(0, 1, len(points)), known, [radius for _, radius in PANCREAS])
    gland = chain(box, points, radii, 2.0) + 1.7 * anatomy.noise_6.on(box)
    lobules = -28.0 * np.clip(anatomy.noise_6.on(box) - 0.4, 0, 2)
    canvas.paint(box, gland.astype(np.float32), "pancreas", structure="pancreas", texture=lobules.astype(np.float32))


def union(parts: list[Array]) -> Array:
    result = parts[0]
    for part in parts[1:]:
        result = smooth_minimum(result, part, 0.0)
    return result
