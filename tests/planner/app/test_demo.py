"""The course as the bundled demonstration: walked once at the coarsest resolution, without a display."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from paper import FakeRenderer, pages_of, text_of

from planner.app.case_images import check_images
from planner.app.demo import run_demo
from planner.app.demo_course import CourseDemoResult, run_course_demo
from planner.app.demo_course_start import HeldBack
from planner.app.demo_walk import changed_steps
from planner.app.response import reading_is_current
from planner.app.templates import installed
from planner.errors import UsageError
from planner.model.case import Case
from planner.model.codec import from_json
from planner.model.disease import Lesion
from planner.model.follow_up import TaskState
from planner.model.items import REGION
from planner.model.needle_items import ACHIEVED, PLANNED
from planner.model.needle_reading import margins_of
from planner.model.session import Session, SessionState
from planner.model.vessel_reading import all_feeders_of, body_digest, positions_of, trees_of
from planner.store.actors import Actor
from planner.store.library import Library

BY = Actor("Dr Demo", "planner", "room-1")
TODAY = date(2026, 5, 4)


@pytest.fixture(scope="module")
def renderer() -> FakeRenderer:
    return FakeRenderer()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, renderer: FakeRenderer) -> CourseDemoResult:
    out = tmp_path_factory.mktemp("demo")
    return run_course_demo(out, renderer, BY, preset="tiny", today=TODAY, picture_px=(320, 200))


@pytest.fixture(scope="module")
def case(demo: CourseDemoResult) -> Case:
    path = next(each for each in demo.files if each.name == "case.json")
    return from_json(Case, json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def library(demo: CourseDemoResult) -> Iterator[Library]:
    file = next(each for each in demo.files if each.name == "library.sqlite")
    opened = Library.open(f"sqlite:///{file}", daily_backup=False)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def first(demo: CourseDemoResult, case: Case) -> Session:
    return session_of(case, demo, 0)


def session_of(case: Case, demo: CourseDemoResult, number: int) -> Session:
    found = case.session(demo.sessions[number])
    assert found is not None
    return found


def lesion_named(case: Case, name: str) -> Lesion:
    return next(each for each in case.lesions if each.name == name)


def test_that_every_session_of_the_course_is_signed_from_first_stage_to_last(demo: CourseDemoResult) -> None:
    templates = {"tace-1": "tace", "tace-2": "tace", "ablation": "ablation"}
    assert list(demo.every_stage) == list(templates)
    for key, name in templates.items():
        assert list(demo.every_stage[key]) == [stage.id for stage in installed().template(name).stages]
        assert set(demo.every_stage[key].values()) == {"signed"}, key
    assert demo.stages == demo.every_stage["tace-1"]
    assert demo.overrides <= 2, "at most the planned margin of the ablation, before and on the day"


def test_that_sessions_are_closed_and_each_next_one_starts_from_the_one_before(
    demo: CourseDemoResult, case: Case
) -> None:
    first, second, ablation, draft = case.sessions
    assert [each.id for each in case.sessions] == list(demo.sessions)
    assert {each.state for each in (first, second, ablation)} == {SessionState.CLOSED}
    assert all(each.time_out is not None for each in (first, second, ablation))
    assert (second.started_from, draft.started_from) == (first.id, ablation.id)
    assert draft.state is SessionState.DRAFT


def test_that_the_days_lie_behind_today_and_in_the_order_of_the_course(demo: CourseDemoResult, case: Case) -> None:
    done = [each.performed_on for each in case.sessions[:3]]
    assert [TODAY - each for each in done if each is not None] == [timedelta(days=n) for n in (268, 217, 189)]
    assert max(each.study_date for each in case.studies if each.study_date) == TODAY - timedelta(days=7)
    assert all(each.taken_on <= TODAY for each in case.laboratory)
    assert len({each.taken_on for each in case.laboratory if each.analyte == "afp"}) > 8


def test_that_something_is_due_and_something_overdue(demo: CourseDemoResult) -> None:
    overdue = {each["kind"] for each in demo.course["due"] if each["overdue"]}
    assert {"task", "decision"} <= overdue
    assert any(each["due_on"] and not each["overdue"] for each in demo.course["due"])
    json.dumps(demo.to_json())


def test_that_an_alert_became_a_task_and_was_closed_with_its_outcome(demo: CourseDemoResult, case: Case) -> None:
    task = next(each for each in case.tasks if each.text == demo.course["alert_closed"])
    assert task.alert is not None
    assert task.state is TaskState.DONE
    assert task.outcome
    assert {each.scale for each in case.reports} >= {"pain", "qlq-c30-global", "weight", "fatigue"}


def test_that_decisions_have_opinions_dissent_and_what_came_of_them(case: Case) -> None:
    first, second, third, following = case.decisions
    for each in (first, second):
        assert each.carried_out == "yes"
        assert each.outcome
        assert any(opinion.dissent for opinion in each.opinions)
        assert each.session_ids
    assert third.carried_out is None
    assert third.by_when is not None
    assert third.by_when < TODAY
    assert following.question
    assert not following.decision


def test_that_every_link_is_reviewed_and_near_the_modelled_motion(demo: CourseDemoResult, case: Case) -> None:
    assert all(each.is_reviewed for each in case.links)
    links = {(each.day, each.role): each for each in demo.truth.links}
    assert set(links) == {
        ("post-lipiodol-1", "non-contrast"),
        ("follow-up-6w", "arterial"),
        ("follow-up-6w", "mr-arterial"),
        ("follow-up-3m", "arterial"),
        ("follow-up-6m", "arterial"),
    }
    for each in links.values():
        assert each.mean_mm < 3.0 < each.before_mm, each
        assert each.landmarks_mm is not None


def test_that_identities_are_those_of_the_patient_and_the_new_lesion_was_confirmed(
    demo: CourseDemoResult, case: Case
) -> None:
    assert [each.tumour for each in demo.truth.identities if not each.right] == []
    known, (new,) = case.lesions[:2], case.lesions[2:]
    assert {each.identity_by for each in known} == {"Dr K. Weiss"}
    assert (new.role, new.identity_by) == ("new", "Dr K. Weiss")
    assert new.first_seen_on == TODAY - timedelta(days=7)


def test_that_viable_tumour_is_measured_on_mr_and_never_read_where_oil_hides_it(
    demo: CourseDemoResult, case: Case
) -> None:
    sizes = {(each.day, each.tumour): each for each in demo.truth.viable}
    crescent = sizes["follow-up-6w", "lesion-1"]
    assert crescent.found_mm is not None
    assert crescent.true_mm is not None
    assert abs(crescent.found_mm - crescent.true_mm) < 12.0
    whole = next(e for e in demo.truth.longest if (e.day, e.tumour) == ("follow-up-6w", "lesion-1")).found_mm
    assert whole is not None
    assert crescent.found_mm < whole
    assert sizes["follow-up-3m", "lesion-1"].found_mm is None
    graded = [each.lipiodol for each in lesion_named(case, "L1").observations if each.lipiodol is not None]
    assert graded


def test_that_the_responses_are_signed_and_end_in_progression_by_the_new_lesion(case: Case) -> None:
    by_day = {(each.on, each.criteria): each for each in case.readings}
    mr = by_day[TODAY - timedelta(days=226), "mrecist"]
    assert mr.overall in ("PR", "SD")
    assert mr.session_id == case.sessions[0].id
    oil = by_day[TODAY - timedelta(days=98), "mrecist"]
    assert oil.overall in (None, "NE")
    assert oil.not_evaluated
    assert oil.change_from_baseline is None
    # The ablation between both readings takes nothing back of what was read before it.
    assert [
        each.on for each in case.readings if not reading_is_current(case, each, templates=installed().templates)
    ] == []
    last = by_day[TODAY - timedelta(days=7), "recist-1.1"]
    assert (last.overall, last.new_lesion) == ("PD", True)


def test_that_the_achieved_margin_stands_beside_its_registration_error_and_the_truth(
    demo: CourseDemoResult, case: Case
) -> None:
    items = case.sessions[2].items
    ((_, achieved),) = margins_of(items, ACHIEVED)
    assert margins_of(items, PLANNED)
    (margin,) = demo.truth.margins
    assert margin.found_mm == achieved.mean.minimum_mm
    assert margin.registration_error_mm is not None
    assert margin.registration_error_mm < 3.0
    assert margin.found_mm is not None
    assert abs(margin.found_mm - margin.true_mm) < 2.5, "less than a voxel of this resolution"
    target, zone = case.sessions[2].item(achieved.region_id), case.sessions[2].item(achieved.zone_id or "")
    assert target is not None
    assert zone is not None
    assert target.frame_uid == zone.frame_uid
    assert target.body.get("copy_of") is None, "drawn on the scan of the day, brought over from nowhere"


def test_that_what_is_left_after_the_first_session_is_the_target_of_the_second(case: Case) -> None:
    first, second = case.sessions[:2]
    (residual,) = [each for each in first.items if each.tool == "residual"]
    targets = [each for each in second.items if each.type == REGION and each.body.get("lesion_id")]
    assert {each.body["lesion_id"] for each in targets} == {lesion_named(case, "L1").id}
    assert any(each.body.get("copy_of") == residual.id for each in targets)
    assert not any(each.inherited_from for each in second.items)


def test_that_papers_of_the_course_name_what_it_came_to(demo: CourseDemoResult, case: Case) -> None:
    by_name = {each.name: each for each in demo.files}
    report, (board,) = text_of(by_name["course-report.pdf"]), pages_of(by_name["board-sheet.pdf"])
    assert "TACE 2 of the residual" in report
    assert "CHANGED SINCE" not in report
    for each in case.readings:
        if each.change_from_baseline is not None:
            assert f"{each.change_from_baseline:+.0f} %" in report
    assert "New 15 mm lesion at six months" in board
    assert "SIMULATED" in board
    assert by_name["same-slice.png"].stat().st_size > 500
    assert [each.language for each in case.summaries] == ["en", "zh-Hans"]
    assert not any(each.is_released for each in case.summaries)
    assert "DRAFT" in text_of(by_name["patient-summary-en.pdf"])


def test_that_the_images_lie_where_the_case_says(library: Library, case: Case) -> None:
    assert check_images(library, case) == ()
    assert library.list_cases()[0].case_id == case.id


def test_that_a_case_held_back_is_not_found_until_it_is_whole(library: Library, case: Case) -> None:
    apart = HeldBack(library, None, case, 0, BY)
    apart.document.apply("Rename", lambda known: known.__class__(known.id, known.patient, title="Half"))
    assert apart.save() == 0
    assert library.open_case(case.id, BY)[0].title == case.title


def test_that_a_later_example_changes_answers_and_days() -> None:
    lesions, series = ("l-1", "l-2"), {"dsa-before": "1.2#1"}
    base = {each.stage: each for each in changed_steps("tace", (), TODAY, lesions=lesions, series=series)}
    changed = {
        each.stage: each
        for each in changed_steps(
            "tace",
            ("demo", "course_tace_2"),
            TODAY,
            lesions=lesions,
            series=series,
            items={"@item:path:1": "path-1"},
        )
    }
    assert list(changed) == list(base)
    assert base["images_lesions"].answers["target_lesions"] == ["l-1", "l-2"]
    assert changed["images_lesions"].answers["target_lesions"] == ["l-1"]
    assert changed["images_lesions"].answers["extrahepatic"] == base["images_lesions"].answers["extrahepatic"]
    assert changed["arteries_access"].answers["arterial_path"] == "path-1"
    assert changed["outcome"].day == TODAY + timedelta(days=28)


def test_that_a_further_session_inherits_nothing_of_the_day(demo: CourseDemoResult, case: Case) -> None:
    draft = case.sessions[3]
    assert demo.forbidden_carried == ()
    assert (draft.signoffs, draft.overrides, draft.time_out, dict(draft.series_roles)) == ((), (), None, {})
    stages = {stage.id: stage for stage in installed().template("ablation").stages}
    for name in draft.answers:
        assert stages[name].phase.value in ("decide", "plan")
    for stage, name in (("consent", "status"), ("fitness", "pregnancy"), ("decision", "decision")):
        assert draft.answer(stage, name) is None, f"{stage}.{name}"
    assert case.patient.weight_kg is None
    assert case.lesion_list_is_confirmed is False


def test_that_the_last_time_card_speaks_of_the_first_session_and_the_ledger_of_all(demo: CourseDemoResult) -> None:
    lines = {line["label"]: line["values"] for line in demo.last_time["lines"]}
    assert lines["Access"] == ["Femoral"]
    totals = {each["substance"]: each["amount"] for each in demo.ledger["totals"]}
    assert totals["doxorubicin"] == pytest.approx(65.0)
    assert totals["lipiodol"] == pytest.approx(10.0)


def test_that_both_tumours_are_marked_and_reached_by_named_arteries(demo: CourseDemoResult, case: Case) -> None:
    assert [lesion.name for lesion in case.lesions] == ["L1", "L2", "L3"]
    for lesion in demo.lesions:
        assert lesion.dice is not None
        assert lesion.dice > 0.5
    for path, last in zip(demo.paths, ("a8", "a3"), strict=True):
        assert path.segments[:4] == ("aorta_abdominal", "coeliac", "common_hepatic", "proper_hepatic")
        assert path.segments[-2:] == (last, "feeder")
        assert 120.0 < path.length_mm < 260.0


def test_that_the_arteries_were_found_on_the_arterial_phase_and_feeders_searched_for_both_tumours(
    demo: CourseDemoResult, case: Case, first: Session
) -> None:
    ((item, tree),) = trees_of(first.items, "artery")
    assert (tree.method, tree.series) == ("ct", first.series_roles["arterial"])
    assert demo.computed["segments"] == len(tree.segments) > 10
    searched = {body.lesion_id: body for _, body in all_feeders_of(first.items)}
    assert set(searched) == {each.id for each in case.lesions[:2]}
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
    demo: CourseDemoResult, first: Session, renderer: FakeRenderer
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


def test_that_the_files_are_there_and_the_papers_say_what_they_are(demo: CourseDemoResult) -> None:
    names = {each.name for each in demo.files}
    layouts = {stage.layout.replace("_", "-") for stage in installed().template("tace").stages}
    assert {"mpr.png", "3d.png", *(f"{each}.png" for each in layouts)} <= names
    assert all(each.stat().st_size > 500 for each in demo.files)
    by_name = {each.name: each for each in demo.files}
    signed = text_of(by_name["plan-tace-1.pdf"])
    assert "Plan signed by Dr M. Keller" in signed
    assert "SIMULATED" in signed
    assert "Segmental artery A8" in signed


def test_that_every_picture_says_that_it_is_simulated(demo: CourseDemoResult, renderer: FakeRenderer) -> None:
    assert demo.files
    assert len(renderer.asked) > 5
    for request in renderer.asked:
        assert request.caption[0].startswith("SIMULATED")
        assert any("Not a medical device" in line for line in request.caption)
        assert any("SELDINGER-DEMO" in line for line in request.caption)
    phases = next(each for each in renderer.asked if each.layout == "phases")
    assert {"arterial", "portal-venous"} <= set(phases.by_role)


def test_that_a_folder_with_a_library_is_left_alone(demo: CourseDemoResult, renderer: FakeRenderer) -> None:
    library = next(each for each in demo.files if each.name == "library.sqlite")
    before = library.read_bytes()
    with pytest.raises(UsageError) as refused:
        run_course_demo(library.parent, renderer, BY, preset="tiny")
    assert refused.value.code == "demo-exists"
    with pytest.raises(UsageError) as refused:
        run_demo(library.parent, renderer, BY, preset="tiny")
    assert refused.value.code == "demo-exists"
    assert library.read_bytes() == before
