"""The liver: its outer shape, its Couinaud segments and the gall bladder beneath it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.body import Trunk
from planner.phantom.canvas import Canvas
from planner.phantom.fields import (
    Array,
    Box,
    capsule,
    curve,
    ellipsoid,
    smooth_maximum,
    smooth_minimum,
    turned_ellipsoid,
)

CONFLUENCE_LPS_MM = (-24.0, 6.0, 84.0)
"""Where the hepatic veins meet the inferior vena cava."""

VENA_CAVA = (
    ((-20.0, 16.0, -130.0), 10.0),
    ((-21.0, 15.0, -80.0), 10.5),
    ((-22.0, 12.0, -30.0), 11.0),
    ((-23.0, 10.0, 10.0), 12.0),
    ((-25.0, 8.0, 50.0), 12.5),
    ((-24.0, 4.0, 84.0), 14.0),
    ((-20.0, -6.0, 104.0), 14.0),
    ((-16.0, -16.0, 130.0), 15.0),
)
"""Centreline (LPS mm) and radius (mm) of the inferior vena cava."""

GALLBLADDER = ((-40.0, -44.0, -8.0), (-50.0, -66.0, -34.0), (-55.0, -78.0, -48.0))
GALLBLADDER_RADII_MM = (6.0, 13.0, 14.5)

RIGHT_KIDNEY_LPS_MM = (-62.0, 44.0, -22.0)
LEFT_KIDNEY_LPS_MM = (62.0, 42.0, -4.0)


def kidney_axes(side: float) -> NDArray[np.float64]:
    """Columns: the kidney's own axes; the upper pole leans inward and back."""
    long_axis = np.array([-side * 0.24, 0.20, 1.0])
    long_axis /= np.linalg.norm(long_axis)
    across = np.cross(np.array([0.0, 1.0, 0.0]), long_axis)
    across /= np.linalg.norm(across)
    return np.stack([across, np.cross(long_axis, across), long_axis], axis=1)


def kidney(box: Box, side: float) -> Array:
    """Signed distance to a kidney; side is +1 left, -1 right."""
    centre = LEFT_KIDNEY_LPS_MM if side > 0 else RIGHT_KIDNEY_LPS_MM
    bean = turned_ellipsoid(box, centre, (27.0, 24.0, 54.0), kidney_axes(side))
    hilum = ellipsoid(box, (centre[0] - side * 25.0, centre[1] - 6.0, centre[2] - 2.0), (15.0, 10.0, 17.0))
    return smooth_maximum(bean, -hilum, 9.0)


def gallbladder(box: Box) -> Array:
    parts = list(zip(GALLBLADDER, GALLBLADDER_RADII_MM, strict=True))
    first = capsule(box, parts[0][0], parts[1][0], parts[0][1], parts[1][1])
    return smooth_minimum(first, capsule(box, parts[1][0], parts[2][0], parts[1][1], parts[2][1]), 6.0)


def vena_cava(box: Box) -> Array:
    distance = np.full(box.shape, 99.0, dtype=np.float32)
    for (start, first), (end, last) in zip(VENA_CAVA[:-1], VENA_CAVA[1:], strict=True):
        distance = np.minimum(distance, capsule(box, start, end, first, last))
    return distance


def liver(box: Box, anatomy: Anatomy) -> Array:
    """Signed distance to the liver, its neighbours' impressions taken out.

    The upper face follows the diaphragm, the outer one the wall; the visceral face climbs from the tip of the right
    lobe to the thin left one.
    """
    trunk = Trunk(box, anatomy)
    x, y, z = box.x, box.y, box.z
    size = anatomy.liver
    lower = curve(
        x, [(-150, -64), (-120, -62), (-95, -48), (-65, -25), (-35, -5), (0, 10), (35, 26), (65, 46), (100, 76)]
    )
    # 70 is the level of the dome's flank: a larger liver reaches further down from there.
    lower = 70.0 - (70.0 - lower) * size + 0.20 * (y + 30.0)
    visceral = (lower - z) * 0.78
    behind = curve(
        x, [(-150, 160), (-100, 112), (-62, 72), (-40, 40), (-20, 22), (0, 2), (25, -24), (55, -46), (100, -72)]
    )
    posterior = (y - behind + 0.10 * (60.0 - z)) * 0.85
    shape = smooth_maximum(trunk.below_diaphragm + 1.0, trunk.cavity + 1.2, 7.0)
    shape = smooth_maximum(shape, (visceral + 0.0 * posterior).astype(np.float32), 18.0)
    shape = smooth_maximum(shape, (posterior + 0.0 * z).astype(np.float32), 16.0)
    tip = (x - 92.0 * size) * 0.9
    shape = smooth_maximum(shape, np.broadcast_to(tip, box.shape).astype(np.float32), 14.0)
    caudate = ellipsoid(box, (-12.0, 8.0, 30.0), (15.0, 13.0, 26.0))
    shape = smooth_minimum(shape, caudate, 8.0)
    shape = shape + 1.5 * anatomy.noise_28.on(box) + 0.5 * anatomy.noise_12.on(box)
    return _impressions(box, shape)


