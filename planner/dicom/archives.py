"""Zip archives in: unpacked by us into a temporary folder, under names of our own."""

from __future__ import annotations

import lzma
import re
import shutil
import stat
import struct
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
    """Whether it begins like a zip; a file that cannot be read is none, and whoever reads it next says why."""
    try:
        with file.open("rb") as stream:
            return stream.read(4) in (b"PK\x03\x04", b"PK\x05\x06")
    except OSError:
        return False


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
        _check_directory(archive)
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
    except _BROKEN as error:
        what = f"the archive is broken or of an unknown kind ({type(error).__name__})"
        raise refused("truncated", archive, what, "fetch it again") from error
    return Unpacked(folder, tuple(files), tuple(skipped))


_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError, ValueError, OverflowError)
"""What the standard library raises over damaged archives."""
_DIRECTORY_ENTRY_BYTES = 256
"""Room for one entry of the central directory: 46 bytes and a path, on the average of 50,000 entries."""


def _check_directory(archive: Path) -> None:
    """Refuse a directory of millions of entries before it is read (APPNOTE 4.3.16, 4.3.14)."""
    with archive.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 66_000))
        tail = stream.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + 20 > len(tail):
        return
    entries, directory = struct.unpack("<HI", tail[at + 10 : at + 16])
    wide = tail.rfind(b"PK\x06\x06", 0, at)
    if (entries == 0xFFFF or directory == 0xFFFFFFFF) and wide >= 0 and wide + 48 <= len(tail):
        entries, directory = struct.unpack("<QQ", tail[wide + 32 : wide + 48])
    if entries > limits.MAXIMUM_FILES or min(directory, size) > limits.MAXIMUM_FILES * _DIRECTORY_ENTRY_BYTES:
        raise refused("too-large", archive, "it holds more than 50000 files", "unpack a part of it")


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
        return "it is a link or a device and was left out; unpack the archive yourself if it is needed."
    if ".." in parts or entry.filename.startswith(("/", "\\")) or ":" in entry.filename or "\0" in entry.filename:
        return "its path leads out of the archive and it was left out; ask the sender for a plain archive."
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
