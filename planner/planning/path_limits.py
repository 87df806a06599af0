"""What is measured on each candidate path, which limits it breaks, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry.patient_positions import PatientPosition
from planner.imaging.bands import in_bands
from planner.imaging.masks import Mask
from planner.model.needle_rules import SourcedLimit
from planner.planning.needles import above_horizontal_deg, in_plane_deg, out_of_plane_deg
from planner.planning.obstacles import DistanceField, Obstacles, bounds_around
from planner.planning.path_target import Target
from planner.units import shown

Floats = NDArray[np.float64]

LENGTH, OUT_OF_PLANE, HORIZONTAL, GANTRY, CAPSULE, ORGAN, OUTSIDE, AGAIN = range(8)
GENERAL = ("length", "out_of_plane", "below_horizontal", "gantry", "capsule", "organ", "outside_body", "body_again")
"""Names of the limits that concern no structure, in the order of their bits; structures follow from bit 8."""
FIRST_STRUCTURE = len(GENERAL)
MOST_STRUCTURES = 63 - FIRST_STRUCTURE

STEP_SHARE = 0.5
"""The body is walked through in steps of this share of its finest voxel edge."""
GAP_VOXELS = 2.0
"""A stretch outside the body (or inside it again) counts from this many voxel diagonals: less is the staircase of a
skin that the needle grazes."""
ORGAN_STEP_MM = 0.5
NORMAL_REACH_VOXELS = 2.0
"""The normal of a capsule is read over this many of its longest voxel edges to both sides, across their staircase."""


@dataclass(frozen=True, eq=False, slots=True)
class Setting:
    """Everything a candidate is judged by.

    Attributes
    ----------
    diameter_mm
        Of the shaft.
    usable_length_mm
        Of the device; None does not limit.
    limits
        `planner.model.needle_rules.LIMITS`; absent ones do not limit.
    body
        The whole body; None leaves the skin unlooked at (a needle placed by hand where no skin is segmented).
    organ
        That holds the target; None leaves capsule and organ length unmeasured.
    gantry_centre_lps_mm
        A point of the gantry's axis; None leaves the gantry unchecked.
    organ_field, target_field
        Prepared ones, for a needle that is dragged; else they are computed where they are needed.
    """

    target: Target
    obstacles: Obstacles
    diameter_mm: float
    position: PatientPosition
    limits: Mapping[str, SourcedLimit]
    usable_length_mm: float | None = None
    body: Mask | None = None
    organ: Mask | None = None
    gantry_centre_lps_mm: Floats | None = None
    organ_field: DistanceField | None = None
    target_field: DistanceField | None = None

    def limit(self, name: str) -> float | None:
        found = self.limits.get(name)
        return None if found is None else found.value


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """Candidates, measured. Arrays have one row per candidate; structures are columns in the order of the obstacles.

    Attributes
    ----------
    hub_lps
        (n, 3) unit directions from tip to entry.
    clearance_mm, depth_mm
        (n, structures): from the outer wall of the shaft, and where.
    organ_mm, capsule_deg
        NaN where nothing was measured.
    gantry_mm
        From the hub outside the skin to the gantry's axis, NaN where unchecked.
    broken
        Bit b is set for each limit broken (`GENERAL`, then structures).
    subcapsular
        Whether the target lies near enough to the capsule for the length of organ to count; None is unknown.
    """

    entry_lps_mm: Floats
    hub_lps: Floats
    length_mm: Floats
    in_plane_deg: Floats
    out_of_plane_deg: Floats
    above_horizontal_deg: Floats
    clearance_mm: Floats
    depth_mm: Floats
    organ_mm: Floats
    capsule_deg: Floats
    gantry_mm: Floats
    outside_mm: Floats
    again_mm: Floats
    broken: NDArray[np.uint64]
    subcapsular: bool | None

    def __len__(self) -> int:
        return len(self.length_mm)


def measured(setting: Setting, entries_lps_mm: Floats) -> Measured:
    """Measure candidate entries for the setting's target: every one in full, whatever it breaks."""
    entries = np.ascontiguousarray(entries_lps_mm, dtype=np.float64)
    tips = np.tile(setting.target.point_lps_mm, (len(entries), 1))
    length = np.linalg.norm(entries - tips, axis=1)
    hub = (entries - tips) / np.maximum(length, 1e-9)[:, None]
    clearance = np.empty((len(entries), len(setting.obstacles.items)))
    depth = np.empty_like(clearance)
    for column, field in enumerate(setting.obstacles.fields):
        clearance[:, column], depth[:, column] = field.least_along(entries, tips)
    organ_mm, capsule, subcapsular = _organ(setting, entries, tips)
    outside, again = _outside(setting, entries, tips, length)
    found = Measured(
        entries, hub, length,
        in_plane_deg(hub, setting.position), out_of_plane_deg(hub), above_horizontal_deg(hub, setting.position),
        clearance - setting.diameter_mm / 2.0, depth, organ_mm, capsule, _gantry(setting, entries, hub, length),
        outside, again, np.zeros(len(entries), dtype=np.uint64), subcapsular,
    )  # fmt: skip
    for bit, mask in broken_limits(setting, found):
        found.broken[mask] |= np.uint64(1 << bit)
    return found


