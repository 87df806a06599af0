"""Catheter positions of a session: put, moved, measured on the tree as it is, and what they reach together.

What a check or a paper reads is stored in the `CATHETER_POSITION` item, with the digest of the tree it was measured on;
the territory lies in the library. Every edit is one step of undo.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from planner.app.feeders import ARTERIAL, STALE, seen_on_words
from planner.app.marking import load_mask, new_item, put_item, region_of, store_mask
from planner.errors import UsageError
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import Edit, session_edit
from planner.model.items import REGION, PlanItem
from planner.model.session import Session
from planner.model.vessel_items import (
    CATHETER_POSITION,
    CatheterPositionBody,
    InjectionMeasures,
    ViewMeasures,
    WayMeasures,
)
from planner.model.vessel_reading import body_digest, position_of, positions_of, tree_of, trees_of
from planner.planning.catheter_way import way
from planner.planning.territories import AddedUp, Injection, Territories
from planner.planning.tree_packing import tree_of_body
from planner.planning.veins import vessel_name
from planner.planning.vessel_tree import VesselTree
from planner.store.actors import Actor
from planner.store.library import Library

EMBOLISE, SPARE, PROTECT = "embolise", "spare", "protect"
ACTIONS = (EMBOLISE, SPARE, PROTECT)
PHASE_OF_TREE = MappingProxyType({"artery": ARTERIAL, "portal-vein": "portal-venous"})
"""Trees that are injected, and the contrast phase that shows them."""
MODEL = "A model of calibre and distance, not of flow."


@dataclass(frozen=True, eq=False)
class InjectionGrounds:
    """What injections of a session stand on; read once, then handed to a job.

    Attributes
    ----------
    organ, organ_mask
        Key of ``resources/structures.toml``, and its region in the tree's frame; None where none is marked.
    lesions
        Masks by lesion id.
    refused
        Why there is no territory; None where there is one.
    seen
        On what images, and what those cannot show.
    """

    tree_id: str
    tree_digest: str
    tree: VesselTree
    series: str | None
    organ: str
    organ_mask: Mask | None
    lesions: Mapping[str, Mask]
    lesion_names: Mapping[str, str]
    refused: str | None
    seen: str


@dataclass(frozen=True, eq=False)
class LiveInjection:
    """Answers while a catheter's tip is dragged: some milliseconds a place. Make it with `live_injection`, in a job."""

    grounds: InjectionGrounds
    territories: Territories

    def at(self, segment: str, along_mm: float) -> Injection:
        """What an injection at a place reaches.

        Raises
        ------
        UsageError
            ``unknown-segment``.
        """
        if not self.grounds.tree.has(segment):
            text = "This vessel is not of the tree any more; choose it again."
            raise UsageError("unknown-segment", text, subject=segment)
        return self.territories.inject(segment, along_mm)

    def stands_on(self, session: Session) -> bool:
        """Whether the tree is as it was when this was prepared."""
        item = session.item(self.grounds.tree_id)
        return item is not None and body_digest(item) == self.grounds.tree_digest


@dataclass(frozen=True, eq=False)
class PositionsTogether:
    """What the positions that embolise reach together.

    Attributes
    ----------
    counted, stale
        Items that count, and those that were measured on another state of the tree (or on another tree) and do not.
    sentences
        What is left of each lesion, and what does not count.
    """

    added: AddedUp
    counted: tuple[str, ...]
    stale: tuple[str, ...]
    sentences: tuple[str, ...]


def injection_grounds(
    library: Library,
    case: Case,
    session: Session,
    tree_id: str | None = None,
    *,
    organ: str | None = None,
    slice_mm: float | None = None,
    phase: str | None = None,
) -> InjectionGrounds:
    """Read what injections stand on.

    Parameters
    ----------
    tree_id
        Of a vessel tree of the session; None takes its only arterial one.
    organ
        That is treated; None takes that of the lesions, where they agree, else the liver.
    slice_mm
        Of the images of the tree, None where it is not known.
    phase
        That the loaded images tell; counts where the case has none and nobody set one by hand.

    Raises
    ------
    UsageError
        ``no-tree``, ``several-trees``, or ``wrong-tree`` for one that is not injected (hepatic veins, airways).
    InputRefused, StoreError
        Where a mask or the tree cannot be read.
    """
    item = _tree_item(session, tree_id)
    body = tree_of(item)
    regions = [
        (each, region_of(each)) for each in session.items if each.type == REGION and each.frame_uid == item.frame_uid
    ]
    marked = {own.lesion_id: own for _, own in regions if own.lesion_id is not None}
    known = {each.id: each for each in case.lesions}
    organs = {known[key].organ for key in marked if key in known}
    treated = organ or (organs.pop() if len(organs) == 1 else "liver")
    around = next((own for _, own in regions if own.structure == treated), None)
    series = _series(case, body.series)
    day = None if series is None or series.study_date is None else series.study_date.isoformat()
    return InjectionGrounds(
        item.id,
        body_digest(item),
        tree_of_body(body, item.frame_uid),
        body.series,
        treated,
        None if around is None else load_mask(library, around.blob),
        {key: load_mask(library, own.blob) for key, own in marked.items()},
        {key: known[key].name if key in known else key for key in marked},
        _refusal(body.kind, body.series, _phase(series, phase)),
        seen_on_words(day, slice_mm, body.smallest_visible_mm),
    )


