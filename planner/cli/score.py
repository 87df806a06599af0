"""``score``: the clinical rules on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.app.scoring import assignments, inputs_of, list_rules, read_document, score
from planner.cli.given_text import given_text
from planner.cli.output import DONE, emit, exit_code_for, plain, print_findings, shown_value
from planner.clinical.results import RuleResult
from planner.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

MAXIMUM_BYTES = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the verb ``score``."""
    app.command("score")(_command)


def _command(
    rule: Annotated[str | None, typer.Argument(help="Name of a rule; --list prints them.")] = None,
    values: Annotated[list[str] | None, typer.Argument(help="KEY=VALUE, with a unit: bilirubin=2.4mg/dL")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List every rule.")] = False,
    source: Annotated[str | None, typer.Option("--input", help="JSON file with an 'inputs' object, or -.")] = None,
    profile: Annotated[str | None, typer.Option("--profile", help="JSON file {rule: {constant: value}}.")] = None,
    confirm: Annotated[list[str] | None, typer.Option("--confirm", help="Input whose odd value is right.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Evaluate a clinical rule, or list them all."""
    if list_all:
        if rule is not None or source is not None:
            raise UsageError("usage", "score --list takes no rule and no input.")
        rules = list_rules()
        emit({"rules": rules}, as_json, lambda console: _print_rules(console, rules))
        return DONE
    if rule is None:
        raise UsageError("usage", "Name a rule, as 'score albi bilirubin=20umol/L albumin=35g/L', or use --list.")
    if source is not None and values:
        raise UsageError("usage", "Give KEY=VALUE words or --input FILE, not both.")
    given: dict[str, Any] = dict(assignments(values or []))
    if source is not None:
        given = inputs_of(read_document(given_text(source, MAXIMUM_BYTES), source), rule, source)
    overrides = read_document(given_text(profile, MAXIMUM_BYTES), profile) if profile is not None else None
    result = score(rule, given, overrides=overrides, confirmed=confirm or ())
    emit(result.to_json(), as_json, lambda console: _print_result(console, result))
    return exit_code_for(result.findings)


def _print_rules(console: Console, rules: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("rule", "title", "inputs", "source", "verified")
    for entry in rules:
        inputs = "\n".join(f"{name}: {unit}" for name, unit in entry["inputs"].items())
        verified = "yes" if entry["verified"] else "unverified default"
        table.add_row(entry["rule"], entry["title"], inputs, entry["source"], verified)
    console.print(table)


def _print_result(console: Console, result: RuleResult) -> None:
    from rich.table import Table

    console.print(plain(f"{result.title} ({result.rule}, version {result.version})"))
    table = Table("output", "value")
    for name, (value, unit) in result.outputs.items():
        table.add_row(name, shown_value(value, unit))
    console.print(table)
    inputs = ", ".join(f"{name} {shown_value(value, unit)}" for name, (value, unit) in result.inputs.items())
    console.print(plain(f"from {inputs}"), soft_wrap=True)
    state = "verified source" if result.verified else "unverified default"
    console.print(plain(f"source {result.source}; tag {result.tag}, {state}"), soft_wrap=True)
    print_findings(console, result.findings)
