"""Percutaneous procedures of the digital patient for the tests: a case with needles, and a walk through every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cache
from typing import Any

from tace_walk import DAY, ROOT, SESSION, at, codes, profiles, with_answers, with_lab, without_lab

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.edits import with_session
from planner.model.items import KEY_IMAGE, REGION, BlobRef, KeyImageBody, PlanItem, RegionBody
from planner.model.needle_items import (
    NEEDLE_PATH,
    VERTEBRA,
    NeedleMeasures,
    NeedlePathBody,
    PedicleMeasures,
    VertebraPlanBody,
    WorkingView,
)
from planner.model.people import Patient, Sex
from planner.model.session import Session
from planner.workflow.answers import answer_field
from planner.workflow.context import StageContext
from planner.workflow.evaluate import evaluate
from planner.workflow.examples import ExampleStage, example_lesions, example_stages
from planner.workflow.lifecycle import new_session
from planner.workflow.loader import load_template
from planner.workflow.signing import record_time_out, sign
from planner.workflow.status import SessionStatus
from planner.workflow.template import Computed, Profile, Template

FRAME = "1.2.840.9"
SEEN = date(2026, 5, 1)
ROLES = ("planning", "mr", "today", "completion", "follow-up")
SERIES = {role: f"1.2.826.{number}#1" for number, role in enumerate(ROLES, start=1)}
PROFILE = "bclc-cirse"
LABEL, COLUMN = 44, 18
"""Characters of a label and of a heading of a table."""
Change = Callable[[Case], Case]

__all__ = ["DAY", "SESSION", "at", "codes", "profiles", "with_answers", "with_lab", "without_lab"]


@cache
def template(name: str) -> Template:
    return load_template(ROOT / "procedures" / name, profiles())


# ---------------------------------------------------------------- items


def item(identity: str, kind: str, name: str, body: Any) -> PlanItem:
    return PlanItem(identity, kind, name, FRAME, to_json(body))


def region(structure: str, sha: str = "0" * 64) -> PlanItem:
    """A mask of a structure; nobody looks into it."""
    lps_from_kji = (0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0)
    blob = BlobRef(sha, (4, 4, 4), lps_from_kji, FRAME, (0, 0, 0), (1, 1, 1))
    return item(f"region-{structure}", REGION, structure, RegionBody(blob, structure=structure))


def key_image() -> PlanItem:
    return item("key-1", KEY_IMAGE, "Level", KeyImageBody("vertebra", (0.0, 0.0, 0.0), "1.2.826.1", caption="Level"))


def measures(clearances: Mapping[str, float], **more: Any) -> NeedleMeasures:
    """Measured on today's images, 92 mm long."""
    given: dict[str, Any] = {"series": SERIES["today"], "structures_digest": "d" * 64, **more}
    length = given.pop("length_mm", 92.0)
    return NeedleMeasures(length, -18.0, 4.0, clearances, dict.fromkeys(clearances, 40.0), **given)


def needle(identity: str, purpose: str, measured: NeedleMeasures | None, **more: Any) -> PlanItem:
    given = {"diameter_mm": 1.65, "gauge": "16 G", "usable_length_mm": 150.0, "measured": measured, **more}
    body = NeedlePathBody((-80.0, -60.0, 10.0), (-30.0, 10.0, 0.0), purpose, **given)
    return item(identity, NEEDLE_PATH, identity.replace("-", " ").capitalize(), body)


ABDOMEN = {"bowel": 25.0, "lung": 14.0, "aorta": 45.0}
VERTEBRA_CLEARANCES = {"spinal_cord": 4.2, "lung": 60.0, "aorta": 22.0}


def pedicle(side: str, **more: Any) -> PedicleMeasures:
    given: dict[str, Any] = {
        "level": "vertebrae_L2",
        "approach": "transpedicular",
        "bone_entry_lps_mm": (0.0, 0.0, 0.0),
        "pedicle_width_mm": 9.1,
        "wall_clearance_mm": 2.1,
        "breach": False,
        "posterior_wall_mm": 22.0,
        "anterior_share": 0.74,
        "midline_mm": 6.0,
        "convergence_deg": 11.0,
        "craniocaudal_deg": -4.0,
    }
    return PedicleMeasures(**{**given, "side": side, **more})


