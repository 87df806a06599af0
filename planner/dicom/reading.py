"""From paths to a list of series: find the files, scan their headers, group, run the gate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.dicom import limits, tags
from planner.dicom.grouping import group
from planner.dicom.scanner import Header, scan_file
from planner.dicom.series import SeriesEntry, Skipped, entry_of
from planner.dicom.slices import SliceRecord, records_of
from planner.errors import InputRefused, UsageError
from planner.jobs import Context

MEDIA_DIRECTORY = "1.2.840.10008.1.3.10"


@dataclass(frozen=True, slots=True)
class Scan:
    """What a set of paths holds, and what was left out."""

    series: tuple[SeriesEntry, ...]
    skipped: tuple[Skipped, ...]

    def to_json(self) -> dict[str, object]:
        return {
            "series": [entry.to_json() for entry in self.series],
            "skipped": [one.to_json() for one in self.skipped],
        }


def files_under(path: Path) -> Iterator[Path]:
    """The regular files of a folder and its sub-folders, in order of name; links are not followed."""
    pending = [path]
    while pending:
        folder = pending.pop()
        children = sorted(folder.iterdir())
        yield from (child for child in children if child.is_file() and not child.is_symlink())
        pending += [child for child in reversed(children) if child.is_dir() and not child.is_symlink()]


def scan_dicom(files: Sequence[Path], context: Context, workspace: object = None) -> Scan:
    """Scan DICOM files; what is no DICOM file is listed as skipped.

    Raises
    ------
    UsageError
        For more than 50,000 files.
    """
    if len(files) > limits.MAXIMUM_FILES:
        raise UsageError("too-many-files", f"{len(files)} files are more than 50,000; import fewer folders at once.")
    records: list[SliceRecord] = []
    skipped: list[Skipped] = []
    for number, file in enumerate(files):
        if number % 16 == 0:
            context.step(0.9 * number / len(files), f"Reading header {number + 1} of {len(files)}")
        try:
            header = scan_file(file)
        except InputRefused as error:
            skipped.append(Skipped(file, error.code, error.message))
            continue
        if not _is_directory(header):
            found = records_of(header)
            records += found
            skipped += [
                Skipped(file, fault.code, f"{file.name}: {fault.what}; {fault.advice}.")
                for fault in found[0].faults
                if header.elements.integer(tags.ROWS) is not None
            ]
    entries = [entry_of(one, workspace) for one in group(records)]
    context.step(1.0, "Sorted")
    return Scan(tuple(entries), tuple(skipped))


def _is_directory(header: Header) -> bool:
    return MEDIA_DIRECTORY in (header.media_sop_class, header.elements.text(tags.SOP_CLASS))
