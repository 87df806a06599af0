"""The frame of one vertebra: endplates, posterior wall, midline; its body apart from its arch; heights and volume.

Everything is read from the shape, so it holds for tilted, rotated, scoliotic and wedged vertebrae in any posture.
Local coordinates are (u, v, w): mm to the patient's left, to the front and to the head, from the middle of the body.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused
from planner.imaging.masks import Mask
from planner.planning.vertebra_bone import BoneField, Floats, bone_field, field_on
from planner.planning.vertebra_ring import (
    OrientedBox,
    Ring,
    axes_of,
    oriented,
    ring_from_hole,
    ring_from_mask,
    upright,
)
from planner.planning.vertebra_symmetry import mirror_plane, turned

_STEP_MM = 1.0
_ROUNDS = 4
_WALL_BAND_MM = 6.0
"""Half width of the band before the canal in which the posterior wall is read."""
_RIM_MM = 3.0
"""Rounded rim of the body's footprint, which no endplate is fitted to."""
_LEAST_HEIGHT_MM = 3.0
_OUTLIER_MM = 1.5
"""Scale of the robust fits (Tukey's biweight): what lies three times as far off has no weight."""
_LEAST_COLUMNS = 60
_FAR_MM = 4.0
_COARSE_MM = 1.6
_STARTS_DEG = (0.0, 20.0, -20.0, 40.0, -40.0)
"""Tilts to the front from which the frame is sought: L5 and a kyphotic level lean by up to 40 degrees."""
_SHARES = {"posterior": 0.12, "middle": 0.5, "anterior": 0.88}
"""Depths of the body at which its heights are read; at 0 and 1 the rims are rounded."""
_SHARE_BAND = 0.07
_MOST_HEIGHT_MM = 50.0
_MOST_ML = 110.0
"""No adult vertebral body is so high or large: the mask then holds several."""


@dataclass(frozen=True, slots=True)
class LocalPlane:
    """``offset + first * a + second * b`` in local coordinates.

    Attributes
    ----------
    misfit_mm
        Mean distance of the points from it, none counted with more than `_FAR_MM`.
    """

    offset: float
    first: float
    second: float
    misfit_mm: float

    def at(self, a: ArrayLike, b: ArrayLike) -> Floats:
        found: Floats = self.offset + self.first * np.asarray(a, np.float64) + self.second * np.asarray(b, np.float64)
        return found


@dataclass(frozen=True, eq=False)
class Vertebra:
    """One vertebra, measured in its own frame.

    Attributes
    ----------
    bone
        Signed distance from its surface.
    canal_mm
        Signed distance from the canal, on the grid of `bone`.
    canal_source
        ``mask`` or ``hole``: the canal was read from the vertebra's own ring.
    centre_lps_mm
        Middle of the body, on the midline.
    axes_lps
        (3, 3) rows: unit left, anterior, superior; left-handed as a triple of rows.
    upper, lower
        Endplates: w over (u, v).
    wall, front
        Posterior and anterior wall in the midline: v over (w, 0).
    asymmetry_mm
        Mean difference of the bone from its mirror image.
    cut
        Names of the image's faces (``head``, ``feet``, ...) that cut the mask.
    voxel_mm
        Longest voxel edge of the mask.
    """

    bone: BoneField
    canal_mm: NDArray[np.float32]
    canal_source: str
    bridged_mm: float
    canal_middle: Floats
    centre_lps_mm: Floats
    axes_lps: Floats
    upper: LocalPlane
    lower: LocalPlane
    wall: LocalPlane
    front: LocalPlane
    heights_mm: Mapping[str, float]
    body_ml: float
    asymmetry_mm: float
    cut: tuple[str, ...] = ()

    @property
    def voxel_mm(self) -> float:
        return self.bone.voxel_mm

    @property
    def frame_uid(self) -> str:
        return self.bone.grid.frame_uid

    @property
    def canal(self) -> BoneField:
        return self.bone.same_grid(self.canal_mm)

    @property
    def endplate_angle_deg(self) -> float:
        """Between the endplates in the sagittal plane; positive where the body is lower in front."""
        return float(np.rad2deg(np.arctan(self.lower.second) - np.arctan(self.upper.second)))

    @property
    def depth_mm(self) -> float:
        """Of the body in the midline, at mid height."""
        return self.front.offset - self.wall.offset

    def local(self, points_lps_mm: ArrayLike) -> Floats:
        """(..., 3) u, v, w of points."""
        offset = np.asarray(points_lps_mm, dtype=np.float64) - self.centre_lps_mm
        found: Floats = offset @ self.axes_lps.T
        return found

    def lps(self, points_uvw_mm: ArrayLike) -> Floats:
        """(..., 3) LPS mm of local points."""
        found: Floats = np.asarray(points_uvw_mm, dtype=np.float64) @ self.axes_lps + self.centre_lps_mm
        return found

    def direction_lps(self, direction_uvw: ArrayLike) -> Floats:
        found: Floats = np.asarray(direction_uvw, dtype=np.float64) @ self.axes_lps
        return found

    def behind_wall_mm(self, points_uvw_mm: ArrayLike) -> Floats:
        """Distance of local points behind the posterior wall, along the body's depth; negative inside the body."""
        given = np.asarray(points_uvw_mm, dtype=np.float64)
        found: Floats = self.wall.at(given[..., 2], 0.0) - given[..., 1]
        return found

    def depth_share(self, points_uvw_mm: ArrayLike) -> Floats:
        """Where local points lie in the body's depth: 0 at the posterior wall, 1 at the anterior one."""
        given = np.asarray(points_uvw_mm, dtype=np.float64)
        back, front = self.wall.at(given[..., 2], 0.0), self.front.at(given[..., 2], 0.0)
        found: Floats = (given[..., 1] - back) / (front - back)
        return found


