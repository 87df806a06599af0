"""Reading the response by hand: roles, observations, two readers who do not see each other, what went stale."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QPushButton, QWidget
from response_scene import AFTER, BEFORE, TODAY, value_case
from window_hands import LEFT, PERSON, Hands

from planner.model.disease import Observation
from viewers.panels.identity_dialogs import LesionHistoryDialog
from viewers.panels.response_page import ResponsePage
from viewers.panels.response_table import FIXED, ResponseTable
from viewers.window.case_response_menu import CaseJudging

SHIFT = Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    application = QApplication.instance() or QApplication([])
    assert application is not None
    made = Hands(tmp_path_factory.mktemp("response"))
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """A fresh case of its own in the shared window, its response on show, read by RECIST 1.1."""
    name = f"case-{abs(hash(request.node.name)) % 10**8}"
    window.library.create_case(value_case(name), PERSON)
    window.window.open_case(name)
    monkeypatch.setattr(type(window.work), "today", property(lambda self: TODAY))
    window.turn()
    window.shortcut(Qt.Key.Key_R, SHIFT)
    window.pick(page(window).criteria, "recist-1.1")
    yield window
    for each in (judging(window).identity.dialog, judging(window).plan.dialog):
        if each is not None:
            each.reject()


def judging(hands: Hands) -> CaseJudging:
    return hands.window.dialogs.judging


def page(hands: Hands) -> ResponsePage:
    found = judging(hands).response.page
    assert found is not None
    assert judging(hands).response.is_open
    return found


def choose(hands: Hands, lesion_id: str, day: date) -> None:
    """Click a cell of the table."""
    table = page(hands).table
    item = table.item(table.lesion_ids.index(lesion_id), FIXED + table.days.index(day))
    assert item is not None
    table.scrollToItem(item)
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, table.visualItemRect(item).center())
    hands.turn()


def cells(hands: Hands, label: str) -> list[str]:
    """The cells of a row of the table after the role, by its first cell."""
    table = page(hands).table
    for line in range(table.rowCount()):
        if table.verticalHeaderItem(line).text().startswith(label):
            return [table.item(line, column).text() for column in range(FIXED, table.columnCount())]
    raise AssertionError(f"no row {label}")


def row_name(table: ResponseTable, line: int) -> str:
    return str(table.verticalHeaderItem(line).text())


def words(widget: QWidget) -> str:
    return "\n".join(each.text() for each in widget.findChildren(QLabel) if each.isVisibleTo(widget))


def line_of(hands: Hands, name: str) -> QLineEdit:
    found = page(hands).card.editors[name].findChild(QLineEdit)
    assert found is not None
    return found


def read_as(hands: Hands, reader: str) -> None:
    hands.pick(page(hands).reader, reader)


def sign(hands: Hands, name: str) -> None:
    hands.type(page(hands).signing.name, name, leave=False)
    hands.press(page(hands).signing.sign)


def second_observations(hands: Hands, sizes: dict[date, tuple[float, float]]) -> None:
    """What another person has measured, as the case holds it."""
    from planner.app.response import add_observation

    for day, values in sizes.items():
        for lesion_id, size in zip(("lesion-1", "lesion-2"), values, strict=True):
            row = Observation(day, longest_mm=size, modality="MR", state="present", read_as="second", read_by="Dr Two")
            edit = add_observation(lesion_id, row, by="Dr Two")
            assert hands.work.apply("Second reader", lambda edit=edit: edit) is None
    hands.turn()


def test_that_lesions_sums_and_response_stand_day_by_day_and_esc_goes_back(hands: Hands) -> None:
    assert cells(hands, "L1") == ["41 mm", "26 mm · PR"]
    assert cells(hands, "Sum of targets (mm)") == ["63 mm", "40 mm"]
    assert cells(hands, "Nadir before") == ["–", "63 mm · 2026-05-01"]
    assert cells(hands, "Change from baseline") == ["baseline", "-37 %"]
    assert cells(hands, "Response") == ["baseline", "PR"]
    assert hands.window.case_page.banner.isVisible()
    assert not hands.window.case_page.splitter.isVisible()
    page(hands).table.setFocus()
    hands.key(Qt.Key.Key_Escape)
    assert hands.window.case_page.splitter.isVisible()


def test_that_a_typed_observation_changes_the_response_as_one_step_of_undo(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    assert "L1 · 2026-06-24 · first reader" in words(page(hands).card)
    hands.key(Qt.Key.Key_Return)
    assert line_of(hands, "longest_mm").hasFocus(), "Enter on a cell begins typing"
    hands.type(line_of(hands, "longest_mm"), "52,5")
    assert cells(hands, "L1")[1] == "52.5 mm · PD"
    assert cells(hands, "Response")[1] == "SD", "66.5 mm is 6 % above the baseline of 63 mm"
    hands.type(line_of(hands, "longest_mm"), "900000")
    assert "it must lie in" in page(hands).card.problem.text()
    assert cells(hands, "L1")[1] == "52.5 mm · PD"
    hands.shortcut(Qt.Key.Key_Z)
    assert cells(hands, "Response")[1] == "PR"


def test_that_a_click_on_a_sum_shows_how_it_was_computed(hands: Hands) -> None:
    table = page(hands).table
    line = next(each for each in range(table.rowCount()) if row_name(table, each) == "Change from baseline")
    item = table.item(line, FIXED + 1)
    QTest.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, table.visualItemRect(item).center())
    hands.turn()
    shown = words(page(hands).card)
    assert "Sum of targets: L1 26 mm + L2 14 mm = 40 mm" in shown
    assert "Change from baseline (2026-05-01): (40 mm − 63 mm) / 63 mm = -37 %" in shown
    assert "Rules: recist11" in shown
    assert not page(hands).card.take.isVisible()


def test_that_a_target_is_chosen_by_a_person_and_only_proposed_before(hands: Hands) -> None:
    table = page(hands).table
    for lesion_id in ("lesion-1", "lesion-2"):
        box = table.roles[lesion_id]
        assert isinstance(box, QComboBox)
        box.setFocus()
        while box.currentIndex() > 0:
            QTest.keyClick(box, Qt.Key.Key_Up)
            box = page(hands).table.roles[lesion_id]
            box.setFocus()
        hands.turn()
    assert {each.role for each in hands.work.opened.case.lesions} == {None}
    assert page(hands).table.roles["lesion-1"].currentText() == "Target (proposed)"
    assert "2 are proposed" in page(hands).proposal.text()
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr One")
    assert "Nobody has chosen the target lesions" in page(hands).signing.problem.text()
    assert not hands.work.opened.case.readings
    hands.press(page(hands).take_proposed)
    assert {each.role for each in hands.work.opened.case.lesions} == {"target"}
    assert page(hands).proposal.isHidden()


def test_that_the_second_reader_reads_without_the_first_until_he_has_signed(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr One")
    assert cells(hands, "Signed: first reader")[1] == "✓ PR · Dr One"
    read_as(hands, "second")
    shown = words(page(hands)) + "".join(str(cells(hands, each)) for each in ("L1", "L2", "Response"))
    assert "PR" not in shown
    assert "26" not in str(cells(hands, "L1"))
    second_observations(hands, {BEFORE: (42.0, 22.0), AFTER: (41.0, 21.0)})
    choose(hands, "lesion-1", AFTER)
    assert cells(hands, "Signed: first reader")[1] == "hidden until you sign"
    assert "hidden until you sign" in words(page(hands).signing)
    assert page(hands).signing.name.text() == "", "who reads second is typed"
    sign(hands, "Dr One")
    assert "another person reads" in page(hands).signing.problem.text()
    sign(hands, "Dr Two")
    assert cells(hands, "Signed: first reader")[1] == "✓ PR · Dr One"
    assert "first reader PR, second reader SD" in words(page(hands).signing)


def test_that_the_history_of_a_lesion_does_not_unblind_the_second_reader(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr One")
    choose(hands, "lesion-1", AFTER)
    hands.press(page(hands).history)
    first = judging(hands).identity.dialog
    assert isinstance(first, LesionHistoryDialog)
    kinds = {first.table.item(line, 1).text() for line in range(first.table.rowCount())}
    assert {"Seen", "Response", "Treated"} <= kinds
    first.reject()
    read_as(hands, "second")
    hands.press(page(hands).history)
    second = judging(hands).identity.dialog
    assert isinstance(second, LesionHistoryDialog)
    kinds = {second.table.item(line, 1).text() for line in range(second.table.rowCount())}
    assert "Treated" in kinds
    assert not kinds & {"Seen", "Response", "Lipiodol"}
    assert "hidden until you sign" in words(second)


def test_that_a_third_person_decides_a_difference_with_a_reason(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr One")
    second_observations(hands, {BEFORE: (42.0, 22.0), AFTER: (41.0, 21.0)})
    read_as(hands, "second")
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr Two")
    signing = page(hands).signing
    hands.press(signing.decide)
    assert "Choose whose reading holds" in signing.problem.text()
    hands.pick(signing.agrees, "second")
    hands.type(signing.third, "Dr Two", leave=False)
    hands.type(signing.reason, "Rim was oil", leave=False)
    hands.press(signing.decide)
    assert "a third person decides" in signing.problem.text()
    hands.type(signing.third, "Dr Three", leave=False)
    hands.press(signing.decide)
    assert "decided: SD" in words(signing)
    assert signing.decide.isHidden()
    assert cells(hands, "Signed: adjudication")[1] == "✓ SD · Dr Three"
    hands.shortcut(Qt.Key.Key_Z)
    assert "decided" not in words(signing)


def test_that_a_reading_whose_observations_changed_says_that_it_is_stale(hands: Hands) -> None:
    choose(hands, "lesion-2", AFTER)
    sign(hands, "Dr One")
    hands.type(line_of(hands, "longest_mm"), "13")
    assert cells(hands, "Signed: first reader")[1] == "↻ PR · stale"
    hands.shortcut(Qt.Key.Key_Z)
    assert cells(hands, "Signed: first reader")[1] == "✓ PR · Dr One"


def test_that_criteria_that_do_not_hold_and_oil_on_ct_say_why(hands: Hands) -> None:
    hands.pick(page(hands).criteria, "easl")
    choose(hands, "lesion-1", AFTER)
    hands.type(line_of(hands, "enhancing_a"), "12")
    assert "Type both diameters" in page(hands).card.problem.text()
    hands.type(line_of(hands, "enhancing_b"), "8")
    hands.pick(page(hands).card.box("modality"), "CT")
    assert "Lipiodol: MR or not evaluable" in cells(hands, "L1")[1]
    assert "viability is not read from CT with oil" in words(page(hands).findings)
    hands.pick(page(hands).criteria, "lirads-tr-2024")
    assert page(hands).card.editors["masslike_enhancement"].isVisible()
    assert not page(hands).card.editors["longest_mm"].isVisible()


def test_that_the_timeline_opens_a_reading_where_it_was_signed(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    sign(hands, "Dr One")
    reading = hands.work.opened.case.readings[-1]
    judging(hands).response.leave()
    hands.window.dialogs.course.show()
    hands.window.dialogs.course.open_reading(reading.id)
    hands.turn()
    assert page(hands).day == AFTER
    assert page(hands).criteria.currentData() == "recist-1.1"


def test_that_nothing_is_signed_by_enter(hands: Hands) -> None:
    choose(hands, "lesion-1", AFTER)
    hands.type(page(hands).signing.name, "Dr One")
    assert not hands.work.opened.case.readings
    assert not any(each.isDefault() or each.autoDefault() for each in page(hands).findChildren(QPushButton))
