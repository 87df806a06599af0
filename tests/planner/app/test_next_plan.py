"""Plan n+1 from n: chosen targets only, everything said before for review, the reset list unbroken, what changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
import tace_walk as tw
from stored_cases import DOCTOR

from planner.app.lesion_identity import RESIDUAL, StudyDay, lesion_regions
from planner.app.marking import load_mask, new_item, region_of, store_mask
from planner.app.next_plan import carried_over, plan_next, prior_places, put_residual, what_changed
from planner.app.run_items import add_link, review_link
from planner.errors import InputRefused, UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource
from planner.imaging.masks import Mask
from planner.model.case import Case
from planner.model.disease import Observation, SeriesRef
from planner.model.edits import with_answer, with_lesion, with_session
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.links import FrameLink, LinkQuality
from planner.model.people import Allergy
from planner.model.session import Answer
from planner.model.vessel_items import CATHETER_POSITION, FEEDERS, CatheterPositionBody, FeederRow, FeedersBody
from planner.planning.change_maps import ViabilityMap
from planner.planning.lesion_matching import ball_mask
from planner.store.library import Library
from planner.workflow.carry_over import CarriedRow
from planner.workflow.inheritance import effective_inherit
from planner.workflow.template import Inherit

FOLLOW_UP = date(2026, 6, 20)
TEMPLATES = {"tace": tw.tace()}
LATER = tw.at(date(2026, 6, 25))
NEW_FRAME, OLD_FRAME = "1.2.840.6", "1.2.840.9"
GRID = Grid.of((30, 40, 40), origin_lps_mm=(-39, -39, -29), spacing_kji_mm=(2, 2, 2), frame_uid=NEW_FRAME)
SOURCE = ImageSource("9.6", modality="CT", unit="HU", study_date=FOLLOW_UP.isoformat())


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('next') / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def performed() -> Case:
    """The example's first TACE, filled to the end, with a few facts of its own and a follow-up study."""
    case = tw.filled_case()
    case = tw.with_answers(case, "angio_findings", what_failed="Radial sheath kinked", shunt="arterioportal")
    case = tw.with_answers(case, "completion", arterial_injury="spasm", non_target=["none"])
    session = replace(case.sessions[0], performed_on=tw.DAY)
    study = SeriesRef("9.6", 1, "CT", "follow-up", "8.6", FOLLOW_UP, NEW_FRAME)
    allergy = Allergy("Iomeprol", "urticaria", "1", "prednisolone", tw.DAY)
    return replace(with_session(case, session), studies=(*case.studies, study), allergies=(allergy,), pregnancy="no")


def parts(viable: Mask, hidden: Mask | None = None) -> ViabilityMap:
    empty = Mask.empty(GRID)
    return ViabilityMap(ball_mask(GRID, (0, 0, 0), 30.0), viable, empty, empty, hidden or empty, "HU", ())


def begun(case: Case, *targets: str) -> tuple[Case, str]:
    return plan_next(case, tw.SESSION, tw.tace(), tw.profiles()["bclc-cirse"], now=LATER, targets=targets)


def with_residual(library: Library, case: Case, hidden: Mask | None = None) -> Case:
    edit, _ = put_residual(
        *(library, tw.SESSION, "lesion-1", parts(ball_mask(GRID, (8, 0, 0), 14.0), hidden), SOURCE),
        by=DOCTOR,
        item_id="residual-1",
    )
    return edit(case)


def test_that_residual_viable_tumour_becomes_the_target_of_the_next_session(library: Library, performed: Case) -> None:
    case, second = begun(with_residual(library, performed), "residual-1")
    session = case.session(second)
    assert session is not None
    item = next(each for each in session.items if each.type == REGION)
    assert (item.tool, item.inherited_from, item.body["lesion_id"]) == (RESIDUAL, tw.SESSION, "lesion-1")
    assert item.id != "residual-1"
    assert load_mask(library, region_of(item).blob).equals(ball_mask(GRID, (8, 0, 0), 14.0))
    lesion = case.lesion("lesion-1")
    assert lesion is not None
    assert lesion.latest is not None
    assert lesion.latest.study_date == FOLLOW_UP
    assert lesion.latest.viable_mm == pytest.approx(14.0, abs=2.0)
    assert [body.lesion_id for _, _, body in lesion_regions(case, StudyDay(NEW_FRAME, FOLLOW_UP))] == ["lesion-1"]


