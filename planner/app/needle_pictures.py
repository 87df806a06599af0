"""What pictures of needles, margins and vertebrae show beyond the items: computed again from what the plan stores."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from planner.app.applicators import session_applicators
from planner.app.device_rows import all_devices
from planner.app.margins import COOLING_VESSELS, MarginSettings, TargetMargins, achieved, is_stale, needles_for
from planner.app.marking import load_mask, region_of
from planner.app.needle_structures import effective_rules
from planner.app.rendering import MarginPicture, PictureRequest, VertebraPicture, ZonesPicture
from planner.app.templates import installed
from planner.app.vertebrae import LevelConfirmation, level_confirmation, vertebra_digest
from planner.catalogues import catalogue
from planner.errors import OperatorError
from planner.geometry.patient_positions import PatientPosition
from planner.imaging import Volume
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import PlanItem
from planner.model.needle_items import ACHIEVED, PLANNED, AblationMarginBody, VertebraPlanBody, WorkingView
from planner.model.needle_reading import margins_of, needles_of, vertebrae_of
from planner.model.session import Session
from planner.planning.margin_map import MarginMap
from planner.planning.vertebra_analysis import analyse_vertebra
from planner.planning.vertebra_levels import short_level
from planner.planning.vertebra_views import BULLS_EYE, LATERAL, TRUE_AP, working_view
from planner.planning.zones import zones_of
from planner.store.library import Library

NEEDLE_KINDS = frozenset({"needle-along", "needle-across", "probe", "margin-map", "vertebra-views", "needle-profile"})
STALE = "measured before target, zone or needles changed: measure again"
SAME_MM = 0.1
"""A map whose least margin differs by more from the stored one is another margin than the one that was judged."""
_ROLES = ("today", "planning", "portal-venous", "arterial", "completion")


def kinds_of_layout(layout: str) -> frozenset[str]:
    """Kinds of the panes of a layout; empty for one that is not in ``resources/layouts.toml``."""
    panes = next((each["pane"] for each in catalogue("layouts.toml")["layout"] if each["key"] == layout), ())
    return frozenset(str(pane["kind"]) for pane in panes)


def roles_in_layout(layout: str) -> frozenset[str]:
    """Roles of the volumes that a layout's panes name."""
    panes = next((each["pane"] for each in catalogue("layouts.toml")["layout"] if each["key"] == layout), ())
    return frozenset(str(pane["role"]) for pane in panes if "role" in pane)


def series_for_layout(
    case: Case, session: Session, layout: str, base: SeriesRef
) -> tuple[SeriesRef, tuple[float, float, float] | None]:
    """The images a layout of needles is drawn on, and where its planes meet: what it shows may lie on today's images.

    Returns
    -------
    series, cursor_lps_mm
        The given series and None for a layout without needles, or a session without any.
    """
    if not kinds_of_layout(layout) & NEEDLE_KINDS:
        return base, None
    needles = needles_of(session.items)
    if not needles:
        return base, None
    item, body = next((each for each in needles if each[0].frame_uid == base.frame_uid), needles[0])
    if item.frame_uid == base.frame_uid:
        return base, body.tip_lps_mm
    by_key = {f"{each.series_uid}#{each.part}": each for each in case.studies}
    keys = [body.measured.series if body.measured is not None else None]
    keys += [session.series_roles.get(role) for role in _ROLES]
    for key in keys:
        found = by_key.get(key or "")
        if found is not None and found.frame_uid == item.frame_uid:
            return found, body.tip_lps_mm
    return base, None


def with_needle_content(
    library: Library, case: Case, session: Session, request: PictureRequest, *, volume: Volume
) -> PictureRequest:
    """The request with margin, zones and vertebra of the volume's frame, for a layout that shows them."""
    kinds, frame = kinds_of_layout(request.layout), volume.grid.frame_uid
    if not kinds & NEEDLE_KINDS:
        return request
    zones = _zones(session, frame) if kinds & {"margin-map", "needle-along"} else None
    margin = _margin(library, case, session, request.layout, frame) if "margin-map" in kinds else None
    vertebra = _vertebra(library, session, volume) if "vertebra-views" in kinds else None
    return replace(request, zones=zones, margin=margin, vertebra=vertebra)


def _zones(session: Session, frame_uid: str) -> ZonesPicture | None:
    applicators = session_applicators(session, all_devices())[0]
    here = {item.id for item, _ in needles_of(session.items) if item.frame_uid == frame_uid}
    kept = tuple(each for each in applicators if each.id in here)
    mean = zones_of(kept)
    if not mean:
        return None
    smaller = zones_of(kept, -1)
    return ZonesPicture(tuple(mean), None if not smaller else tuple(smaller))