def live_injection(grounds: InjectionGrounds, context: Context | None = None) -> LiveInjection:
    """Prepare injections for dragging: a second or two. A job: touches no document.

    Raises
    ------
    FrameMismatch, InputRefused
        As `Territories.of`.
    """
    organ = grounds.organ_mask if grounds.refused is None else None
    made = Territories.of(grounds.tree, organ, grounds.lesions, treated=grounds.organ, context=context)
    if grounds.refused is not None:
        made = replace(made, findings=(grounds.refused,))
    return LiveInjection(grounds, made)


def measured_injection(library: Library, live: LiveInjection, injection: Injection) -> InjectionMeasures:
    """What is stored of an injection; its territory goes into the library."""
    territory = injection.territory
    blob = None if territory is None or territory.is_empty else store_mask(library, territory)
    return InjectionMeasures(
        injection.flow_share,
        injection.territory_ml,
        injection.healthy_ml,
        injection.organ_ml,
        dict(injection.coverage),
        injection.non_targets,
        blob,
        (*injection.findings, MODEL, live.grounds.seen),
    )


def measured_position(
    library: Library,
    live: LiveInjection,
    segment: str,
    along_mm: float,
    *,
    access: str = "femoral_right",
    action: str = EMBOLISE,
    lesion_ids: Sequence[str] | None = None,
    view: ViewMeasures | None = None,
) -> CatheterPositionBody:
    """A position with its way, and what an injection there reaches.

    Parameters
    ----------
    lesion_ids
        That it is meant for; None takes those it reaches.

    Raises
    ------
    UsageError
        ``unknown-segment``, ``unknown-access``, ``unknown-action``.
    """
    _known_action(action)
    injection = live.at(segment, along_mm)
    reached = tuple(key for key, share in injection.coverage.items() if share)
    tip = live.grounds.tree.segment(segment).at(injection.along_mm)
    return CatheterPositionBody(
        tree=live.grounds.tree_id,
        tree_digest=live.grounds.tree_digest,
        segment=segment,
        along_mm=injection.along_mm,
        tip_lps_mm=(float(tip[0]), float(tip[1]), float(tip[2])),
        lesion_ids=reached if lesion_ids is None else tuple(lesion_ids),
        action=action,
        way=_way(live.grounds.tree, segment, injection.along_mm, access),
        injection=measured_injection(library, live, injection),
        view=view,
    )


def put_position(
    session_id: str, live: LiveInjection, body: CatheterPositionBody, *, by: Actor, name: str | None = None
) -> Edit:
    """A measured position becomes an item of the session; without a name it is called by its vessel."""
    tree = live.grounds.tree
    uids = () if live.grounds.series is None else (live.grounds.series.partition("#")[0],)
    item = new_item(
        CATHETER_POSITION,
        body,
        name=name or vessel_words(tree, body.segment),
        frame_uid=tree.frame_uid,
        by=by,
        tool="injection",
        source_uids=uids,
    )
    return put_item(session_id, item)


def move_position(session_id: str, item_id: str, measured: CatheterPositionBody) -> Edit:
    """A position at another place, or measured again at its own; what it is for, its action and its name stay.

    A view that was kept belongs to the segment before: it goes when the segment changes.

    Raises
    ------
    UsageError
        ``unknown-position`` when the edit is applied.
    """

    def change(before: CatheterPositionBody) -> CatheterPositionBody:
        view = measured.view or (before.view if before.segment == measured.segment else None)
        return replace(measured, action=before.action, lesion_ids=before.lesion_ids, view=view)

    return _changed(session_id, item_id, change)


def set_action(session_id: str, item_id: str, action: str) -> Edit:
    """Embolise, spare or protect what lies beyond. Raises as `move_position`, and ``unknown-action``."""
    _known_action(action)
    return _changed(session_id, item_id, lambda before: replace(before, action=action))


def set_lesions(session_id: str, item_id: str, lesion_ids: Sequence[str]) -> Edit:
    """Which lesions a position is meant for. Raises as `move_position`."""
    return _changed(session_id, item_id, lambda before: replace(before, lesion_ids=tuple(lesion_ids)))


def set_view(session_id: str, item_id: str, view: ViewMeasures | None) -> Edit:
    """Keep the C-arm's view with a position, or none. Raises as `move_position`."""
    return _changed(session_id, item_id, lambda before: replace(before, view=view))


