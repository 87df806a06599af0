"""Body, arch and canal of a vertebra on a local grid (k to the head, j to the back, i across; even steps)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Array = NDArray[np.float32]
Bools = NDArray[np.bool_]

_TILTS_DEG = np.arange(-28.0, 28.1, 4.0)
_OFFSETS_MM = np.arange(5.0, 23.0, 1.0)
_DISC_MM = 11.0
_USUAL_MM = 14.0
"""Half height of a lumbar body; end plates farther away must be clearer."""
_LEAST_FALL_HU = 25.0
_NEAREST_SHARE = 0.8
_WALL_MM = (9.0, 34.0)
_WALL_SCATTER_MM = 6.0
_ANGLES = 72
_BONE_HU = 150.0
"""Cortex and the dense bone of the arch; muscle and discs stay below 120 HU."""
_CEILING_HU, _STEP_HU = 300.0, 60.0
_ARCH_UP_MM, _ARCH_DOWN_MM = 26.0, 42.0
_BESIDE_MM = (22.0, 56.0)
"""Pedicles and joints lie within the first; no transverse process of an adult reaches the second."""
_CANAL_MM = (4.0, 16.0)


@dataclass(frozen=True, eq=False)
class Body:
    """A vertebral body.

    Attributes
    ----------
    voxels
        (k, j, i).
    centre_kji
        On its axis.
    normal_kji
        Unit, towards the head.
    upper_mm, lower_mm
        From the centre along the normal to the end plates.
    back_mm
        From the centre to the posterior wall.
    fall_hu
        Fall of brightness at the fainter end plate.
    """

    voxels: Bools
    centre_kji: Points
    normal_kji: Points
    upper_mm: float
    lower_mm: float
    back_mm: float
    fall_hu: float
    least_fall_hu: float = _LEAST_FALL_HU

    @property
    def height_mm(self) -> float:
        return self.upper_mm + self.lower_mm


def body_of(hu: Array, click_kji: Points, step_mm: float) -> Body:
    """The body around a click."""
    from scipy import ndimage

    even = ndimage.gaussian_filter(np.clip(hu, -100.0, 500.0), 0.9 / step_mm)
    planes = [_plate(even, click_kji, step_mm, side) for side in (1.0, -1.0)]
    (up, up_mm, up_fall), (down, down_mm, down_fall) = planes
    normal = up - down
    normal /= np.linalg.norm(normal)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in hu.shape), indexing="ij"), axis=-1) - click_kji
    mm = kji * step_mm
    between = ((mm @ up) <= up_mm) & ((mm @ down) <= down_mm)
    radius = _walls(even, click_kji, normal, step_mm, up_mm, down_mm)
    along = mm @ normal
    across = mm - along[..., None] * normal
    angle, away = np.arctan2(across[..., 2], across[..., 1]), np.linalg.norm(across, axis=-1)
    at_angle = np.mod(angle / (2.0 * np.pi) * _ANGLES, _ANGLES)
    rows = len(radius)
    at_row = np.clip((along + down_mm) / (up_mm + down_mm) * rows - 0.5, 0.0, rows - 1.0)
    limit = ndimage.map_coordinates(np.pad(radius, ((0, 0), (0, 1)), mode="wrap"), [at_row, at_angle], order=1)
    voxels: Bools = between & (away <= limit)
    return Body(voxels, click_kji, normal, up_mm, down_mm, float(np.median(radius[:, 0])), min(up_fall, down_fall))


def _plate(even: Array, centre: Points, step_mm: float, side: float) -> tuple[Points, float, float]:
    """Outward normal, distance (mm) and fall of brightness of the end plate on one side."""
    from scipy import ndimage

    grid = np.arange(-_DISC_MM, _DISC_MM + 0.1, 2.75)
    j, i = (part.reshape(-1) for part in np.meshgrid(grid, grid, indexing="ij"))
    round_ = np.hypot(j, i) <= _DISC_MM
    j, i = j[round_], i[round_]
    tilts = np.tan(np.deg2rad(_TILTS_DEG))
    rows = []
    for tilt_j in tilts:
        for tilt_i in tilts:
            normal = np.array([side, -tilt_j * side, -tilt_i * side])
            normal /= np.linalg.norm(normal)
            on_plane = np.stack([tilt_j * j + tilt_i * i, j, i], axis=1)
            for offset in _OFFSETS_MM:
                rows.append((normal, offset, on_plane))
    inner = np.stack([on + (offset - 1.2) * normal for normal, offset, on in rows]) / step_mm + centre
    outer = np.stack([on + (offset + 1.8) * normal for normal, offset, on in rows]) / step_mm + centre
    values = [ndimage.map_coordinates(even, np.moveaxis(at, -1, 0), order=1, mode="nearest") for at in (inner, outer)]
    fall = np.minimum(values[0] - values[1], 300.0).mean(axis=1)
    offsets = np.array([offset for _, offset, _ in rows])
    tilted = np.array([abs(normal[0]) for normal, _, _ in rows])
    worth = fall * np.exp(-(np.maximum(offsets - _USUAL_MM, 0.0) ** 2) / 100.0) * tilted**2
    by_offset = np.array([worth[offsets == offset].max() for offset in _OFFSETS_MM])
    # The nearest clear peak: beyond the disc the neighbour has an end plate of its own.
    peaks = (by_offset >= np.append(by_offset[1:], -np.inf)) & (by_offset >= np.insert(by_offset[:-1], 0, -np.inf))
    clear = np.flatnonzero(peaks & (by_offset >= _NEAREST_SHARE * by_offset.max()))
    offset = _OFFSETS_MM[int(clear[0])]
    best = int(np.argmax(np.where(offsets == offset, worth, -np.inf)))
    return rows[best][0], float(rows[best][1]), float(fall[best])


def _walls(even: Array, centre: Points, normal: Points, step_mm: float, up_mm: float, down_mm: float) -> Points:
    """(rows from foot to head, angles from the back) radius in mm at which brightness falls outward."""
    from scipy import ndimage

    back = np.array([0.0, 1.0, 0.0]) - normal[1] * normal
    back /= np.linalg.norm(back)
    side = np.cross(normal, back)
    side *= np.sign(side[2])
    rows = max(5, round((up_mm + down_mm) / 2.0))
    heights = (np.arange(rows) + 0.5) / rows * (up_mm + down_mm) - down_mm
    angles = np.arange(_ANGLES) * 2.0 * np.pi / _ANGLES
    steps = np.arange(_WALL_MM[0] - 3.0, _WALL_MM[1] + 3.0, 0.75)
    direction = np.cos(angles)[:, None] * back + np.sin(angles)[:, None] * side
    at = heights[:, None, None, None] * normal + direction[None, :, None, :] * steps[None, None, :, None]
    values = ndimage.map_coordinates(even, np.moveaxis(at / step_mm + centre, -1, 0), order=1, mode="nearest")
    fall = np.zeros_like(values)
    fall[..., 2:-2] = values[..., :-4] - values[..., 4:]
    fall = ndimage.gaussian_filter(np.clip(fall, -100.0, 250.0), (1.0, 1.5, 0.0), mode=("nearest", "wrap", "nearest"))
    inside = (steps >= _WALL_MM[0]) & (steps <= _WALL_MM[1])
    profile = np.where(inside, fall.mean(axis=0), -np.inf)
    profile = ndimage.gaussian_filter1d(np.where(inside, profile, 0.0), 2.0, axis=0, mode="wrap")
    usual = steps[np.argmax(profile, axis=1)]
    usual = ndimage.median_filter(usual, 13, mode="wrap")
    near = np.abs(steps - usual[:, None]) <= _WALL_SCATTER_MM
    found = steps[np.argmax(np.where(near[None] & inside, fall, -np.inf), axis=-1)]
    wrapped = np.concatenate([found[:, -4:], found, found[:, :4]], axis=1)
    radius: Points = ndimage.median_filter(wrapped, (3, 7), mode="nearest")[:, 4:-4]
    return radius


def arch(hu: Array, body: Body, click_kji: Points, step_mm: float) -> Bools:
    """Pedicles and arch: bone nearer to this vertebra than to its neighbours, through bone."""
    from scipy import ndimage

    from planner.imaging.paths import arrival

    along, behind = _placed(hu.shape, body, step_mm)
    bone = ndimage.gaussian_filter(hu, 0.5) > _BONE_HU
    level = (along <= body.upper_mm + _ARCH_UP_MM) & (along >= -body.lower_mm - _ARCH_DOWN_MM)
    neighbours = [_neighbour(body, step_mm, side) for side in (1.0, -1.0)]
    column = (behind < body.back_mm) & ((along > body.upper_mm) | (along < -body.lower_mm))
    allowed = (bone & level) | body.voxels
    # Discs and the bodies beyond them belong to the neighbours.
    allowed &= ~(column & (np.abs(along - 0.5 * (body.upper_mm - body.lower_mm)) < 0.5 * body.height_mm + 4.0))
    values = (np.clip(hu, 0.0, _CEILING_HU) / _STEP_HU).astype(np.float32)
    values[body.voxels] = _CEILING_HU / _STEP_HU
    spacing = (step_mm,) * 3
    own_seeds = [*_sparse(body.voxels), *_on_bone(bone, click_kji)]
    own = arrival(values, allowed, own_seeds, spacing)
    result: Bools = np.isfinite(own) & ~body.voxels & ~column
    for shift in neighbours:
        seeds = _moved(body.voxels, shift) & column
        others = [*_sparse(seeds), *_on_bone(bone, click_kji + shift)]
        if others:
            allowed_there = allowed | seeds
            result &= own < arrival(np.where(seeds, _CEILING_HU / _STEP_HU, values), allowed_there, others, spacing)
    result &= ~_ribs(bone, body, step_mm)
    joined, _ = ndimage.label(result | body.voxels)
    kept = np.unique(joined[body.voxels])
    result &= np.isin(joined, kept[kept > 0])
    return _closed(result, hu, body)


def _placed(shape: tuple[int, ...], body: Body, step_mm: float) -> tuple[Array, Array]:
    """(k, j, i) mm along the body's normal and behind its axis."""
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1) - body.centre_kji
    back = np.array([0.0, 1.0, 0.0]) - body.normal_kji[1] * body.normal_kji
    back /= np.linalg.norm(back)
    return (kji @ body.normal_kji * step_mm).astype(np.float32), (kji @ back * step_mm).astype(np.float32)


