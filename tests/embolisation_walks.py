"""Embolisation templates for the tests: a small vessel tree, positions on it, a case, a walk through every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from typing import Any

import needle_walks as nw
from needle_walks import (
    Walk,
    answers,
    both,
    case_with,
    gates,
    lab,
    no_lab,
    row_changed,
    session_of,
    template,
    unsigned,
    weight,
    with_items,
)
from tace_walk import DAY, ROOT, SESSION, at, codes, profiles

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.codec import to_json
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.edits import with_session
from planner.model.items import PlanItem
from planner.model.packed import packed
from planner.model.people import Allergy, Patient, Sex
from planner.model.vessel_items import (
    CATHETER_POSITION,
    FEEDERS,
    VESSEL_TREE,
    CatheterPositionBody,
    FeederRow,
    FeedersBody,
    InjectionMeasures,
    NonTarget,
    OutsideSupply,
    TreeNodeRow,
    TreeSegmentRow,
    VesselTreeBody,
    ViewMeasures,
)
from planner.model.vessel_reading import body_digest
from planner.workflow.context import StageContext
from planner.workflow.examples import ExampleStage, example_lesions, example_stages
from planner.workflow.lifecycle import new_session, set_emergency
from planner.workflow.loader import load_template
from planner.workflow.template import Computed, Template

FRAME = "1.2.840.9"
SEEN = date(2026, 5, 1)
PROFILE = "bclc-cirse"
VOLUMES = ("arterial", "portal-venous", "mr", "follow-up")
RUNS = ("dsa-before", "dsa-after")
SERIES = {role: f"1.2.826.{number}#1" for number, role in enumerate((*VOLUMES, *RUNS), start=1)}
FRAGMENTS = ("spine", "embolisation", "arterial_drugs")
EMERGENCIES = frozenset({"bleeding"})
"""Templates whose example runs on the emergency form."""
WOMEN = frozenset({"fibroid", "benign_liver"})

__all__ = [
    "DAY",
    "ROOT",
    "SESSION",
    "answers",
    "at",
    "both",
    "case_with",
    "codes",
    "gates",
    "lab",
    "no_lab",
    "profiles",
]
__all__ += ["Walk", "row_changed", "session_of", "template", "unsigned"]

# ---------------------------------------------------------------- items


def item(identity: str, kind: str, name: str, body: Any) -> PlanItem:
    return PlanItem(identity, kind, name, FRAME, to_json(body))


NAMES = {"trunk": "proper_hepatic", "right": "right_hepatic", "left": "left_hepatic", "cystic": "cystic"}
TABLE = packed([[0.0, 0.0, 0.0, 1.5, 0.0]] * 14)


def tree(**more: Any) -> PlanItem:
    """A trunk that divides into right and left; the right one into two, the upper of which has a cystic branch."""
    nodes = tuple(TreeNodeRow(name, (float(number), 0.0, 0.0)) for number, name in enumerate("abcdefgh"))
    ends = {"trunk": "ab", "right": "bc", "left": "bd", "upper": "ce", "lower": "cf", "cystic": "eg", "feeder": "eh"}
    segments = tuple(
        TreeSegmentRow(identity, way[0], way[1], 2, 30.0, 3.0, 2.0, name=NAMES.get(identity))
        for identity, way in ends.items()
    )
    given = {"smallest_visible_mm": 1.2, "series": SERIES["arterial"], **more}
    return item(
        "tree-1", VESSEL_TREE, "Arteries", VesselTreeBody("artery", "a", nodes, segments, TABLE, "test", **given)
    )


DIGEST = body_digest(tree())


def position(
    identity: str = "position-1",
    segment: str = "upper",
    *,
    along_mm: float = 10.0,
    coverage: Mapping[str, float | None] | None = None,
    non_targets: tuple[NonTarget, ...] = (),
    **more: Any,
) -> PlanItem:
    """A catheter position that was measured on the tree as it is."""
    reached = {"lesion-1": 1.0} if coverage is None else coverage
    injection = InjectionMeasures(0.3, 120.0, 80.0, 1400.0, reached, non_targets)
    view = ViewMeasures(20.0, 10.0, 0.04, 0.0)
    given = {"tree": "tree-1", "tree_digest": DIGEST, "injection": injection, "view": view, **more}
    body = CatheterPositionBody(
        given.pop("tree"), given.pop("tree_digest"), segment, along_mm, (0.0, 0.0, 0.0), **given
    )
    return item(identity, CATHETER_POSITION, identity.replace("-", " ").capitalize(), body)


def branch(artery: str = "cystic", how: str = "downstream", distance_mm: float | None = 14.0) -> NonTarget:
    return NonTarget(artery, how, "cystic", distance_mm)


def feeders(lesion: str = "lesion-1", segment: str = "feeder", **more: Any) -> PlanItem:
    """One main feeder of a lesion, and an artery from elsewhere to look for."""
    row = FeederRow(
        segment, ("trunk", "right", "upper", segment), (0.0, 0.0, 0.0), 0.0, "ends in the lesion", main=True
    )
    outside = (OutsideSupply("inferior_phrenic_right", "under the diaphragm", "practice notes 2.2", "P"),)
    given = {"feeders": (row,), "outside": outside, "smallest_visible_mm": 1.2, "slice_mm": 1.0, **more}
    given = {"series": SERIES["arterial"], "phase": "arterial", **given}
    body = FeedersBody(lesion, given.pop("tree", "tree-1"), given.pop("tree_digest", DIGEST), **given)
    return item(f"feeders-{lesion}", FEEDERS, f"Feeders of {lesion}", body)


def marked(name: str) -> tuple[PlanItem, ...]:
    """What is marked in the case of a template's example."""
    sides = ("right", "left") if name == "fibroid" else ("upper", "lower")
    lesions = [f"lesion-{number}" for number, _ in enumerate(example_lesions(name), start=1)]
    found = [
        position(
            f"position-{number}",
            side,
            coverage=dict.fromkeys(lesions, 0.5) if name == "fibroid" else {f"lesion-{number}": 1.0},
        )
        for number, side in enumerate(sides, start=1)
    ]
    return (tree(), *found)


