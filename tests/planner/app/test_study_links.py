"""Studies are linked by registration: the answer waits for a review, and two patients or one frame are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case

from planner.app import study_links
from planner.app.frame_links import map_of_link, point_map
from planner.app.run_items import add_link, review_link
from planner.app.study_links import carried_organ_masks, link_studies
from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.displacement import PointMap
from planner.imaging.registration_organs import FoundOrgan
from planner.planning.lesion_matching import ball_mask
from planner.store.library import Library

NEW, EARLIER = "1.2.6", "1.2.3"
SHIFT = np.array([6.0, -4.0, 8.0])
PLACES = np.array([[0.0, 0.0, 0.0], [15.0, 10.0, -8.0], [-12.0, 8.0, 14.0]])
SOURCE = ImageSource("n", modality="CT", unit="HU", patient_id="ZZPHI-0042", description="new")


def body(frame_uid: str, shift: np.ndarray, source: ImageSource) -> Volume:
    """A trunk with a spine and a few organs, moved as a whole."""
    grid = Grid.of((36, 48, 56), origin_lps_mm=(-110, -94, -70), spacing_kji_mm=(4, 4, 4), frame_uid=frame_uid)
    kji = np.indices(grid.size_kji, dtype=np.float64).reshape(3, -1).T
    x, y, z = (grid.lps_from_kji.points(kji) - shift).T
    hu = np.full(len(kji), -1000.0)
    hu[(x / 90) ** 2 + (y / 65) ** 2 < 1] = 40.0
    hu[(x / 10) ** 2 + ((y - 40) / 10) ** 2 < 1] = 500.0
    hu[((x - 40) / 30) ** 2 + (y / 30) ** 2 + ((z - 10) / 35) ** 2 < 1] = 110.0
    hu[((x + 45) / 20) ** 2 + ((y + 10) / 18) ** 2 + ((z + 20) / 25) ** 2 < 1] = 160.0
    hu[((x + 10) / 12) ** 2 + ((y + 30) / 10) ** 2 + ((z - 30) / 18) ** 2 < 1] = -90.0
    noise = 5.0 * np.random.default_rng(3).standard_normal(len(hu))
    return Volume((hu + noise).reshape(grid.size_kji).astype(np.int16), grid, source)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('study-links') / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def fixed() -> Volume:
    return body(NEW, np.zeros(3), SOURCE)


@pytest.fixture(scope="module")
def moving() -> Volume:
    return body(EARLIER, SHIFT, replace(SOURCE, series_uid="e", description="earlier"))


def test_that_a_registration_becomes_a_link_that_waits_for_a_review(
    library: Library, fixed: Volume, moving: Volume
) -> None:
    case = make_case()
    found = link_studies(library, case, fixed, moving, model="rigid", organ="body", check_inverse=False)
    assert not found.link.is_reviewed
    assert (found.link.from_frame_uid, found.link.to_frame_uid, found.link.organ) == (NEW, EARLIER, "body")
    assert found.link.quality is not None
    assert found.link.quality.model == "rigid"
    assert found.link.quality.inverse_consistency_mm is None
    with pytest.raises(FrameMismatch):
        map_of_link(library, found.link)
    added = add_link(found.link)(case)
    assert point_map(library, added, NEW, EARLIER) is None
    placed = point_map(library, review_link(found.link.id, by=DOCTOR)(added), NEW, EARLIER)
    assert placed is not None
    assert np.linalg.norm(placed.points(PLACES) - PLACES - SHIFT, axis=1).max() < 2.0


def test_that_one_frame_or_another_patient_is_refused(library: Library, fixed: Volume, moving: Volume) -> None:
    case = make_case()
    with pytest.raises(InputRefused, match="one frame"):
        link_studies(library, case, fixed, body(NEW, SHIFT, SOURCE))
    stranger = Volume(moving.voxels, moving.grid, replace(moving.source, patient_id="ZZPHI-0043"))
    with pytest.raises(InputRefused, match="another patient ID than the case"):
        link_studies(library, case, fixed, stranger)


def test_that_an_organ_drawn_in_both_images_bounds_the_match(library: Library, fixed: Volume, moving: Volume) -> None:
    masks = ball_mask(fixed.grid, (40.0, 0.0, 10.0), 70.0), ball_mask(moving.grid, SHIFT + (40.0, 0.0, 10.0), 70.0)
    found = link_studies(
        library,
        make_case(),
        fixed,
        moving,
        model="rigid",
        fixed_mask=masks[0],
        moving_mask=masks[1],
        check_inverse=False,
    )
    assert found.link.organ == "given"
    assert found.link.quality is not None
    assert found.link.quality.organ_dice is not None
    assert found.link.quality.organ_dice > 0.9
    middle = np.array([40.0, 0.0, 10.0])
    assert np.linalg.norm(found.point_map.points(middle) - middle - SHIFT) < 2.5
    with pytest.raises(FrameMismatch):
        link_studies(library, make_case(), fixed, moving, fixed_mask=masks[1])


def test_that_without_a_link_the_organ_is_carried_by_a_match_of_the_bodies(
    library: Library, fixed: Volume, moving: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = np.eye(4)
    straight[:3, 3] = SHIFT
    known = PointMap(SpaceMap(lps(EARLIER), lps(NEW), straight))
    asked = []

    def match(first: Volume, second: Volume, *, model: str, organ: str, context: object) -> SimpleNamespace:
        asked.append((model, organ))
        there = first.grid.frame_uid == NEW
        return SimpleNamespace(point_map=known if there else known.inverse())

    monkeypatch.setattr(study_links, "register", match)
    organ = {NEW: ball_mask(fixed.grid, PLACES[1], 60.0), EARLIER: ball_mask(moving.grid, PLACES[1] + SHIFT, 60.0)}
    monkeypatch.setattr(
        study_links, "found_organ", lambda volume, *_: FoundOrgan("liver", organ[volume.grid.frame_uid])
    )
    as_mr = {"modality": "MR", "unit": None}
    for one, other in ((replaced(fixed, **as_mr), moving), (fixed, replaced(moving, **as_mr))):
        for pair in ((one, other), (other, one)):
            masks = carried_organ_masks(library, make_case(), *pair)
            assert masks is not None
            assert "rigid match of the bodies" in masks.note
            for mask, image in zip((masks.fixed, masks.moving), pair, strict=True):
                wanted = organ[image.grid.frame_uid].centroid_lps_mm()
                found = mask.centroid_lps_mm()
                assert wanted is not None
                assert found is not None
                assert np.linalg.norm(found - wanted) < 0.5
    assert set(asked) == {("rigid", "body")}
    assert carried_organ_masks(library, make_case(), fixed, moving) is None


def test_that_nothing_is_carried_where_the_ct_shows_no_such_organ(
    library: Library, fixed: Volume, moving: Volume
) -> None:
    mr = replaced(fixed, modality="MR", unit=None)
    assert carried_organ_masks(library, make_case(), mr, moving, organ="lung") is None


def replaced(image: Volume, **source: str | None) -> Volume:
    return Volume(image.voxels, image.grid, replace(image.source, **source))
