"""What the page of an open case shows: banner, course, stages, form, cards. Values only, no widget is touched."""

from __future__ import annotations

from dataclasses import dataclass, replace

from planner.app.sessions import CourseOverview
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.people import LabValue
from planner.units import shown
from planner.workflow.pinning import basis_of
from planner.workflow.status import SessionStatus, StageStatus
from planner.workflow.template import FieldKind
from planner.workflow.values import Circumstances, field_applies, value_of
from viewers.panels.banner import BannerText, facts_line
from viewers.panels.case_editors import series_name
from viewers.panels.findings_panel import numbers_of
from viewers.panels.stage_form import FormContent, FormField, computed_of
from viewers.panels.stage_list import CourseLine, StageLine
from viewers.panels.stage_panel import StageContent
from viewers.panels.words import SEXES, state_word
from viewers.scene.slice_text import shown_name
from viewers.window.case_series import series_key
from viewers.window.case_work import CaseWork

THINNERS = frozenset(
    {"warfarin", "doac", "clopidogrel", "aspirin", "lmwh-prophylactic", "lmwh-therapeutic", "ufh", "anticoagulant"}
)
"""Kinds of medicine that make a person bleed, as the templates name them."""


@dataclass(frozen=True, slots=True)
class JudgedFacts:
    """What the banner says that needs the whole session judged.

    Attributes
    ----------
    session_id, laboratory
        What it was judged for: with other values than these it is not shown again.
    """

    session_id: str | None
    laboratory: tuple[LabValue, ...]
    kidney: str
    note: str

    def fits(self, work: CaseWork) -> bool:
        """Whether the banner may say it until the session is judged anew."""
        session_id = work.session_desk.session_id if work.session_desk is not None else None
        return session_id == self.session_id and work.opened.case.laboratory == self.laboratory


def judged_facts(work: CaseWork) -> JudgedFacts:
    """Judges the open session where the case is another value than before."""
    session_id = work.session_desk.session_id if work.session_desk is not None else None
    return JudgedFacts(session_id, work.opened.case.laboratory, kidney_fact(work), work.signed_note())


def banner_text(work: CaseWork, judged: JudgedFacts) -> BannerText:
    """The patient in one line; numbers with their dates, unknowns said."""
    case, today = work.opened.case, work.today
    patient = case.patient
    age = patient.age_on(today)
    born = f"born {patient.birth_date.isoformat()} ({age} y)" if patient.birth_date else "birth date unknown"
    weight = "weight unknown"
    if patient.weight_kg is not None:
        on = f" ({patient.weight_on.isoformat()})" if patient.weight_on else " (no date)"
        weight = shown(patient.weight_kg, "kg") + on
    labs = [judged.kidney, lab_fact(case, "inr", "INR")]
    session = work.session_desk.session if work.session_desk else None
    state = f"{session.title} · {state_word(session.state.value)}" if session else "no session open"
    if session is not None and session.emergency:
        state = f"EMERGENCY · {state}"
    facts = (f"ID {patient.patient_id}", born, SEXES[patient.sex] if patient.sex else "sex unknown", weight)
    return BannerText(
        name=shown_name(patient.name) or "(no name)",
        facts=facts_line((*facts, allergy_fact(case), *labs, anticoagulant_fact(case))),
        session=f"{state}\n{judged.note}" if session else state,
        alarm=alarm_of(work),
        simulated=case.simulated,
    )


def alarm_of(work: CaseWork) -> str:
    """Loud when images of another patient are on the screen."""
    ours = work.opened.case.patient.patient_id
    for volume in work.desk.state.images.volumes.values():
        if volume.source.patient_id is not None and volume.source.patient_id != ours:
            return f"An image on the screen belongs to patient {volume.source.patient_id}"
    return ""


def kidney_fact(work: CaseWork) -> str:
    """eGFR as the open session computes it; else as a laboratory printed it."""
    status = work.session_desk.status() if work.session_desk is not None else None
    found = [each for stage in (status.stages if status is not None else ()) for each in stage.computed]
    computed = next((each for each in found if each.id == "egfr" and each.value is not None), None)
    if computed is None or isinstance(computed.value, str):
        return lab_fact(work.opened.case, "egfr", "eGFR")
    taken = work.opened.case.latest_lab("creatinine")
    return f"eGFR {shown(computed.value, computed.unit)}" + (f" ({taken.taken_on.isoformat()})" if taken else "")


def lab_fact(case: Case, analyte: str, name: str) -> str:
    value = case.latest_lab(analyte)
    if value is None or value.value is None:
        return f"{name} unknown"
    return f"{name} {shown(value.value, value.unit)} ({value.taken_on.isoformat()})"


def allergy_fact(case: Case) -> str:
    if case.allergies:
        return "allergies: " + ", ".join(each.substance for each in case.allergies)
    return "no allergies (asked)" if case.allergies_asked == "yes" else "allergies not asked"


def anticoagulant_fact(case: Case) -> str:
    kinds = [each.name for each in case.medication if each.kind in THINNERS]
    return "ON " + ", ".join(kinds) if kinds else ""


