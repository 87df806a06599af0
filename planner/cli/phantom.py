"""``phantom``: the digital patient as DICOM series with its ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from planner.app.phantoms import PhantomFiles, make_phantom
from planner.cli.output import DONE, emit, plain, progress

if TYPE_CHECKING:
    from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the verb ``phantom``."""
    app.command("phantom")(_command)


def _command(
    out: Annotated[Path, typer.Option("--out", help="Folder to write to; it is made when it is not there.")],
    seed: Annotated[int, typer.Option("--seed", help="Another number, another patient.")] = 7,
    case: Annotated[str, typer.Option("--case", help="tace, ablation, stent, vertebra or course.")] = "tace",
    preset: Annotated[str, typer.Option("--preset", help="Resolution: tiny, demo or full.")] = "demo",
    study_date: Annotated[str | None, typer.Option("--study-date", help="Date of the study, YYYY-MM-DD.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Write a simulated patient: CT series in two contrast phases, and what is true of them."""
    files = make_phantom(out, seed=seed, case=case, preset=preset, study_date=study_date, context=progress())
    document = {"series": [str(place) for place in files.series], "truth": str(files.truth)}
    emit(document, as_json, lambda target: _table(target, files))
    return DONE


def _table(target: Console, files: PhantomFiles) -> None:
    for place in files.series:
        target.print(plain(f"series  {place}"), soft_wrap=True)
    target.print(plain(f"truth   {files.truth}"), soft_wrap=True)
    target.print("Simulated teaching data, not a patient.")
