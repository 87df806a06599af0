"""Pictures along a centreline: straightened, curved, and across it, with the way between pixel and patient.

Rows of a straightened or curved picture run along the course, from its start downwards; columns run across it. The
frames across the course turn no more than the course does (`planner.imaging.cross_sections.frames`), so that a
straightened picture shows no twist of its own. Where a course bends more sharply than the picture is wide, its rows
cross each other and the picture shows that place twice; that is of the method and cannot be mended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.geometry import Grid, Polyline, SlicePlane
from planner.imaging.bands import in_bands
from planner.imaging.cross_sections import frames
from planner.imaging.slicing import pixel_lps_mm, readable, slice_volume
from planner.imaging.volumes import ImageSource, Volume

Floats = NDArray[np.float64]

_CALM_MM = 1.5
"""Corners of a centreline are rounded over this before its direction is taken; its places stay."""
_ALONG_LEFT = 0.9
"""Cosine beyond which a course runs along the patient's left and right, and angle 0 is taken towards the back."""


@dataclass(frozen=True, eq=False)
class Course:
    """A centreline with a frame at evenly spaced places, prepared once for many pictures.

    Attributes
    ----------
    points_lps_mm, tangents, across, beside
        (n, 3); unit directions along the course, and two across it. `across` begins towards the patient's left (for
        a course along left and right, towards the back) and turns no more than the course.
    step_mm
        Between neighbouring points, along the course.
    """

    points_lps_mm: Floats
    tangents: Floats
    across: Floats
    beside: Floats
    step_mm: float
    frame_uid: str

    @staticmethod
    def of(centreline: Polyline, step_mm: float = 0.5) -> Course:
        """
        Raises
        ------
        ValueError
            For a centreline without length, or a step that is none.
        """
        from scipy.ndimage import gaussian_filter1d

        if not step_mm > 0.0 or not centreline.length_mm > 0.0:
            raise ValueError(f"no course of {centreline.length_mm} mm in steps of {step_mm} mm")
        even = centreline.resampled(step_mm)
        points = np.asarray(even.points_lps_mm)
        step = even.length_mm / (len(points) - 1)
        calm = points if len(points) < 4 else gaussian_filter1d(points, _CALM_MM / step, axis=0, mode="nearest")
        tangents, across, beside = frames(calm)
        wanted = _usual_across(tangents[0])
        turn = float(np.arctan2(wanted @ beside[0], wanted @ across[0]))
        return Course(points, tangents, *_turned(across, beside, turn), step, centreline.frame_uid)

    @property
    def length_mm(self) -> float:
        return self.step_mm * (len(self.points_lps_mm) - 1)

    def turned(self, angle_deg: float) -> tuple[Floats, Floats]:
        """(n, 3) directions across at an angle, and those at right angles to them."""
        return _turned(self.across, self.beside, float(np.deg2rad(angle_deg)))

    def at(self, along_mm: ArrayLike) -> Floats:
        """(..., 3) places on the course."""
        return _between(self.points_lps_mm, np.asarray(along_mm, dtype=np.float64) / self.step_mm)

    def plane(self, along_mm: float, angle_deg: float = 0.0) -> SlicePlane:
        """The plane across the course; what a straightened picture of that angle shows to the right lies right."""
        row = np.array(along_mm / self.step_mm)
        across, beside = self.turned(angle_deg)
        return SlicePlane(self.at(along_mm), _between(across, row), _between(beside, row))

    def along_of(self, lps_mm: ArrayLike) -> Floats:
        """(...,) where on the course the nearest place to each point lies, in mm from its start."""
        return _nearest_place(self.points_lps_mm, np.asarray(lps_mm, dtype=np.float64)) * self.step_mm


def course_of(centreline: Polyline | Course, step_mm: float) -> Course:
    """A prepared course as it is; a line is prepared."""
    return centreline if isinstance(centreline, Course) else Course.of(centreline, step_mm)


