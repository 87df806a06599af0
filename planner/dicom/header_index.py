"""What a folder was found to hold, kept on disk, so that opening it again scans only what changed in it.

An index is a convenience that may be deleted at any time and that nothing stands on: it is JSON, a file's part of it is
believed only while the file has the name, size, times and inode it was listed with, and whoever loads an entry of it
scans the entry's files anew and compares. A damaged or foreign index is ignored and written again.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, overload

from planner.dicom import limits
from planner.dicom.grouping import group
from planner.dicom.scanner import scan_file
from planner.dicom.series import SeriesEntry, Skipped, entry_of
from planner.dicom.slices import SliceRecord, records_of
from planner.dicom.volume_files import is_volume_file
from planner.errors import InputRefused
from planner.findings import Finding, Severity
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging import ImageSource

VERSION = 2
"""Of the form below and of what scanning finds; an index of another version is written anew."""
_MOST_LISTINGS = 64
_SEPARATOR = "\0"
_MOST_BYTES = 256 * limits.MEBI
_NEVER_SETTLED = 1 << 63
_SETTLED_NS = 2_000_000_000
"""Files younger than this may change again within the resolution of their time stamp (2 s on FAT)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """The regular files under a folder, in the order of `planner.dicom.folders.files_under`.

    Attributes
    ----------
    marks
        Size, times and inode of each file, as text.
    digest
        Of the names and marks of all that lies there.
    newest_ns
        The latest change of any of it.
    """

    folder: Path
    files: tuple[str, ...]
    marks: tuple[str, ...]
    digest: str
    newest_ns: int


def listed(folder: Path) -> Listed:
    """What tells whether a folder is still the same; no file is opened."""
    told: list[str] = []
    files: list[str] = []
    marks: list[str] = []
    newest = 0
    pending = [os.fspath(folder)]
    while pending:
        inner: list[str] = []
        try:
            for child in _children(pending.pop()):
                if child.is_dir(follow_symlinks=False):
                    inner.append(child.path)
                    continue
                stat = child.stat(follow_symlinks=False)
                changed, moved = stat.st_mtime_ns, stat.st_ctime_ns
                newest = max(newest, changed, moved)
                mark = f"{stat.st_mode} {stat.st_size} {changed} {moved} {stat.st_ino}"
                told += (child.path, mark)
                if child.is_file(follow_symlinks=False):
                    files.append(child.path)
                    marks.append(mark)
        except OSError:
            # Not to be read just now: nothing is remembered of such a folder.
            newest = _NEVER_SETTLED
        if len(files) > limits.MAXIMUM_FILES:
            break
        pending += reversed(inner)
    digest = hashlib.sha256("\0".join(told).encode("utf-8", "surrogateescape")).hexdigest()
    return Listed(folder, tuple(files), tuple(marks), digest, newest)


def _children(folder: str) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as found:
        return sorted(found, key=lambda child: child.name)


class LatePaths(Sequence[Path]):
    """Paths that are made when somebody asks: a folder may hold thousands."""

    def __init__(self, paths: tuple[str, ...]) -> None:
        self._paths = paths
        self._made: tuple[Path, ...] | None = None

    def _all(self) -> tuple[Path, ...]:
        if self._made is None:
            self._made = tuple(Path(path) for path in self._paths)
        return self._made

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, at: int) -> Path: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Path]: ...

    def __getitem__(self, at: int | slice) -> Path | Sequence[Path]:
        return self._all()[at]

    def __iter__(self) -> Iterator[Path]:
        return iter(self._all())

    def __eq__(self, other: object) -> bool:
        return self._all() == (other._all() if isinstance(other, LatePaths) else other)

    def __hash__(self) -> int:
        return hash(self._all())


