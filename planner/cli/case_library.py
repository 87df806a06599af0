"""What every verb of ``case`` needs: the library of the command, the person, and the common options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import command_context
from planner.errors import UsageError

if TYPE_CHECKING:
    from planner.model.case import Case
    from planner.store.actors import Actor
    from planner.store.library import Library

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
By = Annotated[str | None, typer.Option("--by", help="Who does this; the account's name when left out.")]


@contextmanager
def opened(context: typer.Context) -> Iterator[Library]:
    """The library of the running command."""
    from planner.app.library import open_library

    library = open_library(command_context(context).library_url)
    try:
        yield library
    finally:
        library.close()


def actor(by: str | None, role: str = "planner") -> Actor:
    """The person named, or the account, at this machine."""
    from planner.store.actors import Actor

    return Actor.here(by, role)


def split_place(place: str) -> tuple[str, str | None]:
    """``CASE/SESSION`` in its parts; the session may be left out.

    Raises
    ------
    UsageError
        For a slash with nothing behind it.
    """
    case_id, slash, session_id = place.partition("/")
    if slash and not session_id:
        raise UsageError("usage", f"{place!r} names no session behind the slash.")
    return case_id, session_id or None


def current(case: Case) -> str:
    """Id of the session a person most likely means.

    Raises
    ------
    UsageError
        ``unknown-session`` when the case has none.
    """
    from planner.app.sessions import current_session

    return current_session(case).id
