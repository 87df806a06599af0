"""Blobs named by their SHA-256: written once, never changed, removed only when no revision needs them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select
from sqlalchemy.exc import IntegrityError

from planner.errors import StoreError
from planner.model.case import Case
from planner.store import schema
from planner.store.actors import stamp, utc_now

_SHA256 = re.compile(r"[0-9a-f]{64}")


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
    """The blobs a case needs: every ``{"sha256": …}`` in the bodies of its plan items, of unknown types too."""
    found: set[str] = set()
    for session in case.sessions:
        for item in session.items:
            _collect(item.body, found)
    return frozenset(found)


def _collect(value: Any, found: set[str]) -> None:
    if isinstance(value, Mapping):
        name = value.get("sha256")
        if isinstance(name, str) and _SHA256.fullmatch(name):
            found.add(name)
        for each in value.values():
            _collect(each, found)
    elif isinstance(value, (list, tuple)):
        for each in value:
            _collect(each, found)


def link(connection: Connection, case: Case, revision: int) -> None:
    """Tie a revision to its blobs.

    Raises
    ------
    StoreError
        ``blob-missing``: a revision must not point to bytes that nobody has.
    """
    names = sorted(referenced(case))
    for name in names:
        if not exists(connection, name):
            raise StoreError(
                "blob-missing", f"The mask {name[:12]} is not in this library; the case was not saved.", subject=name
            )
    if names:
        rows = [{"case_id": case.id, "revision": revision, "sha256": name} for name in names]
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