def _impressions(box: Box, shape: Array) -> Array:
    """Kidney, gall bladder, vena cava and the fissure of the round ligament pressed into the liver."""
    shape = smooth_maximum(shape, -(kidney(box, -1.0) - 5.0), 6.0)
    shape = smooth_maximum(shape, -(gallbladder(box) - 1.2), 3.0)
    shape = smooth_maximum(shape, -(vena_cava(box) + 0.5), 1.0)
    fissure = np.maximum(np.abs(box.x + 2.0 - 0.1 * (box.y + 60.0)) - 2.4, np.maximum(box.z - 24.0, box.y + 40.0))
    return smooth_maximum(shape, -np.broadcast_to(fissure, box.shape).astype(np.float32), 4.0)


LIVER_LOW_MM = (-160.0, -122.0, -100.0)
LIVER_HIGH_MM = (106.0, 100.0, 112.0)


def segments(box: Box, anatomy: Anatomy) -> NDArray[np.uint8]:
    """Couinaud segment (1 to 8) of every voxel of a box, whether or not it is liver.

    Planes through the hepatic veins part the sectors, the plane of the portal bifurcation the upper from the lower
    ones (Couinaud 1957); smooth noise bends them.
    """
    bend = 3.0 * anatomy.noise_55.on(box)
    x, y, z = box.x - CONFLUENCE_LPS_MM[0], box.y - CONFLUENCE_LPS_MM[1], box.z
    # Azimuth about the confluence: 0 to the patient's right, 90 degrees to the front.
    azimuth = np.rad2deg(np.arctan2(-y, -x)) + bend * 1.2
    azimuth = np.where(azimuth < -120.0, azimuth + 360.0, azimuth)
    portal = z - (16.0 + 0.20 * box.y) + bend
    left_plane = box.x + 1.0 - 0.1 * (box.y + 60.0) + 0.4 * bend
    oblique = z - (44.0 + 0.35 * (box.y + 60.0)) + bend
    upper = portal > 0
    right_back = np.where(upper, 7, 6)
    right_front = np.where(upper, 8, 5)
    lateral = np.where(oblique > 0, 2, 3)
    result = np.where(azimuth < 7.0, right_back, np.where(azimuth < 70.0, right_front, 4))
    result = np.where((left_plane > 0) & (azimuth >= 60.0), lateral, result)
    caudate = ellipsoid(box, (-10.0, 8.0, 30.0), (18.0, 15.0, 30.0)) < 0
    result = np.where(caudate, 1, result)
    return result.astype(np.uint8)


def paint_liver(canvas: Canvas, anatomy: Anatomy) -> None:
    """The parenchyma and the gall bladder."""
    box = canvas.frame.box(LIVER_LOW_MM, LIVER_HIGH_MM)
    for slab in [] if box is None else box.slabs():
        shape = liver(slab, anatomy)
        texture = 2.2 * anatomy.noise_6.on(slab) + 1.5 * anatomy.noise_28.on(slab)
        canvas.paint(slab, shape, "liver", structure="liver", texture=texture)
    box = canvas.frame.box((-78, -100, -72), (-26, -30, 8))
    if box is not None:
        sac = gallbladder(box)
        canvas.paint(box, sac, "gallbladder_wall", structure="gallbladder")
        canvas.paint(box, sac + 1.8, "gallbladder")
