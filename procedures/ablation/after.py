"""After ablation: chest image, haemoglobin, fever, nerves; success, efficacy and progression kept apart (R13, R14)."""

from __future__ import annotations

from datetime import date

from planner.clinical.comparisons import above, at_least
from planner.findings import Finding
from planner.model.people import LabValue
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import lesion_name, organs_of
from procedures.ablation.registry import REGISTRY
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import (
    Known,
    against,
    as_date,
    as_number,
    canonical,
    limit,
    not_evaluated,
    number,
    unknown_value,
)

COMPLETE = ("primary", "secondary")
RECIST_TARGETS = frozenset({"recist-1.1", "mrecist", "easl", "choi", "irecist"})
"""Criteria that measure target lesions; what was ablated is none of them."""
DAYS_PER_WEEK = 7


@REGISTRY.check("chest_imaged")
def chest_imaged(context: StageContext) -> list[Finding]:
    seen, subject = context.value("chest_image"), "recovery.chest_image"
    if seen in ("small", "large"):
        said = "drain needed: call the operator" if seen == "large" else "small: image again"
        return [context.finding("pneumothorax", f"Pneumothorax after ablation, {said}.", subject=subject)]
    if seen == "clear":
        return []
    in_room = {context.value("pneumothorax", stage) for stage in ("needle_check", "withdrawal")}
    if "lung" in organs_of(context) or in_room & {"small", "drained"}:
        text = "Lung ablated, or a pneumothorax seen in the room, and no chest image afterwards."
        return [context.finding("no-chest-image", text, subject=subject)]
    return [] if seen == "not-needed" else [not_evaluated(context, "no chest image was made", subject=subject)]


def _before_and_after(context: StageContext, analyte: str) -> tuple[LabValue | None, LabValue | None]:
    """The newest value before the day of treatment, and the newest from that day on."""
    done = performed_on(context)
    context.lab(analyte)
    known = [each for each in context.case.laboratory if each.analyte == analyte and each.taken_on <= context.today]
    ordered = sorted(known, key=lambda each: each.taken_on)
    if done is None:
        return None, None
    before = [each for each in ordered if each.taken_on < done]
    later = [each for each in ordered if each.taken_on >= done]
    return (before[-1] if before else None), (later[-1] if later else None)


def _canonical(analyte: str, found: LabValue | None) -> float | None:
    return None if found is None else canonical(analyte, Known(analyte, found.value, found.unit))


@REGISTRY.check("haemoglobin_drop")
def haemoglobin_drop(context: StageContext) -> list[Finding]:
    first, last = _before_and_after(context, "haemoglobin")
    before, now, drop = _canonical("haemoglobin", first), _canonical("haemoglobin", last), limit(context, "drop")
    subject = "recovery.haemoglobin"
    if before is None or now is None:
        return [not_evaluated(context, "haemoglobin before and after are not both known", subject=subject)]
    fallen = before - now
    if not at_least(fallen, number(drop)):
        return []
    text = f"Haemoglobin fell by {fallen:g} g/L ({before:g} to {now:g}): bleeding."
    return [against(context, "haemoglobin-drop", text, fallen, drop, subject=subject)]


@REGISTRY.check("fever_after_ablation")
def fever_after_ablation(context: StageContext) -> list[Finding]:
    if context.value("fever") != "yes":
        return []
    days, longest = as_number(context.value("fever_days")), limit(context, "days")
    if days is None:
        return [not_evaluated(context, "how long the fever lasts is not known", subject="recovery.fever_days")]
    if not above(days, number(longest)):
        return []
    text = f"Fever for {days:.0f} days: look for an abscess."
    return [against(context, "long-fever", text, days, longest, subject="recovery.fever_days")]


@REGISTRY.check("nerve_after")
def nerve_after(context: StageContext) -> list[Finding]:
    answer = context.value("neurology")
    if answer == "worse":
        return [context.finding("nerve-worse", "Nerve function is worse: image, call the operator.")]
    if "bone" in organs_of(context) and answer != "unchanged":
        return [not_evaluated(context, "nerve function was not checked", subject="recovery.neurology")]
    return []


def days_after(context: StageContext) -> int | None:
    """Days from treatment to the images that were read."""
    done, read = performed_on(context), as_date(context.value("date", "outcome"))
    return None if done is None or read is None else (read - done).days


