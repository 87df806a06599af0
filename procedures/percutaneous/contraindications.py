"""A list of contraindications in which each one is answered; ids begin with ``absolute_`` or ``relative_``."""

from __future__ import annotations

from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Field
from procedures.percutaneous.registry import REGISTRY

KINDS = ("absolute", "relative")


def listed(context: StageContext) -> list[Field]:
    """The fields of the list in this stage."""
    return [each for each in context.stage.fields if each.id.partition("_")[0] in KINDS]


@REGISTRY.check("contraindication_list")
def contraindication_list(context: StageContext) -> list[Finding]:
    """Yes and unknown are asked about, unanswered ones counted."""
    found, empty = [], []
    for described in listed(context):
        answer, kind = context.value(described.id), described.id.partition("_")[0].capitalize()
        told = {"source": described.source, "tag": described.tag} if described.source else {}
        subject = f"{context.stage.id}.{described.id}"
        if answer == "yes":
            text = f"{kind} contraindication: {described.label}."
            found.append(context.finding("contraindication", text, subject=subject, **told))
        elif answer == "unknown":
            text = f"Not evaluated: {described.label} is unknown ({kind.lower()} contraindication)."
            found.append(context.finding("contraindication-unknown", text, subject=subject, **told))
        elif answer != "no":
            empty.append(described.label)
    if empty:
        text = f"Not evaluated: {len(empty)} of {len(listed(context))} are not answered, first: {empty[0]}."
        found.append(context.finding("contraindications-not-answered", text, measured=float(len(empty)), unit="1"))
    return found
