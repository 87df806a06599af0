"""How far a vessel tree is from the true one: what was found, how near its lines run, how true its widths are.

Also draws a tree into voxels of any spacing, with partial volume and noise, so that the truth is known at every
resolution.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import cKDTree

from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.phantom.trees import VesselTree as PhantomTree
from planner.planning.vessel_tree import TreeSegment, VesselTree

Floats = NDArray[np.float64]

_FINE_MM = 0.5
_REACH_MM = 1.5
_FOUND_SHARE = 0.7
_PASSED_SHARE = 0.5
_WIDE_MM = 2.5


@dataclass(frozen=True)
class TreeComparison:
    """A found tree beside the true one.

    Attributes
    ----------
    recall_by_order
        Strahler order of the true tree -> (branches found, branches there). A branch is found when 70 % of its
        length outside its mother's lumen lies within its own radius (at least 1.5 mm) of the found lines.
    line_mean_mm, line_95_mm
        Distance from the found lines to the true ones where they are of a found branch, outside wider mothers.
    radius_bias_mm, radius_error_mm
        Mean of found less true radius, and mean of its size, on the same points.
    topology_errors
        True branches that were found, but less than half of whose mother lies on their way to the root (within the
        mother's radius, at least 1.5 mm).
    false_branches
        Ends of the found tree that lie more than their reach from every true line, by most of their length.
    """

    recall_by_order: dict[int, tuple[int, int]]
    line_mean_mm: float
    line_95_mm: float
    radius_bias_mm: float
    radius_error_mm: float
    topology_errors: int
    false_branches: int
    found_ends: int
    details: dict[str, list[str]] = field(default_factory=dict)

    @property
    def recall(self) -> float:
        there = sum(each[1] for each in self.recall_by_order.values())
        return sum(each[0] for each in self.recall_by_order.values()) / max(there, 1)


def truth_tree(tree: PhantomTree, frame_uid: str, *, kind: str = "artery") -> VesselTree:
    """The phantom's tree as ours, with its names."""
    segments = []
    for each in tree.segments():
        segments.append(
            TreeSegment(
                f"t{each.identifier}",
                f"n{each.start_node}",
                f"n{each.end_node}",
                *fine(each.points_lps_mm, each.radii_mm),
                name=each.name,
            )
        )
    nodes = {f"n{index}": np.asarray(place) for index, place in enumerate(tree.positions)}
    return VesselTree(kind, frame_uid, segments[0].start, nodes, tuple(segments))


def fine(points: Floats, radius: Floats, step_mm: float = _FINE_MM) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Points, radii and no doubt, evenly spaced along a line."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    wanted = np.linspace(0.0, along[-1], max(2, int(np.ceil(along[-1] / step_mm)) + 1))
    line = np.stack([np.interp(wanted, along, points[:, axis]) for axis in range(3)], axis=-1)
    return line, np.interp(wanted, along, radius), np.zeros(len(wanted), dtype=np.bool_)


def drawn(
    tree: VesselTree,
    spacing_kji_mm: Sequence[float],
    *,
    lumen: float = 300.0,
    ground: float = 60.0,
    noise: float = 0.0,
    blur_mm: float = 0.0,
    seed: int = 1,
    least_cover: float = 0.5,
    bounds_lps_mm: tuple[Floats, Floats] | None = None,
) -> tuple[Volume, Mask]:
    """The tree as a scanner would show it: the share of every voxel that lies in a vessel, blurred, with noise.

    The mask holds the voxels whose share is at least `least_cover` (before noise, after blur).
    """
    points = np.concatenate([each.points_lps_mm for each in tree.segments])
    low, high = bounds_lps_mm if bounds_lps_mm is not None else (points.min(axis=0), points.max(axis=0))
    spacing = np.asarray(spacing_kji_mm, dtype=np.float64)
    size = np.ceil((high - low + 16.0)[::-1] / spacing).astype(int)
    # An odd origin, so that no vessel runs along a row of voxel centres by chance.
    grid = Grid.of(
        (int(size[0]), int(size[1]), int(size[2])),
        origin_lps_mm=low - 8.0 + 0.137,
        spacing_kji_mm=spacing,
        frame_uid=tree.frame_uid,
    )
    share = _share(tree, grid)
    if blur_mm > 0.0:
        share = ndimage.gaussian_filter(share, blur_mm / spacing, truncate=3.0)
    image = ground + (lumen - ground) * share
    if noise > 0.0:
        image = image + np.random.default_rng(seed).normal(0.0, noise, image.shape)
    voxels = np.rint(image).astype(np.int16)
    return Volume(voxels, grid, ImageSource("1.2.3.4", unit="HU")), Mask.of(grid, share >= least_cover)


def _share(tree: VesselTree, grid: Grid) -> NDArray[np.float32]:
    """Share of every voxel within a vessel: wide ones by the distance to their surface, narrow ones by their volume."""
    points = np.concatenate([each.points_lps_mm for each in tree.segments])
    radius = np.concatenate([each.radius_mm for each in tree.segments])
    share = np.zeros(grid.size_kji, dtype=np.float32)
    wide = radius > _WIDE_MM
    if wide.any():
        _draw_wide(share, grid, points[wide], radius[wide])
    thin = [each for each in tree.segments if float(np.nanmin(each.radius_mm)) <= _WIDE_MM]
    if thin:
        np.maximum(share, _drawn_thin(thin, grid), out=share)
    return share


def _draw_wide(share: NDArray[np.float32], grid: Grid, points: Floats, radius: Floats) -> None:
    """A ramp of a voxel's width across the surface."""
    spacing = np.asarray(grid.spacing_kji_mm)
    wanted = np.zeros(grid.size_kji, dtype=np.bool_)
    for place, width in zip(grid.kji_from_lps.points(points)[::4], radius[::4], strict=True):
        reach = (width + 2.0) / spacing + 1.0
        at = np.maximum(np.floor(place - reach).astype(int), 0)
        to = np.maximum(np.minimum(np.ceil(place + reach).astype(int) + 1, grid.size_kji), 0)
        wanted[at[0] : to[0], at[1] : to[1], at[2] : to[2]] = True
    voxels = np.argwhere(wanted)
    gaps, at = cKDTree(points).query(grid.lps_from_kji.points(voxels), distance_upper_bound=float(radius.max()) + 3.0)
    near = np.isfinite(gaps)
    width = float(np.cbrt(np.prod(spacing)))
    share[tuple(voxels[near].T)] = np.clip(0.5 + (radius[at[near]] - gaps[near]) / width, 0.0, 1.0)


def _drawn_thin(segments: Sequence[TreeSegment], grid: Grid) -> NDArray[np.float32]:
    """The volume of narrow vessels, spread over the voxels by many points in discs along them."""
    total = np.zeros(int(np.prod(grid.size_kji)))
    voxel = grid.voxel_ml * 1000.0
    for each in segments:
        points, radius, _ = fine(each.points_lps_mm, each.radius_mm, 0.2)
        points, radius = points[radius <= _WIDE_MM], radius[radius <= _WIDE_MM]
        if len(points) < 2:
            continue
        step = np.gradient(np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]))
        tangent = np.gradient(points, axis=0)
        tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
        across = np.cross(tangent, np.eye(3)[np.argmin(np.abs(tangent), axis=1)])
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        beside = np.cross(tangent, across)
        count = int(np.clip(np.pi * float(radius.max()) ** 2 / 0.2**2, 16, 600))
        # A sunflower: equal areas, no rows.
        out = np.sqrt((np.arange(count) + 0.5) / count)
        turn = np.arange(count) * np.pi * (3.0 - np.sqrt(5.0))
        disc = out * np.cos(turn), out * np.sin(turn)
        places = points[:, None] + radius[:, None, None] * (
            disc[0][None, :, None] * across[:, None] + disc[1][None, :, None] * beside[:, None]
        )
        at = np.rint(grid.kji_from_lps.points(places.reshape(-1, 3))).astype(int)
        inside = np.all((at >= 0) & (at < np.asarray(grid.size_kji)), axis=1)
        weight = np.repeat(np.pi * radius**2 * step / count / voxel, count)[inside]
        np.add.at(total, np.ravel_multi_index(tuple(at[inside].T), grid.size_kji), weight)
    return np.clip(total, 0.0, 1.0).reshape(grid.size_kji).astype(np.float32)


