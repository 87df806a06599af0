"""The session verbs of ``case``: plan, answer, record, check, sign, override, time-out, state."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli import case_course
from planner.cli.case_dose import record_dose_report
from planner.cli.case_library import By, Json, actor, current, opened, split_place
from planner.cli.case_shown import print_check
from planner.cli.output import BLOCKED, DONE, emit, plain
from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.app.sessions import SessionDesk
    from planner.store.actors import SaveReason
    from planner.workflow.template import Field

_Place = Annotated[str, typer.Argument(help="CASE/SESSION; CASE alone is its current session.")]
_Stage = Annotated[str, typer.Argument(help="Id of the stage, as `case check` prints it.")]
_Signer = Annotated[str, typer.Option("--by", help="Name of the person.")]
_Values = Annotated[
    list[str], typer.Argument(help="FIELD=VALUE; lists and tables as JSON; laboratory as 1.2mg/dL@DATE.")
]


def register(group: typer.Typer) -> None:
    """Add the verbs to the group ``case``."""
    group.command("plan")(_plan)
    group.command("answer")(_answer)
    group.command("record")(_record)
    group.command("check")(_check)
    group.command("sign")(_sign)
    group.command("override")(_override)
    group.command("time-out")(_time_out)
    group.command("state")(_state)
    case_course.register(group)


def _plan(
    context: typer.Context,
    case_id: Annotated[str, typer.Argument(help="Id of the case.")],
    template: Annotated[str | None, typer.Option("--template", help="Template, as `templates` lists it.")] = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Institution profile; the first one if left out.")
    ] = None,
    from_session: Annotated[str | None, typer.Option("--from", help="Start from this performed session.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="Name of the session.")] = None,
    on: Annotated[str | None, typer.Option("--on", help="Planned day, YYYY-MM-DD.")] = None,
    emergency: Annotated[bool, typer.Option("--emergency", help="Ask what cannot wait first.")] = False,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Create a session: of a template, or the next one from a session that was performed."""
    from planner.app.sessions import begin_session, open_session
    from planner.app.templates import installed
    from planner.model.document import Document
    from planner.store.actors import SaveReason

    if (template is None) == (from_session is None):
        raise UsageError("usage", "Give --template for a first session, or --from SESSION for the next one.")
    available = installed()
    who = actor(by)
    with opened(context) as library:
        case, base = library.open_case(case_id, who)
        document = Document(case)
        if from_session is not None:
            desk = open_session(document, available, from_session).start_next(title=title)
        else:
            chosen = profile or min(available.profiles)
            desk = begin_session(document, available, template or "", chosen, title=title, planned_on=_day(on))
        if emergency:
            desk.set_emergency(True, by=who.user)
        revision = library.save(document.case, base, who, SaveReason.SAVE)
        session = desk.session
    answer = {
        "case": case_id,
        "session": session.id,
        "revision": revision,
        "title": session.title,
        "template": session.template.id,
        "version": session.template.version,
        "profile": session.template.profile,
        "started_from": session.started_from,
    }
    emit(answer, as_json, lambda target: target.print(plain(f"{case_id}/{session.id}  {session.title}")))
    return DONE


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError("usage", f"{text!r} is no date; write it as YYYY-MM-DD.") from error


def _answer(
    context: typer.Context, place: _Place, stage: _Stage, values: _Values, by: By = None, as_json: Json = False
) -> int:
    """Fill fields of a stage."""
    return _fill(context, place, stage, values, by, as_json, record=False)


