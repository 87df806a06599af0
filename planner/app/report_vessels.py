"""Vessels, feeders, catheter positions, lumens and stents on paper. Tables that would be empty are left out."""

from __future__ import annotations

from collections.abc import Iterator

from planner.geometry.c_arm import angle_words
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.session import Session
from planner.model.vessel_items import (
    CatheterPositionBody,
    FeederRow,
    FeedersBody,
    InjectionMeasures,
    LumenBody,
    NonTarget,
    StenosisMeasures,
    StentBody,
    WayMeasures,
)
from planner.model.vessel_reading import all_feeders_of, body_digest, lumens_of, positions_of, stents_of
from planner.planning.veins import vessel_name
from planner.report.content import Table
from planner.units import UNKNOWN, shown

NOT_ABSENT = "a feeder not found is not a feeder absent; confirm by DSA or cone-beam CT"
MODEL = "virtual injection: a model, to be confirmed by angiography"
CHANGED = "MEASURED BEFORE IT WAS CHANGED: MEASURE AGAIN"
NON_TARGET_WORDS = {
    "downstream": "downstream",
    "reflux": "within reach of reflux",
    "not-found": "not found (not absent)",
}


def vessel_tables(case: Case, session: Session) -> tuple[Table, ...]:
    """What stands on paper about endovascular work."""
    made = (_feeders(case, session), _positions(case, session), _ways(session), _lumens(session), *_stents(session))
    return tuple(table for table in made if table.rows)


def artery_name(key: str | None) -> str:
    """The name of an artery or vein of the catalogue, or a person's own words; unnamed vessels say so."""
    if key is None:
        return "unnamed vessel"
    return vessel_name(key)


def _lesion_name(case: Case, lesion_id: str) -> str:
    lesion = case.lesion(lesion_id)
    return lesion.name if lesion is not None else lesion_id


def _feeders(case: Case, session: Session) -> Table:
    heading = ("Lesion", "No.", "Supply", "Calibre", "Way from the root", "Evidence")
    rows = tuple(row for _, body in all_feeders_of(session.items) for row in _feeder_rows(case, session, body))
    return Table(f"Feeders seen on CT ({NOT_ABSENT})", heading, rows)


def _feeder_rows(case: Case, session: Session, body: FeedersBody) -> Iterator[tuple[str, ...]]:
    lesion = _lesion_name(case, body.lesion_id)
    stale = _changed(session, body.tree, body.tree_digest)
    if not body.feeders:
        yield (lesion, "", "NONE FOUND", UNKNOWN, UNKNOWN, stale or _seen_to(body))
    for number, each in enumerate(body.feeders, start=1):
        yield (
            lesion if number == 1 else "",
            str(number),
            supply_words(each),
            shown(each.diameter_mm, "mm"),
            shown(each.length_from_root_mm, "mm"),
            "; ".join(part for part in (each.reason.rstrip("."), "by hand" if each.by_person else "", stale) if part),
        )
    for prompt in body.outside:
        yield ("", "", "to be looked for", "", "", f"{artery_name(prompt.artery)}: {prompt.reason}")


def supply_words(feeder: FeederRow) -> str:
    """Main or minor: a share that a model gives is never shown as a number."""
    said = "unknown" if feeder.main is None else "main" if feeder.main else "minor"
    return f"{said}, doubtful" if feeder.doubtful else said


def _seen_to(body: FeedersBody) -> str:
    if body.smallest_visible_mm is None:
        return NOT_ABSENT
    return f"arteries below {shown(body.smallest_visible_mm, 'mm')} are not visible; {NOT_ABSENT}"


def _positions(case: Case, session: Session) -> Table:
    heading = ("Position", "Do", "For", "Territory", "Tumour covered", "Healthy at risk", "Not to be hit", "View")
    rows = tuple(_position_row(case, session, item, body) for item, body in positions_of(session.items))
    return Table(f"Catheter positions ({MODEL})", heading, rows)


def _position_row(case: Case, session: Session, item: PlanItem, body: CatheterPositionBody) -> tuple[str, ...]:
    found = body.injection
    view = body.view
    angles = UNKNOWN if view is None else f"{angle_words(view.primary_deg, view.secondary_deg)}, {view.position}"
    stale = _changed(session, body.tree, body.tree_digest)
    return (
        f"{item.name}: {stale}" if stale else item.name,
        body.action,
        ", ".join(_lesion_name(case, each) for each in body.lesion_ids) or UNKNOWN,
        shown(found.territory_ml, "mL") if found else "NOT MEASURED",
        coverage_words(case, found),
        shown(found.healthy_ml, "mL") if found else UNKNOWN,
        "; ".join(non_target_words(each) for each in found.non_targets) if found else "NOT CHECKED",
        angles,
    )