# ---------------------------------------------------------------- the case and its walk


def fresh_case(name: str, profile: str = PROFILE) -> Case:
    """A digital patient with what the example speaks of, its items marked, and an empty session."""
    studies = tuple(
        SeriesRef(
            key.split("#")[0],
            1,
            "MR" if role == "mr" else "CT",
            role,
            "1.2.3",
            SEEN,
            FRAME,
            phase=role if role in VOLUMES[:2] else None,
            patient_id="ZZPHI-7",
        )
        for role, key in SERIES.items()
    )
    lesions = tuple(
        Lesion(
            f"lesion-{number}",
            str(row["name"]),
            organ=str(row["organ"]),
            observations=(Observation(SEEN, longest_mm=row["longest_mm"]),),
        )
        for number, row in enumerate(example_lesions(name), start=1)
    )
    sex = Sex.FEMALE if name in WOMEN else Sex.MALE
    patient = Patient("ZZPHI-7", "ZZPHI^Digital", birth_date=date(1979, 3, 17), sex=sex)
    case = Case("case-7", patient, diagnosis=Diagnosis(), studies=studies, lesions=lesions)
    case = new_session(case, template(name), profiles()[profile], session_id=SESSION, planned_on=DAY)[0]
    case = with_items(case, *marked(name))
    return set_emergency(case, SESSION, True, by="Dr Example") if name in EMERGENCIES else case


def steps(name: str, variant: str | None = None) -> list[ExampleStage]:
    lesions = tuple(f"lesion-{number}" for number, _ in enumerate(example_lesions(name), start=1))
    return example_stages(name, DAY, lesions=lesions, series=SERIES, variant=variant)


@cache
def walked(name: str, variant: str | None = None) -> Walk:
    """The example filled and signed, stage by stage, to the end."""
    walk = Walk(name, fresh_case(name), profiles()[PROFILE], at(DAY))
    for step in steps(name, variant):
        walk.fill(step)
        walk.sign(step)
    return walk


@cache
def filled_case(name: str, variant: str | None = None) -> Case:
    """The example with every answer and no signature: what single checks are tried on."""
    walk = Walk(name, fresh_case(name), profiles()[PROFILE], at(DAY))
    for step in steps(name, variant):
        walk.fill(step)
    return walk.case


def checked(name: str, case: Case, stage: str, check: str, *, now: datetime | None = None) -> list[Finding]:
    """What one check of the template says about a case."""
    context = context_of(name, case, stage, check=check, now=now)
    assert context.check is not None
    return template(name).check_functions[context.check.function](context)


