"""The lumen of enhanced vessels in CT, from one point inside: connected, down to about the size of a voxel.

Wide vessels are told by brightness, thin ones by being bright tubes (`planner.imaging.vesselness`), with hysteresis and
small gaps crossed; the wall lies half way between a vessel's own brightness and what is around it, so that distal
branches dimmed by partial volume keep their width. Bone and organs as bright as blood are kept out. The result is what
this image shows, never the complete tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.catalogues import catalogue
from planner.findings import Finding, Severity
from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, Mask, box_slices
from planner.imaging.slicing import readable
from planner.imaging.vessel_lumen_barriers import REACH_MM
from planner.imaging.vessel_lumen_levels import LumenLevels, lumen_levels, smallest_visible_mm
from planner.imaging.vessel_lumen_surroundings import surroundings
from planner.imaging.vesselness import BEST_ANSWER, vesselness
from planner.imaging.volumes import Volume
from planner.jobs import Context

_ABOVE_SOFT = 0.06
"""Darker than soft tissue and this share of the contrast counts as soft tissue: vessels without contrast medium in fat
would look like tubes otherwise."""
_WIDE_SHARE, _WIDE_SHARE_LATE = 0.5, 0.7
"""Of the contrast: what is as bright as a wide vessel, in the arterial phase and later, when parenchyma, bowel walls
and veins reach half of it."""
_WIDE_NOISES = 3.0
_SCALES_MM = (0.7, 1.0, 1.6, 2.5)
_LEAST_ANSWER = (0.0, 0.06, 0.10, 0.14)
"""Share of the answer of a fully bright tube that is asked for at each scale: thin vessels are dimmed, wide ones that
answer less are veins or parenchyma."""
_NOISE_QUANTILE = 0.995
_CLEAR = 2.0
_TUBE_SHARE = 0.08
"""Least answer of a thin vessel as a share of its own brightness above soft tissue: about a quarter for one of the
scale's width; less is noise upon a vein or an organ of that brightness."""
_ORGAN_SHARE = 0.35
_BARE_HU = 4.0
_SAMPLE_SLICES = 12
_GAP_MM = 1.6
_WEAK_MM = 4.0
_WALL_VOXELS = 2
_PLAQUE_ABOVE_HU = 130.0
"""Calcium in a vessel's wall is this much brighter than plain blood (the limit of Agatston, J Am Coll Cardiol
1990;15:827), here above enhanced blood."""
_PLAQUE_NEAR_MM = 1.5
_MOST_PLAQUE_ML = 0.5


@dataclass(frozen=True, eq=False)
class VesselLumen:
    """The lumen that is seen.

    Attributes
    ----------
    kind
        ``artery``, ``portal-vein`` or ``hepatic-vein``.
    mask
        On the volume's grid; calcified plaque in the wall is part of it.
    likelihood
        float32 of the size of ``mask.box``, 0 to 1: how much each voxel looks like lumen. Lies beside the mask too, for
        crossing gaps.
    calcified
        Calcified plaque found in the wall; None when there is none.
    seed_lps_mm
        (3,) where it begins: the click, moved to the middle of the blood.
    blood_hu, noise_hu
        At the seed.
    smallest_visible_mm
        Diameter below which vessels cannot be expected in this image (see
        `planner.imaging.vessel_lumen_levels.smallest_visible_mm`).
    findings
        What the reader must know.
    """

    kind: str
    mask: Mask
    likelihood: NDArray[np.float32]
    calcified: Mask | None
    seed_lps_mm: NDArray[np.float64]
    blood_hu: float
    noise_hu: float
    smallest_visible_mm: float
    findings: tuple[Finding, ...]