def compare_trees(found: VesselTree, true: VesselTree, *, least_radius_mm: float = 0.0) -> TreeComparison:
    """Measures of a found tree against the truth.

    Parameters
    ----------
    least_radius_mm
        True branches narrower than this on the mean are not counted as missed (nor as false when found).
    """
    lines, owner, widths = _cloud(found)
    known = cKDTree(lines)
    orders = true.strahler
    recall: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    became: dict[str, str] = {}
    found_keys: list[str] = []
    missed: list[str] = []
    for each in true.segments:
        outside = _outside_mother(true, each)
        if not outside.any() or (each.mean_radius_mm or 0.0) < least_radius_mm:
            continue
        points, radius = each.points_lps_mm[outside], each.radius_mm[outside]
        gaps, at = known.query(points)
        near = gaps <= np.maximum(radius, _REACH_MM)
        seen = bool(near.mean() >= _FOUND_SHARE)
        recall[orders[each.id]][0] += int(seen)
        recall[orders[each.id]][1] += 1
        if not seen:
            missed.append(each.name or each.id)
            continue
        found_keys.append(each.id)
        names, counts = np.unique([owner[index] for index in at[near]], return_counts=True)
        became[each.id] = str(names[np.argmax(counts)])
    true_lines, true_owner, true_widths = _cloud(true)
    distance, error = _line_errors(true, found_keys, lines, widths, true_lines, true_owner, true_widths)
    false = _false_ends(found, cKDTree(true_lines), true_widths)
    return TreeComparison(
        {order: (pair[0], pair[1]) for order, pair in sorted(recall.items())},
        float(distance.mean()) if distance.size else float("nan"),
        float(np.quantile(distance, 0.95)) if distance.size else float("nan"),
        float(error.mean()) if error.size else float("nan"),
        float(np.abs(error).mean()) if error.size else float("nan"),
        _misplaced(found, true, became),
        len(false),
        sum(not found.children(each.id) for each in found.segments),
        {"missed": missed, "false": false},
    )


