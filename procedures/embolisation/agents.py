"""The agents of the plan: particles with their sizes, liquids with their dilution, and what passes the catheter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from planner.findings import Finding, Severity
from planner.planning.embolics import Embolic, of_product
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.embolisation.places import organ_of
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_number,
    choices_of,
    limit,
    not_evaluated,
    number,
    text_of,
    unknown_value,
)

AGENT = "agent"
PARTICLES = ("particles", "microspheres", "gelatin")
LIQUIDS = ("glue", "liquid")
METAL = ("coils", "plug")
WORDS = {
    "particles": "Particles",
    "microspheres": "Microspheres",
    "gelatin": "Gelatin sponge",
    "coils": "Coils",
    "plug": "Plug",
    "glue": "Glue",
    "liquid": "Liquid",
}


@dataclass(frozen=True, slots=True)
class Particles:
    """A row of the table of particles. Sizes are micrometres; None is unknown."""

    number: int
    kind: str
    product: str
    low_um: float | None
    high_um: float | None

    @property
    def name(self) -> str:
        return self.product or WORDS.get(self.kind, "Particles")


def planned_kinds(context: StageContext) -> tuple[str, ...]:
    """Codes of the agents that the plan names."""
    return choices_of(context.value("agent_kinds", AGENT))


def particle_rows(context: StageContext) -> tuple[Particles, ...]:
    """The particles of the plan, in the order in which they are given."""
    rows = context.rows("particles", AGENT)
    read = [
        Particles(
            index,
            str(row.get("kind") or "particles"),
            text_of(row.get("product")),
            as_number(row.get("low_um")),
            as_number(row.get("high_um")),
        )
        for index, row in enumerate(rows, start=1)
    ]
    orders = [as_number(row.get("order")) for row in rows]
    return tuple(each for _, each in sorted(zip(orders, read, strict=True), key=lambda pair: pair[0] or 0.0))


@REGISTRY.check("agents_described")
def agents_described(context: StageContext) -> list[Finding]:
    """Every agent that is named has a size, or a dilution."""
    chosen, found = planned_kinds(context), []
    if not chosen:
        return [not_evaluated(context, "no agent is chosen")]
    particles = {row.get("kind"): row for row in context.rows("particles")}
    metal = {row.get("kind") for row in context.rows("metal")}
    liquid = {row.get("kind") for row in context.rows("liquids")}
    for kind in chosen:
        known = kind in particles or kind in metal or kind in liquid
        if kind in (*PARTICLES, *METAL, *LIQUIDS) and not known:
            text = f"{WORDS[kind]}: product and size are not written down."
            found.append(context.finding("agent-not-described", text, subject=f"{context.stage.id}.{kind}"))
    for each in particle_rows(context):
        subject = f"{context.stage.id}.particles.{each.number}"
        if each.low_um is None or each.high_um is None:
            found.append(not_evaluated(context, f"the size of {each.name}", subject=subject))
        elif each.low_um > each.high_um:
            text = f"{each.name}: from {shown(each.low_um, 'um')} to {shown(each.high_um, 'um')} is no range."
            found.append(context.finding("size-range", text, subject=subject))
    return found


@REGISTRY.check("particles_at_least")
def particles_at_least(context: StageContext) -> list[Finding]:
    """No particles below a size.

    Parameters of the check: ``least`` (a limit), or organ -> limit; ``first`` = ``yes`` looks at the first row alone.
    """
    given = context.check.parameters if context.check else {}
    name = "least" if "least" in given else organ_of(context) or ""
    if name not in given:
        return []
    least = limit(context, name)
    rows = [each for each in particle_rows(context) if each.kind != "gelatin"]
    found = []
    for each in rows[:1] if given.get("first") == "yes" else rows:
        subject = f"{context.stage.id}.particles.{each.number}"
        if each.low_um is None:
            found.append(not_evaluated(context, f"the smallest size of {each.name}", subject=subject))
        elif each.low_um < number(least):
            text = f"{each.name} from {shown(each.low_um, 'um')}; {least.label.lower()}: {shown(number(least), 'um')}."
            found.append(against(context, "particle-too-small", text, each.low_um, least, subject=subject))
    return found


@REGISTRY.check("particles_step_up")
def particles_step_up(context: StageContext) -> list[Finding]:
    """Larger particles follow smaller ones, never the other way round."""
    found = []
    rows = particle_rows(context)
    for before, after in zip(rows, rows[1:], strict=False):
        if before.low_um is not None and after.low_um is not None and after.low_um < before.low_um:
            text = f"{after.name} of {shown(after.low_um, 'um')} after {shown(before.low_um, 'um')}: sizes go up."
            found.append(context.finding("sizes-go-down", text, subject=f"{context.stage.id}.particles.{after.number}"))
    return found


@REGISTRY.check("glue_dilution")
def glue_dilution(context: StageContext) -> list[Finding]:
    """Parts of oil to one part of glue, between the limits ``low`` and ``high``."""
    low, high, found = limit(context, "low"), limit(context, "high"), []
    for index, row in enumerate(context.rows("liquids"), start=1):
        if row.get("kind") != "glue":
            continue
        parts, subject = as_number(row.get("oil_parts")), f"{context.stage.id}.liquids.{index}"
        if parts is None:
            found.append(not_evaluated(context, "the dilution of the glue", subject=subject))
        elif not number(low) <= parts <= number(high):
            compared = low if parts < number(low) else high
            text = f"Glue with {parts:g} parts of oil; {number(low):g} to {number(high):g} are printed."
            found.append(against(context, "glue-dilution", text, parts, compared, subject=subject))
    return found


def rows_of(product: str, low_um: float | None, high_um: float | None) -> tuple[Embolic, ...]:
    """What the catalogue says of a product at a size."""
    return tuple(
        each for each in of_product(product) if each.low_um is None or (each.low_um, each.high_um) == (low_um, high_um)
    )


@REGISTRY.check("agent_in_catalogue")
def agent_in_catalogue(context: StageContext) -> list[Finding]:
    """Sizes that the product does not come in, and what its source says about this use."""
    found, organ = [], organ_of(context)
    for each in particle_rows(context):
        subject = f"{context.stage.id}.particles.{each.number}"
        rows = of_product(each.product)
        if not rows:
            text = f"NOT CHECKED: {each.name} is not in the catalogue; its sizes were not compared."
            found.append(context.finding("product-unknown", text, severity=Severity.INFO, subject=subject))
            continue
        mine = rows_of(each.product, each.low_um, each.high_um)
        if not mine and each.low_um is not None and each.high_um is not None:
            sizes = ", ".join(f"{row.low_um:g}-{row.high_um:g}" for row in rows if row.low_um is not None)
            text = f"{each.name} does not come as {each.low_um:g}-{each.high_um:g} µm in the catalogue; known: {sizes}."
            found.append(_cited(context, "size-unknown", text, rows[0], subject))
        found += [
            _cited(context, "not-for-organ", f"{each.name}: {row.note}", row, subject)
            for row in mine
            if organ is not None and organ in row.not_for
        ]
    return found


@REGISTRY.check("particles_pass_catheter")
def particles_pass_catheter(context: StageContext) -> list[Finding]:
    """The inner diameter that the catalogue asks for, against that of the microcatheter."""
    inner, found = as_number(context.value("microcatheter_id", "arteries_access")), []
    for each in particle_rows(context):
        subject = f"{context.stage.id}.particles.{each.number}"
        rows = [row for row in rows_of(each.product, each.low_um, each.high_um) if row.minimum_inner_diameter_in]
        if not rows:
            continue
        row = rows[0]
        needed = row.minimum_inner_diameter_in or 0.0
        if inner is None:
            why = f"whether {each.name} passes: the inner diameter of the microcatheter is not known"
            found.append(not_evaluated(context, why, subject=subject))
        elif inner < needed:
            text = f"{each.name} needs an inner diameter of {needed:g} in; the microcatheter has {inner:g} in."
            more = {"measured": inner, "limit": needed, "unit": "[in_i]"}
            found.append(_cited(context, "catheter-too-narrow", text, row, subject, **more))
    return found


def _cited(context: StageContext, code: str, text: str, row: Embolic, subject: str, **more: Any) -> Finding:
    return context.finding(code, text, subject=subject, source=row.source, tag=row.tag, **more)


@REGISTRY.compute("agent_notes")
def agent_notes(context: StageContext) -> list[Computed]:
    """What the catalogue says of each agent of the plan, with where it comes from."""
    found = []
    for each in particle_rows(context):
        for row in rows_of(each.product, each.low_um, each.high_um):
            found.append(_note(f"particles_{each.number}_{row.id}", each.name, row))
    for index, entry in enumerate((*context.rows("metal"), *context.rows("liquids")), start=1):
        found += [_note(f"agent_{index}_{row.id}", _name(entry), row) for row in of_product(_name(entry))]
    return found or [unknown_value("agent_notes", "Catalogue", "none of these products is in it")]


def _name(row: Mapping[str, Any]) -> str:
    return text_of(row.get("product"))


def _note(identity: str, name: str, row: Embolic) -> Computed:
    return Computed(
        id=identity,
        label=name,
        value=row.size_text or row.note,
        inputs={} if row.minimum_inner_diameter_in is None else {"catheter": f"{row.minimum_inner_diameter_in:g} in"},
        source=row.source,
        tag=row.tag,
        note=row.note if row.size_text else "",
    )
