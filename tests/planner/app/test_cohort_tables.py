from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from planner.app.cohort import Cohort, CohortRow, cohort_row
from planner.app.cohort_tables import (
    CohortFilter,
    best_word,
    complication_lines,
    filtered,
    month_lines,
    response_lines,
    share,
    thresholds,
    unread,
    waterfall_bars,
    waterfall_criteria,
)
from planner.app.course_review import compare_sessions, review_csv
from planner.app.templates import Installed, installed
from planner.model.case import Case
from planner.model.people import PriorTreatment
from tests.cohort_scene import DAY, START, TODAY, cases, events, margin, reading, session, two_sessions


@pytest.fixture(scope="module")
def shelf() -> Installed:
    return installed()


@pytest.fixture(scope="module")
def rows(shelf: Installed) -> tuple[CohortRow, ...]:
    return tuple(cohort_row(each, shelf.templates, f"C{n}", TODAY) for n, each in enumerate(cases()[:3], start=1))


def row_of(case: Case, shelf: Installed) -> CohortRow:
    return cohort_row(case, shelf.templates, "C", TODAY)


def test_that_changes_by_different_criteria_are_never_put_together(shelf: Installed) -> None:
    volume = reading(3, 36, -95.0, "PR", "volumetric")
    case = replace(two_sessions(), readings=(*two_sessions().readings, volume))
    row = row_of(case, shelf)
    assert (row.best_change, row.best_change_by) == (-60.0, "mrecist")
    assert {each.criteria: each.best_change for each in row.by_criteria} == {"mrecist": -60.0, "volumetric": -95.0}
    assert [bar.change for bar in waterfall_bars([row], "volumetric")] == [-95.0]


def test_that_a_second_reader_does_not_count_and_an_adjudication_does(shelf: Installed) -> None:
    first, second = reading(1, 35, -10.0, "SD"), replace(reading(2, 35, -80.0, "PR"), role="second")
    case = replace(two_sessions(), readings=(first, second))
    assert row_of(case, shelf).best_change == -10.0
    settled = replace(reading(3, 35, -40.0, "PR"), role="adjudication")
    assert row_of(replace(case, readings=(settled, first, second)), shelf).best_change == -40.0


def test_that_a_reading_before_the_first_session_is_no_response_to_it(shelf: Installed) -> None:
    case = replace(two_sessions(), readings=(reading(1, -5, -80.0, "PR"), reading(2, 0, -70.0, "PR")))
    row = row_of(case, shelf)
    assert (row.by_criteria, row.best_change) == ((), None)


def test_that_progression_and_follow_up_count_from_the_first_session(rows: tuple[CohortRow, ...]) -> None:
    assert rows[0].progressed is not None
    assert (rows[0].progressed.days, rows[0].progressed.criteria) == (90, "mrecist")
    assert rows[0].followed_days == 90
    assert rows[2].progressed is None
    assert rows[2].followed_days == 80 - 31


def test_that_the_lane_ends_where_the_case_is_known_to_and_not_today(rows: tuple[CohortRow, ...]) -> None:
    end = rows[0].swims[-1]
    assert (end.kind, end.on) == ("end", START + 90 * DAY)
    assert end.on < TODAY


def test_that_a_treatment_elsewhere_lets_a_case_be_known_for_longer(shelf: Installed) -> None:
    treated = PriorTreatment("Sorafenib", on=START + 100 * DAY, until=START + 200 * DAY)
    row = row_of(replace(two_sessions(), prior_treatments=(treated,)), shelf)
    assert row.followed_days == 200
    swim = next(each for each in row.swims if each.kind == "outside")
    assert (swim.on, swim.until) == (START + 100 * DAY, START + 200 * DAY)


def test_that_a_margin_without_the_error_of_its_registration_is_no_number(shelf: Installed) -> None:
    known, unknown = margin("achieved", 4.5), margin("achieved", 1.0, None)
    case = replace(two_sessions(), sessions=(replace(session(1), items=(known, unknown)), session(2)))
    row = row_of(case, shelf)
    assert row.margin_mm == 4.5
    assert [held.margin_mm for held in row.held] == [4.5, None]


def test_that_filters_take_tumour_procedure_response_and_period(rows: tuple[CohortRow, ...]) -> None:
    found = Cohort(rows, (), False)

    def codes(**chosen: object) -> list[str]:
        return [each.code for each in filtered(found, CohortFilter(**chosen)).rows]

    assert codes() == ["C1", "C2", "C3"]
    assert codes(histology="CRLM") == ["C3"]
    assert codes(template="ablation") == []
    assert codes(response="PD") == ["C2"]
    assert codes(since=START + DAY, until=START + 30 * DAY) == ["C2"]
    assert codes(since=START + 56 * DAY) == ["C1"]


