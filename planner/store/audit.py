"""The audit trail: one hash chain per case, written in the transaction of the change it tells of.

It holds identifiers, digests and codes; never a name of a patient nor free text. The chain shows edits and
deletions; it cannot show that an administrator rewrote all of it, which is why the head is printed in reports.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sqlalchemy import Connection, func, insert, select

from planner.model import codec
from planner.store import schema
from planner.store.actors import Action, Actor, software_version, stamp, utc_now

ORIGIN = "0" * 64
"""What the first entry of a chain follows."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry.

    Attributes
    ----------
    counter
        From 1, without gaps; the order of events even when a clock was set back.
    at
        UTC, ISO 8601.
    object, object_digest
        What was acted on (``revision 12``, ``session s-1 stage consent``) and the SHA-256 it had.
    reason
        A code of `SaveReason` or empty.
    previous, hash
        SHA-256 of the entry before, and of this one together with it.
    """

    case_id: str
    counter: int
    at: str
    user: str
    role: str
    workstation: str
    action: str
    object: str
    object_digest: str | None
    reason: str
    software: str
    previous: str
    hash: str = ""

    def sealed_hash(self) -> str:
        """The hash this entry must have."""
        content = {key: value for key, value in codec.to_json(self).items() if key != "hash"}
        return hashlib.sha256((self.previous + codec.canonical(content)).encode("utf-8")).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """What checking a chain found.

    Attributes
    ----------
    intact
        False as soon as one entry is missing or does not fit.
    head
        Hash of the last entry; print it in reports: it is the anchor outside the database.
    text
        One sentence for a person.
    """

    intact: bool
    entries: int
    head: str
    text: str


def append(
    connection: Connection,
    case_id: str,
    by: Actor,
    action: Action,
    *,
    target: str,
    digest: str | None = None,
    reason: str = "",
) -> str:
    """Add an entry within the caller's transaction; returns the new head of the chain."""
    last = connection.execute(
        select(schema.audit.c.counter, schema.audit.c.hash)
        .where(schema.audit.c.case_id == case_id)
        .order_by(schema.audit.c.counter.desc())
        .limit(1)
    ).first()
    entry = AuditEntry(
        case_id=case_id,
        counter=1 if last is None else last.counter + 1,
        at=stamp(utc_now()),
        user=by.user,
        role=by.role,
        workstation=by.workstation,
        action=action.value,
        object=target,
        object_digest=digest,
        reason=reason,
        software=software_version(),
        previous=ORIGIN if last is None else last.hash,
    )
    sealed = entry.sealed_hash()
    connection.execute(insert(schema.audit).values(**{**codec.to_json(entry), "hash": sealed}))
    return sealed


def trail(connection: Connection, case_id: str) -> tuple[AuditEntry, ...]:
    """All entries of a case, oldest first."""
    rows = connection.execute(
        select(schema.audit).where(schema.audit.c.case_id == case_id).order_by(schema.audit.c.counter)
    ).mappings()
    return tuple(AuditEntry(**row) for row in rows)


def verify(connection: Connection, case_id: str, expected_head: str | None = None) -> ChainReport:
    """Recompute the chain of a case and compare it with the revisions it tells of.

    Parameters
    ----------
    expected_head
        A head printed earlier; it must still be one of the hashes. Only this shows a tail that was cut
        together with its revisions.
    """
    entries = trail(connection, case_id)
    head = entries[-1].hash if entries else ORIGIN
    fault = _fault(entries) or _revision_fault(connection, case_id, entries)
    if fault is None and expected_head is not None and expected_head not in {entry.hash for entry in entries}:
        fault = "the printed head is not in the chain"
    if fault is None:
        return ChainReport(True, len(entries), head, f"The audit trail is unbroken: {len(entries)} entries.")
    return ChainReport(False, len(entries), head, f"The audit trail was tampered with: {fault}.")


def _fault(entries: tuple[AuditEntry, ...]) -> str | None:
    previous = ORIGIN
    for position, entry in enumerate(entries, start=1):
        if entry.counter != position:
            return f"entry {position} is missing"
        if entry.previous != previous or entry.hash != entry.sealed_hash():
            return f"entry {position} was changed"
        previous = entry.hash
    return None


def _revision_fault(connection: Connection, case_id: str, entries: tuple[AuditEntry, ...]) -> str | None:
    told = {entry.object: entry.object_digest for entry in entries if entry.action in _WRITES}
    revisions = schema.case_revision.c
    rows = connection.execute(
        select(revisions.revision, revisions.sha256, revisions.body).where(revisions.case_id == case_id)
    )
    for row in rows:
        if told.pop(revision_name(row.revision), None) != row.sha256:
            return f"revision {row.revision} does not fit its entry"
        if hashlib.sha256(row.body.encode("utf-8")).hexdigest() != row.sha256:
            return f"the content of revision {row.revision} was changed"
    return None if not told else f"{min(told)} is missing"


_WRITES = frozenset({Action.CREATED.value, Action.SAVED.value, Action.CONFLICT.value})


def revision_name(revision: int) -> str:
    return f"revision {revision}"


def head_of(connection: Connection, case_id: str) -> str:
    """The hash of the last entry; `ORIGIN` without one."""
    entries = schema.audit.c
    newest = select(func.max(entries.counter)).where(entries.case_id == case_id).scalar_subquery()
    found = connection.execute(
        select(entries.hash).where(entries.case_id == case_id, entries.counter == newest)
    ).scalar()
    return ORIGIN if found is None else str(found)
