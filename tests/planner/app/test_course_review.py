from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from course_cases import NOW, READ_AFTER, START, hcc_case, lesion, tace_session

from planner.app.cohort import cohort, cohort_csv, cohort_row, waterfall
from planner.app.course_review import compare_sessions
from planner.app.templates import Installed, installed
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.disease import BoardDecision
from planner.model.people import Patient
from planner.store.actors import Actor
from planner.store.library import Library

TODAY = date(2026, 6, 1)


@pytest.fixture(scope="module")
def shelf() -> Installed:
    return installed()


def events(*rows: dict[str, str]) -> dict[str, object]:
    return {"events_30d": {"adverse_events": list(rows), "none": "no" if rows else "yes"}}


def two_sessions() -> Case:
    first = tace_session(
        1,
        outcome={"overall": "SD"},
        images_lesions={"target_lesions": ["lesion-1", "lesion-2"]},
        agent_dose={"prepared_maximum": 30.0, "drug": "doxorubicin"},
        **events({"event": "fever", "scheme": "CIRSE 2017", "grade": "3"}),
    )
    second = tace_session(2, images_lesions={"target_lesions": ["lesion-1"]})
    return hcc_case(first, second, lesions=(lesion("lesion-1", (START, 30, 30)), lesion("lesion-2", (START, 20, 20))))


def test_that_plan_and_record_that_differ_are_marked_in_the_table_of_sessions(shelf: Installed) -> None:
    review = compare_sessions(two_sessions(), shelf.templates)
    assert [title for _, title in review.sessions] == ["TACE 1", "TACE 2"]
    lesions, drug = review.line("Lesions"), review.line("Doxorubicin")
    assert lesions is not None
    assert drug is not None
    assert [cell.differs for cell in lesions.cells] == [True, False]
    assert (drug.cells[0].planned, drug.cells[0].recorded) == ("at most 30 mg", "40 mg")
    assert [cell.differs for cell in drug.cells] == [True, None]


def test_that_what_nobody_asked_is_not_printed_as_none(shelf: Installed) -> None:
    review = compare_sessions(two_sessions(), shelf.templates)
    line, response = review.line("Complications"), review.line("Response")
    assert line is not None
    assert response is not None
    assert [cell.outcome for cell in line.cells] == ["fever (CIRSE 2017 grade 3)", "events to 30 days not asked"]
    assert response.cells[0].outcome is not None
    assert response.cells[0].outcome.startswith("SD (outcome of TACE 1")
    assert response.cells[1].outcome == "not read"
    quiet = hcc_case(tace_session(1, **events()))
    line = compare_sessions(quiet, shelf.templates).line("Complications")
    assert line is not None
    assert line.cells[0].outcome == "none to 30 days"


def reading(change: float, overall: str) -> ResponseReading:
    on = START + READ_AFTER
    return ResponseReading(
        "r", "mrecist", on, "Dr R", NOW, target=overall, overall=overall, change_from_baseline=change
    )


def test_that_a_row_of_the_cohort_holds_response_doses_and_waiting_time(shelf: Installed) -> None:
    decided = BoardDecision("d", held_on=START - timedelta(days=9))
    case = replace(two_sessions(), readings=(reading(-38.6, "PR"),), decisions=(decided,))
    row = cohort_row(case, shelf.templates, "C001", TODAY)
    assert row.best is not None
    assert row.best.category == "PR"
    assert row.best_change == -38.6
    assert row.decision_to_treatment_days == 9
    assert row.doses["doxorubicin", "mg"] == 80
    assert row.events_unasked == 1
    assert row.margin_mm is None
    assert [swim.kind for swim in row.swims] == ["session", "session", "response", "end"]


def test_that_the_waterfall_runs_from_growth_to_shrinking_and_leaves_the_unmeasured_out(shelf: Installed) -> None:
    def row(change: float | None) -> object:
        readings = () if change is None else (reading(change, "SD"),)
        return cohort_row(replace(two_sessions(), readings=readings), shelf.templates, "C", TODAY)

    found = waterfall([row(-50.0), row(None), row(22.0), row(-3.0)])
    assert [each.best_change for each in found] == [22.0, -3.0, -50.0]


def named(case: Case, identifier: str, name: str, **more: object) -> Case:
    return replace(case, id=f"case-{identifier}", patient=Patient(identifier, name), **more)


def test_that_simulated_cases_never_stand_beside_real_ones_and_names_are_left_out(
    shelf: Installed, tmp_path: Path
) -> None:
    library = Library.open(f"sqlite:///{tmp_path}/cohort.sqlite", daily_backup=False)
    by = Actor("tester", "here")
    library.create_case(named(two_sessions(), "REAL", "=HYPERLINK(evil)"), by)
    library.create_case(named(two_sessions(), "DEMO", "Digital^Patient", simulated=True), by)
    library.create_case(named(hcc_case(), "EMPTY", "None^Yet"), by)
    real, simulated = (cohort(library, shelf.templates, TODAY, simulated=each) for each in (False, True))
    assert [row.patient_id for row in real.rows] == ["REAL"]
    assert [row.patient_id for row in simulated.rows] == ["DEMO"]
    plain = cohort_csv(real)
    assert "REAL" not in plain
    assert "HYPERLINK" not in plain
    rows = list(csv.DictReader(io.StringIO(cohort_csv(real, named=True))))
    assert rows[0]["name"] == "'=HYPERLINK(evil)"
    assert rows[0]["doxorubicin [mg]"] == "80.0"
    assert list(csv.DictReader(io.StringIO(cohort_csv(simulated))))[0]["SIMULATED"] == "SIMULATED"
    library.close()


def test_that_a_course_of_years_keeps_one_column_per_session(shelf: Installed) -> None:
    case = hcc_case(*(tace_session(number) for number in range(1, 13)))
    review = compare_sessions(case, shelf.templates, ["session-3", "session-11"])
    assert review.sessions == (("session-3", "TACE 3"), ("session-11", "TACE 11"))
    assert datetime.fromisoformat(str(review.lines[0].cells[0].recorded)).date() == case.sessions[2].performed_on
