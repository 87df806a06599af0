"""Two dates of a case in the window: a quiet offer, the match as a job, its review by a person, then the comparison."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ablation_bench import BALLS, OTHER, middle_grid, points_of, scene
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.frame_links import linked_frames
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.errors import Cancelled
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.displacement import DisplacementField, PointMap
from planner.jobs import Context
from planner.model.people import Patient
from viewers.state.compare import COMPARE_LANDMARK, Change, LandmarkPair, Linked
from viewers.window.case_compare import CaseCompare

SHIFT = np.array([9.0, -5.0, 6.0])
TURN_DEG = 4.0
DAYS = date(2025, 1, 10), date(2025, 4, 3)


def earlier_from_later(points: np.ndarray) -> np.ndarray:
    """How the patient lay otherwise before."""
    angle = np.radians(TURN_DEG)
    turn = np.eye(3)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return points @ turn.T + SHIFT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with one case of two studies in two frames of reference."""
    made = tmp_path_factory.mktemp("compare")
    (made / "images").mkdir()
    grid = middle_grid("1.2.3")
    homogeneous = grid.lps_from_kji.homogeneous.copy()
    turn = np.stack([earlier_from_later(axis) - SHIFT for axis in np.eye(3)], axis=1)
    homogeneous[:3, :3] = turn @ homogeneous[:3, :3]
    homogeneous[:3, 3] = earlier_from_later(homogeneous[:3, 3])
    before = Grid(grid.size_kji, SpaceMap(lps("1.2.3"), "kji", homogeneous), "1.2.3")
    files = []
    for number, (placed, name) in enumerate(((before, "before"), (grid, "after"))):
        source = ImageSource(f"1.2.840.{number}", modality="CT", patient_id="T-1", patient_name="Test^Ball", unit="HU")
        files.append(made / "images" / f"{name}.nii.gz")
        write_volume(Volume(scene(points_of(grid)), placed, source), files[-1])
    library = open_library(str(made))
    entries = [scan([each]).series[0] for each in files]
    case = case_from_series(entries[0], patient=Patient("T-1", "Test^Ball"), simulated=True)
    for entry, day in zip(entries, DAYS, strict=True):
        edit, _ = attach_series(case, entry, confirmed=True, taken_on=day)
        case = edit(case)
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return made


