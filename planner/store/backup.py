"""Copies of an SQLite library by the database's own online backup, checked, and thinned as they grow old."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from planner.errors import StoreError
from planner.store.actors import utc_now

FOLDER = "backups"
_STAMP = "%Y%m%dT%H%M%SZ"


def backups_of(file: Path) -> tuple[Path, ...]:
    """The backups of a library, newest first."""
    pattern = re.compile(re.escape(file.stem) + r"-\d{8}T\d{6}Z\.sqlite")
    folder = file.parent / FOLDER
    if not folder.is_dir():
        return ()
    return tuple(sorted((each for each in folder.iterdir() if pattern.fullmatch(each.name)), reverse=True))


def taken_at(backup: Path) -> datetime:
    return datetime.strptime(backup.stem[-16:], _STAMP).replace(tzinfo=UTC)


def daily(file: Path, now: datetime | None = None) -> Path | None:
    """Back up unless there is one of today; old ones are thinned. Returns the new backup, or None."""
    moment = now or utc_now()
    if any(taken_at(each).date() == moment.date() for each in backups_of(file)):
        return None
    made = back_up(file, moment)
    for each in superseded((taken_at(found) for found in backups_of(file)), moment):
        _named(file, each).unlink(missing_ok=True)
    return made


def back_up(file: Path, now: datetime | None = None) -> Path:
    """Copy a library while it is in use.

    The copy gets its name only after it has been checked and is on the disk.

    Raises
    ------
    StoreError
        ``backup-failed``; the library itself is not affected.
    """
    target = _named(file, now or utc_now())
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            _copy(file, draft)
            os.replace(draft, target)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            "backup-failed",
            f"The library {file.name} could not be backed up to {target.parent}; make room or correct its rights.",
            subject=str(target),
        ) from error
    _sync_folder(target.parent)
    return target


def _named(file: Path, moment: datetime) -> Path:
    return file.parent / FOLDER / f"{file.stem}-{moment.astimezone(UTC).strftime(_STAMP)}.sqlite"


def _copy(file: Path, draft: Path) -> None:
    with (
        contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as source,
        contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as copy,
    ):
        source.backup(copy)
        # A backup is one file: no log beside it that could be forgotten.
        copy.execute("PRAGMA journal_mode=DELETE").fetchall()
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(verdict)
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    # Windows cannot open folders; there the rename is durable with the file.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restore(backup: Path, to: Path) -> Path:
    """Put a copy of a backup at a place where nothing is.

    Raises
    ------
    StoreError
        ``restore-refused`` when there is a file already: move the damaged one aside first, it may still hold work.
    """
    if to.exists():
        raise StoreError(
            "restore-refused", f"{to.name} exists; move it aside first, then restore the backup.", subject=str(to)
        )
    draft = to.with_name(f".{to.name}.{os.getpid()}")
    try:
        _copy(backup, draft)
        os.replace(draft, to)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            "restore-refused", f"The backup {backup.name} could not be restored; try an older one.", subject=str(backup)
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return to


def superseded(taken: Iterable[datetime], now: datetime) -> tuple[datetime, ...]:
    """Which backups may go: all of the last two days stay, then one a day, a week and a month."""
    kept: set[object] = set()
    gone: list[datetime] = []
    for moment in sorted(taken, reverse=True):
        slot = _slot(moment, now)
        if slot in kept:
            gone.append(moment)
        kept.add(slot)
    return tuple(gone)


def _slot(moment: datetime, now: datetime) -> object:
    age = now - moment
    if age < timedelta(days=2):
        return moment
    if age < timedelta(days=14):
        return moment.date()
    if age < timedelta(weeks=8):
        return moment.isocalendar()[:2]
    return "month", moment.year, moment.month
