"""Portal vein and hepatic veins in the portal venous phase, told apart by where they come from.

Both fill the liver with branches of the same brightness. What is joined to a root is followed as arteries are
(`planner.imaging.vessel_lumen`), against the brightness of the liver; where the two trees touch, each voxel goes to the
root from which the way to it is cheaper, through the middle of vessels.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.catalogues import catalogue
from planner.errors import OperatorError
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask, ball_box, box_slices
from planner.imaging.surfaces import centre_distance_mm
from planner.imaging.vessel_lumen import (
    VesselLumen,
    followed,
    likelihood,
    look_at,
    mask_of,
    visible_findings,
)
from planner.imaging.vessel_lumen_levels import LumenLevels, lumen_levels, smallest_visible_mm, soft_tissue
from planner.imaging.volumes import Volume
from planner.jobs import Context

_LIVER_MM = 45.0
_BIN_HU = 6.0
_LEAST_COST = 0.05
_ROOT_MM = 3.0
_THICKEST_MM = 8.0
_THINNER_BY = 0.3
"""Voxels: fine steps, so that a neck between two veins breaks before a branch beyond it is lost."""
_PORTAL_LEFT_MM, _PORTAL_FRONT_MM = (-70.0, 8.0), (45.0, 115.0)
"""Of the spinal canal: where the trunk of the portal vein runs in adults, right of the middle and before the cava."""
_PORTAL_RADIUS_MM = (3.5, 11.0)
_CAVA_RADIUS_MM = 5.0
_CAVA_REACH_MM = 14.0
_UPPER_SHARE = 0.5
_PORTAL, _HEPATIC = "portal vein", "hepatic veins"


def portal_lumen(volume: Volume, seed_lps_mm: ArrayLike | None = None, context: Context | None = None) -> VesselLumen:
    """The portal vein, its tributaries and branches.

    Parameters
    ----------
    volume
        CT in Hounsfield units, portal venous phase.
    seed_lps_mm
        (3,) in the trunk of the portal vein; None looks for it.

    Raises
    ------
    InputRefused, OperatorError, Cancelled
        As `planner.imaging.vessel_lumen.arterial_lumen`; and OperatorError ``root-not-found`` when no seed is given and
        the trunk is not recognised.
    """
    return _lumen(volume, seed_lps_mm, "portal-vein", context or Context())


def hepatic_vein_lumen(
    volume: Volume, seed_lps_mm: ArrayLike | None = None, context: Context | None = None
) -> VesselLumen:
    """The hepatic veins with the inferior vena cava they end in; as `portal_lumen`."""
    return _lumen(volume, seed_lps_mm, "hepatic-vein", context or Context())


def find_vein_roots(volume: Volume) -> tuple[NDArray[np.float64] | None, NDArray[np.float64] | None]:
    """Points in the trunk of the portal vein and along the vena cava; None for what is not recognised.

    Returns
    -------
    (n, 3) each, LPS mm; the first of each is the surest, of the vena cava one behind the upper liver.
    """
    from planner.imaging.trunk_landmarks import find_trunk
    from planner.imaging.trunk_vessels import find_aorta, vertebral_bodies

    rules = catalogue("contrast_phases.toml")["image"]
    trunk = find_trunk(volume, rules["trunk"])
    aorta = None if trunk is None else find_aorta(trunk, rules["aorta"])
    if trunk is None or trunk.grid is None or aorta is None:
        return None, None
    left, front = trunk.left_mm(), trunk.front_mm()
    soft = soft_tissue(volume)
    blood = trunk.hu > soft + 0.5 * (min(aorta.hu, soft + 150.0) - soft)
    blood &= trunk.body & ~vertebral_bodies(trunk, rules["aorta"])
    depth = centre_distance_mm(~blood, trunk.spacing_kji_mm)
    behind = (left > -42.0) & (left < -4.0) & (front > 30.0) & (front < 80.0)
    in_cava = np.where(behind, depth, 0.0)
    upper = np.arange(len(trunk.hu)).reshape(-1, 1, 1) >= _UPPER_SHARE * len(trunk.hu)
    cava = _deepest(np.where(upper, in_cava, 0.0), _CAVA_RADIUS_MM)
    place = (left > _PORTAL_LEFT_MM[0]) & (left < _PORTAL_LEFT_MM[1])
    place = place & (front > _PORTAL_FRONT_MM[0]) & (front < _PORTAL_FRONT_MM[1])
    place = place & (depth <= _PORTAL_RADIUS_MM[1]) & ~_beside_deepest(in_cava, trunk.spacing_kji_mm)
    portal = _deepest(np.where(place, depth, 0.0), _PORTAL_RADIUS_MM[0])
    grid = trunk.grid
    along = [] if cava is None else [cava, *(_deepest_of_slices(in_cava, _CAVA_RADIUS_MM))]
    return (
        None if portal is None else grid.lps_from_kji.points(np.array([portal])),
        None if not along else grid.lps_from_kji.points(np.array(along)),
    )


def _beside_deepest(depth: NDArray[np.floating], spacing: tuple[float, float, float]) -> NDArray[np.bool_]:
    """(k, j, i) what lies within a wide vessel's reach of the deepest place of each slice: the vena cava."""
    flat = depth.reshape(len(depth), -1)
    j, i = np.unravel_index(np.argmax(flat, axis=1), depth.shape[1:])
    rows = (np.arange(depth.shape[1])[None, :, None] - j[:, None, None]) * spacing[1]
    columns = (np.arange(depth.shape[2])[None, None, :] - i[:, None, None]) * spacing[2]
    near: NDArray[np.bool_] = np.hypot(rows, columns) <= _CAVA_REACH_MM
    return near


