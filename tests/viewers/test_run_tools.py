"""Measuring on runs by pointer and keys: what is kept in the session, what it stands on, moved, undone, reopened."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from cylinders import Line, chord, run_of, transmitted
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from run_bench import RunBench, simulated_run
from run_films import FULL, still_film

from planner.app.run_items import run_body
from planner.imaging.angio import AngioRun
from planner.model.case import Case
from planner.model.document import Document
from planner.model.items import PlanItem
from planner.model.people import Patient
from planner.model.run_items import KeyFrameBody, RunCalibrationBody, RunMeasurementBody, RunViewBody
from planner.model.session import Session, TemplateRef
from planner.store.actors import Actor
from viewers.panels.items_panel import mark_line
from viewers.panes.run_tools_dialogs import CatheterDialog, ContentDialog, KnownDistanceDialog
from viewers.panes.run_tools_menu import fill_measure
from viewers.state.document_host import DocumentHost
from viewers.state.run_marks import NO_SESSION, NO_SESSION_REGION, jump_to_run
from viewers.state.run_marks_work import label_lines

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
READER = Actor("reader", "radiologist")
CATHETER_PX, FRENCH = 12.0, 5.0


def a_document() -> Document:
    session = Session("session-1", "TACE 1", TemplateRef("tace", "1", "digest", "profile", "1"))
    return Document(Case("case-1", Patient("T-1", "Test^Run"), sessions=(session,)))


class Measuring:
    """A bench with an open session."""

    def __init__(self, bench: RunBench, document: Document) -> None:
        self.bench, self.document = bench, document
        bench.desk.marks.open(DocumentHost(document, "session-1", SimpleNamespace(), READER))

    @property
    def items(self) -> tuple[PlanItem, ...]:
        session = self.document.case.session("session-1")
        assert session is not None
        return session.items

    def bodies(self, kind: type) -> list:
        return [body for body in map(run_body, self.items) if isinstance(body, kind)]

    def measurement(self) -> RunMeasurementBody:
        return self.bodies(RunMeasurementBody)[-1]

    def click(self, x: float, y: float) -> None:
        QTest.mouseClick(self.bench.pane, LEFT, NONE, self.bench.at(x, y))
        self.bench.settle()

    def drag(self, *points: tuple[float, float]) -> None:
        self.bench.drag(self.bench.pane, *(self.bench.at(*point) for point in points))

    def kept(self) -> None:
        """Until what was chosen is written; what it computes is not waited for."""
        self.bench.wait(lambda: not self.bench.pane.tools.keeper.is_pending)

    def lines(self) -> list[str]:
        """The marks as the list of the stage shows them."""
        session = self.document.case.session("session-1")
        return [mark_line(mark, session) for mark in self.bench.desk.marks.marks.value]


@pytest.fixture(scope="module")
def filmed(qapp: QApplication) -> Iterator[RunBench]:
    bench = RunBench(still_film().run)
    yield bench
    bench.close()


@pytest.fixture
def film(filmed: RunBench) -> Iterator[Measuring]:
    """The digital patient's run at a frame full of contrast medium, in a session without items."""
    filmed.start_over()
    filmed.runs.calibration_in_use.clear()
    made = Measuring(filmed, a_document())
    filmed.pane.pane_state.playback.go(FULL)
    filmed.settle()
    yield made
    filmed.desk.marks.open(None)
    filmed.desk.state.selected_id.set(None)


@pytest.fixture
def make_bench_of(qapp: QApplication) -> Iterator[Callable[[AngioRun], RunBench]]:
    made: list[RunBench] = []

    def make(run: AngioRun) -> RunBench:
        made.append(RunBench(run))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


def two_frames(intensity: np.ndarray) -> AngioRun:
    run = run_of(intensity)
    return replace(run, frames=np.repeat(run.frames, 2, axis=0))


