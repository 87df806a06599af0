"""Two images of one patient brought together by a turn and a shift, from landmarks or from the images themselves.

The error of a match is measured at landmarks or it is not known: None. How well two surfaces of an organ lie on each
other is stated beside it as a surrogate, and is never called a target registration error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.geometry import SpaceMap, lps
from planner.imaging.masks import Mask
from planner.imaging.same_patient import refuse_strangers
from planner.imaging.volumes import Volume
from planner.jobs import Context

Points = NDArray[np.float64]
Landmarks = tuple[ArrayLike, ArrayLike]
"""(n, 3) LPS mm in the fixed image and the same places in the moving one."""

_LEAST_FOR_FIT, _LEAST_FOR_ERROR = 3, 4
_LEAST_SPREAD_MM = 5.0
"""Landmarks nearer to one line than this do not tell a turn about it."""
_LEAST_LIKENESS = 0.4
_LEAST_OVERLAP = 0.5


@dataclass(frozen=True, eq=False)
class MatchError:
    """Error at landmarks.

    Attributes
    ----------
    residual_mm
        (n,) distance left at each landmark.
    target_mm
        (n,) target registration error at each: of a match made without it (leave one out), or, where the match was
        made from the images, the distance at it.
    basis
        ``leave-one-out`` or ``independent landmarks``.
    """

    residual_mm: Points
    target_mm: Points
    basis: str

    @property
    def mean_mm(self) -> float:
        return float(self.target_mm.mean())

    @property
    def most_mm(self) -> float:
        return float(self.target_mm.max())


@dataclass(frozen=True, slots=True)
class SurfaceAgreement:
    """How far an organ's surface in one image lies from its surface in the other after the match (mm).

    A surrogate: surfaces slide on each other without showing it.
    """

    mean_mm: float
    p95_mm: float


@dataclass(frozen=True, eq=False)
class RigidMatch:
    """A rigid match of two images.

    Attributes
    ----------
    moving_lps_from_fixed
        From the fixed image's frame of reference to the moving one's, mm.
    error
        None: not measured.
    surfaces
        None without masks of the organ in both images.
    likeness
        Normalised correlation over the points compared, 1 at best; None for a match from landmarks.
    notes
        One sentence each.
    """

    moving_lps_from_fixed: SpaceMap
    error: MatchError | None
    surfaces: SurfaceAgreement | None = None
    likeness: float | None = None
    notes: tuple[str, ...] = ()


def landmark_rigid(
    fixed_lps_mm: ArrayLike, moving_lps_mm: ArrayLike, *, fixed_frame_uid: str, moving_frame_uid: str
) -> RigidMatch:
    """The turn and shift that bring landmarks together with the least sum of squares.

    After Kabsch, Acta Cryst A 1976;32:922, DOI 10.1107/S0567739476001873. From four landmarks on the error is
    measured by leaving each out in turn.

    Parameters
    ----------
    fixed_lps_mm, moving_lps_mm
        (n, 3), the same places in the same order.

    Raises
    ------
    InputRefused
        For fewer than three landmarks, different numbers of them, or landmarks on one line.
    """
    fixed, moving = _checked(fixed_lps_mm, moving_lps_mm, _LEAST_FOR_FIT)
    homogeneous = _fitted(fixed, moving)
    mapped = SpaceMap(lps(moving_frame_uid), lps(fixed_frame_uid), homogeneous)
    residual = np.linalg.norm(mapped.points(fixed) - moving, axis=1)
    if len(fixed) < _LEAST_FOR_ERROR:
        note = "Three landmarks always fit: the error is not known; set a fourth one."
        return RigidMatch(mapped, None, notes=(note,))
    left_out = np.empty(len(fixed))
    for at in range(len(fixed)):
        others = np.arange(len(fixed)) != at
        if _spread_mm(fixed[others]) < _LEAST_SPREAD_MM:
            note = "Without one of them the landmarks lie on a line: the error is not known; spread them."
            return RigidMatch(mapped, None, notes=(note,))
        predicted = _applied(_fitted(fixed[others], moving[others]), fixed[at])
        left_out[at] = float(np.linalg.norm(predicted - moving[at]))
    return RigidMatch(mapped, MatchError(residual, left_out, "leave-one-out"))


def image_rigid(
    fixed: Volume,
    moving: Volume,
    fixed_mask: Mask | None = None,
    start: SpaceMap | None = None,
    context: Context | None = None,
    *,
    left_out: Mask | None = None,
    moving_mask: Mask | None = None,
    landmarks: Landmarks | None = None,
    same_frame_too: bool = False,
) -> RigidMatch:
    """The turn and shift under which two CT images look most alike, coarse to fine.

    Parameters
    ----------
    fixed_mask
        The organ, on any grid of the fixed frame: compared are the points in it and 15 mm around it. None compares the
        whole body, which a needle or a breath inside it hardly moves.
    start
        From the fixed to the moving frame; None looks for a start over shifts.
    left_out
        Of the fixed frame: not compared (the ablation zone, the tumour).
    moving_mask
        The organ in the moving image, for the surrogate.
    landmarks
        Not used by the match; they measure its error.
    same_frame_too
        Match images of one frame of reference as well. Otherwise they are offered as they lie.

    Raises
    ------
    InputRefused
        For images of different patients, or when no part of the images looks alike.
    FrameMismatch
        When a mask or the start belongs to another frame.
    Cancelled
        When the operator cancelled.
    """
    from planner.imaging import rigid_registration_search as search

    steps = context or Context()
    refuse_strangers(fixed, moving)
    fixed_uid, moving_uid = fixed.grid.frame_uid, moving.grid.frame_uid
    notes: tuple[str, ...] = ()
    if fixed_uid == moving_uid and start is None and not same_frame_too:
        notes = ("Both images have one frame of reference and lie as acquired; breath and movement are not corrected.",)
        found = SpaceMap(lps(moving_uid), lps(fixed_uid), np.eye(4))
        likeness = None
    else:
        places = search.places(fixed, fixed_mask, left_out)
        first = None if start is None else _checked_start(start, fixed_uid, moving_uid)
        homogeneous, likeness, overlap = search.matched(fixed, moving, fixed_mask, places, first, steps.part(0.0, 0.9))
        if likeness < _LEAST_LIKENESS or overlap < _LEAST_OVERLAP:
            raise InputRefused(
                "no-match",
                f"The two images do not look alike anywhere (correlation {likeness:.2f} over {100 * overlap:.0f} % of "
                "the region); set landmarks, or start from a match made by hand.",
            )
        found = SpaceMap(lps(moving_uid), lps(fixed_uid), homogeneous)
        if overlap < 0.9:
            notes = (f"Only {100 * overlap:.0f} % of the region lies in both images.",)
    steps.step(0.9, "Measuring the match")
    surfaces = None
    if fixed_mask is not None and moving_mask is not None:
        surfaces = surface_agreement(fixed_mask, moving_mask, found)
    error = None if landmarks is None else _measured(found, landmarks)
    steps.step(1.0, "Images matched")
    return RigidMatch(found, error, surfaces, likeness, notes)


def surface_agreement(fixed_mask: Mask, moving_mask: Mask, moving_lps_from_fixed: SpaceMap) -> SurfaceAgreement:
    """Distance of the fixed organ's surface, mapped, to the moving organ's surface.

    Raises
    ------
    InputRefused
        For an empty mask.
    """
    from scipy import ndimage

    from planner.imaging.masks import padded_box
    from planner.imaging.surfaces import distance_field

    if fixed_mask.is_empty or moving_mask.is_empty:
        raise InputRefused("empty-mask", "The mask of the organ is empty in one of the images; segment it first.")
    rim = np.pad(fixed_mask.voxels, 1)
    rim &= ~ndimage.binary_erosion(rim)
    points = fixed_mask.grid.lps_from_kji.points(np.argwhere(rim) - 1 + np.asarray(fixed_mask.box[0]))
    box = padded_box(moving_mask.box, 30.0, moving_mask.grid)
    field = distance_field(moving_mask, box)
    at = moving_mask.grid.kji_from_lps.points(moving_lps_from_fixed.points(points)) - np.asarray(box[0])
    half_voxel = 0.5 * min(fixed_mask.grid.spacing_kji_mm)
    # Centres of the outermost voxels lie half a voxel inside the surface.
    apart = np.abs(ndimage.map_coordinates(field, at.T, order=1, mode="nearest") + half_voxel)
    return SurfaceAgreement(float(apart.mean()), float(np.percentile(apart, 95.0)))


def _checked(fixed: ArrayLike, moving: ArrayLike, least: int) -> tuple[Points, Points]:
    first, second = (np.asarray(given, dtype=np.float64) for given in (fixed, moving))
    if first.ndim != 2 or first.shape != second.shape or first.shape[1] != 3 or len(first) < least:
        raise InputRefused(
            "too-few-landmarks",
            f"{len(first)} and {len(second)} landmarks were given; set {least} pairs or more, a point in each image.",
        )
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise InputRefused("broken-landmarks", "A landmark has no position in millimetres; set it again.")
    if least >= _LEAST_FOR_FIT and min(_spread_mm(first), _spread_mm(second)) < _LEAST_SPREAD_MM:
        raise InputRefused("landmarks-on-a-line", "The landmarks lie on one line; set one away from it.")
    return first, second


def _spread_mm(points: Points) -> float:
    """Greatest distance from the line that fits best."""
    centred = points - points.mean(axis=0)
    direction = np.linalg.svd(centred)[2][0]
    away = centred - np.outer(centred @ direction, direction)
    return float(np.linalg.norm(away, axis=1).max())


def _fitted(fixed: Points, moving: Points) -> Points:
    """(4, 4) least-squares rotation and shift."""
    middle, other = fixed.mean(axis=0), moving.mean(axis=0)
    left, _, right = np.linalg.svd((moving - other).T @ (fixed - middle))
    flip = np.diag([1.0, 1.0, np.linalg.det(left @ right)])
    homogeneous = np.eye(4)
    homogeneous[:3, :3] = left @ flip @ right
    homogeneous[:3, 3] = other - homogeneous[:3, :3] @ middle
    return homogeneous


def _applied(homogeneous: Points, point: Points) -> Points:
    mapped: Points = homogeneous[:3, :3] @ point + homogeneous[:3, 3]
    return mapped


def _measured(found: SpaceMap, landmarks: Landmarks) -> MatchError:
    fixed, moving = _checked(*landmarks, least=1)
    apart = np.linalg.norm(found.points(fixed) - moving, axis=1)
    return MatchError(apart, apart, "independent landmarks")


def _checked_start(start: SpaceMap, fixed_uid: str, moving_uid: str) -> Points:
    """The start as numbers; composing proves that it leads between the two frames."""
    same = SpaceMap(lps(fixed_uid), lps(fixed_uid), np.eye(4))
    back = SpaceMap(lps(moving_uid), lps(moving_uid), np.eye(4))
    return back.after(start.after(same)).homogeneous
