"""The ring of a vertebra: the hole that the canal runs through, found in the mask itself, and where the body lies.

Nothing here assumes how the patient or the vertebra is turned, except that the head lies on the head's side: planes
are tried in all directions within `_TILT_DEG` of the patient's axial plane.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import InputRefused
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.imaging.surfaces import signed_distance_mm
from planner.planning.vertebra_bone import BoneField, Floats

_TILT_DEG = 50.0
_STEP_MM = 1.6
_SEARCH_MM = 2.2
"""Of the lattice on which directions are compared."""
_GAPS_MM = (0.0, 2.0, 4.0, 7.0)
"""Breaks of the ring that are bridged, smallest first: thin laminae are lost in thick slices."""
_LEAST_AREA_MM2 = 45.0
_MOST_AREA_MM2 = 900.0
"""Of a canal across its course: about 120 to 500 mm2 in adults; a vessel's foramen is smaller."""
_LEAST_HEIGHT_MM = 4.0
_NEAR_MM = 16.0
"""Half length of the stretch of a given canal mask that is looked at."""


@dataclass(frozen=True, eq=False)
class Ring:
    """Where the canal passes the vertebra.

    Attributes
    ----------
    centre_lps_mm
        Middle of the canal at the height of the arch.
    superior_lps
        Unit direction of the canal, towards the head; a first guess of the vertebra's own.
    anterior_lps
        Unit direction from the canal to the body, across `superior_lps`.
    distance_mm
        Signed distance from the canal on the bone's grid.
    source
        ``mask`` (a canal mask was given) or ``hole``.
    bridged_mm
        Width of breaks that had to be bridged.
    """

    centre_lps_mm: Floats
    superior_lps: Floats
    anterior_lps: Floats
    distance_mm: NDArray[np.float32]
    source: str
    bridged_mm: float = 0.0


@dataclass(frozen=True, eq=False)
class OrientedBox:
    """Points on a regular lattice along three axes: `values` is (w, v, u) of the bone's distance.

    Attributes
    ----------
    u_mm, v_mm, w_mm
        Places along left, anterior and superior, from the origin.
    """

    values: NDArray[np.float32]
    u_mm: Floats
    v_mm: Floats
    w_mm: Floats
    step_mm: float


def axes_of(superior_lps: ArrayLike, anterior_hint_lps: ArrayLike) -> Floats:
    """(3, 3) rows: unit left, anterior, superior; anterior is the hint across superior."""
    superior = np.asarray(superior_lps, dtype=np.float64)
    superior = superior / np.linalg.norm(superior)
    hint = np.asarray(anterior_hint_lps, dtype=np.float64)
    anterior = hint - superior * float(hint @ superior)
    anterior = anterior / np.linalg.norm(anterior)
    return np.stack([np.cross(superior, anterior), anterior, superior])


def oriented(bone: BoneField, origin_lps_mm: ArrayLike, axes: Floats, step_mm: float) -> OrientedBox:
    """The whole vertebra in an oriented box with 4 mm around it."""
    local = (bone.points_lps_mm - np.asarray(origin_lps_mm)) @ axes.T
    low, high = local.min(axis=0) - 4.0, local.max(axis=0) + 4.0
    u, v, w = (
        np.arange(np.floor(start / step_mm), np.ceil(stop / step_mm) + 1) * step_mm
        for start, stop in zip(low, high, strict=True)
    )
    return OrientedBox(bone.at(lattice(origin_lps_mm, axes, u, v, w)), u, v, w, step_mm)


def lattice(origin_lps_mm: ArrayLike, axes: Floats, u: Floats, v: Floats, w: Floats) -> Floats:
    """(w, v, u, 3) LPS mm."""
    across = u[None, None, :, None] * axes[0] + v[None, :, None, None] * axes[1] + w[:, None, None, None] * axes[2]
    points: Floats = across + np.asarray(origin_lps_mm, dtype=np.float64)
    return points


