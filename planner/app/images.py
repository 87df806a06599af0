"""Images in: list what paths hold, load a volume."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from planner.dicom.assembly import load_entry
from planner.dicom.reading import Scan, files_under, scan_dicom
from planner.dicom.series import SeriesEntry, Skipped
from planner.errors import InputRefused, UsageError
from planner.imaging import Volume
from planner.jobs import Context

__all__ = ["Scan", "SeriesEntry", "Skipped", "load", "open_image", "scan"]


def scan(paths: Sequence[Path], context: Context | None = None) -> Scan:
    """List the series that files and folders hold.

    Raises
    ------
    UsageError
        When a path does not exist.
    """
    job = context or Context()
    files: list[Path] = []
    for path in paths:
        if not path.exists():
            raise UsageError("no-such-path", f"{path} does not exist.", subject=str(path))
        files += files_under(path) if path.is_dir() else [path]
    return scan_dicom(files, job)


def load(entry: SeriesEntry, *, accept: Collection[str] = (), context: Context | None = None) -> Volume:
    """Load one entry as a volume.

    Raises
    ------
    InputRefused
        When a blocking finding is not accepted, or the pixels cannot be read.
    """
    return load_entry(entry, accept, context or Context())


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
    return load(_chosen(found, source, series, part), accept=accept, context=job.part(0.3, 1.0))


def _chosen(found: Scan, source: Path, series: str | None, part: int | None) -> SeriesEntry:
    entries = [one for one in found.series if series in (None, one.uid) and part in (None, one.part)]
    if not entries:
        if series is not None or part is not None:
            raise UsageError("no-such-series", f"{source} holds no such series or part.", subject=series)
        first = found.skipped[0] if found.skipped else None
        code, text = (first.code, first.text) if first else ("not-dicom", f"{source.name} holds no image.")
        raise InputRefused(code, text, subject=str(source))
    volumes = [one for one in entries if one.kind == "volume"] or [one for one in entries if one.kind == "refused"]
    return max(volumes or entries, key=lambda one: (one.loadable, one.frames or 0, -one.part))
