"""What stands against the planned treatments of a course, said before they are booked: order, spacing, waiting times,
tests, medicines on hold, and doses that add up. What cannot be told is said to be not checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from planner.clinical.laboratory import analyte as known_analyte
from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.course import StepKind
from planner.model.people import Medication
from planner.model.session import Session
from planner.workflow.course_dates import ProposedDate, with_dates
from planner.workflow.course_events import Event, events, last_dose, received, text_codes
from planner.workflow.course_hazards import Fact, Hazard, Hazards, hazards_of
from planner.workflow.course_ledger import course_ledger
from planner.workflow.ledgers import planned_entries
from planner.workflow.template import Limit, Profile, Template
from planner.workflow.vocabulary import unchecked_codes

HOURS_PER_DAY = 24.0


@dataclass(frozen=True, slots=True)
class _Scene:
    """What one judgement sees."""

    case: Case
    profile: Profile
    today: date
    catalogue: Hazards
    events: tuple[Event, ...]
    facts: Mapping[str, frozenset[str] | None]


def conflicts(case: Case, templates: Mapping[str, Template], profile: Profile, today: date) -> tuple[Finding, ...]:
    """Everything that stands against treatments that are not done yet.

    Parameters
    ----------
    templates
        Procedure templates by id, for the doses that sessions gave and plan.

    Returns
    -------
    Findings whose subject is the step, or the session that no step names.
    """
    catalogue = hazards_of(case.diagnosis.histology)
    facts = {name: _known(case.sessions, fact) for name, fact in catalogue.facts.items()}
    scene = _Scene(
        case, profile, today, catalogue, (*events(case), *_devices(case), *_answered(catalogue, facts)), facts
    )
    found: list[Finding] = []
    for event in scene.events:
        if event.done:
            continue
        for hazard in catalogue.order:
            found += _order(scene, hazard, event)
        for hazard in catalogue.tests:
            found += _tests(scene, hazard, event)
        found += _holds(scene, event)
    for hazard in catalogue.order:
        found += _unasked(scene, hazard)
    for hazard in catalogue.wash_out:
        found += _wash_out(scene, hazard)
    found += _doses(case, templates, profile, today, scene.events)
    found += _unread(scene)
    return tuple(dict.fromkeys(found))


def conflicts_of_dates(
    case: Case,
    proposals: Iterable[ProposedDate],
    templates: Mapping[str, Template],
    profile: Profile,
    today: date,
) -> tuple[Finding, ...]:
    """What accepting these days would newly bring: said before anything is moved."""
    moved = with_dates(case, {each.step_id: each.proposed for each in proposals})
    before = {finding_key(each) for each in conflicts(case, templates, profile, today)}
    return tuple(each for each in conflicts(moved, templates, profile, today) if finding_key(each) not in before)


def finding_key(finding: Finding) -> tuple[str, str | None, float | None]:
    """What makes a finding a new one: not the days that its text names."""
    return finding.code, finding.subject, finding.measured


def _devices(case: Case) -> Iterator[Event]:
    for each in case.implants:
        site = each.site or ""
        yield Event(frozenset(text_codes(f"{each.name} {site} {each.name}")), each.name, each.placed_on, True)


def _answered(catalogue: Hazards, facts: Mapping[str, frozenset[str] | None]) -> Iterator[Event]:
    """What sessions answered, as things that are there since before any of them."""
    for name, codes in facts.items():
        if codes:
            yield Event(codes, f"{catalogue.facts[name].field.replace('_', ' ')} as recorded", date.min, True)


def _known(sessions: Iterable[Session], fact: Fact) -> frozenset[str] | None:
    """Codes that the newest session's answer stands for; None while nobody was asked."""
    for session in sorted(sessions, key=lambda each: each.performed_on or each.planned_on or date.max, reverse=True):
        for stage in session.answers:
            value = session.answer(stage, fact.field)
            given = (value,) if isinstance(value, str) else tuple(value or ())
            if given and not set(given) & unchecked_codes():
                return frozenset(fact.codes[each] for each in given if each in fact.codes)
    return None


