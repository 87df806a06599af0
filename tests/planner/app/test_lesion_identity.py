"""Identity over studies: proposed through a reviewed link only, and written only as a person says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from types import MappingProxyType

import numpy as np
import pytest
import tace_walk as tw
from stored_cases import DOCTOR, make_case, make_session

from planner.app.lesion_history import lesion_history
from planner.app.lesion_identity import (
    StudyDay,
    confirm_identity,
    propose_identities,
    segment_of,
    study_days,
)
from planner.app.liver_segments import numeral_of
from planner.app.marking import new_item, store_mask
from planner.app.run_items import add_link, review_link
from planner.errors import FrameMismatch, UsageError
from planner.geometry import Grid
from planner.imaging import Label, LabelMap
from planner.imaging.masks import Mask
from planner.imaging.measure import longest_axial_diameter
from planner.model.assessments import LesionResponse, ResponseReading
from planner.model.case import Case
from planner.model.disease import Lesion, Observation, SeriesRef
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.links import FrameLink, LinkQuality
from planner.model.needle_items import ABLATION_MARGIN, AblationMarginBody, MarginNumbers
from planner.model.session import Answer
from planner.planning.lesion_matching import IdentityKind, ball_mask
from planner.store.actors import utc_now
from planner.store.library import Library

TEMPLATES = {"tace": tw.tace()}
BASE, LATER = "1.2.3", "1.2.6"
BEFORE, AFTER, TODAY = date(2026, 1, 2), date(2026, 3, 1), date(2026, 3, 2)
SHIFT = np.array([6.0, -4.0, 12.0])
"""Where a point of the new study lies in the earlier one, less where it lies in the new one."""
GRIDS = {
    uid: Grid.of((50, 64, 64), origin_lps_mm=(-64, -64, -50), spacing_kji_mm=(2, 2, 2), frame_uid=uid)
    for uid in (BASE, LATER)
}
Spot = tuple[str, tuple[float, float, float], float]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('identity') / 'library.sqlite'}")
    yield opened
    opened.close()


def drawn(library: Library, frame_uid: str, spot: Spot, lesion_id: str | None) -> PlanItem:
    name, centre, diameter = spot
    mask = ball_mask(GRIDS[frame_uid], centre, diameter)
    found = longest_axial_diameter(mask)
    assert found is not None
    structure = "lesion" if lesion_id is None else None
    body = RegionBody(
        store_mask(library, mask), lesion_id, structure, volume_ml=mask.volume_ml, longest_mm=found.length_mm
    )
    uids = (f"9.{frame_uid}#1",)
    made = new_item(REGION, body, name=name, frame_uid=frame_uid, by=DOCTOR, tool="brush", source_uids=uids)
    return replace(made, id=f"{frame_uid}-{name}")


def a_case(library: Library, before: list[Spot], after: list[Spot], *, reviewed: bool = True) -> Case:
    """Earlier lesions as marked, regions of the new study as drawn and not yet said to be anything."""
    items = [drawn(library, BASE, (name, tuple(np.add(at, SHIFT)), size), name) for name, at, size in before]
    lesions = tuple(
        Lesion(each.name, each.name, segment="VIII", role="target", observations=(_seen(each),)) for each in items
    )
    items += [drawn(library, LATER, each, None) for each in after]
    studies = tuple(
        SeriesRef(f"9.{uid}", 1, "CT", None, f"8.{uid}", on, uid) for uid, on in ((BASE, BEFORE), (LATER, AFTER))
    )
    case = replace(make_case(), lesions=lesions, studies=studies, sessions=(make_session("session-1", *items),))
    flat = np.eye(4)
    flat[:3, 3] = SHIFT
    quality = LinkQuality("rigid", landmark_after_mm=(2.0, 3.0))
    link = FrameLink("link", LATER, BASE, tuple(flat.ravel()), "images", landmarks=5, quality=quality)
    case = add_link(link)(case)
    return review_link("link", by=DOCTOR)(case) if reviewed else case


def _seen(item: PlanItem) -> Observation:
    body = item.body
    return Observation(BEFORE, f"9.{BASE}", body["longest_mm"], None, body["volume_ml"], item.id)


def proposed(library: Library, case: Case):
    return propose_identities(library, case, StudyDay(BASE, BEFORE), StudyDay(LATER, AFTER), grid=GRIDS[LATER])


def said(case: Case, kind: IdentityKind, lesions: list[str], spots: list[str]) -> Case:
    regions = [f"{LATER}-{each}" for each in spots]
    return confirm_identity(case, kind, lesion_ids=lesions, region_ids=regions, seen_on=AFTER, by=DOCTOR, on=TODAY)(
        case
    )


TWO: list[Spot] = [("L1", (-20, 0, 0), 24.0), ("L2", (20, 10, 10), 16.0)]


def test_that_nothing_is_proposed_before_the_link_is_reviewed(library: Library) -> None:
    case = a_case(library, TWO, TWO[:1], reviewed=False)
    with pytest.raises(FrameMismatch, match="review"):
        proposed(library, case)


def test_that_lesions_are_found_again_through_the_link_with_their_change(library: Library) -> None:
    case = a_case(library, TWO, [("a", (-20, 1, 0), 14.0), ("b", (35, -30, -20), 12.0)])
    found = proposed(library, case)
    assert [(str(each.identity.kind), each.identity.earlier, each.region_names) for each in found.rows] == [
        ("same", ("L1",), ("a",)),
        ("vanished", ("L2",), ()),
        ("new", (), ("b",)),
    ]
    assert "shrunk" in found.rows[0].words
    assert found.way.error.mm == 3.0
    assert not any(each.settled for each in found.rows)


def test_that_a_lesion_outside_the_new_images_is_not_shown_and_not_vanished(library: Library) -> None:
    case = a_case(library, [("L1", (0.0, 0.0, -70.0), 20.0)], [("a", (0, 0, 0), 14.0)])
    assert [str(each.identity.kind) for each in proposed(library, case).rows] == ["not-shown", "new"]


def test_that_what_was_only_brought_over_is_never_taken_for_seen(library: Library) -> None:
    case = a_case(library, TWO[:1], TWO[:1])
    item = case.sessions[0].items[-1]
    copy = replace(item, body=MappingProxyType({**item.body, "copy_of": "other"}))
    session = replace(case.sessions[0], items=(*case.sessions[0].items[:-1], copy))
    found = proposed(library, replace(case, sessions=(session,)))
    assert [str(each.identity.kind) for each in found.rows] == ["vanished"]


def test_that_the_same_lesion_gets_an_observation_and_a_name_behind_it(library: Library) -> None:
    case = said(a_case(library, TWO, [("a", (-20, 1, 0), 14.0)]), IdentityKind.SAME, ["L1"], ["a"])
    lesion = case.lesion("L1")
    assert lesion is not None
    assert lesion.latest is not None
    assert (lesion.latest.study_date, lesion.latest.state, lesion.latest.modality) == (AFTER, "present", "CT")
    assert lesion.latest.longest_mm == pytest.approx(14.0, abs=2.0)
    assert (lesion.identity_by, lesion.identity_on, lesion.first_seen_on) == (DOCTOR.user, TODAY, BEFORE)
    assert proposed(library, case).rows[0].settled


def test_that_a_lesion_made_by_drawing_it_is_folded_into_the_one_it_is(library: Library) -> None:
    case = a_case(library, TWO, [("a", (-20, 1, 0), 14.0)])
    item = case.sessions[0].items[-1]
    pointed = replace(item, body=MappingProxyType({**item.body, "lesion_id": "fresh"}))
    session = replace(case.sessions[0], items=(*case.sessions[0].items[:-1], pointed))
    seen = Observation(AFTER, "9", 14.0, 9.0, 1.4, item.id)
    case = replace(
        case, sessions=(session,), lesions=(*case.lesions, Lesion("fresh", "Lesion 3", observations=(seen,)))
    )
    after = said(case, IdentityKind.SAME, ["L1"], ["a"])
    assert [each.id for each in after.lesions] == ["L1", "L2"]
    lesion = after.lesion("L1")
    assert lesion is not None
    assert lesion.latest is not None
    assert lesion.latest.viable_mm == 9.0
    named = replace(session, answers=MappingProxyType({"plan": MappingProxyType({"lesions": Answer(["fresh"])})}))
    with pytest.raises(UsageError, match="named in the plan"):
        said(replace(case, sessions=(named,)), IdentityKind.SAME, ["L1"], ["a"])


def test_that_a_new_lesion_needs_a_person_and_carries_the_day_it_was_first_seen(library: Library) -> None:
    case = a_case(library, TWO, [("b", (35, -30, -20), 12.0)])
    assert len(case.lesions) == 2
    after = said(case, IdentityKind.NEW, [], ["b"])
    lesion = after.lesions[-1]
    assert (lesion.role, lesion.first_seen_on, lesion.identity_by, lesion.name) == ("new", AFTER, DOCTOR.user, "b")
    assert lesion.frame_uid == LATER
    np.testing.assert_allclose(lesion.centre_lps_mm, (35, -30, -20), atol=2.0)
    assert after.sessions[0].items[-1].body["lesion_id"] == lesion.id


def test_that_parts_of_a_split_lesion_have_it_as_parent_and_sum_up_in_it(library: Library) -> None:
    case = a_case(library, [("L1", (0, 0, 0), 40.0)], [("a", (-11, 0, 0), 12.0), ("b", (11, 0, 0), 14.0)])
    assert str(proposed(library, case).rows[0].identity.kind) == "split"
    after = said(case, IdentityKind.SPLIT, ["L1"], ["a", "b"])
    whole, *parts = after.lesions
    assert [each.parents for each in parts] == [("L1",), ("L1",)]
    assert whole.latest is not None
    assert whole.latest.longest_mm == pytest.approx(sum(each.latest.longest_mm for each in parts if each.latest))
    assert whole.role == "target"
    assert [each.role for each in parts] == [None, None]


def test_that_merged_lesions_become_one_with_several_parents(library: Library) -> None:
    case = a_case(library, [("L1", (-11, 0, 0), 12.0), ("L2", (11, 0, 0), 12.0)], [("a", (0, 0, 0), 40.0)])
    after = said(case, IdentityKind.MERGED, ["L1", "L2"], ["a"])
    merged = after.lesions[-1]
    assert merged.parents == ("L1", "L2")
    assert merged.role == "target"
    first = after.lesion("L1")
    assert first is not None
    assert first.latest is not None
    assert (first.latest.state, first.latest.note) == ("not-evaluable", "merged into a")


def test_that_a_vanished_lesion_is_absent_and_has_no_size_of_nought(library: Library) -> None:
    lesion = said(a_case(library, TWO, []), IdentityKind.VANISHED, ["L2"], []).lesion("L2")
    assert lesion is not None
    assert lesion.latest is not None
    assert (lesion.latest.state, lesion.latest.longest_mm) == ("absent", None)


@pytest.mark.parametrize(
    ("kind", "lesions", "spots"),
    [
        (IdentityKind.AMBIGUOUS, ["L1"], ["a"]),
        (IdentityKind.SAME, ["L1", "L2"], ["a"]),
        (IdentityKind.NEW, ["L1"], ["a"]),
        (IdentityKind.SPLIT, ["L1"], ["a"]),
        (IdentityKind.SAME, ["L1"], ["nowhere"]),
        (IdentityKind.VANISHED, ["L9"], []),
    ],
)
def test_that_an_answer_that_does_not_fit_is_refused(
    library: Library, kind: IdentityKind, lesions: list[str], spots: list[str]
) -> None:
    with pytest.raises(UsageError):
        said(a_case(library, TWO, [("a", (-20, 1, 0), 14.0)]), kind, lesions, spots)


def test_that_the_segment_that_holds_most_of_a_lesion_is_named() -> None:
    grid = GRIDS[LATER]
    voxels = np.zeros(grid.size_kji, dtype=np.uint8)
    voxels[:, :, :32], voxels[:, :, 32:] = 8, 4
    labels = {n: Label(n, f"segment {n}", f"liver_segment_{n}") for n in (4, 8)}
    segments = LabelMap(voxels, grid, labels)
    assert segment_of(ball_mask(grid, (-5, 0, 0), 14.0), segments) == "VIII"
    assert segment_of(ball_mask(grid, (30, 0, 0), 14.0), segments) == "IV"
    empty = LabelMap(np.zeros_like(voxels), grid, labels)
    assert segment_of(ball_mask(grid, (30, 0, 0), 14.0), empty) is None


def test_that_days_of_the_course_come_in_order(library: Library) -> None:
    assert study_days(a_case(library, [], [])) == (StudyDay(BASE, BEFORE), StudyDay(LATER, AFTER))


def test_that_the_history_tells_treatment_margin_oil_and_response_by_date(library: Library) -> None:
    case = said(a_case(library, TWO, [("a", (-20, 1, 0), 14.0)]), IdentityKind.SAME, ["L1"], ["a"])
    numbers = MarginNumbers(4.0, 6.0, 4.5, 1.0, 0.0)
    body = AblationMarginBody("achieved", "r", "L1", numbers, registration_error_mm=5.0, within_registration_error=True)
    margin = new_item(ABLATION_MARGIN, body, name="m", frame_uid=BASE, by=DOCTOR, tool="margin")
    oil = [{"lesion": "L1", "retention": "over-90"}, {"lesion": "L2", "retention": "under-50"}]
    given = [{"position": 1, "vessel": "A8", "lesions": ["L1"], "status": "done", "oil": 6.0}]
    answers = {
        "injections": MappingProxyType({"injections": Answer(given)}),
        "completion": MappingProxyType({"retention": Answer(oil)}),
    }
    session = replace(
        case.sessions[0],
        items=(*case.sessions[0].items, margin),
        answers=MappingProxyType(answers),
        performed_on=date(2026, 1, 20),
    )
    reading = ResponseReading(
        "r1", "mrecist", AFTER, "Dr Reader", utc_now(), lesions=(LesionResponse("L1", "PR", note="rim"),)
    )
    case = replace(case, sessions=(session,), readings=(reading,))
    found = lesion_history(case, "L1", TEMPLATES)
    assert found.treated_in == ("session-1",)
    assert [each.kind for each in found.rows] == [
        "observation", "margin", "treatment", "record", "record", "observation", "response",
    ]  # fmt: skip
    texts = " | ".join(each.text for each in found.rows)
    assert "lipiodol 6 mL in the whole session" in texts
    assert "Retention > 90 %" in texts
    assert "Least margin achieved 4 mm (registration error 5 mm, not larger than that error)" in texts
    assert "mrecist PR: rim (first reader Dr Reader)" in texts
    assert "< 50 %" not in texts
    other = lesion_history(case, "L2", TEMPLATES)
    assert other.state == "unknown"


BETWEEN, MIDDLE = "1.2.4", date(2026, 2, 1)


def with_day_between(library: Library, case: Case, spot: Spot, *, linked: bool) -> Case:
    """The second lesion is not drawn on the first day but on one in between."""
    name, at, size = spot
    placed = Grid.of((50, 64, 64), origin_lps_mm=(-64, -64, -50), spacing_kji_mm=(2, 2, 2), frame_uid=BETWEEN)
    mask = ball_mask(placed, at, size)
    body = RegionBody(store_mask(library, mask), name, volume_ml=mask.volume_ml, longest_mm=size)
    uids = (f"9.{BETWEEN}#1",)
    item = new_item(REGION, body, name=name, frame_uid=BETWEEN, by=DOCTOR, tool="brush", source_uids=uids)
    lesion = Lesion(name, name, observations=(Observation(MIDDLE, None, size, None, None, item.id),))
    session = replace(case.sessions[0], items=(*case.sessions[0].items, item))
    study = SeriesRef(f"9.{BETWEEN}", 1, "CT", None, f"8.{BETWEEN}", MIDDLE, BETWEEN)
    case = replace(case, sessions=(session,), lesions=(*case.lesions, lesion), studies=(*case.studies, study))
    link = FrameLink("between", LATER, BETWEEN, tuple(np.eye(4).ravel()), "images", quality=LinkQuality("rigid"))
    return review_link("between", by=DOCTOR)(add_link(link)(case)) if linked else case


def test_that_a_known_lesion_nobody_drew_on_the_earlier_day_never_comes_back_as_new(library: Library) -> None:
    spot: Spot = ("L3", (30, -30, 20), 16.0)
    later: list[Spot] = [("a", (-20, 1, 0), 24.0), ("b", (30, -29, 20), 18.0)]
    case = with_day_between(library, a_case(library, TWO[:1], later), spot, linked=True)
    found = proposed(library, case)
    assert [(str(each.identity.kind), each.identity.earlier) for each in found.rows] == [
        ("same", ("L1",)),
        ("same", ("L3",)),
    ]
    assert "as drawn on 2026-02-01" in found.rows[1].words
    assert found.error.mm == 10.0


def test_that_nothing_is_new_while_a_known_lesion_cannot_be_brought_over(library: Library) -> None:
    spot: Spot = ("L3", (30, -30, 20), 16.0)
    later: list[Spot] = [("a", (-20, 1, 0), 24.0), ("b", (30, -29, 20), 18.0)]
    case = with_day_between(library, a_case(library, TWO[:1], later), spot, linked=False)
    found = proposed(library, case)
    assert [str(each.identity.kind) for each in found.rows] == ["same", "ambiguous", "ambiguous"]
    assert "it may be there" in found.rows[1].identity.reasons[-1]
    assert found.rows[2].lesion_names == ("L3",)


def test_that_a_lesion_that_had_vanished_is_still_absent_or_seen_again(library: Library) -> None:
    def vanished(case: Case) -> Case:
        first = case.lesion("L1")
        assert first is not None
        gone = Observation(MIDDLE, state="absent")
        return replace(case, lesions=(replace(first, observations=(*first.observations, gone)), *case.lesions[1:]))

    (row,) = proposed(library, vanished(a_case(library, TWO[:1], []))).rows
    assert (str(row.identity.kind), row.words, row.settled) == ("vanished", "L1 is still absent", True)
    (again,) = proposed(library, vanished(a_case(library, TWO[:1], [("a", (-20, 1, 0), 14.0)]))).rows
    assert "it had vanished and is seen again" in again.words


def test_that_parts_stand_for_the_lesion_they_came_from_on_later_days(library: Library) -> None:
    whole: list[Spot] = [("L1", (0, 0, 0), 40.0)]
    two: list[Spot] = [("a", (-11, 0, 0), 12.0), ("b", (11, 0, 0), 14.0)]
    case = a_case(library, whole, two)
    first = case.lesion("L1")
    assert first is not None
    parts = tuple(Lesion(name, name, parents=("L1",), first_seen_on=MIDDLE) for name in ("p1", "p2"))
    case = replace(case, lesions=(first, *parts))
    one = with_day_between(library, case, ("p1", (-11, 0, 0), 13.0), linked=True)
    both = with_day_between(library, one, ("p2", (11, 0, 0), 13.0), linked=True)
    lesions = {each.id: each for each in both.lesions}
    known = tuple(replace(lesions[each.id], parents=("L1",), first_seen_on=MIDDLE) for each in parts)
    found = proposed(library, replace(both, lesions=(first, *known)))
    assert [(str(each.identity.kind), each.identity.earlier, each.region_names) for each in found.rows] == [
        ("same", ("p1",), ("a",)),
        ("same", ("p2",), ("b",)),
    ]


def test_that_the_whole_is_observed_anew_when_all_its_parts_were_seen(library: Library) -> None:
    two: list[Spot] = [("a", (-11, 0, 0), 12.0), ("b", (11, 0, 0), 14.0)]
    case = said(a_case(library, [("L1", (0, 0, 0), 40.0)], two), IdentityKind.SPLIT, ["L1"], ["a", "b"])
    first, second = (each.id for each in case.lesions[1:])
    day = date(2026, 6, 1)
    answer = {"seen_on": day, "by": DOCTOR, "on": TODAY}
    case = confirm_identity(case, IdentityKind.VANISHED, lesion_ids=[first], region_ids=[], **answer)(case)
    whole = case.lesion("L1")
    assert whole is not None
    assert whole.latest is not None
    assert whole.latest.study_date == AFTER
    case = confirm_identity(case, IdentityKind.VANISHED, lesion_ids=[second], region_ids=[], **answer)(case)
    whole = case.lesion("L1")
    assert whole is not None
    assert whole.latest is not None
    assert (whole.latest.study_date, whole.latest.state) == (day, "absent")


def test_that_segments_drawn_on_the_earlier_images_are_brought_over(library: Library) -> None:
    case = a_case(library, TWO, [("a", (-20, 1, 0), 22.0), ("b", (20, 10, 10), 16.0)])
    grid, items = GRIDS[BASE], []
    for number, half in (("8", slice(0, 35)), ("4", slice(35, 64))):
        voxels = np.zeros(grid.size_kji, dtype=np.bool_)
        voxels[:, :, half] = True
        body = RegionBody(store_mask(library, Mask.of(grid, voxels)), structure=None)
        items.append(new_item(REGION, body, name=f"Liver segment {number}", frame_uid=BASE, by=DOCTOR, tool="brush"))
    case = replace(case, sessions=(*case.sessions, make_session("segments", *items)))
    rows = proposed(library, case).rows
    assert [(each.segment, each.segment_differs) for each in rows] == [("VIII", False), ("IV", True)]


def test_that_a_region_that_is_no_lesion_is_never_taken_for_one(library: Library) -> None:
    case = a_case(library, TWO[:1], [])
    body = RegionBody(store_mask(library, ball_mask(GRIDS[LATER], (-20, 0, 0), 24.0)))
    uids = (f"9.{LATER}#1",)
    item = new_item(REGION, body, name="bed", frame_uid=LATER, by=DOCTOR, tool="brush", source_uids=uids)
    case = replace(case, sessions=(replace(case.sessions[0], items=(*case.sessions[0].items, item)),))
    assert [str(each.identity.kind) for each in proposed(library, case).rows] == ["vanished"]


@pytest.mark.parametrize(
    ("structure", "name", "numeral"),
    [
        ("liver_segment_8", "x", "VIII"),
        (None, "Segment IV", "IV"),
        (None, "segment 5", "V"),
        (None, "liver_segment_1", "I"),
        ("liver", "Liver", None),
        (None, "segment 9", None),
        (None, "segmental artery", None),
    ],
)
def test_that_a_segment_is_known_by_its_structure_or_its_name(
    structure: str | None, name: str, numeral: str | None
) -> None:
    assert numeral_of(structure, name) == numeral
