"""The demonstration of a vertebra, walked once at the coarsest resolution; the ablation is walked in the course."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from paper import FakeRenderer, text_of

from planner.app.demo_needles import NeedleDemoResult, run_needle_demo
from planner.app.rehearse_steps import HAND_MM, clicked_points
from planner.app.templates import installed
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.needle_reading import needles_of, vertebrae_of
from planner.store.actors import Actor
from planner.units import shown

BY = Actor("Dr Demo", "planner", "room-1")
TODAY = date(2026, 5, 4)


class Demo:
    """One demonstration with what it left behind."""

    def __init__(self, out: Path, case: str) -> None:
        self.renderer = FakeRenderer()
        self.result: NeedleDemoResult = run_needle_demo(
            out, self.renderer, BY, case=case, preset="tiny", today=TODAY, picture_px=(320, 200)
        )
        self.case = from_json(Case, json.loads(self.file("case.json").read_text(encoding="utf-8")))
        self.items = self.case.sessions[0].items
        self.paper = text_of(self.file(f"plan-{self.result.template}.pdf"))

    def file(self, name: str) -> Path:
        return next(each for each in self.result.files if each.name == name)


@pytest.fixture(scope="module")
def vertebra(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("vertebra"), "vertebra")


@pytest.fixture(scope="module")
def demo(vertebra: Demo) -> Demo:
    return vertebra


def test_that_every_stage_is_signed_without_an_override(demo: Demo) -> None:
    assert list(demo.result.stages) == [stage.id for stage in installed().template(demo.result.template).stages]
    assert set(demo.result.stages.values()) == {"signed"}
    assert demo.result.overrides == 0


def test_that_every_needle_was_measured_and_the_paper_says_its_length_and_distances(demo: Demo) -> None:
    needles = needles_of(demo.items)
    assert needles
    for item, body in needles:
        assert body.measured is not None
        assert body.measured.admissible
        assert body.measured.length_mm < (body.usable_length_mm or 0.0)
        assert item.name in demo.paper
        assert shown(body.measured.length_mm, "mm") in demo.paper
        assert any(mm is not None for mm in body.measured.clearances_mm.values())


def test_that_the_paper_is_no_clearance_and_promises_nothing(demo: Demo) -> None:
    assert "not a clearance" in demo.paper
    assert "SIMULATED" in demo.paper
    assert "NOT CHECKED" in demo.paper
    assert not re.search(r"\bproven\b", demo.paper, re.IGNORECASE)
    without = demo.paper.replace("not a safe limit", "").replace("MR Safe", "").replace("mr-safe", "")
    assert not re.search(r"\bsafe(ly)?\b", without, re.IGNORECASE)


def test_that_pictures_of_every_layout_used_are_there_and_say_that_they_are_simulated(demo: Demo) -> None:
    names = {each.name for each in demo.result.files}
    layouts = {stage.layout.replace("_", "-") for stage in installed().template(demo.result.template).stages}
    assert {f"{each}.png" for each in layouts} <= names
    assert all(each.stat().st_size > 500 for each in demo.result.files)
    for request in demo.renderer.asked:
        assert request.caption[0].startswith("SIMULATED")


def test_that_the_result_tells_scripts_the_case_and_its_files(demo: Demo) -> None:
    told = demo.result.to_json()
    assert told["case"] == demo.case.id
    assert all(Path(each).exists() for each in told["files"])
    json.dumps(told)


def test_that_needles_of_the_vertebra_stay_in_the_bone_for_a_patient_who_lies_prone(vertebra: Demo) -> None:
    needles = needles_of(vertebra.items, "vertebra")
    assert {body.pedicle.side for _, body in needles if body.pedicle is not None} == {"left", "right"}
    for _, body in needles:
        assert body.pedicle is not None
        assert body.pedicle.breach is False
        assert body.posture == "prone"
        assert (body.measured and body.measured.clearances_mm["spinal_cord"] or 0.0) > 1.0
    assert "prone" in vertebra.paper


def test_that_cement_is_planned_from_the_usual_upper_volume_and_called_no_limit(vertebra: Demo) -> None:
    ((_, body),) = vertebrae_of(vertebra.items)
    rows = vertebra.case.sessions[0].answer("cement", "levels")
    usual = min(body.cement_ml[name] or 0.0 for name in ("usual_upper", "high"))
    planned = sum(row["planned_ml"] for row in rows)
    assert usual - 0.1 * len(rows) <= planned <= usual
    assert "not a safe limit" in vertebra.paper
    assert "usual upper volume" in vertebra.paper


def test_that_clicks_miss_by_a_millimetre_and_never_twice_the_same_way() -> None:
    places = np.zeros((6, 3))
    here, there = clicked_points(places), clicked_points(places, first=6)
    np.testing.assert_allclose(np.linalg.norm(here, axis=1), HAND_MM)
    assert np.linalg.norm(here - there, axis=1).min() > 0.2
    np.testing.assert_array_equal(here, clicked_points(places))


def test_that_an_unknown_case_and_a_folder_with_a_library_are_refused(vertebra: Demo, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        run_needle_demo(tmp_path, vertebra.renderer, BY, case="spleen")
    assert refused.value.code == "unknown-case"
    with pytest.raises(UsageError) as refused:
        run_needle_demo(vertebra.file("library.sqlite").parent, vertebra.renderer, BY, case="vertebra", preset="tiny")
    assert refused.value.code == "demo-exists"
