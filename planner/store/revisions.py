"""Rows of heads and revisions, within the caller's transaction."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from planner.errors import InputRefused, StoreError
from planner.model import codec
from planner.model.case import SCHEMA, Case
from planner.store import audit, blobs, schema
from planner.store.actors import Action, Actor, SaveReason, software_version, stamp, utc_now
from planner.store.leases import Lease
from planner.store.summary import CaseFacts, CaseSummary, facts_of, search_text


def rule_set_of(case: Case) -> str:
    """Digest of the templates and profiles the sessions of a case follow: which rules its results came from."""
    return codec.digest(sorted({codec.canonical(session.template) for session in case.sessions}))


def decode(body: str, sha256: str, where: str) -> Case:
    """A case from its stored document.

    Raises
    ------
    InputRefused
        ``damaged-document``, ``newer-document`` or ``bad-document``.
    """
    if hashlib.sha256(body.encode("utf-8")).hexdigest() != sha256:
        raise InputRefused(
            "damaged-document", f"{where} does not fit its digest; restore a backup of the library.", subject=where
        )
    return case_from_text(body, where)


def case_from_text(body: str, where: str) -> Case:
    """A case from JSON text, refusing what is no case of a version we know.

    Raises
    ------
    InputRefused
        ``newer-document`` or ``bad-document``.
    """
    try:
        data = json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InputRefused("bad-document", f"{where} is not valid JSON; it was not opened.", subject=where) from error
    if not isinstance(data, dict):
        raise InputRefused("bad-document", f"{where} is not a case; it was not opened.", subject=where)
    version = data.get("schema")
    if isinstance(version, int) and version > SCHEMA:
        raise InputRefused(
            "newer-document",
            f"{where} was made with a newer version of the program (document format {version}, this one knows "
            f"{SCHEMA}); update the program.",
            subject=where,
        )
    return codec.from_json(Case, data, where)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def head(connection: Connection, case_id: str, *, lock: bool = False) -> Row[Any] | None:
    """The head's row. `lock` holds it on a server until the end of the transaction; SQLite has one writer anyway."""
    query = select(schema.case_head).where(schema.case_head.c.case_id == case_id)
    return connection.execute(query.with_for_update() if lock else query).first()


def require_head(connection: Connection, case_id: str, *, lock: bool = False) -> Row[Any]:
    """Raises `InputRefused` (``unknown-case``)."""
    found = head(connection, case_id, lock=lock)
    if found is None:
        raise InputRefused(
            "unknown-case", f"There is no case {case_id} in this library; see the list of cases.", subject=case_id
        )
    return found


def head_values(case: Case, number: int, row_version: int, by: Actor) -> dict[str, Any]:
    """The columns of a head that follow from a case."""
    facts = facts_of(case)
    return {
        "head_revision": number,
        "row_version": row_version,
        "patient_id": case.patient.patient_id,
        "issuer": case.patient.issuer,
        "birth_date": None if case.patient.birth_date is None else case.patient.birth_date.isoformat(),
        "search_text": search_text(case.id, facts),
        "summary": codec.canonical(facts),
        "updated_at": stamp(utc_now()),
        "updated_by": by.user,
        "simulated": case.simulated,
    }


def swap(connection: Connection, case: Case, seen: Row[Any], number: int, by: Actor) -> bool:
    """Move the head if it is still as seen; False when somebody else was faster."""
    heads = schema.case_head
    done = connection.execute(
        update(heads)
        .where(heads.c.case_id == case.id, heads.c.row_version == seen.row_version)
        .values(**head_values(case, number, seen.row_version + 1, by))
    )
    return done.rowcount == 1


def revision_row(connection: Connection, case_id: str, number: int) -> Row[Any]:
    """Raises `InputRefused` (``unknown-case``)."""
    revisions = schema.case_revision
    row = connection.execute(
        select(revisions).where(revisions.c.case_id == case_id, revisions.c.revision == number)
    ).first()
    if row is None:
        raise InputRefused(
            "unknown-case", f"There is no revision {number} of case {case_id} in this library.", subject=case_id
        )
    return row


def read_revision(connection: Connection, case_id: str, number: int) -> tuple[Case, str]:
    """A case as of a revision, and its digest."""
    row = revision_row(connection, case_id, number)
    return decode(row.body, row.sha256, f"case {case_id} revision {number}"), str(row.sha256)


