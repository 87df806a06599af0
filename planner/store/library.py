"""The library: cases as immutable revisions under a head that moves by compare-and-swap.

Every change is one transaction: the revision, the head, the links to its blobs, the signatures and the audit
entries become visible together, or not at all. A method returns only after COMMIT, so what it returned is saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, select, update

from planner.errors import EditConflict, StoreError
from planner.model.case import Case
from planner.store import audit, backup, blobs, leases, revisions, schema
from planner.store.actors import Action, Actor, SaveReason, stamp, utc_now
from planner.store.audit import AuditEntry, ChainReport
from planner.store.engine import WRITE, address, explained, open_engine, sqlite_file
from planner.store.leases import Lease
from planner.store.summary import CaseSummary, folded


class SavedElsewhere(EditConflict):
    """Somebody else saved the case since it was opened. The loser's work is kept as a branch.

    Attributes
    ----------
    branch_revision
        Where this work now lies; open it with `Library.open_revision`.
    head_revision, head_author
        What is current, and whose it is.
    """

    def __init__(self, case_id: str, branch_revision: int, head_revision: int, head_author: str) -> None:
        super().__init__(
            "edit-conflict",
            f"{head_author} saved this case meanwhile (revision {head_revision}); your work was kept as revision "
            f"{branch_revision}: compare the two and choose.",
            subject=case_id,
        )
        self.branch_revision = branch_revision
        self.head_revision = head_revision
        self.head_author = head_author


@dataclass(frozen=True, slots=True)
class RevisionInfo:
    """One line of a case's history.

    Attributes
    ----------
    parent
        The revision it was made from; None for the first.
    is_head
        The current one.
    is_branch
        Kept after a lost race, and not an ancestor of the current one.
    """

    revision: int
    parent: int | None
    saved_at: str
    author: str
    reason: str
    sha256: str
    rule_set: str
    software: str
    is_head: bool
    is_branch: bool


@dataclass(frozen=True, slots=True)
class PrintRecord:
    """A paper of a revision that exists somewhere."""

    number: int
    revision: int
    what: str
    document_sha256: str
    printed_at: str
    printed_by: str


@dataclass(frozen=True, slots=True)
class SeriesPlace:
    """Where the images of a case lie as this library knows it; `managed_folder` is relative to `Library.folder`."""

    series_uid: str
    part: int
    files_root: str | None
    managed_folder: str | None
    fingerprint: str | None


class Library:
    """One open library. Safe to use from several threads; every method is one transaction.

    Attributes
    ----------
    url
        Without a password.
    file
        The SQLite file, or None for a server.
    backup_trouble
        Why today's backup could not be made, as a sentence to be shown; None when there is nothing to say.
    """

    def __init__(self, engine: Engine, url: str, file: Path | None) -> None:
        self._engine = engine
        self._writer = engine.execution_options(**{WRITE: True})
        self.url = url
        self.file = file
        self.backup_trouble: str | None = None
        self.name = file.name if file is not None else url

    @staticmethod
    def open(url: str, *, daily_backup: bool = True) -> Library:
        """Open a library, or create one where there is nothing.

        Parameters
        ----------
        url
            ``sqlite:///FILE`` or ``postgresql+psycopg://…``.
        daily_backup
            Copy an SQLite library to its ``backups`` folder unless that was done today.

        Raises
        ------
        StoreError
            When it is damaged, empty, foreign, newer, on a network share or unreachable; it is left as it was.
        """
        parsed = address(url)
        file = sqlite_file(parsed) if parsed.get_backend_name() == "sqlite" else None
        existed = file is not None and file.exists()
        library = Library(open_engine(parsed), parsed.render_as_string(hide_password=True), file)
        if daily_backup and existed and file is not None:
            try:
                backup.daily(file)
            except StoreError as error:
                # Work goes on without today's copy; the window says so.
                library.backup_trouble = error.message
        return library

    @property
    def folder(self) -> Path | None:
        """The folder of an SQLite library, for managed copies of images and backups."""
        return None if self.file is None else self.file.parent

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads one consistent state."""
        with explained(self.name), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first statement (on SQLite)."""
        with explained(self.name), self._writer.begin() as connection:
            yield connection

    # -- cases -----------------------------------------------------------------------------------------------------

    def create_case(self, case: Case, by: Actor, reason: SaveReason = SaveReason.CREATED) -> int:
        """Put a new case in; returns its first revision number, 1.

        Raises
        ------
        StoreError
            ``case-exists``: a case is never overwritten, not by an import either.
        """
        stored = revisions.encoded(case)
        with self.writing() as connection:
            if revisions.head(connection, case.id, lock=True) is not None:
                raise StoreError("case-exists", f"A case {case.id} is already in the library.", subject=case.id)
            connection.execute(
                insert(schema.case_head).values(case_id=case.id, **revisions.head_values(case, 1, 1, by))
            )
            revisions.write_revision(connection, case, stored, 1, None, by, reason)
            audit.append(
                connection,
                case.id,
                by,
                Action.CREATED,
                target=audit.revision_name(1),
                digest=stored.sha256,
                reason=reason.value,
            )
            revisions.write_acts(connection, case, 1, by)
        return 1

    def open_case(self, case_id: str, by: Actor | None = None) -> tuple[Case, int]:
        """The current state of a case and its revision number. The access is noted in the audit trail.

        Raises
        ------
        InputRefused
            ``unknown-case``, or a document that is damaged or of a newer version.
        """
        with self.reading() as connection:
            head = revisions.require_head(connection, case_id)
            case, digest = revisions.read_revision(connection, case_id, head.head_revision)
        try:
            with self.writing() as connection:
                audit.append(
                    connection,
                    case_id,
                    by or Actor.here(),
                    Action.OPENED,
                    target=f"opened {head.head_revision}",
                    digest=digest,
                )
        except StoreError as error:
            # A library on read-only media can still be read; there is no place to note it.
            if error.code != "library-read-only":
                raise
        return case, int(head.head_revision)

    def open_revision(self, case_id: str, revision: int) -> Case:
        """An older revision or a branch, for comparing.

        Raises
        ------
        InputRefused
            ``unknown-case`` for a revision that does not exist.
        """
        with self.reading() as connection:
            return revisions.read_revision(connection, case_id, revision)[0]

    def save(self, case: Case, base_revision: int, by: Actor, reason: SaveReason = SaveReason.SAVE) -> int:
        """Write a new revision and move the head to it; returns its number, after COMMIT.

        Saving what is already current writes nothing and returns the current number, so a retry is harmless.

        Parameters
        ----------
        base_revision
            The revision this work started from.

        Raises
        ------
        SavedElsewhere
            When the head has moved meanwhile; this work is kept as a branch and the head stays.
        """
        stored = revisions.encoded(case)
        with self.writing() as connection:
            head = revisions.require_head(connection, case.id, lock=True)
            current, author = revisions.head_sha256(connection, case.id, head.head_revision)
            if current == stored.sha256:
                return int(head.head_revision)
            number = revisions.next_number(connection, case.id)
            moved = head.head_revision != base_revision
            if not moved:
                moved = not revisions.swap(connection, case, head, number, by)
            written = SaveReason.CONFLICT if moved else reason
            revisions.write_revision(connection, case, stored, number, base_revision, by, written)
            audit.append(
                connection,
                case.id,
                by,
                Action.CONFLICT if moved else Action.SAVED,
                target=audit.revision_name(number),
                digest=stored.sha256,
                reason=reason.value,
            )
            if not moved:
                revisions.write_acts(connection, case, number, by)
        if moved:
            raise SavedElsewhere(case.id, number, int(head.head_revision), author)
        return number

    def head_revision(self, case_id: str) -> int:
        """The number of the current revision, to see whether somebody else saved."""
        with self.reading() as connection:
            return int(revisions.require_head(connection, case_id).head_revision)

    def list_cases(self, search: str = "", *, limit: int = 500) -> tuple[CaseSummary, ...]:
        """The library's list, newest change first.

        Parameters
        ----------
        search
            Words; each must occur (as a part, without regard to case and accents) in name, identifier, diagnosis,
            titles or states of sessions.
        """
        heads = schema.case_head
        query = select(heads).order_by(heads.c.updated_at.desc()).limit(limit)
        for word in folded(search).split():
            query = query.where(heads.c.search_text.contains(word, autoescape=True))
        with self.reading() as connection:
            held = leases.all_current(connection)
            rows = connection.execute(query).mappings().all()
            return tuple(revisions.summary(connection, dict(row), held.get(row["case_id"])) for row in rows)

    def same_patient(self, patient_id: str, issuer: str | None, birth_date: date | None) -> tuple[str, ...]:
        """Ids of cases of a patient, by identifier with issuer *and* birth date; never by name."""
        heads = schema.case_head.c
        query = select(heads.case_id).where(heads.patient_id == patient_id)
        query = query.where(heads.birth_date == (None if birth_date is None else birth_date.isoformat()))
        query = query.where(heads.issuer == issuer) if issuer is not None else query.where(heads.issuer.is_(None))
        with self.reading() as connection:
            return tuple(connection.execute(query).scalars())

    # -- history and audit -----------------------------------------------------------------------------------------

    def history(self, case_id: str) -> tuple[RevisionInfo, ...]:
        """All revisions, newest first, branches among them."""
        table = schema.case_revision
        columns = [each for each in table.c if each.name != "body"]
        with self.reading() as connection:
            head = int(revisions.require_head(connection, case_id).head_revision)
            rows = connection.execute(
                select(*columns).where(table.c.case_id == case_id).order_by(table.c.revision.desc())
            ).all()
        parents = {row.revision: row.parent for row in rows}
        line: set[int] = set()
        step: int | None = head
        while step is not None and step not in line:
            line.add(step)
            step = parents.get(step)
        return tuple(
            RevisionInfo(
                row.revision,
                row.parent,
                row.saved_at,
                row.author,
                row.reason,
                row.sha256,
                row.rule_set,
                row.software,
                row.revision == head,
                row.revision not in line,
            )
            for row in rows
        )

    def audit_trail(self, case_id: str) -> tuple[AuditEntry, ...]:
        with self.reading() as connection:
            return audit.trail(connection, case_id)

    def audit_head(self, case_id: str) -> str:
        """The head of the chain, to be printed in a report."""
        with self.reading() as connection:
            return audit.head_of(connection, case_id)

    def verify_chain(self, case_id: str, expected_head: str | None = None) -> ChainReport:
        """Check the audit trail and every revision's digest; see `planner.store.audit.verify`."""
        with self.reading() as connection:
            return audit.verify(connection, case_id, expected_head)

    def note(self, case_id: str, by: Actor, action: Action, target: str, digest: str | None = None) -> str:
        """Write an audit entry for an act outside the case document (export); returns the head of the chain."""
        with self.writing() as connection:
            revisions.require_head(connection, case_id)
            return audit.append(connection, case_id, by, action, target=target, digest=digest)

    # -- blobs -----------------------------------------------------------------------------------------------------

    def put_blob(self, content: bytes) -> str:
        """Store bytes under their SHA-256, which is returned after COMMIT."""
        with self.writing() as connection:
            return blobs.put(connection, content)

    def get_blob(self, sha256: str) -> bytes:
        """Raises `StoreError` (``blob-missing``, ``blob-damaged``)."""
        with self.reading() as connection:
            return blobs.get(connection, sha256)

    def sweep_blobs(self, older_than: timedelta = timedelta(days=30), keep: frozenset[str] = frozenset()) -> int:
        """Remove blobs of undone strokes that no revision ever used; `keep` names those a recovery journal needs."""
        with self.writing() as connection:
            return blobs.sweep(connection, stamp(utc_now() - older_than), keep)

    # -- prints, leases, images --------------------------------------------------------------------------------------

    def record_print(self, case_id: str, revision: int, what: str, document_sha256: str, by: Actor) -> int:
        """Remember that a paper of a revision exists; returns the running number of the print."""
        prints = schema.print_log
        with self.writing() as connection:
            revisions.require_head(connection, case_id, lock=True)
            last = connection.execute(select(func.max(prints.c.number)).where(prints.c.case_id == case_id)).scalar()
            number = (last or 0) + 1
            connection.execute(
                insert(prints).values(
                    case_id=case_id,
                    number=number,
                    revision=revision,
                    what=what,
                    document_sha256=document_sha256,
                    printed_at=stamp(utc_now()),
                    printed_by=by.user,
                    workstation=by.workstation,
                )
            )
            audit.append(
                connection, case_id, by, Action.PRINTED, target=f"print {number} of {revision}", digest=document_sha256
            )
        return number

    def prints(self, case_id: str) -> tuple[PrintRecord, ...]:
        """The papers that exist of a case, newest first: "a paper of revision 12 was printed"."""
        prints = schema.print_log.c
        columns = (
            prints.number,
            prints.revision,
            prints.what,
            prints.document_sha256,
            prints.printed_at,
            prints.printed_by,
        )
        query = select(*columns).where(prints.case_id == case_id).order_by(prints.number.desc())
        with self.reading() as connection:
            return tuple(PrintRecord(*row) for row in connection.execute(query))

    def take_lease(self, case_id: str, by: Actor, token: str | None = None) -> tuple[Lease, Lease | None]:
        """Take or renew a lease; the second value is somebody else's, to be shown, and locks nothing."""
        with self.writing() as connection:
            revisions.require_head(connection, case_id)
            return leases.take(connection, case_id, by, token)

    def release_lease(self, held: Lease) -> None:
        with self.writing() as connection:
            leases.release(connection, held)

    def note_series(self, case_id: str, place: SeriesPlace, by: Actor, action: Action = Action.ATTACHED) -> None:
        """Remember (or correct) where the images of a case lie."""
        places = schema.series_index
        key = (places.c.case_id == case_id) & (places.c.series_uid == place.series_uid) & (places.c.part == place.part)
        values = {
            "files_root": place.files_root,
            "managed_folder": place.managed_folder,
            "fingerprint": place.fingerprint,
            "noted_at": stamp(utc_now()),
        }
        with self.writing() as connection:
            revisions.require_head(connection, case_id)
            if connection.execute(update(places).where(key).values(values)).rowcount == 0:
                connection.execute(
                    insert(places).values(case_id=case_id, series_uid=place.series_uid, part=place.part, **values)
                )
            audit.append(
                connection,
                case_id,
                by,
                action,
                target=f"series {place.series_uid}#{place.part}",
                digest=place.fingerprint,
            )

    def series_places(self, case_id: str) -> tuple[SeriesPlace, ...]:
        places = schema.series_index.c
        columns = (places.series_uid, places.part, places.files_root, places.managed_folder, places.fingerprint)
        with self.reading() as connection:
            query = select(*columns).where(places.case_id == case_id).order_by(places.series_uid, places.part)
            return tuple(SeriesPlace(*row) for row in connection.execute(query))
