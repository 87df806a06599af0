"""The stages of a session as they are printed: values, findings with sources, overrides, signatures, the time-out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from planner.app.report_words import answered, arithmetic_of, cell, moment, role_words, words_of
from planner.findings import Finding
from planner.model.case import Case
from planner.model.session import Override, Session
from planner.report.content import Arithmetic, Checklist, ChecklistLine, Line, StageSection, Table
from planner.units import UNKNOWN
from planner.workflow.pinning import Basis, basis_of
from planner.workflow.status import SessionStatus, Signature, StageStatus, Status
from planner.workflow.template import Field, FieldKind, Phase, Profile, Stage, Template
from planner.workflow.values import is_empty

NOT_CHECKED = "not-checked"
_MARK = "NOT CHECKED: "
STATUS_WORDS = {
    Status.WAITING: "waiting for an earlier stage",
    Status.OPEN: "open, not signed",
    Status.BLOCKED: "BLOCKED",
    Status.SIGNED: "signed",
    Status.STALE: "STALE: changed since it was signed",
}


def stage_sections(
    case: Case, session: Session, template: Template, profile: Profile, status: SessionStatus, now: datetime
) -> tuple[StageSection, ...]:
    """Every stage, judged as `status` judged it: after the time-out the plan shows the values it pinned."""
    return tuple(_section(basis_of(case, session, each.stage, now), template, profile, each) for each in status.stages)


def _section(basis: Basis, template: Template, profile: Profile, status: StageStatus) -> StageSection:
    stage = status.stage
    lines: list[Line] = []
    tables: list[Table] = []
    empty: list[str] = []
    by_several = len(_authors(basis, stage)) > 1
    for each in answered(basis, template, stage, profile.id):
        if is_empty(each.value):
            if each.field.required:
                lines.append(Line(each.field.label, UNKNOWN, "not filled in"))
            else:
                empty.append(each.field.label)
        elif each.field.kind is FieldKind.TABLE:
            tables.append(_table(basis, each.field.label, each.field.columns, each.value))
        else:
            words = words_of(basis, each)
            lines.append(Line(each.field.label, words, _note(basis, stage, each.field.id, by_several)))
    return StageSection(
        title=stage.title,
        phase=stage.phase.value,
        status=status_words(status),
        purpose=" ".join((stage.purpose, *_filled_by(basis, stage))),
        lines=tuple(lines),
        tables=tuple(tables),
        arithmetic=() if asks_dose(stage) else tuple(arithmetic_of(each) for each in status.computed),
        elsewhere="Computed numbers: see Doses and limits." if asks_dose(stage) and status.computed else "",
        findings=tuple(each for each in status.findings if each.code != NOT_CHECKED),
        overridden=tuple((each.finding, override_words(each.override)) for each in status.overridden),
        signatures=signature_lines(status),
        not_checked=not_checked(status),
        left_empty=tuple(empty),
    )


def status_words(status: StageStatus) -> str:
    if status.stage.signs or status.status is not Status.OPEN:
        return STATUS_WORDS[status.status]
    return "complete, nobody signs it"


def _table(basis: Basis, title: str, columns: Sequence[Field], rows: Sequence[Mapping[str, Any]]) -> Table:
    used = [column for column in columns if any(not is_empty(row.get(column.id)) for row in rows)]
    return Table(
        title,
        tuple(column.label for column in used),
        tuple(tuple(cell(basis.case, basis.session, column, row) for column in used) for row in rows),
    )


def asks_dose(stage: Stage) -> bool:
    """Whether a stage has a number that only a person may type: a dose or a limit."""
    return any(described.never_prefill for described in stage.fields)


def _authors(basis: Basis, stage: Stage) -> list[str]:
    answers = basis.session.answers.get(stage.id, {}).values()
    return sorted({each.by for each in answers if each.by and not is_empty(each.value)})


def _filled_by(basis: Basis, stage: Stage) -> list[str]:
    names = _authors(basis, stage)
    return [f"Filled by {', '.join(names)}."] if names else []


def _note(basis: Basis, stage: Stage, name: str, named: bool = True) -> str:
    """Where a value comes from when it was not typed for this session, and by whom when `named`."""
    answer = basis.session.answers.get(stage.id, {}).get(name)
    if answer is None:
        return ""
    if answer.inherited_from is not None:
        return "carried over, not looked at again"
    return f"by {answer.by}" if answer.by and named else ""


def override_words(override: Override) -> str:
    return f"by {override.by}, {moment(override.at)}; reason: {override.reason}"


def not_checked(status: StageStatus) -> tuple[str, ...]:
    return tuple(each.text.removeprefix(_MARK) for each in status.findings if each.code == NOT_CHECKED)


def signature_lines(status: StageStatus) -> tuple[str, ...]:
    signed = [_signed(each) for each in status.signatures]
    return (*signed, *(f"{role_words(role)}: NOT SIGNED" for role in status.missing_roles if not _has(status, role)))


def _has(status: StageStatus, role: str) -> bool:
    return any(each.role == role for each in status.signatures)


def _signed(signature: Signature) -> str:
    prepared = f", prepared by {signature.prepared_by}" if signature.prepared_by else ""
    stale = "" if signature.current else " (what was signed has changed since: NOT VALID)"
    return f"{role_words(signature.role)}: {signature.by}, {moment(signature.at)}{prepared}{stale}"


def plan_stages(session: Session, status: SessionStatus) -> tuple[StageStatus, ...]:
    """What must be signed for a plan to be called signed; in an emergency only what cannot wait."""
    return tuple(
        each
        for each in status.stages
        if each.stage.phase in (Phase.DECIDE, Phase.PLAN) and (not session.emergency or each.stage.in_emergency_form)
    )


def state_line(session: Session, status: SessionStatus) -> tuple[str, bool]:
    """ "Plan signed by …; not a clearance", or "DRAFT: …"; and whether it is a draft."""
    wanted = plan_stages(session, status)
    undone = [each for each in wanted if not each.complete]
    urgent = "EMERGENCY, short form. " if session.emergency else ""
    if undone:
        stale = sum(each.status is Status.STALE for each in undone)
        changed = f", {stale} of them changed since" if stale else ""
        return f"{urgent}DRAFT: {len(undone)} of {len(wanted)} plan stages not signed{changed}; not a clearance", True
    last = [each for each in wanted if each.signatures]
    if not last:
        return f"{urgent}DRAFT: nobody has signed; not a clearance", True
    names = ", ".join(f"{each.by} ({role_words(each.role)})" for each in last[-1].signatures)
    on = max(each.at for each in last[-1].signatures)
    return f"{urgent}Plan signed by {names} on {moment(on)}; not a clearance", False


def typed_doses(
    case: Case, session: Session, template: Template, profile: Profile, status: SessionStatus, now: datetime
) -> tuple[Line, ...]:
    """Doses and limits that a person typed: the fields that are never filled in by the program."""
    found: list[Line] = []
    for each in status.stages:
        basis = basis_of(case, session, each.stage, now)
        found += [
            Line(
                one.field.label,
                words_of(basis, one),
                _note(basis, each.stage, one.field.id),
            )
            for one in answered(basis, template, each.stage, profile.id)
            if one.field.never_prefill
        ]
    return tuple(found)


def computed_doses(status: SessionStatus) -> tuple[Arithmetic, ...]:
    """Every number computed in the stages that ask for a dose or limit."""
    return tuple(arithmetic_of(one) for each in status.stages if asks_dose(each.stage) for one in each.computed)


def checklist(
    case: Case,
    session: Session,
    template: Template,
    profile: Profile,
    status: SessionStatus,
    now: datetime,
    facts: Sequence[Line],
) -> Checklist | None:
    """The time-out page; None for a template without one."""
    freezing = next((each for each in status.stages if each.stage.freezes), None)
    if freezing is None:
        return None
    basis = basis_of(case, session, freezing.stage, now)
    lines = [
        ChecklistLine(
            each.field.label,
            "" if is_empty(each.value) else words_of(basis, each),
        )
        for each in answered(basis, template, freezing.stage, profile.id)
    ]
    own = [*facts, *typed_doses(case, session, template, profile, status, now)]
    own += [Line("Override", finding_and_reason(each.finding, each.override)) for each in status.overrides]
    unseen = [text for each in status.stages for text in not_checked(each)]
    own.append(Line("Not checked", ", ".join(dict.fromkeys(unseen)) or "every line of the template was looked at"))
    recorded = "not recorded yet"
    if session.time_out is not None:
        recorded = f"{moment(session.time_out.at)}, by {', '.join(session.time_out.by)}"
    own.append(Line("Time-out", recorded))
    return Checklist(f"{freezing.stage.title}: read aloud", tuple(own), tuple(lines))


def finding_and_reason(finding: Finding, override: Override) -> str:
    return f"{finding.text} Overridden {override_words(override)}"
