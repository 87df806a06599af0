"""``case course``: the steps of a course as they stand today, conflicts before booking, and what a person does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.case_library import By, Json, actor, opened
from planner.cli.case_shown import print_ledger
from planner.cli.output import emit, exit_code_for, plain, print_findings
from planner.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from planner.app.templates import Installed
    from planner.findings import Finding
    from planner.model.case import Case
    from planner.model.edits import Edit
    from planner.workflow.course_dates import ProposedDate


def register(group: typer.Typer) -> None:
    """Add the verb ``course`` to the group ``case``."""
    group.command("course")(_course)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the options ask for; at most one act."""

    start: str | None
    on: date | None
    move: tuple[str, date] | None
    catch_up: bool
    accept: bool
    only: tuple[str, ...]
    answer: tuple[str, bool] | None
    drop: str | None
    done: tuple[str, date] | None
    begin: str | None
    profile: str | None
    link: tuple[str, str] | None
    reason: str


def _course(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(help="Id of the case.")],
    start: Annotated[str | None, typer.Option("--start", help="Begin a course of this template; with --on.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="First day of the course, YYYY-MM-DD.")] = None,
    move: Annotated[
        tuple[str, str] | None, typer.Option("--move", help="STEP DAY: propose days for it and the later ones.")
    ] = None,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Propose days where the planned ones do not fit any more.")
    ] = False,
    accept: Annotated[bool, typer.Option("--accept", help="Take the proposed days.")] = False,
    only: Annotated[list[str] | None, typer.Option("--only", help="With --accept: this step; repeat it.")] = None,
    answer: Annotated[
        tuple[str, str] | None, typer.Option("--answer", help="STEP yes|no: is it needed; with --reason.")
    ] = None,
    drop: Annotated[str | None, typer.Option("--drop", help="STEP that falls away; with --reason.")] = None,
    done: Annotated[tuple[str, str] | None, typer.Option("--done", help="STEP DAY on which it was done.")] = None,
    begin: Annotated[str | None, typer.Option("--begin", help="STEP whose session is created.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="With --begin: institution profile.")] = None,
    link: Annotated[
        tuple[str, str] | None, typer.Option("--link", help="STEP SESSION that carries it out; none takes it away.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, in words.")] = "",
    by: By = None,
    as_json: Json = False,
) -> int:
    """Show the steps of a course and where they stand today; or do one thing to it. Days are proposed, never moved.

    STEP is the id of a step, or its last part where that is clear (tace-2).
    """
    from planner.app.sessions import local_now
    from planner.app.templates import installed
    from planner.store.actors import SaveReason

    asked = _Asked(
        start,
        None if on is None else _day(on),
        None if move is None else (move[0], _day(move[1])),
        catch_up,
        accept,
        tuple(only or ()),
        None if answer is None else (answer[0], _yes(answer[1])),
        drop,
        None if done is None else (done[0], _day(done[1])),
        begin,
        profile,
        link,
        reason,
    )
    _refuse_mixed(asked)
    available, today, who = installed(), local_now().date(), actor(by)
    with opened(context) as library:
        case, revision = library.open_case(case_id, who)
        proposals, brings = _proposed(case, asked, available, today)
        edit = _edit(case, asked, proposals, available, by=who.user, today=today)
        if edit is not None:
            changed = edit(case)
            if changed != case:
                case, revision = changed, library.save(changed, revision, who, SaveReason.SAVE)
    document, findings = _document(case, available, today)
    document = {"case": case_id, "revision": revision, **document}
    if asked.move is not None or asked.catch_up:
        document["proposals"] = [each.to_json() for each in proposals]
        document["would_bring"] = [each.to_json() for each in brings]
        document["accepted"] = accept
    said = (*findings, *(() if accept else brings))
    emit(document, as_json, lambda target: _print(target, document, findings, brings))
    return exit_code_for(said)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("usage", f"{text!r} is no date; write it as YYYY-MM-DD.") from error


def _yes(text: str) -> bool:
    if text not in ("yes", "no"):
        raise UsageError("usage", f"{text!r} is no answer; --answer STEP yes or --answer STEP no.")
    return text == "yes"


def _refuse_mixed(asked: _Asked) -> None:
    acts = {
        "--start": asked.start,
        "--move": asked.move,
        "--catch-up": asked.catch_up or None,
        "--answer": asked.answer,
        "--drop": asked.drop,
        "--done": asked.done,
        "--begin": asked.begin,
        "--link": asked.link,
    }
    given = [name for name, value in acts.items() if value is not None]
    if len(given) > 1:
        raise UsageError("usage", f"Give one of {', '.join(given)} at a time.")
    if (asked.on is not None) != (asked.start is not None):
        raise UsageError("usage", "--start TEMPLATE and --on DAY belong together.")
    proposes = asked.move is not None or asked.catch_up
    if asked.accept and not proposes or asked.only and not asked.accept:
        raise UsageError("usage", "--accept belongs to --move STEP DAY or --catch-up, and --only to --accept.")


def _step(case: Case, word: str) -> str:
    """Id of the step that a word names: the whole id, what stands behind its course's id, or how only one ends."""
    known = [(course.id, step.id) for course in case.courses for step in course.steps]
    for named in ([word], [f"{course}-{word}" for course, _ in known]):
        exact = {step for _, step in known if step in named}
        if len(exact) == 1:
            return exact.pop()
    ends = [step for _, step in known if step.endswith(f"-{word}")]
    if len(ends) != 1:
        steps = ", ".join(ends or [step for _, step in known]) or "none"
        raise UsageError("unknown-step", f"{word!r} is not the id of one step; steps are: {steps}.", subject=word)
    return ends[0]


def _proposed(
    case: Case, asked: _Asked, available: Installed, today: date
) -> tuple[tuple[ProposedDate, ...], tuple[Finding, ...]]:
    from planner.app.course_planning import propose_catch_up, propose_dates

    if asked.move is not None:
        proposals, brings = propose_dates(case, _step(case, asked.move[0]), asked.move[1], available, today)
    elif asked.catch_up:
        proposals, brings = propose_catch_up(case, available, today)
    else:
        return (), ()
    picked = {_step(case, word) for word in asked.only}
    return tuple(each for each in proposals if not picked or each.step_id in picked), brings


def _edit(
    case: Case, asked: _Asked, proposals: Sequence[ProposedDate], available: Installed, *, by: str, today: date
) -> Edit | None:
    """The edit that the options ask for; None where they only look."""
    from planner.app import course_planning as planning

    if asked.start is not None:
        return planning.start_course(available.course(asked.start), asked.on or today)
    if asked.move is not None or asked.catch_up:
        return planning.accept_dates(proposals) if asked.accept else None
    if asked.answer is not None:
        step, needed = _step(case, asked.answer[0]), asked.answer[1]
        return planning.answer_condition(step, needed, by=by, on=today, reason=asked.reason)
    if asked.drop is not None:
        return planning.drop_step(_step(case, asked.drop), reason=asked.reason)
    if asked.done is not None:
        return planning.mark_done(_step(case, asked.done[0]), asked.done[1], today=today)
    if asked.begin is not None:
        profile = asked.profile or planning.course_profile(case, available).id
        return planning.begin_step(_step(case, asked.begin), available, profile)
    if asked.link is not None:
        session = None if asked.link[1] == "none" else asked.link[1]
        return planning.link_session(_step(case, asked.link[0]), session)
    return None


def _document(case: Case, available: Installed, today: date) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    from planner.app.course_planning import course_profile, course_status
    from planner.app.sessions import course_overview
    from planner.model.codec import to_json

    overview = course_overview(case, available, today)
    steps, conflicts = course_status(case, available, today)
    findings = (*overview.findings, *conflicts)
    document = {
        "today": today.isoformat(),
        "profile": course_profile(case, available).id,
        "courses": to_json(case.courses),
        "steps": [each.to_json() for each in steps],
        "sessions": [
            {
                "id": each.id,
                "title": each.title,
                "state": each.state.value,
                "planned_on": each.planned_on,
                "performed_on": each.performed_on,
                "started_from": each.started_from,
            }
            for each in case.sessions
        ],
        "remains": to_json(overview.remains),
        "ledger": overview.ledger.to_json(),
        "findings": [each.to_json() for each in findings],
    }
    return document, findings


def _print(
    target: Console, document: Mapping[str, Any], findings: Sequence[Finding], brings: Sequence[Finding]
) -> None:
    """Proposals, the steps, what remains, and the ledger."""
    for each in document.get("proposals", ()):
        was = each["was"] or "no day"
        word = "moved" if document["accepted"] else "proposed"
        target.print(plain(f"{word} {was} -> {each['proposed']}  {each['title']} ({each['why']})"), soft_wrap=True)
    if document.get("proposals") and not document["accepted"]:
        target.print("Nothing was moved; --accept takes these days.")
        print_findings(target, brings)
    for course in document["courses"]:
        intent = f"  {course['intent']}" if course["intent"] else ""
        target.print(plain(f"course   {course['title']}{intent}  ({course['id']})"), soft_wrap=True)
        for step in (each for each in document["steps"] if each["course"] == course["id"]):
            target.print(plain(_step_line(step)), soft_wrap=True)
    for each in document["sessions"]:
        day = each["performed_on"] or each["planned_on"] or "no date"
        target.print(plain(f"session  {day}  {each['title']}  {each['state']}"), soft_wrap=True)
    for each in document["remains"]:
        target.print(plain(f"lesion   {each['name']}: {each['state']}"), soft_wrap=True)
    print_findings(target, findings)
    print_ledger(target, document["ledger"])


def _step_line(step: Mapping[str, Any]) -> str:
    window = " ".join(each for each in (step["earliest"] or "", "to", step["latest"] or "") if each)
    room = f"  possible {window}" if step["earliest"] or step["latest"] else ""
    condition = f"  {step['condition']}" if step["condition"] else ""
    state = step["state"].upper()
    return f"         {step['on'] or 'no day    '}  {state:14} {step['title']}{condition}{room}  [{step['id']}]"