def broken_limits(setting: Setting, found: Measured) -> list[tuple[int, NDArray[np.bool_]]]:
    """Which candidates break which limit; limits that are not given break nothing."""
    broken: list[tuple[int, NDArray[np.bool_]]] = []

    def beyond(bit: int, limit: float | None, values: Floats, *, least: bool = False) -> None:
        if limit is not None:
            broken.append((bit, values < limit if least else values > limit))

    beyond(LENGTH, setting.usable_length_mm, found.length_mm)
    beyond(OUT_OF_PLANE, setting.limit("out_of_plane_deg"), np.abs(found.out_of_plane_deg))
    below = setting.limit("below_horizontal_deg")
    beyond(HORIZONTAL, None if below is None else -below, found.above_horizontal_deg, least=True)
    beyond(GANTRY, gantry_room_mm(setting), found.gantry_mm)
    beyond(CAPSULE, setting.limit("capsule_deg"), found.capsule_deg)
    if found.subcapsular:
        beyond(ORGAN, setting.limit("organ_before_subcapsular_mm"), found.organ_mm, least=True)
    if setting.body is not None:
        gap = gap_mm(setting.body)
        beyond(OUTSIDE, gap, found.outside_mm)
        beyond(AGAIN, gap, found.again_mm)
    for column, item in enumerate(setting.obstacles.items):
        beyond(FIRST_STRUCTURE + column, item.hard_mm, found.clearance_mm[:, column], least=True)
    return broken


def gap_mm(body: Mask) -> float:
    return GAP_VOXELS * float(np.linalg.norm(body.grid.spacing_kji_mm))


def gantry_room_mm(setting: Setting) -> float | None:
    """How far from the gantry's axis the hub may lie; None when the template says nothing."""
    radius, clearance = setting.limit("gantry_radius_mm"), setting.limit("gantry_clearance_mm")
    return None if radius is None else radius - (clearance or 0.0)


def _gantry(setting: Setting, entries: Floats, hub: Floats, length: Floats) -> Floats:
    """The end of the device that stays outside the skin, from the gantry's axis (along z)."""
    centre, usable = setting.gantry_centre_lps_mm, setting.usable_length_mm
    if centre is None or usable is None:
        return np.full(len(entries), np.nan)
    end = entries + hub * np.maximum(0.0, usable - length)[:, None] - centre
    away: Floats = np.hypot(end[:, 0], end[:, 1])
    return away


def _outside(setting: Setting, entries: Floats, tips: Floats, length: Floats) -> tuple[Floats, Floats]:
    outside, again = np.zeros(len(entries)), np.zeros(len(entries))
    if setting.body is None:
        return outside, again
    from planner.planning import needle_kernels as kernels

    body = setting.body
    bits = np.ascontiguousarray(body.voxels).view(np.uint8)
    placed: NDArray[Any] = body.grid.kji_from_lps.homogeneous[:3].copy()
    placed[:, 3] -= np.asarray(body.box[0])
    step = STEP_SHARE * min(body.grid.spacing_kji_mm)
    room = np.zeros(len(entries))
    if setting.usable_length_mm is not None:
        room = np.maximum(0.0, setting.usable_length_mm - length)

    def walk(first: int, last: int) -> None:
        kernels.outside_stretches(bits, placed, step, room, entries, tips, outside, again, first, last)

    in_bands(len(entries), walk, least_rows=64)
    return outside, again


