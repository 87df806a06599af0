"""Arteries from outside the liver to look for, because of where a tumour lies (``resources/outside_supply.toml``).

The liver's mask alone says where its surface looks and where the tumour touches it. Masks of neighbours (gallbladder,
right kidney, adrenal gland, colon, stomach) make it sharper; which were not at hand is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.catalogues import catalogue
from planner.clinical.constants import TAG_ORDER
from planner.errors import FrameMismatch, InputRefused
from planner.imaging.masks import Mask, padded_box
from planner.imaging.resampling import resampled_mask
from planner.imaging.structures import spoken_name
from planner.imaging.surfaces import distance_field
from planner.model.vessel_items import OutsideSupply
from planner.planning.arteries import arteries
from planner.planning.feeders_field import LesionField
from planner.units import shown

Floats = NDArray[np.float64]

FILE = "outside_supply.toml"
FACINGS = {
    "right": (-1.0, 0.0, 0.0),
    "left": (1.0, 0.0, 0.0),
    "anterior": (0.0, -1.0, 0.0),
    "posterior": (0.0, 1.0, 0.0),
    "caudal": (0.0, 0.0, -1.0),
    "cranial": (0.0, 0.0, 1.0),
}
"""Direction in LPS that a surface looks in."""
_BEYOND_MM = 5.0
_LOOKS = 0.6
"""Least cosine between a surface's normal and a direction for it to look there: within 53 degrees, so that every
surface looks in one direction at least, and an oblique one in two."""


@dataclass(frozen=True, slots=True)
class OutsideRule:
    """A row of the file; see its head."""

    artery: str
    facing: tuple[str, ...]
    text: str
    source: str
    tag: str
    right_left: tuple[float, float] = (0.0, 1.0)
    low_high: tuple[float, float] = (0.0, 1.0)
    near: str | None = None
    near_mm: float | None = None


@dataclass(frozen=True, slots=True)
class OutsideLimit:
    """A number of the file, with its source."""

    id: str
    value: float
    text: str
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class OutsideRules:
    """The parsed file."""

    rules: tuple[OutsideRule, ...]
    limits: Mapping[str, OutsideLimit]


@dataclass(frozen=True, slots=True)
class OutsideSearch:
    """What to look for, and what was not known.

    Attributes
    ----------
    facing
        Directions in which the touched part of the liver's surface looks; empty for a tumour that lies deep.
    depth_mm
        Between the tumour and the liver's surface; 0 where it reaches it, None where it lies deep.
    not_known
        One sentence each.
    """

    candidates: tuple[OutsideSupply, ...]
    facing: tuple[str, ...]
    depth_mm: float | None
    not_known: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Touch:
    """The part of the tumour near the surface: share that looks in each direction, and its place in the liver's box."""

    shares: Mapping[str, float]
    right_left: Floats
    low_high: Floats


def outside_rules_from(data: Mapping[str, Any], place: str) -> OutsideRules:
    """The rules of a parsed file.

    Raises
    ------
    InputRefused
        ``bad-rule-row`` with one sentence for each row without a source, tag, known artery or known direction.
    """
    faults: list[str] = []
    rules = [_rule(row, place, faults) for row in data.get("rule", [])]
    limits = [_limit(row, place, faults) for row in data.get("limit", [])]
    if faults:
        raise InputRefused("bad-rule-row", " ".join(faults), subject=place)
    return OutsideRules(
        tuple(each for each in rules if each is not None), {each.id: each for each in limits if each is not None}
    )


@cache
def outside_rules() -> OutsideRules:
    """The rules that come with the program."""
    return outside_rules_from(catalogue(FILE), FILE)


