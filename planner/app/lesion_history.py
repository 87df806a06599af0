"""The history of one lesion: treated when and with what, margin achieved, Lipiodol kept, and how it responded.

Everything is read from the case; nothing is stored twice. What no record says is unknown, which is not untreated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.needle_items import ACHIEVED
from planner.model.needle_reading import margins_of
from planner.model.session import Answer, Session
from planner.units import shown
from planner.workflow.course import what_remains
from planner.workflow.last_time import printed
from planner.workflow.ledgers import session_entries
from planner.workflow.template import Field, FieldKind, Stage, Template
from planner.workflow.values import is_empty

TREATMENT, RECORD, MARGIN, LIPIODOL, OBSERVATION, RESPONSE = (
    *("treatment", "record", "margin", "lipiodol", "observation", "response"),
)
_NAMES_LESIONS = (FieldKind.LESION, FieldKind.LESIONS)


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One thing known of a lesion.

    Attributes
    ----------
    kind
        ``treatment``, ``record``, ``margin``, ``lipiodol``, ``observation`` or ``response``.
    on
        None where no day is known.
    source
        Where it stands: ``stage.field`` of a session, an item id, or the id of a reading.
    """

    kind: str
    on: date | None
    text: str
    session_id: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class LesionHistory:
    """A lesion over all sessions.

    Attributes
    ----------
    treated_in
        Sessions whose record says so; more than one, and it was treated again.
    state
        ``treated``, ``untreated`` or ``unknown``: by the last record that speaks of it.
    parents, parts
        Names of the lesions it came from, and of those that came from it.
    rows
        The oldest first; those without a day last.
    unread_sessions
        Titles of sessions whose template is not installed: their record is not in the history.
    """

    lesion_id: str
    name: str
    segment: str | None
    first_seen_on: date | None
    treated_in: tuple[str, ...]
    state: str
    parents: tuple[str, ...]
    parts: tuple[str, ...]
    rows: tuple[HistoryRow, ...]
    unread_sessions: tuple[str, ...]


def lesion_history(case: Case, lesion_id: str, templates: Mapping[str, Template]) -> LesionHistory:
    """All that the case knows of a lesion.

    Raises
    ------
    KeyError
        For a lesion that is not in the case.
    """
    lesion = case.lesion(lesion_id)
    if lesion is None:
        raise KeyError(lesion_id)
    remains = next(each for each in what_remains(case, templates) if each.lesion_id == lesion_id)
    rows = [*_observed(lesion), *_responses(case, lesion)]
    unread = []
    for session in case.sessions:
        rows += _margins(session, lesion)
        template = templates.get(session.template.id)
        if template is None:
            unread.append(session.title)
            continue
        if session.id in remains.treated_in:
            rows.append(_treatment(case, session, template))
        rows += _records(case, session, template, lesion)
    order = sorted(range(len(rows)), key=lambda at: (rows[at].on is None, rows[at].on or date.max, at))
    dates = [each.study_date for each in lesion.observations]
    return LesionHistory(
        lesion_id,
        lesion.name,
        lesion.segment,
        lesion.first_seen_on or min(dates, default=None),
        remains.treated_in,
        str(remains.state),
        tuple(each.name for each in case.lesions if each.id in lesion.parents),
        tuple(each.name for each in case.lesions if lesion_id in each.parents),
        tuple(rows[at] for at in order),
        tuple(unread),
    )


def _observed(lesion: Lesion) -> Iterator[HistoryRow]:
    for seen in lesion.observations:
        yield HistoryRow(OBSERVATION, seen.study_date, _size_words(seen), source=seen.region_item_id)
        if seen.lipiodol is not None:
            yield HistoryRow(
                LIPIODOL, seen.study_date, f"Lipiodol retention {seen.lipiodol}", source=seen.region_item_id
            )


def _size_words(seen: Observation) -> str:
    parts = [seen.state] if seen.state not in (None, "present") else []
    if seen.longest_mm is not None:
        parts.append(f"longest {shown(seen.longest_mm, 'mm')}")
    if seen.viable_mm is not None:
        parts.append(f"viable {shown(seen.viable_mm, 'mm')}")
    if seen.volume_ml is not None:
        parts.append(shown(seen.volume_ml, "mL"))
    if seen.note:
        parts.append(seen.note)
    return ", ".join(str(each) for each in parts) or "seen, size unknown"


