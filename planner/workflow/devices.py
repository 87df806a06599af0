"""Devices that wait for something: typed implants with a date, and the device register of every session's record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from planner.model.case import Case
from planner.model.session import Session

REGISTER = "device_register"
"""The table field, in whichever stage asks for it."""
_GONE = frozenset({"removed", "exchanged"})


@dataclass(frozen=True, slots=True)
class DeviceDue:
    """A device in the body with the day on which it is to be exchanged, removed or checked.

    Attributes
    ----------
    due_for
        ``exchange``, ``removal`` or ``check``; None where nobody said.
    session_id
        The session that placed it; None for a typed implant.
    """

    name: str
    kind: str | None
    site: str
    placed_on: date | None
    due_on: date
    due_for: str | None
    session_id: str | None

    @property
    def key(self) -> str:
        return f"{self.kind or self.name}:{self.site}:{self.due_on.isoformat()}".casefold().replace(" ", "-")

    @property
    def text(self) -> str:
        """What is to be done, with where and since when."""
        where = f" ({self.site})" if self.site else ""
        since = f", placed on {self.placed_on.isoformat()}" if self.placed_on else ""
        doing = {"exchange": "Exchange", "removal": "Remove", "check": "Check"}.get(self.due_for or "")
        return f"{doing or 'Exchange or remove'} {self.name}{where}{since}"


def devices_due(case: Case) -> tuple[DeviceDue, ...]:
    """Every device still in the body that has a day, after all that is known of the case."""
    kept: list[DeviceDue | None] = []
    places: list[tuple[str, str]] = []
    for each in case.implants:
        due = each.exchange_due
        device = DeviceDue(each.name, None, each.site or "", each.placed_on, due, "exchange", None) if due else None
        kept.append(device)
        places.append((each.name.casefold(), (each.site or "").casefold()))
    for on, session, row in sorted(_rows(case), key=lambda found: found[0] or date.max):
        place = (_text(row, "kind").casefold(), _text(row, "site").casefold())
        named = (_text(row, "device").casefold(), place[1])
        if row.get("action") in _GONE:
            left = [index for index, known in enumerate(places) if known not in (place, named)]
            kept, places = [kept[index] for index in left], [places[index] for index in left]
        if row.get("action") != "removed":
            kept.append(_placed(row, on, session))
            places.append(place)
    return tuple(sorted((each for each in kept if each is not None), key=lambda each: each.due_on))


def _rows(case: Case) -> Iterator[tuple[date | None, Session, Mapping[str, Any]]]:
    for session in case.sessions:
        for fields in session.answers.values():
            rows = fields[REGISTER].value if REGISTER in fields else None
            for row in rows if isinstance(rows, (list, tuple)) else ():
                if isinstance(row, Mapping):
                    yield _day(row.get("on")) or session.performed_on, session, row


def _placed(row: Mapping[str, Any], on: date | None, session: Session) -> DeviceDue | None:
    due = _day(row.get("due_on"))
    if due is None:
        return None
    kind = _text(row, "kind") or None
    name = _text(row, "device") or kind or "device without a name"
    return DeviceDue(name, kind, _text(row, "site"), on, due, _text(row, "due_for") or None, session.id)


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value.strip() if isinstance(value, str) else ""


def _day(value: Any) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
