"""Studies are linked by registration: the answer waits for a review, and two patients or one frame are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case

from planner.app.frame_links import map_of_link, point_map
from planner.app.run_items import add_link, review_link
from planner.app.study_links import link_studies
from planner.errors import FrameMismatch, InputRefused
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
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