def vertebra_of(mask: Mask, canal: Mask | None = None) -> Vertebra:
    """Measure one vertebra.

    Parameters
    ----------
    mask
        The whole vertebra: body and arch.
    canal
        The spinal canal, of any length and in any grid of the same frame; None finds it as the mask's own hole.

    Raises
    ------
    InputRefused
        ``empty-mask``, ``several-vertebrae``, ``vertebra-cut``, ``no-canal``, ``no-body``, ``mask-outside``.
    FrameMismatch
        When the canal lies in another frame of reference.
    """
    if canal is not None and canal.grid.frame_uid != mask.grid.frame_uid:
        text = "The canal's mask and the vertebra's belong to different frames of reference; link the two first."
        raise FrameMismatch("mixed-frames", text)
    if canal is not None and canal.is_empty:
        raise InputRefused("empty-mask", "The canal's mask is empty; leave it out, or choose another one.")
    kept = _one_piece(mask)
    cut = _cut_faces(kept)
    bone = bone_field(kept)
    try:
        ring = ring_from_hole(bone) if canal is None else ring_from_mask(bone, canal, field_on(canal, bone.grid))
        return _weighed(_measured(bone, ring, cut), kept)
    except InputRefused as refused:
        if not cut or refused.code == "mask-outside":
            raise
        text = f"The image cuts this vertebra ({', '.join(cut)}), and what is left of it has no complete ring and body."
        raise InputRefused("vertebra-cut", text) from refused


def _one_piece(mask: Mask) -> Mask:
    """The largest piece of the mask; refuses two vertebrae in one mask."""
    from scipy import ndimage

    if mask.is_empty:
        raise InputRefused("empty-mask", "The vertebra's mask is empty; choose another label or mark the vertebra.")
    labels, count = ndimage.label(mask.voxels, structure=np.ones((3, 3, 3), dtype=bool))
    if count <= 1:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    order = np.argsort(sizes)[::-1]
    if sizes[order[1]] >= 0.35 * sizes[order[0]]:
        volumes = " and ".join(f"{sizes[place] * mask.grid.voxel_ml:.1f} mL" for place in order[:2])
        text = f"The mask holds {count} separate pieces ({volumes}); name one vertebra with FILE#LABEL."
        raise InputRefused("several-vertebrae", text)
    return Mask.of(mask.grid, labels == 1 + int(order[0]), mask.box[0])


def _cut_faces(mask: Mask) -> tuple[str, ...]:
    """Faces of the image on which a good part of the mask ends, by the patient's direction."""
    names = []
    words = (("left", "right"), ("back", "front"), ("head", "feet"))
    for axis in range(3):
        for end, sign in ((mask.box[0][axis], -1.0), (mask.box[1][axis], 1.0)):
            if end not in (0, mask.grid.size_kji[axis]):
                continue
            index = 0 if sign < 0 else mask.voxels.shape[axis] - 1
            area = np.count_nonzero(np.take(mask.voxels, index, axis=axis))
            spacing = np.delete(np.asarray(mask.grid.spacing_kji_mm), axis)
            outward = sign * mask.grid.axes_lps[:, axis]
            if area * spacing[0] * spacing[1] >= 20.0:
                main = int(np.argmax(np.abs(outward)))
                names.append(words[main][0 if outward[main] > 0 else 1])
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, eq=False)
class _Reading:
    """One round: planes in the axes of that round, from the canal's middle."""

    upper: LocalPlane
    lower: LocalPlane
    wall: LocalPlane
    columns: Floats
    """(n, 4): u, v, bottom, top of every column of the body."""


