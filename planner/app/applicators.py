"""Applicators of a session: device and setting of a needle, cover planned into needles, zones to be drawn and judged.

Charts are read by the session's own rules: of warm ice only what kills counts as treated, a simulated device belongs
to simulated cases only, and nothing lies outside a chart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from planner.app.margins import applicators_of, needles_for
from planner.app.marking import new_item, region_of
from planner.app.needle_paths import NeedleTask, organ_of, target_of
from planner.app.needle_structures import StructureStore, absent_structures, effective_rules
from planner.app.zone_planning import PlannedCover, plan_settings
from planner.clinical.constants import Overrides
from planner.clinical.registry import rule
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit, session_edit, with_item, without_item
from planner.model.items import REGION, PlanItem
from planner.model.needle_items import NEEDLE_PATH, NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.model.session import Session
from planner.planning.coverage import Avoided, clearances_mm
from planner.planning.coverage_access import Access
from planner.planning.devices import Device, isotherms, zone_for
from planner.planning.heat_sinks import heat_sinks
from planner.planning.ire import electrode_pairs
from planner.planning.kill_zones import kill_chart
from planner.planning.zone_findings import (
    must_not_be_hurt,
    near_structure_findings,
    pair_findings,
    spacing_findings,
    unique,
)
from planner.planning.zones import Applicator, Zone, applicator_groups, point, zones_of
from planner.store.actors import Actor
from planner.workflow.template import Template

TOOL = "coverage"
"""Tool of needles that the coverage planner placed; planning again replaces those that are not locked."""
PURPOSE = "ablation"


@dataclass(frozen=True, eq=False)
class CoverTask:
    """What is to be covered, and with what.

    Attributes
    ----------
    needle
        Region, organ, position and series, as for a path search; its device fields are taken from `device`.
    setting
        Row of the chart, or power and time; None takes the one that needs fewest applicators.
    spare_mm
        Structure -> how far zones keep from it; None keeps the rule's distance from every segmented structure that
        must not be hurt.
    at_minus_sd
        The margin holds for zones one standard deviation smaller, as the template's gate asks.
    """

    needle: NeedleTask
    device: Device
    margin_mm: float
    setting: str | None = None
    maximum: int = 6
    spare_mm: Mapping[str, float] | None = None
    vessels: tuple[str, ...] = ()
    overrides: Overrides | None = None
    at_minus_sd: bool = True


def require_usable(case: Case, device: Device) -> None:
    """
    Raises
    ------
    UsageError
        ``simulated-device`` for a simulated device in a case of a patient.
    """
    if device.simulated and not case.simulated:
        text = f"{device.title} is no product; it belongs to the digital patient only. Choose another device."
        raise UsageError("simulated-device", text, subject=device.id)


def usable_devices(case: Case, devices: Mapping[str, Device]) -> dict[str, Device]:
    """Devices that may be chosen in a case, with those first that give a zone."""
    allowed = [each for each in devices.values() if case.simulated or not each.simulated]
    allowed.sort(key=lambda each: all(row.not_drawable is not None for row in each.rows))
    return {each.id: each for each in allowed}


def assign_device(case: Case, session_id: str, item: PlanItem, device: Device, setting: str | None) -> Edit:
    """Give a needle a device and a setting; its diameter and length become the device's, and it is measured anew.

    Raises
    ------
    UsageError
        ``simulated-device``, ``needle-locked`` or ``unknown-setting``.
    InputRefused
        ``outside-chart``, ``row-without-axes`` or ``ice-too-thin``: a setting that gives no zone is not kept.
    """
    require_usable(case, device)
    body = needle_of(item)
    if body.locked:
        raise UsageError("needle-locked", f"{item.name} is locked; unlock it first.", subject=item.id)
    if setting is not None:
        kill_chart(zone_for(device, setting))
    diameter = device.outer_diameter_mm
    changed = replace(
        body,
        device=device.id,
        setting=setting,
        gauge=device.gauge,
        diameter_mm=body.diameter_mm if diameter is None else diameter,
        usable_length_mm=device.usable_length_mm,
        purpose=PURPOSE,
        measured=body.measured if diameter is None or diameter == body.diameter_mm else None,
    )
    put = replace(item, body=MappingProxyType(codec.to_json(changed)))
    return session_edit(session_id, lambda session: with_item(session, put))


def session_applicators(
    session: Session,
    devices: Mapping[str, Device],
    region_id: str | None = None,
    overrides: Overrides | None = None,
) -> tuple[tuple[Applicator, ...], tuple[Finding, ...]]:
    """The applicators of a session (of one target) with the charts they are judged by; a needle whose device or
    setting gives no zone is left out and blocks."""
    needles = _needles(session, region_id)
    names = {item.id: item.name for item, _ in needles}
    return applicators_of([(item.id, body) for item, body in needles], devices, overrides, names)


def isotherms_of_session(
    session: Session, devices: Mapping[str, Device], region_id: str | None = None
) -> dict[float, tuple[Zone, ...]]:
    """Frozen zones by isotherm in degrees Celsius, the warmest first, as the charts give them and by the rule's
    killing isotherm where they do not."""
    drawn: dict[float, list[Zone]] = {}
    for item, body in _needles(session, region_id):
        device = devices.get(body.device or "")
        if device is None or device.energy != "cryo" or body.setting is None or device.row(body.setting) is None:
            continue
        charts = isotherms(device, body.setting)
        if charts:
            coldest = kill_chart(charts[min(charts)])[0]
            charts.setdefault(float(coldest.isotherm_c or 0.0), coldest)
        for degrees, chart in charts.items():
            zones = zones_of([Applicator(item.id, body.entry_lps_mm, body.tip_lps_mm, chart)]) or ()
            drawn.setdefault(degrees, []).extend(zones)
    return {degrees: tuple(zones) for degrees, zones in sorted(drawn.items(), reverse=True)}


def session_findings(
    store: StructureStore,
    session: Session,
    devices: Mapping[str, Device],
    region_id: str | None = None,
    *,
    vessels: Sequence[str] = (),
    overrides: Overrides | None = None,
) -> tuple[Finding, ...]:
    """All that is said of the applicators of a session: charts, spacing, pairs, incomplete groups, heat sinks,
    structures near a zone."""
    applicators, charts = session_applicators(session, devices, region_id, overrides)
    said = list(charts)
    for device_id in dict.fromkeys(each.chart.device for each in applicators):
        own = [each for each in applicators if each.chart.device == device_id]
        said += _pattern_findings(devices[device_id], own, overrides)
    said += _incomplete(applicators)
    target = None if region_id is None else session.item(region_id)
    if target is not None and target.type == REGION and applicators:
        mask = store.mask(region_of(target).blob)
        masks = _masks(store, session, target.frame_uid)
        wanted = {key: masks[key] for key in vessels if key in masks}
        for energy in dict.fromkeys(each.chart.energy for each in applicators):
            said += [each.finding for each in heat_sinks(wanted, mask, energy, overrides=overrides)]
        near = [Avoided(key, mask, 0.0) for key, mask in masks.items() if must_not_be_hurt(key)]
        said += near_structure_findings(clearances_mm(zones_of(applicators) or (), near), overrides=overrides)
    return tuple(unique(said))


def plan_session_cover(
    store: StructureStore,
    case: Case,
    session: Session,
    template: Template,
    task: CoverTask,
    context: Context | None = None,
) -> PlannedCover:
    """Plan the applicators of a target. A job: touches no document.

    Raises
    ------
    UsageError
        ``simulated-device``, ``no-target``, ``no-needle-rules``, ``unknown-setting``.
    InputRefused, FrameMismatch, Cancelled
        As `planner.app.zone_planning.plan_settings`.
    """
    require_usable(case, task.device)
    rules = effective_rules(session, template, task.needle.organ)
    target = target_of(store, session, task.needle)
    frame = task.needle.frame_uid
    body = store.skin(session, frame)
    masks = _masks(store, session, frame)
    access = None
    if body is not None:
        access = Access(
            body=body,
            obstacles=store.obstacles(session, rules, frame),
            rules=rules,
            diameter_mm=task.device.outer_diameter_mm or 0.0,
            usable_length_mm=task.device.usable_length_mm,
            position=task.needle.position,
            organ=organ_of(store, session, task.needle, target),
            absent=absent_structures(session),
        )
    planned = plan_settings(
        target,
        task.device,
        task.setting,
        margin_mm=task.margin_mm,
        avoided=[Avoided(key, masks[key], keep) for key, keep in _spared(task, masks).items()],
        vessels={key: masks[key] for key in task.vessels if key in masks},
        access=access,
        maximum=task.maximum,
        at_minus_sd=task.at_minus_sd,
        overrides=task.overrides,
        context=context,
    )
    if access is not None:
        return planned
    text = "The skin is not segmented: entries are points up the shaft, and paths were NOT CHECKED."
    return replace(planned, findings=(*planned.findings, Finding("no-paths", Severity.BLOCK, text)))


def put_cover(session: Session, task: CoverTask, planned: PlannedCover, *, by: Actor) -> Edit:
    """The planned applicators become needles of the session, in one step of undo. Needles of this target that were
    placed so before and are not locked make room; what a person placed stays.

    Raises
    ------
    UsageError
        ``spacing-unknown`` for a chart that does not say how far apart its applicators stand, and ``nothing-placed``.
    """
    chart = planned.plan.chart
    if chart.applicators > 1 and chart.spacing_mm is None:
        text = f"The chart of {chart.device} does not say how far apart its applicators stand; place them by hand."
        raise UsageError("spacing-unknown", text, subject=chart.device)
    if not planned.placed:
        raise UsageError("nothing-placed", "No applicator could be placed; look at the findings.")
    needle, device = task.needle, task.device
    items = []
    for number, each in enumerate(planned.placed):
        body = NeedlePathBody(
            entry_lps_mm=each.applicator.entry_lps_mm,
            tip_lps_mm=each.applicator.tip_lps_mm,
            purpose=PURPOSE,
            diameter_mm=device.outer_diameter_mm or 0.0,
            gauge=device.gauge,
            device=device.id,
            setting=chart.setting,
            usable_length_mm=device.usable_length_mm,
            posture=needle.position.posture,
            lesion_ids=needle.lesion_ids,
            region_id=needle.region_id,
        )
        sources = (needle.series.partition("#")[0],) if needle.series else ()
        name = f"Applicator {number + 1}"
        items.append(
            new_item(NEEDLE_PATH, body, name=name, frame_uid=needle.frame_uid, by=by, tool=TOOL, source_uids=sources)
        )

    def change(now: Session) -> Session:
        for old in now.items:
            if old.type == NEEDLE_PATH and old.tool == TOOL and not needle_of(old).locked:
                now = without_item(now, old.id) if needle_of(old).region_id == needle.region_id else now
        for item in items:
            now = with_item(now, item)
        return now

    return session_edit(session.id, change)


def _needles(session: Session, region_id: str | None) -> list[tuple[PlanItem, NeedlePathBody]]:
    if region_id is not None:
        return list(needles_for(session, region_id))
    found = [(item, needle_of(item)) for item in session.items if item.type == NEEDLE_PATH]
    return [(item, body) for item, body in found if body.purpose == PURPOSE]


def _pattern_findings(device: Device, own: Sequence[Applicator], overrides: Overrides | None) -> list[Finding]:
    if device.energy == "ire":
        return list(pair_findings(electrode_pairs(own, overrides=overrides)))
    shafts = [
        Zone(each.tip_lps_mm, point(each.direction_lps), 0.5 * each.chart.long_mm, 0.5 * each.chart.short_mm)
        for each in own
    ]
    return list(spacing_findings(device, shafts, overrides=overrides))


def _incomplete(applicators: Sequence[Applicator]) -> list[Finding]:
    said = []
    for group in applicator_groups(applicators):
        wanted = group[0].chart.applicators
        if len(group) < wanted:
            text = (
                f"The chart of {group[0].chart.device} is for {wanted} applicators together; {len(group)} stand alone."
            )
            said.append(Finding("incomplete-group", Severity.BLOCK, text, subject=group[0].id))
    return said


def _masks(store: StructureStore, session: Session, frame_uid: str) -> dict[str, Mask]:
    found = {}
    for item in session.items:
        if item.type != REGION or item.frame_uid != frame_uid:
            continue
        body = region_of(item)
        if body.structure is not None and body.lesion_id is None:
            found[body.structure] = store.mask(body.blob)
    return found


def _spared(task: CoverTask, masks: Mapping[str, Mask]) -> dict[str, float]:
    if task.spare_mm is not None:
        return {key: keep for key, keep in task.spare_mm.items() if key in masks}
    constants = rule("zone_near_structure").constants.replaced((task.overrides or {}).get("zone_near_structure", {}))
    return {key: constants.number("red_below") for key in masks if must_not_be_hurt(key)}
