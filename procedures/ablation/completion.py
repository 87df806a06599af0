"""The completion scan: the margin achieved, never without the registration's error; stop, again or staged."""

from __future__ import annotations

from typing import Any

from planner.clinical.comparisons import below
from planner.findings import Finding, Severity
from planner.model.needle_items import AblationMarginBody
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import DONE, achieved, lesion_name, lesion_of_margin, needle_limit, target_lesions
from procedures.ablation.margins import required_margin
from procedures.ablation.record import nothing_given
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import (
    as_findings,
    as_number,
    choices_of,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)

STAGE = "completion_scan"
NOT_MEASURABLE = "not measurable: no registration error is known"
DANGERS = {
    "bleeding": "Bleeding beside the zone.",
    "pneumothorax": "Pneumothorax.",
    "bowel": "Bowel wall beside the zone: watch for perforation.",
    "vessel": "A vessel is occluded.",
    "duct": "A bile duct is beside the zone: stricture, biloma.",
    "other": "Something else beside the zone.",
}


def error_of(context: StageContext, row: dict[str, Any]) -> float | None:
    """The registration error of a round: of its own row, else the stage's."""
    own = as_number(row.get("error"))
    return own if own is not None else as_number(context.value("registration_error", STAGE))


def counted_minimum(body: AblationMarginBody) -> float | None:
    """The achieved minimum that is judged: without the surface near the capsule where that was left out."""
    numbers = body.without_capsule if body.without_capsule is not None else body.mean
    return numbers.minimum_mm


def last_rows(context: StageContext) -> dict[str, dict[str, Any]]:
    """Lesion -> the last round of it."""
    return {str(row["lesion"]): row for row in context.rows("repetitions", STAGE) if row.get("lesion")}


@REGISTRY.check("no_number_without_error")
def no_number_without_error(context: StageContext) -> list[Finding]:
    found = []
    for place, row in enumerate(context.rows("repetitions"), start=1):
        if as_number(row.get("minimum")) is not None and error_of(context, row) is None:
            text = f"{lesion_name(context, row.get('lesion'))}, round {row.get('round') or place}: {NOT_MEASURABLE}."
            found.append(context.finding("no-registration-error", text, subject=f"completion_scan.{place}"))
    for item, body in achieved(context):
        if body.registration_error_mm is None and body.mean.minimum_mm is not None:
            text = f"{item.name}: {NOT_MEASURABLE}."
            found.append(context.finding("no-registration-error", text, subject=f"completion_scan.{item.id}"))
    return found


@REGISTRY.check("margin_achieved")
def margin_achieved(context: StageContext) -> list[Finding]:
    """Below what is required, a person decides: stop with a reason, again, or a second session."""
    if nothing_given(context):
        return []
    least, wanted = needle_limit(context, "margin_minimum_mm"), required_margin(context)
    rows = last_rows(context)
    found = []
    for lesion in _treated(context):
        row, name = rows.get(lesion, {}), lesion_name(context, lesion)
        subject = f"completion_scan.{lesion}"
        minimum = _minimum_of(context, lesion, row)
        if minimum is None:
            why = f"the margin achieved at {name} has no number"
            found.append(not_evaluated(context, why, severity=Severity.WARN, subject=subject))
        if minimum is not None and not below(minimum, wanted):
            continue
        decision = row.get("decision") or context.value("decision")
        undecided = decision is None or (decision == "stop" and not _why(context, row))
        if undecided:
            said = "is not known" if minimum is None else f"is {minimum:.1f} mm, {wanted:g} mm is required"
            text = f"{name}: the margin {said}; stop (why), again or a second session is not decided."
            more = {"measured": minimum, "limit": wanted, "unit": "mm", "subject": subject}
            found.append(context.finding("margin-undecided", text, source=least.source, tag=least.tag, **more))
    return found


def _why(context: StageContext, row: dict[str, Any]) -> str:
    return text_of(row.get("reason")) or text_of(context.value("decision_reason"))


def _minimum_of(context: StageContext, lesion: str, row: dict[str, Any]) -> float | None:
    """The measured margin item of a lesion where it has one with an error, else the number of the last round."""
    for _, body in achieved(context):
        if lesion_of_margin(context, body) == lesion and body.registration_error_mm is not None:
            return counted_minimum(body)
    typed = as_number(row.get("minimum"))
    return typed if error_of(context, row) is not None else None


def _treated(context: StageContext) -> tuple[str, ...]:
    rows = context.rows("activations", "activations")
    treated = {str(row.get("lesion")) for row in rows if row.get("status") in DONE and row.get("lesion")}
    return tuple(each.id for each in target_lesions(context) if each.id in treated)