def _neighbour(body: Body, step_mm: float, side: float) -> Points:
    """Voxels (k, j, i) to the neighbour's middle: a body's height and a disc of a quarter of it."""
    shift: Points = side * body.normal_kji * body.height_mm * 1.27 / step_mm
    return shift


def _moved(voxels: Bools, shift: Points) -> Bools:
    from scipy import ndimage

    moved: Bools = ndimage.shift(voxels.astype(np.uint8), shift, order=0) > 0
    return moved


def _sparse(voxels: Bools) -> list[Points]:
    """Every fifth voxel, as seeds."""
    return list(np.argwhere(voxels)[::5])


def _on_bone(bone: Bools, at_kji: Points, reach: int = 4) -> list[Points]:
    """The bone voxel nearest to a point; none within reach gives none."""
    low = np.maximum(np.rint(at_kji).astype(int) - reach, 0)
    high = np.minimum(np.rint(at_kji).astype(int) + reach + 1, bone.shape)
    if np.any(low >= high):
        return []
    found = np.argwhere(bone[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]) + low
    if not len(found):
        return []
    return [found[int(np.argmin(np.linalg.norm(found - at_kji, axis=1)))]]


def _ribs(bone: Bools, body: Body, step_mm: float) -> Bools:
    """Bone beside the spine that goes on farther aside than a transverse process: ribs and iliac bone."""
    from scipy import ndimage

    aside = np.abs(np.arange(bone.shape[2]) - body.centre_kji[2])[None, None, :] * step_mm
    parts, _ = ndimage.label(bone & (aside > _BESIDE_MM[0]))
    far = np.unique(parts[np.broadcast_to(aside > _BESIDE_MM[1], bone.shape)])
    ribs: Bools = np.isin(parts, far[far > 0])
    return ribs


