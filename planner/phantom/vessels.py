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
    ("left portal vein", ("main portal vein", -1), ((-26, -14, 22), (-8, -24, 29), (6, -34, 31)), (4.8, 4.2)),
    ("umbilical portal vein", ("left portal vein", -1), ((9, -44, 30), (9, -56, 26)), (4.0, 3.4)),
    ("segment 8 portal vein", ("right portal vein", -1), ((-68, -18, 28), (-80, -26, 42)), (3.4, 3.0)),
    ("segment 5 portal vein", ("right portal vein", -1), ((-68, -18, 10), (-78, -32, -4)), (3.2, 2.7)),
    ("segment 7 portal vein", ("right portal vein", -1), ((-74, 10, 27), (-90, 24, 38)), (3.3, 2.8)),
    ("segment 6 portal vein", ("right portal vein", -1), ((-76, 8, 8), (-96, 18, -10)), (3.2, 2.7)),
    ("segment 4 portal vein", ("umbilical portal vein", 0), ((-2, -52, 34), (-14, -58, 36)), (2.7, 2.2)),
    ("segment 2 portal vein", ("left portal vein", -1), ((20, -42, 44), (34, -50, 56)), (2.6, 2.1)),
    ("segment 3 portal vein", ("umbilical portal vein", -1), ((20, -66, 30), (30, -72, 34)), (2.6, 2.1)),
    ("segment 1 portal vein", ("left portal vein", 0), ((-18, -4, 27), (-12, 4, 30)), (1.8, 1.4)),
)
"""Name, (mother, which of her nodes), way points, radius at both ends (mm)."""

PORTAL_TRIBUTARIES = (
    (((4, -14, -150), (6, -14, -100), (4, -14, -60), (0, -8, -30), CONFLUENCE), (5.0, 6.0)),
    (((96, 26, 36), (78, 20, 34), (52, 8, 22), (28, -8, 8), (12, -10, -6), CONFLUENCE), (3.4, 4.8)),
    (((-70, -50, -88), (-40, -40, -70), (-8, -26, -50), (2, -14, -44)), (1.8, 2.4)),
    (((70, -44, -96), (44, -38, -84), (16, -24, -70), (5, -14, -62)), (1.8, 2.4)),
    (((-20, -50, -120), (-10, -36, -104), (0, -24, -92), (5, -14, -84)), (1.6, 2.2)),
)

HEPATIC_VEINS = (
    ("right hepatic vein", ((-34, 8, 82), (-62, 10, 72), (-94, 12, 46), (-110, 8, 10), (-112, 2, -20)), (5.0, 2.2)),
    ("middle hepatic vein", ((-30, -6, 80), (-40, -24, 68), (-50, -44, 42), (-54, -56, 12)), (4.2, 2.0)),
    ("left hepatic vein", ((-16, -8, 80), (2, -24, 72), (22, -42, 60), (40, -58, 50)), (3.8, 1.8)),
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
    grown = grow(tree, trunks, places, Growth(step_mm=4.5, kill_mm=9.0), around)
    tree.smooth(grown)
    return tree


def cover(canvas: Canvas, box: Box, rods: list[Rod]) -> Array:
    """Share of each voxel of a box taken by rods; thin rods keep their true share of the voxel."""
    share = np.zeros(box.shape, dtype=np.float32)
    width = canvas.frame.width_mm
    first = [0 if part.start is None else part.start for part in box.slices]
    for start, end, start_mm, end_mm in rods:
        reach = max(start_mm, end_mm) + 0.6 * width
        near = canvas.frame.box(np.minimum(start, end) - reach, np.maximum(start, end) + reach)
        if near is None:
            continue
        local = tuple(
            slice(part.start - offset, part.stop - offset) for part, offset in zip(near.slices, first, strict=True)
        )
        region = share[local]
        if region.shape != near.shape:
            continue
        thin = min(1.0, 2.0 * max(start_mm, end_mm) / width)
        np.maximum(region, canvas.coverage(capsule(near, start, end, start_mm, end_mm)) * thin, out=region)
    return share


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