def head_sha256(connection: Connection, case_id: str, number: int) -> tuple[str, str]:
    """Digest and author of a revision, without reading its body."""
    revisions = schema.case_revision.c
    row = connection.execute(
        select(revisions.sha256, revisions.author).where(revisions.case_id == case_id, revisions.revision == number)
    ).one()
    return str(row.sha256), str(row.author)


def next_number(connection: Connection, case_id: str) -> int:
    revisions = schema.case_revision.c
    last = connection.execute(select(func.max(revisions.revision)).where(revisions.case_id == case_id)).scalar()
    return int(last or 0) + 1


@dataclass(frozen=True, slots=True)
class Encoded:
    """A case as it is stored: made once per save, and before the write lock is taken."""

    body: str
    sha256: str


def encoded(case: Case) -> Encoded:
    """The stored form of a case.

    Raises
    ------
    StoreError
        ``newer-document``: what a newer version made is not written by this one.
    InputRefused
        For a number that is not finite.
    """
    if case.schema > SCHEMA:
        raise StoreError(
            "newer-document", "This case was made with a newer version of the program; it cannot be saved by this one."
        )
    body = codec.canonical(case)
    return Encoded(body, hashlib.sha256(body.encode("utf-8")).hexdigest())


def write_revision(
    connection: Connection,
    case: Case,
    stored: Encoded,
    number: int,
    parent: int | None,
    by: Actor,
    reason: SaveReason,
) -> None:
    """Insert an immutable revision with its blob links."""
    connection.execute(
        insert(schema.case_revision).values(
            case_id=case.id,
            revision=number,
            parent=parent,
            schema=case.schema,
            sha256=stored.sha256,
            body=stored.body,
            author=by.user,
            workstation=by.workstation,
            saved_at=stamp(utc_now()),
            reason=reason.value,
            rule_set=rule_set_of(case),
            software=software_version(),
        )
    )
    blobs.link(connection, case.id, stored.body, number)


def write_acts(connection: Connection, case: Case, number: int, by: Actor) -> None:
    """Index the signatures and note the overrides that a revision brings for the first time."""
    _index_signatures(connection, case, number, by)
    overrides = [(session.id, each) for session in case.sessions for each in session.overrides]
    if not overrides:
        return
    entries = schema.audit.c
    known = set(
        connection.execute(
            select(entries.object_digest).where(entries.case_id == case.id, entries.action == Action.OVERRIDDEN.value)
        ).scalars()
    )
    for session_id, each in overrides:
        digest = codec.digest(each)
        if digest not in known:
            target = f"session {session_id} stage {each.stage} finding {each.code}"
            audit.append(connection, case.id, by, Action.OVERRIDDEN, target=target, digest=digest)


def _index_signatures(connection: Connection, case: Case, number: int, by: Actor) -> None:
    table = schema.signature
    names = ("session_id", "stage", "meaning", "signed_by", "signed_at")
    known = {
        tuple(row)
        for row in connection.execute(select(*(table.c[name] for name in names)).where(table.c.case_id == case.id))
    }
    for session in case.sessions:
        for signed in session.signoffs:
            key = (session.id, signed.stage, signed.meaning, signed.by, signed.at.isoformat())
            if key in known:
                continue
            known.add(key)
            connection.execute(
                insert(table).values(
                    case_id=case.id,
                    revision=number,
                    role=signed.role,
                    inputs_digest=signed.inputs_digest,
                    **dict(zip(names, key, strict=True)),
                )
            )
            target = f"session {session.id} stage {signed.stage}"
            audit.append(connection, case.id, by, Action.SIGNED, target=target, digest=signed.inputs_digest)


def summary(connection: Connection, row: dict[str, Any], held: Lease | None) -> CaseSummary:
    """A line of the list; a stored summary of another version of the program is derived anew."""
    try:
        facts = codec.from_json(CaseFacts, json.loads(row["summary"]))
    except (InputRefused, ValueError):
        facts = facts_of(read_revision(connection, row["case_id"], row["head_revision"])[0])
    return CaseSummary(
        case_id=row["case_id"],
        revision=row["head_revision"],
        facts=facts,
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
        open_elsewhere=None if held is None else held.sentence(),
    )
