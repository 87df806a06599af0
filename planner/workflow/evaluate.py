"""Where each stage of a session stands, computed from what is there now. Nothing of it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from planner.findings import Finding, Severity, any_blocks
from planner.model.case import Case
from planner.model.session import Override, Session, SessionState, SignOff
from planner.units import shown
from planner.workflow.context import Reads
from planner.workflow.gates import View, check_findings, computed_values, field_findings, items_to_review, not_checked
from planner.workflow.inputs import inputs_digest
from planner.workflow.pinning import PLAN_PHASES, Basis, basis_of, rules_now, signed_after_emergency
from planner.workflow.status import (
    NewerValue,
    OverriddenFinding,
    SessionStatus,
    Signature,
    StageStatus,
    Status,
    finding_digest,
)
from planner.workflow.template import Computed, FieldKind, Phase, Profile, Stage, Template
from planner.workflow.values import is_empty

SAME_PERSON = "same-person"
STAGES_NOT_SIGNED = "stages-not-signed"
NO_TIME_OUT = "no-time-out"
PERFORMED = frozenset(
    {
        SessionState.DONE,
        SessionState.RECOVERED,
        SessionState.DISCHARGED,
        SessionState.OUTCOME_READ,
        SessionState.CLOSED,
        SessionState.NOTHING_GIVEN,
        SessionState.ABORTED,
    }
)
"""States in which something happened in the room."""


def evaluate(case: Case, session: Session, template: Template, profile: Profile, now: datetime) -> SessionStatus:
    """The status of every stage of a session.

    Parameters
    ----------
    case, session
        Live values; after the time-out the plan phases are judged by what it pinned.
    now
        The moment of evaluation, for validity windows; the caller's clock.
    """
    done: dict[str, StageStatus] = {}
    for stage in template.stages:
        done[stage.id] = _stage_status(_Inputs(case, session, template, profile, now), stage, done)
    return SessionStatus(session.id, tuple(done.values()), tuple(_session_findings(case, session, template, profile)))


@dataclass(frozen=True, slots=True)
class _Inputs:
    case: Case
    session: Session
    template: Template
    profile: Profile
    now: datetime


def _stage_status(given: _Inputs, stage: Stage, earlier: Mapping[str, StageStatus]) -> StageStatus:
    """What an emergency left for later is judged by the moment of its signature, for as long as nothing it signed for
    has changed: its time-out froze the short form only, and a laboratory value that ages makes no signature stale."""
    signed_at = signed_after_emergency(given.session, stage)
    if signed_at is not None and signed_at < given.now:
        then = _judged(replace(given, now=signed_at), stage, earlier)
        if all(each.current for each in then.signatures):
            return then
    return _judged(given, stage, earlier)


def _judged(given: _Inputs, stage: Stage, earlier: Mapping[str, StageStatus]) -> StageStatus:
    basis = basis_of(given.case, given.session, stage, given.now)
    view = View(basis, given.template, stage, given.profile, Reads())
    computed, failed = computed_values(view)
    findings = [*field_findings(view), *items_to_review(view), *check_findings(view), *failed, *not_checked(view)]
    findings += _time_out_findings(given, stage, earlier)
    digest_now = _digest(view, given.session, computed)
    signatures = _signatures(given.session, stage, digest_now)
    findings += _same_person(stage, signatures)
    newer = _newer_values(given, basis, view)
    findings = _for_phase(given, stage, basis, findings)
    findings += [_newer_finding(stage, each) for each in newer]
    standing, overridden, stale = _overrides(given.session, stage, findings)
    missing = tuple(role for role in stage.signs if not any(each.role == role and each.current for each in signatures))
    waits = () if basis.frozen else _waits(given, stage, earlier)
    status = _status(stage, standing, signatures, missing, waits)
    return StageStatus(
        stage=stage,
        status=status,
        findings=tuple(standing),
        overridden=tuple(overridden),
        stale_overrides=tuple(stale),
        computed=tuple(computed),
        signatures=signatures,
        missing_roles=missing,
        newer_values=newer,
        waits_for=waits,
        inputs_digest=digest_now,
        complete=status is Status.SIGNED or (not stage.signs and status is Status.OPEN),
        can_sign=_can_sign(missing, waits, standing),
        frozen=basis.frozen,
    )


def _digest(view: View, session: Session, computed: Iterable[Computed]) -> str:
    if view.basis.frozen and session.time_out is not None:
        kept = session.time_out.stage_digests.get(view.stage.id)
        if kept is not None:
            return kept
    return inputs_digest(view.basis, view.template, view.stage, view.profile, view.reads, computed)


def _signatures(session: Session, stage: Stage, digest_now: str) -> tuple[Signature, ...]:
    latest: dict[str, SignOff] = {}
    for each in session.signoffs:
        if each.stage == stage.id and each.role in stage.signs:
            latest[each.role] = each
    return tuple(
        Signature(role, each.by, each.at, each.inputs_digest == digest_now, each.prepared_by, each.meaning)
        for role, each in latest.items()
    )


def _same_person(stage: Stage, signatures: tuple[Signature, ...]) -> list[Finding]:
    """Two roles are two people; one name under both is asked about."""
    names = [each.by.strip().casefold() for each in signatures if each.current]
    if len(names) == len(set(names)):
        return []
    text = f"{stage.title}: {signatures[0].by} signed for more than one role; a second person has to look."
    source = "practice notes section 3 item 10 and section 4 no. 11"
    return [Finding(SAME_PERSON, Severity.BLOCK, text, subject=stage.id, source=source, tag="P")]


def _time_out_findings(given: _Inputs, stage: Stage, earlier: Mapping[str, StageStatus]) -> list[Finding]:
    session = given.session
    if stage.freezes:
        before = [each for each in earlier.values() if each.stage.phase in PLAN_PHASES and not each.complete]
        if session.emergency:
            before = [each for each in before if each.stage.in_emergency_form]
        return [_stages_not_signed(stage, before)] if before else []
    if session.time_out is None and not session.emergency and stage.phase is Phase.RECORD:
        return [_no_time_out(stage.id)] if recorded(given.template, session) else []
    return []


def _stages_not_signed(stage: Stage, before: list[StageStatus]) -> Finding:
    text = f"Before the time-out these stages are to be signed: {', '.join(each.stage.title for each in before)}."
    source = "practice notes 1.1 and section 3 item 4"
    return Finding(STAGES_NOT_SIGNED, Severity.BLOCK, text, subject=stage.id, source=source, tag="P")


def _no_time_out(subject: str) -> Finding:
    text = "No time-out was recorded for this elective session."
    source = "practice notes 7.0 time_out"
    return Finding(NO_TIME_OUT, Severity.WARN, text, subject=subject, source=source, tag="P")


def recorded(template: Template, session: Session) -> bool:
    """Whether anything of what was done has been recorded."""
    if session.state in PERFORMED:
        return True
    stages = [stage.id for stage in template.stages if stage.phase is Phase.RECORD]
    return any(not is_empty(answer.value) for stage in stages for answer in session.answers.get(stage, {}).values())


def _for_phase(given: _Inputs, stage: Stage, basis: Basis, findings: list[Finding]) -> list[Finding]:
    """Records only warn. After the time-out new rules no longer gate: it is said that they have changed."""
    if stage.phase.is_record:
        return [finding.for_record() for finding in findings]
    if not basis.frozen or not rules_changed(given.session, given.template, given.profile):
        return findings
    quiet = [replace(each, severity=Severity.INFO) for each in findings]
    text = "Rules have changed since the time-out; what follows is what they would say today."
    return [Finding("rules-changed", Severity.INFO, text, subject=stage.id), *quiet]


def rules_changed(session: Session, template: Template, profile: Profile) -> bool:
    """Whether template, profile or rule set differ from those of the time-out."""
    pinned = session.time_out.rules_digest if session.time_out else None
    return pinned is not None and pinned != rules_now(template, profile)


def _newer_values(given: _Inputs, basis: Basis, view: View) -> tuple[NewerValue, ...]:
    if not basis.frozen:
        return ()
    fields = {each.analyte for each in view.stage.fields if each.kind is FieldKind.LAB and each.analyte}
    found: list[NewerValue] = []
    for analyte in sorted(fields | view.reads.analytes):
        used, live = basis.case.latest_lab(analyte, not_after=basis.now.date()), given.case.latest_lab(analyte)
        if live is not None and live != used and (used is None or live.taken_on >= used.taken_on):
            found.append(NewerValue(analyte, used, live))
    return tuple(found)


def _newer_finding(stage: Stage, newer: NewerValue) -> Finding:
    used = "nothing" if newer.used is None else f"{shown(newer.used.value, newer.used.unit)} of {newer.used.taken_on}"
    live = f"{shown(newer.newer.value, newer.newer.unit)} of {newer.newer.taken_on}"
    text = f"Newer value since the time-out: {newer.analyte} {live}; used was {used}."
    return Finding("newer-value", Severity.INFO, text, subject=f"{stage.id}.{newer.analyte}")


def _overrides(
    session: Session, stage: Stage, findings: list[Finding]
) -> tuple[list[Finding], list[OverriddenFinding], list[Override]]:
    mine = [each for each in session.overrides if each.stage == stage.id]
    standing: list[Finding] = []
    passed: list[OverriddenFinding] = []
    used: set[int] = set()
    for finding in findings:
        match = next((each for each in reversed(mine) if _passes(each, finding)), None)
        if match is None:
            standing.append(finding)
        else:
            used.add(id(match))
            passed.append(OverriddenFinding(finding, match))
    codes = {(finding.code, finding.subject) for finding in standing}
    stale = [each for each in mine if id(each) not in used and (each.code, each.subject) in codes]
    return standing, passed, stale


def _passes(override: Override, finding: Finding) -> bool:
    if not (finding.blocks and finding.overridable):
        return False
    same = (override.code, override.subject) == (finding.code, finding.subject)
    return same and override.finding_digest == finding_digest(finding)


def _waits(given: _Inputs, stage: Stage, earlier: Mapping[str, StageStatus]) -> tuple[str, ...]:
    """Records wait for nothing; in an emergency only the emergency form waits, and only for its own stages."""
    if stage.phase.is_record or (given.session.emergency and not stage.in_emergency_form):
        return ()
    names = _emergency_after(given.template, stage) if given.session.emergency else stage.after
    return tuple(name for name in names if not earlier[name].complete)


def _emergency_after(template: Template, stage: Stage) -> tuple[str, ...]:
    found: list[str] = []
    for name in stage.after:
        before = template.stage(name)
        found += [name] if before.in_emergency_form else _emergency_after(template, before)
    return tuple(dict.fromkeys(found))


def _status(
    stage: Stage,
    findings: list[Finding],
    signatures: tuple[Signature, ...],
    missing: tuple[str, ...],
    waits: tuple[str, ...],
) -> Status:
    if any(not each.current for each in signatures):
        return Status.STALE
    if waits and not signatures:
        return Status.WAITING
    if any_blocks(findings):
        return Status.BLOCKED
    return Status.SIGNED if stage.signs and not missing else Status.OPEN


def _can_sign(missing: tuple[str, ...], waits: tuple[str, ...], findings: list[Finding]) -> bool:
    blocking = [finding for finding in findings if finding.blocks]
    same_person = any(finding.code == SAME_PERSON for finding in blocking)
    return (bool(missing) or same_person) and not waits and all(finding.code == SAME_PERSON for finding in blocking)


def _session_findings(case: Case, session: Session, template: Template, profile: Profile) -> list[Finding]:
    found: list[Finding] = []
    if session.time_out is None and not session.emergency and recorded(template, session):
        found.append(_no_time_out(session.id))
    if rules_changed(session, template, profile):
        found.append(
            Finding("rules-changed", Severity.INFO, "Rules have changed since the time-out.", subject=session.id)
        )
    elif session.time_out is None and session.template.digest != template.digest:
        text = (
            f"This session was started with {session.template.id} {session.template.version}; now {template.version}."
        )
        found.append(Finding("template-changed", Severity.INFO, text, subject=session.id))
    return found


def session_json(case: Case, session: Session, status: SessionStatus, ledger: Any) -> dict[str, Any]:
    """The document of ``case check --json``."""
    return {
        "case": case.id,
        "session": session.id,
        "template": session.template.id,
        "version": session.template.version,
        "state": session.state.value,
        "stages": [stage.to_json() for stage in status.stages],
        "findings": [finding.to_json() for finding in status.findings],
        "ledger": ledger,
    }