def _measured(bone: BoneField, ring: Ring, cut: tuple[str, ...]) -> Vertebra:
    origin, axes = ring.centre_lps_mm, _start(bone, ring)
    asymmetry = 0.0
    for _ in range(_ROUNDS):
        axes = _levelled(axes, _read(oriented(bone, origin, axes, _STEP_MM)))
        turn, shift, asymmetry = mirror_plane(bone, origin, axes)
        axes = turned(axes, turn)
        origin = origin + shift * axes[0]
    reading = _read(oriented(bone, origin, axes, _STEP_MM))
    return _settled(bone, upright(bone, ring, axes), cut, origin, axes, reading, asymmetry)


def _levelled(axes: Floats, reading: _Reading) -> Floats:
    """Axes whose third one stands halfway between the normals of the endplates."""
    normals = np.array([[-p.first, -p.second, 1.0] for p in (reading.upper, reading.lower)])
    superior = (normals / np.linalg.norm(normals, axis=1, keepdims=True)).sum(axis=0) @ axes
    return axes_of(superior, axes[1])


def _start(bone: BoneField, ring: Ring) -> Floats:
    """The axes, of several tilts improved on their own, in which walls and endplates are flattest."""
    plain = axes_of(ring.superior_lps, ring.anterior_lps)
    best, least = plain, np.inf
    for tilt in _STARTS_DEG:
        lean = np.deg2rad(tilt)
        axes = axes_of(np.cos(lean) * plain[2] + np.sin(lean) * plain[1], plain[1])
        try:
            for _ in range(3):
                axes = _levelled(axes, _read(oriented(bone, ring.centre_lps_mm, axes, _COARSE_MM)))
            reading = _read(oriented(bone, ring.centre_lps_mm, axes, _COARSE_MM))
        except InputRefused:
            continue
        misfit = reading.upper.misfit_mm + reading.lower.misfit_mm + reading.wall.misfit_mm
        if misfit < least:
            best, least = axes, misfit
    return best


def _settled(
    bone: BoneField, ring: Ring, cut: tuple[str, ...], origin: Floats, axes: Floats, reading: _Reading, asymmetry: float
) -> Vertebra:
    """Move the origin to the middle of the body and read what is left."""
    front = _front(reading)
    middle_w = 0.0
    for _ in range(5):
        middle_v = 0.5 * (float(reading.wall.at(middle_w, 0.0)) + float(front.at(middle_w, 0.0)))
        middle_w = 0.5 * (float(reading.upper.at(0.0, middle_v)) + float(reading.lower.at(0.0, middle_v)))
    move = np.array([0.0, middle_v, middle_w])
    centre = origin + move @ axes
    columns = reading.columns - np.array([0.0, middle_v, middle_w, middle_w])
    wall, front = (replace(p, offset=float(p.at(middle_w, 0.0)) - middle_v) for p in (reading.wall, front))
    upper, lower = (replace(p, offset=float(p.at(0.0, middle_v)) - middle_w) for p in (reading.upper, reading.lower))
    return Vertebra(
        bone=bone,
        canal_mm=ring.distance_mm,
        canal_source=ring.source,
        bridged_mm=ring.bridged_mm,
        canal_middle=(ring.centre_lps_mm - centre) @ axes.T,
        centre_lps_mm=centre,
        axes_lps=axes,
        upper=upper,
        lower=lower,
        wall=wall,
        front=front,
        heights_mm=_heights(columns, wall, front),
        body_ml=0.0,
        asymmetry_mm=asymmetry,
        cut=cut,
    )


def _weighed(made: Vertebra, mask: Mask) -> Vertebra:
    """With the body's volume; refuses what no single vertebra can measure."""
    made = replace(made, body_ml=_body_ml(made, mask))
    highest = max(made.heights_mm.values(), default=0.0)
    if highest > _MOST_HEIGHT_MM or made.body_ml > _MOST_ML:
        text = f"The body measures {highest:.0f} mm and {made.body_ml:.0f} mL: the mask holds more than one vertebra."
        raise InputRefused("several-vertebrae", f"{text} Name one with FILE#LABEL.")
    return made