def course_lines(work: CaseWork) -> tuple[CourseLine, ...]:
    """Sessions and studies by date, the open session marked."""
    case = work.opened.case
    current = work.session_desk.session_id if work.session_desk else None
    dated = []
    for number, session in enumerate(case.sessions):
        day = session.performed_on or session.planned_on
        when = day.isoformat() if day else "no date yet"
        line = CourseLine(
            session.id, session.title, f"{state_word(session.state.value)} · {when}", session.id == current, True
        )
        dated.append((when if day else "9999", number, line))
    for number, study in enumerate(case.studies):
        when = study.study_date.isoformat() if study.study_date else "0000"
        dated.append((when, number - 1000, CourseLine(study.series_uid, study_title(work, study), "", False, False)))
    for number, treatment in enumerate(case.prior_treatments):
        when = treatment.on.isoformat() if treatment.on else "0000"
        where = "elsewhere" if treatment.where == "outside" else "before"
        text = f"{when} · {treatment.kind}" if treatment.on else treatment.kind
        dated.append((when, number - 2000, CourseLine(f"prior-{number}", text, where, False, False)))
    for course in case.courses:
        for number, step in enumerate(course.steps):
            if step.session_id is None:
                day = step.done_on or step.planned_on
                note = f"{'done' if step.done_on else 'planned'} · {day.isoformat() if day else 'no date yet'}"
                line = CourseLine(step.id, step.title, note, False, False)
                dated.append((day.isoformat() if day else "9998", number, line))
    return tuple(line for _, _, line in sorted(dated, key=lambda each: each[:2]))


def study_title(work: CaseWork, study: SeriesRef) -> str:
    """Date, phase and description; the phase as the loaded volume knows it, with how it is known."""
    volume = work.desk.state.images.volume(series_key(study))
    if volume is not None:
        return series_name(replace(study, phase=volume.source.phase_text or None))
    by_hand = f"{study.phase or 'phase unknown'} (set by hand)"
    return series_name(study if study.phase_by is None else replace(study, phase=by_hand))


def stage_lines(status: SessionStatus) -> tuple[StageLine, ...]:
    return tuple(
        StageLine(
            each.stage.id,
            each.stage.title,
            each.stage.phase.value,
            each.status.value,
            sum(finding.blocks for finding in each.findings),
        )
        for each in status.stages
    )


def stage_content(work: CaseWork, status: SessionStatus, stage: StageStatus) -> StageContent:
    """What the right panel shows of one stage."""
    desk = work.session_desk
    if desk is None:
        raise ValueError("no session is open")
    # After the time-out a plan stage shows what stood then: the values that were used, not those of today.
    basis = basis_of(desk.case, desk.session, stage.stage, desk.clock())
    case, session = basis.case, basis.session
    around = Circumstances(case, session, desk.template, stage.stage.id, desk.profile.id)
    computed = computed_of(stage.stage.fields, stage.computed)
    titles = {each.id: each.title for each in desk.case.sessions}
    fields = []
    for field in stage.stage.fields:
        if not field_applies(around, field):
            continue
        if field.kind is FieldKind.COMPUTED:
            fields.append(FormField(field, computed.get(field.id, [])))
            continue
        answer = session.answers.get(stage.stage.id, {}).get(field.id)
        origin = titles.get(answer.inherited_from or "") if answer is not None else None
        fields.append(FormField(field, value_of(case, session, stage.stage.id, field), origin))
    form = FormContent(stage.stage.id, tuple(fields), case, session, basis.now.date(), read_only=stage.frozen)
    time_out = None
    if stage.stage.freezes:
        done = session.time_out
        time_out = f"Time-out {done.at:%Y-%m-%d %H:%M}: {', '.join(done.by)}" if done else ""
    return StageContent(stage, status, form, cards(work, stage), time_out)


def cards(work: CaseWork, stage: StageStatus) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Cards above the form: the last time where a plan is made, what remains and the ledger where the course is."""
    desk = work.session_desk
    found: list[tuple[str, tuple[str, ...]]] = []
    card = desk.last_time() if desk is not None and not stage.stage.phase.is_record else None
    if card is not None:
        when = card.performed_on.isoformat() if card.performed_on else "no date"
        lines = tuple(f"{line.label}: {' | '.join(line.values) or 'not recorded'}" for line in card.lines)
        reason = f" ({card.state_reason})" if card.state_reason else ""
        found.append((f"Last time: {card.title}, {when}, {state_word(card.state)}{reason}", lines))
    if stage.stage.id in ("next_step", "referral") and work.opened.case.sessions:
        found += course_cards(work.course())
    return tuple(found)


def substance_word(substance: str) -> str:
    """A ledger's fixed names in words; a drug keeps the name it was typed with."""
    words = {"kap": "KAP"}.get(substance, substance.replace("-", " "))
    return words[:1].upper() + words[1:]


def course_cards(course: CourseOverview) -> list[tuple[str, tuple[str, ...]]]:
    remains = tuple(
        f"{each.name}: {each.state.value}" + (f" ({each.why})" if each.why else "") for each in course.remains
    )
    totals = tuple(
        f"{substance_word(each.substance)}: {shown(each.amount, each.unit)}"
        + (f" = {shown(each.per_m2, 'mg/m2')}" if each.per_m2 is not None else "")
        for each in course.ledger.totals
    )
    found = [("What remains", remains)] if remains else []
    found.append(("Ledger", (*totals, course.ledger.note)))
    notes = tuple(" · ".join(part for part in (each.text, numbers_of(each)) if part) for each in course.findings)
    return [*found, ("Course", notes)] if notes else found
