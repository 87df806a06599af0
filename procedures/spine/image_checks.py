"""Images and lesions: whose images, how old, and whether a person says that the list is complete."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.model.disease import SeriesRef
from planner.workflow.context import StageContext
from procedures.spine.registry import REGISTRY
from procedures.spine.support import against, limit, not_evaluated, number

PLANNING_ROLES = frozenset({"arterial", "portal-venous", "delayed", "hepatobiliary", "planning", "mr"})
"""Roles of series that a plan stands on; images of the day and of follow-up have their own dates."""


def series_of(context: StageContext, role: str) -> SeriesRef | None:
    """The series that plays a role in this session."""
    wanted = context.session.series_roles.get(role)
    return next((each for each in context.case.studies if f"{each.series_uid}#{each.part}" == wanted), None)


@REGISTRY.check("one_patient_one_frame")
def one_patient_one_frame(context: StageContext) -> list[Finding]:
    used = {role: series_of(context, role) for role in context.session.series_roles}
    known = {context.case.patient.patient_id, *context.case.patient.other_ids}
    found = []
    for role, series in used.items():
        if series is not None and series.patient_id is not None and series.patient_id not in known:
            text = (
                f"The {role} series belongs to patient {series.patient_id}, not to {context.case.patient.patient_id}."
            )
            found.append(context.finding("two-patients", text, subject=f"{context.stage.id}.{role}"))
    frames = {
        series.frame_uid for role, series in used.items() if series and series.frame_uid and role in PLANNING_ROLES
    }
    if len(frames) > 1:
        text = "The planning images lie in different frames of reference; nothing is overlaid without a reviewed link."
        found.append(context.finding("two-frames", text, severity=Severity.WARN, overridable=True))
    return found


@REGISTRY.check("images_in_window")
def images_in_window(context: StageContext) -> list[Finding]:
    window = limit(context, "days")
    roles = [role for role in context.session.series_roles if role in PLANNING_ROLES]
    if not roles:
        return [not_evaluated(context, "no planning images are chosen", code="no-planning-images")]
    found = []
    for role in roles:
        series = series_of(context, role)
        if series is None or series.study_date is None:
            found.append(not_evaluated(context, f"the date of the {role} images is unknown", subject=f"images.{role}"))
            continue
        days = float((context.today - series.study_date).days)
        if days > number(window):
            text = f"The {role} images of {series.study_date.isoformat()} are {days:.0f} days old."
            found.append(against(context, "images-too-old", text, days, window, subject=f"images.{role}"))
    return found


@REGISTRY.check("lesion_list_confirmed")
def lesion_list_confirmed(context: StageContext) -> list[Finding]:
    case = context.case
    if not case.lesions:
        return [context.finding("no-lesions", "No lesion is marked or typed.")]
    if case.lesion_list_is_confirmed:
        return []
    changed = " since it was confirmed the list has changed;" if case.lesion_list_confirmed else ""
    text = (
        f"Nobody has confirmed that the list of {len(case.lesions)} is complete;{changed} staging rules do not speak."
    )
    return [context.finding("list-not-confirmed", text)]


@REGISTRY.check("lesions_measured")
def lesions_measured(context: StageContext) -> list[Finding]:
    without = [each.name for each in context.case.lesions if each.latest is None or each.latest.longest_mm is None]
    if not without:
        return []
    text = f"No size is known of {', '.join(without)}."
    return [context.finding("lesion-not-measured", text)]
