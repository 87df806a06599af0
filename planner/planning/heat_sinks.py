"""Vessels that may cool a thermal zone: how wide they are, and how near they lie to the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.clinical.constants import Overrides
from planner.clinical.registry import evaluate, rule
from planner.errors import FrameMismatch
from planner.findings import Finding
from planner.imaging.masks import Mask, ball_box, clipped_box, is_empty, union_box
from planner.imaging.surfaces import centre_distance_mm

Floats = NDArray[np.float64]

_AROUND_MM = 18.0
"""Vessel looked at beyond the distance that counts: wide enough to hold its whole width there."""
_FINER = 3


@dataclass(frozen=True, slots=True)
class HeatSink:
    """A vessel near a target.

    Attributes
    ----------
    diameter_mm
        Of its lumen where it comes nearest and is wide enough to count.
    distance_mm
        From the target's surface to the vessel's there; negative inside the target.
    lps_mm
        The place.
    """

    structure: str
    diameter_mm: float
    distance_mm: float
    lps_mm: tuple[float, float, float]
    finding: Finding


def local_diameter_mm(mask: Mask) -> Floats:
    """Diameter of a structure at each of its voxels, of the size of its box; 0 outside.

    Twice the depth of the nearest ridge of the distance from its surface: the width of the largest ball there. The
    mask is refined to a third of a voxel first, because the middle of a thin vessel lies between voxel centres; and
    half a voxel is added, by which that ball is narrower than a round vessel drawn in voxels (tubes of 2.4 to 8 mm).
    """
    from scipy import ndimage

    spacing = np.asarray(mask.grid.spacing_kji_mm)
    finer = np.maximum(1, np.rint(_FINER * spacing / spacing.min())).astype(int)
    soft = np.pad(mask.voxels, 1).astype(np.float32)
    bits = ndimage.zoom(soft, finer, order=1, grid_mode=True, mode="grid-constant") >= 0.5
    fine = tuple(float(each) for each in spacing / finer)
    depth = centre_distance_mm(~bits, (fine[0], fine[1], fine[2])) - np.float32(0.5 * min(fine))
    depth[~bits] = 0.0
    ridge = bits & (depth >= ndimage.maximum_filter(depth, size=3) - 1e-4)
    nearest = ndimage.distance_transform_edt(~ridge, sampling=fine, return_distances=False, return_indices=True)
    width = np.where(bits, 2.0 * depth[tuple(nearest)] + 0.5 * float(spacing.min()), 0.0)
    blocks = width.reshape([size for n, f in zip(soft.shape, finer, strict=True) for size in (n, f)])
    diameter = blocks.max(axis=(1, 3, 5))[1:-1, 1:-1, 1:-1]
    return np.asarray(np.where(mask.voxels, diameter, 0.0), dtype=np.float64)


def heat_sinks(
    vessels: Mapping[str, Mask], target: Mask, energy: str, *, overrides: Overrides | None = None
) -> tuple[HeatSink, ...]:
    """Vessels wide and near enough to cool a zone around a target, one place for each structure.

    Parameters
    ----------
    vessels
        Key of ``resources/structures.toml`` -> mask, on any grid of the target's frame.
    energy
        Of the applicator; irreversible electroporation is not thermal and has no heat sink.

    Raises
    ------
    FrameMismatch
        When a vessel lies in another frame of reference.
    """
    if energy == "ire" or target.is_empty:
        return ()
    changes = (overrides or {}).get("heat_sink", {})
    constants = rule("heat_sink").constants.replaced(changes)
    reach = constants.number("distance_at_most")
    found = []
    for key, mask in vessels.items():
        if mask.grid.frame_uid != target.grid.frame_uid:
            text = f"{key} lies in another frame of reference than the target; link the two studies first."
            raise FrameMismatch("mixed-frames", text, subject=key)
        near = _near(mask, target, reach + _AROUND_MM)
        place = None if near is None else _nearest_wide(near, target, constants.number("diameter_above"))
        if place is None:
            continue
        lps_mm, diameter, distance = place
        inputs = {"energy": energy, "vessel_diameter": diameter, "distance": distance}
        findings = evaluate("heat_sink", inputs, overrides=overrides).findings
        said = next((each for each in findings if each.code == "heat-sink"), None)
        if said is not None:
            found.append(HeatSink(key, diameter, distance, lps_mm, said))
    return tuple(sorted(found, key=lambda each: each.distance_mm))


def _near(mask: Mask, target: Mask, reach_mm: float) -> Mask | None:
    """The part of a vessel around the target."""
    if mask.is_empty:
        return None
    corners = np.argwhere(np.ones((2, 2, 2))) * (np.asarray(target.box[1]) - np.asarray(target.box[0]) - 1)
    places = target.grid.lps_from_kji.points(corners + np.asarray(target.box[0]))
    boxes = [ball_box(mask.grid, each, reach_mm) for each in places]
    low, high = union_box(boxes)
    box = clipped_box(np.maximum(low, mask.box[0]), np.minimum(high, mask.box[1]), mask.grid.size_kji)
    if is_empty(box):
        return None
    part = Mask.of(mask.grid, mask.within(box), box[0])
    return None if part.is_empty else part


def _nearest_wide(
    vessel: Mask, target: Mask, wider_than_mm: float
) -> tuple[tuple[float, float, float], float, float] | None:
    """The wide place of a vessel that lies nearest to the target: LPS mm, diameter and distance."""
    from scipy.spatial import cKDTree

    diameter = local_diameter_mm(vessel)
    wide = np.argwhere(diameter > wider_than_mm)
    if not len(wide):
        return None
    points = vessel.grid.lps_from_kji.points(wide + np.asarray(vessel.box[0]))
    kji = target.grid.kji_from_lps.points(points)
    inside = np.array([target.contains(each) for each in points]) if _boxes_meet(kji, target) else np.zeros(len(points))
    shell = target.grid.lps_from_kji.points(np.argwhere(target.voxels) + np.asarray(target.box[0]))
    gap, _ = cKDTree(shell).query(points)
    half = 0.5 * (float(np.mean(vessel.grid.spacing_kji_mm)) + float(np.mean(target.grid.spacing_kji_mm)))
    distance = np.where(inside.astype(bool), -half, np.maximum(np.asarray(gap) - half, 0.0))
    nearest = np.flatnonzero(distance <= distance.min() + 1e-9)
    at = int(nearest[np.argmax(diameter[tuple(wide[nearest].T)])])
    x, y, z = (float(value) for value in points[at])
    return (x, y, z), float(diameter[tuple(wide[at])]), float(distance[at])


def _boxes_meet(kji: Floats, target: Mask) -> bool:
    low, high = np.asarray(target.box[0]) - 0.5, np.asarray(target.box[1]) - 0.5
    return bool(np.any(np.all((kji >= low) & (kji <= high), axis=1)))
