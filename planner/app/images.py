"""Images in and out: list what paths hold, load a volume, convert it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from planner.dicom.assembly import Follow, load_entry
from planner.dicom.header_index import HeaderIndex
from planner.dicom.reading import Scan, scan_path
from planner.dicom.sentences import visible
from planner.dicom.series import SeriesEntry, Skipped
from planner.dicom.volume_writing import write_voxels
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging import LabelMap, Volume
from planner.jobs import Context

__all__ = ["Scan", "SeriesEntry", "Skipped", "choose", "convert", "load", "open_image", "scan", "write_volume"]


def scan(paths: Sequence[Path], context: Context | None = None, *, index: Path | None = None) -> Scan:
    """List the series that folders, files, zips and DICOMDIRs hold, and what was skipped and why.

    Parameters
    ----------
    index
        Folder of the program's own where listings are kept: opening an unchanged folder again then takes a fraction.

    Raises
    ------
    UsageError
        When a path does not exist, or holds more than 50,000 files.
    Cancelled
        When the operator cancelled; nothing was kept.
    """
    job = context or Context()
    kept = None if index is None else HeaderIndex(index)
    series: list[SeriesEntry] = []
    skipped: list[Skipped] = []
    for number, path in enumerate(paths):
        try:
            found = scan_path(path, job.part(number / len(paths), (number + 1) / len(paths)), kept)
        except InputRefused as error:
            skipped.append(Skipped(path, error.code, error.message))
            continue
        series += found.series
        skipped += found.skipped
    return Scan(tuple(series), tuple(skipped))


def load(
    entry: SeriesEntry,
    *,
    accept: Collection[str] = (),
    context: Context | None = None,
    follow: Follow | None = None,
) -> Volume:
    """Load one entry as a volume: slices sorted along their normal, values rescaled exactly.

    Parameters
    ----------
    accept
        Codes of blocking findings whose repair the operator accepts; each is kept in the volume's provenance.
    follow
        Given the growing volume, to look at while it is read; see `planner.dicom.assembly.load_entry`.

    Raises
    ------
    InputRefused
        When a blocking finding is not accepted, or the pixels cannot be read.
    Cancelled
        When the operator cancelled.
    """
    try:
        return load_entry(entry, accept, context or Context(), follow)
    except MemoryError as error:
        text = (
            f"Memory ran out while {entry.description or entry.uid} was read; close other images or load a part of it."
        )
        raise InputRefused("too-large", visible(text), subject=entry.uid) from error


def choose(found: Scan, source: Path, series: str | None = None, part: int | None = None) -> SeriesEntry:
    """The entry that a request means: the named one, or the volume with the most slices that loads.

    Raises
    ------
    UsageError
        When no entry has the named UID and part.
    InputRefused
        When the source holds no image at all.
    """
    entries = [one for one in found.series if series in (None, one.uid) and part in (None, one.part)]
    if not entries:
        if found.series and (series is not None or part is not None):
            raise UsageError("no-such-series", f"{source} holds no such series or part.", subject=series)
        first = found.skipped[0] if found.skipped else None
        code, text = (
            (first.code, first.text)
            if first
            else ("not-dicom", f"{source.name} holds no image; name DICOM, NIfTI, NRRD or MHA files.")
        )
        raise InputRefused(code, text, subject=str(source))
    volumes = [one for one in entries if one.kind == "volume"] or [one for one in entries if one.kind == "refused"]
    return max(volumes or entries, key=lambda one: (one.loadable, one.frames or 0, -one.part))


def choice_finding(found: Scan, chosen: SeriesEntry) -> Finding | None:
    """Said when one of several volumes was chosen without being named."""
    others = [one for one in found.series if one.kind == "volume" and one is not chosen]
    if not others:
        return None
    text = (
        f"{len(others) + 1} volumes were found; part {chosen.part} of series {chosen.uid} has the most slices and was "
        "taken; name another one to change that."
    )
    return Finding("series-chosen", Severity.INFO, text, subject=chosen.uid)


def open_image(
    source: Path,
    *,
    series: str | None = None,
    part: int | None = None,
    accept: Collection[str] = (),
    context: Context | None = None,
) -> Volume:
    """Scan and load; without `series` the volume with the most slices.

    Raises
    ------
    InputRefused
        When nothing can be loaded.
    UsageError
        When the path or the named series does not exist.
    """
    job = context or Context()
    found = scan([source], job.part(0.0, 0.3))
    return load(choose(found, source, series, part), accept=accept, context=job.part(0.3, 1.0))


def write_volume(volume: Volume | LabelMap, out: Path) -> dict[str, object]:
    """Write .nii, .nii.gz, .nrrd or .mha; the answer is what the command line prints of it.

    Raises
    ------
    UsageError
        For another ending.
    OperatorError
        When the file cannot be written.
    """
    write_voxels(volume.voxels, volume.grid, out)
    return {
        "out": str(out),
        "size_kji": list(volume.grid.size_kji),
        "spacing_kji_mm": list(volume.grid.spacing_kji_mm),
        "lps_from_kji": volume.grid.lps_from_kji.flat(),
        "minimum": float(np.min(volume.voxels)),
        "maximum": float(np.max(volume.voxels)),
    }


def convert(
    source: Path,
    out: Path,
    *,
    series: str | None = None,
    part: int | None = None,
    accept: Collection[str] = (),
    context: Context | None = None,
) -> dict[str, object]:
    """Load a volume and write it; the contract's ``convert``.

    Raises
    ------
    InputRefused, UsageError
        As `open_image` and `write_volume`.
    """
    job = context or Context()
    found = scan([source], job.part(0.0, 0.2))
    entry = choose(found, source, series, part)
    volume = load(entry, accept=accept, context=job.part(0.2, 0.8))
    job.step(0.8, f"Writing {out.name}")
    answer = write_volume(volume, out)
    findings = [_accepted(one) for one in entry.findings]
    chosen = choice_finding(found, entry) if series is None else None
    if chosen is not None:
        findings.append(chosen)
    job.step(1.0, "Written")
    return {
        **answer,
        "unit": volume.source.unit,
        "provenance": list(volume.source.provenance),
        "findings": [one.to_json() for one in findings],
    }


def _accepted(finding: Finding) -> Finding:
    """A fault that was repaired with consent does not block any more; it is still said."""
    if not finding.blocks:
        return finding
    return replace(finding, severity=Severity.WARN, text=f"{finding.text} The repair was accepted.")