@REGISTRY.compute("weeks_since_treatment")
def weeks_since_treatment(context: StageContext) -> list[Computed]:
    days = days_after(context)
    if days is None:
        why = "the day of treatment or of the images is not known"
        return [unknown_value("weeks_after", "Weeks since treatment", why)]
    return [
        Computed(
            id="weeks_after",
            label="Weeks since treatment",
            value=days / DAYS_PER_WEEK,
            unit="1",
            arithmetic=f"{days} d / {DAYS_PER_WEEK}",
            source="dates of the record",
            tag="calc",
        )
    ]


@REGISTRY.check("progression_after_complete")
def progression_after_complete(context: StageContext) -> list[Finding]:
    read = as_date(context.value("date"))
    found = []
    for place, row in enumerate(context.rows("per_lesion"), start=1):
        if row.get("local_progression") != "yes":
            continue
        complete = as_date(row.get("complete_on"))
        if complete is None or not _earlier(complete, read):
            name = lesion_name(context, row.get("lesion"))
            text = (
                f"{name}: local progression without a complete ablation seen before; residual tumour is no progression."
            )
            found.append(context.finding("progression-before-complete", text, subject=f"outcome.per_lesion.{place}"))
    return found


def _earlier(complete: date, read: date | None) -> bool:
    return read is None or complete < read


@REGISTRY.check("terms_apart")
def terms_apart(context: StageContext) -> list[Finding]:
    near = limit(context, "near")
    first = context.value("reading") == "first"
    found = []
    for place, row in enumerate(context.rows("per_lesion"), start=1):
        name, subject = lesion_name(context, row.get("lesion")), f"outcome.per_lesion.{place}"
        progressed, efficacy = row.get("local_progression") == "yes", row.get("efficacy")
        if efficacy is None:
            found.append(not_evaluated(context, f"the efficacy at {name} was not read", subject=subject))
        if progressed and (first or efficacy == "incomplete"):
            text = f"{name}: enhancement at the first reading, or after an incomplete one, is residual tumour."
            found.append(context.finding("residual-not-progression", text, subject=subject))
        if efficacy == "primary" and row.get("technical_success") == "no":
            text = f"{name}: complete after one course, but no technical success: secondary efficacy, or an error."
            found.append(context.finding("success-and-efficacy", text, subject=subject))
        distance = as_number(row.get("from_zone_mm"))
        if progressed and distance is not None and above(distance, number(near)):
            text = f"{name}: enhancement {distance:g} mm from the zone is a new tumour, not local progression."
            found.append(against(context, "new-not-local", text, distance, near, subject=subject))
    return found


@REGISTRY.check("ablated_is_no_target")
def ablated_is_no_target(context: StageContext) -> list[Finding]:
    criteria = context.value("criteria")
    if criteria not in RECIST_TARGETS or not context.rows("per_lesion"):
        return []
    text = f"{criteria}: an ablated lesion is no target lesion; a new baseline is asked for after each local treatment."
    return [context.finding("ablated-as-target", text, subject="outcome.criteria")]


@REGISTRY.check("ablation_outcome_timing")
def ablation_outcome_timing(context: StageContext) -> list[Finding]:
    """The first reading lies in its window; a later one is not before that window."""
    days = days_after(context)
    if days is None:
        return [not_evaluated(context, "the day of treatment or of the images is not known")]
    earliest, latest = limit(context, "earliest"), limit(context, "latest")
    first = context.value("reading") == "first"
    if days < number(earliest):
        text = f"The images are of day {days}: inflammation still enhances."
        return [against(context, "images-early", text, float(days), earliest, subject="outcome.date")]
    if first and days > number(latest):
        text = f"The first images are of day {days}."
        return [against(context, "images-late", text, float(days), latest, subject="outcome.date")]
    return []


@REGISTRY.check("follow_up_due")
def follow_up_due(context: StageContext) -> list[Finding]:
    following, read = as_date(context.value("next_on")), as_date(context.value("date", "outcome"))
    latest = limit(context, "days")
    if following is None:
        return [not_evaluated(context, "no next date is proposed", subject="next_step.next_on")]
    if read is None or (following - read).days <= number(latest):
        return []
    days = float((following - read).days)
    text = f"The next date is {days:.0f} days after the images that were read."
    return [against(context, "follow-up-late", text, days, latest, subject="next_step.next_on")]
