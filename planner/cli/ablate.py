"""``ablate``: the fewest applicators found that cover a target with its margin while sparing structures."""

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
    """Add the verb ``ablate``."""
    app.command("ablate")(_ablate)


def _ablate(
    target: Annotated[str, typer.Option("--target", help="Mask FILE or FILE#LABEL of the tumour.")],
    device: Annotated[str, typer.Option("--device", help="Device of the catalogue of applicators.")],
    setting: Annotated[
        str | None,
        typer.Option("--setting", help="Row of its chart, or power and time ('70W 5min'); else the best of them."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option("--margin", help="Around the target, mm; else the rule's least margin.")
    ] = None,
    max_applicators: Annotated[int, typer.Option("--max-applicators", help="At most so many.")] = 6,
    ct: Annotated[Path | None, typer.Option("--ct", help="The image: gives skin, paths and what shafts avoid.")] = None,
    avoid: Annotated[
        list[str] | None,
        typer.Option("--avoid", help="NAME=FILE[:MM]: a structure, and how far zones keep from it."),
    ] = None,
    part: Annotated[int | None, typer.Option("--part", help="Which part of the target's mask, from 1.")] = None,
    skin: Annotated[str | None, typer.Option("--skin", help="Mask of the whole body; else found on the CT.")] = None,
    automatic: Annotated[
        bool, typer.Option("--automatic/--no-automatic", help="Shafts avoid what the CT itself shows as well.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Place applicators whose chart zones cover a target and its margin; cover is decided by subdivision."""
    from planner.app.ablation_files import AblationRequest, ablate_files
    from planner.app.needle_path_files import avoid_word

    request = AblationRequest(
        target, device, setting, margin, max_applicators, ct, tuple(avoid_word(word) for word in avoid or ()), part,
        skin, automatic,
    )  # fmt: skip
    answer, findings = ablate_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from rich.table import Table

    table = Table("applicator", "tip LPS", "entry LPS", "setting", "zone", "length")
    for number, each in enumerate(answer["applicators"]):
        table.add_row(*(plain(cell) for cell in _cells(number + 1, each)))
    if answer["applicators"]:
        console.print(table)
    state = {True: "covered", False: "NOT covered", None: "open"}[answer["covered"]]
    smaller = answer["minus_sd"]
    least = "not given by the chart" if smaller is None else shown(smaller["minimum_mm"], "mm", digits=1)
    lines = [
        f"target and {shown(answer['margin_mm'], 'mm')} margin: {state}, {100.0 * answer['covered_fraction']:.1f} %; "
        f"least margin {shown(answer['minimum_mm'], 'mm', digits=1)}, at -1 SD {least}",
        f"zones {shown(answer['zone_ml'], 'mL')}, of them outside target and margin "
        f"{shown(answer['collateral_ml'], 'mL')}; at least {answer['lower_bound']['applicators']} needed "
        f"({answer['lower_bound']['reason']}); {shown(answer['seconds'], 's')}",
        *(f"zone to {name}: {shown(value, 'mm', digits=1)}" for name, value in answer["clearances_mm"].items()),
    ]
    console.print(plain("\n".join(lines)), soft_wrap=True)
    print_findings(console, findings)


def _cells(number: int, each: dict[str, Any]) -> tuple[str, ...]:
    def place(values: Sequence[float]) -> str:
        return " ".join(shown(float(value), digits=1) for value in values)

    return (
        str(number),
        place(each["tip_lps_mm"]),
        place(each["entry_lps_mm"]) if each["entry_on_skin"] else f"({place(each['entry_lps_mm'])})",
        each["setting"],
        f"{shown(each['long_mm'], digits=1)} x {shown(each['short_mm'], 'mm', digits=1)}",
        shown(each["length_mm"], "mm", digits=0),
    )
