"""Devices left in the body, as `planner.workflow.devices` folds them: what is overdue, incomplete, and the register.

Drains clog and retrievable stents grow in: a device with a due date that has passed is said at every later session.
"""

from __future__ import annotations

from datetime import date, timedelta

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.devices import REGISTER, REMOVED, Device, devices_of, registered
from planner.workflow.template import Computed, Limit
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, as_date, limit, number

PURPOSES = {"exchange": "exchange", "removal": "removal", "check": "check"}


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
        device = registered(row, as_date(row.get("on")) or done, context.session)
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
            inputs={
                "MR": device.mr_condition or "not known",
                "lot": device.lot or "–",
                "from": device.session_id or "implants",
            },
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
