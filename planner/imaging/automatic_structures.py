"""Skin, bone, lung, gas and contrast-filled vessels of a CT, from the image alone.

What belongs together is decided on an axial patient grid of about 2 mm; where each structure ends, at full resolution.
The levels in Hounsfield units are image physics (water is 0, air -1000 by definition of the scale) and stand, with
their reasons, beside the code that uses them. No network is involved, and no outline of an organ is drawn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging import automatic_structures_vessels as vessels
from planner.imaging.automatic_structures_air import CoarseAir, coarse_air
from planner.imaging.automatic_structures_body import AIR_HU, Array, Bools, CoarseBody, coarse_body
from planner.imaging.automatic_structures_bone import Landmarks, coarse_bone, contrast_bodies, landmarks
from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, Mask, box_slices, padded_box
from planner.imaging.resampling import resampled_labels
from planner.imaging.slicing import readable
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.volumes import LabelMap, Volume
from planner.jobs import Context

KEYS = ("skin", "bone", "lung", "gas", "vessels")
"""Structures that are looked for; `trachea` comes as well where it is seen."""

_PIXEL_MM = 2.0
_SLICE_MM = (2.0, 3.0)
_LEAST_BODY_ML = 100.0
_WALL_MM = 15.0
"""Nearer to the skin are calcified cartilage and veins of the wall, which are not looked for."""
_RIM_MM = 4.0
_FINE_ABOVE_COARSE_HU = 20.0
"""Single voxels hold less of the tissue beside a thin cortex than blocks of 2 mm."""
_MOST_BLOOD_ABOVE_HU = 200.0
_PADDING_HU = -1024.0
Levels = tuple[float, float, float, float, float]
"""Of `automatic_structures_kernels.decide`, HU."""


@dataclass(frozen=True, eq=False)
class AutomaticStructures:
    """What was found.

    Attributes
    ----------
    masks
        On the volume's grid: ``skin`` (the whole body, lungs and gas filled), ``bone``, ``lung``, ``gas`` (all air in
        the body but lung and airway: the hollow, not the wall around it), ``vessels`` and ``trachea`` (with main
        bronchi). A structure that was looked for and is not there has an empty mask.
    not_looked_for
        One sentence for each structure that was not looked for, beginning with its key.
    notes
        What the reader of the masks must know: arms left out, the body cut by the image, an unknown unit.
    beside
        Parts beside the body (arms), which `skin` does not hold.
    """

    masks: Mapping[str, Mask]
    not_looked_for: tuple[str, ...]
    notes: tuple[str, ...]
    beside: Mask


@dataclass(frozen=True, eq=False)
class _Coarse:
    """The coarse image cropped to the body."""

    hu: Array
    grid: Grid
    body: CoarseBody


def automatic_structures(volume: Volume, context: Context | None = None) -> AutomaticStructures:
    """Segment what a CT shows without being told anything.

    Parameters
    ----------
    volume
        CT in Hounsfield units, of any orientation; a volume whose unit is unknown is taken for one, with a note.

    Raises
    ------
    InputRefused
        When the image is no CT, or shows no body.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    notes = _refused_or_noted(volume)
    coarse = _coarse(volume, steps.part(0.0, 0.3))
    air = coarse_air(coarse.hu, coarse.body.inside, coarse.grid.spacing_kji_mm, steps.part(0.3, 0.45))
    marks = landmarks(volume, coarse.grid, catalogue("contrast_phases.toml")["image"], steps.part(0.45, 0.6))
    steps.step(0.6, "Looking for bone")
    spacing = coarse.grid.spacing_kji_mm
    tissue = coarse.body.inside & ~air.lung
    contrast = contrast_bodies(coarse.hu, tissue, marks, spacing)
    bone = coarse_bone(coarse.hu, tissue, contrast, marks, spacing)
    tubes = _tubes(coarse, air, bone, marks, steps.part(0.7, 0.85))
    steps.step(0.85, "Drawing at full resolution")
    answers = _answers(coarse, air, bone, contrast, tubes)
    blood = marks.blood_hu or 0.0
    levels = (
        AIR_HU,
        marks.bone_hu + _FINE_ABOVE_COARSE_HU,
        *(tubes[1].fine if tubes else (0.0, 0.0)),
        blood + _MOST_BLOOD_ABOVE_HU,
    )
    masks = _masks(volume, LabelMap(answers, coarse.grid), levels, steps.part(0.85, 1.0))
    missing = _not_looked_for(marks, tubes is None)
    if tubes is None:
        masks.pop("vessels")
    beside = _on_grid(coarse.body.beside, coarse.grid, volume.grid)
    notes += _noted(coarse.body, beside, masks)
    steps.step(1.0, "Structures found")
    return AutomaticStructures(masks, missing, notes, beside)


