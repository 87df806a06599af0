"""Who is due for what: filters, order, counts that leave simulated patients out, and what a line opens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from planner.model.case import Case
from planner.store.summary import CaseFacts, CaseSummary, DueSummary, SessionSummary
from tests.course_scene import course_case
from viewers.panels.due_list import COLUMNS
from viewers.panels.library_page import LibraryPage

LEFT = Qt.MouseButton.LeftButton
TODAY = date.today()


def ahead(days: int) -> date:
    return TODAY + timedelta(days=days)


def due(key: str, kind: str, days: int | None, owner: str | None = "Dr A", session: str | None = None) -> DueSummary:
    return DueSummary(key, kind, f"{kind} {key}", None if days is None else ahead(days), owner, session_id=session)


def summary(case_id: str, name: str, *items: DueSummary, simulated: bool = False, state: str = "closed") -> CaseSummary:
    sessions = (SessionSummary("session-1", "TACE 1", "tace", state),)
    facts = CaseFacts(case_id, name, sessions=sessions, simulated=simulated, due=items)
    return CaseSummary(case_id, 1, facts, "2026-03-01T10:00:00+00:00", "Dr F")


LATE = due("late", "imaging", -12)
READ = due("read", "outcome", 200)
CASES = (
    summary("c-a", "Alder", due("soon", "session", 3, "Dr B", "session-1"), LATE),
    summary(
        "c-b",
        "Birch",
        due("open", "task", None, None),
        due("now", "laboratory", 0),
        due("read", "outcome", 200),
        state="done",
    ),
    summary("c-c", "Cedar", due("far", "imaging", 90, "Dr B"), state="draft"),
    summary("c-s", "Demo", due("sim", "imaging", -40), simulated=True),
    summary("c-e", "Elder", DueSummary("gone", "report", "lapsed", ahead(-90), lapses_on=ahead(-60))),
)


class Desk:
    """A library page with what it was asked to do."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.page = LibraryPage(
            search=lambda text: [each for each in CASES if text.lower() in each.facts.patient_name.lower()],
            look=self.look,
            open_case=lambda case_id: self.asked.append(("case", case_id)),
            open_session=lambda case_id, session_id: self.asked.append(("session", case_id, session_id)),
            import_folder=lambda: None,
            import_file=lambda: None,
        )
        self.page.resize(1366, 700)
        self.page.show()
        self.page.refresh()

    def look(self, case_id: str, revision: int) -> Case:
        self.asked.append(("look", case_id))
        return course_case(case_id)

    def press(self, text: str) -> None:
        QTest.mouseClick(self.page.due.buttons[text], LEFT)

    @property
    def keys(self) -> list[str]:
        return [line.due.key for line in self.page.due.table.lines.lines]


@pytest.fixture
def desk(qapp: QApplication) -> Iterator[Desk]:
    made = Desk()
    QTest.mouseClick(made.page.due_button, LEFT)
    yield made
    made.page.close()
    made.page.deleteLater()


def test_that_what_is_due_comes_first_what_has_no_day_last_and_what_lapsed_not_at_all(desk: Desk) -> None:
    assert desk.keys == ["sim", "late", "now", "soon", "far", "read", "open"]
    when = [desk.page.due.table.lines.cells(line)[0] for line in desk.page.due.table.lines.lines]
    assert when == [
        "▲ overdue 40 d",
        "▲ overdue 12 d",
        "● today",
        "○ in 3 d",
        "○ in 90 d",
        "○ in 200 d",
        "· no day set",
    ]


def test_that_filters_take_what_they_say(desk: Desk) -> None:
    found = {}
    for name in desk.page.due.buttons:
        desk.press(name)
        found[name] = desk.keys
    assert found["Overdue"] == ["sim", "late"]
    assert found["This week"] == ["now", "soon"]
    assert found["To review"] == ["read"]
    assert found["In preparation"] == ["far"]


