"""What was recorded of a session, as sections and tables of a paper. What nobody recorded is printed as such."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from planner.app.report_needles import margin_words, structure_name
from planner.app.report_stages import NOT_CHECKED, override_words, signature_lines, status_words
from planner.app.report_vessels import supply_words
from planner.app.report_words import NOT_RECORDED, answered, arithmetic_of, cell, day, words_of
from planner.geometry.c_arm import angle_words
from planner.model.case import Case
from planner.model.needle_items import ACHIEVED, AblationMarginBody
from planner.model.needle_reading import margins_of, vertebrae_of
from planner.model.session import Session
from planner.model.vessel_reading import all_feeders_of, positions_of
from planner.report.content import Line, StageSection, Table
from planner.units import shown
from planner.workflow.complications import complications_of, events_asked
from planner.workflow.last_time import last_time_card
from planner.workflow.ledgers import session_entries
from planner.workflow.pinning import basis_of
from planner.workflow.status import SessionStatus, StageStatus
from planner.workflow.template import Field, FieldKind, Profile, Template
from planner.workflow.values import is_empty

_NAMES = ("product", "device", "applicator", "needle", "drug", "name")
"""Columns that name what a lot belongs to, the first that is filled."""


@dataclass(frozen=True, slots=True)
class RunView:
    """How a run was taken. Angles are None where its file does not tell."""

    name: str
    primary_deg: float | None
    secondary_deg: float | None
    source_to_detector_mm: float | None
    problem: str = ""


def record_sections(
    case: Case, session: Session, template: Template, profile: Profile, status: SessionStatus, now: datetime
) -> tuple[StageSection, ...]:
    """Every stage of the record and of what followed, with all its fields, filled or not."""
    return tuple(
        _section(case, session, template, profile, each, now) for each in status.stages if each.stage.phase.is_record
    )


def _section(
    case: Case, session: Session, template: Template, profile: Profile, status: StageStatus, now: datetime
) -> StageSection:
    basis = basis_of(case, session, status.stage, now)
    lines: list[Line] = []
    tables: list[Table] = []
    for each in answered(basis, template, status.stage, profile.id):
        if is_empty(each.value):
            lines.append(Line(each.field.label, NOT_RECORDED))
        elif each.field.kind is FieldKind.TABLE:
            tables.append(_table(case, session, each.field, each.value))
        else:
            given = session.answers.get(status.stage.id, {}).get(each.field.id)
            lines.append(Line(each.field.label, words_of(basis, each), f"by {given.by}" if given and given.by else ""))
    return StageSection(
        title=status.stage.title,
        phase=status.stage.phase.value,
        purpose=status.stage.purpose,
        status=status_words(status),
        lines=tuple(lines),
        tables=tuple(tables),
        arithmetic=tuple(arithmetic_of(each) for each in status.computed),
        findings=tuple(each for each in status.findings if each.code != NOT_CHECKED),
        overridden=tuple((each.finding, override_words(each.override)) for each in status.overridden),
        signatures=signature_lines(status),
    )


def _table(case: Case, session: Session, described: Field, rows: Any) -> Table:
    """Every column, so that an empty cell is seen: what was not recorded of a row says so."""
    cells = tuple(
        tuple(cell(case, session, column, row) or NOT_RECORDED for column in described.columns) for row in rows
    )
    return Table(described.label, tuple(column.label for column in described.columns), cells)


def next_time_table(case: Case, session: Session, template: Template) -> Table:
    """What worked, what failed, what was given: the lines that the template wants known the next time."""
    card = last_time_card(case, session.id, template)
    recorded = {stage.id for stage in template.stages if stage.phase.is_record}
    rows = tuple(
        (
            line.label,
            ("; ".join(line.values) or NOT_RECORDED)
            + (" (from the plan)" if line.values and line.stage not in recorded else ""),
        )
        for line in card.lines
    )
    return Table("For the next time", ("What", "As recorded"), rows)


def given_table(case: Case, session: Session, template: Template) -> Table:
    """What was given and received, as it counts in the ledger."""
    rows = tuple(
        (each.substance.replace("-", " "), shown(each.amount, each.unit), each.place or "")
        for each in session_entries(case, session, template)
    )
    return Table("Given and received", ("What", "Amount", "Field of the skin"), rows or ((NOT_RECORDED, "", ""),))


def lots_table(session: Session, template: Template) -> Table:
    """Everything of the record that has a lot, on one table for a recall."""
    rows = tuple(dict.fromkeys(_lots(session, template)))
    return Table("Devices and drugs with their lots", ("What", "Size", "Lot", "Recorded in"), rows or _nothing(4))


def _nothing(columns: int) -> tuple[tuple[str, ...], ...]:
    return ((NOT_RECORDED, *[""] * (columns - 1)),)


def _lots(session: Session, template: Template) -> Iterator[tuple[str, ...]]:
    for stage in template.stages:
        for described in stage.fields if stage.phase.is_record else ():
            if not any(column.id == "lot" for column in described.columns):
                continue
            for row in session.answer(stage.id, described.id) or ():
                name = next((str(row[key]) for key in _NAMES if row.get(key)), NOT_RECORDED)
                yield name, str(row.get("size") or ""), str(row.get("lot") or NOT_RECORDED), stage.title


def implants_table(case: Case) -> Table:
    heading = ("Device", "Site", "Placed", "Exchange due", "MR condition", "Lot")
    rows = tuple(
        (
            each.name,
            each.site or NOT_RECORDED,
            day(each.placed_on),
            day(each.exchange_due),
            each.mr_condition or NOT_RECORDED,
            each.lot or NOT_RECORDED,
        )
        for each in case.implants
    )
    return Table("Devices listed in the body, over the whole case", heading, rows)


def complications_table(session: Session) -> Table:
    """Events with scheme and version; that nobody asked is not none."""
    rows = tuple(
        (
            each.event,
            day(each.on),
            each.scheme or "not graded",
            each.grade or "",
            each.action or NOT_RECORDED,
        )
        for each in complications_of(session)
    )
    asked = "asked for to 30 days" if events_asked(session) else "events to 30 days NOT ASKED"
    empty = "none recorded" if events_asked(session) else NOT_RECORDED
    heading = ("Event", "Day", "Scheme", "Grade", "Action")
    return Table(f"Complications ({asked})", heading, rows or ((empty, "", "", "", ""),))


def margins_table(case: Case, session: Session, template: Template) -> Table:
    """Margins that were achieved, each with the error of the registration it was measured over.

    Of a procedure with needles and lesions that were treated, none measured is said.
    """
    heading = ("Target", "Least", "5th percentile", "Registration error", "Wanted", "Said")
    rows = tuple(_margin(case, session, body) for _, body in margins_of(session.items, ACHIEVED))
    wanted = template.needle is not None and bool(template.lesion_records)
    return Table("Margins achieved", heading, rows or (_nothing(len(heading)) if wanted else ()))


def _margin(case: Case, session: Session, body: AblationMarginBody) -> tuple[str, ...]:
    lesion = case.lesion(body.lesion_id) if body.lesion_id else None
    region = session.item(body.region_id)
    error = body.registration_error_mm
    # Without its error a margin across two scans is no number.
    known = error is not None
    return (
        lesion.name if lesion is not None else region.name if region is not None else body.region_id,
        shown(body.mean.minimum_mm, "mm") if known else "not measurable",
        shown(body.mean.percentile_5_mm, "mm") if known else "not measurable",
        f"± {shown(error, 'mm')}" if known else "unknown",
        shown(body.required_mm, "mm"),
        margin_words(body),
    )


def feeders_table(case: Case, session: Session) -> Table:
    """Feeders as they were marked on CT; what angiography showed stands in the record below."""
    rows = []
    for _, body in all_feeders_of(session.items):
        lesion = case.lesion(body.lesion_id)
        for each in body.feeders:
            name = lesion.name if lesion is not None else body.lesion_id
            rows.append((name, supply_words(each), shown(each.diameter_mm, "mm"), each.reason.rstrip(".")))
    heading = ("Lesion", "Supply", "Calibre", "Evidence")
    return Table("Feeders marked on CT (a feeder not found is not a feeder absent)", heading, tuple(rows))


def runs_table(runs: tuple[RunView, ...]) -> Table:
    """Angles and distance of every run of the session, as their files tell them."""
    rows = tuple(
        (
            each.name,
            each.problem or angle_words(each.primary_deg, each.secondary_deg),
            shown(each.source_to_detector_mm, "mm"),
        )
        for each in runs
    )
    return Table("Angiographic runs and their views", ("Run", "Angles", "Source to detector"), rows or _nothing(3))


def views_table(session: Session) -> Table:
    """Working views of the plan, for comparison with the runs."""
    rows = [
        (item.name, angle_words(body.view.primary_deg, body.view.secondary_deg), str(body.view.position))
        for item, body in positions_of(session.items)
        if body.view is not None
    ]
    rows += [
        (f"{structure_name(body.level)}: {view.name}", angle_words(view.primary_deg, view.secondary_deg), view.posture)
        for _, body in vertebrae_of(session.items)
        for view in body.views
    ]
    return Table("Working views AS PLANNED, not a record", ("For", "Angles", "Patient"), tuple(rows))


def outcome_words(session: Session) -> tuple[str, str]:
    """How the session ended, and why where it was not completed."""
    ended = session.answer("sign_out", "ended_as")
    reason = session.answer("sign_out", "ended_reason") or session.state_reason or ""
    return str(ended).replace("-", " ") if ended else NOT_RECORDED, str(reason)
