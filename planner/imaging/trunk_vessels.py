"""Aorta and vena cava of a trunk CT as two chains of discs beside the spine, and what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.imaging.trunk_landmarks import Array, Trunk, disc, local_means, smooth_path


@dataclass(frozen=True, eq=False)
class Vessel:
    """A round vessel followed along the spine.

    Attributes
    ----------
    hu
        Median over the slices of the mean of its middle.
    length_mm
        How far it is seen as a disc of its own.
    diameter_mm
        Median; coarse.
    centre_ji
        (k, 2) row and column per slice of the trunk.
    """

    hu: float
    length_mm: float
    diameter_mm: float
    centre_ji: NDArray[np.intp]


def find_aorta(trunk: Trunk, rules: Mapping[str, Any]) -> Vessel | None:
    """The aorta in front of the spine or on its left; None when no disc is followed far enough.

    Parameters
    ----------
    rules
        ``[image.aorta]`` of ``resources/contrast_phases.toml``.
    """
    left, front = trunk.left_mm(), trunk.front_mm()
    allowed = (left >= rules["left_mm"][0]) & (left <= rules["left_mm"][1])
    allowed = allowed & (front >= rules["front_mm"][0]) & (front <= rules["front_mm"][1])
    return _followed(trunk, allowed & ~_vertebrae(trunk, rules), rules)


def vertebral_bodies(trunk: Trunk, rules: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(k, j, i) an ellipse around each vertebral body, a few mm wider than it.

    Parameters
    ----------
    rules
        ``[image.aorta]`` of ``resources/contrast_phases.toml``.
    """
    return _vertebrae(trunk, rules)


def _vertebrae(trunk: Trunk, rules: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(k, j, i) an ellipse around each vertebral body: where no vessel can have its middle.

    The front of the body is the steepest fall of brightness in the middle line, its half width that of the right
    side, where no vessel lies beside it.
    """
    from scipy.ndimage import gaussian_filter1d, median_filter

    left, front = trunk.left_mm(), trunk.front_mm()
    spacing = trunk.spacing_kji_mm
    reach = int(np.ceil(rules["body_aside_mm"][1] / spacing[2])) + 2
    columns = slice(max(0, int(trunk.canal_ji[:, 1].min()) - reach), int(trunk.canal_ji[:, 1].max()) + reach + 1)
    bone, near = np.clip(trunk.hu[:, :, columns], 0.0, rules["bone_ceiling_hu"]), left[:, :, columns]
    steps = np.arange(rules["body_front_mm"][0], rules["body_front_mm"][1], spacing[1])
    middle = np.abs(near + 2.0) <= rules["body_middle_mm"]
    ahead = np.stack([_mean_where(bone, middle & (np.abs(front - step) <= spacing[1] / 2.0)) for step in steps], axis=1)
    falls = np.diff(gaussian_filter1d(ahead, 1.5, axis=0, mode="nearest"), axis=1)
    deep = steps[np.argmin(falls, axis=1)] + spacing[1] / 2.0
    aside = np.arange(rules["body_aside_mm"][0], rules["body_aside_mm"][1], spacing[2])
    level = (front >= 16.0) & (front <= 30.0)
    beside = np.stack([_mean_where(bone, level & (np.abs(-near - step) <= spacing[2] / 2.0)) for step in aside], axis=1)
    falls = np.diff(gaussian_filter1d(beside, 1.5, axis=0, mode="nearest"), axis=1)
    wide = aside[np.argmin(falls, axis=1)] + spacing[2] / 2.0
    deep, wide = median_filter(deep, 7, mode="nearest"), median_filter(wide, 7, mode="nearest")
    centre, half_depth = (deep / 2.0)[:, None, None], (deep / 2.0 + rules["body_margin_mm"])[:, None, None]
    half_width = (wide + rules["body_margin_mm"])[:, None, None]
    inside: NDArray[np.bool_] = ((front - centre) / half_depth) ** 2 + (left / half_width) ** 2 < 1.0
    return inside


def _mean_where(values: Array, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(k,) means per slice; 0 where a mask is empty."""
    count = mask.sum(axis=(1, 2))
    total = np.einsum("kji,kji->k", values, mask, dtype=np.float64)
    means: NDArray[np.float64] = total / np.maximum(count, 1)
    return means


def _followed(trunk: Trunk, allowed: NDArray[np.bool_], rules: Mapping[str, Any]) -> Vessel | None:
    rows, columns = (np.flatnonzero(allowed.any(axis=axes)) for axes in ((0, 2), (0, 1)))
    if not len(rows) or not len(columns):
        return None
    pixel_mm = trunk.spacing_kji_mm[1]
    margin = int(np.ceil(rules["radii_mm"][-1] * 2.0 / pixel_mm))
    top, side = max(0, rows[0] - margin), max(0, columns[0] - margin)
    part = np.s_[:, top : rows[-1] + margin + 1, side : columns[-1] + margin + 1]
    best, inside, radius = _best_discs(trunk.hu[part], pixel_mm, rules)
    best = np.where(allowed[part] & trunk.body[part], best, -np.inf).astype(np.float32)
    moved, shifts = _beside_spine(best, trunk.canal_ji)
    path = smooth_path(moved, most_step=2) - shifts
    along = np.arange(len(path))
    path = np.clip(path, 0, np.asarray(best.shape[1:]) - 1)
    found = best[along, path[:, 0], path[:, 1]]
    good = found >= rules["least_contrast_hu"]
    length_mm = float(np.count_nonzero(good)) * trunk.spacing_kji_mm[0]
    if not good.any():
        return None
    hu = inside[along, path[:, 0], path[:, 1]][good]
    width = radius[along, path[:, 0], path[:, 1]][good]
    return Vessel(float(np.median(hu)), length_mm, 2.0 * float(np.median(width)), path + (top, side))


def _beside_spine(score: Array, canal_ji: NDArray[np.intp]) -> tuple[Array, NDArray[np.intp]]:
    """The scores with the spine made straight, and by how much each slice was moved: vessels follow the spine."""
    shifts = np.rint(np.median(canal_ji, axis=0) - canal_ji).astype(np.intp)
    moved = np.stack([np.roll(layer, tuple(shift), axis=(0, 1)) for layer, shift in zip(score, shifts, strict=True)])
    return moved, shifts


def _best_discs(hu: Array, pixel_mm: float, rules: Mapping[str, Any]) -> tuple[Array, Array, Array]:
    """Per place the best disc: brightness against its surroundings less its unevenness, its mean and its radius.

    Bone around counts as soft tissue, so that the spine beside a vessel does not speak against it.
    """
    values = np.clip(hu, rules["floor_hu"], rules["ceiling_hu"])
    around = np.clip(hu, rules["floor_hu"], rules["soft_hu"])
    best = np.full(hu.shape, -np.inf, dtype=np.float32)
    mean, size = np.zeros_like(best), np.zeros_like(best)
    for radius_mm in rules["radii_mm"]:
        radius = radius_mm / pixel_mm
        middle = disc(0.8 * radius)
        inside = local_means(values, middle)
        spread = np.sqrt(np.maximum(local_means(values * values, middle) - inside * inside, 0.0))
        ring = local_means(around, disc(radius + 3.0, radius + 0.7))
        score = np.minimum(inside, rules["enough_hu"]) - ring - rules["uneven_weight"] * spread
        better = score > best
        best[better], mean[better], size[better] = score[better], inside[better], radius_mm
    return best, mean, size
