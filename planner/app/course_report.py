"""The course report: all sessions of a case, what was decided and done, what it did, and what is open."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from planner.app import course_tables as tables
from planner.app.dossier import dossier_state, printed_of
from planner.app.paper_files import write_paper
from planner.app.report_words import NOT_RECORDED, day, moment, patient_line, short
from planner.app.templates import Installed
from planner.model.case import Case
from planner.model.codec import digest
from planner.report.content import Line, Picture, PlanReport, Table
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import UNKNOWN
from planner.workflow.next_step import NOTE

TITLE = "Course report"
STATE = "Written from the case as it stands; advice for the meeting, not an order"


def course_report(
    case: Case,
    installed: Installed,
    now: datetime,
    *,
    revision: int | None = None,
    audit_head: str | None = None,
    made: tuple[Picture, ...] = (),
    printed: Collection[str] | None = None,
) -> PlanReport:
    """Everything the paper says, as values.

    Parameters
    ----------
    now
        Ages, due days and windows are judged by it.
    made
        Pictures, such as the timeline as the window draws it; none is needed.
    printed
        See `planner.app.dossier.printed_of`; None: the library is not asked.
    """
    today, templates = now.date(), installed.templates
    profile = tables.case_profile(case, installed)
    ledger = tables.ledger_at(case, installed, profile, today)
    found: tuple[Table, ...] = (
        tables.events_table(case),
        tables.steps_table(case, templates, today),
        tables.images_table(case),
        tables.decisions_table(case),
        tables.readings_table(case, templates),
        tables.disagreements_table(case),
        *tables.sessions_tables(case, templates),
        *tables.lesions_tables(case, templates),
        *(() if ledger is None else (tables.ledger_table(ledger), tables.ledger_findings_table(ledger))),
        tables.complications_table(case),
        tables.tasks_table(case),
        tables.due_table(case, today),
        tables.next_step_table(tables.next_steps(case, installed, profile, now)),
        _dossiers(case, installed, now, printed),
    )
    place = f"Case {case.id}" if revision is None else f"Case {case.id}, revision {revision}"
    head = "none" if audit_head is None else short(audit_head)
    return PlanReport(
        title=TITLE,
        patient_line=patient_line(case.patient, today),
        state_line=STATE,
        identity=f"{place} · content {short(digest(case))} · audit {head}",
        printed_at=moment(now),
        draft=False,
        simulated=case.simulated,
        summary=_summary(case),
        warnings=_warnings(case, installed),
        tables=tuple(each for each in found if each.rows or each.title in _SAID_WHEN_EMPTY),
        pictures=made,
        identity_lines=(Line("Content digest (SHA-256)", digest(case)), Line("Audit head", audit_head or UNKNOWN)),
    )


_SAID_WHEN_EMPTY = frozenset({"Decisions of the meeting", "Response, as read and signed", f"Next step. {NOTE}"})


def _summary(case: Case) -> tuple[Line, ...]:
    asked = {"yes": "treated elsewhere too", "no": "none elsewhere, asked"}.get(case.outside_sessions or "", "unknown")
    lines = [
        Line("Diagnosis", case.diagnosis.text or NOT_RECORDED, case.diagnosis.histology or ""),
        Line("Stage", case.disease_stage or NOT_RECORDED),
        Line("Responsible physician", case.responsible_physician or NOT_RECORDED),
        Line("Treatments elsewhere", asked),
    ]
    for course in case.courses:
        ended = f"ended {day(course.ended_on)}: {course.ended_why or NOT_RECORDED}" if course.ended_on else ""
        lines += [
            Line("Course", course.title, ended or (f"begun {day(course.begun_on)}" if course.begun_on else "")),
            Line("Purpose", course.intent or NOT_RECORDED),
            Line("Order and why", course.principle or NOT_RECORDED),
            Line("Evidence", course.evidence or NOT_RECORDED),
            Line("Wishes of the patient", course.patient_wishes or NOT_RECORDED),
            Line("Risk band", course.risk_band or "not chosen", course.risk_band_by or ""),
        ]
    return tuple(lines)


def _warnings(case: Case, installed: Installed) -> tuple[str, ...]:
    unread = [each.title for each in case.sessions if each.template.id not in installed.templates]
    unreviewed = sum(not each.is_reviewed for each in case.links)
    said = []
    if unread:
        said.append(f"Sessions whose template is not installed are not read: {', '.join(unread)}.")
    if unreviewed:
        said.append(f"{unreviewed} match(es) of two studies are not reviewed: nothing is compared across them.")
    return tuple(said)


def _dossiers(case: Case, installed: Installed, now: datetime, printed: Collection[str] | None) -> Table:
    rows = tuple(
        (each.title, dossier_state(case, each.id, installed, now, printed=printed).words)
        for each in case.sessions
        if each.template.id in installed.templates and each.template.profile in installed.profiles
    )
    unseen = " (the list of prints was not looked at)" if printed is None else ""
    return Table(f"Dossiers{unseen}", ("Session", "State"), rows)


def write_course_report(
    library: Library,
    case: Case,
    revision: int,
    installed: Installed,
    path: Path,
    *,
    by: Actor,
    now: datetime,
    made: tuple[Picture, ...] = (),
) -> int:
    """Print the course report and remember that it exists; returns the number of pages.

    Raises
    ------
    UsageError
        ``cannot-write``.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.pdf import set_pdf

    head = library.audit_head(case.id)
    printed = printed_of(library, case.id)
    report = course_report(case, installed, now, revision=revision, audit_head=head, made=made, printed=printed)
    content, pages = set_pdf(report)
    write_paper(library, case.id, revision, "course", path, content, by)
    return pages
