"""Cisplatin: per infusion, over all infusions, how far apart, beside radiotherapy (R21). No dose is ever filled in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from planner.clinical.results import RuleResult
from planner.findings import Finding, Severity
from planner.model.ledger import LedgerTotal, totals
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed, Limit
from procedures.arterial_drugs.drug_checks import drug_maxima
from procedures.infusion_head_neck.registry import REGISTRY
from procedures.spine.ledger import earlier_entries
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
    unknown_value,
)

AGENT, COURSE = "agent", "course_plan"
SPELLINGS = ("cisplatin", "顺铂")
PROTOCOLS = ("weekly", "radplat")


@dataclass(frozen=True, slots=True)
class Typed:
    """Cisplatin as typed: mg of all rows, None while one is missing; `named` when there is a row."""

    named: bool
    amount_mg: float | None


def is_cisplatin(name: str) -> bool:
    return any(each in name.casefold() for each in SPELLINGS)


def typed(context: StageContext) -> Typed:
    """The prepared maximum of cisplatin."""
    rows = [amount for name, amount in drug_maxima(context).items() if is_cisplatin(name)]
    known = [each for each in rows if each is not None]
    return Typed(bool(rows), sum(known) if rows and len(known) == len(rows) else None)


def surface_m2(context: StageContext) -> float | None:
    return as_number(context.value("bsa_m2", AGENT))


def protocol_of(context: StageContext) -> str | None:
    """A protocol whose numbers are known; None otherwise."""
    found = context.value("protocol", COURSE)
    return found if found in PROTOCOLS else None


def protocol_result(context: StageContext, per_area: Limit, cycles: Limit, infusions: float) -> RuleResult:
    """Rule ``cisplatin_ia`` with the numbers of the protocol."""
    inputs = {"bsa": (surface_m2(context), "m2"), "cycles": (infusions, "1")}
    return ruled(context, "cisplatin_ia", inputs, constants={"dose_per_area": per_area, "cycles_to": cycles})


@REGISTRY.compute("protocol_range")
def protocol_range(context: StageContext) -> list[Computed]:
    """What the protocol prints for one infusion; shown beside the typed dose, never a default."""
    chosen, area = protocol_of(context), surface_m2(context)
    planned = as_number(context.value("infusions_planned", COURSE))
    if chosen is None or area is None or planned is None:
        why = "protocol, infusions planned or body surface used is not known"
        return [unknown_value("protocol", "By the protocol", why, "cisplatin_ia")]
    per_area = context.limit(f"head_neck_cisplatin_{chosen}_mg_m2")
    cycles = context.limit(f"head_neck_cisplatin_{chosen}_cycles")
    result = protocol_result(context, per_area, cycles, planned)
    inputs = {"per area": shown(number(per_area), per_area.unit), "body surface": shown(area, "m2")}
    arithmetic = f"{number(per_area):g} mg/m² x {area:g} m² = {number(per_area) * area:.0f} mg"
    lines = [from_rule(result, "dose_per_cycle", "per_infusion", "Per infusion", inputs=inputs, arithmetic=arithmetic)]
    counted = {**inputs, "infusions": f"{planned:g}"}
    lines.append(from_rule(result, "cumulative", "over_all", "After all infusions planned", inputs=counted))
    return lines


def cisplatin_before(context: StageContext) -> tuple[LedgerTotal, ...]:
    """Sums of cisplatin before this session, by any way."""
    known = totals(earlier_entries(context).entries)
    return tuple(each for each in known if each.unit == "mg" and is_cisplatin(each.substance))


def before_per_m2(context: StageContext) -> float | None:
    """mg/m² of cisplatin before this session; None when a dose has no body surface."""
    per_area = [each.per_m2 for each in cisplatin_before(context)]
    known = [each for each in per_area if each is not None]
    return sum(known) if len(known) == len(per_area) else None


@REGISTRY.compute("cisplatin_so_far")
def cisplatin_so_far(context: StageContext) -> list[Computed]:
    missing = earlier_entries(context).missing
    said = f" Not in it: {'; '.join(missing)}." if missing else ""
    found = before_per_m2(context)
    if found is None:
        return [unknown_value("cisplatin", "Cisplatin so far", f"a dose has no body surface.{said}")]
    amounts = {each.substance: shown(each.amount, "mg") for each in cisplatin_before(context)}
    note = f"Known sessions only.{said}"
    return [
        Computed("cisplatin", "Cisplatin so far", found, "mg/m2", inputs=amounts, source="R23", tag="calc", note=note)
    ]


def _rounding(context: StageContext) -> float:
    """Factor up to which a dose above the protocol is the rounding of ampoules."""
    return 1.0 + number(limit(context, "over")) / 100.0


@REGISTRY.check("cisplatin_dose")
def cisplatin_dose(context: StageContext) -> list[Finding]:
    """The prepared maximum per area, against the protocol."""
    given, area, chosen = typed(context), surface_m2(context), protocol_of(context)
    if not given.named:
        return []
    if chosen is None:
        text = "Not checked: of this protocol no dose is known here."
        return [context.finding("protocol-unknown", text, severity=Severity.INFO)]
    allowed = limit(context, chosen)
    if given.amount_mg is None or area is None:
        return [not_evaluated(context, "cisplatin per area: the maximum or the body surface is not typed")]
    result = protocol_result(context, allowed, context.limit(f"head_neck_cisplatin_{chosen}_cycles"), 1.0)
    printed = result.number("dose_per_cycle")
    if printed is None:
        return [not_evaluated(context, "cisplatin per area: the body surface is out of range")]
    if given.amount_mg <= printed * _rounding(context):
        return []
    text = f"Cisplatin {given.amount_mg:g} mg is above {printed:.0f} mg ({number(allowed):g} mg/m² x {area:g} m²)."
    return [against(context, "cisplatin-over", text, given.amount_mg / area, allowed)]


@REGISTRY.check("cisplatin_ledger")
def cisplatin_ledger(context: StageContext) -> list[Finding]:
    """All known cisplatin and the prepared maximum, against doses times infusions of the protocol."""
    given, area, chosen, before = (
        typed(context),
        surface_m2(context),
        protocol_of(context),
        before_per_m2(context),
    )
    if chosen is None or not given.named:
        return []
    if given.amount_mg is None or area is None or before is None:
        return [not_evaluated(context, "cisplatin over all infusions: a dose or a body surface is not known")]
    each, cycles = limit(context, chosen), limit(context, f"{chosen}_cycles")
    allowed, total = number(each) * number(cycles), before + given.amount_mg / area
    if total <= allowed * _rounding(context):
        return []
    text = (
        f"Cisplatin over all infusions would be {total:.0f} mg/m²; the protocol ends at {allowed:g}. Known ones only."
    )
    more = {"limit": allowed, "unit": "mg/m2"}
    return [against(context, "cisplatin-total", text, total, each, **more)]


@REGISTRY.check("infusion_interval")
def infusion_interval(context: StageContext) -> list[Finding]:
    """How many infusions, and how many days since the last one."""
    count = as_number(context.value("infusion_number"))
    if count is None:
        return [not_evaluated(context, "the number of the infusion")]
    found, chosen = [], protocol_of(context)
    if chosen is not None and count > number(limit(context, chosen)):
        allowed = limit(context, chosen)
        text = f"Infusion {count:g}: the protocol ends at {number(allowed):g}."
        found.append(against(context, "many-infusions", text, count, allowed))
    if count <= 1:
        return found
    last, least = as_date(context.value("last_infusion_on")), limit(context, "days")
    if last is None:
        return [*found, not_evaluated(context, "the day of the last infusion")]
    days = float((day_of_procedure(context) - last).days)
    if days < number(least):
        text = f"The last infusion was {days:.0f} days before; {number(least):g} are asked for."
        found.append(against(context, "infusion-early", text, days, least))
    return found


@REGISTRY.check("radiotherapy_calendar")
def radiotherapy_calendar(context: StageContext) -> list[Finding]:
    """An infusion that goes with radiotherapy lies within its dates; nothing is moved."""
    answer = context.value("radiotherapy")
    if answer == "none":
        return []
    if answer not in ("with", "later"):
        return [not_evaluated(context, "whether radiotherapy goes with the infusions is not decided")]
    first, last = as_date(context.value("radiotherapy_starts")), as_date(context.value("radiotherapy_ends"))
    if first is None or last is None:
        return [not_evaluated(context, "the dates of radiotherapy")]
    return _in_calendar(context, answer, first, last)


def _in_calendar(context: StageContext, answer: str, first: date, last: date) -> list[Finding]:
    day = day_of_procedure(context)
    if last < first:
        return [context.finding("calendar", "Radiotherapy ends before it starts.")]
    if answer == "with" and not first <= day <= last:
        text = (
            f"The infusion of {day.isoformat()} lies outside radiotherapy ({first.isoformat()} to {last.isoformat()})."
        )
        return [context.finding("outside-radiotherapy", text)]
    if answer == "later" and first <= day:
        text = f"Radiotherapy has begun on {first.isoformat()}; it was to follow the infusions."
        return [context.finding("radiotherapy-begun", text)]
    return []
