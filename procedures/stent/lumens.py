"""The measured lumen: there, with a stricture and references, without doubt, with its landmarks."""

from __future__ import annotations

from collections.abc import Mapping

from planner.findings import Finding, Severity
from planner.model.vessel_items import LumenBody
from planner.planning.stent_catalogue import stent_catalogue
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import not_evaluated, text_of, unknown_value
from procedures.stent.registry import REGISTRY
from procedures.stent.sites import SEALING, indication_of, site_lumens, site_of

LANDMARKS: Mapping[str, tuple[str, ...]] = {
    "oesophageal": ("cricopharyngeus", "gastro-oesophageal-junction"),
    "tracheobronchial": ("carina",),
    "biliary": ("papilla", "hepatic-confluence"),
    "duodenal": ("bile-duct-opening",),
    "svc": ("azygos", "right-atrium"),
    "ivc": ("hepatic-vein-mouth", "right-atrium"),
}
"""Site -> keys of the catalogue's landmarks from which the ends of a stent are judged."""
MEASURED = "measured"


def measured_here(context: StageContext) -> bool:
    return bool(context.value("lumen_basis", "lumen") == MEASURED)


@REGISTRY.compute("lumen_summary")
def lumen_summary(context: StageContext) -> list[Computed]:
    """Each lumen of the site: length, least diameter, percent, references."""
    rows = site_lumens(context)
    if not rows:
        return [unknown_value("lumen_lines", "Lumens", "no lumen of this kind is measured")]
    return [
        Computed(
            id=f"lumen_{item.id}",
            label=item.name,
            value=body.length_mm,
            unit="mm",
            inputs=_facts(body),
            source="measured along the centreline",
            tag="calc",
            note=" ".join(body.findings),
        )
        for item, body in rows
    ]


def _facts(body: LumenBody) -> dict[str, str]:
    held = body.stenosis
    marks = ", ".join(mark.name for mark in body.marks) or "none"
    if held is None:
        return {"stricture": "not marked", "marks": marks}
    percent = "unknown" if held.percent is None else f"{held.percent:.0f} %"
    sides = [("proximal", held.proximal_reference_mm), ("distal", held.distal_reference_mm)]
    told = {name: "unknown" if value is None else f"{value:.1f} mm" for name, value in sides}
    stretch = f"{held.start_mm:.0f} to {held.end_mm:.0f} mm, least {held.minimum_mm:.1f} mm, {percent}"
    return {"stricture": stretch, **told, "marks": marks}


@REGISTRY.check("lumen_measured")
def lumen_measured(context: StageContext) -> list[Finding]:
    """A lumen of the site's kind is measured on images, or the reason why it is measured at the procedure."""
    basis = context.value("lumen_basis")
    if basis is None:
        return [not_evaluated(context, "on what the size stands is not said", subject="lumen.lumen_basis")]
    if basis != MEASURED:
        if text_of(context.value("why_not_measured")):
            return []
        text = "The lumen is measured at the procedure only, and why is not written down."
        return [context.finding("lumen-not-measured", text, subject="lumen.lumen_basis")]
    if site_lumens(context):
        return []
    text = "Measured on images is answered, and no lumen of this kind is measured in this session."
    return [context.finding("no-lumen", text, subject="lumen.lumen_basis")]


@REGISTRY.check("stricture_marked")
def stricture_marked(context: StageContext) -> list[Finding]:
    """Start, end and a reference of the stricture; for an opening, its place along the lumen."""
    if not measured_here(context):
        return []
    lumens = site_lumens(context)
    if indication_of(context) in SEALING:
        known = stent_catalogue()
        if any(known.is_opening(mark.name) for _, body in lumens for mark in body.marks):
            return []
        if not lumens:
            return [not_evaluated(context, "no lumen is measured")]
        text = "The opening is not marked along the lumen: whether a stent covers it cannot be told."
        return [context.finding("opening-not-marked", text)]
    narrowed = [body.stenosis for _, body in lumens if body.stenosis is not None]
    if not narrowed:
        return [not_evaluated(context, "no stricture is marked in a measured lumen", code="stricture-not-marked")]
    if all(each.proximal_reference_mm is None and each.distal_reference_mm is None for each in narrowed):
        text = "No reference diameter on either side of the stricture: a stent cannot be sized by it."
        return [context.finding("no-reference", text)]
    return []


@REGISTRY.check("lumen_doubts")
def lumen_doubts(context: StageContext) -> list[Finding]:
    """What the measurement said of itself, and a reference that is missing on one side."""
    found = []
    for item, body in site_lumens(context):
        subject = f"lumen.{item.id}"
        for words in body.findings:
            found.append(context.finding("lumen-doubt", f"{item.name}: {words}", subject=subject))
        held = body.stenosis
        if held is None:
            continue
        one = (held.proximal_reference_mm is None) != (held.distal_reference_mm is None)
        if one:
            side = "proximal" if held.proximal_reference_mm is None else "distal"
            text = f"{item.name}: the {side} reference is unknown; the stent is sized by the other side alone."
            found.append(context.finding("one-reference", text, subject=subject))
        if held.by_person:
            text = f"{item.name}: start and end of the stricture were set by hand."
            found.append(context.finding("stricture-by-hand", text, severity=Severity.INFO, subject=subject))
    return found


@REGISTRY.check("landmarks_marked")
def landmarks_marked(context: StageContext) -> list[Finding]:
    """A landmark that is not marked is not checked: neither crossed nor kept away from."""
    if not measured_here(context):
        return []
    known, lumens = stent_catalogue(), site_lumens(context)
    seen = {
        landmark.key
        for _, body in lumens
        for mark in body.marks
        if (landmark := known.landmark(body.kind, mark.name)) is not None
    }
    names = {landmark.key: landmark.name for landmark in known.landmarks}
    return [
        context.finding("landmark-not-marked", f"NOT CHECKED: {names[key]} is not marked.", subject=f"lumen.{key}")
        for key in LANDMARKS.get(site_of(context) or "", ())
        if key not in seen
    ]
