"""Vertebrae in the window of an open case: analysed, offered only when confirmed, turned, moved; undone in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel
from vertebra_shapes import Shape, points_of
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.library import open_library
from planner.app.templates import installed
from planner.imaging.masks import Mask
from planner.imaging.volumes import Label, LabelMap
from planner.model.items import RegionBody
from planner.model.needle_items import NeedlePathBody, VertebraPlanBody
from planner.model.people import Patient
from planner.store.actors import Actor
from planner.workflow.lifecycle import new_session
from viewers.panels.vertebra_panel import SINGLE
from viewers.panes.vertebra_views_pane import VertebraViewsPane
from viewers.state.marking import RegionTarget
from viewers.state.needles import shape_of
from viewers.state.vertebrae import ALL, NO_VERTEBRA, WALLS
from viewers.window.case_vertebra_work import CANCELLED, Kept
from viewers.window.case_vertebrae import STALE, CaseVertebrae

OTHER = Actor("Dr Other", "planner", "room-2")
SHAPE, LEVEL = Shape(), "vertebrae_L2"
CONFIRMED = {"level": [LEVEL], "counting_method": "top-down", "confirmed_by": "Dr Wu", "second_confirmer": "Dr Lin"}
_KEPT: dict[str, Kept] = {}
"""Analyses of this module's one mask, by what they stand on: the first test makes one, the others know it."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library with a session of vertebroplasty on the images of an analytic vertebra."""
    made = tmp_path_factory.mktemp("vertebra")
    image = made / "images" / "vertebra.nii.gz"
    image.parent.mkdir()
    write_volume(SHAPE.ct(1.5), image)
    library = open_library(str(made))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=Patient("T-1", "Test^Spine"))
    edit, _ = attach_series(empty, entry, confirmed=True)
    known = installed()
    case, _ = new_session(edit(empty), known.templates["vertebroplasty"], next(iter(known.profiles.values())))
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return made


@pytest.fixture(scope="module")
def opened(qapp: object, folder: Path) -> Iterator[Hands]:
    """One window for the whole module: opening a case takes longer than a test."""
    del qapp
    made = Hands(folder)
    made.window.library_page.table.setFocus()
    made.key(Qt.Key.Key_Return)
    made.settle()
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


@pytest.fixture
def hands(opened: Hands) -> Iterator[Hands]:
    """The stage Trajectory of a session in which nothing was done."""
    opened.go("trajectory")
    opened.settle()
    yield opened
    opened.window.desk.jobs.cancel_all()
    opened.settle()
    while opened.work.opened.document.undo():
        pass
    opened.window.desk.marks.layer.clear()
    state = opened.window.desk.state
    state.selected_id.set(None)
    state.vertebrae.level.set(None)
    state.vertebrae.picture.set(ALL)
    panel = vertebrae_of(opened).panel
    panel.way.setCurrentIndex(0)
    panel.say(None)
    vertebrae_of(opened).working.forget()
    opened.settle()


def vertebrae_of(hands: Hands) -> CaseVertebrae:
    return hands.window.case_page.vertebrae


def bodies(hands: Hands, kind: type) -> list:
    return [mark.body for mark in hands.window.desk.marks.marks.value if isinstance(mark.body, kind)]


def mask_of(hands: Hands) -> Mask:
    volume = hands.window.desk.state.images.primary
    assert volume is not None
    return Mask.of(volume.grid, SHAPE.inside(points_of(volume.grid)))


def mark(hands: Hands) -> None:
    volume = hands.window.desk.state.images.primary
    target = RegionTarget("Vertebra L2", structure=LEVEL)
    hands.window.desk.marks.host.put_region(mask_of(hands), volume.source, target, label="Mark", tool="label-map")
    hands.settle()


