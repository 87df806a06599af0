"""Devices left in the body: a fold over the device register of every session's record and the typed implants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from planner.model.case import Case
from planner.model.people import Implant
from planner.model.session import Session

REGISTER = "device_register"
"""The table field, in whichever stage asks for it."""
REMOVED, EXCHANGED = "removed", "exchanged"


@dataclass(frozen=True, slots=True)
class Device:
    """One device in the body.

    Attributes
    ----------
    due_on, due_for
        When it is due for ``exchange``, ``removal`` or ``check``; None when no date is known or nobody said for what.
    session_id
        The session that placed it; None for a typed implant.
    """

    name: str
    kind: str | None
    site: str
    placed_on: date | None
    due_on: date | None
    due_for: str | None
    mr_condition: str | None
    lot: str | None
    session_id: str | None

    @property
    def key(self) -> str:
        """What its due date is known by; another date is another key."""
        on = self.due_on.isoformat() if self.due_on else ""
        return f"{self.kind or self.name}:{self.site}:{on}".casefold().replace(" ", "-")

    @property
    def words(self) -> str:
        said = f"{self.name} ({self.site})" if self.site else self.name
        return f"{said} of {self.placed_on.isoformat()}" if self.placed_on else said

    @property
    def task(self) -> str:
        """What is to be done, with where and since when."""
        where = f" ({self.site})" if self.site else ""
        since = f", placed on {self.placed_on.isoformat()}" if self.placed_on else ""
        doing = {"exchange": "Exchange", "removal": "Remove", "check": "Check"}.get(self.due_for or "")
        return f"{doing or 'Exchange or remove'} {self.name}{where}{since}"


def devices_of(case: Case) -> tuple[Device, ...]:
    """What is in the body after all that is known of the case, in the order in which it was placed."""
    kept = [_implant(each) for each in case.implants]
    for on, session, row in sorted(_rows(case), key=lambda found: found[0] or date.max):
        action, device = row.get("action"), registered(row, on, session)
        if action in (REMOVED, EXCHANGED):
            kept = [each for each in kept if not _same(each, device)]
        if action != REMOVED:
            kept.append(device)
    return tuple(kept)


def devices_due(case: Case) -> tuple[Device, ...]:
    """Those of `devices_of` that have a day, the earliest first."""
    return tuple(sorted((each for each in devices_of(case) if each.due_on), key=lambda each: each.due_on or date.max))


def registered(row: Mapping[str, Any], on: date | None, session: Session) -> Device:
    """The device of one row of a register.

    Parameters
    ----------
    on
        The day of the row, else of its session; None is unknown.
    """
    kind = _text(row, "kind") or None
    return Device(
        name=_text(row, "device") or kind or "Device without a name",
        kind=kind,
        site=_text(row, "site"),
        placed_on=on,
        due_on=_day(row.get("due_on")),
        due_for=_text(row, "due_for") or None,
        mr_condition=_text(row, "mr_condition") or None,
        lot=_text(row, "lot") or None,
        session_id=session.id,
    )


def _implant(each: Implant) -> Device:
    due_for = "exchange" if each.exchange_due else None
    place = (each.name, None, each.site or "", each.placed_on, each.exchange_due, due_for)
    return Device(*place, each.mr_condition, each.lot, None)


def _rows(case: Case) -> Iterator[tuple[date | None, Session, Mapping[str, Any]]]:
    for session in case.sessions:
        day = _day(session.answer("sign_out", "performed_on")) or session.performed_on
        for fields in session.answers.values():
            rows = fields[REGISTER].value if REGISTER in fields else None
            for row in rows if isinstance(rows, (list, tuple)) else ():
                if isinstance(row, Mapping):
                    yield _day(row.get("on")) or day, session, row


def _same(known: Device, gone: Device) -> bool:
    """The same kind at the same site; where one has no kind (a typed implant) it is known by name and site."""
    if known.site.casefold() != gone.site.casefold():
        return False
    if known.kind is not None and gone.kind is not None:
        return known.kind.casefold() == gone.kind.casefold()
    named = {gone.name.casefold(), (gone.kind or gone.name).casefold()}
    return known.name.casefold() in named


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return datetime.fromisoformat(value).date() if isinstance(value, str) else None
    except ValueError:
        return None