def trajectory(side: str, measured: NeedleMeasures | None = None, **more: Any) -> PlanItem:
    given = {"gauge": "11 G", "diameter_mm": 3.0, "posture": "prone", "pedicle": pedicle(side), **more}
    number = {"left": 1, "right": 2}[side]
    return needle(f"needle-{number}", "vertebra", measured or measures(VERTEBRA_CLEARANCES), **given)


def vertebra(**more: Any) -> PlanItem:
    views = (WorkingView("Bull's eye left", 11.0, -4.0, -11.0, -4.0, "prone"),)
    axes = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, -1.0, 0.0), (0.0, 0.0, 1.0))
    given = {"body_ml": 30.0, "views": views, **more}
    return item("vertebra-1", VERTEBRA, "L2", VertebraPlanBody("vertebrae_L2", "region-bone", *axes, **given))


ITEMS: Mapping[str, tuple[PlanItem, ...]] = {
    "vertebroplasty": (
        region("spinal_cord"),
        region("lung"),
        region("aorta"),
        trajectory("left"),
        trajectory("right"),
        vertebra(),
        key_image(),
    ),
    "biopsy": (
        region("colon"),
        region("lung"),
        region("aorta"),
        needle("needle-1", "biopsy", measures(ABDOMEN)),
    ),
    "drainage": (
        region("colon"),
        region("lung"),
        region("aorta"),
        needle("needle-1", "drainage", measures(ABDOMEN)),
    ),
    "cyst": (
        region("colon"),
        region("lung"),
        region("aorta"),
        needle("needle-1", "sclerotherapy", measures(ABDOMEN)),
    ),
}

# ---------------------------------------------------------------- the case and its walk


ORGANS = {("biopsy", "lung"): "lung", ("drainage", "nephrostomy"): "kidney"}
"""Variants of examples whose lesion lies in another organ."""


def fresh_case(name: str, profile: str = PROFILE, variant: str | None = None) -> Case:
    """The digital patient with what the example speaks of, its items marked, and an empty session."""
    data = example_lesions(name)
    days = {role: DAY if role == "today" else SEEN for role in ROLES}
    studies = tuple(
        SeriesRef(key.split("#")[0], 1, "CT", role, "1.2.3", days[role], FRAME, patient_id="ZZPHI-7")
        for role, key in SERIES.items()
    )
    lesions = tuple(
        Lesion(
            f"lesion-{number}",
            str(row["name"]),
            organ=ORGANS.get((name, variant or ""), str(row["organ"])),
            observations=(Observation(SEEN, longest_mm=row["longest_mm"]),),
        )
        for number, row in enumerate(data, start=1)
    )
    patient = Patient("ZZPHI-7", "ZZPHI^Digital", birth_date=date(1961, 3, 17), sex=Sex.MALE)
    case = Case("case-7", patient, diagnosis=Diagnosis(), studies=studies, lesions=lesions)
    case = new_session(case, template(name), profiles()[profile], session_id=SESSION, planned_on=DAY)[0]
    return with_items(case, *ITEMS[name])


def session_of(case: Case) -> Session:
    found = case.session(SESSION)
    assert found is not None
    return found


def with_items(case: Case, *items: PlanItem) -> Case:
    """The case with items added, those of the same id replaced."""
    session, new = session_of(case), {each.id: each for each in items}
    kept = tuple(each for each in session.items if each.id not in new)
    return with_session(case, replace(session, items=(*kept, *items)))


def without_items(case: Case, *identities: str) -> Case:
    session = session_of(case)
    return with_session(case, replace(session, items=tuple(i for i in session.items if i.id not in identities)))


