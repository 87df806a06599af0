"""The trunk: skin, fat, wall muscles, the cavity within, diaphragm, lungs and heart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from planner.phantom.anatomy import Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, chain, curve, ellipsoid, smooth_maximum

HALF_WIDTH_MM = 160.0
FRONT_MM = 116.0
BACK_MM = 106.0


@dataclass(frozen=True, eq=False)
class Trunk:
    """Surfaces of the trunk evaluated on one block of voxels; each is signed (mm), negative inside.

    Parameters
    ----------
    box
        Where.
    anatomy
        Whose.
    """

    box: Box
    anatomy: Anatomy

    def _ring(self, side_mm: float, front_mm: float, back_mm: float, power: float) -> Array:
        """Radial distance to a closed curve around the body's axis, waisted along z."""
        box = self.box
        waist = 1.0 - 0.05 * np.exp(-(((box.z + 55.0) / 55.0) ** 2))
        side = np.float32(side_mm) * waist
        half_y = np.where(box.y < 0.0, np.float32(front_mm), np.float32(back_mm))
        scaled = (np.abs(box.x / side) ** power + np.abs(box.y / half_y) ** power) ** (1.0 / power)
        radius = np.sqrt(box.x * box.x + box.y * box.y + 1.0)
        ring: Array = radius * (1.0 - 1.0 / np.maximum(scaled, 0.02))
        return ring.astype(np.float32)

    @cached_property
    def skin(self) -> Array:
        anatomy, box = self.anatomy, self.box
        groove = 7.0 * np.exp(-((box.x / 16.0) ** 2)) * (box.y > 0)
        ring = self._ring(HALF_WIDTH_MM * anatomy.girth, FRONT_MM * anatomy.depth, BACK_MM * anatomy.depth, 2.35)
        surface: Array = ring + groove + 2.0 * anatomy.noise_55.on(box)
        return surface.astype(np.float32)

    @cached_property
    def wall(self) -> Array:
        """Outer face of the muscles and ribs."""
        anatomy = self.anatomy
        fat = anatomy.fat_mm
        ring = self._ring(
            HALF_WIDTH_MM * anatomy.girth - fat,
            FRONT_MM * anatomy.depth - 0.9 * fat,
            BACK_MM * anatomy.depth - 0.6 * fat,
            2.3,
        )
        surface: Array = ring + 1.4 * anatomy.noise_28.on(self.box)
        return surface.astype(np.float32)

    @cached_property
    def cavity(self) -> Array:
        """Inner face of the wall: the pleural and peritoneal space."""
        box = self.box
        flank = curve(box.z, [(-130, 19.0), (-60, 17.0), (-10, 13.0), (40, 12.0), (130, 12.0)])
        side = np.abs(box.x) / (np.abs(box.x) + np.abs(box.y) + 1.0)
        thickness = 9.0 + (flank - 9.0) * side
        behind = np.where(box.y > 0, 9.0 * np.clip(box.y / 80.0, 0, 1), 0.0)
        surface: Array = self.wall + thickness + behind
        return surface.astype(np.float32)

    @cached_property
    def dome_mm(self) -> Array:
        """(1, j, i): height z of the abdominal face of the diaphragm."""
        x, y = self.box.x, self.box.y

        def dome(centre_x: float, centre_y: float, half_x: float, half_y: float, top: float, depth: float) -> Array:
            reach = ((x - centre_x) / half_x) ** 2 + ((y - centre_y) / half_y) ** 2
            height: Array = top - depth * (1.0 - np.sqrt(np.maximum(1.0 - reach, 0.0)))
            return np.where(reach < 1.0, height, top - depth - 60.0 * (np.sqrt(reach) - 1.0)).astype(np.float32)

        right = dome(-72.0, 2.0, 84.0, 108.0, 106.0, 106.0)
        left = dome(74.0, 6.0, 80.0, 104.0, 92.0, 100.0)
        middle = dome(4.0, -10.0, 78.0, 92.0, 88.0, 62.0)
        return smooth_minimum_of_tops(smooth_minimum_of_tops(right, left, 10.0), middle, 10.0)

    @cached_property
    def below_diaphragm(self) -> Array:
        """Distance to the diaphragm's abdominal face, negative below it."""
        dome = self.dome_mm[0]
        if dome.shape[0] < 2 or dome.shape[1] < 2:
            slope = np.ones_like(dome)
        else:
            along_y = np.gradient(dome, self.box.y.ravel(), axis=0)
            along_x = np.gradient(dome, self.box.x.ravel(), axis=1)
            slope = np.sqrt(1.0 + np.minimum(along_y**2 + along_x**2, 12.0))
        distance: Array = (self.box.z - dome[None]) / slope[None].astype(np.float32)
        return distance.astype(np.float32)

    @cached_property
    def lungs(self) -> Array:
        """Both pleural sacs."""
        x, y = self.box.x, self.box.y
        mediastinum = curve(y, [(-120, 12.0), (-70, 26.0), (0, 30.0), (25, 22.0), (60, 24.0), (90, 34.0)])
        beside = mediastinum - np.abs(x)
        sac = smooth_maximum(self.cavity + 1.0, np.broadcast_to(beside, self.box.shape).astype(np.float32), 8.0)
        return smooth_maximum(sac, 3.2 - self.below_diaphragm, 3.0)