def _cloud(tree: VesselTree) -> tuple[Floats, list[str], Floats]:
    points, owner, widths = [], [], []
    for each in tree.segments:
        points.append(each.points_lps_mm)
        owner += [each.id] * len(each.points_lps_mm)
        widths.append(each.radius_mm)
    return np.concatenate(points), owner, np.concatenate(widths)


def _outside_mother(tree: VesselTree, segment: TreeSegment) -> NDArray[np.bool_]:
    """(n,) points outside the lumen of the segment it leaves; the last 1 mm of an end does not count."""
    outside = np.ones(len(segment.points_lps_mm), dtype=np.bool_)
    mother = tree.parent(segment.id)
    if mother is not None:
        gaps, at = cKDTree(mother.points_lps_mm).query(segment.points_lps_mm)
        outside &= gaps > mother.radius_mm[at]
    return outside


def _line_errors(
    true: VesselTree,
    found_keys: list[str],
    lines: Floats,
    widths: Floats,
    true_lines: Floats,
    true_owner: list[str],
    true_widths: Floats,
) -> tuple[Floats, Floats]:
    """Distances of found points from the true line, and radius errors, on found branches away from junctions."""
    counted = set(found_keys)
    outside = np.concatenate([_outside_mother(true, each) for each in true.segments])
    gaps, at = cKDTree(true_lines).query(lines)
    keep = np.array([outside[index] and true_owner[index] in counted for index in at])
    keep &= gaps <= np.maximum(true_widths[at], _REACH_MM)
    error = widths[keep] - true_widths[at[keep]]
    return gaps[keep], error[np.isfinite(error)]


def _misplaced(found: VesselTree, true: VesselTree, became: dict[str, str]) -> int:
    """Found branches whose way to the root does not run through their mother."""
    wrong = 0
    for key, own in became.items():
        mother = true.parent(key)
        while mother is not None and mother.id not in became:
            mother = true.parent(mother.id)
        if mother is None:
            continue
        way = cKDTree(np.concatenate([each.points_lps_mm for each in found.way_to(own)]))
        outside = _outside_mother(true, mother)
        gaps, _ = way.query(mother.points_lps_mm[outside])
        wrong += bool((gaps <= np.maximum(mother.radius_mm[outside], _REACH_MM)).mean() < _PASSED_SHARE)
    return wrong


def _false_ends(found: VesselTree, known: cKDTree, true_widths: Floats) -> list[str]:
    false = []
    for each in found.segments:
        if found.children(each.id):
            continue
        gaps, at = known.query(each.points_lps_mm)
        if float((gaps > np.maximum(true_widths[at], _REACH_MM)).mean()) > 0.5:
            false.append(each.id)
    return false