def _record(
    context: typer.Context,
    place: _Place,
    stage: Annotated[str | None, typer.Argument(help="Id of the stage; left out with --dose-report.")] = None,
    values: Annotated[list[str] | None, typer.Argument(help="FIELD=VALUE, as for `case answer`.")] = None,
    dose_report: Annotated[Path | None, typer.Option("--dose-report", help="RDSR of the procedure.")] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm-patient", help="You compared both sides although an identifier is missing.")
    ] = False,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Record what was done, or read its dose report into the record. Findings never refuse a record."""
    if dose_report is not None:
        if stage is not None or values:
            raise UsageError("usage", "--dose-report fills the dose fields itself; record other fields separately.")
        return record_dose_report(context, place, dose_report, by, as_json, confirmed=confirm)
    if stage is None or not values:
        raise UsageError("usage", "Give a stage and FIELD=VALUE, or --dose-report FILE.")
    return _fill(context, place, stage, values, by, as_json, record=True)


def _fill(
    context: typer.Context,
    place: str,
    stage: str,
    values: Sequence[str],
    by: str | None,
    as_json: bool,
    *,
    record: bool,
) -> int:
    from planner.store.actors import SaveReason

    who = actor(by)

    def act(desk: SessionDesk) -> None:
        described = _stage_fields(desk, stage, record=record)
        for word in values:
            name, equals, text = word.partition("=")
            if not equals:
                raise UsageError("usage", f"{word!r} is not FIELD=VALUE.")
            desk.answer(stage, name, _value(described.get(name), text), by=who.user)

    return _acted(context, place, stage, act, by=who.user, role=who.role, reason=SaveReason.SAVE, as_json=as_json)


def _stage_fields(desk: SessionDesk, stage_id: str, *, record: bool) -> Mapping[str, Field]:
    from planner.workflow.answers import the_stage

    stage = the_stage(desk.template, stage_id)
    if record and not stage.phase.is_record:
        raise UsageError("usage", f"{stage.title} belongs to the plan; use `case answer`.", subject=stage_id)
    return {each.id: each for each in stage.fields}


def _value(described: Field | None, text: str) -> Any:
    """What a word on the command line stands for: nothing, JSON, a list by commas, a laboratory value, or itself."""
    from planner.workflow.template import FieldKind

    if text in ("", "null"):
        return None
    if text[0] in "[{":
        try:
            return json.loads(text)
        except ValueError as error:
            raise UsageError("usage", f"{text[:40]!r} begins like JSON and is none ({error}).") from error
    kind = None if described is None else described.kind
    if kind in (FieldKind.CHOICES, FieldKind.LESIONS):
        return [each.strip() for each in text.split(",") if each.strip()]
    if kind is FieldKind.LAB:
        return _laboratory(text)
    return text


def _laboratory(text: str) -> dict[str, Any]:
    from planner.clinical.quantities import parse

    amount, at, day = text.rpartition("@")
    if not at:
        raise UsageError("usage", f"{text!r} has no day; write a laboratory value as 2.4mg/dL@2026-03-01.")
    comparator = amount[0] if amount[:1] in "<>" else ""
    quantity = parse(amount.removeprefix(comparator))
    return {"value": quantity.value, "unit": quantity.unit or "1", "taken_on": day, "comparator": comparator}


def _sign(
    context: typer.Context,
    place: _Place,
    stage: _Stage,
    role: Annotated[str, typer.Option("--role", help="Role that signs, as the template names it.")],
    by: _Signer,
    prepared_by: Annotated[str | None, typer.Option("--prepared-by", help="Who filled the stage.")] = None,
    as_json: Json = False,
) -> int:
    """Sign a stage for one role."""
    from planner.store.actors import SaveReason

    def act(desk: SessionDesk) -> None:
        desk.sign(stage, role=role, by=by, prepared_by=prepared_by)

    return _acted(context, place, stage, act, by=by, role=role, reason=SaveReason.SIGN, as_json=as_json)


def _override(
    context: typer.Context,
    place: _Place,
    stage: _Stage,
    code: Annotated[str, typer.Argument(help="Code of the blocking finding.")],
    by: _Signer,
    reason: Annotated[str, typer.Option("--reason", help="Why it is passed, in words.")],
    subject: Annotated[
        str | None, typer.Option("--subject", help="Of the finding, when several have the code.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Pass a blocking finding, with person and reason. It goes stale when the finding changes."""
    from planner.store.actors import SaveReason

    def act(desk: SessionDesk) -> None:
        standing = desk.status().stage(stage).findings if stage in _stage_ids(desk) else ()
        found = [each for each in standing if each.code == code and subject in (None, each.subject)]
        if not found:
            raise UsageError("no-such-finding", f"{stage} has no finding {code!r} that stands.", subject=stage)
        if len({each.subject for each in found}) > 1:
            subjects = ", ".join(str(each.subject) for each in found)
            raise UsageError("usage", f"Several findings are called {code}; name one with --subject: {subjects}.")
        desk.override(stage, found[0], by=by, reason=reason)

    return _acted(context, place, stage, act, by=by, role="planner", reason=SaveReason.SIGN, as_json=as_json)


