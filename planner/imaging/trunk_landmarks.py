"""Aorta, vena cava, liver, spleen and kidneys of a trunk CT, found coarsely by place, shape and evenness.

Good for reading Hounsfield units from the middle of an organ, and for nothing else: no outline is drawn. Everything
is measured on a coarse axial grid (about 2 x 2 x 5 mm) in patient coordinates, so that tilted, sagittal, prone and
feet-first acquisitions are the same to it. Lengths and limits come from ``resources/contrast_phases.toml``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging.volumes import Volume

Array = NDArray[np.float32]
Bools = NDArray[np.bool_]

_BLOCK_5 = np.ones((1, 5, 5), dtype=np.bool_)

AIR_HU = -1024.0
"""What lies outside the image."""


@dataclass(frozen=True, eq=False)
class Trunk:
    """A coarse axial image of the trunk with the spinal canal in it.

    Attributes
    ----------
    hu
        (k, j, i) float32; k to the head, j to the back, i to the patient's left.
    body
        (k, j, i) inside the skin, without the table.
    canal_ji
        (k, 2) row and column of the spinal canal in each slice.
    spacing_kji_mm
        Of `hu`.
    grid
        Where `hu` lies.
    """

    hu: Array
    body: Bools
    canal_ji: NDArray[np.intp]
    spacing_kji_mm: tuple[float, float, float]
    grid: Grid | None = None

    @property
    def voxel_ml(self) -> float:
        return float(np.prod(self.spacing_kji_mm)) / 1000.0

    def left_mm(self) -> Array:
        """(k, 1, i) distance to the patient's left of the canal."""
        columns = np.arange(self.hu.shape[2])[None, :] - self.canal_ji[:, 1:2]
        return (columns * self.spacing_kji_mm[2]).astype(np.float32)[:, None, :]

    def front_mm(self) -> Array:
        """(k, j, 1) distance in front of the canal."""
        rows = self.canal_ji[:, 0:1] - np.arange(self.hu.shape[1])[None, :]
        return (rows * self.spacing_kji_mm[1]).astype(np.float32)[:, :, None]