def smooth_minimum_of_tops(first: Array, second: Array, blend_mm: float) -> Array:
    """The higher of two surfaces, blended."""
    return smooth_maximum(first, second, blend_mm)


def paint_wall(canvas: Canvas, trunk: Trunk) -> None:
    """Skin, subcutaneous fat, wall muscles and the fat within the cavity."""
    box, anatomy = trunk.box, trunk.anatomy
    fine = anatomy.noise_6.on(box)
    canvas.paint(box, trunk.skin, "skin", structure="skin")
    canvas.paint(box, trunk.skin + 2.2, "fat", texture=4.0 * fine)
    depth = -trunk.wall
    layers = np.exp(-(((depth - 6.0) / 0.9) ** 2)) + np.exp(-(((depth - 11.5) / 0.9) ** 2))
    flank = np.clip((20.0 - box.z) / 30.0, 0, 1) * np.clip((np.abs(box.x) - 60.0) / 20.0, 0, 1)
    linea = np.exp(-((box.x / 3.5) ** 2)) * (box.y < -40)
    texture = 7.0 * fine - 120.0 * layers * flank - 70.0 * linea
    canvas.paint(box, trunk.wall, "muscle", texture=texture.astype(np.float32))
    canvas.paint(box, trunk.cavity, "fat", texture=3.0 * fine)


def paint_back_muscles(canvas: Canvas, anatomy: Anatomy) -> None:
    """Erector spinae, psoas, quadratus lumborum and the crura."""
    for side in (-1.0, 1.0):
        box = canvas.frame.box((min(4 * side, 62 * side), 48, -200), (max(4 * side, 62 * side), 108, 200))
        if box is not None:
            spread = 2.2 * anatomy.noise_12.on(box)
            shape = _column(box, (side * 31.0, 76.0), (25.0, 17.5)) + spread
            marbling = -55.0 * np.clip(anatomy.noise_6.on(box) - 1.1, 0, 1.5) + 4.0 * anatomy.noise_12.on(box)
            canvas.paint(box, shape.astype(np.float32), "muscle", texture=marbling.astype(np.float32))
        box = canvas.frame.box((min(15 * side, 75 * side), 10, -200), (max(15 * side, 75 * side), 90, 25))
        if box is None:
            continue
        _paint_psoas(canvas, box, anatomy, side)


def _column(box: Box, centre: tuple[float, float], half: tuple[float, float]) -> Array:
    """An elliptic column along z."""
    scaled = np.sqrt(((box.x - centre[0]) / half[0]) ** 2 + ((box.y - centre[1]) / half[1]) ** 2)
    distance: Array = (scaled - 1.0) * min(half) + 0.0 * box.z
    return distance.astype(np.float32)


