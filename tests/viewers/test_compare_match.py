"""A match between CT and MR is judged on the organ of the CT, and its overlap is not told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from stored_cases import make_case

from planner.app import study_links
from planner.app.study_links import OrganMasks
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import ImageSource, Volume
from planner.imaging.displacement import PointMap
from planner.imaging.registration import Registration
from planner.jobs import Context
from planner.planning.lesion_matching import ball_mask
from planner.store.library import Library
from viewers.window.case_compare_inverse import MatchInput
from viewers.window.case_compare_match import quality_lines, registered_link

NEW, EARLIER = "1.2.6", "1.2.3"
NOTE = "The liver was found on the CT and carried over"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('compare-match') / 'library.sqlite'}")
    yield opened
    opened.close()


def image(frame_uid: str, modality: str) -> Volume:
    grid = Grid.of((12, 12, 12), origin_lps_mm=(-22, -22, -22), spacing_kji_mm=(4, 4, 4), frame_uid=frame_uid)
    source = ImageSource(frame_uid, modality=modality, unit="HU" if modality == "CT" else None)
    return Volume(np.zeros(grid.size_kji, dtype=np.int16), grid, source)


LATER, CT = image(NEW, "MR"), image(EARLIER, "CT")
ORGAN = ball_mask(LATER.grid, np.zeros(3), 30.0), ball_mask(CT.grid, np.zeros(3), 30.0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the registration, which has tests of its own, was asked with."""
    asked: dict[str, Any] = {}

    def register(fixed: Volume, moving: Volume, **given: Any) -> Registration:
        asked.update(given)
        way = PointMap(SpaceMap(lps(NEW), lps(EARLIER), np.eye(4)))
        masks = given["fixed_mask"] or ORGAN[0], given["moving_mask"]
        return Registration("rigid", way, 0.8, None, 1.0, 0.0, 0.97, 2.0, (), (), "given", *masks, 1.0)

    def carried(library: Library, case: object, *pair: Volume, organ: str, context: Context) -> OrganMasks:
        asked["carried"] = organ
        return OrganMasks("liver", *ORGAN, NOTE)

    monkeypatch.setattr("planner.imaging.registration.register", register)
    monkeypatch.setattr(study_links, "carried_organ_masks", carried)
    return asked


def test_that_between_mr_and_ct_the_organ_of_the_ct_is_matched_and_its_overlap_is_not_measured(
    library: Library, asked: dict[str, Any]
) -> None:
    given = MatchInput(library, make_case(), LATER, CT, organ="auto", model="rigid")
    matched = registered_link(given, Context())
    assert asked["carried"] == "auto"
    assert (asked["fixed_mask"], asked["moving_mask"]) == ORGAN
    assert matched.link.organ == "liver"
    assert matched.link.quality is not None
    assert matched.link.quality.organ_dice is None
    assert matched.found.organ_moving is ORGAN[1], "there and back is measured on the same organ"
    told = [text for text, _ in quality_lines(matched.link, None)]
    assert "overlap of the organ: not measured" in told
    assert NOTE in told


def test_that_bodies_are_matched_as_asked_and_nothing_is_carried(library: Library, asked: dict[str, Any]) -> None:
    given = MatchInput(library, make_case(), LATER, CT, organ="body", model="rigid")
    matched = registered_link(given, Context())
    assert "carried" not in asked
    assert asked["fixed_mask"] is None
    assert matched.link.quality is not None
    assert matched.link.quality.organ_dice == 0.97