def ring_from_hole(bone: BoneField) -> Ring:
    """The canal as the hole of the mask.

    Raises
    ------
    InputRefused
        ``no-canal`` when the mask encloses none.
    """
    for gap in _GAPS_MM:
        tilts = np.arange(-_TILT_DEG, _TILT_DEG + 1.0, 25.0)
        best, volume = (0.0, 0.0), 0.0
        for spread in (tilts, np.array([-12.0, 0.0, 12.0]), np.array([-6.0, 0.0, 6.0])):
            centre = best
            for tilt in ((a, b) for a in spread for b in spread):
                tried = centre[0] + float(tilt[0]), centre[1] + float(tilt[1])
                found = _hole_volume(bone, tried, gap)
                if found > volume:
                    best, volume = tried, found
        ring = _ring_at(bone, best, gap) if volume > 0.0 else None
        if ring is not None:
            return ring
    text = (
        "The mask encloses no spinal canal, so front and back of the vertebra cannot be told; name a canal mask, "
        "or a vertebra mask with its arch."
    )
    raise InputRefused("no-canal", text)


def ring_from_mask(bone: BoneField, canal: Mask, canal_mm: NDArray[np.float32]) -> Ring:
    """The canal as a mask that was given, however long it is.

    Raises
    ------
    InputRefused
        ``mask-outside`` when it does not pass the vertebra.
    """
    middle = bone.points_lps_mm.mean(axis=0)
    points = canal.grid.lps_from_kji.points(np.argwhere(canal.voxels) + np.asarray(canal.box[0]))
    head = np.array([0.0, 0.0, 1.0])
    for _ in range(4):
        near = points[np.abs((points - middle) @ head) < _NEAR_MM]
        if len(near) < 8 or np.linalg.norm(near.mean(axis=0) - middle) > 60.0:
            text = "The canal's mask does not pass the vertebra; choose the canal of the same images."
            raise InputRefused("mask-outside", text)
        head = _course(near, head)
    centre: Floats = near.mean(axis=0)
    anterior = _towards_body(bone, centre, head)
    return Ring(centre, head, anterior, canal_mm, "mask")


def _course(points: Floats, head: Floats) -> Floats:
    """Direction of a tube's middle line: its cross-sections' centres, first to last."""
    along = (points - points.mean(axis=0)) @ head
    edges = np.linspace(along.min(), along.max() + 1e-6, 7)
    which = np.digitize(along, edges)
    centres = np.array([points[which == part].mean(axis=0) for part in range(1, 7) if np.any(which == part)])
    if len(centres) < 3:
        return head
    offsets = centres - centres.mean(axis=0)
    direction: Floats = np.linalg.svd(offsets)[2][0]
    return direction if direction @ head >= 0 else -direction


def _direction(tilt_deg: tuple[float, float]) -> Floats:
    """The patient's head direction, tilted to the left and to the front."""
    left, front = np.deg2rad(tilt_deg)
    direction = np.array([np.sin(left), -np.sin(front) * np.cos(left), np.cos(front) * np.cos(left)])
    return direction / float(np.linalg.norm(direction))


def _holes(bone: BoneField, axes: Floats, gap_mm: float, step_mm: float) -> tuple[OrientedBox, NDArray[np.bool_]]:
    """What bone encloses in the planes across `axes[2]`."""
    from scipy import ndimage

    box = oriented(bone, bone.points_lps_mm.mean(axis=0), axes, step_mm)
    in_plane = np.zeros((3, 3, 3), dtype=bool)
    in_plane[1] = [[False, True, False], [True, True, True], [False, True, False]]
    labels, count = ndimage.label(box.values > gap_mm / 2.0, structure=in_plane)
    areas = np.bincount(labels.ravel(), minlength=count + 1) * step_mm**2
    kept = (areas >= _LEAST_AREA_MM2 * (0.5 if gap_mm else 1.0)) & (areas <= _MOST_AREA_MM2)
    border = np.concatenate([labels[:, [0, -1], :].ravel(), labels[:, :, [0, -1]].ravel()])
    kept[border] = False
    kept[0] = False
    return box, kept[labels]


def _hole_volume(bone: BoneField, tilt_deg: tuple[float, float], gap_mm: float) -> float:
    """Points in holes; weighed down with the tilt, because slanted planes find more of a ring whose laminae lie low."""
    direction = _direction(tilt_deg)
    upright = float(direction[2]) ** 2
    axes = axes_of(direction, (0.0, -1.0, 0.0))
    return upright * float(np.count_nonzero(_holes(bone, axes, gap_mm, _SEARCH_MM)[1]))


