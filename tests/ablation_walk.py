"""The digital patient's ablation for the tests: a case with structures, a needle and its margin, walked to the end.

Marked items appear when a person would have made them: structures before the paths, the needle and its margin after,
moved to today's scan on the day, the achieved margin after the completion scan.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any

from needle_walks import item, region, session_of, template, with_items, without_items
from tace_walk import DAY, SESSION, at, codes, profiles, with_answers, with_lab, without_lab

from planner.findings import Finding
from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.edits import with_session
from planner.model.items import REGION, BlobRef, PlanItem, RegionBody
from planner.model.needle_items import (
    ABLATION_MARGIN,
    ACHIEVED,
    NEEDLE_PATH,
    PLANNED,
    AblationMarginBody,
    MarginNumbers,
    NeedleMeasures,
    NeedlePathBody,
)
from planner.model.people import Patient, Sex
from planner.workflow.answers import answer_field
from planner.workflow.context import StageContext
from planner.workflow.evaluate import evaluate
from planner.workflow.examples import ExampleStage, example_lesions, example_stages
from planner.workflow.lifecycle import new_session
from planner.workflow.signing import record_time_out, sign
from planner.workflow.status import SessionStatus, Status
from planner.workflow.template import Computed, Profile, Template

NAME = "ablation"
PROFILE = "bclc-cirse"
FRAME = "1.2.840.9"
SEEN = date(2026, 5, 1)
ROLES = ("planning", "arterial", "portal-venous", "today", "completion")
SERIES = {role: f"1.2.826.{number}#1" for number, role in enumerate(ROLES, start=1)}
LESIONS = ("lesion-1", "lesion-2")
TARGET = "region-target"
NEEDLE = "needle-1"
SEGMENTED = ("bone", "vessels", "colon", "gas", "stomach", "gallbladder", "lung", "kidney_right", "spleen")
CLEARANCES = {
    "bone": 4.1,
    "vessels": 9.3,
    "bowel": 21.5,
    "gas": 24.0,
    "stomach": 60.0,
    "gallbladder": 38.0,
    "lung": 11.0,
    "kidney": 14.5,
    "spleen": 90.0,
}
LOOKED_AT_AGAIN = ("structures", "scan_today")
"""Stages in which marked items change what was signed before: masks beside lesions, needles moved on the day."""
LENGTH_MM = (86.0**2 + 54.0**2 + 8.0**2) ** 0.5
"""Skin to tip of `needle`."""
Change = Callable[[Case], Case]

__all__ = ["DAY", "SESSION", "at", "codes", "profiles", "with_answers", "with_lab", "without_lab"]


def ablation() -> Template:
    return template(NAME)


# ---------------------------------------------------------------- items


def target_region() -> PlanItem:
    lps_from_kji = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    blob = BlobRef("1" * 64, (4, 4, 4), lps_from_kji, FRAME, (0, 0, 0), (1, 1, 1))
    return item(TARGET, REGION, "L2", RegionBody(blob, lesion_id="lesion-2", volume_ml=3.1, longest_mm=18.0))


def measures(role: str = "planning", **more: Any) -> NeedleMeasures:
    """As the search stores them: 102 mm long, no limit broken, what was confirmed absent named."""
    rules = ablation().needle
    assert rules is not None
    limits = {each.structure: each for each in rules.for_organ("liver").structures if each.structure in CLEARANCES}
    given: dict[str, Any] = {
        "length_mm": 102.0,
        "in_plane_deg": -52.0,
        "out_of_plane_deg": 6.0,
        "clearances_mm": CLEARANCES,
        "nearest_depth_mm": dict.fromkeys(CLEARANCES, 41.0),
        "hard_mm": {key: each.hard_mm for key, each in limits.items()},
        "desired_mm": {key: each.desired_mm for key, each in limits.items()},
        "absent": ("heart", "implant"),
        "organ_mm": 34.0,
        "capsule_deg": 28.0,
        "series": SERIES[role],
        "structures_digest": "d" * 64,
    }
    return NeedleMeasures(**{**given, **more})


def needle(
    identity: str = NEEDLE, *, role: str = "planning", measured: NeedleMeasures | None = None, **more: Any
) -> PlanItem:
    """An antenna of the catalogue's simulated device that aims at L2; 102 mm from skin to tip."""
    given: dict[str, Any] = {
        "entry_lps_mm": (-130.0, -20.0, 6.0),
        "tip_lps_mm": (-130.0 + 86.0, -20.0 + 54.0, 6.0 - 8.0),
        "purpose": "ablation",
        "diameter_mm": 1.5,
        "gauge": "17 G",
        "device": "simulated-mwa",
        "setting": "60W-10min",
        "usable_length_mm": 200.0,
        "lesion_ids": ("lesion-2",),
        "region_id": TARGET,
        "measured": measured if measured is not None else measures(role, length_mm=LENGTH_MM),
    }
    name = identity.replace("-", " ").capitalize()
    return item(identity, NEEDLE_PATH, name, NeedlePathBody(**{**given, **more}))


