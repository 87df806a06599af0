"""``case record CASE/SESSION --dose-report FILE``: the dose report of the procedure in the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from planner.cli.case_library import actor, current, opened, split_place
from planner.cli.output import DONE, emit, plain, print_findings, progress
from planner.units import shown

if TYPE_CHECKING:
    from rich.console import Console

    from planner.app.dose_record import DoseProposal


def record_dose_report(
    context: typer.Context, place: str, file: Path, by: str | None, as_json: bool, *, confirmed: bool
) -> int:
    """Fill the dose fields that nobody has typed, save, and say where report and record differ."""
    from planner.app.dose_record import fill_from_dose_report, propose_dose
    from planner.app.sessions import open_session
    from planner.app.templates import installed
    from planner.model.document import Document
    from planner.store.actors import SaveReason

    who = actor(by)
    with opened(context) as library:
        case_id, session_id = split_place(place)
        case, revision = library.open_case(case_id, who)
        desk = open_session(Document(case), installed(), session_id or current(case))
        proposal = propose_dose(desk, file, confirmed=confirmed, context=progress())
        if fill_from_dose_report(desk, proposal, by=who.user):
            revision = library.save(desk.case, revision, who, SaveReason.SAVE)
        status = desk.status().stage(proposal.stage)
        session = desk.session
    answer = {
        "case": case_id,
        "session": session.id,
        "revision": revision,
        "state": session.state.value,
        "stages": [{"id": status.stage.id, "title": status.stage.title, "status": status.status.value}],
        "dose_report": proposal.to_json(),
        "findings": [each.to_json() for each in proposal.findings],
    }
    emit(answer, as_json, lambda target: _print(target, proposal))
    return DONE


def _print(target: Console, proposal: DoseProposal) -> None:
    from planner.app.dose_record import LABEL

    report = proposal.report
    lines = (
        f"{shown(report.air_kerma_gy, 'Gy')} {LABEL} ({report.reference_point or 'point not defined'})",
        f"{shown(report.kap_gy_cm2, 'Gy.cm2')} kerma-area product",
        f"{shown(report.fluoro_time_s, 's')} fluoroscopy, {len(report.events)} irradiations",
        f"filled: {', '.join(proposal.answers) or 'nothing'}",
    )
    target.print(plain("\n".join(lines)), soft_wrap=True)
    print_findings(target, proposal.findings)
