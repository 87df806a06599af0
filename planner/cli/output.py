"""What a command says: one JSON document or a readable table on stdout; progress and messages on stderr."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from planner.errors import OperatorError, UsageError
from planner.findings import Finding, any_blocks
from planner.jobs import Context
from planner.units import shown

if TYPE_CHECKING:
    from rich.console import Console

DONE, BUG, USAGE, BLOCKED, REFUSED = 0, 1, 2, 3, 4
"""Exit codes of the contract."""

PIPE_WIDTH = 120


def plain(text: object) -> str:
    """Text from a file without control characters, so that it cannot steer a terminal."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in str(text))


def jsonable(value: Any) -> Any:
    """A value as JSON has it: tuples as lists, dates and paths as text, numbers that are not finite as null."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [jsonable(item) for item in value]
    if hasattr(value, "tolist"):
        return jsonable(value.tolist())
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def emit(document: Mapping[str, Any], as_json: bool, table: Callable[[Console], None]) -> None:
    """Print the answer of a command: exactly one JSON document, or what `table` prints."""
    # A reader that has gone, as after `| head`, is no fault; the parser of the command line would exit with 1.
    with suppress(BrokenPipeError):
        if as_json:
            sys.stdout.write(json.dumps(jsonable(document), ensure_ascii=False, allow_nan=False) + "\n")
        else:
            table(console())
        sys.stdout.flush()


def console() -> Console:
    """A console on stdout that takes text as it is: no markup, no emoji, no highlighting."""
    from rich.console import Console

    class QuietConsole(Console):
        def on_broken_pipe(self) -> None:
            """Leave a reader that has gone to the caller; Rich would exit with 1, which here means a bug of ours."""
            raise BrokenPipeError

    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return QuietConsole(file=sys.stdout, markup=False, emoji=False, highlight=False, width=width)


def print_findings(target: Console, findings: Iterable[Finding]) -> None:
    """Findings under a table: severity, text, source, and whether they rest on an unverified default."""
    for finding in findings:
        source = f" [{finding.source}]" if finding.source else ""
        unverified = " (unverified default)" if finding.unverified else ""
        target.print(plain(f"{finding.severity.value.upper():5} {finding.text}{source}{unverified}"), soft_wrap=True)


def shown_value(value: Any, unit: str | None = None) -> str:
    """A value of a result for a table."""
    if value is None or isinstance(value, (int, float)) and not isinstance(value, bool):
        return shown(value, unit)
    if isinstance(value, (list, tuple)):
        return ", ".join(shown_value(item) for item in value)
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else plain(value)


def message(text: str) -> None:
    """A line for the person, on stderr."""
    sys.stderr.write(plain(text) + "\n")
    sys.stderr.flush()


def progress() -> Context:
    """A job context that reports to stderr: one line that renews itself at a terminal, silence in a script."""
    if not sys.stderr.isatty():
        return Context()

    def report(fraction: float, text: str) -> None:
        sys.stderr.write(f"\r\033[K{fraction:4.0%} {plain(text)}" + ("\n" if fraction >= 1.0 else ""))
        sys.stderr.flush()

    return Context(report)


def exit_code_for(findings: Iterable[Finding]) -> int:
    """3 where a blocking finding stands, else 0."""
    return BLOCKED if any_blocks(findings) else DONE


def refusal(error: OperatorError, as_json: bool) -> int:
    """Say why nothing was done, as the contract has it; the exit code is returned: 2 for wrong usage, else 4."""
    return failure(
        error.code, error.message, error.subject, as_json, USAGE if isinstance(error, UsageError) else REFUSED
    )


def failure(code: str, text: str, subject: str | None, as_json: bool, exit_code: int) -> int:
    """Print one error on stderr and, for ``--json``, the error document on stdout; the exit code is returned."""
    if as_json:
        emit({"error": {"code": code, "message": text, "subject": subject}}, True, lambda target: None)
    message(text)
    return exit_code


@contextmanager
def guarded_stdout() -> Iterator[None]:
    """Keep stdout for the answer alone: what a C++ library writes to file descriptor 1 goes to stderr meanwhile."""
    try:
        is_real = sys.stdout.fileno() == 1
    except (OSError, ValueError, AttributeError, io.UnsupportedOperation):
        is_real = False
    if not is_real:
        yield
        return
    sys.stdout.flush()
    original = sys.stdout
    kept = os.dup(1)
    os.dup2(2, 1)
    answer = os.fdopen(os.dup(kept), "w", encoding="utf-8", errors="replace")
    sys.stdout = answer
    try:
        yield
    finally:
        sys.stdout = original
        with suppress(BrokenPipeError):
            answer.close()
        os.dup2(kept, 1)
        os.close(kept)
