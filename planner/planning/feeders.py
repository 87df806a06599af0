"""Which arteries of a tree supply a lesion, and which merely pass by.

An end supplies the lesion when its centreline crosses the sub-voxel surface and ends inside, or ends near it, heads for
it, and the image shows how it goes on. The feeder is then the most proximal vessel all of whose visible ends supply the
lesion: what a microcatheter would be put into. Everything else that comes near is a candidate, with the reason.

A feeder not found is not a feeder absent: twigs below what the images resolve are not in the tree.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import FrameMismatch
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.vessel_items import FeederRow
from planner.planning.catheter_way import length_from_root_mm, total_turning_deg
from planner.planning.feeders_apart import apart, is_flank
from planner.planning.feeders_confirm import confirmed, width_at
from planner.planning.feeders_ends import ENTERS, NEAR, PASSES, SHOWN, THROUGH, Course, Ending, courses_of, endings_of
from planner.planning.feeders_field import LesionField
from planner.planning.feeders_gap import Gap, gap_evidence
from planner.planning.feeders_shell import Crossing, crossings
from planner.planning.vessel_tree import TreeSegment, VesselTree
from planner.units import shown

Floats = NDArray[np.float64]

MURRAY_EXPONENT = 3.0
"""Flow goes with the radius to this power (Murray, PNAS 1926;12:207)."""
MARGIN_MM = 10.0
AS_BRIGHT_AS_BLOOD = (
    "The lesion is as bright as the blood: whether a vessel goes on into it cannot be told from the image, and was NOT "
    "CHECKED there."
)
_HEADING_DEG = 40.0
"""An end that turns further than this from the lesion is not heading for it: half of what a side branch turns (a third
of a right angle and more), so that it would have to bend to get there."""
_TOUCHING_MM, _TOUCHING_DEG = 0.5, 75.0
"""An end in the surface itself has arrived, unless it runs along it."""
_BLIND_GAP_MM = 3.0
"""A gap of a few voxels is taken for part of the feeder without seeing a vessel in it: near the surface a bright
lesion hides what enters it. With an image only for a vessel that it shows clearly, since such a one does not end."""
_CLEARLY = 1.4
"""Times the smallest visible diameter: from there on a vessel is clearly seen."""
_SPUR_MM = 5.0
"""A side twig shorter than this says nothing of what its mother supplies: noise and calcium make such twigs."""
_MAIN_SHARE = 0.5
"""Main: carries at least this part of what the largest feeder carries."""
_MOST_CANDIDATES = 12
_WIDTH_BEFORE_MM = 4.0


@dataclass(frozen=True, slots=True)
class FeederSearch:
    """Feeders by rank, and what was looked at and not taken, nearest first.

    Attributes
    ----------
    seconds
        Of the search, without reading images and finding the tree.
    findings
        What the image could not tell.
    """

    feeders: tuple[FeederRow, ...]
    candidates: tuple[FeederRow, ...]
    seconds: float
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Supply:
    """Ends of one feeder."""

    top: str
    endings: tuple[Ending, ...]
    gaps: Mapping[str, Gap]

    @property
    def only_shown(self) -> bool:
        """Its vessel may supply other things as well: only the image shows what goes on into the lesion."""
        return all(each.kind == SHOWN for each in self.endings)


def find_feeders(
    tree: VesselTree,
    lesion: Mask,
    *,
    volume: Volume | None = None,
    organ: Mask | None = None,
    margin_mm: float = MARGIN_MM,
    context: Context | None = None,
) -> FeederSearch:
    """The feeders of a lesion among the vessels of a tree.

    Parameters
    ----------
    volume
        The image the tree was found in: closes gaps between an end and the lesion where something of a vessel shows.
    organ
        Ends outside of it supply something else, unless they enter the lesion. None looks at all.
    margin_mm
        How far from the surface an end may lie.

    Raises
    ------
    InputRefused
        ``empty-mask``.
    FrameMismatch
        When tree and lesion, or the image, lie in different frames of reference.
    """
    began = time.perf_counter()
    job = context or Context()
    _require_one_frame(tree, lesion, volume, organ)
    job.step(0.0, "Measuring the vessels near the lesion")
    field = LesionField.of(lesion, max(margin_mm, 5.0) + 5.0)
    courses = courses_of(tree, field)
    endings = endings_of(tree, courses, field, margin_mm)
    job.step(0.4, "Looking at ends near the lesion")
    gaps = _gaps(tree, endings, field, volume, job.part(0.4, 0.9))
    clear_mm = _clear_mm(tree, volume)
    supplying = [each for each in endings if _supplies(each, gaps.get(each.leaf), organ, courses, clear_mm)]
    supplying = apart(tree, courses, supplying, _SPUR_MM)
    findings: tuple[str, ...] = ()
    if volume is not None and clear_mm is not None:
        supplying, findings = _borne_out(tree, courses, supplying, crossings(volume, tree, field, courses), clear_mm)
    supplies = _grouped(tree, courses, supplying, margin_mm, gaps)
    feeders = _ranked(tree, courses, supplies)
    taken = {each.id for supply in supplies if not supply.only_shown for each in tree.downstream(supply.top)}
    taken |= {key for row in feeders for key in row.segments}
    candidates = _candidates(tree, courses, endings, taken, gaps, image=volume is not None)
    job.step(1.0, "Feeders found")
    return FeederSearch(feeders, candidates, time.perf_counter() - began, findings)


def _borne_out(
    tree: VesselTree,
    courses: Mapping[str, Course],
    supplying: list[Ending],
    seen: tuple[Crossing, ...] | None,
    clear_mm: float,
) -> tuple[list[Ending], tuple[str, ...]]:
    """Endings that the image bears out, with those it adds; all of them, said so, where it cannot tell (None)."""
    if seen is None:
        return supplying, (AS_BRIGHT_AS_BLOOD,)
    widths = {each.leaf: width_at(each, courses, _WIDTH_BEFORE_MM) for each in supplying}
    judged = confirmed(supplying, seen, widths, clear_mm)
    return [each for each in judged.kept if each.kind != SHOWN or not is_flank(tree, courses, each)], ()


def _require_one_frame(tree: VesselTree, *others: Mask | Volume | None) -> None:
    if any(other is not None and other.grid.frame_uid != tree.frame_uid for other in others):
        text = "Vessels, lesion and images lie in different frames of reference; link the two studies first."
        raise FrameMismatch("mixed-frames", text)


def by_hand(tree: VesselTree, lesion: Mask, segment: str, along_mm: float) -> FeederRow:
    """A feeder that a person chose by a click on a vessel; measured, and not judged.

    Raises
    ------
    InputRefused
        ``empty-mask``.
    KeyError
        For a segment that is not of the tree.
    """
    field = LesionField.of(lesion, MARGIN_MM)
    chosen = tree.segment(segment)
    courses = courses_of(replace(tree, segments=tree.way_to(segment)), field)
    course = courses[segment]
    crossed = np.flatnonzero((course.depth_mm <= 0.0) & (course.along_mm >= along_mm))
    at = int(crossed[0]) if len(crossed) else int(np.argmin(np.abs(course.along_mm - along_mm)))
    place = course.points_lps_mm[at]
    gap = max(0.0, float(course.depth_mm[at]))
    angle = None
    if gap > 0.0:
        turn = float(chosen.direction(float(course.along_mm[at])) @ field.toward(place))
        angle = float(np.degrees(np.arccos(np.clip(turn, -1.0, 1.0))))
    radius = _radius_at(courses, segment, float(course.along_mm[at]))
    return FeederRow(
        segment=segment,
        segments=tuple(each.id for each in tree.way_to(segment)),
        entry_lps_mm=_point(place),
        distance_mm=gap,
        reason="Chosen by hand.",
        angle_deg=angle,
        diameter_mm=None if radius is None else 2.0 * radius,
        length_from_root_mm=length_from_root_mm(tree, segment, float(course.along_mm[at])),
        total_turning_deg=total_turning_deg(tree, segment, float(course.along_mm[at])),
        doubtful=bool(chosen.doubtful_share > 0.5),
        by_person=True,
    )


def with_shares(rows: Sequence[FeederRow]) -> tuple[FeederRow, ...]:
    """Rows by rank, with their share of the supply and whether they are main, from their diameters.

    Shares are None where any diameter is unknown: a share of what is known would promise a whole.
    """
    known = all(row.diameter_mm is not None for row in rows)
    flows = [0.0 if row.diameter_mm is None else row.diameter_mm**MURRAY_EXPONENT for row in rows]
    total, largest = sum(flows), max(flows, default=0.0)
    shared = [
        replace(row, share=flow / total, main=flow >= _MAIN_SHARE * largest)
        if known and total > 0.0
        else replace(row, share=None, main=None)
        for row, flow in zip(rows, flows, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda index: -flows[index])
    return tuple(shared[index] for index in order)


def _gaps(
    tree: VesselTree, endings: Sequence[Ending], field: LesionField, volume: Volume | None, job: Context
) -> dict[str, Gap]:
    """What the image shows between the ends that head for the lesion and its surface."""
    found: dict[str, Gap] = {}
    heading = [each for each in endings if each.kind == NEAR and _heads(each)]
    for index, ending in enumerate(heading if volume is not None else ()):
        job.step(index / len(heading), "Looking at ends near the lesion")
        gap = None if volume is None else gap_evidence(volume, tree.segment(ending.leaf), ending.gap_mm, field)
        if gap is not None:
            found[ending.leaf] = gap
    return found


def _heads(ending: Ending) -> bool:
    widest = _TOUCHING_DEG if ending.gap_mm <= _TOUCHING_MM else _HEADING_DEG
    return ending.angle_deg is not None and ending.angle_deg <= widest


def _supplies(
    ending: Ending, gap: Gap | None, organ: Mask | None, courses: Mapping[str, Course], clear_mm: float | None
) -> bool:
    """Enters, or heads for the lesion and goes on: seen in the image, or too wide to end so close before it."""
    if ending.kind == ENTERS:
        return True
    if ending.kind != NEAR or not _heads(ending) or (organ is not None and not organ.contains(ending.place_lps_mm)):
        return False
    if gap is not None and gap.seen:
        return True
    return ending.gap_mm <= _BLIND_GAP_MM and (clear_mm is None or _is_wide(ending, courses, clear_mm))


def _clear_mm(tree: VesselTree, volume: Volume | None) -> float | None:
    """Diameter of a vessel that the image shows clearly: one cannot end with it. None without an image."""
    if volume is None:
        return None
    least = tree.smallest_visible_mm
    return _CLEARLY * (least if least is not None else 2.0 * float(min(volume.grid.spacing_kji_mm)))


def _is_wide(ending: Ending, courses: Mapping[str, Course], clear_mm: float) -> bool:
    radius = _radius_at(courses, ending.segment, ending.along_mm)
    return radius is not None and 2.0 * radius >= clear_mm


def _grouped(
    tree: VesselTree,
    courses: Mapping[str, Course],
    supplying: Sequence[Ending],
    margin_mm: float,
    gaps: Mapping[str, Gap],
) -> list[_Supply]:
    """The ends by the vessel that a catheter would be put into."""
    leaves = {each.leaf for each in supplying if each.kind != SHOWN}
    tops: dict[str, list[Ending]] = {}
    for ending in supplying:
        # What only the image shows hangs on a vessel that may supply other things: that one is named as it is.
        own = ending.kind == SHOWN
        top = ending.segment if own else _top(tree, courses, ending.segment, leaves, margin_mm)
        tops.setdefault(top, []).append(ending)
    found: list[_Supply] = []
    for top in sorted(tops, key=lambda key: tree.generation[key]):
        above = {each.id for each in tree.way_to(top)}
        mother = next((index for index, each in enumerate(found) if each.top in above and not each.only_shown), None)
        if mother is None:
            found.append(_Supply(top, tuple(tops[top]), gaps))
        else:
            found[mother] = replace(found[mother], endings=(*found[mother].endings, *tops[top]))
    return found


def _top(tree: VesselTree, courses: Mapping[str, Course], segment: str, leaves: set[str], margin_mm: float) -> str:
    """The most proximal vessel above a segment all of whose visible ends supply the lesion.

    It is not followed through a branching further than the margin from the surface: there, arteries of the organ that
    are too thin to be seen leave as well. Nor is it followed into a vessel of another name.
    """
    at = tree.segment(segment)
    while (before := tree.parent(at.id)) is not None:
        branches = [each for each in tree.children(before.id) if not _is_spur(tree, each, leaves)]
        if len(branches) > 1 and courses[before.id].depth_mm[-1] > margin_mm:
            break
        if before.name is not None and before.name != at.name:
            break
        if not all(_serves(tree, each, leaves) for each in branches):
            break
        at = before
    return at.id


def _serves(tree: VesselTree, segment: TreeSegment, leaves: set[str]) -> bool:
    """Every visible end beyond a segment supplies the lesion, short spurs aside."""
    ends = [each for each in tree.downstream(segment.id) if not tree.children(each.id)]
    return all(each.id in leaves or _is_spur(tree, each, leaves) for each in ends)


def _is_spur(tree: VesselTree, segment: TreeSegment, leaves: set[str]) -> bool:
    return not tree.children(segment.id) and segment.id not in leaves and segment.length_mm < _SPUR_MM


def _ranked(tree: VesselTree, courses: Mapping[str, Course], supplies: Sequence[_Supply]) -> tuple[FeederRow, ...]:
    """Each supply as a row; shares by the sum of the cubes of the radii at the entries."""
    rows = []
    for supply in supplies:
        entries = {(each.segment, round(each.along_mm, 1)): each for each in supply.endings}
        widths = {key: _radius_at(courses, each.segment, each.along_mm) for key, each in entries.items()}
        known = [width for width in widths.values() if width is not None]
        radius = float(np.sum(np.power(known, MURRAY_EXPONENT)) ** (1.0 / MURRAY_EXPONENT)) if known else None
        main = max(entries, key=lambda key: (entries[key].kind == ENTERS, widths[key] or 0.0))
        rows.append(_feeder(tree, supply, entries[main], radius, len(entries)))
    return with_shares(rows)


def _feeder(tree: VesselTree, supply: _Supply, entry: Ending, radius: float | None, entries: int) -> FeederRow:
    diameter = None if radius is None else 2.0 * radius
    bridged = entry.kind in (NEAR, SHOWN)
    way = tuple(each.id for each in tree.way_to(supply.top))
    # The path ends in the segment that enters, so that the way drawn reaches the lesion.
    beyond = tuple(each.id for each in tree.way_to(entry.segment) if each.id not in way)
    doubtful = bridged or tree.segment(entry.segment).doubtful_share > 0.5
    return FeederRow(
        segment=supply.top,
        segments=(*way, *beyond),
        entry_lps_mm=_point(entry.place_lps_mm),
        distance_mm=entry.gap_mm,
        reason=_evidence(entry, supply.gaps.get(entry.leaf), entries),
        angle_deg=entry.angle_deg,
        diameter_mm=diameter,
        length_from_root_mm=length_from_root_mm(tree, entry.segment, entry.along_mm),
        total_turning_deg=total_turning_deg(tree, entry.segment, entry.along_mm),
        doubtful=doubtful,
    )


def _evidence(entry: Ending, gap: Gap | None, entries: int) -> str:
    if entry.kind == ENTERS:
        text = f"Crosses the lesion's surface and runs {shown(entry.inside_mm, 'mm', digits=0)} inside it"
    elif entry.kind == SHOWN:
        way = shown(entry.beyond_mm, "mm", digits=0)
        text = f"The image shows a vessel across the lesion's surface that leaves here; the tree lacks its last {way}"
    elif gap is not None and gap.seen:
        text = f"Ends {shown(entry.gap_mm, 'mm', digits=1)} from the lesion; the image shows a faint way on into it"
    else:
        text = (
            f"Ends {shown(entry.gap_mm, 'mm', digits=1)} from the lesion and heads for it; the gap itself was not seen"
        )
    return f"{text}, by {entries} branches." if entries > 1 else f"{text}."


def _candidates(
    tree: VesselTree,
    courses: Mapping[str, Course],
    endings: Sequence[Ending],
    taken: set[str],
    gaps: Mapping[str, Gap],
    *,
    image: bool,
) -> tuple[FeederRow, ...]:
    """What comes near and is not of a feeder, one row for each vessel, nearest first."""
    found: dict[str, FeederRow] = {}
    for ending in sorted(endings, key=lambda each: (each.gap_mm, each.kind != THROUGH)):
        if ending.segment in taken or ending.segment in found:
            continue
        radius = _radius_at(courses, ending.segment, ending.along_mm)
        found[ending.segment] = FeederRow(
            segment=ending.segment,
            segments=tuple(each.id for each in tree.way_to(ending.segment)),
            entry_lps_mm=_point(ending.place_lps_mm),
            distance_mm=ending.gap_mm,
            reason=_why_not(ending, gaps.get(ending.leaf), image=image),
            angle_deg=ending.angle_deg,
            diameter_mm=None if radius is None else 2.0 * radius,
            length_from_root_mm=length_from_root_mm(tree, ending.segment, ending.along_mm),
            total_turning_deg=total_turning_deg(tree, ending.segment, ending.along_mm),
            doubtful=True,
        )
    return tuple(found.values())[:_MOST_CANDIDATES]


def _why_not(ending: Ending, gap: Gap | None, *, image: bool) -> str:
    near = shown(ending.gap_mm, "mm", digits=1)
    beyond = shown(ending.beyond_mm, "mm", digits=0)
    if ending.kind == ENTERS:
        within = shown(ending.inside_mm, "mm", digits=0)
        return f"Enters the lesion by {within}, but the image shows no vessel across its surface there."
    if ending.kind == THROUGH:
        return f"Runs through the lesion and on for {beyond}: it may give twigs to it, but supplies what lies beyond."
    if ending.kind == PASSES:
        return f"Passes {near} beside the lesion and runs on for {beyond}: it supplies what lies beyond."
    if not _heads(ending):
        turned = shown(ending.angle_deg, "deg", digits=0)
        return f"Ends {near} from the lesion but does not head for it (turned {turned} away)."
    if not image:
        return f"Ends {near} from the lesion and heads for it, but no image was given to see how it goes on."
    if gap is None:
        return f"Ends {near} from the lesion and heads for it, but lies at the edge of the image."
    if gap.seen:
        return f"Ends {near} from the lesion, beside where another feeder enters it."
    return f"Ends {near} from the lesion and heads for it, but the image shows no vessel between them."


def _radius_at(courses: Mapping[str, Course], segment: str, along_mm: float) -> float | None:
    """Typical radius just before a place on a segment; None where none is known."""
    place = Ending("", segment, segment, along_mm, np.zeros(3), 0.0)
    width = width_at(place, courses, _WIDTH_BEFORE_MM)
    return None if width is None else width / 2.0


def _point(place: Floats) -> tuple[float, float, float]:
    return float(place[0]), float(place[1]), float(place[2])
