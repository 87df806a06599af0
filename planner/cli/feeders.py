"""``feeders``: which arteries supply a tumour, and what injections into them would reach."""

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
    """Add the verb ``feeders``."""
    app.command("feeders")(_feeders)


def _feeders(
    ct: Annotated[Path, typer.Option("--ct", help="The image, arterial phase: DICOM, NIfTI, NRRD or MHA.")],
    tumour: Annotated[str, typer.Option("--tumour", help="Mask FILE or FILE#LABEL of the tumour.")],
    root: Annotated[str, typer.Option("--root", help="X,Y,Z in LPS mm where the tree begins, such as in the aorta.")],
    vessels: Annotated[
        str | None, typer.Option("--vessels", help="Mask of the arteries; else found in the image from the root.")
    ] = None,
    organ: Annotated[str | None, typer.Option("--organ", help="Mask of the organ; a territory needs it.")] = None,
    margin: Annotated[float, typer.Option("--margin", help="How far from the tumour an end is looked at, mm.")] = 10.0,
    part: Annotated[int | None, typer.Option("--part", help="Which part of the tumour's mask, from 1.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Find the arteries that supply a tumour, ranked, with those that merely pass by set apart."""
    from planner.app.feeder_files import FeederRequest, feeder_files, root_word

    request = FeederRequest(ct, tumour, root_word(root), vessels, organ, margin, part)
    answer, findings = feeder_files(request, progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from planner.app.feeder_files import words_of

    for line in words_of(answer):
        console.print(plain(line), soft_wrap=True)
    view = answer["working_view"]
    if view is not None:
        angles = f"primary {shown(view['primary_deg'], 'deg')}, secondary {shown(view['secondary_deg'], 'deg')}"
        console.print(plain(f"working view of the first: {angles}"), soft_wrap=True)
    if answer["territory_ml"] is not None:
        territory, healthy = shown(answer["territory_ml"], "mL"), shown(answer["non_target_ml"], "mL")
        console.print(
            plain(f"territory of all feeders {territory}, of it outside the tumour {healthy}"), soft_wrap=True
        )
    print_findings(console, findings)
