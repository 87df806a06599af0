"""``series`` and ``convert``: what paths hold, and a volume as a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from planner.cli.output import DONE, emit, plain, print_findings, progress
from planner.units import shown

if TYPE_CHECKING:
    from rich.console import Console

    from planner.app.images import Scan


def register(app: typer.Typer) -> None:
    """Add the verbs ``series`` and ``convert``."""
    app.command("series")(_series)
    app.command("convert")(_convert)


def _series(
    paths: Annotated[list[Path], typer.Argument(help="Folders, DICOM or volume files, zips, DICOMDIRs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """List the series that paths hold, with every fault of each, and what was skipped."""
    from planner.app.images import scan
    from planner.app.phases import with_told_phases

    job = progress()
    found = with_told_phases(scan(paths, job.part(0.0, 0.5)), job.part(0.5, 1.0))
    emit(found.to_json(), as_json, lambda console: _print_scan(console, found))
    return DONE


def _print_scan(console: Console, found: Scan) -> None:
    from rich.table import Table

    table = Table(
        "kind", "modality", "description", "part", "patient", "date", "size (k j i)", "mm (k j i)", "plan on it"
    )
    for entry in found.series:
        grid = entry.grid
        cells = (
            entry.kind,
            entry.modality or "–",
            " · ".join(one for one in (entry.description, entry.label) if one) or "–",
            str(entry.part),
            f"{entry.source.patient_name or '–'} ({entry.source.patient_id or '–'})",
            entry.source.study_date or "–",
            " ".join(str(one) for one in grid.size_kji) if grid else f"{entry.frames or 0} frames",
            " ".join(shown(one, digits=3) for one in grid.spacing_kji_mm) if grid else "–",
            "yes" if entry.loadable else f"after --accept {' '.join(entry.repairs)}" if entry.repairs else "no",
        )
        table.add_row(*(plain(cell) for cell in cells))
    console.print(table)
    for entry in found.series:
        if entry.findings:
            console.print(plain(f"{entry.uid} part {entry.part}:"), soft_wrap=True)
            print_findings(console, entry.findings)
    for one in found.skipped:
        console.print(plain(f"skipped {one.file}: {one.text}"), soft_wrap=True)


def _convert(
    source: Annotated[Path, typer.Argument(help="DICOM folder or file, zip, DICOMDIR, NIfTI, NRRD or MHA.")],
    out: Annotated[Path, typer.Option("--out", help="File to write: .nii.gz, .nii, .nrrd or .mha.")],
    series: Annotated[str | None, typer.Option("--series", help="UID of the series; else the largest volume.")] = None,
    part: Annotated[int | None, typer.Option("--part", help="Which volume of the series, from 1.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option("--accept", help="Code of a finding whose repair you take.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> int:
    """Load one volume and write it as a file."""
    from planner.app.images import convert

    answer = convert(source, out, series=series, part=part, accept=accept or (), context=progress())
    emit(answer, as_json, lambda console: _print_conversion(console, answer))
    return DONE


def _print_conversion(console: Console, answer: dict[str, Any]) -> None:
    size = " ".join(str(one) for one in answer["size_kji"])
    spacing = " ".join(shown(one, "mm", digits=3) for one in answer["spacing_kji_mm"])
    unit = answer["unit"]
    values = f"{shown(answer['minimum'], unit)} to {shown(answer['maximum'], unit)}"
    console.print(plain(f"{answer['out']}: {size} voxels, {spacing}, values {values}"), soft_wrap=True)
    for note in answer["provenance"]:
        console.print(plain(note), soft_wrap=True)
    for finding in answer["findings"]:
        console.print(plain(f"{finding['severity'].upper():5} {finding['text']}"), soft_wrap=True)
