"""Coils and plugs against the vessel or the sac they fill: oversize, packing density (R20)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from planner.findings import Finding
from planner.units import shown
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.embolisation.registry import REGISTRY
from procedures.spine.support import (
    against,
    as_number,
    limit,
    not_evaluated,
    number,
    reasons_of,
    ruled,
    text_of,
    unknown_value,
)

METAL = "metal"
"""The table of coils and plugs."""


def oversize_percent(row: Mapping[str, Any]) -> float | None:
    """By how much the device is wider than the vessel, in per cent; None while one of both is unknown."""
    device, vessel = as_number(row.get("device_mm")), as_number(row.get("vessel_mm"))
    return None if device is None or not vessel else 100.0 * (device / vessel - 1.0)


@REGISTRY.check("metal_oversize")
def metal_oversize(context: StageContext) -> list[Finding]:
    """Coils by the bed they lie in, and plugs, against the limits of the profile."""
    found = []
    for index, row in enumerate(context.rows(METAL), start=1):
        kind, subject = row.get("kind"), f"{context.stage.id}.metal.{index}"
        if as_number(row.get("sac_mm")) is not None:
            continue
        name = text_of(row.get("product")) or ("Plug" if kind == "plug" else "Coil")
        share = oversize_percent(row)
        prefix = "plug" if kind == "plug" else "vein" if row.get("bed") == "vein" else "coil"
        low, high = limit(context, f"{prefix}_low"), limit(context, f"{prefix}_high")
        if share is None:
            found.append(
                not_evaluated(context, f"oversize of {name}: device or vessel is not measured", subject=subject)
            )
        elif not number(low) - 1e-9 <= share <= number(high) + 1e-9:
            compared = low if share < number(low) else high
            risk = "it may migrate" if share < number(low) else "it may not take its shape"
            text = f"{name} is {share:.0f} % wider than the vessel; {number(low):g} to {number(high):g} %: {risk}."
            found.append(against(context, "oversize", text, share, compared, subject=subject))
    return found


def packing_of(context: StageContext) -> dict[float, float | str]:
    """Diameter of each sac in mm -> packing of all its coils in per cent, or why it cannot be told."""
    found: dict[float, float | str] = {}
    for row in context.rows(METAL):
        sac = as_number(row.get("sac_mm"))
        if sac is None:
            continue
        wire, length, count = (as_number(row.get(name)) for name in ("wire_mm", "length_cm", "count"))
        if wire is None or length is None or count is None:
            found[sac] = "primary diameter, length or number of a coil is not known"
            continue
        inputs = {
            "primary_coil_diameter": (wire, "mm"),
            "length": (length, "cm"),
            "sphere_diameter": (sac, "mm"),
        }
        result = ruled(
            context, "coil_packing", inputs, constants={"packing_from": context.limit("coil_packing_percent")}
        )
        each, before = result.number("packing"), found.get(sac, 0.0)
        if each is None:
            found[sac] = reasons_of(result)
        elif not isinstance(before, str):
            found[sac] = before + each * count
    return found


@REGISTRY.check("coil_packing_density")
def coil_packing_density(context: StageContext) -> list[Finding]:
    """Packing of each sac against the limit ``least`` of the profile."""
    least, found = limit(context, "least"), []
    for sac, packing in packing_of(context).items():
        subject = f"{context.stage.id}.sac.{sac:g}"
        if isinstance(packing, str):
            found.append(not_evaluated(context, f"packing of the sac of {sac:g} mm: {packing}", subject=subject))
        elif packing < number(least):
            text = f"Packing of the sac of {shown(sac, 'mm')} is {packing:.1f} %, {number(least):g} % are asked for."
            found.append(against(context, "packing-low", text, packing, least, subject=subject))
    return found


@REGISTRY.check("coil_passes_catheter")
def coil_passes_catheter(context: StageContext) -> list[Finding]:
    """A coil passes when its primary diameter is below the inner diameter of the microcatheter."""
    inner, found = as_number(context.value("microcatheter_id", "arteries_access")), []
    for index, row in enumerate(context.rows(METAL), start=1):
        wire = as_number(row.get("wire_mm"))
        if row.get("kind") != "coils" or wire is None or inner is None:
            continue
        inner_mm = inner * MM_PER_INCH
        if wire >= inner_mm:
            text = (
                f"A coil of {shown(wire, 'mm')} primary diameter does not pass the microcatheter ({inner_mm:.2f} mm)."
            )
            more = {"measured": wire, "limit": inner_mm, "unit": "mm", "subject": f"{context.stage.id}.metal.{index}"}
            found.append(context.finding("coil-too-thick", text, **more))
    return found


MM_PER_INCH = 25.4


@REGISTRY.compute("packing")
def packing(context: StageContext) -> list[Computed]:
    """Packing density per sac, with the arithmetic."""
    found = []
    for sac, value in packing_of(context).items():
        label = f"Packing of the sac of {sac:g} mm"
        if isinstance(value, str):
            found.append(unknown_value(f"packing_{sac:g}", label, value, "coil_packing"))
            continue
        coils = [row for row in context.rows(METAL) if as_number(row.get("sac_mm")) == sac]
        inputs = {f"coil {index}": _coil(row) for index, row in enumerate(coils, start=1)}
        found.append(
            Computed(
                id=f"packing_{sac:g}",
                label=label,
                value=value,
                unit="%",
                inputs=inputs,
                arithmetic="sum of π(d/2)²·L over the volume of the sphere",
                rule="coil_packing",
                source="R20",
                tag="M",
            )
        )
    return found


def _coil(row: Mapping[str, Any]) -> str:
    return f"{row.get('count')} x {row.get('length_cm'):g} cm, {row.get('wire_mm'):g} mm"
