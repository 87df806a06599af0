"""What panes and panels share of needles: the one being placed or dragged, what was measured along it, its views.

Lengths are mm, angles degrees, points LPS mm. Nothing here measures: `NeedleKeeper` does, for the open case.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from planner.geometry import SlicePlane
from planner.imaging.masks import Mask
from planner.imaging.structures import spoken_name
from planner.model.items import Point
from planner.model.needle_items import NeedleMeasures, NeedlePathBody
from planner.units import shown
from viewers.state.marking import Mark
from viewers.state.signals import Signal, Value
from viewers.state.skin_map import SkinMap
from viewers.state.theme import BLOCK, INFO, QUIET, STALE, WARN, StateMark

NEEDLE_TOOL, TARGET_TOOL = "needle", "needle-target"
"""Keys of the tools that place an entry and a target."""
NEW_DIAMETER_MM = 1.5
"""Drawn while no device and no profile says how thick the next needle is."""

Standing = Literal["too-near", "near", "beyond", "not-checked", "absent"]
STANDINGS: Mapping[str, StateMark] = {
    "too-near": StateMark("■", "nearer than the hard limit", BLOCK),
    "near": StateMark("▲", "nearer than desired", WARN),
    "beyond": StateMark("●", "beyond the desired distance", INFO),
    "not-checked": StateMark("◆", "NOT CHECKED", STALE),
    "absent": StateMark("○", "absent, as a person confirmed", QUIET),
}
"""How the distance to a structure stands: by shape and word as well as colour."""

_END = Literal["entry", "tip"]
_SKIN_STEP_MM = 0.5
_SKIN_REACH_MM = 500.0


@dataclass(frozen=True, slots=True)
class Clearance:
    """The least distance from the shaft's outer wall to one structure.

    Attributes
    ----------
    mm, depth_mm
        None where it was not measured; depth below the skin.
    hard_mm, desired_mm
        The limits it is held against; None where the template names none.
    """

    structure: str
    mm: float | None
    depth_mm: float | None
    hard_mm: float | None
    desired_mm: float | None
    standing: Standing

    @property
    def name(self) -> str:
        return spoken_name(self.structure)

    @property
    def words(self) -> str:
        """``7.2 mm colon at 64 mm``, ``inside colon (-2.1 mm) at 64 mm``, ``NOT CHECKED: colon``."""
        if self.standing == "not-checked":
            return f"NOT CHECKED: {self.name}"
        if self.mm is None:
            return f"{self.name}: absent" if self.standing == "absent" else f"{self.name}: not measured"
        depth = "" if self.depth_mm is None else f" at {shown(self.depth_mm, 'mm', digits=0)}"
        if self.mm < 0.0:
            return f"inside {self.name} ({shown(self.mm, 'mm', digits=1)}){depth}"
        return f"{shown(self.mm, 'mm', digits=1)} {self.name}{depth}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known along one needle at this moment.

    Attributes
    ----------
    not_checked
        Required structures that are not segmented.
    rejected
        One sentence for each limit it breaks.
    stale
        Why the numbers no longer hold (the structures have changed since); empty while they do.
    """

    length_mm: float
    in_plane_deg: float | None = None
    out_of_plane_deg: float | None = None
    clearances: tuple[Clearance, ...] = ()
    not_checked: tuple[str, ...] = ()
    rejected: tuple[str, ...] = ()
    usable_length_mm: float | None = None
    organ_mm: float | None = None
    capsule_deg: float | None = None
    stale: str = ""

    @property
    def worst(self) -> Clearance | None:
        """The structure that leaves the least beyond its hard limit, or None when none was measured."""
        measured = [each for each in self.clearances if each.mm is not None]
        return min(measured, key=lambda each: (each.mm or 0.0) - (each.hard_mm or 0.0), default=None)

    @property
    def too_long(self) -> bool:
        return self.usable_length_mm is not None and self.length_mm > self.usable_length_mm

    def lines(self, *, short: bool = False) -> tuple[tuple[str, str], ...]:
        """Text and colour of what is written beside a needle: length and angles, the worst structure, what is missing.

        Short, for narrow panes: the worst structure, and how many were not looked at.

        The shape before a line says what its colour says.
        """
        found = [] if short else [(f"{shown(self.length_mm, 'mm', digits=0)}{angles_words(self)}", "")]
        if self.too_long:
            mark = STANDINGS["too-near"]
            found.append((f"{mark.shape} device reaches {shown(self.usable_length_mm, 'mm', digits=0)}", mark.colour))
        worst = self.worst
        if worst is not None:
            mark = STANDINGS[worst.standing]
            limit = "" if short else _limit_words(worst)
            found.append((f"{mark.shape} {worst.words}{limit}", mark.colour))
        if self.not_checked:
            mark = STANDINGS["not-checked"]
            names = f"{len(self.not_checked)} structures" if short else names_of(self.not_checked, most=3)
            found.append((f"{mark.shape} NOT CHECKED: {names}", mark.colour))
        if self.stale:
            found.append((f"{STANDINGS['not-checked'].shape} {self.stale}", STANDINGS["not-checked"].colour))
        return tuple(found)