def arterial_lumen(volume: Volume, seed_lps_mm: ArrayLike, context: Context | None = None) -> VesselLumen:
    """The arterial lumen joined to a seed.

    Parameters
    ----------
    volume
        CT in Hounsfield units, arterial phase.
    seed_lps_mm
        (3,) in the aorta or another artery.

    Raises
    ------
    InputRefused
        When the image is no CT.
    OperatorError
        For a seed outside the image, no brighter than its surroundings, or without contrast medium.
    Cancelled
        When the operator cancelled.
    """
    steps = context or Context()
    levels = lumen_levels(volume, seed_lps_mm, "artery")
    seen = look_at(volume, levels, steps.part(0.02, 0.75))
    steps.step(0.75, "Following the vessels")
    taken = followed(seen)
    steps.step(0.85, "Measuring the lumen")
    calcified = _plaque(seen, taken)
    mask = mask_of(volume, taken if calcified is None else np.concatenate([taken, calcified]))
    plaque = None if calcified is None else mask_of(volume, calcified)
    visible = smallest_visible_mm(volume.grid.spacing_kji_mm, levels.noise, levels.contrast)
    found = VesselLumen(
        "artery",
        mask,
        likelihood(seen, mask.box),
        plaque,
        volume.grid.lps_from_kji.points(levels.seed_kji),
        levels.blood,
        levels.noise,
        visible,
        (*_contrast_findings(levels, seen.veins_bright), *_plaque_findings(plaque), *visible_findings(levels, visible)),
    )
    steps.step(1.0, "Vessels found")
    return found


def find_aorta_seed(volume: Volume) -> NDArray[np.float64] | None:
    """(3,) a point in the middle of the aorta, or None where no trunk with an aorta is seen: then a click is needed."""
    from planner.imaging.trunk_landmarks import find_trunk
    from planner.imaging.trunk_vessels import find_aorta

    rules = catalogue("contrast_phases.toml")["image"]
    trunk = find_trunk(volume, rules["trunk"])
    aorta = None if trunk is None else find_aorta(trunk, rules["aorta"])
    if trunk is None or trunk.grid is None or aorta is None or aorta.length_mm < rules["aorta"]["least_length_mm"]:
        return None
    k = np.arange(len(aorta.centre_ji))
    rows, columns = aorta.centre_ji[:, 0], aorta.centre_ji[:, 1]
    off = np.abs(trunk.hu[k, rows, columns] - aorta.hu)
    alike = off <= np.quantile(off, 0.5)
    at = int(k[alike][np.argmin(np.abs(k[alike] - np.median(k[alike])))])
    return trunk.grid.lps_from_kji.points((at, rows[at], columns[at]))


@dataclass(frozen=True, eq=False)
class Seen:
    """A volume with everything that following a vessel needs.

    Attributes
    ----------
    values
        (k, j, i) the volume's voxels, contiguous.
    answer
        (k, j, i) how clearly each voxel is a bright tube: 1 is just told from noise and dimmer vessels.
    background
        (k, j, i) HU of what is darker than blood nearby.
    state
        (k, j, i) bits of `planner.imaging.vessel_lumen_kernels`.
    bright
        HU of a wide vessel at the least.
    veins_bright
        Whether the vena cava is bright enough to be followed like an artery.
    """

    volume: Volume
    levels: LumenLevels
    values: NDArray[np.generic]
    answer: NDArray[np.float32]
    background: NDArray[np.int16]
    state: NDArray[np.uint8]
    bright: float
    veins_bright: bool


def look_at(volume: Volume, levels: LumenLevels, context: Context, *, vein: bool = False) -> Seen:
    """Bone, organs, bright tubes, and what each voxel may be; with `vein` the aorta is kept out."""
    from planner.imaging import vessel_lumen_kernels as kernels

    values = readable(volume.voxels)
    half = levels.soft + _WIDE_SHARE * levels.contrast
    late = levels.low_contrast and not vein
    bright = _wide_hu(levels) if late else half
    # Parenchyma reaches the lower level in later phases, and vessels between two organs would count as theirs.
    organ = half if late else levels.soft + _ORGAN_SHARE * levels.contrast
    rules = catalogue("contrast_phases.toml")["image"]
    around = surroundings(volume, levels, organ, rules, context.part(0.0, 0.5), vein=vein)
    answer, unit = _tube_answer(volume, levels, context.part(0.5, 1.0))
    dense = levels.blood + max(_PLAQUE_ABOVE_HU, 5.0 * levels.noise)
    asked = np.array([dimmest(levels), bright, _CLEAR, _TUBE_SHARE / unit, dense], dtype=np.float32)
    state = np.empty(values.shape, dtype=np.uint8)
    in_bands(len(values), lambda a, b: kernels.judge(values, answer, around.bits, asked, state, a, b), least_rows=2)
    return Seen(volume, levels, values, answer, around.background, state, bright, around.veins_bright)


