"""The ablation zone on the CT after ablation: what no longer enhances around a click, with the gas in it.

Gas is not the zone. Minutes after ablation it fills a part of it, and necrosis is wider than visible gas: by 7.6 mm in
diameter after microwave ablation in pig liver (21 ablations, PMC8204285; `clinical/published-numbers.md` N4). Gas is
therefore counted as zone, never taken for its edge, and where nothing but gas bounds the zone this is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused, OperatorError
from planner.imaging.lesion import lesion_from_click
from planner.imaging.masks import Box, Mask, ball_box, box_slices, union_box
from planner.imaging.morphology import filled, largest_kept
from planner.imaging.resampling import resampled_mask
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.volumes import Volume
from planner.jobs import Context

GAS_HU = -200.0
"""Fat is about -100 HU; what is darker in an organ holds gas (-1000 HU), mixed with tissue in a voxel."""
_RIM_MM = 1.5
"""Voxels this near to gas are mixtures with it, and show no tissue."""
_LARGEST_GAS_ML = 30.0
"""A larger pocket of gas is stomach, bowel or lung, and not in a zone."""
_EVENED_MM = 2.0
_NEAR_MM = 5.0
_ROUNDS = 4
_NECK_MM = 4.0
"""Half width of the bridges to other dark tissue (fat, bile ducts, gall bladder) that are cut."""
_TISSUE_HU = (-50.0, 200.0)
_TOUCHING_MM = 3.0
_GAS_EDGE_SHARE = 0.15
"""From this share of its surface on, gas as an edge is said."""
_LEAST_DIFFERENCE_HU = 8.0


@dataclass(frozen=True, eq=False)
class ZoneGuess:
    """A zone to look at and correct; never a result by itself.

    Attributes
    ----------
    mask
        On the image's grid, gas inside counted.
    gas_ml
        Gas in it.
    gas_edge_share
        Share of the surface within 3 mm of gas, where the zone is drawn too small or not known.
    zone_hu, around_hu
        Medians of the zone without gas and of the tissue 3 to 10 mm around it.
    notes
        One sentence each.
    """

    mask: Mask
    gas_ml: float
    gas_edge_share: float
    zone_hu: float
    around_hu: float
    notes: tuple[str, ...]


def zone_from_click(
    volume: Volume,
    click_lps_mm: ArrayLike,
    *,
    add: Sequence[ArrayLike] = (),
    remove: Sequence[ArrayLike] = (),
    limit_mm: float = 45.0,
    organ: Mask | None = None,
    vessels: Mask | None = None,
    context: Context | None = None,
) -> ZoneGuess:
    """The region around a click that does not enhance.

    Parameters
    ----------
    volume
        CT after ablation, HU; with contrast medium, or the zone hardly differs from what lies around.
    click_lps_mm, add, remove
        Inside the zone, further inside, and outside it, as for `lesion_from_click`.
    limit_mm
        Nothing farther from the click is searched.
    organ
        The zone does not leave it; on any grid of the frame.
    vessels
        Taken out of the zone, on any grid of the frame.

    Raises
    ------
    InputRefused
        When the clicked organ's mask does not hold the click, or what is found is not darker than what lies around.
    OperatorError
        When the click lies outside the image, or nothing bounds the clicked tissue.
    FrameMismatch
        When a mask belongs to another frame of reference.
    """
    steps = context or Context()
    click = np.asarray(click_lps_mm, dtype=np.float64)
    if click.shape != (3,) or not np.isfinite(click).all() or volume.grid.nearest_index(click) is None:
        raise OperatorError("click-outside-image", "The click lies outside the image; click inside the zone.")
    steps.step(0.0, "Looking at gas in the zone")
    box = ball_box(volume.grid, click, limit_mm + 10.0)
    inside = None if organ is None else resampled_mask(organ, volume.grid)
    if inside is not None and not inside.contains(click):
        raise InputRefused("click-outside-organ", "The click lies outside the organ's mask; click inside, or drop it.")
    gas = _gas(volume, box, None if inside is None else inside.within(box))
    steps.step(0.2, "Looking for the edge of the zone")
    if gas.any() and not add and not remove:
        found = _around_gas(volume, box, gas, click, None if inside is None else inside.within(box), limit_mm)
    else:
        found = lesion_from_click(volume, click, add=add, remove=remove, limit_mm=limit_mm)
    steps.step(0.8, "Measuring the zone")
    mask = _limited(found, inside, None if vessels is None else resampled_mask(vessels, volume.grid))
    if mask.is_empty:
        raise InputRefused("no-zone", "Nothing of what was found lies in the organ outside its vessels; draw the zone.")
    guess = _described(volume, mask, box, gas)
    steps.step(1.0, "Zone found")
    return guess


def _gas(volume: Volume, box: Box, inside: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """Pockets of gas small enough for a zone, with the mixture around them."""
    from scipy import ndimage

    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    parts, count = ndimage.label(values < GAS_HU, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(parts.reshape(-1), minlength=count + 1) * volume.grid.voxel_ml
    small = sizes <= _LARGEST_GAS_ML
    for side in (parts[0], parts[-1], parts[:, 0], parts[:, -1], parts[:, :, 0], parts[:, :, -1]):
        small[side] = False
    small[0] = False
    gas: NDArray[np.bool_] = small[parts]
    return gas if inside is None else gas & inside


def _around_gas(
    volume: Volume,
    box: Box,
    gas: NDArray[np.bool_],
    click: NDArray[np.float64],
    inside: NDArray[np.bool_] | None,
    limit_mm: float,
) -> Mask:
    """Where an even image, in which gas has no say, is nearer to the tissue at the click than to that around.

    Pockets of gas count as the tissue beside them, and as zone where they are too wide for that.

    Raises
    ------
    OperatorError
        When the click lies in nothing that could be told from its surroundings.
    """
    from scipy import ndimage

    spacing = volume.grid.spacing_kji_mm
    part = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    wide = centre_distance_mm(gas, spacing) <= max(_RIM_MM, 1.01 * min(spacing))
    tissue = (~wide & (part > _TISSUE_HU[0]) & (part < _TISSUE_HU[1])).astype(np.float32)
    blur = tuple(_EVENED_MM / step for step in spacing)
    weight = ndimage.gaussian_filter(tissue, blur)
    even = ndimage.gaussian_filter(part * tissue, blur) / np.maximum(weight, 1e-6)
    known = weight > 0.1
    apart = _apart_mm(volume, box, click)
    allowed = (apart <= limit_mm) & (known | wide) & ((tissue > 0) | wide)
    if inside is not None:
        allowed &= inside
    zone = allowed & (apart <= np.min(apart[allowed & known], initial=limit_mm) + _NEAR_MM)
    for _ in range(_ROUNDS):
        own = even[zone & known]
        ring = allowed & known & ~wide
        ring &= _beyond(zone, spacing, 4.0, 15.0)
        if not own.size or not ring.any():
            break
        level = 0.5 * (float(np.percentile(own, 40.0)) + float(np.percentile(even[ring], 60.0)))
        like = allowed & ((known & (even < level)) | (wide & ~known))
        zone = _opened_at(like, apart, spacing)
    if not zone.any():
        raise OperatorError(
            "no-boundary", f"Nothing bounds the tissue under the click within {limit_mm:g} mm; draw the zone."
        )
    return Mask.of(volume.grid, zone, box[0])


def _beyond(zone: NDArray[np.bool_], spacing: tuple[float, float, float], low: float, high: float) -> NDArray[np.bool_]:
    away = centre_distance_mm(zone, spacing)
    ring: NDArray[np.bool_] = (away > low) & (away <= high)
    return ring


def _opened_at(
    like: NDArray[np.bool_], apart: NDArray[np.float64], spacing: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """The part nearest to the click of what is left when necks are cut."""
    from scipy import ndimage

    deep = centre_distance_mm(~np.pad(like, 1), spacing)[1:-1, 1:-1, 1:-1] > _NECK_MM
    parts, count = ndimage.label(deep)
    if not count:
        return np.zeros_like(like)
    number = int(parts[deep][int(np.argmin(apart[deep]))])
    return like & (centre_distance_mm(parts == number, spacing) <= _NECK_MM)


def _apart_mm(volume: Volume, box: Box, click: NDArray[np.float64]) -> NDArray[np.float64]:
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    kji = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    apart: NDArray[np.float64] = np.linalg.norm(volume.grid.lps_from_kji.points(kji) - click, axis=-1)
    return apart


def _limited(found: Mask, organ: Mask | None, vessels: Mask | None) -> Mask:
    """Inside the organ, outside vessels, one piece without holes."""
    kept = np.array(found.voxels)
    if organ is not None:
        kept &= organ.within(found.box)
    if vessels is not None:
        kept &= ~vessels.within(found.box)
    mask = Mask.of(found.grid, kept, found.box[0])
    if mask.is_empty:
        return mask
    mask = largest_kept(mask).apply(mask)
    if vessels is None:
        mask = filled(mask).apply(mask)
    return mask


def _described(volume: Volume, mask: Mask, box: Box, gas: NDArray[np.bool_]) -> ZoneGuess:
    spacing = volume.grid.spacing_kji_mm
    whole = union_box((box, mask.box))
    inside = mask.within(whole)
    pockets = Mask.of(volume.grid, gas, box[0]).within(whole)
    values = np.asarray(volume.voxels[box_slices(whole)], dtype=np.float32)
    away = centre_distance_mm(inside, spacing)
    tissue = values[inside & ~pockets & (values > GAS_HU)]
    ring = (away > 3.0) & (away <= 10.0) & (values > _TISSUE_HU[0]) & (values < _TISSUE_HU[1])
    zone_hu = float(np.median(tissue)) if tissue.size else float("nan")
    around_hu = float(np.median(values[ring])) if ring.any() else float("nan")
    if not np.isfinite(zone_hu) or zone_hu > around_hu - _LEAST_DIFFERENCE_HU:
        raise InputRefused(
            "no-zone",
            f"What was found ({zone_hu:.0f} HU) is not darker than the tissue around it ({around_hu:.0f} HU); "
            "take a contrast phase in which the organ enhances, or draw the zone.",
        )
    rim = inside & (centre_distance_mm(~inside, spacing) <= 1.01 * max(spacing))
    share = float(np.mean(centre_distance_mm(pockets, spacing)[rim] <= _TOUCHING_MM)) if pockets.any() else 0.0
    gas_ml = float(np.count_nonzero(pockets & inside)) * volume.grid.voxel_ml
    return ZoneGuess(mask, gas_ml, share, zone_hu, around_hu, _notes(gas_ml, share))


def _notes(gas_ml: float, share: float) -> tuple[str, ...]:
    notes = []
    if gas_ml > 0.0:
        notes.append(f"{gas_ml:.1f} mL of gas were counted as zone; gas is not the zone, which reaches beyond it.")
    if share >= _GAS_EDGE_SHARE:
        notes.append(
            f"{100.0 * share:.0f} % of the edge lies at gas and may be drawn too small there: necrosis was 7.6 mm "
            "wider than visible gas in pig liver after microwave ablation; look again when the gas is gone."
        )
    return tuple(notes)
