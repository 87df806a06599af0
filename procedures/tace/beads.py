"""Drug-eluting beads: vials by the source, loading and suspension by product, what passes the microcatheter (R10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from planner.catalogues import catalogue
from planner.findings import Finding
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.spine.support import (
    against,
    as_number,
    from_rule,
    limit,
    not_evaluated,
    number,
    ruled,
    text_of,
    unknown_value,
)
from procedures.tace.liver_scores import burden_result
from procedures.tace.registry import REGISTRY
from procedures.tace.tumour import tumour_of

CATALOGUE = "devices/beads.toml"


def bead_rows(product: str) -> list[Mapping[str, Any]]:
    """Rows of the catalogue for a product, by its name or another spelling."""
    wanted = product.casefold()
    return [row for row in catalogue(CATALOGUE)["bead"] if wanted and row["product"].casefold() in wanted]


def loading_row(product: str, drug: str) -> Mapping[str, Any] | None:
    """The cited loading of a product with a drug, or None."""
    rows = [row for row in bead_rows(product) if row.get("drug", "").casefold() == drug.casefold()]
    return next((row for row in rows if "loading_min" in row), None)


@REGISTRY.compute("bead_vials")
def bead_vials(context: StageContext) -> list[Computed]:
    tumour = tumour_of(context)
    if tumour.missing:
        return [unknown_value("bead_vials", "Vials of beads", tumour.missing, "deb_tace")]
    within = burden_result(context, tumour).value("milan_in")
    result = ruled(context, "deb_tace", {"within_milan": within})
    inputs = {**tumour.printed(), "within Milan": {True: "yes", False: "no"}.get(within is True, "–")}
    if within is None:
        inputs["within Milan"] = "not known"
    dose = f"up to {result.value('max_dose')} mg doxorubicin" if result.evaluated else ""
    return [
        from_rule(result, "vials", "bead_vials", "Vials of 2 mL", inputs=inputs, arithmetic=dose, grade=dose or None)
    ]


@REGISTRY.compute("ready_by")
def ready_by(context: StageContext) -> list[Computed]:
    """The pharmacy's note: when the beads are loaded, and how long they stay suspended by the product's source."""
    minutes, started = as_number(context.value("loading_minutes")), _moment(context.value("loading_started"))
    if minutes is None or started is None:
        return [unknown_value("ready_by", "Ready by", "loading time or start is not known")]
    ready = started + timedelta(minutes=minutes)
    row = loading_row(text_of(context.value("bead_product")), text_of(context.value("drug")))
    note = "" if row is None else f"{row['note']}"
    return [
        Computed(
            id="ready_by",
            label="Ready by",
            value=ready.strftime("%H:%M"),
            inputs={"start": started.strftime("%H:%M"), "loading": f"{minutes:g} min"},
            arithmetic=f"{started:%H:%M} + {minutes:g} min = {ready:%H:%M}",
            source=None if row is None else row["source"],
            tag="calc" if row is None else row["tag"],
            note=note,
        )
    ]


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) and value else None
    except ValueError:
        return None


@REGISTRY.check("bead_dose")
def bead_dose(context: StageContext) -> list[Finding]:
    dose, volume = as_number(context.value("prepared_maximum")), as_number(context.value("bead_volume"))
    if dose is None or not volume:
        return [not_evaluated(context, "prepared maximum or bead volume is not known")]
    per_ml, allowed = dose / volume, limit(context, "per_ml")
    if text_of(context.value("drug")).casefold() != "doxorubicin":
        return [not_evaluated(context, "loading per mL is cited for doxorubicin only")]
    if per_ml <= number(allowed):
        return []
    text = f"{dose:g} mg on {volume:g} mL are {per_ml:.1f} mg per mL of beads; at most {number(allowed):g} are cited."
    return [against(context, "bead-overloaded", text, per_ml, allowed)]


@REGISTRY.check("bead_contrast")
def bead_contrast(context: StageContext) -> list[Finding]:
    volume, low, high = as_number(context.value("bead_contrast")), limit(context, "low"), limit(context, "high")
    if volume is None:
        return [not_evaluated(context, "the contrast per mL of beads is not known")]
    if number(low) <= volume <= number(high):
        return []
    compared = low if volume < number(low) else high
    text = f"{volume:g} mL contrast per mL of beads; {number(low):g} to {number(high):g} mL are cited."
    return [against(context, "bead-contrast", text, volume, compared)]


@REGISTRY.check("bead_catheter")
def bead_catheter(context: StageContext) -> list[Finding]:
    inner = as_number(context.value("microcatheter_id", "arteries_access"))
    product = text_of(context.value("bead_product"))
    size = as_number(context.value("bead_size"))
    rows = [
        row
        for row in bead_rows(product)
        if "minimum_inner_diameter_in" in row and size is not None and row["low_um"] <= size <= row["high_um"]
    ]
    if not rows:
        return [
            not_evaluated(context, f"no cited catheter diameter for {product or 'the beads'}", code="bead-catheter")
        ]
    if inner is None:
        return [not_evaluated(context, "the inner diameter of the microcatheter is not known", code="bead-catheter")]
    row = rows[0]
    needed = float(row["minimum_inner_diameter_in"])
    if inner >= needed:
        return []
    text = f"{row['product']} needs an inner diameter of {needed:g} in; the microcatheter has {inner:g} in."
    more = {"measured": inner, "limit": needed, "unit": "[in_i]", "source": row["source"], "tag": row["tag"]}
    return [context.finding("bead-catheter", text, **more)]


@REGISTRY.check("bead_loading")
def bead_loading(context: StageContext) -> list[Finding]:
    minutes = as_number(context.value("loading_minutes"))
    product, drug = text_of(context.value("bead_product")), text_of(context.value("drug"))
    row = loading_row(product, drug)
    if row is None:
        return [not_evaluated(context, f"no cited loading time for {product or 'the beads'} with {drug or 'the drug'}")]
    if minutes is None:
        return [not_evaluated(context, "the loading time is not known")]
    needed = float(row["loading_min"])
    if minutes >= needed:
        return []
    text = f"{row['product']} with {drug}: {needed:g} min are cited, {minutes:g} min are planned."
    more = {"measured": minutes, "limit": needed, "unit": "min", "source": row["source"], "tag": row["tag"]}
    return [context.finding("loading-too-short", text, **more)]