def _body_ml(vertebra: Vertebra, mask: Mask) -> float:
    """The mask's own voxels before the posterior wall, those on it by their share."""
    points = mask.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    behind = vertebra.behind_wall_mm(vertebra.local(points)) / float(np.mean(mask.grid.spacing_kji_mm))
    return float(np.clip(0.5 - behind, 0.0, 1.0).sum()) * mask.grid.voxel_ml


def body_share(vertebra: Vertebra) -> NDArray[np.float32]:
    """(k, j, i) on the bone's grid: the share of each voxel that belongs to the body, without the arch."""
    bone = vertebra.bone
    edge = float(np.mean(bone.grid.spacing_kji_mm))
    near = np.argwhere(bone.distance_mm < 0.5 * edge)
    places = tuple(near.T)
    inside = np.clip(0.5 - bone.distance_mm[places] / edge, 0.0, 1.0)
    behind = vertebra.behind_wall_mm(vertebra.local(bone.grid.lps_from_kji.points(near)))
    share = np.zeros(bone.grid.size_kji, dtype=np.float32)
    share[places] = inside * np.clip(0.5 - behind / edge, 0.0, 1.0)
    return share


def _read(box: OrientedBox) -> _Reading:
    """Posterior wall, columns of the body and endplates of a box whose origin lies in the canal."""
    wall = _posterior_wall(box)
    columns = _columns(box, wall)
    if len(columns) < _LEAST_COLUMNS:
        raise InputRefused("no-body", "No vertebral body lies before the canal; check the mask of the vertebra.")
    inner = columns[_interior(columns, box.step_mm)]
    return _Reading(
        upper=_fitted(inner[:, 0], inner[:, 1], inner[:, 3]),
        lower=_fitted(inner[:, 0], inner[:, 1], inner[:, 2]),
        wall=wall,
        columns=columns,
    )


def _posterior_wall(box: OrientedBox) -> LocalPlane:
    """The first bone before the canal, a robust line over the height."""
    band = np.abs(box.u_mm) <= _WALL_BAND_MM
    start = int(np.searchsorted(box.v_mm, 0.0))
    values = box.values[:, start:, band]
    solid = values < 0
    first = np.argmax(solid, axis=1)
    found = solid.any(axis=1) & (first > 0) & (first * box.step_mm < 25.0)
    rows, columns = np.nonzero(found)
    if len(rows) < 12:
        raise InputRefused("no-body", "No posterior wall lies before the canal; check the mask of the vertebra.")
    at = first[rows, columns]
    inside, outside = values[rows, at, columns], values[rows, at - 1, columns]
    v = box.v_mm[start + at] - box.step_mm * inside / (inside - outside)
    return _fitted(box.w_mm[rows], np.zeros(len(rows)), v)


def _columns(box: OrientedBox, wall: LocalPlane) -> Floats:
    """(n, 4) u, v, bottom, top of the bone before the posterior wall, one row per column of the box."""
    w = box.w_mm
    before = box.v_mm[None, :] > wall.at(w, 0.0)[:, None] + 1.0
    solid = (box.values < 0) & before[:, :, None]
    near = solid & (np.abs(box.u_mm) <= 10.0)[None, None, :]
    near &= (box.v_mm[None, :] < wall.at(w, 0.0)[:, None] + 15.0)[:, :, None]
    if not near.any():
        return np.empty((0, 4))
    heights = near.sum(axis=(1, 2)).astype(np.float64)
    middle = int(np.clip(np.rint(np.interp(np.sum(heights * w) / heights.sum(), w, np.arange(len(w)))), 1, len(w) - 2))
    j, i = np.nonzero(solid.sum(axis=0) * box.step_mm >= _LEAST_HEIGHT_MM)
    low, high = _runs(solid[:, j, i], middle)
    kept = (low >= 1) & (high < len(w)) & ((high - low) * box.step_mm >= _LEAST_HEIGHT_MM)
    j, i, low, high = j[kept], i[kept], low[kept], high[kept]
    # Where the posterior wall, not bone's end, closes a column, it says nothing about the endplate.
    open_ended = before[low - 1, j] & before[high, j]
    j, i, low, high = j[open_ended], i[open_ended], low[open_ended], high[open_ended]
    values = box.values[:, j, i]
    each = np.arange(len(j))
    inner_low, outer_low = values[low, each], values[low - 1, each]
    inner_high, outer_high = values[high - 1, each], values[high, each]
    bottom = w[low] - box.step_mm * inner_low / (inner_low - outer_low)
    top = w[high - 1] + box.step_mm * inner_high / (inner_high - outer_high)
    return np.stack([box.u_mm[i], box.v_mm[j], bottom, top], axis=1)