@REGISTRY.check("margin_within_error")
def margin_within_error(context: StageContext) -> list[Finding]:
    numbers = [
        (lesion_name(context, row.get("lesion")), as_number(row.get("minimum")), error_of(context, row))
        for row in last_rows(context).values()
    ]
    numbers += [(item.name, counted_minimum(body), body.registration_error_mm) for item, body in achieved(context)]
    found = []
    for name, minimum, error in numbers:
        if minimum is None or error is None:
            continue
        result = ruled(context, "mam_flag", {"mam": (minimum, "mm"), "tre": (error, "mm")})
        for each in as_findings(context, result):
            text = f"{name}: {each.text}"
            told = {"source": each.source, "tag": each.tag, "measured": minimum, "limit": error, "unit": "mm"}
            found.append(context.finding(each.code, text, subject=f"completion_scan.{name}", **told))
    return found


@REGISTRY.check("gas_is_not_the_zone")
def gas_is_not_the_zone(context: StageContext) -> list[Finding]:
    wider, edge, found = limit(context, "wider"), context.value("edge"), []
    if nothing_given(context):
        return []
    if edge == "gas":
        text = f"The zone was taken from gas: necrosis is wider by about {number(wider):g} mm in diameter (pig)."
        told = {"source": wider.source, "tag": wider.tag, "limit": number(wider), "unit": wider.unit}
        found.append(context.finding("gas-not-zone", text, subject="completion_scan.edge", **told))
    elif edge in (None, "not-segmented"):
        found.append(not_evaluated(context, "the zone was not segmented", subject="completion_scan.edge"))
    if context.value("contrast") == "no":
        text = "Completion scan without contrast: residual tumour and bleeding cannot be seen."
        found.append(context.finding("no-contrast", text, subject="completion_scan.contrast"))
    return found


@REGISTRY.check("rounds_follow")
def rounds_follow(context: StageContext) -> list[Finding]:
    """After *again* there are further activations and a further scan of that target."""
    rows = [row for row in context.rows("repetitions") if row.get("lesion")]
    rounds = {
        (str(row.get("lesion")), row.get("round"))
        for row in context.rows("activations", "activations")
        if row.get("status") in DONE
    }
    found = []
    for place, row in enumerate(rows):
        if row.get("decision") != "again":
            continue
        lesion, now = str(row["lesion"]), row.get("round") or 0
        name, subject = lesion_name(context, lesion), f"completion_scan.{place + 1}"
        if not any(str(later["lesion"]) == lesion for later in rows[place + 1 :]):
            text = f"{name}: after round {now} it was to be ablated again; no further scan is recorded."
            found.append(context.finding("round-missing", text, subject=subject))
        if not any(each == lesion and (number_of or 0) > now for each, number_of in rounds):
            text = f"{name}: after round {now} it was to be ablated again; no further activation is recorded."
            found.append(context.finding("activation-missing", text, subject=subject))
    if context.value("decision") == "again":
        text = "The last decision is *again*: the loop is not finished."
        found.append(context.finding("loop-open", text, subject="completion_scan.decision"))
    return found


@REGISTRY.check("ablation_dangers")
def ablation_dangers(context: StageContext) -> list[Finding]:
    seen = choices_of(context.value("dangers"))
    if not seen or "not-looked-for" in seen:
        return [not_evaluated(context, "nobody looked beside the zone", subject="completion_scan.dangers")]
    return [context.finding(code, DANGERS[code], subject=f"completion_scan.{code}") for code in seen if code in DANGERS]


@REGISTRY.check("targets_accounted")
def targets_accounted(context: StageContext) -> list[Finding]:
    treated = set(_treated(context))
    reasons = {row.get("lesion") for row in context.rows("untreated") if text_of(row.get("reason"))}
    return [
        context.finding("untreated", f"{each.name} was not treated, and why is not written down.", subject=each.id)
        for each in target_lesions(context)
        if each.id not in treated | reasons
    ]


@REGISTRY.compute("achieved_margins")
def achieved_margins(context: StageContext) -> list[Computed]:
    """Each achieved margin with the registration's error beside it; without an error there is no number."""
    found: list[Computed] = []
    for item, body in achieved(context):
        name, error = f"achieved_{item.id}", body.registration_error_mm
        if error is None:
            found.append(unknown_value(name, item.name, NOT_MEASURABLE))
            continue
        minimum = counted_minimum(body)
        inputs = {
            "registration error": shown(error, "mm"),
            "with capsule": shown(body.mean.minimum_mm, "mm"),
            "covered": "–" if body.mean.covered_fraction is None else f"{100.0 * body.mean.covered_fraction:.0f} %",
            "zone": shown(body.mean.zone_ml, "mL"),
        }
        if body.without_capsule is not None:
            inputs["without capsule"] = shown(body.without_capsule.minimum_mm, "mm")
        within = "within the registration error" if body.within_registration_error else ""
        found.append(
            Computed(
                id=name,
                label=item.name,
                value=minimum,
                unit="mm",
                grade=within,
                inputs=inputs,
                source="surface distances of the margin item",
                tag="calc",
                note=body.registration_note,
            )
        )
    return found