class LateRecords(Sequence[SliceRecord]):
    """The slices of an entry that came from an index: scanned from the files when somebody asks for one."""

    def __init__(self, count: int, uid: str, part: int, files: Sequence[Path]) -> None:
        self._count, self._uid, self._part, self._files = count, uid, part, files
        self._entry: SeriesEntry | None = None
        self.listed_as: SeriesEntry | None = None

    def entry(self) -> SeriesEntry:
        """The entry as its files give it now.

        Raises
        ------
        InputRefused
            ``images-changed`` when that is not what the index said.
        """
        if self._entry is None:
            self._entry = self._scanned()
        return self._entry

    def _scanned(self) -> SeriesEntry:
        try:
            records = [record for file in self._files for record in records_of(scan_file(file))]
        except InputRefused as error:
            raise self._changed() from error
        for one in group(records):
            if (one.uid, one.part) == (self._uid, self._part):
                entry = entry_of(one)
                alike = self.listed_as is not None and entry.to_json() == self.listed_as.to_json()
                if alike and len(entry.records) == self._count:
                    return entry
        raise self._changed()

    def _changed(self) -> InputRefused:
        text = "The files of this series are not those that were listed; open the folder again."
        return InputRefused("images-changed", text, subject=self._uid)

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> SliceRecord: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[SliceRecord]: ...

    def __getitem__(self, at: int | slice) -> SliceRecord | Sequence[SliceRecord]:
        return self.entry().records[at]


@dataclass(frozen=True, slots=True)
class Recalled:
    """What an index says of a folder.

    Attributes
    ----------
    series, skipped
        Of the files that are as they were. Volume files are never among them.
    fresh
        Files to scan: volume files, and those that are new or changed.
    stale
        Series that lost or changed a file: the rest of their files must be scanned too.
    same
        Nothing was added, changed or removed.
    """

    series: list[SeriesEntry]
    skipped: list[Skipped]
    fresh: tuple[str, ...]
    stale: frozenset[str]
    same: bool


