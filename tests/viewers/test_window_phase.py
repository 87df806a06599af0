"""The contrast phase in the window: told from the image after loading, set by hand, undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from other_phases import tiny_phases, write_part
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QApplication, QMenu
from window_hands import Hands

from planner.app.case_images import attach_series, remember_places
from planner.app.cases import case_from_series
from planner.app.images import scan
from planner.app.library import open_library
from planner.store.actors import Actor
from viewers.panels.import_dialog import ImportDialog
from viewers.panes.pane_frame import ElidedButton
from viewers.scene.slice_text import who_lines

PERSON = Actor("Dr Fellow", "planner", "room-1")


@pytest.fixture(scope="module")
def nameless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A portal venous series that says so nowhere."""
    folder = tmp_path_factory.mktemp("nameless")
    write_part(folder, tiny_phases()["portal-venous"], 1)
    return folder


@pytest.fixture
def hands(qapp: QApplication, tmp_path: Path, nameless: Path) -> Iterator[Hands]:
    """The window with a case of that series open."""
    folder = tmp_path / "library"
    folder.mkdir()
    library = open_library(str(folder))
    (entry,) = scan([nameless]).series
    empty = case_from_series(entry)
    case = attach_series(empty, entry)[0](empty)
    library.create_case(case, PERSON)
    remember_places(library, case, PERSON)
    library.close()
    made = Hands(folder)
    made.window.open_case(case.id)
    made.work.load_images()
    made.settle()
    yield made
    made.work.abandon()
    made.window.work = None
    made.close()


def phase_actions(hands: Hands) -> dict[str, QAction]:
    """Name -> action of the phases in the menu of series of the first pane."""
    buttons = hands.window.case_page.grid.frames[0].findChildren(ElidedButton)
    menu = next(each for each in buttons if each.toolTip().startswith("Series")).menu()
    menu.aboutToShow.emit()
    phases = next(each for each in menu.findChildren(QMenu) if each.title().startswith("Contrast phase"))
    return {each.text(): each for each in phases.actions()}


def shown(hands: Hands) -> str:
    (volume,) = hands.window.desk.state.images.volumes.values()
    return volume.source.phase_text


def test_that_a_loaded_series_is_told_from_its_image_and_by_hand_and_undone(hands: Hands) -> None:
    told = shown(hands)
    assert told.startswith("portal-venous (from the image, ")
    (volume,) = hands.window.desk.state.images.volumes.values()
    assert volume.source.phase_basis.startswith("from the image, ")
    assert who_lines(volume)[-1] == volume.source.phase_basis
    lines = hands.window.case_page.stage_list.course
    assert any(told in lines.item(line).text() for line in range(lines.count()))

    phase_actions(hands)["Delayed"].trigger()
    hands.settle()
    (reference,) = hands.work.opened.case.studies
    assert (reference.phase, reference.phase_by) == ("delayed", "Dr Fellow")
    assert shown(hands) == "delayed (set by hand)"
    assert phase_actions(hands)["Delayed"].isChecked()

    hands.work.opened.document.undo()
    hands.settle()
    assert hands.work.opened.case.studies[0].phase_by is None
    assert shown(hands) == told

    phase_actions(hands)["Unknown"].trigger()
    hands.settle()
    assert shown(hands) == "phase unknown (set by hand)"


def test_that_the_import_says_when_the_phase_will_be_told(qapp: QApplication, nameless: Path) -> None:
    (entry,) = scan([nameless]).series
    dialog = ImportDialog([entry], [], into=None, chosen=lambda how, choice: None)
    assert dialog.table.item(0, 5).text() == "told when loaded"
    dialog.deleteLater()
