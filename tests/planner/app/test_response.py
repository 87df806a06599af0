"""Response of a case: what may count, who reads, what is signed, and what makes it stale."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

import pytest

from planner.app.response import (
    accepted_reading,
    add_observation,
    adjudicate,
    assessed,
    current_reading,
    disagreements,
    reading_is_current,
    response_request,
    set_roles,
    sign_reading,
    visible_readings,
)
from planner.errors import InputRefused, UsageError
from planner.findings import Severity
from planner.model import codec
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.people import Patient, PriorTreatment
from planner.model.session import Answer, Session, SessionState, TemplateRef

BEFORE, TREATED, SIX_WEEKS, MONTHS = date(2026, 1, 5), date(2026, 1, 12), date(2026, 2, 24), date(2026, 4, 20)
NOW = datetime(2026, 4, 21, 9, 0, tzinfo=UTC)


def seen(on: date, longest: float | None = None, viable: float | None = None, **more: Any) -> Observation:
    return Observation(on, longest_mm=longest, viable_mm=viable, **{"modality": "MR", **more})


def lesion(name: str, *observations: Observation, **more: Any) -> Lesion:
    return Lesion(name, name.upper(), observations=observations, **{"role": "target", **more})


def case_of(*lesions: Lesion, histology: str | None = "HCC", **more: Any) -> Case:
    patient = Patient("ZZPHI-7", "ZZPHI^Response")
    return Case("case-1", patient, diagnosis=Diagnosis(histology=histology), lesions=lesions, **more)


def session(template: str, on: date, answers: dict[str, dict[str, Any]], session_id: str = "s1") -> Session:
    kept = {stage: {name: Answer(value) for name, value in fields.items()} for stage, fields in answers.items()}
    return Session(
        session_id,
        f"{template} {on}",
        TemplateRef(template, "1", "d" * 64, "p", "1"),
        state=SessionState.DONE,
        performed_on=on,
        answers=MappingProxyType(kept),
    )


def tace(on: date = TREATED, technique: str | None = "ctace", *lesions: str, session_id: str = "s1") -> Session:
    rows = [{"position": 1, "lesions": list(lesions), "status": "done"}]
    given: dict[str, dict[str, Any]] = {"agent_dose": {"technique": technique}, "injections": {"injections": rows}}
    return session("tace", on, given, session_id)


def ablation(on: date, lesion_id: str) -> Session:
    return session("ablation", on, {"activations": {"activations": [{"lesion": lesion_id, "status": "done"}]}}, "s2")


def codes(found: Any) -> set[str]:
    return {finding.code for finding in found.findings}


def simple(viable: float = 10, **more: Any) -> Case:
    return case_of(lesion("a", seen(BEFORE, 40, 40), seen(SIX_WEEKS, 38, viable)), **more)


def test_that_a_case_is_assessed_by_its_observations() -> None:
    found = assessed(simple(), "mrecist")
    assert [point.overall for point in found.timepoints] == [None, "PR"]
    assert "slices-not-checked" in codes(found)
    assert assessed(simple(), "recist-1.1").timepoints[1].overall == "SD"


@pytest.mark.parametrize("criteria", ["mrecist", "easl", "lirads-tr-2024", "qeasl"])
@pytest.mark.parametrize("histology", ["CRLM", None])
def test_that_criteria_of_hcc_are_refused_for_others(criteria: str, histology: str | None) -> None:
    found = assessed(simple(histology=histology), criteria)
    assert found.timepoints == ()
    assert [(each.code, each.severity, each.overridable) for each in found.findings] == [
        ("histology", Severity.BLOCK, False)
    ]
    assert assessed(simple(histology=histology), "recist-1.1").timepoints[1].overall == "SD"


def by_ct(oil: str | None = None, **more: Any) -> Case:
    after = seen(SIX_WEEKS, 38, 0, modality="CT", lipiodol=oil)
    return case_of(lesion("a", seen(BEFORE, 40, 40, modality="CT"), after), **more)


def test_that_viability_is_not_read_on_ct_after_oil() -> None:
    found = assessed(by_ct(sessions=(tace(TREATED, "ctace", "a"),)), "mrecist")
    assert found.timepoints[1].overall == "NE"
    said = next(each for each in found.findings if each.code == "viability-on-oil")
    assert "Lipiodol: MR or not evaluable" in said.text
    assert found.timepoints[0].sum_mm == 40


@pytest.mark.parametrize(
    ("technique", "oil", "lesions", "expected"),
    [
        ("ctace", "none", ("a",), "CR"),
        ("ctace", "over-90", ("a",), "NE"),
        ("deb-tace", None, ("a",), "CR"),
        (None, None, ("a",), "NE"),
        ("ctace", None, ("b",), "CR"),
        ("ctace", None, (), "NE"),
    ],
)
def test_that_oil_is_where_it_may_be(
    technique: str | None, oil: str | None, lesions: tuple[str, ...], expected: str
) -> None:
    case = by_ct(oil, sessions=(tace(TREATED, technique, *lesions),))
    others = (*case.lesions, Lesion("b", "B", role="non-target"))
    assert assessed(replace(case, lesions=others), "mrecist").timepoints[1].overall == expected


def test_that_mr_reads_viability_beside_oil_and_size_is_read_on_ct() -> None:
    treated = (tace(TREATED, "ctace", "a"),)
    assert assessed(simple(0, sessions=treated), "mrecist").timepoints[1].overall == "CR"
    assert assessed(by_ct(sessions=treated), "recist-1.1").timepoints[1].overall == "SD"


def test_that_oil_of_an_earlier_hospital_counts() -> None:
    history = (PriorTreatment("TACE", "elsewhere", on=date(2025, 12, 1)),)
    found = assessed(by_ct(prior_treatments=history), "mrecist")
    assert "viability-on-oil" in codes(found)


def phases(*known: str | None) -> Case:
    studies = tuple(
        SeriesRef(f"1.{at}", 1, "MR", None, "study", SIX_WEEKS, None, phase) for at, phase in enumerate(known)
    )
    after = seen(SIX_WEEKS, 38, 10, series_uid="1.0")
    return case_of(lesion("a", seen(BEFORE, 40, 40), after), studies=studies)


@pytest.mark.parametrize(
    ("known", "overall", "code"),
    [
        (("portal-venous",), "NE", "no-arterial-phase"),
        (("portal-venous", "arterial"), "PR", None),
        (("portal-venous", None), "PR", "phase-not-known"),
    ],
)
def test_that_an_arterial_phase_is_asked_for(known: tuple[str | None, ...], overall: str, code: str | None) -> None:
    found = assessed(phases(*known), "mrecist")
    assert found.timepoints[1].overall == overall
    assert code is None or code in codes(found)
    assert "no-arterial-phase" not in codes(assessed(phases(*known), "recist-1.1"))


def test_that_targets_are_proposed_until_somebody_chooses() -> None:
    sizes = {"a": 40, "b": 30, "c": 25, "d": 8}
    case = case_of(*(lesion(name, seen(BEFORE, size), seen(MONTHS, size), role=None) for name, size in sizes.items()))
    asked = response_request(case, "recist-1.1")
    assert [(each.lesion_id, each.role) for each in asked.proposed] == [
        ("a", "target"),
        ("b", "target"),
        ("c", "non-target"),
        ("d", "non-target"),
    ]
    assert "targets-proposed" in codes(asked)
    with pytest.raises(UsageError, match="chosen"):
        sign_reading(case, "recist-1.1", MONTHS, by="dr.one", at=NOW)
    chosen = set_roles({each.lesion_id: each.role for each in asked.proposed})(case)
    assert response_request(chosen, "recist-1.1").proposed == ()
    assert set_roles({"a": "target"})(chosen) is chosen


def test_that_an_ablated_lesion_is_neither_proposed_nor_a_target() -> None:
    lesions = [lesion(name, seen(BEFORE, 30), seen(MONTHS, 30), role=None) for name in "ab"]
    case = case_of(*lesions, sessions=(ablation(TREATED, "a"),))
    roles = {each.lesion_id: each.role for each in response_request(case, "recist-1.1").proposed}
    assert roles == {"a": "non-target", "b": "target"}
    chosen = set_roles({"a": "target", "b": "non-target"})(case)
    assert "ablated-target" in codes(assessed(chosen, "recist-1.1"))
    assert "ablated-target" not in codes(assessed(chosen, "mrecist"))


def test_that_after_each_local_treatment_a_new_baseline_is_asked_for() -> None:
    a = lesion("a", seen(BEFORE, 40, 40), seen(SIX_WEEKS, 40, 20), seen(MONTHS, 40, 24))
    again = tace(date(2026, 3, 2), "deb-tace", "a", session_id="s2")
    case = case_of(a, sessions=(tace(TREATED, "deb-tace", "a"), again))
    found = assessed(case, "mrecist")
    assert [each.text.count(str(SIX_WEEKS)) for each in found.findings if each.code == "new-baseline"] == [1]
    assert found.timepoints[-1].overall == "PD"
    chosen = assessed(case, "mrecist", baseline_on=SIX_WEEKS)
    assert (chosen.baseline_on, chosen.timepoints[-1].nadir_mm) == (SIX_WEEKS, 20)
    assert "new-baseline" not in codes(chosen)
    with pytest.raises(UsageError, match="choose as baseline"):
        assessed(case, "mrecist", baseline_on=TREATED)


def test_that_the_baseline_is_the_last_study_before_the_first_treatment() -> None:
    a = lesion("a", seen(date(2025, 6, 1), 20), seen(BEFORE, 40), seen(SIX_WEEKS, 30))
    assert assessed(case_of(a, sessions=(tace(),)), "recist-1.1").baseline_on == BEFORE
    assert assessed(case_of(a), "recist-1.1").baseline_on == date(2025, 6, 1)


def test_that_a_new_lesion_counts_when_a_person_has_confirmed_it() -> None:
    fresh = lesion("n", seen(SIX_WEEKS, 12), role="new")
    case = case_of(*simple().lesions, fresh)
    found = assessed(case, "recist-1.1")
    assert (found.timepoints[1].new_lesion, found.timepoints[1].overall) == (None, "NE")
    assert "second-look" in codes(found)
    confirmed = case_of(*simple().lesions, replace(fresh, identity_by="dr.one"))
    assert assessed(confirmed, "recist-1.1").timepoints[1].overall == "PD"
    unsaid = case_of(*simple().lesions, replace(fresh, role=None, identity_by="dr.one"))
    assert "second-look" in codes(assessed(unsaid, "recist-1.1"))


def test_that_immunotherapy_makes_progression_unconfirmed() -> None:
    step = CourseStep("step-1", "immunotherapy", "Atezolizumab")
    case = simple(courses=(Course("course-1", "TACE and immunotherapy", steps=(step,)),))
    found = [each for each in assessed(case, "recist-1.1").findings if each.code == "irecist-unconfirmed"]
    assert [each.severity for each in found] == [Severity.INFO]
    dropped = replace(case, courses=(Course("c", "t", steps=(replace(step, dropped="toxicity"),)),))
    assert "irecist-unconfirmed" not in codes(assessed(dropped, "recist-1.1"))


def test_that_lirads_takes_the_therapy_from_the_record() -> None:
    after = seen(SIX_WEEKS, viable=12, masslike_enhancement="present", assessable=True)
    case = case_of(lesion("a", seen(BEFORE, 40), after, role=None), sessions=(tace(TREATED, "ctace", "a"),))
    found = assessed(case, "lirads-tr-2024")
    assert found.timepoints[-1].overall == "LR-TR Viable"
    radiation = replace(case, prior_treatments=(PriorTreatment("SBRT"),))
    assert assessed(radiation, "lirads-tr-2024").timepoints[-1].overall is None
    on_ct = replace(case.lesions[0], observations=(case.lesions[0].observations[0], replace(after, modality="CT")))
    assert assessed(replace(case, lesions=(on_ct,)), "lirads-tr-2024").timepoints[-1].overall == "LR-TR Nonevaluable"


def test_that_two_observations_of_a_day_complete_each_other_or_do_not_count() -> None:
    size, viable = seen(SIX_WEEKS, 38, series_uid="1.1"), seen(SIX_WEEKS, None, 10, series_uid="1.2")
    case = case_of(lesion("a", seen(BEFORE, 40, 40), size, viable))
    assert assessed(case, "mrecist").timepoints[1].overall == "PR"
    clash = case_of(lesion("a", seen(BEFORE, 40, 40), size, replace(size, longest_mm=20, series_uid="1.2")))
    found = assessed(clash, "recist-1.1")
    assert found.timepoints[1].overall == "NE"
    assert "two-observations" in codes(found)


def test_that_parts_count_in_the_whole_and_merged_lesions_once() -> None:
    split = case_of(
        lesion("a", seen(BEFORE, 40), seen(SIX_WEEKS, 20, state="present")),
        lesion("p", seen(SIX_WEEKS, 12), role=None, parents=("a",)),
        lesion("q", seen(SIX_WEEKS, 8), role=None, parents=("a",)),
    )
    found = assessed(split, "recist-1.1")
    assert (found.timepoints[1].sum_mm, found.timepoints[1].overall) == (20, "PR")
    gone = [seen(SIX_WEEKS, state="not-evaluable")]
    merged = case_of(
        lesion("a", seen(BEFORE, 40), *gone),
        lesion("b", seen(BEFORE, 30), *gone),
        lesion("m", seen(SIX_WEEKS, 90), role=None, parents=("a", "b")),
    )
    found = assessed(merged, "recist-1.1")
    assert (found.timepoints[1].sum_mm, found.timepoints[1].overall) == (90, "PD")


def twice(second: float = 38) -> Case:
    """Both readers have measured; their follow-up differs."""
    rows = [seen(BEFORE, 40, read_by="dr.one"), seen(SIX_WEEKS, 38, read_by="dr.one")]
    rows += [seen(on, size, read_by="dr.two", read_as="second") for on, size in ((BEFORE, 40), (SIX_WEEKS, second))]
    return case_of(lesion("a", *rows))


def signed(case: Case, reader: str, by: str, hour: int = 9) -> Case:
    at = NOW.replace(hour=hour)
    return sign_reading(case, "recist-1.1", SIX_WEEKS, by=by, at=at, reader=reader)(case)


def test_that_a_reading_keeps_what_was_signed_and_knows_when_it_is_stale() -> None:
    case = signed(simple(), "first", "dr.one")
    reading = case.readings[0]
    assert (reading.overall, reading.read_by, reading.read_at, reading.baseline_on) == ("SD", "dr.one", NOW, BEFORE)
    assert (reading.sum_mm, reading.lesions[0].measured_mm, reading.versions["recist11"]) == (38, 38, "1.1")
    assert codec.from_json(Case, codec.to_json(case)) == case
    assert reading_is_current(case, reading)
    a = case.lesions[0]
    later = add_observation("a", seen(MONTHS, 60), by="dr.one")(case)
    assert reading_is_current(later, reading)
    renamed = replace(case, lesions=(replace(a, name="another"),))
    assert reading_is_current(renamed, reading)
    changed = replace(case, lesions=(replace(a, observations=(a.observations[0], seen(SIX_WEEKS, 20))),))
    assert not reading_is_current(changed, reading)
    assert changed.readings[0].overall == "SD"
    assert not reading_is_current(replace(case, lesions=()), reading)


def test_that_an_area_is_never_kept_as_a_length() -> None:
    rows = (seen(BEFORE, enhancing_mm=(40, 30)), seen(SIX_WEEKS, enhancing_mm=(20, 20)))
    case = case_of(lesion("a", *rows))
    reading = sign_reading(case, "easl", SIX_WEEKS, by="dr.one", at=NOW)(case).readings[0]
    assert (reading.overall, reading.sum_mm, reading.lesions[0].measured_mm) == ("PR", None, None)
    assert reading.lesions[0].note == "400 mm2"


def test_that_what_could_not_be_evaluated_is_signed_with_its_reason() -> None:
    case = by_ct(sessions=(tace(TREATED, "ctace", "a"),))
    reading = sign_reading(case, "mrecist", SIX_WEEKS, by="dr.one", at=NOW)(case).readings[0]
    assert reading.overall == "NE"
    assert "not evaluable" in (reading.not_evaluated or "")


@pytest.mark.parametrize(
    ("on", "criteria", "code"),
    [(BEFORE, "recist-1.1", "baseline-not-signed"), (MONTHS, "recist-1.1", "nothing-to-sign")],
)
def test_that_there_is_something_to_sign(on: date, criteria: str, code: str) -> None:
    with pytest.raises(UsageError) as refused:
        sign_reading(simple(), criteria, on, by="dr.one", at=NOW)
    assert refused.value.code == code


def test_that_the_second_reader_reads_without_the_first() -> None:
    case = signed(twice(second=50), "first", "dr.one")
    assert visible_readings(case, "recist-1.1", "second") == ()
    assert assessed(case, "recist-1.1", "second").timepoints[1].sum_mm == 50
    with pytest.raises(UsageError, match="another person"):
        signed(case, "second", "dr.one")
    both = signed(case, "second", "dr.two", hour=10)
    assert len(visible_readings(both, "recist-1.1", "second")) == 2
    alone = response_request(simple(), "recist-1.1", "second")
    assert alone.request is None
    assert "no-observations" in codes(alone)


def test_that_disagreement_is_shown_until_a_third_person_decides() -> None:
    both = signed(signed(twice(second=50), "first", "dr.one"), "second", "dr.two", hour=10)
    found = {each.what: (each.first, each.second, each.adjudicated) for each in disagreements(both)}
    assert found == {"overall": ("SD", "PD", None), "target": ("SD", "PD", None), "lesion": ("SD", "PD", None)}
    assert accepted_reading(both, "recist-1.1", SIX_WEEKS) is None

    def decide(case: Case, by: str = "dr.three", reason: str = "measured across the capsule") -> Case:
        at = NOW.replace(hour=11)
        edit = adjudicate(case, "recist-1.1", SIX_WEEKS, agrees_with="second", reason=reason, by=by, at=at)
        return edit(case)

    settled = decide(both)
    held = accepted_reading(settled, "recist-1.1", SIX_WEEKS)
    assert held is not None
    assert (held.overall, held.read_by, held.role) == ("PD", "dr.three", "adjudication")
    assert {each.adjudicated for each in disagreements(settled, "recist-1.1")} == {"PD"}
    assert reading_is_current(settled, held)
    for wrong in ({"by": "dr.two"}, {"reason": " "}):
        with pytest.raises(UsageError):
            decide(both, **wrong)
    again = signed(settled, "first", "dr.one", hour=12)
    assert accepted_reading(again, "recist-1.1", SIX_WEEKS) is None


def test_that_readers_who_agree_need_nobody() -> None:
    both = signed(signed(twice(), "first", "dr.one"), "second", "dr.two", hour=10)
    assert disagreements(both) == ()
    held = accepted_reading(both, "recist-1.1", SIX_WEEKS)
    assert held is not None
    assert held.read_by == "dr.one"
    with pytest.raises(UsageError, match="differ"):
        adjudicate(both, "recist-1.1", SIX_WEEKS, agrees_with="first", reason="x", by="dr.three", at=NOW)


def test_that_the_last_signature_of_a_role_holds() -> None:
    case = signed(simple(), "first", "dr.one")
    again = signed(case, "first", "dr.four", hour=12)
    held = current_reading(again, "recist-1.1", SIX_WEEKS)
    assert len(again.readings) == 2
    assert held is not None
    assert held.read_by == "dr.four"


def test_that_an_observation_is_put_in_once_and_checked() -> None:
    case = case_of(lesion("a", seen(SIX_WEEKS, 38, series_uid="1.1")))
    edit = add_observation("a", seen(SIX_WEEKS, 36, series_uid="1.1"), by="dr.one")
    once = edit(case)
    assert [(each.longest_mm, each.read_by) for each in once.lesions[0].observations] == [(36, "dr.one")]
    assert edit(once) is once
    earlier = add_observation("a", seen(BEFORE, 40), by="dr.one")(once)
    assert earlier.lesions[0].first_seen_on == BEFORE
    second = add_observation("a", seen(SIX_WEEKS, 30, series_uid="1.1", read_as="second"), by="dr.two")(once)
    assert len(second.lesions[0].observations) == 2
    with pytest.raises(UsageError):
        add_observation("x", seen(BEFORE, 40), by="dr.one")(case)


@pytest.mark.parametrize(
    "wrong",
    [
        {"longest": -1.0},
        {"longest": float("nan")},
        {"state": "gone"},
        {"longest": 3.0, "state": "absent"},
        {"therapy": "prayer"},
        {"enhancing_mm": (1.0, float("inf"))},
        {"masslike_enhancement": "some"},
        {"lipiodol": "plenty"},
    ],
)
def test_that_an_impossible_observation_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputRefused):
        add_observation("a", seen(BEFORE, **wrong), by="dr.one")
