"""What the next session has to be told of all earlier ones, for review: nothing of it counts before a person looked.

The reset list stays enforced by `planner.workflow.inheritance`: this list shows what was, and fills no field.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.catalogues import catalogue
from planner.model.case import Case
from planner.model.session import Session
from planner.units import shown
from planner.workflow.answers import the_session
from planner.workflow.complications import complications_of
from planner.workflow.evaluate import recorded
from planner.workflow.inheritance import effective_inherit
from planner.workflow.last_time import last_time_card, printed
from planner.workflow.ledgers import session_entries
from planner.workflow.template import Field, FieldKind, Inherit, Stage, Template
from planner.workflow.values import is_empty, value_of

REACTION, COMPLICATION, RECOVERY, DOSE, OTHER = "reaction", "complication", "recovery", "dose", "other"


@dataclass(frozen=True, slots=True)
class CarryKind:
    """A kind of ``resources/carry_over.toml``."""

    id: str
    title: str
    loud: bool
    fields: frozenset[str]
    quiet: frozenset[str]
    source: str
    tag: str


@dataclass(frozen=True, slots=True)
class CarriedRow:
    """One thing an earlier session says to the next one.

    Attributes
    ----------
    from_session_id, title, on
        Which session, and when it was performed; None for what the case itself says (allergies).
    source
        ``stage.field`` (of a table ``stage.field.column``), ``ledger``, ``events`` or ``allergies``.
    in_field
        ``stage.field`` of the new session that holds the carried answer, or None.
    reviewed
        A person has looked at it there; None where the new session has no such field.
    """

    kind: str
    text: str
    from_session_id: str | None
    title: str | None
    on: date | None
    source: str
    loud: bool
    in_field: str | None = None
    reviewed: bool | None = None


@cache
def carry_kinds() -> Mapping[str, CarryKind]:
    """The kinds by id, in the order in which they are shown."""
    return {
        key: CarryKind(
            key, row["title"], row["loud"], frozenset(row["fields"]), frozenset(row["quiet"]), row["source"], row["tag"]
        )
        for key, row in catalogue("carry_over.toml").items()
    }


def earlier_sessions(case: Case, session_id: str, templates: Mapping[str, Template]) -> tuple[Session, ...]:
    """Sessions that were performed before this one, the newest first; those without a day last.

    Raises
    ------
    UsageError
        ``unknown-session``.
    """
    now = the_session(case, session_id)
    until = now.performed_on or now.planned_on
    found = [
        each
        for each in case.sessions
        if each.id != session_id
        and _performed(each, templates)
        and (until is None or each.performed_on is None or each.performed_on <= until)
    ]
    return tuple(sorted(found, key=lambda each: each.performed_on or date.min, reverse=True))


def _performed(session: Session, templates: Mapping[str, Template]) -> bool:
    template = templates.get(session.template.id)
    return session.performed_on is not None or (template is not None and recorded(template, session))


def carried_over(case: Case, session_id: str, templates: Mapping[str, Template]) -> tuple[CarriedRow, ...]:
    """What all earlier sessions say to this one: by kind, the newest session first.

    Parameters
    ----------
    session_id
        The session that is being planned.
    templates
        By id. Of a session whose template is not installed nothing but its events can be read; a row says so.

    Raises
    ------
    UsageError
        ``unknown-session``.
    """
    now = the_session(case, session_id)
    rows = [*_allergies(case)]
    for session in earlier_sessions(case, session_id, templates):
        rows += _events(session)
        template = templates.get(session.template.id)
        if template is None:
            text = f"The template of {session.title} is not installed: its record is not read."
            rows.append(_row(OTHER, text, session, "template", loud=True))
            continue
        rows += _answers(case, session, template, now, templates.get(now.template.id))
        rows += _laboratory(case, session, template)
        rows += _doses(case, session, template)
    order = {kind: number for number, kind in enumerate(carry_kinds())}
    return tuple(sorted(rows, key=lambda each: order[each.kind]))


def _row(kind: str, text: str, session: Session, source: str, *, loud: bool | None = None) -> CarriedRow:
    shown_loud = carry_kinds()[kind].loud if loud is None else loud
    return CarriedRow(kind, text, session.id, session.title, session.performed_on, source, shown_loud)


def _allergies(case: Case) -> Iterator[CarriedRow]:
    for each in case.allergies:
        parts = [each.substance, each.reaction, each.grade and f"grade {each.grade}"]
        if each.premedication:
            parts.append(f"premedication: {each.premedication}")
        text = ", ".join(str(part) for part in parts if part)
        yield CarriedRow(REACTION, text, None, None, each.on, "allergies", carry_kinds()[REACTION].loud)


def _events(session: Session) -> Iterator[CarriedRow]:
    for event in complications_of(session):
        graded = f"{event.scheme} grade {event.grade}" if event.scheme and event.grade else "not graded"
        action = f"; {event.action}" if event.action else ""
        yield _row(COMPLICATION, f"{event.event} ({graded}){action}", session, "events")


def _answers(
    case: Case, session: Session, template: Template, now: Session, own: Template | None
) -> Iterator[CarriedRow]:
    for stage in template.stages:
        for described in stage.fields:
            # What binds to the case is the case's, read there; laboratory and computed values are not answers.
            if described.binds is not None or described.kind in (FieldKind.LAB, FieldKind.COMPUTED, FieldKind.SERIES):
                continue
            value = value_of(case, session, stage.id, described)
            if is_empty(value):
                continue
            if described.kind is FieldKind.TABLE:
                yield from _columns(case, session, stage, described, value)
            else:
                kind = _kind(described)
                if kind is not None and not _quiet(kind, value):
                    yield _answered(case, session, stage, described, value, kind, now, own)


def _kind(described: Field) -> CarryKind | None:
    """By the catalogue; what a template always carries and the catalogue does not name is carried all the same."""
    found = next((each for each in carry_kinds().values() if described.id in each.fields), None)
    return carry_kinds()[OTHER] if found is None and described.inherit is Inherit.ALWAYS else found


def _quiet(kind: CarryKind, value: Any) -> bool:
    said = value if isinstance(value, list | tuple) else (value,)
    words = {str(each) for each in said} - {"False"}
    return not words or words <= kind.quiet


def _answered(
    case: Case,
    session: Session,
    stage: Stage,
    described: Field,
    value: Any,
    kind: CarryKind,
    now: Session,
    own: Template | None,
) -> CarriedRow:
    text = f"{described.label}: {printed(case, described, value)}"
    place, reviewed = _in_new(stage, described, now, own)
    return CarriedRow(
        kind.id,
        text,
        session.id,
        session.title,
        session.performed_on,
        f"{stage.id}.{described.id}",
        kind.loud,
        place,
        reviewed,
    )


def _in_new(stage: Stage, described: Field, now: Session, own: Template | None) -> tuple[str | None, bool | None]:
    """The same field of the new session, where it may be carried into at all, and whether a person looked at it."""
    mine = None if own is None else next((each for each in own.stages if each.id == stage.id), None)
    field = None if mine is None else mine.field(described.id)
    if mine is None or field is None or effective_inherit(mine, field) is Inherit.NEVER:
        return None, None
    answer = now.answers.get(mine.id, {}).get(field.id)
    return f"{mine.id}.{field.id}", answer is not None and answer.inherited_from is None


def _columns(case: Case, session: Session, stage: Stage, described: Field, rows: Any) -> Iterator[CarriedRow]:
    """Named columns of a table, row by row and once each."""
    for kind in carry_kinds().values():
        columns = [each for each in described.columns if f"{described.id}.{each.id}" in kind.fields]
        lines: dict[str, None] = {}
        for row in rows if columns else ():
            cells = [
                f"{each.label} {printed(case, each, row[each.id])}"
                for each in columns
                if not is_empty(row.get(each.id)) and not _quiet(kind, row[each.id])
            ]
            if cells:
                lines.setdefault(", ".join(cells))
        for line in lines:
            yield _row(kind.id, line, session, f"{stage.id}.{described.id}")


def _laboratory(case: Case, session: Session, template: Template) -> Iterator[CarriedRow]:
    """Values after the session, as its card of the last time gives them: the worst one is among them."""
    for line in last_time_card(case, session.id, template).lines:
        described = template.stage(line.stage).field(line.field)
        if described is not None and described.kind is FieldKind.LAB and line.values:
            yield _row(RECOVERY, f"{line.label}: {', '.join(line.values)}", session, f"{line.stage}.{line.field}")


def _doses(case: Case, session: Session, template: Template) -> Iterator[CarriedRow]:
    for each in session_entries(case, session, template):
        yield _row(DOSE, f"{each.substance} {shown(each.amount, each.unit)}", session, "ledger")
