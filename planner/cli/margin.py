"""``margin``: signed, sub-voxel distance from a target's surface to the surface of a zone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.output import emit, exit_code_for, plain, print_findings, progress
from planner.units import shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from planner.findings import Finding


def register(app: typer.Typer) -> None:
    """Add the verb ``margin``."""
    app.command("margin")(_margin)


def _margin(
    target: Annotated[str, typer.Option("--target", help="Mask FILE or FILE#LABEL of the tumour.")],
    zone: Annotated[str, typer.Option("--zone", help="Mask FILE or FILE#LABEL of the ablation zone.")],
    capsule: Annotated[
        str | None, typer.Option("--capsule", help="Mask of the organ: surface near its capsule is also left out.")
    ] = None,
    part: Annotated[int | None, typer.Option("--part", help="Which part of the target's mask, from 1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure how far a zone reaches beyond a target (positive), or how much of the target is left (negative)."""
    from planner.app.margin_files import MarginRequest, margin_files

    answer, findings = margin_files(MarginRequest(target, zone, capsule, part), progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    shares = answer["surface_fraction"]
    near = answer["subcapsular"]
    lines = [
        f"margin minimum {shown(answer['minimum_mm'], 'mm')}, 5th percentile {shown(answer['percentile_5_mm'], 'mm')}, "
        f"mean {shown(answer['mean_mm'], 'mm')}",
        f"target {shown(answer['target_ml'], 'mL')}, zone {shown(answer['zone_ml'], 'mL')}; covered "
        f"{_percent(answer['covered_fraction'])}, {shown(answer['uncovered_ml'], 'mL')} left",
        f"surface below 0 mm {_percent(shares['lt_0'])}, 0 to 5 mm {_percent(shares['0_5'])}, 5 to 10 mm "
        f"{_percent(shares['5_10'])}, 10 mm and more {_percent(shares['ge_10'])}",
        "without the surface near the capsule: not asked for"
        if near is None
        else f"without the surface near the capsule ({_percent(near['excluded_fraction'])}): minimum "
        f"{shown(near['minimum_mm'], 'mm')}",
        "least by direction: "
        + ", ".join(f"{name} {shown(value, 'mm')}" for name, value in answer["sectors_mm"].items()),
    ]
    console.print(plain("\n".join(lines)), soft_wrap=True)
    print_findings(console, findings)


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"
