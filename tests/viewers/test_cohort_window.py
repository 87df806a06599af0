"""The cohort by hand: from the library's button to a case, filters, plots, what leaves as CSV and PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from planner.errors import Cancelled
from planner.jobs import Context
from tests.cohort_scene import START, cases
from tests.window_hands import LEFT, PERSON, Hands
from viewers.panels.cohort_page import CohortPage
from viewers.panels.plot_parts import CATEGORY_COLOURS, Plot
from viewers.panels.plot_swimmer import SwimmerPlot
from viewers.panels.plot_waterfall import WaterfallPlot
from viewers.state.jobs import JobState
from viewers.window import cohort as cohort_window

NONE, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
WATERFALL, SWIMMER, RESPONSES, COMPLICATIONS, MONTHS = range(5)


@pytest.fixture(scope="module")
def window(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hands]:
    assert QApplication.instance() or QApplication([])
    made = Hands(tmp_path_factory.mktemp("cohort"))
    for each in cases():
        made.library.create_case(each, PERSON)
    made.window.library_page.refresh()
    yield made
    made.close()


@pytest.fixture
def hands(window: Hands) -> Hands:
    """The cohort of the real cases, without filters, its waterfall on show."""
    if not window.window.cohort.is_open:
        window.shortcut(Qt.Key.Key_K, SHIFT)
    shown = window.window.cohort.page
    shown.simulated.setChecked(False)
    shown.named.setChecked(False)
    window.until(lambda: not window.window.desk.jobs.running, "the cohort")
    shown.filters.clear()
    shown.tabs.setCurrentIndex(WATERFALL)
    window.turn()
    return window


def page(hands: Hands) -> CohortPage:
    return hands.window.cohort.page


def words(hands: Hands) -> str:
    return "\n".join(each.text() for each in page(hands).findChildren(QLabel) if each.isVisible())


def codes(hands: Hands) -> list[str]:
    return [each.code for each in page(hands).table.cases.rows]


def cell(hands: Hands, line: int, title: str) -> str:
    model = page(hands).table.cases
    heads = [model.headerData(each, Qt.Orientation.Horizontal) for each in range(model.columnCount())]
    return str(model.data(model.index(line, heads.index(title))))


def click_head(hands: Hands, title: str) -> None:
    table = page(hands).table
    heads = [table.cases.headerData(each, Qt.Orientation.Horizontal) for each in range(table.cases.columnCount())]
    head, column = table.horizontalHeader(), heads.index(title)
    table.scrollTo(table.cases.index(0, column))
    where = QPoint(head.sectionViewportPosition(column) + 12, head.height() // 2)
    QTest.mouseClick(head.viewport(), LEFT, NONE, where)
    hands.turn()


def has_colour(image: QImage, colour: str, area: QRect | None = None) -> bool:
    wanted = QColor(colour).rgb()
    room = area or image.rect()
    return any(
        image.pixel(x, y) == wanted
        for y in range(room.top(), room.bottom(), 2)
        for x in range(room.left(), room.right(), 2)
    )


def test_that_the_button_of_the_library_shows_treated_real_cases_alone(hands: Hands) -> None:
    hands.shortcut(Qt.Key.Key_K, SHIFT)
    library = hands.window.library_page
    assert hands.window.stack.currentWidget() is library
    hands.press(library.cohort_button)
    hands.until(lambda: not hands.window.desk.jobs.running, "the cohort")
    assert page(hands).isVisible()
    assert codes(hands) == ["C001", "C002", "C003"]
    assert page(hands).summary.text() == "n = 3 cases with a performed session · 1 more without a performed session"
    assert "SIMULATED" not in words(hands)
    page(hands).table.setFocus()
    hands.key(Qt.Key.Key_Escape)
    assert hands.window.stack.currentWidget() is library


def test_that_simulated_cases_are_shown_only_when_asked_for_and_marked(hands: Hands) -> None:
    hands.press(page(hands).simulated)
    hands.until(lambda: not hands.window.desk.jobs.running, "the simulated cases")
    assert len(codes(hands)) == 1
    assert "SIMULATED: teaching data" in words(hands)
    assert page(hands).summary.text().startswith("n = 1 simulated case ")


def test_that_names_are_hidden_until_they_are_asked_for(hands: Hands) -> None:
    table = page(hands).table
    assert table.isColumnHidden(1)
    hands.press(page(hands).named)
    assert not table.isColumnHidden(1)
    assert cell(hands, 1, "Name") == "Grown Greta"


def test_that_a_click_on_a_head_sorts_and_unknown_stays_behind(hands: Hands) -> None:
    click_head(hands, "Best change")
    assert [cell(hands, line, "Best change") for line in range(3)] == ["−60 % mRECIST", "−12 % RECIST", "+26 % mRECIST"]
    click_head(hands, "Least margin")
    assert [cell(hands, line, "Least margin") for line in range(3)] == ["4.50 mm", "–", "–"]
    click_head(hands, "Least margin")
    assert [cell(hands, line, "Least margin") for line in range(3)] == ["4.50 mm", "–", "–"]
    click_head(hands, "Case")


def test_that_filters_narrow_table_plots_and_counts_and_n_is_printed(hands: Hands) -> None:
    hands.pick(page(hands).filters.histology, "CRLM")
    assert codes(hands) == ["C003"]
    assert page(hands).summary.text().startswith("n = 1 of 3 cases")
    assert "by RECIST, % · n = 1 case" in page(hands).waterfall.title.text()
    hands.press(page(hands).filters.clearing)
    assert len(codes(hands)) == 3
    assert "n = 2 cases (of 3 shown; 1 without a change by it)" in page(hands).waterfall.title.text()


def test_that_a_period_is_typed_and_what_is_no_day_is_said(hands: Hands) -> None:
    filters = page(hands).filters
    hands.type(filters.since, "12.3.2026")
    assert "is no day" in filters.problem.text()
    assert len(codes(hands)) == 3
    hands.type(filters.since, "2026-03-01")
    assert filters.problem.text() == ""
    assert codes(hands) == ["C001"]
    hands.type(filters.until, "2026-02-01")
    assert "ends before it begins" in filters.problem.text()
    assert codes(hands) == []
    assert "no case fits these filters" in page(hands).waterfall.canvas.empty


def test_that_a_click_on_a_bar_opens_its_case(hands: Hands) -> None:
    canvas = page(hands).waterfall.canvas
    assert isinstance(canvas.plot, WaterfallPlot)
    assert [bar.code for bar in canvas.plot.bars] == ["C002", "C001"]
    QTest.mouseClick(canvas.viewport(), LEFT, NONE, canvas.point_of(1))
    hands.turn()
    assert hands.work.opened.case.id == "case-1"


def test_that_bars_are_drawn_in_the_colour_of_their_category_with_limits_and_letters(hands: Hands) -> None:
    canvas = page(hands).waterfall.canvas
    image = canvas.viewport().grab().toImage()
    assert isinstance(canvas.plot, WaterfallPlot)
    for number, category in enumerate(("PD", "PR")):
        rect = canvas.plot.bar_rect(number, canvas.drawing_size(), canvas.em).toRect()
        assert has_colour(image, CATEGORY_COLOURS[category], rect), category
        others = set(CATEGORY_COLOURS) - {category}
        assert not any(has_colour(image, CATEGORY_COLOURS[each], rect.adjusted(2, 2, -2, -2)) for each in others)
    assert "−30 %: partial response (KJR 2022;23:1126, Table 11)" in page(hands).waterfall.notes.text()
    assert [entry.sign for entry in page(hands).waterfall.legend.entries] == ["PD", "PR"]


def test_that_bars_by_lesion_are_as_many_as_lesions_that_were_read(hands: Hands) -> None:
    hands.pick(page(hands).by, True)
    plot = page(hands).waterfall.canvas.plot
    assert isinstance(plot, WaterfallPlot)
    assert [bar.change for bar in plot.bars] == [26.0, 16.0, -60.0, -70.0]
    assert "n = 4 lesions of 2 cases" in plot.title
    hands.pick(page(hands).by, False)


def test_that_keys_walk_the_lanes_choose_the_line_and_open_the_case(hands: Hands) -> None:
    page(hands).tabs.setCurrentIndex(SWIMMER)
    hands.turn()
    canvas = page(hands).swimmer.canvas
    canvas.setFocus()
    hands.key(Qt.Key.Key_Down)
    assert canvas.plot is not None
    assert page(hands).table.current_case() == canvas.plot.cases[0] == "case-1"
    hands.key(Qt.Key.Key_Down)
    second = canvas.plot.cases[1]
    assert page(hands).table.current_case() == second
    hands.key(Qt.Key.Key_Return)
    assert hands.work.opened.case.id == second


def test_that_a_mark_of_a_lane_is_told_with_its_day(hands: Hands) -> None:
    page(hands).tabs.setCurrentIndex(SWIMMER)
    hands.turn()
    canvas = page(hands).swimmer.canvas
    assert canvas.plot is not None
    size, em = canvas.drawing_size(), canvas.em
    places = list(canvas.plot.places(0, size, em))
    swim, at = next(each for each in places if each[0].kind == "response" and each[0].text == "PR")
    hit = canvas.hit_at(at)
    assert hit is not None
    assert hit.lines[1] == f"PR · {swim.on.isoformat()} · day 35"
    assert "mrecist" in hit.lines[2]
    image = canvas.viewport().grab().toImage()
    box = QRect(round(at.x() - em / 2), round(at.y() - em / 2), round(em), round(em))
    assert has_colour(image, CATEGORY_COLOURS["PR"], box)


def test_that_counts_keep_schemes_apart_and_say_what_was_not_asked(hands: Hands) -> None:
    page(hands).tabs.setCurrentIndex(COMPLICATIONS)
    hands.turn()
    table = page(hands).complications.table
    assert table is not None
    assert [table.item(line, 0).text() for line in range(table.rowCount())] == ["CIRSE 2017", "SIR 2017"]
    assert "asked for events to 30 days after 3 of 4" in words(hands)
    assert "never converted" in words(hands)
    page(hands).tabs.setCurrentIndex(MONTHS)
    hands.turn()
    months = page(hands).months.table
    assert months is not None
    assert months.item(months.rowCount() - 1, 0).text() == f"{START:%Y-%m}"
    assert "Unverified: CIRSE 2017, SIR 2017" in words(hands)


def test_that_the_file_has_no_name_unless_it_is_ticked_with_its_warning(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for named, wanted in ((False, "cohort.csv"), (True, "cohort-with-names.csv")):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(tmp_path / given[2]), ""))
        hands.press(page(hands).exporter)
        dialog = hands.window.cohort.dialog
        assert dialog is not None
        assert not dialog.named.isChecked()
        if named:
            hands.press(dialog.named)
            assert "names and patient identifiers" in dialog.warning.text()
        hands.press(dialog.saver)
        text = (tmp_path / wanted).read_text(encoding="utf-8-sig")
        assert ("HYPERLINK" in text) is named
        assert len(list(csv.DictReader(io.StringIO(text)))) == 3
    assert list(csv.DictReader(io.StringIO(text)))[0]["name"] == "'=HYPERLINK^Evil"


def test_that_pictures_hold_the_plot_and_never_a_name(
    hands: Hands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Plot] = []
    draw = cohort_window.plot_picture

    def kept(plot: Plot, *given: Any, **more: Any) -> QImage:
        drawn.append(plot)
        return draw(plot, *given, **more)

    monkeypatch.setattr(cohort_window, "plot_picture", kept)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *given: (str(tmp_path / given[2]), ""))
    hands.press(page(hands).named)
    for tab, view, name in (
        (WATERFALL, page(hands).waterfall, "waterfall.png"),
        (SWIMMER, page(hands).swimmer, "swimmer.png"),
    ):
        page(hands).tabs.setCurrentIndex(tab)
        hands.turn()
        hands.press(view.saver)
        hands.until(lambda: not hands.window.desk.jobs.running, "the picture")
        image = QImage(str(tmp_path / name))
        assert image.width() == 2000
        assert has_colour(image.scaledToWidth(2000), CATEGORY_COLOURS["PR"])
    lanes = drawn[1]
    assert isinstance(lanes, SwimmerPlot)
    assert [lanes.label(each.row) for each in lanes.lanes] == ["C001", "C003", "C002"]


def test_that_a_reading_that_is_cancelled_keeps_what_was_there_and_says_so(
    hands: Hands, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*given: object, context: Context, **more: object) -> None:
        context.cancel()
        raise Cancelled

    monkeypatch.setattr(cohort_window, "cohort", stopped)
    job = hands.window.cohort.read(False)
    hands.until(lambda: job.state is not JobState.RUNNING, "the end of the reading")
    assert job.state is JobState.CANCELLED
    assert "not read to the end" in page(hands).summary.text()
    assert len(codes(hands)) == 3


def test_that_an_empty_library_says_what_to_do(tmp_path: Path, window: Hands) -> None:
    empty = Hands(tmp_path)
    empty.shortcut(Qt.Key.Key_K, SHIFT)
    empty.until(lambda: not empty.window.desk.jobs.running, "the cohort")
    shown = empty.window.cohort.page
    assert shown.summary.text() == "n = 0 cases with a performed session"
    assert "Simulated cases only" in shown.swimmer.canvas.empty
    assert not shown.exporter.isEnabled()
    empty.close()
    window.window.activateWindow()
