"""From paths to a list of series: find the files, scan their headers, group, run the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.dicom import tags
from planner.dicom.archives import is_zip, unpack
from planner.dicom.file_entries import file_entries
from planner.dicom.folders import files_under, special_kind
from planner.dicom.grouping import group
from planner.dicom.header_index import HeaderIndex, listed
from planner.dicom.media_directory import is_media_directory, listed_files
from planner.dicom.scanner import scan_file
from planner.dicom.series import SeriesEntry, Skipped, entry_of
from planner.dicom.slices import SliceRecord, records_of
from planner.dicom.volume_files import is_volume_file
from planner.errors import InputRefused, UsageError
from planner.jobs import Context


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


def scan_path(path: Path, context: Context, index: HeaderIndex | None = None) -> Scan:
    """List what one path holds: a folder, a DICOM or volume file, a zip or a DICOMDIR.

    Parameters
    ----------
    index
        Where folders found before are remembered; an unchanged folder is then not scanned again.

    Raises
    ------
    UsageError
        When it does not exist, or for more than 50,000 files.
    InputRefused
        For an archive that is refused as a whole.
    """
    if path.is_dir():
        return _scan_folder(path, context) if index is None else _scan_remembered(path, context, index)
    if path.exists() and not path.is_file():
        text = f"{path} is a {special_kind(path)} and no file; name a folder or a file."
        raise UsageError("no-such-path", text, subject=str(path))
    if not path.is_file():
        raise UsageError("no-such-path", f"{path} does not exist.", subject=str(path))
    if is_zip(path):
        unpacked = unpack(path, context.part(0.0, 0.5))
        found = scan_files(unpacked.files, context.part(0.5, 1.0), unpacked.folder)
        return Scan(found.series, (*unpacked.skipped, *found.skipped))
    if path.name.upper().startswith("DICOMDIR"):
        header = scan_file(path)
        if is_media_directory(header):
            named, absent = listed_files(header)
            found = scan_files(named, context)
            return Scan(found.series, (*absent, *found.skipped))
    return scan_files([path], context)


def _scan_folder(path: Path, context: Context) -> Scan:
    files, skipped = files_under(path)
    found = scan_files(files, context)
    return Scan(found.series, (*skipped, *found.skipped))


def _scan_remembered(path: Path, context: Context, index: HeaderIndex) -> Scan:
    """As `_scan_folder`, or what the index remembers of a folder that has not changed since."""
    known = listed(path)
    recalled = index.recall(known)
    if recalled is not None:
        context.step(1.0, "Known already")
        return Scan(tuple(recalled[0]), tuple(recalled[1]))
    found = _scan_folder(path, context)
    if all(entry.image_file is None for entry in found.series):
        # A volume file is not kept: a folder with one is scanned each time.
        index.remember(known, found.series, found.skipped)
    return found


def scan_files(files: Sequence[Path], context: Context, workspace: object = None) -> Scan:
    """Scan DICOM and volume files; what is neither is listed as skipped.

    Parameters
    ----------
    workspace
        Kept alive by the entries: the temporary folder that the files lie in.
    """
    records: list[SliceRecord] = []
    skipped: list[Skipped] = []
    entries: list[SeriesEntry] = []
    for number, file in enumerate(files):
        if number % 16 == 0:
            context.step(0.9 * number / len(files), f"Reading header {number + 1} of {len(files)}")
        try:
            if is_volume_file(file):
                entries += file_entries(file, workspace)
                continue
            header = scan_file(file)
        except InputRefused as error:
            skipped.append(Skipped(file, error.code, error.message))
            continue
        if not is_media_directory(header):
            found = records_of(header)
            records += found
            skipped += [
                Skipped(file, fault.code, f"{file.name}: {fault.what}; {fault.advice}.")
                for fault in found[0].faults
                if header.elements.integer(tags.ROWS) is not None
            ]
    entries = [entry_of(one, workspace) for one in group(records)] + entries
    context.step(1.0, "Sorted")
    return Scan(tuple(entries), tuple(skipped))
