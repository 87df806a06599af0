"""What every command is handed: where the library lies, and who draws pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from planner.errors import BugError

if TYPE_CHECKING:
    from planner.app.rendering import Renderer


@dataclass(frozen=True, slots=True)
class CommandContext:
    """Attributes
    ----------
    library_url
        The library named by ``--library``; None is the user's own.
    make_renderer
        Makes the renderer when a command draws, and loads VTK only then.
    """

    library_url: str | None
    make_renderer: Callable[[], Renderer]


def command_context(context: typer.Context) -> CommandContext:
    """The context of the running command."""
    found = context.find_object(CommandContext)
    if found is None:
        raise BugError("the command line was started without its context")
    return found
