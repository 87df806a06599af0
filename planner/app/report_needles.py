"""Needles, margins and vertebrae on paper. Tables that would be empty are left out."""

from __future__ import annotations

from collections.abc import Iterator

from planner.geometry.c_arm import angle_words
from planner.imaging.structures import structures
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.needle_items import ACHIEVED, AblationMarginBody, MarginNumbers, NeedlePathBody, VertebraPlanBody
from planner.model.needle_reading import margins_of, needles_of, vertebrae_of
from planner.model.session import Session
from planner.report.content import Table
from planner.units import UNKNOWN, shown

NEAREST = 3
"""Structures named in a row of the table of needles: those with the least room."""
GEOMETRIC_COVER = "geometric cover of chart ellipsoids"
NOT_SAFE = "usual upper volume, not a safe limit; stop on fluoroscopy"


def needle_tables(case: Case, session: Session) -> tuple[Table, ...]:
    """What stands on paper about needles, their margins and vertebrae."""
    made = (_needles(session), *_clearances(session), _margins(case, session), _vertebrae(session), _views(session))
    return tuple(table for table in made if table.rows)


def structure_name(key: str) -> str:
    known = structures().get(key)
    return known.name if known is not None else key


def _needles(session: Session) -> Table:
    heading = ("Needle", "For", "Device", "Length", "In plane", "Out of plane", "Position", "Limits")
    rows = tuple(_needle_row(item, body) for item, body in needles_of(session.items))
    return Table("Needles (planning picture: re-scan on the day; angles of the needle, skin to tip)", heading, rows)


def _needle_row(item: PlanItem, body: NeedlePathBody) -> tuple[str, ...]:
    seen = body.measured
    device = (
        " ".join(part for part in (body.device, body.setting) if part) or body.gauge or shown(body.diameter_mm, "mm")
    )
    usable = f" of {shown(body.usable_length_mm, 'mm')}" if body.usable_length_mm is not None else ""
    return (
        item.name,
        body.purpose,
        device,
        (shown(seen.length_mm, "mm") if seen else UNKNOWN) + usable,
        shown(seen.in_plane_deg, "deg") if seen else UNKNOWN,
        shown(seen.out_of_plane_deg, "deg") if seen else UNKNOWN,
        body.posture.replace("-", " "),
        limits_words(body),
    )


def limits_words(body: NeedlePathBody) -> str:
    """What is known of a needle's limits, in one line: never *clear* while something was not looked at."""
    seen = body.measured
    if seen is None:
        return "NOT MEASURED"
    said = list(seen.rejected_because)
    if seen.not_checked:
        said.append("NOT CHECKED: " + ", ".join(structure_name(key) for key in seen.not_checked))
    return "; ".join(said) or "no limit broken among the structures checked"


def _clearances(session: Session) -> Iterator[Table]:
    """The nearest structures of each needle, with the limits they were judged by."""
    rows = tuple(row for item, body in needles_of(session.items) for row in _clearance_rows(item, body))
    yield Table("Nearest structures", ("Needle", "Structure", "Clearance", "At depth", "Hard limit", "Desired"), rows)


def _clearance_rows(item: PlanItem, body: NeedlePathBody) -> Iterator[tuple[str, ...]]:
    seen = body.measured
    if seen is None:
        return
    known = [(mm - seen.hard_mm.get(key, 0.0), key, mm) for key, mm in seen.clearances_mm.items() if mm is not None]
    for number, (_, key, distance) in enumerate(sorted(known)[:NEAREST]):
        yield (
            item.name if number == 0 else "",
            structure_name(key),
            shown(distance, "mm"),
            shown(seen.nearest_depth_mm.get(key), "mm"),
            shown(seen.hard_mm.get(key), "mm"),
            shown(seen.desired_mm.get(key), "mm"),
        )


def _margins(case: Case, session: Session) -> Table:
    heading = (
        "Target",
        "Margin",
        "Least",
        "At -1 SD",
        "5th percentile",
        "Away from capsule",
        "< 0 mm",
        "Wanted",
        "Said",
    )
    rows = tuple(_margin_row(case, session, body) for _, body in margins_of(session.items))
    return Table(f"Ablation margins ({GEOMETRIC_COVER} where planned)", heading, rows)


def _margin_row(case: Case, session: Session, body: AblationMarginBody) -> tuple[str, ...]:
    region = session.item(body.region_id)
    lesion = case.lesion(body.lesion_id) if body.lesion_id else None
    name = lesion.name if lesion is not None else region.name if region is not None else body.region_id
    below = body.mean.surface_fraction.get("lt_0")
    return (
        name,
        body.kind,
        shown(body.mean.minimum_mm, "mm"),
        _least(body.minus_sd) if body.kind != ACHIEVED else "",
        shown(body.mean.percentile_5_mm, "mm"),
        _least(body.without_capsule),
        UNKNOWN if below is None else f"{100.0 * below:.0f} %",
        shown(body.required_mm, "mm"),
        margin_words(body),
    )


def _least(numbers: MarginNumbers | None) -> str:
    return UNKNOWN if numbers is None else shown(numbers.minimum_mm, "mm")


def margin_words(body: AblationMarginBody) -> str:
    """What a margin stands on."""
    said = []
    if body.kind == ACHIEVED:
        error = body.registration_error_mm
        said.append(
            "not measurable: registration error unknown" if error is None else f"registration ± {shown(error, 'mm')}"
        )
        if body.within_registration_error:
            said.append("not larger than the registration error")
    else:
        said += [f"chart from {tissue}" for tissue in body.tissues]
        if body.minus_sd is None:
            said.append("the chart gives no deviation")
    return "; ".join((*said, *body.heat_sinks))


def _vertebrae(session: Session) -> Table:
    heading = ("Vertebra", "Body", "Lytic", "Heights a / m / p", "Cement, usual upper", "Defects")
    rows = tuple(_vertebra_row(body) for _, body in vertebrae_of(session.items))
    return Table(f"Vertebrae ({NOT_SAFE})", heading, rows)


def _vertebra_row(body: VertebraPlanBody) -> tuple[str, ...]:
    heights = " / ".join(shown(body.heights_mm.get(key), "mm") for key in ("anterior", "middle", "posterior"))
    defects = ", ".join(f"{each.wall} {shown(each.area_mm2, 'mm2')}" for each in body.defects)
    return (
        structure_name(body.level),
        shown(body.body_ml, "mL"),
        shown(body.lytic_ml, "mL"),
        heights,
        shown(body.cement_ml.get("usual_upper"), "mL"),
        defects or "none found on this CT",
    )


def _views(session: Session) -> Table:
    heading = ("Vertebra", "View", "Patient's angles", "Gantry shows", "With")
    rows = tuple(
        (
            structure_name(body.level),
            view.name,
            angle_words(view.primary_deg, view.secondary_deg),
            angle_words(view.machine_primary_deg, view.machine_secondary_deg),
            f"patient {view.posture.replace('-', ' ')}, {'head' if view.head_first else 'feet'} first",
        )
        for _, body in vertebrae_of(session.items)
        for view in body.views
    )
    return Table("C-arm views (from the planning CT)", heading, rows)
