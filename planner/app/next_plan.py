"""Plan n+1 from n: what is left becomes the target, what was learnt is carried over for review, what changed is shown.

The reset list (practice notes 3 item 14) is enforced by `planner.workflow.inheritance`, which starts the session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from planner.app.frame_links import linked_frames, point_map
from planner.app.lesion_identity import RESIDUAL
from planner.app.marking import new_item, put_item, store_mask
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging import ImageSource
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.edits import Edit, new_id, with_lesion, with_session
from planner.model.items import REGION, PlanItem, Point, RegionBody
from planner.model.session import Session
from planner.model.vessel_reading import all_feeders_of, positions_of, tree_of
from planner.planning.change_maps import MR_OR_NOT, ViabilityMap
from planner.planning.enhancement import viable_diameter
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import shown
from planner.workflow.answers import the_session
from planner.workflow.carry_over import CarriedRow, carry_kinds, earlier_sessions
from planner.workflow.carry_over import carried_over as answers_carried_over
from planner.workflow.inheritance import start_next_session
from planner.workflow.last_time import printed
from planner.workflow.template import Field, FieldKind, Phase, Profile, Template
from planner.workflow.values import is_empty

RESIDUAL_COLOUR = "#e05050"
ANSWER, LABORATORY, LESION, TEMPLATE, OPEN = "answer", "laboratory", "lesion", "template", "open"


def plan_next(
    case: Case,
    from_session_id: str,
    template: Template,
    profile: Profile,
    *,
    now: datetime,
    title: str | None = None,
    targets: Sequence[str] = (),
) -> tuple[Case, str]:
    """The case with session n+1 started from session n, and its id.

    Parameters
    ----------
    targets
        Region items of the new study (in any session) that are to be treated: they come as copies marked for review.
        Nothing is chosen by itself.

    Raises
    ------
    InputRefused
        ``session-not-performed``; ``old-target`` for a region that was drawn before session n was performed.
    UsageError
        ``unknown-session``, ``unknown-region``.
    """
    earlier = the_session(case, from_session_id)
    chosen = [_target(case, each, earlier) for each in targets]
    case, session_id = start_next_session(case, from_session_id, template, profile, now=now, title=title)
    session = the_session(case, session_id)
    copies = tuple(replace(item, id=new_id("item"), inherited_from=from_session_id) for item in chosen)
    return with_session(case, replace(session, items=(*session.items, *copies))), session_id


def _target(case: Case, item_id: str, earlier: Session) -> PlanItem:
    item = next((item for session in case.sessions if (item := session.item(item_id)) is not None), None)
    if item is None or item.type != REGION:
        raise UsageError("unknown-region", f"There is no region {item_id} in this case; mark the target again.")
    on = _drawn_on(case, item)
    if on is not None and earlier.performed_on is not None and on < earlier.performed_on:
        text = (
            f"{item.name} was drawn on images of {on.isoformat()}, before {earlier.title}; take it from a newer study."
        )
        raise InputRefused("old-target", text, subject=item_id)
    return item


def _drawn_on(case: Case, item: PlanItem) -> date | None:
    uids = {each.partition("#")[0] for each in item.source_uids}
    return next((each.study_date for each in case.studies if each.series_uid in uids and each.study_date), None)


def put_residual(
    library: Library,
    session_id: str,
    lesion_id: str,
    found: ViabilityMap,
    source: ImageSource,
    *,
    by: Actor,
    item_id: str | None = None,
) -> tuple[Edit, tuple[Finding, ...]]:
    """The edit that marks the viable part of a lesion on a new study as a region, and what must be said beside it.

    Where oil hides a part of the lesion its viable diameter stays unknown: what is seen is a target, not all of it.

    Raises
    ------
    UsageError
        ``nothing-viable``, ``no-study-date``; ``unknown-lesion`` when the edit is applied.
    """
    if found.viable.is_empty:
        hidden = "; a part is not evaluable" if found.not_evaluable.count else ""
        text = f"Nothing of this lesion enhances{hidden}: there is no target to make of it."
        raise UsageError("nothing-viable", text, subject=lesion_id)
    if source.study_date is None:
        raise UsageError("no-study-date", "The images do not say when they were taken; enter the study date first.")
    seen_on = date.fromisoformat(source.study_date)
    hides = bool(found.not_evaluable.count or found.unsure.count)
    diameter = viable_diameter(found.viable)
    longest = None if diameter is None else diameter.length_mm
    blob = store_mask(library, found.viable)
    body = RegionBody(blob, lesion_id, colour=RESIDUAL_COLOUR, volume_ml=found.viable.volume_ml, longest_mm=longest)
    note = MR_OR_NOT if found.not_evaluable.count else None
    measured = Observation(
        seen_on, source.series_uid, viable_mm=None if hides else longest, note=note, modality=source.modality
    )
    identifier = item_id or new_id("item")

    def edit(case: Case) -> Case:
        lesion = case.lesion(lesion_id)
        if lesion is None:
            raise UsageError("unknown-lesion", f"There is no lesion {lesion_id} in this case.", subject=lesion_id)
        item = new_item(
            REGION,
            body,
            name=f"{lesion.name} viable",
            frame_uid=found.viable.grid.frame_uid,
            by=by,
            tool=RESIDUAL,
            source_uids=(source.series_uid,),
            item_id=identifier,
        )
        changed = with_lesion(case, _with_viable(lesion, measured, identifier))
        return put_item(session_id, item)(changed)

    said = [Finding("viability", Severity.WARN, each, subject=lesion_id) for each in found.notes]
    return edit, tuple(said)


def _with_viable(lesion: Lesion, measured: Observation, item_id: str) -> Lesion:
    """The viable size goes to that day's observation of the whole lesion, where there is one."""
    day = [each for each in lesion.observations if each.study_date == measured.study_date]
    whole = next((each for each in day if each.series_uid == measured.series_uid), next(iter(day), None))
    if whole is None:
        fresh = replace(measured, region_item_id=item_id)
        every = tuple(sorted((*lesion.observations, fresh), key=lambda each: each.study_date))
        return replace(lesion, observations=every)
    now = replace(whole, viable_mm=measured.viable_mm, note=measured.note or whole.note)
    return replace(lesion, observations=tuple(now if each is whole else each for each in lesion.observations))


