"""``paths``: every needle path from the skin to a target that keeps away from structures, ranked."""

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
    """Add the verb ``paths``."""
    app.command("paths")(_paths)


def _paths(
    ct: Annotated[Path, typer.Option("--ct", help="The image: DICOM, NIfTI, NRRD or MHA.")],
    target: Annotated[str, typer.Option("--target", help="Mask FILE or FILE#LABEL, or a point X,Y,Z in LPS mm.")],
    avoid: Annotated[
        list[str] | None, typer.Option("--avoid", help="NAME=FILE[:MM]: a structure, and how far to keep from it.")
    ] = None,
    skin: Annotated[str | None, typer.Option("--skin", help="Mask of the whole body; else found on the CT.")] = None,
    max_length: Annotated[float | None, typer.Option("--max-length", help="Usable length of the needle, mm.")] = None,
    top: Annotated[int, typer.Option("--top", help="How many paths are listed.")] = 10,
    organ: Annotated[str | None, typer.Option("--organ", help="Mask of the organ that holds the target.")] = None,
    part: Annotated[int | None, typer.Option("--part", help="Which part of the target's mask, from 1.")] = None,
    gauge: Annotated[int | None, typer.Option("--gauge", help="Of the needle.")] = None,
    diameter: Annotated[float | None, typer.Option("--diameter", help="Outer diameter of the needle, mm.")] = None,
    position: Annotated[
        str | None, typer.Option("--position", help="supine, prone, left-decubitus or right-decubitus.")
    ] = None,
    template: Annotated[
        str | None, typer.Option("--template", help="Template whose limits and required structures hold.")
    ] = None,
    automatic: Annotated[
        bool, typer.Option("--automatic/--no-automatic", help="Avoid what the CT itself shows as well.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find every path from the skin to a target that keeps the limits, best first."""
    from planner.app.needle_path_files import PathRequest, avoid_word, gauge_diameter_mm, search_files

    request = PathRequest(
        ct, target, tuple(avoid_word(word) for word in avoid or ()), skin, organ, max_length, top,
        gauge_diameter_mm(gauge) if diameter is None and gauge is not None else diameter,
        position, template, part, automatic,
    )  # fmt: skip
    answer, findings = search_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from rich.table import Table

    console.print(
        plain(
            f"{answer['candidates']} entries, {answer['feasible']} keep every limit "
            f"({shown(answer['seconds'], 's')}); {answer['position']}"
        ),
        soft_wrap=True,
    )
    console.print(plain(f"Checked: {', '.join(answer['checked']) or 'nothing'}"), soft_wrap=True)
    if answer["not_checked"]:
        console.print(plain(f"NOT CHECKED: {', '.join(answer['not_checked'])}"), soft_wrap=True)
    if answer["paths"]:
        table = Table("entry LPS", "length", "in plane", "out of plane", "nearest", "score")
        for path in answer["paths"]:
            table.add_row(*(plain(cell) for cell in _cells(path)))
        console.print(table)
    for name, count in answer["rejected"].items():
        console.print(plain(f"rejected {count}: {name.replace('_', ' ')}"), soft_wrap=True)
    print_findings(console, findings)


def _cells(path: dict[str, Any]) -> tuple[str, ...]:
    nearest = sorted(path["clearances_mm"].items(), key=lambda item: item[1])[:3]
    return (
        " ".join(shown(float(value), digits=1) for value in path["entry_lps_mm"]),
        shown(path["length_mm"], "mm", digits=1),
        shown(round(path["in_plane_deg"]), "deg"),
        shown(round(path["out_of_plane_deg"]), "deg"),
        ", ".join(f"{name} {shown(value, 'mm', digits=1)}" for name, value in nearest),
        shown(path["score"], digits=3),
    )
