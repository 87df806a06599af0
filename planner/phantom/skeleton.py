"""Vertebrae with bodies, arches and processes, discs, canal, and the ribs that slope round the trunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import VERTEBRA_LEVELS, Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, capsule, curve, rounded_prism, smooth_maximum, smooth_minimum, spline

BODY_Y_MM = 38.0
CANAL_Y_MM = 65.0
PEDICLE_X_MM = 15.0
CORTEX_MM = 1.3
RIB_MM = 3.3
FLATNESS = 1.75
"""Height of a rib over its thickness."""


def body_half_width_mm(level_z_mm: float) -> float:
    """Half width of a vertebral body: broader toward the feet."""
    return float(np.interp(-level_z_mm, [-130.0, 110.0], [16.5, 24.0]))


def _vertebral_body(box: Box, anatomy: Anatomy, level: tuple[str, float, float]) -> Array:
    """Signed distance: a waisted cylinder with concave end plates, wedged when it is the fractured level."""
    name, centre, half = level
    width = body_half_width_mm(centre)
    waist = 1.0 - 0.09 * np.clip(1.0 - ((box.z - centre) / half) ** 2, 0, 1)
    around = rounded_prism(box, (0.0, BODY_Y_MM), (width, 16.0), 2.5) + width * (1.0 - waist)
    dimple = 1.6 * np.exp(-((box.x / 12.0) ** 2) - (((box.y - BODY_Y_MM) / 9.0) ** 2))
    top, bottom = half - dimple, half - dimple
    if name == anatomy.fractured_level:
        front = np.clip((BODY_Y_MM + 14.0 - box.y) / 28.0, 0, 1)
        top = top - 12.5 * front - 1.5 * np.exp(-((box.x / 9.0) ** 2))
        around = around - 1.5 * np.exp(-(((box.z - centre) / 6.0) ** 2))
    ends = np.maximum(box.z - centre - top, centre - box.z - bottom)
    behind = rounded_prism(box, (0.0, CANAL_Y_MM), (11.5, 9.5), 2.0)
    shape = smooth_maximum(around.astype(np.float32), np.broadcast_to(ends, box.shape).astype(np.float32), 3.0)
    return smooth_maximum(shape, -behind, 2.0)


def _arch(box: Box, level: tuple[str, float, float]) -> Array:
    """Signed distance to pedicles, laminae, transverse, articular and spinous processes of one vertebra."""
    name, z, half = level
    thoracic = name.startswith("vertebrae_T")
    drop = 16.0 if thoracic else 6.0
    rods: list[tuple[tuple[float, float, float], tuple[float, float, float], float, float]] = [
        ((0, 80, z - 3), (0, 97, z - 3 - drop), 3.4, 3.0),
        ((0, 82, z - 9), (0, 96, z - 9 - drop), 2.8, 2.8),
    ]
    reach = 30.0 if thoracic else 40.0
    for side in (-1.0, 1.0):
        x = side * PEDICLE_X_MM
        rods += [
            ((x, 50, z + 5.5), (x * 1.05, 70, z + 4.5), 4.2, 4.4),
            ((x, 50, z + 1.5), (x * 1.05, 70, z + 0.5), 4.2, 4.4),
            ((x * 1.05, 71, z + 2), (0, 81, z - 5), 4.0, 3.4),
            ((x * 1.1, 71, z + 2), (side * reach, 77 + (5 if thoracic else -3), z + 3), 4.0, 2.8),
            ((x * 1.1, 71, z + 2), (x * 1.2, 74, z + half + 4), 3.8, 4.6),
            ((x, 73, z), (x * 1.05, 79, z - half - 3), 3.6, 4.2),
        ]
    distance = np.full(box.shape, 99.0, dtype=np.float32)
    for start, end, first, last in rods:
        distance = smooth_minimum(distance, capsule(box, start, end, first, last), 2.5)
    canal = rounded_prism(box, (0.0, CANAL_Y_MM), (11.0, 8.8), 2.0)
    return np.maximum(distance, -canal)


def paint_spine(canvas: Canvas, anatomy: Anatomy) -> None:
    """Discs first, then each vertebra: cortex, spongy bone within it, and the sac in the canal."""
    column = canvas.frame.box((-30, 18, -200), (30, 92, 200))
    if column is not None:
        width = curve(column.z, [(-110, 23.0), (130, 16.5)])
        disc = rounded_prism(column, (0.0, BODY_Y_MM), (1.0, 1.0), 2.5)
        scaled = (np.abs(column.x / width) ** 2.5 + np.abs((column.y - BODY_Y_MM) / 16.0) ** 2.5) ** 0.4
        disc = ((scaled - 1.0) * 16.0).astype(np.float32)
        canvas.paint(column, disc, "disc", texture=3.0 * anatomy.noise_6.on(column))
        sac = rounded_prism(column, (0.0, CANAL_Y_MM), (10.5, 8.3), 2.0) + 0.0 * column.z
        canvas.paint(column, sac, "mesenteric_fat")
        canvas.paint(column, sac + 1.3, "thecal_sac", structure="spinal_cord")
    for level in VERTEBRA_LEVELS:
        name, z, half = level
        box = canvas.frame.box((-46, 16, z - half - 24), (46, 102, z + half + 8))
        if box is None:
            continue
        body = _vertebral_body(box, anatomy, level) + 0.35 * anatomy.noise_6.on(box)
        bone = np.minimum(body, _arch(box, level))
        canvas.paint(box, bone, "cortical_bone", structure=name)
        grain = 38.0 * anatomy.noise_6.on(box) + 22.0 * anatomy.noise_12.on(box)
        dense = 160.0 if name == anatomy.fractured_level else 0.0
        canvas.paint(box, bone + CORTEX_MM, "trabecular_bone", texture=(grain + dense).astype(np.float32))


def _rib_path(anatomy: Anatomy, side: float, z_back: float, drop: float, last_deg: float) -> NDArray[np.float64]:
    """(n, 3) centreline on the inner half of the chest wall, from the spine round to the front."""
    angle = np.deg2rad(np.linspace(14.0, last_deg, 34))
    fat = anatomy.fat_mm
    half_x = 160.0 * anatomy.girth - fat - 6.5
    front = 116.0 * anatomy.depth - 0.9 * fat - 6.0
    back = 106.0 * anatomy.depth - 0.6 * fat - 9.5
    across, along = np.sin(angle), np.cos(angle)
    half_y = np.where(along > 0, back, front)
    radius = 1.0 / ((np.abs(across) / half_x) ** 2.3 + (np.abs(along) / half_y) ** 2.3) ** (1 / 2.3)
    share = (angle - angle[0]) / np.deg2rad(150.0)
    z = z_back - drop * (1.25 * share - 0.25 * share**2)
    waist = 1.0 - 0.05 * np.exp(-(((z + 55.0) / 55.0) ** 2))
    path = np.stack([side * across * radius * waist, along * radius, z], axis=1)
    root = np.array([[side * 20.0, 60.0, z_back + 4.0], [side * 31.0, 74.0, z_back + 3.0]])
    return spline(np.vstack([root, path[1:]]), 8.0)


def paint_ribs(canvas: Canvas, anatomy: Anatomy) -> None:
    """Ribs 6 to 12 of both sides; the upper ones end in costal cartilage."""
    plan = (
        (215.0, 118.0, 172.0, 128.0),
        (185.0, 112.0, 165.0, 122.0),
        (156.0, 108.0, 158.0, 116.0),
        (127.0, 104.0, 150.0, 112.0),
        (97.0, 98.0, 128.0, 128.0),
        (65.0, 72.0, 92.0, 92.0),
        (33.0, 44.0, 58.0, 58.0),
    )
    for z_back, drop, last, bony in plan:
        for side in (-1.0, 1.0):
            path = _rib_path(anatomy, side, z_back, drop, last)
            end = int(len(path) * min(1.0, bony / last))
            _paint_rib(canvas, path[end - 1 :], "cartilage")
            _paint_rib(canvas, path[:end], "cortical_bone")


def _paint_rib(canvas: Canvas, path: NDArray[np.float64], tissue: str) -> None:
    """A flat rod: taller than thick; bone gets its cortex first and its marrow over it."""
    parts = []
    for start, end in zip(path[:-1], path[1:], strict=True):
        box = canvas.frame.box(np.minimum(start, end) - 8.0, np.maximum(start, end) + 8.0)
        if box is not None:
            squeezed = replace(box, z=box.z / FLATNESS)
            low, high = start / (1.0, 1.0, FLATNESS), end / (1.0, 1.0, FLATNESS)
            parts.append((box, capsule(squeezed, low, high, RIB_MM, RIB_MM)))
    for box, flat in parts:
        canvas.paint(box, flat, tissue, structure="rib" if tissue == "cortical_bone" else None)
    if tissue == "cortical_bone":
        for box, flat in parts:
            canvas.paint(box, flat + 1.3, "trabecular_bone")


def pedicle_centres_lps_mm() -> dict[str, tuple[float, float, float]]:
    """Middle of each pedicle, by name such as ``pedicle L2 left``."""
    return {
        f"pedicle {name[-2:] if not name.endswith(('10', '11', '12')) else name[-3:]} {side}": (
            sign * PEDICLE_X_MM * 1.025,
            60.0,
            z + 3.0,
        )
        for name, z, _ in VERTEBRA_LEVELS
        for side, sign in (("left", 1.0), ("right", -1.0))
    }
