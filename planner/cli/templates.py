"""``templates`` and ``template lint``: the procedure templates on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.app.templates import course_document, lint, list_courses, list_templates, template_document
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
    """List the templates of procedures and courses, or show one: its stages, fields and checks, or its steps."""
    if template_id is None:
        listed, courses = list_templates(), list_courses()
        emit({"templates": listed, "courses": courses}, as_json, lambda console: _print_lists(console, listed, courses))
        return DONE
    if template_id in {each["id"] for each in list_courses()}:
        course = course_document(template_id)
        emit(course, as_json, lambda console: _print_course(console, course))
        return DONE
    document = template_document(template_id)
    emit(document, as_json, lambda console: _print_template(console, document))
    return DONE


def _lint(
    path: Annotated[Path, typer.Argument(help="Folder of a template, its template.toml, or a course's TOML.")],
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


def _print_lists(console: Console, listed: list[dict[str, Any]], courses: list[dict[str, Any]]) -> None:
    from rich.table import Table

    for kind, rows in (("procedure", listed), ("course", courses)):
        table = Table(kind, "title", "version", "what it is for")
        for each in rows:
            table.add_row(*(plain(each[key]) for key in ("id", "title", "version", "description")))
        console.print(table)


def _print_course(console: Console, document: dict[str, Any]) -> None:
    console.print(plain(f"{document['title']} {document['version']} ({document['id']}), {document['intent'] or ''}"))
    console.print(plain(f"{document['principle']}\n{document['evidence']}{_source(document)}"), soft_wrap=True)
    for step in document["steps"]:
        day = "when it comes" if step["day"] is None else f"day {step['day']}"
        words = [step["template"] or step["kind"], step["condition"], _interval(step), f"decides: {step['decides']}"]
        line = f"{day:14} {step['title']} ({', '.join(each for each in words if each)})"
        tagged = _source({"source": step["interval_source"], "tag": step["interval_tag"]})
        console.print(plain(f"{line}{tagged}"), soft_wrap=True)
        for need in step["needs"]:
            console.print(plain(f"{'':14}   before: {need['text']}{_source(need)}"), soft_wrap=True)


def _interval(step: dict[str, Any]) -> str:
    least, most = step["minimum_days"], step["maximum_days"]
    if least is None and most is None:
        return f"after {step['after']}" if step["after"] else ""
    return f"{least or 0} to {'-' if most is None else most} d after {step['after']}"


def _source(row: dict[str, Any]) -> str:
    unverified = " (unverified default)" if row["tag"] in ("M", "P") else ""
    return f" [{row['source']}]{unverified}" if row["source"] else ""


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
