"""The window around an open case: lost races, moved images, masks, papers, wrong patients, the library."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog
from window_hands import Hands

from planner.app import profiles
from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan, write_volume
from planner.app.templates import installed
from planner.imaging import ImageSource, Label, LabelMap, Volume
from planner.model.case import Case
from planner.model.people import Patient
from planner.store.actors import Actor, SaveReason
from planner.store.library import Library
from viewers.panels.import_dialog import ImportChoice
from viewers.window.choices import ChoiceDialog

OTHER = Actor("Dr Other", "planner", "room-2")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "library"
    made.mkdir()
    return made


@pytest.fixture
def make_hands(qapp: QApplication, folder: Path) -> Iterator[Callable[[], Hands]]:
    made: list[Hands] = []

    def make() -> Hands:
        made.append(Hands(folder))
        return made[-1]

    yield make
    for each in made:
        if each.window.work is not None:
            each.work.abandon()
            each.window.work = None
        each.close()


def put_case(folder: Path, image: Path) -> Case:
    """A case whose images lie in a file, with one empty session, in the library of a folder."""
    from planner.app.library import open_library
    from planner.workflow.lifecycle import new_session

    library = open_library(str(folder))
    entry = scan([image]).series[0]
    empty = case_from_series(entry, patient=patient())
    edit, _ = attach_series(empty, entry, confirmed=True)
    case = edit(empty)
    known = installed()
    case, _ = new_session(case, known.templates["tace"], known.profiles["bclc-cirse"])
    library.create_case(case, OTHER)
    remember_places(library, case, OTHER)
    library.close()
    return case


def patient() -> Patient:
    """The images of a volume file name nobody."""
    return Patient("T-1", "Test^Ball")


@pytest.fixture
def image(ball: Volume, tmp_path: Path) -> Path:
    path = tmp_path / "images" / "ball.nii.gz"
    path.parent.mkdir()
    write_volume(ball, path)
    return path


def open_first(hands: Hands) -> None:
    hands.window.library_page.table.setFocus()
    hands.key(Qt.Key.Key_Return)
    hands.settle()


def head(folder: Path, case_id: str) -> Case:
    library = Library.open(f"sqlite:///{folder / 'library.sqlite'}", daily_backup=False)
    found = library.open_revision(case_id, library.head_revision(case_id))
    library.close()
    return found


def save_elsewhere(folder: Path, case_id: str, physician: str) -> None:
    library = Library.open(f"sqlite:///{folder / 'library.sqlite'}", daily_backup=False)
    revision = library.head_revision(case_id)
    theirs = replace(library.open_revision(case_id, revision), responsible_physician=physician)
    library.save(theirs, revision, OTHER, SaveReason.SAVE)
    library.close()


def lost_race(make_hands: Callable[[], Hands], folder: Path, image: Path) -> tuple[Hands, ChoiceDialog, Case]:
    case = put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    hands.work.answer("referral", "referrer", "Dr Mine")
    save_elsewhere(folder, case.id, "Dr Theirs")
    hands.shortcut(Qt.Key.Key_S)
    dialog = hands.window.dialogs.dialog
    assert isinstance(dialog, ChoiceDialog)
    assert "Dr Other saved this case meanwhile" in dialog.findChildren(type(dialog.problem))[1].text()
    return hands, dialog, case


def test_that_after_a_lost_race_my_work_can_go_on_top(
    make_hands: Callable[[], Hands], folder: Path, image: Path
) -> None:
    hands, dialog, case = lost_race(make_hands, folder, image)
    hands.press(dialog.go)
    now = head(folder, case.id)
    assert now.sessions[0].answer("referral", "referrer") == "Dr Mine"
    assert now.responsible_physician is None
    history = hands.library.history(case.id)
    assert len(history) == 4, "theirs and the branch are still there"


def test_that_images_for_a_new_case_never_reach_a_case_that_could_not_be_left(
    make_hands: Callable[[], Hands], folder: Path, image: Path, ball: Volume, tmp_path: Path
) -> None:
    hands, dialog, case = lost_race(make_hands, folder, image)
    dialog.reject()
    hands.work.answer("referral", "referrer", "Dr Mine again")
    other = tmp_path / "other"
    other.mkdir()
    write_volume(ball, other / "other.nii.gz")
    found = scan([other]).series[0]
    hands.window._chosen("new", ImportChoice(((found, ()),), False, Patient("T-2", "Test^Other")))
    hands.settle()
    assert hands.work.opened.case.id == case.id
    assert len(hands.work.opened.case.studies) == 1


def test_that_after_a_lost_race_theirs_can_be_taken_and_mine_is_kept(
    make_hands: Callable[[], Hands], folder: Path, image: Path
) -> None:
    hands, dialog, case = lost_race(make_hands, folder, image)
    hands.press(hands.button(dialog, "Take theirs"))
    hands.settle()
    assert hands.work.opened.case.responsible_physician == "Dr Theirs"
    branch = next(each for each in hands.library.history(case.id) if each.is_branch)
    kept = hands.library.open_revision(case.id, branch.revision)
    assert kept.sessions[0].answer("referral", "referrer") == "Dr Mine"


def test_that_moved_images_are_asked_for_and_found_again(
    make_hands: Callable[[], Hands], folder: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_case(folder, image)
    moved = tmp_path / "moved"
    shutil.move(image.parent, moved)
    hands = make_hands()
    open_first(hands)
    assert not hands.window.desk.state.images.volumes
    dialog = hands.window.dialogs.dialog
    assert isinstance(dialog, ChoiceDialog)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(moved))
    hands.press(dialog.go)
    hands.settle()
    assert hands.window.desk.state.images.volumes
    assert str(hands.work.opened.case.studies[0].files_root).startswith(str(moved))


def test_that_masks_are_laid_over_hidden_and_kept_in_the_plan(
    make_hands: Callable[[], Hands], folder: Path, image: Path, ball: Volume, tmp_path: Path
) -> None:
    put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    labels = np.where(ball.voxels > 100, np.uint8(1), np.uint8(0))
    path = tmp_path / "masks.nii.gz"
    write_volume(LabelMap(labels, ball.grid, {1: Label(1, "ball", None, "#00ff00")}, ball.source), path)
    hands.window.dialogs.import_masks(path)
    hands.settle()
    overlays, layer = hands.window.case_page.overlays, hands.window.desk.marks.layer
    assert list(layer.label_maps) == ["masks.nii.gz"]
    assert overlays.list.count() == 1
    hands.go("images_lesions")
    assert overlays.isVisible()
    overlays.list.item(0).setCheckState(Qt.CheckState.Unchecked)
    assert "masks.nii.gz/1" in hands.window.desk.state.hidden_ids.value
    overlays.list.setCurrentRow(0)
    hands.press(overlays.keep_button)
    kept = [item for item in hands.work.session_desk.session.items if item.type == "region"]
    assert len(kept) == 1
    assert kept[0].body["volume_ml"] == pytest.approx(4.0 / 3.0 * np.pi * 1.2**3, rel=0.05)
    hands.press(overlays.forget_button)
    assert not layer.label_maps


def test_that_masks_of_one_patient_do_not_stay_for_the_next(
    make_hands: Callable[[], Hands], folder: Path, image: Path, ball: Volume
) -> None:
    put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    labels = LabelMap(np.ones(ball.grid.size_kji, np.uint8), ball.grid, {1: Label(1, "all", None, "#00ff00")})
    hands.window.desk.marks.layer.put_label_map("all", labels)
    hands.shortcut(Qt.Key.Key_L)
    assert hands.window.work is None
    assert not hands.window.desk.marks.layer.label_maps
    assert not hands.window.desk.state.images.volumes


def test_that_an_image_of_somebody_else_turns_the_banner_loud(
    make_hands: Callable[[], Hands], folder: Path, image: Path, ball: Volume
) -> None:
    put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    facts = hands.window.case_page.banner.facts
    assert "⚠" not in facts.text()
    source = replace(ball.source, patient_id="X-9", series_uid="1.2.840.99")
    hands.work.series.take(Volume(ball.voxels, ball.grid, source))
    hands.turn()
    assert "belongs to patient X-9" in facts.text()
    assert isinstance(source, ImageSource)


def test_that_a_paper_older_than_the_plan_is_named_when_the_case_opens(
    make_hands: Callable[[], Hands], folder: Path, image: Path
) -> None:
    case = put_case(folder, image)
    library = Library.open(f"sqlite:///{folder / 'library.sqlite'}", daily_backup=False)
    library.record_print(case.id, 1, "plan", "a" * 64, OTHER)
    library.close()
    save_elsewhere(folder, case.id, "Dr New")
    hands = make_hands()
    said: list[str] = []
    hands.window.say = said.append
    open_first(hands)
    assert any("A paper of revision 1" in each for each in said)


def test_that_the_window_says_when_nothing_is_open(make_hands: Callable[[], Hands]) -> None:
    hands = make_hands()
    hands.window.case_menu.ask_for_session()
    assert hands.window.jobs.message.text() == "Open a case first."
    assert "library is empty" in hands.window.library_page.empty.text()
    hands.shortcut(Qt.Key.Key_N)
    hands.key(Qt.Key.Key_F1)
    assert hands.window.dialogs.dialog is not None
    hands.window.dialogs.dialog.close()


def test_that_an_emergency_is_named_in_the_banner(make_hands: Callable[[], Hands], folder: Path, image: Path) -> None:
    put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    hands.window.case_menu.toggle_emergency()
    hands.turn()
    assert hands.window.case_page.banner.session.text().startswith("EMERGENCY")
    hands.shortcut(Qt.Key.Key_Z)
    assert not hands.window.case_page.banner.session.text().startswith("EMERGENCY")


@pytest.mark.parametrize("key", [Qt.Key.Key_S, Qt.Key.Key_L])
def test_that_what_was_typed_and_not_left_yet_is_saved_too(
    make_hands: Callable[[], Hands], folder: Path, image: Path, key: Qt.Key
) -> None:
    case = put_case(folder, image)
    hands = make_hands()
    open_first(hands)
    hands.go("referral")
    hands.type(hands.window.case_page.form.editors["referrer"].line, "Dr Unfinished", leave=False)
    hands.shortcut(key)
    assert head(folder, case.id).sessions[0].answer("referral", "referrer") == "Dr Unfinished"


def test_that_a_changed_limit_holds_for_the_open_session_and_for_the_next_start(
    make_hands: Callable[[], Hands], folder: Path, image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles, "site_folder", lambda: tmp_path / "profiles")
    try:
        put_case(folder, image)
        hands = make_hands()
        open_first(hands)
        hands.window.dialogs.profile()
        dialog = hands.window.dialogs.dialog
        dialog.table.selectRow(dialog.names.index("inr_window_days"))
        dialog.value.setText("3")
        dialog.person.setText("Dr Lee")
        hands.press(dialog.go)
        assert hands.work.session_desk.profile.limit("inr_window_days").value == 3
        installed.cache_clear()
        assert "Dr Lee" in installed().profile("bclc-cirse").limit("inr_window_days").source
    finally:
        monkeypatch.undo()
        installed.cache_clear()