def context_of(
    name: str, case: Case, stage: str, *, check: str | None = None, now: datetime | None = None
) -> StageContext:
    described = template(name).stage(stage)
    chosen = next((each for each in described.checks if each.id == check), None)
    assert check is None or chosen is not None, f"{stage} has no check {check}"
    return StageContext(case, session_of(case), template(name), described, profiles()[PROFILE], now or at(DAY), chosen)


def computed(name: str, case: Case, stage: str, function: str) -> list[Computed]:
    return template(name).compute_functions[function](context_of(name, case, stage))


# ---------------------------------------------------------------- gates


def items(*changed: PlanItem) -> nw.Change:
    return lambda case: with_items(case, *changed)


def gone(*identities: str) -> nw.Change:
    return lambda case: nw.without_items(case, *identities)


def cell(stage: str, field: str, index: int = 0, **cells: Any) -> nw.Change:
    """One row of a table of the example changed; None takes a cell away."""
    return row_changed(stage, field, index, **cells)


def fired(
    name: str, change: Callable[[Case], Case], stage: str, check: str, variant: str | None = None
) -> list[Finding]:
    return checked(name, change(filled_case(name, variant)), stage, check)


def assert_fires(name: str, gate: nw.Gate) -> None:
    found = fired(name, gate.change, gate.stage, gate.check, gate.variant)
    mine = [each for each in found if each.code == gate.code]
    assert mine, [(each.code, each.text) for each in found]
    assert weight(mine) == gate.acts, mine
    assert all(each.source and each.tag for each in found)


@cache
def fragment(name: str) -> Template:
    """A fragment loaded by itself."""
    return load_template(ROOT / "procedures" / name, profiles())


@cache
def shared_checks() -> frozenset[tuple[str, str]]:
    """Stage and check of the spine and of the fragments."""
    fragments = [fragment(name) for name in FRAGMENTS]
    return frozenset((stage.id, check.id) for each in fragments for stage in each.stages for check in stage.checks)


def assert_all_tried_and_quiet(
    name: str, tried: Iterable[nw.Gate], spoken: Iterable[tuple[str, str]] = (), *, shared: bool = False
) -> None:
    """Every own check of the template has a gate, and says no more than information on the example.

    `shared` looks at the checks of the fragments instead; `spoken` names checks that warn on the example on purpose.
    """
    tried = list(tried)
    every = {(stage.id, check.id) for stage in template(name).stages for check in stage.checks}
    spine = nw.own_checks(name)
    own = (every & spine & shared_checks()) if shared else (every & spine) - shared_checks()
    assert own - {(each.stage, each.check) for each in tried} == set()
    variants = {(each.stage, each.check): each.variant for each in tried}
    base = {(each.stage, each.check) for each in tried if each.variant is None}
    for stage, check in sorted(own - set(spoken)):
        variant = None if (stage, check) in base else variants[stage, check]
        found = fired(name, lambda case: case, stage, check, variant)
        assert not [each for each in found if each.severity is not Severity.INFO], (stage, check, found)


def assert_example_is_quiet(name: str, variant: str | None = None) -> None:
    """No check that applies blocks or warns on the filled example, beside what waits for signatures."""
    case = filled_case(name, variant)
    walk = Walk(name, case, profiles()[PROFILE], at(DAY))
    loud = {
        (each.stage.id, found.code, found.text)
        for each in walk.status().stages
        for found in each.findings
        if found.blocks and found.code != "stages-not-signed"
    }
    assert loud == set()


def assert_labels_short(name: str) -> None:
    """Labels stand on one line of a panel 360 px wide, columns on a heading."""
    nw.assert_labels_short(name)


# ---------------------------------------------------------------- small changes that several tests make


def without_series(role: str) -> nw.Change:
    """No series plays a role of the session."""

    def change(case: Case) -> Case:
        session = session_of(case)
        kept = {name: key for name, key in session.series_roles.items() if name != role}
        return with_session(case, replace(session, series_roles=kept))

    return change


def bearing(inner_in: float | None) -> nw.Change:
    """Particles whose chart asks for a catheter of 0.024 in, and the inner diameter that is there."""
    row = {"kind": "particles", "product": "Bearing nsPVA", "low_um": 500.0, "high_um": 710.0}
    return both(answers("agent", particles=[row]), answers("arteries_access", microcatheter_id=inner_in))


def contrast_reaction() -> nw.Change:
    return case_with(allergies=(Allergy("Contrast medium", "Rash", "moderate"),))
