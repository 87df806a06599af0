"""How the patient lies and breathes on a day of the course: a rigid posture and a smooth deformation, both known.

A point p of the day shows the tissue that lay at ``baseline_from_day (p + breath(p))`` on the day of the baseline CT.
`breath` is a cubic B-spline; its control values follow a formula in the patient's own axes: the diaphragm carries the
organs along, most at the dome and toward the back, ever less toward the pelvis, the spine not at all and the wall
partly; smooth irregular bends come on top. The other direction is solved to a thousandth of a micrometre.

What is not modelled: organs sliding along the wall (the transition is smooth), turning of the heart, gas and food that
move, lungs whose density follows their volume.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import BugError
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.phantom.fields import Array

SPACING_MM = 16.0
LOW_LPS_MM = (-256.0, -192.0, -208.0)
HIGH_LPS_MM = (256.0, 192.0, 208.0)
"""Corners of the lattice of controls; beyond them the outermost value is held."""
WALL_FROM, WALL_TO = 0.72, 0.97
"""Between these shares of the way from the axis to the skin the breath fades."""
HALF_WIDTH_MM, HALF_FRONT_MM, HALF_BACK_MM = 160.0, 116.0, 106.0
BEND_MM = 1.6
"""Amplitude of the irregular part along each axis."""
FORWARD_SHARE = 0.22
"""Of the way down the organs also move forward."""
LARGEST_SHIFT_MM = (8.0, 6.0, 9.0)
LARGEST_TURN_DEG = (1.5, 1.5, 3.0)
"""About x, y and z: nobody lies twice in the same way."""
TOLERANCE_MM = 1e-6
MOST_STEPS = 200


@dataclass(frozen=True, eq=False)
class DayMap:
    """Between the frame of the baseline CT and that of a day.

    Parameters
    ----------
    baseline_from_day
        The rigid posture.
    controls_mm
        (z, y, x, 3) coefficients of the breath's B-spline over the day's own LPS; None where the patient neither
        moved nor breathes differently.
    breathing_mm
        How far the dome of the liver lies toward the feet of where it lay; negative toward the head.
    """

    baseline_from_day: SpaceMap
    controls_mm: NDArray[np.float64] | None
    breathing_mm: float

    @cached_property
    def day_from_baseline(self) -> SpaceMap:
        """The rigid posture alone, the other way."""
        return self.baseline_from_day.inverse()

    @property
    def frame_uid(self) -> str:
        return self.baseline_from_day.source.removeprefix("lps:")

    def inverse_points(self, day_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Where tissue at points (..., 3) of the day lay on the baseline CT; exact."""
        given = np.asarray(day_lps_mm, dtype=np.float64)
        return self.baseline_from_day.points(given + self.breath(given))

    def points(self, baseline_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """Where tissue at points (..., 3) of the baseline CT lies on the day, within `TOLERANCE_MM`."""
        from planner.phantom.course_kernels import undisplaced

        still = self.day_from_baseline.points(baseline_lps_mm)
        if self.controls_mm is None:
            return still
        flat = np.ascontiguousarray(still.reshape(-1, 3))
        found = np.empty_like(flat)
        if undisplaced(self.controls_mm, _LOW, SPACING_MM, flat, found, TOLERANCE_MM, MOST_STEPS) > TOLERANCE_MM:
            raise BugError("the breath of a simulated day folds and cannot be inverted")
        return found.reshape(still.shape)

    def breath(self, day_lps_mm: ArrayLike) -> NDArray[np.float64]:
        """(..., 3) mm to be added to points of the day before the posture is taken back."""
        from planner.phantom.course_kernels import displacements

        given = np.asarray(day_lps_mm, dtype=np.float64)
        if self.controls_mm is None:
            return np.zeros_like(given)
        flat = np.ascontiguousarray(given.reshape(-1, 3))
        found = np.empty_like(flat)
        displacements(self.controls_mm, _LOW, SPACING_MM, flat, found)
        return found.reshape(given.shape)

    def displacement_on(self, grid: Grid) -> NDArray[np.float32]:
        """(k, j, i, 3) mm from each voxel centre of a grid of the baseline to where that tissue lies on the day."""
        places = grid.lps_from_kji.points(np.moveaxis(np.indices(grid.size_kji), 0, -1))
        return (self.points(places) - places).astype(np.float32)

    def least_stretch(self, spacing_mm: float = 8.0) -> float:
        """Least determinant of the map's derivative over the trunk: above 0 nothing folds."""
        axes = [np.arange(-reach, reach, spacing_mm) for reach in (120.0, 110.0, 160.0)]
        z, y, x = np.meshgrid(*axes, indexing="ij")
        field = self.breath(np.stack([x, y, z], axis=-1))
        slopes = np.array(
            [[np.gradient(field[..., axis], spacing_mm, axis=by) for by in (2, 1, 0)] for axis in range(3)]
        )
        return float(np.linalg.det(np.eye(3) + np.moveaxis(slopes, (0, 1), (-2, -1))).min())

    def warped(self, voxels: Array, source: Grid, target: Grid) -> Array:
        """One image as `warped_all` brings several."""
        return self.warped_all([voxels], None, source, target)[0][0]

    def warped_all(
        self, images: Sequence[Array], labels: NDArray[np.uint8] | None, source: Grid, target: Grid
    ) -> tuple[list[Array], NDArray[np.uint8]]:
        """What the baseline holds, as it lies on the day; several images cost little more than one.

        Parameters
        ----------
        images, labels
            (k, j, i) each, on `source`, a grid of the baseline; beyond it the outermost value is held.
        target
            An axial grid of the day.

        Returns
        -------
        The images, trilinear, float32, and the labels by the nearest voxel (of no size where none were given).
        """
        from planner.phantom.course_kernels import warp

        nothing = np.zeros((0, 0, 0), dtype=np.uint8)
        stacked = np.stack([np.asarray(image, dtype=np.float32) for image in images])
        plain = nothing if labels is None else np.ascontiguousarray(labels)
        placed = np.ascontiguousarray(source.kji_from_lps.after(self.baseline_from_day).homogeneous[:3])
        origin = target.lps_from_kji.points((0.0, 0.0, 0.0))
        steps = np.array(target.spacing_kji_mm[::-1])
        controls = _STILL if self.controls_mm is None else self.controls_mm
        found = np.empty((len(stacked), *target.size_kji), dtype=np.float32)
        found_labels = nothing if labels is None else np.empty(target.size_kji, dtype=np.uint8)

        def fill(first: int, last: int) -> None:
            warp(stacked, plain, placed, origin, steps, controls, _LOW, SPACING_MM, found, found_labels, first, last)

        in_bands(target.size_kji[0], fill, least_rows=2)
        return list(found), found_labels

    def warped_shape(self, distance: Array, source: Grid, target: Grid) -> Mask:
        """Where a signed distance, given on a box of the baseline, is negative on a grid of the day.

        Parameters
        ----------
        distance
            (k, j, i) on `source`, positive at its faces.
        """
        corners = np.array(list(product(*source.bounds_lps_mm.T)))
        middle = source.centre_lps_mm
        around = self.points(np.concatenate([corners, (corners + middle) / 2.0, middle[None]]))
        kji = target.kji_from_lps.points(around)
        low = np.maximum(np.floor(kji.min(axis=0)).astype(int) - 2, 0)
        high = np.minimum(np.ceil(kji.max(axis=0)).astype(int) + 3, target.size_kji)
        if np.any(high <= low):
            return Mask.empty(target)
        first, end = _triple(low), _triple(high)
        return Mask.of(target, self.warped(distance, source, target.cropped(first, end)) < 0.0, first)


def same_place(grid: Grid) -> DayMap:
    """The map of the baseline itself: nothing moves."""
    return DayMap(SpaceMap(lps(grid.frame_uid), lps(grid.frame_uid), np.eye(4)), None, 0.0)


def day_map(seed: int, key: str, frame_uid: str, baseline: Grid, breathing_mm: float) -> DayMap:
    """Posture and breath of one day: the same seed and key give the same.

    Parameters
    ----------
    breathing_mm
        How far the dome lies toward the feet of where it lay on the baseline CT.
    """
    random = np.random.default_rng([seed, 77, *key.encode()])
    rigid = _posture(random, frame_uid, baseline)
    k, j, i = np.meshgrid(*(np.arange(count) for count in _counts()), indexing="ij")
    places = np.stack([i, j, k], axis=-1) * SPACING_MM + _LOW
    controls = np.ascontiguousarray(_formula(rigid.points(places), breathing_mm, random))
    return DayMap(rigid, controls, breathing_mm)


def _counts() -> tuple[int, int, int]:
    k, j, i = (
        round((high - low) / SPACING_MM) + 1 for low, high in zip(LOW_LPS_MM[::-1], HIGH_LPS_MM[::-1], strict=True)
    )
    return k, j, i


def _posture(random: np.random.Generator, frame_uid: str, baseline: Grid) -> SpaceMap:
    """A turn about the middle of the picture and a shift, at least half as large as the largest ones."""
    signs = random.choice((-1.0, 1.0), (2, 3)) * random.uniform(0.5, 1.0, (2, 3))
    about_x, about_y, about_z = np.deg2rad(signs[0] * np.asarray(LARGEST_TURN_DEG))
    turn = _turn(0, about_x) @ _turn(1, about_y) @ _turn(2, about_z)
    homogeneous = np.eye(4)
    homogeneous[:3, :3] = turn
    centre = baseline.centre_lps_mm
    homogeneous[:3, 3] = centre - turn @ (centre + signs[1] * np.asarray(LARGEST_SHIFT_MM))
    return SpaceMap(lps(baseline.frame_uid), lps(frame_uid), homogeneous)


def _turn(axis: int, angle: float) -> NDArray[np.float64]:
    found = np.eye(3)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    found[first, first] = found[second, second] = np.cos(angle)
    found[first, second], found[second, first] = -np.sin(angle), np.sin(angle)
    return found


def _formula(places: NDArray[np.float64], breathing_mm: float, random: np.random.Generator) -> NDArray[np.float64]:
    """(..., 3) mm from tissue on the day back to where it lay, at places (..., 3) in the baseline's axes."""
    x, y, z = places[..., 0], places[..., 1], places[..., 2]
    half_y = np.where(y < 0.0, HALF_FRONT_MM, HALF_BACK_MM)
    outward = (np.abs(x / HALF_WIDTH_MM) ** 2.35 + np.abs(y / half_y) ** 2.35) ** (1.0 / 2.35)
    wall = _fade((outward - WALL_FROM) / (WALL_TO - WALL_FROM))
    spine = 1.0 - np.exp(-(((x / 36.0) ** 2 + ((y - 60.0) / 46.0) ** 2) ** 2))
    # Even from the pelvis to the dome: no part of the liver is pressed together much more than another.
    level = (0.22 + 0.78 * np.clip((z + 115.0) / 200.0, 0.0, 1.0)) * (0.35 + 0.65 * _fade((z - 95.0) / 70.0))
    sides = 1.0 - 0.10 * np.tanh(x / 60.0) + 0.08 * np.tanh(y / 50.0)
    moves = wall * spine
    field = np.zeros(places.shape)
    field[..., 2] = breathing_mm * level * sides * moves
    field[..., 1] = FORWARD_SHARE * breathing_mm * level * moves
    for axis in range(3):
        field[..., axis] += moves * _bends(places, random)
    return field


def _bends(places: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Three plane waves of 110 to 180 mm that add up to at most `BEND_MM`."""
    total = np.zeros(places.shape[:-1])
    for _ in range(3):
        direction = random.standard_normal(3)
        wave = 2.0 * np.pi / random.uniform(110.0, 180.0) * direction / np.linalg.norm(direction)
        total += np.sin(places @ wave + random.uniform(0.0, 2.0 * np.pi))
    return total * BEND_MM / 3.0


def _fade(share: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 at 0 and below, 0 at 1 and above, twice smooth."""
    t = np.clip(share, 0.0, 1.0)
    faded: NDArray[np.float64] = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t * t)
    return faded


def _triple(values: NDArray[np.int_]) -> tuple[int, int, int]:
    k, j, i = (int(value) for value in values)
    return k, j, i


_LOW = np.asarray(LOW_LPS_MM)
_STILL = np.zeros((4, 4, 4, 3))