def catheter_run(line: Line, *, size: int = 160, lumen: float = 0.0) -> AngioRun:
    def path(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        body = 0.5 + 0.1 * np.sin(x / 23.0) * np.cos(y / 19.0)
        return body + 0.5 * chord(line.places(x, y)[1], CATHETER_PX / 2.0, lumen=lumen)

    return two_frames(transmitted(size, path, blur=0.8, noise=0.004, seed=3))


def test_that_a_dragged_distance_stands_on_the_files_geometry_and_is_one_step_of_undo(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 60), (100, 80), (120, 60))
    found = film.measurement()
    assert (found.kind, found.frame, found.subtracted) == ("distance", FULL + 1, True)
    assert found.values["length_px"] == pytest.approx(60.0, abs=1.0)
    arm = still_film().run.c_arm(0)
    assert arm is not None
    per_px = arm.spacing.right_mm / arm.isocentre_magnification
    assert found.values["length_mm"] == pytest.approx(found.values["length_px"] * per_px, rel=1e-6)
    assert found.values["length_sd_mm"] > 0.0
    assert any("stands on isocentre geometry" in line and "Distance 1" in line for line in film.lines())
    assert film.document.undo()
    film.bench.settle()
    assert film.items == ()
    assert film.document.redo()
    assert len(film.items) == 2


def test_that_without_calibration_there_are_pixels_and_never_millimetres(
    make_bench_of: Callable[[AngioRun], RunBench],
) -> None:
    made = Measuring(make_bench_of(simulated_run()), a_document())
    made.bench.key(Qt.Key.Key_D)
    made.drag((20, 20), (50, 60))
    found = made.measurement()
    assert found.values["length_px"] == pytest.approx(50.0, abs=1.0)
    assert not any(name.endswith("_mm") for name in found.values)
    assert "px, not calibrated" in " ".join(label_lines(found, ""))
    assert "mm" not in " ".join((*label_lines(found, ""), *made.lines()))
    assert made.bench.pane.scale.words == "not calibrated: px"


def test_that_a_vessel_between_two_clicks_has_its_true_diameter(film: Measuring) -> None:
    truth = next(one for one in still_film().truth.diameters if one.name == "gastroduodenal artery")
    (x, y), (right, down) = truth.xy, truth.along_xy
    film.bench.key(Qt.Key.Key_W)
    film.click(x - 12.0 * right, y - 12.0 * down)
    film.click(x + 12.0 * right, y + 12.0 * down)
    found = film.measurement()
    assert found.kind == "diameter"
    assert found.values["diameter_px"] == pytest.approx(truth.diameter_px, rel=0.12)
    scene = film.bench.pane.tools.scene()
    assert scene is not None
    assert scene.vessel is not None
    assert scene.chart is not None
    assert scene.chart.unit == "mm"
    # Its points lie on both edges, across the vessel.
    (x0, y0), (x1, y1) = found.points_xy
    assert np.hypot(x1 - x0, y1 - y0) == pytest.approx(found.values["diameter_px"], rel=0.01)
    assert abs((x1 - x0) * right + (y1 - y0) * down) < 0.3 * truth.diameter_px


def test_that_the_diameter_under_the_pointer_is_told_and_its_place_can_be_moved(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_W)
    film.click(129.0, 149.0)
    film.click(124.5, 174.0)
    tools, first = film.bench.pane.tools, film.measurement()
    tools.hover((127.0, 161.0))
    scene = tools.scene()
    assert scene is not None
    assert scene.pointer_text.startswith("Ø ")
    assert scene.pointer_text.endswith(" mm")
    film.drag(first.clicks_xy[2], (128.0, 160.0), (128.4, 153.0))
    moved = film.measurement()
    assert moved.clicks_xy[2][1] == pytest.approx(153.0, abs=1.5)
    assert moved.clicks_xy[:2] == first.clicks_xy[:2]
    assert film.document.undo()
    assert film.measurement() == first


def stenotic_run() -> AngioRun:
    """A vertical vessel of 12 px that narrows to 6 px in the middle, filled in the last frames."""
    y, x = np.mgrid[0:160, 0:160].astype(np.float64)
    radius = 6.0 - 3.0 * np.exp(-(((y - 80.0) / 14.0) ** 2))
    vessel = 0.9 * np.sqrt(np.clip(1.0 - ((x - 80.0) / radius) ** 2, 0.0, None)) * radius / 6.0
    random = np.random.default_rng(5)
    ground = 12000.0 + 800.0 * np.sin(x / 9.0) * np.cos(y / 11.0)
    frames = [ground * np.exp(-vessel * share) + random.normal(0.0, 15.0, x.shape) for share in (0, 0, 0, 0.2, 1, 1)]
    run = run_of(np.ones((4, 4)))
    return replace(run, frames=np.stack(frames).astype(np.uint16), time_s=np.arange(6) / 3.0)