@dataclass
class Walk:
    """A case on its way through the stages."""

    name: str
    case: Case
    profile: Profile
    now: datetime

    @property
    def session(self) -> Session:
        return session_of(self.case)

    def status(self) -> SessionStatus:
        return evaluate(self.case, self.session, template(self.name), self.profile, self.now)

    def fill(self, step: ExampleStage) -> None:
        self.now, told = at(step.day), template(self.name)
        for field, value in step.answers.items():
            self.case = answer_field(self.case, SESSION, told, step.stage, field, value, by="Dr Example", now=self.now)

    def sign(self, step: ExampleStage) -> None:
        told = template(self.name)
        for role, person in step.signed_by.items():
            self.case = sign(self.case, SESSION, told, self.profile, step.stage, role=role, by=person, now=self.now)
        if told.stage(step.stage).freezes:
            people = tuple(step.signed_by.values())
            self.case = record_time_out(self.case, SESSION, told, self.profile, by=people, now=self.now)


def steps(name: str, variant: str | None = None) -> list[ExampleStage]:
    lesions = tuple(f"lesion-{number}" for number, _ in enumerate(example_lesions(name), start=1))
    return example_stages(name, DAY, lesions=lesions, series=SERIES, variant=variant)


@cache
def walked(name: str, variant: str | None = None, profile: str = PROFILE) -> Walk:
    """The example filled and signed, stage by stage, to the end."""
    walk = Walk(name, fresh_case(name, profile, variant), profiles()[profile], at(DAY))
    for step in steps(name, variant):
        walk.fill(step)
        walk.sign(step)
    return walk


@cache
def filled_case(name: str, variant: str | None = None) -> Case:
    """The example with every answer and no signature: what single checks are tried on."""
    walk = Walk(name, fresh_case(name, variant=variant), profiles()[PROFILE], at(DAY))
    for step in steps(name, variant):
        walk.fill(step)
    return walk.case


def unsigned(walk: Walk) -> dict[str, list[str]]:
    """Stages of a walk that are not signed, with what they say."""
    return {
        each.stage.id: [f"{found.code}: {found.text}" for found in each.findings]
        for each in walk.status().stages
        if each.status.value != "signed"
    }


def context_of(
    name: str, case: Case, stage: str, *, check: str | None = None, now: datetime | None = None
) -> StageContext:
    described = template(name).stage(stage)
    chosen = next((each for each in described.checks if each.id == check), None)
    assert check is None or chosen is not None, f"{stage} has no check {check}"
    return StageContext(case, session_of(case), template(name), described, profiles()[PROFILE], now or at(DAY), chosen)


def checked(name: str, case: Case, stage: str, check: str, *, now: datetime | None = None) -> list[Finding]:
    """What one check of the template says about a case."""
    context = context_of(name, case, stage, check=check, now=now)
    assert context.check is not None
    return template(name).check_functions[context.check.function](context)


def computed(name: str, case: Case, stage: str, function: str) -> list[Computed]:
    """What one compute function says."""
    return template(name).compute_functions[function](context_of(name, case, stage))


# ---------------------------------------------------------------- changes that make gates fire


def answers(stage: str, **values: Any) -> Change:
    return lambda case: with_answers(case, stage, **values)


def items(*changed: PlanItem) -> Change:
    return lambda case: with_items(case, *changed)


def gone(*identities: str) -> Change:
    return lambda case: without_items(case, *identities)


def case_with(**values: Any) -> Change:
    return lambda case: replace(case, **values)


def no_lab(analyte: str) -> Change:
    return lambda case: without_lab(case, analyte)


def lab(analyte: str, value: float, unit: str) -> Change:
    return lambda case: with_lab(case, analyte, value, unit)


def both(*changes: Change) -> Change:
    def change(case: Case) -> Case:
        for each in changes:
            case = each(case)
        return case

    return change


def row_changed(stage: str, field: str, index: int = 0, **cells: Any) -> Change:
    """One row of a table of the example changed; None takes a cell away."""

    def change(case: Case) -> Case:
        rows = [dict(row) for row in session_of(case).answer(stage, field)]
        rows[index] = {key: value for key, value in {**rows[index], **cells}.items() if value is not None}
        return with_answers(case, stage, **{field: rows})

    return change