def outside_supply(
    lesion: Mask,
    organ: Mask,
    structures: Mapping[str, Mask] | None = None,
    *,
    diameter_mm: float | None = None,
    earlier_treatments: int | None = None,
    rules: OutsideRules | None = None,
) -> OutsideSearch:
    """Arteries from outside to look for.

    Parameters
    ----------
    organ
        The whole liver, with or without the tumour.
    structures
        Masks by key of ``resources/structures.toml``.
    diameter_mm
        Longest diameter of the tumour, and `earlier_treatments` through the hepatic artery; None is unknown.

    Raises
    ------
    InputRefused
        ``empty-mask``, ``mask-outside``.
    FrameMismatch
        For masks of different frames of reference.
    """
    given = rules or outside_rules()
    masks = dict(structures or {})
    if lesion.is_empty or organ.is_empty:
        raise InputRefused("empty-mask", "The lesion or the liver holds no voxel; mark it first.")
    if any(each.grid.frame_uid != lesion.grid.frame_uid for each in (organ, *masks.values())):
        raise FrameMismatch(
            "mixed-frames", "Lesion, liver and its neighbours lie in different frames; link them first."
        )
    depth, touch = _touching(lesion, organ, given.limits["touch_mm"].value)
    not_known = list(_not_known(given, masks, diameter_mm, earlier_treatments))
    if touch is None:
        return OutsideSearch((), (), depth, tuple(not_known))
    least = given.limits["facing_share"].value
    facing = tuple(key for key, share in touch.shares.items() if share >= least)
    near = _distances(lesion, given.rules, masks)
    more = _more(given, diameter_mm, earlier_treatments)
    found = []
    for rule in given.rules:
        reason = _reason(rule, touch, facing, near)
        if reason is not None:
            found.append(OutsideSupply(rule.artery, f"{reason}{more}.", rule.source, rule.tag))
    return OutsideSearch(tuple(found), facing, depth, tuple(not_known))


def _touching(lesion: Mask, organ: Mask, touch_mm: float) -> tuple[float | None, _Touch | None]:
    """How deep the lesion lies, and its part near the surface of the liver that includes it."""
    own = lesion if lesion.grid.same_as(organ.grid) else resampled_mask(lesion, organ.grid)
    if own.is_empty:
        text = "The lesion lies outside the image of the liver's mask; check that they belong together."
        raise InputRefused("mask-outside", text)
    from scipy.ndimage import binary_fill_holes

    grid = organ.grid
    box = padded_box(own.box, touch_mm + _BEYOND_MM, grid)
    # Vessels and the tumour itself are often left out of a liver's mask; such holes have no outer surface.
    whole = Mask.of(grid, np.asarray(binary_fill_holes(organ.within(box) | own.within(box)), dtype=np.bool_), box[0])
    values = distance_field(whole, box).astype(np.float64)
    inside = own.within(box)
    near = inside & (values >= -touch_mm)
    if not near.any():
        return None, None
    depth = max(0.0, -float(values[inside].max()))
    slopes = np.gradient(values, *grid.spacing_kji_mm)
    steps = grid.lps_from_kji.homogeneous[:3, :3]
    units = steps / np.linalg.norm(steps, axis=0)
    normals = sum(slope[near][:, None] * units[:, axis] for axis, slope in enumerate(slopes))
    normals = np.asarray(normals) / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    shares = {key: float(np.mean(normals @ np.asarray(way) >= _LOOKS)) for key, way in FACINGS.items()}
    places = grid.lps_from_kji.points(np.argwhere(near) + np.asarray(box[0]))
    low, high = _extent(organ)
    share = (places - low) / np.maximum(high - low, 1e-9)
    return depth, _Touch(shares, share[:, 0], share[:, 2])


def _extent(organ: Mask) -> tuple[Floats, Floats]:
    """Lowest and highest LPS coordinates of the organ's box."""
    ends = [np.asarray(organ.box[0]), np.asarray(organ.box[1]) - 1]
    corners = [[ends[bit >> axis & 1][axis] for axis in range(3)] for bit in range(8)]
    places = organ.grid.lps_from_kji.points(np.array(corners, dtype=np.float64))
    return places.min(axis=0), places.max(axis=0)


def _distances(lesion: Mask, rules: Sequence[OutsideRule], masks: Mapping[str, Mask]) -> dict[str, float]:
    """Structure -> least distance of its voxels from the lesion's surface, mm."""
    named = {rule.near for rule in rules if rule.near is not None} & set(masks)
    field = LesionField.of(lesion, 20.0) if named else None
    found: dict[str, float] = {}
    for key in named:
        places = np.argwhere(masks[key].voxels)
        if field is not None and len(places):
            points = masks[key].grid.lps_from_kji.points(places + np.asarray(masks[key].box[0]))
            found[key] = max(0.0, float(field.at(points).min()))
    return found