def test_that_a_stenosis_tells_its_percentage_and_its_reference_can_be_chosen(
    make_bench_of: Callable[[AngioRun], RunBench],
) -> None:
    made = Measuring(make_bench_of(stenotic_run()), a_document())
    made.bench.pane.pane_state.change(subtracted=True, mask="operator", mask_frames=(1, 2, 3), shift="none")
    made.bench.pane.pane_state.playback.go(5)
    made.bench.settle()
    made.bench.key(Qt.Key.Key_S)
    made.click(80.0, 25.0)
    made.click(80.0, 135.0)
    found = made.measurement()
    assert found.kind == "stenosis"
    assert found.values["percent"] == pytest.approx(50.0, abs=6.0)
    assert found.values["percent_sd"] > 0.0
    assert found.points_xy[0][1] == pytest.approx(80.0, abs=3.0)
    assert "%" in label_lines(found, "")[0]
    made.bench.pane.tools.arm("reference")
    made.click(80.0, 32.0)
    made.click(80.0, 50.0)
    chosen = made.measurement()
    assert len(made.bodies(RunMeasurementBody)) == 1
    assert len(chosen.clicks_xy) == 4
    assert chosen.values["reference_px"] == pytest.approx(12.0, rel=0.08)
    assert made.document.undo()
    assert made.measurement() == found


def test_that_a_catheter_calibrates_what_stood_on_nothing(make_bench_of: Callable[[AngioRun], RunBench]) -> None:
    line = Line(160, 35.0)
    made = Measuring(make_bench_of(catheter_run(line)), a_document())
    made.bench.key(Qt.Key.Key_D)
    made.drag((20.0, 140.0), (60.0, 140.0))
    made.bench.key(Qt.Key.Key_G)
    dialog = made.bench.pane.tools.calibration.dialog
    assert isinstance(dialog, CatheterDialog)
    dialog.confirm()
    assert dialog.isVisible()
    assert "4 to 12 F" in dialog.problem.text()
    QTest.keyClicks(dialog.french.lineEdit(), "5")
    assert dialog.known.text().startswith("1.67 mm")
    dialog.content.setCurrentIndex(dialog.content.findData("full"))
    QTest.mouseClick(dialog.go, LEFT)
    assert made.bench.pane.tools.wants_native
    made.click(*line.point(-40.0))
    made.click(*line.point(40.0))
    assert made.bench.pane.tools.said == ""
    (calibration,) = made.bodies(RunCalibrationBody)
    truth = FRENCH / 3.0 / CATHETER_PX
    assert calibration.mm_per_px == pytest.approx(truth, rel=0.04)
    distance = made.measurement()
    assert distance.values["length_mm"] == pytest.approx(distance.values["length_px"] * calibration.mm_per_px)
    assert "catheter" in made.bench.pane.scale.words
    assert "stands on catheter" in " ".join(made.lines())
    assert made.document.undo()
    made.bench.settle()
    assert not made.bodies(RunCalibrationBody)
    assert "length_mm" not in made.measurement().values


def test_that_a_thin_catheter_is_refused_where_it_was_clicked_and_nothing_is_kept(film: Measuring) -> None:
    tools = film.bench.pane.tools
    tools.calibration.french, tools.calibration.content = FRENCH, "full"
    tools.arm("catheter")
    assert not film.bench.pane.is_subtracted
    film.click(166.0, 200.0)
    film.click(165.6, 215.0)
    assert tools.said.startswith("Not calibrated:")
    assert tools.said_at == pytest.approx((165.6, 215.0), abs=1.0)
    assert film.items == ()
    # The next piece can be clicked at once; Esc puts the catheter down.
    assert tools.wants_native
    film.bench.key(Qt.Key.Key_Escape)
    assert film.bench.pane.is_subtracted


def test_that_full_or_empty_is_asked_when_the_picture_does_not_tell(
    make_bench_of: Callable[[AngioRun], RunBench], monkeypatch: pytest.MonkeyPatch
) -> None:
    from planner.imaging import catheter_calibration as module
    from planner.imaging.run_calibration import Refusal

    fitted = module.catheter_calibration

    def doubtful(*inputs: object, **options: object) -> object:
        told = options.get("content") is not None
        return fitted(*inputs, **options) if told else Refusal("unsettled", "Not calibrated: uncertain.")

    monkeypatch.setattr(module, "catheter_calibration", doubtful)
    line = Line(160, 35.0)
    made = Measuring(make_bench_of(catheter_run(line)), a_document())
    tools = made.bench.pane.tools
    tools.calibration.french = FRENCH
    tools.arm("catheter")
    made.drag(line.point(-40.0), line.point(40.0))
    assert tools.said == ""
    dialog = tools.calibration.dialog
    assert isinstance(dialog, ContentDialog)
    assert made.items == ()
    dialog.confirm()
    assert dialog.isVisible()
    dialog.box.setCurrentIndex(dialog.box.findData("full"))
    QTest.mouseClick(dialog.go, LEFT)
    (calibration,) = made.bodies(RunCalibrationBody)
    assert calibration.mm_per_px == pytest.approx(FRENCH / 3.0 / CATHETER_PX, rel=0.04)


