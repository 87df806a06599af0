"""Who has a case open. A lease informs and expires; it never stops anybody, the compare-and-swap does."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select

from planner.store import schema
from planner.store.actors import Actor, stamp, utc_now

LEASE = timedelta(minutes=10)
"""How long a lease lasts without being renewed; the window renews it every few minutes."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who has a case open, and until when.

    Attributes
    ----------
    since, until
        UTC.
    """

    case_id: str
    holder: str
    workstation: str
    token: str
    since: datetime
    until: datetime

    def sentence(self) -> str:
        return (
            f"{self.holder} has this open at {self.workstation or 'another workstation'} since {self.since:%H:%M} UTC"
        )


def current(connection: Connection, case_id: str) -> Lease | None:
    """The lease in force, or None."""
    rows = _live(connection, select(schema.lease).where(schema.lease.c.case_id == case_id))
    return rows.get(case_id)


def all_current(connection: Connection) -> dict[str, Lease]:
    """The leases in force by case."""
    return _live(connection, select(schema.lease))


def _live(connection: Connection, query: Select[Any]) -> dict[str, Lease]:
    now = utc_now()
    found: dict[str, Lease] = {}
    for row in connection.execute(query).mappings():
        since, until = datetime.fromisoformat(row["since"]), datetime.fromisoformat(row["until"])
        if until > now:
            found[row["case_id"]] = Lease(row["case_id"], row["holder"], row["workstation"], row["token"], since, until)
    return found


def take(connection: Connection, case_id: str, by: Actor, token: str | None = None) -> tuple[Lease, Lease | None]:
    """Take or renew a lease.

    Parameters
    ----------
    token
        Of the lease to be renewed; None takes a new one.

    Returns
    -------
    The lease now held, and somebody else's that was in force until now (to be shown), or None.
    """
    before = current(connection, case_id)
    other = before if before is not None and before.token != token else None
    now = utc_now()
    since = now if before is None or other is not None else before.since
    mine = Lease(case_id, by.user, by.workstation, token or uuid.uuid4().hex, since, now + LEASE)
    connection.execute(delete(schema.lease).where(schema.lease.c.case_id == case_id))
    connection.execute(
        insert(schema.lease).values(
            case_id=case_id,
            holder=mine.holder,
            workstation=mine.workstation,
            token=mine.token,
            since=stamp(mine.since),
            until=stamp(mine.until),
        )
    )
    return mine, other


def release(connection: Connection, held: Lease) -> None:
    """Give a lease back; one that somebody else took meanwhile stays."""
    connection.execute(
        delete(schema.lease).where(schema.lease.c.case_id == held.case_id, schema.lease.c.token == held.token)
    )
