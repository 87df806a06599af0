"""Runs linked with the CT in the window: landmarks, review, rays, points, the projected plan; by pointer and keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from ct_run_case import films, run_case_folder, shadow, true_places
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from run_bench import RunBench, simulated_run
from window_hands import LEFT, PERSON, Hands

from planner.geometry import Grid
from planner.geometry.c_arm import CArm, DetectorSpacing, TwoViewPoint
from planner.imaging.masks import Mask
from planner.model.items import VESSEL_PATH, VesselPathBody
from planner.model.links import FrameLink
from planner.phantom.angiography import ISOCENTRE_LPS_MM
from planner.planning.frame_linking import NotLinked
from viewers.panels.link_dialog import LinkDialog
from viewers.panes.run_ct_card import RunRayCard
from viewers.panes.run_frame import RunFrame
from viewers.panes.run_pane import RunPane
from viewers.scene.run_ct_projection import Projection, ray_in, silhouette
from viewers.scene.run_ct_scene3d import tubes_of_rays
from viewers.state.run_ct_link import NO_GEOMETRY, NOT_LINKED
from viewers.state.view_state import as_point

CONTROL, NONE = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
DSA, OTHER_DSA = "dsa", "dsa_other"


@pytest.fixture(scope="module")
def window(qapp: QApplication, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    library, _ = run_case_folder(tmp_path_factory)
    hands = Hands(library)
    hands.window.library_page.table.setFocus()
    hands.key(Qt.Key.Key_Return)
    hands.window.desk.state.layout.set("dsa_two_ct")
    hands.window.desk.state.runs.pane(DSA).run.set(key_of(hands, "Front"))
    hands.window.desk.state.runs.pane(OTHER_DSA).run.set(key_of(hands, "Oblique"))
    settle(hands)
    yield hands
    hands.work.abandon()
    hands.window.work = None
    hands.close()


@pytest.fixture
def hands(window: Hands) -> Hands:
    """The same window each time as it was at first."""
    document = window.work.opened.document
    while document.undo_label is not None:
        document.undo()
    state = window.window.desk.state.run_ct
    for landmark in state.landmarks.value:
        state.remove_landmark(landmark.id)
    state.preview(None)
    state.tool.set("none")
    state.rays.set(())
    state.projected.set(True)
    settle(window)
    return window


def key_of(hands: Hands, description: str) -> str:
    return next(line.key for line in hands.window.desk.state.runs.lines if line.source.description == description)


def pane(hands: Hands, pane_id: str) -> RunPane:
    frame = hands.window.case_page.grid.frame(pane_id)
    assert isinstance(frame, RunFrame)
    return frame.picture


def settle(hands: Hands) -> None:
    hands.settle()
    shown = [each for each in hands.window.case_page.grid.frames if isinstance(each, RunFrame) and each.isVisible()]
    hands.until(lambda: all(each.picture.run is not None and each.picture.is_settled for each in shown), "the runs")


def click_run(hands: Hands, pane_id: str, xy: tuple[float, float], held: Qt.KeyboardModifier = NONE) -> None:
    picture = pane(hands, pane_id)
    view = picture.view()
    assert view is not None
    across, down = view.screen_of(*xy)
    QTest.mouseClick(picture, LEFT, held, QPoint(round(across), round(down)))
    hands.turn()
    picture.grab()


def ct_frame(hands: Hands) -> str:
    frame = hands.window.desk.state.run_ct.ct_frame
    assert frame is not None
    return frame


def open_dialog(hands: Hands) -> LinkDialog:
    frame = hands.window.case_page.grid.frame(DSA)
    assert isinstance(frame, RunFrame)
    frame.ct_menu.fill()
    next(each for each in frame.ct_menu.menu.actions() if each.text() == "Link with CT…").trigger()
    settle(hands)
    dialog = hands.window.dialogs.links.dialog
    assert dialog is not None
    return dialog


def mark(hands: Hands, dialog: LinkDialog, lps_mm: np.ndarray, *, views: tuple[int, ...] = (0, 1)) -> None:
    """Put the crosshair on a place, add it, and click its shadow in each view."""
    hands.click_at("axial", lps_mm)
    hands.window.desk.state.move_cursor(ct_frame(hands), lps_mm)
    hands.press(dialog.add)
    for view in views:
        click_run(hands, (DSA, OTHER_DSA)[view], shadow(films()[view], lps_mm))


def words(hands: Hands, pane_id: str = DSA) -> str:
    frame = hands.window.case_page.grid.frame(pane_id)
    assert isinstance(frame, RunFrame)
    return " ".join(frame.ct_layer.content().words)


def link_truly(hands: Hands) -> FrameLink:
    """The reviewed link that the truth gives."""
    arm = pane(hands, DSA).run.c_arm(0)
    lps_from_lps = np.eye(4)
    lps_from_lps[:3, 3] = ISOCENTRE_LPS_MM
    link = FrameLink(
        "link-true", arm.frame_uid, ct_frame(hands), tuple(lps_from_lps.ravel().tolist()), "landmarks", 0.31, 8
    )
    state = hands.window.desk.state.run_ct
    state.preview(link)
    for pane_id in (DSA, OTHER_DSA):
        pane(hands, pane_id).grab()
    assert hands.window.dialogs.links.use_candidate() is None
    hands.turn()
    return link


def test_that_landmarks_link_the_runs_within_a_millimetre_and_only_after_review(hands: Hands) -> None:
    dialog, state = open_dialog(hands), hands.window.desk.state.run_ct
    for place in true_places():
        mark(hands, dialog, place)
    assert "Residual" in dialog.result.text()
    assert dialog.table.rowCount() == len(true_places())
    assert "px" in dialog.table.item(0, 2).text()
    assert words(hands).startswith("PREVIEW")
    click_run(hands, DSA, (120.0, 120.0), CONTROL)
    assert state.rays.value == ()
    assert hands.work.opened.case.links == ()
    hands.press(dialog.use)
    (link,) = hands.work.opened.case.links
    assert link.reviewed_by == PERSON.user
    assert link.reviewed_at is not None
    placed = np.asarray(link.to_lps_from_lps).reshape(4, 4)[:3, 3]
    assert np.linalg.norm(placed - ISOCENTRE_LPS_MM) < 1.0
    assert f"residual {link.residual_mm:.2f} mm" in words(hands)
    assert "px)" in words(hands)
    dialog.close()
    hands.shortcut(Qt.Key.Key_Z)
    assert words(hands) == NOT_LINKED


def test_that_nothing_is_used_before_every_view_was_looked_at(hands: Hands) -> None:
    dialog = open_dialog(hands)
    state = hands.window.desk.state.run_ct
    for place in true_places()[:2]:
        mark(hands, dialog, place)
    state.seen.set(frozenset({key_of(hands, "Front")}))
    assert not dialog.use.isEnabled()
    assert "Oblique" in dialog.unseen.text()
    pane(hands, OTHER_DSA).grab()
    assert dialog.use.isEnabled()
    dialog.close()


def test_that_one_view_says_what_to_add(hands: Hands) -> None:
    dialog = open_dialog(hands)
    mark(hands, dialog, true_places()[0], views=(0,))
    assert "depth" in dialog.result.text()
    assert "another angle" in dialog.result.text()
    assert not dialog.use.isEnabled()
    assert words(hands) == NOT_LINKED
    dialog.close()


def test_that_a_removed_landmark_can_be_put_back_and_a_click_made_anew(hands: Hands) -> None:
    dialog, state = open_dialog(hands), hands.window.desk.state.run_ct
    mark(hands, dialog, true_places()[0], views=(0,))
    dialog.table.selectRow(0)
    hands.press(dialog.remove)
    assert state.landmarks.value == ()
    hands.press(dialog.back)
    (landmark,) = state.landmarks.value
    state.choose(landmark.id)
    click_run(hands, DSA, (100.0, 90.0))
    (seen,) = state.landmarks.value[0].shadows
    assert seen.xy == pytest.approx((100.0, 90.0), abs=0.6)
    dialog.close()


def test_that_a_link_can_be_taken_back_and_removed(hands: Hands) -> None:
    link_truly(hands)
    dialog = open_dialog(hands)
    hands.press(hands.button(dialog, "Take the review back"))
    assert "not reviewed" in words(hands)
    hands.press(hands.button(dialog, "Unlink"))
    assert hands.work.opened.case.links == ()
    assert words(hands) == NOT_LINKED
    dialog.close()


def test_that_a_click_without_a_reviewed_link_publishes_nothing_and_says_why(hands: Hands) -> None:
    before = hands.window.desk.state.cursor_lps_mm(ct_frame(hands))
    click_run(hands, DSA, (120.0, 120.0), CONTROL)
    assert hands.window.desk.state.run_ct.rays.value == ()
    assert hands.window.desk.state.cursor_lps_mm(ct_frame(hands)) == before
    assert "ot linked" in hands.window.jobs.message.text()
    assert hands.pane("axial").scene().ct is None


def test_that_a_ray_passes_the_vessel_and_is_drawn_in_the_ct(hands: Hands) -> None:
    link_truly(hands)
    place = true_places()[0]
    hands.window.desk.state.move_cursor(ct_frame(hands), place)
    settle(hands)
    before = hands.pane("axial").grab().toImage()
    click_run(hands, DSA, shadow(films()[0], place), CONTROL)
    (shown,) = hands.window.desk.state.run_ct.rays.value
    assert shown.ray.frame_uid == ct_frame(hands)
    assert shown.ray.distance_mm(place) < 1.5
    assert hands.pane("axial").grab().toImage() != before
    volume = hands.window.desk.state.images.primary
    (tube,) = tubes_of_rays(hands.window.desk.state.run_ct, volume.grid)
    along = np.cross(tube.points_lps_mm[1] - tube.points_lps_mm[0], place - tube.points_lps_mm[0])
    assert np.linalg.norm(along) / np.linalg.norm(tube.points_lps_mm[1] - tube.points_lps_mm[0]) < 1.5


def test_that_two_views_give_the_point_and_the_cursor_goes_there(hands: Hands) -> None:
    link_truly(hands)
    place, state = true_places()[1], hands.window.desk.state
    click_run(hands, DSA, shadow(films()[0], place), CONTROL)
    card = card_of(hands, DSA)
    assert "another angle" in card.text.text()
    assert not card.go.isVisible()
    click_run(hands, OTHER_DSA, shadow(films()[1], place), CONTROL)
    card = card_of(hands, OTHER_DSA)
    point = state.run_ct.point()
    assert isinstance(point, TwoViewPoint)
    assert np.linalg.norm(np.asarray(point.lps_mm) - place) < 1.5
    assert point.gap_mm < 1.5
    assert f"gap {point.gap_mm:.1f} mm" in card.text.text()
    hands.press(card.go)
    assert state.cursor_lps_mm(ct_frame(hands)) == pytest.approx(point.lps_mm)
    hands.press(card.away)
    assert state.run_ct.rays.value == ()
    assert not card.isVisible()


def test_that_undoing_the_review_takes_the_rays_away(hands: Hands) -> None:
    link_truly(hands)
    click_run(hands, DSA, shadow(films()[0], true_places()[0]), CONTROL)
    hands.work.opened.document.undo()
    hands.turn()
    assert hands.window.desk.state.run_ct.rays.value == ()


def test_that_the_crosshair_of_the_ct_is_shown_on_linked_runs(hands: Hands) -> None:
    link_truly(hands)
    frame = hands.window.case_page.grid.frame(OTHER_DSA)
    for place in true_places()[:2]:
        hands.click_at("coronal", place)
        at = hands.window.desk.state.cursor_lps_mm(ct_frame(hands))
        assert frame.ct_layer.content().cursor_xy == pytest.approx(shadow(films()[1], np.asarray(at)), abs=0.05)


def card_of(hands: Hands, pane_id: str) -> RunRayCard:
    return next(each for each in pane(hands, pane_id).children() if isinstance(each, RunRayCard))


def put_path(hands: Hands) -> None:
    points = np.asarray(sorted(true_places(), key=lambda each: float(each[0])))
    body = VesselPathBody(tuple(as_point(each) for each in points))
    host, volume = hands.window.desk.marks.host, hands.window.desk.state.images.primary
    host.put_item(
        VESSEL_PATH,
        body,
        name="To segment 7",
        frame_uid=ct_frame(hands),
        source=volume.source,
        label="Path",
        tool="path",
    )
    hands.turn()


def test_that_vessel_paths_are_projected_and_p_takes_them_away(hands: Hands) -> None:
    link_truly(hands)
    put_path(hands)
    frame = hands.window.case_page.grid.frame(DSA)
    (path,) = frame.ct_layer.content().paths
    points = np.asarray(sorted(true_places(), key=lambda each: float(each[0])))
    assert path.xy == pytest.approx(films()[0].truth.c_arm.project(points), abs=0.05)
    assert "projected from CT of 2025-06-03, breathing not corrected, residual 0.31 mm" in words(hands)
    shown = frame.picture.grab().toImage()
    QTest.keyClick(frame.picture, Qt.Key.Key_P)
    hands.turn()
    assert frame.ct_layer.content().paths == ()
    assert "projected" not in words(hands)
    assert frame.picture.grab().toImage() != shown


def test_that_a_run_without_geometry_says_so(qapp: QApplication) -> None:
    bench = RunBench(simulated_run())
    try:
        said: list[str] = []
        bench.desk.state.run_ct.said.connect(said.append)
        assert bench.frame.ct_layer.content().words == (NO_GEOMETRY,)
        QTest.mouseClick(bench.pane, LEFT, CONTROL, bench.at(60.0, 60.0))
        assert bench.desk.state.run_ct.rays.value == ()
        assert "geometry" in said[0]
        found = bench.desk.state.run_ct.put_shadow(bench.pane.run, 0, (60.0, 60.0))
        assert isinstance(found, NotLinked)
    finally:
        bench.close()


def test_that_the_outline_of_a_ball_is_the_ellipse_it_throws() -> None:
    """At the isocentre a ball is seen as a circle, magnified; its voxels reach up to half their side further out."""
    grid = Grid.of((60, 60, 60), origin_lps_mm=(-29.5, -29.5, -29.5), spacing_kji_mm=(1.0, 1.0, 1.0), frame_uid="1.2")
    index = np.stack(np.meshgrid(*[np.arange(60)] * 3, indexing="ij"), axis=-1)
    mask = Mask.of(grid, np.linalg.norm(grid.lps_from_kji.points(index), axis=-1) <= 20.0)
    arm = CArm(25.0, 10.0, 1200.0, 800.0, DetectorSpacing(0.5, 0.5), (127.5, 127.5), "1.9")
    link = FrameLink("link", "1.9", "1.2", tuple(np.eye(4).ravel().tolist()), "landmarks", reviewed_by="Dr A")
    pieces = silhouette(mask, Projection(arm, link, (256, 256), False))
    radius = np.hypot(*(pieces.reshape(-1, 2) - 127.5).T)
    assert radius.mean() == pytest.approx(20.0 * 1.5 / 0.5, abs=1.5)
    assert radius.min() > 58.5
    assert radius.max() < 63.0


def test_that_a_ray_is_cut_to_the_box_of_the_ct() -> None:
    grid = Grid.of((11, 11, 11), spacing_kji_mm=(1.0, 1.0, 1.0), frame_uid="1.2")
    arm = CArm(0.0, 0.0, 1200.0, 800.0, DetectorSpacing(0.5, 0.5), (0.0, 0.0), "1.2", (5.0, 5.0, 5.0))
    ends = ray_in(arm.ray(0.0, 0.0), grid)
    assert ends is not None
    low, high = grid.bounds_lps_mm
    assert sorted(ends[:, 1]) == pytest.approx([low[1], high[1]])
    assert ray_in(arm.ray(400.0, 0.0), grid) is None