def test_that_simulated_patients_are_shown_and_never_counted_among_real_ones(desk: Desk) -> None:
    assert desk.page.due.buttons["Overdue"].text() == "Overdue (1 · 1 sim.)"
    assert desk.page.due_button.text() == "Due: late (1 · 1 sim.)"
    assert desk.page.worklist.of(CASES, TODAY)
    assert desk.page.worklist.buttons["All"].text() == "All (4 · 1 sim.)"
    first = desk.page.due.table.lines.cells(desk.page.due.table.lines.lines[0])
    assert first[2] == "SIMULATED · Demo"


def test_that_kind_owner_and_search_narrow_the_list_together(desk: Desk) -> None:
    page = desk.page
    page.due.kind.setFocus()
    wanted = page.due.kind.findData("imaging")
    while page.due.kind.currentIndex() != wanted:
        QTest.keyClick(page.due.kind, Qt.Key.Key_Down)
    assert desk.keys == ["sim", "late", "far"]
    page.due.owner.setCurrentIndex(page.due.owner.findData("Dr B"))
    assert desk.keys == ["far"]
    QTest.keyClicks(page.search_line, "alder")
    assert desk.keys == []
    assert page.empty.text() == "Nothing is due by this search and these filters."
    page.search_line.clear()
    page.due.kind.setCurrentIndex(0)
    assert desk.keys == ["soon", "far"]
    page.due.owner.setCurrentIndex(0)
    QTest.keyClicks(page.search_line, "Labor")
    assert desk.keys == ["now"], "what is due is searched too"


def test_that_a_click_on_a_column_sorts_and_days_keep_the_undated_last(desk: Desk) -> None:
    head = desk.page.due.table.horizontalHeader()

    def click(column: str) -> None:
        at = head.sectionViewportPosition(COLUMNS.index(column)) + 8
        QTest.mouseClick(head.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, QPoint(at, head.height() // 2))

    click("Patient")
    names = [line.summary.facts.patient_name for line in desk.page.due.table.lines.lines]
    assert names in (sorted(names), sorted(names, reverse=True))
    click("Due")
    first = desk.keys
    click("Due")
    assert first[-1] == desk.keys[-1] == "open"
    assert first[:-1] == desk.keys[:-1][::-1]
    desk.page.refresh()
    assert desk.keys[:-1] == first[:-1][::-1], "a refresh keeps the order that was chosen"


def test_that_enter_opens_the_session_a_line_is_about_and_else_the_case(desk: Desk) -> None:
    table = desk.page.due.table
    table.setFocus()
    for key, asked in (("soon", ("session", "c-a", "session-1")), ("late", ("case", "c-a"))):
        table.selectRow(desk.keys.index(key))
        QTest.keyClick(table, Qt.Key.Key_Return)
        assert desk.asked[-1] == asked


def test_that_the_chosen_line_shows_its_course_and_a_session_on_it_opens(desk: Desk) -> None:
    page = desk.page
    page.due.table.selectRow(desk.keys.index("now"))
    page.refresh()
    assert page.timeline is not None
    assert ("look", "c-b") in desk.asked
    QApplication.processEvents()
    canvas = page.timeline.canvas
    mark = next(each for each in canvas.layout_now().marks if each.mark.id == "session-2")
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(round(mark.x), round(mark.y)))
    assert desk.asked[-1] == ("session", "c-b", "session-2")
    mark = next(each for each in canvas.layout_now().marks if each.mark.id == "decision-1")
    QTest.mouseClick(canvas, LEFT, Qt.KeyboardModifier.NoModifier, QPoint(round(mark.x), round(mark.y)))
    assert desk.asked[-1] == ("case", "c-b"), "a meeting opens its case"
    seen = desk.asked.count(("look", "c-b"))
    page.templates_came()
    assert desk.asked.count(("look", "c-b")) == seen, "a revision that was read is not read again"
