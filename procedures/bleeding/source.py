"""Where it bleeds: what CT angiography says and does not say, and what each place asks for."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.bleeding.registry import REGISTRY
from procedures.embolisation.places import organ_of
from procedures.spine.support import choices_of, not_evaluated, text_of


@REGISTRY.check("source_known")
def source_known(context: StageContext) -> list[Finding]:
    """No extravasation is not a negative examination; an examination not done is said so."""
    seen = context.value("cta")
    if seen in ("extravasation", "pseudoaneurysm"):
        return []
    if seen == "no-extravasation":
        text = "No extravasation on CT is not negative: bleeding pauses, and most sources are found by indirect signs."
        return [context.finding("no-extravasation", text)]
    if seen == "not-possible":
        return [context.finding("cta-not-done", "NOT CHECKED: CT angiography was not possible; the source is guessed.")]
    return [not_evaluated(context, "whether CT angiography shows the source", code="cta-unanswered")]


@REGISTRY.check("rupture_signs")
def rupture_signs(context: StageContext) -> list[Finding]:
    """Ruptured tumour of the liver: the sentinel clot says more than extravasation, which is seen in few."""
    if organ_of(context) != "liver" or context.value("cause") not in ("tumour-rupture", "tumour-bleeding"):
        return []
    answer = context.value("sentinel_clot")
    if answer in ("seen", "not-seen"):
        return []
    return [not_evaluated(context, "the sentinel clot at the tumour was not looked for", code="sentinel-unanswered")]


@REGISTRY.check("carotid_answered")
def carotid_answered(context: StageContext) -> list[Finding]:
    """Carotid blow-out: neurological state first, and a test of occlusion before the vessel is given up."""
    if organ_of(context) != "head-neck" or context.value("carotid_blowout") == "no":
        return []
    found = []
    if context.value("carotid_blowout") != "yes":
        return [not_evaluated(context, "whether this is a carotid blow-out", code="carotid-unanswered")]
    if not text_of(context.value("neurological_state")):
        text = "The neurological state before treatment is not written down."
        found.append(context.finding("no-neurology", text, subject=f"{context.stage.id}.neurological_state"))
    test = context.value("occlusion_test")
    if test in (None, "not-thought-of"):
        why = "the occlusion test, or why there is no time for it"
        found.append(not_evaluated(context, why, subject=f"{context.stage.id}.occlusion_test"))
    elif test == "not-tolerated":
        text = "Occlusion was not tolerated: keep the vessel (covered stent), do not give it up."
        found.append(context.finding("occlusion-not-tolerated", text, subject=f"{context.stage.id}.occlusion_test"))
    return found


@REGISTRY.check("both_lungs")
def both_lungs(context: StageContext) -> list[Finding]:
    """The side of a haemoptysis, by CT or bronchoscopy: the wrong side is easily embolised."""
    if organ_of(context) != "lung" or context.value("lung_side") in ("right", "left", "both"):
        return []
    return [not_evaluated(context, "the side the haemoptysis comes from", code="side-unanswered")]


@REGISTRY.check("liver_never_blocks")
def liver_never_blocks(context: StageContext) -> list[Finding]:
    """Poor liver function is said and blocks nothing: haemostasis comes first."""
    if organ_of(context) != "liver" or context.value("liver_reserve") not in ("poor", "unknown"):
        return []
    text = "Poor or unknown liver reserve does not keep from stopping the bleeding; spare what liver can be spared."
    return [context.finding("liver-reserve", text, severity=Severity.INFO)]


@REGISTRY.check("ischaemia_weighed")
def ischaemia_weighed(context: StageContext) -> list[Finding]:
    """Particles and liquids in end arteries, or after surgery and radiotherapy: the organ may die."""
    organ, agents = organ_of(context), set(choices_of(context.value("agent_kinds")))
    diffuse = agents & {"particles", "microspheres", "liquid", "glue"}
    if organ != "bowel" or not diffuse or text_of(context.value("ischaemia_plan")):
        return []
    text = f"End arteries of the bowel and {', '.join(sorted(diffuse))}: what is done about ischaemia is not written."
    return [context.finding("bowel-ischaemia", text)]
