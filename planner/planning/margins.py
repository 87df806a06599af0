"""The margin of a target: signed distance from its surface to the surface of the zone.

Positive where the zone reaches beyond the target, negative where target is left. It is measured at every vertex of the
target's sub-voxel surface, each weighted by the area it stands for, to the exact surface of planned ellipsoids or to
the sub-voxel surface of a zone's mask. Signed surface distances and the subcapsular rule follow Sandu, Front Oncol
2021;11:623098 (rule notes R14, published-numbers.md N4).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from planner.errors import InputRefused
from planner.geometry import SpaceMap
from planner.imaging.masks import Mask, clipped_box, is_empty
from planner.imaging.surfaces import signed_distance_mm
from planner.model.needle_items import MarginNumbers
from planner.planning.target_surface import TargetSurface
from planner.planning.target_volume import TargetVolume
from planner.planning.zone_surface import ZoneSurface
from planner.planning.zones import Zone

Floats = NDArray[np.float64]

BINS_MM = (0.0, 5.0, 10.0)
"""Edges of the shares of the surface, as the command line's contract and rule notes R14 have them."""
BINS = ("lt_0", "0_5", "5_10", "ge_10")
_PERCENTILE = 0.05


@dataclass(frozen=True, eq=False)
class Subcapsular:
    """The margin without the surface near the organ's capsule.

    Attributes
    ----------
    numbers
        None when the whole surface lies near the capsule.
    near
        (n,) which vertices were left out.
    """

    excluded_fraction: float
    numbers: MarginNumbers | None
    near: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Margin:
    """A target against a zone.

    Attributes
    ----------
    target
        With positions, normals, areas and triangles of the vertices that `values_mm` (n,) belongs to.
    """

    target: TargetSurface
    values_mm: Floats
    numbers: MarginNumbers
    subcapsular: Subcapsular | None
    target_ml: float

    @property
    def minimum_at_lps_mm(self) -> tuple[float, float, float]:
        """The vertex with the least margin."""
        x, y, z = self.target.vertices_lps_mm[int(np.argmin(self.values_mm))]
        return float(x), float(y), float(z)


@dataclass(frozen=True, eq=False)
class Capsule:
    """Which part of a target's surface lies near the capsule of its organ.

    Attributes
    ----------
    distance_mm
        (n,) of the vertices to the organ's surface; `inf` where it is farther than was looked.
    exclusion_mm
        Nearer than this counts as near (R14: 5 mm).
    organ_holds_target
        False when less than half of the target lies in the organ's mask, which many automatic liver masks leave out:
        target and organ are united before the capsule is looked for.
    """

    distance_mm: Floats
    exclusion_mm: float
    organ_holds_target: bool

    @property
    def near(self) -> NDArray[np.bool_]:
        near: NDArray[np.bool_] = self.distance_mm <= self.exclusion_mm
        return near


def capsule_of(target: TargetSurface, organ: Mask, exclusion_mm: float) -> Capsule:
    """Look for the organ's capsule around a target. Cavities of the organ (vessels left out) are no capsule.

    Parameters
    ----------
    organ
        In any grid of the target's frame.

    Raises
    ------
    FrameMismatch
        ``mixed-frames``.
    InputRefused
        ``empty-mask``; ``mask-outside`` when no voxel of the organ lies near the target.
    """
    from scipy import ndimage

    target.same_frame(organ.grid.frame_uid)
    if organ.is_empty:
        raise InputRefused("empty-mask", "The mask of the organ holds no voxel; name another label for the capsule.")
    grid = organ.grid
    corners = grid.kji_from_lps.points(target.vertices_lps_mm)
    pad = np.ceil(exclusion_mm / np.asarray(grid.spacing_kji_mm)).astype(int) + 3
    low, high = np.floor(corners.min(axis=0)).astype(int) - pad, np.ceil(corners.max(axis=0)).astype(int) + pad + 1
    box = clipped_box(low, high, grid.size_kji)
    around = np.zeros((0, 0, 0), dtype=np.bool_) if is_empty(box) else organ.within(box)
    if not around.any():
        text = "No voxel of the organ lies near the target; name the mask of the organ that holds it."
        raise InputRefused("mask-outside", text)
    crop = grid.cropped(*box)
    kji = np.stack(np.meshgrid(*(np.arange(n) for n in crop.size_kji), indexing="ij"), axis=-1).reshape(-1, 3)
    own = (target.values_at(crop.lps_from_kji.points(kji)) < 0.0).reshape(around.shape)
    holds = bool(2 * int(np.count_nonzero(around & own)) >= int(np.count_nonzero(own)))
    whole = _without_cavities(around | own)
    field = signed_distance_mm(whole, grid.spacing_kji_mm)
    places = crop.kji_from_lps.points(target.vertices_lps_mm)
    distance = np.abs(ndimage.map_coordinates(field, places.T, order=1, mode="nearest").astype(np.float64))
    return Capsule(np.where(distance > 1e5, np.inf, distance), exclusion_mm, holds)


