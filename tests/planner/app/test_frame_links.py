"""Frames of a course meet over reviewed links only, forwards, backwards and over one shared study."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case

from planner.app.frame_links import link_error, linked_frames, map_of_link, point_map, store_field, with_landmarks
from planner.app.new_studies import reference_frame, studies_to_link
from planner.app.run_items import add_link, review_link, unreview_link
from planner.errors import FrameMismatch, UsageError
from planner.geometry import Grid
from planner.imaging.displacement import DisplacementField
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.model.links import FrameLink, LinkQuality
from planner.store.blobs import referenced
from planner.store.library import Library

BASE, SIX, THREE = "1.2.3", "1.2.6", "1.2.9"
POINTS = np.array([[4.0, 3.0, -2.0], [-8.0, 1.0, 6.0], [10.0, -10.0, 0.0]])


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('links') / 'library.sqlite'}")
    yield opened
    opened.close()


def series(frame_uid: str, on: date | None, modality: str = "CT", kind: str = "volume") -> SeriesRef:
    return SeriesRef(f"9.{frame_uid}", 1, modality, None, f"8.{frame_uid}", on, frame_uid, kind=kind)


def shift(link_id: str, first: str, second: str, by: tuple[float, float, float]) -> FrameLink:
    flat = np.eye(4)
    flat[:3, 3] = by
    return FrameLink(link_id, first, second, tuple(flat.ravel()), "images", quality=LinkQuality("rigid"))


def bent(library: Library, link_id: str, first: str, second: str) -> FrameLink:
    """A shift of (0, 0, 10) and a smooth field of up to 3 mm."""
    size = (17, 17, 17)
    grid = Grid.of(size, origin_lps_mm=(-32,) * 3, spacing_kji_mm=(4.0,) * 3, frame_uid=first)
    kji = np.indices(size, dtype=np.float64).reshape(3, -1).T
    places = grid.lps_from_kji.points(kji)
    vectors = 3.0 * np.sin(places[:, ::-1] / 20.0).reshape(*size, 3)
    field = store_field(library, DisplacementField(grid, vectors.astype(np.float32)))
    return replace(shift(link_id, first, second, (0, 0, 10)), field=field, quality=LinkQuality("deformable"))


@pytest.fixture
def case() -> Case:
    studies = (series(BASE, date(2026, 1, 2)), series(SIX, date(2026, 3, 1)), series(THREE, date(2026, 6, 1)))
    return replace(make_case(), studies=studies)


def with_reviewed(case: Case, *links: FrameLink) -> Case:
    for link in links:
        case = review_link(link.id, by=DOCTOR)(add_link(link)(case))
    return case


def test_that_one_frame_is_joined_to_itself_with_an_assumed_error(library: Library, case: Case) -> None:
    found = point_map(library, case, BASE, BASE)
    assert found is not None
    np.testing.assert_array_equal(found.points(POINTS), POINTS)
    way = linked_frames(case, BASE, BASE)
    assert way is not None
    assert not way.error.measured


def test_that_an_unreviewed_link_joins_nothing(library: Library, case: Case) -> None:
    link = shift("l", SIX, BASE, (1, 2, 3))
    added = add_link(link)(case)
    assert point_map(library, added, SIX, BASE) is None
    with pytest.raises(FrameMismatch, match="not reviewed"):
        map_of_link(library, link)
    reviewed = review_link("l", by=DOCTOR)(added)
    assert point_map(library, reviewed, SIX, BASE) is not None
    assert point_map(library, unreview_link("l")(reviewed), SIX, BASE) is None


def test_that_a_reviewed_link_is_gone_along_both_ways(library: Library, case: Case) -> None:
    linked = with_reviewed(case, bent(library, "l", SIX, BASE))
    there, back = point_map(library, linked, SIX, BASE), point_map(library, linked, BASE, SIX)
    assert there is not None
    assert back is not None
    expected = POINTS + (0, 0, 10) + 3.0 * np.sin(POINTS[:, ::-1] / 20.0)
    np.testing.assert_allclose(there.points(POINTS), expected, atol=0.1)
    np.testing.assert_allclose(back.points(there.points(POINTS)), POINTS, atol=0.1)


def test_that_two_reviewed_links_meet_over_a_shared_study_and_their_errors_add_up(library: Library, case: Case) -> None:
    first, second = bent(library, "a", SIX, BASE), shift("b", THREE, BASE, (5, 0, 0))
    half = add_link(second)(with_reviewed(case, first))
    assert point_map(library, half, THREE, SIX) is None
    linked = review_link("b", by=DOCTOR)(half)
    found = point_map(library, linked, THREE, SIX)
    assert found is not None
    back = np.array(map_of_link(library, linked.links[0]).points(found.points(POINTS)))
    np.testing.assert_allclose(back, POINTS + (5, 0, 0), atol=0.15)
    way = linked_frames(linked, THREE, SIX)
    assert way is not None
    assert way.error.mm == pytest.approx(15.0)
    assert "over a third study" in way.words


def test_that_no_study_is_reached_over_the_frame_of_a_run(library: Library, case: Case) -> None:
    runs = replace(case, studies=(*case.studies, series("1.9.9", date(2026, 2, 1), "XA", "angio")))
    linked = with_reviewed(runs, shift("a", "1.9.9", BASE, (0, 0, 0)), shift("b", "1.9.9", SIX, (0, 0, 0)))
    assert point_map(library, linked, BASE, SIX) is None


def test_that_the_newest_review_counts(library: Library, case: Case) -> None:
    linked = with_reviewed(case, shift("a", SIX, BASE, (1, 0, 0)), shift("b", SIX, BASE, (2, 0, 0)))
    again = review_link("a", by=DOCTOR)(linked)
    found = point_map(library, again, SIX, BASE)
    assert found is not None
    assert found.points((0.0, 0.0, 0.0))[0] == pytest.approx(1.0)


def test_that_landmarks_measure_the_error_of_a_link(library: Library) -> None:
    link = shift("l", SIX, BASE, (1, 0, 0))
    assert link_error(link).measured is False
    measured = with_landmarks(library, link, POINTS, POINTS + (1, 0, 4))
    assert measured.quality is not None
    assert measured.quality.landmark_after_mm == pytest.approx((4.0, 4.0))
    assert link_error(measured).mm == pytest.approx(4.0)
    assert measured.reviewed_by is None
    with pytest.raises(UsageError, match="landmark"):
        with_landmarks(library, link, POINTS, POINTS[:2])


def test_that_the_field_of_a_link_is_kept_with_the_case(library: Library, case: Case) -> None:
    link = bent(library, "l", SIX, BASE)
    saved = add_link(link)(case)
    assert link.field is not None
    assert link.field.sha256 in referenced(saved)
    again = codec.from_json(FrameLink, codec.to_json(saved.links[0]))
    assert again == saved.links[0]


def test_that_new_studies_are_listed_newest_first_until_they_are_linked(case: Case) -> None:
    rows = studies_to_link(case)
    assert reference_frame(case) == BASE
    assert [(each.frame_uid, each.state) for each in rows] == [(THREE, "not-linked"), (SIX, "not-linked")]
    waiting = add_link(shift("l", SIX, BASE, (0, 0, 0)))(case)
    assert [each.state for each in studies_to_link(waiting)] == ["not-linked", "not-reviewed"]
    assert [each.frame_uid for each in studies_to_link(review_link("l", by=DOCTOR)(waiting))] == [THREE]


def test_that_another_modality_is_asked_for_landmarks(case: Case) -> None:
    mixed = replace(case, studies=(case.studies[0], series(SIX, date(2026, 3, 1), "MR")))
    assert "landmarks" in studies_to_link(mixed)[0].to_do


def test_that_of_two_ways_over_a_third_study_the_surer_one_is_taken(case: Case) -> None:
    studies = (*case.studies, series("1.2.1", date(2026, 2, 1)))
    poor = [shift("a", SIX, "1.2.1", (9, 0, 0)), shift("b", "1.2.1", BASE, (0, 0, 0))]
    good = [
        replace(shift(name, *ends, (1, 0, 0)), quality=LinkQuality("deformable"))
        for name, ends in (("c", (SIX, THREE)), ("d", (THREE, BASE)))
    ]
    way = linked_frames(with_reviewed(replace(case, studies=studies), *poor, *good), SIX, BASE)
    assert way is not None
    assert [link.id for link, _ in way.links] == ["c", "d"]
    assert way.error.mm == pytest.approx(10.0)
