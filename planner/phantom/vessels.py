"""Portal vein, hepatic veins and arteries of the digital patient, from the aorta down to what feeds the tumours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Array, Box, capsule, spline
from planner.phantom.lesions import LiverSpace, Tumour
from planner.phantom.trees import Growth, VesselTree, grow

CONFLUENCE = (0.0, -4.0, -12.0)
HILUM = (-36.0, -6.0, 14.0)
PORTAL_TRUNKS: tuple[
    tuple[str, tuple[str, int] | None, tuple[tuple[float, float, float], ...], tuple[float, float]], ...
] = (
    ("main portal vein", None, (CONFLUENCE, (-20, -8, 2), HILUM), (7.0, 6.6)),
    ("right portal vein", ("main portal vein", -1), ((-46, -5, 17), (-58, -4, 19)), (5.4, 5.0)),
    ("left portal vein", ("main portal vein", -1), ((-26, -14, 22), (-15, -24, 29), (-5, -34, 31)), (4.8, 4.2)),
    ("umbilical portal vein", ("left portal vein", -1), ((-2, -44, 30), (-2, -56, 26)), (4.0, 3.4)),
    ("segment 8 portal vein", ("right portal vein", -1), ((-68, -18, 28), (-80, -26, 42)), (3.4, 3.0)),
    ("segment 5 portal vein", ("right portal vein", -1), ((-68, -18, 10), (-78, -32, -4)), (3.2, 2.7)),
    ("segment 7 portal vein", ("right portal vein", -1), ((-74, 10, 27), (-90, 24, 38)), (3.3, 2.8)),
    ("segment 6 portal vein", ("right portal vein", -1), ((-76, 8, 8), (-96, 18, -10)), (3.2, 2.7)),
    ("segment 4 portal vein", ("umbilical portal vein", 0), ((-12, -52, 34), (-24, -58, 36)), (2.7, 2.2)),
    ("segment 2 portal vein", ("left portal vein", -1), ((10, -40, 42), (26, -48, 54)), (2.6, 2.1)),
    ("segment 3 portal vein", ("umbilical portal vein", -1), ((10, -66, 30), (22, -74, 34)), (2.6, 2.1)),
    ("segment 1 portal vein", ("left portal vein", 0), ((-18, -4, 27), (-12, 4, 30)), (1.8, 1.4)),
)
"""Name, (mother, which of her nodes), way points, radius at both ends (mm)."""

PORTAL_TRIBUTARIES = (
    (((4, -14, -150), (6, -14, -100), (4, -14, -60), (0, -8, -30), CONFLUENCE), (5.0, 6.0)),
    (((96, 28, 34), (78, 25, 28), (52, 13, 16), (28, -6, 6), (12, -10, -6), CONFLUENCE), (3.4, 4.8)),
    (((-70, -50, -88), (-40, -40, -70), (-8, -26, -50), (2, -14, -44)), (1.8, 2.4)),
    (((70, -44, -96), (44, -38, -84), (16, -24, -70), (5, -14, -62)), (1.8, 2.4)),
    (((-20, -50, -120), (-10, -36, -104), (0, -24, -92), (5, -14, -84)), (1.6, 2.2)),
)

HEPATIC_VEINS = (
    ("right hepatic vein", ((-34, 8, 82), (-62, 4, 72), (-94, 0, 46), (-108, -3, 12), (-110, -4, -16)), (5.0, 2.2)),
    ("middle hepatic vein", ((-30, -6, 80), (-36, -24, 68), (-44, -44, 42), (-48, -58, 14)), (4.2, 2.0)),
    ("left hepatic vein", ((-16, -8, 80), (-2, -24, 72), (16, -42, 60), (34, -58, 50)), (3.8, 1.8)),
)


Rod = tuple[NDArray[np.float64], NDArray[np.float64], float, float]
"""Start and end (3,), LPS mm, and the radius at both, mm."""


@dataclass(frozen=True, eq=False)
class Vessels:
    """The three trees of the liver; the arterial one begins at the aorta."""

    artery: VesselTree
    portal: VesselTree
    hepatic_vein: VesselTree


def build_vessels(anatomy: Anatomy, space: LiverSpace, tumours: tuple[Tumour, ...]) -> Vessels:
    """Grow all trees. The same for every resolution."""
    from planner.phantom.arteries import build_arteries

    portal = build_portal(anatomy, space, tumours)
    return Vessels(build_arteries(anatomy, portal, tumours), portal, build_hepatic_veins(anatomy, space, tumours))


def build_portal(anatomy: Anatomy, space: LiverSpace, tumours: tuple[Tumour, ...]) -> VesselTree:
    """Trunk by way points, then each segment's branches grown into that segment only."""
    tree = VesselTree("portal vein", leaf_mm=0.62)
    random = anatomy.random(11)
    placed: dict[str, list[int]] = {}
    for name, mother, points, radii in PORTAL_TRUNKS:
        jitter = random.normal(0.0, 1.2, (len(points), 3))
        if mother is None:
            path = spline(points, 4.0)
            placed[name] = tree.add_path(-1, path, name, radii)
            continue
        root = placed[mother[0]][mother[1]]
        path = spline(np.vstack([tree.positions[root], np.asarray(points) + jitter]), 4.0)[1:]
        placed[name] = tree.add_path(root, path, name, radii)
    around = [(tumour.centre_lps_mm, tumour.radius_mm + 2.5) for tumour in tumours]
    for segment in range(1, 9):
        places = demand(space, space.segment == segment, tumours, random)
        grown = grow(tree, placed[f"segment {segment} portal vein"][-2:], places, Growth(), around)
        tree.smooth(grown)
    return tree