def carried_over(case: Case, session_id: str, templates: Mapping[str, Template]) -> tuple[CarriedRow, ...]:
    """Everything earlier sessions say to this one, for review: answers, doses, events, and feeders as they were judged.

    Raises
    ------
    UsageError
        ``unknown-session``.
    InputRefused
        Where the body of an item is damaged.
    """
    rows = list(answers_carried_over(case, session_id, templates))
    for session in earlier_sessions(case, session_id, templates):
        rows += _feeders(case, session)
    order = {kind: number for number, kind in enumerate(carry_kinds())}
    return tuple(sorted(rows, key=lambda each: order[each.kind]))


def _feeders(case: Case, session: Session) -> Iterator[CarriedRow]:
    for item, body in all_feeders_of(session.items):
        tree_item = session.item(body.tree)
        names = {} if tree_item is None else {each.id: each.name for each in tree_of(tree_item).segments}
        lesion = case.lesion(body.lesion_id)
        for each in body.feeders:
            name = names.get(each.segment) or f"unnamed branch {each.segment}"
            rank = "" if each.main is None else ", main" if each.main else ", minor"
            fed = body.lesion_id if lesion is None else lesion.name
            text = f"{name} to {fed}{rank}: a former feeder, to be looked for"
            yield CarriedRow("feeder", text, session.id, session.title, session.performed_on, item.id, False)


@dataclass(frozen=True, slots=True)
class PriorPlace:
    """A place of an earlier session on a new study.

    Attributes
    ----------
    kind
        ``catheter-position`` or ``feeder``.
    lps_mm
        In the new frame; None where no reviewed link leads there.
    note
        How far it may be off, or why there is no place.
    """

    kind: str
    name: str
    item_id: str
    lps_mm: Point | None
    note: str


