"""``vessels``: the tree of vessels in a CT or in a mask, with radii, generations and proposed names."""

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

_MOST_ROWS = 40


def register(app: typer.Typer) -> None:
    """Add the verb ``vessels``."""
    app.command("vessels")(_vessels)


def _vessels(
    ct: Annotated[Path | None, typer.Option("--ct", help="The image: DICOM, NIfTI, NRRD or MHA.")] = None,
    seed: Annotated[str | None, typer.Option("--seed", help="A point in the vessel, X,Y,Z in LPS mm.")] = None,
    mask: Annotated[str | None, typer.Option("--mask", help="A vessel mask; FILE#LABEL picks one label.")] = None,
    root: Annotated[str | None, typer.Option("--root", help="Where the tree begins, X,Y,Z in LPS mm.")] = None,
    kind: Annotated[str, typer.Option("--kind", help="artery, portal-vein, hepatic-vein, vein...")] = "artery",
    liver: Annotated[str | None, typer.Option("--liver", help="Mask of the liver; helps to name.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the lines here (.vtp).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find a vessel tree. It holds what was seen, never all there is."""
    from planner.app.points import point_of
    from planner.app.vessel_tree_files import VesselRequest, vessel_files

    request = VesselRequest(
        ct,
        None if seed is None else point_of(seed, "--seed"),
        mask,
        None if root is None else point_of(root, "--root"),
        kind,
        liver,
        out,
    )
    answer, findings = vessel_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from rich.table import Table

    segments = answer["segments"]
    console.print(
        plain(f"{len(segments)} segments, {shown(answer['total_length_mm'], 'mm', digits=0)} in all, as far as seen"),
        soft_wrap=True,
    )
    table = Table("segment", "from", "to", "length", "diameter", "generation", "name")
    for each in segments[:_MOST_ROWS]:
        table.add_row(*(plain(cell) for cell in _cells(each)))
    console.print(table)
    if len(segments) > _MOST_ROWS:
        console.print(plain(f"and {len(segments) - _MOST_ROWS} more; --json lists them all"), soft_wrap=True)
    print_findings(console, findings)


def _cells(each: dict[str, Any]) -> tuple[str, ...]:
    mean = each["radius_mm"]["mean"]
    name = each["name"] or ""
    return (
        each["id"],
        each["from"],
        each["to"],
        shown(each["length_mm"], "mm", digits=1),
        shown(None if mean is None else 2.0 * mean, "mm", digits=1),
        str(each["generation"]),
        f"{name} (proposed)" if name and each["proposed"] else name,
    )