def _limit_words(clearance: Clearance) -> str:
    if clearance.standing == "too-near" and clearance.hard_mm is not None:
        return f" (hard limit {shown(clearance.hard_mm, 'mm')})"
    if clearance.standing == "near" and clearance.desired_mm is not None:
        return f" (desired {shown(clearance.desired_mm, 'mm')})"
    return ""


def angles_words(reading: Reading) -> str:
    """`` · in 12° · out -5°``; nothing where the angles are not known."""
    if reading.in_plane_deg is None or reading.out_of_plane_deg is None:
        return ""
    return f" · in {reading.in_plane_deg:.0f}° · out {reading.out_of_plane_deg:.0f}°"


def names_of(keys: Sequence[str], *, most: int = 99) -> str:
    """``bowel, pleura and 2 more``."""
    names = [spoken_name(each) for each in keys]
    rest = len(names) - most
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:most])} and {rest} more"


def standing_of(mm: float | None, hard_mm: float | None, desired_mm: float | None) -> Standing:
    """How a measured distance stands to its limits; compared before anything is rounded."""
    if mm is None:
        return "not-checked"
    if hard_mm is not None and mm < hard_mm:
        return "too-near"
    return "near" if desired_mm is not None and mm < desired_mm else "beyond"


def reading_of(measured: NeedleMeasures, usable_length_mm: float | None = None, *, stale: str = "") -> Reading:
    """What is stored with a needle, as it is shown."""
    keys = dict.fromkeys((*measured.not_checked, *measured.clearances_mm, *measured.absent))
    return Reading(
        measured.length_mm,
        measured.in_plane_deg,
        measured.out_of_plane_deg,
        tuple(_clearance(measured, key) for key in keys),
        measured.not_checked,
        measured.rejected_because,
        usable_length_mm,
        measured.organ_mm,
        measured.capsule_deg,
        stale,
    )


def _clearance(measured: NeedleMeasures, key: str) -> Clearance:
    mm = measured.clearances_mm.get(key)
    hard, desired = measured.hard_mm.get(key), measured.desired_mm.get(key)
    standing = standing_of(mm, hard, desired)
    if key in measured.absent:
        standing = "absent"
    return Clearance(key, mm, measured.nearest_depth_mm.get(key), hard, desired, standing)


@dataclass(frozen=True, slots=True)
class NeedleShape:
    """A needle as panes draw it: a plan item, or one being placed or dragged.

    Attributes
    ----------
    item_id
        None for a needle that is not in the plan yet.
    series
        ``series_uid#part`` of the images it is placed on.
    region_id
        Of the region it aims at.
    parallel
        It was copied from another needle and stays parallel to it: every drag moves it as a whole.
    """

    frame_uid: str
    entry_lps_mm: Point
    tip_lps_mm: Point
    diameter_mm: float
    name: str = ""
    item_id: str | None = None
    locked: bool = False
    series: str | None = None
    region_id: str | None = None
    parallel: bool = False

    @property
    def length_mm(self) -> float:
        return float(np.linalg.norm(np.subtract(self.tip_lps_mm, self.entry_lps_mm)))

    @property
    def direction_lps(self) -> NDArray[np.float64]:
        """(3,) unit vector from the entry to the tip; towards the back for a needle without length."""
        along = np.subtract(self.tip_lps_mm, self.entry_lps_mm)
        length = float(np.linalg.norm(along))
        unit: NDArray[np.float64] = along / length if length > 1e-6 else np.array([0.0, 1.0, 0.0])
        return unit

    def at_depth(self, depth_mm: float) -> NDArray[np.float64]:
        """(3,) LPS mm of the point at a depth below the skin."""
        point: NDArray[np.float64] = np.asarray(self.entry_lps_mm) + depth_mm * self.direction_lps
        return point

    def moved(self, end: _END, point: Point) -> NeedleShape:
        return replace(self, entry_lps_mm=point) if end == "entry" else replace(self, tip_lps_mm=point)

    def shifted(self, by_mm: NDArray[np.float64]) -> NeedleShape:
        """Parallel to itself."""
        entry, tip = np.asarray(self.entry_lps_mm) + by_mm, np.asarray(self.tip_lps_mm) + by_mm
        return replace(self, entry_lps_mm=_point(entry), tip_lps_mm=_point(tip))