def test_that_nothing_is_chosen_by_itself_and_old_drawings_are_refused(library: Library, performed: Case) -> None:
    case, second = begun(with_residual(library, performed))
    session = case.session(second)
    assert session is not None
    assert not [each for each in session.items if each.type == REGION]
    body = RegionBody(store_mask(library, ball_mask(GRID, (0, 0, 0), 20.0)), "lesion-1")
    uids = (tw.SERIES["arterial"],)
    old = new_item(REGION, body, name="L1", frame_uid=OLD_FRAME, by=DOCTOR, tool="brush", source_uids=uids)
    before = with_session(performed, replace(performed.sessions[0], items=(old,)))
    with pytest.raises(InputRefused, match="before"):
        begun(before, old.id)
    with pytest.raises(UsageError, match="no region"):
        begun(performed, "nowhere")


def test_that_a_viable_size_is_unknown_where_oil_hides_a_part(library: Library, performed: Case) -> None:
    case = with_residual(library, performed, ball_mask(GRID, (-8, 0, 0), 8.0))
    lesion = case.lesion("lesion-1")
    assert lesion is not None
    assert lesion.latest is not None
    assert lesion.latest.viable_mm is None
    assert lesion.latest.note == "Lipiodol: MR or not evaluable"
    with pytest.raises(UsageError, match="Nothing of this lesion"):
        put_residual(library, tw.SESSION, "lesion-1", parts(Mask.empty(GRID)), SOURCE, by=DOCTOR)


def test_that_the_viable_size_goes_to_the_observation_of_that_day(library: Library, performed: Case) -> None:
    lesion = performed.lesions[0]
    seen = Observation(FOLLOW_UP, "9.6", 30.0, region_item_id="whole")
    case = with_lesion(performed, replace(lesion, observations=(*lesion.observations, seen)))
    after = with_residual(library, case).lesion("lesion-1")
    assert after is not None
    assert len(after.observations) == len(lesion.observations) + 1
    assert (after.observations[-1].longest_mm, after.observations[-1].region_item_id) == (30.0, "whole")
    assert after.observations[-1].viable_mm is not None


def rows_of(case: Case, session_id: str, kind: str) -> list[CarriedRow]:
    return [each for each in carried_over(case, session_id, TEMPLATES) if each.kind == kind]


def test_that_the_next_session_is_told_loudly_what_the_last_one_learnt(performed: Case) -> None:
    case, second = begun(performed)
    reaction = rows_of(case, second, "reaction")
    assert "Iomeprol, urticaria, grade 1, premedication: prednisolone" in [each.text for each in reaction]
    injury = rows_of(case, second, "injury")
    assert [(each.text, each.source) for each in injury if "completion" in each.source] == [
        ("Arterial injury: Spasm", "completion.arterial_injury")
    ]
    assert rows_of(case, second, "failed")[0].text == "What failed: Radial sheath kinked"
    assert "Shunt at angiography: Arterioportal" in [each.text for each in rows_of(case, second, "shunt")]
    assert all(each.loud for each in (*reaction, *injury))
    assert {each.from_session_id for each in injury} == {tw.SESSION}
    assert any("Closure" in each.text for each in rows_of(case, second, "access"))
    assert rows_of(case, second, "worked")
    assert rows_of(case, second, "recovery")
    assert any(each.text.startswith("lipiodol") for each in rows_of(case, second, "dose"))
    assert rows_of(case, second, "skin")
    assert any("Vessel" in each.text for each in rows_of(case, second, "feeder"))


def test_that_a_said_none_needs_no_line(performed: Case) -> None:
    case, second = begun(performed)
    assert not [each for each in rows_of(case, second, "complication") if "Non-target" in each.text]


def test_that_no_answer_a_template_always_carries_is_lost(performed: Case) -> None:
    case, second = begun(performed)
    sources = {each.source for each in carried_over(case, second, TEMPLATES)}
    first = case.session(tw.SESSION)
    assert first is not None
    for stage in tw.tace().stages:
        for field in stage.fields:
            value = first.answer(stage.id, field.id)
            kept = field.inherit is Inherit.ALWAYS and field.binds is None and value not in (None, "", [])
            said = {str(each) for each in value} if isinstance(value, list | tuple) else {str(value)}
            if kept and not said <= {"none", "no", "0", "none-seen"}:
                assert f"{stage.id}.{field.id}" in sources


def test_that_the_list_says_where_the_answer_stands_now_and_fills_no_forbidden_field(performed: Case) -> None:
    case, second = begun(performed)
    session = case.session(second)
    assert session is not None
    rows = carried_over(case, second, TEMPLATES)
    access = next(each for each in rows if each.source == "arteries_access.access")
    assert (access.in_field, access.reviewed) == ("arteries_access.access", False)
    for row in rows:
        if row.in_field is not None:
            stage, _, name = row.in_field.partition(".")
            described = tw.tace().stage(stage).field(name)
            assert described is not None
            assert effective_inherit(tw.tace().stage(stage), described) is not Inherit.NEVER
    for stage in tw.tace().stages:
        for name in session.answers.get(stage.id, {}):
            described = stage.field(name)
            assert described is not None
            assert effective_inherit(stage, described) is not Inherit.NEVER
    assert case.pregnancy is None
    assert not session.signoffs


