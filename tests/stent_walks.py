"""Stents for the tests: a measured lumen and a sized stent per site, a case, a walk through every stage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import needle_walks as nw
from needle_walks import Change, Gate, Walk, answers, both, gates, items, template, weight
from tace_walk import DAY, ROOT, SESSION, at, codes, profiles

from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.disease import Diagnosis, Lesion, Observation, SeriesRef
from planner.model.items import PlanItem
from planner.model.packed import packed
from planner.model.people import Patient, Sex
from planner.model.vessel_items import LUMEN, STENT, LumenBody, LumenMark, StenosisMeasures, StentBody, StentFinding
from planner.model.vessel_reading import body_digest
from planner.workflow.examples import ExampleStage, example_lesions
from planner.workflow.lifecycle import new_session, set_emergency
from planner.workflow.template import Phase

NAME = "stent"
EMERGENCIES = frozenset({"arterial", "septic", "svc-stridor"})
"""Variants that run on the emergency form."""
PACKS = ("oesophageal", "tracheobronchial", "duodenal", "colonic", "svc", "ivc", "portal", "arterial")
FISTULAS = ("oesophageal-fistula", "tracheo-oesophageal", "tracheo-pleural")
VARIANTS = (None, *PACKS, *FISTULAS, "septic", "svc-stridor", "iodine")

__all__ = [
    "DAY",
    "ROOT",
    "SESSION",
    "Change",
    "Gate",
    "answers",
    "at",
    "both",
    "codes",
    "gates",
    "profiles",
    "template",
]

# ---------------------------------------------------------------- items

SIZES: dict[str, tuple[str, str, str, float, float, str]] = {
    "biliary": ("bile", "biliary", "bare", 10.0, 60.0, "malignant"),
    "iodine": ("bile", "biliary", "iodine-125", 10.0, 60.0, "malignant"),
    "oesophageal": ("oesophagus", "oesophagus", "covered", 20.0, 120.0, "malignant"),
    "oesophageal-fistula": ("oesophagus", "oesophagus", "covered", 20.0, 120.0, "fistula"),
    "tracheobronchial": ("airway", "trachea", "covered", 18.0, 60.0, "malignant"),
    "tracheo-oesophageal": ("airway", "trachea", "covered", 18.0, 60.0, "fistula"),
    "tracheo-pleural": ("airway", "main-bronchus", "covered", 12.0, 40.0, "fistula"),
    "duodenal": ("bowel", "duodenum", "bare", 22.0, 90.0, "malignant"),
    "colonic": ("bowel", "colon", "bare", 25.0, 90.0, "malignant"),
    "svc": ("vein", "svc", "bare", 14.0, 60.0, "malignant"),
    "svc-stridor": ("vein", "svc", "bare", 14.0, 60.0, "malignant"),
    "ivc": ("vein", "ivc", "bare", 24.0, 60.0, "benign"),
    "portal": ("vein", "portal-vein", "bare", 10.0, 60.0, "malignant"),
    "arterial": ("artery", "artery", "balloon-covered", 6.0, 38.0, "bleeding"),
}
"""Variant -> kind of lumen, site of the catalogue, type, diameter, length, indication."""
MARKS = {
    "bile": ("Papilla", "Hepatic confluence"),
    "oesophagus": ("Cricopharyngeus", "Gastro-oesophageal junction", "Fistula"),
    "airway": ("Carina", "Fistula"),
    "bowel": ("Papilla",),
    "vein": ("Azygos vein", "Right atrium", "Hepatic vein"),
    "artery": ("Bleeding point",),
}
TABLE = packed([[0.0, 0.0, float(step), 12.0, 12.0, 11.0, 13.0, 0.0, 0.0] for step in range(3)])
STENOSIS = StenosisMeasures(60.0, 100.0, 80.0, 3.0, 75.0, 12.0, 12.5, 11.5)


def sized(variant: str | None) -> tuple[str, str, str, float, float, str]:
    return SIZES[variant if variant in SIZES else "biliary"]


def lumen(variant: str | None = None, **more: Any) -> PlanItem:
    """A lumen of the site with a stricture between 60 and 100 mm, references on both sides and its landmarks."""
    kind, site = sized(variant)[:2]
    marks = tuple(LumenMark(name, 10.0 + 70.0 * n, (0.0, 0.0, 0.0)) for n, name in enumerate(MARKS[kind]))
    given = {"site": site, "length_mm": 200.0, "marks": marks, "stenosis": STENOSIS, **more}
    body = LumenBody(
        given.pop("kind", kind), given.pop("table", TABLE), ((0.0, 0.0, 0.0), (0.0, 0.0, 2.0)), "test", **given
    )
    return nw.item("lumen-1", LUMEN, "Lumen 1", body)


def stent(variant: str | None = None, *, identity: str = "stent-1", **more: Any) -> PlanItem:
    """A stent that was sized in the lumen as it is."""
    _, site, made, width, length, indication = sized(variant)
    given = {
        "lumen": "lumen-1",
        "lumen_digest": body_digest(lumen(variant)),
        "site": site,
        "diameter_mm": width,
        "length_mm": length,
        "start_mm": 80.0 - length / 2.0,
        "end_mm": 80.0 + length / 2.0,
        "type": made,
        "indication": indication,
        **more,
    }
    return nw.item(identity, STENT, "Stent 1", StentBody(**given))


def told(code: str, severity: str = "warn") -> StentFinding:
    """What a rule of size said of a stent."""
    return StentFinding(code, severity, "The rule speaks.", "R19", "M")


def judged(*found: StentFinding, variant: str | None = None) -> Change:
    return items(stent(variant, findings=found))


# ---------------------------------------------------------------- the case and its walk


def fresh_case(variant: str | None = None, profile: str = nw.PROFILE) -> Case:
    """A digital patient with a stricture, its lumen measured and a stent sized, and an empty session."""
    seen = date(2026, 5, 1)
    days = {role: DAY if role == "today" else seen for role in nw.ROLES}
    studies = tuple(
        SeriesRef(key.split("#")[0], 1, "CT", role, "1.2.3", days[role], nw.FRAME, patient_id="ZZPHI-7")
        for role, key in nw.SERIES.items()
    )
    lesions = tuple(
        Lesion(
            f"lesion-{number}",
            str(row["name"]),
            organ=str(row["organ"]),
            observations=(Observation(seen, longest_mm=row["longest_mm"]),),
        )
        for number, row in enumerate(example_lesions(NAME), start=1)
    )
    patient = Patient("ZZPHI-7", "ZZPHI^Digital", birth_date=date(1958, 3, 17), sex=Sex.MALE)
    case = Case("case-7", patient, diagnosis=Diagnosis(), studies=studies, lesions=lesions)
    case = new_session(case, template(NAME), profiles()[profile], session_id=SESSION, planned_on=DAY)[0]
    case = nw.with_items(case, lumen(variant), stent(variant))
    return set_emergency(case, SESSION, True, by="Dr Example") if variant in EMERGENCIES else case


def steps(variant: str | None = None) -> list[ExampleStage]:
    """The stages in their order; of an emergency the short form first, and the rest of the plan a day later."""
    told, found = template(NAME), nw.steps(NAME, variant)
    if variant not in EMERGENCIES:
        return found
    turns: tuple[list[ExampleStage], list[ExampleStage], list[ExampleStage]] = ([], [], [])
    for step in found:
        stage = told.stage(step.stage)
        if stage.phase is Phase.AFTER:
            turns[2].append(step)
        elif stage.in_emergency_form or stage.phase.is_record:
            turns[0].append(replace(step, day=DAY))
        else:
            turns[1].append(replace(step, day=DAY + timedelta(days=1)))
    return [step for turn in turns for step in turn]


@cache
def walked(variant: str | None = None) -> Walk:
    """The example filled and signed, stage by stage, to the end."""
    walk = Walk(NAME, fresh_case(variant), profiles()[nw.PROFILE], at(DAY))
    for step in steps(variant):
        walk.fill(step)
        walk.sign(step)
    return walk


@cache
def filled(variant: str | None = None) -> Case:
    """The example with every answer and no signature: what single checks are tried on."""
    walk = Walk(NAME, fresh_case(variant), profiles()[nw.PROFILE], at(DAY))
    for step in nw.steps(NAME, variant):
        walk.fill(step)
    return walk.case


def fired(
    change: Callable[[Case], Case], stage: str, check: str, variant: str | None = None, *, now: datetime | None = None
) -> list[Finding]:
    """What one check says on a changed example."""
    return nw.checked(NAME, change(filled(variant)), stage, check, now=now)


def assert_fires(gate: Gate) -> None:
    found = fired(gate.change, gate.stage, gate.check, gate.variant)
    mine = [each for each in found if each.code == gate.code]
    assert mine, [(each.code, each.text) for each in found]
    assert weight(mine) == gate.acts, mine
    assert all(each.source and each.tag for each in found)


@cache
def own() -> frozenset[tuple[str, str]]:
    """Stage and id of every check that is not the spine's."""
    return frozenset(nw.own_checks(NAME))


def applying(variant: str | None) -> set[tuple[str, str]]:
    """Stage and id of the template's own checks that apply to a variant."""
    site = nw.session_of(filled(variant)).answer("obstruction", "technique")
    return {
        (stage.id, check.id)
        for stage in template(NAME).stages
        for check in stage.checks
        if (stage.id, check.id) in own() and site in check.applies_if.get("technique", (site,))
    }


def loud(variant: str | None, skip: Iterable[tuple[str, str]] = ()) -> dict[tuple[str, str], list[str]]:
    """Own checks that say more than information on an example that is meant to satisfy them."""
    said = {}
    for stage, check in sorted(applying(variant) - set(skip)):
        found = [each for each in fired(_same, stage, check, variant) if each.severity is not Severity.INFO]
        if found:
            said[stage, check] = [f"{each.code}: {each.text}" for each in found]
    return said


def _same(case: Case) -> Case:
    return case


def on_short_form(case: Case, wanted: bool = True) -> Case:
    """The session switched to or from the emergency form, as `set_emergency` does before a time-out."""
    session = replace(nw.session_of(case), emergency=wanted)
    return replace(case, sessions=(session,))
