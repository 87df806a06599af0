"""``vertebra``: one vertebra measured, with needles through its pedicles and its usual cement."""

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
    """Add the verb ``vertebra``."""
    app.command("vertebra")(_vertebra)


def _vertebra(
    ct: Annotated[Path, typer.Option("--ct", help="The image: DICOM, NIfTI, NRRD or MHA.")],
    vertebra: Annotated[str, typer.Option("--vertebra", help="Mask FILE or FILE#LABEL of one vertebra with its arch.")],
    side: Annotated[str, typer.Option("--side", help="left, right or both.")] = "both",
    canal: Annotated[
        str | None, typer.Option("--canal", help="Mask of the spinal canal; else the ring's hole.")
    ] = None,
    level: Annotated[str | None, typer.Option("--level", help="Such as L3; else as the label says.")] = None,
    posture: Annotated[
        str, typer.Option("--posture", help="How the patient will lie: prone, supine, left- or right-decubitus.")
    ] = "prone",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Measure a vertebra and find the needles with the widest wall."""
    from planner.app.vertebra_files import VertebraRequest
    from planner.app.vertebra_files import vertebra as analyse

    answer, findings = analyse(VertebraRequest(ct, vertebra, side, canal, level, posture), progress())
    emit(answer, as_json, lambda console: _print(console, answer, findings))
    return exit_code_for(findings)


def _print(console: Console, answer: dict[str, Any], findings: Sequence[Finding]) -> None:
    from rich.table import Table

    cement = answer["cement_ml"]
    name = str(answer["level"] or "level unknown").removeprefix("vertebrae_")
    console.print(
        plain(
            f"{name}: body {shown(answer['body_ml'], 'mL')}; cement usually {shown(cement['low'], 'mL')} to "
            f"{shown(cement['high'], 'mL')}: usual volumes, not safe ones; stop on fluoroscopy"
        ),
        soft_wrap=True,
    )
    if answer["trajectories"]:
        table = Table("side", "way", "gauge", "wall", "convergence", "head/feet", "length", "pedicle", "tip LPS")
        for each in answer["trajectories"]:
            tip = ", ".join(f"{value:.1f}" for value in each["tip_lps_mm"])
            table.add_row(
                each["side"],
                each["approach"],
                each["gauge"],
                shown(each["wall_clearance_mm"], "mm") + (" BREACH" if each["breach"] else ""),
                shown(each["convergence_deg"], "deg"),
                shown(each["craniocaudal_deg"], "deg"),
                shown(each["length_mm"], "mm"),
                shown(each["pedicle_width_mm"], "mm"),
                tip,
            )
        console.print(table)
    for view in answer["views"]:
        console.print(plain(f"{view['name']}: {view['text']}"), soft_wrap=True)
    print_findings(console, findings)