def _stage_ids(desk: SessionDesk) -> set[str]:
    return {each.id for each in desk.template.stages}


def _time_out(
    context: typer.Context,
    place: _Place,
    by: Annotated[list[str], typer.Option("--by", help="Everybody who took part; repeat it.")],
    as_json: Json = False,
) -> int:
    """Record the time-out: the plan and the values used are pinned."""
    from planner.store.actors import SaveReason

    def act(desk: SessionDesk) -> None:
        desk.record_time_out(by=tuple(by))

    return _acted(context, place, None, act, by=by[0], role="team", reason=SaveReason.TIME_OUT, as_json=as_json)


def _state(
    context: typer.Context,
    place: _Place,
    to: Annotated[str, typer.Argument(help="planned, booked, ready, in-room, done, aborted, cancelled, …")],
    by: _Signer,
    reason: Annotated[str | None, typer.Option("--reason", help="Why, where one is asked for.")] = None,
    as_json: Json = False,
) -> int:
    """Move a session on in its life."""
    from planner.model.session import SessionState
    from planner.store.actors import SaveReason

    if to not in list(SessionState):
        raise UsageError("wrong-state", f"{to!r} is no state; they are {', '.join(SessionState)}.")

    def act(desk: SessionDesk) -> None:
        desk.advance(SessionState(to), by=by, reason=reason)

    return _acted(context, place, None, act, by=by, role="planner", reason=SaveReason.SAVE, as_json=as_json)


def _acted(
    context: typer.Context,
    place: str,
    stage: str | None,
    act: Callable[[SessionDesk], None],
    *,
    by: str,
    role: str,
    reason: SaveReason,
    as_json: bool,
) -> int:
    """Do something to a session, save it, and say where it stands."""
    from planner.app.sessions import open_session
    from planner.app.templates import installed
    from planner.model.document import Document

    who = actor(by, role)
    with opened(context) as library:
        case_id, session_id = split_place(place)
        case, base = library.open_case(case_id, who)
        desk = open_session(Document(case), installed(), session_id or current(case))
        act(desk)
        revision = library.save(desk.case, base, who, reason)
        status = desk.status()
        session = desk.session
    stages = [each for each in status.stages if stage is None or each.stage.id == stage]
    answer = {
        "case": case_id,
        "session": session.id,
        "revision": revision,
        "state": session.state.value,
        "stages": [{"id": each.stage.id, "title": each.stage.title, "status": each.status.value} for each in stages],
    }
    words = [f"{each.stage.title}: {each.status.value}" for each in stages]
    emit(answer, as_json, lambda target: target.print(plain("\n".join([f"revision {revision}", *words]))))
    return DONE


def _check(context: typer.Context, place: _Place, by: By = None, as_json: Json = False) -> int:
    """Evaluate every stage of a session: where it stands and what is found."""
    from planner.app.sessions import check_document, local_now
    from planner.app.templates import installed

    case_id, session_id = split_place(place)
    with opened(context) as library:
        case, revision = library.open_case(case_id, actor(by))
    document, blocked = check_document(case, session_id or current(case), installed(), local_now())
    answer = {**document, "revision": revision}
    emit(answer, as_json, lambda target: print_check(target, answer))
    return BLOCKED if blocked else DONE
