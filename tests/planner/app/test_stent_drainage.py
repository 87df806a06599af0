"""A stent at the liver's hilum: its Bismuth type and the share of the liver it drains, or what is missing for them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from lumen_shapes import drawn_lumen
from stored_cases import DOCTOR, make_case, make_session

from planner.app.lumens import add_mark, put_lumen
from planner.app.stent_drainage import RIGHT_SECONDARY, bismuth_of, estimate_drained, set_drained
from planner.app.stents import move_stent, pair_stents, put_stent, stent_proposals
from planner.app.vessel_trees import FoundTree, put_tree
from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.model.case import Case
from planner.model.session import Answer
from planner.model.vessel_reading import stent_of
from planner.planning.vessel_tree import TreeSegment, VesselTree

ALONG = np.arange(0.0, 80.5, 0.5)


def hilar() -> Case:
    """A duct from the hilum down, narrowed from 35 to 45 mm, with two stents."""
    case = replace(make_case(), sessions=(make_session("session-1"),))
    lumen = drawn_lumen(np.where((ALONG >= 35.0) & (ALONG <= 45.0), 3.0, 8.0))
    lumen = replace(lumen, kind="bile")
    case = put_lumen("session-1", lumen, name="Duct", by=DOCTOR, site="biliary", item_id="lumen-1")(case)
    for stent in ("stent-1", "stent-2"):
        sized = stent_proposals(case.sessions[0], "lumen-1")
        case = put_stent(case.sessions[0], "lumen-1", sized, sized.proposals[0], by=DOCTOR, stent_id=stent)(case)
    return case


def marked(case: Case, name: str, along_mm: float) -> Case:
    item = case.sessions[0].item("lumen-1")
    assert item is not None
    return add_mark("session-1", item, name, (0.0, 0.0, along_mm))(case)


def share_of(case: Case, stent: str) -> float | None:
    item = case.sessions[0].item(stent)
    assert item is not None
    return stent_of(item).drained_share


def with_tree(case: Case) -> Case:
    """A tree of ducts whose branch along the stent serves the half of the liver with x below 20."""
    frame = case.sessions[0].items[0].frame_uid
    nodes = {"r": (20.0, 0.0, 90.0), "h": (20.0, 0.0, 60.0), "R": (0.0, 0.0, 20.0), "L": (40.0, 0.0, 20.0)}
    ways = (("stem", "r", "h"), ("right", "h", "R"), ("left", "h", "L"))
    segments = tuple(
        TreeSegment(name, one, other, np.linspace(nodes[one], nodes[other], 30), np.full(30, 2.0), np.zeros(30, bool))
        for name, one, other in ways
    )
    tree = VesselTree("bile-duct", frame, "r", {key: np.array(at) for key, at in nodes.items()}, segments)
    return put_tree("session-1", FoundTree(tree, "ct", None, None, ()), by=DOCTOR, item_id="tree-1")(case)


def test_that_the_bismuth_type_follows_marks_in_the_stricture_and_names_what_is_not_marked() -> None:
    case = marked(hilar(), "hepatic-confluence", 40.0)
    kind, why = bismuth_of(case.sessions[0])
    assert kind is None
    assert "right secondary confluence, left secondary confluence" in why
    case = marked(marked(case, RIGHT_SECONDARY, 36.0), "left secondary confluence", 10.0)
    assert bismuth_of(case.sessions[0])[0] == "IIIa"


def test_that_the_share_drained_comes_from_the_tree_and_the_liver_and_is_unknown_again_once_a_stent_moves() -> None:
    case = with_tree(hilar())
    case = pair_stents(case.sessions[0], "stent-1", "stent-2")(case)
    grid = Grid.of((40, 20, 41), frame_uid=case.sessions[0].items[0].frame_uid, origin_lps_mm=(0.0, -10.0, 0.0))
    liver = Mask.of(grid, np.ones(grid.size_kji, dtype=bool))
    found = estimate_drained(case.sessions[0], "stent-1", liver)
    assert found.share == pytest.approx(0.5, abs=0.03)
    assert "Approximate" in found.words
    case = set_drained(case.sessions[0], "stent-1", found.share)(case)
    assert share_of(case, "stent-1") == share_of(case, "stent-2") == found.share
    moved = move_stent(case.sessions[0], "stent-1", 22.0)(case)
    assert share_of(moved, "stent-1") is None
    assert share_of(moved, "stent-2") is None
    with pytest.raises(UsageError, match="between 0 and 100"):
        set_drained(case.sessions[0], "stent-1", 1.5)


def test_that_without_a_tree_the_answered_segments_count_and_what_is_missing_is_named() -> None:
    case = hilar()
    missing = estimate_drained(case.sessions[0], "stent-1", None)
    assert missing.share is None
    assert "no tree" in missing.words
    assert "no liver" in missing.words
    rows = (
        {"segment": "right", "action": "drain", "share": 40.0},
        {"segment": "left", "action": "leave", "share": 30.0},
    )
    answer = Answer(rows, "doctor", datetime(2026, 5, 4, tzinfo=UTC))
    session = replace(case.sessions[0], answers={"segments": {"ducts": answer}})
    found = estimate_drained(session, "stent-1", None)
    assert found.share == pytest.approx(0.4)
    assert "at least 50 %" in found.words
