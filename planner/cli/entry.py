"""From the words on the command line to the desktop, or to the one module that knows the verb.

Only the module of the requested verb is imported, so a light verb stays light and a broken one breaks alone.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from planner.cli.context import CommandContext
from planner.cli.log import record_failure
from planner.cli.output import BUG, DONE, USAGE, failure, guarded_stdout, message, refusal
from planner.errors import Cancelled, OperatorError

if TYPE_CHECKING:
    from planner.app.rendering import Renderer

VERBS = {
    "series": "images",
    "convert": "images",
    "dsa": "dsa",
    "snapshot": "snapshot",
    "phantom": "phantom",
    "ablate": "ablate",
    "margin": "margin",
    "templates": "templates",
    "template": "templates",
    "score": "score",
    "case": "case",
    "demo": "demo",
    "paths": "paths",
    "vertebra": "vertebra",
    "vessels": "vessels",
    "feeders": "feeders",
    "stent": "stent",
    "register": "register",
    "response": "response",
}
"""Verb -> module of this package, which offers ``register(app: typer.Typer) -> None``."""

USAGE_TEXT = f"""Usage: python main.py [--library URL] [VERB ... [--json] | PATH...]

Without a verb the desktop opens, with PATHs (folders, DICOM files, zips) imported into it.
Verbs: {", ".join(VERBS)}. 'VERB --help' explains one.

Planning, teaching and review software; not a medical device."""


def run(
    argv: list[str],
    *,
    open_desktop: Callable[[list[Path], str | None], int],
    make_renderer: Callable[[], Renderer],
) -> int:
    """Run what the command line asks for and return its exit code (see the contract).

    Parameters
    ----------
    argv
        Arguments without the program's name.
    open_desktop
        Opens the window on some paths and a library URL, and returns its exit code.
    make_renderer
        Makes the off-screen renderer; called only by verbs that draw.
    """
    try:
        library_url, rest = _global_options(argv)
    except ValueError as wrong:
        return _wrong_usage(str(wrong), "--json" in argv)
    if rest and rest[0] in ("--help", "-h"):
        sys.stdout.write(USAGE_TEXT + "\n")
        return DONE
    if rest and rest[0] in VERBS:
        with guarded_stdout():
            return _guarded("verb " + rest[0], "--json" in rest, lambda: _verb(rest, library_url, make_renderer))
    absent = [word for word in rest if not word or not Path(word).exists()]
    if absent:
        known = ", ".join(VERBS)
        text = f"{absent[0]!r} is neither a path that exists nor a verb; verbs are {known}."
        return _wrong_usage(text, "--json" in rest)
    return _guarded("desktop", False, lambda: open_desktop([Path(word) for word in rest], library_url))


def _global_options(argv: list[str]) -> tuple[str | None, list[str]]:
    """The library URL and the other words; the option may stand before or behind the verb.

    Raises
    ------
    ValueError
        When ``--library`` names nothing.
    """
    for place, word in enumerate(argv):
        if word == "--":
            break
        name, equals, url = word.partition("=")
        if name != "--library":
            continue
        rest = argv[:place] + argv[place + 1 :]
        if not equals:
            url, rest = (rest[place], rest[:place] + rest[place + 1 :]) if place < len(rest) else ("", [])
        if not url:
            raise ValueError("--library needs a URL, such as sqlite:///path/to/library.db.")
        return url, rest
    return None, argv


def _verb(words: list[str], library_url: str | None, make_renderer: Callable[[], Renderer]) -> int:
    """Run one verb by its own module."""
    import typer
    from typer.main import get_command

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.callback()
    def seldinger() -> None:
        """Planning, teaching and review software; not a medical device."""

    importlib.import_module(f"planner.cli.{VERBS[words[0]]}").register(app)
    command = get_command(app)
    answer = command.main(
        args=words,
        prog_name="main.py",
        standalone_mode=False,
        obj=CommandContext(library_url, make_renderer),
    )
    return answer if isinstance(answer, int) else DONE


def _guarded(doing: str, as_json: bool, action: Callable[[], int]) -> int:
    """Run an action and turn each family of error into its exit code and its one line."""
    try:
        return action()
    except OperatorError as refused:
        return refusal(refused, as_json)
    except (Cancelled, KeyboardInterrupt):
        return failure("cancelled", "Cancelled by the operator; nothing was finished.", None, as_json, BUG)
    except BrokenPipeError:
        return DONE  # the reader has gone, as after `| head`
    except Exception as error:
        usage = _usage_message(error)
        if usage is not None:
            return _wrong_usage(usage, as_json)
        path = record_failure(error, doing)
        where = f"details are in {path}" if path else "the log could not be written"
        text = f"This is our bug ({type(error).__name__} in {doing}); {where}."
        return failure("bug", text, None, as_json, BUG)


def _usage_message(error: Exception) -> str | None:
    """What the command parser has to say, when the error is its own (it brings its message and exit code 2)."""
    formatted = getattr(error, "format_message", None)
    if not callable(formatted) or getattr(error, "exit_code", None) != USAGE:
        return None
    said = str(formatted()).strip()
    return said if said.endswith((".", "?", ")")) else f"{said}."


def _wrong_usage(text: str, as_json: bool) -> int:
    code = failure("usage", text, None, as_json, USAGE)
    message(USAGE_TEXT.splitlines()[0])
    return code