def coarse_axial(volume: Volume, wanted_kji_mm: tuple[float, float, float]) -> Volume:
    """The volume on an axial LPS grid of about the wanted spacing; air outside. Noise is averaged away."""
    from planner.imaging.resampling import resampled

    grid = volume.grid
    along = np.abs(grid.axes_lps)
    # Each array axis is thinned by what is wanted along the patient's axis that it runs along most.
    wanted = [wanted_kji_mm[2 - int(np.argmax(along[:, axis]))] for axis in range(3)]
    factors = [
        min(size, max(1, round(mm / spacing)))
        for size, mm, spacing in zip(grid.size_kji, wanted, grid.spacing_kji_mm, strict=True)
    ]
    thin = Volume(_block_means(volume.voxels, factors), _of_blocks(grid, factors), volume.source)
    low, high = thin.grid.bounds_lps_mm
    k, j, i = (int(max(1, (high[2 - axis] - low[2 - axis]) // wanted_kji_mm[axis])) for axis in range(3))
    origin = low + np.asarray(wanted_kji_mm)[::-1] / 2.0
    axial = Grid.of((k, j, i), origin_lps_mm=origin, spacing_kji_mm=wanted_kji_mm, frame_uid=grid.frame_uid)
    return resampled(thin, axial, outside=AIR_HU)


def _block_means(voxels: NDArray[np.generic], factors: Sequence[int]) -> Array:
    """(k, j, i) float32 means over whole blocks; by strides, which is several times faster than by reshaping."""
    k, j, i = (size // factor for size, factor in zip(voxels.shape, factors, strict=True))
    total = np.zeros((k, j, i), dtype=np.float32)
    for a in range(factors[0]):
        for b in range(factors[1]):
            for c in range(factors[2]):
                total += voxels[a :: factors[0], b :: factors[1], c :: factors[2]][:k, :j, :i]
    total /= np.float32(np.prod(factors))
    return total


def _of_blocks(grid: Grid, factors: Sequence[int]) -> Grid:
    """The grid of the centres of blocks."""
    k, j, i = (size // factor for size, factor in zip(grid.size_kji, factors, strict=True))
    return Grid.of(
        (k, j, i),
        origin_lps_mm=grid.lps_from_kji.points((np.asarray(factors) - 1.0) / 2.0),
        spacing_kji_mm=np.asarray(grid.spacing_kji_mm) * np.asarray(factors),
        axes_lps=grid.axes_lps,
        frame_uid=grid.frame_uid,
    )


def find_trunk(volume: Volume, rules: Mapping[str, float]) -> Trunk | None:
    """The trunk in patient coordinates, or None where no trunk with a spine is seen (head, limb, cropped view).

    Parameters
    ----------
    volume
        In Hounsfield units.
    rules
        ``[image.trunk]`` of ``resources/contrast_phases.toml``.
    """
    spacing = (rules["slice_mm"], rules["pixel_mm"], rules["pixel_mm"])
    coarse = coarse_axial(volume, spacing)
    hu = np.asarray(coarse.voxels, dtype=np.float32)
    body = _body(hu, rules["body_hu"])
    area_cm2 = body.sum(axis=(1, 2)) * spacing[1] * spacing[2] / 100.0
    wide = area_cm2 >= rules["least_section_cm2"]
    if not wide.any():
        return None
    first, last = int(np.argmax(wide)), len(wide) - int(np.argmax(wide[::-1]))
    rows, columns = (np.flatnonzero(body[first:last].any(axis=axes)) for axes in ((0, 2), (0, 1)))
    part = np.s_[first:last, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    hu, body = hu[part], body[part]
    score = _canal_scores(hu, body, spacing[1], rules)
    canal = smooth_path(score, most_step=2)
    # Where no place is allowed the score is infinitely low, which has no percentile.
    seen = np.maximum(score[np.arange(len(canal)), canal[:, 0], canal[:, 1]], np.float32(-1e6))
    if float(np.percentile(seen, 75.0)) < rules["good_canal_hu"]:
        return None
    # The pelvis and the thighs have no canal, and nothing beside it to look for.
    good = np.flatnonzero(seen >= rules["least_canal_hu"])
    seen_part = slice(int(good[0]), int(good[-1]) + 1)
    low = (first + seen_part.start, int(rows[0]), int(columns[0]))
    high = (first + seen_part.stop, int(rows[-1]) + 1, int(columns[-1]) + 1)
    return Trunk(hu[seen_part], body[seen_part], canal[seen_part], spacing, coarse.grid.cropped(low, high))


def _body(hu: Array, threshold_hu: float) -> Bools:
    """In each slice the largest piece with its holes, without thin things (the table). Found at half resolution."""
    from scipy import ndimage

    half = hu[:, ::2, ::2] > threshold_hu
    body = np.zeros(half.shape, dtype=np.bool_)
    for k, section in enumerate(half):
        pieces, count = ndimage.label(section)
        if count:
            largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
            body[k] = without_holes(pieces == largest)
    # Filled first, thinned then: the chest wall is not thicker than a table.
    body = ndimage.binary_opening(body, _BLOCK_5)
    whole: Bools = body.repeat(2, axis=1).repeat(2, axis=2)[:, : hu.shape[1], : hu.shape[2]]
    return whole


def without_holes(section: Bools) -> Bools:
    """A slice with what it encloses; faster than scipy's filling, which grows the outside step by step."""
    from scipy import ndimage

    around, _ = ndimage.label(~section)
    edges = np.concatenate([around[0], around[-1], around[:, 0], around[:, -1]])
    outside = np.zeros(int(around.max()) + 1, dtype=np.bool_)
    outside[edges] = True
    outside[0] = False
    whole: Bools = ~outside[around]
    return whole


def disc(radius_px: float, inner_px: float = 0.0) -> Array:
    """A filled circle or ring as weights that sum to one."""
    reach = int(np.ceil(radius_px))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    distance = np.hypot(y, x)
    inside = (distance <= radius_px) & (distance >= inner_px)
    weights: Array = (inside / inside.sum()).astype(np.float32)
    return weights


def local_means(images: Array, weights: Array) -> Array:
    """(k, j, i) each slice filtered by the same weights, by Fourier transform; edges are repeated."""
    from scipy.fft import irfft2, next_fast_len, rfft2

    reach = weights.shape[0] // 2
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    size = (next_fast_len(padded.shape[1], True), next_fast_len(padded.shape[2], True))
    spectrum = rfft2(padded, s=size, workers=-1) * rfft2(weights, s=size)
    whole = irfft2(spectrum, s=size, workers=-1)
    shift = 2 * reach
    part: Array = np.asarray(whole[:, shift : shift + images.shape[1], shift : shift + images.shape[2]])
    return part


def _canal_scores(hu: Array, body: Bools, pixel_mm: float, rules: Mapping[str, float]) -> Array:
    """How much brighter than a place its surroundings are: the canal is soft tissue with bone on all four sides.

    The two darkest sides count: the fat between aorta and spine has something bright on two sides only.
    """
    reach = rules["canal_ring_mm"] / pixel_mm
    _, j, i = hu.shape
    weight = body.sum(axis=(1, 2)).clip(1)
    centre_i, centre_j = (body.sum(axis=1) @ np.arange(i)) / weight, (body.sum(axis=2) @ np.arange(j)) / weight
    aside = np.abs(np.arange(i)[None, :] - centre_i[:, None]) * pixel_mm <= rules["canal_aside_mm"]
    behind = (np.arange(j)[None, :] - centre_j[:, None]) * pixel_mm >= rules["canal_behind_mm"]
    margin = int(np.ceil(reach))
    columns, rows = np.flatnonzero(aside.any(axis=0)), np.flatnonzero((behind & body.any(axis=2)).any(axis=0))
    score = np.full(hu.shape, -np.inf, dtype=np.float32)
    if not len(columns) or not len(rows):
        return score
    part = np.s_[
        :, max(0, rows[0] - margin) : rows[-1] + margin + 1, max(0, columns[0] - margin) : columns[-1] + margin + 1
    ]
    bone = np.clip(hu[part], 0.0, rules["bone_ceiling_hu"])
    ring = disc(reach, rules["canal_radius_mm"] / pixel_mm)
    sides = np.sort([local_means(bone, side) for side in _quarters(ring)], axis=0)
    middle = local_means(np.clip(hu[part], AIR_HU, rules["bone_ceiling_hu"]), disc(0.6 * ring.shape[0] / 4.0))
    soft = (middle >= rules["canal_least_hu"]) & (middle <= rules["canal_most_hu"])
    allowed = aside[:, None, part[2]] & behind[:, part[1], None] & body[part] & soft
    score[part] = np.where(allowed, sides[:2].mean(axis=0) - middle, -np.inf)
    return score


def _quarters(ring: Array) -> list[Array]:
    """Front, back, left and right quarter of a ring, each as weights that sum to one."""
    reach = ring.shape[0] // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    masks = (-y > np.abs(x), y > np.abs(x), x >= np.abs(y), -x >= np.abs(y))
    return [(ring * mask / (ring * mask).sum()).astype(np.float32) for mask in masks]


def smooth_path(score: Array, most_step: int) -> NDArray[np.intp]:
    """(k, 2) the row and column per slice whose scores add up highest while neighbours are at most a step apart."""
    from scipy.ndimage import maximum_filter

    width = 2 * most_step + 1
    floor = np.float32(-1e6)
    total = np.maximum(score, floor)
    for k in range(1, len(total)):
        total[k] += maximum_filter(total[k - 1], size=width, mode="constant", cval=float(floor) * len(total))
    path = np.empty((len(total), 2), dtype=np.intp)
    path[-1] = np.unravel_index(int(np.argmax(total[-1])), total.shape[1:])
    for k in range(len(total) - 2, -1, -1):
        low = np.maximum(path[k + 1] - most_step, 0)
        near = total[k, low[0] : path[k + 1, 0] + most_step + 1, low[1] : path[k + 1, 1] + most_step + 1]
        path[k] = low + np.unravel_index(int(np.argmax(near)), near.shape)
    return path
