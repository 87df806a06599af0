"""Needles, margins and vertebrae on paper: what is printed, and what is never printed."""

from __future__ import annotations

from dataclasses import replace

from tace_walk import fresh_case

from planner.app.report_needles import needle_tables
from planner.model import codec
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.needle_items import (
    ABLATION_MARGIN,
    ACHIEVED,
    NEEDLE_PATH,
    PLANNED,
    VERTEBRA,
    AblationMarginBody,
    MarginNumbers,
    NeedleMeasures,
    NeedlePathBody,
    VertebraPlanBody,
    WorkingView,
)
from planner.model.session import Session
from planner.report.content import Table

MEASURED = NeedleMeasures(
    length_mm=98.4,
    in_plane_deg=32.0,
    out_of_plane_deg=-4.0,
    clearances_mm={"colon": 7.2, "lung": 14.0, "spleen": 60.0, "heart": 80.0, "stomach": None},
    nearest_depth_mm={"colon": 64.0},
    hard_mm={"colon": 5.0},
    desired_mm={"colon": 10.0},
)
NEEDLE = NeedlePathBody((10.0, -100.0, 30.0), (30.0, -40.0, 30.0), "ablation", 1.8, measured=MEASURED)
NUMBERS = MarginNumbers(4.1, 7.0, 4.6, 1.0, 0.0, {"lt_0": 0.0, "0_5": 0.2, "5_10": 0.7, "ge_10": 0.1})
MARGIN = AblationMarginBody(PLANNED, "region-1", "lesion-2", NUMBERS, tissues=("ex vivo bovine liver",))


def item(kind: str, body: object, name: str = "N1") -> PlanItem:
    return PlanItem(f"item-{name}", kind, name, "1.2.840.9", codec.to_json(body))


def tables(*items: PlanItem) -> dict[str, Table]:
    case: Case = fresh_case()
    session: Session = replace(case.sessions[0], items=items)
    return {table.title: table for table in needle_tables(case, session)}


def text(found: dict[str, Table]) -> str:
    return "\n".join(" | ".join(row) for table in found.values() for row in (table.heading, *table.rows))


def test_that_a_plan_without_needles_prints_no_table_of_them() -> None:
    assert tables() == {}


def test_that_a_needle_prints_its_angles_and_the_structures_with_the_least_room() -> None:
    said = text(tables(item(NEEDLE_PATH, NEEDLE)))
    assert "98.4 mm" in said
    assert "Colon | 7.20 mm | 64 mm | 5 mm | 10 mm" in said
    assert "Heart" not in said, "only the nearest three"


def test_that_a_structure_nobody_segmented_is_printed_as_not_checked() -> None:
    unseen = replace(NEEDLE, measured=replace(MEASURED, not_checked=("duodenum",)))
    said = text(tables(item(NEEDLE_PATH, unseen)))
    assert "NOT CHECKED: Duodenum" in said
    assert "no limit broken" not in said


def test_that_a_needle_nobody_measured_says_so() -> None:
    assert "NOT MEASURED" in text(tables(item(NEEDLE_PATH, replace(NEEDLE, measured=None))))


def test_that_a_chart_without_deviation_is_not_printed_as_a_margin_at_minus_one() -> None:
    found = tables(item(ABLATION_MARGIN, MARGIN))
    (row,) = next(iter(found.values())).rows
    assert row[3] == "–"
    assert "the chart gives no deviation" in row[-1]
    assert "ex vivo bovine liver" in row[-1]


def test_that_an_achieved_margin_without_registration_error_is_not_measurable() -> None:
    none = MarginNumbers(None, None, None, None, None)
    said = text(tables(item(ABLATION_MARGIN, replace(MARGIN, kind=ACHIEVED, mean=none))))
    assert "not measurable: registration error unknown" in said


def test_that_cement_is_a_usual_upper_volume_and_angles_name_the_position() -> None:
    view = WorkingView("AP", 0.0, 12.0, 0.0, -12.0, "prone")
    body = VertebraPlanBody(
        "vertebrae_L2",
        "region-2",
        (0.0, 0.0, 0.0),
        (1.0, 0.0, 0.0),
        (0.0, -1.0, 0.0),
        (0.0, 0.0, 1.0),
        cement_ml={"usual_upper": 6.0},
        views=(view,),
    )
    found = tables(item(VERTEBRA, body))
    said = "\n".join(found) + text(found)
    assert "usual upper volume, not a safe limit" in said
    assert "6 mL" in said
    assert "LAO 0 CRA 12" in said
    assert "patient prone, head first" in said
