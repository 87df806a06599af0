"""Applicators of a session: devices assigned, cover planned into needles in one step, zones and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from needle_bench import scene
from shapes import FRAME
from stored_cases import DOCTOR, make_case, make_session

from planner.app.applicators import (
    CoverTask,
    assign_device,
    isotherms_of_session,
    plan_session_cover,
    put_cover,
    session_applicators,
    session_findings,
    usable_devices,
)
from planner.app.needle_paths import NeedleTask, lock_needle, put_needle
from planner.app.needle_structures import StructureStore, regions_from_automatic
from planner.errors import InputRefused, UsageError
from planner.imaging.volumes import ImageSource
from planner.model.document import Document
from planner.model.items import PlanItem
from planner.model.needle_items import NEEDLE_PATH, NeedlePathBody
from planner.model.needle_reading import needle_of
from planner.model.needle_rules import NeedleRules
from planner.model.session import Session
from planner.planning.devices import ablation_devices
from planner.planning.zones import zones_of
from planner.store.library import Library
from planner.workflow.template import Template

DEVICES = ablation_devices()
SOURCE = ImageSource("2.25.1", modality="CT", study_date="2026-03-04")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def document(library: Library) -> Document:
    """A simulated case with a body, a target and a vessel beside it."""
    made, session = scene(), make_session()
    document = Document(replace(make_case(), sessions=(session,), simulated=True))
    masks = {"skin": made.body, "lesion": made.target, "portal_vein": made.obstacles[1].mask}
    document.apply("structures", regions_from_automatic(library, session, masks, SOURCE, by=DOCTOR))
    return document


def now(document: Document) -> Session:
    return document.case.sessions[0]


def target_id(document: Document) -> str:
    return next(item.id for item in now(document).items if item.body.get("structure") == "lesion")


def needles(document: Document) -> list[PlanItem]:
    return [item for item in now(document).items if item.type == NEEDLE_PATH]


def with_needle(document: Document, device: str | None = None, setting: str | None = None, x: float = 0.0) -> PlanItem:
    centre = scene().target.centroid_lps_mm()
    assert centre is not None
    tip = (float(centre[0]) + x, float(centre[1]) + 12.0, float(centre[2]))
    entry = (tip[0], tip[1] - 60.0, tip[2])
    body = NeedlePathBody(entry, tip, "ablation", 1.5, device=device, setting=setting, region_id=target_id(document))
    edit = put_needle(now(document).id, body, frame_uid=FRAME, name=f"N{len(needles(document))}", by=DOCTOR)
    document.apply("needle", edit)
    return needles(document)[-1]


def task(document: Document, **changes: object) -> CoverTask:
    needle = NeedleTask(FRAME, target_id(document), organ="liver")
    return replace(CoverTask(needle, DEVICES["simulated-mwa"], 5.0, setting="60W-5min"), **changes)


class Rules:
    """A template as far as the planner looks at it: what it says about needles."""

    id = "bench"
    needle = NeedleRules("ablation")
    stages = ()


RULES = cast(Template, Rules())


def test_that_simulated_devices_belong_to_simulated_cases_only(document: Document) -> None:
    item = with_needle(document)
    real = replace(document.case, simulated=False)
    assert "simulated-mwa" not in usable_devices(real, DEVICES)
    assert "simulated-mwa" in usable_devices(document.case, DEVICES)
    with pytest.raises(UsageError, match="digital patient only"):
        assign_device(real, now(document).id, item, DEVICES["simulated-mwa"], "60W-5min")


def test_that_a_device_brings_its_diameter_and_length_and_a_setting_its_zone(document: Document) -> None:
    item = with_needle(document)
    session = now(document).id
    document.apply("device", assign_device(document.case, session, item, DEVICES["simulated-mwa"], "80W 5min"))
    body = needle_of(needles(document)[0])
    assert (body.device, body.diameter_mm, body.usable_length_mm) == ("simulated-mwa", 1.5, 200.0)
    mean = zones_of(session_applicators(now(document), DEVICES, target_id(document))[0])
    smaller = zones_of(session_applicators(now(document), DEVICES, target_id(document))[0], -1)
    assert mean is not None
    assert smaller is not None
    assert smaller[0].semi_short_mm == pytest.approx(mean[0].semi_short_mm - 1.5)
    with pytest.raises(InputRefused, match="outside the chart"):
        assign_device(document.case, session, item, DEVICES["simulated-mwa"], "150W 5min")
    document.apply("lock", lock_needle(session, needles(document)[0], True))
    with pytest.raises(UsageError, match="locked"):
        assign_device(document.case, session, needles(document)[0], DEVICES["simulated-mwa"], "60W-5min")


def test_that_a_setting_outside_the_chart_refuses_the_zone_of_a_stored_needle(document: Document) -> None:
    with_needle(document, "simulated-mwa", "150W 5min")
    with_needle(document, "gone", "x", 20.0)
    with_needle(document, x=30.0)
    applicators, findings = session_applicators(now(document), DEVICES, target_id(document))
    assert applicators == ()
    said = {each.code: each for each in findings}
    assert said["outside-chart"].blocks
    assert not said["outside-chart"].overridable
    assert said["unknown-device"].blocks
    assert not said["needle-without-zone"].blocks


def test_that_cover_is_planned_into_needles_in_one_step_and_again_replaces_them(
    document: Document, library: Library
) -> None:
    store, mine = StructureStore(library), with_needle(document, "simulated-mwa", "40W-5min", 40.0)
    planned = plan_session_cover(store, document.case, now(document), RULES, task(document))
    assert planned.cover.covered is True
    assert planned.minimum_mm is not None
    assert planned.minimum_mm >= 5.0
    assert all(each.on_skin for each in planned.placed)
    document.apply("cover", put_cover(now(document), task(document), planned, by=DOCTOR))
    placed = [item for item in needles(document) if item.tool == "coverage"]
    assert len(placed) == len(planned.placed)
    assert document.undo()
    assert needles(document) == [mine]
    assert document.redo()
    document.apply("again", put_cover(now(document), task(document), planned, by=DOCTOR))
    assert len(needles(document)) == len(placed) + 1, "what a person placed stays, what was planned is replaced"


def test_that_a_pair_without_known_spacing_is_not_put_into_the_plan(document: Document, library: Library) -> None:
    wet = task(document, device=DEVICES["rfa-dual-cooled-wet"], setting=None, margin_mm=2.0)
    planned = plan_session_cover(StructureStore(library), document.case, now(document), RULES, wet)
    assert "spacing-unknown" in [each.code for each in planned.findings if each.blocks]
    with pytest.raises(UsageError, match="how far apart"):
        put_cover(now(document), wet, planned, by=DOCTOR)


def test_that_ice_is_drawn_by_isotherm_and_judged_by_what_kills(document: Document) -> None:
    with_needle(document, "simulated-cryo", "10min-ice")
    drawn = isotherms_of_session(now(document), DEVICES, target_id(document))
    assert list(drawn) == [0.0, -20.0, -40.0]
    judged = zones_of(session_applicators(now(document), DEVICES, target_id(document))[0])
    assert judged is not None
    assert judged[0].isotherm_c == -40.0
    assert judged[0].semi_short_mm == 9.0


def test_that_patterns_groups_and_heat_sinks_are_spoken_of(document: Document, library: Library) -> None:
    store = StructureStore(library)
    for x in (0.0, 24.0):
        with_needle(document, "simulated-ire", "pair-2250V", x)
    said = session_findings(store, now(document), DEVICES, target_id(document))
    assert [each.overridable for each in said if each.code == "voltage-limit"] == [False], "24 mm ask for 3600 V"
    with_needle(document, "simulated-ire", "pair-2250V", 12.0)
    codes = [each.code for each in session_findings(store, now(document), DEVICES, target_id(document))]
    assert "voltage-limit" not in codes, "the far two are no pair any more"
    assert "incomplete-group" in codes
    assert "applicator-spacing" in codes


def test_that_a_vessel_beside_the_target_is_a_heat_sink(document: Document, library: Library) -> None:
    with_needle(document, "simulated-mwa", "60W-5min")
    store = StructureStore(library)
    assert "heat-sink" not in [
        each.code for each in session_findings(store, now(document), DEVICES, target_id(document))
    ], "no vessel was named"
    changed = {"heat_sink": {"distance_at_most": 60.0}}
    said = session_findings(
        store, now(document), DEVICES, target_id(document), vessels=("portal_vein",), overrides=changed
    )
    assert "heat-sink" in [each.code for each in said]