def bare_needle(identity: str = NEEDLE) -> PlanItem:
    """The same needle before anything was measured along it."""
    whole = needle(identity)
    return replace(whole, body={**whole.body, "measured": None})


def numbers(minimum: float | None, **more: Any) -> MarginNumbers:
    mean = None if minimum is None else minimum + 3.0
    fifth = None if minimum is None else minimum + 0.6
    shares = {"lt_0": 0.0, "0_5": 0.0, "5_10": 0.7, "ge_10": 0.3}
    given = {"covered_fraction": 1.0, "uncovered_ml": 0.0, "surface_fraction": shares, "zone_ml": 26.0}
    return MarginNumbers(minimum, mean, fifth, **{**given, **more})


def planned_margin(**more: Any) -> PlanItem:
    given: dict[str, Any] = {
        "mean": numbers(7.4),
        "minus_sd": numbers(5.8),
        "needle_ids": (NEEDLE,),
        "required_mm": 5.0,
        "target_ml": 3.1,
        "covered": True,
        "tissues": ("simulated liver",),
        "digest": "m" * 64,
    }
    body = AblationMarginBody(PLANNED, TARGET, "lesion-2", **{**given, **more})
    return item("margin-planned", ABLATION_MARGIN, "L2 planned", body)


def achieved_margin(**more: Any) -> PlanItem:
    given: dict[str, Any] = {
        "mean": numbers(6.0),
        "zone_id": "region-zone",
        "required_mm": 5.0,
        "registration_error_mm": 1.9,
        "registration_note": "Intensity rigid within the liver, landmarks left out one by one",
        "within_registration_error": False,
        "digest": "a" * 64,
    }
    body = AblationMarginBody(ACHIEVED, TARGET, "lesion-2", **{**given, **more})
    return item("margin-achieved", ABLATION_MARGIN, "L2 achieved", body)


DEVICES: dict[str | None, dict[str, Any]] = {
    None: {},
    "cryo": {"device": "simulated-cryo", "setting": "10min-40", "usable_length_mm": 175.0},
    "ire": {"device": "simulated-ire", "setting": "pair-2250V", "gauge": "19 G", "usable_length_mm": 150.0},
}
"""Variant of the example -> what its needles carry; beside microwave two of them, side by side."""


def needles(role: str, variant: str | None) -> tuple[PlanItem, ...]:
    one = needle(role=role, **DEVICES[variant])
    if variant is None:
        return (one,)
    beside = {"entry_lps_mm": (-130.0, -20.0, 21.0), "tip_lps_mm": (-44.0, 34.0, 13.0), "parallel_to": NEEDLE}
    return (one, needle("needle-2", role=role, **DEVICES[variant], **beside))