def test_that_a_session_whose_template_is_missing_is_said_to_be_unread(performed: Case) -> None:
    case, second = begun(performed)
    rows = carried_over(case, second, {})
    assert any("not installed" in each.text and each.loud for each in rows)


def endovascular(performed: Case) -> Case:
    """A feeder and a catheter position on the images of the first session."""
    feeder = FeederRow("s8", ("s0", "s8"), (10.0, 0.0, 0.0), 0.0, "crosses the surface", main=True)
    feeders = FeedersBody("lesion-1", "tree", "d", feeders=(feeder,))
    tip = CatheterPositionBody("tree", "d", "s8", 4.0, (12.0, 1.0, 2.0), ("lesion-1",))
    items = tuple(
        new_item(kind, body, name=name, frame_uid=OLD_FRAME, by=DOCTOR, tool="tree", item_id=name)
        for kind, body, name in ((FEEDERS, feeders, "Feeders"), (CATHETER_POSITION, tip, "A8"))
    )
    return with_session(performed, replace(performed.sessions[0], items=items))


def test_that_former_positions_are_mapped_by_a_reviewed_link_only(library: Library, performed: Case) -> None:
    case = endovascular(performed)
    flat = np.eye(4)
    flat[:3, 3] = (5.0, 0.0, 0.0)
    link = FrameLink("link", NEW_FRAME, OLD_FRAME, tuple(flat.ravel()), "images", quality=LinkQuality("rigid"))
    added = add_link(link)(case)
    unlinked = prior_places(library, added, tw.SESSION, NEW_FRAME)
    assert [(each.kind, each.lps_mm) for each in unlinked] == [("catheter-position", None), ("feeder", None)]
    assert unlinked[0].note.startswith("not linked")
    reviewed = review_link("link", by=DOCTOR)(added)
    found = prior_places(library, reviewed, tw.SESSION, NEW_FRAME)
    assert [each.lps_mm for each in found] == [(7.0, 1.0, 2.0), (5.0, 0.0, 0.0)]
    assert "error assumed 10.0 mm" in found[0].note
    second_case, second = begun(case)
    texts = [each.text for each in rows_of(second_case, second, "feeder")]
    name = second_case.lesions[0].name
    assert f"unnamed branch s8 to {name}, main: a former feeder, to be looked for" in texts


def test_that_what_changed_is_told_with_before_and_now(performed: Case) -> None:
    lesion = performed.lesions[0]
    seen = Observation(FOLLOW_UP, "9.6", 21.0, 9.0)
    case = with_lesion(performed, replace(lesion, observations=(*lesion.observations, seen)))
    sample = next(each for each in case.laboratory if each.analyte == "bilirubin")
    fresh = replace(sample, id="lab-new", value=33.0, unit="umol/L", taken_on=FOLLOW_UP)
    case = replace(case, laboratory=(*case.laboratory, fresh))
    case, second = begun(case)
    session = case.session(second)
    assert session is not None
    case = with_session(case, replace(session, planned_on=date(2026, 7, 1)))
    rows = what_changed(case, tw.SESSION, second, TEMPLATES)
    size = next(each for each in rows if each.kind == "lesion")
    assert "viable 9 mm, 2026-06-20" in size.now
    bilirubin = next(each for each in rows if each.source == "bilirubin")
    assert bilirubin.now.startswith("33")
    assert "2026-06-20" in bilirubin.now
    assert not [each for each in rows if each.kind == "template"]
    answers = {each.source: each for each in rows if each.kind == "answer"}
    assert not answers
    waiting = next(each for each in rows if each.kind == "open")
    assert int(waiting.before.split()[0]) > 20
    changed = with_session(case, with_answer(case.sessions[-1], "arteries_access", "access", Answer("radial")))
    rows = what_changed(changed, tw.SESSION, second, TEMPLATES)
    assert [(each.what, each.before, each.now) for each in rows if each.kind == "answer"] == [
        ("Access", "Femoral", "Radial")
    ]


def test_that_an_item_of_another_type_is_no_target(library: Library, performed: Case) -> None:
    case = endovascular(performed)
    item: PlanItem = case.sessions[0].items[0]
    with pytest.raises(UsageError, match="no region"):
        begun(case, item.id)
