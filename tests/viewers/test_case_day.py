"""The day in the window: a match counts after its review, the plan moves over, the margin achieved needs an error."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ablation_bench import BALLS, DAY_FRAME, LESION, TIP, ZONE_MM, AblationHands, make_folder
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from planner.app import device_rows
from planner.app.marking import region_of
from planner.app.needle_day import reviewed_link
from planner.model.items import REGION
from planner.model.needle_items import ACHIEVED
from planner.model.needle_reading import margins_of, needle_of
from viewers.panels.day_panel import DayPanel
from viewers.state.day import Pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folder(tmp_path_factory.mktemp("day"))


@pytest.fixture
def hands(qapp: QApplication, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AblationHands]:
    monkeypatch.setattr(device_rows, "device_folder", lambda: tmp_path / "devices")
    made = AblationHands(folder)
    made.put_applicator(made.mark())
    made.scan_day()
    made.go("scan_today")
    made.settle()
    yield made
    made.leave()


def panel_of(hands: AblationHands) -> DayPanel:
    return hands.window.case_page.day.panel


def pairs_of(hands: AblationHands) -> list[tuple[np.ndarray, np.ndarray]]:
    placed = hands.day_from_planning()
    return [(np.asarray(centre), placed.points(centre)) for centre, _, _ in BALLS]


def mark_pairs(hands: AblationHands, count: int = 5) -> None:
    for here, there in pairs_of(hands)[:count]:
        hands.click_in("axial", here)
        hands.click_in("axial_completion", there)


def put_pairs(hands: AblationHands) -> None:
    pairs = pairs_of(hands)
    hands.state.day.pairs.set(tuple(Pair(tuple(here.tolist()), tuple(there.tolist())) for here, there in pairs))


def link_of(hands: AblationHands):
    return reviewed_link(hands.work.opened.case, hands.frame, DAY_FRAME)


def review_a_match(hands: AblationHands) -> None:
    """By landmarks alone: exact, and quick."""
    put_pairs(hands)
    hands.press(panel_of(hands).by_landmarks)
    hands.settle()
    hands.press(hands.window.case_page.day.dialog.go)
    hands.settle()


def test_that_a_computed_match_counts_only_after_a_person_confirmed_it(hands: AblationHands) -> None:
    panel = panel_of(hands)
    assert not panel.move_plan.isEnabled()
    hands.press(panel.match)
    hands.settle()
    dialog = hands.window.case_page.day.dialog
    assert dialog.isVisible()
    assert any("correlation" in text for text, _ in panel.content.match)
    assert any("error is not known" in text for text, _ in panel.content.match)
    assert link_of(hands) is None
    assert not panel.move_plan.isEnabled()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    assert link_of(hands) is None, "Enter confirms nothing"
    found = hands.window.case_page.day.matching.candidate.match.moving_lps_from_fixed
    assert np.linalg.norm(found.points(LESION) - hands.day_from_planning().points(LESION)) < 1.0
    hands.press(dialog.go)
    hands.settle()
    link = link_of(hands)
    assert link is not None
    assert link.reviewed_by == "Dr Fellow"
    assert link.residual_mm is None
    assert hands.session.answer("scan_today", "registration") == "images"
    assert panel.move_plan.isEnabled()
    hands.undo()
    assert link_of(hands) is None
    assert not panel.move_plan.isEnabled()


def test_that_places_clicked_in_both_scans_measure_the_error(hands: AblationHands) -> None:
    panel = panel_of(hands)
    hands.press(panel.mark)
    hands.settle()
    mark_pairs(hands, 4)
    assert len(panel.content.landmarks) == 4
    hands.press(panel.by_landmarks)
    hands.settle()
    match = hands.window.case_page.day.matching.candidate.match
    assert match.error is not None
    assert match.error.mean_mm < 3.0
    hands.press(hands.window.case_page.day.dialog.go)
    hands.settle()
    assert link_of(hands).landmarks == 4
    assert hands.session.answer("scan_today", "registration") == "landmarks"
    assert hands.session.answer("scan_today", "registration_error") == pytest.approx(match.error.mean_mm)
    assert hands.state.layout.value == "needle", "the stage's panes come back"


def test_that_a_landmark_of_one_scan_alone_does_not_count(hands: AblationHands) -> None:
    panel = panel_of(hands)
    hands.press(panel.mark)
    hands.settle()
    here, _ = pairs_of(hands)[0]
    hands.click_in("axial", here)
    assert panel.content.landmarks == ("Landmark 1: clicked in one scan",)
    assert hands.state.day.whole_pairs == ()
    assert not panel.by_landmarks.isEnabled()


def test_that_the_plan_moves_over_is_measured_there_and_read_out_from_there(hands: AblationHands) -> None:
    review_a_match(hands)
    card = hands.window.case_page.needles.panel
    assert "lanning picture" in card._content.needle.read_out_note
    hands.press(panel_of(hands).move_plan)
    hands.settle()
    item = hands.item("needle-1")
    body = needle_of(item)
    assert item.frame_uid == DAY_FRAME
    assert np.allclose(body.tip_lps_mm, hands.day_from_planning().points(TIP), atol=0.01)
    assert body.measured is not None
    assert body.measured.series == hands.session.series_roles["today"]
    assert hands.state.images.primary.grid.frame_uid == DAY_FRAME, "the panes show today's scan"
    assert card._content.needle.read_out_note == ""
    assert card._content.needle.read_out
    target = hands.window.case_page.margins.live.target
    assert target.frame_uid == DAY_FRAME
    mask = hands.window.desk.marks.mask(target.id)
    assert np.linalg.norm(mask.centroid_lps_mm() - hands.day_from_planning().points(LESION)) < 0.6
    hands.undo()
    back = hands.item("needle-1")
    assert back.frame_uid == hands.frame
    assert needle_of(back).tip_lps_mm == TIP


def zone_volume(hands: AblationHands) -> float:
    zones = [region_of(item) for item in hands.session.items if item.type == REGION]
    return sum(body.volume_ml or 0.0 for body in zones if body.structure == "ablation_zone")


def test_that_the_margin_achieved_has_no_number_without_an_error_and_one_with_it(hands: AblationHands) -> None:
    review_a_match(hands)
    hands.press(panel_of(hands).move_plan)
    hands.settle()
    hands.go("completion_scan")
    hands.settle()
    panel = panel_of(hands)
    assert hands.state.margins.shown.value is None, "what was planned is not what was achieved"
    hands.press(panel.click)
    hands.click_in("axial_completion", hands.day_from_planning().points(LESION))
    assert zone_volume(hands) == pytest.approx(4.0 / 3.0 * np.pi * ZONE_MM**3 / 1000.0, rel=0.12)
    hands.press(panel.measure)
    hands.settle()
    assert "not measurable" in panel.content.margin[0][1]
    assert hands.state.margins.shown.value is None
    put_pairs(hands)
    there = tuple(pair.moving_lps_mm for pair in hands.state.day.pairs.value)
    hands.state.day.pairs.set(tuple(Pair(place, place) for place in there))
    hands.press(panel.by_landmarks)
    hands.settle()
    hands.press(hands.window.case_page.day.dialog.go)
    hands.settle()
    hands.press(panel.measure)
    hands.settle()
    shown = hands.state.margins.shown.value
    assert shown.body.kind == ACHIEVED
    assert shown.frame_uid == DAY_FRAME
    assert shown.body.mean.minimum_mm == pytest.approx(ZONE_MM - 6.0, abs=1.2)
    assert "landmarks" in shown.body.registration_note
    hands.press(panel.put)
    hands.settle()
    stored = [body for _, body in margins_of(hands.session.items, ACHIEVED)]
    assert len(stored) == 1
    assert stored[0].registration_error_mm is not None
    hands.undo()
    assert not margins_of(hands.session.items, ACHIEVED)


def test_that_a_zone_is_clicked_on_the_completion_scan_only(hands: AblationHands) -> None:
    hands.go("completion_scan")
    hands.settle()
    hands.press(panel_of(hands).click)
    hands.click_in("axial", LESION)
    assert zone_volume(hands) == 0.0
    assert "completion scan" in hands.window.desk.kit.notice.value