def coverage_words(case: Case, found: InjectionMeasures | None) -> str:
    """``Lesion 1 92 %, Lesion 2 unknown``."""
    if found is None or not found.coverage:
        return UNKNOWN
    return ", ".join(
        f"{_lesion_name(case, key)} {UNKNOWN if share is None else f'{100.0 * share:.0f} %'}"
        for key, share in found.coverage.items()
    )


def non_target_words(found: NonTarget) -> str:
    """``Cystic artery downstream, 12 mm from the tip``."""
    where = f", {shown(found.distance_mm, 'mm')} from the tip" if found.distance_mm is not None else ""
    return f"{artery_name(found.artery)} {NON_TARGET_WORDS.get(found.how, found.how)}{where}"


def _ways(session: Session) -> Table:
    heading = ("Position", "From", "In the image", "Before it", "Least calibre", "Turning", "Take-offs", "Catheter")
    rows = tuple(_way_row(item, body.way) for item, body in positions_of(session.items) if body.way is not None)
    return Table("Way of the catheter", heading, rows)


def _way_row(item: PlanItem, way: WayMeasures) -> tuple[str, ...]:
    turns = "; ".join(f"{artery_name(each.name)} {shown(each.angle_deg, 'deg', digits=0)}" for each in way.take_offs)
    return (
        item.name,
        artery_name(way.access),
        shown(way.length_mm, "mm"),
        shown(way.outside_image_mm, "mm"),
        shown(way.minimum_diameter_mm, "mm"),
        shown(way.total_turning_deg, "deg", digits=0),
        turns or "none",
        way.catheter or UNKNOWN,
    )


def _lumens(session: Session) -> Table:
    heading = ("Lumen", "Length", "Narrowing", "Least diameter", "By diameter", "Reference near / far")
    rows = tuple(_lumen_row(item, body) for item, body in lumens_of(session.items))
    return Table("Lumens (measured on CT)", heading, rows)


def _lumen_row(item: PlanItem, body: LumenBody) -> tuple[str, ...]:
    found = body.stenosis
    return (item.name, shown(body.length_mm, "mm"), *(_narrowing(found) if found else ("none marked", *3 * (UNKNOWN,))))


def _narrowing(found: StenosisMeasures) -> tuple[str, str, str, str]:
    how = " (by hand)" if found.by_person else ""
    return (
        f"{shown(found.start_mm, 'mm')} to {shown(found.end_mm, 'mm')}{how}",
        shown(found.minimum_mm, "mm"),
        UNKNOWN if found.percent is None else f"{found.percent:.0f} %",
        f"{shown(found.proximal_reference_mm, 'mm')} / {shown(found.distal_reference_mm, 'mm')}",
    )


def _stents(session: Session) -> Iterator[Table]:
    heading = ("Stent", "Diameter x length", "Oversize", "Along the lumen", "Type", "Delivery", "Rules")
    rows = tuple(_stent_row(session, item, body) for item, body in stents_of(session.items))
    yield Table("Stents as planned", heading, rows)


def _stent_row(session: Session, item: PlanItem, body: StentBody) -> tuple[str, ...]:
    said = [each.text for each in body.findings]
    stale = _changed(session, body.lumen, body.lumen_digest)
    name = f"{item.name} ({body.device})" if body.device else f"{item.name} (size by the rule, no product)"
    return (
        name,
        f"{shown(body.diameter_mm, 'mm')} x {shown(body.length_mm, 'mm')}",
        UNKNOWN if body.oversize_percent is None else f"{body.oversize_percent:.0f} %",
        f"{shown(body.start_mm, 'mm')} to {shown(body.end_mm, 'mm')}",
        body.type.replace("-", " "),
        UNKNOWN if body.delivery_french is None else f"{body.delivery_french:g} F",
        "; ".join([*([stale] if stale else []), *said]) or "no rule of the catalogue broken",
    )


def _changed(session: Session, of: str, digest: str) -> str:
    """What stands where something was measured on a tree or lumen that has changed since, or is gone."""
    item = session.item(of)
    return "" if item is not None and body_digest(item) == digest else CHANGED
