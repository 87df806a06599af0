"""What every verb of ``case`` needs: the library of the command, the person, and the common options."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from planner.cli.context import command_context

if TYPE_CHECKING:
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
