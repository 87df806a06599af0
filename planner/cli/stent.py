"""``stent``: a lumen between two points, its stricture, and stents that fit it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.output import emit, exit_code_for, plain, print_findings, progress
from planner.units import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from planner.findings import Finding


def register(app: typer.Typer) -> None:
    """Add the verb ``stent``."""
    app.command("stent")(_stent)


def _stent(
    ct: Annotated[Path, typer.Option("--ct", help="The image: DICOM, NIfTI, NRRD or MHA.")],
    start: Annotated[str, typer.Option("--from", help="Start of the lumen, X,Y,Z in LPS mm.")],
    end: Annotated[str, typer.Option("--to", help="End of the lumen, X,Y,Z in LPS mm.")],
    kind: Annotated[str, typer.Option("--kind", help="airway, oesophagus, bowel, bile, vein or artery.")],
    via: Annotated[
        list[str] | None, typer.Option("--via", help="X,Y,Z between both ends, in order; for a collapsed lumen.")
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", help="Where: trachea, main-bronchus, svc, ivc, hepatic-vein, duodenum...")
    ] = None,
    indication: Annotated[
        str, typer.Option("--indication", help="malignant, benign, fistula, rupture, bleeding or thrombosis.")
    ] = "malignant",
    type_: Annotated[
        str | None, typer.Option("--type", help="bare, covered, partly-covered, iodine-125...; else the usual one.")
    ] = None,
    between: Annotated[
        str | None, typer.Option("--between", help="START,END of the stricture, mm along; else it is looked for.")
    ] = None,
    mark: Annotated[
        list[str] | None, typer.Option("--mark", help="NAME=X,Y,Z: carina, papilla, confluence, fistula...")
    ] = None,
    way: Annotated[float | None, typer.Option("--way", help="Least diameter of the way from the access, mm.")] = None,
    sheet: Annotated[Path | None, typer.Option("--sheet", help="Write the one-page sizing sheet (PDF) here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure a lumen and propose stents: first the size that the site's rule gives, then products."""
    from planner.app.points import point_of
    from planner.app.stent_files import StentRequest, between_of, mark_of, stent_files

    request = StentRequest(
        ct, point_of(start, "--from"), point_of(end, "--to"), kind,
        tuple(point_of(word, "--via") for word in via or ()), site, indication, type_, between_of(between),
        tuple(mark_of(word) for word in mark or ()), way, sheet,
    )  # fmt: skip
    answer, findings = stent_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from rich.table import Table

    stenosis, reference = answer["stenosis"], answer["reference_diameter_mm"]
    lines = [f"{answer['kind']}, {answer['site']}: {shown(answer['centreline']['length_mm'], 'mm', digits=0)} measured"]
    if stenosis is None:
        lines.append("no stenosis found")
    else:
        lines.append(
            f"stenosis {shown(stenosis['start_mm'], digits=0)} to {shown(stenosis['end_mm'], 'mm', digits=0)} along, "
            f"least {shown(stenosis['minimum_diameter_mm'], 'mm', digits=1)}, "
            f"{shown(stenosis['percent'], '%', digits=0)} by diameter"
        )
    lines.append(
        f"reference before {shown(reference['proximal'], 'mm', digits=1)}, "
        f"behind {shown(reference['distal'], 'mm', digits=1)}"
    )
    console.print(plain("\n".join(lines)), soft_wrap=True)
    table = Table("stent", "type", "diameter", "length", "oversize", "evidence")
    for each in answer["proposals"]:
        table.add_row(*(plain(cell) for cell in _cells(each)))
    console.print(table)
    print_findings(console, findings)


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    return (
        "by the rule" if each["device"] is None else str(each["title"]),
        each["type"],
        shown(each["diameter_mm"], "mm"),
        shown(each["length_mm"], "mm", digits=0),
        shown(each["oversize_percent"], "%", digits=0),
        f"[{each['tag']}]",
    )
