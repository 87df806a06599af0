"""What lies in a folder: its regular files, and what was passed over and why."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from planner.dicom import limits
from planner.dicom.series import Skipped
from planner.errors import UsageError


def files_under(path: Path) -> tuple[list[Path], list[Skipped]]:
    """The regular files of a folder and its sub-folders, in order of name. Links are not followed; they are listed.

    Raises
    ------
    UsageError
        For more than 50,000 entries; counting stops where the limit is passed.
    """
    files: list[Path] = []
    skipped: list[Skipped] = []
    pending = [str(path)]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError as error:
            text = f"{_named(folder)}: the folder cannot be read ({error.strerror}); check the disk and your rights."
            skipped.append(Skipped(Path(folder), "not-dicom", text))
            continue
        inner: list[str] = []
        for child in children:
            if child.is_dir(follow_symlinks=False):
                inner.append(child.path)
            elif child.is_file(follow_symlinks=False):
                files.append(Path(child.path))
            else:
                skipped.append(Skipped(Path(child.path), "unsafe-entry", _passed_over(child)))
        pending += reversed(inner)
        if len(files) + len(skipped) > limits.MAXIMUM_FILES:
            raise UsageError("too-many-files", "The folder holds more than 50,000 files; import fewer folders at once.")
    return files, skipped


def _named(path: str) -> str:
    return os.path.basename(path) or path


def _passed_over(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return f"{entry.name}: it is a link, and links are not followed; copy what it leads to into the folder."
    return f"{entry.name}: it is a {special_kind(entry.path)} and no file; it was left out, take it out of the folder."


def special_kind(path: str | Path) -> str:
    """What a path is that is neither a file nor a folder; opening it could wait for ever."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return "path that vanished"
    kinds = ((stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"), (stat.S_ISBLK, "device"), (stat.S_ISCHR, "device"))
    return next((name for test, name in kinds if test(mode)), "special entry")
