"""``case report``: a case on paper, as plan, technical record, patient's summary, course report or board sheet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.case_library import By, Json, actor, current, opened, split_place
from planner.cli.context import command_context
from planner.cli.output import DONE, emit, plain, progress

if TYPE_CHECKING:
    from planner.model.case import Case
    from planner.model.dossier import PatientSummary
    from planner.store.actors import Actor
    from planner.store.library import Library


class Kind(StrEnum):
    """What is printed."""

    PLAN = "plan"
    TECHNICAL = "technical"
    SUMMARY = "summary"
    COURSE = "course"
    BOARD = "board"


_OF_THE_CASE = frozenset({Kind.COURSE, Kind.BOARD})


@dataclass(frozen=True, slots=True)
class _Asked:
    """One print as it was asked for."""

    context: typer.Context
    library: Library
    case: Case
    revision: int
    session_id: str | None
    out: Path
    by: Actor
    language: str
    addressee: str
    disclosure: str | None

    @property
    def session(self) -> str:
        return self.session_id or current(self.case)


def register(group: typer.Typer) -> None:
    """Add the verb to the group ``case``."""
    group.command("report")(_report)


def _report(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="CASE/SESSION; CASE alone is its current session.")],
    out: Annotated[Path, typer.Option("--out", help="PDF file to write. It names the patient.")],
    kind: Annotated[
        Kind, typer.Option("--kind", help="What to print; course and board are of the whole case.")
    ] = Kind.PLAN,
    language: Annotated[str, typer.Option("--language", help="Of the summary: en or zh-Hans.")] = "en",
    addressee: Annotated[
        str, typer.Option("--addressee", help="Of the summary: patient, family or follow-up-doctor.")
    ] = "patient",
    disclosure: Annotated[
        str | None, typer.Option("--disclosure", help="Of the summary: procedure-only, diagnosis or full.")
    ] = None,
    by: By = None,
    as_json: Json = False,
) -> int:
    """Print a case as PDF; the library remembers that this paper exists. A summary is a draft until it is released."""
    case_id, named = split_place(place)
    who = actor(by)
    with opened(context) as library:
        case, revision = library.open_case(case_id, who)
        asked = _Asked(context, library, case, revision, named, out, who, language, addressee, disclosure)
        pages = _PRINTS[kind](asked)
        printed = library.prints(case_id)[0]
        head = library.audit_head(case_id)
    answer = {
        "case": case_id,
        "session": named if kind in _OF_THE_CASE else named or current(case),
        "kind": kind.value,
        "revision": revision,
        "out": str(out),
        "pages": pages,
        "sha256": printed.document_sha256,
        "print": printed.number,
        "audit_head": head,
    }
    emit(answer, as_json, lambda target: target.print(plain(f"{out}  {pages} pages of revision {revision}")))
    return DONE


def _plan(asked: _Asked) -> int:
    from planner.app.reporting import session_report

    return _of_session(asked, session_report)


def _technical(asked: _Asked) -> int:
    from planner.app.technical_record import write_technical_record

    return _of_session(asked, write_technical_record)


def _of_session(asked: _Asked, write: Callable[..., int]) -> int:
    """Print a paper of one session that has pictures; both such papers are asked for in the same way."""
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    return write(
        asked.library,
        asked.case,
        asked.revision,
        asked.session,
        installed(),
        asked.out,
        renderer=command_context(asked.context).make_renderer(),
        volumes={},
        by=asked.by,
        now=local_now(),
        context=progress(),
    )


def _summary(asked: _Asked) -> int:
    from planner.app.patient_summary import write_summary
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    templates = installed().templates
    summary = _stored(asked) or _drafted(asked)
    return write_summary(
        asked.library, asked.case, asked.revision, summary, templates, asked.out, by=asked.by, now=local_now()
    )


def _stored(asked: _Asked) -> PatientSummary | None:
    """The case's own summary as asked for, a released one before a draft."""
    from planner.app.patient_summary import summaries_of

    for each in summaries_of(asked.case, asked.session):
        same = (each.language, each.addressee) == (asked.language, asked.addressee)
        if same and asked.disclosure in (None, each.disclosure):
            return each
    return None


def _drafted(asked: _Asked) -> PatientSummary:
    """A draft from the record as it stands; it is printed and not kept."""
    from planner.app.patient_summary import composed_summary
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    return composed_summary(
        asked.case,
        asked.session,
        installed().templates,
        language=asked.language,
        addressee=asked.addressee,
        disclosure=asked.disclosure or "procedure-only",
        by=asked.by.user,
        at=local_now(),
    )


def _course(asked: _Asked) -> int:
    from planner.app.course_report import write_course_report
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    return write_course_report(
        asked.library, asked.case, asked.revision, installed(), asked.out, by=asked.by, now=local_now()
    )


def _board(asked: _Asked) -> int:
    from planner.app.board_sheet import write_board_sheet
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    return write_board_sheet(
        asked.library,
        asked.case,
        asked.revision,
        installed(),
        asked.out,
        renderer=command_context(asked.context).make_renderer(),
        volumes={},
        by=asked.by,
        now=local_now(),
        context=progress(),
    )


_PRINTS = {
    Kind.PLAN: _plan,
    Kind.TECHNICAL: _technical,
    Kind.SUMMARY: _summary,
    Kind.COURSE: _course,
    Kind.BOARD: _board,
}