def prior_places(library: Library, case: Case, from_session_id: str, to_frame_uid: str) -> tuple[PriorPlace, ...]:
    """Catheter positions and entries of feeders of an earlier session as points on a new study.

    Points only: the tree they lay on is of the earlier images, and vessels have to be found anew on the new ones.

    Raises
    ------
    UsageError
        ``unknown-session``.
    """
    session = the_session(case, from_session_id)
    places = [("catheter-position", item, item.name, body.tip_lps_mm) for item, body in positions_of(session.items)]
    for item, feeders in all_feeders_of(session.items):
        places += [("feeder", item, item.name, each.entry_lps_mm) for each in feeders.feeders]
    found = []
    for kind, item, name, place in places:
        there = point_map(library, case, item.frame_uid, to_frame_uid)
        way = linked_frames(case, item.frame_uid, to_frame_uid)
        if there is None or way is None:
            note = "not linked: no reviewed link leads from its study to this one"
            found.append(PriorPlace(kind, name, item.id, None, note))
            continue
        x, y, z = (float(each) for each in there.points(place))
        found.append(PriorPlace(kind, name, item.id, (x, y, z), way.words))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One thing that is not as it was at the earlier session.

    Attributes
    ----------
    kind
        ``template``, ``answer``, ``laboratory`` or ``lesion``; ``open``: how many answers are still to be given.
    before, now
        In words; ``–`` is not known.
    source
        ``stage.field``, analyte or lesion id.
    """

    kind: str
    what: str
    before: str
    now: str
    source: str


def what_changed(
    case: Case, from_session_id: str, to_session_id: str, templates: Mapping[str, Template]
) -> tuple[ChangedRow, ...]:
    """What differs between two sessions of a course: template, lesions, laboratory and planned answers.

    Parameters
    ----------
    templates
        By id; answers are compared only where both sessions' templates are installed.

    Raises
    ------
    UsageError
        ``unknown-session``.
    """
    before, now = the_session(case, from_session_id), the_session(case, to_session_id)
    rows: list[ChangedRow] = []
    if before.template.id != now.template.id:
        names = [
            templates[each.template.id].title if each.template.id in templates else each.template.id
            for each in (before, now)
        ]
        rows.append(ChangedRow(TEMPLATE, "Procedure", names[0], names[1], now.template.id))
    rows += _lesions_changed(case, before, now)
    rows += _laboratory_changed(case, before, now, templates)
    rows += _answers_changed(case, before, now, templates)
    return tuple(rows)


def _lesions_changed(case: Case, before: Session, now: Session) -> Iterator[ChangedRow]:
    first, last = before.performed_on or before.planned_on, now.performed_on or now.planned_on
    for lesion in case.lesions:
        old, new = _seen_until(lesion, first), _seen_until(lesion, last)
        if old is not new:
            yield ChangedRow(LESION, lesion.name, _seen_words(old), _seen_words(new), lesion.id)


def _seen_until(lesion: Lesion, until: date | None) -> Observation | None:
    seen = [each for each in lesion.observations if until is None or each.study_date <= until]
    return max(seen, key=lambda each: each.study_date, default=None)


def _seen_words(seen: Observation | None) -> str:
    if seen is None:
        return "not seen yet"
    size = [f"longest {shown(seen.longest_mm, 'mm')}", f"viable {shown(seen.viable_mm, 'mm')}"]
    state = [seen.state] if seen.state not in (None, "present") else []
    return ", ".join([*(str(each) for each in state), *size, seen.study_date.isoformat()])


def _laboratory_changed(
    case: Case, before: Session, now: Session, templates: Mapping[str, Template]
) -> Iterator[ChangedRow]:
    template = templates.get(now.template.id)
    fields = [] if template is None else [each for stage in template.stages for each in stage.fields]
    first, last = before.performed_on or before.planned_on, now.performed_on or now.planned_on
    labels = {each.analyte: each for each in fields if each.kind is FieldKind.LAB and each.analyte is not None}
    for analyte, described in labels.items():
        old = case.latest_lab(str(analyte), not_after=first)
        new = case.latest_lab(str(analyte), not_after=last)
        if old is not new:
            yield ChangedRow(
                LABORATORY, described.label, printed(case, described, old), printed(case, described, new), str(analyte)
            )


def _answers_changed(
    case: Case, before: Session, now: Session, templates: Mapping[str, Template]
) -> Iterator[ChangedRow]:
    old, new = templates.get(before.template.id), templates.get(now.template.id)
    if old is None or new is None:
        return
    waiting = 0
    for stage in new.stages:
        if stage.phase not in (Phase.DECIDE, Phase.PLAN):
            continue
        known = {each.id for each in _stage(old, stage.id)}
        for described in stage.fields:
            if described.id not in known or described.binds is not None or not _comparable(described):
                continue
            was, is_now = before.answer(stage.id, described.id), now.answer(stage.id, described.id)
            if is_empty(is_now):
                waiting += not is_empty(was)
            elif was != is_now:
                words = printed(case, described, was), printed(case, described, is_now)
                yield ChangedRow(ANSWER, described.label, *words, f"{stage.id}.{described.id}")
    if waiting:
        text = f"{waiting} answers of the earlier plan are asked again and not given yet"
        yield ChangedRow(OPEN, "Not answered yet", text, shown(None), "answers")


def _stage(template: Template, stage_id: str) -> tuple[Field, ...]:
    return next((stage.fields for stage in template.stages if stage.id == stage_id), ())


def _comparable(described: Field) -> bool:
    """Items and series have ids of their own in every session: that these differ says nothing."""
    items = (FieldKind.PATH, FieldKind.NEEDLE, FieldKind.CATHETER_POSITION, FieldKind.STENT)
    return described.kind not in (FieldKind.LAB, FieldKind.COMPUTED, FieldKind.SERIES, *items)
