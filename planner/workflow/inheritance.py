"""What a second session takes over from the first, and what it never does, whatever a template says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from planner.errors import InputRefused
from planner.model.case import Case
from planner.model.edits import new_id, with_item, with_session
from planner.model.items import KEY_IMAGE, VESSEL_PATH, PlanItem
from planner.model.session import Answer, Session
from planner.workflow.answers import the_session
from planner.workflow.evaluate import recorded
from planner.workflow.lifecycle import new_session
from planner.workflow.template import Field, FieldKind, Inherit, Phase, Profile, Stage, Template
from planner.workflow.values import ITEM_TYPES, hint_at, is_empty, row_kind, without_none, write_path

CARRIED_PHASES = (Phase.DECIDE, Phase.PLAN)
"""What was true on the day, and what was done, is of that session alone."""

NEVER_KINDS = frozenset({FieldKind.LAB, FieldKind.COMPUTED, FieldKind.SERIES})

NEVER_WORDS = frozenset(
    {
        "weight",
        "weighed",
        "consent",
        "pregnancy",
        "pregnant",
        "fasting",
        "fasted",
        "antibiotic",
        "antibiotics",
        "anticoagulant",
        "anticoagulants",
        "anticoagulation",
        "antiplatelet",
        "hold",
        "holds",
        "identity",
        "glucose",
        "timeout",
    }
)
"""Words in a field's or stage's id that are on the reset list (practice notes 3 item 14), whatever its TOML."""

CARRIED_ITEMS = frozenset({VESSEL_PATH, KEY_IMAGE})
"""Views, calibrations, measurements and key frames of angiographic runs are not among them: they are of the runs of
that day. What links a run's frame of reference to the CT lies in the case and stays there. Nor are needles, margins
and vertebrae: they hold for the images and the position they were planned in. Trees, feeders,
positions, lumens and stents are found and measured anew on the new images."""


def effective_inherit(stage: Stage, described: Field) -> Inherit:
    """What the engine does with a field at the next session: the template's word, unless the reset list forbids it."""
    named = f"{described.id}_{stage.id}_{described.binds or ''}".lower().replace(".", "_")
    words = set(named.split("_"))
    forbidden = (
        stage.phase not in CARRIED_PHASES
        or stage.freezes
        or described.kind in NEVER_KINDS
        or described.never_prefill
        or bool(words & NEVER_WORDS)
    )
    return Inherit.NEVER if forbidden else described.inherit


def start_next_session(
    case: Case,
    from_session_id: str,
    template: Template,
    profile: Profile,
    *,
    now: datetime,
    title: str | None = None,
) -> tuple[Case, str]:
    """The case with a new session that starts from an earlier one, and its id.

    Answers marked ``review`` are carried and wait for a person; ``always`` are carried as they are. Vessel paths and
    key images come as copies to be reviewed. Never carried: laboratory, weight, consent, pregnancy, fasting,
    antibiotic, anticoagulant state and holds, series, overrides, signatures, the time-out.

    Raises
    ------
    InputRefused
        ``session-not-performed`` while the earlier one is still being planned: its values are still its own.
    """
    earlier = the_session(case, from_session_id)
    if earlier.time_out is None and not recorded(template, earlier):
        said = f"{earlier.title} has not been performed yet; record what was done, then start the next session from it."
        raise InputRefused("session-not-performed", said, subject=from_session_id)
    case = _case_reset(case, template, now)
    case, session_id = new_session(case, template, profile, title=title)
    session = the_session(case, session_id)
    items = {item.id: _copied(item, from_session_id) for item in earlier.items if item.type in CARRIED_ITEMS}
    answers = {stage.id: _carried(stage, earlier, items) for stage in template.stages}
    session = replace(
        session,
        started_from=from_session_id,
        answers=MappingProxyType({name: MappingProxyType(kept) for name, kept in answers.items() if kept}),
        items=tuple(items.values()),
    )
    return with_session(case, session), session_id


def _copied(item: PlanItem, from_session_id: str) -> PlanItem:
    return replace(item, id=new_id("item"), inherited_from=from_session_id)


def _carried(stage: Stage, earlier: Session, items: dict[str, PlanItem]) -> dict[str, Answer]:
    kept: dict[str, Answer] = {}
    for described in stage.fields:
        how = effective_inherit(stage, described)
        before = earlier.answers.get(stage.id, {}).get(described.id)
        if how is Inherit.NEVER or before is None or described.binds is not None:
            continue
        value = _with_copies(described, before.value, items)
        if is_empty(value):
            continue
        marked = earlier.id if how is Inherit.REVIEW else None
        kept[described.id] = replace(before, value=value, inherited_from=marked)
    return kept


def _with_copies(described: Field, value: Any, items: dict[str, PlanItem]) -> Any:
    """Items are pointed at by the ids of their copies; those that were not copied are not pointed at."""
    if described.kind in ITEM_TYPES:
        return items[value].id if value in items else None
    paths = [column.id for column in described.columns if column.kind in ITEM_TYPES]
    if not paths or not isinstance(value, (list, tuple)):
        return value
    rows = []
    for row in value:
        cells = dict(row)
        for name in paths:
            old = cells.pop(name, None)
            if old in items:
                cells[name] = items[old].id
        rows.append(cells)
    return rows


def _case_reset(case: Case, template: Template, now: datetime) -> Case:
    """Values of the case that a new session has to ask again: they are emptied, and holds are taken off medicines."""
    for stage in template.stages:
        for described in stage.fields:
            path = described.binds
            if path is None or effective_inherit(stage, described) is not Inherit.NEVER:
                continue
            # Lists of the case (implants, earlier treatments) are facts; only single values can be out of date.
            if row_kind(without_none(hint_at(path))) is None:
                case = write_path(case, path, None, by="", on=now.date())
    medication = tuple(replace(each, hold_from=None, restart_on=None, hold_decided_by=None) for each in case.medication)
    return replace(case, medication=medication, pregnancy=None)


def confirm_item(case: Case, session_id: str, item_id: str) -> Case:
    """The case with a copied item looked at by a person and kept."""
    session = the_session(case, session_id)
    item = session.item(item_id)
    if item is None or item.inherited_from is None:
        return case
    return with_session(case, with_item(session, replace(item, inherited_from=None)))
