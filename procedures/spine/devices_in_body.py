"""Devices left in the body: a fold over what every session placed, exchanged and removed, and the typed implants.

Drains clog and retrievable stents grow in: a device with a due date that has passed is said at every later session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.people import Implant
from planner.model.session import Session
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_date, limit, number, text_of

REGISTER = "device_register"
"""The table field, in whichever stage asks for it."""
REMOVED, EXCHANGED = "removed", "exchanged"
PURPOSES = {"exchange": "exchange", "removal": "removal", "check": "check"}


@dataclass(frozen=True, slots=True)
class Device:
    """One device in the body.

    Attributes
    ----------
    due_on, due_for
        When it is to be exchanged, removed or checked; None when no date is known.
    origin
        ``implants`` for what was typed, else the id of the session that placed it.
    """

    name: str
    kind: str | None
    site: str
    placed_on: date | None
    due_on: date | None
    due_for: str | None
    mr_condition: str | None
    lot: str | None
    origin: str

    @property
    def place(self) -> tuple[str, str]:
        """What an exchange or removal is matched by."""
        return (self.kind or "", self.site.casefold())

    @property
    def words(self) -> str:
        said = f"{self.name} ({self.site})" if self.site else self.name
        return f"{said} of {self.placed_on.isoformat()}" if self.placed_on else said


def devices_of(case: Case) -> tuple[Device, ...]:
    """What is in the body after all that is known of the case, in the order in which it was placed."""
    kept = [_implant(each) for each in case.implants]
    for on, session, row in sorted(_rows(case), key=lambda each: each[0] or date.max):
        action, device = row.get("action"), _placed(row, on, session)
        if action in (REMOVED, EXCHANGED):
            kept = [each for each in kept if not _same(each, device)]
        if action != REMOVED:
            kept.append(device)
    return tuple(kept)


def _implant(each: Implant) -> Device:
    due_for = "exchange" if each.exchange_due else None
    place = (each.name, None, each.site or "", each.placed_on, each.exchange_due, due_for)
    return Device(*place, each.mr_condition, each.lot, "implants")


def _rows(case: Case) -> Iterator[tuple[date | None, Session, Mapping[str, Any]]]:
    for session in case.sessions:
        day = as_date(session.answer("sign_out", "performed_on")) or session.performed_on
        for fields in session.answers.values():
            for row in (fields[REGISTER].value if REGISTER in fields else None) or ():
                yield as_date(row.get("on")) or day, session, row


def _placed(row: Mapping[str, Any], on: date | None, session: Session) -> Device:
    kind = text_of(row.get("kind")) or None
    return Device(
        name=text_of(row.get("device")) or kind or "Device without name",
        kind=kind,
        site=text_of(row.get("site")),
        placed_on=on,
        due_on=as_date(row.get("due_on")),
        due_for=text_of(row.get("due_for")) or None,
        mr_condition=text_of(row.get("mr_condition")) or None,
        lot=text_of(row.get("lot")) or None,
        origin=session.id,
    )


def _same(known: Device, gone: Device) -> bool:
    """The same kind at the same site; a typed implant has no kind and is known by name and site."""
    if known.kind is None:
        return (known.name.casefold(), known.site.casefold()) == (gone.name.casefold(), gone.site.casefold())
    return known.place == gone.place


@REGISTRY.check("devices_overdue")
def devices_overdue(context: StageContext) -> list[Finding]:
    """A due date that has passed, and one that comes soon."""
    soon = limit(context, "soon")
    found = []
    for device in devices_of(context.case):
        if device.due_on is None:
            continue
        days = float((context.today - device.due_on).days)
        what = PURPOSES.get(device.due_for or "", "exchange or removal")
        subject = f"{context.stage.id}.{device.name}.{device.site}"
        if days > 0:
            text = f"{device.words}: {what} was due on {device.due_on.isoformat()}, {days:.0f} days ago."
            found.append(context.finding("device-overdue", text, measured=days, unit="d", subject=subject))
        elif -days <= number(soon):
            text = f"{device.words}: {what} is due on {device.due_on.isoformat()}."
            found.append(against(context, "device-due", text, -days, soon, severity=Severity.INFO, subject=subject))
    return found


@REGISTRY.check("device_register_complete")
def device_register_complete(context: StageContext) -> list[Finding]:
    """What stays in the body has a site and an MR condition; a drain or retrievable stent has a date that fits."""
    latest = limit(context, "latest")
    due_kinds = context.parameter("due_kinds")
    done = as_date(context.value("performed_on", "sign_out"))
    found = []
    for row in context.rows(REGISTER):
        if row.get("action") == REMOVED:
            continue
        device = _placed(row, as_date(row.get("on")) or done, context.session)
        subject = f"{context.stage.id}.{device.name}.{device.site}"
        missing = [
            words
            for words, given in (("site", device.site), ("MR condition", device.mr_condition), ("kind", device.kind))
            if not given
        ]
        if missing:
            text = f"{device.name}: {' and '.join(missing)} not written down."
            found.append(context.finding("device-incomplete", text, subject=subject))
        if device.kind in due_kinds:
            found += _due_date(context, device, subject, latest)
    return found


def _due_date(context: StageContext, device: Device, subject: str, latest: Limit) -> list[Finding]:
    days = number(latest)
    if device.due_on is None:
        by = "" if device.placed_on is None else f", by {(device.placed_on + timedelta(days=days)).isoformat()}"
        text = f"{device.name}: no date of exchange or removal; within {days / 7:g} weeks{by}."
        return [against(context, "device-without-date", text, None, latest, subject=subject)]
    if device.placed_on is None:
        return []
    after = float((device.due_on - device.placed_on).days)
    if after <= days:
        return []
    text = f"{device.name}: exchange or removal only after {after / 7:.0f} weeks."
    return [against(context, "device-date-late", text, after, latest, subject=subject)]


@REGISTRY.compute("devices_in_body")
def devices_in_body(context: StageContext) -> list[Computed]:
    """The register as it stands: each device with its due date and MR condition."""
    return [
        Computed(
            id=f"device_{index}",
            label=device.words,
            value=device.due_on.isoformat() if device.due_on else "no date",
            grade=_state(device, context.today),
            inputs={"MR": device.mr_condition or "not known", "lot": device.lot or "–", "from": device.origin},
            source="typed implants and the register of every session",
            tag="calc",
            note="Known sessions only.",
        )
        for index, device in enumerate(devices_of(context.case))
    ]


def _state(device: Device, today: date) -> str:
    if device.due_on is None:
        return ""
    return "overdue" if device.due_on < today else f"due for {device.due_for or 'exchange or removal'}"