def test_that_a_known_distance_calibrates_and_measurements_choose_what_they_stand_on(film: Measuring) -> None:
    pane, tools = film.bench.pane, film.bench.pane.tools
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 60), (120, 60))
    menu = QMenu(pane)
    fill_measure(pane, menu, film.bench.frame.header._add)
    next(each for each in menu.actions() if "known distance" in each.text()).trigger()
    film.click(60, 100)
    film.click(100, 100)
    dialog = tools.calibration.dialog
    assert isinstance(dialog, KnownDistanceDialog)
    QTest.keyClicks(dialog.length, "20,0")
    QTest.mouseClick(dialog.go, LEFT)
    by_geometry, by_length = film.bodies(RunCalibrationBody)
    assert by_length.mm_per_px == pytest.approx(0.5, rel=0.03)
    # What stood on the geometry stays there until a person says otherwise.
    assert film.measurement().values["length_mm"] == pytest.approx(60.0 * by_geometry.mm_per_px, rel=0.03)
    known = next(item for item in film.items if item.body.get("kind") == "distance" and "mm_per_px" in item.body)
    tools.use(known.id)
    assert film.measurement().values["length_mm"] == pytest.approx(30.0, rel=0.04)
    tools.use(None)
    assert "length_mm" not in film.measurement().values
    assert pane.scale.mm_per_px is None
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 70), (120, 70))
    assert film.measurement().calibration is None


def test_that_a_region_is_kept_with_what_its_curve_tells_in_one_step(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_E)
    film.drag((100, 114), (110, 120), (118, 130))
    found = film.measurement()
    assert found.kind == "region"
    assert found.values["arrival_s"] == pytest.approx(1.5, abs=1.0)
    assert found.values["area_px2"] == pytest.approx(np.pi * 9.0 * 8.0, rel=0.1)
    assert found.values["area_mm2"] > 0.0
    (region,) = film.bench.pane.pane_state.regions.value
    assert region.name == "Region 1"
    film.bench.frame.body.curves._remove()
    film.bench.settle()
    assert film.bench.pane.pane_state.regions.value == ()
    assert film.document.undo()
    film.bench.settle()
    assert film.measurement() == found
    assert film.document.undo()
    film.bench.settle()
    assert film.items == ()


def test_that_a_point_is_dragged_in_one_step_and_delete_removes(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 60), (120, 60))
    before = film.measurement()
    film.drag((120, 60), (130, 70), (140, 60))
    assert film.measurement().values["length_px"] == pytest.approx(80.0, abs=1.0)
    assert film.measurement().points_xy[0] == before.points_xy[0]
    assert film.document.undo()
    assert film.measurement() == before
    film.bench.desk.state.selected_id.set(None)
    film.click(90, 60)
    film.bench.key(Qt.Key.Key_Delete)
    assert not film.bodies(RunMeasurementBody)
    assert film.document.undo()
    assert film.measurement() == before


def test_that_marks_are_drawn_on_their_frame_and_esc_leaves_off(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_D)
    film.click(60, 200)
    film.bench.key(Qt.Key.Key_Escape)
    assert film.bench.pane.tools.scene().drawing == ()
    film.bench.key(Qt.Key.Key_Escape)
    assert film.bench.pane.pane_state.arm.value == "none"
    assert film.items == ()
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 200), (140, 200))
    film.bench.desk.state.selected_id.set(None)
    here = film.bench.colour_at(100, 200)
    assert here.red() > here.blue() + 80
    film.bench.pane.pane_state.playback.go(FULL - 5)
    film.bench.settle()
    away = film.bench.colour_at(100, 200)
    assert abs(away.red() - away.blue()) < 10