class CompareHands(Hands):
    """Hands on the open case."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.window.library_page.table.setFocus()
        self.key(Qt.Key.Key_Return)
        self.settle()

    @property
    def part(self) -> CaseCompare:
        return self.window.case_page.compare

    @property
    def state(self):
        return self.window.desk.state

    @property
    def frames(self) -> tuple[str, str]:
        """Of the new and of the earlier study."""
        volumes = self.part.matching.volumes()
        assert volumes is not None
        return volumes[0].grid.frame_uid, volumes[1].grid.frame_uid

    def compare(self) -> None:
        self.key(Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
        self.settle()

    def put_landmarks(self, count: int = 5) -> None:
        places = [np.array(centre) for centre, _, _ in BALLS][:count]
        there = [earlier_from_later(each) for each in places]
        pairs = [LandmarkPair(tuple(a.tolist()), tuple(b.tolist())) for a, b in zip(places, there, strict=True)]
        self.state.compare.landmarks.set(tuple(pairs))
        self.settle()

    def match_by_landmarks(self) -> None:
        """Exact, and quick."""
        self.put_landmarks()
        self.pick(self.part.panel.model, "landmarks")
        self.press(self.part.panel.match)
        self.settle()

    def leave(self) -> None:
        self.work.abandon()
        self.window.work = None
        self.close()


@pytest.fixture
def hands(qapp: QApplication, folder: Path) -> Iterator[CompareHands]:
    made = CompareHands(folder)
    yield made
    made.leave()


def words(hands: CompareHands) -> str:
    return " ".join(text for text, _ in hands.part.panel.content.link)


def quality(hands: CompareHands) -> str:
    return " ".join(text for text, _ in hands.part.panel.content.quality)


def test_that_a_study_without_a_link_is_offered_quietly_and_may_be_put_off(hands: CompareHands) -> None:
    offer = hands.part.offer
    assert offer.isVisible()
    assert DAYS[1].isoformat() in offer.words.text()
    hands.press(offer.not_now)
    assert not offer.isVisible()


def test_that_ctrl_k_shows_the_earlier_study_left_and_the_new_one_right_not_linked(hands: CompareHands) -> None:
    hands.compare()
    pair = hands.state.compare.pair.value
    dates = {f"{ref.series_uid}#{ref.part}": ref.study_date for ref in hands.work.opened.case.studies}
    assert (dates[pair.earlier], dates[pair.later]) == DAYS
    assert hands.part.panel.isVisible()
    assert not hands.window.case_page.no_session.isVisible()
    assert "not linked" in words(hands)
    before = hands.state.cursor_lps_mm(hands.frames[1])
    hands.state.move_cursor(hands.frames[0], (3.0, 3.0, 3.0))
    assert hands.state.cursor_lps_mm(hands.frames[1]) == before
    assert not hands.part.panel.compute.isVisible(), "nothing is compared before a review"
    hands.press(hands.part.panel.close_button)
    assert not hands.part.panel.isVisible()
    assert hands.state.layout.value == "mpr"


def test_that_a_match_counts_only_after_a_named_person_accepted_it(hands: CompareHands) -> None:
    hands.compare()
    hands.match_by_landmarks()
    case = hands.work.opened.case
    assert len(case.links) == 1
    assert not case.links[0].is_reviewed
    assert hands.state.layout.value == "compare_fused", "it is looked at over each other"
    assert linked_frames(case, *hands.frames) is None
    assert hands.state.compare.link is None
    assert "waits for your review" in words(hands)
    QTest.keyClick(hands.part.panel, Qt.Key.Key_Return)
    assert not hands.work.opened.case.links[0].is_reviewed, "Enter accepts nothing"
    hands.press(hands.part.panel.accept)
    hands.settle()
    link = hands.work.opened.case.links[0]
    assert link.reviewed_by == "Dr Fellow"
    place = np.array([4.0, -6.0, 8.0])
    hands.state.move_cursor(hands.frames[0], place)
    there = np.array(hands.state.cursor_lps_mm(hands.frames[1]))
    assert np.linalg.norm(there - earlier_from_later(place)) < 0.5
    hands.window.undo()
    hands.settle()
    assert hands.state.compare.link is None, "taken back, nothing is linked"


def test_that_a_rejected_match_leaves_nothing_behind(hands: CompareHands) -> None:
    hands.compare()
    hands.match_by_landmarks()
    hands.press(hands.part.panel.reject)
    hands.settle()
    assert hands.work.opened.case.links == ()
    assert hands.state.compare.fused is None
    assert "not linked" in words(hands)


def quick_register(later: Volume, earlier: Volume, **given: object) -> SimpleNamespace:
    """Stands for the registration, which has tests of its own: the truth, a millimetre off."""
    turn = np.stack([earlier_from_later(axis) - SHIFT for axis in np.eye(3)], axis=1)
    homogeneous = np.eye(4)
    homogeneous[:3, :3], homogeneous[:3, 3] = turn, SHIFT + (1.0, 0.0, 0.0)
    ends = lps(earlier.grid.frame_uid), lps(later.grid.frame_uid)
    assert not given.get("check_inverse"), "what can be looked at first comes first"
    return SimpleNamespace(
        point_map=PointMap(SpaceMap(*ends, homogeneous)),
        similarity=0.93,
        inverse_consistency_mm=None,
        jacobian_minimum=1.0,
        folded_fraction=0.0,
        organ_dice=None,
        seconds=2.0,
        left_out=("lipiodol",),
        notes=(),
        organ="body",
    )


def test_that_studies_are_matched_as_a_job_and_what_is_not_measured_says_so(
    hands: CompareHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("planner.imaging.registration.register", quick_register)
    monkeypatch.setattr("planner.imaging.registration.measured_inverse_mm", lambda *given, **more: 0.4)
    hands.compare()
    hands.pick(hands.part.panel.organ, "body")
    hands.pick(hands.part.panel.model, "rigid")
    enabled: list[bool] = []
    leave = hands.window.desk.jobs.started.connect(lambda job: hands.window.desk.post(is_enabled))

    def is_enabled() -> None:
        enabled.append(hands.part.panel.match.isEnabled())

    hands.press(hands.part.panel.match)
    hands.settle()
    leave()
    assert enabled[0] is False, "one match at a time, in the background"
    link = hands.part.matching.waiting
    assert link is not None, hands.window.jobs.message.text()
    assert link.quality is not None
    assert link.quality.model == "rigid"
    assert "landmark error: not measured" in quality(hands)
    assert "0.40 mm there and back" in quality(hands)
    assert "overlap of the organ: not measured" in quality(hands)
    assert "left out of the match: lipiodol" in quality(hands)
    hands.put_landmarks()
    assert "error at 5 landmarks" in quality(hands)
    hands.press(hands.part.panel.accept)
    hands.settle()
    kept = hands.work.opened.case.links[0]
    assert kept.landmarks == 5
    assert kept.quality.landmark_after_mm[0] == pytest.approx(1.0, abs=0.01)
    assert kept.quality.landmark_before_mm[0] > 5.0


def test_that_a_match_is_accepted_while_there_and_back_is_measured_and_the_number_comes_later(
    hands: CompareHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def slow(*given: object, context: Context, **more: object) -> float:
        go_on.wait(20.0)
        context.step(0.9)
        return 0.4

    monkeypatch.setattr("planner.imaging.registration.register", quick_register)
    monkeypatch.setattr("planner.imaging.registration.measured_inverse_mm", slow)
    hands.compare()
    hands.press(hands.part.panel.match)
    try:
        hands.until(lambda: hands.part.panel.content.quality, "the review")
        assert "inverse consistency: being measured" in quality(hands)
        hands.press(hands.part.panel.accept)
        assert hands.work.opened.case.links[0].quality.inverse_consistency_mm is None
    finally:
        go_on.set()
    hands.settle()
    link = hands.work.opened.case.links[0]
    assert link.quality.inverse_consistency_mm == 0.4
    assert link.reviewed_by == "Dr Fellow", "the number takes no review back"


def test_that_a_cancelled_measurement_there_and_back_is_called_not_measured(
    hands: CompareHands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, **more: object) -> float:
        raise Cancelled("cancelled by the operator")

    monkeypatch.setattr("planner.imaging.registration.register", quick_register)
    monkeypatch.setattr("planner.imaging.registration.measured_inverse_mm", stopped)
    hands.compare()
    hands.press(hands.part.panel.match)
    hands.settle()
    assert "inverse consistency: not measured" in quality(hands)
    hands.press(hands.part.panel.accept)
    hands.settle()
    assert hands.work.opened.case.links[0].is_reviewed


def test_that_a_bent_study_is_shown_coarse_first_and_then_whole(hands: CompareHands) -> None:
    hands.compare()
    hands.match_by_landmarks()
    linked = hands.state.compare.linked.value
    grid = hands.part.matching.volumes()[0].grid
    around = Grid.of((4, 4, 4), spacing_kji_mm=(20.0, 20.0, 20.0), frame_uid=grid.frame_uid)
    field = DisplacementField(around, np.zeros((4, 4, 4, 3), dtype=np.float32))
    shown: list[tuple[bool, tuple[int, int, int]]] = []
    leave = hands.state.compare.warped.changed.connect(
        lambda made: shown.append((made.rough, made.volume.grid.size_kji)) if made is not None else None
    )
    bent = PointMap(linked.link_map.moving_from_fixed, field)
    hands.state.compare.linked.set(Linked(bent, False, "bent", "waits"))
    hands.settle()
    leave()
    assert [rough for rough, _ in shown] == [True, False]
    assert shown[1][1] == grid.size_kji
    assert shown[0][1] == tuple((size + 1) // 2 for size in grid.size_kji)


def test_that_a_cancelled_match_leaves_no_link(hands: CompareHands) -> None:
    hands.compare()
    hands.press(hands.part.panel.match)
    hands.window.desk.jobs.cancel_all()
    hands.settle()
    assert hands.work.opened.case.links == ()
    assert hands.part.panel.match.isEnabled()


def test_that_landmarks_are_placed_by_clicks_in_both_panes(hands: CompareHands) -> None:
    hands.compare()
    hands.press(hands.part.panel.mark)
    assert hands.state.active_tool.value == COMPARE_LANDMARK
    for pane_id in ("compare_axial_later", "compare_axial_earlier"):
        pane = hands.window.case_page.grid.frame(pane_id).pane
        QTest.mouseClick(pane, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, pane.rect().center())
        hands.turn()
    assert len(hands.part.panel.content.landmarks) == 1
    assert len(hands.state.compare.whole_landmarks()[0]) == 1


def test_that_the_earlier_study_lies_over_the_new_one_without_being_resampled_by_a_rigid_link(
    hands: CompareHands,
) -> None:
    hands.compare()
    hands.match_by_landmarks()
    fused = hands.state.compare.fused
    assert fused is not None
    volumes = hands.part.matching.volumes()
    assert fused.volume.voxels is volumes[1].voxels
    for centre, _, value in BALLS:
        assert fused.volume.nearest(centre) == value


def test_that_what_changed_is_looked_for_across_a_reviewed_link_only(hands: CompareHands) -> None:
    hands.compare()
    assert hands.part.maps.compute() is not None
    hands.match_by_landmarks()
    assert hands.part.maps.compute() is not None
    hands.press(hands.part.panel.accept)
    hands.settle()
    hands.press(hands.part.panel.compute)
    hands.settle()
    assert hands.part.maps.is_computed
    assert "No lesion is marked" in " ".join(hands.part.panel.content.notes)


def test_that_dates_are_compared_by_what_a_timeline_names(hands: CompareHands) -> None:
    early, late = sorted(hands.work.opened.case.studies, key=lambda each: each.study_date)
    hands.window.case_page.compare_studies(late.series_uid, early.series_uid)
    hands.settle()
    pair = hands.state.compare.pair.value
    assert pair.earlier.startswith(early.series_uid), "the older study is the earlier one"
    hands.window.case_page.compare_studies(early.series_uid, "1.2.3.4")
    assert "no images" in hands.window.jobs.message.text()


def test_that_a_click_on_what_changed_goes_there_in_both_studies(hands: CompareHands) -> None:
    hands.compare()
    hands.match_by_landmarks()
    hands.press(hands.part.panel.accept)
    hands.settle()
    place = (12.0, 16.0, -12.0)
    changes = (
        Change("grown", "Lesion 1", "10 to 14 mm (4 mm; more than drawing); sure", place),
        Change("vanished", "Lesion 2", "gone", None),
    )
    hands.state.compare.changes.set(changes)
    hands.settle()
    lines = hands.part.panel.changes.lines
    assert [each.text().split(":")[0] for each in lines] == ["▲ grown", "○ vanished"]
    assert lines[0].text().endswith("(4 mm; more than drawing)"), "details stand in the tip"
    assert "not on the new images" in lines[1].text()
    QTest.mouseClick(lines[0], Qt.MouseButton.LeftButton)
    assert hands.state.cursor_lps_mm(hands.frames[0]) == place
    there = np.array(hands.state.cursor_lps_mm(hands.frames[1]))
    assert np.linalg.norm(there - earlier_from_later(np.array(place))) < 0.5
