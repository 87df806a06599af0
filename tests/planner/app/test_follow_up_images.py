"""Two days on one grid: nothing without a reviewed link, nothing of two days for enhancement, NaN where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case

from planner.app.follow_up_images import (
    earlier_on_new,
    enhancement_of_day,
    lipiodol_of_day,
    necrosis_of_day,
)
from planner.app.run_items import add_link, review_link
from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.model.case import Case
from planner.model.links import FrameLink, LinkQuality
from planner.planning.lesion_matching import ball_mask
from planner.store.library import Library

BASE, LATER = "1.2.3", "1.2.6"
SHIFT = (6.0, -4.0, 10.0)
PLAIN = ImageSource("p", modality="CT", unit="HU", phase="non-contrast", study_date="2026-03-01", description="plain")
ARTERIAL = replace(PLAIN, series_uid="a", phase="arterial", description="arterial")
EARLIER = replace(ARTERIAL, series_uid="e", study_date="2026-01-02", description="baseline")


def grid(frame_uid: str) -> Grid:
    return Grid.of((30, 40, 40), origin_lps_mm=(-39, -39, -29), spacing_kji_mm=(2, 2, 2), frame_uid=frame_uid)


def ball_image(source: ImageSource, frame_uid: str, centre: tuple[float, float, float], hu: float) -> Volume:
    place = grid(frame_uid)
    voxels = np.full(place.size_kji, 50.0, dtype=np.float32)
    voxels[ball_mask(place, centre, 20.0).full()] = hu
    return Volume(voxels, place, source)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('follow') / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def linked() -> Case:
    flat = np.eye(4)
    flat[:3, 3] = SHIFT
    link = FrameLink("link", LATER, BASE, tuple(flat.ravel()), "images", quality=LinkQuality("rigid"))
    return review_link("link", by=DOCTOR)(add_link(link)(make_case()))


def test_that_the_earlier_image_comes_to_lie_on_the_new_one(library: Library, linked: Case) -> None:
    new, earlier = ball_image(ARTERIAL, LATER, (0, 0, 0), 120.0), ball_image(EARLIER, BASE, SHIFT, 110.0)
    moved = earlier_on_new(library, linked, new, earlier)
    assert moved.nearest((0, 0, 0)) == pytest.approx(110.0)
    assert np.isnan(np.asarray(moved.voxels)[-1]).all()


def test_that_two_days_are_not_compared_without_a_reviewed_link(library: Library) -> None:
    new, earlier = ball_image(ARTERIAL, LATER, (0, 0, 0), 120.0), ball_image(EARLIER, BASE, SHIFT, 110.0)
    with pytest.raises(FrameMismatch, match="review"):
        earlier_on_new(library, make_case(), new, earlier)


def test_that_enhancement_is_read_from_one_day_and_from_the_unenhanced_image(library: Library, linked: Case) -> None:
    after, before = ball_image(ARTERIAL, LATER, (0, 0, 0), 120.0), ball_image(PLAIN, LATER, (0, 0, 0), 50.0)
    assert enhancement_of_day(library, linked, after, before).nearest((0, 0, 0)) == pytest.approx(70.0)
    with pytest.raises(InputRefused, match="different days"):
        enhancement_of_day(library, linked, after, ball_image(EARLIER, BASE, SHIFT, 50.0))
    with pytest.raises(InputRefused, match="unenhanced"):
        enhancement_of_day(library, linked, after, ball_image(ARTERIAL, LATER, (0, 0, 0), 50.0))


def test_that_oil_in_the_unenhanced_image_of_the_pair_is_left_out_of_viability(library: Library, linked: Case) -> None:
    lesion = ball_mask(grid(LATER), (0, 0, 0), 20.0)
    clean = necrosis_of_day(
        *(library, linked, lesion),
        ball_image(ARTERIAL, LATER, (0, 0, 0), 120.0),
        ball_image(PLAIN, LATER, (0, 0, 0), 50.0),
    )
    assert clean.necrotic_share == 0.0
    assert clean.viable.count == lesion.count
    oily = necrosis_of_day(
        *(library, linked, lesion),
        ball_image(ARTERIAL, LATER, (0, 0, 0), 700.0),
        ball_image(PLAIN, LATER, (0, 0, 0), 600.0),
    )
    assert oily.not_evaluable.count == lesion.count
    assert oily.necrotic_share is None
    labels, oil, words = lipiodol_of_day(ball_image(PLAIN, LATER, (0, 0, 0), 600.0), lesion)
    assert oil.count == lesion.count
    assert np.count_nonzero(labels.voxels) == oil.count
    assert "unverified default" in words
