"""Trees with known feeders: small ones drawn by hand, and the digital patient's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.phantom.anatomy import draw_anatomy
from planner.phantom.lesions import Tumour, liver_space, place_tumours
from planner.phantom.trees import VesselSegment
from planner.phantom.vessels import build_vessels
from planner.planning.vessel_tree import TreeSegment, VesselTree

Floats = NDArray[np.float64]
FRAME = "1.2.3"


def ball(centre_lps_mm: Sequence[float], radius_mm: float, *, spacing_mm: float = 1.0, frame_uid: str = FRAME) -> Mask:
    """A round lesion in a cube of 80 mm around the origin."""
    count = int(round(80.0 / spacing_mm)) + 1
    grid = Grid.of((count,) * 3, origin_lps_mm=(-40.0,) * 3, spacing_kji_mm=(spacing_mm,) * 3, frame_uid=frame_uid)
    axis = -40.0 + spacing_mm * np.arange(count)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    inside = (x - centre_lps_mm[0]) ** 2 + (y - centre_lps_mm[1]) ** 2 + (z - centre_lps_mm[2]) ** 2 <= radius_mm**2
    return Mask.of(grid, inside)


def tree_of_lines(
    lines: Sequence[tuple[str, str, ArrayLike, float]], *, frame_uid: str = FRAME, names: dict[str, str] | None = None
) -> VesselTree:
    """A tree of lines (start node, end node, points, radius mm); the first one's start is the root. Segments are called
    by their end node."""
    segments, nodes = [], {}
    for start, end, given, radius in lines:
        points = np.asarray(given, dtype=np.float64)
        nodes[start], nodes[end] = points[0], points[-1]
        count = len(points)
        segments.append(
            TreeSegment(
                end, start, end, points, np.full(count, radius), np.zeros(count, dtype=np.bool_), (names or {}).get(end)
            )
        )
    return VesselTree("artery", frame_uid, lines[0][0], nodes, tuple(segments))


@dataclass(frozen=True, eq=False)
class TrueFeeder:
    """A feeder of the digital patient.

    Attributes
    ----------
    points_lps_mm
        From where it leaves its mother vessel into the tumour, along its first stretch.
    entry_lps_mm
        Where that crosses the tumour's modelled surface (the sphere it is a lobulated version of).
    order
        How many branchings lie before it, from the aorta.
    """

    name: str
    lesion: str
    points_lps_mm: Floats
    entry_lps_mm: Floats
    radius_mm: float
    order: int


@dataclass(frozen=True, eq=False)
class TrueLiver:
    """The vessels and tumours of a digital patient, without any image."""

    tree: VesselTree
    tumours: tuple[Tumour, ...]
    feeders: tuple[TrueFeeder, ...]

    def feeders_of(self, lesion: str) -> tuple[TrueFeeder, ...]:
        return tuple(each for each in self.feeders if each.lesion == lesion)


@cache
def true_liver(seed: int, frame_uid: str = FRAME) -> TrueLiver:
    """The liver of a seed as it was grown."""
    anatomy = draw_anatomy(seed, None)
    space = liver_space(anatomy)
    tumours = place_tumours(anatomy, space)
    segments = build_vessels(anatomy, space, tumours).artery.segments()
    tree = tree_from_phantom(segments, frame_uid)
    return TrueLiver(tree, tumours, tuple(feeder for each in tumours for feeder in true_feeders(segments, each, tree)))


def tree_from_phantom(segments: Sequence[VesselSegment], frame_uid: str) -> VesselTree:
    """The arterial tree of a digital patient as a value of `planner.planning`."""
    made, nodes = [], {}
    for each in segments:
        start, end = f"n{each.start_node}", f"n{each.end_node}"
        nodes[start], nodes[end] = each.points_lps_mm[0], each.points_lps_mm[-1]
        count = len(each.points_lps_mm)
        made.append(
            TreeSegment(
                f"s{each.identifier}", start, end, each.points_lps_mm, each.radii_mm, np.zeros(count, dtype=np.bool_)
            )
        )
    return VesselTree("artery", frame_uid, f"n{segments[0].start_node}", nodes, tuple(made))


def true_feeders(segments: Sequence[VesselSegment], tumour: Tumour, tree: VesselTree) -> list[TrueFeeder]:
    """The feeders of a tumour, each named once."""
    found = []
    for each in segments:
        mother = None if each.parent is None else segments[each.parent]
        if each.feeds != tumour.identifier or (mother is not None and mother.name == each.name):
            continue
        line = _down(segments, each)
        depth = np.linalg.norm(line - tumour.centre_lps_mm, axis=1) - tumour.radius_mm
        entry = line[int(np.argmax(depth <= 0.0))] if (depth <= 0.0).any() else line[int(np.argmin(depth))]
        radius = float(each.radii_mm[-1])
        order = tree.generation[f"s{each.identifier}"]
        found.append(TrueFeeder(each.name, tumour.identifier, line, entry, radius, order))
    return found


def _down(segments: Sequence[VesselSegment], first: VesselSegment) -> Floats:
    """The widest way onwards from a segment, points at most half a millimetre apart."""
    points, at = [first.points_lps_mm], first
    while True:
        after = [each for each in segments if each.parent == at.identifier]
        if not after:
            break
        at = max(after, key=lambda each: float(each.radii_mm[0]))
        points.append(at.points_lps_mm[1:])
    line = np.concatenate(points)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    wanted = np.arange(0.0, along[-1], 0.5)
    return np.stack([np.interp(wanted, along, line[:, axis]) for axis in range(3)], axis=-1)
