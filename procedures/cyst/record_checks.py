"""The record: fluid, cystogram, sclerosant in and out. What was given is always storable, with a finding."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.cyst.registry import REGISTRY
from procedures.cyst.sclerosant_checks import ETHANOL, PLAN, POLIDOCANOL, cap_of, ceiling
from procedures.spine.support import against, as_number, limit, not_evaluated, number

OPEN = {"bile": "bile ducts", "urine": "the urinary tract", "vessel": "a vessel", "outside": "the outside of the cyst"}
CYSTOGRAM, INJECTION = "cystogram", "injection"


@REGISTRY.check("fluid_speaks")
def fluid_speaks(context: StageContext) -> list[Finding]:
    """Bile, urine, pus or blood mean that it is no simple cyst, or an open one."""
    found = []
    colour = context.value("colour")
    if colour == "bile" or context.value("bilirubin_fluid") == "positive":
        found.append(context.finding("bile", "The fluid is bile: the cyst is open to the bile ducts."))
    if context.value("creatinine_fluid") == "as-urine":
        found.append(context.finding("urine", "The fluid is urine: the cyst is open to the urinary tract."))
    if colour == "turbid":
        found.append(context.finding("pus", "Turbid fluid: culture, drain, no sclerosant today."))
    elif colour == "blood":
        found.append(context.finding("blood", "Bloody fluid: look for a vessel or a tumour before the sclerosant."))
    elif colour == "milky":
        found.append(context.finding("milky", "Milky fluid: hydatid or lymph."))
    if context.value("cytology") != "sent":
        found.append(context.finding("no-cytology", "No cytology was sent."))
    if context.value("bilirubin_fluid") in (None, "not-tested"):
        found.append(
            not_evaluated(context, "bilirubin in the fluid was not tested", subject="puncture.bilirubin_fluid")
        )
    return found


def sclerosant_rows(context: StageContext) -> list[dict[str, object]]:
    """Injections with something in them."""
    return [row for row in context.rows("injections", INJECTION) if (as_number(row.get("in_ml")) or 0.0) > 0]


@REGISTRY.check("cystogram_gate")
def cystogram_gate(context: StageContext) -> list[Finding]:
    """Go without a clean cystogram is asked about before anything is drawn up."""
    if context.value("go") != "go":
        return []
    result = context.value("result")
    found = []
    if result in OPEN:
        found.append(context.finding("communication", f"The cyst is open to {OPEN[result]}: no sclerosant."))
    elif result in (None, "not-done"):
        found.append(not_evaluated(context, "no cystogram was done", code="no-cystogram"))
    if context.value("contrast_out") == "no":
        found.append(context.finding("contrast-left", "Contrast was left in: it dilutes the sclerosant."))
    return found


@REGISTRY.check("given_into_open_cyst")
def given_into_open_cyst(context: StageContext) -> list[Finding]:
    if not sclerosant_rows(context):
        return []
    result = context.value("result", CYSTOGRAM)
    if result == "no-communication":
        return []
    said = f"a cyst that is open to {OPEN[result]}" if result in OPEN else "a cyst without a cystogram"
    return [context.finding("given-into-open-cyst", f"Sclerosant was given into {said}.")]


def given_ml(context: StageContext, agent: str) -> float:
    """Sum of what was injected of an agent, mL."""
    return sum(as_number(row.get("in_ml")) or 0.0 for row in sclerosant_rows(context) if row.get("agent") == agent)


@REGISTRY.check("given_over_cap")
def given_over_cap(context: StageContext) -> list[Finding]:
    found = []
    cap, given = cap_of(context), given_ml(context, ETHANOL)
    if given > 0 and cap is None:
        found.append(not_evaluated(context, "no cap of ethanol is known for this organ"))
    elif cap is not None and given > number(cap):
        text = f"{given:g} mL of ethanol given, cap {number(cap):g} mL."
        found.append(against(context, "given-over-cap", text, given, cap))
    for agent, name in ((ETHANOL, "ethanol_maximum"), (POLIDOCANOL, "polidocanol_volume")):
        amount = given_ml(context, agent)
        planned = as_number(context.value(name, PLAN)) if context.value("technique", PLAN) == agent else None
        if amount > 0 and planned is None:
            found.append(context.finding("agent-not-planned", f"{agent.capitalize()} was given and not planned."))
        elif planned is not None and amount > planned:
            text = f"{amount:g} mL of {agent} given, {planned:g} mL planned at most."
            more = {"measured": amount, "limit": planned, "unit": "mL"}
            found.append(context.finding("given-over-plan", text, **more))
    return found


def left_ml(row: dict[str, object]) -> float | None:
    """What stayed in after one injection, mL; None when what came out is not known."""
    given, out = as_number(row.get("in_ml")), as_number(row.get("out_ml"))
    return None if given is None or out is None else given - out


@REGISTRY.check("evacuated")
def evacuated(context: StageContext) -> list[Finding]:
    share, short, long = (limit(context, name) for name in ("share", "low", "high"))
    found = []
    for row in sclerosant_rows(context):
        place, left = f"Injection {row.get('number')}", left_ml(row)
        given, dwell = as_number(row.get("in_ml")) or 0.0, as_number(row.get("dwell_min"))
        if row.get("agent") != ETHANOL:
            continue
        if left is None:
            found.append(not_evaluated(context, f"{place.lower()}: what came out is not recorded"))
        elif 100.0 * left / given > number(share):
            text = f"{place}: {left:g} of {given:g} mL stayed in."
            found.append(against(context, "left-in", text, 100.0 * left / given, share))
        if dwell is not None and not number(short) <= dwell <= number(long):
            text = f"{place}: dwell {dwell:g} min, published {number(short):g} to {number(long):g} min."
            found.append(against(context, "unusual-dwell", text, dwell, long if dwell > number(long) else short))
    return found


@REGISTRY.compute("left_behind")
def left_behind(context: StageContext) -> list[Computed]:
    """Ethanol that stayed in, and the ceiling of blood alcohol for it."""
    amounts = [left_ml(row) for row in sclerosant_rows(context) if row.get("agent") == ETHANOL]
    known = [each for each in amounts if each is not None]
    if not amounts or len(known) < len(amounts):
        why = "no ethanol was given" if not amounts else "what came out is not recorded for every injection"
        return [Computed(id="left_behind", label="Ethanol left behind", value=None, note=f"Not evaluated: {why}.")]
    left = sum(known)
    line = Computed(
        id="left_behind",
        label="Ethanol left behind",
        value=left,
        unit="mL",
        arithmetic=f"{' + '.join(f'{each:g}' for each in known)} mL",
        source="in and out of this record",
        tag="calc",
    )
    return [line, ceiling(context, max(left, 0.0), "left_ceiling", "Blood alcohol from it, ceiling")]
