"""Feeders of a session: stored in one step, judged by a person, spoken of with what was not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest
from feeder_truth import FRAME, ball, tree_of_lines
from stored_cases import DOCTOR, make_case

from planner.app.feeders import (
    NOT_ABSENT,
    accept,
    add_by_hand,
    feeder_findings,
    grounds,
    item_of_lesion,
    measured_feeders,
    put_feeders,
    reject,
    seen_on,
)
from planner.app.marking import new_item, put_item, store_mask
from planner.errors import UsageError
from planner.model import codec
from planner.model.case import Case
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.vessel_items import VESSEL_TREE, FeedersBody
from planner.model.vessel_reading import feeders_of
from planner.planning.tree_edits import cut
from planner.planning.tree_packing import body_of_tree
from planner.planning.vessel_tree import VesselTree
from planner.store.library import Library

SESSION, LESION = "session-1", "lesion-1"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder: Path = tmp_path_factory.mktemp("feeders")
    opened = Library.open(f"sqlite:///{folder / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def tree() -> VesselTree:
    """A feeder that enters, one that passes, and one that leads elsewhere; the trunk is the right hepatic artery."""

    def line(*points: tuple[float, float, float]) -> np.ndarray:
        return np.concatenate([np.linspace(a, b, 60) for a, b in zip(points[:-1], points[1:], strict=True)])

    lines = [
        ("root", "fork", line((-38, 0, 0), (-25, 0, 0)), 3.0),
        ("fork", "in", line((-25, 0, 0), (-4, 0, 0)), 1.0),
        ("fork", "past", line((-25, 0, 0), (-10, 14, 0), (30, 14, 0)), 0.8),
        ("fork", "away", line((-25, 0, 0), (-25, -30, 0)), 1.5),
    ]
    return replace(tree_of_lines(lines, names={"fork": "right_hepatic"}), smallest_visible_mm=0.9)


def tree_item(tree: VesselTree) -> PlanItem:
    body = body_of_tree(tree, method="ct", series="1.2.3.4#1")
    return new_item(
        VESSEL_TREE, body, name="Arteries", frame_uid=FRAME, by=DOCTOR, tool="vessel-tree", item_id="tree-1"
    )


@pytest.fixture(scope="module")
def case(library: Library, tree: VesselTree) -> Case:
    region = RegionBody(store_mask(library, ball((0, 0, 0), 12.0)), lesion_id=LESION, longest_mm=24.0)
    liver = RegionBody(store_mask(library, ball((0, 0, 0), 38.0)), structure="liver")
    items = tuple(
        new_item(REGION, body, name=name, frame_uid=FRAME, by=DOCTOR, tool="brush", item_id=name)
        for name, body in (("tumour", region), ("liver", liver))
    )
    made = make_case()
    return replace(made, sessions=(replace(made.sessions[0], items=(*items, tree_item(tree))),))


@pytest.fixture(scope="module")
def found(library: Library, case: Case) -> Case:
    """The case with its feeders."""
    given = grounds(library, case, case.sessions[0], LESION)
    return put_feeders(SESSION, measured_feeders(given), FRAME, name="L1", by=DOCTOR)(case)


def stored(case: Case) -> tuple[PlanItem, FeedersBody]:
    item = item_of_lesion(case.sessions[0], LESION)
    assert item is not None
    return item, feeders_of(item)


def again(library: Library, case: Case) -> Case:
    given = grounds(library, case, case.sessions[0], LESION)
    edit: Edit = put_feeders(SESSION, measured_feeders(given), FRAME, name="L1", by=DOCTOR)
    return edit(case)


def test_that_feeders_are_one_item_per_lesion_and_stand_on_the_tree(library: Library, found: Case) -> None:
    item, body = stored(found)
    assert [row.segment for row in body.feeders] == ["in"]
    assert (body.series, body.smallest_visible_mm) == ("1.2.3.4#1", 0.9)
    repeated = again(library, found)
    assert len(repeated.sessions[0].items) == len(found.sessions[0].items)
    assert stored(repeated)[0].id == item.id


def test_that_what_a_person_accepted_or_rejected_outlives_a_new_search(library: Library, found: Case) -> None:
    item, _ = stored(found)
    judged = reject(SESSION, item.id, "in")(accept(SESSION, item.id, "past")(found))
    body = stored(again(library, judged))[1]
    assert [(row.segment, row.by_person, row.share) for row in body.feeders] == [("past", True, 1.0)]
    assert any(row.segment == "in" and row.by_person and row.share is None for row in body.candidates)


def test_that_a_decision_is_recognised_by_its_place_on_an_edited_tree(
    library: Library, found: Case, tree: VesselTree
) -> None:
    item, _ = stored(found)
    judged = accept(SESSION, item.id, "past")(found)
    edited = put_item(SESSION, tree_item(cut(tree, "away")))(judged)
    assert any(each.code == "feeders-stale" for each in feeder_findings(edited.sessions[0], stored(edited)[0]))
    body = stored(again(library, edited))[1]
    assert {row.segment for row in body.feeders if row.by_person} == {"past"}
    gone = put_item(SESSION, tree_item(cut(tree, "past")))(judged)
    lost = next(row for row in stored(again(library, gone))[1].feeders if row.by_person)
    assert lost.doubtful
    assert "before the tree changed" in lost.reason


def test_that_a_click_adds_a_feeder_by_hand_and_an_old_tree_is_refused(
    library: Library, found: Case, tree: VesselTree
) -> None:
    given = grounds(library, found, found.sessions[0], LESION)
    item, _ = stored(found)
    body = stored(add_by_hand(given, SESSION, item.id, "away", 10.0)(found))[1]
    row = next(each for each in body.feeders if each.segment == "away")
    assert row.by_person
    assert sum(each.share or 0.0 for each in body.feeders) == pytest.approx(1.0)
    changed = put_item(SESSION, tree_item(cut(tree, "past")))(found)
    other = grounds(library, changed, changed.sessions[0], LESION)
    with pytest.raises(UsageError, match="measure again"):
        add_by_hand(other, SESSION, item.id, "away", 10.0)(changed)


def test_that_what_the_images_cannot_show_is_said_with_their_day_and_slices(found: Case) -> None:
    _, body = stored(found)
    assert seen_on(replace(body, slice_mm=1.25), date(2025, 6, 3)) == (
        "Seen on CT of 2025-06-03, slices 1.25 mm; arteries below 0.9 mm are not visible; confirm by DSA/CBCT."
    )
    assert "unknown date" in seen_on(body, None)


def test_that_images_that_are_not_arterial_are_said(found: Case) -> None:
    item, body = stored(found)
    session = found.sessions[0]
    assert {each.code for each in feeder_findings(session, item)} == {"phase-unknown"}
    none = replace(item, body=MappingProxyType(codec.to_json(replace(body, feeders=(), phase="arterial"))))
    (nothing,) = feeder_findings(session, none)
    assert nothing.text.endswith(NOT_ABSENT)
    from planner.app.feeders import phase_findings

    assert phase_findings("arterial") == []
    assert [each.code for each in phase_findings("portal-venous")] == ["not-arterial"]
    assert body.phase is None


def test_that_a_lesion_that_is_not_marked_on_the_images_of_the_tree_is_refused(library: Library, case: Case) -> None:
    session = case.sessions[0]
    bare = replace(session, items=tuple(each for each in session.items if each.name != "tumour"))
    with pytest.raises(UsageError, match="not marked"):
        grounds(library, case, bare, LESION)
    with pytest.raises(UsageError):
        grounds(library, case, session, "nobody")
    treeless = replace(session, items=tuple(each for each in session.items if each.type != VESSEL_TREE))
    with pytest.raises(UsageError, match="no tree of arteries"):
        grounds(library, case, treeless, LESION)
