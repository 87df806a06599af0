"""From paths to a list of series: find the files, scan their headers, group, run the gate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.dicom import tags
from planner.dicom.archives import is_zip, unpack
from planner.dicom.file_entries import file_entries
from planner.dicom.folders import files_under, special_kind
from planner.dicom.grouping import group, series_uid
from planner.dicom.header_index import HeaderIndex, Listed, Recalled, listed
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
    """As `_scan_folder`; what the index remembers of files that have not changed since is not scanned again."""
    known = listed(path)
    recalled = index.recall(known)
    if recalled is None:
        found = _scan_folder(path, context)
    else:
        found = _scan_changed(path, context, recalled, known)
        if recalled.same:
            return found
    index.remember(known, found.series, found.skipped)
    return found


def _scan_changed(path: Path, context: Context, recalled: Recalled, known: Listed) -> Scan:
    """Scan new and changed files, and every file of the series that they belong to or have left."""
    if recalled.same and not recalled.fresh:
        context.step(1.0, "Known already")
        return Scan(tuple(recalled.series), tuple(recalled.skipped))
    passed_over = files_under(path)[1]
    headers = _Headers()
    headers.scan([Path(file) for file in recalled.fresh], context.part(0.0, 0.6))
    touched = recalled.stale | {series_uid(record.header)[0] for record in headers.records}
    order = {file: number for number, file in enumerate(known.files)}
    fresh = set(recalled.fresh)
    again = {str(file) for entry in recalled.series if entry.uid in touched for file in entry.files} & order.keys()
    headers.scan([Path(file) for file in sorted(again - fresh, key=order.__getitem__)], context.part(0.6, 0.9))
    headers.records.sort(key=lambda record: (order[str(record.file)], record.frame))
    entries = [entry for entry in recalled.series if entry.uid not in touched]
    entries += [entry_of(one) for one in group(headers.records)]
    first: dict[str, int] = {}
    for entry in entries:
        first[entry.uid] = min([first.get(entry.uid, len(order)), *(order[str(file)] for file in entry.files)])
    entries.sort(key=lambda entry: (first[entry.uid], entry.part))
    skipped = [one for one in recalled.skipped if str(one.file) in order and str(one.file) not in again]
    skipped = sorted(skipped + headers.skipped, key=lambda one: order[str(one.file)])
    context.step(1.0, "Known already")
    return Scan((*entries, *headers.volumes), (*passed_over, *skipped))


class _Headers:
    """What the headers of files give, in the order in which they are read.

    Attributes
    ----------
    records
        Of DICOM images.
    volumes
        Entries of volume files.
    """

    def __init__(self, workspace: object = None) -> None:
        self._workspace = workspace
        self.records: list[SliceRecord] = []
        self.volumes: list[SeriesEntry] = []
        self.skipped: list[Skipped] = []

    def scan(self, files: Sequence[Path], context: Context) -> None:
        """Read them; what is neither DICOM nor a volume file is listed as skipped."""
        for number, file in enumerate(files):
            if number % 16 == 0:
                context.step(number / len(files), f"Reading header {number + 1} of {len(files)}")
            try:
                self._scan(file)
            except InputRefused as error:
                self.skipped.append(Skipped(file, error.code, error.message))

    def _scan(self, file: Path) -> None:
        if is_volume_file(file):
            self.volumes += file_entries(file, self._workspace)
            return
        header = scan_file(file)
        if is_media_directory(header):
            return
        found = records_of(header)
        self.records += found
        self.skipped += [
            Skipped(file, fault.code, f"{file.name}: {fault.what}; {fault.advice}.")
            for fault in found[0].faults
            if header.elements.integer(tags.ROWS) is not None
        ]


def scan_files(files: Sequence[Path], context: Context, workspace: object = None) -> Scan:
    """Scan DICOM and volume files; what is neither is listed as skipped.

    Parameters
    ----------
    workspace
        Kept alive by the entries: the temporary folder that the files lie in.
    """
    headers = _Headers(workspace)
    headers.scan(files, context.part(0.0, 0.9))
    entries = [entry_of(one, workspace) for one in group(headers.records)] + headers.volumes
    context.step(1.0, "Sorted")
    return Scan(tuple(entries), tuple(headers.skipped))
