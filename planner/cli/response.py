"""``response``: response to treatment over time, from measurements in a JSON file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.given_text import given_text
from planner.cli.output import emit, exit_code_for, plain, print_findings, shown_value
from planner.clinical.response_course import assess
from planner.clinical.response_course_reading import request_of
from planner.clinical.response_course_types import Assessment, Timepoint
from planner.errors import InputRefused

if TYPE_CHECKING:
    from rich.console import Console

MAXIMUM_BYTES = 5_000_000


def register(app: typer.Typer) -> None:
    """Add the verb ``response``."""
    app.command("response")(_command)


def _command(
    source: Annotated[str, typer.Argument(metavar="FILE", help="JSON with 'criteria' and 'lesions', or - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Assess response: RECIST 1.1, mRECIST, EASL, Choi or LI-RADS treatment response v2024."""
    assessment = assess(request_of(_document(source)))
    emit(assessment.to_json(), as_json, lambda console: _print(console, assessment))
    return exit_code_for(assessment.findings)


def _document(source: str) -> Any:
    """The JSON of a file or of stdin.

    Raises
    ------
    InputRefused
        When it is not there, too large, no UTF-8 text, no JSON, holds NaN or Infinity, or gives a key twice.
    """
    text = given_text(source, MAXIMUM_BYTES)
    try:
        return json.loads(text, parse_constant=_not_finite, object_pairs_hook=_single)
    except (ValueError, RecursionError) as error:
        raise InputRefused("not-json", f"{source} is not JSON; see the contract of 'response'.") from error


def _not_finite(token: str) -> Any:
    raise InputRefused("not-json", f"The request holds {token}; write null for unknown.")


def _single(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise InputRefused("repeated-key", "The request gives a key of one object twice; give it once.")
    return table


def _print(console: Console, assessment: Assessment) -> None:
    from rich.table import Table

    console.print(plain(f"Response by {assessment.criteria}; baseline {assessment.baseline_on or 'none'}"))
    table = Table("date", "sum", "nadir", "from baseline", "from nadir", "target", "non-target", "new", "overall")
    for point in assessment.timepoints:
        table.add_row(*_cells(point))
    console.print(table)
    print_findings(console, assessment.findings)


def _cells(point: Timepoint) -> tuple[str, ...]:
    if point.is_baseline and point.overall is None:
        words = ("", "", "", "baseline")
    else:
        new = {True: "yes", False: "no", None: "not evaluated"}[point.new_lesion]
        words = (point.target or "none", point.non_target or "none", new, point.overall or "not evaluated")
    return (
        point.on.isoformat(),
        shown_value(point.total, point.unit),
        shown_value(point.nadir, point.unit),
        shown_value(point.change_from_baseline, "%"),
        shown_value(point.change_from_nadir, "%"),
        *words,
    )