@dataclass(frozen=True, eq=False)
class RowMap:
    """Where the pixels of a picture along a course lie.

    Attributes
    ----------
    middles_lps_mm, rights_lps
        (rows, 3) the place in the middle of each row, and the unit direction its columns run.
    along_mm
        (rows,) each row's place on the course.
    """

    middles_lps_mm: Floats
    rights_lps: Floats
    along_mm: Floats
    columns: int
    mm_per_px: float

    @property
    def size_px(self) -> tuple[int, int]:
        return len(self.middles_lps_mm), self.columns

    def lps_of(self, row_column: ArrayLike) -> Floats:
        """(..., 3) of picture positions (..., 2) as (row, column), 0 at the centre of the first pixel."""
        given = np.asarray(row_column, dtype=np.float64)
        offset = (given[..., 1:2] - (self.columns - 1) / 2.0) * self.mm_per_px
        middle, right = _between(self.middles_lps_mm, given[..., 0]), _between(self.rights_lps, given[..., 0])
        return middle + offset * right

    def pixel_of(self, lps_mm: ArrayLike) -> Floats:
        """(..., 3): row, column, and how far in mm the point lies beside the surface that the picture shows."""
        points = np.asarray(lps_mm, dtype=np.float64)
        row = _nearest_row(self.middles_lps_mm, self.rights_lps, points)
        middle, right = _between(self.middles_lps_mm, row), _between(self.rights_lps, row)
        offset = np.sum((points - middle) * right, axis=-1)
        beside = np.linalg.norm(points - middle - offset[..., None] * right, axis=-1)
        return np.stack([row, offset / self.mm_per_px + (self.columns - 1) / 2.0, beside], axis=-1)

    def along_at(self, row: ArrayLike) -> Floats:
        """(...,) mm along the course of picture rows."""
        rows = np.arange(len(self.along_mm), dtype=np.float64)
        found: Floats = np.interp(np.asarray(row, dtype=np.float64), rows, self.along_mm)
        return found

    def row_at(self, along_mm: ArrayLike) -> Floats:
        """(...,) picture rows of places on the course."""
        rows = np.arange(len(self.along_mm), dtype=np.float64)
        found: Floats = np.interp(np.asarray(along_mm, dtype=np.float64), self.along_mm, rows)
        return found


@dataclass(frozen=True, eq=False)
class Reformat:
    """A picture along a course: (rows, columns) float32 in the volume's unit, NaN outside the image."""

    image: NDArray[np.float32]
    map: RowMap


def straightened(
    volume: Volume,
    centreline: Polyline | Course,
    *,
    width_mm: float,
    angle_deg: float = 0.0,
    mm_per_px: float = 0.5,
) -> Reformat:
    """The course drawn straight: its centre runs down the middle of the picture.

    Parameters
    ----------
    centreline
        In the volume's frame of reference; a `Course` where the picture is turned or scrolled.
    angle_deg
        Of the cut around the course; 0 shows the patient's left on the right.

    Raises
    ------
    ValueError
        For a picture without width or a pixel without size.
    """
    course = course_of(centreline, mm_per_px)
    rows = max(2, int(np.floor(course.length_mm / mm_per_px)) + 1)
    along: Floats = np.arange(rows, dtype=np.float64) * (course.length_mm / (rows - 1))
    across, _ = course.turned(angle_deg)
    rights = _between(across, along / course.step_mm)
    where = RowMap(course.at(along), rights, along, _columns(width_mm, mm_per_px), mm_per_px)
    return Reformat(_picture(volume, where), where)


def curved(
    volume: Volume,
    centreline: Polyline | Course,
    *,
    width_mm: float,
    angle_deg: float = 0.0,
    mm_per_px: float = 0.5,
) -> Reformat:
    """The course with its bends: the surface that a line sweeps along it, unrolled by the length of the swept course.

    Lengths along the line of sight are kept across the picture, lengths of the course as it is seen along that line
    are kept down it. The picture is as much wider than `width_mm` as the course bends. Raises as `straightened`.
    """
    course = course_of(centreline, mm_per_px)
    sweep = _sweep(course, angle_deg)
    depth = course.points_lps_mm @ sweep
    flat = course.points_lps_mm - depth[:, None] * sweep
    seen = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    rows = max(2, int(np.floor(seen[-1] / mm_per_px)) + 1)
    wanted = np.arange(rows) * (seen[-1] / (rows - 1))
    # A course that runs for a while along the sweep has no length there; its first such place is taken.
    place = np.interp(wanted, seen, np.arange(len(seen), dtype=np.float64))
    middle = (float(depth.min()) + float(depth.max())) / 2.0
    middles = _between(flat, place) + middle * sweep
    rights = np.broadcast_to(sweep, middles.shape).copy()
    columns = _columns(width_mm + float(np.ptp(depth)), mm_per_px)
    where = RowMap(middles, rights, place * course.step_mm, columns, mm_per_px)
    return Reformat(_picture(volume, where), where)


@dataclass(frozen=True, eq=False)
class CrossSection:
    """A picture across a course; the course passes through its middle."""

    image: NDArray[np.float32]
    plane: SlicePlane
    mm_per_px: float

    def lps_of(self, row_column: ArrayLike) -> Floats:
        """(..., 3) of picture positions (..., 2) as (row, column)."""
        return pixel_lps_mm(self.plane, self.image.shape, self.mm_per_px, row_column)

    def pixel_of(self, lps_mm: ArrayLike) -> Floats:
        """(..., 3): row, column, and the signed distance in mm from the plane."""
        right_down = self.plane.in_plane_mm(lps_mm) / self.mm_per_px
        middle = (np.asarray(self.image.shape, dtype=np.float64) - 1.0) / 2.0
        return np.stack(
            [right_down[..., 1] + middle[0], right_down[..., 0] + middle[1], self.plane.distance_mm(lps_mm)], axis=-1
        )