def _wide_hu(levels: LumenLevels) -> float:
    """What a wide vessel measures at the least in a late phase, noise allowed for."""
    half, late = (levels.soft + share * levels.contrast for share in (_WIDE_SHARE, _WIDE_SHARE_LATE))
    return max(half, min(late, levels.blood - _WIDE_NOISES * levels.noise))


def followed(seen: Seen) -> NDArray[np.int64]:
    """Flat indices of the lumen joined to the seed; they are marked as taken in the state."""
    from planner.imaging import vessel_lumen_kernels as kernels

    spacing = seen.volume.grid.spacing_kji_mm
    seed = np.array([np.ravel_multi_index(seen.levels.seed_kji, seen.values.shape)], dtype=np.int64)
    taken = kernels.flood(seen.state, seed, _voxels(_GAP_MM, spacing), round(_WEAK_MM / min(spacing)))
    walls = np.array([dimmest(seen.levels), seen.bright, seen.levels.blood], dtype=np.float32)
    grown = kernels.grow_to_wall(seen.values, seen.background, seen.state, taken, walls, _WALL_VOXELS)
    return np.concatenate([taken, grown])


def _voxels(reach_mm: float, spacing: tuple[float, float, float]) -> NDArray[np.int64]:
    return np.array([max(1, int(reach_mm / mm)) for mm in spacing], dtype=np.int64)


def _tube_answer(volume: Volume, levels: LumenLevels, context: Context) -> tuple[NDArray[np.float32], float]:
    """How clearly each voxel is a bright tube: 1 is just told from noise and dimmer vessels.

    Returns
    -------
    (k, j, i), and how many HU 1 stands for at the finest scale.
    """
    values = readable(volume.voxels)
    spacing = volume.grid.spacing_kji_mm
    limits = (dimmest(levels), levels.blood)
    scales = [scale for scale in _SCALES_MM if scale > 0.55 * min(spacing)]
    asked = dict(zip(_SCALES_MM, _LEAST_ANSWER, strict=True))
    full = BEST_ANSWER * (limits[1] - limits[0])
    noise = _noise_answers(volume, levels, limits, scales)
    least = [max(bare, asked[scale] * full) for scale, bare in zip(scales, noise, strict=True)]
    gains = [1.0 / answer for answer in least]
    return vesselness(values, spacing, scales, limits=limits, gains=gains, context=context), least[0]


def dimmest(levels: LumenLevels) -> float:
    """HU that count as soft tissue, and below."""
    return levels.soft + _ABOVE_SOFT * levels.contrast


def _noise_answers(
    volume: Volume, levels: LumenLevels, limits: tuple[float, float], scales: list[float]
) -> list[float]:
    """What noise in soft tissue answers at each scale, from slabs spread over the image."""
    size = volume.grid.size_kji[0]
    answers: list[list[NDArray[np.float32]]] = [[] for _ in scales]
    for share in (0.3, 0.5, 0.7):
        first = int(np.clip(share * size - _SAMPLE_SLICES / 2, 0, max(0, size - _SAMPLE_SLICES)))
        slab = readable(volume.voxels[first : first + _SAMPLE_SLICES])
        soft = np.abs(slab.astype(np.float32) - levels.soft) < 3.0 * levels.noise
        for index, scale in enumerate(scales):
            found = vesselness(slab, volume.grid.spacing_kji_mm, (scale,), limits=limits)
            answers[index].append(found[soft])
    pooled = [np.concatenate(found) for found in answers]
    return [max(_BARE_HU / 2.0, float(np.quantile(a, _NOISE_QUANTILE))) if a.size else _BARE_HU for a in pooled]


