"""A stent at its place: where its ends lie, how far it could open in the lumen as it is, its tube in 3D and on a slice.

Geometry alone. How far a stent opens against a tumour or a scar depends on forces that no image shows: the waist that
is drawn is the lumen as it was measured, and nothing says that the stent will or will not open it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Polyline, SlicePlane
from planner.imaging.reformat import Course, course_of
from planner.model.vessel_items import LumenMark

Floats = NDArray[np.float64]

SIDES = 32
STEP_MM = 0.5


@dataclass(frozen=True, slots=True)
class MarkDistance:
    """A mark seen from the stent.

    Attributes
    ----------
    inside
        It lies between the stent's ends.
    from_start_mm, from_end_mm
        Along the lumen from that end, positive beyond the stent.
    """

    name: str
    inside: bool
    from_start_mm: float
    from_end_mm: float


@dataclass(frozen=True, eq=False)
class Deployment:
    """A stent drawn in its lumen.

    Attributes
    ----------
    along_mm
        (n,) places of its rings on the centreline.
    lumen_mm
        (n,) diameter of the lumen there; NaN where it was not measured.
    held_mm
        (n,) nominal diameter, or the lumen's where that is narrower: how it lies before the stricture gives way.
    waist_mm, waist_percent
        Narrowest place of `held_mm` and its share of the nominal diameter; None where the lumen was not measured.
    landing_proximal_mm, landing_distal_mm
        Of the stent beyond the stricture; None without a stricture, negative where the stricture is not covered.
    crimped_length_mm
        In its delivery catheter; None where the catalogue gives no foreshortening.
    cut
        It reaches beyond the measured lumen and is drawn to its end alone.
    """

    course: Course
    start_mm: float
    end_mm: float
    nominal_mm: float
    along_mm: Floats
    lumen_mm: Floats
    held_mm: Floats
    waist_mm: float | None
    waist_percent: float | None
    landing_proximal_mm: float | None
    landing_distal_mm: float | None
    crimped_length_mm: float | None
    marks: tuple[MarkDistance, ...]
    cut: bool

    @property
    def start_lps_mm(self) -> Floats:
        return self.course.at(float(self.along_mm[0]))

    @property
    def end_lps_mm(self) -> Floats:
        return self.course.at(float(self.along_mm[-1]))

    def mesh(self, *, opened: bool = False, sides: int = SIDES) -> tuple[Floats, NDArray[np.int64]]:
        """Vertices (n * sides, 3) LPS mm and triangles (m, 3) of its open tube.

        Parameters
        ----------
        opened
            At its nominal diameter throughout; otherwise with the waist of the lumen.
        """
        turn = np.arange(sides) * (2.0 * np.pi / sides)
        radius = (np.full_like(self.held_mm, self.nominal_mm) if opened else self.held_mm) / 2.0
        rings = [
            np.cos(turn)[:, None] * plane.right_lps + np.sin(turn)[:, None] * plane.down_lps
            for plane in (self.course.plane(float(along)) for along in self.along_mm)
        ]
        vertices: Floats = self.course.at(self.along_mm)[:, None] + radius[:, None, None] * np.stack(rings)
        return vertices.reshape(-1, 3), _tube_triangles(len(self.along_mm), sides)

    def outline(self, plane: SlicePlane, *, opened: bool = False) -> Floats:
        """(m, 2, 3) LPS mm: the lines in which its wall crosses a plane; empty where it does not."""
        vertices, triangles = self.mesh(opened=opened)
        return plane_lines(vertices, triangles, plane)


def deploy(
    centreline: Polyline | Course,
    start_mm: float,
    end_mm: float,
    nominal_mm: float,
    *,
    lumen_along_mm: Floats | None = None,
    lumen_mm: Floats | None = None,
    stricture_mm: tuple[float, float] | None = None,
    marks: Sequence[LumenMark] = (),
    foreshortening_percent: float | None = None,
) -> Deployment:
    """Lay a stent along a centreline.

    Parameters
    ----------
    lumen_along_mm, lumen_mm
        (n,) measured diameters of the lumen along the centreline, NaN where unknown.
    stricture_mm
        Where the stricture begins and ends.

    Raises
    ------
    ValueError
        For a stent without length or diameter, or one that lies outside the centreline.
    """
    course = course_of(centreline, STEP_MM)
    low, high = max(0.0, start_mm), min(course.length_mm, end_mm)
    if not end_mm > start_mm or not nominal_mm > 0.0 or not high > low:
        raise ValueError(f"no stent of {nominal_mm} mm from {start_mm} to {end_mm} mm of {course.length_mm} mm")
    along = np.linspace(low, high, max(2, int(np.ceil((high - low) / STEP_MM)) + 1))
    lumen = np.full(len(along), np.nan)
    if lumen_along_mm is not None and lumen_mm is not None:
        lumen = np.interp(along, lumen_along_mm, lumen_mm)
    held = np.where(np.isfinite(lumen), np.minimum(lumen, nominal_mm), nominal_mm)
    measured = bool(np.isfinite(lumen).any())
    waist = float(held.min()) if measured else None
    length = end_mm - start_mm
    return Deployment(
        course=course,
        start_mm=start_mm,
        end_mm=end_mm,
        nominal_mm=nominal_mm,
        along_mm=along,
        lumen_mm=lumen,
        held_mm=held,
        waist_mm=waist,
        waist_percent=None if waist is None else 100.0 * waist / nominal_mm,
        landing_proximal_mm=None if stricture_mm is None else stricture_mm[0] - start_mm,
        landing_distal_mm=None if stricture_mm is None else end_mm - stricture_mm[1],
        crimped_length_mm=crimped_length_mm(length, foreshortening_percent),
        marks=tuple(_distance(mark, start_mm, end_mm) for mark in marks),
        cut=start_mm < 0.0 or end_mm > course.length_mm,
    )


def crimped_length_mm(open_mm: float, foreshortening_percent: float | None) -> float | None:
    """Length in the delivery catheter of a stent that is so long when it is open; None for an unknown shortening."""
    return None if foreshortening_percent is None else open_mm / (1.0 - foreshortening_percent / 100.0)


def plane_lines(vertices_lps_mm: Floats, triangles: NDArray[np.int64], plane: SlicePlane) -> Floats:
    """(m, 2, 3): where a surface's triangles cross a plane."""
    heights = plane.distance_mm(vertices_lps_mm)[triangles]
    # A vertex on the plane is counted as above it, so that a line is never found twice.
    signs = heights >= 0.0
    crossing = signs.any(axis=1) & ~signs.all(axis=1)
    corners, heights, signs = vertices_lps_mm[triangles[crossing]], heights[crossing], signs[crossing]
    if not len(corners):
        return np.empty((0, 2, 3))
    # One corner lies alone on its side; both edges from it cross.
    alone = np.where(signs.sum(axis=1) == 1, signs.argmax(axis=1), (~signs).argmax(axis=1))
    rows = np.arange(len(corners))
    lines = []
    for turn in (1, 2):
        other = (alone + turn) % 3
        share = heights[rows, alone] / (heights[rows, alone] - heights[rows, other])
        lines.append(corners[rows, alone] + share[:, None] * (corners[rows, other] - corners[rows, alone]))
    found: Floats = np.stack(lines, axis=1)
    return found


def _tube_triangles(rings: int, sides: int) -> NDArray[np.int64]:
    ring, side = np.meshgrid(np.arange(rings - 1), np.arange(sides), indexing="ij")
    corner = (ring * sides + side).ravel()
    beside = (ring * sides + (side + 1) % sides).ravel()
    triangles: NDArray[np.int64] = np.concatenate(
        [
            np.stack([corner, beside, corner + sides], axis=1),
            np.stack([beside, beside + sides, corner + sides], axis=1),
        ]
    ).astype(np.int64)
    return triangles


def _distance(mark: LumenMark, start: float, end: float) -> MarkDistance:
    inside = start < mark.along_mm < end
    return MarkDistance(mark.name, inside, start - mark.along_mm, mark.along_mm - end)
