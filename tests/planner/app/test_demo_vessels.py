"""The demonstration of a stent: walked once on a part of the digital patient that shows its bile duct."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from paper import FakeRenderer, pages_of, text_of

from planner.app.demo_needles import NeedleDemoResult, run_needle_demo
from planner.app.rehearsals import REHEARSALS
from planner.app.templates import installed
from planner.app.vessel_pictures import lumen_picture, pictured_trees
from planner.cli.demo import PROCEDURES
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.vessel_reading import body_digest, lumens_of, stents_of
from planner.phantom import PRESETS
from planner.phantom.lumens_ducts import STRICTURE_LEFT_MM, TUMOUR_LPS_MM
from planner.phantom.presets import Preset
from planner.store.actors import Actor
from planner.units import shown

BY = Actor("Dr Demo", "planner", "room-1")
TODAY = date(2026, 5, 4)
DUCT = Preset((60, 150, 150), (2.5, 1.5, 1.5), 12.0)
"""As fine as ``demo`` and a part of the patient: the stricture is narrower than a voxel of ``tiny``."""


class Demo:
    """The demonstration with what it left behind."""

    def __init__(self, out: Path) -> None:
        self.renderer = FakeRenderer()
        self.result: NeedleDemoResult = run_needle_demo(
            out, self.renderer, BY, case="stent", preset="duct", today=TODAY, picture_px=(320, 200)
        )
        self.case = from_json(Case, json.loads(self.file("case.json").read_text(encoding="utf-8")))
        self.session = self.case.sessions[0]
        self.paper = text_of(self.file("plan-stent.pdf"))

    def file(self, name: str) -> Path:
        return next(each for each in self.result.files if each.name == name)


@pytest.fixture(scope="module")
def stent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PRESETS, "duct", DUCT)
        yield Demo(tmp_path_factory.mktemp("stent"))


def test_that_every_stage_of_the_stent_is_signed_without_an_override(stent: Demo) -> None:
    assert list(stent.result.stages) == [stage.id for stage in installed().template("stent").stages]
    assert set(stent.result.stages.values()) == {"signed"}
    assert stent.result.overrides == 0


def test_that_the_stricture_was_found_where_it_is_on_the_planning_images(stent: Demo) -> None:
    ((_, duct),) = lumens_of(stent.session.items)
    assert (duct.kind, duct.site, len(duct.clicks_lps_mm)) == ("bile", "biliary", 2)
    assert duct.series == stent.session.series_roles["planning"]
    assert duct.stenosis is not None
    assert not duct.stenosis.by_person
    assert duct.stenosis.minimum_mm == pytest.approx(STRICTURE_LEFT_MM, abs=1.0)
    assert [each.name for each in duct.marks] == ["hepatic-confluence", "papilla"]
    (lesion,) = stent.case.lesions
    assert lesion.centre_lps_mm is not None
    assert np.linalg.norm(np.subtract(lesion.centre_lps_mm, TUMOUR_LPS_MM)) < 15.0


def test_that_the_stent_covers_the_stricture_and_is_the_row_of_the_plan(stent: Demo) -> None:
    ((lumen, duct),), ((item, body),) = lumens_of(stent.session.items), stents_of(stent.session.items)
    assert duct.stenosis is not None
    assert (body.lumen, body.lumen_digest) == (lumen.id, body_digest(lumen))
    assert body.start_mm < duct.stenosis.start_mm
    assert body.end_mm > duct.stenosis.end_mm
    assert body.device is not None
    (planned,) = stent.session.answer("stent_plan", "stents")
    (placed,) = stent.session.answer("crossing_drain_stent", "placed")
    assert planned["stent"] == item.id
    sizes = (body.diameter_mm, body.length_mm)
    assert (planned["diameter_mm"], planned["length_mm"]) == (placed["diameter_mm"], placed["length_mm"]) == sizes
    crosses = body.end_mm > duct.marks[1].along_mm
    assert stent.session.answer("stent_plan", "papilla_crossed") == ("yes" if crosses else "no")


def test_that_lumen_and_stent_are_on_paper_and_the_sizing_sheet_is_one_page(stent: Demo) -> None:
    ((_, body),) = stents_of(stent.session.items)
    for words in ("Lumens (measured on CT)", "Stents as planned", "SIMULATED", "not a clearance"):
        assert words in stent.paper
    assert shown(body.diameter_mm, "mm") in stent.paper
    (sheet,) = pages_of(stent.file("stent-1.pdf"))
    assert "Stent sizing sheet" in sheet
    assert "The images are not here" not in sheet


def test_that_the_layout_of_lumens_is_drawn_from_the_plan(stent: Demo) -> None:
    assert stent.file("lumen.png").stat().st_size > 500
    assert all(each.caption[0].startswith("SIMULATED") for each in stent.renderer.sheets)
    ((item, _),) = lumens_of(stent.session.items)
    without = lumen_picture(stent.session, item, None)
    assert without.startswith(b"\x89PNG")
    assert pictured_trees(stent.session) == ()


def test_that_images_too_coarse_for_the_stricture_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        run_needle_demo(tmp_path / "out", FakeRenderer(), BY, case="stent", preset="tiny")
    assert refused.value.code == "too-coarse"
    assert not (tmp_path / "out").exists()


def test_that_every_demonstration_is_a_rehearsal_of_an_installed_template() -> None:
    assert set(PROCEDURES.values()) == set(REHEARSALS)
    for each in REHEARSALS.values():
        assert installed().template(each.template).stages
