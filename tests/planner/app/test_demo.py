"""The demonstration and the first start: walked once at the coarsest resolution, without a display."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from paper import FakeRenderer, text_of

from planner.app.case_images import check_images
from planner.app.demo import DemoResult, run_demo, seed_digital_patient
from planner.app.templates import installed
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.items import REGION
from planner.model.session import Session, SessionState
from planner.model.vessel_reading import all_feeders_of, body_digest, positions_of, trees_of
from planner.store.actors import Actor
from planner.store.library import Library

BY = Actor("Dr Demo", "planner", "room-1")


@pytest.fixture(scope="module")
def renderer() -> FakeRenderer:
    return FakeRenderer()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, renderer: FakeRenderer) -> DemoResult:
    out = tmp_path_factory.mktemp("demo")
    return run_demo(out, renderer, BY, preset="tiny", today=date(2026, 5, 4), picture_px=(320, 200))


@pytest.fixture(scope="module")
def case(demo: DemoResult) -> Case:
    path = next(each for each in demo.files if each.name == "case.json")
    return from_json(Case, json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def first(demo: DemoResult, case: Case) -> Session:
    found = case.session(demo.sessions[0])
    assert found is not None
    return found


def test_that_every_stage_of_the_template_is_signed(demo: DemoResult) -> None:
    assert list(demo.stages) == [stage.id for stage in installed().template("tace").stages]
    assert set(demo.stages.values()) == {"signed"}


def test_that_the_first_session_is_closed_and_the_second_is_a_draft_from_it(demo: DemoResult, case: Case) -> None:
    first, second = (case.session(each) for each in demo.sessions)
    assert first is not None
    assert second is not None
    assert first.state is SessionState.CLOSED
    assert first.time_out is not None
    assert (second.state, second.started_from) == (SessionState.DRAFT, first.id)


def test_that_the_second_session_inherits_nothing_of_the_day(demo: DemoResult, case: Case) -> None:
    second = case.session(demo.sessions[1])
    assert second is not None
    assert demo.forbidden_carried == ()
    assert (second.signoffs, second.overrides, second.time_out, dict(second.series_roles)) == ((), (), None, {})
    stages = {stage.id: stage for stage in installed().template("tace").stages}
    for name in second.answers:
        assert stages[name].phase.value in ("decide", "plan")
    for stage, name in (
        ("consent", "status"),
        ("fitness", "pregnancy"),
        ("agent_dose", "prepared_maximum"),
        ("agent_dose", "oil_maximum"),
        ("agent_dose", "bsa_m2"),
        ("kit_budget", "contrast_maximum"),
        ("decision", "decision"),
    ):
        assert second.answer(stage, name) is None, f"{stage}.{name}"
    assert case.patient.weight_kg is None
    assert not any(item.type == REGION for item in second.items)
    assert second.answer("arteries_access", "base_catheter") == "Cobra C2, 5 F"


def test_that_the_last_time_card_and_the_ledger_speak_of_the_first_session(demo: DemoResult) -> None:
    lines = {line["label"]: line["values"] for line in demo.last_time["lines"]}
    assert lines["Access"] == ["Femoral"]
    totals = {each["substance"]: each["amount"] for each in demo.ledger["totals"]}
    assert totals["doxorubicin"] == pytest.approx(45.0)
    assert totals["lipiodol"] == pytest.approx(7.0)


def test_that_both_tumours_are_marked_and_reached_by_named_arteries(demo: DemoResult, case: Case) -> None:
    assert [lesion.name for lesion in case.lesions] == ["L1", "L2"]
    assert case.lesion_list_is_confirmed is False  # asked again for the second session
    for lesion in demo.lesions:
        assert lesion.dice is not None
        assert lesion.dice > 0.5
    for path, last in zip(demo.paths, ("a8", "a3"), strict=True):
        assert path.segments[:4] == ("aorta_abdominal", "coeliac", "common_hepatic", "proper_hepatic")
        assert path.segments[-2:] == (last, "feeder")
        assert 120.0 < path.length_mm < 260.0


def test_that_the_arteries_were_found_on_the_arterial_phase_and_feeders_searched_for_both_tumours(
    demo: DemoResult, case: Case, first: Session
) -> None:
    ((item, tree),) = trees_of(first.items, "artery")
    assert (tree.method, tree.series) == ("ct", first.series_roles["arterial"])
    assert demo.computed["segments"] == len(tree.segments) > 10
    searched = {body.lesion_id: body for _, body in all_feeders_of(first.items)}
    assert set(searched) == {each.id for each in case.lesions}
    assert any(body.feeders for body in searched.values())
    for body in searched.values():
        assert (body.tree_digest, body.phase) == (body_digest(item), "arterial")
        assert all(row.by_person for row in body.feeders)


def test_that_a_position_stands_before_each_feeder_with_way_reach_and_view(first: Session) -> None:
    (_, tree), feeders = trees_of(first.items, "artery")[0], dict[str, str]()
    for _, found in all_feeders_of(first.items):
        feeders |= {row.segment: found.lesion_id for row in found.feeders}
    positions = {item.id: body for item, body in positions_of(first.items, "embolise")}
    assert {body.segment: body.lesion_ids[0] for body in positions.values()} == feeders
    for body in positions.values():
        lengths = {each.id: each.length_mm for each in tree.segments}
        assert 0.0 < body.along_mm < lengths[body.segment]
        assert body.way is not None
        assert body.view is not None
        assert body.injection is not None
        assert body.injection.organ_ml is not None
        assert (body.injection.coverage[body.lesion_ids[0]] or 0.0) > 0.1
    rows = first.answer("positions", "positions")
    assert {row["position"] for row in rows if "position" in row} == set(positions)
    on_model = {name for body in positions.values() for name in body.lesion_ids}
    for row in rows:
        assert ("position" in row) == bool(on_model & set(row.get("lesions", ()))), "what is not seen stays in words"


def test_that_feeders_positions_and_ways_are_on_paper_with_a_picture_of_the_tree(
    demo: DemoResult, first: Session, renderer: FakeRenderer
) -> None:
    paper = text_of(next(each for each in demo.files if each.name == "plan-tace-1.pdf"))
    for words in ("Feeders seen on CT", "Catheter positions (virtual injection: a model", "Way of the catheter"):
        assert words in paper
    assert "a feeder not found is not a feeder absent" in paper
    assert ("NONE FOUND" in paper) == any(not body.feeders for _, body in all_feeders_of(first.items))
    views = [body.view for _, body in positions_of(first.items) if body.view is not None]
    trees = [each for each in renderer.sheets if each.panels[0].title.startswith("From the front")]
    assert {each.size_px for each in trees} == {(320, 200)}
    for sheet in trees:
        assert len(sheet.panels) == 1 + min(3, len(views))
        assert "simulated" in sheet.panels[1].title
        assert "never all of them" in sheet.caption[0]
        assert sheet.caption[1].startswith("SIMULATED")
        assert {mark.text for mark in sheet.panels[0].marks} & {"L1", "1", "1, L1"}


def test_that_the_files_are_there_and_the_papers_say_what_they_are(demo: DemoResult) -> None:
    names = {each.name for each in demo.files}
    layouts = {stage.layout.replace("_", "-") for stage in installed().template("tace").stages}
    assert {"mpr.png", "3d.png", *(f"{each}.png" for each in layouts)} <= names
    assert all(each.stat().st_size > 500 for each in demo.files)
    by_name = {each.name: each for each in demo.files}
    signed, draft = text_of(by_name["plan-tace-1.pdf"]), text_of(by_name["plan-tace-2-draft.pdf"])
    assert "Plan signed by Dr M. Keller" in signed
    assert "SIMULATED" in signed
    assert "Segmental artery A8" in signed
    assert "DRAFT: 14 of 14 plan stages not signed" in draft
    assert "copied, not looked at" in draft


def test_that_every_picture_says_that_it_is_simulated(demo: DemoResult, renderer: FakeRenderer) -> None:
    assert demo.files
    assert len(renderer.asked) > 8
    for request in renderer.asked:
        assert request.caption[0].startswith("SIMULATED")
        assert any("Not a medical device" in line for line in request.caption)
        assert any("SELDINGER-DEMO" in line for line in request.caption)
    phases = next(each for each in renderer.asked if each.layout == "phases")
    assert {"arterial", "portal-venous"} <= set(phases.by_role)


def test_that_a_folder_with_a_library_is_left_alone(demo: DemoResult, renderer: FakeRenderer) -> None:
    library = next(each for each in demo.files if each.name == "library.sqlite")
    before = library.read_bytes()
    with pytest.raises(UsageError) as refused:
        run_demo(library.parent, renderer, BY, preset="tiny")
    assert refused.value.code == "demo-exists"
    assert library.read_bytes() == before


def test_that_the_first_start_gives_a_simulated_case_with_images_laboratory_and_a_draft(tmp_path: Path) -> None:
    library = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    try:
        case_id = seed_digital_patient(library, tmp_path / "digital-patient", BY, preset="tiny")
        case, _ = library.open_case(case_id, BY)
        assert case.simulated
        assert {each.phase for each in case.studies if each.kind == "volume"} == {"arterial", "portal-venous"}
        assert [each.kind for each in case.studies].count("angio") == 4
        assert check_images(library, case) == ()
        assert case.latest_lab("bilirubin") is not None
        assert case.lesions == ()
        assert [each.state for each in case.sessions] == [SessionState.DRAFT]
        assert {"arterial", "portal-venous", "dsa-before", "dsa-after"} <= set(case.sessions[0].series_roles)
    finally:
        library.close()
