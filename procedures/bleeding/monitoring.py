"""After a bleeding: haemoglobin in its interval, its fall, bleeding again at 24 h, 72 h and 30 days."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.bleeding.registry import REGISTRY
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import against, as_number, limit, not_evaluated, number

HOUR = 3600.0
FIRST_DAY_H = 24.0
DUE = (("rebleed_24h", 1), ("rebleed_72h", 3), ("rebleed_30d", 30))
"""Question -> days after treatment from which it can be answered."""


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


def course(context: StageContext) -> list[tuple[datetime, float]]:
    """Haemoglobin (g/L) by time, in the order of time."""
    rows = [(_moment(row.get("at")), as_number(row.get("haemoglobin"))) for row in context.rows("haemoglobin")]
    return sorted((at, value) for at, value in rows if at is not None and value is not None)


@REGISTRY.check("haemoglobin_watched")
def haemoglobin_watched(context: StageContext) -> list[Finding]:
    """Gaps of the first day above the limit ``interval``, and a fall above the limit ``drop``."""
    values, interval, drop = course(context), limit(context, "interval"), limit(context, "drop")
    if len(values) < 2:
        return [not_evaluated(context, "haemoglobin after treatment: fewer than two values")]
    found = []
    for (before, _), (after, _) in zip(values, values[1:], strict=False):
        hours, since = (after - before).total_seconds() / HOUR, (before - values[0][0]).total_seconds() / HOUR
        if since < FIRST_DAY_H and hours > number(interval):
            text = f"No haemoglobin for {hours:.0f} h on the first day ({before:%H:%M} to {after:%H:%M})."
            found.append(against(context, "haemoglobin-gap", text, hours, interval))
            break
    highest = values[0][1]
    for at, value in values[1:]:
        if highest - value >= number(drop):
            text = f"Haemoglobin fell from {highest:g} to {value:g} g/L ({at:%d %b %H:%M}): look for bleeding."
            found.append(against(context, "haemoglobin-fall", text, highest - value, drop))
            break
        highest = max(highest, value)
    return found


@REGISTRY.check("rebleeding_asked")
def rebleeding_asked(context: StageContext) -> list[Finding]:
    """Bleeding again, and questions whose time has come and that nobody has answered."""
    done, found = performed_on(context), []
    labels = {each.id: each.label for each in context.stage.fields}
    for name, days in DUE:
        answer, subject = context.value(name), f"{context.stage.id}.{name}"
        if answer == "yes":
            found.append(context.finding("rebleeding", f"{labels.get(name, name)}: yes.", subject=subject))
        elif answer != "no" and done is not None and (context.today - done).days >= days:
            why = f"{labels.get(name, name)} is not answered"
            found.append(not_evaluated(context, why, subject=subject, severity=Severity.INFO))
    return found