def _deepest_of_slices(depth: NDArray[np.floating], least_mm: float) -> list[tuple[int, int, int]]:
    places = [np.unravel_index(int(np.argmax(layer)), layer.shape) for layer in depth]
    return [(k, int(j), int(i)) for k, (j, i) in enumerate(places) if depth[k, j, i] >= least_mm]


def _deepest(depth: NDArray[np.floating], least_mm: float) -> tuple[int, int, int] | None:
    k, j, i = np.unravel_index(int(np.argmax(depth)), depth.shape)
    return (int(k), int(j), int(i)) if depth[k, j, i] >= least_mm else None


def _lumen(volume: Volume, seed_lps_mm: ArrayLike | None, kind: str, context: Context) -> VesselLumen:
    name, other_name = (_PORTAL, _HEPATIC) if kind == "portal-vein" else (_HEPATIC, _PORTAL)
    context.step(0.0, f"Looking for the {name}")
    roots = find_vein_roots(volume)
    own, other = roots if kind == "portal-vein" else roots[::-1]
    start = seed_lps_mm if own is None or seed_lps_mm is not None else own[0]
    if start is None:
        raise OperatorError(
            "root-not-found", f"The root of the {name} was not recognised in this image; click into it."
        )
    levels = _against_liver(volume, lumen_levels(volume, start, name))
    seen = look_at(volume, levels, context.part(0.05, 0.75), vein=True)
    context.step(0.75, "Following the vessels")
    mask = mask_of(volume, followed(seen))
    context.step(0.85, "Telling the veins apart")
    mine = own if kind == "hepatic-vein" and own is not None else np.zeros((0, 3))
    box = mask.box
    start_lps_mm = np.concatenate([volume.grid.lps_from_kji.points(levels.seed_kji)[None], mine])
    split = None if other is None else own_part(mask, likelihood(seen, box), start_lps_mm, other)
    visible = smallest_visible_mm(volume.grid.spacing_kji_mm, levels.noise, levels.contrast)
    findings = [
        *_split_findings(name, other_name, other is None, split is not None),
        *visible_findings(levels, visible),
    ]
    mask = mask if split is None else split
    context.step(1.0, "Vessels found")
    return VesselLumen(
        kind,
        mask,
        likelihood(seen, mask.box),
        None,
        volume.grid.lps_from_kji.points(levels.seed_kji),
        levels.blood,
        levels.noise,
        visible,
        tuple(findings),
    )