def _runs(solid: NDArray[np.bool_], middle: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of every column (w, n): first and past-the-last index of the stretch nearest to the body's mid height."""
    places = np.arange(len(solid))[:, None]
    seed = np.argmin(np.where(solid, np.abs(places - middle), len(solid) + 1), axis=0)
    above = np.where(~solid & (places > seed), places, len(solid)).min(axis=0)
    below = np.where(~solid & (places < seed), places, -1).max(axis=0)
    return below + 1, above


def _interior(columns: Floats, step_mm: float) -> NDArray[np.bool_]:
    """Columns away from the rim of the body's footprint."""
    from scipy import ndimage

    places = np.rint((columns[:, :2] - columns[:, :2].min(axis=0)) / step_mm).astype(int) + 1
    footprint = np.zeros(places.max(axis=0) + 2, dtype=bool)
    footprint[places[:, 0], places[:, 1]] = True
    depth = ndimage.distance_transform_edt(footprint) * step_mm
    inner = depth[places[:, 0], places[:, 1]] > _RIM_MM
    labels, _ = ndimage.label(depth > _RIM_MM)
    which = labels[places[:, 0], places[:, 1]]
    if not inner.any():
        return np.ones(len(columns), dtype=bool)
    largest = int(np.argmax(np.bincount(which[inner])[1:])) + 1
    found: NDArray[np.bool_] = inner & (which == largest)
    return found


def _fitted(a: Floats, b: Floats, values: Floats) -> LocalPlane:
    """A plane by iteratively reweighted least squares (Tukey's biweight)."""
    design = np.stack([np.ones(len(a)), a, b], axis=1)
    weights = np.ones(len(a))
    scale = _OUTLIER_MM
    for _ in range(12):
        root = np.sqrt(weights)[:, None]
        solution = np.linalg.lstsq(design * root, values * root[:, 0], rcond=None)[0]
        residual = values - design @ solution
        scale = max(0.3, min(_OUTLIER_MM, 1.4826 * float(np.median(np.abs(residual)))))
        weights = np.clip(1.0 - (residual / (4.685 * scale)) ** 2, 0.0, 1.0) ** 2
        if weights.sum() < 6:
            weights = np.ones(len(a))
    misfit = float(np.minimum(np.abs(values - design @ solution), _FAR_MM).mean())
    return LocalPlane(float(solution[0]), float(solution[1]), float(solution[2]), misfit)


def _front(reading: _Reading) -> LocalPlane:
    """The anterior wall in the midline: the body's front at three heights, as a robust line."""
    columns = reading.columns[np.abs(reading.columns[:, 0]) <= _WALL_BAND_MM]
    places, values = [], []
    for w in np.arange(columns[:, 2].min(), columns[:, 3].max(), _STEP_MM):
        there = columns[(columns[:, 2] <= w) & (columns[:, 3] >= w)]
        for u in np.unique(there[:, 0]):
            places.append(w)
            values.append(there[there[:, 0] == u, 1].max() + 0.5 * _STEP_MM)
    w, v = np.array(places), np.array(values)
    inner = (w > np.quantile(w, 0.15)) & (w < np.quantile(w, 0.85))
    return _fitted(w[inner], np.zeros(int(inner.sum())), v[inner])


def _heights(columns: Floats, wall: LocalPlane, front: LocalPlane) -> dict[str, float]:
    """Median heights in the midline band, behind, in the middle and in front."""
    band = columns[np.abs(columns[:, 0]) <= _WALL_BAND_MM]
    middle = 0.5 * (band[:, 2] + band[:, 3])
    share = (band[:, 1] - wall.at(middle, 0.0)) / (front.at(middle, 0.0) - wall.at(middle, 0.0))
    found = {}
    for name, place in _SHARES.items():
        near = np.abs(share - place) <= _SHARE_BAND
        if near.any():
            found[name] = float(np.median(band[near, 3] - band[near, 2]))
    return found