def body_mask(volume: Volume, context: Context | None = None) -> Mask:
    """The body alone, as ``skin`` of `automatic_structures`; raises as that does."""
    steps = context or Context()
    _refused_or_noted(volume)
    coarse = _coarse(volume, steps.part(0.0, 0.7))
    steps.step(0.7, "Drawing the skin at full resolution")
    decided, box = _decided(volume, LabelMap(_body_answers(coarse), coarse.grid), (AIR_HU, 0.0, 0.0, 0.0, 0.0))
    steps.step(1.0, "Body found")
    return Mask.of(volume.grid, decided != 0, box[0])


def _refused_or_noted(volume: Volume) -> tuple[str, ...]:
    source = volume.source
    if source.modality not in (None, "CT") or source.unit not in (None, "HU"):
        raise InputRefused(
            "not-ct",
            f"Structures are found automatically on CT in Hounsfield units only, and this is {source.modality or 'an'} "
            f"image in {source.unit or 'an unknown unit'}; choose a CT series.",
            subject=source.series_uid,
        )
    if source.unit is None:
        return ("The file does not say its unit: its values were taken for Hounsfield units.",)
    return ()


def _coarse(volume: Volume, context: Context) -> _Coarse:
    from planner.imaging.trunk_landmarks import coarse_axial

    context.step(0.0, "Thinning the image")
    along_head = int(np.argmax(np.abs(volume.grid.axes_lps[2])))
    slice_mm = float(np.clip(volume.grid.spacing_kji_mm[along_head], *_SLICE_MM))
    thin = coarse_axial(volume, (slice_mm, _PIXEL_MM, _PIXEL_MM))
    hu = np.clip(np.nan_to_num(np.asarray(thin.voxels, dtype=np.float32), nan=_PADDING_HU), _PADDING_HU, 3000.0)
    spacing = thin.grid.spacing_kji_mm
    body = coarse_body(hu, spacing, context.part(0.2, 1.0))
    found = Mask.of(thin.grid, body.inside | body.beside)
    if float(np.count_nonzero(body.inside)) * thin.grid.voxel_ml < _LEAST_BODY_ML:
        raise InputRefused(
            "no-body", "No body is seen in this image; choose a CT of the patient.", subject=volume.source.series_uid
        )
    box = padded_box(found.box, 2.0 * _RIM_MM, thin.grid)
    part = box_slices(box)
    inside, beside = (np.ascontiguousarray(mask[part]) for mask in (body.inside, body.beside))
    cropped = thin.grid.cropped(*box)
    return _Coarse(np.ascontiguousarray(hu[part]), cropped, replace(body, inside=inside, beside=beside))


def _tubes(
    coarse: _Coarse, air: CoarseAir, bone: Bools, marks: Landmarks, context: Context
) -> tuple[Bools, vessels.VesselLevels] | None:
    """The vessels and the levels of their walls; None when no contrast medium is seen."""
    if marks.blood_hu is None or marks.blood_hu < vessels.LEAST_BLOOD_HU:
        return None
    spacing = coarse.grid.spacing_kji_mm
    allowed = coarse.body.inside & ~air.lung & (centre_distance_mm(~coarse.body.inside, spacing) > _WALL_MM)
    levels = vessels.vessel_levels(coarse.hu, allowed, marks.blood_hu, spacing)
    if bone.any():
        allowed &= centre_distance_mm(bone, spacing) > 1.5 * _PIXEL_MM
    allowed |= marks.aorta & ~bone
    return vessels.coarse_vessels(coarse.hu, allowed, bone, marks, levels, spacing, context), levels


def _body_answers(coarse: _Coarse) -> NDArray[np.uint16]:
    from planner.imaging import automatic_structures_kernels as kernels

    inside, spacing = coarse.body.inside, coarse.grid.spacing_kji_mm
    answers = np.zeros(inside.shape, dtype=np.uint16)
    answers[centre_distance_mm(inside, spacing) <= _PIXEL_MM] = kernels.RIM
    # Where the image ends the body goes on: no rim there.
    answers[centre_distance_mm(~inside, spacing) > _RIM_MM] = kernels.INSIDE
    return answers


