"""Contraindications: answered by a person, and compared with what is known. A haemorrhage is never blocked (R9)."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from planner.workflow.template import Field
from procedures.spine.kidney import kidney_function
from procedures.spine.support import against, as_number, choices_of, in_unit, laboratory, limit, number
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import longest_mm, target_lesions
from procedures.tace.vessels import OPEN_BILE, PORTAL

KINDS = ("absolute", "relative")


def haemorrhage(context: StageContext) -> bool:
    """Whether this is done to stop a bleeding."""
    return bool(context.value("indication_haemorrhage", "referral") == "yes")


def strength(context: StageContext) -> dict[str, Severity]:
    """Findings of this stage never block when the patient bleeds."""
    return {"severity": Severity.WARN} if haemorrhage(context) else {}


def listed(context: StageContext) -> list[Field]:
    """The fields of the list: their ids say whether they are absolute or relative."""
    return [each for each in context.stage.fields if each.id.partition("_")[0] in KINDS]


@REGISTRY.check("contraindications")
def contraindications(context: StageContext) -> list[Finding]:
    more = strength(context)
    found, empty = [], []
    for described in listed(context):
        answer = context.value(described.id)
        kind = described.id.partition("_")[0].capitalize()
        subject = f"{context.stage.id}.{described.id}"
        if answer == "yes":
            text = f"{kind} contraindication: {described.label}."
            found.append(context.finding("contraindication", text, subject=subject, **more))
        elif answer == "unknown":
            text = f"Not evaluated: {described.label} is unknown ({kind.lower()} contraindication)."
            found.append(context.finding("contraindication-unknown", text, subject=subject, **more))
        elif answer != "no":
            empty.append(described.label)
    if empty:
        text = f"Not evaluated: {len(empty)} of {len(listed(context))} are not answered, first: {empty[0]}."
        found.append(context.finding("contraindications-not-answered", text, measured=float(len(empty)), **more))
    return found


def denied(context: StageContext, name: str) -> bool:
    """Whether a contraindication was answered with no."""
    return bool(context.value(name) == "no")


@REGISTRY.check("contraindications_against_data")
def contraindications_against_data(context: StageContext) -> list[Finding]:
    """An answer *no* that a number or an earlier answer contradicts is asked about again."""
    return [*_laboratory(context), *_tumour_and_heart(context), *_answers(context)]


def _laboratory(context: StageContext) -> list[Finding]:
    found = []
    kidney = kidney_function(context, limit(context, "creatinine_window"))
    creatinine = in_unit("creatinine", kidney.creatinine, "mg/dL")
    highest, lowest = limit(context, "creatinine"), limit(context, "clearance")
    if denied(context, "absolute_renal_failure"):
        more = {"subject": f"{context.stage.id}.absolute_renal_failure", **strength(context)}
        if creatinine is not None and creatinine >= number(highest):
            text = f"Renal failure is answered no, creatinine is {kidney.creatinine.printed()}."
            found.append(against(context, "contradiction", text, creatinine, highest, **more))
        elif kidney.clearance is not None and kidney.clearance < number(lowest):
            text = f"Renal failure is answered no, clearance is {kidney.clearance:.0f} mL/min."
            found.append(against(context, "contradiction", text, kidney.clearance, lowest, **more))
    known = laboratory(context, "bilirubin", limit(context, "bilirubin_window"))
    bilirubin, absolute = in_unit("bilirubin", known, "mg/dL"), limit(context, "bilirubin")
    if denied(context, "absolute_jaundice") and bilirubin is not None and bilirubin > number(absolute):
        text = f"Jaundice is answered no, bilirubin is {known.printed()}."
        more = {"subject": f"{context.stage.id}.absolute_jaundice", **strength(context)}
        found.append(against(context, "contradiction", text, bilirubin, absolute, **more))
    return found


def _tumour_and_heart(context: StageContext) -> list[Finding]:
    found = []
    sizes = [size for each in target_lesions(context) if (size := longest_mm(each)) is not None]
    allowed, lowest = limit(context, "size"), limit(context, "lvef")
    if denied(context, "relative_large_tumour") and sizes and max(sizes) > number(allowed):
        text = f"A large tumour is answered no, the largest is {max(sizes):g} mm."
        more = {"subject": f"{context.stage.id}.relative_large_tumour", **strength(context)}
        found.append(against(context, "contradiction", text, max(sizes), allowed, **more))
    fraction = as_number(context.value("lvef", "fitness"))
    if denied(context, "relative_cardiotoxicity") and fraction is not None and fraction < number(lowest):
        text = f"A low ejection fraction is answered no, it is {fraction:g} %."
        more = {"subject": f"{context.stage.id}.relative_cardiotoxicity", **strength(context)}
        found.append(against(context, "contradiction", text, fraction, lowest, **more))
    return found


def _answers(context: StageContext) -> list[Finding]:
    """Earlier stages said otherwise."""
    portal, collaterals = context.value("portal_vein", PORTAL), context.value("collaterals", PORTAL)
    flow = context.value("flow_direction", PORTAL)
    blocked = flow == "hepatofugal" or (portal == "main" and collaterals != "yes")
    iodine = any(
        "contrast" in each.substance.casefold() or "iod" in each.substance.casefold() for each in context.case.allergies
    )
    said = {
        "absolute_portal_flow": (blocked, "the portal vein was judged otherwise"),
        "absolute_infection": (context.value("active_infection", "fitness") == "yes", "an infection was noted"),
        "absolute_pregnancy": (context.value("pregnancy", "fitness") == "yes", "a pregnancy was noted"),
        "absolute_encephalopathy": (
            context.value("encephalopathy", "liver_stage") in ("grade-1-2", "grade-3-4"),
            "encephalopathy was noted",
        ),
        "absolute_refractory_ascites": (
            context.value("ascites", "liver_stage") == "moderate-severe",
            "moderate to severe ascites was noted",
        ),
        "relative_biliary": (
            bool(OPEN_BILE & set(choices_of(context.value("biliary_access", PORTAL))))
            or context.value("bile_ducts", PORTAL) == "dilated",
            "the bile ducts were judged otherwise",
        ),
        "relative_varices": (context.value("varices", PORTAL) == "untreated", "untreated varices were noted"),
        "relative_iodine": (iodine, "a reaction to contrast is in the list of allergies"),
    }
    found = []
    labels = {each.id: each.label for each in context.stage.fields}
    for name, (contradicted, why) in said.items():
        if contradicted and denied(context, name):
            text = f"{labels[name]} is answered no, but {why}."
            found.append(
                context.finding("contradiction", text, subject=f"{context.stage.id}.{name}", **strength(context))
            )
    return found