def test_that_arrow_and_note_carry_words(film: Measuring) -> None:
    tools = film.bench.pane.tools
    film.bench.key(Qt.Key.Key_A)
    film.drag((200, 60), (180, 80))
    QTest.keyClicks(tools.dialog.line, "feeder of segment 2")
    QTest.keyClick(tools.dialog.line, Qt.Key.Key_Return)
    film.bench.key(Qt.Key.Key_N)
    film.click(60, 60)
    tools.dialog.confirm()
    assert tools.dialog.isVisible()
    QTest.keyClicks(tools.dialog.line, "spasm")
    QTest.keyClick(tools.dialog.line, Qt.Key.Key_Return)
    arrow, note = film.bodies(RunMeasurementBody)
    assert (arrow.kind, arrow.text, arrow.calibration) == ("arrow", "feeder of segment 2", None)
    assert (note.kind, note.text, len(note.points_xy)) == ("text", "spasm", 1)


def test_that_k_keeps_the_frame_as_it_is_shown(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_K)
    film.bench.key(Qt.Key.Key_O)
    film.bench.key(Qt.Key.Key_K)
    frame, whole = film.bodies(KeyFrameBody)
    assert (frame.frame, frame.picture, frame.view.subtracted) == (FULL + 1, "frame", True)
    assert whole.picture == "opacified"
    item = next(each for each in film.items if each.name == "Key frame 1")
    assert film.bench.pane.tools.marks.write(item, " before  embolisation ") is None
    assert film.bodies(KeyFrameBody)[0].caption == "before embolisation"


def test_that_nothing_is_measured_without_a_session_and_it_is_said(film: Measuring) -> None:
    film.bench.desk.marks.open(None)
    film.bench.key(Qt.Key.Key_D)
    assert film.bench.pane.pane_state.arm.value == "none"
    assert film.bench.desk.kit.notice.value == NO_SESSION
    film.bench.key(Qt.Key.Key_E)
    film.drag((100, 114), (118, 130))
    assert film.bench.desk.kit.notice.value == NO_SESSION_REGION
    assert len(film.bench.pane.pane_state.regions.value) == 1


def test_that_how_a_run_is_shown_is_kept_undone_and_restored(film: Measuring) -> None:
    state = film.bench.pane.pane_state
    assert film.items == ()
    for _ in range(3):
        QTest.keyClick(film.bench.pane, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    film.kept()
    (view,) = film.bodies(RunViewBody)
    assert view.shift == "manual"
    assert view.manual_shift_xy_px["0"][0] == pytest.approx(3.0, abs=0.5)
    assert len(film.document.case.sessions[0].items) == 1
    chosen = state.settings.value
    assert film.document.undo()
    film.kept()
    assert film.items == ()
    assert state.settings.value.shift == "rigid"
    assert film.document.redo()
    film.kept()
    assert state.settings.value.manual_of(1) == chosen.manual_of(1)


def test_that_a_kept_view_comes_back_when_the_session_is_opened_again(film: Measuring) -> None:
    state, marks = film.bench.pane.pane_state, film.bench.desk.marks
    state.change(subtracted=False)
    film.kept()
    (view,) = film.bodies(RunViewBody)
    assert not view.subtracted
    marks.open(None)
    film.bench.start_over()
    assert film.bench.pane.is_subtracted
    again = Measuring(film.bench, film.document)
    film.kept()
    assert not film.bench.pane.is_subtracted
    assert again.items == film.items
    assert len(again.items) == 1


def test_that_undo_right_after_a_change_takes_back_that_change(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 60), (120, 60))
    pane = film.bench.pane
    QTest.keyClick(pane, Qt.Key.Key_V)
    assert pane.tools.keeper.is_pending
    # As the menu's Ctrl+Z: Qt asks the pane first.
    QTest.keyClick(pane, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert film.bodies(RunViewBody)
    assert film.document.undo()
    film.bench.settle()
    assert pane.is_subtracted
    assert film.measurement().kind == "distance"


def test_that_a_mark_in_the_list_brings_its_run_and_frame(film: Measuring) -> None:
    film.bench.key(Qt.Key.Key_D)
    film.drag((60, 60), (120, 60))
    film.bench.key(Qt.Key.Key_Home)
    film.bench.key(Qt.Key.Key_O)
    item = film.items[-1]
    assert jump_to_run(film.bench.desk.state, item)
    film.bench.settle()
    assert film.bench.pane.shown_frame == FULL
    assert film.bench.pane.pane_state.settings.value.picture == "frame"