def shape_of(mark: Mark) -> NeedleShape | None:
    """The needle of a plan item; None for items of other types."""
    body = mark.body
    if not isinstance(body, NeedlePathBody):
        return None
    series = None if body.measured is None else body.measured.series
    return NeedleShape(
        mark.item.frame_uid,
        body.entry_lps_mm,
        body.tip_lps_mm,
        body.diameter_mm,
        mark.item.name,
        mark.id,
        body.locked,
        series,
        body.region_id,
        body.parallel_to is not None,
    )


def needles_of(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(mark for mark in marks if isinstance(mark.body, NeedlePathBody))


@dataclass(frozen=True, slots=True)
class NeedleTarget:
    """A target that was clicked and waits for its entry.

    Attributes
    ----------
    region_id
        The region it is the middle of, or None for a click.
    """

    frame_uid: str
    lps_mm: Point
    series: str
    region_id: str | None = None


@dataclass(frozen=True, eq=False, slots=True)
class Profile:
    """Distances along a needle.

    Attributes
    ----------
    depths_mm
        (n,) below the skin.
    distances_mm
        Structure -> (n,) from the shaft's outer wall.
    hard_mm
        Structure -> its hard limit.
    """

    depths_mm: NDArray[np.float64]
    distances_mm: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    hard_mm: Mapping[str, float] = field(default_factory=dict)
    not_checked: tuple[str, ...] = ()


class NeedleKeeper(Protocol):
    """Puts needles into the open case and measures them; each act is one step of undo and may answer a refusal."""

    def keep(self, shape: NeedleShape) -> str | None:
        """A needle was placed (no `item_id`) or dragged."""
        ...

    def lock(self, item_id: str, locked: bool) -> str | None: ...

    @property
    def diameter_mm(self) -> float:
        """Of the next needle."""
        ...


class NeedleDesk:
    """State of needles, shared by the panes of one window.

    Attributes
    ----------
    draft
        Being placed or dragged; None otherwise.
    live
        What is known along the draft, else along the selected needle.
    target
        Clicked, waiting for an entry.
    turn_deg
        How far the plane along the needle is turned about it.
    depth_mm
        Of the plane across it; None is the tip.
    probe_mm
        How deep the probe's eye is.
    skin_map, ranked
        Answer of the last search: the skin, and the entries of its best paths in their order.
    search_is_old
        Structures or limits are others than when that search was made.
    chosen
        Skin map cell or path that is looked at without being in the plan.
    stale
        Ids of needles whose numbers no longer hold.
    asked
        ``paths``: a person wants the paths searched.
    take_path
        Entry and tip of a path of the skin map that shall be in the plan.
    """

    def __init__(self) -> None:
        self.draft: Value[NeedleShape | None] = Value(None)
        self.live: Value[Reading | None] = Value(None)
        self.profile: Value[Profile | None] = Value(None)
        self.target: Value[NeedleTarget | None] = Value(None)
        self.turn_deg: Value[float] = Value(0.0)
        self.depth_mm: Value[float | None] = Value(None)
        self.probe_mm: Value[float] = Value(0.0)
        self.skin_map: Value[SkinMap | None] = Value(None)
        self.ranked: Value[tuple[Point, ...]] = Value(())
        self.search_is_old: Value[bool] = Value(False)
        self.chosen: Value[NeedleShape | None] = Value(None)
        self.stale: Value[frozenset[str]] = Value(frozenset())
        self.asked: Signal[[str]] = Signal()
        self.take_path: Signal[[Point, Point]] = Signal()
        self.keeper: NeedleKeeper | None = None

    def shown(self, marks: Sequence[Mark], selected_id: str | None) -> NeedleShape | None:
        """Whose planes are on show: the draft, a path looked at, the selected needle, else the last one of the plan."""
        if self.draft.value is not None:
            return self.draft.value
        if self.chosen.value is not None:
            return self.chosen.value
        needles = needles_of(marks)
        selected = next((mark for mark in needles if mark.id == selected_id), None)
        found = selected if selected is not None else needles[-1] if needles else None
        return None if found is None else shape_of(found)

    def depth_in(self, needle: NeedleShape) -> float:
        """The depth of the plane across a needle; never beyond 50 mm past the tip."""
        depth = self.depth_mm.value
        return needle.length_mm if depth is None else depth

    def move_depth(self, needle: NeedleShape, by_mm: float) -> None:
        wanted = self.depth_in(needle) + by_mm
        self.depth_mm.set(min(max(wanted, -BEYOND_MM), needle.length_mm + BEYOND_MM))

    def move_probe(self, needle: NeedleShape, by_mm: float) -> None:
        self.probe_mm.set(min(max(self.probe_mm.value + by_mm, 0.0), needle.length_mm))

    def turn(self, by_deg: float) -> None:
        self.turn_deg.set((self.turn_deg.value + by_deg + 180.0) % 360.0 - 180.0)

    def reset_views(self) -> None:
        self.turn_deg.set(0.0)
        self.depth_mm.set(None)
        self.probe_mm.set(0.0)

    def forget(self) -> None:
        """Another case: nothing of the one before stays."""
        for value in (self.draft, self.live, self.profile, self.target, self.skin_map, self.chosen):
            value.set(None)
        self.ranked.set(())
        self.stale.set(frozenset())
        self.search_is_old.set(False)
        self.reset_views()
        self.keeper = None


BEYOND_MM = 50.0
"""So far past either end the plane across a needle may be moved."""


def plane_along(needle: NeedleShape, turn_deg: float) -> SlicePlane:
    """A plane that contains the needle; unturned it is the one nearest to an axial plane, seen as an axial one."""
    along = needle.direction_lps
    normal = _across(along, (0.0, 0.0, 1.0), (0.0, -1.0, 0.0))
    right = _across(normal, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    down = np.cross(normal, right)
    middle = (np.asarray(needle.entry_lps_mm) + np.asarray(needle.tip_lps_mm)) / 2.0
    return SlicePlane(middle, right, down).rotated(along, turn_deg)


def plane_across(needle: NeedleShape, depth_mm: float) -> SlicePlane:
    """Perpendicular to the needle, seen from its hub."""
    along = needle.direction_lps
    right = _across(along, (1.0, 0.0, 0.0), (0.0, 0.0, -1.0))
    return SlicePlane(needle.at_depth(depth_mm), right, np.cross(along, right))


def _across(axis: NDArray[np.float64], wanted: Point, instead: Point) -> NDArray[np.float64]:
    """The direction nearest to `wanted` that is perpendicular to an axis; to `instead` where they run along."""
    for each in (wanted, instead):
        left = np.asarray(each) - float(np.asarray(each) @ axis) * axis
        length = float(np.linalg.norm(left))
        if length > 0.05:
            unit: NDArray[np.float64] = left / length
            return unit
    return np.array([0.0, 0.0, 1.0])


def skin_entry(target_lps_mm: Point, towards_lps_mm: Point, skin: Mask) -> Point | None:
    """Where the ray from a target through a point leaves the body, to half a millimetre; None when it never does.

    The last crossing counts: an arm or a fold in between belongs to the way.
    """
    start = np.asarray(target_lps_mm, dtype=np.float64)
    along = np.asarray(towards_lps_mm, dtype=np.float64) - start
    length = float(np.linalg.norm(along))
    if length < 1e-6 or skin.is_empty:
        return None
    steps = np.arange(0.0, _SKIN_REACH_MM, _SKIN_STEP_MM)
    points = start + steps[:, None] * (along / length)
    inside = np.flatnonzero(_inside(skin, points))
    if not inside.size or inside[-1] + 1 >= len(steps):
        return None
    return _point(points[inside[-1]] + _SKIN_STEP_MM / 2.0 * along / length)


def _inside(mask: Mask, points_lps_mm: NDArray[np.float64]) -> NDArray[np.bool_]:
    """(n,) whether the voxel of each point is set."""
    index = np.rint(mask.grid.kji_from_lps.points(points_lps_mm)).astype(np.int64)
    low, high = np.asarray(mask.box[0]), np.asarray(mask.box[1])
    within = np.all((index >= low) & (index < high), axis=1)
    found = np.zeros(len(index), dtype=np.bool_)
    k, j, i = (index[within] - low).T
    found[within] = mask.voxels[k, j, i]
    return found


def _point(lps_mm: NDArray[np.float64]) -> Point:
    x, y, z = (float(value) for value in lps_mm)
    return x, y, z