def demand(
    space: LiverSpace, chosen: NDArray[np.bool_], tumours: tuple[Tumour, ...], random: np.random.Generator
) -> NDArray[np.float64]:
    """(n, 3) places of the liver to be supplied, outside the tumours and a little below the capsule."""
    keep = chosen & (space.depth_mm > 5.0) & (random.random(len(space.depth_mm)) < 0.55)
    places = space.places_lps_mm[keep] + random.uniform(-2.0, 2.0, (int(keep.sum()), 3))
    for tumour in tumours:
        places = places[np.linalg.norm(places - tumour.centre_lps_mm, axis=1) > tumour.radius_mm + 3.0]
    return places


def build_hepatic_veins(anatomy: Anatomy, space: LiverSpace, tumours: tuple[Tumour, ...]) -> VesselTree:
    """Three trunks from the vena cava, and the tributaries that fill the spaces between them."""
    tree = VesselTree("hepatic vein", leaf_mm=0.6)
    random = anatomy.random(12)
    trunks: list[int] = []
    root = tree.add(-1, (-25.0, 4.0, 84.0), "inferior vena cava", radius=13.0)
    for name, points, radii in HEPATIC_VEINS:
        path = spline(np.asarray(points) + random.normal(0.0, 1.5, (len(points), 3)), 4.0)
        trunks += tree.add_path(root, path, name, radii)
    around = [(tumour.centre_lps_mm, tumour.radius_mm + 2.5) for tumour in tumours]
    places = demand(space, space.segment != 1, tumours, random)
    grown = grow(tree, trunks, places, Growth(step_mm=5.0, kill_mm=11.0), around)
    tree.smooth(grown)
    return tree


def cover(canvas: Canvas, box: Box, rods: list[Rod]) -> Array:
    """Share of each voxel of a box taken by rods (0..1).

    Thick rods are surfaces; of thin ones the volume itself is spread over the voxels their centreline crosses, so that
    a twig far narrower than a voxel keeps its true contrast.
    """
    width = canvas.frame.width_mm
    thin = [rod for rod in rods if max(rod[2], rod[3]) < 0.9 * width]
    share = _spread(canvas, box, thin)
    first = [part.start for part in box.slices]
    for start, end, start_mm, end_mm in rods:
        if max(start_mm, end_mm) < 0.9 * width:
            continue
        reach = max(start_mm, end_mm) + 0.6 * width
        near = canvas.frame.box(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        if near is None:
            continue
        k, j, i = (slice(part.start - low, part.stop - low) for part, low in zip(near.slices, first, strict=True))
        region = share[k, j, i]
        np.maximum(region, canvas.coverage(capsule(near, start, end, start_mm, end_mm)), out=region)
    return share


def _spread(canvas: Canvas, box: Box, rods: list[Rod]) -> Array:
    """Volume of thin rods per voxel, by trilinear weights along their centrelines."""
    share = np.zeros(int(np.prod(box.shape)), dtype=np.float64)
    points, areas, lengths = sampled(rods, 0.35 * canvas.frame.width_mm)
    kji = canvas.grid.kji_from_lps.points(points) - [part.start for part in box.slices]
    inside = np.all((kji >= 0) & (kji < np.asarray(box.shape) - 1.001), axis=1)
    kji, amount = kji[inside], (areas * lengths)[inside] / (canvas.grid.voxel_ml * 1000.0)
    low = np.floor(kji).astype(int)
    part = kji - low
    for corner in np.ndindex(2, 2, 2):
        weight = np.prod(np.where(np.array(corner) == 1, part, 1.0 - part), axis=1)
        places = np.ravel_multi_index(tuple((low + corner).T), box.shape)
        share += np.bincount(places, amount * weight, minlength=len(share))
    return np.clip(share, 0.0, 1.0).reshape(box.shape).astype(np.float32)


def sampled(rods: list[Rod], step_mm: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Points along rods with the cross-section (mm2) there and the length (mm) each stands for."""
    if not rods:
        return np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    starts, ends = np.array([rod[0] for rod in rods]), np.array([rod[1] for rod in rods])
    radii = np.array([rod[2:] for rod in rods])
    lengths = np.linalg.norm(ends - starts, axis=1)
    counts = np.maximum(np.ceil(lengths / step_mm).astype(int), 1)
    rod = np.repeat(np.arange(len(rods)), counts)
    place = np.arange(len(rod)) - np.repeat(np.cumsum(counts) - counts, counts)
    share = ((place + 0.5) / counts[rod])[:, None]
    points = starts[rod] * (1.0 - share) + ends[rod] * share
    radius = radii[rod, 0] * (1.0 - share[:, 0]) + radii[rod, 1] * share[:, 0]
    return points, np.pi * radius**2, lengths[rod] / counts[rod]


def tree_rods(tree: VesselTree) -> list[Rod]:
    """Every edge of a tree as a rod; a branch keeps its own radius at its mother's node."""
    radii = tree.radii_mm()
    return [
        (tree.positions[parent], tree.positions[node], min(radii[parent], 1.25 * radii[node]), radii[node])
        for node, parent in enumerate(tree.parents)
        if parent >= 0
    ]


def tributary_rods() -> list[Rod]:
    """Superior mesenteric and splenic veins and the larger mesenteric ones."""
    rods: list[Rod] = []
    for points, (first, last) in PORTAL_TRIBUTARIES:
        path = spline(points, 4.0)
        widths = np.linspace(first, last, len(path))
        for index in range(len(path) - 1):
            rods.append((path[index], path[index + 1], float(widths[index]), float(widths[index + 1])))
    return rods
