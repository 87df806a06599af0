"""Chart rows: what the catalogue gives for each applicator's setting, and what lies outside it."""

from __future__ import annotations

from dataclasses import dataclass

from planner.clinical.comparisons import TOLERANCE
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.model.items import PlanItem
from planner.model.needle_digests import placed_digest
from planner.model.needle_items import NeedlePathBody
from planner.model.needle_reading import needles_of
from planner.planning.devices import ChartZone, Device, shipped_devices, zone_for
from planner.workflow.context import StageContext
from planner.workflow.template import Computed
from procedures.ablation.items import planned, technique
from procedures.ablation.paths import accepted
from procedures.ablation.registry import REGISTRY
from procedures.spine.support import as_number, not_evaluated, unknown_value

ANIMALS = ("porcine", "bovine", "ovine", "pig", "canine", "rabbit", "animal")
"""Words in a chart's tissue that say that it was no patient."""
COVER = "geometric cover of chart ellipsoid"
PREDICTS_LITTLE = "in vivo the volume hardly follows the energy (r = 0.54, p = 0.27)"
"""Ruiter, Eur Radiol 2019;29:4026."""


@dataclass(frozen=True, slots=True)
class Charted:
    """What the chart says of one applicator.

    Attributes
    ----------
    zone
        None where the chart gives none.
    outside
        Why, in the catalogue's words, when the setting lies outside a chart that is known.
    unknown
        Why, when device or row are not in the shipped catalogue: they may be the user's own.
    """

    item: PlanItem
    body: NeedlePathBody
    device: Device | None
    zone: ChartZone | None
    outside: str = ""
    unknown: str = ""


def charted(item: PlanItem, body: NeedlePathBody) -> Charted:
    """The chart row of one applicator, from the shipped catalogue."""
    device = shipped_devices().get(body.device or "")
    if device is None:
        said = f"{body.device} is not in the shipped catalogue" if body.device else "no device is chosen"
        return Charted(item, body, None, None, unknown=said)
    try:
        return Charted(item, body, device, zone_for(device, body.setting))
    except InputRefused as refused:
        return Charted(item, body, device, None, outside=refused.message)
    except UsageError as error:
        return Charted(item, body, device, None, unknown=error.message)


def at_power(device: Device, power_w: float, minutes: float) -> ChartZone | str | None:
    """The zone of a power and a time, why the chart has none, or None where the chart knows no power."""
    if not any(row.power_w is not None and row.time_min is not None for row in device.rows):
        return None
    try:
        return zone_for(device, f"{power_w:g}W {minutes:g}min")
    except InputRefused as refused:
        return refused.message


def _margin_counts(context: StageContext, needle_id: str) -> bool:
    """Whether a margin was computed with this needle: its chart row was found then, with its tissue."""
    return any(needle_id in body.needle_ids and body.tissues for _, body in planned(context))


def _margin_is_of_now(context: StageContext, needle_id: str) -> bool:
    """Whether a margin was computed with this needle as it lies and is set: then its row is in the whole catalogue."""
    there = {item.id: (item, body) for item, body in needles_of(context.session.items)}
    return any(
        needle_id in body.needle_ids
        and bool(body.tissues)
        and set(body.needle_ids) <= set(there)
        and body.needles_digest == placed_digest(there[each] for each in body.needle_ids)
        for _, body in planned(context)
    )


