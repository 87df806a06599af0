"""The airway: before an oesophageal stent, and as the lumen itself."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.comparisons import above
from planner.findings import Finding
from planner.model.vessel_reading import lumens_of
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of, unknown_value
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import asked, chosen, site_of

SECURED = ("airway-first", "double")


@dataclass(frozen=True, slots=True)
class Narrowing:
    """How far the airway is narrowed at the level of the oesophageal stricture, and where the numbers come from."""

    percent: float
    least_mm: float
    normal_mm: float | None
    origin: str


def narrowing_of(context: StageContext) -> Narrowing | None:
    """By what was typed, and by measured airways: the worse of both; None while neither is known."""
    least, normal = (as_number(context.value(name, "airway_check")) for name in ("airway_least", "airway_normal"))
    known = []
    if least is not None and normal:
        known.append(Narrowing(100.0 * (1.0 - least / normal), least, normal, "typed"))
    for item, body in lumens_of(context.session.items):
        held = body.stenosis if body.kind == "airway" else None
        if held is not None and held.percent is not None:
            known.append(Narrowing(held.percent, held.minimum_mm, held.reference_mm, item.name))
    return max(known, key=lambda each: each.percent, default=None)


@REGISTRY.compute("airway_narrowing")
def airway_narrowing(context: StageContext) -> list[Computed]:
    known = narrowing_of(context)
    if known is None:
        why = "the airway diameter at the level is not known"
        return [unknown_value("airway_narrowing", "Airway narrowed by", why)]
    normal = "–" if known.normal_mm is None else f"{known.normal_mm:g} mm"
    return [
        Computed(
            id="airway_narrowing",
            label="Airway narrowed by",
            value=known.percent,
            unit="%",
            inputs={"least": f"{known.least_mm:g} mm", "beside it": normal, "from": known.origin},
            arithmetic=f"100 x (1 - {known.least_mm:g} / {normal}) = {known.percent:.0f} %",
            source="diameter narrowing on CT",
            tag="calc",
        )
    ]


@REGISTRY.check("airway_first")
def airway_first(context: StageContext) -> list[Finding]:
    """Without the CT diameter of the airway no oesophageal stent; a narrowed or invaded airway comes first."""
    known, narrowed = narrowing_of(context), limit(context, "narrowed")
    action, wall = context.value("airway_action"), context.value("airway_wall")
    found = []
    if known is None:
        why = "the CT diameter of the airway at the level of the stricture; measure it before the oesophagus is opened"
        found.append(not_evaluated(context, why, code="airway-not-measured", subject="airway_check.airway_least"))
    elif above(known.percent, number(narrowed)) and action not in SECURED:
        text = f"The airway is narrowed by {known.percent:.0f} %: the airway is opened first, or both in one session."
        found.append(against(context, "airway-narrow", text, known.percent, narrowed))
    if wall == "invaded" and action not in (*SECURED, "standby"):
        text = "The airway wall is invaded: airway stent first or on the table, a fistula may open."
        found.append(context.finding("airway-invaded", text, subject="airway_check.airway_wall"))
    elif wall in (None, "unknown"):
        found.append(not_evaluated(context, "the airway wall was not looked at", subject="airway_check.airway_wall"))
    if action in (None, "undecided"):
        found.append(not_evaluated(context, "what is done about the airway", subject="airway_check.airway_action"))
    return found


@REGISTRY.check("airway_held")
def airway_held(context: StageContext) -> list[Finding]:
    """Always in the airway itself; of a caval syndrome, when there is stridor."""
    caval = site_of(context) == "svc"
    if caval and "stridor" not in chosen(context, "danger_now", "obstruction"):
        return []
    found = []
    if not text_of(context.value("airway_holder")):
        text = "Nobody is named who holds the airway."
        found.append(context.finding("airway-unheld", text, subject="airway_check.airway_holder"))
    if caval:
        return found
    means = ("rigid", "tube", "mask", "spontaneous", "ecmo")
    return [*found, *asked(context, "airway_means", "by what the airway is held", {}, fine=means)]


@REGISTRY.check("distal_lung_open")
def distal_lung_open(context: StageContext) -> list[Finding]:
    told = {
        "occluded": ("distal-occluded", "The airway beyond the stricture is occluded: the stent opens nothing."),
        "destroyed": ("lung-destroyed", "The lung beyond it is destroyed: opening it may bring pus and no breath."),
    }
    return asked(context, "distal_lung", "the airway and lung beyond it were not seen", told, fine=("open",))


@REGISTRY.check("breath_and_mucus")
def breath_and_mucus(context: StageContext) -> list[Finding]:
    """Soft walls show in expiration; mucus looks like a stricture."""
    seen, found = chosen(context, "ct_breath"), []
    missing = [each for each in ("inspiration", "expiration") if each not in seen]
    if missing:
        text = f"NOT CHECKED: CT in {' and '.join(missing)}; a wall that collapses shows in expiration alone."
        found.append(context.finding("one-breath-only", text, subject="airway_check.ct_breath"))
    mucus = {"no": ("mucus-not-excluded", "Mucus is not excluded as the stricture: bronchoscopy or a cough first.")}
    return [*found, *asked(context, "mucus", "mucus was not looked for", mucus)]


@REGISTRY.check("secretions_planned")
def secretions_planned(context: StageContext) -> list[Finding]:
    if text_of(context.value("secretions")):
        return []
    text = "No plan for secretions: a stent without nebuliser clogs."
    return [context.finding("no-secretions-plan", text, subject="airway_check.secretions")]
