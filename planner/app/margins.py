"""Margins of a session: planned ones from its applicators, achieved ones from the images after; stored with a digest.

Everything that a check or a paper reads is in the `ABLATION_MARGIN` item; what is painted comes with it as a
`MarginMap`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.app.marking import load_mask, new_item, put_item, region_of
from planner.clinical.constants import Overrides
from planner.errors import InputRefused, OperatorError, UsageError
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask
from planner.imaging.rigid_registration import RigidMatch
from planner.jobs import Context
from planner.model import codec
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.needle_digests import placed_digest
from planner.model.needle_items import (
    ABLATION_MARGIN,
    ACHIEVED,
    PLANNED,
    AblationMarginBody,
    MarginNumbers,
    NeedlePathBody,
)
from planner.model.needle_reading import margin_of, margins_of, needles_of
from planner.model.needle_rules import NeedleRules
from planner.model.session import Session
from planner.planning.coverage_decision import TargetField, collateral_ml, decide
from planner.planning.devices import Device, device_named, zone_for
from planner.planning.heat_sinks import heat_sinks
from planner.planning.kill_zones import kill_chart
from planner.planning.margin_findings import (
    AchievedMargin,
    achieved_margin,
    capsule_findings,
    exclusion_mm,
    least_margin_mm,
    margin_findings,
)
from planner.planning.margin_map import MapSession, MarginMap
from planner.planning.margins import Capsule, Margin, MarginSession, capsule_of
from planner.planning.target_surface import TargetSurface
from planner.planning.zone_findings import chart_findings, unique
from planner.planning.zones import Applicator, Zone, zones_of
from planner.store.actors import Actor
from planner.store.library import Library

PURPOSE = "ablation"
COOLING_VESSELS = (
    *("vessels", "hepatic_vein", "portal_vein", "portal_vein_and_splenic_vein", "inferior_vena_cava", "aorta"),
)
"""Structures that may cool a zone, where they are segmented."""
NO_NUMBERS = MarginNumbers(None, None, None, None, None)


@dataclass(frozen=True, slots=True)
class MarginSettings:
    """What margins of a session are measured with.

    Attributes
    ----------
    devices
        The catalogue of applicators, the user's rows included.
    rules
        Limits of the template (``margin_minimum_mm``, ``capsule_exclusion_mm``); None takes those of the rules.
    organ
        Key of ``resources/structures.toml`` of the organ around the target, whose region gives the capsule.
    vessels
        Structures that may cool a zone.
    """

    devices: Mapping[str, Device]
    rules: NeedleRules | None = None
    organ: str | None = None
    vessels: tuple[str, ...] = ()
    overrides: Overrides | None = None

    @property
    def required_mm(self) -> float:
        limit = None if self.rules is None else self.rules.limit("margin_minimum_mm")
        return least_margin_mm(self.overrides) if limit is None else limit.value

    @property
    def exclusion_mm(self) -> float:
        limit = None if self.rules is None else self.rules.limit("capsule_exclusion_mm")
        return exclusion_mm(self.overrides) if limit is None else limit.value


@dataclass(frozen=True, eq=False)
class MeasuredMargin:
    """A margin, measured and not yet stored.

    Attributes
    ----------
    body
        Of the item (see `put_margin`).
    mean, minus_sd
        None where there is no number: an achieved margin without its error, a chart without standard deviation.
    drawn
        Of the margin that is judged: at -1 SD where the chart gives one.
    """

    body: AblationMarginBody
    mean: Margin | None
    minus_sd: Margin | None
    drawn: MarginMap | None
    findings: tuple[Finding, ...]


class TargetMargins:
    """One target of a session with all that stays the same while applicators are dragged.

    Raises
    ------
    UsageError
        ``unknown-region``.
    InputRefused, StoreError
        Where a mask cannot be read or is empty.
    """

    def __init__(
        self,
        library: Library,
        session: Session,
        region_id: str,
        settings: MarginSettings,
        context: Context | None = None,
    ) -> None:
        self.item, self.region = _region(session, region_id)
        self.settings = settings
        self.mask = load_mask(library, self.region.blob)
        self.surface = TargetSurface.of(self.mask, context)
        organ = organ_region(session, self.item, settings.organ)
        self.capsule: Capsule | None = None
        if organ is not None:
            self.capsule = capsule_of(self.surface, load_mask(library, organ[1].blob), settings.exclusion_mm)
        self.margins = MarginSession(self.surface, self.capsule)
        self.maps = MapSession(self.surface)

    def live(self, needles: Sequence[tuple[str, NeedlePathBody]]) -> tuple[Margin, MarginMap] | None:
        """The judged margin of needles as they lie now, for every step of a drag; None while there is no zone."""
        applicators, _ = applicators_of(needles, self.settings.devices, self.settings.overrides)
        zones = zones_of(applicators, -1) or zones_of(applicators)
        if not zones:
            return None
        margin = self.margins.update(zones)
        return margin, self.maps.map(margin)

    def required_findings(self) -> tuple[Finding, ...]:
        """What the target and its organ make of every margin."""
        return () if self.capsule is None else capsule_findings(self.capsule)


def planned_margin(
    library: Library,
    session: Session,
    region_id: str,
    settings: MarginSettings,
    *,
    target: TargetMargins | None = None,
    context: Context | None = None,
) -> MeasuredMargin:
    """The margin of a target from the applicators of the session that have a device and a setting.

    Parameters
    ----------
    target
        Prepared before, when a window holds it.

    Raises
    ------
    UsageError
        ``unknown-region``; ``no-applicator`` when no needle for this target has a device and a setting.
    InputRefused
        Where a chart gives no zone for the setting, or a mask cannot be read.
    """
    job = context or Context()
    prepared = target or TargetMargins(library, session, region_id, settings, job.part(0.0, 0.5))
    needles = needles_for(session, region_id)
    applicators, said = applicators_of(
        [(item.id, body) for item, body in needles],
        settings.devices,
        settings.overrides,
        {item.id: item.name for item, _ in needles},
    )
    refused = next((each for each in said if each.severity is Severity.BLOCK and not each.overridable), None)
    if refused is not None:
        raise InputRefused(refused.code, refused.text, subject=refused.subject)
    zones, smaller = zones_of(applicators), zones_of(applicators, -1)
    if not zones:
        text = f"No applicator for {prepared.item.name} has a device and a setting that give a zone; choose them first."
        raise UsageError("no-applicator", text, subject=region_id)
    mean = prepared.margins.update(zones)
    minus = prepared.margins.update(smaller) if smaller else None
    if smaller is None:
        text = "The chart gives no standard deviation: the margin at -1 SD is not known."
        said = (*said, Finding("no-deviation", Severity.WARN, text, subject=region_id))
    judged = minus or mean
    job.step(0.7, "Cover")
    body = _planned_body(library, session, prepared, applicators, zones, mean, minus)
    findings = [
        *(replace(each, text=f"{_deviation(minus)}: {each.text}") for each in _judged(judged, prepared)),
        *prepared.required_findings(),
        *said,
    ]
    return MeasuredMargin(body, mean, minus, prepared.maps.map(judged), tuple(unique(findings)))


def _deviation(minus: Margin | None) -> str:
    return "Mean zone of the chart" if minus is None else "At -1 SD of the chart"


def _judged(margin: Margin, prepared: TargetMargins) -> tuple[Finding, ...]:
    settings = prepared.settings
    return margin_findings(margin, required_mm=settings.required_mm, overrides=settings.overrides)


def _planned_body(
    library: Library,
    session: Session,
    prepared: TargetMargins,
    applicators: Sequence[Applicator],
    zones: Sequence[Zone],
    mean: Margin,
    minus: Margin | None,
) -> AblationMarginBody:
    settings, judged = prepared.settings, minus or mean
    counted = {each.id for each in applicators}
    field = TargetField.of(prepared.mask, settings.required_mm)
    _, outside = collateral_ml(field, zones)
    vessels = _vessels(library, session, prepared.item, settings)
    energies = dict.fromkeys(each.chart.energy for each in applicators)
    sinks = [
        sink.finding.text
        for energy in energies
        for sink in heat_sinks(vessels, prepared.mask, energy, overrides=settings.overrides)
    ]
    return AblationMarginBody(
        kind=PLANNED,
        region_id=prepared.item.id,
        lesion_id=prepared.region.lesion_id,
        mean=mean.numbers,
        minus_sd=None if minus is None else minus.numbers,
        without_capsule=None if judged.subcapsular is None else judged.subcapsular.numbers,
        excluded_fraction=None if judged.subcapsular is None else judged.subcapsular.excluded_fraction,
        needle_ids=tuple(each.id for each in applicators),
        required_mm=settings.required_mm,
        target_ml=mean.target_ml,
        covered=decide(field, zones).covered,
        tissues=tuple(dict.fromkeys(each.chart.tissue for each in applicators)),
        collateral_ml=outside,
        sectors_mm=dict(prepared.maps.map(judged).sectors_mm),
        heat_sinks=tuple(dict.fromkeys(sinks)),
        digest=planned_digest(session, prepared.item.id, settings),
        needles_digest=placed_digest(each for each in needles_of(session.items) if each[0].id in counted),
    )


def achieved(
    library: Library,
    session: Session,
    region_id: str,
    zone_id: str,
    settings: MarginSettings,
    *,
    match: RigidMatch | None = None,
    registration_error_mm: float | None = None,
    edge: str | None = None,
    context: Context | None = None,
) -> MeasuredMargin:
    """The margin of a target against the zone that was segmented on the images after.

    Without a registration error there is no number, and the body says so (see
    `planner.planning.margin_findings.achieved_margin` for `match`, the error and `edge`).

    Raises
    ------
    UsageError
        ``unknown-region``.
    FrameMismatch
        Without a match between images of different frames of reference.
    """
    job = context or Context()
    prepared = TargetMargins(library, session, region_id, settings, job.part(0.0, 0.5))
    _, zone_region = _region(session, zone_id)
    zone = TargetSurface.of(load_mask(library, zone_region.blob), job.part(0.5, 0.9))
    found = achieved_margin(
        prepared.surface,
        zone,
        match,
        registration_error_mm=registration_error_mm,
        capsule=prepared.capsule,
        edge=edge,
        overrides=settings.overrides,
    )
    margin = found.margin
    drawn = None if margin is None else prepared.maps.map(margin)
    body = _achieved_body(prepared, found, drawn, zone_id, achieved_digest(session, region_id, zone_id, settings))
    said = () if margin is None else _judged(margin, prepared)
    return MeasuredMargin(body, margin, None, drawn, (*found.findings, *said, *prepared.required_findings()))


def _achieved_body(
    prepared: TargetMargins, found: AchievedMargin, drawn: MarginMap | None, zone_id: str, digest: str
) -> AblationMarginBody:
    margin = found.margin
    near = None if margin is None else margin.subcapsular
    return AblationMarginBody(
        kind=ACHIEVED,
        region_id=prepared.item.id,
        lesion_id=prepared.region.lesion_id,
        mean=NO_NUMBERS if margin is None else margin.numbers,
        without_capsule=None if near is None else near.numbers,
        excluded_fraction=None if near is None else near.excluded_fraction,
        zone_id=zone_id,
        required_mm=prepared.settings.required_mm,
        target_ml=prepared.margins.target_ml,
        registration_error_mm=found.registration_error_mm,
        registration_note=found.note,
        within_registration_error=found.within_registration_error,
        sectors_mm={} if drawn is None else dict(drawn.sectors_mm),
        digest=digest,
    )


def put_margin(session: Session, measured: MeasuredMargin, by: Actor) -> Edit:
    """Store a margin; the one of the same kind and target is replaced."""
    body = measured.body
    region, _ = _region(session, body.region_id)
    before = next(
        (item for item, other in margins_of(session.items, body.kind) if other.region_id == body.region_id), None
    )
    word = "Planned" if body.kind == PLANNED else "Achieved"
    item = new_item(
        ABLATION_MARGIN,
        body,
        name=f"{word} margin of {region.name}",
        frame_uid=region.frame_uid,
        by=by,
        tool="margin",
        source_uids=region.source_uids,
        item_id=None if before is None else before.id,
    )
    return put_item(session.id, item)


def is_stale(session: Session, item: PlanItem, settings: MarginSettings) -> bool:
    """Target, zone, applicators, chart, organ or limits have changed since the margin was measured."""
    body = margin_of(item)
    if session.item(body.region_id) is None:
        return True
    if body.kind == PLANNED:
        return body.digest != planned_digest(session, body.region_id, settings)
    if body.zone_id is None or session.item(body.zone_id) is None:
        return True
    return body.digest != achieved_digest(session, body.region_id, body.zone_id, settings)


def planned_digest(session: Session, region_id: str, settings: MarginSettings) -> str:
    """Of all that a planned margin stands on; reads no image."""
    needles = needles_for(session, region_id)
    placed = [(item.id, body.entry_lps_mm, body.tip_lps_mm, body.device, body.setting) for item, body in needles]
    charts = {body.device: settings.devices.get(body.device) for _, body in needles if body.device is not None}
    vessels = [codec.to_json(body.blob) for _, body in _structures(session, settings.vessels)]
    return codec.digest([*_grounds(session, region_id, settings), placed, codec.to_json(charts), vessels])


def achieved_digest(session: Session, region_id: str, zone_id: str, settings: MarginSettings) -> str:
    """Of all that an achieved margin stands on but the registration, which its item names."""
    _, zone = _region(session, zone_id)
    return codec.digest([*_grounds(session, region_id, settings), codec.to_json(zone.blob)])


def _grounds(session: Session, region_id: str, settings: MarginSettings) -> list[Any]:
    item, region = _region(session, region_id)
    organ = organ_region(session, item, settings.organ)
    capsule = None if organ is None else codec.to_json(organ[1].blob)
    return [codec.to_json(region.blob), capsule, settings.required_mm, settings.exclusion_mm]


def needles_for(session: Session, region_id: str) -> tuple[tuple[PlanItem, NeedlePathBody], ...]:
    """The applicators of a target in its frame of reference: those that name its region or its lesion; where none does,
    those that name none."""
    target, region = _region(session, region_id)
    every = [each for each in needles_of(session.items, PURPOSE) if each[0].frame_uid == target.frame_uid]
    named = tuple(
        (item, body)
        for item, body in every
        if body.region_id == region_id or (region.lesion_id is not None and region.lesion_id in body.lesion_ids)
    )
    return named or tuple((item, body) for item, body in every if body.region_id is None and not body.lesion_ids)


def applicators_of(
    needles: Sequence[tuple[str, NeedlePathBody]],
    devices: Mapping[str, Device],
    overrides: Overrides | None = None,
    names: Mapping[str, str] | None = None,
) -> tuple[tuple[Applicator, ...], tuple[Finding, ...]]:
    """Needles with the charts they are judged by, and what is said about them. A needle without a device or setting is
    left out and named; one whose setting gives no zone is left out and blocks.

    Parameters
    ----------
    needles, names
        By the id of the item, and how a person calls it.
    """
    made: list[Applicator] = []
    said: list[Finding] = []
    for needle_id, body in needles:
        name = (names or {}).get(needle_id, f"Needle {needle_id}")
        if body.device is None or body.setting is None:
            text = f"{name} has no device or setting and makes no zone; assign them."
            said.append(Finding("needle-without-zone", Severity.WARN, text, subject=needle_id))
            continue
        try:
            chart, more = kill_chart(zone_for(device_named(dict(devices), body.device), body.setting), overrides)
        except OperatorError as refused:
            text = f"{name}: {refused.message}"
            said.append(Finding(refused.code, Severity.BLOCK, text, overridable=False, subject=needle_id))
            continue
        made.append(Applicator(needle_id, body.entry_lps_mm, body.tip_lps_mm, chart))
        said += [*chart_findings(chart), *more]
    return tuple(made), tuple(said)


def organ_region(session: Session, target: PlanItem, organ: str | None) -> tuple[PlanItem, RegionBody] | None:
    """The region of the organ around a target, in its frame of reference; None where none was marked."""
    if organ is None:
        return None
    for item, body in _structures(session, (organ,)):
        if item.frame_uid == target.frame_uid:
            return item, body
    return None


def _vessels(library: Library, session: Session, target: PlanItem, settings: MarginSettings) -> dict[str, Mask]:
    return {
        str(body.structure): load_mask(library, body.blob)
        for item, body in _structures(session, settings.vessels)
        if item.frame_uid == target.frame_uid
    }


def _structures(session: Session, keys: Sequence[str]) -> list[tuple[PlanItem, RegionBody]]:
    regions = [(item, region_of(item)) for item in session.items if item.type == REGION]
    return [(item, body) for item, body in regions if body.structure in keys]


def _region(session: Session, region_id: str) -> tuple[PlanItem, RegionBody]:
    item = session.item(region_id)
    if item is None or item.type != REGION:
        raise UsageError("unknown-region", f"There is no region {region_id} in this session.", subject=region_id)
    return item, region_of(item)
