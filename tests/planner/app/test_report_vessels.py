"""Vessels, feeders, positions, lumens and stents on paper."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
from tace_walk import fresh_case

from planner.app.report_vessels import CHANGED, NOT_ABSENT, vessel_tables
from planner.app.report_words import cell
from planner.model import codec
from planner.model.disease import Lesion
from planner.model.items import PlanItem
from planner.model.vessel_items import (
    CATHETER_POSITION,
    FEEDERS,
    LUMEN,
    STENT,
    VESSEL_TREE,
    CatheterPositionBody,
    FeederRow,
    FeedersBody,
    InjectionMeasures,
    LumenBody,
    NonTarget,
    OutsideSupply,
    StenosisMeasures,
    StentBody,
    StentFinding,
    TakeOff,
    TreeNodeRow,
    VesselTreeBody,
    ViewMeasures,
    WayMeasures,
)
from planner.model.vessel_reading import body_digest
from planner.report.content import Table
from planner.workflow.template import Field, FieldKind

ORIGIN = (0.0, 0.0, 0.0)


def item(key: str, kind: str, name: str, body: Any) -> PlanItem:
    return PlanItem(key, kind, name, "1.2.3", MappingProxyType(codec.to_json(body)))


@pytest.fixture
def tree() -> PlanItem:
    body = VesselTreeBody("artery", "n0", (TreeNodeRow("n0", ORIGIN),), (), "", "mask")
    return item("tree", VESSEL_TREE, "Arteries", body)


def tables(*items: PlanItem) -> dict[str, Table]:
    case = replace(fresh_case(), lesions=(Lesion("l1", "Lesion 1"),))
    session = replace(case.sessions[0], items=items)
    return {table.title: table for table in vessel_tables(case, session)}


def feeders(tree: PlanItem, **changes: Any) -> PlanItem:
    row = FeederRow("s3", ("s0", "s3"), ORIGIN, 0.0, "enters the lesion", share=0.617, main=True, diameter_mm=1.4)
    prompt = OutsideSupply("inferior_phrenic_right", "touches the dome", "a source", "P")
    body = FeedersBody("l1", "tree", body_digest(tree), feeders=(row,), outside=(prompt,), smallest_visible_mm=1.1)
    return item("f1", FEEDERS, "Feeders", replace(body, **changes))


def position(tree: PlanItem, **changes: Any) -> PlanItem:
    way = WayMeasures("femoral_right", 231.0, 1.9, 1.4, 310.0, (TakeOff("s1", "coeliac", 62.0, 120.0),), 180.0)
    found = InjectionMeasures(
        0.3,
        212.0,
        190.0,
        1500.0,
        {"l1": 0.92},
        (NonTarget("cystic", "downstream", "s4", 12.0), NonTarget("falciform", "not-found")),
    )
    view = ViewMeasures(-30.0, 15.0, 0.1, 0.2)
    body = CatheterPositionBody(
        "tree", body_digest(tree), "s3", 4.0, ORIGIN, ("l1",), way=way, injection=found, view=view
    )
    return item("p1", CATHETER_POSITION, "Position 1", replace(body, **changes))


def printed(table: Table) -> str:
    return "\n".join(" | ".join(row) for row in table.rows)


def test_that_a_share_is_printed_as_main_and_never_as_a_number(tree: PlanItem) -> None:
    (table,) = tables(tree, feeders(tree)).values()
    assert "main" in printed(table)
    assert "0.6" not in printed(table)
    assert NOT_ABSENT in table.title
    assert "Right inferior phrenic artery: touches the dome" in printed(table)


def test_that_no_feeder_found_says_what_could_not_be_seen(tree: PlanItem) -> None:
    (table,) = tables(tree, feeders(tree, feeders=(), outside=())).values()
    assert "NONE FOUND" in printed(table)
    assert "below 1.10 mm are not visible" in printed(table)


def test_that_a_position_names_what_would_be_hit_and_what_was_not_found(tree: PlanItem) -> None:
    found = tables(tree, position(tree))
    (first, way) = found.values()
    text = printed(first)
    assert "Lesion 1 92 %" in text
    assert "Cystic artery downstream, 12 mm from the tip" in text
    assert "Falciform artery not found (not absent)" in text
    assert "RAO 30 CRA 15, supine" in text
    assert "Coeliac trunk 62 °" in printed(way)


def test_that_a_position_that_was_not_measured_is_not_called_clear(tree: PlanItem) -> None:
    (table,) = tables(tree, position(tree, injection=None, way=None)).values()
    assert "NOT MEASURED" in printed(table)
    assert "NOT CHECKED" in printed(table)


def test_that_an_edited_tree_makes_what_stands_on_it_say_so(tree: PlanItem) -> None:
    edited = replace(tree, body=MappingProxyType({**tree.body, "method": "edited"}))
    for made in (feeders(tree), position(tree)):
        assert CHANGED in printed(next(iter(tables(edited, made).values())))
        assert CHANGED not in printed(next(iter(tables(tree, made).values())))


def test_that_a_stent_prints_its_size_its_ends_and_every_rule_it_breaks() -> None:
    narrowing = StenosisMeasures(20.0, 45.0, 30.0, 3.1, 66.0, 9.0, 9.2, 8.8)
    lumen = item("l", LUMEN, "Bile duct", LumenBody("bile", "", (), "minimal-path", length_mm=80.0, stenosis=narrowing))
    broken = StentFinding("covers-branch", "ask", "It covers the cystic duct.")
    body = StentBody(
        "l", body_digest(lumen), "biliary", 10.0, 60.0, 5.0, 65.0, "covered", "malignant", findings=(broken,)
    )
    found = tables(lumen, item("st", STENT, "Stent 1", body))
    assert "20 mm to 45 mm" in printed(found["Lumens (measured on CT)"])
    text = printed(found["Stents as planned"])
    assert "10 mm x 60 mm" in text
    assert "size by the rule, no product" in text
    assert "It covers the cystic duct." in text


def test_that_a_row_of_a_table_prints_the_name_of_its_position_and_not_its_id(tree: PlanItem) -> None:
    column = Field("position", "On the tree", FieldKind.CATHETER_POSITION)
    case = fresh_case()
    session = replace(case.sessions[0], items=(tree, position(tree)))
    assert cell(case, session, column, {"position": "p1"}) == "Position 1"
    assert cell(case, session, column, {"position": "gone"}) == "removed"
    assert cell(case, session, column, {}) == ""
