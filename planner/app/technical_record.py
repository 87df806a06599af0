"""The technical record of a session: everything needed to treat again in five years, from what was recorded.

The plan is not repeated; where the record is silent the paper says "not recorded".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from planner.app import record_sections as parts
from planner.app.dossier import dossier_state
from planner.app.paper_files import write_paper
from planner.app.record_sections import RunView
from planner.app.rendering import Renderer
from planner.app.report_front import Identity
from planner.app.report_pictures import SIZE_PX, pictures
from planner.app.report_stages import finding_and_reason
from planner.app.report_words import NOT_RECORDED, day, moment, patient_line, role_words, series_key, short
from planner.app.sessions import plan_revision_digest
from planner.app.templates import Installed
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.session import Session
from planner.report.content import Line, Picture, PlanReport
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.answers import the_session
from planner.workflow.dossier import performed_on, record_digest, technical_print
from planner.workflow.evaluate import evaluate
from planner.workflow.status import SessionStatus
from planner.workflow.template import Phase, Template
from planner.workflow.values import technique_of

TITLE = "Technical record"
ANGIO = "angio"
NO_RECORD_IMAGES = "No images of record were kept; what is pictured was chosen by the program."


def technical_record(
    case: Case,
    session_id: str,
    installed: Installed,
    identity: Identity,
    now: datetime,
    *,
    runs: tuple[RunView, ...] = (),
    made: tuple[Picture, ...] = (),
    picture_note: str = "",
) -> PlanReport:
    """Everything the paper says, as values; no file is touched.

    Parameters
    ----------
    runs
        The session's angiographic runs as their files describe them, see `runs_of`.
    made, picture_note
        Pictures of record, and why some are missing.

    Raises
    ------
    UsageError
        ``unknown-session``, ``unknown-template`` or ``unknown-profile``.
    """
    session = the_session(case, session_id)
    template, profile = installed.template(session.template.id), installed.profile(session.template.profile)
    status = evaluate(case, session, template, profile, now)
    state, draft = record_state(status)
    tables = (
        parts.next_time_table(case, session, template),
        parts.given_table(case, session, template),
        parts.lots_table(session, template),
        parts.implants_table(case),
        parts.complications_table(session),
        parts.margins_table(case, session, template),
        parts.runs_table(runs),
        parts.feeders_table(case, session),
        parts.views_table(session),
    )
    return PlanReport(
        title=f"{TITLE}: {session.title}",
        patient_line=patient_line(case.patient, now.date()),
        state_line=state,
        identity=_identity_text(case, session, template, identity),
        printed_at=moment(now),
        draft=draft,
        simulated=case.simulated,
        summary=_summary(case, session, template, installed, now),
        warnings=_warnings(status),
        tables=tuple(table for table in tables if table.rows),
        pictures=made,
        picture_note=picture_note,
        stages=parts.record_sections(case, session, template, profile, status, now),
        identity_lines=_identity_lines(case, session, template, identity),
    )


def record_state(status: SessionStatus) -> tuple[str, bool]:
    """ "Record signed by …", or "DRAFT: …"; and whether it is a draft."""
    wanted = [each for each in status.stages if each.stage.phase is Phase.RECORD and each.stage.signs]
    undone = [each for each in wanted if each.missing_roles]
    if undone or not wanted:
        names = ", ".join(each.stage.title for each in undone)
        return f"DRAFT: {len(undone)} of {len(wanted)} stages of the record not signed ({names})", True
    signatures = [one for each in wanted for one in each.signatures if one.current]
    names = ", ".join(dict.fromkeys(f"{each.by} ({role_words(each.role)})" for each in signatures))
    return f"Record signed by {names}, last on {moment(max(each.at for each in signatures))}", False


def _summary(case: Case, session: Session, template: Template, installed: Installed, now: datetime) -> tuple[Line, ...]:
    ended, why = parts.outcome_words(session)
    code = technique_of(session)
    technique = next((each.label for each in template.techniques if each.code == code), code or NOT_RECORDED)
    done = performed_on(session)
    roles = session.answer("time_out", "roles")
    this_paper = frozenset({technical_print(session, template)})
    return (
        Line("Diagnosis", case.diagnosis.text or NOT_RECORDED, case.diagnosis.histology or ""),
        Line("Procedure", f"{template.title}, {technique}"),
        Line("Performed on", NOT_RECORDED if done is None else day(done)),
        Line("Ended as", ended, why),
        Line("As done", str(session.answer("sign_out", "procedure_done") or NOT_RECORDED)),
        Line("In the room", str(roles or NOT_RECORDED)),
        Line("Responsible physician", case.responsible_physician or NOT_RECORDED),
        Line("Dossier", dossier_state(case, session.id, installed, now, printed=this_paper).words),
    )


def _warnings(status: SessionStatus) -> tuple[str, ...]:
    """Every override of the session, of the plan too: whoever treats again has to know what was passed."""
    said = [f"OVERRIDDEN: {finding_and_reason(each.finding, each.override)}" for each in status.overrides]
    return (f"Overrides: {len(said)}", *said)


def _identity_text(case: Case, session: Session, template: Template, identity: Identity) -> str:
    head = "none" if identity.audit_head is None else short(identity.audit_head)
    return (
        f"Case {case.id}, revision {identity.revision} · record {short(record_digest(session, template))} · "
        f"audit {head} · template {template.id} {template.version} ({short(template.digest)})"
    )


def _identity_lines(case: Case, session: Session, template: Template, identity: Identity) -> tuple[Line, ...]:
    return (
        Line("Case", case.id, f"revision {identity.revision}"),
        Line("Session", session.id, session.title),
        Line("Record digest (SHA-256)", record_digest(session, template)),
        Line("Session digest (SHA-256)", identity.plan_digest),
        Line("Audit head (SHA-256)", identity.audit_head or "–"),
        Line("Template", f"{template.id} {template.version}", template.digest),
        *(Line("Images", f"{role}: {key}") for role, key in session.series_roles.items()),
    )


def session_runs(case: Case, session: Session) -> tuple[tuple[SeriesRef, str], ...]:
    """The runs of a session with the role each has: those it names, and those of its day."""
    roles = {key: role for role, key in session.series_roles.items()}
    done = performed_on(session)
    found = []
    for each in case.studies:
        key = series_key(each)
        if each.kind == ANGIO and (key in roles or (done is not None and each.study_date == done)):
            found.append((each, roles.get(key, "")))
    return tuple(found)


def runs_of(library: Library, case: Case, session: Session, context: Context | None = None) -> tuple[RunView, ...]:
    """How each run of a session was taken, read from its file; a run that cannot be read says why."""
    from planner.app.case_images import load_run_of_case

    found = []
    for reference, role in session_runs(case, session):
        words = " ".join(part for part in (role, reference.description or reference.series_uid) if part)
        name = f"{words}, {day(reference.study_date)}"
        try:
            run = load_run_of_case(library, case, reference, context)
        except OperatorError as error:
            found.append(RunView(name, None, None, None, f"not read: {error.message}"))
            continue
        c_arm = run.c_arm(0)
        if c_arm is None:
            found.append(RunView(name, run.facts.primary_deg, run.facts.secondary_deg, None))
        else:
            found.append(RunView(name, c_arm.primary_deg, c_arm.secondary_deg, c_arm.source_to_detector_mm))
    return tuple(found)


def write_technical_record(
    library: Library,
    case: Case,
    revision: int,
    session_id: str,
    installed: Installed,
    path: Path,
    *,
    renderer: Renderer,
    volumes: Mapping[str, Volume],
    by: Actor,
    now: datetime,
    picture_px: tuple[int, int] = SIZE_PX,
    context: Context | None = None,
) -> int:
    """Print the technical record and remember that it exists; returns the number of pages.

    Parameters
    ----------
    case, revision
        As saved in the library.
    volumes
        Images in memory by ``series_uid#part``; others are loaded. Missing images are named and stop nothing.

    Raises
    ------
    UsageError
        ``cannot-write``; and as `technical_record`.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.pdf import set_pdf

    job = context or Context()
    session = the_session(case, session_id)
    template = installed.template(session.template.id)
    made, note = pictures(library, case, session, renderer, volumes, job.part(0.0, 0.7), size_px=picture_px)
    kept = any(item.type in ("key-image", "key-frame") for item in session.items)
    notes = [*([note] if note else []), *([] if kept else [NO_RECORD_IMAGES])]
    runs = runs_of(library, case, session, job.part(0.7, 0.9))
    identity = Identity(revision, plan_revision_digest(case, session_id), library.audit_head(case.id))
    report = technical_record(
        case, session_id, installed, identity, now, runs=runs, made=made, picture_note=" ".join(notes)
    )
    job.step(0.9, f"Setting {path.name}")
    content, pages = set_pdf(report)
    write_paper(library, case.id, revision, technical_print(session, template), path, content, by)
    return pages
