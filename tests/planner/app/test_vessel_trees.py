"""Vessel trees of a session: put, edited by hand in single steps, joined, and spoken of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from feeder_truth import tree_of_lines
from stored_cases import DOCTOR, make_case, make_session
from tree_truth import drawn

from planner.app.vessel_trees import (
    FoundTree,
    add_branch,
    confirm_names,
    cut_vessel,
    join_trees,
    load_tree,
    put_tree,
    rename_vessels,
    reroot_tree,
    tree_of_mask,
    visible_words,
)
from planner.errors import FrameMismatch, OperatorError
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.items import PlanItem
from planner.model.vessel_reading import body_digest, tree_of
from planner.planning.tree_edits import renamed
from planner.planning.vessel_tree import TreePlace, VesselTree

FRAME = "1.2.3"


def small_tree() -> VesselTree:
    lines = [
        ("n0", "n1", np.linspace((0.0, 0.0, 40.0), (0.0, 0.0, 20.0), 40), 3.0),
        ("n1", "n2", np.linspace((0.0, 0.0, 20.0), (0.0, 0.0, 0.0), 40), 2.0),
        ("n1", "n3", np.linspace((0.0, 0.0, 20.0), (20.0, 0.0, 10.0), 40), 1.5),
    ]
    return renamed(tree_of_lines(lines, frame_uid=FRAME), {"n1": "coeliac"}, proposed=True)


def with_tree(
    tree: VesselTree | None = None, item_id: str = "tree-1", series: str | None = None
) -> tuple[Case, PlanItem]:
    case = replace(make_case(), sessions=(make_session("session-1"),))
    case = put_tree("session-1", FoundTree(tree or small_tree(), "mask", "I", series), by=DOCTOR, item_id=item_id)(case)
    return case, the_item(case, item_id)


def the_item(case: Case, item_id: str = "tree-1") -> PlanItem:
    item = case.sessions[0].item(item_id)
    assert item is not None
    return item


def test_that_a_found_tree_is_put_with_its_pattern_and_read_back() -> None:
    case, item = with_tree()
    body = tree_of(item)
    assert (body.pattern, body.method, item.name) == ("I", "mask", "Arteries")
    back = load_tree(item)
    assert back is load_tree(item)
    assert back.total_length_mm == pytest.approx(small_tree().total_length_mm, abs=1e-3)
    assert [each.name for each in back.segments] == ["coeliac", None, None]
    assert len(case.sessions[0].items) == 1


def test_that_every_edit_is_one_step_and_changes_the_digest() -> None:
    case, item = with_tree()
    changed = [
        rename_vessels("session-1", item, {"n2": "splenic"})(case),
        cut_vessel("session-1", item, TreePlace("n3", 0.0, 0.0))(case),
        cut_vessel("session-1", item, TreePlace("n2", 10.0, 0.0))(case),
        reroot_tree("session-1", item, "n3")(case),
        confirm_names("session-1", item)(case),
    ]
    digests = {body_digest(the_item(each)) for each in changed}
    assert len(digests) == len(changed)
    assert body_digest(item) not in digests
    assert load_tree(the_item(changed[0])).segment("n2").name == "splenic"
    assert load_tree(the_item(changed[1])).total_length_mm == pytest.approx(40.0, abs=0.1)
    assert load_tree(the_item(changed[2])).segment("n2").length_mm == pytest.approx(10.0, abs=0.1)
    assert load_tree(the_item(changed[3])).root == "n3"
    assert not load_tree(the_item(changed[4])).segment("n1").proposed


def test_that_a_piece_is_joined_where_it_is_nearest_and_its_item_goes() -> None:
    case, item = with_tree()
    piece = tree_of_lines([("a", "b", np.linspace((0.0, 0.0, -30.0), (0.0, 0.0, -4.0), 40), 1.0)], frame_uid=FRAME)
    case = put_tree("session-1", FoundTree(piece, "mask"), by=DOCTOR, item_id="tree-2")(case)
    joined = join_trees("session-1", item, the_item(case, "tree-2"))(case)
    assert [each.id for each in joined.sessions[0].items] == ["tree-1"]
    tree = load_tree(the_item(joined))
    assert tree.total_length_mm == pytest.approx(small_tree().total_length_mm + 30.0, abs=0.2)
    assert sum(each.origin == "bridged" for each in tree.segments) == 1


def test_that_trees_of_different_kinds_do_not_join() -> None:
    case, item = with_tree()
    other = replace(small_tree(), kind="portal-vein")
    case = put_tree("session-1", FoundTree(other, "mask"), by=DOCTOR, item_id="tree-2")(case)
    with pytest.raises(OperatorError) as refused:
        join_trees("session-1", item, the_item(case, "tree-2"))
    assert refused.value.code == "different-kinds"


def test_that_a_mask_becomes_a_tree_and_a_missed_branch_is_added_by_a_click() -> None:
    volume, mask = drawn(small_tree(), (0.8, 0.8, 0.8), blur_mm=0.3, least_cover=0.4)
    bits = mask.full()
    places = mask.grid.lps_from_kji.points(np.argwhere(bits))
    bits[tuple(np.argwhere(bits)[places[:, 0] > 4.0].T)] = False
    found = tree_of_mask(type(mask).of(mask.grid, bits), root_lps_mm=(0.0, 0.0, 40.0), volume=volume)
    assert found.series == f"{volume.source.series_uid}#1"
    case, item = with_tree(found.tree)
    grown = add_branch("session-1", item, volume, (19.0, 0.0, 10.5))(case)
    nearest = load_tree(the_item(grown)).nearest((14.0, 0.0, 13.0))
    assert nearest is not None
    assert nearest.distance_mm < 0.6
    elsewhere = replace(item, frame_uid="9.9")
    with pytest.raises(FrameMismatch):
        add_branch("session-1", elsewhere, volume, (19.0, 0.0, 10.5))


def test_that_what_the_images_can_show_is_said() -> None:
    case, item = with_tree(replace(small_tree(), smallest_visible_mm=1.12), series="1.5#1")
    reference = SeriesRef("1.5", 1, "CT", "arterial", None, date(2026, 5, 4), FRAME)
    words = visible_words(replace(case, studies=(reference,)), item, slice_mm=1.25)
    assert words == ("Seen on CT of 2026-05-04, slices 1.25 mm", "arteries below 1.1 mm are not visible")
    assert visible_words(case, item)[0] == "Seen on images of an unknown date, slices not known"
    of_mask = visible_words(case, with_tree(replace(small_tree(), smallest_visible_mm=None))[1])
    assert of_mask[0] == "From a mask, not from images"
    assert "how thin is not known" in of_mask[1]
