"""``dsa``: subtract an angiographic run, and write the run, its composite and its time to peak."""

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
    """Add the verb ``dsa``."""
    app.command("dsa")(_dsa)


def _dsa(
    source: Annotated[Path, typer.Argument(help="Folder or file with an XA or RF run.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for subtracted.dcm, opacified.png, time_to_peak.png.")],
    mask: Annotated[str, typer.Option("--mask", help="auto, a frame N, or frames N-M, counted from 1.")] = "auto",
    shift: Annotated[
        str, typer.Option("--shift", help="auto, none, or DX,DY: how far the frames lie from the mask, in pixels.")
    ] = "auto",
    method: Annotated[str, typer.Option("--method", help="log or linear.")] = "log",
    series: Annotated[str | None, typer.Option("--series", help="UID of the series; else the longest run.")] = None,
    part: Annotated[int | None, typer.Option("--part", help="Which run of the series, from 1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Subtract a run from its mask and write what it shows."""
    from planner.app.angio import settings_from_words
    from planner.app.angio_files import dsa

    settings = settings_from_words(mask, shift, method)
    answer, findings = dsa(source, out, settings, series=series, part=part, context=progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    geometry = answer["geometry"]
    contrast = answer["contrast_frames"]
    lines = [
        f"{answer['frames']} frames, {shown(answer['rate_hz'], 'Hz')}",
        f"angles {shown(geometry['primary_deg'], 'deg')} / {shown(geometry['secondary_deg'], 'deg')} (LAO+, CRA+), "
        f"SID {shown(geometry['sid_mm'], 'mm')}, SOD {shown(geometry['sod_mm'], 'mm')}",
        f"mask frames {', '.join(str(each) for each in answer['mask_frames'])}; contrast "
        + ("not seen" if contrast is None else f"in frames {contrast[0]} to {contrast[1]}"),
        f"background left {shown(answer['residual_before'], digits=4)}, after the shift "
        f"{shown(answer['residual_after'], digits=4)}",
        *(f"{name}: {file or 'not available'}" for name, file in answer["files"].items()),
    ]
    console.print(plain("\n".join(lines)), soft_wrap=True)
    print_findings(console, findings)