def test_that_schemes_are_counted_apart_and_ungraded_events_last(shelf: Installed, rows: tuple[CohortRow, ...]) -> None:
    nobody = cohort_row(
        replace(two_sessions(), id="x", sessions=(session(1, **events({"event": "Fever"})),)),
        shelf.templates,
        "C",
        TODAY,
    )
    lines = complication_lines((*rows, nobody))
    assert [(line.scheme, line.grade, line.events) for line in lines] == [
        ("CIRSE 2017", "3", 1),
        ("SIR 2017", "mild", 1),
        (None, None, 1),
    ]
    assert lines[0].names == ("Liver abscess",)
    assert complication_lines(rows, CohortFilter(since=START + 40 * DAY)) == ()


def test_that_responses_are_counted_for_each_criteria(shelf: Installed, rows: tuple[CohortRow, ...]) -> None:
    silent = row_of(replace(two_sessions(), readings=()), shelf)
    lines = {line.criteria: line for line in response_lines((*rows, silent))}
    assert dict(lines["mrecist"].counts) == {"CR": 0, "PR": 1, "SD": 0, "PD": 1}
    assert lines["recist-1.1"].cases == 1
    assert unread((*rows, silent)) == 1
    assert best_word(silent) == "not read"


def test_that_months_say_what_was_asked_and_count_severe_events_by_scheme(rows: tuple[CohortRow, ...]) -> None:
    months = {line.month: line for line in month_lines(rows)}
    assert list(months) == ["2026-01", "2026-02", "2026-03"]
    january, february = months["2026-01"], months["2026-02"]
    assert (january.sessions, january.asked, january.severe, january.deaths) == (1, 1, (("CIRSE 2017", 1),), 0)
    assert (february.sessions, february.asked, february.read) == (2, 1, 2)
    assert february.severe == (("SIR 2017", 0),)


def test_that_a_share_of_few_has_no_per_cent() -> None:
    assert share(3, 12) == "3 of 12"
    assert share(5, 20) == "5 of 20 (25 %)"
    assert share(0, 0) == "0 of 0"


def test_that_limits_of_the_waterfall_come_from_the_rule_with_its_source() -> None:
    partial, progression = thresholds("mrecist")
    assert (partial.percent, progression.percent) == (-30.0, 20.0)
    assert "KJR 2022" in partial.source
    assert "nadir" in progression.text
    assert [each.percent for each in thresholds("easl")] == [-50.0, 25.0]
    assert thresholds("lirads-tr-2024") == ()


def test_that_bars_are_by_case_or_by_lesion_the_greatest_increase_first(rows: tuple[CohortRow, ...]) -> None:
    assert waterfall_criteria(rows) == ("mrecist", "recist-1.1")
    assert [bar.change for bar in waterfall_bars(rows, "mrecist")] == [26.0, -60.0]
    by_lesion = waterfall_bars(rows, "mrecist", by_lesion=True)
    assert [bar.change for bar in by_lesion] == [26.0, 16.0, -60.0, -70.0]
    assert by_lesion[2].label == "C1 lesion 1"


def test_that_sessions_show_margins_intervals_and_the_response_of_each_lesion(shelf: Installed) -> None:
    review = compare_sessions(two_sessions(), shelf.templates)
    lines = {line.title: line.cells for line in review.lines}
    margins = lines["Smallest margin, lesion 1"]
    assert (margins[0].planned, margins[0].recorded, margins[0].differs) == ("6 mm", "4.50 mm (± 1 mm)", True)
    assert margins[1].differs is None
    assert [cell.recorded for cell in lines["Since the session before"]] == ["first session", "56 d"]
    answered = [cell.outcome or "" for cell in lines["Response, lesion 2"]]
    assert answered[0].startswith("PR (mrecist, -70.0 %")
    assert answered[1].startswith("PD (mrecist, -5.0 %")


def test_that_a_session_without_its_template_is_said_to_be_left_out(shelf: Installed) -> None:
    review = compare_sessions(two_sessions(), {})
    assert review.sessions == ()
    assert review.left_out == ("TACE 1", "TACE 2")


def test_that_sessions_leave_as_csv_that_no_spreadsheet_runs(shelf: Installed) -> None:
    case = two_sessions()
    evil = replace(case, sessions=(replace(case.sessions[0], title="=1+1"), case.sessions[1]))
    text = review_csv(compare_sessions(evil, shelf.templates), simulated=True)
    head, *body = text.splitlines()
    assert head == "line,part,'=1+1,TACE 2,plan and record differ in,SIMULATED"
    assert "Doxorubicin,record,40 mg,40 mg,TACE 2,SIMULATED" in body
    assert "HYPERLINK" not in text


def test_that_a_day_of_the_period_belongs_to_it() -> None:
    chosen = CohortFilter(since=date(2026, 1, 1), until=date(2026, 1, 31))
    assert chosen.covers(date(2026, 1, 1))
    assert chosen.covers(date(2026, 1, 31))
    assert not chosen.covers(date(2026, 2, 1))
