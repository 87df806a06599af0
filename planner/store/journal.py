"""The recovery journal: what has been edited and not yet saved, on the local disk within two seconds.

Each running program owns one small database in the journal folder and keeps it locked while it lives; the lock
goes with the process, however it ends. A journal without a lock was left behind, and is offered for recovery.
The journal is always local, also where the library is on a server: a network loss costs no work.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from planner.errors import InputRefused, StoreError
from planner.model import codec
from planner.model.case import Case
from planner.store.actors import stamp, utc_now
from planner.store.revisions import decode

DEBOUNCE_S = 0.5
"""From the first unsaved edit to the write; with the write itself well below the promised two seconds."""

_LOCK_WAIT_S = 2.0
"""Another program that starts at the same moment may look into a journal that is just being made."""

_STALE_S = 3600.0
"""An empty journal is removed after this time; a younger one may belong to a program that is just starting."""

_SUFFIX = ".journal"
_TABLE = """
CREATE TABLE IF NOT EXISTS unsaved(
    case_id TEXT PRIMARY KEY, base_revision INTEGER NOT NULL, noted_at TEXT NOT NULL, sha256 TEXT NOT NULL,
    body TEXT NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Unsaved:
    """Work that was not saved when a program ended.

    Attributes
    ----------
    base_revision
        The revision it started from.
    noted_at
        When it was last written to the journal (UTC).
    origin
        The journal file that holds it.
    """

    case: Case
    base_revision: int
    noted_at: datetime
    origin: Path


@dataclass(slots=True)
class _Noted:
    case: Case
    base_revision: int
    since: float
    written: bool = False


class Journal:
    """The journal of this running program. All methods are safe from any thread; none of them waits for the disk
    except `flush`, `pending`, `adopt`, `discard` and `close`.

    Parameters
    ----------
    folder
        Local; see `planner.app.recovery`.
    debounce_s
        Longest time between an edit and its write.
    on_trouble
        Called from the writer's thread with a sentence when the journal cannot be written, and with None when it
        can again. The window must show it: until then unsaved work is not protected.
    """

    def __init__(
        self, folder: Path, *, debounce_s: float = DEBOUNCE_S, on_trouble: Callable[[str | None], None] | None = None
    ) -> None:
        self._folder = folder
        self._debounce_s = debounce_s
        self._on_trouble = on_trouble
        self.trouble: str | None = None
        self.damaged: tuple[Path, ...] = ()
        self._noted: dict[str, _Noted] = {}
        self._forget: set[str] = set()
        self._wake = threading.Condition()
        self._disk = threading.Lock()
        self._hurry = False
        self._stopped = False
        self._file = folder / f"{uuid.uuid4().hex}{_SUFFIX}"
        self._database = self._create()
        self._thread = threading.Thread(target=self._write_on, name="recovery-journal", daemon=True)
        self._thread.start()

    def _create(self) -> sqlite3.Connection:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            return _open(self._file, _LOCK_WAIT_S)
        except (OSError, sqlite3.Error) as error:
            raise StoreError(
                "journal-failed",
                f"The recovery folder {self._folder} cannot be written; correct its rights or make room.",
                subject=str(self._folder),
            ) from error

    # -- during work -----------------------------------------------------------------------------------------------

    def note(self, case: Case, base_revision: int) -> None:
        """Hand over the case after an edit; it is written within the debounce time. Returns at once."""
        with self._wake:
            known = self._noted.get(case.id)
            since = known.since if known is not None and not known.written else time.monotonic()
            self._noted[case.id] = _Noted(case, base_revision, since)
            self._wake.notify_all()

    def saved(self, case: Case, revision: int) -> None:
        """A revision was committed to the library; edits made after it stay in the journal, based on it."""
        with self._wake:
            known = self._noted.get(case.id)
            if known is None or known.case == case:
                self._noted.pop(case.id, None)
                self._forget.add(case.id)
            else:
                self._noted[case.id] = _Noted(known.case, revision, known.since)
            self._wake.notify_all()

    def flush(self) -> None:
        """Write everything noted so far; returns when it is on the disk.

        Raises
        ------
        StoreError
            ``journal-failed``.
        """
        self._write_all()
        if self.trouble is not None:
            raise StoreError("journal-failed", self.trouble, subject=str(self._folder))

    def close(self) -> None:
        """Flush and end. A journal with nothing unsaved leaves no file; otherwise the next start offers it.

        Closing again does nothing.
        """
        with self._wake:
            if self._stopped:
                return
            self._stopped = True
            self._wake.notify_all()
        self._thread.join()
        self._write_all()
        with self._disk:
            left = self._database.execute("SELECT count(*) FROM unsaved").fetchone()[0]
            self._database.close()
        if left == 0:
            _remove(self._file)

    # -- the writer ------------------------------------------------------------------------------------------------

    def _write_on(self) -> None:
        while True:
            with self._wake:
                while not self._stopped and (wait := self._until_due()) != 0.0:
                    self._wake.wait(wait)
                if self._stopped:
                    return
            self._write_all()
            if self.trouble is not None:
                with self._wake:
                    # A full disk is not asked again at once.
                    self._wake.wait_for(lambda: self._stopped, timeout=self._debounce_s)

    def _until_due(self) -> float | None:
        """Seconds until something must be written; None while there is nothing."""
        if self._forget:
            return 0.0
        waiting = [each.since for each in self._noted.values() if not each.written]
        if not waiting:
            return None
        return max(0.0, min(waiting) + self._debounce_s - time.monotonic())

    def _write_all(self) -> None:
        with self._disk:
            with self._wake:
                todo = {key: each for key, each in self._noted.items() if not each.written}
                forget = set(self._forget)
            if not todo and not forget:
                return
            try:
                self._transact(todo, forget)
            except (sqlite3.Error, InputRefused, TypeError) as error:
                self._tell(f"Unsaved work could not be written to the recovery folder ({error}); save now.")
                return
            with self._wake:
                self._forget -= forget
                for each in todo.values():
                    each.written = True
        self._tell(None)

    def _transact(self, todo: dict[str, _Noted], forget: set[str]) -> None:
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        try:
            for case_id in forget:
                database.execute("DELETE FROM unsaved WHERE case_id = ?", (case_id,))
            for each in todo.values():
                _put(database, each.case, each.base_revision, stamp(utc_now()))
            database.execute("COMMIT")
        except BaseException:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise

    def _tell(self, trouble: str | None) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            if self._on_trouble is not None:
                self._on_trouble(trouble)

    # -- after a crash ---------------------------------------------------------------------------------------------

    def pending(self) -> tuple[Unsaved, ...]:
        """Work left behind by programs that no longer run, newest first.

        Journals that cannot be read are named in `damaged` and left where they are.
        """
        found: list[Unsaved] = []
        damaged: list[Path] = []
        for file in self._abandoned_files():
            try:
                found.extend(_read(file))
            except _StillOpen:
                continue
            except (sqlite3.Error, InputRefused, ValueError):
                damaged.append(file)
        self.damaged = tuple(damaged)
        return tuple(sorted(found, key=lambda each: each.noted_at, reverse=True))

    def _abandoned_files(self) -> list[Path]:
        return sorted(each for each in self._folder.glob(f"*{_SUFFIX}") if each != self._file)

    def adopt(self, unsaved: Unsaved) -> None:
        """Take recovered work into this journal, and only then let go of the old one.

        A second crash before the next save loses nothing either.
        """
        self.note(unsaved.case, unsaved.base_revision)
        self.flush()
        self.discard(unsaved)

    def discard(self, unsaved: Unsaved) -> None:
        """Forget work left behind, on a person's word."""
        with contextlib.closing(_open(unsaved.origin)) as database:
            database.execute("DELETE FROM unsaved WHERE case_id = ?", (unsaved.case.id,))
            left = database.execute("SELECT count(*) FROM unsaved").fetchone()[0]
        if left == 0:
            _remove(unsaved.origin)


class _StillOpen(Exception):
    """The journal belongs to a program that is running."""


def _open(file: Path, wait_s: float = 0.0) -> sqlite3.Connection:
    """Open and lock a journal. The connection is used from several threads, under the journal's own lock."""
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=wait_s)
    try:
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "trusted_schema=OFF"):
            database.execute(f"PRAGMA {pragma}").fetchall()
        database.execute(_TABLE)
    except BaseException:
        database.close()
        raise
    return database


def _put(database: sqlite3.Connection, case: Case, base_revision: int, noted_at: str) -> None:
    body = codec.canonical(case)
    database.execute(
        "INSERT INTO unsaved(case_id, base_revision, noted_at, sha256, body) VALUES(?, ?, ?, ?, ?) "
        "ON CONFLICT(case_id) DO UPDATE SET base_revision = excluded.base_revision, noted_at = excluded.noted_at, "
        "sha256 = excluded.sha256, body = excluded.body",
        (case.id, base_revision, noted_at, hashlib.sha256(body.encode("utf-8")).hexdigest(), body),
    )


def _read(file: Path) -> list[Unsaved]:
    try:
        database = _open(file)
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise _StillOpen from error
        raise
    with contextlib.closing(database):
        rows = database.execute("SELECT base_revision, noted_at, sha256, body FROM unsaved").fetchall()
    if not rows and utc_now().timestamp() - file.stat().st_mtime > _STALE_S:
        _remove(file)
    return [
        Unsaved(decode(body, sha256, f"recovery journal {file.name}"), base, datetime.fromisoformat(noted_at), file)
        for base, noted_at, sha256, body in rows
    ]


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm"):
        file.with_name(name).unlink(missing_ok=True)