def _matches(hazard: Hazard, event: Event) -> bool:
    return bool(event.codes & hazard.later) and not event.codes & hazard.later_not


def _before(earlier: Event, later: Event) -> bool:
    """Whether one comes before the other: what is done does; planned ones by their days, or as the course has them."""
    if earlier is later or (earlier.group is not None and earlier.group == later.group):
        return False
    if earlier.done:
        return True
    if earlier.on is None or later.on is None:
        return earlier.place < later.place
    return (earlier.on, earlier.place) < (later.on, later.place)


def _order(scene: _Scene, hazard: Hazard, event: Event) -> Iterator[Finding]:
    if not _matches(hazard, event):
        return
    if hazard.missing:
        there = [each for each in scene.events if each.codes & hazard.missing and _before(each, event)]
        if not there:
            yield _finding(hazard, event, f"{event.title}: {hazard.text}.")
        return
    found = [each for each in scene.events if each.codes & hazard.earlier and _before(each, event)]
    if hazard.days is None and hazard.days_limit is None:
        yield from _any_time(scene, hazard, event, found)
    else:
        yield from _spacing(scene, hazard, event, found)


def _any_time(scene: _Scene, hazard: Hazard, event: Event, found: list[Event]) -> Iterator[Finding]:
    limit = scene.profile.limits.get(hazard.count_limit) if hazard.count_limit else None
    wanted = 1.0 if limit is None else float(limit.value)
    if found and len(found) >= wanted:
        text = f"{event.title} after {_listed(found)}: {hazard.text}."
        measured = float(len(found)) if limit is not None else None
        yield _finding(hazard, event, text, measured, wanted if limit is not None else None, "1" if limit else None)


def _unasked(scene: _Scene, hazard: Hazard) -> Iterator[Finding]:
    """A hazard that stands on a question nobody was asked, once for all treatments it is about."""
    if hazard.fact is None or scene.facts.get(hazard.fact) is not None:
        return
    about = [each for each in scene.events if not each.done and _matches(hazard, each)]
    open_ = [
        each for each in about if not any(one.codes & hazard.earlier and _before(one, each) for one in scene.events)
    ]
    if open_:
        question = scene.catalogue.facts[hazard.fact].question
        text = f"{', '.join(each.title for each in open_)}: not checked {question} ({hazard.text})."
        yield replace(_finding(hazard, open_[0], text), code=f"{hazard.id}-unknown", severity=Severity.WARN)


def _spacing(scene: _Scene, hazard: Hazard, event: Event, found: list[Event]) -> Iterator[Finding]:
    asked = _days(scene.profile, hazard)
    if asked is None or not found:
        return
    last = event.on or date.max
    dated = [each for each in found if each.on is not None and date.min < each.on <= last]
    undated = [each for each in found if each.on is None]
    if hazard.severity is Severity.BLOCK and (event.on is None or (undated and not dated)):
        what = event.title if event.on is None else _listed(undated)
        text = f"{event.title} after {_listed(found)}: not checked, {what} has no day ({hazard.text})."
        yield replace(_finding(hazard, event, text), code=f"{hazard.id}-unknown", severity=Severity.INFO)
        return
    if event.on is None or not dated:
        return
    nearest = max(dated, key=lambda each: each.on or date.min)
    days = (event.on - (nearest.on or event.on)).days
    if days < asked:
        apart = f"{days} days after" if days else "on the same day as"
        text = f"{event.title} is {apart} {_listed([nearest])}: {hazard.text}."
        yield _finding(hazard, event, text, float(days), float(asked), "d")


def _days(profile: Profile, hazard: Hazard) -> float | None:
    if hazard.days_limit is None:
        return None if hazard.days is None else float(hazard.days)
    limit = profile.limits.get(hazard.days_limit)
    return None if limit is None else float(limit.value)


