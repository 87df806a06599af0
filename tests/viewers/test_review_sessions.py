"""Sessions of a case side by side, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from tests.cohort_scene import two_sessions
from tests.window_hands import LEFT, PERSON, Hands
from viewers.panels.review_sessions import DIFFERS, SessionsPage

NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    assert QApplication.instance() or QApplication([])
    made = Hands(tmp_path_factory.mktemp("sessions"))
    made.library.create_case(two_sessions(), PERSON)
    made.window.open_case("case-1")
    made.turn()
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands) -> Hands:
    """The table on show with both sessions."""
    if not window.window.dialogs.sessions.is_open:
        window.shortcut(Qt.Key.Key_E, SHIFT)
    shown = page(window)
    shown.only.setChecked(False)
    window.window.dialogs.sessions.choose(("session-1", "session-2"))
    window.turn()
    return window


def page(hands: Hands) -> SessionsPage:
    found = hands.window.dialogs.sessions.page
    assert found is not None
    return found


def line(hands: Hands, title: str, part: str) -> list[str]:
    """What the sessions say to a part of a line."""
    table, now = page(hands).table, ""
    for place in range(table.rowCount()):
        now = table.item(place, 0).text() or now
        if now == title and table.item(place, 1).text() == part:
            return [table.item(place, column).text() for column in range(2, table.columnCount())]
    raise AssertionError(f"no line {title} {part}")


def test_that_the_table_covers_the_images_and_esc_goes_back(hands: Hands) -> None:
    assert page(hands).isVisible()
    assert not hands.window.case_page.splitter.isVisible()
    page(hands).table.setFocus()
    hands.key(Qt.Key.Key_Escape)
    assert hands.window.case_page.splitter.isVisible()


def test_that_plan_and_record_stand_over_each_other_and_a_difference_has_shape_and_word(hands: Hands) -> None:
    assert line(hands, "Doxorubicin", "plan")[1] == "at most 30 mg"
    assert line(hands, "Doxorubicin", "record") == ["40 mg", f"{DIFFERS}40 mg"]
    assert line(hands, "Smallest margin, lesion 1", "record")[0] == f"{DIFFERS}4.50 mm (± 1 mm)"
    assert line(hands, "Complications", "outcome")[0] == "Liver abscess (CIRSE 2017 grade 3)"


def test_that_sessions_are_chosen_by_their_buttons(hands: Hands) -> None:
    hands.press(page(hands).buttons["session-1"])
    assert page(hands).table.ids == ("session-2",)
    assert "1 of 2 sessions" in page(hands).note.text()
    hands.press(page(hands).buttons["session-2"])
    assert "No session is chosen" in page(hands).empty.text()
    assert not page(hands).exporter.isEnabled()
    hands.press(page(hands).buttons["session-1"])
    assert page(hands).table.ids == ("session-1",)


def test_that_only_lines_that_differ_are_left_when_asked(hands: Hands) -> None:
    before = page(hands).table.rowCount()
    hands.press(page(hands).only)
    assert 0 < page(hands).table.rowCount() < before
    with pytest.raises(AssertionError, match="no line Contrast"):
        line(hands, "Contrast", "record")


def test_that_a_click_on_the_head_of_a_column_opens_its_session(hands: Hands) -> None:
    table = page(hands).table
    for column, wanted in ((2, "session-1"), (3, "session-2")):
        if not hands.window.dialogs.sessions.is_open:
            hands.shortcut(Qt.Key.Key_E, SHIFT)
        head = table.horizontalHeader()
        where = QPoint(head.sectionViewportPosition(column) + 30, head.height() // 2)
        QTest.mouseClick(head.viewport(), LEFT, NONE, where)
        hands.turn()
        desk = hands.work.session_desk
        assert desk is not None
        assert desk.session_id == wanted
        assert hands.window.case_page.splitter.isVisible()


def test_that_the_table_leaves_as_csv_without_the_name(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(tmp_path / "two"), ""))
    hands.press(page(hands).exporter)
    text = (tmp_path / "two.csv").read_text(encoding="utf-8-sig")
    assert text.startswith("line,part,TACE 1,TACE 2")
    assert "HYPERLINK" not in text
