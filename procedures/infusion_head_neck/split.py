"""The dose of each artery by the share of the tumour that it perfuses, planned and given; thiosulfate beside it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.record_checks import nothing_given
from procedures.infusion_head_neck.cisplatin import AGENT, is_cisplatin, typed
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of

WHOLE = 100.0
SECONDS_PER_MINUTE = 60.0


def moment(value: Any) -> datetime | None:
    """A date and time; None for unknown."""
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


@REGISTRY.check("split_adds_up")
def split_adds_up(context: StageContext) -> list[Finding]:
    """Shares add up to 100 %, doses stay within the prepared maximum, every row has both."""
    rows, tolerance = context.rows("dose_split"), limit(context, "tolerance")
    if not rows:
        return [not_evaluated(context, "the dose is not split over the arteries")]
    found, shares, amounts = [], [], []
    for index, row in enumerate(rows, start=1):
        share, amount = as_number(row.get("share")), as_number(row.get("amount"))
        if share is None or amount is None:
            name = text_of(row.get("artery")) or f"artery {index}"
            why = f"{name}: its share or its dose"
            found.append(not_evaluated(context, why, subject=f"{context.stage.id}.dose_split.{index}"))
        else:
            shares.append(share)
            amounts.append(amount)
    if found:
        return found
    total = sum(shares)
    if abs(total - WHOLE) > number(tolerance):
        text = f"The shares of the arteries add up to {total:g} %."
        found.append(against(context, "shares", text, total, tolerance, limit=WHOLE))
    maximum = typed(context).amount_mg
    if maximum is None:
        found.append(not_evaluated(context, "the prepared maximum of cisplatin", subject=f"{context.stage.id}.drugs"))
    elif sum(amounts) > maximum:
        text = f"The arteries get {sum(amounts):g} mg together, {maximum:g} mg are prepared at most."
        more = {"measured": sum(amounts), "limit": maximum, "unit": "mg"}
        found.append(context.finding("split-over-maximum", text, **more))
    return found


@REGISTRY.check("split_confirmed")
def split_confirmed(context: StageContext) -> list[Finding]:
    """Before the drug: shares as seen in the room against the planned split, and what no artery reaches."""
    if nothing_given(context):
        return []
    differs, found = limit(context, "differs"), []
    planned = {row.get("position"): as_number(row.get("share")) for row in context.rows("dose_split", AGENT)}
    shares = []
    for row in context.rows("perfused"):
        position, share = row.get("position"), as_number(row.get("share"))
        subject, wanted = f"{context.stage.id}.{position}.share", planned.get(position)
        if share is None:
            found.append(not_evaluated(context, f"position {position}: the share that it perfuses", subject=subject))
            continue
        shares.append(share)
        if wanted is not None and abs(share - wanted) > number(differs):
            text = f"Position {position} perfuses {share:g} % of the tumour, {wanted:g} % were planned: split again."
            more = {"limit": wanted, "subject": subject}
            found.append(against(context, "split-differs", text, share, differs, **more))
    missing = WHOLE - sum(shares)
    if (
        shares
        and not found
        and missing > number(limit(context, "tolerance"))
        and not text_of(context.value("not_reached"))
    ):
        text = f"{missing:g} % of the tumour are reached from nowhere, and why is not written down."
        found.append(context.finding("tumour-not-reached", text, subject=f"{context.stage.id}.not_reached"))
    return found


def given_by_position(context: StageContext) -> dict[Any, float]:
    """mg of cisplatin given at each position."""
    found: dict[Any, float] = {}
    for row in context.rows("drugs_given"):
        amount = as_number(row.get("amount"))
        if amount is not None and is_cisplatin(text_of(row.get("drug"))):
            found[row.get("position")] = found.get(row.get("position"), 0.0) + amount
    return found


@REGISTRY.check("given_by_share")
def given_by_share(context: StageContext) -> list[Finding]:
    """The share that each artery got, against the share that it perfuses as seen in the room (else as planned)."""
    given, differs = given_by_position(context), limit(context, "differs")
    total = sum(given.values())
    if not total:
        return []
    planned = {row.get("position"): as_number(row.get("share")) for row in context.rows("dose_split", AGENT)}
    seen = {row.get("position"): as_number(row.get("share")) for row in context.rows("perfused", "perfused_volume")}
    found = []
    for position, amount in given.items():
        subject = f"{context.stage.id}.{position}"
        share = seen.get(position) if seen.get(position) is not None else planned.get(position)
        got = WHOLE * amount / total
        if share is None:
            found.append(not_evaluated(context, f"position {position}: the share that it perfuses", subject=subject))
        elif abs(got - share) > number(differs):
            text = f"Position {position} got {got:.0f} % of the cisplatin and perfuses {share:g} % of the tumour."
            found.append(against(context, "dose-against-share", text, got, differs, limit=share, subject=subject))
    return found


@REGISTRY.check("thiosulfate_in_time")
def thiosulfate_in_time(context: StageContext) -> list[Finding]:
    """Where it was planned, thiosulfate started with cisplatin."""
    if context.value("thiosulfate", "medication") != "simultaneous" or not given_by_position(context):
        return []
    drug, salt = moment(context.value("cisplatin_started")), moment(context.value("thiosulfate_started"))
    if drug is None or salt is None or (drug.tzinfo is None) != (salt.tzinfo is None):
        return [not_evaluated(context, "when cisplatin and thiosulfate started", code="thiosulfate-not-recorded")]
    minutes, allowed = abs((salt - drug).total_seconds()) / SECONDS_PER_MINUTE, limit(context, "minutes")
    if minutes <= number(allowed):
        return []
    text = f"Thiosulfate and cisplatin started {minutes:.0f} min apart."
    return [against(context, "thiosulfate-apart", text, minutes, allowed)]
