"""Outcome: response per lesion by criteria that fit tumour, images and oil (R13)."""

from __future__ import annotations

from typing import Any

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.embolisation.places import lesion_name
from procedures.spine.follow_up_checks import performed_on
from procedures.spine.support import (
    against,
    as_date,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    unknown_value,
    yes_no,
)
from procedures.tace.registry import REGISTRY

ARTERIAL = frozenset({"mrecist", "easl", "lirads-tr-2024"})
"""Criteria that read enhancement in a late arterial phase."""
HCC_ONLY = frozenset({"mrecist", "easl", "lirads-tr-2024"})
REFUSED = "Lipiodol: MR or not evaluable"


def oil_spoils(context: StageContext) -> bool:
    """Whether viability was read on oil-dense parts by CT, where enhancement cannot be told from oil."""
    by_ct = context.value("modality") in ("CT", "PET-CT")
    return by_ct and context.value("oil_present") != "no" and context.value("viability_read") == "on-oil"


@REGISTRY.check("no_viability_on_oil")
def no_viability_on_oil(context: StageContext) -> list[Finding]:
    if context.value("modality") not in ("CT", "PET-CT"):
        return []
    oil = context.value("oil_present")
    if oil_spoils(context):
        return [context.finding("viability-on-oil", f"Viability on oil-dense parts by CT is refused. {REFUSED}.")]
    if oil in (None, "unknown") and context.value("viability_read") == "outside-oil":
        return [not_evaluated(context, "whether dense oil is present is not known", overridable=True)]
    return []


@REGISTRY.check("late_arterial_phase")
def late_arterial_phase(context: StageContext) -> list[Finding]:
    criteria, phase = context.value("criteria"), context.value("arterial_phase")
    if criteria not in ARTERIAL or phase == "adequate":
        return []
    if phase in ("inadequate", "absent"):
        text = f"{criteria} needs a late arterial phase; it is {phase}."
        return [context.finding("no-late-arterial", text)]
    return [not_evaluated(context, "whether there is a late arterial phase is not known")]


@REGISTRY.check("criteria_for_histology")
def criteria_for_histology(context: StageContext) -> list[Finding]:
    criteria, histology = context.value("criteria"), context.case.diagnosis.histology
    if criteria not in HCC_ONLY or histology == "HCC":
        return []
    if histology is None:
        return [not_evaluated(context, "the tumour type is not known")]
    return [context.finding("criteria-not-for-tumour", f"{criteria} is for HCC; the tumour is {histology}.")]


@REGISTRY.check("outcome_timing")
def outcome_timing(context: StageContext) -> list[Finding]:
    days = days_after(context)
    if days is None:
        return [not_evaluated(context, "the day of treatment or of the images is not known")]
    if context.value("technique", "agent_dose") == "deb-tace":
        planned = context.limit("outcome_bead_days")
        text = f"Images {days:.0f} days after beads; planned are {', '.join(str(each) for each in planned.value)} days."
        return [context.finding("bead-follow-up", text, severity=Severity.INFO, source=planned.source, tag=planned.tag)]
    first, last = limit(context, "earliest"), limit(context, "latest")
    if days < number(first):
        return [against(context, "images-early", f"Images {days:.0f} days after treatment are early.", days, first)]
    if days > number(last):
        return [against(context, "images-late", f"Images {days:.0f} days after treatment are late.", days, last)]
    return []


def days_after(context: StageContext) -> float | None:
    done, read = performed_on(context), as_date(context.value("date"))
    return None if done is None or read is None else float((read - done).days)


@REGISTRY.compute("time_since_treatment")
def time_since_treatment(context: StageContext) -> list[Computed]:
    days = days_after(context)
    if days is None:
        return [
            unknown_value("weeks_after", "Time since treatment", "the day of treatment or of the images is unknown")
        ]
    return [
        Computed(
            id="weeks_after",
            label="Time since treatment",
            value=days / 7,
            unit="wk",
            inputs={"treated": str(performed_on(context)), "read": str(as_date(context.value("date")))},
            arithmetic=f"{days:.0f} d / 7",
            source="the dates of this record",
            tag="calc",
        )
    ]


@REGISTRY.compute("response_per_lesion")
def response_per_lesion(context: StageContext) -> list[Computed]:
    """LI-RADS treatment response or mRECIST by what was typed per lesion; refused on oil by CT."""
    criteria, label = context.value("criteria"), "Response by the criteria"
    if oil_spoils(context):
        return [unknown_value("response", label, REFUSED)]
    if criteria in ARTERIAL and context.value("arterial_phase") != "adequate":
        return [unknown_value("response", label, "no adequate late arterial phase")]
    if criteria == "lirads-tr-2024":
        return [_lirads(context, row) for row in context.rows("per_lesion")]
    if criteria == "mrecist":
        return [_mrecist(context)]
    return [unknown_value("response", label, f"{criteria or 'no criteria'}: read by a person, not computed here")]


def _lirads(context: StageContext, row: dict[str, Any]) -> Computed:
    masslike, name = row.get("masslike"), lesion_name(context, str(row.get("lesion")))
    assessable = masslike != "not-assessable"
    ancillary = yes_no(row.get("ancillary"))
    by_mr = context.value("modality") == "MR"
    inputs = {
        "therapy": "non-radiation",
        "modality": "MRI" if by_mr else "CT",
        "assessable": assessable if masslike is not None else None,
        "masslike_enhancement": masslike if assessable else "none",
        "mri_ancillary_present": ancillary if by_mr else False,
    }
    result = ruled(context, "lirads_tr_2024", inputs)
    printed = {name: str(value) for name, value in inputs.items()}
    return from_rule(result, "category", f"lirads_{row.get('lesion')}", f"LI-RADS TR v2024, {name}", inputs=printed)


def baseline_viable(context: StageContext, lesion_id: str) -> float | None:
    """The viable diameter of the newest observation up to the treatment."""
    done, lesion = performed_on(context), context.case.lesion(lesion_id)
    if done is None or lesion is None:
        return None
    seen = [each for each in lesion.observations if each.study_date <= done and each.viable_mm is not None]
    newest = max(seen, key=lambda each: each.study_date, default=None)
    return None if newest is None else newest.viable_mm


def _mrecist(context: StageContext) -> Computed:
    rows = context.rows("per_lesion")
    before = [(str(row.get("lesion")), baseline_viable(context, str(row.get("lesion")))) for row in rows]
    now = [as_number(row.get("viable_mm")) for row in rows]
    missing = [
        lesion_name(context, name) for (name, size), current in zip(before, now, strict=True) if None in (size, current)
    ]
    if missing or not rows:
        why = f"viable diameter before or now is unknown: {', '.join(missing) or 'no lesion'}"
        return unknown_value("mrecist", "mRECIST, targets", why, "mrecist")
    baseline = [size for _, size in before if size is not None]
    current = [size for size in now if size is not None]
    inputs = {
        "baseline_viable": baseline,
        "nadir_sum": sum(baseline),
        "current_viable": current,
        "new_lesion": yes_no(context.value("new_lesion")),
    }
    result = ruled(context, "mrecist", inputs)
    arithmetic = f"{' + '.join(f'{x:g}' for x in baseline)} → {' + '.join(f'{x:g}' for x in current)} mm"
    printed = {"before": f"{sum(baseline):g} mm", "now": f"{sum(current):g} mm"}
    return from_rule(result, "category", "mrecist", "mRECIST, targets", inputs=printed, arithmetic=arithmetic)
