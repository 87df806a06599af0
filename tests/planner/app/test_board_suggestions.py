"""What the case offers to the board's form: each with its day, nothing of later, nothing invented."""

from __future__ import annotations

from datetime import UTC, date, datetime

from planner.app.board_suggestions import suggestions
from planner.model.case import Case
from planner.model.course import Course
from planner.model.disease import Lesion, Observation
from planner.model.follow_up import Report
from planner.model.people import Patient, PriorTreatment
from planner.model.session import Session, SessionState, TemplateRef

NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)
MEETING = date(2026, 4, 20)


def _case() -> Case:
    seen = (Observation(date(2026, 1, 1), None, 20.0), Observation(date(2026, 4, 1), None, 40.0))
    done = Session(
        "s-1", "TACE 1", TemplateRef("tace", "1", "0", "p", "1"), SessionState.DONE, performed_on=date(2026, 2, 1)
    )
    return Case(
        "case-1",
        Patient("4711", "DEMO^ONE"),
        sessions=(done,),
        prior_treatments=(PriorTreatment("surgery", "Resection"),),
        courses=(Course("c-1", "TACE on demand", intent="palliative"),),
        lesions=(Lesion("l-1", "L1", observations=seen), Lesion("l-2", "L2", observations=seen[:1])),
        reports=(
            Report("r-1", "ecog", 1.0, date(2026, 4, 2), "doctor", "D", NOW),
            Report("r-2", "nrs-2002", 2.0, date(2026, 4, 3), "nurse", "N", NOW),
            Report("r-3", "nrs-2002", 4.0, date(2026, 5, 3), "nurse", "N", NOW),
        ),
    )


def test_that_the_form_is_offered_what_is_known_with_its_day() -> None:
    found = {each.field: each for each in suggestions(_case(), MEETING)}
    assert set(found) == {"prior_treatment", "performance", "nrs_2002", "intent", "growth_rate"}
    assert (found["nrs_2002"].value, found["nrs_2002"].why[-10:]) == (2, "2026-04-03")
    assert found["performance"].value == "ECOG 1"
    assert found["prior_treatment"].value == "TACE 1 2026-02-01; Resection (day unknown)"
    assert "doubles in 30 days (between them: TACE 1)" in str(found["growth_rate"].value)


def test_that_what_comes_later_is_not_offered() -> None:
    found = {each.field for each in suggestions(_case(), date(2026, 1, 15))}
    assert found == {"prior_treatment", "intent"}