def is_stale(session: Session, item: PlanItem) -> bool:
    """The tree was edited or deleted since the position was measured."""
    body = position_of(item)
    tree = session.item(body.tree)
    return tree is None or body_digest(tree) != body.tree_digest


def together(live: LiveInjection, session: Session) -> PositionsTogether:
    """What all positions that embolise reach, what they leave of each lesion, and which vessels supply that."""
    grounds = live.grounds
    counted, stale, injections = [], [], []
    for item, body in positions_of(session.items, EMBOLISE):
        fits = body.tree == grounds.tree_id and body.tree_digest == grounds.tree_digest
        if not fits or not grounds.tree.has(body.segment):
            stale.append(item)
            continue
        counted.append(item.id)
        injections.append(live.at(body.segment, body.along_mm))
    added = live.territories.added_up(injections)
    said = [_left_words(grounds, each.lesion, each.share, each.segments) for each in added.uncovered]
    said += [
        f"{grounds.lesion_names[key]}: how much of it is reached could not be told."
        for key, share in added.coverage.items()
        if share is None
    ]
    said += [f"{item.name} does not count: {STALE}." for item in stale]
    return PositionsTogether(added, tuple(counted), tuple(item.id for item in stale), tuple(said))


def vessel_words(tree: VesselTree, segment: str) -> str:
    """``Right hepatic artery``, or ``branch of the right hepatic artery`` for a nameless one."""
    named = [each for each in tree.way_to(segment) if each.name is not None]
    if not named:
        return f"Vessel {segment}"
    name = vessel_name(str(named[-1].name))
    return name if named[-1].id == segment else f"Branch of the {name[:1].lower()}{name[1:]}"


def _left_words(grounds: InjectionGrounds, lesion: str, share: float, segments: Sequence[str]) -> str:
    """What no position reaches of a lesion, and where its supply comes from; shares of supply are not printed."""
    vessels = list(dict.fromkeys(vessel_words(grounds.tree, key) for key in segments))
    text = f"{grounds.lesion_names[lesion]}: {100.0 * share:.0f} % of it is reached by no position"
    if not vessels:
        return f"{text}; no artery that is seen supplies that part."
    more = " and others" if len(vessels) > 2 else ""
    return f"{text}; supplied by {', '.join(vessels[:2])}{more}."


def _tree_item(session: Session, tree_id: str | None) -> PlanItem:
    if tree_id is not None:
        item = session.item(tree_id)
        if item is None:
            raise UsageError("no-tree", "This vessel tree is not in the session any more.", subject=tree_id)
        if tree_of(item).kind not in PHASE_OF_TREE:
            text = f"{item.name} is neither of arteries nor of the portal vein: nothing is injected there."
            raise UsageError("wrong-tree", text, subject=tree_id)
        return item
    found = trees_of(session.items, "artery")
    if not found:
        raise UsageError("no-tree", "There is no tree of arteries in this session; find the arteries first.")
    if len(found) > 1:
        raise UsageError("several-trees", "There are several trees of arteries in this session; choose one of them.")
    return found[0][0]


def _series(case: Case, key: str | None) -> SeriesRef | None:
    return next((each for each in case.studies if key == f"{each.series_uid}#{each.part}"), None)


def _phase(series: SeriesRef | None, told: str | None) -> str | None:
    """As the case has it (a person's word counts), else as the images say."""
    return series.phase if series is not None and (series.phase or series.phase_by) else told


def _refusal(kind: str, key: str | None, phase: str | None) -> str | None:
    """No territory without the phase that shows the tree; a tree of a mask says nothing of a phase."""
    wanted = PHASE_OF_TREE[kind]
    if key is None or phase == wanted:
        return None
    if phase is None:
        return f"No territory: the contrast phase of these images is not known; check it, and set it to {wanted} if so."
    return f"No territory: these images are {phase}, and a territory needs the {wanted} phase."


def _way(tree: VesselTree, segment: str, along_mm: float, access: str) -> WayMeasures | None:
    return way(tree, segment, along_mm, access) if tree.kind == "artery" else None


def _known_action(action: str) -> None:
    if action not in ACTIONS:
        raise UsageError("unknown-action", f"A position is one of {', '.join(ACTIONS)}.", subject=action)


def _changed(session_id: str, item_id: str, change: Callable[[CatheterPositionBody], CatheterPositionBody]) -> Edit:
    """An edit of one position."""

    def with_change(session: Session) -> Session:
        item = session.item(item_id)
        if item is None:
            raise UsageError("unknown-position", "This position is not in the session any more.", subject=item_id)
        before = position_of(item)
        after = change(before)
        if after == before:
            return session
        changed = replace(item, body=MappingProxyType(codec.to_json(after)))
        return replace(session, items=tuple(changed if each.id == item_id else each for each in session.items))

    return session_edit(session_id, with_change)