def _against_liver(volume: Volume, levels: LumenLevels) -> LumenLevels:
    """The same blood against the parenchyma around it, which holds contrast medium in this phase."""
    centre = volume.grid.lps_from_kji.points(levels.seed_kji)
    values = np.asarray(volume.voxels[box_slices(ball_box(volume.grid, centre, _LIVER_MM))], dtype=np.float32)
    between = values[(values > levels.soft + 0.1 * levels.contrast) & (values < levels.blood - 0.25 * levels.contrast)]
    if between.size < 100:
        return levels
    # The commonest level, not the median: the cava and other veins lie in between too.
    edges = np.arange(float(between.min()), float(between.max()) + 2.0 * _BIN_HU, _BIN_HU)
    counts = np.convolve(np.histogram(between, edges)[0], np.ones(3), mode="same")
    at = int(np.argmax(counts))
    return replace(levels, soft=float(edges[at] + edges[at + 1]) / 2.0)


def own_part(
    mask: Mask,
    likely: NDArray[np.float32],
    mine_lps_mm: NDArray[np.float64],
    other_lps_mm: NDArray[np.float64],
) -> Mask | None:
    """What is nearer to own roots than to those of the other veins, through the middle of vessels.

    Parameters
    ----------
    mask
        Both trees.
    likely
        (k, j, i) of ``mask.box``: how much each voxel looks like lumen.
    mine_lps_mm, other_lps_mm
        (n, 3) points in the roots.

    Returns
    -------
    None when no root of the others, or none of one's own, lies in the mask.
    """
    from planner.imaging import path_kernels

    grid = mask.grid
    box = mask.box
    origin = np.asarray(box[0])
    allowed = mask.within(box)
    own, touched = _around(mask, mine_lps_mm) - origin, _around(mask, other_lps_mm) - origin
    if not len(own) or not len(touched):
        return None
    cost = (1.0 / (_LEAST_COST + likely)).astype(np.float32)
    plain = np.zeros_like(cost)
    spacing = np.asarray(grid.spacing_kji_mm)
    arrivals = []
    for places in _cores(allowed, own, touched, grid.spacing_kji_mm):
        arrived = np.full(cost.shape, np.inf, dtype=np.float32)
        before = np.full(cost.size, -1, dtype=np.int32)
        seeds = np.ravel_multi_index(tuple(places.T), cost.shape).astype(np.int64)
        path_kernels.cheapest(cost, plain, allowed, seeds, -1, spacing, arrived.reshape(-1), before)
        arrivals.append(arrived)
    return Mask.of(grid, allowed & (arrivals[0] <= arrivals[1]), box[0])


def _cores(
    allowed: NDArray[np.bool_],
    own: NDArray[np.intp],
    other: NDArray[np.intp],
    spacing: tuple[float, float, float],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(n, 3) voxels of both trees' wide parts, as far as they hang together without the other: their places to begin.

    What is thinner is taken away until the two no longer touch.
    """
    from scipy import ndimage

    depth = centre_distance_mm(~allowed, spacing)
    for thin in np.arange(1.0, _THICKEST_MM, _THINNER_BY) * min(spacing):
        parts, _ = ndimage.label(depth > thin)
        mine, theirs = (np.unique(parts[tuple(places.T)]) for places in (own, other))
        mine, theirs = mine[mine > 0], theirs[theirs > 0]
        if not mine.size or not theirs.size:
            break
        if not np.intersect1d(mine, theirs).size:
            return np.argwhere(np.isin(parts, mine)), np.argwhere(np.isin(parts, theirs))
    return own, other


def _around(mask: Mask, points_lps_mm: NDArray[np.float64]) -> NDArray[np.intp]:
    """(n, 3) voxels of the mask beside points."""
    found = [np.zeros((0, 3), dtype=np.intp)]
    for point in points_lps_mm:
        near = ball_box(mask.grid, point, _ROOT_MM)
        found.append(np.argwhere(mask.within(near)) + np.asarray(near[0]))
    return np.unique(np.concatenate(found), axis=0)


def _split_findings(name: str, other: str, unknown: bool, touching: bool) -> tuple[Finding, ...]:
    if unknown:
        text = f"The root of the {other} was not recognised: where the {name} touch them they were not told apart."
        return (Finding("veins-not-separated", Severity.WARN, text),)
    if touching:
        text = f"The {name} and the {other} touch in this image; they were parted where the way from either is equal."
        return (Finding("veins-parted", Severity.INFO, text),)
    return ()