def _organ(setting: Setting, entries: Floats, tips: Floats) -> tuple[Floats, Floats, bool | None]:
    unknown = np.full(len(entries), np.nan)
    if setting.organ is None or not len(entries):
        return unknown, unknown, None
    from planner.planning import needle_kernels as kernels

    ends = np.concatenate([entries, tips[:1]])
    organ = organ_field(setting.organ, setting.organ_field, ends)
    mask = setting.target.mask
    target = None if mask is None else organ_field(mask, setting.target_field, ends)
    # A bare point is a target that the needle is never inside of.
    values = np.full((2, 2, 2), 1.0, dtype=np.float32) if target is None else target.values
    placed = np.zeros((3, 4)) if target is None else target.node_from_lps
    reach = NORMAL_REACH_VOXELS * max(setting.organ.grid.spacing_kji_mm)
    organ_mm, capsule = np.empty(len(entries)), np.empty(len(entries))

    def walk(first: int, last: int) -> None:
        kernels.organ_before_target(
            organ.values, organ.node_from_lps, values, placed, ORGAN_STEP_MM, reach,
            entries, tips, organ_mm, capsule, first, last,
        )  # fmt: skip

    in_bands(len(entries), walk, least_rows=64)
    return organ_mm, capsule, _subcapsular(setting, organ)


def organ_field(mask: Mask, known: DistanceField | None, points_lps_mm: Floats) -> DistanceField:
    """The field of an organ around points, with room for the capsule's normal; the known one where it reaches."""
    bounds = bounds_around(points_lps_mm, NORMAL_REACH_VOXELS * max(mask.grid.spacing_kji_mm))
    return known if known is not None and known.covers(bounds) else DistanceField.of(mask, bounds)


def _subcapsular(setting: Setting, organ: DistanceField) -> bool | None:
    limit, target = setting.limit("subcapsular_mm"), setting.target
    if limit is None:
        return None
    points = target.point_lps_mm[None, :]
    if target.mask is not None:
        centres = np.argwhere(target.mask.voxels) + np.asarray(target.mask.box[0])
        points = target.mask.grid.lps_from_kji.points(centres)
    covered = points[np.all((points >= organ.bounds_lps_mm[0]) & (points <= organ.bounds_lps_mm[1]), axis=1)]
    return bool(organ.at(covered).max() >= -limit) if len(covered) else None


def sentences(setting: Setting, found: Measured, row: int) -> tuple[str, ...]:
    """One sentence for each limit that a candidate breaks, structures first, the worst violation first."""
    broken = int(found.broken[row])
    structures = [
        (float(found.clearance_mm[row, column]) - item.hard_mm, structure_sentence(found, row, column, item.spoken))
        for column, item in enumerate(setting.obstacles.items)
        if broken >> (FIRST_STRUCTURE + column) & 1
    ]
    general = [_general(setting, found, row, bit) for bit in range(FIRST_STRUCTURE) if broken >> bit & 1]
    return (*(text for _, text in sorted(structures)), *general)


def structure_sentence(found: Measured, row: int, column: int, name: str) -> str:
    """``7.2 mm from the colon at 64 mm depth``."""
    clearance, depth = float(found.clearance_mm[row, column]), shown(float(found.depth_mm[row, column]), "mm", digits=0)
    if clearance >= 0.0:
        return f"{shown(clearance, 'mm', digits=1)} from the {name} at {depth} depth"
    return f"through the {name} (by {shown(-clearance, 'mm', digits=1)}) at {depth} depth"


def _general(setting: Setting, found: Measured, row: int, bit: int) -> str:
    def both(values: Floats, limit: float | None, unit: str) -> tuple[str, str]:
        return shown(float(abs(values[row])), unit, digits=0), shown(limit, unit, digits=0)

    if bit == LENGTH:
        value, limit = both(found.length_mm, setting.usable_length_mm, "mm")
        return f"{value} long, the device reaches {limit}"
    if bit == OUT_OF_PLANE:
        value, limit = both(found.out_of_plane_deg, setting.limit("out_of_plane_deg"), "deg")
        return f"{value} out of the axial plane, at most {limit}"
    if bit == HORIZONTAL:
        value, limit = both(found.above_horizontal_deg, setting.limit("below_horizontal_deg"), "deg")
        return f"{value} from below the horizontal, at most {limit}: the table is in the way"
    if bit == GANTRY:
        value, limit = both(found.gantry_mm, gantry_room_mm(setting), "mm")
        return f"the hub stands {value} from the gantry's axis, room for {limit}"
    if bit == CAPSULE:
        value, limit = both(found.capsule_deg, setting.limit("capsule_deg"), "deg")
        return f"{value} from the normal of the capsule, at most {limit}"
    if bit == ORGAN:
        value, limit = both(found.organ_mm, setting.limit("organ_before_subcapsular_mm"), "mm")
        return f"{value} of organ before the subcapsular target, at least {limit}"
    if bit == OUTSIDE:
        return f"leaves the body for {shown(float(found.outside_mm[row]), 'mm', digits=0)} on its way"
    return f"another part of the body ({shown(float(found.again_mm[row]), 'mm', digits=0)}) lies before the entry"