def _answers(
    coarse: _Coarse, air: CoarseAir, bone: Bools, contrast: Bools, tubes: tuple[Bools, vessels.VesselLevels] | None
) -> NDArray[np.uint16]:
    """The bits of `automatic_structures_kernels` for each coarse voxel."""
    from planner.imaging import automatic_structures_kernels as kernels

    spacing = coarse.grid.spacing_kji_mm
    reach = 1.25 * max(spacing)
    answers = _body_answers(coarse)
    if air.lung.any():
        other = air.gas | air.airway
        near = centre_distance_mm(air.lung, spacing) <= 1.5 * reach
        answers[near & ~other] |= kernels.LUNG_NEAR
        answers[air.lung & (centre_distance_mm(~air.lung, spacing) > reach)] |= kernels.LUNG_SURE
    if air.airway.any():
        answers[centre_distance_mm(air.airway, spacing) <= reach] |= kernels.AIRWAY_NEAR
    if bone.any():
        answers[(centre_distance_mm(bone, spacing) <= reach) & ~contrast] |= kernels.BONE_NEAR
        answers[bone & (centre_distance_mm(~bone, spacing) > reach)] |= kernels.BONE_SURE
    if tubes is not None and tubes[0].any():
        answers[(centre_distance_mm(tubes[0], spacing) <= 0.75 * reach) & ~bone] |= kernels.VESSEL_NEAR
        answers[tubes[1].in_organ] |= kernels.IN_ORGAN
    return answers


def _decided(volume: Volume, labels: LabelMap, levels_hu: Levels) -> tuple[NDArray[np.uint8], Box]:
    """Bits of the result for the part of the volume's grid that the coarse grid covers."""
    from planner.imaging import automatic_structures_kernels as kernels

    corners = labels.grid.bounds_lps_mm
    points = np.array([[corners[a, 0], corners[b, 1], corners[c, 2]] for a in (0, 1) for b in (0, 1) for c in (0, 1)])
    kji = volume.grid.kji_from_lps.points(points)
    low = np.maximum(np.floor(kji.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(kji.max(axis=0)).astype(int) + 1, volume.grid.size_kji)
    box: Box = ((int(low[0]), int(low[1]), int(low[2])), (int(high[0]), int(high[1]), int(high[2])))
    coarse = np.asarray(resampled_labels(labels, volume.grid.cropped(*box)).voxels, dtype=np.uint16)
    values = readable(volume.voxels[box_slices(box)])
    levels = np.array(levels_hu)
    result = np.empty(coarse.shape, dtype=np.uint8)
    in_bands(len(result), lambda a, b: kernels.decide(values, coarse, levels, result, a, b), least_rows=2)
    return result, box


def _masks(volume: Volume, labels: LabelMap, levels_hu: Levels, context: Context) -> dict[str, Mask]:
    from planner.imaging import automatic_structures_kernels as kernels

    decided, box = _decided(volume, labels, levels_hu)
    context.step(0.6, "Drawing at full resolution")
    bits = {
        "skin": kernels.SKIN,
        "bone": kernels.BONE,
        "lung": kernels.LUNG,
        "gas": kernels.GAS,
        "vessels": kernels.VESSELS,
        "trachea": kernels.AIRWAY,
    }
    masks = {key: Mask.of(volume.grid, decided & bit, box[0]) for key, bit in bits.items()}
    if masks["trachea"].is_empty:
        del masks["trachea"]
    return masks


def _not_looked_for(marks: Landmarks, no_vessels: bool) -> tuple[str, ...]:
    if not no_vessels:
        return ()
    if marks.blood_hu is None:
        return ("vessels: no aorta was recognised, so that it is not known whether there is contrast medium in it",)
    return (f"vessels: no contrast medium is seen, the blood in the aorta has {marks.blood_hu:.0f} HU",)


def _noted(body: CoarseBody, beside: Mask, masks: Mapping[str, Mask]) -> tuple[str, ...]:
    notes = ["gas is the hollow that gas fills; the wall of the bowel and bowel without gas are not in it"]
    if body.cut:
        notes.append("the image cuts the body off at its sides: no skin is known there")
    if not beside.is_empty:
        notes.append(f"{beside.volume_ml:.0f} mL beside the body (arms) are not part of the skin")
    if "vessels" in masks:
        notes.append("vessels are those that hold contrast medium in this phase and are about 3 mm wide or wider")
    return tuple(notes)


def _on_grid(mask: Bools, grid: Grid, wanted: Grid) -> Mask:
    from planner.imaging.resampling import resampled_mask

    return resampled_mask(Mask.of(grid, mask), wanted) if mask.any() else Mask.empty(wanted)
