"""The patient who bleeds: shock index, transfusion, reversal, airway. Nothing here waits for a liver score (R9)."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.bleeding.registry import REGISTRY
from procedures.embolisation.places import organ_of
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of, unknown_value

AIRWAY_ORGANS = frozenset({"lung", "head-neck"})
SETTLED_AIRWAY = frozenset({"not-needed", "intubated", "double-lumen", "blocker", "tracheostomy"})


def shock_index_of(context: StageContext) -> float | None:
    """Heart rate over systolic pressure; None while one of both is unknown."""
    rate, pressure = (as_number(context.value(name, "fitness")) for name in ("heart_rate", "systolic"))
    return None if rate is None or not pressure else rate / pressure


@REGISTRY.compute("shock_index")
def shock_index(context: StageContext) -> list[Computed]:
    value = shock_index_of(context)
    if value is None:
        return [unknown_value("shock_index", "Shock index", "heart rate or systolic pressure is not known")]
    rate, pressure = (as_number(context.value(name, "fitness")) for name in ("heart_rate", "systolic"))
    return [
        Computed(
            id="shock_index",
            label="Shock index",
            value=value,
            unit="1",
            inputs={"heart rate": f"{rate:g} /min", "systolic": f"{pressure:g} mmHg"},
            arithmetic=f"{rate:g} / {pressure:g} = {value:.2f}",
            source="heart rate over systolic pressure",
            tag="P",
        )
    ]


@REGISTRY.check("shock_answered")
def shock_answered(context: StageContext) -> list[Finding]:
    """Shock is said aloud, and the massive transfusion with it; it never keeps anybody from the room."""
    value, raised = shock_index_of(context), limit(context, "raised")
    state = context.value("haemodynamics", "fitness")
    found = []
    if value is None:
        found.append(not_evaluated(context, "the shock index: heart rate or systolic pressure is not known"))
    elif value >= number(raised):
        text = f"Shock index {value:.2f}: resuscitate while the room is made ready."
        found.append(against(context, "shock-index", text, value, raised))
    shocked = state in ("unstable", "shock") or (value is not None and value >= number(raised))
    if shocked and context.value("massive_transfusion") not in ("activated", "not-needed"):
        text = "The patient is unstable, and whether the massive transfusion protocol runs is not said."
        found.append(context.finding("no-transfusion-plan", text, subject=f"{context.stage.id}.massive_transfusion"))
    return found


@REGISTRY.check("reversal_answered")
def reversal_answered(context: StageContext) -> list[Finding]:
    """Who takes an anticoagulant and bleeds has a reversal, or the reason why none is given."""
    if context.value("anticoagulation", "fitness") != "yes" or text_of(context.value("reversal", "fitness")):
        return []
    return [context.finding("no-reversal", "An anticoagulant is taken: reversal, or why none, is not written down.")]


@REGISTRY.check("airway_protected")
def airway_protected(context: StageContext) -> list[Finding]:
    """Haemoptysis and bleeding into the throat kill by the airway first."""
    if organ_of(context) not in AIRWAY_ORGANS:
        return []
    answer = context.value("airway_protection")
    if answer in SETTLED_AIRWAY:
        return []
    if answer == "planned":
        text = "The airway is not protected yet: it comes before the table."
        return [context.finding("airway-planned", text)]
    return [not_evaluated(context, "who protects the airway, and how", code="airway-unanswered")]
