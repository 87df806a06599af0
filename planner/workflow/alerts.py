"""What somebody has to look at: late, in an action band, told by the patient, or images against molecule.

An alert has a key that stays the same while it is the same thing, so that one alert makes one task. An alert is a
statement with its source, never an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from planner.catalogues import catalogue
from planner.clinical.laboratory import analytes, to_canonical
from planner.errors import InputRefused
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.follow_up import Task, TaskState
from planner.model.people import LabValue
from planner.model.session import Session
from planner.units import shown
from planner.workflow.due import DueItem, due_items
from planner.workflow.follow_up_rules import (
    ActionRule,
    MarkerRule,
    action_rules,
    level_of_rank,
    levels,
    markers,
    setting,
)
from planner.workflow.follow_up_schedule import treated_on
from planner.workflow.scales import Scale, Told, scales, told

TASK_KINDS = {
    "imaging": "imaging",
    "laboratory": "laboratory",
    "marker": "laboratory",
    "value": "laboratory",
    "molecule": "imaging",
    "device": "device",
    "report": "follow-up",
    "symptom": "symptom",
    "function": "symptom",
    "questionnaire": "follow-up",
    "decision": "decision",
    "outcome": "follow-up",
}
"""Kind of an alert -> kind of the task it becomes."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that asks for a named person.

    Attributes
    ----------
    kind
        Of `TASK_KINDS`.
    level
        Key of ``[levels]`` in ``follow_up.toml``: ``watch``, ``call`` or ``urgent``.
    since
        The day it is about (value taken, due day that passed).
    due_on
        By when the task is due that is opened today.
    owner
        Who would do it, where the case names one.
    """

    key: str
    kind: str
    text: str
    level: str
    since: date
    due_on: date
    subject: str | None = None
    session_id: str | None = None
    owner: str | None = None
    source: str | None = None
    tag: str | None = None

    @property
    def task_kind(self) -> str:
        return TASK_KINDS[self.kind]


def alerts(case: Case, today: date) -> tuple[Alert, ...]:
    """What is offered to become a task: everything raised without an open or recently closed task; worst first."""
    return tuple(each for each in raised(case, today) if not answered(case.tasks, each.key, today))


def raised(case: Case, today: date) -> tuple[Alert, ...]:
    """Every alert as the case stands on a day, whether a task speaks of it or not."""
    found = [
        *_late(case, today),
        *_values(case, today),
        *_told(case, today),
        *_molecules(case, today),
    ]
    return tuple(sorted(found, key=lambda each: (-levels()[each.level].rank, each.since, each.key)))


def answered(tasks: tuple[Task, ...], key: str, today: date) -> bool:
    """Whether an open task, or one closed recently, speaks of an alert."""
    quiet = timedelta(days=setting("closed_quiet_days").value)
    return any(
        each.alert == key
        and (each.state is TaskState.OPEN or (each.closed_at is not None and today - each.closed_at.date() <= quiet))
        for each in tasks
    )


def _late(case: Case, today: date) -> Iterator[Alert]:
    late = catalogue("follow_up.toml")["late"]
    for item in due_items(case, today):
        if item.kind in late and item.due_on is not None and item.overdue(today):
            yield _of_item(item, item.due_on, str(late[item.kind]), today)


def _of_item(item: DueItem, due_on: date, level: str, today: date) -> Alert:
    days = (today - due_on).days
    return Alert(
        key=item.key,
        kind=item.kind,
        text=f"{item.text}: due {due_on.isoformat()}, {days} day{'s' if days != 1 else ''} late",
        level=level,
        since=due_on,
        due_on=today + timedelta(days=levels()[level].due_days),
        subject=item.subject,
        session_id=item.session_id,
        owner=item.owner,
        source=item.source,
        tag=item.tag,
    )


def _values(case: Case, today: date) -> Iterator[Alert]:
    """Values after a session in an action band they were not in before."""
    days, shown_for = setting("after_session_days").value, setting("closed_quiet_days").value
    performed = sorted(day for each in case.sessions if (day := treated_on(each)) is not None)
    for session in case.sessions:
        start = treated_on(session)
        if start is None or not start <= today <= start + timedelta(days=days + shown_for):
            continue
        end = min((day for day in performed if day > start), default=date.max)
        end = min(end, start + timedelta(days=days), today)
        for analyte in dict.fromkeys(rule.analyte for rule in action_rules()):
            found = _worst(case, session, analyte, start, end)
            if found is not None:
                yield found


def _worst(case: Case, session: Session, analyte: str, start: date, end: date) -> Alert | None:
    """The most severe value of an analyte after a session, or None where none is in a band."""
    before = _baseline(case, analyte, start)
    ranked = [
        (_rank(rule, number, before), number, value, rule)
        for value in case.laboratory
        if value.analyte == analyte and start < value.taken_on <= end and (number := _canonical(value)) is not None
        for rule in action_rules()
        if rule.analyte == analyte
    ]
    rank, number, value, rule = max(ranked, key=lambda each: (each[0], each[2].taken_on), default=(0, 0.0, None, None))
    if rank == 0 or value is None or rule is None:
        return None
    known = analytes()[analyte]
    level = level_of_rank(rank)
    last = max((each[2] for each in ranked), key=lambda each: each.taken_on)
    latest = _canonical(last)
    trend = "" if last.id == value.id else f"; {shown(latest, known.unit)} on {last.taken_on.isoformat()}"
    was = "no value before" if before is None else f"{shown(before, known.unit)} before"
    limit = rule.limits[rank - 1]
    words = f"{limit:g} times" if rule.how == "ratio" else f"{rule.how} {shown(limit, known.unit)}"
    return Alert(
        key=f"value:{analyte}:{session.id}:{level.key}",
        kind="value",
        text=f"{known.name} {value.comparator}{shown(number, known.unit)} on {value.taken_on.isoformat()} after "
        f"{session.title} ({was}{trend}): {words}",
        level=level.key,
        since=value.taken_on,
        due_on=value.taken_on + timedelta(days=level.due_days),
        subject=session.id,
        session_id=session.id,
        owner=case.responsible_physician,
        source=rule.source,
        tag=rule.tag,
    )


def _rank(rule: ActionRule, number: float, before: float | None) -> int:
    """The band of a value; an absolute band that the patient was in before the session is not news."""
    rank = rule.rank(number, before)
    known = 0 if before is None or rule.how == "ratio" else rule.rank(before, None)
    return rank if rank > known else 0


def _baseline(case: Case, analyte: str, on: date) -> float | None:
    """The newest value up to the day of the session that is not older than the baseline may be."""
    found = case.latest_lab(analyte, not_after=on)
    if found is None or (on - found.taken_on).days > setting("baseline_days").value:
        return None
    return _canonical(found)


def _canonical(value: LabValue) -> float | None:
    if value.value is None:
        return None
    try:
        return to_canonical(value.analyte, value.value, value.unit)
    except InputRefused:
        return None


def _told(case: Case, today: date) -> Iterator[Alert]:
    """The newest entry of every scale, where it is in a band or has changed for the worse."""
    for key, scale in scales().items():
        entries = [each for each in told(case, key) if each.on <= today]
        if not entries or (today - entries[-1].on).days > scale.recent_days:
            continue
        last = entries[-1]
        band, why = scale.level_of(last.value), ""
        before = next((each for each in reversed(entries[:-1]) if each.value is not None), None)
        if band is None and last.value is not None and before is not None and before.value is not None:
            band = scale.changed(before.value, last.value)
            why = f"; {scale.shown(before.value)} on {before.on.isoformat()}"
        if band is not None:
            yield _alert_of(case, scale, last, band.level, f"{_words(scale, last, band.text)}{why}")


def _words(scale: Scale, entry: Told, band: str | None) -> str:
    value = "" if entry.value is None else f" {scale.shown(entry.value)}"
    unit = "" if entry.value is None or scale.unit == "1" else f" {shown(entry.value, scale.unit).split(' ', 1)[-1]}"
    said = f" – {entry.text}" if entry.text else ""
    named = f" ({band})" if band else ""
    return f"{scale.title}{value}{unit}{named} on {entry.on.isoformat()}{said}"


def _alert_of(case: Case, scale: Scale, entry: Told, level: str, text: str) -> Alert:
    return Alert(
        key=f"told:{scale.key}:{entry.id}",
        kind=scale.kind,
        text=text,
        level=level,
        since=entry.on,
        due_on=entry.on + timedelta(days=levels()[level].due_days),
        subject=entry.id,
        owner=case.responsible_physician,
        source=scale.source,
        tag=scale.tag,
    )


def _molecules(case: Case, today: date) -> Iterator[Alert]:
    """A marker that rises while the images are quiet, or while nobody has read any."""
    treated = [day for each in case.sessions if (day := treated_on(each)) is not None and day <= today]
    start = max(treated, default=date.min)
    for analyte, rule in markers().items():
        values = [each for each in case.laboratory if each.analyte == analyte and start <= each.taken_on <= today]
        rising = _rising(rule, sorted(values, key=lambda each: each.taken_on))
        if rising is not None:
            found = _against_images(case, rule, *rising, today)
            if found is not None:
                yield found


def _rising(rule: MarkerRule, values: list[LabValue]) -> tuple[LabValue, LabValue] | None:
    """The lowest and the newest of the values of a marker, where it has risen since."""
    numbered = [(number, each) for each in values if (number := _canonical(each)) is not None]
    if len(numbered) < 2:
        return None
    lowest, first = min(numbered[:-1], key=lambda each: each[0])
    newest, last = numbered[-1]
    rises = newest > max(rule.floor, lowest) and newest >= rule.rise * lowest
    return (first, last) if rises else None


def _against_images(case: Case, rule: MarkerRule, low: LabValue, high: LabValue, today: date) -> Alert | None:
    within = setting("quiet_reading_days").value
    near = [each for each in case.readings if abs((each.on - high.taken_on).days) <= within and each.on <= today]
    reading = max(near, key=lambda each: (each.on, each.read_at), default=None)
    quiet = _quiet(reading)
    if quiet is False:
        return None
    known = analytes()[rule.analyte]
    rise = (
        f"{known.name} rises: {shown(_canonical(low), known.unit)} on {low.taken_on.isoformat()}, "
        f"{shown(_canonical(high), known.unit)} on {high.taken_on.isoformat()}"
    )
    said = f"no reading of images within {within} days" if reading is None else "images not evaluated"
    if reading is not None and quiet:
        said = f"image against molecule: {reading.overall} ({reading.criteria}) on {reading.on.isoformat()}"
    return Alert(
        key=f"molecule:{rule.analyte}:{low.id if reading is None else reading.id}",
        kind="molecule",
        text=f"{rise}; {said}",
        level="watch",
        since=high.taken_on,
        due_on=high.taken_on + timedelta(days=levels()["watch"].due_days),
        subject=rule.analyte,
        owner=case.responsible_physician,
        source=rule.source,
        tag=rule.tag,
    )


def _quiet(reading: ResponseReading | None) -> bool | None:
    """Whether the images are quiet: None is not known; False where they speak of viable or growing tumour."""
    if reading is None or reading.overall is None:
        return None
    said = {
        name: {word.casefold() for word in words} for name, words in catalogue("follow_up.toml")["readings"].items()
    }
    word = reading.overall.casefold()
    return True if word in said["quiet"] else None if word in said["open"] else False
