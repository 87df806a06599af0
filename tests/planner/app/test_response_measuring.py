"""An observation measured on the drawn region: what enhances by subtraction, and what is said where it cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case, make_session

from planner.app.marking import new_item, store_mask
from planner.app.response_measuring import drawn_region, measured_region
from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.model.case import Case
from planner.model.disease import Lesion, SeriesRef
from planner.model.items import REGION, RegionBody
from planner.planning.lesion_matching import ball_mask
from planner.store.library import Library

DAY, FRAME = date(2026, 6, 24), "1.2.3"
GRID = Grid.of((20, 30, 30), origin_lps_mm=(-29, -29, -19), spacing_kji_mm=(2, 2, 2), frame_uid=FRAME)
LESION, VIABLE = ball_mask(GRID, (0, 0, 0), 24.0), ball_mask(GRID, (5, 0, 0), 12.0)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path_factory.mktemp('measuring') / 'library.sqlite'}")
    yield opened
    opened.close()


def image(phase: str, modality: str, *, oil: bool = False) -> Volume:
    """Tissue of 60 (MR 200); the viable part rises by 60 (MR doubles); oil-dense where that is asked for."""
    voxels = np.full(GRID.size_kji, 60 if modality == "CT" else 200, dtype=np.int16)
    if phase == "arterial":
        voxels[VIABLE.full()] *= 2
    if oil:
        voxels[ball_mask(GRID, (-6, 0, 0), 8.0).full()] = 900
    unit = "HU" if modality == "CT" else ""
    return Volume(voxels, GRID, ImageSource(f"9.{phase}", modality=modality, unit=unit, phase=phase))


def a_case(library: Library, modality: str, phases: tuple[str, ...] = ("non-contrast", "arterial")) -> Case:
    studies = tuple(SeriesRef(f"9.{each}", 1, modality, None, "8", DAY, FRAME, each) for each in phases)
    body = RegionBody(store_mask(library, LESION), "lesion-1", volume_ml=LESION.volume_ml, longest_mm=24.0)
    uids = (f"9.{phases[-1]}#1",)
    item = new_item(REGION, body, name="L1", frame_uid=FRAME, by=DOCTOR, tool="brush", source_uids=uids)
    session = make_session("session-1", item)
    return replace(make_case(), studies=studies, sessions=(session,), lesions=(Lesion("lesion-1", "L1"),))


def volumes(modality: str, *, oil: bool = False) -> dict[str, Volume]:
    return {f"9.{each}#1": image(each, modality, oil=oil) for each in ("non-contrast", "arterial")}


def test_that_the_enhancing_part_is_measured_by_subtraction(library: Library) -> None:
    case = a_case(library, "MR")
    found = measured_region(library, case, "lesion-1", DAY, "second", volumes=volumes("MR"))
    seen = found.observation
    assert (seen.study_date, seen.modality, seen.read_as, seen.state) == (DAY, "MR", "second", "present")
    assert seen.longest_mm == 24.0
    assert seen.viable_mm == pytest.approx(12.0, abs=2.5)
    assert seen.enhancing_ml == pytest.approx(VIABLE.volume_ml, rel=0.25)
    assert seen.enhancing_ml is not None
    assert seen.volume_ml is not None
    assert seen.enhancing_ml < seen.volume_ml


def test_that_oil_leaves_viability_unknown_and_names_the_grade(library: Library) -> None:
    seen = measured_region(
        library, a_case(library, "CT"), "lesion-1", DAY, "first", volumes=volumes("CT", oil=True)
    ).observation
    assert (seen.viable_mm, seen.enhancing_ml, seen.enhancing_mm) == (None, None, None)
    assert seen.note == "Lipiodol: MR or not evaluable"
    assert seen.lipiodol == "under-50"


def test_that_no_oil_is_never_said_by_the_program(library: Library) -> None:
    found = measured_region(library, a_case(library, "CT"), "lesion-1", DAY, "first", volumes=volumes("CT"))
    assert found.observation.lipiodol is None
    assert any("say so under Lipiodol retention" in each for each in found.notes)


def test_that_without_a_pair_of_images_only_the_size_is_measured_and_that_is_said(library: Library) -> None:
    case = a_case(library, "CT", ("arterial",))
    found = measured_region(library, case, "lesion-1", DAY, "first", volumes=volumes("CT"))
    assert (found.observation.longest_mm, found.observation.viable_mm) == (24.0, None)
    assert "no image without contrast medium" in found.notes[0]


def test_that_nothing_is_measured_where_nothing_is_drawn(library: Library) -> None:
    case = a_case(library, "CT")
    assert drawn_region(case, "lesion-1", date(2026, 1, 1)) is None
    with pytest.raises(UsageError, match="Nothing is drawn as L1"):
        measured_region(library, case, "lesion-1", date(2026, 1, 1), "first", volumes={})
