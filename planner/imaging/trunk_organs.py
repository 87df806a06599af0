"""Liver and kidneys of a trunk CT by place, size and evenness, and what they measure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.imaging.trunk_landmarks import Array, Bools, Trunk, without_holes

IN_SLICE = np.array([[[False] * 3] * 3, [[False, True, False], [True] * 3, [False, True, False]], [[False] * 3] * 3])
"""A voxel and its four neighbours in the slice."""


@dataclass(frozen=True, slots=True)
class Liver:
    """The liver as far as it is even.

    Attributes
    ----------
    hu
        Median of the parenchyma.
    """

    hu: float
    volume_ml: float


@dataclass(frozen=True, slots=True)
class Kidneys:
    """Both kidneys, as far as they enhance.

    Attributes
    ----------
    cortex_hu, medulla_hu
        Brighter and darker tenth of the parenchyma.
    excreted_ml
        Volume much brighter than blood and parenchyma inside them: contrast in the collecting system, or stones.
    """

    cortex_hu: float
    medulla_hu: float
    volume_ml: float
    excreted_ml: float


def smoothed(trunk: Trunk, width_mm: float) -> Array:
    """The image with its noise averaged over a Gaussian of this standard deviation in the slice."""
    from scipy.ndimage import gaussian_filter1d

    result = np.clip(trunk.hu, -200.0, 600.0)
    for axis in (1, 2):
        result = gaussian_filter1d(result, width_mm / trunk.spacing_kji_mm[axis], axis=axis, mode="nearest")
    return result


def find_liver(trunk: Trunk, even: Array, rules: Mapping[str, Any]) -> Liver | None:
    """The largest even organ on the patient's right; None when there is none large enough.

    Parameters
    ----------
    even
        The smoothed image.
    rules
        ``[image.liver]`` of ``resources/contrast_phases.toml``.
    """
    from scipy import ndimage

    place = trunk.body & (trunk.left_mm() < -rules["aside_mm"])
    size = tuple(max(1, round(rules["window_mm"] / mm)) | 1 for mm in trunk.spacing_kji_mm)
    mean = ndimage.uniform_filter(even, size, mode="nearest")
    spread = ndimage.uniform_filter(even * even, size, mode="nearest") - mean * mean
    low, high = rules["range_hu"]
    pieces, count = ndimage.label(place & (mean > low) & (mean < high) & (spread < rules["most_spread_hu"] ** 2))
    if not count:
        return None
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    chosen = pieces == int(np.argmax(sizes))
    volume_ml = float(sizes.max()) * trunk.voxel_ml
    aside = -float(np.mean(np.broadcast_to(trunk.left_mm(), chosen.shape)[chosen]))
    if volume_ml < rules["least_ml"] or aside < rules["least_aside_mm"]:
        return None
    return Liver(float(np.median(even[chosen])), volume_ml)


def find_kidneys(
    trunk: Trunk, even: Array, blood_hu: float, liver_hu: float | None, rules: Mapping[str, Any]
) -> Kidneys | None:
    """Enhancing kidneys beside the spine; None when nothing there is bright enough or large enough.

    Parameters
    ----------
    even
        The smoothed image.
    blood_hu
        Of the aorta: excreted contrast is brighter.
    liver_hu
        Enhancing kidneys are brighter than the liver beside them.
    rules
        ``[image.kidney]``.
    """
    left, front = trunk.left_mm(), trunk.front_mm()
    found = []
    ribs = _chest_wall_bone(trunk, rules)
    least_hu = max(rules["least_hu"], 0.0 if liver_hu is None else liver_hu + rules["above_liver_hu"])
    for side in (-1.0, 1.0):
        aside = side * left
        place = trunk.body & ~ribs & (aside > rules["aside_mm"][0]) & (aside < rules["aside_mm"][1])
        place &= (front > rules["front_mm"][0]) & (front < rules["front_mm"][1])
        kidney = _kidney(trunk, place, even, least_hu, rules)
        if kidney is not None:
            found.append(kidney)
    if not found:
        return None
    inside = np.logical_or.reduce(found)
    return _measured(trunk, even, inside, blood_hu, rules)


def _chest_wall_bone(trunk: Trunk, rules: Mapping[str, Any]) -> Bools:
    """Bone near the skin with a rim: ribs lie beside the kidneys and are as bright."""
    from scipy import ndimage

    bone = ndimage.maximum_filter(trunk.hu, (1, 5, 5)) > rules["bone_hu"]
    near = np.zeros(bone.shape, dtype=np.bool_)
    pixels = rules["wall_mm"] / trunk.spacing_kji_mm[1] / 2.0
    for k, section in enumerate(trunk.body):
        deep = ndimage.distance_transform_edt(np.pad(section[::2, ::2], 1))[1:-1, 1:-1] > pixels
        near[k] = ~deep.repeat(2, axis=0).repeat(2, axis=1)[: section.shape[0], : section.shape[1]]
    return np.asarray(bone & near, dtype=np.bool_)


def _kidney(trunk: Trunk, place: Bools, even: Array, least_hu: float, rules: Mapping[str, Any]) -> Bools | None:
    """The bright organ of one side with what it encloses: medulla, sinus and excreted contrast."""
    from scipy import ndimage

    if not place.any():
        return None
    box = tuple(slice(int(at.min()), int(at.max()) + 1) for at in np.nonzero(place))
    near = place[box]
    reach = max(1, round(rules["close_mm"] / trunk.spacing_kji_mm[1]))
    # A cortex alone is thin: it is filled before what is thin (ribs, vessels, iliac bone) is taken away.
    filled = _grown(_grown(near & (even[box] > least_hu), reach), -reach)
    filled = np.stack([without_holes(section) for section in filled])
    thin = max(1, round(rules["thin_mm"] / trunk.spacing_kji_mm[1]))
    pieces, count = ndimage.label(_grown(_grown(filled, -thin), thin) & near)
    aside = np.abs(np.broadcast_to(trunk.left_mm(), place.shape)[box])
    ahead = np.broadcast_to(trunk.front_mm(), place.shape)[box]
    best = None
    for number in range(1, count + 1):
        piece = pieces == number
        size_ml = float(np.count_nonzero(piece)) * trunk.voxel_ml
        if size_ml < rules["least_ml"] or (best is not None and size_ml <= best[0]):
            continue
        bone = float(np.mean(trunk.hu[box][piece] > rules["bone_hu"]))
        low, high = rules["centre_aside_mm"]
        at_height = float(np.mean(ahead[piece])) >= rules["least_centre_front_mm"]
        if bone < rules["most_bone"] and at_height and low <= float(np.mean(aside[piece])) <= high:
            best = (size_ml, piece)
    if best is None:
        return None
    whole = np.zeros(place.shape, dtype=np.bool_)
    whole[box] = best[1]
    return whole


def _grown(mask: Bools, pixels: int) -> Bools:
    """The mask grown, or for a negative number shrunk, within its slices by a number of pixels."""
    from scipy.ndimage import distance_transform_edt

    outside = ~mask if pixels > 0 else np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    result = np.empty(mask.shape, dtype=np.bool_)
    for k, section in enumerate(outside):
        away = distance_transform_edt(section)
        result[k] = (away <= pixels) & ~section.all() if pixels > 0 else away[1:-1, 1:-1] > -pixels
    return result


def _measured(
    trunk: Trunk, even: Array, inside: NDArray[np.bool_], blood_hu: float, rules: Mapping[str, Any]
) -> Kidneys | None:
    from scipy import ndimage

    parenchyma = inside & (even > rules["sinus_hu"])
    limit = max(blood_hu, float(np.median(even[parenchyma]))) + rules["excreted_above_hu"]
    excreted = inside & (trunk.hu > max(limit, rules["excreted_least_hu"]))
    # The rim towards fat and beside excreted contrast is a mixture.
    core = ndimage.binary_erosion(parenchyma, IN_SLICE) & ~ndimage.binary_dilation(excreted, IN_SLICE, iterations=2)
    values = even[core]
    if values.size * trunk.voxel_ml < rules["least_core_ml"]:
        return None
    dark, bright = np.percentile(values, (15.0, 85.0))
    return Kidneys(
        float(bright), float(dark), float(values.size) * trunk.voxel_ml, float(excreted.sum()) * trunk.voxel_ml
    )