def analyse(hands: Hands) -> None:
    """By the button; what was measured once of this mask is known to the later tests."""
    vertebrae = vertebrae_of(hands)
    mark(hands)
    digest = vertebrae.working.digest(LEVEL)
    known = _KEPT.get(digest or "")
    if known is not None:
        vertebrae.working._kept[LEVEL] = known
        vertebrae._keep_analysis(known)
    else:
        hands.press(vertebrae.panel.analyse)
        hands.settle()
        _KEPT[digest or ""] = vertebrae.working.kept(LEVEL)
    rest(hands)


def rest(hands: Hands) -> None:
    """Until pictures and distances that follow from one another are there."""
    hands.settle()
    hands.until(lambda: not hands.window.desk.jobs.running and not vertebrae_of(hands).working.is_drawing, "pictures")
    hands.settle()


def confirm(hands: Hands, **other: object) -> None:
    for name, value in (CONFIRMED | other).items():
        assert hands.work.answer("level", name, value) is None
    hands.settle()


def offer(hands: Hands) -> None:
    hands.press(vertebrae_of(hands).panel.offer)
    rest(hands)


def words(hands: Hands) -> str:
    return " ".join(
        each.text() for each in vertebrae_of(hands).panel.findChildren(QLabel) if each.isVisibleTo(each.window())
    )


def pane(hands: Hands) -> VertebraViewsPane:
    found = hands.window.case_page.grid.frame("vertebra_views").pane
    assert isinstance(found, VertebraViewsPane)
    return found


def test_that_the_empty_pane_says_what_to_do_and_nothing_can_be_analysed(hands: Hands) -> None:
    assert pane(hands).vertebra is None
    assert hands.window.desk.state.vertebrae.message.value == NO_VERTEBRA
    assert not vertebrae_of(hands).panel.analyse.isEnabled()
    assert "No trajectory is offered" in words(hands)


def test_that_analysing_puts_measures_without_needles_into_the_plan_as_one_step(hands: Hands) -> None:
    analyse(hands)
    (body,) = bodies(hands, VertebraPlanBody)
    assert body.level == LEVEL
    assert body.centre_lps_mm == pytest.approx(SHAPE.centre, abs=1.5)
    assert not bodies(hands, NeedlePathBody)
    shown = pane(hands).vertebra
    assert [view.view.name for view in shown.views] == ["true-ap", "lateral"], "no bull's-eye before the confirmation"
    assert "not a safe limit; stop on fluoroscopy" in words(hands)
    assert hands.work.opened.document.undo()
    hands.settle()
    assert not bodies(hands, VertebraPlanBody)
    assert pane(hands).vertebra is None


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"second_confirmer": "dr  wu"}, "same person"),
        ({"second_confirmer": None}, "two people"),
        ({"counting_method": "automatic-label"}, "proposal"),
        ({"level": ["vertebrae_L3"]}, "confirmed is L3"),
    ],
)
def test_that_no_trajectory_is_offered_until_two_people_confirmed(hands: Hands, other: dict, why: str) -> None:
    analyse(hands)
    confirm(hands, **other)
    hands.window.desk.state.vertebrae.level.set(LEVEL)
    offer(hands)
    assert not bodies(hands, NeedlePathBody)
    assert "No trajectory is offered" in vertebrae_of(hands).panel.problem.text()
    assert why in vertebrae_of(hands).panel.problem.text()


