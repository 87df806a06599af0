"""What of a case stands on its time axis: sessions, treatments, imaging, readings; curves with their sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from planner.model.case import Case
from planner.model.course import OUTSIDE_TREATMENTS, CourseStep, StepKind
from planner.model.disease import SeriesRef
from planner.model.session import Session, SessionState
from planner.units import shown, symbol
from planner.workflow import curves as course_curves
from planner.workflow.course import StepState, StepStatus, judged_steps
from planner.workflow.template import Template
from viewers.panels.words import state_word
from viewers.state.course_lanes import (
    COLOURS,
    SHAPES,
    Curve,
    CurvePoint,
    MarkState,
    Opens,
    TimelineContent,
    TimelineMark,
)

STEP_STATES = {
    StepState.DONE: MarkState.DONE,
    StepState.WAITING: MarkState.PLANNED,
    StepState.MAY_BEGIN: MarkState.PLANNED,
    StepState.DUE: MarkState.DUE,
    StepState.OVERDUE: MarkState.OVERDUE,
    StepState.CONDITION_OPEN: MarkState.CONDITION,
    StepState.DROPPED: MarkState.DROPPED,
    StepState.NOT_NEEDED: MarkState.DROPPED,
}

LASTING = frozenset({StepKind.SYSTEMIC, StepKind.TARGETED, StepKind.IMMUNOTHERAPY, StepKind.TRADITIONAL})
"""Treatments that go on for weeks: without a last day they are drawn up to today, open at the end."""

CALLED_OFF = frozenset({SessionState.CANCELLED, SessionState.POSTPONED})

CRITERIA = {
    "recist-1.1": "RECIST",
    "mrecist": "mRECIST",
    "easl": "EASL",
    "qeasl": "qEASL",
    "choi": "Choi",
    "lirads-tr-2024": "LI-RADS TR",
    "volumetric": "volumetric",
}


def course_content(
    case: Case, templates: Mapping[str, Template], today: date, steps: Sequence[StepStatus] | None = None
) -> TimelineContent:
    """A whole case on its axis.

    Parameters
    ----------
    templates
        Procedure templates by id: what steps need, and where records have amounts.
    steps
        As judged already; None judges them here.
    """
    judged = judged_steps(case, templates, today) if steps is None else steps
    curves = timeline_curves(case, course_curves.curves(case, templates))
    return TimelineContent(course_marks(case, judged, today), curves, today)


def course_marks(case: Case, steps: Sequence[StepStatus], today: date) -> tuple[TimelineMark, ...]:
    """Sessions, steps, studies, earlier treatments, readings and decisions of a case that have a day."""
    by_session = {each.step.session_id: each for each in steps if each.step.session_id}
    marks = [mark for each in case.sessions for mark in _session_mark(each, by_session.get(each.id), today)]
    marks += _study_marks(case)
    studied = {mark.on for mark in marks if mark.lane == "imaging"}
    known = {session.id for session in case.sessions}
    for each in steps:
        if each.step.session_id not in known:
            marks += _step_mark(each, studied, today)
    marks += _prior_marks(case)
    for reading in case.readings:
        words = CRITERIA.get(reading.criteria, reading.criteria)
        result = reading.overall or "not evaluable"
        detail = (f"read by {reading.read_by}, {reading.role} reader", *_some(reading.not_evaluated))
        text = f"{words} {result}"
        mark = TimelineMark(
            reading.id, "response", reading.on, text, opens=Opens.READING, target=reading.id, detail=detail
        )
        marks.append(mark)
    for decision in case.decisions:
        if decision.held_on is not None:
            carried = f"carried out: {decision.carried_out or 'not said'}"
            mark = TimelineMark(
                decision.id,
                "between",
                decision.held_on,
                "Board",
                opens=Opens.DECISION,
                target=decision.id,
                detail=(*_some(decision.decision), carried, "click: opens the meeting"),
            )
            marks.append(mark)
    return tuple(marks)


def _some(text: str | None) -> tuple[str, ...]:
    return (text,) if text else ()


def _session_mark(session: Session, step: StepStatus | None, today: date) -> Iterator[TimelineMark]:
    day = session.performed_on or session.planned_on
    if day is None and step is not None:
        day = step.on or step.latest or step.earliest
    if day is None:
        return
    if session.performed_on is not None:
        state = MarkState.DONE
    elif session.state in CALLED_OFF:
        state = MarkState.DROPPED
    elif step is not None:
        state = STEP_STATES[step.state]
    else:
        state = MarkState.OVERDUE if day < today else MarkState.DUE if day == today else MarkState.PLANNED
    yield TimelineMark(
        session.id,
        "session",
        day,
        session.title,
        state,
        earliest=step.earliest if step else None,
        latest=step.latest if step else None,
        opens=Opens.SESSION,
        target=session.id,
        detail=(state_word(session.state.value), *_step_detail(step), "click: opens the session"),
    )


def _step_detail(status: StepStatus | None) -> tuple[str, ...]:
    if status is None or status.state is StepState.DONE:
        return ()
    lines = [each for each in (status.why_earliest, status.why_latest) if each]
    if status.step.condition:
        lines.append(f"only {status.step.condition}")
    lines += [f"{need.need.text}: {need.verdict.value}" for need in status.needs]
    return tuple(lines)


def _step_mark(status: StepStatus, studied: set[date], today: date) -> Iterator[TimelineMark]:
    """A step without a session. One that is done and is imaging is the study itself."""
    step = status.step
    lane = lane_of(step)
    done = status.state is StepState.DONE
    if status.on is None and status.state in (StepState.DROPPED, StepState.NOT_NEEDED):
        return
    dated = status.on
    day = dated or (status.latest if status.state is StepState.OVERDUE else status.earliest) or status.latest
    if day is None or (done and lane == "imaging" and day in studied):
        return
    still = done and step.until is None and step.kind in LASTING and day < today
    notes = [] if dated else ["no day planned yet; drawn where it may first be"]
    notes += ["its last day is not entered"] if still else []
    yield TimelineMark(
        step.id,
        lane,
        day,
        step.title,
        STEP_STATES[status.state],
        until=today if still else step.until,
        still=still,
        earliest=status.earliest,
        latest=status.latest,
        opens=Opens.STEP,
        target=step.id,
        detail=(*notes, *_step_detail(status), *_some(step.note)),
    )


def lane_of(step: CourseStep) -> str:
    """The lane of a step by its kind."""
    if step.kind in OUTSIDE_TREATMENTS and not step.template:
        return "outside"
    return {StepKind.IMAGING: "imaging", StepKind.SESSION: "session"}.get(
        StepKind(step.kind) if step.kind in set(StepKind) else StepKind.VISIT, "session" if step.template else "between"
    )


def _study_marks(case: Case) -> Iterator[TimelineMark]:
    """One mark per day and modality: the series of one examination belong together."""
    groups: dict[tuple[date, str], list[SeriesRef]] = {}
    for study in case.studies:
        if study.study_date is not None:
            groups.setdefault((study.study_date, study.modality or "image"), []).append(study)
    for (day, modality), series in groups.items():
        phases = ", ".join(dict.fromkeys(each.phase for each in series if each.phase))
        word = "DSA" if any(each.kind == "angio" for each in series) else modality
        lines = [f"{len(series)} series" + (f": {phases}" if phases else "")]
        lines += list(dict.fromkeys(each.description for each in series if each.description))[:3]
        uid = next((each for each in series if each.kind != "angio"), series[0]).series_uid
        lines.append("click: shows it · Ctrl+click two, or drag one onto the other: compares")
        yield TimelineMark(uid, "imaging", day, word, opens=Opens.STUDY, target=uid, detail=tuple(lines))


def _prior_marks(case: Case) -> Iterator[TimelineMark]:
    for number, each in enumerate(case.prior_treatments):
        if each.on is not None:
            where = {"outside": "elsewhere", "inside": "in this hospital"}.get(each.where or "", "where is not known")
            dose = () if each.amount is None else (f"{each.substance or 'dose'}: {shown(each.amount, each.unit)}",)
            detail = (each.kind, where, *dose, *_some(each.outcome))
            text = each.description or each.kind
            yield TimelineMark(f"prior-{number}", "outside", each.on, text, until=each.until, detail=detail)


def timeline_curves(case: Case, found: Sequence[course_curves.Curve]) -> tuple[Curve, ...]:
    """Curves of the core with lanes, colours, shapes and where each value comes from."""
    sources = _sources(case)
    subjects = list(dict.fromkeys(each.subject for each in found if each.subject is not None))
    made: list[Curve] = []
    for number, each in enumerate(found):
        place = number if each.subject is None else subjects.index(each.subject)
        lesion = case.lesion(each.subject) if each.subject is not None else None
        title = f"{each.title[:1].upper()}{each.title[1:]}, sum" if each.kind == course_curves.DOSE else each.title
        made.append(
            Curve(
                each.key,
                title,
                lane="lesions" if lesion else each.key,
                lane_title="Lesions" if lesion else title,
                unit=symbol(each.unit),
                kind=each.kind,
                points=tuple(_point(point, each.unit, sources) for point in each.points),
                steps=each.kind == course_curves.DOSE,
                dashed=each.key.endswith(":longest"),
                colour=COLOURS[place % len(COLOURS)],
                shape=SHAPES[place % 4],
                switch=lesion.name if lesion else title,
                offered=each.shown,
                note=each.note or "",
            )
        )
    return tuple(made)


def _point(point: course_curves.CurvePoint, unit: str, sources: Mapping[tuple[str, date], str]) -> CurvePoint:
    text = f"{point.comparator}{shown(point.value, unit)}"
    source = sources.get((point.origin or "", point.on), "computed" if point.origin is None else "")
    return CurvePoint(point.on, point.value, text, source)


def _sources(case: Case) -> dict[tuple[str, date], str]:
    """Where a value of a day comes from, by the id it carries."""
    found: dict[tuple[str, date], str] = {}
    for value in case.laboratory:
        by = f" by {value.entered_by}" if value.entered_by else ""
        found[value.id, value.taken_on] = f"laboratory, {value.source}{by}"
    for report in case.reports:
        found[report.id, report.on] = f"{report.source}, entered by {report.entered_by}"
    for lesion in case.lesions:
        for seen in lesion.observations:
            by = f", read by {seen.read_by}" if seen.read_by else ""
            found[seen.series_uid or "", seen.study_date] = f"measured on {seen.modality or 'images'}{by}"
    for session in case.sessions:
        if session.performed_on is not None:
            found[session.id, session.performed_on] = f"record of {session.title}"
    for prior in case.prior_treatments:
        if prior.on is not None:
            for origin in ("prior", "outside"):
                found.setdefault((origin, prior.on), f"earlier treatment: {prior.description or prior.kind}")
    return found
