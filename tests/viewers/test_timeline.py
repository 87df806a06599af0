"""The timeline under real wheels, clicks, drags and keys; its pictures are looked at for what has to be on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, SignalInstance
from PySide6.QtGui import QColor, QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from planner.app.templates import installed
from planner.model.session import SessionState
from tests.course_scene import BEGUN, TODAY, course_case, study
from viewers.panels.timeline import Timeline
from viewers.panels.timeline_content import course_content
from viewers.panels.timeline_export import paper_picture
from viewers.state import theme
from viewers.state.course_lanes import MarkState, PlacedMark, TimelineContent
from viewers.state.timeline_memory import TimelineMemory

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
CONTROL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture(scope="module")
def content() -> TimelineContent:
    return course_content(course_case(), installed().templates, TODAY)


@pytest.fixture
def timeline(qapp: QApplication, content: TimelineContent) -> Iterator[Timeline]:
    made = Timeline()
    made.resize(1300, 700)
    made.show()
    made.show_content(content, keep_view=False)
    QApplication.processEvents()
    yield made
    made.close()
    made.deleteLater()


def placed(timeline: Timeline, mark_id: str) -> PlacedMark:
    return next(each for each in timeline.canvas.layout_now().marks if each.mark.id == mark_id)


def place(timeline: Timeline, mark_id: str) -> QPoint:
    found = placed(timeline, mark_id)
    return QPoint(round(found.x), round(found.y - timeline.canvas.offset))


def click(timeline: Timeline, mark_id: str, held: Qt.KeyboardModifier = NONE) -> None:
    QTest.mouseClick(timeline.canvas, LEFT, held, place(timeline, mark_id))


def wheel(timeline: Timeline, at: QPoint, notches: int, held: Qt.KeyboardModifier = NONE) -> None:
    canvas = timeline.canvas
    event = QWheelEvent(
        QPointF(at), QPointF(canvas.mapToGlobal(at)), QPoint(), QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton, held, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)


def drag(timeline: Timeline, start: QPoint, end: QPoint) -> None:
    """Press, move with the button held, release: as a hand does."""
    canvas = timeline.canvas
    QTest.mousePress(canvas, LEFT, NONE, start)
    for part in (0.3, 0.7, 1.0):
        at = QPointF(start) + (QPointF(end) - QPointF(start)) * part
        event = QMouseEvent(
            QEvent.Type.MouseMove, at, QPointF(canvas.mapToGlobal(at.toPoint())), Qt.MouseButton.NoButton, LEFT, NONE
        )
        QApplication.sendEvent(canvas, event)
    QTest.mouseRelease(canvas, LEFT, NONE, end)


def hover(timeline: Timeline, at: QPoint) -> tuple[str, ...]:
    QTest.mouseMove(timeline.canvas, at)
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(at), QPointF(timeline.canvas.mapToGlobal(at)),
        Qt.MouseButton.NoButton, Qt.MouseButton.NoButton, NONE,
    )  # fmt: skip
    QApplication.sendEvent(timeline.canvas, event)
    return timeline.canvas.lines_at(QPointF(at))


def heard(signal: SignalInstance) -> list[tuple[object, ...]]:
    got: list[tuple[object, ...]] = []
    signal.connect(lambda *values: got.append(values))
    return got


def pixels(timeline: Timeline) -> np.ndarray:
    return values_of(timeline.canvas.grab().toImage())


def values_of(picture: QImage) -> np.ndarray:
    image = picture.convertToFormat(QImage.Format.Format_RGB32)
    values = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    return values[:, : image.width(), 2::-1].astype(np.int16)


def shows(picture: np.ndarray, colour: str, tolerance: int = 12) -> int:
    """How many pixels have a colour."""
    wanted = QColor(colour)
    target = np.array([wanted.red(), wanted.green(), wanted.blue()], np.int16)
    return int((np.abs(picture - target).max(axis=-1) <= tolerance).sum())


def test_that_the_wheel_zooms_around_the_pointer_and_f_fits_again(timeline: Timeline) -> None:
    canvas = timeline.canvas
    at = QPoint(800, 300)
    before, whole = canvas.axis.ordinal_at(800.0), canvas.axis.days
    wheel(timeline, at, 3)
    assert canvas.axis.days < whole / 1.5
    assert canvas.axis.ordinal_at(800.0) == pytest.approx(before)
    canvas.setFocus()
    QTest.keyClick(canvas, Qt.Key.Key_F)
    assert canvas.axis.days == pytest.approx(whole)
    QTest.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.axis.days == pytest.approx(whole / 1.25)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.axis.days == pytest.approx(whole)


def test_that_a_drag_pans_and_opens_nothing(timeline: Timeline) -> None:
    opened = heard(timeline.session_wanted)
    canvas = timeline.canvas
    day = canvas.axis.day_at(900.0)
    drag(timeline, QPoint(900, 400), QPoint(700, 400))
    assert abs((canvas.axis.day_at(700.0) - day).days) <= 1
    drag(timeline, place(timeline, "session-1"), place(timeline, "session-1") + QPoint(120, 0))
    assert opened == []


def test_that_t_brings_today_to_the_middle_and_the_arrows_pan(timeline: Timeline) -> None:
    canvas = timeline.canvas
    canvas.setFocus()
    for _ in range(4):
        QTest.keyClick(canvas, Qt.Key.Key_Plus)
    QTest.keyClick(canvas, Qt.Key.Key_T)
    middle = (canvas.axis.left_px + canvas.axis.right_px) / 2
    assert canvas.axis.x_of(TODAY) == pytest.approx(middle, abs=1.0)
    QTest.keyClick(canvas, Qt.Key.Key_Right)
    assert canvas.axis.x_of(TODAY) < middle - 50


def test_that_a_click_opens_what_it_lies_on(timeline: Timeline) -> None:
    sessions, studies = heard(timeline.session_wanted), heard(timeline.study_wanted)
    readings, steps = heard(timeline.reading_wanted), heard(timeline.step_wanted)
    click(timeline, "session-2")
    click(timeline, "1.2.826.0.1.3")
    click(timeline, "reading-1")
    click(timeline, "step-6")
    assert (sessions, studies) == ([("session-2",)], [("1.2.826.0.1.3",)])
    assert (readings, steps) == ([("reading-1",)], [("step-6",)])


def test_that_two_studies_are_compared_earlier_one_first_however_they_are_chosen(timeline: Timeline) -> None:
    compared, opened = heard(timeline.compare_wanted), heard(timeline.study_wanted)
    click(timeline, "1.2.826.0.1.5", CONTROL)
    click(timeline, "1.2.826.0.1.3", CONTROL)
    drag(timeline, place(timeline, "1.2.826.0.1.4"), place(timeline, "1.2.826.0.1.3"))
    assert compared == [("1.2.826.0.1.3", "1.2.826.0.1.5"), ("1.2.826.0.1.3", "1.2.826.0.1.4")]
    assert opened == []
    click(timeline, "1.2.826.0.1.3", CONTROL)
    click(timeline, "1.2.826.0.1.3", CONTROL)
    assert timeline.canvas.chosen == ()
    assert len(compared) == 2
    click(timeline, "session-1", CONTROL)
    assert timeline.canvas.chosen == (), "a session is no study"


def test_that_keys_alone_walk_the_marks_open_them_and_compare_two_studies(timeline: Timeline) -> None:
    sessions, compared = heard(timeline.session_wanted), heard(timeline.compare_wanted)
    canvas = timeline.canvas
    canvas.setFocus()
    marks = sorted(canvas.content.marks, key=lambda mark: (mark.on, mark.id))
    studies = []
    for mark in marks:
        QTest.keyClick(canvas, Qt.Key.Key_N)
        assert canvas.standing == mark.id
        if mark.id == "session-2":
            QTest.keyClick(canvas, Qt.Key.Key_Return)
        if mark.opens == "study" and len(studies) < 2:
            studies.append(mark.target)
            QTest.keyClick(canvas, Qt.Key.Key_C)
    assert sessions == [("session-2",)]
    assert compared == [tuple(studies)]
    QTest.keyClick(canvas, Qt.Key.Key_P)
    assert canvas.standing == marks[-2].id


def test_that_the_card_gives_value_unit_date_and_source(timeline: Timeline) -> None:
    canvas = timeline.canvas
    point = next(each for each in canvas.points_now() if each.curve.key == "marker:afp")
    lines = hover(timeline, QPoint(round(point.x), round(point.y)))
    assert lines[0] == "Alpha-fetoprotein"
    assert "ng/mL" in lines[1]
    assert BEGUN.isoformat() in lines[1]
    assert lines[2] == "laboratory, typed by Ward"
    lane = canvas.layout_now().lane("lesions")
    assert lane is not None
    canvas.scroll_to(lane.bottom)
    x = canvas.axis.x_of(date(2026, 4, 14))
    near = hover(timeline, QPoint(round(x), round(lane.top + 2 - canvas.offset)))
    assert any(line.startswith("L1, viable: 0 mm") for line in near)
    assert hover(timeline, place(timeline, "step-6"))[1] == "2026-11-03 · overdue"


def test_that_planned_is_hollow_and_overdue_has_a_shape_and_a_word(timeline: Timeline) -> None:
    picture = pixels(timeline)
    done, planned = place(timeline, "session-1"), place(timeline, "step-7")
    accent = np.array([QColor(theme.ACCENT).red(), QColor(theme.ACCENT).green(), QColor(theme.ACCENT).blue()])
    assert np.abs(picture[done.y(), done.x()] - accent).max() < 12
    assert np.abs(picture[planned.y(), planned.x()] - accent).max() > 60
    late = placed(timeline, "step-6")
    assert late.mark.label == "MR at 6 months · overdue"
    assert late.label_px is not None
    box = picture[round(late.y) - 10 : round(late.y) + 10, round(late.x) - 10 : round(late.x) + 10]
    assert shows(box, theme.BLOCK) > 15
    word = picture[round(late.y) - 10 : round(late.y) + 10, round(late.label_px) : round(late.label_px + 90)]
    assert shows(word, theme.BLOCK, 60) > 30


def test_that_today_and_a_treatment_that_lasts_are_drawn(timeline: Timeline) -> None:
    picture = pixels(timeline)
    x = round(timeline.canvas.axis.x_of(TODAY))
    column = picture[60:, x - 1 : x + 2].max(axis=(1, 2))
    assert (column > 170).mean() > 0.3
    bar = placed(timeline, "step-5")
    assert bar.x_until - bar.x > 100
    edge = picture[round(bar.y - timeline.canvas.em * 0.55) - 1 : round(bar.y), round((bar.x + bar.x_until) / 2)]
    assert shows(edge[None], theme.WARN, 40) >= 1, "a thin line may lie across two rows"


def test_that_the_legend_switches_a_curve_and_the_choice_is_kept(
    qapp: QApplication, content: TimelineContent, tmp_path: Path
) -> None:
    path = tmp_path / "kept" / "timeline.json"
    first = Timeline(TimelineMemory(path))
    first.resize(1200, 700)
    first.show()
    first.show_content(content, keep_view=False)
    creatinine = next(curve.colour for curve in content.curves if curve.key == "lab:creatinine")
    assert first.canvas.layout_now().lane("lab:creatinine") is not None
    before = shows(pixels(first), creatinine)
    QTest.mouseClick(first.legend.switches["Creatinine"], LEFT)
    assert first.canvas.layout_now().lane("lab:creatinine") is None
    assert shows(pixels(first), creatinine) < before
    first.close()
    again = Timeline(TimelineMemory(path))
    again.show_content(content, keep_view=False)
    assert not again.legend.switches["Creatinine"].isChecked()
    QTest.mouseClick(again.legend.switches["L1"], LEFT)
    hidden = again.memory.hidden_of(content.curves)
    assert {"lesion:lesion-L1:longest", "lesion:lesion-L1:viable"} <= hidden
    path.write_text("not json")
    assert TimelineMemory(path).hidden_of(content.curves) == {c.key for c in content.curves if not c.offered}
    for each in (first, again):
        each.deleteLater()


def test_that_the_menu_turns_a_lane_to_powers_of_ten_and_back(timeline: Timeline) -> None:
    canvas = timeline.canvas
    lane = canvas.layout_now().lane("marker:afp")
    assert lane is not None
    assert not lane.scale.log
    middle = QPoint(600, round(lane.top + lane.height / 2 - canvas.offset))
    entries = timeline.menu.actions_at(middle).actions()
    next(each for each in entries if "powers of ten" in each.text()).trigger()
    turned = canvas.layout_now().lane("marker:afp")
    assert turned is not None
    assert turned.scale.log
    pain = canvas.layout_now().lane("report:pain")
    assert pain is not None
    at_pain = QPoint(600, round(pain.top + 5 - canvas.offset))
    assert not any("powers of ten" in each.text() for each in timeline.menu.actions_at(at_pain).actions()), "it has 0"


def test_that_more_lanes_than_room_are_scrolled_and_the_calendar_stays(timeline: Timeline) -> None:
    timeline.resize(1300, 380)
    QApplication.processEvents()
    assert timeline.bar.isVisible()
    head = pixels(timeline)[:20]
    wheel(timeline, QPoint(600, 200), -4, Qt.KeyboardModifier.ShiftModifier)
    assert timeline.canvas.offset > 0
    assert timeline.bar.value() == round(timeline.canvas.offset)
    assert (pixels(timeline)[:20] == head).mean() > 0.99
    days = timeline.canvas.axis.days
    timeline.canvas.setFocus()
    QTest.keyClick(timeline.canvas, Qt.Key.Key_Up)
    assert timeline.canvas.axis.days == days


def test_that_a_picture_is_saved_with_names_legend_units_and_date(timeline: Timeline, tmp_path: Path) -> None:
    timeline.menu.title, timeline.menu.simulated = "Course Long · COURSE-1", True
    assert timeline.menu.save_to(tmp_path / "course")
    image = QImage(str(tmp_path / "course.png"))
    assert image.width() == 2000
    picture = values_of(image)
    assert shows(picture[:50], theme.TEXT, 40) > 300, "who it is about stands at the top"
    for curve in timeline.content.curves:
        assert shows(picture[-330:], curve.colour, 20) > 20, f"{curve.title} is not in the legend"
    assert shows(picture[-90:], theme.QUIET, 40) > 300, "the date and what hollow means stand at the foot"


def test_that_the_picture_for_paper_shows_all_days_and_says_which_curves_it_leaves_out(
    content: TimelineContent, qapp: QApplication
) -> None:
    memory = TimelineMemory()
    whole = paper_picture(content, memory, qapp.font().family(), title="A", simulated=True, made_on=TODAY)
    switched = content.curves[0]
    memory.show(switched.key, False)
    less = paper_picture(content, memory, qapp.font().family(), title="A", simulated=True, made_on=TODAY)
    assert switched.title not in whole.caption
    assert f"not drawn: {switched.title}" in less.caption
    image, smaller = QImage.fromData(whole.png), QImage.fromData(less.png)
    assert image.width() == smaller.width() == 2000
    assert smaller.height() <= image.height()
    assert shows(values_of(image), switched.colour, 20) > shows(values_of(smaller), switched.colour, 20)
    assert whole.width_share * image.height() / image.width() <= 1.2 + 1e-9


def test_that_a_new_content_keeps_the_view_and_forgets_marks_that_are_gone(
    timeline: Timeline, content: TimelineContent
) -> None:
    click(timeline, "1.2.826.0.1.3", CONTROL)
    wheel(timeline, QPoint(700, 200), 2)
    axis = timeline.canvas.axis
    fewer = tuple(mark for mark in content.marks if mark.id != "1.2.826.0.1.3")
    timeline.show_content(replace(content, marks=fewer))
    assert timeline.canvas.axis == axis
    assert timeline.canvas.chosen == ()
    timeline.show_content(TimelineContent(), keep_view=False)
    assert shows(pixels(timeline), theme.QUIET, 40) > 50, "an empty axis says so"


def test_that_a_late_session_a_cancelled_one_and_an_unending_treatment_are_told_apart() -> None:
    case = course_case()
    waiting = replace(case.sessions[0], performed_on=None, state=SessionState.PLANNED)
    late = replace(waiting, id="late", planned_on=TODAY - timedelta(days=3))
    off = replace(late, id="off", state=SessionState.CANCELLED)
    soon = replace(late, id="soon", planned_on=TODAY + timedelta(days=3))
    steps = tuple(replace(each, until=None) if each.id == "step-5" else each for each in case.courses[0].steps)
    case = replace(
        case, sessions=(*case.sessions, late, off, soon), courses=(replace(case.courses[0], steps=steps),),
        studies=(*case.studies, study(9, TODAY, "XA")),
    )  # fmt: skip
    marks = {mark.id: mark for mark in course_content(case, installed().templates, TODAY).marks}
    assert [marks[each].state for each in ("late", "off", "soon")] == [
        MarkState.OVERDUE,
        MarkState.DROPPED,
        MarkState.PLANNED,
    ]
    assert marks["step-5"].still
    assert marks["step-5"].until == TODAY
    assert "its last day is not entered" in marks["step-5"].detail
    assert "step-2" not in marks, "imaging that was done is the study itself"
    assert marks["step-9"].on >= TODAY, "a step without a day stands where it may first be"