def _wash_out(scene: _Scene, hazard: Hazard) -> Iterator[Finding]:
    asked = _days(scene.profile, hazard)
    if asked is None:
        return
    unknown: dict[str, list[Event]] = {}
    for event in scene.events:
        if event.done or not _matches(hazard, event):
            continue
        day = event.on or scene.today
        known = last_dose(scene.case, hazard.drugs, before=day)
        if known.on is None and not known.none:
            unknown.setdefault(known.why, []).append(event)
        if known.on is None or (day - known.on).days >= asked:
            continue
        days = (day - known.on).days
        text = f"{event.title}: {known.why}, {days} days before; {asked:g} are asked ({hazard.text})."
        yield _finding(hazard, event, text, float(days), asked, "d")
    for why, of in unknown.items():
        text = f"{', '.join(each.title for each in of)}: not checked, {why} ({hazard.text})."
        yield replace(_finding(hazard, of[0], text), code=f"{hazard.id}-unknown", severity=Severity.INFO)


def _tests(scene: _Scene, hazard: Hazard, event: Event) -> Iterator[Finding]:
    asked = _days(scene.profile, hazard)
    day = event.on or scene.today
    if not _matches(hazard, event) or asked is None or not received(scene.case, hazard.drugs, before=day):
        return
    lacking = []
    for name in hazard.analytes:
        value = scene.case.latest_lab(name, not_after=day)
        if value is None or (day - value.taken_on).days > asked:
            lacking.append(known_analyte(name).name)
    if lacking:
        text = f"{event.title}: {hazard.text}; not known within {asked:g} days: {', '.join(lacking)}."
        yield _finding(hazard, event, text)
    if hazard.by_hand:
        text = f"{event.title}: not checked, as the laboratory list has no such value: {', '.join(hazard.by_hand)}."
        yield replace(_finding(hazard, event, text), code=f"{hazard.id}-by-hand", severity=Severity.INFO)


def _holds(scene: _Scene, event: Event) -> Iterator[Finding]:
    """Anticoagulants whose hold and restart do not fit the planned day."""
    bleeding = _class(scene, event)
    if bleeding is None:
        return
    for medicine in scene.case.medication:
        limit = scene.profile.limits.get(scene.catalogue.holds.get(medicine.kind or "", ""))
        if limit is None:
            continue
        exempt = bleeding == "low" and medicine.kind in scene.catalogue.held_not_low
        wanted = scene.profile.limits.get(scene.catalogue.low_limit)
        if exempt and not (wanted is not None and wanted.value):
            continue
        if event.on is None:
            text = f"{event.title}: not checked, it has no day to compare the hold of {medicine.name} with."
            yield Finding("hold-unknown", Severity.INFO, text, True, event.subject, source=limit.source, tag=limit.tag)
        else:
            yield from _hold(event, medicine, limit, event.on)


def _hold(event: Event, medicine: Medication, limit: Limit, day: date) -> Iterator[Finding]:
    asked = float(limit.value) / (HOURS_PER_DAY if limit.unit == "h" else 1.0)
    since = medicine.hold_from or medicine.last_dose_on
    tag, subject = limit.tag, event.subject
    if since is None or since > day:
        text = f"{event.title} on {day.isoformat()}: {medicine.name} is not on hold by then; the profile asks for "
        text += f"{limit.value:g} {limit.unit}."
        yield Finding("hold-missing", Severity.WARN, text, True, subject, source=limit.source, tag=tag)
        return
    days = float((day - since).days)
    if days < asked:
        text = f"{event.title} on {day.isoformat()}: {medicine.name} would be on hold for {days:g} d; the profile asks "
        text += f"for {limit.value:g} {limit.unit}."
        yield Finding("hold-too-short", Severity.WARN, text, True, subject, days, asked, "d", limit.source, tag)
    if medicine.hold_from is not None and medicine.restart_on is not None and medicine.restart_on <= day:
        text = (
            f"{event.title} on {day.isoformat()}: {medicine.name} is started again on {medicine.restart_on}, before it."
        )
        yield Finding("restart-before", Severity.WARN, text, True, subject, source="medicines of the case")