def _reason(rule: OutsideRule, touch: _Touch, facing: Sequence[str], near: Mapping[str, float]) -> str | None:
    """Why an artery is to be looked for; None when nothing speaks for it."""
    if rule.near is not None and rule.near_mm is not None and rule.near in near:
        gap = near[rule.near]
        if gap > rule.near_mm:
            return None
        return f"The tumour lies {shown(gap, 'mm', digits=0)} from the {spoken_name(rule.near)}"
    if not set(rule.facing) & set(facing):
        return None
    here = (touch.right_left >= rule.right_left[0]) & (touch.right_left <= rule.right_left[1])
    here &= (touch.low_high >= rule.low_high[0]) & (touch.low_high <= rule.low_high[1])
    return f"The tumour {rule.text}" if bool(here.any()) else None


def _more(given: OutsideRules, diameter_mm: float | None, earlier: int | None) -> str:
    """What makes it likelier: size and earlier treatments."""
    said = []
    large, before = given.limits["large_mm"], given.limits["earlier_treatments"]
    if diameter_mm is not None and diameter_mm >= large.value:
        said.append(f"{shown(diameter_mm, 'mm', digits=0)} wide, {large.text} [{large.source}]")
    if earlier is not None and earlier >= before.value:
        said.append(f"{earlier} earlier treatments, {before.text} [{before.source}]")
    return "".join(f"; {each}" for each in said)


def _not_known(
    given: OutsideRules, masks: Mapping[str, Mask], diameter_mm: float | None, earlier: int | None
) -> list[str]:
    wanted = dict.fromkeys(rule.near for rule in given.rules if rule.near is not None)
    absent = [spoken_name(key) for key in wanted if key not in masks or masks[key].is_empty]
    said = []
    if absent:
        said.append(f"NOT CHECKED: no mask of {', '.join(absent)}; judged by the liver's surface alone.")
    if diameter_mm is None:
        said.append("NOT CHECKED: the tumour's size is not known.")
    if earlier is None:
        said.append("NOT CHECKED: the number of earlier treatments through the hepatic artery is not known.")
    return said


def _rule(row: Any, place: str, faults: list[str]) -> OutsideRule | None:
    if not _sourced(row, f"A rule of {place} ({row.get('artery')})", faults):
        return None
    if row.get("artery") not in arteries():
        faults.append(f"{place} names the unknown artery {row.get('artery')!r}.")
    facing = row.get("facing")
    if not isinstance(facing, list) or not facing or set(facing) - set(FACINGS):
        faults.append(f"The rule of {row.get('artery')} in {place} needs directions out of {', '.join(FACINGS)}.")
        return None
    ranges = {key: _range(row.get(key, [0.0, 1.0]), key, place, faults) for key in ("right_left", "low_high")}
    near_mm = row.get("near_mm")
    return OutsideRule(
        str(row.get("artery")),
        tuple(facing),
        str(row.get("text", "")),
        row["source"],
        row["tag"],
        ranges["right_left"],
        ranges["low_high"],
        row.get("near"),
        None if near_mm is None else float(near_mm),
    )


def _limit(row: Any, place: str, faults: list[str]) -> OutsideLimit | None:
    if not _sourced(row, f"A limit of {place} ({row.get('id')})", faults):
        return None
    return OutsideLimit(str(row.get("id")), float(row["value"]), str(row.get("text", "")), row["source"], row["tag"])


def _sourced(row: Any, name: str, faults: list[str]) -> bool:
    before = len(faults)
    if not isinstance(row.get("source"), str) or not row["source"].strip():
        faults.append(f"{name} names no source.")
    if row.get("tag") not in TAG_ORDER:
        faults.append(f"{name} has no known evidence tag.")
    return len(faults) == before


def _range(given: Any, key: str, place: str, faults: list[str]) -> tuple[float, float]:
    if isinstance(given, list) and len(given) == 2 and all(isinstance(each, (int, float)) for each in given):
        low, high = float(given[0]), float(given[1])
        if 0.0 <= low < high <= 1.0:
            return low, high
    faults.append(f"{place} needs two growing shares from 0 to 1 for {key}, not {given!r}.")
    return 0.0, 1.0
