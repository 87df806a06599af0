"""The end of the procedure: lumen or gradient after, what is not drained, what leaks, the airway."""

from __future__ import annotations

from planner.clinical.comparisons import above
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import against, as_number, limit, not_evaluated, number, text_of, unknown_value
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import SEALING, asked, chosen, indication_of, nothing_placed

BEFORE = ("findings_before", "pressure_peripheral", "pressure_central")
AFTER = ("completion", "pressure_peripheral_after", "pressure_central_after")


def _difference(context: StageContext, place: tuple[str, str, str]) -> float | None:
    stage, far, near = place
    beyond, heart = (as_number(context.value(name, stage)) for name in (far, near))
    return None if beyond is None or heart is None else beyond - heart


def gradients(context: StageContext) -> tuple[float | None, float | None]:
    """Gradient before and after (mmHg); None while one of its pressures is unknown."""
    return _difference(context, BEFORE), _difference(context, AFTER)


@REGISTRY.compute("gradient")
def gradient(context: StageContext) -> list[Computed]:
    found = []
    for name, value in zip(("before", "after"), gradients(context), strict=True):
        label = f"Gradient {name}"
        if value is None:
            found.append(unknown_value(f"gradient_{name}", label, "a pressure is not known"))
        else:
            source = "pressure beyond the stricture minus towards the heart"
            identity = f"gradient_{name}"
            found.append(Computed(identity, label, value, unit="mm[Hg]", source=source, tag="calc"))
    return found


@REGISTRY.check("lumen_open")
def lumen_open(context: StageContext) -> list[Finding]:
    """Flow, what narrowing is left, and a lumen that did not get wider."""
    if context.value("state", "crossing_drain_stent") == "nothing":
        return []
    told = {
        "slow": ("flow-slow", "Flow is slow: dilate, flush, second stent or a drain that stays."),
        "none": ("no-flow", "No flow: the way is not open."),
    }
    found = asked(context, "flow", "whether it flows was not tested", told, fine=("free",))
    residual, most = as_number(context.value("residual")), limit(context, "residual")
    if residual is not None and residual > number(most):
        text = f"{residual:g} % narrowing is left."
        found.append(against(context, "residual-narrowing", text, residual, most, subject="completion.residual"))
    before, after = as_number(context.value("lumen_before", "findings_before")), as_number(context.value("lumen_after"))
    if before is not None and after is not None and after <= before:
        text = f"The lumen is {after:g} mm after, {before:g} mm before."
        more = {"measured": after, "limit": before, "unit": "mm", "subject": "completion.lumen_after"}
        found.append(context.finding("lumen-not-wider", text, **more))
    if not nothing_placed(context) and residual is None and after is None:
        why = "how wide the lumen is after"
        found.append(not_evaluated(context, why, code="lumen-after-unknown", subject="completion.residual"))
    return found


@REGISTRY.check("gradient_fell")
def gradient_fell(context: StageContext) -> list[Finding]:
    """The gradient is the endpoint in veins."""
    before, after = gradients(context)
    if context.value("state", "crossing_drain_stent") == "nothing":
        return []
    if after is None or before is None:
        return [not_evaluated(context, "the pressure gradient before and after", code="gradient-unknown")]
    most = limit(context, "most")
    if after >= before:
        text = f"The gradient did not fall: {before:g} mmHg before, {after:g} mmHg after."
        return [context.finding("gradient-not-fallen", text, measured=after, limit=before, unit="mm[Hg]")]
    if above(after, number(most)):
        text = f"A gradient of {after:g} mmHg is left (before: {before:g})."
        return [against(context, "gradient-left", text, after, most)]
    return []


@REGISTRY.check("undrained_segments")
def undrained_segments(context: StageContext) -> list[Finding]:
    answer = context.value("undrained")
    if answer == "no":
        return []
    if answer == "yes":
        which = text_of(context.value("undrained_segments")) or "not said which"
        text = f"Opacified and not drained ({which}): it gets infected; antibiotic goes on, drain it or watch it."
        return [context.finding("opacified-undrained", text)]
    return [not_evaluated(context, "whether a segment was opacified and is not drained")]


@REGISTRY.check("opening_sealed")
def opening_sealed(context: StageContext) -> list[Finding]:
    if indication_of(context) not in SEALING or nothing_placed(context):
        return []
    told = {"leaks": ("still-open", "It leaks or bleeds on: second stent, overlap, surgeon.")}
    return asked(context, "sealed", "whether the opening is sealed was not tested", told, fine=("sealed",))


@REGISTRY.check("complications_seen")
def complications_seen(context: StageContext) -> list[Finding]:
    seen = chosen(context, "complications")
    if not seen or "not-looked-for" in seen:
        return [not_evaluated(context, "what was seen at the end was not looked for")]
    labels = _labels(context)
    return [
        context.finding("complication", f"{labels.get(each, each)}.", subject=f"completion.{each}")
        for each in sorted(seen - {"none"})
    ]


def _labels(context: StageContext) -> dict[str, str]:
    described = context.stage.field("complications")
    return {each.code: each.label for each in described.choices} if described is not None else {}


@REGISTRY.check("airway_after")
def airway_after(context: StageContext) -> list[Finding]:
    if nothing_placed(context):
        return []
    told = {"narrower": ("airway-narrower", "The airway is narrower than before: airway stent now, or take it out.")}
    return asked(context, "airway_after", "the airway after the stent was not looked at", told, fine=("open",))
