"""Bile ducts of the case `stent`: a common duct strangled by a tumour of the pancreatic head, all wide above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import ellipsoid, spline
from planner.phantom.lumens import STEP_MM, TrueLumen
from planner.phantom.trees import VesselTree
from planner.phantom.truth import Landmark
from planner.phantom.vessels import Rod, cover, tree_rods

Floats = NDArray[np.float64]

CONFLUENCE = (-40.0, -19.0, 21.0)
COMMON_DUCT = (
    CONFLUENCE,
    (-38.5, -20.0, 8.0),
    (-31.5, -15.0, -8.0),
    (-27.0, -12.5, -22.0),
    (-26.5, -10.5, -34.0),
    (-31.5, -9.5, -46.0),
)
"""From the confluence to the papilla in the inner wall of the duodenum."""
DIAMETERS_MM = ((0.0, 10.5), (0.35, 12.5), (0.5, 12.0), (0.8, 5.5), (1.0, 4.5))
"""Share of the length and diameter without the stricture: wide above it, as usual below it."""
STRICTURE_MIDDLE, STRICTURE_MM, STRICTURE_LEFT_MM = 0.62, 22.0, 2.2
"""Share of the length of its middle, its length with shoulders, and the diameter that it leaves."""
WALL_MM = 1.0
TUMOUR_LPS_MM, TUMOUR_HALF_MM = (-24.5, -13.0, -28.0), (9.0, 9.0, 11.0)

HEPATIC_DUCTS: tuple[
    tuple[str, tuple[str, int] | None, tuple[tuple[float, float, float], ...], tuple[float, float]], ...
] = (
    ("right hepatic duct", None, ((-48, -17, 24), (-58, -14, 26)), (4.2, 3.6)),
    ("left hepatic duct", None, ((-31, -25, 29), (-20, -33, 36), (-8, -43, 38)), (4.0, 3.3)),
    ("right anterior duct", ("right hepatic duct", -1), ((-66, -27, 33), (-78, -36, 46)), (2.9, 1.8)),
    ("segment 5 duct", ("right anterior duct", 0), ((-70, -32, 14), (-78, -42, 2)), (2.3, 1.5)),
    ("right posterior duct", ("right hepatic duct", -1), ((-72, 0, 32), (-88, 14, 44)), (2.8, 1.7)),
    ("segment 6 duct", ("right posterior duct", 0), ((-78, 0, 16), (-96, 8, 0)), (2.2, 1.4)),
    ("segment 2 duct", ("left hepatic duct", -1), ((8, -49, 48), (24, -56, 58)), (2.3, 1.4)),
    ("segment 3 duct", ("left hepatic duct", -1), ((2, -62, 36), (16, -76, 40)), (2.3, 1.4)),
    ("segment 4 duct", ("left hepatic duct", 1), ((-20, -48, 42), (-28, -62, 42)), (2.0, 1.3)),
)
"""Name, (mother, which of her nodes) or the confluence, way points, radius at both ends (mm)."""


@dataclass(frozen=True, eq=False)
class Ducts:
    """The common duct with its stricture, and the ducts of the liver that drain into it."""

    common: TrueLumen
    hepatic: VesselTree

    def landmarks(self) -> tuple[Landmark, ...]:
        """Confluence, papilla, and both ends of the stricture."""
        points, places = self.common.points_lps_mm, np.flatnonzero(self.common.narrowed)
        found = {
            "biliary confluence": points[0],
            "papilla": points[-1],
            "start of the biliary stricture": points[places[0]],
            "end of the biliary stricture": points[places[-1]],
        }
        return tuple(Landmark(name, (float(x), float(y), float(z))) for name, (x, y, z) in found.items())


def build_ducts(anatomy: Anatomy) -> Ducts:
    """The same for every resolution."""
    return Ducts(_common_duct(), _hepatic_ducts(anatomy))


def _common_duct() -> TrueLumen:
    rough = spline(COMMON_DUCT, 0.2)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(rough, axis=0), axis=1))])
    wanted = np.arange(0.0, along[-1], STEP_MM)
    points = np.stack([np.interp(wanted, along, rough[:, axis]) for axis in range(3)], axis=-1)
    share = wanted / along[-1]
    free = np.interp(share, *np.transpose(DIAMETERS_MM))
    away = np.abs(wanted - STRICTURE_MIDDLE * along[-1]) / STRICTURE_MM
    depth = 0.5 * (1.0 + np.cos(np.pi * np.clip((away - 0.25) / 0.25, 0.0, 1.0)))
    diameter = free + (STRICTURE_LEFT_MM - free) * depth
    clicks = points[[0, -1]]
    return TrueLumen("bile", points, diameter, diameter.copy(), np.zeros(len(points)), free, clicks)


def _hepatic_ducts(anatomy: Anatomy) -> VesselTree:
    tree = VesselTree("bile duct", leaf_mm=1.0)
    random = anatomy.random(23)
    root = tree.add(-1, CONFLUENCE, "biliary confluence", radius=5.0)
    placed: dict[str, list[int]] = {}
    for name, mother, points, radii in HEPATIC_DUCTS:
        start = root if mother is None else placed[mother[0]][mother[1]]
        jitter = random.normal(0.0, 0.8, (len(points), 3))
        path = spline(np.vstack([tree.positions[start], np.asarray(points) + jitter]), 3.0)[1:]
        placed[name] = tree.add_path(start, path, name, radii)
    return tree


def common_rods(common: TrueLumen, more_mm: float = 0.0) -> list[Rod]:
    """The common duct as short rods, wider by a wall."""
    points, radii = common.points_lps_mm[::4], 0.5 * common.equivalent_mm[::4] + more_mm
    return [(points[at], points[at + 1], float(radii[at]), float(radii[at + 1])) for at in range(len(points) - 1)]


def paint_ducts(canvas: Canvas, ducts: Ducts, structure: int, liver: int) -> None:
    """Tumour, wall and bile.

    Parameters
    ----------
    structure, liver
        Values of the common bile duct and of the liver in the map of structures; ducts inside the liver count as liver.
    """
    low, high = np.asarray(TUMOUR_LPS_MM) - 14.0, np.asarray(TUMOUR_LPS_MM) + 14.0
    box = canvas.frame.box(low, high)
    if box is not None:
        shape = ellipsoid(box, TUMOUR_LPS_MM, TUMOUR_HALF_MM)
        # A ductal tumour enhances less than the gland around it.
        canvas.paint(box, shape, "muscle")
    for rods, tissue in (
        (common_rods(ducts.common, WALL_MM), "gallbladder_wall"),
        (common_rods(ducts.common) + tree_rods(ducts.hepatic), "bile"),
    ):
        ends = np.array([place for rod in rods for place in rod[:2]])
        box = canvas.frame.box(ends.min(axis=0) - 16.0, ends.max(axis=0) + 16.0)
        if box is None:
            continue
        share = cover(canvas, box, rods)
        canvas.blend(box, share, tissue)
        if tissue == "bile":
            here = canvas.structures[box.slices]
            here[(share >= 0.5) & (here != liver)] = structure