def own_checks(name: str) -> set[tuple[str, str]]:
    """Stage and check of the template that the spine does not have."""
    spine = load_template(ROOT / "procedures" / "spine", profiles())
    shared = {(stage.id, check.id) for stage in spine.stages for check in stage.checks}
    return {(stage.id, check.id) for stage in template(name).stages for check in stage.checks} - shared


def fired(name: str, change: Change, stage: str, check: str, variant: str | None = None) -> list[Finding]:
    return checked(name, change(filled_case(name, variant)), stage, check)


@dataclass(frozen=True)
class Gate:
    """One way in which a check fires.

    Attributes
    ----------
    acts
        ``refuse``, ``ask``, ``warn`` or ``info``: how the finding weighs on a plan.
    """

    stage: str
    check: str
    change: Change
    code: str
    acts: str
    variant: str | None = None

    def __str__(self) -> str:
        return f"{self.stage}-{self.check}-{self.code}"


Gates = Mapping[str, list[tuple[str, Mapping[str, Any] | Change, str, str]]]


def gates(table: Gates, variant: str | None = None) -> list[Gate]:
    """Stage -> check, what is changed (answers of that stage, or a change of the case), code, how it acts."""
    return [
        Gate(stage, check, answers(stage, **change) if isinstance(change, Mapping) else change, code, acts, variant)
        for stage, rows in table.items()
        for check, change, code, acts in rows
    ]


def weight(found: Iterable[Finding]) -> str:
    """How the loudest of some findings acts."""
    found = list(found)
    if any(each.blocks for each in found):
        return "ask" if all(each.overridable for each in found if each.blocks) else "refuse"
    return "warn" if any(each.severity is Severity.WARN for each in found) else "info"


def assert_fires(name: str, gate: Gate) -> None:
    found = fired(name, gate.change, gate.stage, gate.check, gate.variant)
    mine = [each for each in found if each.code == gate.code]
    assert mine, [(each.code, each.text) for each in found]
    assert weight(mine) == gate.acts, mine
    assert all(each.source and each.tag for each in found)


def assert_all_tried_and_quiet(name: str, tried: Iterable[Gate], spoken: Iterable[tuple[str, str]] = ()) -> None:
    """Every check of the template has a gate that makes it fire, and says no more than information on the example.

    `spoken` names checks that warn on the example on purpose.
    """
    tried = list(tried)
    own = own_checks(name)
    assert own - {(each.stage, each.check) for each in tried} == set()
    base = {(each.stage, each.check) for each in tried if each.variant is None}
    variants = {(each.stage, each.check): each.variant for each in tried}
    for stage, check in own - set(spoken):
        variant = None if (stage, check) in base else variants[stage, check]
        found = fired(name, lambda case: case, stage, check, variant)
        assert not [each for each in found if each.severity is not Severity.INFO], (stage, check, found)


def assert_labels_short(name: str) -> None:
    """Labels of the form that are not the spine's stand on one line of a panel 360 px wide, columns on a heading."""
    spine = load_template(ROOT / "procedures" / "spine", profiles())
    shared = {(stage.id, described.id) for stage in spine.stages for described in stage.fields}
    for stage in template(name).stages:
        for described in stage.fields:
            if (stage.id, described.id) not in shared:
                assert len(described.label) <= LABEL, f"{stage.id}.{described.id}: {described.label}"
                assert all(len(column.label) <= COLUMN for column in described.columns), f"{stage.id}.{described.id}"


def loud(name: str, variant: str | None, skip: Iterable[str] = ()) -> set[tuple[str, str]]:
    """Checks that block although the example is meant to satisfy them."""
    walk = walked(name, variant)
    return {
        (each.stage.id, found.code)
        for each in walk.status().stages
        for found in each.findings
        if found.blocks and found.code not in skip
    }
