"""The record: needles, ablation, cement. Everything is storable; what is beyond the plan is said."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import as_number, choices_of, not_evaluated, text_of
from procedures.vertebroplasty.cement_plan import planned_ml, usual_upper_ml
from procedures.vertebroplasty.levels import planned_levels, short
from procedures.vertebroplasty.registry import REGISTRY
from procedures.vertebroplasty.trajectories import TRAJECTORY

NOT_DONE = "not-done"
DANGEROUS = frozenset({"epidural", "foraminal", "venous"})
LOG = "cement_log"


def place_of(row: dict[str, Any]) -> str:
    """``L2 left``."""
    return " ".join(each for each in (short(row.get("level")), text_of(row.get("side"))) if each)


def unexplained(context: StageContext, rows: list[dict[str, Any]]) -> list[Finding]:
    """Rows that differ from the plan without a reason."""
    return [
        context.finding("without-reason", f"{place_of(row)}: {row.get('status')}, and why is not written down.")
        for row in rows
        if row.get("status") in (NOT_DONE, "changed", "added") and not text_of(row.get("reason"))
    ]


@REGISTRY.check("needles_accounted")
def needles_accounted(context: StageContext) -> list[Finding]:
    rows = context.rows("placed")
    recorded = {(row.get("level"), row.get("side")) for row in rows}
    found = [
        context.finding("needle-not-recorded", f"{place_of(row)} was planned and is not recorded.")
        for row in context.rows("needles", TRAJECTORY)
        if (row.get("level"), row.get("side")) not in recorded
    ]
    strange = sorted({short(row.get("level")) for row in rows} - {short(each) for each in planned_levels(context)})
    if strange:
        text = f"Needles at {', '.join(strange)}, a level that was not planned: count again."
        found.append(context.finding("unplanned-level", text))
    return [*found, *unexplained(context, rows)]


@REGISTRY.check("ablation_before_cement")
def ablation_before_cement(context: StageContext) -> list[Finding]:
    planned, done = context.value("combined", "ablation_plan"), context.value("ablated")
    if planned == "yes" and done == "not-planned":
        return [context.finding("ablation-not-recorded", "An ablation was planned and is recorded as not planned.")]
    if done != "done":
        return []
    ended = [text_of(row.get("stopped")) for row in context.rows("activations")]
    begun = [text_of(row.get("started")) for row in context.rows("cement", LOG) if text_of(row.get("started"))]
    if not all(ended) or not ended:
        return [not_evaluated(context, "the end of the ablation is not recorded")]
    if begun and min(begun) < max(ended):
        text = f"Cement started at {min(begun)}, before the ablation ended at {max(ended)}."
        return [context.finding("cement-before-ablation", text)]
    return []


@REGISTRY.check("cement_leak")
def cement_leak(context: StageContext) -> list[Finding]:
    found = []
    for row in context.rows("cement"):
        leak, place = row.get("leak"), place_of(row)
        subject = {"subject": f"{LOG}.{place}"}
        if leak == "not-judged" or (leak is None and row.get("status") != NOT_DONE):
            found.append(not_evaluated(context, f"whether cement leaked at {place} was not judged", **subject))
        elif leak in DANGEROUS:
            found.append(context.finding("dangerous-leak", f"{place}: {leak} leak.", **subject))
        elif leak not in (None, "none"):
            more = {"severity": Severity.INFO, **subject}
            found.append(context.finding("leak", f"{place}: leak, {leak}.", **more))
        if leak not in (None, "none", "not-judged") and row.get("went_on") == "yes":
            found.append(
                context.finding("went-on-after-leak", f"{place}: injection went on after the leak.", **subject)
            )
    return found


def given_ml(context: StageContext) -> dict[str, float]:
    """Level -> cement given, mL."""
    sums: dict[str, float] = {}
    for row in context.rows("cement", LOG):
        volume = as_number(row.get("ml"))
        if volume is not None:
            sums[str(row.get("level"))] = sums.get(str(row.get("level")), 0.0) + volume
    return sums


@REGISTRY.check("cement_over_plan")
def cement_over_plan(context: StageContext) -> list[Finding]:
    planned = planned_ml(context)
    found = []
    for level, volume in given_ml(context).items():
        limits = (("given-over-plan", planned.get(level), "planned"),)
        upper = (("given-over-usual", usual_upper_ml(context, level), "usual upper volume, not a safe limit:"),)
        for code, most, words in (*limits, *upper):
            if most is not None and volume > most:
                text = f"{short(level)}: {volume:g} mL given, {words} {most:.1f} mL."
                more = {"measured": volume, "limit": most, "unit": "mL", "subject": f"{LOG}.{level}"}
                found.append(context.finding(code, text, **more))
    return found


def minutes_between(start: object, stop: object) -> float | None:
    """Minutes from one time of the day to a later one; None when either is unknown or they are in disorder."""
    if not (isinstance(start, str) and isinstance(stop, str)):
        return None
    try:
        first, last = datetime.fromisoformat(f"2000-01-01T{start}"), datetime.fromisoformat(f"2000-01-01T{stop}")
    except ValueError:
        return None
    minutes = (last - first).total_seconds() / 60.0
    return minutes if minutes >= 0 else None


@REGISTRY.check("cement_time")
def cement_time(context: StageContext) -> list[Finding]:
    allowed = as_number(context.value("working_minutes", "cement"))
    found = []
    for row in context.rows("cement"):
        if row.get("status") == NOT_DONE:
            continue
        minutes, place = minutes_between(row.get("mixed"), row.get("stopped")), place_of(row)
        if minutes is None or allowed is None:
            found.append(not_evaluated(context, f"{place}: time from mixing to the end, or the working time"))
        elif minutes > allowed:
            text = f"{place}: injected until {minutes:.0f} min after mixing, working time {allowed:g} min."
            found.append(context.finding("over-working-time", text, measured=minutes, limit=allowed, unit="min"))
    return found


@REGISTRY.check("cement_accounted")
def cement_accounted(context: StageContext) -> list[Finding]:
    rows = context.rows("cement")
    recorded = {row.get("level") for row in rows}
    found = [
        context.finding("level-not-recorded", f"{short(level)} was planned and is not recorded.")
        for level in planned_ml(context)
        if level not in recorded
    ]
    return [*found, *unexplained(context, rows)]


@REGISTRY.check("neurology_unchanged")
def neurology_unchanged(context: StageContext) -> list[Finding]:
    answer = context.value("neurology_after")
    if answer in ("unchanged", "better"):
        return []
    if answer != "worse":
        return [not_evaluated(context, "neurology was not checked after cement", code="neurology-unknown")]
    path = text_of(context.value("neurology_path")) or "nobody is written down as called"
    return [context.finding("neurology-worse", f"Neurology is worse: urgent imaging and surgeon; {path}.")]


@REGISTRY.check("completion_leaks")
def completion_leaks(context: StageContext) -> list[Finding]:
    found = []
    leaks = set(choices_of(context.value("leak_grade")))
    if context.value("ct_done") == "none" or not leaks or "not-judged" in leaks:
        found.append(not_evaluated(context, "leaks were not judged on a CT after cement"))
    bad = leaks & {*DANGEROUS, "pulmonary"}
    if bad:
        found.append(context.finding("dangerous-leak", f"On CT: {', '.join(sorted(bad))}."))
    if context.value("needles_out") == "no":
        found.append(context.finding("stylet", "Needles were not withdrawn with the stylet in: look at the track."))
    return found