def items_before(stage: str, variant: str | None = None) -> tuple[PlanItem, ...]:
    """What a person marks before a stage is filled."""
    margin = planned_margin() if variant is None else planned_margin(needle_ids=(NEEDLE, "needle-2"))
    return {
        "images_lesions": (target_region(),),
        "structures": tuple(region(each) for each in SEGMENTED),
        "paths": needles("planning", variant),
        "zone_margin": (margin,),
        "scan_today": needles("today", variant),
        "completion_scan": (region("ablation_zone", "2" * 64), achieved_margin()),
    }.get(stage, ())


# ---------------------------------------------------------------- the case and its walk


def fresh_case(profile: str = PROFILE) -> Case:
    """The digital patient with two measured lesions, its series, and an empty session."""
    on_the_day = ("today", "completion")
    studies = tuple(
        SeriesRef(
            key.split("#")[0], 1, "CT", role, "1.2.3", DAY if role in on_the_day else SEEN, FRAME, patient_id="ZZPHI-7"
        )
        for role, key in SERIES.items()
    )
    lesions = tuple(
        Lesion(
            identity,
            str(row["name"]),
            organ=str(row["organ"]),
            segment=str(row["segment"]),
            observations=(Observation(SEEN, longest_mm=row["longest_mm"], viable_mm=row["viable_mm"]),),
        )
        for identity, row in zip(LESIONS, example_lesions(NAME), strict=True)
    )
    patient = Patient("ZZPHI-7", "ZZPHI^Digital", birth_date=date(1961, 3, 17), sex=Sex.MALE)
    case = Case(
        "case-7", patient, diagnosis=Diagnosis(histology="HCC"), studies=studies, lesions=lesions, simulated=True
    )
    return new_session(case, ablation(), profiles()[profile], session_id=SESSION, planned_on=DAY)[0]


def steps(variant: str | None = None) -> list[ExampleStage]:
    return example_stages(NAME, DAY, lesions=LESIONS, series=SERIES, variant=variant)


@dataclass
class Walk:
    """A case on its way through the stages."""

    case: Case
    profile: Profile
    now: datetime
    variant: str | None = None

    def status(self) -> SessionStatus:
        return evaluate(self.case, session_of(self.case), ablation(), self.profile, self.now)

    def mark(self, stage: str) -> None:
        self.case = with_items(self.case, *items_before(stage, self.variant))

    def fill(self, step: ExampleStage) -> None:
        self.now = at(step.day)
        for field, value in step.answers.items():
            self.case = answer_field(
                self.case, SESSION, ablation(), step.stage, field, value, by="Dr Example", now=self.now
            )

    def sign(self, step: ExampleStage) -> None:
        told = ablation()
        for role, person in step.signed_by.items():
            self.case = sign(self.case, SESSION, told, self.profile, step.stage, role=role, by=person, now=self.now)
        if told.stage(step.stage).freezes:
            people = tuple(step.signed_by.values())
            self.case = record_time_out(self.case, SESSION, told, self.profile, by=people, now=self.now)

    def sign_stale_again(self) -> tuple[str, ...]:
        """Who signed what has changed since looks at it again. The stages that were stale."""
        stale = {each.stage.id for each in self.status().stages if each.status is Status.STALE}
        for step in steps(self.variant):
            if step.stage in stale:
                self.sign(step)
        return tuple(sorted(stale))


@cache
def walked(profile: str = PROFILE, variant: str | None = None) -> Walk:
    """The example filled and signed, stage by stage, to the end."""
    walk = Walk(fresh_case(profile), profiles()[profile], at(DAY), variant)
    for step in steps(variant):
        walk.mark(step.stage)
        walk.fill(step)
        if step.stage in LOOKED_AT_AGAIN:
            walk.sign_stale_again()
        walk.sign(step)
    return walk


