"""Catheter positions of a session: put, moved, measured, what they reach together, and what makes them stale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from analytic_bodies import FRAME
from liver_trees import ball_lesion, ball_organ, tree_in_ball
from stored_cases import DOCTOR, make_case

from planner.app.injections import (
    STALE,
    LiveInjection,
    injection_grounds,
    is_stale,
    live_injection,
    measured_position,
    move_position,
    put_position,
    set_action,
    set_lesions,
    together,
)
from planner.app.marking import load_mask, new_item, put_item, remove_item, store_mask
from planner.app.working_views import keep_view, map_of_position, stretch_of
from planner.errors import UsageError
from planner.imaging.masks import Mask
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.edits import Edit
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.session import Session
from planner.model.vessel_items import VESSEL_TREE
from planner.model.vessel_reading import positions_of
from planner.planning.tree_edits import cut
from planner.planning.tree_packing import body_of_tree
from planner.planning.vessel_tree import VesselTree
from planner.store.library import Library

SERIES = "1.9#1"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder: Path = tmp_path_factory.mktemp("injections")
    opened = Library.open(f"sqlite:///{folder / 'library.sqlite'}")
    yield opened
    opened.close()


def region(library: Library, mask: Mask, item_id: str, **body: str) -> PlanItem:
    made = RegionBody(store_mask(library, mask), **body)
    return new_item(REGION, made, name=item_id, frame_uid=FRAME, by=DOCTOR, tool="brush", item_id=item_id)


def tree_item(tree: VesselTree, series: str | None = SERIES) -> PlanItem:
    body = body_of_tree(tree, method="ct", series=series)
    return new_item(VESSEL_TREE, body, name="Arteries", frame_uid=FRAME, by=DOCTOR, tool="vessel-tree", item_id="tree")


def with_phase(phase: str | None) -> SeriesRef:
    return SeriesRef("1.9", 1, "CT", None, None, date(2026, 3, 2), FRAME, phase=phase)


@pytest.fixture(scope="module")
def case(library: Library) -> Case:
    """A session with arteries, a liver and a lesion between both right-hand ends, on arterial images."""
    middle = region(library, ball_lesion((20.0, 0.0, 0.0), 6.0), "mark", lesion_id="lesion-1")
    liver = region(library, ball_organ(), "organ", structure="liver")
    bare = make_case()
    session = replace(bare.sessions[0], items=(tree_item(tree_in_ball()), middle, liver))
    return replace(bare, sessions=(session,), studies=(with_phase("arterial"),))


def of(case: Case) -> Session:
    return case.sessions[0]


@pytest.fixture(scope="module")
def live(library: Library, case: Case) -> LiveInjection:
    return live_injection(injection_grounds(library, case, of(case)))


def put(library: Library, live: LiveInjection, case: Case, segment: str, along: float = 0.0) -> Case:
    edit: Edit = put_position("session-1", live, measured_position(library, live, segment, along), by=DOCTOR)
    return edit(case)


def test_that_a_position_stores_what_it_reaches(library: Library, live: LiveInjection, case: Case) -> None:
    session = of(put(library, live, case, "upper", 2.0))
    ((item, body),) = positions_of(session.items)
    assert item.name == "Branch of the left hepatic artery"
    assert body.injection is not None
    assert body.injection.coverage["lesion-1"] == pytest.approx(0.5, abs=0.06)
    assert body.lesion_ids == ("lesion-1",)
    assert body.tip_lps_mm == pytest.approx(tuple(tree_in_ball().segment("upper").at(2.0)))
    assert body.injection.territory is not None
    stored = load_mask(library, body.injection.territory)
    assert stored.volume_ml == pytest.approx(body.injection.territory_ml)
    assert body.way is not None
    assert body.way.length_mm == pytest.approx(72.0, abs=0.5)
    assert any("2026-03-02" in each and "confirm by DSA" in each for each in body.injection.findings)
    assert not is_stale(session, item)


def test_that_moving_keeps_what_a_person_said_and_is_one_step(
    library: Library, live: LiveInjection, case: Case
) -> None:
    one = put(library, live, case, "upper")
    item = positions_of(of(one).items)[0][0]
    said = set_lesions("session-1", item.id, ("lesion-9",))(set_action("session-1", item.id, "spare")(one))
    moved = move_position("session-1", item.id, measured_position(library, live, "right", 5.0))(said)
    ((_, body),) = positions_of(of(moved).items)
    assert (body.segment, body.along_mm, body.action, body.lesion_ids) == ("right", 5.0, "spare", ("lesion-9",))
    assert body.injection is not None
    assert body.injection.coverage["lesion-1"] == 0.0
    with pytest.raises(UsageError):
        move_position("session-1", "gone", body)(moved)
    with pytest.raises(UsageError):
        set_action("session-1", item.id, "burn")


def test_that_positions_add_up_and_what_is_left_is_named(library: Library, live: LiveInjection, case: Case) -> None:
    one = put(library, live, case, "upper")
    found = together(live, of(one))
    assert found.added.coverage["lesion-1"] == pytest.approx(0.5, abs=0.06)
    assert any("reached by no position" in each and "left hepatic artery" in each for each in found.sentences)
    both = put(library, live, one, "lower")
    assert together(live, of(both)).added.coverage["lesion-1"] == pytest.approx(1.0, abs=0.02)
    second = positions_of(of(both).items)[1][0]
    spared = set_action("session-1", second.id, "spare")(both)
    assert together(live, of(spared)).counted == (positions_of(of(spared).items)[0][0].id,)


def test_that_an_edited_tree_makes_positions_stale(library: Library, live: LiveInjection, case: Case) -> None:
    one = put(library, live, case, "upper")
    item = positions_of(of(one).items)[0][0]
    edited = put_item("session-1", tree_item(cut(tree_in_ball(), "lower")))(one)
    assert is_stale(of(edited), item)
    assert not live.stands_on(of(edited))
    assert live.stands_on(of(one))
    again = live_injection(injection_grounds(library, edited, of(edited)))
    found = together(again, of(edited))
    assert found.stale == (item.id,)
    assert any(STALE in each for each in found.sentences)
    with pytest.raises(UsageError) as caught:
        map_of_position(of(edited), item.id)
    assert caught.value.code == "tree-changed"


@pytest.mark.parametrize("phase", [None, "portal-venous"])
def test_that_without_an_arterial_phase_there_is_no_territory(library: Library, case: Case, phase: str | None) -> None:
    other = replace(case, studies=(with_phase(phase),))
    found = live_injection(injection_grounds(library, other, of(other)))
    body = measured_position(library, found, "left", 0.0)
    assert body.injection is not None
    assert (body.injection.territory, body.injection.territory_ml) == (None, None)
    assert body.injection.coverage == {"lesion-1": None}
    assert body.injection.findings[0].startswith("No territory:")
    assert body.injection.non_targets[0].artery == "cystic"
    assert any(
        "could not be told" in each for each in together(found, of(put(library, found, other, "left"))).sentences
    )


def test_that_the_images_tell_the_phase_unless_a_person_did(library: Library, case: Case) -> None:
    silent = replace(case, studies=(with_phase(None),))
    assert injection_grounds(library, silent, of(silent), phase="arterial").refused is None
    denied = replace(case, studies=(replace(with_phase(None), phase_by="dr.test"),))
    assert injection_grounds(library, denied, of(denied), phase="arterial").refused is not None


def test_that_without_an_organ_the_territory_is_unknown(library: Library, case: Case) -> None:
    bare = remove_item("session-1", "organ")(case)
    found = live_injection(injection_grounds(library, bare, of(bare)))
    body = measured_position(library, found, "left", 0.0)
    assert body.injection is not None
    assert body.injection.territory is None
    assert "organ" in body.injection.findings[0]


def test_that_a_session_without_arteries_or_with_two_trees_asks(library: Library, case: Case) -> None:
    with pytest.raises(UsageError) as caught:
        injection_grounds(library, case, replace(of(case), items=()))
    assert caught.value.code == "no-tree"
    second = replace(tree_item(tree_in_ball()), id="second")
    with pytest.raises(UsageError) as caught:
        injection_grounds(library, case, replace(of(case), items=(*of(case).items, second)))
    assert caught.value.code == "several-trees"


def test_that_a_vessel_that_is_gone_is_refused(live: LiveInjection) -> None:
    with pytest.raises(UsageError):
        live.at("no-such-segment", 0.0)


def test_that_a_view_is_kept_with_its_losses(library: Library, live: LiveInjection, case: Case) -> None:
    one = put(library, live, case, "upper")
    item = positions_of(of(one).items)[0][0]
    found = map_of_position(of(one), item.id)
    kept = keep_view("session-1", item.id, found)(one)
    view = positions_of(of(kept).items)[0][1].view
    assert view is not None
    assert (view.primary_deg, view.secondary_deg) == found.best
    assert not view.by_person
    by_hand = keep_view("session-1", item.id, found, (30.0, 0.0))(one)
    view = positions_of(of(by_hand).items)[0][1].view
    assert view is not None
    assert view.by_person
    assert view.foreshortening == pytest.approx(found.at(30.0, 0.0)[0])


def test_that_a_short_segment_is_looked_at_with_its_way() -> None:
    line = stretch_of(tree_in_ball(), "left")
    assert line[-1] == pytest.approx([5.0, 0.0, 0.0])
    assert line[0] == pytest.approx([0.0, 0.0, -10.0], abs=1e-6)
