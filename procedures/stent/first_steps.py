"""What comes before a stent in bowel and artery: bile duct, tube, second stricture, infected field."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.spine.medicine_checks import day_of_procedure
from procedures.spine.support import against, as_date, limit, not_evaluated, number, text_of
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked, indication_of


@REGISTRY.check("bile_duct_first")
def bile_duct_first(context: StageContext) -> list[Finding]:
    """Once a duodenal stent lies across the papilla, the bile duct is hard to reach."""
    told = {
        "obstructed": ("bile-duct-obstructed", "The bile duct is obstructed and nothing is planned: drain it first."),
        "covered-open": (
            "papilla-covered",
            "The stent will cover the papilla of an open duct: say how it is reached if it closes.",
        ),
    }
    fine = ("not-obstructed", "stented", "planned-first")
    return asked(context, "bile_duct", "bile duct and papilla were not looked at", told, fine=fine)


@REGISTRY.check("bowel_pack")
def bowel_pack(context: StageContext) -> list[Finding]:
    """A full stomach or colon, a second stricture, and a peritoneum that keeps the bowel from moving."""
    tube = {"not-done": ("not-decompressed", "Not decompressed: aspiration on the table, and no pressure left to see.")}
    second = {"yes": ("second-stricture", "A second stricture further on: this stent alone does not open the way.")}
    spread = {"yes": ("carcinomatosis", "Peritoneal carcinomatosis: several strictures and stiff bowel; expect less.")}
    return [
        *asked(context, "decompression", "decompression", tube, fine=("done", "not-needed")),
        *asked(context, "second_stricture", "a second stricture was not looked for", second),
        *asked(context, "carcinomatosis", "carcinomatosis was not looked for", spread),
    ]


@REGISTRY.check("anti_vegf_asked")
def anti_vegf_asked(context: StageContext) -> list[Finding]:
    """Anti-VEGF and a stent in the bowel: perforation."""
    answer, recent = context.value("anti_vegf"), limit(context, "recent")
    subject = "first_steps.anti_vegf"
    if answer == "never":
        return []
    if answer == "planned":
        text = "Anti-VEGF is planned after the stent: perforation is more likely; tell the oncologist."
        return [context.finding("anti-vegf-planned", text, subject=subject)]
    if answer != "given":
        return [not_evaluated(context, "anti-VEGF therapy was not asked for", subject=subject)]
    last = as_date(context.value("anti_vegf_last_dose", "referral"))
    if last is None:
        why = "when anti-VEGF was last given (referral)"
        return [not_evaluated(context, why, code="anti-vegf-without-date", subject=subject)]
    days = float((day_of_procedure(context) - last).days)
    if days > number(recent):
        return []
    text = f"Anti-VEGF was given {days:.0f} days before: perforation is more likely."
    return [against(context, "anti-vegf-recent", text, days, recent, subject=subject)]


@REGISTRY.check("no_perforation")
def no_perforation(context: StageContext) -> list[Finding]:
    if indication_of(context) in ("rupture", "fistula"):
        return []
    told = {"yes": ("perforated", "Signs of perforation: the surgeon first; a stent across it only by decision.")}
    return asked(context, "perforation_signs", "signs of perforation were not looked for", told)


@REGISTRY.check("surgeon_on_call")
def surgeon_on_call(context: StageContext) -> list[Finding]:
    """A colon may perforate on the table: the surgeon is known by name, and what the stent is for is decided."""
    found = []
    if not text_of(context.value("surgeon_on_call")):
        text = "No surgeon on call is named: a colonic stent may perforate on the table."
        found.append(context.finding("no-surgeon-on-call", text, subject="first_steps.surgeon_on_call"))
    if context.value("colon_strategy") not in ("bridge", "palliation"):
        why = "whether this is a bridge to surgery or palliation"
        found.append(not_evaluated(context, why, subject="first_steps.colon_strategy"))
    return found


@REGISTRY.check("arterial_pack")
def arterial_pack(context: StageContext) -> list[Finding]:
    """A covered stent for bleeding waits for no meeting; it does ask for the source, the field and the organ beyond."""
    source = ("pseudoaneurysm", "erosion", "rupture", "anastomosis", "fistula")
    found = asked(context, "bleeding_source", "the source of bleeding", {}, fine=source)
    infected, subject = context.value("field_infected"), "first_steps.field_infected"
    if infected == "yes" and not text_of(context.value("infected_plan")):
        text = "Infected field: antibiotic and definitive repair are not written down; the cover is a bridge."
        found.append(context.finding("infected-field", text, subject=subject))
    elif infected not in ("yes", "no"):
        found.append(not_evaluated(context, "whether the field is infected", subject=subject))
    covered = ("none-covered", "second-supply", "at-risk")
    return [*found, *asked(context, "end_organ", "the organ behind a covered branch", {}, fine=covered)]
