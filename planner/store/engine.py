"""Opens a library's database: examined before it is touched, created whole or not at all, with safe pragmas."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, func, insert, make_url, select
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from planner.errors import StoreError
from planner.store import schema
from planner.store.actors import software_version, stamp, utc_now
from planner.store.places import why_unsafe

WRITE = "seldinger_write"
"""Execution option of connections that will write: their transaction takes the write lock at once."""

BUSY_MS = 5000

_PRAGMAS = (
    "journal_mode=WAL",
    # NORMAL may lose the last commits at power loss; FULL does not, if the disk tells the truth.
    "synchronous=FULL",
    "foreign_keys=ON",
    # Without it INSERT OR REPLACE would delete rows without asking the append-only triggers.
    "recursive_triggers=ON",
    f"busy_timeout={BUSY_MS}",
    "trusted_schema=OFF",
)


def _keep_rows_out_of_logs() -> None:
    """At DEBUG the database layer logs whole result rows, names and all, whatever `hide_parameters` says."""
    logging.getLogger("sqlalchemy.engine.Engine").setLevel(logging.WARNING)


def address(url: str) -> URL:
    """Parse a library's address.

    Raises
    ------
    StoreError
        ``library-unreachable``.
    """
    try:
        return make_url(url)
    except ArgumentError as error:
        raise StoreError(
            "library-unreachable", "The library's address is not understood; give a file or a database URL."
        ) from error


def open_engine(url: URL) -> Engine:
    """An engine on an existing or a newly created library.

    Parameters
    ----------
    url
        ``sqlite:///FILE`` or ``postgresql+psycopg://…``.

    Raises
    ------
    StoreError
        ``library-corrupt``, ``library-empty``, ``library-foreign``, ``library-newer``, ``library-on-network``,
        ``library-unreachable``. The file is left exactly as it was.
    """
    _keep_rows_out_of_logs()
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(sqlite_file(url))
    return _open_server(url)


def sqlite_file(url: URL) -> Path:
    """The file of an SQLite URL.

    Raises
    ------
    StoreError
        For a URL without a file: a library in memory would be lost at the end.
    """
    if not url.database or url.database == ":memory:":
        raise StoreError("library-unreachable", "The library's address names no file; give sqlite:///FILE.")
    return Path(os.path.abspath(url.database))


def _open_sqlite(file: Path) -> Engine:
    unsafe = why_unsafe(file)
    if unsafe is not None:
        raise StoreError(
            "library-on-network",
            f"{file.name} {unsafe}, where SQLite loses data; put the library on a local disk or use PostgreSQL.",
            subject=str(file),
        )
    if not file.exists():
        _create_whole(file)
    _examine(file)
    engine = _sqlite_engine(file)
    with contextlib.closing(_connect(file)) as probe:
        # Once, outside any transaction: the mode is kept in the file.
        _apply_pragmas(probe)
    return engine


def _sqlite_engine(file: Path) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: _connect(file), poolclass=QueuePool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def on_connect(connection: sqlite3.Connection, record: object) -> None:
        del record
        _apply_pragmas(connection)

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # Python's driver would begin late and only before some statements; a reader must not take the write lock.
        writes = connection.get_execution_options().get(WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _connect(file: Path, mode: str = "rw") -> sqlite3.Connection:
    """A connection that never creates a file: a missing library is not an empty one."""
    return sqlite3.connect(
        f"{file.as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000
    )


def _apply_pragmas(connection: sqlite3.Connection) -> None:
    connection.isolation_level = None
    for pragma in _PRAGMAS:
        try:
            connection.execute(f"PRAGMA {pragma}").fetchall()
        except sqlite3.OperationalError:
            # A library on read-only media keeps the mode it has; it can be read, and every write says why not.
            if not pragma.startswith("journal_mode"):
                raise


def _create_whole(file: Path) -> None:
    """A new library appears under its name only when it is complete, so a crash leaves no empty one."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        os.close(descriptor)
        try:
            _fill(draft)
            _put_in_place(draft, file)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, sqlite3.Error, SQLAlchemyError) as error:
        raise StoreError(
            "library-unreachable",
            f"The library {file} could not be created; check the folder, its rights and the free space.",
            subject=str(file),
        ) from error


def _put_in_place(draft: Path, file: Path) -> None:
    """Give the finished library its name, never over a file that somebody else created meanwhile."""
    try:
        os.link(draft, file)
    except FileExistsError:
        return
    except OSError:
        # exFAT and some shares know no hard links.
        if not file.exists():
            os.rename(draft, file)


