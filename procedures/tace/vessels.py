"""Images, portal vein, shunts, bile, arteries and access."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.spine.support import (
    against,
    as_date,
    as_number,
    choices_of,
    flag,
    limit,
    not_evaluated,
    number,
)
from procedures.tace.registry import REGISTRY

PORTAL = "portal_shunt_bile"
OPEN_BILE = frozenset({"stent", "bilioenteric", "sphincterotomy"})


@REGISTRY.check("phases_present")
def phases_present(context: StageContext) -> list[Finding]:
    found = []
    phases = {f"{each.series_uid}#{each.part}": each.phase for each in context.case.studies}
    for role in ("arterial", "portal-venous"):
        series = context.session.series_roles.get(role)
        if series is None:
            text = f"No {role} phase is chosen."
            found.append(context.finding("phase-missing", text, subject=f"{context.stage.id}.{role}"))
        elif phases.get(series) not in (None, role):
            text = f"The series chosen as {role} is labelled {phases[series]}."
            found.append(context.finding("phase-label", text, subject=f"{context.stage.id}.{role}"))
    return found


@REGISTRY.check("arterial_timing")
def arterial_timing(context: StageContext) -> list[Finding]:
    answer = context.value("arterial_timing")
    if answer == "adequate":
        return []
    if answer in ("early", "late"):
        text = f"The arterial phase is too {answer}: enhancement and feeders may be missed."
        return [context.finding("arterial-timing", text)]
    return [not_evaluated(context, "whether the arterial phase is late arterial cannot be told")]


@REGISTRY.check("portal_flow")
def portal_flow(context: StageContext) -> list[Finding]:
    portal, flow = context.value("portal_vein"), context.value("flow_direction")
    found = _thrombus(context, portal)
    if flow == "hepatofugal":
        found.append(context.finding("hepatofugal-flow", "Portal flow is away from the liver."))
    elif flow != "hepatopetal":
        found.append(not_evaluated(context, "the direction of portal flow is not known", code="flow-unknown"))
    return found


def _thrombus(context: StageContext, portal: str | None) -> list[Finding]:
    if portal == "patent":
        return []
    if portal == "main":
        collaterals = context.value("collaterals")
        accepted = limit(context, "main_allowed_with_collaterals")
        if collaterals == "yes" and flag(accepted):
            text = "The main portal vein is occluded; collaterals reach the liver."
            return [context.finding("main-portal-vein", text, severity=Severity.WARN)]
        said = "without collaterals" if collaterals == "no" else "and collaterals are not known"
        if collaterals == "yes":
            said = "and the profile does not accept it with collaterals"
        text = f"The main portal vein is occluded {said}."
        return [context.finding("main-portal-vein", text, source=accepted.source, tag=accepted.tag)]
    if portal == "branch":
        accepted = limit(context, "branch_allowed")
        kind = context.value("thrombus_kind")
        if kind == "bland" or (kind == "tumour" and flag(accepted)):
            return []
        if kind != "tumour":
            return [not_evaluated(context, "whether the thrombus is bland or tumour is not known")]
        text = "Tumour thrombus in a portal branch: the profile asks for a reason."
        return [context.finding("branch-tumour-thrombus", text, source=accepted.source, tag=accepted.tag)]
    return [not_evaluated(context, "the portal vein was not judged", code="portal-vein-unknown")]


@REGISTRY.check("tumour_share")
def tumour_share(context: StageContext) -> list[Finding]:
    share, allowed = as_number(context.value("tumour_share")), limit(context, "limit")
    if share is None:
        return [not_evaluated(context, "the tumour share of the liver is not known", code="tumour-share-unknown")]
    if share <= number(allowed):
        return []
    text = f"Tumour takes {share:g} % of the liver, the profile allows {number(allowed):g} %."
    return [against(context, "tumour-share", text, share, allowed)]


@REGISTRY.check("shunt_known")
def shunt_known(context: StageContext) -> list[Finding]:
    found = []
    for name, words in (("shunt_ap", "arterioportal"), ("shunt_av", "arteriovenous")):
        answer = context.value(name)
        if answer in ("small", "large"):
            text = f"{answer.capitalize()} {words} shunt: no oil and no small particles before it is treated."
            found.append(context.finding("shunt", text, subject=f"{PORTAL}.{name}"))
        elif answer != "none-seen":
            found.append(not_evaluated(context, f"{words} shunts were not judged", subject=f"{PORTAL}.{name}"))
    if context.value("right_to_left_shunt") == "yes":
        text = "Right-to-left shunt known: oil may reach the brain."
        found.append(context.finding("right-to-left-shunt", text, subject=f"{PORTAL}.right_to_left_shunt"))
    return found


@REGISTRY.check("hepatic_vein_open")
def hepatic_vein_open(context: StageContext) -> list[Finding]:
    answer = context.value("hepatic_vein")
    if answer == "none":
        return []
    if answer in ("bland", "hepatic-vein", "ivc"):
        return [context.finding("hepatic-vein-thrombus", "Thrombus in a hepatic vein or the inferior vena cava.")]
    return [not_evaluated(context, "hepatic veins and inferior vena cava were not judged")]


@REGISTRY.check("biliary_risk")
def biliary_risk(context: StageContext) -> list[Finding]:
    found = []
    open_duct = sorted(OPEN_BILE & set(choices_of(context.value("biliary_access"))))
    if open_duct:
        text = f"The bile duct is open to the gut ({', '.join(open_duct)}): abscess risk, plan an antibiotic."
        found.append(context.finding("open-bile-duct", text))
    elif "none" not in choices_of(context.value("biliary_access")):
        found.append(not_evaluated(context, "stent, anastomosis or sphincterotomy was not asked for"))
    ducts = context.value("bile_ducts")
    if ducts == "dilated":
        found.append(context.finding("dilated-ducts", "Bile ducts are dilated: biloma and abscess risk."))
    elif ducts != "normal":
        found.append(not_evaluated(context, "the bile ducts were not judged"))
    return found


@REGISTRY.check("varices_known")
def varices_known(context: StageContext) -> list[Finding]:
    answer, window = context.value("varices"), limit(context, "days")
    if answer == "untreated":
        return [context.finding("untreated-varices", "Varices are untreated.")]
    if answer not in ("none", "treated"):
        return [not_evaluated(context, "varices are not known")]
    seen = as_date(context.value("endoscopy_on"))
    if seen is None:
        return [not_evaluated(context, "the date of the endoscopy is not known", severity=Severity.INFO)]
    days = float((context.today - seen).days)
    if days <= number(window):
        return []
    return [
        against(context, "endoscopy-old", f"The endoscopy of {seen.isoformat()} is {days:.0f} d old.", days, window)
    ]


@REGISTRY.check("arteries_judged")
def arteries_judged(context: StageContext) -> list[Finding]:
    found = []
    if context.value("michels") in (None, "unknown"):
        found.append(not_evaluated(context, "the origin of the hepatic arteries was not judged"))
    disease = context.value("coeliac_disease")
    if disease in ("median-arcuate", "stenosis", "occlusion"):
        words = disease.replace("-", " ")
        found.append(context.finding("coeliac-disease", f"Coeliac or mesenteric {words}: plan another way in."))
    elif disease != "none":
        found.append(not_evaluated(context, "coeliac and mesenteric origins were not judged"))
    return found