def test_that_needles_of_a_confirmed_level_come_in_one_step_with_their_bulls_eyes(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    marks = [each for each in hands.window.desk.marks.marks.value if isinstance(each.body, NeedlePathBody)]
    assert [each.item.name for each in marks] == ["L2 left", "L2 right"]
    assert all(each.body.measured is not None for each in marks), "clearances belong to the same act"
    shown = pane(hands).vertebra
    assert [view.needle_id for view in shown.views] == [None, None, *(each.id for each in marks)]
    for view, each in zip(shown.views[2:], marks, strict=True):
        ends = view.c_arm.project(np.array([each.body.entry_lps_mm, each.body.tip_lps_mm]))
        assert np.linalg.norm(ends[0] - ends[1]) < 6.0, "seen end on"
    assert "Dr Wu and Dr Lin, counted from the top" in words(hands)
    hands.shortcut(Qt.Key.Key_Z)
    hands.settle()
    assert not bodies(hands, NeedlePathBody)


def test_that_a_single_needle_is_offered_only_where_one_reaches_the_midline(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    hands.pick(vertebrae_of(hands).panel.way, SINGLE)
    offer(hands)
    single = vertebrae_of(hands).working.kept(LEVEL).analysis.unipedicular
    if single is None:
        assert "offer both sides" in vertebrae_of(hands).panel.problem.text()
        assert not bodies(hands, NeedlePathBody)
    else:
        assert [each.pedicle.side for each in bodies(hands, NeedlePathBody)] == [single.side]


def test_that_another_posture_computes_every_angle_again_as_one_step(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    before = {view.title: view.view for view in pane(hands).vertebra.views}
    assert {view.posture for view in before.values()} == {"prone"}
    assert "is assumed" in words(hands)
    panel = vertebrae_of(hands).panel
    panel.posture.setFocus()
    QTest.keyClick(panel.posture, Qt.Key.Key_Up)
    rest(hands)
    after = {view.title: view for view in pane(hands).vertebra.views}
    assert {view.view.posture for view in after.values()} == {"supine"}
    assert after["True AP"].position_words == "patient supine, head first"
    turned = after["Bull's-eye · L2 left"].view
    assert turned.primary_deg == pytest.approx(before["Bull's-eye · L2 left"].primary_deg)
    assert turned.machine_primary_deg == pytest.approx(turned.primary_deg), "a supine patient shows his own angles"
    assert {each.posture for each in bodies(hands, NeedlePathBody)} == {"supine"}
    assert hands.work.opened.document.undo()
    hands.settle()
    assert {view.view.posture for view in pane(hands).vertebra.views} == {"prone"}
    assert hands.work.session_desk.session.answer("trajectory", "patient_position") is None


def test_that_a_moved_needle_is_measured_in_the_bone_again_in_the_same_step(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    first = next(each for each in hands.window.desk.marks.marks.value if each.item.name == "L2 left")
    moved = shape_of(first).shifted(np.array([9.0, 0.0, 0.0]))
    assert hands.window.case_page.needles.acts.keep(moved) is None
    rest(hands)
    now = hands.window.desk.marks.mark(first.id).body
    assert now.tip_lps_mm[0] == pytest.approx(first.body.tip_lps_mm[0] + 9.0)
    assert now.pedicle.wall_clearance_mm < first.body.pedicle.wall_clearance_mm - 3.0
    assert now.pedicle.breach
    assert "Leaves the bone" in words(hands)
    assert hands.work.opened.document.undo()
    assert hands.window.desk.marks.mark(first.id).body == first.body


def test_that_a_needle_moved_without_its_analysis_keeps_no_number_of_before(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    first = next(each for each in hands.window.desk.marks.marks.value if each.item.name == "L2 left")
    vertebrae_of(hands).working.forget()
    hands.window.case_page.needles.acts.keep(shape_of(first).shifted(np.array([9.0, 0.0, 0.0])))
    now = hands.window.desk.marks.mark(first.id).body.pedicle
    assert now.wall_clearance_mm is None
    assert now.breach is None
    assert now.level == LEVEL


def test_that_what_was_cancelled_does_not_begin_again_by_itself(hands: Hands) -> None:
    analyse(hands)
    vertebrae = vertebrae_of(hands)
    vertebrae.working.forget()
    vertebrae.refresh()
    assert [job.title for job in hands.window.desk.jobs.running] == ["Measuring L2"], "its pictures are wanted"
    hands.window.desk.jobs.cancel_all()
    hands.settle()
    vertebrae.refresh()
    assert not hands.window.desk.jobs.running
    assert hands.window.desk.state.vertebrae.message.value == CANCELLED
    assert vertebrae.panel.analyse.isEnabled()


def test_that_another_mask_makes_the_numbers_stale(hands: Hands) -> None:
    analyse(hands)
    region = next(each for each in hands.window.desk.marks.marks.value if isinstance(each.body, RegionBody))
    volume = hands.window.desk.state.images.primary
    smaller = Mask.of(volume.grid, mask_of(hands).full() & (points_of(volume.grid)[..., 2] < SHAPE.centre[2] + 8.0))
    target = RegionTarget("Vertebra L2", item_id=region.id, structure=LEVEL)
    hands.window.desk.marks.host.put_region(smaller, volume.source, target, label="Paint", tool="brush")
    hands.settle()
    assert STALE in words(hands)
    assert pane(hands).vertebra is None
    assert "analyse again" in hands.window.desk.state.vertebrae.message.value


def test_that_the_planes_turn_along_the_vertebra_and_back(hands: Hands) -> None:
    analyse(hands)
    (body,) = bodies(hands, VertebraPlanBody)
    state, panel = hands.window.desk.state, vertebrae_of(hands).panel
    frame = state.images.primary.grid.frame_uid
    hands.press(panel.align)
    axial = state.plane(frame, "axial")
    assert np.abs(axial.normal_lps @ np.asarray(body.superior_lps)) == pytest.approx(1.0)
    assert state.cursor_lps_mm(frame) == pytest.approx(body.centre_lps_mm)
    hands.press(panel.align)
    assert not state.is_oblique(frame)


def test_that_a_label_without_name_is_taken_as_the_level_a_person_chose(hands: Hands) -> None:
    mask = mask_of(hands)
    labels = LabelMap(mask.full().astype(np.uint8) * 21, mask.grid, {21: Label(21, "label 21")})
    hands.window.desk.marks.layer.put_label_map("vertebrae", labels)
    vertebrae = vertebrae_of(hands)
    vertebrae.choose_level(LEVEL)
    hands.settle()
    assert "in a label map" in words(hands)
    hands.press(vertebrae.panel.label)
    rest(hands)
    (region,) = bodies(hands, RegionBody)
    assert region.structure == LEVEL
    assert region.volume_ml == pytest.approx(mask.volume_ml)
    hands.press(vertebrae.panel.label)
    rest(hands)
    assert len(bodies(hands, RegionBody)) == 1, "a level has one region"


def test_that_pictures_show_pedicles_needles_and_missing_cortex_and_a_click_enlarges_one(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    views = pane(hands)
    state = hands.window.desk.state
    assert {"#56b4e9", "#f5a3d0", "#e69f00"} <= colours(views), "pedicles, needles, and that it is simulated"
    tile = next(each for each in views.tiles if each.key == "lateral")
    QTest.mouseClick(views, Qt.MouseButton.LeftButton, pos=tile.square.center().toPoint())
    assert state.vertebrae.picture.value == "lateral"
    assert len(views.tiles) == 1
    QTest.keyClick(views, Qt.Key.Key_Escape)
    assert state.vertebrae.picture.value == ALL
    QTest.keyClick(views, Qt.Key.Key_Left)
    assert state.vertebrae.picture.value == WALLS


def test_that_a_needle_under_the_hand_moves_in_the_pictures(hands: Hands) -> None:
    analyse(hands)
    confirm(hands)
    offer(hands)
    first = next(each for each in hands.window.desk.marks.marks.value if each.item.name == "L2 left")
    before = pane(hands).grab().toImage()
    hands.window.desk.state.needles.draft.set(shape_of(first).shifted(np.array([6.0, 0.0, 0.0])))
    hands.turn()
    assert pane(hands).grab().toImage() != before
    hands.window.desk.state.needles.draft.set(None)
    hands.turn()
    assert pane(hands).grab().toImage() == before


def colours(views: VertebraViewsPane) -> set[str]:
    image = views.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    pixels = np.frombuffer(image.constBits(), dtype=np.uint32) & 0xFFFFFF
    return {f"#{value:06x}" for value in np.unique(pixels)}
