"""Blobs named by their SHA-256: written once, never changed, removed only when no revision needs them."""

from __future__ import annotations

import hashlib
import re

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from planner.errors import StoreError
from planner.model import codec
from planner.model.case import Case
from planner.store import schema
from planner.store.actors import stamp, utc_now

_REFERENCE = re.compile(r'"sha256":"([0-9a-f]{64})"')


def put(connection: Connection, content: bytes) -> str:
    """Store bytes; the same bytes are stored once. Returns the SHA-256, hexadecimal."""
    sha256 = hashlib.sha256(content).hexdigest()
    if exists(connection, sha256):
        return sha256
    row = {"sha256": sha256, "size": len(content), "content": content, "stored_at": stamp(utc_now())}
    try:
        with connection.begin_nested():
            connection.execute(insert(schema.blob).values(row))
    except IntegrityError:
        # On a server somebody else stored the same bytes at the same moment.
        if not exists(connection, sha256):
            raise
    return sha256


def exists(connection: Connection, sha256: str) -> bool:
    return connection.execute(select(schema.blob.c.size).where(schema.blob.c.sha256 == sha256)).first() is not None


def get(connection: Connection, sha256: str) -> bytes:
    """The bytes of a blob, checked against their name.

    Raises
    ------
    StoreError
        ``blob-missing`` or ``blob-damaged``.
    """
    found = connection.execute(select(schema.blob.c.content).where(schema.blob.c.sha256 == sha256)).scalar()
    if found is None:
        raise StoreError(
            "blob-missing", f"The mask {sha256[:12]} is not in this library; mark it again.", subject=sha256
        )
    content = bytes(found)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise StoreError(
            "blob-damaged", f"The mask {sha256[:12]} is damaged in this library; restore a backup.", subject=sha256
        )
    return content


def referenced(case: Case) -> frozenset[str]:
    """The blobs a case needs; see `named_in`."""
    return named_in(codec.canonical(case))


def named_in(body: str) -> frozenset[str]:
    """The blobs a stored document needs: every key ``sha256`` with a digest, in plan items of unknown types too.

    Searched in the canonical text, where a key that is only quoted in somebody's words is escaped: walking the
    values of a case with long vessel paths takes as long as all the rest of a save.
    """
    return frozenset(_REFERENCE.findall(body))


def link(connection: Connection, case_id: str, body: str, revision: int) -> None:
    """Tie a revision to its blobs.

    Raises
    ------
    StoreError
        ``blob-missing``: a revision must not point to bytes that nobody has.
    """
    names = sorted(named_in(body))
    for name in names:
        if not exists(connection, name):
            raise StoreError(
                "blob-missing", f"The mask {name[:12]} is not in this library; the case was not saved.", subject=name
            )
    if names:
        rows = [{"case_id": case_id, "revision": revision, "sha256": name} for name in names]
        connection.execute(insert(schema.revision_blob), rows)


def sweep(connection: Connection, before: str, keep: frozenset[str]) -> int:
    """Remove blobs stored before a moment that no revision uses and that are not in `keep`; returns how many."""
    used = select(schema.revision_blob.c.sha256)
    idle = connection.execute(
        select(schema.blob.c.sha256).where(schema.blob.c.stored_at < before, schema.blob.c.sha256.not_in(used))
    ).scalars()
    gone = [name for name in idle if name not in keep]
    for name in gone:
        connection.execute(delete(schema.blob).where(schema.blob.c.sha256 == name))
    return len(gone)
