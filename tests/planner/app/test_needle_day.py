"""The plan on the day: a match becomes a reviewed link, and the plan moves over by it, undone in one step."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from analytic_bodies import FRAME, ball, drawn
from stored_cases import DOCTOR, make_case

from planner.app.marking import load_mask, new_item, region_of, store_mask
from planner.app.needle_day import TOOL, link_of_match, match_of_link, move_plan, reviewed_link
from planner.app.run_items import add_link, review_link
from planner.errors import FrameMismatch, UsageError
from planner.geometry import SpaceMap, lps
from planner.imaging.masks import Mask
from planner.imaging.rigid_registration import MatchError, RigidMatch, image_rigid
from planner.model.case import Case
from planner.model.document import Document
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.links import FrameLink
from planner.model.needle_items import NEEDLE_PATH, NeedleMeasures, NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.phantom import generate
from planner.phantom.ablation_day import BurntZone, ablate
from planner.store.library import Library

DAY = "1.2.3.99"
TIP, ENTRY = (1.0, 2.0, 3.0), (1.0, -80.0, 3.0)
TODAY = "1.2.840.77#1"


def turned(degrees: float = 10.0) -> SpaceMap:
    angle = np.deg2rad(degrees)
    homogeneous = np.eye(4)
    homogeneous[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    homogeneous[:3, 3] = (5.0, -3.0, 8.0)
    return SpaceMap(lps(DAY), lps(FRAME), homogeneous)


def a_match(error: MatchError | None = None) -> RigidMatch:
    return RigidMatch(turned(), error, None, 0.93, ())


def measured_error() -> MatchError:
    apart = np.array([1.0, 2.0, 3.0, 2.0])
    return MatchError(apart, apart, "independent landmarks")


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory):
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('day') / 'library.sqlite'}")
    yield opened
    opened.close()


def region(library: Library, mask: Mask, item_id: str, **body: str) -> PlanItem:
    made = RegionBody(store_mask(library, mask), **body)
    return new_item(REGION, made, name=item_id, frame_uid=FRAME, by=DOCTOR, tool="brush", item_id=item_id)


@pytest.fixture(scope="module")
def case(library: Library) -> Case:
    tumour = region(library, drawn(ball(TIP, 8.0)), "tumour", lesion_id="lesion-1")
    liver = region(library, drawn(ball((0, 0, 0), 20.0)), "organ", structure="liver")
    body = NeedlePathBody(
        ENTRY, TIP, "ablation", 1.5, region_id="tumour", measured=NeedleMeasures(82.0, 0.0, 0.0, series="1.2#1")
    )
    needle = new_item(NEEDLE_PATH, body, name="needle", frame_uid=FRAME, by=DOCTOR, tool="needle", item_id="needle-1")
    made = make_case()
    return replace(made, sessions=(replace(made.sessions[0], items=(tumour, liver, needle)),))


def reviewed(case: Case, link: FrameLink) -> tuple[Case, FrameLink]:
    case = review_link(link.id, by=DOCTOR)(add_link(link)(case))
    found = reviewed_link(case, FRAME, DAY)
    assert found is not None
    return case, found


def moved(case: Case) -> Case:
    case, link = reviewed(case, link_of_match(a_match()))
    return move_plan(case.sessions[0], link, series=TODAY, by=DOCTOR)(case)


def test_that_an_unreviewed_link_maps_and_moves_nothing(case: Case) -> None:
    link = link_of_match(a_match())
    assert reviewed_link(add_link(link)(case), FRAME, DAY) is None
    for act in (lambda: match_of_link(link), lambda: move_plan(case.sessions[0], link, series=TODAY, by=DOCTOR)):
        with pytest.raises(FrameMismatch) as refused:
            act()
        assert refused.value.code == "not-reviewed"


def test_that_a_link_carries_the_map_and_the_mean_error_at_landmarks(case: Case) -> None:
    _, link = reviewed(case, link_of_match(a_match(measured_error())))
    assert link.residual_mm == pytest.approx(2.0)
    assert link.landmarks == 4
    assert "at most 3.0 mm" in link.note
    assert np.allclose(match_of_link(link).points(TIP), turned().points(TIP))


def test_that_without_landmarks_the_error_is_unknown_and_not_nought() -> None:
    link = link_of_match(a_match())
    assert link.residual_mm is None
    assert link.landmarks == 0


def test_that_the_newest_reviewed_link_of_this_direction_counts(case: Case) -> None:
    case, first = reviewed(case, link_of_match(a_match()))
    case, second = reviewed(case, link_of_match(a_match(measured_error())))
    assert (first.residual_mm, second.residual_mm) == (None, pytest.approx(2.0))
    assert reviewed_link(case, DAY, FRAME) is None


def test_that_needles_move_keep_their_ids_and_lose_what_was_measured_elsewhere(case: Case) -> None:
    item = moved(case).sessions[0].item("needle-1")
    body = needle_of(item)
    assert item.frame_uid == DAY
    assert np.allclose(body.tip_lps_mm, turned().points(TIP))
    assert np.allclose(body.entry_lps_mm, turned().points(ENTRY))
    assert body.measured is None
    aimed = moved(case).sessions[0].item(body.region_id or "")
    assert aimed is None or aimed.frame_uid == DAY


def test_that_regions_are_copied_without_resampling_and_the_planned_ones_stay(case: Case, library: Library) -> None:
    items = moved(case).sessions[0].items
    copies = [item for item in items if item.type == REGION and item.frame_uid == DAY]
    assert len(copies) == 2
    assert {item.id for item in items} >= {"tumour", "organ"}
    tumour = next(item for item in copies if region_of(item).lesion_id == "lesion-1")
    before, after = region_of(case.sessions[0].items[0]).blob, region_of(tumour).blob
    assert before.sha256 == after.sha256
    mask = load_mask(library, after)
    assert mask.volume_ml == pytest.approx(load_mask(library, before).volume_ml)
    assert np.allclose(mask.centroid_lps_mm(), turned().points(load_mask(library, before).centroid_lps_mm()))
    assert tumour.tool == TOOL


def test_that_the_move_is_one_step_of_undo(case: Case) -> None:
    case, link = reviewed(case, link_of_match(a_match()))
    document = Document(case)
    document.apply("Move", move_plan(case.sessions[0], link, series=TODAY, by=DOCTOR))
    assert document.case.sessions[0].item("needle-1").frame_uid == DAY
    document.undo()
    assert document.case.sessions[0].items == case.sessions[0].items


def test_that_a_region_marked_on_todays_scan_stays_and_is_aimed_at(case: Case, library: Library) -> None:
    grid = drawn(ball(TIP, 8.0)).grid
    placed = replace(grid, lps_from_kji=turned().after(grid.lps_from_kji), frame_uid=DAY)
    own = replace(
        region(library, Mask.of(placed, np.ones((4, 4, 4), dtype=bool), (2, 2, 2)), "by-hand", lesion_id="lesion-1"),
        frame_uid=DAY,
    )
    session = case.sessions[0]
    with_own = replace(case, sessions=(replace(session, items=(*session.items, own)),))
    after = moved(with_own).sessions[0]
    there = [item for item in after.items if item.type == REGION and item.frame_uid == DAY]
    assert sorted(region_of(item).lesion_id or region_of(item).structure or "" for item in there) == [
        "lesion-1",
        "liver",
    ]
    assert after.item("by-hand") == own
    assert needle_of(after.item("needle-1")).region_id == "by-hand"


def test_that_moving_twice_replaces_the_copies(case: Case) -> None:
    once = moved(case)
    link = reviewed_link(once, FRAME, DAY)
    again = move_plan(once.sessions[0], link, series=TODAY, by=DOCTOR)(once)
    assert len(again.sessions[0].items) == len(once.sessions[0].items)


def test_that_with_nothing_marked_there_is_nothing_to_move(case: Case) -> None:
    case, link = reviewed(case, link_of_match(a_match()))
    with pytest.raises(UsageError) as refused:
        move_plan(replace(case.sessions[0], items=()), link, series=TODAY, by=DOCTOR)
    assert refused.value.code == "nothing-to-move"


def test_that_the_digital_patients_day_is_matched_to_less_than_a_voxel_at_the_target() -> None:
    patient = generate("tiny", 7, case="ablation", study_date="2026-05-01")
    target = next(each for each in patient.truth.lesions if each.identifier == "lesion-2")
    centre = np.asarray(target.centre_lps_mm)
    zone = BurntZone(tuple(float(each) for each in centre), (0.0, 1.0, 0.0), 18.0, 14.0)
    day = ablate(patient, zone, study_date="20260504")
    labels = patient.truth.structures
    value = next(value for value, label in labels.labels.items() if label.structure == "liver")
    match = image_rigid(patient.portal, day.today, Mask.of(labels.grid, labels.mask(value)))
    link = replace(link_of_match(match), reviewed_by="Dr A")
    placed = match_of_link(link).points(centre)
    assert np.linalg.norm(placed - day.today_from_planning.points(centre)) < 3.0
    assert np.linalg.norm(placed - centre) > 5.0, "the patient did move"


def test_that_what_was_found_automatically_is_not_brought_over(library: Library, case: Case) -> None:
    skin = replace(region(library, drawn(ball((0, 0, 0), 25.0)), "skin", structure="skin"), tool="automatic")
    session = replace(case.sessions[0], items=(*case.sessions[0].items, skin))
    after = moved(replace(case, sessions=(session,)))
    there = [item.name for item in after.sessions[0].items if item.frame_uid == DAY and item.type == REGION]
    assert sorted(there) == ["organ", "tumour"]
