"""Which kind of stent: benign disease, resectability, sealing and the date of retrieval gate the choice."""

from __future__ import annotations

from planner.findings import Finding
from planner.planning.stent_catalogue import stent_catalogue
from planner.workflow.context import StageContext
from procedures.spine.medicine_checks import day_of_procedure
from procedures.spine.support import against, as_date, as_number, limit, not_evaluated, number, text_of
from procedures.stent.obstruction import RESECTABLE
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import (
    CATALOGUE_SITES,
    HILAR,
    SEALING,
    VENOUS,
    indication_of,
    planned_stents,
    site_of,
)

IODINE = "iodine-125"
GROWS_IN = frozenset({"oesophageal", "tracheobronchial", "biliary", "duodenal", "colonic"})
"""Sites at which a stent in benign disease has to come out again."""


def avoids_bare(site: str | None) -> bool:
    """Whether the site avoids uncovered metal in benign disease."""
    known = stent_catalogue()
    return any(known.site(key).avoid_bare_in_benign for key in CATALOGUE_SITES.get(site or "", ()))


@REGISTRY.check("benign_metal")
def benign_metal(context: StageContext) -> list[Finding]:
    if indication_of(context) != "benign" or not avoids_bare(site_of(context)):
        return []
    found = []
    for each in planned_stents(context):
        if each.bare_metal and each.type is not None:
            text = f"{each.name}: benign disease and uncovered metal ({each.type.name}); it cannot be taken out again."
            found.append(context.finding("benign-bare-metal", text, subject=each.subject))
        elif each.type is None:
            found.append(not_evaluated(context, f"the type of {each.name}", subject=each.subject))
    return found


@REGISTRY.check("metal_resectable")
def metal_resectable(context: StageContext) -> list[Finding]:
    """Metal where surgery is possible: only when the surgeon agreed."""
    if site_of(context) not in GROWS_IN or indication_of(context) not in ("malignant", "fistula"):
        return []
    resectable = context.value("resectable", "obstruction")
    if resectable == "no":
        return []
    if resectable is None:
        return [not_evaluated(context, "whether it can be operated on")]
    if context.value("surgeon_said", "obstruction") == "agrees" or resectable not in RESECTABLE:
        return []
    return [
        context.finding(
            "metal-resectable",
            f"{each.name}: metal, surgery is possible or not excluded, and the surgeon has not agreed.",
            subject=each.subject,
        )
        for each in planned_stents(context)
        if each.type is not None and each.type.metal
    ]


@REGISTRY.check("sealing_type")
def sealing_type(context: StageContext) -> list[Finding]:
    """An opening, and a bleeding artery, are closed by a cover and by nothing else."""
    indication = indication_of(context)
    if indication not in SEALING:
        return []
    found = []
    for each in planned_stents(context):
        if each.covers is None:
            found.append(not_evaluated(context, f"whether {each.name} is covered", subject=each.subject))
        elif not each.covers:
            text = f"{each.name}: {indication}, and the stent is not covered; it does not seal."
            found.append(context.finding("not-covered", text, subject=each.subject))
    return found


@REGISTRY.check("retrieval_planned")
def retrieval_planned(context: StageContext) -> list[Finding]:
    """Benign disease: the stent comes out, on a date, by a person. A date beyond the limit is asked about."""
    if not planned_stents(context):
        return []
    answer, latest = context.value("retrievable"), limit(context, "latest")
    benign = indication_of(context) == "benign" and site_of(context) in GROWS_IN
    subject = "stent_plan.retrievable"
    if answer == "stays" and not benign:
        return []
    if answer == "stays":
        text = "Benign disease, and the stent is to stay: it grows in; plan when it comes out."
        return [context.finding("benign-stays", text, subject=subject)]
    if answer != "out":
        return [not_evaluated(context, "whether the stent has to come out again", subject=subject)]
    due, found = as_date(context.value("retrieval_on")), []
    if due is None:
        text = "The stent has to come out, and no date is planned."
        found.append(context.finding("no-retrieval-date", text, subject="stent_plan.retrieval_on"))
    else:
        days = float((due - day_of_procedure(context)).days)
        if days > number(latest) or days < 0:
            text = f"Retrieval {days:.0f} days after the stent; usual is within {number(latest):g} days."
            found.append(against(context, "retrieval-late", text, days, latest, subject="stent_plan.retrieval_on"))
    if not text_of(context.value("retrieval_by")):
        text = "Who takes the stent out is not named."
        found.append(context.finding("no-retrieval-person", text, subject="stent_plan.retrieval_by"))
    return found


@REGISTRY.check("iodine_fields")
def iodine_fields(context: StageContext) -> list[Finding]:
    """A seed-loaded stent carries activity, number of seeds and the note for discharge. No dose is planned here."""
    loaded = [each for each in planned_stents(context) if each.type is not None and each.type.key == IODINE]
    answer, subject = context.value("iodine"), "stent_plan.iodine"
    if answer is None:
        return [not_evaluated(context, "whether the stent is loaded with seeds", subject=subject)]
    if (answer == "yes") != bool(loaded):
        text = "The table of stents and the answer about iodine-125 seeds differ."
        return [context.finding("iodine-differs", text, subject=subject)]
    if not loaded:
        return []
    missing = [
        words
        for words, known in (
            ("activity per seed", as_number(context.value("activity"))),
            ("number of seeds", as_number(context.value("seed_number"))),
            ("radiation-safety note at discharge", text_of(context.value("radiation_note"))),
        )
        if not known
    ]
    if not missing:
        return []
    return [context.finding("iodine-incomplete", f"Loaded stent: {', '.join(missing)} missing.", subject=subject)]


@REGISTRY.check("size_without_rule")
def size_without_rule(context: StageContext) -> list[Finding]:
    """No rule gives this site a size: the operator's own, with its reason."""
    if not planned_stents(context) or text_of(context.value("type_reason")):
        return []
    text = "No rule gives a size for this site: why this diameter and length is not written down."
    return [context.finding("size-without-reason", text, subject="stent_plan.type_reason")]


@REGISTRY.check("pressures_planned")
def pressures_planned(context: StageContext) -> list[Finding]:
    if site_of(context) not in VENOUS or context.value("pressures") == "planned":
        return []
    text = "Pressures before and after are not planned: whether the stent helped is not known without them."
    return [context.finding("no-pressures", text, subject="stent_plan.pressures")]


@REGISTRY.check("hilar_partners")
def hilar_partners(context: StageContext) -> list[Finding]:
    """A stricture at the confluence or above, ducts of more than one side to drain, and one stent alone."""
    rows, level = planned_stents(context), context.value("obstruction_level", "obstruction")
    drained = [row for row in context.rows("ducts", "segments") if row.get("action") == "drain"]
    if level not in HILAR or len(rows) != 1 or len(drained) < 2:
        return []
    text = f"Bismuth {level}, {len(drained)} ducts to drain and one stent: Y or parallel stents, or leave a side."
    return [context.finding("one-hilar-stent", text, subject=rows[0].subject)]
