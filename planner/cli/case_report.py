"""``case report``: the plan of a session on paper, with pictures of record."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from planner.cli.case_library import By, Json, actor, current, opened, split_place
from planner.cli.context import command_context
from planner.cli.output import DONE, emit, plain, progress


def register(group: typer.Typer) -> None:
    """Add the verb to the group ``case``."""
    group.command("report")(_report)


def _report(
    context: typer.Context,
    place: Annotated[str, typer.Argument(help="CASE/SESSION; CASE alone is its current session.")],
    out: Annotated[Path, typer.Option("--out", help="PDF file to write. It names the patient.")],
    by: By = None,
    as_json: Json = False,
) -> int:
    """Print the plan of a session as PDF; the library remembers that this paper exists."""
    from planner.app.reporting import session_report
    from planner.app.sessions import local_now
    from planner.app.templates import installed

    case_id, named = split_place(place)
    who = actor(by)
    with opened(context) as library:
        case, revision = library.open_case(case_id, who)
        session_id = named or current(case)
        pages = session_report(
            library,
            case,
            revision,
            session_id,
            installed(),
            out,
            renderer=command_context(context).make_renderer(),
            volumes={},
            by=who,
            now=local_now(),
            context=progress(),
        )
        printed = library.prints(case_id)[0]
        head = library.audit_head(case_id)
    answer = {
        "case": case_id,
        "session": session_id,
        "revision": revision,
        "out": str(out),
        "pages": pages,
        "sha256": printed.document_sha256,
        "print": printed.number,
        "audit_head": head,
    }
    emit(answer, as_json, lambda target: target.print(plain(f"{out}  {pages} pages of revision {revision}")))
    return DONE
