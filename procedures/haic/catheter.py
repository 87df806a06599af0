"""Catheter or port: no drug into stomach and duodenum, variant arteries, the port, perfusion before the drug."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from procedures.embolisation.places import modelled, outermost
from procedures.embolisation.record_checks import nothing_given
from procedures.haic.registry import REGISTRY
from procedures.spine.support import against, choices_of, limit, not_evaluated, number, text_of

CATHETER = "catheter"
SETTLED = frozenset({"coil", "closed", "tip-beyond"})
BEFORE_BRANCHES = frozenset({"common-hepatic", "gastroduodenal"})
"""Tips that lie before the gastroduodenal artery leaves, or in it: it cannot stay open."""
PORTS = frozenset({"new-port", "port"})


@REGISTRY.check("gastric_arteries_closed")
def gastric_arteries_closed(context: StageContext) -> list[Finding]:
    """The gastroduodenal and right gastric arteries are closed, or the tip lies beyond them."""
    found = []
    tip = context.value("tip")
    for name, words in (("gastroduodenal", "gastroduodenal artery"), ("right_gastric", "right gastric artery")):
        answer, subject = context.value(name), f"{context.stage.id}.{name}"
        if answer == "open":
            text = f"The {words} is open before the tip: the drug runs into stomach and duodenum."
            found.append(context.finding("gastric-open", text, subject=subject))
        elif answer == "tip-beyond" and tip in BEFORE_BRANCHES:
            text = f"The tip is said to lie beyond the {words}, but stands in front of it ({tip.replace('-', ' ')})."
            found.append(context.finding("tip-contradicts", text, subject=subject))
        elif answer not in SETTLED and not (name == "right_gastric" and answer == "not-found"):
            found.append(not_evaluated(context, f"the {words} was not judged", subject=subject))
    return found


@REGISTRY.check("variants_planned")
def variants_planned(context: StageContext) -> list[Finding]:
    """Every variant artery is closed or infused by itself; what is left gets no drug."""
    origin, rows = context.value("michels", "arteries_access"), context.rows("redistribution")
    if origin in (None, "unknown"):
        return [not_evaluated(context, "the origin of the hepatic arteries was not judged")]
    found = []
    if origin not in ("I", "IX", "X") and not rows:
        text = f"Michels {origin}: what is done with the variant artery is not written down."
        found.append(context.finding("variant-without-plan", text))
    for index, row in enumerate(rows, start=1):
        name, subject = text_of(row.get("artery")) or f"artery {index}", f"{context.stage.id}.redistribution.{index}"
        if row.get("action") is None:
            found.append(not_evaluated(context, f"what is done with the {name}", subject=subject))
        elif row.get("action") == "leave":
            text = f"The {name} is left: its part of the liver gets no drug."
            found.append(context.finding("variant-left", text, subject=subject))
    return found


@REGISTRY.check("whole_liver_by_model")
def whole_liver_by_model(context: StageContext) -> list[Finding]:
    """The territories of the positions together, against the limit ``least`` of the liver; silent without a model."""
    bodies = [body for _, body in outermost(context, modelled(context))]
    if not bodies:
        return []
    reached = [body.injection.territory_ml if body.injection else None for body in bodies]
    organ_ml = next((body.injection.organ_ml for body in bodies if body.injection and body.injection.organ_ml), None)
    known = [each for each in reached if each is not None]
    if organ_ml is None or len(known) < len(reached):
        return [not_evaluated(context, "how much of the liver the positions reach by the model")]
    share, least = 100.0 * sum(known) / organ_ml, limit(context, "least")
    if share >= number(least):
        return []
    text = f"The positions reach {share:.0f} % of the liver by the model: where does the rest get its drug from?"
    return [against(context, "liver-not-reached", text, share, least)]


@REGISTRY.check("port_sound")
def port_sound(context: StageContext) -> list[Finding]:
    """A new port waits for an infection; one in place has a clean pocket."""
    device = context.value("device")
    if device is None:
        return [not_evaluated(context, "catheter or port is not chosen")]
    if device == "new-port" and context.value("active_infection", "fitness") != "no":
        return [context.finding("port-infection", "A new port, and infection is not excluded.")]
    if device != "port":
        return []
    pocket = context.value("port_pocket")
    if pocket in ("red", "infected"):
        return [context.finding("port-pocket", f"The pocket of the port is {pocket}: do not puncture it.")]
    return [] if pocket == "clean" else [not_evaluated(context, "the pocket of the port was not checked")]


@REGISTRY.check("perfusion_before_drug")
def perfusion_before_drug(context: StageContext) -> list[Finding]:
    """Asked before the drug; with a no-go nothing is asked."""
    if nothing_given(context):
        return []
    return [*_reached(context), *_outside(context), *_fixed(context)]


def _reached(context: StageContext) -> list[Finding]:
    liver, subject = context.value("liver"), f"{context.stage.id}.liver"
    if context.value("method") in (None, "none"):
        return [not_evaluated(context, "perfusion was not looked at", code="perfusion-not-checked", subject=subject)]
    if liver == "part" or (liver == "tumour" and not text_of(context.value("not_reached"))):
        part = "A part of the tumour" if liver == "part" else "A part of the liver"
        text = f"{part} is not reached: {text_of(context.value('not_reached')) or 'which and why is not written down'}."
        return [context.finding("not-reached", text, subject=subject)]
    if liver not in ("whole", "tumour"):
        return [not_evaluated(context, "what is reached was not judged", subject=subject)]
    return []


def _outside(context: StageContext) -> list[Finding]:
    answer, subject = context.value("outside"), f"{context.stage.id}.outside"
    if answer in ("none-seen", "closed"):
        return []
    if answer == "open":
        where = ", ".join(choices_of(context.value("outside_where"))) or "where is not said"
        text = f"Drug would run outside the liver ({where}): close it first."
        return [context.finding("outside-open", text, subject=subject)]
    why = "perfusion outside the liver was not looked for"
    return [not_evaluated(context, why, code="outside-not-looked-for", subject=subject)]


def _fixed(context: StageContext) -> list[Finding]:
    found = []
    if context.value("tip_fixed") != "yes":
        text = "The tip is not fixed, or its mark at the skin is not written down."
        found.append(context.finding("tip-not-fixed", text, subject=f"{context.stage.id}.tip_fixed"))
    leak, port = context.value("leak"), context.value("device", CATHETER) in PORTS
    subject = f"{context.stage.id}.leak"
    if leak == "leak":
        found.append(context.finding("leak", "The port or its line leaks.", subject=subject))
    elif port and leak != "none":
        found.append(not_evaluated(context, "a leak of port or line was not tested", subject=subject))
    return found


@REGISTRY.check("port_registered")
def port_registered(context: StageContext) -> list[Finding]:
    """A port that was placed today is a device in the body, also when no drug ran through it."""
    if context.value("device", CATHETER) != "new-port":
        return []
    rows = context.rows("device_register")
    if any(row.get("kind") == "port" and row.get("action") in ("placed", "exchanged") for row in rows):
        return []
    text = "A new port was planned and is not in the register of devices in the body; if it was placed, add it."
    return [context.finding("port-not-registered", text)]