@REGISTRY.check("setting_in_chart")
def setting_in_chart(context: StageContext) -> list[Finding]:
    found = []
    for item, body in accepted(context, energy_only=True):
        chart, subject = charted(item, body), f"zone_margin.{item.id}"
        if body.device is None:
            why = f"{item.name} has no device"
            found.append(not_evaluated(context, why, code="no-device", overridable=True, subject=subject))
        elif chart.outside and _margin_is_of_now(context, item.id):
            text = f"{item.name}: a row of the user's own; not in the shipped chart."
            found.append(context.finding("users-row", text, severity=Severity.INFO, subject=subject))
        elif chart.outside:
            text = f"{item.name}: {chart.outside}"
            found.append(context.finding("outside-chart", text, subject=subject))
        elif chart.unknown and _margin_counts(context, item.id):
            text = f"{item.name}: a row of the user's own ({chart.unknown})."
            found.append(context.finding("users-row", text, severity=Severity.INFO, subject=subject))
        elif chart.unknown:
            text = f"{item.name}: {chart.unknown}; no zone without a cited chart row."
            found.append(context.finding("outside-chart", text, subject=subject))
        else:
            found += _about_device(context, chart, subject)
            found += _typed_settings(context, chart, subject)
    return found


def _about_device(context: StageContext, chart: Charted, subject: str) -> list[Finding]:
    found, device, name = [], chart.device, chart.item.name
    wanted = technique(context)
    if device is not None and wanted is not None and device.energy != wanted:
        text = f"{name} carries {device.title}, but the energy of the plan is another one."
        found.append(context.finding("device-energy", text, subject=subject, overridable=True))
    if device is not None and device.simulated and not context.case.simulated:
        text = f"{name} carries {device.title}: simulated, for the digital patient only."
        found.append(context.finding("simulated-device", text, subject=subject))
    return found


def _typed_settings(context: StageContext, chart: Charted, subject: str) -> list[Finding]:
    """Power and time as typed, against the chart and against the row that the zone was drawn for."""
    found = []
    for row in context.rows("settings"):
        power, minutes = as_number(row.get("power")), as_number(row.get("minutes"))
        if row.get("needle") != chart.item.id or power is None or minutes is None or chart.device is None:
            continue
        typed = at_power(chart.device, power, minutes)
        if isinstance(typed, str):
            text = f"{chart.item.name}: {typed}"
            found.append(context.finding("outside-chart", text, subject=subject))
        elif typed is not None and chart.zone is not None and not _same_zone(typed, chart.zone):
            text = (
                f"{chart.item.name}: typed {power:g} W for {minutes:g} min, the zone is drawn for {chart.zone.setting}."
            )
            found.append(context.finding("setting-differs", text, subject=subject, overridable=True))
    return found


def _same_zone(one: ChartZone, other: ChartZone) -> bool:
    return abs(one.long_mm - other.long_mm) < TOLERANCE and abs(one.short_mm - other.short_mm) < TOLERANCE


@REGISTRY.compute("zone_rows")
def zone_rows(context: StageContext) -> list[Computed]:
    """Each applicator with its chart row: axes, deviation, tissue, source."""
    found: list[Computed] = []
    for item, body in accepted(context, energy_only=True):
        chart = charted(item, body)
        zone, name = chart.zone, f"zone_{item.id}"
        if zone is None:
            found.append(unknown_value(name, item.name, (chart.outside or chart.unknown).rstrip(".")))
            continue
        deviation = "no SD in the chart" if zone.sd_mm is None else f"SD {zone.sd_mm:g} mm"
        found.append(
            Computed(
                id=name,
                label=item.name,
                value=f"{zone.long_mm:g} x {zone.short_mm:g} mm",
                grade=deviation,
                inputs={"device": zone.device, "setting": zone.setting, "tissue": zone.tissue},
                source=zone.source,
                tag=zone.tag,
                note=tissue_note(zone.tissue, interpolated=zone.interpolated),
            )
        )
    return found


def tissue_note(tissue: str, *, interpolated: tuple[str, ...] = ()) -> str:
    """What a chart's tissue means for a patient, in the words that are always used for it."""
    said = f"{COVER.capitalize()}, {tissue}"
    if any(word in tissue.casefold() for word in ANIMALS):
        said = f"{COVER.capitalize()}, normal animal tissue ({tissue}); {PREDICTS_LITTLE}"
    between = f" Interpolated between {' and '.join(interpolated)}." if interpolated else ""
    return f"{said}.{between}"
