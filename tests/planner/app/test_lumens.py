"""Lumens of a session: put, clicked again, marked, their narrowing set; one undo step each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lumen_shapes import drawn_lumen, shape
from stored_cases import DOCTOR, make_case, make_session

from planner.app.lumens import (
    add_mark,
    clear_stenosis,
    find_again,
    lumen_along_tree,
    lumen_from_item,
    mark_branches,
    put_lumen,
    remove_mark,
    retrace,
    set_site,
    set_stenosis,
    traced_again,
    with_click,
)
from planner.app.stents import change_size, put_stent, stent_proposals
from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.model.case import Case
from planner.model.items import PlanItem
from planner.model.vessel_reading import body_digest, lumen_of, stent_of
from planner.planning.lumens import Lumen
from planner.planning.vessel_tree import TreeSegment, VesselTree

ALONG = np.arange(0.0, 80.5, 0.5)


def _narrowed(width: float = 8.0) -> Lumen:
    return drawn_lumen(np.where((ALONG >= 35.0) & (ALONG <= 45.0), 3.0, width))


def _case() -> Case:
    case = replace(make_case(), sessions=(make_session("session-1"),))
    return put_lumen("session-1", _narrowed(), name="Bile duct", by=DOCTOR, series="1.2#1", item_id="lumen-1")(case)


def _item(case: Case) -> PlanItem:
    item = case.sessions[0].item("lumen-1")
    assert item is not None
    return item


def test_that_a_lumen_is_put_with_the_narrowing_found_in_it_and_read_back() -> None:
    item = _item(_case())
    body = lumen_of(item)
    assert body.stenosis is not None
    assert body.stenosis.percent == pytest.approx(62.5)
    assert body.length_mm == pytest.approx(80.0)
    assert item.source_uids == ("1.2",)
    assert np.allclose(lumen_from_item(item).equivalent_mm, _narrowed().equivalent_mm)


def test_that_marks_are_added_moved_and_removed() -> None:
    case = _case()
    case = add_mark("session-1", _item(case), "papilla", (0.0, 0.0, 79.0))(case)
    case = add_mark("session-1", _item(case), "hepatic-confluence", (1.0, 0.0, 2.0))(case)
    case = add_mark("session-1", _item(case), "papilla", (0.0, 0.0, 75.0))(case)
    marks = lumen_of(_item(case)).marks
    assert [(each.name, each.along_mm) for each in marks] == [("hepatic-confluence", 2.0), ("papilla", 75.0)]
    case = remove_mark("session-1", _item(case), "papilla")(case)
    assert len(lumen_of(_item(case)).marks) == 1
    with pytest.raises(UsageError):
        remove_mark("session-1", _item(case), "papilla")
    with pytest.raises(UsageError):
        add_mark("session-1", _item(case), "  ", (0.0, 0.0, 0.0))


def branched(kind: str, frame_uid: str) -> VesselTree:
    """A stem along the lumen, with branches at 30 and 60 mm."""
    nodes = {"r": (0, 0, 0), "a": (0, 0, 30), "A": (30, 0, 30), "b": (0, 0, 60), "B": (-30, 0, 60), "e": (0, 0, 80)}
    ways = (("1", "r", "a"), ("2", "a", "A"), ("3", "a", "b"), ("4", "b", "B"), ("5", "b", "e"))
    lines = {name: np.linspace(nodes[start], nodes[end], 20) for name, start, end in ways}
    segments = tuple(
        TreeSegment(name, start, end, lines[name], np.full(20, 2.0), np.zeros(20, bool)) for name, start, end in ways
    )
    return VesselTree(kind, frame_uid, "r", {key: np.array(at, float) for key, at in nodes.items()}, segments)


def test_that_branches_of_a_tree_become_marks_of_their_own_that_a_cover_is_judged_by() -> None:
    case = _case()
    frame = _item(case).frame_uid
    case = add_mark("session-1", _item(case), "cystic-duct", (0.0, 0.0, 61.0))(case)
    case = mark_branches("session-1", _item(case), branched("bile-duct", frame))(case)
    assert [(each.name, each.along_mm) for each in lumen_of(_item(case)).marks] == [
        ("side branch", pytest.approx(30.0)),
        ("cystic-duct", pytest.approx(61.0)),
    ]
    case = remove_mark("session-1", _item(case), "cystic-duct")(case)
    case = mark_branches("session-1", _item(case), branched("bile-duct", frame))(case)
    assert [each.name for each in lumen_of(_item(case)).marks] == ["side branch", "side branch 2"]
    sized = stent_proposals(case.sessions[0], "lumen-1", indication="benign", type_wish="covered")
    case = put_stent(case.sessions[0], "lumen-1", sized, sized.proposals[0], by=DOCTOR, stent_id="stent-1")(case)
    case = change_size(case.sessions[0], "stent-1", length_mm=70.0)(case)
    item = case.sessions[0].item("stent-1")
    assert item is not None
    assert [each.code for each in stent_of(item).findings].count("crosses-side-branch") == 2
    with pytest.raises(UsageError, match="no branch here"):
        mark_branches("session-1", _item(case), branched("bile-duct", frame))
    with pytest.raises(UsageError, match="its own vessels"):
        mark_branches("session-1", _item(case), branched("airway", frame))


def test_that_a_person_sets_clears_and_finds_the_narrowing_again() -> None:
    case = _case()
    before = body_digest(_item(case))
    case = set_stenosis("session-1", _item(case), 30.0, 50.0)(case)
    found = lumen_of(_item(case)).stenosis
    assert found is not None
    assert (found.start_mm, found.by_person) == (30.0, True)
    assert body_digest(_item(case)) != before
    case = clear_stenosis("session-1", _item(case))(case)
    assert lumen_of(_item(case)).stenosis is None
    case = find_again("session-1", _item(case))(case)
    assert body_digest(_item(case)) == before
    case = set_site("session-1", _item(case), "biliary")(case)
    assert lumen_of(_item(case)).site == "biliary"


def test_that_another_course_keeps_marks_and_a_person_s_narrowing() -> None:
    case = _case()
    case = add_mark("session-1", _item(case), "papilla", (0.0, 0.0, 70.0))(case)
    case = set_stenosis("session-1", _item(case), 30.0, 50.0)(case)
    shorter = drawn_lumen(np.full(150, 9.0))
    case = retrace("session-1", _item(case), shorter)(case)
    body = lumen_of(_item(case))
    assert body.marks[0].along_mm == pytest.approx(70.0)
    assert body.stenosis is not None
    assert body.stenosis.by_person
    assert body.stenosis.minimum_mm == pytest.approx(9.0)
    assert body.series == "1.2#1"


def test_that_a_click_goes_to_its_place_along_the_course() -> None:
    item = _item(_case())
    assert with_click(item, (1.0, 0.0, 40.0))[1] == (1.0, 0.0, 40.0)
    assert with_click(item, (0.0, 0.0, 95.0))[-1] == (0.0, 0.0, 95.0)
    assert with_click(item, (0.0, 0.0, -9.0))[0] == (0.0, 0.0, -9.0)


def test_that_other_frames_and_other_items_are_refused() -> None:
    item = _item(_case())
    volume, true = shape("bile")
    with pytest.raises(FrameMismatch):
        traced_again(volume, item, true.clicks_lps_mm)
    with pytest.raises(FrameMismatch):
        retrace("session-1", replace(item, frame_uid="9.9"), _narrowed())
    with pytest.raises(InputRefused):
        lumen_from_item(replace(item, type="region"))


def test_that_the_lumen_along_a_segment_of_a_tree_is_measured() -> None:
    volume, true = shape("artery")
    points = true.points_lps_mm[::2]
    unknown = np.full(len(points), np.nan)
    segment = TreeSegment("s1", "a", "b", points, unknown, np.zeros(len(points), dtype=bool))
    tree = VesselTree("artery", volume.grid.frame_uid, "a", {"a": points[0], "b": points[-1]}, (segment,))
    lumen = lumen_along_tree(volume, tree, "s1")
    assert np.nanmedian(lumen.equivalent_mm) == pytest.approx(np.median(true.equivalent_mm), rel=0.08)
    with pytest.raises(UsageError):
        lumen_along_tree(volume, tree, "s2")
    with pytest.raises(FrameMismatch):
        lumen_along_tree(volume, replace(tree, frame_uid="9.9"), "s1")
