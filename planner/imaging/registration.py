"""Two studies of one patient brought together on an organ: rigid, affine, then bent, and how well that went.

The organ (lungs, liver or body) is found automatically or given. The grey values of CTs give the rigid start
(`rigid_registration`); everything after it, and everything between other images, compares self-similarity features,
which stand changes of contrast phase and modality. What must not pull the match is left out: what lies far from the
organ, dense deposits and metal in it, gas, and what the caller names.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.geometry import SpaceMap, lps
from planner.imaging import registration_quality as quality
from planner.imaging.displacement import DisplacementField, PointMap
from planner.imaging.masks import Mask
from planner.imaging.registration_affine import refined, shifted_start
from planner.imaging.registration_flow import Smoothness, field_of_levels
from planner.imaging.registration_left_out import LeftOut, is_lung, left_out
from planner.imaging.registration_levels import Compared, Level, Window, level_of, prepared, working_grid
from planner.imaging.registration_organs import found_organ, is_like_ct
from planner.imaging.registration_organs import organ_mask as organ_mask
from planner.imaging.same_patient import refuse_strangers
from planner.imaging.volumes import Volume
from planner.jobs import Context

Model = Literal["rigid", "affine", "deformable"]
MODELS: tuple[Model, ...] = ("rigid", "affine", "deformable")

_AROUND_MM = {"lung": 4.0, "liver": 8.0, "body": 0.0, "given": 6.0}
"""Compared around the organ, so that its edge is seen; beyond it things slide on it."""
_LUNG_WINDOW: Window = (-1000.0, -200.0)
"""Chest wall and heart are one grey: ribs, along which the lung slides, do not show."""
_SOFT_WINDOW: Window = (-160.0, 260.0)
_LUNG_SMOOTHNESS = Smoothness(stiff_mm=3.0, viscous_mm=4.0)
"""Lungs show vessels everywhere and change shape in detail."""
_SOFT_SMOOTHNESS = Smoothness(stiff_mm=9.0, viscous_mm=6.0)
"""Between its vessels a liver shows noise alone and moves as one: chosen on seed 7 of the digital patient."""
_LEAST_MM, _MOST_MM = 1.5, 3.0
_VOXELS = 450_000.0
"""Compared at the finest resolution, about."""
_LEVELS = 3
_AFFINE_MM = 3.0
"""Coarser than this an organ with few vessels does not tell its turn and stretch."""
_LEAST_OVERLAP = 0.25
_REACH_MM = 48.0
_COARSE_MM = 3.0


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the fixed image's points lie in the moving image.

    Attributes
    ----------
    point_map
        From the fixed frame of reference to the moving one, mm.
    similarity
        Root of the correlation ratio over what was compared, 0 to 1 (`registration_quality.likeness`); None where too
        little of it lies in both images.
    inverse_consistency_mm
        Mean distance in the organ after going there and back by a second registration; None when not asked for.
    jacobian_minimum, folded_fraction
        Of the map in the organ.
    organ_dice
        Overlap of the organ's two masks after the match, a surrogate; None without a mask in the moving image.
    left_out
        Names of what lies in the organ and was not let pull the match.
    organ
        ``lung``, ``liver``, ``body`` or ``given``.
    organ_fixed, organ_moving
        The masks that were used.
    overlap
        Share of what was compared that lies in the moving image.
    """

    model: Model
    point_map: PointMap
    similarity: float | None
    inverse_consistency_mm: float | None
    jacobian_minimum: float
    folded_fraction: float
    organ_dice: float | None
    seconds: float
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    organ: str
    organ_fixed: Mask
    organ_moving: Mask | None
    overlap: float


def register(
    fixed: Volume,
    moving: Volume,
    *,
    model: Model = "deformable",
    organ: str = "auto",
    fixed_mask: Mask | None = None,
    moving_mask: Mask | None = None,
    leave_out_fixed: Mask | None = None,
    leave_out_moving: Mask | None = None,
    check_inverse: bool = False,
    context: Context | None = None,
) -> Registration:
    """Bring the moving image onto the fixed one.

    Parameters
    ----------
    organ
        What to match on where no mask is given: ``auto``, ``liver``, ``lung`` or ``body``.
    fixed_mask, moving_mask
        The organ, on any grid of its image's frame. None: found automatically (in the moving image where it can be).
    leave_out_fixed, leave_out_moving
        Not compared beside what is left out automatically: ablation zone, treated tumour. On any grid of the frame.
    check_inverse
        Register the other way as well, which takes as long again.

    Raises
    ------
    InputRefused
        ``different-patients``, ``empty-mask``, ``no-organ``, ``no-body``, ``no-overlap``.
    FrameMismatch
        When a mask lies in another frame than its image.
    Cancelled
        When the operator cancelled.
    """
    began = time.perf_counter()
    steps = context or Context()
    refuse_strangers(fixed, moving)
    share = 0.5 if check_inverse else 0.9
    first = _Side.of(fixed, organ, fixed_mask, leave_out_fixed, steps.part(0.0, 0.1 * share))
    wanted = first.organ if fixed_mask is None else organ
    second = _moving_side(moving, wanted, moving_mask, leave_out_moving, steps.part(0.1 * share, 0.2 * share))
    point_map, notes = _matched(first, second, model, steps.part(0.2 * share, share))
    back: float | None = None
    if check_inverse:
        opposite = _matched(second, first, model, steps.part(share, 2.0 * share - 0.1))[0]
        back = quality.there_and_back_mm(point_map, opposite, first.mask)
    steps.step(0.92, "Measuring the match")
    seen = prepared(fixed, moving, point_map, _compared(first, second), 1.5 * _spacing_mm(first))
    stretch = quality.stretch(point_map, first.mask)
    dice = quality.organ_dice(first.mask, second.mask, point_map) if second.has_organ else None
    steps.step(1.0, "Images matched")
    return Registration(
        model,
        point_map,
        quality.likeness(seen),
        back,
        stretch.minimum,
        stretch.folded_fraction,
        dice,
        time.perf_counter() - began,
        tuple(dict.fromkeys((*first.left_out.names, *second.left_out.names))),
        (*first.notes, *second.notes, *notes),
        first.organ,
        first.mask,
        second.mask if second.has_organ else None,
        quality.overlap(seen),
    )