@cache
def filled_case() -> Case:
    """The example with every answer and item and no signature: what single checks are tried on."""
    walk = Walk(fresh_case(), profiles()[PROFILE], at(DAY))
    for step in steps():
        walk.mark(step.stage)
        walk.fill(step)
    return walk.case


def context_of(
    case: Case, stage: str, *, check: str | None = None, now: datetime | None = None, profile: str = PROFILE
) -> StageContext:
    described = ablation().stage(stage)
    chosen = next((each for each in described.checks if each.id == check), None)
    assert check is None or chosen is not None, f"{stage} has no check {check}"
    return StageContext(case, session_of(case), ablation(), described, profiles()[profile], now or at(DAY), chosen)


def checked(case: Case, stage: str, check: str, **more: Any) -> list[Finding]:
    """What one check of the template says about a case."""
    context = context_of(case, stage, check=check, **more)
    assert context.check is not None
    return ablation().check_functions[context.check.function](context)


def computed(case: Case, stage: str, function: str, **more: Any) -> list[Computed]:
    """What one compute function says."""
    return ablation().compute_functions[function](context_of(case, stage, **more))


# ---------------------------------------------------------------- changes that make gates fire


def answers(stage: str, **values: Any) -> Change:
    return lambda case: with_answers(case, stage, **values)


def items(*changed: PlanItem) -> Change:
    return lambda case: with_items(case, *changed)


def gone(*identities: str) -> Change:
    return lambda case: without_items(case, *identities)


def case_with(**values: Any) -> Change:
    return lambda case: replace(case, **values)


def roles(**values: str | None) -> Change:
    """Series roles replaced; None takes one away. ``_`` stands for a hyphen."""

    def change(case: Case) -> Case:
        session = session_of(case)
        changed = {**session.series_roles, **{name.replace("_", "-"): key for name, key in values.items()}}
        kept = {name: key for name, key in changed.items() if key is not None}
        return with_session(case, replace(session, series_roles=kept))

    return change


def organ(code: str) -> Change:
    """Both lesions and the session in another organ."""

    def change(case: Case) -> Case:
        moved = tuple(replace(each, organ=code) for each in case.lesions)
        return with_answers(replace(case, lesions=moved), "target", organ_pack=[code])

    return change


def sized(longest_mm: float | None) -> Change:
    def change(case: Case) -> Case:
        lesions = tuple(
            replace(each, observations=tuple(replace(seen, longest_mm=longest_mm) for seen in each.observations))
            for each in case.lesions
        )
        return replace(case, lesions=lesions)

    return change


def histology(code: str | None) -> Change:
    return lambda case: replace(case, diagnosis=replace(case.diagnosis, histology=code))


def both(*changes: Change) -> Change:
    def change(case: Case) -> Case:
        for each in changes:
            case = each(case)
        return case

    return change


def row(stage: str, field: str, index: int = 0, **cells: Any) -> Change:
    """One row of a table of the example changed; None takes a cell away."""

    def change(case: Case) -> Case:
        rows = [dict(each) for each in session_of(case).answer(stage, field)]
        rows[index] = {key: value for key, value in {**rows[index], **cells}.items() if value is not None}
        return with_answers(case, stage, **{field: rows})

    return change


def structure(key: str, **cells: Any) -> Change:
    """The row of one structure changed."""

    def change(case: Case) -> Case:
        rows = [dict(each) for each in session_of(case).answer("structures", "structures")]
        mine = next(number for number, each in enumerate(rows) if each["structure"] == key)
        return row("structures", "structures", mine, **cells)(case)

    return change


def lab_value(analyte: str, value: float, unit: str, on: date) -> Change:
    """One more laboratory value, the newest."""

    def change(case: Case) -> Case:
        sample = next(each for each in case.laboratory if each.analyte == analyte)
        kept = tuple(each for each in case.laboratory if each.analyte != analyte or each.taken_on < on)
        return replace(case, laboratory=(*kept, replace(sample, value=value, unit=unit, taken_on=on)))

    return change
