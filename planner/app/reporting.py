"""The printed plan: gathered from case, status and pictures as values, set as PDF, written whole or not at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from planner.app import report_front as front
from planner.app import report_stages as stages
from planner.app.rendering import Renderer
from planner.app.report_front import Identity
from planner.app.report_needles import needle_tables
from planner.app.report_pictures import SIZE_PX, pictures
from planner.app.report_vessels import vessel_tables
from planner.app.report_words import moment, patient_line
from planner.app.sessions import plan_revision_digest
from planner.app.templates import Installed
from planner.errors import UsageError
from planner.files import whole_file
from planner.imaging import Volume
from planner.jobs import Context
from planner.model.case import Case
from planner.model.session import Session
from planner.report.content import Picture, PlanReport, Table
from planner.store.actors import Actor
from planner.store.library import Library
from planner.workflow.answers import the_session
from planner.workflow.evaluate import evaluate
from planner.workflow.ledgers import ledger_of
from planner.workflow.pinning import Basis, basis_of
from planner.workflow.template import Phase, Template

__all__ = ["Identity", "report_of", "session_report"]


def report_of(
    case: Case,
    session_id: str,
    installed: Installed,
    identity: Identity,
    now: datetime,
    *,
    made: tuple[Picture, ...] = (),
    picture_note: str = "",
) -> PlanReport:
    """Everything the paper says, as values; no file is touched.

    Parameters
    ----------
    now
        The moment of printing; laboratory windows are judged by it.
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
    state, draft = stages.state_line(session, status)
    planned = _planned(case, session, template, now)
    who = patient_line(planned.case.patient, planned.now.date())
    read_out = front.time_out_lines(planned.case, planned.session, template, who)
    given = (case, session, template, profile, status, now)
    return PlanReport(
        title=front.title_of(session, template),
        patient_line=who,
        state_line=state,
        identity=front.identity_text(case, template, profile, identity),
        printed_at=moment(now),
        draft=draft,
        simulated=case.simulated,
        summary=front.summary(planned.case, planned.session, template, case),
        warnings=front.warnings(session, status),
        tables=(
            *_plan_tables(planned, template),
            front.ledger_table(case, ledger_of(case, installed.templates)),
        ),
        dose_lines=stages.typed_doses(*given),
        doses=stages.computed_doses(status),
        pictures=made,
        picture_note=picture_note,
        checklist=stages.checklist(*given, read_out),
        stages=stages.stage_sections(*given),
        identity_lines=front.identity_lines(case, session, template, profile, identity),
    )


def _planned(case: Case, session: Session, template: Template, now: datetime) -> Basis:
    """What the plan stands on; after the time-out what it pinned, as the stages print it."""
    stage = next((each for each in template.stages if each.phase is Phase.PLAN), None)
    return Basis(case, session, now, frozen=False) if stage is None else basis_of(case, session, stage, now)


def _plan_tables(planned: Basis, template: Template) -> tuple[Table, ...]:
    return (
        front.lesion_table(planned.case, planned.session),
        front.vessel_table(planned.case, planned.session),
        *vessel_tables(planned.case, planned.session),
        *needle_tables(planned.case, planned.session),
        *front.positions_tables(planned.case, planned.session, template),
        front.medication_table(planned.case),
        front.treatments_table(planned.case),
    )


def session_report(
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
    """Print the plan of a session as PDF and remember that this paper exists; returns the number of pages.

    Parameters
    ----------
    case, revision
        As saved in the library.
    volumes
        Images in memory by ``series_uid#part``; others are loaded from where the case says they lie. Missing images
        are named in the paper and stop nothing.

    Raises
    ------
    UsageError
        ``cannot-write`` when the file cannot be written (nothing is left behind); ``unknown-session``.
    StoreError
        When the library cannot note the print; then no file is written.
    """
    from planner.report.pdf import set_pdf

    job = context or Context()
    session = the_session(case, session_id)
    made, note = pictures(library, case, session, renderer, volumes, job.part(0.0, 0.8), size_px=picture_px)
    identity = Identity(revision, plan_revision_digest(case, session_id), library.audit_head(case.id))
    report = report_of(case, session_id, installed, identity, now, made=made, picture_note=note)
    job.step(0.8, f"Setting {path.name}")
    content, pages = set_pdf(report)
    digest = hashlib.sha256(content).hexdigest()
    try:
        with whole_file(path) as stream:
            stream.write(content)
            library.record_print(case.id, revision, f"plan {session_id}", digest, by)
    except OSError as error:
        raise _unwritable(path, error) from error
    return pages


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        "cannot-write", f"{path} cannot be written ({error.strerror}); choose another place.", subject=str(path)
    )