def margin_settings(case: Case, session: Session, region: PlanItem) -> MarginSettings:
    """What the margins of a target are measured with: devices, limits of the session, organ of the lesion."""
    lesion_id = region_of(region).lesion_id
    lesion = None if lesion_id is None else case.lesion(lesion_id)
    organ = None if lesion is None else lesion.organ
    rules = effective_rules(session, installed().template(session.template.id), organ)
    return MarginSettings(all_devices(), rules, organ, COOLING_VESSELS)


def _margin(library: Library, case: Case, session: Session, layout: str, frame_uid: str) -> MarginPicture | None:
    """The achieved margin for the layout that shows before and after, else the planned one, of this frame."""
    order = (ACHIEVED, PLANNED) if layout == "margin_achieved" else (PLANNED, ACHIEVED)
    for kind in order:
        for item, body in reversed(margins_of(session.items, kind)):
            if item.frame_uid == frame_uid:
                return _margin_picture(library, case, session, item, body)
    return None


def _margin_picture(
    library: Library, case: Case, session: Session, item: PlanItem, body: AblationMarginBody
) -> MarginPicture:
    region = session.item(body.region_id)
    if region is None:
        return MarginPicture(item.name, body, None, "The target of this margin is no longer in the plan.")
    settings = margin_settings(case, session, region)
    stale = (
        "measured before target, zone or needles changed: measure again" if is_stale(session, item, settings) else ""
    )
    try:
        found = _map(library, session, body, settings)
    except OperatorError as error:
        return MarginPicture(item.name, body, None, error.message, stale)
    stored = (body.minus_sd or body.mean).minimum_mm
    if found is None or stored is None:
        return MarginPicture(item.name, body, None, "This margin has no number that could be painted.", stale)
    if abs(float(found.values_mm.min()) - stored) > SAME_MM:
        said = "The surface is not painted: the match of the day is not stored with the margin; see the numbers."
        return MarginPicture(item.name, body, None, said, stale)
    notes = [stale] if stale else []
    if body.kind == ACHIEVED:
        notes.append("painted without the match of both scans: up to 0.1 mm off")
    return MarginPicture(item.name, body, found, "", "; ".join(notes))


def _map(library: Library, session: Session, body: AblationMarginBody, settings: MarginSettings) -> MarginMap | None:
    if body.kind == PLANNED:
        live = TargetMargins(library, session, body.region_id, settings).live(
            [(item.id, needle) for item, needle in needles_for(session, body.region_id)]
        )
        return None if live is None else live[1]
    if body.zone_id is None or body.registration_error_mm is None:
        return None
    error = body.registration_error_mm
    return achieved(library, session, body.region_id, body.zone_id, settings, registration_error_mm=error).drawn


def _vertebra(library: Library, session: Session, volume: Volume) -> VertebraPicture | None:
    """The first vertebra of the plan in this frame, measured again: its pictures need the whole of it."""
    said = level_confirmation(session)
    for item, body in vertebrae_of(session.items):
        region = session.item(body.region_id)
        if item.frame_uid != volume.grid.frame_uid or region is None:
            continue
        canal = None if body.canal_id is None else session.item(body.canal_id)
        position = _position(body)
        analysis = analyse_vertebra(
            volume,
            load_mask(library, region_of(region).blob),
            level=body.level,
            canal=None if canal is None else load_mask(library, region_of(canal).blob),
            position=position,
        )
        same = body.digest == vertebra_digest(region_of(region), None if canal is None else region_of(canal))
        return VertebraPicture(short_level(body.level), analysis, _views(session, item, body), _notes(said, same))
    return None


def _notes(said: LevelConfirmation, same: bool) -> tuple[str, ...]:
    notes = [] if said.missing is None else [f"The level is not confirmed: {said.missing}."]
    if not same:
        notes.append("Measured before the mask or a rule changed: analyse again.")
    return tuple(notes)


def _position(body: VertebraPlanBody) -> PatientPosition | None:
    """As the views of the plan were made for; None without any."""
    if not body.views:
        return None
    return PatientPosition(body.views[0].posture, body.views[0].head_first)


def _views(session: Session, item: PlanItem, body: VertebraPlanBody) -> tuple[tuple[WorkingView, str | None, str], ...]:
    """AP and lateral as the plan holds them, and straight down each needle as it lies now."""
    found: list[tuple[WorkingView, str | None, str]] = [
        (view, None, "") for view in body.views if view.name in (TRUE_AP, LATERAL)
    ]
    head_first = all(view.head_first for view in body.views)
    for needle, path in needles_of(session.items):
        if path.pedicle is None or path.pedicle.level != body.level or needle.frame_uid != item.frame_uid:
            continue
        outward = np.subtract(path.entry_lps_mm, path.tip_lps_mm)
        name = f"{BULLS_EYE}-{path.pedicle.side}"
        found.append((working_view(name, outward, PatientPosition(path.posture, head_first)), needle.id, needle.name))
    return tuple(found)
