"""The axis of time and the places on it, as pure values."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from viewers.state.course_lanes import Curve, CurvePoint, MarkState, TimelineContent, TimelineMark, arranged, mark_at
from viewers.state.time_axis import LEAST_DAYS, MOST_DAYS, TimeAxis, ValueScale, days_text, scale_of

EM = 16.0
FIRST, LAST = date(2025, 11, 4), date(2026, 11, 4)


def axis(left: float = 100.0, width: float = 1000.0) -> TimeAxis:
    return TimeAxis.fitted((FIRST, LAST), left, width)


def width_of(text: str) -> float:
    return 8.0 * len(text)


def curve(key: str, *values: float, lane: str | None = None) -> Curve:
    points = tuple(
        CurvePoint(FIRST + timedelta(days=30 * number), value, str(value)) for number, value in enumerate(values)
    )
    return Curve(key, key, lane or key, lane or key, "ng/mL", "marker", points)


def test_that_what_is_under_the_pointer_stays_there_when_zooming() -> None:
    before = axis()
    after = before.zoomed(2.5, 640.0)
    assert after.ordinal_at(640.0) == pytest.approx(before.ordinal_at(640.0))
    assert after.days == pytest.approx(before.days / 2.5)
    assert after.zoomed(1 / 2.5, 640.0).first == pytest.approx(before.first)


def test_that_zooming_ends_at_its_limits_and_never_leaves_the_calendar() -> None:
    assert axis().zoomed(1e9, 300.0).days == LEAST_DAYS
    far = axis().zoomed(1e-9, 300.0)
    assert far.days == MOST_DAYS
    assert far.panned(1e9).first >= 1.0
    assert far.panned(-1e9).day_at(far.right_px) <= date.max


def test_that_panning_moves_days_by_the_pixels_of_the_hand() -> None:
    before = axis()
    assert before.panned(-250.0).x_of(LAST) == pytest.approx(before.x_of(LAST) - 250.0)


def test_that_fitting_shows_every_day_with_room() -> None:
    fitted = axis()
    assert fitted.left_px < fitted.x_of(FIRST) < fitted.x_of(LAST) < fitted.right_px
    assert TimeAxis.fitted((FIRST,), 0.0, 500.0).days >= 14.0
    assert TimeAxis.fitted((), 0.0, 500.0).days > 0.0


@pytest.mark.parametrize("days", [7, 20, 60, 200, 400, 1200, 5000])
def test_that_ticks_have_room_for_their_text_and_the_first_names_its_year(days: int) -> None:
    shown = TimeAxis.fitted((FIRST, FIRST + timedelta(days=days)), 0.0, 900.0)
    ticks = shown.ticks(70.0)
    assert ticks, "no tick at all"
    places = [shown.x_of(tick.on) for tick in ticks]
    assert all(after - before >= 60.0 for before, after in zip(places, places[1:], strict=False))
    assert str(ticks[0].on.year) in ticks[0].text


def test_that_a_new_year_is_named_and_ticks_stay_where_they_are_while_panning() -> None:
    ticks = axis().ticks(80.0)
    assert any(tick.strong and "2026" in tick.text for tick in ticks)
    moved = {tick.on for tick in axis().panned(-37.0).ticks(80.0)}
    assert len(moved & {tick.on for tick in ticks}) >= len(ticks) - 2


def test_that_a_marker_over_decades_goes_by_powers_of_ten_and_a_person_may_say_otherwise() -> None:
    scale = scale_of([4.0, 90.0, 8000.0])
    assert scale.log
    assert scale.part(scale.low) == pytest.approx(0.0)
    assert scale.part(scale.high) == pytest.approx(1.0)
    assert set(scale.ticks(5)) >= {10.0, 100.0, 1000.0}
    assert not scale_of([4.0, 8000.0], log=False).log
    assert not scale_of([12.0, 19.0, 17.0]).log
    assert not scale_of([0.0, 8000.0], log=True).log, "0 has no logarithm; it must not vanish"


@pytest.mark.parametrize("values", [(0.0,), (7.3, 7.3), (12.0, 19.0), (-3.0, 5.0), (1e-3, 2e-3)])
def test_that_every_value_lies_inside_its_lane_and_is_named_by_a_round_value(values: tuple[float, ...]) -> None:
    scale = scale_of(values)
    assert all(0.0 <= scale.part(value) <= 1.0 for value in values)
    assert scale.ticks(4)
    assert len(scale.ticks(4)) <= 4


def test_that_round_values_never_leave_the_scale() -> None:
    scale = ValueScale(3.0, 41.0)
    assert scale.ticks(4) == (10.0, 20.0, 30.0, 40.0)


def test_that_marks_whose_texts_would_meet_get_rows_of_their_own() -> None:
    marks = tuple(
        TimelineMark(f"s{number}", "session", FIRST + timedelta(days=10 * number), f"TACE number {number}")
        for number in range(3)
    )
    layout = arranged(TimelineContent(marks), axis(), EM, 400.0, width_of)
    assert len({placed.y for placed in layout.marks}) == 3
    far = arranged(TimelineContent(marks), axis().zoomed(20.0, axis().x_of(FIRST)), EM, 400.0, width_of)
    assert len({placed.y for placed in far.marks}) == 1


def test_that_a_crowded_day_keeps_every_mark_reachable_though_not_its_text() -> None:
    marks = tuple(TimelineMark(f"s{number}", "session", FIRST, f"Session {number}") for number in range(8))
    layout = arranged(TimelineContent(marks), axis(), EM, 400.0, width_of)
    assert len(layout.marks) == 8
    assert any(placed.label_px is None for placed in layout.marks)


def test_that_a_text_at_the_right_end_stands_before_its_mark() -> None:
    mark = TimelineMark("s", "session", LAST, "A session with a long name", MarkState.PLANNED)
    placed = arranged(TimelineContent((mark,)), axis(), EM, 400.0, width_of).marks[0]
    assert placed.label_px is not None
    assert placed.label_px + placed.label_width < placed.x
    inside = (placed.label_px + placed.label_width / 2, placed.y)
    layout = arranged(TimelineContent((mark,)), axis(), EM, 400.0, width_of)
    assert mark_at(layout, *inside, EM) == mark


def test_that_curves_of_one_lane_share_its_scale_and_hidden_ones_give_their_room_away() -> None:
    curves = (curve("a", 3.0, 9.0, lane="lesions"), curve("b", 30.0, 41.0, lane="lesions"), curve("c", 5.0))
    layout = arranged(TimelineContent(curves=curves), axis(), EM, 600.0, width_of)
    lesions = layout.lane("lesions")
    assert lesions is not None
    assert lesions.scale.high >= 41.0
    assert lesions.top <= lesions.y_of(41.0) < lesions.y_of(3.0) <= lesions.bottom
    fewer = arranged(TimelineContent(curves=curves), axis(), EM, 600.0, width_of, frozenset({"c"}))
    assert fewer.lane("c") is None
    assert fewer.lane_at(lesions.top + 1.0) is not None


def test_that_lanes_keep_their_least_height_and_the_layout_grows() -> None:
    curves = tuple(curve(f"c{number}", 1.0, 2.0) for number in range(30))
    layout = arranged(TimelineContent(curves=curves), axis(), EM, 300.0, width_of)
    assert layout.height > 300.0
    assert all(lane.height >= 2.0 * EM for lane in layout.lanes if lane.curves)


def test_that_a_bar_is_hit_along_its_whole_length_and_beside_it_nothing_is() -> None:
    mark = TimelineMark("x", "outside", FIRST, "Atezolizumab", until=FIRST + timedelta(days=150))
    layout = arranged(TimelineContent((mark,)), axis(), EM, 400.0, width_of)
    placed = layout.marks[0]
    assert mark_at(layout, (placed.x + placed.x_until) / 2, placed.y, EM) == mark
    assert mark_at(layout, placed.x_until + 200.0, placed.y, EM) is None
    assert mark_at(layout, placed.x + 10.0, placed.y + 3 * EM, EM) is None


def test_that_the_days_to_fit_leave_out_an_open_window_and_take_in_today() -> None:
    mark = TimelineMark("s", "session", FIRST, "TACE", MarkState.PLANNED, latest=date(2039, 1, 1))
    content = TimelineContent((mark,), today=LAST)
    assert set(content.days()) == {FIRST, LAST}
    assert replace(content, today=None).days() == (FIRST,)


def test_that_only_states_that_ask_for_something_are_named_in_the_text() -> None:
    named = {state: TimelineMark("s", "session", FIRST, "TACE", state).label for state in MarkState}
    assert named[MarkState.DONE] == named[MarkState.PLANNED] == "TACE"
    assert named[MarkState.OVERDUE] == "TACE · overdue"
    assert days_text(FIRST, FIRST + timedelta(days=42)) == "42 d (6.0 weeks)"