def mask_of(volume: Volume, taken: NDArray[np.int64]) -> Mask:
    """The mask of flat voxel indices."""
    size = volume.grid.size_kji
    places = np.stack(np.unravel_index(taken, size), axis=1)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    bits = np.zeros(high - low, dtype=np.bool_)
    bits[tuple((places - low).T)] = True
    return Mask.of(volume.grid, bits, (int(low[0]), int(low[1]), int(low[2])))


def _plaque(seen: Seen, taken: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """Flat indices of calcified plaque beside the lumen; None when there is none."""
    from planner.imaging import vessel_lumen_kernels as kernels

    grid = seen.volume.grid
    most = max(1, int(_MOST_PLAQUE_ML / grid.voxel_ml))
    found = kernels.plaques(seen.state, taken, _voxels(_PLAQUE_NEAR_MM, grid.spacing_kji_mm), most)
    return found if len(found) else None


def likelihood(seen: Seen, box: Box) -> NDArray[np.float32]:
    """Brightness within a tube, or as bright as a wide vessel; 0 in bone and organs. (k, j, i) of the box."""
    from planner.imaging import vessel_lumen_kernels as kernels

    part = box_slices(box)
    dim = dimmest(seen.levels)
    answer = seen.answer[part]
    values = np.asarray(seen.values[part], dtype=np.float32)
    share = np.clip((values - dim) / max(seen.bright - dim, 1.0), 0.0, 1.0)
    tube = answer / (1.0 + answer) * (0.4 + 0.6 * share)
    likely: NDArray[np.float32] = np.maximum(tube, np.where(share >= 1.0, 0.9, 0.0)).astype(np.float32)
    likely[(seen.state[part] & kernels.BARRED) != 0] = 0.0
    return likely


def _contrast_findings(levels: LumenLevels, veins_bright: bool) -> tuple[Finding, ...]:
    if veins_bright:
        text = (
            "Veins are as bright as arteries in this image: other vessels may be included, and nothing is followed "
            f"further than {REACH_MM:.0f} mm from the aorta. Check every branch, or choose an arterial phase."
        )
        return (Finding("veins-as-bright", Severity.WARN, text, measured=levels.contrast, unit="HU"),)
    if not levels.low_contrast:
        return ()
    text = (
        f"The arteries measure {levels.blood:.0f} HU, only {levels.contrast:.0f} HU above soft tissue; arteries and "
        "veins may run into each other. An arterial phase shows more."
    )
    return (Finding("low-arterial-contrast", Severity.WARN, text, measured=levels.contrast, unit="HU"),)


def _plaque_findings(plaque: Mask | None) -> tuple[Finding, ...]:
    if plaque is None:
        return ()
    text = (
        f"{1000.0 * plaque.volume_ml:.0f} mm3 of calcified plaque lie in the vessel wall; widths there are not to be "
        "trusted."
    )
    return (Finding("calcified-plaque", Severity.INFO, text, measured=plaque.volume_ml, unit="mL"),)


def visible_findings(levels: LumenLevels, visible_mm: float) -> tuple[Finding, ...]:
    """What cannot be seen in this image."""
    text = "The image is too noisy for thin vessels to be visible."
    if np.isfinite(visible_mm):
        text = (
            f"Vessels below about {visible_mm:.1f} mm in diameter are not visible in this image (noise "
            f"{levels.noise:.0f} HU, {levels.contrast:.0f} HU above soft tissue)."
        )
    measured = visible_mm if np.isfinite(visible_mm) else None
    return (Finding("smallest-visible-vessel", Severity.INFO, text, measured=measured, unit="mm"),)