class HeaderIndex:
    """One file per opened folder, in a folder of its own.

    Parameters
    ----------
    folder
        Made when first needed. When it cannot be written, scanning goes on without.
    now_ns
        The clock that file times are compared with.
    """

    def __init__(self, folder: Path, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.folder, self._now_ns = folder, now_ns

    def _file(self, path: Path) -> Path:
        return self.folder / f"{hashlib.sha256(os.fsencode(path.absolute())).hexdigest()[:32]}.json"

    def recall(self, found: Listed) -> Recalled | None:
        """What is known of a folder, or None: it must be scanned."""
        file = self._file(found.folder)
        try:
            if file.stat().st_size > _MOST_BYTES:
                return None
            content, _, places = file.read_bytes().partition(b"\n")
            told = json.loads(content)
            if told["version"] != VERSION:
                return None
            if told["digest"] == found.digest:
                entries, skipped = _restored(told, found.files)
                apart = tuple(found.files[number] for number in told["volume_files"])
                return Recalled(entries, skipped, apart, frozenset(), same=True)
            return _of_unchanged(told, json.loads(places), found)
        except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            # Damaged, cut short or not ours: as if there were none.
            return None

    def remember(self, found: Listed, entries: Sequence[SeriesEntry], skipped: Sequence[Skipped]) -> None:
        """Keep what was found, unless files are so young that their times could not tell a further change."""
        if self._now_ns() - found.newest_ns < _SETTLED_NS:
            return
        numbers = {file: number for number, file in enumerate(found.files)}
        kept = [entry for entry in entries if entry.image_file is None]
        if any(str(file) not in numbers for entry in kept for file in entry.files):
            # A file came while the folder was looked through.
            return
        told = {
            "version": VERSION,
            "digest": found.digest,
            "series": [_told(entry, numbers) for entry in kept],
            "skipped": [[str(one.file), one.code, one.text] for one in skipped if not is_volume_file(one.file)],
            "volume_files": [number for number, file in enumerate(found.files) if _is_volume(file)],
        }
        # The places in a line of their own: an unchanged folder is opened without reading them.
        content = f"{json.dumps(told)}\n{json.dumps([_SEPARATOR.join(found.files), _SEPARATOR.join(found.marks)])}"
        file = self._file(found.folder)
        part = file.with_suffix(f".{os.getpid()}.part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as stream:
                stream.write(content)
            part.replace(file)
            self._prune()
        except OSError:
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _prune(self) -> None:
        """The listings used longest ago go."""
        listings = sorted(self.folder.glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        for file in listings[:-_MOST_LISTINGS]:
            file.unlink(missing_ok=True)


def _fields(value: ImageSource | Finding) -> dict[str, object]:
    return {each.name: getattr(value, each.name) for each in fields(value)}


def _told(entry: SeriesEntry, numbers: dict[str, int]) -> dict[str, object]:
    grid = entry.grid
    return {
        "source": _fields(entry.source),
        "kind": entry.kind,
        "label": entry.label,
        "transfer_syntax": entry.transfer_syntax,
        "frames": entry.frames,
        "grid": None if grid is None else [grid.size_kji, grid.lps_from_kji.flat(), grid.frame_uid],
        "findings": [_fields(one) for one in entry.findings],
        "files": [numbers[str(file)] for file in entry.files],
        "records": len(entry.records),
    }


def _is_volume(path: str) -> bool:
    return is_volume_file(Path(path))


def _of_unchanged(told: dict[str, Any], places: list[str], found: Listed) -> Recalled | None:
    """What is still to be believed of a folder in which some files changed; None when most of them did."""
    paths, marks = (text.split(_SEPARATOR) for text in places)
    were, are = dict(zip(paths, marks, strict=True)), dict(zip(found.files, found.marks, strict=True))
    same = {path for path, mark in were.items() if are.get(path) == mark}
    fresh = tuple(path for path in found.files if path not in same or _is_volume(path))
    if 2 * len(fresh) > len(found.files):
        return None
    entries, skipped = _restored(told, paths)
    stale = frozenset(
        one["source"]["series_uid"] for one in told["series"] if any(paths[at] not in same for at in one["files"])
    )
    return Recalled(entries, [one for one in skipped if str(one.file) in same], fresh, stale, same=False)


def _restored(told: dict[str, Any], paths: Sequence[str]) -> tuple[list[SeriesEntry], list[Skipped]]:
    by_series: dict[str, dict[int, None]] = {}
    for one in told["series"]:
        by_series.setdefault(one["source"]["series_uid"], {}).update(dict.fromkeys(one["files"]))
    entries = []
    for one in told["series"]:
        source = _source(one["source"])
        together = LatePaths(tuple(paths[number] for number in sorted(by_series[source.series_uid])))
        records = LateRecords(int(one["records"]), source.series_uid, source.part, together)
        entry = SeriesEntry(
            source=source,
            kind=str(one["kind"]),
            label=one["label"],
            transfer_syntax=one["transfer_syntax"],
            frames=one["frames"],
            grid=None if one["grid"] is None else _grid(*one["grid"]),
            findings=tuple(_finding(each) for each in one["findings"]),
            files=LatePaths(tuple(paths[number] for number in one["files"])),
            records=records,
        )
        records.listed_as = entry
        entries.append(entry)
    return entries, [Skipped(Path(path), str(code), str(text)) for path, code, text in told["skipped"]]


def _source(told: dict[str, Any]) -> ImageSource:
    window = told["window"]
    return ImageSource(
        **{**told, "window": None if window is None else tuple(window), "provenance": tuple(told["provenance"])}
    )


def _grid(size: list[int], flat: list[float], frame_uid: str) -> Grid:
    from numpy import array

    return Grid((size[0], size[1], size[2]), SpaceMap(lps(frame_uid), KJI, array(flat).reshape(4, 4)), frame_uid)


def _finding(told: dict[str, Any]) -> Finding:
    return Finding(**{**told, "severity": Severity(told["severity"])})