def _class(scene: _Scene, event: Event) -> str | None:
    """Bleeding class: the session's own answer, else by what it is; None where neither tells."""
    session = scene.case.session(event.session_id) if event.session_id else None
    said = session.answer("fitness", "bleeding_class") if session is not None else None
    if said in ("high", "low"):
        return str(said)
    if event.codes & scene.catalogue.high:
        return "high"
    return "low" if event.codes & scene.catalogue.low else None


def _doses(
    case: Case,
    templates: Mapping[str, Template],
    profile: Profile,
    today: date,
    planned: Iterable[Event],
) -> Iterator[Finding]:
    """The ledger with the plans of the sessions to come added one by one: what it says that it does not say now."""
    known = {(each.code, each.text) for each in course_ledger(case, templates, profile, today).findings}
    added: tuple[Finding, ...] = ()
    entries = []
    for event in planned:
        session = case.session(event.session_id) if event.session_id and not event.done else None
        template = templates.get(session.template.id) if session is not None else None
        if session is None or template is None:
            continue
        amounts, silent = planned_entries(case, session, template)
        day = max(event.on or today, today)
        entries += [replace(each, on=each.on or day) for each in amounts]
        ledger = course_ledger(case, templates, profile, day, planned=entries)
        added = tuple(each for each in ledger.findings if (each.code, each.text) not in known)
        known |= {(each.code, each.text) for each in added}
        for each in added:
            text = f"With {session.title} as planned: {each.text}"
            yield replace(each, text=text, subject=event.subject or session.id)
        if silent:
            text = f"{session.title}: not checked, its plan does not say how much at most: {', '.join(silent)}."
            yield Finding("planned-dose-unknown", Severity.INFO, text, True, event.subject or session.id, source="plan")


def _unread(scene: _Scene) -> Iterator[Finding]:
    """What the order could not be judged on: texts nobody recognises, treatments elsewhere, sessions without a plan."""
    planned = [each for each in scene.events if not each.done]
    if not planned:
        return
    strange = [each.title for each in scene.events if each.done and not each.codes]
    if strange:
        text = f"Not judged for order and spacing, as the words are not recognised: {', '.join(strange)}."
        yield Finding("treatment-not-recognised", Severity.INFO, text, source="words of the hazards")
    if scene.case.outside_sessions != "no":
        asked = {"yes": "there were treatments elsewhere"}.get(scene.case.outside_sessions or "", "elsewhere unknown")
        text = f"Known treatments only; {asked}: order, spacing and doses are judged on what is known."
        yield Finding("outside-unknown", Severity.INFO, text, source="practice notes section 4 no. 25", tag="P")
    bare = [each.title for each in planned if StepKind.SESSION in each.codes and each.session_id is None]
    if bare:
        text = f"Not in the sums of doses, as they have no plan yet: {', '.join(bare)}."
        yield Finding("dose-without-plan", Severity.INFO, text, source="ledger")


def _listed(found: Iterable[Event]) -> str:
    return ", ".join(f"{each.title} ({_day(each)})" for each in found)


def _day(event: Event) -> str:
    if event.on is None:
        return "day unknown"
    return "known" if event.on == date.min else f"{'' if event.done else 'planned '}{event.on.isoformat()}"


def _finding(
    hazard: Hazard,
    event: Event,
    text: str,
    measured: float | None = None,
    limit: float | None = None,
    unit: str | None = None,
) -> Finding:
    return Finding(
        hazard.id, hazard.severity, text, True, event.subject, measured, limit, unit, hazard.source, hazard.tag
    )