def measured_inverse_mm(
    fixed: Volume,
    moving: Volume,
    found: Registration,
    *,
    leave_out_fixed: Mask | None = None,
    leave_out_moving: Mask | None = None,
    context: Context | None = None,
) -> float:
    """What `register` tells as ``inverse_consistency_mm`` when asked to, measured afterwards; takes as long as that.

    Parameters
    ----------
    found
        Of these two images, by `register` with the same regions left out.

    Raises
    ------
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    name = found.organ
    first = replace(_Side.of(fixed, name, found.organ_fixed, leave_out_fixed, Context()), organ=name)
    if found.organ_moving is None:
        second = _moving_side(moving, name, None, leave_out_moving, steps.part(0.0, 0.1))
    else:
        second = _Side.of(moving, name, found.organ_moving, leave_out_moving, Context())
        second = replace(second, organ=name)
    opposite = _matched(second, first, found.model, steps.part(0.1, 0.98))[0]
    back = quality.there_and_back_mm(found.point_map, opposite, first.mask)
    steps.step(1.0, "Measured there and back")
    return back


@dataclass(frozen=True, eq=False)
class _Side:
    """One image with its organ, and what is left out of it."""

    volume: Volume
    organ: str
    mask: Mask
    left_out: LeftOut
    is_ct: bool
    has_organ: bool = True
    notes: tuple[str, ...] = ()

    @staticmethod
    def of(volume: Volume, organ: str, mask: Mask | None, leave_out: Mask | None, context: Context) -> _Side:
        from planner.imaging.resampling import resampled_mask

        is_ct = is_like_ct(volume)
        for given in (mask, leave_out):
            if given is not None and given.grid.frame_uid != volume.grid.frame_uid:
                text = "A mask lies in another frame of reference than its image; draw it on that image."
                raise FrameMismatch("mixed-frames", text, subject=volume.source.series_uid)
        if mask is None:
            found = found_organ(volume, organ, context)
            name, own = found.organ, found.mask
        else:
            name, own = "given", mask if mask.grid.same_as(volume.grid) else resampled_mask(mask, volume.grid)
        if own.is_empty:
            text = "The mask of the organ holds nothing inside its image; segment the organ there, or give no mask."
            raise InputRefused("empty-mask", text, subject=volume.source.series_uid)
        return _Side(volume, name, own, left_out(volume, own, leave_out, is_ct=is_ct), is_ct)

    def window(self) -> Window:
        """Lowest and highest value that is told apart."""
        if self.is_ct:
            return _LUNG_WINDOW if is_lung(self.volume, self.mask) else _SOFT_WINDOW
        values = np.asarray(self.volume.voxels).reshape(-1)[:: max(1, self.volume.voxels.size // 200_000)]
        values = values[np.isfinite(values)].astype(np.float64)
        low, high = (float(each) for each in np.percentile(values, (1.0, 99.5))) if values.size else (0.0, 1.0)
        return low, max(high, low + 1e-6)


def _moving_side(volume: Volume, organ: str, mask: Mask | None, leave_out: Mask | None, context: Context) -> _Side:
    """As `_Side.of`; where the organ is not found in the moving image the body stands for it."""
    wanted = "auto" if organ in ("auto", "given") else organ
    try:
        return _Side.of(volume, wanted, mask, leave_out, context)
    except InputRefused as refused:
        if refused.code != "no-organ":
            raise
    body = _Side.of(volume, "body", None, leave_out, context)
    note = f"No {wanted} was found in the moving image: how the two organs overlap is not known."
    return replace(body, has_organ=False, notes=(note,))


def _spacing_mm(side: _Side) -> float:
    """Of the finest level: as the images, but not so fine that the organ holds too many voxels."""
    own = (1000.0 * side.volume.grid.voxel_ml) ** (1.0 / 3.0)
    enough = (1000.0 * side.mask.volume_ml / _VOXELS) ** (1.0 / 3.0)
    return float(np.clip(max(0.9 * own, enough), _LEAST_MM, _MOST_MM))


def _compared(first: _Side, second: _Side) -> Compared:
    """The organ and a little around it, on a coarse grid of its own."""
    from planner.imaging.surfaces import centre_distance_mm

    grid = working_grid(first.mask, _COARSE_MM)
    organ = quality.on_grid(first.mask, grid)
    reach = _AROUND_MM["lung" if first.is_ct and is_lung(first.volume, first.mask) else first.organ]
    region = centre_distance_mm(organ, grid.spacing_kji_mm) <= reach if reach > 0.0 and organ.any() else organ
    if not region.any():
        region = np.ones(grid.size_kji, dtype=np.bool_)
    windows = (first.window(), second.window())
    return Compared(Mask.of(grid, region), windows, first.left_out.mask, second.left_out.mask)


def _matched(first: _Side, second: _Side, model: Model, context: Context) -> tuple[PointMap, tuple[str, ...]]:
    compared = _compared(first, second)
    spacing = _spacing_mm(first)
    begun, notes = _rigid(first, second, compared, context.part(0.0, 0.3))
    if model == "rigid":
        return PointMap(begun), notes
    levels = _levels(first, second, begun, compared, max(spacing, min(2.0 * spacing, _AFFINE_MM)), _LEVELS)
    frame = lps(first.volume.grid.frame_uid)
    same = SpaceMap(frame, frame, np.eye(4))
    affine = begun.after(refined(levels, same, affine=True, context=context.part(0.35, 0.5)))
    if model == "affine":
        return PointMap(affine), notes
    levels = _levels(first, second, affine, compared, spacing, _LEVELS)
    smoothness = _LUNG_SMOOTHNESS if first.is_ct and is_lung(first.volume, first.mask) else _SOFT_SMOOTHNESS
    grid, vectors = field_of_levels(levels, smoothness, context.part(0.55, 1.0))
    # The features met on the fixed grid after the affine map: A (p + v) = A p + A v.
    linear = affine.homogeneous[:3, :3].astype(np.float32)
    moved: NDArray[np.float32] = (vectors @ linear.T).astype(np.float32)
    return PointMap(affine, DisplacementField(grid, moved)), notes


def _levels(
    first: _Side, second: _Side, start: SpaceMap, compared: Compared, spacing_mm: float, count: int
) -> list[Level]:
    """Coarse to fine, the moving image brought by `start`."""
    images = [prepared(first.volume, second.volume, PointMap(start), compared, spacing_mm)]
    while len(images) < count and images[-1].can_be_halved:
        images.append(images[-1].halved())
    return [level_of(each) for each in images[::-1]]


def _rigid(first: _Side, second: _Side, compared: Compared, context: Context) -> tuple[SpaceMap, tuple[str, ...]]:
    """From grey values between CTs; from features where these say nothing.

    Raises
    ------
    InputRefused
        ``no-overlap`` when hardly anything of the organ lies in the moving image.
    """
    from planner.imaging.rigid_registration import image_rigid

    if first.is_ct and second.is_ct:
        mask = None if first.organ == "body" else first.mask
        try:
            match = image_rigid(
                first.volume, second.volume, mask, context=context, left_out=first.left_out.mask, same_frame_too=True
            )
            return match.moving_lps_from_fixed, match.notes
        except InputRefused as refused:
            if refused.code not in ("no-match", "empty-mask"):
                raise
    return _rigid_by_features(first, second, compared, context), ()


def _rigid_by_features(first: _Side, second: _Side, compared: Compared, context: Context) -> SpaceMap:
    """From where the middles of the organs (or bodies) meet, and from where the files put them: the better one."""
    fixed_uid, moving_uid = first.volume.grid.frame_uid, second.volume.grid.frame_uid
    middles = second.mask.centroid_lps_mm(), first.mask.centroid_lps_mm()
    starts = [np.zeros(3)]
    if middles[0] is not None and middles[1] is not None:
        starts.append(middles[0] - middles[1])
    frame = lps(fixed_uid)
    trials: list[tuple[float, SpaceMap]] = []
    for number, shift in enumerate(starts):
        context.step(number / len(starts), "Looking for a start")
        homogeneous = np.eye(4)
        homogeneous[:3, 3] = shift
        begun = SpaceMap(lps(moving_uid), frame, homogeneous)
        levels = _levels(first, second, begun, compared, 4.0, 2)
        near = shifted_start(levels[0], _REACH_MM)
        begun = begun.after(near)
        levels = _levels(first, second, begun, compared, 4.0, 2)
        same = SpaceMap(frame, frame, np.eye(4))
        begun = begun.after(refined(levels, same, affine=False, context=Context()))
        seen = prepared(first.volume, second.volume, PointMap(begun), compared, 4.0)
        found = quality.likeness(seen)
        if found is not None and quality.overlap(seen) >= _LEAST_OVERLAP:
            trials.append((found, begun))
    if not trials:
        text = "The two images hardly show the same part of the body; choose two studies that both show the organ."
        raise InputRefused("no-overlap", text, subject=second.volume.source.series_uid)
    return max(trials, key=lambda trial: trial[0])[1]