def _ring_at(bone: BoneField, tilt_deg: tuple[float, float], gap_mm: float) -> Ring | None:
    """The largest hole along a direction; None when it is too low for an arch."""
    superior = _direction(tilt_deg)
    axes = axes_of(superior, (0.0, -1.0, 0.0))
    found = _tube(bone, axes, gap_mm)
    if found is None:
        return None
    centre, canal = found
    return Ring(centre, superior, _towards_body(bone, centre, superior), canal, "hole", gap_mm)


def upright(bone: BoneField, ring: Ring, axes: Floats) -> Ring:
    """The ring's hole seen again along the vertebra's own axis, once that is known; a given canal stays as it is."""
    found = _tube(bone, axes, ring.bridged_mm) if ring.source == "hole" else None
    if found is None:
        return ring
    return replace(ring, centre_lps_mm=found[0], superior_lps=axes[2], anterior_lps=axes[1], distance_mm=found[1])


def _tube(bone: BoneField, axes: Floats, gap_mm: float) -> tuple[Floats, NDArray[np.float32]] | None:
    """Middle of the largest hole across an axis, and the signed distance from it drawn out along that axis."""
    from scipy import ndimage

    box, holes = _holes(bone, axes, gap_mm, _STEP_MM)
    labels, count = ndimage.label(holes)
    if not count:
        return None
    largest = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    layers = np.flatnonzero(largest.any(axis=(1, 2)))
    if (layers[-1] - layers[0] + 1) * _STEP_MM < _LEAST_HEIGHT_MM:
        return None
    w, v, u = np.nonzero(largest)
    middle = np.array([box.u_mm[u].mean(), box.v_mm[v].mean(), box.w_mm[w].mean()])
    centre: Floats = bone.points_lps_mm.mean(axis=0) + middle @ axes
    return centre, _extruded(bone, box, largest, axes, gap_mm)


def _extruded(
    bone: BoneField, box: OrientedBox, hole: NDArray[np.bool_], axes: Floats, gap_mm: float
) -> NDArray[np.float32]:
    """Signed distance from a tube with the hole's cross-section, along the whole vertebra and outside its bone."""
    from scipy import ndimage

    layers = hole[hole.any(axis=(1, 2))]
    section = layers.mean(axis=0) >= 0.5
    if not section.any():
        section = layers.any(axis=0)
    outside = ndimage.distance_transform_edt(~section) * _STEP_MM
    inside = ndimage.distance_transform_edt(section) * _STEP_MM
    flat = np.where(section, -(inside - _STEP_MM / 2.0), outside - _STEP_MM / 2.0) - gap_mm / 2.0
    from planner.planning.vertebra_kernels import extruded

    # Rows and columns of the flat picture as an affine function of the bone's indices.
    onto = np.stack([axes[1], axes[0]]) / _STEP_MM
    placed = bone.grid.lps_from_kji.homogeneous
    first = np.array([box.v_mm[0], box.u_mm[0]]) / _STEP_MM
    shift = onto @ (placed[:3, 3] - bone.points_lps_mm.mean(axis=0)) - first
    steps = np.ascontiguousarray(np.concatenate([onto @ placed[:3, :3], shift[:, None]], axis=1))
    found = np.empty(bone.grid.size_kji, dtype=np.float32)
    picture = np.ascontiguousarray(flat, dtype=np.float32)
    in_bands(len(found), lambda low, high: extruded(picture, steps, found, low, high), least_rows=8)
    # The canal is wider between the laminae than between the pedicles: bone is no part of it at any level.
    free = (found < 0.0) & (bone.distance_mm > 0.0)
    return signed_distance_mm(free, bone.grid.spacing_kji_mm)


def _towards_body(bone: BoneField, centre_lps_mm: Floats, superior_lps: Floats) -> Floats:
    """Unit direction across the canal to the middle of the largest disc that the vertebra's footprint holds."""
    from scipy import ndimage

    axes = axes_of(superior_lps, (0.0, -1.0, 0.0))
    box = oriented(bone, centre_lps_mm, axes, _STEP_MM)
    height = np.count_nonzero(box.values < 0, axis=0) * _STEP_MM
    footprint = height >= 3.0
    v, u = np.meshgrid(box.v_mm, box.u_mm, indexing="ij")
    footprint &= np.hypot(u, v) > 6.0
    depth = ndimage.distance_transform_edt(footprint)
    heart = depth >= 0.9 * depth.max()
    towards = np.array([u[heart].mean(), v[heart].mean(), 0.0])
    direction: Floats = towards @ axes
    return direction / float(np.linalg.norm(direction))
