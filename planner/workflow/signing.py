"""Signatures, overrides and the time-out, as edits of a case. What was signed is known by its digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from planner.errors import InputRefused, UsageError
from planner.findings import Finding
from planner.model.case import Case
from planner.model.codec import digest
from planner.model.edits import with_session
from planner.model.session import Override, SignOff, TimeOut
from planner.workflow.answers import require_name, the_session, the_stage
from planner.workflow.evaluate import SAME_PERSON, evaluate
from planner.workflow.pinning import PLAN_PHASES, is_frozen, pinned, rules_now
from planner.workflow.status import StageStatus, finding_digest
from planner.workflow.template import Profile, Template


def sign(
    case: Case,
    session_id: str,
    template: Template,
    profile: Profile,
    stage_id: str,
    *,
    role: str,
    by: str,
    now: datetime,
    prepared_by: str | None = None,
) -> Case:
    """The case with a stage signed by one role. The same role may sign again; the latest signature counts.

    Raises
    ------
    InputRefused
        ``stage-waits`` for an earlier stage, ``stage-blocked`` by a finding that nobody overrode.
    UsageError
        ``unknown-role``, ``unknown-person``, ``unknown-session``, ``unknown-stage``.
    """
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    person = require_name(by)
    if role not in stage.signs:
        asked = ", ".join(stage.signs) or "nobody"
        raise UsageError("unknown-role", f"{stage.title} is signed by {asked}, not by {role!r}.", subject=stage_id)
    status = evaluate(case, session, template, profile, now).stage(stage_id)
    _refuse_unsignable(status, template)
    others = [each for each in status.signatures if each.current and each.role != role]
    meaning = (
        "second-person" if others and all(each.by.casefold() != person.casefold() for each in others) else "signed"
    )
    signed = SignOff(stage_id, person, role, now, status.inputs_digest, prepared_by, meaning)
    return with_session(case, replace(session, signoffs=(*session.signoffs, signed)))


def _refuse_unsignable(status: StageStatus, template: Template) -> None:
    if status.waits_for:
        names = ", ".join(template.stage(each).title for each in status.waits_for)
        said = f"{status.stage.title} cannot be signed yet; sign first: {names}."
        raise InputRefused("stage-waits", said, subject=status.stage.id)
    blocking = [finding for finding in status.findings if finding.blocks and finding.code != SAME_PERSON]
    if blocking:
        more = f" (and {len(blocking) - 1} more)" if len(blocking) > 1 else ""
        said = f"{status.stage.title} cannot be signed: {blocking[0].text}{more}"
        raise InputRefused("stage-blocked", said, subject=status.stage.id)


def withdraw_signature(case: Case, session_id: str, template: Template, stage_id: str, *, role: str, by: str) -> Case:
    """The case without the signatures of one role under a stage.

    Raises
    ------
    InputRefused
        ``plan-frozen`` after the time-out, ``not-signed`` when there is none.
    """
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    require_name(by)
    if is_frozen(session, stage):
        said = f"The time-out has frozen {stage.title}; its signatures stay."
        raise InputRefused("plan-frozen", said, subject=stage_id)
    kept = tuple(each for each in session.signoffs if (each.stage, each.role) != (stage_id, role))
    if len(kept) == len(session.signoffs):
        raise InputRefused("not-signed", f"{stage.title} is not signed by the {role}.", subject=stage_id)
    return with_session(case, replace(session, signoffs=kept))


def override(
    case: Case,
    session_id: str,
    template: Template,
    profile: Profile,
    stage_id: str,
    *,
    code: str,
    subject: str | None,
    by: str,
    reason: str,
    now: datetime,
) -> Case:
    """The case with one blocking finding passed by a named person, with the reason.

    Raises
    ------
    InputRefused
        ``reason-missing``; ``no-such-finding``; ``cannot-override`` for a refusal and for what does not block.
    """
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    person, why = require_name(by), reason.strip()
    if not why:
        raise InputRefused("reason-missing", "An override needs the reason in words.", subject=stage_id)
    standing = evaluate(case, session, template, profile, now).stage(stage_id).findings
    found = [each for each in standing if (each.code, each.subject) == (code, subject)]
    if not found:
        said = f"{stage.title} has no finding {code!r} about {subject or 'the stage'} that stands."
        raise InputRefused("no-such-finding", said, subject=stage_id)
    passed = [_overridden(each, stage_id, person, why, now) for each in found if each.blocks and each.overridable]
    if not passed:
        said = f"{found[0].text} This cannot be overridden."
        raise InputRefused("cannot-override", said, subject=stage_id)
    return with_session(case, replace(session, overrides=(*session.overrides, *passed)))


def _overridden(finding: Finding, stage: str, by: str, reason: str, now: datetime) -> Override:
    return Override(stage, finding.code, finding.subject, by, reason, now, finding_digest(finding))


def withdraw_override(
    case: Case, session_id: str, template: Template, stage_id: str, *, code: str, subject: str | None
) -> Case:
    """The case without an override; its finding blocks again. After the time-out it stays (``plan-frozen``)."""
    session, stage = the_session(case, session_id), the_stage(template, stage_id)
    if is_frozen(session, stage):
        said = f"The time-out has frozen {stage.title}; its overrides stay."
        raise InputRefused("plan-frozen", said, subject=stage_id)
    kept = tuple(
        each for each in session.overrides if (each.stage, each.code, each.subject) != (stage_id, code, subject)
    )
    return case if len(kept) == len(session.overrides) else with_session(case, replace(session, overrides=kept))


def record_time_out(
    case: Case, session_id: str, template: Template, profile: Profile, *, by: tuple[str, ...], now: datetime
) -> Case:
    """The case with the time-out recorded: the plan and the values used are pinned from here on.

    Parameters
    ----------
    by
        Names of those who took part; at least one.

    Raises
    ------
    InputRefused
        ``time-out-recorded`` already; ``time-out-blocked`` while earlier stages are unsigned or the time-out's own
        questions are open and nobody has overridden that.
    """
    session = the_session(case, session_id)
    names = tuple(dict.fromkeys(require_name(each) for each in by))
    if not names:
        raise UsageError("unknown-person", "The time-out needs the names of those who took part.")
    if session.time_out is not None:
        said = f"The time-out of this session was recorded at {session.time_out.at.isoformat(timespec='minutes')}."
        raise InputRefused("time-out-recorded", said, subject=session_id)
    status = evaluate(case, session, template, profile, now)
    for each in status.stages:
        if each.stage.freezes:
            _refuse_blocked_time_out(each)
    digests = {each.stage.id: each.inputs_digest for each in status.stages if each.stage.phase in PLAN_PHASES}
    kept = pinned(case, session_id)
    frozen = TimeOut(now, names, digest(kept), kept, digests, rules_now(template, profile))
    return with_session(case, replace(session, time_out=frozen))


def _refuse_blocked_time_out(status: StageStatus) -> None:
    blocking = [finding for finding in status.findings if finding.blocks and finding.code != SAME_PERSON]
    if blocking:
        said = f"The time-out cannot be recorded yet: {blocking[0].text} Fill or override it, or record without it."
        raise InputRefused("time-out-blocked", said, subject=status.stage.id)
