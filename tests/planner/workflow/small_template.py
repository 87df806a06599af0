"""A small procedure of the tests' own (``shelf/*.toml``), a handful of functions, one profile. Nothing is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from planner.findings import Finding
from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion, SeriesRef
from planner.model.people import LabValue, Medication, Patient
from planner.model.session import Session
from planner.workflow.context import StageContext
from planner.workflow.lifecycle import new_session
from planner.workflow.loader import load_template
from planner.workflow.profiles import load_profiles
from planner.workflow.registry import FunctionRegistry
from planner.workflow.signing import record_time_out, sign
from planner.workflow.template import Computed, Profile, Template

NOW = datetime(2026, 3, 12, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
FILES = Path(__file__).parent / "shelf"

SPINE = (FILES / "base.toml").read_text(encoding="utf-8")

TEMPLATE = (FILES / "small.toml").read_text(encoding="utf-8")

PROFILE = (FILES / "house.toml").read_text(encoding="utf-8")


def registries(package: str) -> FunctionRegistry:
    """The functions of both packages, as their ``functions`` modules would register them."""
    registry = FunctionRegistry(package)
    if package != "proc.small":
        return registry

    @registry.check("within_cap")
    def within_cap(context: StageContext) -> list[Finding]:
        dose, cap = context.value("milligrams"), context.parameter("cap")
        if dose is None or dose <= cap.value:
            return []
        return [context.finding("dose-over-cap", "Over the cap.", measured=dose, limit=cap.value, unit="mg")]

    @registry.check("within_absolute")
    def within_absolute(context: StageContext) -> list[Finding]:
        dose = context.value("milligrams")
        over = dose is not None and dose > context.parameter("cap")
        return [context.finding("never", "Never above this.", measured=dose)] if over else []

    @registry.check("bilirubin_low")
    def bilirubin_low(context: StageContext) -> list[Finding]:
        found, cap = context.lab("bilirubin"), context.parameter("cap")
        if found is None:
            return [context.finding("not-evaluated", "Bilirubin unknown.")]
        over = found.value is not None and found.value > cap.value
        return [context.finding("bilirubin-high", "High.", measured=found.value, limit=cap.value)] if over else []

    @registry.check("always_refuses")
    def always_refuses(context: StageContext) -> list[Finding]:
        return [context.finding("over-plan", "More than planned.")]

    @registry.compute("doubled")
    def doubled(context: StageContext) -> list[Computed]:
        dose = context.value("milligrams")
        return [Computed("doubled", "Twice", None if dose is None else 2 * dose, "mg")]

    return registry


@dataclass(frozen=True)
class Shelf:
    """The small template and its profile, loaded from files."""

    root: Path
    template: Template
    profile: Profile


def write_shelf(root: Path, *, template: str = TEMPLATE, spine: str = SPINE, profile: str = PROFILE) -> Path:
    """Write the two template folders and the profile below a folder; gives that folder."""
    for name, text in (("base", spine), ("small", template)):
        (root / "proc" / name).mkdir(parents=True, exist_ok=True)
        (root / "proc" / name / "template.toml").write_text(text, encoding="utf-8")
    (root / "profiles").mkdir(exist_ok=True)
    (root / "profiles" / "house.toml").write_text(profile, encoding="utf-8")
    return root


def load_shelf(root: Path) -> Shelf:
    profiles = load_profiles(root / "profiles")
    template = load_template(root / "proc" / "small", profiles, registries=registries)
    return Shelf(root, template, profiles["house"])


def bilirubin(value: float, on: date, name: str = "lab-1") -> LabValue:
    return LabValue(name, "bilirubin", value, "umol/L", on)


def ready_case(shelf: Shelf) -> tuple[Case, str]:
    """A case whose session has every plan field filled and nothing signed."""
    from planner.workflow.answers import answer_field

    case = Case(
        id="case-1",
        patient=Patient("1", "Test", weight_kg=70.0),
        diagnosis=Diagnosis(histology="HCC"),
        laboratory=(bilirubin(20.0, date(2026, 3, 10)),),
        lesions=(Lesion("lesion-1", "L1"), Lesion("lesion-2", "L2")),
        medication=(Medication("apixaban", "doac", hold_from=date(2026, 3, 10), restart_on=date(2026, 3, 13)),),
        studies=(SeriesRef("1.2.3", 1, "CT", None, None, None, None),),
        pregnancy="no",
    )
    case, session_id = new_session(case, shelf.template, shelf.profile)
    given = [
        ("referral", "question", "Treat?"),
        ("referral", "technique", "one"),
        ("referral", "antibiotic_given", "yes"),
        ("referral", "images", "1.2.3#1"),
        ("dose", "milligrams", 100.0),
        ("dose", "approach", "femoral"),
        ("dose", "allergy_note", "hives"),
        ("consent", "given_to", "patient"),
        ("time_out", "read_aloud", "yes"),
    ]
    for stage, name, value in given:
        case = answer_field(case, session_id, shelf.template, stage, name, value, by="Fellow", now=NOW)
    return case, session_id


def signed_case(shelf: Shelf) -> tuple[Case, str]:
    """The ready case with every stage before the time-out signed, by different people."""
    case, session_id = ready_case(shelf)
    for stage, role, by in (
        ("referral", "consultant", "Consultant"),
        ("dose", "pharmacist", "Pharmacist"),
        ("dose", "operator", "Operator"),
    ):
        case = sign(case, session_id, shelf.template, shelf.profile, stage, role=role, by=by, now=NOW)
    return case, session_id


def timed_out_case(shelf: Shelf) -> tuple[Case, str]:
    """The signed case after its time-out."""
    case, session_id = signed_case(shelf)
    team = ("Operator", "Nurse")
    return record_time_out(case, session_id, shelf.template, shelf.profile, by=team, now=NOW), session_id


def the(case: Case, session_id: str) -> Session:
    found = case.session(session_id)
    assert found is not None
    return found