def _fill(draft: Path) -> None:
    engine = _sqlite_engine(draft)
    try:
        with contextlib.closing(_connect(draft)) as raw:
            raw.execute(f"PRAGMA application_id={schema.APPLICATION_ID}")
            raw.execute(f"PRAGMA user_version={schema.SCHEMA_VERSION}")
        with engine.execution_options(**{WRITE: True}).begin() as connection:
            schema.metadata.create_all(connection)
            _note_schema(connection)
    finally:
        engine.dispose()
    with contextlib.closing(_connect(draft)) as raw:
        # The log must be empty before the file is linked under its own name.
        raw.execute("PRAGMA journal_mode=DELETE").fetchall()
    with draft.open("rb") as stream:
        os.fsync(stream.fileno())


def _note_schema(connection: Connection) -> None:
    facts = {
        "schema_version": str(schema.SCHEMA_VERSION),
        "library_id": uuid.uuid4().hex,
        "created_at": stamp(utc_now()),
        "created_with": software_version(),
    }
    connection.execute(insert(schema.schema_info), [{"key": key, "value": value} for key, value in facts.items()])


def _examine(file: Path) -> None:
    """Refuse what is not a whole library of ours, by reading only."""
    advice = "it was not changed; restore a copy from the backups folder beside it"
    try:
        # Never opened by ourselves: closing it would drop the locks this process holds on it through SQLite.
        size = file.stat().st_size
    except OSError as error:
        raise StoreError(
            "library-unreachable",
            f"{file.name} cannot be read ({error.strerror}); check its rights.",
            subject=str(file),
        ) from error
    if size == 0:
        raise StoreError("library-empty", f"{file.name} is empty (zero bytes); {advice}.", subject=str(file))
    try:
        with contextlib.closing(_connect(file, "ro")) as probe:
            application = probe.execute("PRAGMA application_id").fetchone()[0]
            version = probe.execute("PRAGMA user_version").fetchone()[0]
            verdict = probe.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        if "locked" in str(error):
            raise _explained(error, file.name) from error
        raise StoreError(
            "library-corrupt", f"{file.name} is damaged ({error}); {advice}.", subject=str(file)
        ) from error
    if application != schema.APPLICATION_ID:
        raise StoreError(
            "library-foreign", f"{file.name} is a database of another program; choose another file.", subject=str(file)
        )
    _refuse_newer(version, file.name)
    if verdict != "ok":
        raise StoreError("library-corrupt", f"{file.name} is damaged ({verdict}); {advice}.", subject=str(file))


def _refuse_newer(version: int, name: str) -> None:
    if version > schema.SCHEMA_VERSION:
        raise StoreError(
            "library-newer",
            f"{name} was made with a newer version of the program (library format {version}, this one knows "
            f"{schema.SCHEMA_VERSION}); update the program. Nothing was changed.",
            subject=name,
        )


def _open_server(url: URL) -> Engine:
    name = f"{url.host or 'server'}/{url.database or ''}"
    try:
        engine = create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise StoreError(
            "library-unreachable",
            f"No driver for {url.get_backend_name()} is installed; install one (for PostgreSQL: "
            "pip install 'psycopg[binary]').",
            subject=name,
        ) from error
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                # Of workstations that open an empty library at once, one creates the tables and the others wait for it.
                connection.execute(select(func.pg_advisory_xact_lock(schema.APPLICATION_ID)))
            schema.metadata.create_all(connection)
            known = connection.execute(
                select(schema.schema_info.c.value).where(schema.schema_info.c.key == "schema_version")
            ).scalar()
            if known is None:
                _note_schema(connection)
            else:
                _refuse_newer(int(known), name)
    except DBAPIError as error:
        raise StoreError(
            "library-unreachable",
            f"The database {name} does not answer; check the network and your rights.",
            subject=name,
        ) from error
    return engine


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
    """Turn what the database says into a sentence; values of statements never appear in it.

    Raises
    ------
    StoreError
        ``library-busy``, ``disk-full``, ``library-read-only``, ``library-corrupt`` or ``library-failed``.
    """
    try:
        yield
    except DBAPIError as error:
        raise _explained(error.orig, name) from error
    except SQLAlchemyError as error:
        raise _explained(error, name) from error


_SENTENCES = (
    ("locked|busy|timeout", "library-busy", "is in use by another program; try again in a moment"),
    ("full|no space", "disk-full", "could not be written because the disk is full; make room and save again"),
    ("readonly|read-only", "library-read-only", "is read-only; copy it to a place where you may write"),
    ("malformed|not a database|corrupt", "library-corrupt", "is damaged; restore a copy from the backups folder"),
    (
        "terminat|connection|server closed",
        "library-unreachable",
        "does not answer any more; check the network, then save again",
    ),
    ("disk i/o", "disk-full", "could not be written (disk error); check the disk and save again"),
)


def _explained(error: Any, name: str) -> StoreError:
    said = str(error).casefold()
    for pattern, code, sentence in _SENTENCES:
        if re.search(pattern, said):
            return StoreError(code, f"The library {name} {sentence}. What was saved before is unchanged.", subject=name)
    return StoreError(
        "library-failed",
        f"The library {name} refused the change ({type(error).__name__}). What was saved before is unchanged.",
        subject=name,
    )