def _paint_psoas(canvas: Canvas, box: Box, anatomy: Anatomy, side: float) -> None:
    radius = curve(box.z, [(-130, 20.0), (-100, 18.0), (-60, 14.0), (-20, 9.0), (10, 3.0), (20, -2.0)])
    across = curve(box.z, [(-130, 46.0), (-60, 38.0), (0, 30.0)])
    scaled = np.sqrt((box.x - side * across) ** 2 + (0.9 * (box.y - 42.0)) ** 2)
    psoas = scaled - radius + 1.2 * anatomy.noise_12.on(box)
    canvas.paint(box, psoas.astype(np.float32), "muscle", texture=5.0 * anatomy.noise_6.on(box))
    quadratus = _column(box, (side * 62.0, 66.0), (15.0, 7.5)) + 1.0 * anatomy.noise_12.on(box)
    fade = np.clip((box.z - 5.0), 0, None)
    canvas.paint(box, (quadratus + fade).astype(np.float32), "muscle", texture=5.0 * anatomy.noise_6.on(box))


def paint_lungs(canvas: Canvas, trunk: Trunk) -> None:
    """Diaphragm and lungs."""
    box, anatomy = trunk.box, trunk.anatomy
    sheet = np.maximum(np.abs(trunk.below_diaphragm - 1.4) - 1.6, trunk.cavity)
    visible = np.clip((box.z + 60.0) / 40.0, 0, 1)
    canvas.blend(box, canvas.coverage(sheet.astype(np.float32)) * visible.astype(np.float32), "muscle")
    lungs = trunk.lungs
    marks = 26.0 * anatomy.noise_12.on(box) + 22.0 * anatomy.noise_6.on(box)
    fissures = 420.0 * np.clip(anatomy.noise_6.on(box) - 2.2, 0, 1)
    canvas.paint(box, lungs, "lung", texture=(marks + fissures).astype(np.float32))
    for name, sign in (("lung_left", 1.0), ("lung_right", -1.0)):
        canvas.structures[box.slices][(lungs < 0) & (sign * box.x > 0)] = _value(name)


def paint_heart(canvas: Canvas, anatomy: Anatomy) -> None:
    """The base of the heart, and the crura behind it."""
    heart_box = canvas.frame.box((-60, -100, 78), (100, 30, 220))
    if heart_box is not None:
        base = ellipsoid(heart_box, (24.0, -40.0, 146.0), (62.0, 45.0, 56.0)) + 2.0 * anatomy.noise_28.on(heart_box)
        canvas.paint(heart_box, base - 5.0, "mesenteric_fat")
        canvas.paint(heart_box, base, "heart_wall", structure="heart")
        for centre, half in (((44.0, -30.0, 146.0), (26.0, 24.0, 42.0)), ((6.0, -58.0, 146.0), (34.0, 16.0, 42.0))):
            canvas.paint(heart_box, ellipsoid(heart_box, centre, half), "heart_blood")
    paint_crura(canvas)


def paint_crura(canvas: Canvas) -> None:
    """The two pillars of the diaphragm beside the aorta."""
    for points, radii in (
        ([(-8, 22, -62), (-9, 14, -10), (-9, 2, 30), (-4, -8, 60)], [2.5, 4.5, 5.0, 4.0]),
        ([(24, 24, -45), (25, 14, -5), (24, 2, 30), (18, -8, 60)], [2.0, 3.8, 4.5, 4.0]),
    ):
        places = np.asarray(points, dtype=float)
        box = canvas.frame.box(places.min(axis=0) - 8, places.max(axis=0) + 8)
        if box is not None:
            canvas.paint(box, chain(box, points, radii, 3.0), "muscle")


def _value(name: str) -> int:
    from planner.phantom.enhancement import structure_value

    return structure_value(name)
