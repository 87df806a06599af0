"""A branch that was missed, added by a click at its end: followed back to the tree through the bright lumen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.masks import Box, ball_box, box_slices, clipped_box, union_box
from planner.imaging.paths import least_cost_path
from planner.jobs import Context
from planner.planning.tree_edits import with_branch
from planner.planning.tree_extraction_lines import even
from planner.planning.vessel_path import trace_vessel
from planner.planning.vessel_tree import TreePlace, VesselTree

Floats = NDArray[np.float64]

REACH_MM = 80.0
"""A click further than this from every vessel of the tree is taken for a slip."""
_MARGIN_MM = 12.0
_INSIDE = 1e-3
_LEAST_COST = 0.03
_GROUND_QUANTILE = 0.25
_LUMEN_QUANTILE = 0.75
_CORE_MM = 1.5


def branch_to(tree: VesselTree, volume: Volume, click_lps_mm: ArrayLike, context: Context | None = None) -> VesselTree:
    """The tree with a branch from where it leaves to a click at its end; origin ``added``.

    Parameters
    ----------
    volume
        With a bright lumen, of the tree's frame of reference.

    Raises
    ------
    OperatorError
        For an empty tree, a click outside the image, far from the tree, inside one of its vessels, or no brighter
        than what lies around it.
    """
    steps = context or Context()
    click = np.asarray(click_lps_mm, dtype=np.float64).reshape(3)
    if volume.grid.nearest_index(click) is None:
        raise OperatorError("click-outside-image", "The click lies outside the image; click on the vessel.")
    nearest = tree.nearest(click)
    if nearest is None:
        raise OperatorError("empty-tree", "There is no vessel to add a branch to; find the tree first.")
    if nearest.distance_mm > REACH_MM:
        text = (
            f"The click lies {nearest.distance_mm:.0f} mm from the nearest vessel of the tree; add a nearer one first."
        )
        raise OperatorError("click-too-far", text)
    if nearest.distance_mm <= _radius_at(tree, nearest):
        raise OperatorError("click-on-tree", "The click lies inside a vessel of the tree; click at the branch's end.")
    steps.step(0.1, "Following the branch back to the tree")
    entry = _entry(tree, volume, click, nearest)
    steps.step(0.5, "Measuring the branch")
    path = trace_vessel(volume, np.stack([entry, click]), context=steps.part(0.5, 0.95))
    points, radius, doubtful = path.centreline.points_lps_mm, path.radius_mm, path.low_confidence
    first, place = _leaving(tree, points)
    fine = even(points[first:]) if len(points) - first > 1 else points[-1:]
    along = path.centreline.arc_length_mm()[first:]
    at = along[0] + np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(fine, axis=0), axis=1))])
    near = np.clip(np.searchsorted(along, at), 0, len(along) - 1)
    stem = even(np.vstack([tree.segment(place.segment).at(place.along_mm), fine[0]]))[1:-1]
    whole = np.vstack([stem, fine])
    index = np.concatenate([np.zeros(len(stem), dtype=np.int64), near]) + first
    steps.step(1.0, "Branch added")
    return with_branch(tree, place, whole, radius[index], doubtful[index])


def _leaving(tree: VesselTree, points: Floats) -> tuple[int, TreePlace]:
    """The first point outside the tree's lumen for good, and the place of the tree that it leaves from."""
    places = [tree.nearest(point) for point in points]
    inside = [place is not None and place.distance_mm <= _radius_at(tree, place) for place in places]
    last = max((index for index, here in enumerate(inside[:-1]) if here), default=0)
    place = places[last]
    if place is None:
        raise OperatorError("empty-tree", "There is no vessel to add a branch to; find the tree first.")
    return min(last + 1, len(points) - 1), place


def _radius_at(tree: VesselTree, place: TreePlace) -> float:
    segment = tree.segment(place.segment)
    radius = float(segment.radius_mm[int(np.argmin(np.abs(segment.along_mm - place.along_mm)))])
    return radius if np.isfinite(radius) else 0.5


def _entry(tree: VesselTree, volume: Volume, click: Floats, nearest: TreePlace) -> Floats:
    """(3,) the place of the tree that the cheapest way through bright voxels leads to."""
    goal = tree.segment(nearest.segment).at(nearest.along_mm)
    margin = _MARGIN_MM + nearest.distance_mm / 3.0
    box = union_box((ball_box(volume.grid, click, margin), ball_box(volume.grid, goal, margin)))
    low = np.asarray(box[0])
    owners, inside = _tree_voxels(tree, volume, box)
    cost = _cost(volume, click, goal, box)
    cost[tuple(inside.T)] = _INSIDE
    start = _index(volume, click) - low
    end = _index(volume, goal) - low
    way = least_cost_path(
        cost, (int(start[0]), int(start[1]), int(start[2])), (int(end[0]), int(end[1]), int(end[2])),
        volume.grid.spacing_kji_mm,
    )  # fmt: skip
    if way is None:
        return goal
    taken = np.zeros(cost.shape, dtype=np.bool_)
    taken[tuple(inside.T)] = True
    met = np.flatnonzero(taken[tuple(way.T)])
    if not len(met):
        return goal
    voxel = volume.grid.lps_from_kji.points(way[met[0]] + low)
    entry: Floats = owners[int(np.argmin(np.linalg.norm(owners - voxel, axis=1)))]
    return entry


def _tree_voxels(tree: VesselTree, volume: Volume, box: Box) -> tuple[Floats, NDArray[np.int64]]:
    """(n, 3) points of the tree in a box of voxels, and the voxels they lie in, counted from the box's first."""
    points = np.concatenate([each.points_lps_mm for each in tree.segments])
    at = np.rint(volume.grid.kji_from_lps.points(points)).astype(np.int64)
    held = np.all((at >= np.asarray(box[0])) & (at < np.asarray(box[1])), axis=1)
    return points[held], at[held] - np.asarray(box[0])


def _cost(volume: Volume, click: Floats, goal: Floats, box: Box) -> NDArray[np.float32]:
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    lumen = min(_core(volume, click), _core(volume, goal))
    ground = float(np.quantile(values, _GROUND_QUANTILE))
    if lumen <= ground:
        raise OperatorError("no-contrast", "The click is no brighter than what lies around it; click in the vessel.")
    likeness = np.clip((values - ground) / (lumen - ground), 0.0, 1.0)
    cost: NDArray[np.float32] = (1.0 / (_LEAST_COST + likeness**3)).astype(np.float32)
    return cost


def _core(volume: Volume, place: Floats) -> float:
    """A bright value near a place: its own voxel and those within 1.5 mm."""
    box = ball_box(volume.grid, place, _CORE_MM)
    at = _index(volume, place)
    box = union_box((box, clipped_box(at, at + 1, volume.grid.size_kji)))
    return float(np.quantile(np.asarray(volume.voxels[box_slices(box)], dtype=np.float64), _LUMEN_QUANTILE))


def _index(volume: Volume, place: Floats) -> NDArray[np.int64]:
    at = np.rint(volume.grid.kji_from_lps.points(place)).astype(np.int64)
    return np.clip(at, 0, np.asarray(volume.grid.size_kji) - 1)
