"""``templates`` and ``template lint``: the procedure templates on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.app.templates import lint, list_templates, template_document
from planner.cli.output import DONE, emit, exit_code_for, plain, print_findings
from planner.findings import Finding

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the verbs ``templates`` and ``template``."""
    app.command("templates")(_templates)
    group = typer.Typer(help="Work on procedure templates.")

    @group.callback()
    def template() -> None:
        """Work on procedure templates."""

    group.command("lint")(_lint)
    app.add_typer(group, name="template")


def _templates(
    template_id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Show this template whole.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """List the procedure templates, or show one with its stages, fields and checks."""
    if template_id is None:
        listed = list_templates()
        emit({"templates": listed}, as_json, lambda console: _print_list(console, listed))
        return DONE
    document = template_document(template_id)
    emit(document, as_json, lambda console: _print_template(console, document))
    return DONE


def _lint(
    path: Annotated[Path, typer.Argument(help="Folder of a template, or its template.toml.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Check a template: every name, unit, limit and source in it. Exit code 3 when anything is wrong."""
    findings = lint(path)
    document = {
        "path": str(path),
        "loadable": not findings,
        "findings": [finding.to_json() for finding in findings],
    }
    emit(document, as_json, lambda console: _print_lint(console, path, findings))
    return exit_code_for(findings)


def _print_list(console: Console, listed: list[dict[str, Any]]) -> None:
    from rich.table import Table

    table = Table("id", "title", "version", "what it is for")
    for each in listed:
        table.add_row(*(plain(each[key]) for key in ("id", "title", "version", "description")))
    console.print(table)


def _print_template(console: Console, document: dict[str, Any]) -> None:
    from rich.table import Table

    console.print(plain(f"{document['title']} {document['version']} ({document['id']})"))
    for stage in document["stages"]:
        signs = ", ".join(stage["signs"]) or "nobody"
        console.print(plain(f"\n{stage['phase'].upper()} · {stage['title']} ({stage['id']})"))
        console.print(plain(f"{stage['purpose']} Filled by {stage['fills']}, signed by {signs}."))
        if stage["fields"]:
            fields = Table("field", "label", "kind", "unit", "required")
            for each in stage["fields"]:
                needed = "yes" if each["required"] else ""
                fields.add_row(*map(plain, (each["id"], each["label"], each["kind"], each["unit"] or "", needed)))
            console.print(fields)
        if stage["checks"]:
            checks = Table("check", "acts as", "source")
            for each in stage["checks"]:
                source = each["source"] if each["verified"] else f"{each['source']} (unverified default)"
                checks.add_row(*map(plain, (each["title"], each["acts_as"], source)))
            console.print(checks)


def _print_lint(console: Console, path: Path, findings: tuple[Finding, ...]) -> None:
    if not findings:
        console.print(plain(f"{path}: nothing wrong."))
        return
    print_findings(console, findings)
    console.print(f"{len(findings)} problem(s).")
