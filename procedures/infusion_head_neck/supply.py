"""Supply per artery, arch and plaque, the retrograde way."""

from __future__ import annotations

from planner.findings import Finding, Severity
from planner.workflow.context import StageContext
from procedures.embolisation.places import targets
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.spine.support import against, as_number, choices_of, limit, not_evaluated, number, text_of

FED = ("main", "minor")


@REGISTRY.check("supply_known")
def supply_known(context: StageContext) -> list[Finding]:
    """Every lesion has an artery; supply by the internal carotid is looked for, and said."""
    rows = context.rows("arteries")
    fed = {name for row in rows if row.get("share") in FED for name in choices_of(row.get("lesions"))}
    found = [
        not_evaluated(context, f"which artery feeds {each.name}", subject=f"{context.stage.id}.{each.id}")
        for each in targets(context)
        if each.id not in fed
    ]
    carotid, subject = context.value("internal_carotid_supply"), f"{context.stage.id}.internal_carotid_supply"
    if carotid == "present":
        text = "The internal carotid feeds a part: infusion into the external carotid does not reach it."
        found.append(context.finding("internal-carotid", text, subject=subject, severity=Severity.WARN))
    elif carotid != "none-seen":
        found.append(not_evaluated(context, "supply by the internal carotid was not looked for", subject=subject))
    return found


@REGISTRY.check("arch_and_plaque")
def arch_and_plaque(context: StageContext) -> list[Finding]:
    """A steep arch and plaque are where emboli come from; another way in is thought of."""
    found = []
    kind, steep = context.value("arch_type"), limit(context, "arch")
    subject = f"{context.stage.id}.arch_type"
    if kind is None or kind == "unknown":
        found.append(not_evaluated(context, "the aortic arch was not judged", subject=subject))
    elif kind.isdigit() and int(kind) >= number(steep):
        text = "A steep arch: more catheter work below the brain; think of the temporal or radial way."
        found.append(against(context, "steep-arch", text, float(kind), steep, severity=Severity.WARN, subject=subject))
    plaque, subject = context.value("plaque"), f"{context.stage.id}.plaque"
    if plaque in ("thick", "mobile"):
        text = f"Plaque on the way is {plaque}: emboli to the brain; choose another way or none."
        found.append(context.finding("plaque", text, subject=subject))
    elif plaque not in ("none", "flat"):
        found.append(not_evaluated(context, "plaque on the way was not judged", subject=subject))
    return [*found, *_stenosis(context)]


def _stenosis(context: StageContext) -> list[Finding]:
    narrowed, asked = as_number(context.value("carotid_stenosis")), limit(context, "stenosis")
    subject = f"{context.stage.id}.carotid_stenosis"
    if narrowed is None:
        return [not_evaluated(context, "the internal carotid was not measured", subject=subject)]
    if narrowed < number(asked):
        return []
    text = f"Internal carotid stenosis of {narrowed:g} %: the catheter passes beside it."
    return [against(context, "carotid-stenosis", text, narrowed, asked, subject=subject)]


@REGISTRY.check("temporal_route")
def temporal_route(context: StageContext) -> list[Finding]:
    """Retrograde through the superficial temporal artery: it is open, and the tip is named."""
    if context.value("access") != "superficial-temporal":
        return []
    state = context.value("temporal_artery")
    found = []
    if state in ("narrow", "occluded"):
        found.append(context.finding("temporal-closed", f"The superficial temporal artery is {state}."))
    elif state != "open":
        found.append(not_evaluated(context, "the superficial temporal artery was not checked"))
    if not text_of(context.value("temporal_tip")):
        text = "Retrograde: at which artery the tip is fixed is not written down."
        found.append(context.finding("temporal-tip", text, subject=f"{context.stage.id}.temporal_tip"))
    return found
