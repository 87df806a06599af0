"""The course of a case as tables: shared by the course report and the board sheet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from planner.app.board import dissent
from planner.app.course_review import compare_sessions, event_words
from planner.app.lesion_history import lesion_history
from planner.app.report_words import NOT_RECORDED, day
from planner.app.response import current_reading, disagreements, reading_is_current
from planner.app.templates import Installed
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import BoardDecision
from planner.model.follow_up import TaskState
from planner.report.content import Table
from planner.units import UNKNOWN, shown
from planner.workflow.complications import complications_of, events_asked
from planner.workflow.course import judged_steps
from planner.workflow.course_events import events
from planner.workflow.course_ledger import CourseLedger, course_ledger
from planner.workflow.due import due_items
from planner.workflow.next_step import NextStepCard, next_step_card
from planner.workflow.next_step_judges import Met
from planner.workflow.template import Profile, Template

Templates = Mapping[str, Template]
CARRIED_OUT = {"yes": "carried out", "changed": "carried out, changed", "no": "NOT carried out"}
STATE_WORDS = {Met.MET: "met", Met.NOT_MET: "not met", Met.UNKNOWN: "unknown"}
NOT_ANSWERED = "not answered whether it was carried out"


def case_profile(case: Case, installed: Installed) -> Profile | None:
    """The institution profile of the newest session whose profile is installed; None without one."""
    for session in reversed(case.sessions):
        found = installed.profiles.get(session.template.profile)
        if found is not None:
            return found
    return None


def events_table(case: Case) -> Table:
    """Treatments here and elsewhere, done and planned, in order of days."""
    rows = tuple(
        (
            day(each.on) + (f" to {day(each.until)}" if each.until is not None else ""),
            each.title,
            "done" if each.done else "planned" if each.on is not None else "no day set",
        )
        for each in sorted(events(case), key=lambda each: (each.on or date.max, each.place))
    )
    return Table("Treatments, here and elsewhere", ("Day", "Treatment", "State"), rows)


def steps_table(case: Case, templates: Templates, today: date) -> Table:
    """Steps of the courses as they stand; nothing is moved by printing."""
    rows = tuple(
        (
            each.step.title,
            each.state.value.replace("-", " "),
            day(each.on),
            f"{day(each.earliest)} to {day(each.latest)}",
            each.step.condition or "",
            each.step.dropped or "; ".join(finding.text for finding in each.findings),
        )
        for each in judged_steps(case, templates, today)
    )
    return Table("Steps of the course", ("Step", "State", "Day", "Possible", "Condition", "Remark"), rows)


def images_table(case: Case) -> Table:
    days = sorted({(each.study_date, each.modality or "images") for each in case.studies if each.study_date})
    rows = tuple((day(on), modality) for on, modality in days)
    return Table("Images", ("Day", "Modality"), rows)


def sessions_tables(case: Case, templates: Templates) -> tuple[Table, ...]:
    """Every session with plan, record and outcome beside each other; one table per session."""
    review = compare_sessions(case, templates)
    found = []
    for number, (_, title) in enumerate(review.sessions):
        rows = []
        for line in review.lines:
            cell = line.cells[number]
            said = (cell.planned, cell.recorded, cell.outcome)
            if any(each and each != NOT_RECORDED for each in said):
                differs = " (differs)" if cell.differs else ""
                rows.append((line.title, cell.planned or "", (cell.recorded or "") + differs, cell.outcome or ""))
        found.append(Table(title, ("", "Planned", "Recorded", "Outcome"), tuple(rows)))
    return tuple(found)


def decision_words(decision: BoardDecision) -> tuple[str, str]:
    """What was decided, and whether it was carried out, with day and reason."""
    done = CARRIED_OUT.get(decision.carried_out or "", NOT_ANSWERED)
    on = f" on {day(decision.carried_out_on)}" if decision.carried_out_on else ""
    why = f": {decision.carried_out_why}" if decision.carried_out_why else ""
    return decision.decision or NOT_RECORDED, f"{done}{on}{why}"


def decisions_table(case: Case) -> Table:
    rows = []
    for each in case.decisions:
        said, done = decision_words(each)
        against = "; ".join(f"{one.discipline}: {one.opinion}" for one in dissent(each))
        rows.append((day(each.held_on), each.question or "", said, done, each.outcome or "", against))
    heading = ("Day", "Question", "Decision", "Carried out", "Outcome", "Dissent")
    return Table("Decisions of the meeting", heading, tuple(rows))


def last_decision(case: Case) -> BoardDecision | None:
    """The newest decision with words."""
    made = [each for each in case.decisions if each.decision.strip()]
    return max(made, key=lambda each: (each.held_on is not None, str(each.held_on)), default=None)


def readings_table(case: Case, templates: Templates) -> Table:
    """Every reading that counts, per timepoint and reader, newest last; one whose basis has changed says so."""
    keys = {(each.on, each.criteria, each.role) for each in case.readings}
    rows = []
    for on, criteria, role in sorted(keys):
        reading = current_reading(case, criteria, on, role)
        if reading is not None:
            rows.append(_reading_row(case, reading, templates))
    heading = ("Images of", "Criteria", "Reader", "Overall", "Target", "Non-target", "New lesion", "Sum", "Change")
    return Table("Response, as read and signed", heading, tuple(rows))


def _reading_row(case: Case, reading: ResponseReading, templates: Templates) -> tuple[str, ...]:
    changed = "" if reading_is_current(case, reading, templates=templates) else "; CHANGED SINCE: read again"
    fresh = {True: "yes", False: "no", None: UNKNOWN}[reading.new_lesion]
    return (
        day(reading.on),
        reading.criteria,
        f"{reading.read_by} ({reading.role})",
        (reading.overall or f"not evaluable: {reading.not_evaluated or 'no reason given'}") + changed,
        reading.target or UNKNOWN,
        reading.non_target or UNKNOWN,
        fresh,
        shown(reading.sum_mm, "mm"),
        _share(reading.change_from_baseline),
    )


def _share(change: float | None) -> str:
    return UNKNOWN if change is None else f"{change:+.0f} % from baseline"


def disagreements_table(case: Case) -> Table:
    rows = []
    for each in disagreements(case):
        lesion = case.lesion(each.lesion_id) if each.lesion_id else None
        what = f"lesion {lesion.name}" if lesion is not None else each.what.replace("_", " ")
        settled = each.adjudicated or "OPEN: a third person decides"
        rows.append((day(each.on), each.criteria, what, each.first or UNKNOWN, each.second or UNKNOWN, settled))
    heading = ("Images of", "Criteria", "What", "First reader", "Second reader", "Decided")
    return Table("Where the two readers differ", heading, tuple(rows))


def lesions_tables(case: Case, templates: Templates) -> tuple[Table, ...]:
    """The history of each lesion: treated when and with what, margins, Lipiodol kept, response."""
    found = []
    for lesion in case.lesions:
        history = lesion_history(case, lesion.id, templates)
        segment = f", segment {history.segment}" if history.segment else ""
        times = f"treated {len(history.treated_in)} times" if history.treated_in else f"{history.state} by the records"
        rows = tuple((day(each.on), each.kind, each.text) for each in history.rows)
        found.append(Table(f"{history.name}{segment}: {times}", ("Day", "What", "As recorded"), rows))
    return tuple(found)


def ledger_table(ledger: CourseLedger) -> Table:
    """Totals, what fell into their windows, and limits; with the sentence that says what they cannot know."""
    rows = tuple(
        (
            row.quantity.title,
            shown(row.total, row.quantity.unit),
            UNKNOWN if row.per_m2 is None else shown(row.per_m2, f"{row.quantity.unit}/m2"),
            ""
            if row.quantity.window_days is None
            else f"{shown(row.in_window, row.quantity.unit)} within {row.quantity.window_days} d",
            "" if row.limit is None else shown(row.limit, row.quantity.unit),
            "unverified default" if row.quantity.tag in ("M", "P") else "",
        )
        for row in ledger.rows
    )
    used = ", ".join(f"{kind} {count}" for kind, count in ledger.anaesthesia.items())
    head = f"Ledger on {day(ledger.on)}: {ledger.sessions} sessions performed"
    title = f"{head}{f'; anaesthesia: {used}' if used else ''}. {ledger.note}"
    return Table(title, ("What", "Total", "Per body surface", "In its window", "Level", "Basis"), rows)


def ledger_findings_table(ledger: CourseLedger) -> Table:
    rows = tuple((each.text, each.source or "") for each in ledger.findings)
    return Table("What the ledger says to its limits", ("Finding", "Source"), rows)


def ledger_at(case: Case, installed: Installed, profile: Profile | None, today: date) -> CourseLedger | None:
    return None if profile is None else course_ledger(case, installed.templates, profile, today)


def complications_table(case: Case) -> Table:
    """Every event with the scheme and version it was graded by; a session that nobody asked about says so."""
    rows: list[tuple[str, ...]] = []
    for session in case.sessions:
        found = complications_of(session)
        for each in found:
            rows.append((session.title, day(each.on), event_words(each), each.action or ""))
        if session.performed_on is not None and events_asked(session) is None:
            rows.append((session.title, "", "events to 30 days NOT ASKED", ""))
        elif session.performed_on is not None and not found:
            rows.append((session.title, "", "none recorded to 30 days", ""))
    heading = ("Session", "Day", "Event with scheme and grade", "Action")
    return Table("Complications (schemes are never converted)", heading, tuple(rows))


def tasks_table(case: Case) -> Table:
    rows = tuple(
        (day(each.due_on), each.text, each.owner, each.kind) for each in case.tasks if each.state is TaskState.OPEN
    )
    return Table("Open tasks", ("By", "What", "Who", "Kind"), rows)


def due_table(case: Case, today: date) -> Table:
    rows = tuple(
        (
            day(each.due_on) + (" OVERDUE" if each.overdue(today) else ""),
            each.text,
            each.owner or "nobody named",
            "unverified default" if each.tag in ("M", "P") else "",
        )
        for each in due_items(case, today)
    )
    return Table("Due", ("By", "What", "Who", "Basis"), rows)


def next_steps(case: Case, installed: Installed, profile: Profile | None, now: datetime) -> NextStepCard:
    return next_step_card(case, installed.templates, profile, now)


def next_step_table(card: NextStepCard) -> Table:
    """What rule sets say, criterion by criterion; advice only."""
    rows = []
    for found in card.sets:
        if not found.applies:
            continue
        rule = found.rule_set
        rows.append((f"{rule.title} {rule.version}", "", found.says, rule.validation))
        for each in found.criteria:
            rows.append((each.criterion.text, STATE_WORDS[each.state], "; ".join(each.evidence), each.criterion.source))
    return Table(f"Next step. {card.note}", ("Criteria", "State", "Evidence", "Source"), tuple(rows))