def _responses(case: Case, lesion: Lesion) -> Iterator[HistoryRow]:
    for reading in case.readings:
        for each in reading.lesions:
            if each.lesion_id == lesion.id:
                said = each.category or "not evaluable"
                note = "" if each.note is None else f": {each.note}"
                text = f"{reading.criteria} {said}{note} ({reading.role} reader {reading.read_by})"
                yield HistoryRow(RESPONSE, reading.on, text, reading.session_id, reading.id)


def _margins(session: Session, lesion: Lesion) -> Iterator[HistoryRow]:
    for item, body in margins_of(session.items, ACHIEVED):
        if body.lesion_id != lesion.id:
            continue
        least = body.mean.minimum_mm
        if least is None:
            text = "Margin not measurable" + (f": {body.registration_note}" if body.registration_note else "")
        else:
            error = body.registration_error_mm
            beside = "registration error unknown" if error is None else f"registration error {shown(error, 'mm')}"
            within = ", not larger than that error" if body.within_registration_error else ""
            text = f"Least margin achieved {shown(least, 'mm')} ({beside}{within})"
        yield HistoryRow(MARGIN, session.performed_on, text, session.id, item.id)


def _treatment(case: Case, session: Session, template: Template) -> HistoryRow:
    """What the session gave: to all lesions it treated together, where the record tells them not apart."""
    given = [f"{each.substance} {shown(each.amount, each.unit)}" for each in session_entries(case, session, template)]
    words = f": {', '.join(given)} in the whole session" if given else ""
    return HistoryRow(TREATMENT, session.performed_on, f"Treated, {session.title}{words}", session.id)


def _records(case: Case, session: Session, template: Template, lesion: Lesion) -> Iterator[HistoryRow]:
    """Rows of the record's tables that name the lesion, whatever the procedure calls them."""
    for stage in template.stages:
        if not stage.phase.is_record:
            continue
        for described in stage.fields:
            columns = [each.id for each in described.columns if each.kind in _NAMES_LESIONS]
            for row in _rows_of(session, stage, described) if columns else ():
                if any(names_in(row.get(column), lesion.id) for column in columns):
                    yield _record(case, session, stage, described, row, columns)


def _rows_of(session: Session, stage: Stage, described: Field) -> tuple[Mapping[str, object], ...]:
    value = session.answer(stage.id, described.id)
    return () if is_empty(value) else tuple(value)


def _record(
    case: Case, session: Session, stage: Stage, described: Field, row: Mapping[str, object], lesion_columns: list[str]
) -> HistoryRow:
    cells = [
        f"{column.label} {printed(case, column, row[column.id])}"
        for column in described.columns
        if column.id not in lesion_columns and not is_empty(row.get(column.id))
    ]
    text = f"{described.label}: {', '.join(cells) or 'named'}"
    return HistoryRow(RECORD, session.performed_on, text, session.id, f"{stage.id}.{described.id}")


def treated_between(
    case: Case, lesion_id: str, templates: Mapping[str, Template], first: date | None, last: date | None
) -> tuple[str, ...]:
    """Sessions that treated a lesion from one day to another, by their records; an unknown day bounds nothing."""
    treated = next((each.treated_in for each in what_remains(case, templates) if each.lesion_id == lesion_id), ())
    return tuple(
        session.id
        for session in case.sessions
        if session.id in treated
        and session.performed_on is not None
        and (first is None or session.performed_on >= first)
        and (last is None or session.performed_on <= last)
    )


def names_in(value: object, wanted: str) -> bool:
    """Whether a stored value names an id anywhere."""
    if isinstance(value, Answer):
        return names_in(value.value, wanted)
    if isinstance(value, Mapping):
        return any(names_in(each, wanted) for each in value.values())
    if isinstance(value, list | tuple):
        return any(names_in(each, wanted) for each in value)
    return value == wanted
