"""What the blood at a click measures, what lies around it, and how thin a vessel the image can show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused, OperatorError
from planner.imaging.masks import ball_box, box_slices
from planner.imaging.volumes import Volume

ROSE = 4.0
"""Contrast in standard deviations of the noise below which a thing is not seen (Rose, J Opt Soc Am 1948;38:196: about
five; four is usual for things whose shape and place are known)."""

_LOW_CONTRAST_HU = 150.0
"""Arteries in the arterial phase are this much brighter than soft tissue, or more."""
_SNAP_MM = 2.5
_CORE_MM = 2.0
_AROUND_MM = 30.0
_SOFT_HU = (0.0, 110.0)
"""Blood without contrast medium, muscle and organs with a little of it."""
_LEAST_BLOOD_HU = 100.0
"""Blood without contrast medium has 30 to 60 HU."""
_SAMPLES = 2_000_000
_BLUR_VOXELS = 2.0
"""Full width at half maximum of the image's blur, in voxels, as usual for a soft kernel."""
_WIDTHS = 2.0 * float(np.sqrt(2.0 * np.log(2.0)))


@dataclass(frozen=True, eq=False)
class LumenLevels:
    """HU, measured in this image.

    Attributes
    ----------
    blood, noise
        Median and robust standard deviation at the seed.
    soft
        Soft tissue without much contrast medium.
    seed_kji
        The voxel the seed was moved to, at most 2.5 mm away: the brightest of its neighbourhood.
    """

    blood: float
    noise: float
    soft: float
    seed_kji: tuple[int, int, int]

    @property
    def contrast(self) -> float:
        return self.blood - self.soft

    @property
    def low_contrast(self) -> bool:
        """Whether this is less than the arterial phase has."""
        return self.contrast < _LOW_CONTRAST_HU


def lumen_levels(volume: Volume, seed_lps_mm: ArrayLike, vessel: str) -> LumenLevels:
    """Read the blood at a click.

    Parameters
    ----------
    vessel
        What is clicked on, for the sentence of a refusal: ``aorta``.

    Raises
    ------
    InputRefused
        When the image is not CT in Hounsfield units.
    OperatorError
        For a click outside the image, in blood without contrast medium, or no brighter than its surroundings.
    """
    source = volume.source
    if source.modality not in (None, "CT", "XA") or source.unit not in (None, "HU"):
        raise InputRefused(
            "not-ct",
            f"Vessels are followed on CT in Hounsfield units, and this is {source.modality or 'an'} image in "
            f"{source.unit or 'an unknown unit'}; choose a CT series.",
            subject=source.series_uid,
        )
    seed = np.asarray(seed_lps_mm, dtype=np.float64)
    if volume.grid.nearest_index(seed) is None:
        raise OperatorError("seed-outside-image", f"The click lies outside the image; click on the {vessel}.")
    centre = _snapped(volume, seed)
    core, _ = _ball(volume, volume.grid.lps_from_kji.points(centre), _core_mm(volume))
    blood = float(np.median(core))
    noise = 1.4826 * float(np.median(np.abs(core - blood)))
    soft = soft_tissue(volume)
    if blood < max(_LEAST_BLOOD_HU, soft + ROSE * 0.5 * noise):
        raise OperatorError(
            "no-contrast",
            f"The blood at the click measures {blood:.0f} HU, so no contrast medium is seen; choose a phase with "
            f"contrast medium in the {vessel} or click inside it.",
        )
    around, gaps = _ball(volume, seed, _AROUND_MM)
    darker = around < 0.5 * (blood + soft)
    if not darker[gaps > _SNAP_MM].size or darker.mean() < 0.05:
        raise OperatorError(
            "seed-not-brighter",
            f"The click is no brighter than what lies around it ({blood:.0f} HU); click inside the {vessel}.",
        )
    return LumenLevels(blood, max(noise, 1.0), min(soft, blood - 30.0), centre)


def soft_tissue(volume: Volume) -> float:
    """Median of soft tissue in the whole image, HU; water's 0 HU and half of the range where there is none."""
    step = max(1, round((volume.voxels.size / _SAMPLES) ** (1.0 / 3.0)))
    values = np.asarray(volume.voxels[::step, ::step, ::step], dtype=np.float32)
    chosen = values[(values > _SOFT_HU[0]) & (values < _SOFT_HU[1])]
    return float(np.median(chosen)) if chosen.size else 0.5 * sum(_SOFT_HU)


def smallest_visible_mm(spacing_kji_mm: tuple[float, float, float], noise: float, contrast: float) -> float:
    """Diameter of the thinnest vessel whose middle stands out of the noise by Rose's criterion.

    A long cylinder of radius r, blurred by a point spread of standard deviation s, keeps the share
    ``1 - exp(-r^2 / 2 s^2)`` of its contrast in its middle. s is that of a blur of two voxels' full width at half
    maximum, from the geometric mean of the two larger voxel sides. Along a vessel the eye and the filter average, so
    that a little thinner ones may still be seen here and there; none is promised.
    """
    sides = sorted(spacing_kji_mm)[1:]
    width = float(np.sqrt(sides[0] * sides[1])) * _BLUR_VOXELS / _WIDTHS
    needed = ROSE * noise / max(contrast, 1e-6)
    if needed >= 1.0:
        return float("inf")
    return 2.0 * width * float(np.sqrt(-2.0 * np.log(1.0 - needed)))


def _core_mm(volume: Volume) -> float:
    return max(_CORE_MM, 1.01 * max(volume.grid.spacing_kji_mm))


def _snapped(volume: Volume, seed: NDArray[np.float64]) -> tuple[int, int, int]:
    """The brightest place of the smoothed image near a click; bone and calcified plaque do not attract."""
    from scipy import ndimage

    box = ball_box(volume.grid, seed, _SNAP_MM + 3.0)
    values = np.asarray(volume.voxels[box_slices(box)], dtype=np.float32)
    clicked = volume.nearest(seed)
    held = np.minimum(values, max(clicked or 0.0, 0.0) + _LEAST_BLOOD_HU)
    spacing = np.asarray(volume.grid.spacing_kji_mm)
    smooth = ndimage.gaussian_filter(held, tuple(1.0 / spacing), mode="nearest", truncate=2.0)
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    centres = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    gaps = np.linalg.norm(centres - seed, axis=-1)
    smooth[gaps > max(_SNAP_MM, float(gaps.min()))] = -np.inf
    k, j, i = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    low = box[0]
    return int(k) + low[0], int(j) + low[1], int(i) + low[2]


def _ball(
    volume: Volume, centre: NDArray[np.float64], radius_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values within a radius, and their distances from the centre."""
    box = ball_box(volume.grid, centre, radius_mm)
    axes = [np.arange(low, high) for low, high in zip(*box, strict=True)]
    centres = volume.grid.lps_from_kji.points(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    gaps = np.linalg.norm(centres - centre, axis=-1)
    near = gaps <= max(radius_mm, float(gaps.min()))
    return np.asarray(volume.voxels[box_slices(box)], dtype=np.float64)[near], gaps[near]