def _without_cavities(whole: NDArray[np.bool_]) -> NDArray[np.bool_]:
    from scipy import ndimage

    return np.asarray(ndimage.binary_fill_holes(whole), dtype=np.bool_)


def margin(
    target: TargetSurface,
    zone: Sequence[Zone] | TargetSurface,
    capsule: Capsule | None = None,
    *,
    zone_from_target: SpaceMap | None = None,
) -> Margin:
    """The margin of a target against planned zones or against the surface of a zone's mask.

    Parameters
    ----------
    zone
        Ellipsoids in the target's frame, or a surface built from a mask in any grid of it.
    zone_from_target
        Rigid map from the target's frame into that of a zone seen on other images; None for the same frame.

    Raises
    ------
    FrameMismatch
        ``mixed-frames``.
    InputRefused
        ``no-zone``.
    """
    session = MarginSession(target, capsule)
    if isinstance(zone, TargetSurface):
        return session.against(zone, zone_from_target)
    return session.update(zone)


class MarginSession:
    """Margins of one target against zones that move: what depends on the target alone is prepared once.

    Parameters
    ----------
    capsule
        None when no organ was given.
    """

    def __init__(self, target: TargetSurface, capsule: Capsule | None = None) -> None:
        self.target = target
        self.capsule = capsule
        self.target_ml = target.mask.volume_ml
        self._share = target.areas_mm2 / target.area_mm2

    @cached_property
    def volume(self) -> TargetVolume:
        return TargetVolume.of(self.target)

    def update(self, zones: Sequence[Zone]) -> Margin:
        """Against planned zones; fast enough for every step of a drag.

        Raises
        ------
        InputRefused
            ``no-zone``.
        """
        surface = ZoneSurface.of(zones)
        values = surface.depth_mm(self.target.vertices_lps_mm)
        return self._margin(values, self.volume.covered_by(surface), surface.volume_ml())

    def against(self, zone: TargetSurface, zone_from_target: SpaceMap | None = None) -> Margin:
        """Against the surface of a zone's mask; raises `FrameMismatch` as `margin`."""
        if zone_from_target is None:
            self.target.same_frame(zone.frame_uid)

        def placed(points: Floats) -> Floats:
            return points if zone_from_target is None else zone_from_target.points(points)

        values = -zone.signed_distance_mm(placed(self.target.vertices_lps_mm))
        covered = self.volume.covered_where(lambda points: zone.values_at(placed(points)))
        return self._margin(values, covered, zone.mask.volume_ml)

    def _margin(self, values: Floats, covered: float, zone_ml: float) -> Margin:
        numbers = _numbers(values, self._share, covered, self.target_ml, zone_ml)
        return Margin(self.target, values, numbers, self._subcapsular(values, covered, zone_ml), self.target_ml)

    def _subcapsular(self, values: Floats, covered: float, zone_ml: float) -> Subcapsular | None:
        if self.capsule is None:
            return None
        near = self.capsule.near
        excluded = float(self._share[near].sum())
        if near.all():
            return Subcapsular(1.0, None, near)
        kept = ~near
        share = self._share[kept] / self._share[kept].sum()
        return Subcapsular(excluded, _numbers(values[kept], share, covered, self.target_ml, zone_ml), near)


def _numbers(values: Floats, share: Floats, covered: float, target_ml: float, zone_ml: float) -> MarginNumbers:
    binned = np.bincount(np.searchsorted(BINS_MM, values, side="right"), share, minlength=len(BINS))
    return MarginNumbers(
        minimum_mm=float(values.min()),
        mean_mm=float(np.sum(values * share)),
        percentile_5_mm=_percentile(values, share, _PERCENTILE),
        covered_fraction=covered,
        uncovered_ml=(1.0 - covered) * target_ml,
        surface_fraction={name: float(part) for name, part in zip(BINS, binned, strict=True)},
        zone_ml=zone_ml,
    )


def _percentile(values: Floats, share: Floats, wanted: float) -> float:
    """The value below which `wanted` of the area lies, between the middles of the vertices' shares."""
    order = np.argsort(values, kind="stable")
    middles = np.cumsum(share[order]) - 0.5 * share[order]
    return float(np.interp(wanted, middles, values[order]))
