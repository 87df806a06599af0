"""Zip archives in: unpacked by us into a temporary folder, under names of our own."""

from __future__ import annotations

import re
import shutil
import stat
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from planner.dicom import limits
from planner.dicom.scanner import refused
from planner.dicom.series import Skipped
from planner.jobs import Context

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Attributes
    ----------
    folder
        Deletes itself when nothing refers to it any more.
    """

    folder: tempfile.TemporaryDirectory[str]
    files: tuple[Path, ...]
    skipped: tuple[Skipped, ...]


def is_zip(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(archive: Path, context: Context) -> Unpacked:
    """Unpack the regular files of a zip. Links, paths that lead out and encrypted entries are skipped and listed.

    Raises
    ------
    InputRefused
        ``too-large`` for too many files, too many bytes or a ratio beyond 100:1; ``truncated`` for a broken archive.
    """
    folder = tempfile.TemporaryDirectory(prefix="seldinger-", ignore_cleanup_errors=True)
    files: list[Path] = []
    skipped: list[Skipped] = []
    try:
        with zipfile.ZipFile(archive) as source:
            entries = [one for one in source.infolist() if not one.is_dir()]
            _check_totals(archive, entries, Path(folder.name))
            written = 0
            for number, entry in enumerate(entries):
                context.step(number / len(entries), f"Unpacking {number + 1} of {len(entries)}")
                fault = _entry_fault(entry)
                if fault is not None:
                    skipped.append(Skipped(Path(archive, _shown(entry)), "unsafe-entry", f"{_shown(entry)}: {fault}"))
                    continue
                target = (
                    Path(folder.name) / f"{number:05d}-{_UNSAFE.sub('_', PurePosixPath(entry.filename).name)[-60:]}"
                )
                written += _copy(source, entry, target, archive, written)
                files.append(target)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
        what = f"the archive is broken or of an unknown kind ({type(error).__name__})"
        raise refused("truncated", archive, what, "fetch it again") from error
    return Unpacked(folder, tuple(files), tuple(skipped))


def _shown(entry: zipfile.ZipInfo) -> str:
    return entry.filename[:200]


def _check_totals(archive: Path, entries: list[zipfile.ZipInfo], folder: Path) -> None:
    total = sum(entry.file_size for entry in entries)
    stored = archive.stat().st_size
    if len(entries) > limits.MAXIMUM_FILES:
        raise refused("too-large", archive, f"it holds {len(entries)} files, more than 50000", "unpack a part of it")
    room = min(limits.MAXIMUM_ARCHIVE_BYTES, shutil.disk_usage(folder).free // 2)
    if total > room:
        what = f"its files take {total // limits.MEBI} MiB, more than the {room // limits.MEBI} MiB there is room for"
        raise refused("too-large", archive, what, "unpack a part of it")
    if total > max(limits.INFLATE_RATIO_FREE_BYTES, limits.MAXIMUM_INFLATE_RATIO * stored):
        raise refused("too-large", archive, "it grows more than a hundredfold", "unpack it yourself and look at it")


def _entry_fault(entry: zipfile.ZipInfo) -> str | None:
    mode = entry.external_attr >> 16
    parts = PurePosixPath(entry.filename.replace("\\", "/")).parts
    if stat.S_ISLNK(mode) or (stat.S_IFMT(mode) not in (0, stat.S_IFREG)):
        return "a link or a device; it was left out."
    if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in entry.filename or "\0" in entry.filename:
        return "its path leads out of the archive; it was left out."
    if entry.flag_bits & 0x1:
        return "it is encrypted; unpack the archive with its password first."
    return None


def _copy(source: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, archive: Path, before: int) -> int:
    """Copy at most the declared size; more means that the archive lies."""
    written = 0
    with source.open(entry) as packed, target.open("xb") as out:
        while chunk := packed.read(limits.MEBI):
            written += len(chunk)
            if written > entry.file_size or before + written > limits.MAXIMUM_ARCHIVE_BYTES:
                raise refused("too-large", archive, "an entry is larger than it declares", "do not trust this archive")
            out.write(chunk)
    return written
