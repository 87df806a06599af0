"""Vertebrae of a session: no needle before two people confirmed the level, items, another posture; and the verb."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from vertebra_shapes import FRAME, Shape

from planner.app.images import write_volume
from planner.app.marking import new_item
from planner.app.vertebra_files import VertebraRequest, vertebra
from planner.app.vertebrae import (
    level_confirmation,
    put_trajectories,
    put_vertebra,
    require_confirmed,
    turn_patient,
)
from planner.cli.entry import run
from planner.errors import InputRefused, UsageError
from planner.geometry.patient_positions import PatientPosition
from planner.imaging.volumes import Label, LabelMap
from planner.model.case import Case
from planner.model.edits import with_session
from planner.model.items import REGION, BlobRef, PlanItem, RegionBody
from planner.model.needle_items import NEEDLE_PATH, VERTEBRA
from planner.model.needle_reading import needle_of, vertebra_of
from planner.model.people import Patient
from planner.model.session import Answer, Session, TemplateRef
from planner.planning.vertebra_analysis import VertebraAnalysis, analyse_vertebra
from planner.store.actors import Actor

SHAPE = Shape()
LEVEL = "vertebrae_L2"
BY = Actor("Dr Wu", "fellow", "desk")
GOOD = {"level": [LEVEL], "counting_method": "top-down", "confirmed_by": "Dr Wu", "second_confirmer": "Dr Lin"}


@pytest.fixture(scope="module")
def analysis() -> VertebraAnalysis:
    return analyse_vertebra(SHAPE.ct(1.05), SHAPE.mask(1.05), level=LEVEL)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("vertebra")
    ct, mask = SHAPE.ct(1.5), SHAPE.mask(1.5)
    write_volume(ct, folder / "ct.nrrd")
    labels = mask.full().astype(np.uint8)
    write_volume(LabelMap(labels, mask.grid, {1: Label(1, LEVEL)}), folder / "vertebrae_L2.nrrd")
    write_volume(LabelMap(labels * 0, mask.grid, {}), folder / "empty.nrrd")
    both = labels.copy()
    both[:, :8, :8] = 2
    write_volume(LabelMap(both, mask.grid, {1: Label(1, "a"), 2: Label(2, "b")}), folder / "both.nrrd")
    return folder


def session_with(answers: Mapping[str, Any]) -> Session:
    given = {name: Answer(value) for name, value in answers.items()}
    template = TemplateRef("vertebroplasty", "1", "d", "p", "1")
    return Session("s1", "Vertebroplasty", template, answers={"level": given}, items=(region(),))


def region() -> PlanItem:
    blob = BlobRef("a" * 64, (1, 1, 1), tuple(np.eye(4).ravel()), FRAME, (0, 0, 0), (1, 1, 1))
    body = RegionBody(blob, structure=LEVEL)
    return new_item(REGION, body, name="L2", frame_uid=FRAME, by=BY, tool="label-map", item_id="region")


def items_of(case: Case) -> tuple[PlanItem, ...]:
    session = case.session("s1")
    assert session is not None
    return session.items


@pytest.fixture
def empty_case() -> Case:
    return Case("c1", Patient("p1", "Test"))


@pytest.mark.parametrize(
    "change",
    [
        {"second_confirmer": None},
        {"second_confirmer": " dr  wu "},
        {"level": []},
        {"level": ["vertebrae_L3"]},
        {"counting_method": "automatic-label"},
        {"counting_method": None},
    ],
)
def test_that_no_needle_is_offered_before_two_people_counted_the_level(
    change: dict[str, Any], analysis: VertebraAnalysis
) -> None:
    session = session_with({**GOOD, **change})
    with pytest.raises(InputRefused) as refused:
        put_trajectories(session, analysis, region(), by=BY)
    assert refused.value.code == "level-unconfirmed"
    require_confirmed(session_with(GOOD), LEVEL)
    assert level_confirmation(session_with(GOOD)).confirmed


def test_that_trajectories_become_needles_in_one_step_and_replace_the_unlocked_ones(
    analysis: VertebraAnalysis, empty_case: Case
) -> None:
    session = session_with(GOOD)
    case = with_session(empty_case, session)
    case = put_trajectories(session, analysis, region(), by=BY)(case)
    found = [item for item in items_of(case) if item.type == NEEDLE_PATH]
    assert [item.name for item in found] == ["L2 left", "L2 right"]
    body = needle_of(found[0])
    assert (body.purpose, body.posture, body.region_id) == ("vertebra", "prone", "region")
    assert body.pedicle is not None
    assert body.pedicle.level == LEVEL
    assert body.pedicle.breach is False
    again = put_trajectories(session, analysis, region(), by=BY)(case)
    assert len([item for item in items_of(again) if item.type == NEEDLE_PATH]) == 2


def test_that_another_posture_turns_every_view_and_needle(analysis: VertebraAnalysis, empty_case: Case) -> None:
    session = session_with(GOOD)
    case = with_session(empty_case, session)
    for edit in (put_vertebra("s1", analysis, region(), by=BY), put_trajectories(session, analysis, region(), by=BY)):
        case = edit(case)
    before = next(vertebra_of(item) for item in items_of(case) if item.type == VERTEBRA)
    turned = turn_patient("s1", PatientPosition("supine"))(case)
    after = next(vertebra_of(item) for item in items_of(turned) if item.type == VERTEBRA)
    assert {view.posture for view in before.views} == {"prone"}
    assert {view.posture for view in after.views} == {"supine"}
    eye_before, eye_after = before.views[2], after.views[2]
    assert eye_after.primary_deg == pytest.approx(eye_before.primary_deg)
    assert abs(eye_after.machine_primary_deg - eye_before.machine_primary_deg) > 90.0
    assert {needle_of(each).posture for each in items_of(turned) if each.type == NEEDLE_PATH} == {"supine"}
    assert before.cement_ml["high"] == pytest.approx(6.0)
    twice = put_vertebra("s1", analysis, region(), by=BY)(turned)
    assert len([item for item in items_of(twice) if item.type == VERTEBRA]) == 1


# The verb


def test_that_the_verb_answers_as_the_contract_says(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["vertebra", "--ct", str(files / "ct.nrrd"), "--vertebra", str(files / "vertebrae_L2.nrrd"), "--json"]
    code = run(words, open_desktop=lambda paths, url: 1, make_renderer=lambda: pytest.fail("drew"))
    answer = json.loads(capsys.readouterr().out)
    assert code == 0
    assert {"trajectories", "body_ml", "cement_ml", "findings"} <= set(answer)
    keys = {
        "side", "approach", "skin_lps_mm", "entry_lps_mm", "tip_lps_mm", "length_mm", "convergence_deg",
        "craniocaudal_deg", "pedicle_width_mm", "wall_clearance_mm", "breach", "gauge",
    }  # fmt: skip
    assert [each["side"] for each in answer["trajectories"]] == ["left", "right"]
    for each in answer["trajectories"]:
        assert keys <= set(each)
        assert each["skin_lps_mm"] is None
        reach = np.linalg.norm(np.subtract(each["tip_lps_mm"], each["entry_lps_mm"]))
        assert each["length_mm"] == pytest.approx(reach)
    assert answer["level"] == LEVEL
    assert any("two people" in finding["text"] for finding in answer["findings"])
    assert all(view["position"] == "patient prone, head first" for view in answer["views"])


@pytest.mark.parametrize(
    ("mask", "error"),
    [("empty.nrrd", "empty-mask"), ("both.nrrd", "several-vertebrae")],
)
def test_that_masks_that_mean_nothing_are_refused(files: Path, mask: str, error: str) -> None:
    with pytest.raises(InputRefused) as refused:
        vertebra(VertebraRequest(files / "ct.nrrd", str(files / mask)))
    assert refused.value.code == error


def test_that_a_mask_outside_the_image_and_a_wrong_side_are_refused(files: Path) -> None:
    far = Shape(centre=(500.0, 0.0, 0.0)).mask(3.0)
    write_volume(LabelMap(far.full().astype(np.uint8), far.grid, {1: Label(1, LEVEL)}), files / "far.nrrd")
    with pytest.raises(InputRefused) as refused:
        vertebra(VertebraRequest(files / "ct.nrrd", str(files / "far.nrrd")))
    assert refused.value.code == "mask-outside"
    with pytest.raises(UsageError):
        vertebra(VertebraRequest(files / "ct.nrrd", str(files / "vertebrae_L2.nrrd"), side="middle"))
    with pytest.raises(UsageError):
        vertebra(VertebraRequest(files / "ct.nrrd", str(files / "vertebrae_L2.nrrd"), level="L9"))
