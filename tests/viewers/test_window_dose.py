"""The dose report and presentation states in the window: found, shown, filled, undone; saved, opened, refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from ct_run_case import films, run_case_folder
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from window_hands import Hands

from planner.app.run_states import annotations_of
from planner.model.run_items import RUN_VIEW
from planner.phantom.angiography_writer import DOSE_REPORT
from planner.phantom.dose_report_writer import dose_of
from viewers.panels.dose_dialog import ACT_COLUMN, DoseDialog
from viewers.panes.run_frame import RunFrame
from viewers.panes.run_pane import RunPane
from viewers.window.choices import ChoiceDialog

STAGE = "sign_out"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return run_case_folder(tmp_path_factory)


@pytest.fixture(scope="module")
def angiography(folders: tuple[Path, Path]) -> Path:
    """The folder of the runs and of their dose report."""
    return folders[1] / "angiography"


@pytest.fixture(scope="module")
def window(qapp: QApplication, folders: tuple[Path, Path]) -> Iterator[Hands]:
    hands = Hands(folders[0])
    hands.window.library_page.table.setFocus()
    hands.key(Qt.Key.Key_Return)
    hands.settle()
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
    window.settle()
    return window


def answers(hands: Hands) -> dict[str, float]:
    given = hands.work.session_desk.session.answers.get(STAGE, {})
    return {name: each.value for name, each in given.items()}


def look(hands: Hands) -> DoseDialog:
    """Press the button of the stage and wait for the table."""
    hands.go(STAGE)
    hands.press(hands.button(hands.window.case_page.stage_panel, "From dose report"))
    dose = hands.window.dialogs.dose
    hands.until(lambda: isinstance(dose.dialog, DoseDialog) and dose.dialog.isVisible(), "the proposal")
    assert isinstance(dose.dialog, DoseDialog)
    return dose.dialog


def test_that_the_report_beside_the_runs_fills_the_record_on_consent_and_is_undone_in_one_step(hands: Hands) -> None:
    told = dose_of(films())
    dialog = look(hands)
    assert answers(hands) == {}
    assert dialog.table.item(0, 1).text().endswith("Gy")
    assert "Single Plane" in dialog.table.item(0, 2).text()
    hands.press(dialog.go)
    filled = answers(hands)
    assert filled["air_kerma"] == pytest.approx(told.air_kerma_gy)
    assert filled["kap"] == pytest.approx(told.kap_gy_cm2)
    assert filled["fluoroscopy_time"] == pytest.approx(told.fluoro_time_s / 60.0)
    hands.work.opened.document.undo()
    assert answers(hands) == {}


def test_that_cancelling_fills_nothing(hands: Hands) -> None:
    dialog = look(hands)
    hands.press(hands.button(dialog, "Cancel"))
    assert answers(hands) == {}


def test_that_what_was_typed_stays_unless_it_is_ticked(hands: Hands) -> None:
    assert hands.work.answer(STAGE, "kap", 100.0) is None
    dialog = look(hands)
    cells = [dialog.table.item(1, column).text() for column in range(ACT_COLUMN + 1)]
    assert "100" in cells[3]
    assert cells[4].startswith("-")
    hands.press(dialog.go)
    assert answers(hands)["kap"] == 100.0
    again = look(hands)
    again.table.item(1, ACT_COLUMN).setCheckState(Qt.CheckState.Checked)
    hands.press(again.go)
    assert answers(hands)["kap"] == pytest.approx(dose_of(films()).kap_gy_cm2)


def test_that_another_patients_report_is_refused_with_both_sides(
    hands: Hands, angiography: Path, tmp_path: Path
) -> None:
    report = pydicom.dcmread(angiography / DOSE_REPORT)
    report.PatientID, report.PatientBirthDate = "OTHER-9", "19700101"
    report.save_as(tmp_path / "other.dcm")
    hands.go(STAGE)
    dose = hands.window.dialogs.dose
    dose.dialog = None
    dose.propose(tmp_path / "other.dcm")
    hands.until(lambda: dose.dialog is not None, "the refusal")
    assert isinstance(dose.dialog, ChoiceDialog)
    said = hands.window.jobs.message.text()
    assert "OTHER-9" in said
    assert hands.work.opened.case.patient.patient_id in said
    assert answers(hands) == {}
    dose.dialog.reject()


def test_that_only_stages_that_record_a_dose_offer_it(hands: Hands) -> None:
    hands.go("referral")
    assert not hands.window.dialogs.dose.button.isVisible()
    hands.go(STAGE)
    assert hands.window.dialogs.dose.button.isVisible()


# Presentation states


def open_run(hands: Hands, description: str = "Front") -> RunPane:
    state = hands.window.desk.state
    state.layout.set("dsa")
    key = next(line.key for line in state.runs.lines if line.source.description == description)
    state.runs.pane("dsa").run.set(key)
    hands.turn()
    frame = hands.window.case_page.grid.frame("dsa")
    assert isinstance(frame, RunFrame)
    hands.until(lambda: frame.picture.run is not None and frame.picture.run.key == key, "the run")
    hands.until(lambda: frame.picture.is_settled and not hands.window.desk.jobs.running, "rest")
    return frame.picture


def rest(hands: Hands) -> str:
    hands.until(lambda: not hands.window.desk.jobs.running, "rest")
    return hands.window.jobs.message.text()


def save(hands: Hands, file: Path) -> str:
    hands.window.dialogs.states.save("dsa", file)
    return rest(hands)


def test_that_a_state_comes_back_as_it_was_saved(hands: Hands, tmp_path: Path) -> None:
    pane = open_run(hands)
    pane.pane_state.change(
        subtracted=True,
        mask="operator",
        mask_frames=(1, 2),
        method="linear",
        shift="manual",
        manual_px=((0, (1.5, -0.5)),),
    )
    pane.set_window(300.0, 900.0)
    corners = ((40.0, 50.0), (80.0, 50.0), (60.0, 90.0))
    pane.pane_state.add_region(corners)
    hands.until(lambda: pane.is_settled, "rest")
    assert str(tmp_path / "state.dcm") in save(hands, tmp_path / "state.dcm")
    pane.pane_state.remove_region("region-1")
    pane.pane_state.change(mask="auto", mask_frames=(), method="log", shift="rigid", manual_px=(), contrast_window=None)
    hands.until(lambda: pane.is_settled, "rest")
    hands.window.dialogs.states.open("dsa", tmp_path / "state.dcm")
    rest(hands)
    shown = pane.pane_state.settings.value
    assert (shown.mask_frames, shown.method, shown.shift) == ((1, 2), "linear", "manual")
    assert shown.manual_of(3) == pytest.approx((1.5, -0.5))
    assert shown.contrast_window == pytest.approx((300.0, 900.0))
    session = hands.work.session_desk.session
    (view,) = [item for item in session.items if item.type == RUN_VIEW]
    assert tuple(view.body["mask_frames"]) == (1, 2)
    kept = [each for each in annotations_of(session, pane.run.key) if each.kind == "region"]
    assert kept[-1].points_xy[0] == pytest.approx(corners[0], abs=0.01)


def test_that_a_source_is_never_written_over(hands: Hands, angiography: Path, tmp_path: Path) -> None:
    open_run(hands)
    source = angiography / "XA0001.dcm"
    before = source.read_bytes()
    assert "no presentation state" in save(hands, source)
    assert source.read_bytes() == before
    (tmp_path / "notes.txt").write_text("mine")
    assert "nothing was written" in save(hands, tmp_path / "notes.txt")
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_that_a_state_of_another_run_or_patient_is_refused_with_a_sentence(hands: Hands, tmp_path: Path) -> None:
    open_run(hands)
    save(hands, tmp_path / "state.dcm")
    shutil.copy(tmp_path / "state.dcm", tmp_path / "again.dcm")
    other = pydicom.dcmread(tmp_path / "again.dcm")
    other.PatientID = "OTHER-9"
    other.save_as(tmp_path / "again.dcm")
    before = open_run(hands).pane_state.settings.value
    hands.window.dialogs.states.open("dsa", tmp_path / "again.dcm")
    assert "another patient" in rest(hands)
    oblique = open_run(hands, "Oblique")
    hands.window.dialogs.states.open("dsa", tmp_path / "state.dcm")
    assert "other images" in rest(hands)
    assert open_run(hands).pane_state.settings.value == before
    assert all(item.type != RUN_VIEW for item in hands.work.session_desk.session.items)
    assert oblique is not None
