"""Whether zones cover a target with its margin, decided by subdivision and not by samples.

The target is what lies inside the sub-voxel surface of its mask; with the margin it is every point whose interpolated
distance from that surface is at most the margin. Every box of that body must lie whole inside one ellipsoid, or is
cut into eight; a box that holds a point outside every zone says "not covered"; what is left at the finest boxes says
"undecided". Cover of a chart's ellipsoid is geometry, and no statement about tissue.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.imaging.surfaces import signed_distance_mm
from planner.planning.target_surface import TargetSurface
from planner.planning.zones import Zone

Floats = NDArray[np.float64]

FINEST_MM = 0.1
"""Boxes are not cut below this edge: finer than any voxel, coarser than rounding."""
_WITNESSES_PER_SLICE = 8
_BOXES_PER_SLICE = 100_000
_SPARE_MM = 3.0
_NODES, _STEPS_MM = 48, (0.7, 1.5)
"""Nodes along the longest edge of target and margin, within these steps: finer tells nothing more of a surface that is
reconstructed from voxels."""


@dataclass(frozen=True, eq=False)
class TargetField:
    """A target and the space around it. Build with `TargetField.of`.

    Attributes
    ----------
    surface
        Of the target, sub-voxel.
    grid
        A box around target and margin, upright in LPS; it may leave the image.
    distance_mm
        (k, j, i) float32: distance of the nodes from the target's surface, negative inside. Exact where target and
        margin end; rough farther off, where only its sign against the margin counts.
    margin_mm
        Wanted around the target.
    depth_mm
        Of a node deep inside the target.
    """

    surface: TargetSurface
    grid: Grid
    distance_mm: NDArray[np.float32]
    margin_mm: float
    depth_mm: float

    @staticmethod
    def of(target: Mask | TargetSurface, margin_mm: float) -> TargetField:
        """
        Raises
        ------
        InputRefused
            ``empty-mask``, or ``bad-margin`` for a negative or endless one.
        """
        mask = target if isinstance(target, Mask) else target.mask
        if mask.is_empty:
            raise InputRefused("empty-mask", "The target is empty; mark it on the images first.")
        if not math.isfinite(margin_mm) or not 0.0 <= margin_mm <= 100.0:
            raise InputRefused("bad-margin", f"A margin of {margin_mm:g} mm is not between 0 and 100 mm.")
        surface = TargetSurface.of(target) if isinstance(target, Mask) else target
        vertices = surface.vertices_lps_mm
        low, high = vertices.min(axis=0) - margin_mm - _SPARE_MM, vertices.max(axis=0) + margin_mm + _SPARE_MM
        step = float(np.clip((high - low).max() / _NODES, *_STEPS_MM))
        x, y, z = (int(n) for n in np.ceil((high - low) / step).astype(int) + 1)
        grid = Grid.of((z, y, x), origin_lps_mm=low, spacing_kji_mm=(step, step, step), frame_uid=mask.grid.frame_uid)
        distance, depth = _distances(surface, mask, grid, margin_mm)
        return TargetField(surface, grid, distance, float(margin_mm), depth)

    def wider(self, more_mm: float) -> TargetField:
        """The same with a slightly larger margin."""
        return replace(self, margin_mm=self.margin_mm + more_mm)

    def volume_ml(self) -> float:
        """Of target and margin."""
        return float(np.count_nonzero(self.distance_mm <= self.margin_mm)) * self.grid.voxel_ml

    def boundary_lps_mm(self) -> Floats:
        """(n, 3): points on the surface of target and margin, where lines between voxel centres cross it."""
        inside = self.distance_mm <= self.margin_mm
        found = []
        for axis in range(3):
            near = np.swapaxes(self.distance_mm, 0, axis)
            bits = np.swapaxes(inside, 0, axis)
            crossing = np.argwhere(bits[:-1] != bits[1:])
            first = near[:-1][tuple(crossing.T)].astype(np.float64)
            second = near[1:][tuple(crossing.T)].astype(np.float64)
            place = crossing.astype(np.float64)
            place[:, 0] += (self.margin_mm - first) / (second - first)
            place[:, [0, axis]] = place[:, [axis, 0]]
            found.append(place)
        return self.grid.lps_from_kji.points(np.concatenate(found))

    def interior_lps_mm(self, step_mm: float) -> Floats:
        """(n, 3): voxel centres of target and margin about `step_mm` apart."""
        strides = [max(1, round(step_mm / spacing)) for spacing in self.grid.spacing_kji_mm]
        thin = self.distance_mm[:: strides[0], :: strides[1], :: strides[2]]
        return self.grid.lps_from_kji.points(np.argwhere(thin <= self.margin_mm) * np.asarray(strides))


@dataclass(frozen=True, slots=True)
class Cover:
    """The answer about some zones.

    Attributes
    ----------
    covered
        True, False, or None where the finest boxes left it open.
    uncovered_lps_mm
        Places of target and margin outside every zone, spread over the slices.
    uncovered_cells, undecided_cells
        Voxel-sized cells that hold such a place, or were left open.
    fraction, target_fraction
        Share of target and margin, and of the target alone, inside a zone; from samples, 1 only when covered.
    """

    covered: bool | None
    uncovered_lps_mm: Floats
    uncovered_cells: int
    undecided_cells: int
    fraction: float
    target_fraction: float


def _distances(surface: TargetSurface, mask: Mask, grid: Grid, margin_mm: float) -> tuple[NDArray[np.float32], float]:
    """Distances at the nodes of a grid, and how deep the deepest of them lies."""
    from scipy import ndimage

    tight = Mask.of(mask.grid, mask.voxels, mask.box[0])
    spacing = np.asarray(tight.grid.spacing_kji_mm)
    more = np.ceil((margin_mm + 2.0 * _SPARE_MM) / spacing).astype(int) + 2
    voxels = signed_distance_mm(np.pad(tight.voxels, [(int(n), int(n)) for n in more]), tight.grid.spacing_kji_mm)
    nodes = grid.lps_from_kji.points(np.indices(grid.size_kji).reshape(3, -1).T)
    kji = tight.grid.kji_from_lps.points(nodes) - np.asarray(tight.box[0]) + more
    rough = np.asarray(ndimage.map_coordinates(voxels, kji.T, order=1, mode="nearest"), dtype=np.float64)
    # The distance between voxel centres is off by up to half a voxel; cells that the surface may cross get exact nodes.
    reach = 0.6 * float(spacing.max()) + 1.75 * grid.spacing_kji_mm[0] + 0.3
    near = np.flatnonzero(np.abs(rough - margin_mm) <= reach)
    rough[near] = surface.signed_distance_mm(nodes[near])
    deepest = np.argsort(rough)[:64]
    depth = -float(surface.signed_distance_mm(nodes[deepest]).min())
    return rough.astype(np.float32).reshape(grid.size_kji), max(0.0, depth)


def _in_index_space(field: TargetField, zones: Sequence[Zone]) -> tuple[Floats, Floats]:
    kji_from_lps = field.grid.kji_from_lps
    back = field.grid.lps_from_kji.homogeneous[:3, :3]
    centres = np.array([kji_from_lps.points(zone.centre_lps_mm) for zone in zones]).reshape(-1, 3)
    quadrics = np.array([back.T @ zone.quadric() @ back for zone in zones]).reshape(-1, 3, 3)
    return np.ascontiguousarray(centres), np.ascontiguousarray(quadrics)


def decide(field: TargetField, zones: Sequence[Zone], *, finest_mm: float = FINEST_MM) -> Cover:
    """Whether every point of target and margin lies in a zone.

    Parameters
    ----------
    finest_mm
        Edge below which boxes are not cut any more.
    """
    from planner.planning import coverage_kernels as kernels

    centres, quadrics = _in_index_space(field, zones)
    slices = field.distance_mm.shape[0] - 1
    deepest = max(0, math.ceil(math.log2(max(field.grid.spacing_kji_mm) / finest_mm)))
    counts = np.zeros((slices, 3), dtype=np.int64)
    witnesses = np.full((slices, _WITNESSES_PER_SLICE, 3), np.nan)
    samples = np.zeros((slices, 4), dtype=np.int64)
    margin, distance = field.margin_mm, field.distance_mm

    def decide_band(first: int, last: int) -> None:
        kernels.decide_slices(
            distance, margin, centres, quadrics, deepest, _BOXES_PER_SLICE, counts, witnesses, first, last
        )
        kernels.sample_slices(distance, margin, centres, quadrics, samples, first, last)

    in_bands(slices, decide_band, least_rows=2)
    _, uncovered, undecided = (int(total) for total in counts.sum(axis=0))
    places = witnesses.reshape(-1, 3)
    places = places[np.isfinite(places[:, 0])]
    covered = False if uncovered else None if undecided else True
    wanted, held, target, target_held = (int(total) for total in samples.sum(axis=0))
    # A place that was found outside counts as one more sample, so that the share is 1 only when all is covered.
    return Cover(
        covered=covered,
        uncovered_lps_mm=field.grid.lps_from_kji.points(places),
        uncovered_cells=uncovered,
        undecided_cells=undecided,
        fraction=1.0 if covered else held / (wanted + max(1, len(places))),
        target_fraction=target_held / target if target else 1.0,
    )


def collateral_ml(field: TargetField, zones: Sequence[Zone], step_mm: float = 1.0) -> tuple[float, float]:
    """Volume of all zones together, and of what of them lies outside target and margin; mL, sampled every `step_mm`."""
    if not zones:
        return 0.0, 0.0
    from planner.planning import coverage_kernels as kernels

    bounds = np.array([zone.bounds_lps_mm() for zone in zones])
    low, high = bounds[:, 0].min(axis=0), bounds[:, 1].max(axis=0)
    size = np.maximum(1, np.ceil((high - low) / step_mm).astype(np.int64))
    centres, quadrics = _in_index_space(field, zones)
    start = field.grid.kji_from_lps.points(low + 0.5 * step_mm)
    steps = np.ascontiguousarray(field.grid.kji_from_lps.homogeneous[:3, :3] * step_mm)
    counts = np.zeros((int(size[0]), 2), dtype=np.int64)

    def count(first: int, last: int) -> None:
        kernels.collateral_slices(
            field.distance_mm, field.margin_mm, start, steps, size, centres, quadrics, counts, first, last
        )

    in_bands(int(size[0]), count, least_rows=4)
    whole, outside = counts.sum(axis=0) * step_mm**3 / 1000.0
    return float(whole), float(outside)