def cross_section(
    volume: Volume,
    centreline: Polyline | Course,
    along_mm: float,
    width_mm: float,
    mm_per_px: float = 0.5,
    *,
    angle_deg: float = 0.0,
) -> CrossSection:
    """A square picture across the course at a place; its right is that of `straightened` at the same angle."""
    course = course_of(centreline, mm_per_px)
    side = _columns(width_mm, mm_per_px)
    plane = course.plane(along_mm, angle_deg)
    return CrossSection(slice_volume(volume, plane, (side, side), mm_per_px), plane, mm_per_px)


def warm_up() -> None:
    """Load or compile the kernel for CT (int16) and float images; call from a background thread at start."""
    grid = Grid.of((2, 2, 2), frame_uid="warm-up")
    course = Course.of(Polyline(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]), "warm-up"), 0.5)
    for voxel_type in (np.int16, np.float32):
        volume = Volume(np.zeros((2, 2, 2), dtype=voxel_type), grid, ImageSource("warm-up"))
        straightened(volume, course, width_mm=2.0)


def _columns(width_mm: float, mm_per_px: float) -> int:
    if not width_mm > 0.0 or not mm_per_px > 0.0:
        raise ValueError(f"no picture of {width_mm} mm in pixels of {mm_per_px} mm")
    # An odd number, so that the course lies on a column and not between two.
    return 2 * max(1, int(round(width_mm / mm_per_px / 2.0))) + 1


def _picture(volume: Volume, where: RowMap) -> NDArray[np.float32]:
    from planner.imaging import reformat_kernels as kernels

    begin = where.lps_of(np.column_stack([np.arange(where.size_px[0]), np.zeros(where.size_px[0])]))
    starts = np.ascontiguousarray(volume.grid.kji_from_lps.points(begin))
    steps = np.ascontiguousarray(volume.grid.kji_from_lps.vectors(where.rights_lps * where.mm_per_px))
    voxels = readable(volume.voxels)
    image = np.empty(where.size_px, dtype=np.float32)
    in_bands(where.size_px[0], lambda a, b: kernels.rows_linear(voxels, starts, steps, float("nan"), image, a, b))
    return image


def _usual_across(tangent: Floats) -> Floats:
    """The direction across a course that a picture of angle 0 shows to the right: the patient's left, or the back."""
    left = np.array([1.0, 0.0, 0.0])
    chosen = left if abs(float(tangent @ left)) < _ALONG_LEFT else np.array([0.0, 1.0, 0.0])
    across = chosen - tangent * float(chosen @ tangent)
    unit: Floats = across / np.linalg.norm(across)
    return unit


def _turned(across: Floats, beside: Floats, angle: float) -> tuple[Floats, Floats]:
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * across + sine * beside, cosine * beside - sine * across


def _sweep(course: Course, angle_deg: float) -> Floats:
    """The direction of the columns of a curved picture: across the straight line between the course's ends."""
    chord = course.points_lps_mm[-1] - course.points_lps_mm[0]
    length = float(np.linalg.norm(chord))
    axis = course.tangents[0] if length < 1e-6 else chord / length
    across = _usual_across(axis)
    angle = np.deg2rad(angle_deg)
    sweep: Floats = np.cos(angle) * across + np.sin(angle) * np.cross(axis, across)
    return sweep


def _between(table: Floats, place: ArrayLike) -> Floats:
    """(..., 3) rows of a table at places between them, held at its ends."""
    held = np.clip(np.asarray(place, dtype=np.float64), 0.0, len(table) - 1.0)
    low = np.minimum(held.astype(np.intp), len(table) - 2) if len(table) > 1 else np.zeros(held.shape, np.intp)
    share = (held - low)[..., None]
    high = np.minimum(low + 1, len(table) - 1)
    mixed: Floats = table[low] + share * (table[high] - table[low])
    return mixed


def _nearest_place(line: Floats, points: Floats) -> Floats:
    """(...,) place of the nearest point of a line, counted in its points."""
    flat = points.reshape(-1, 3)
    start, edge = line[:-1], np.diff(line, axis=0)
    squared = np.maximum(np.einsum("ij,ij->i", edge, edge), 1e-30)
    found = np.empty(len(flat))
    for index, point in enumerate(flat):
        share = np.clip(np.einsum("ij,ij->i", point - start, edge) / squared, 0.0, 1.0)
        gaps = np.sum((start + share[:, None] * edge - point) ** 2, axis=1)
        best = int(np.argmin(gaps))
        found[index] = best + share[best]
    return found.reshape(points.shape[:-1])


def _nearest_row(middles: Floats, rights: Floats, points: Floats) -> Floats:
    """(...,) the row whose line passes nearest to a point, between rows by the course between their middles.

    A straightened picture is asked along its course; in a curved one the rows' lines are parallel, and a point may lie
    far from the middle of its row: there only what is across the rows counts.
    """
    swept = bool(np.allclose(rights, rights[0], atol=1e-9))
    if not swept:
        return _nearest_place(middles, points)
    right = rights[0]
    flat = middles - (middles @ right)[:, None] * right
    return _nearest_place(flat, points - (points @ right)[..., None] * right)
