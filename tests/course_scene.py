"""A case with a long course, made of values alone: for the timeline, the course page and the worklist."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from planner.app.templates import installed
from planner.model.assessments import ResponseReading
from planner.model.case import Case
from planner.model.course import Course, CourseStep
from planner.model.disease import BoardDecision, Diagnosis, Lesion, Observation, SeriesRef
from planner.model.follow_up import Report
from planner.model.people import LabValue, Patient, PriorTreatment, Sex
from planner.model.session import Session, SessionState, TemplateRef

TODAY = date(2026, 11, 22)
BEGUN = date(2025, 11, 4)
STAMP = datetime(2026, 1, 1, tzinfo=UTC)
ANALYTES = {
    "afp": ("ng/mL", 840.0, 0.55),
    "pivka_ii": ("mAU/mL", 310.0, 0.7),
    "bilirubin": ("umol/L", 17.0, 1.05),
    "creatinine": ("umol/L", 84.0, 1.02),
    "platelets": ("10*9/L", 121.0, 0.97),
}


def template_ref(template_id: str = "tace") -> TemplateRef:
    known = installed()
    template, profile = known.templates[template_id], known.profiles["bclc-cirse"]
    return TemplateRef(template.id, template.version, template.digest, profile.id, profile.version)


def session(number: int, on: date, state: SessionState, *, performed: bool = True, kind: str = "tace") -> Session:
    title = f"{'TACE' if kind == 'tace' else 'Ablation'} {number}"
    performed_on = on if performed else None
    return Session(f"session-{number}", title, template_ref(kind), state, planned_on=on, performed_on=performed_on)


def study(number: int, on: date, modality: str = "CT", phase: str | None = "arterial") -> SeriesRef:
    uid = f"1.2.826.0.1.{number}"
    return SeriesRef(uid, 1, modality, f"{modality} abdomen {number}", f"1.2.826.0.2.{number}", on, "1.2.3", phase)


def laboratory(days: tuple[date, ...]) -> tuple[LabValue, ...]:
    found = []
    for key, (unit, value, factor) in ANALYTES.items():
        for number, day in enumerate(days):
            # A fall towards the middle and a rise again, with a little unrest: no straight line to look at.
            part = number / max(1, len(days) - 1)
            bend = factor ** (6.0 * min(part, 0.62) - 9.0 * max(0.0, part - 0.62))
            unrest = 1.0 + 0.06 * ((number * 7 + len(key)) % 5 - 2)
            found.append(
                LabValue(f"lab-{key}-{number}", key, round(value * bend * unrest, 1), unit, day, entered_by="Ward")
            )
    return tuple(found)


def lesions() -> tuple[Lesion, ...]:
    days = (date(2025, 11, 2), date(2026, 1, 20), date(2026, 4, 14), date(2026, 8, 18))
    sizes = {"L1": ((41, 41), (38, 17), (30, 0), (27, 0)), "L2": ((22, 22), (23, 20), (21, 9), (20, 8))}
    found = []
    for name, rows in sizes.items():
        seen = tuple(
            Observation(day, longest_mm=float(longest), viable_mm=float(viable), modality="CT", read_by="Dr Reader")
            for day, (longest, viable) in zip(days, rows, strict=True)
        )
        found.append(Lesion(f"lesion-{name}", name, segment="VIII", observations=seen, role="target"))
    fresh = Observation(days[3], longest_mm=12.0, viable_mm=12.0, modality="CT", read_by="Dr Reader")
    found.append(Lesion("lesion-L3", "L3", segment="IV", observations=(fresh,), role="new", first_seen_on=days[3]))
    return tuple(found)


def steps() -> tuple[CourseStep, ...]:
    practice = "practice"
    return (
        CourseStep("step-1", "session", "TACE 1", session_id="session-1", template="tace"),
        CourseStep("step-2", "imaging", "CT at 6 weeks", done_on=date(2026, 1, 20), after="step-1", minimum_days=28),
        CourseStep("step-3", "session", "TACE 2", session_id="session-2", template="tace", after="step-2"),
        CourseStep("step-4", "session", "Ablation of the rest", session_id="session-3", template="ablation"),
        CourseStep(
            "step-5", "immunotherapy", "Atezolizumab", done_on=date(2026, 5, 20), after="step-4", minimum_days=14,
            interval_source=practice, decides="board", until=date(2026, 10, 12),
        ),
        CourseStep(
            "step-6", "imaging", "MR at 6 months", planned_on=date(2026, 11, 3), after="step-5", minimum_days=14,
            maximum_days=28, interval_source=practice,
        ),
        CourseStep(
            "step-7", "session", "TACE 3", template="tace", planned_on=date(2026, 12, 8), after="step-6",
            minimum_days=7, maximum_days=42, condition="if L2 or L3 is viable on the MR", decides="board",
        ),
        CourseStep("step-8", "imaging", "CT after TACE 3", planned_on=date(2027, 1, 19), after="step-7",
                   minimum_days=28, maximum_days=49, interval_source=practice),
        CourseStep("step-9", "surgery", "Transplantation", after="step-8", alternative_to="step-7", decides="board",
                   prerequisites=("Listed", "No macrovascular invasion")),
    )  # fmt: skip


def course_case(case_id: str = "case-course", *, simulated: bool = True) -> Case:
    """Three sessions, a systemic line, six studies, markers, diary, lesions, a late MR and an open condition."""
    days = tuple(BEGUN + timedelta(days=21 * number) for number in range(18))
    return Case(
        case_id,
        Patient("COURSE-1", "Course^Long", birth_date=date(1961, 4, 2), sex=Sex.MALE),
        title="Hepatocellular carcinoma, segment VIII",
        diagnosis=Diagnosis("Hepatocellular carcinoma", histology="HCC", proof="biopsy"),
        intent="radical",
        responsible_physician="Dr Consultant",
        prior_treatments=(
            PriorTreatment("systemic", "Entecavir begun", date(2025, 10, 1), "outside"),
            PriorTreatment(
                "chemoembolisation", "TACE elsewhere", date(2025, 9, 2), "outside",
                substance="doxorubicin", amount=50.0, unit="mg",
            ),
            PriorTreatment(
                "chemoembolisation", "TACE elsewhere, second", date(2025, 10, 7), "outside",
                substance="doxorubicin", amount=40.0, unit="mg",
            ),
            PriorTreatment("radiotherapy", "SBRT segment VI", date(2025, 8, 4), "outside", until=date(2025, 8, 20)),
        ),
        laboratory=laboratory(days),
        decisions=(BoardDecision("decision-1", held_on=date(2025, 10, 28), decision="TACE, then ablation"),),
        studies=(
            study(1, date(2025, 11, 2)), study(2, date(2025, 11, 2), phase="portal-venous"),
            study(3, date(2026, 1, 20)), study(4, date(2026, 4, 14)), study(5, date(2026, 8, 18), "MR"),
        ),
        lesions=lesions(),
        courses=(
            Course(
                "course-1", "TACE → ablation → immunotherapy", "radical", steps(),
                principle="Shrink and starve first, so that the ablation covers the rest; then systemic therapy.",
                evidence="BCLC 2022 stage A/B; meeting of 28 Oct 2025",
                patient_wishes="Wants to keep working; no second general anaesthesia if it can be avoided",
                risk_band="high", risk_band_by="Dr Consultant", begun_on=BEGUN,
            ),
        ),
        sessions=(
            session(1, BEGUN, SessionState.OUTCOME_READ),
            session(2, date(2026, 2, 17), SessionState.OUTCOME_READ),
            session(3, date(2026, 4, 28), SessionState.DISCHARGED, kind="ablation"),
        ),
        readings=(
            ResponseReading("reading-1", "mrecist", date(2026, 1, 20), "Dr Reader", STAMP, overall="PR"),
            ResponseReading("reading-2", "mrecist", date(2026, 8, 18), "Dr Reader", STAMP, overall="PD"),
        ),
        reports=tuple(
            Report(f"report-{number}", "pain", float((number * 3) % 7), day, "patient", "Nurse", STAMP)
            for number, day in enumerate(days[::2])
        ),
        simulated=simulated,
    )  # fmt: skip


def crowded_case() -> Case:
    """Twenty sessions and five hundred laboratory values, for how long drawing takes."""
    base = course_case("case-crowded")
    days = tuple(BEGUN + timedelta(days=4 * number) for number in range(100))
    many = tuple(
        session(number, BEGUN + timedelta(days=19 * number), SessionState.OUTCOME_READ) for number in range(1, 21)
    )
    return replace(base, laboratory=laboratory(days), sessions=many)
