"""The future liver remnant: its share of the liver without tumour, against what this liver needs (R14, N14)."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.results import RuleResult
from planner.findings import Finding
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.portal_vein_embolisation.registry import REGISTRY
from procedures.spine.body_surface import surface_of_body
from procedures.spine.medicine_checks import day_of_procedure
from procedures.spine.support import (
    against,
    as_date,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)

REMNANT = "remnant"
BACKGROUNDS = ("normal", "chemotherapy", "cirrhosis")
WHOLE = 100.0


@dataclass(frozen=True, slots=True)
class Volumes:
    """Volumes in mL of one day; None is unknown."""

    liver_ml: float | None
    tumour_ml: float | None
    remnant_ml: float | None

    @property
    def share_percent(self) -> float | None:
        """Remnant over liver without tumour; None while a volume is unknown or they cannot be true together."""
        if self.liver_ml is None or self.tumour_ml is None or self.remnant_ml is None:
            return None
        functional = self.liver_ml - self.tumour_ml
        return WHOLE * self.remnant_ml / functional if 0 < self.remnant_ml <= functional else None


def volumes_of(context: StageContext, stage: str = REMNANT) -> Volumes:
    """What stands in a stage: before (``remnant``) or after (``volumetry``)."""
    names = ("liver_volume", "tumour_volume", "remnant_volume")
    return Volumes(*(as_number(context.value(name, stage)) for name in names))


def remnant_rule(context: StageContext, share: float, rows: dict[str, Limit]) -> tuple[RuleResult, Limit] | None:
    """Rule ``flr`` with the limits of the profile, and the one for this liver; None while the liver is not judged."""
    background = context.value("background", REMNANT)
    if background not in BACKGROUNDS:
        return None
    inputs = {"liver": background, "flr": (share, "%")}
    return ruled(context, "flr", inputs, tables={"at_least": rows}), rows[background]


def rows_of_check(context: StageContext) -> dict[str, Limit]:
    """The limit per background that the parameters of the check name."""
    return {each: limit(context, each) for each in BACKGROUNDS}


def _standard_liver_ml(context: StageContext) -> float | None:
    """Standard liver volume by body surface; None while height or weight is unknown."""
    result = surface_of_body(context)
    area = result.number("mosteller") if result else None
    if area is None:
        return None
    slope, intercept = context.limit("pve_standard_liver_slope_ml"), context.limit("pve_standard_liver_intercept_ml")
    return number(slope) * area + number(intercept)


@REGISTRY.compute("remnant_share")
def remnant_share(context: StageContext) -> list[Computed]:
    """Remnant over liver without tumour, and over the standard liver of this body."""
    before = volumes_of(context)
    share, label = before.share_percent, "Remnant of the liver without tumour"
    if share is None:
        return [unknown_value("flr", label, "a volume is unknown, or they cannot be true together", "flr")]
    lines = [_measured_line(context, before, share, label)]
    standard, remnant_ml = _standard_liver_ml(context), before.remnant_ml or 0.0
    name = "Remnant of the standard liver"
    if standard is None or standard <= 0:
        return [*lines, unknown_value("standard_flr", name, "height or weight is unknown")]
    slope = context.limit("pve_standard_liver_slope_ml")
    inputs = {"remnant": shown(remnant_ml, "mL"), "standard liver": shown(round(standard), "mL")}
    arithmetic = f"{remnant_ml:g} / {standard:.0f} mL"
    value = WHOLE * remnant_ml / standard
    return [
        *lines,
        Computed(
            "standard_flr",
            name,
            value,
            "%",
            None,
            inputs,
            arithmetic,
            source=slope.source,
            tag=slope.tag,
            note="By body surface.",
        ),
    ]


def _measured_line(context: StageContext, volumes: Volumes, share: float, label: str) -> Computed:
    inputs = {
        "liver": shown(volumes.liver_ml, "mL"),
        "tumour": shown(volumes.tumour_ml, "mL"),
        "remnant": shown(volumes.remnant_ml, "mL"),
    }
    arithmetic = f"{volumes.remnant_ml:g} / ({volumes.liver_ml:g} - {volumes.tumour_ml:g}) mL = {share:.1f} %"
    judged = remnant_rule(context, share, {each: context.limit(f"pve_flr_{each}_percent") for each in BACKGROUNDS})
    if judged is None:
        note = "Not compared: what liver this is was not judged."
        return Computed("flr", label, share, "%", None, inputs, arithmetic, source="N14", tag="M", note=note)
    result, needed = judged
    line = from_rule(result, "sufficient", "flr", label, inputs=inputs, arithmetic=arithmetic)
    note = f"Needed here: {number(needed):g} %. {needed.label}."
    return Computed(
        "flr", label, share, "%", None, inputs, arithmetic, line.rule, line.rule_version, line.source, line.tag, note
    )


@REGISTRY.check("resection_planned")
def resection_planned(context: StageContext) -> list[Finding]:
    """Without a resection there is nothing to grow for; the operation leaves time to grow."""
    found = []
    if context.value("resection") is None or not text_of(context.value("surgeon")):
        text = "No resection is planned, or no surgeon is named."
        found.append(context.finding("no-resection", text))
    operation, earliest = as_date(context.value("operation_on")), limit(context, "earliest")
    if operation is None:
        found.append(not_evaluated(context, "the date of the operation", subject=f"{context.stage.id}.operation_on"))
        return found
    days = float((operation - day_of_procedure(context)).days)
    if days < number(earliest):
        text = f"The operation is {days:.0f} days after the embolisation; growth is measured from {number(earliest):g}."
        more = {"subject": f"{context.stage.id}.operation_on"}
        found.append(against(context, "operation-early", text, days, earliest, **more))
    return found


@REGISTRY.check("volumes_fit")
def volumes_fit(context: StageContext) -> list[Finding]:
    """Remnant and resected part make the liver, within the error of volumetry; a person has looked at them."""
    found = []
    volumes, cut = volumes_of(context), as_number(context.value("resected_volume"))
    if context.value("volumes_by") not in ("traced", "corrected"):
        text = "The volumes are automatic, or nobody says how they were measured: a person looks at the outlines."
        found.append(context.finding("volumes-not-seen", text, subject=f"{context.stage.id}.volumes_by"))
    liver, remnant = volumes.liver_ml, volumes.remnant_ml
    if liver is None or remnant is None or volumes.tumour_ml is None:
        return [*found, not_evaluated(context, "liver, tumour or remnant volume is unknown")]
    if volumes.share_percent is None:
        text = "Remnant and tumour together are larger than the liver."
        return [*found, context.finding("volumes-impossible", text)]
    error = limit(context, "error")
    if cut is not None and WHOLE * abs(cut + remnant - liver) > number(error) * liver:
        missed = WHOLE * abs(cut + remnant - liver) / liver
        text = f"Remnant and resected part miss the whole liver by {missed:.0f} %."
        found.append(against(context, "parts-miss-whole", text, missed, error))
    return found


@REGISTRY.check("remnant_needs_growth")
def remnant_needs_growth(context: StageContext) -> list[Finding]:
    """A remnant that is large enough needs a reason to be made larger."""
    share = volumes_of(context).share_percent
    judged = None if share is None else remnant_rule(context, share, rows_of_check(context))
    if share is None or judged is None:
        return [not_evaluated(context, "the remnant, or what liver this is", code="remnant-not-evaluated")]
    result, needed = judged
    if result.value("sufficient") is not True or text_of(context.value("why_though_enough")):
        return []
    text = f"The remnant is {share:.1f} % already, {number(needed):g} % are needed: why embolise?"
    return [against(context, "remnant-enough", text, share, needed)]


@REGISTRY.check("remnant_clear")
def remnant_clear(context: StageContext) -> list[Finding]:
    """Tumour in the remnant grows with it."""
    answer = context.value("tumour_in_remnant")
    if answer in ("none", "cleared", "cleared-first"):
        return []
    if answer == "present":
        text = "Tumour in the remnant, and nothing is planned: it grows with the remnant."
        return [context.finding("tumour-in-remnant", text)]
    return [not_evaluated(context, "whether there is tumour in the remnant")]