def _closed(result: Bools, hu: Array, body: Body) -> Bools:
    """With the marrow between its cortices: small holes of sections, and gaps of a voxel."""
    from scipy import ndimage

    whole = result | body.voxels
    closed = ndimage.binary_closing(whole, ndimage.generate_binary_structure(3, 1)) & (hu > -50.0)
    closed |= whole
    for k in range(len(closed)):
        holes, count = ndimage.label(~closed[k])
        sizes = np.bincount(holes.reshape(-1), minlength=count + 1)
        small = sizes < 30
        small[0] = False
        closed[k] |= small[holes]
    found: Bools = closed & ~body.voxels
    return found


def canal_of(hu: Array, body: Body, behind: Bools, step_mm: float) -> Bools:
    """What body and arch enclose, between the end plates."""
    from scipy import ndimage

    along, back = _placed(hu.shape, body, step_mm)
    level = (along <= body.upper_mm) & (along >= -body.lower_mm)
    wall = body.voxels | behind
    canal = np.zeros(hu.shape, dtype=np.bool_)
    for k in range(len(hu)):
        holes, count = ndimage.label(~wall[k])
        sizes = np.bincount(holes.reshape(-1), minlength=count + 1) * step_mm**2
        chosen = (sizes > np.pi * _CANAL_MM[0] ** 2) & (sizes < np.pi * _CANAL_MM[1] ** 2)
        chosen[0] = False
        canal[k] = chosen[holes]
    return canal & level & (back > 0.0)
