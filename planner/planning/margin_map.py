"""What a margin is painted from: vertices with their values, a histogram, sectors, and the surface unrolled.

Directions are seen from the target's centroid: longitude 0 is the patient's front, +90 degrees the left; latitude +90
degrees is the head. Where a target is not star-shaped a direction shows the least margin of what lies there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.planning.margins import BINS, BINS_MM, Margin
from planner.planning.target_surface import TargetSurface

Floats = NDArray[np.float64]

SECTORS = {
    "left": (1.0, 0.0, 0.0),
    "right": (-1.0, 0.0, 0.0),
    "front": (0.0, -1.0, 0.0),
    "back": (0.0, 1.0, 0.0),
    "head": (0.0, 0.0, 1.0),
    "feet": (0.0, 0.0, -1.0),
}
"""Name -> LPS direction."""
FINE_SECTORS = {
    **SECTORS,
    **{
        f"{one}-{two}": tuple(np.add(SECTORS[one], SECTORS[two]) / np.sqrt(2.0))
        for one, two in (
            ("left", "front"),
            ("left", "back"),
            ("right", "front"),
            ("right", "back"),
            ("left", "head"),
            ("right", "head"),
            ("front", "head"),
            ("back", "head"),
            ("left", "feet"),
            ("right", "feet"),
            ("front", "feet"),
            ("back", "feet"),
        )
    },
}
"""The six, and the twelve half way between two of them."""

ROWS, COLUMNS = 90, 180
"""Of the unrolled picture: two degrees each."""
_NEAR = 3
_STEP_MM = 1.0


@dataclass(frozen=True, eq=False)
class MarginMap:
    """A margin, ready to be drawn.

    Attributes
    ----------
    vertices_lps_mm, normals_lps, triangles, values_mm
        The target's surface with the margin (mm) of each vertex.
    bin_names, bin_edges_mm
        Legend: below the first edge, between two, from the last on.
    histogram_edges_mm, histogram_shares
        (b + 1,), (b,): share of the surface between two edges, 1 mm apart.
    unrolled_mm
        (`ROWS`, `COLUMNS`) float32; the first row is the head, the middle column the patient's front, columns run to
        the patient's left.
    unrolled_bins
        The same as uint8 numbers of `bin_names`.
    minimum_row_column
        Where the least margin lies in it.
    sectors_mm, fine_sectors_mm
        Name -> least margin of the surface seen in that direction; absent where no surface is seen.
    excluded
        (n,) vertices near the capsule, None without one.
    """

    vertices_lps_mm: Floats
    normals_lps: Floats
    triangles: NDArray[np.int32]
    values_mm: Floats
    bin_names: tuple[str, ...]
    bin_edges_mm: tuple[float, ...]
    histogram_edges_mm: Floats
    histogram_shares: Floats
    unrolled_mm: NDArray[np.float32]
    unrolled_bins: NDArray[np.uint8]
    minimum_at_lps_mm: tuple[float, float, float]
    minimum_row_column: tuple[int, int]
    sectors_mm: Mapping[str, float]
    fine_sectors_mm: Mapping[str, float]
    excluded: NDArray[np.bool_] | None


class MapSession:
    """Maps of margins of one target: directions are prepared once, so a map costs well under a frame of a drag."""

    def __init__(self, target: TargetSurface) -> None:
        self.target = target
        offset = target.vertices_lps_mm - target.centre_lps_mm
        self._directions = offset / np.maximum(np.linalg.norm(offset, axis=1, keepdims=True), 1e-9)
        self._share = target.areas_mm2 / target.area_mm2

    def map(self, margin: Margin) -> MarginMap:
        """The map of a margin of this target."""
        values = margin.values_mm
        edges, shares = self._histogram(values)
        unrolled = values[self._nearest].min(axis=2).astype(np.float32)
        lowest = int(np.argmin(values))
        return MarginMap(
            vertices_lps_mm=self.target.vertices_lps_mm,
            normals_lps=self.target.normals_lps,
            triangles=self.target.triangles,
            values_mm=values,
            bin_names=BINS,
            bin_edges_mm=BINS_MM,
            histogram_edges_mm=edges,
            histogram_shares=shares,
            unrolled_mm=unrolled,
            unrolled_bins=np.digitize(unrolled, BINS_MM).astype(np.uint8),
            minimum_at_lps_mm=margin.minimum_at_lps_mm,
            minimum_row_column=row_and_column(self._directions[lowest]),
            sectors_mm=self._least(values, self._coarse, tuple(SECTORS)),
            fine_sectors_mm=self._least(values, self._fine, tuple(FINE_SECTORS)),
            excluded=None if margin.subcapsular is None else margin.subcapsular.near,
        )

    def _histogram(self, values: Floats) -> tuple[Floats, Floats]:
        low, high = np.floor(values.min() / _STEP_MM), np.floor(values.max() / _STEP_MM) + 1.0
        edges = _STEP_MM * np.arange(low, high + 1.0)
        shares, _ = np.histogram(values, bins=edges, weights=self._share)
        return edges, shares

    def _least(self, values: Floats, sector: NDArray[np.int64], names: tuple[str, ...]) -> dict[str, float]:
        least = np.full(len(names), np.inf)
        np.minimum.at(least, sector, values)
        return {name: float(value) for name, value in zip(names, least, strict=True) if np.isfinite(value)}

    @cached_property
    def _coarse(self) -> NDArray[np.int64]:
        return _nearest_sector(self._directions, SECTORS)

    @cached_property
    def _fine(self) -> NDArray[np.int64]:
        return _nearest_sector(self._directions, FINE_SECTORS)

    @cached_property
    def _nearest(self) -> NDArray[np.int64]:
        """(rows, columns, near) vertices seen in the direction of each picture element."""
        from scipy.spatial import cKDTree

        latitude = np.pi * (0.5 - (np.arange(ROWS) + 0.5) / ROWS)[:, None]
        longitude = 2.0 * np.pi * ((np.arange(COLUMNS) + 0.5) / COLUMNS - 0.5)[None, :]
        across = np.cos(latitude)
        head = np.broadcast_to(np.sin(latitude), (ROWS, COLUMNS))
        looked = np.stack([across * np.sin(longitude), -across * np.cos(longitude), head], axis=-1)
        count = min(_NEAR, len(self._directions))
        _, near = cKDTree(self._directions).query(looked.reshape(-1, 3), k=count)
        return np.asarray(near, dtype=np.int64).reshape(ROWS, COLUMNS, count)


def margin_map(margin: Margin) -> MarginMap:
    """The map of one margin; for a margin that moves keep a `MapSession`."""
    return MapSession(margin.target).map(margin)


def row_and_column(direction_lps: Floats) -> tuple[int, int]:
    """Picture element of the unrolled surface that a unit direction falls into."""
    x, y, z = (float(value) for value in direction_lps)
    row = int((0.5 - np.arcsin(np.clip(z, -1.0, 1.0)) / np.pi) * ROWS)
    column = int((np.arctan2(x, -y) / (2.0 * np.pi) + 0.5) * COLUMNS)
    return min(row, ROWS - 1), min(column, COLUMNS - 1)


def _nearest_sector(directions: Floats, sectors: Mapping[str, tuple[float, ...]]) -> NDArray[np.int64]:
    axes = np.array(list(sectors.values()))
    return np.asarray(np.argmax(directions @ axes.T, axis=1), dtype=np.int64)
