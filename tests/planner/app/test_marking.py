"""What is marked becomes plan items; masks come back from the library bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pytest
from stored_cases import DOCTOR, make_case, make_session

from planner.app import marking
from planner.errors import InputRefused, UsageError
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.imaging.volumes import ImageSource
from planner.model.case import Case
from planner.model.document import Document
from planner.model.items import KeyImageBody, MeasurementBody, PathSegment, VesselPathBody
from planner.store.library import Library

SOURCE = ImageSource("2.25.1", modality="CT", study_date="2026-03-01")
NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
AXES = np.array([[0.0, 0.6, 0.8], [0.0, -0.8, 0.6], [1.0, 0.0, 0.0]])


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    yield opened
    opened.close()


@pytest.fixture
def mask() -> Mask:
    grid = Grid.of(
        (12, 30, 40), origin_lps_mm=(-12.5, 7.25, 90), spacing_kji_mm=(2.5, 0.7, 0.7), axes_lps=AXES, frame_uid="1.2.3"
    )
    k, j, i = np.ogrid[:12, :30, :40]
    return Mask.of(grid, ((k - 5) * 2.5) ** 2 + ((j - 14) * 0.7) ** 2 + ((i - 20) * 0.7) ** 2 < 36)


def _empty_case() -> Case:
    return replace(make_case(), lesions=())


def test_that_a_mask_comes_back_as_it_was_on_the_same_grid(library: Library, mask: Mask) -> None:
    assert marking.load_mask(library, marking.store_mask(library, mask)).equals(mask)


def test_that_an_empty_region_is_not_stored(library: Library, mask: Mask) -> None:
    with pytest.raises(UsageError) as caught:
        marking.store_mask(library, Mask.empty(mask.grid))
    assert caught.value.code == "empty-region"


@pytest.mark.parametrize(
    "changes",
    [{"high_kji": (99, 99, 99)}, {"lps_from_kji": (0.0,) * 16}, {"lps_from_kji": (1.0,)}, {"size_kji": (0, 1, 1)}],
)
def test_that_a_reference_that_fits_nothing_is_refused(
    library: Library, mask: Mask, changes: dict[str, object]
) -> None:
    reference = replace(marking.store_mask(library, mask), **changes)
    with pytest.raises(InputRefused):
        marking.load_mask(library, reference)


def _marked(library: Library, mask: Mask, case: Case) -> Case:
    edit = marking.add_lesion(
        library,
        "session-1",
        mask,
        SOURCE,
        name="L1",
        by=DOCTOR,
        tool="one-click",
        segment="VIII",
        longest_mm=11.9,
        now=NOW,
    )
    assert edit(case) == edit(case)
    return edit(case)


def test_that_marking_a_lesion_makes_region_observation_and_lesion(library: Library, mask: Mask) -> None:
    case = _marked(library, mask, _empty_case())
    (lesion,) = case.lesions
    (observation,) = lesion.observations
    item = case.sessions[0].item(observation.region_item_id or "")
    assert item is not None
    assert (observation.study_date, observation.longest_mm) == (date(2026, 3, 1), 11.9)
    assert observation.volume_ml == pytest.approx(mask.volume_ml)
    assert lesion.centre_lps_mm == pytest.approx(tuple(mask.centroid_lps_mm()))
    assert (item.author, item.tool, item.source_uids, item.frame_uid) == ("dr.test", "one-click", ("2.25.1",), "1.2.3")
    assert marking.region_of(item).lesion_id == lesion.id


def test_that_a_marked_case_survives_the_library(library: Library, mask: Mask) -> None:
    case = _marked(library, mask, _empty_case())
    library.create_case(case, DOCTOR)
    again, _ = library.open_case(case.id, DOCTOR)
    assert again == case
    ((item, loaded),) = marking.masks_of(library, again.sessions[0])
    assert loaded.equals(mask)
    assert marking.region_of(item).volume_ml == pytest.approx(mask.volume_ml)


def test_that_marking_is_one_step_of_undo(library: Library, mask: Mask) -> None:
    document = Document(_empty_case())
    before = document.case
    edit = marking.add_lesion(library, "session-1", mask, SOURCE, name="L1", by=DOCTOR, tool="brush")
    assert document.apply("Mark L1", edit)
    after = document.case
    assert document.undo()
    assert document.case == before
    assert document.redo()
    assert document.case == after


def test_that_repainting_takes_over_nothing_that_was_not_measured_again(library: Library, mask: Mask) -> None:
    case = _marked(library, mask, _empty_case())
    smaller = Mask.of(mask.grid, mask.voxels[:3], mask.box[0])
    item = case.sessions[0].items[0]
    changed = marking.repaint_lesion(library, "session-1", item, smaller)(case)
    (observation,) = changed.lesions[0].observations
    assert observation.longest_mm is None
    assert observation.volume_ml == pytest.approx(smaller.volume_ml)
    assert marking.masks_of(library, changed.sessions[0])[0][1].equals(smaller)


def test_that_a_lesion_seen_again_keeps_its_identity(library: Library, mask: Mask) -> None:
    case = _marked(library, mask, _empty_case())
    later = replace(SOURCE, series_uid="2.25.2", study_date="2026-05-01")
    edit = marking.add_lesion(
        library, "session-1", mask, later, name="L1", by=DOCTOR, tool="brush", lesion_id=case.lesions[0].id
    )
    (lesion,) = edit(case).lesions
    assert [each.study_date for each in lesion.observations] == [date(2026, 3, 1), date(2026, 5, 1)]


def test_that_removing_a_lesion_removes_its_regions_only(library: Library, mask: Mask) -> None:
    case = _marked(library, mask, make_case())
    structure = marking.add_structure(
        library, "session-1", mask, SOURCE, structure="liver", name="Liver", by=DOCTOR, tool="brush"
    )
    case = structure(case)
    removed = marking.remove_lesion(case.lesions[1].id)(case)
    assert [each.id for each in removed.lesions] == ["lesion-1"]
    assert [each.name for each in removed.sessions[0].items] == ["Liver"]


def test_that_the_confirmation_of_the_list_falls_when_the_list_changes(library: Library, mask: Mask) -> None:
    case = marking.confirm_lesion_list("Dr Test", on=date(2026, 3, 4), series_uid="2.25.1")(make_case())
    assert case.lesion_list_is_confirmed
    assert not _marked(library, mask, case).lesion_list_is_confirmed


def test_that_an_image_without_a_date_is_asked_for_one(library: Library, mask: Mask) -> None:
    with pytest.raises(UsageError) as caught:
        marking.add_lesion(library, "session-1", mask, ImageSource("2.25.1"), name="L1", by=DOCTOR, tool="brush")
    assert caught.value.code == "no-study-date"


def test_that_facts_of_a_lesion_can_be_changed() -> None:
    changed = marking.change_lesion("lesion-1", segment="IV", kind="HCC")(make_case())
    assert (changed.lesions[0].segment, changed.lesions[0].kind) == ("IV", "HCC")
    with pytest.raises(UsageError):
        marking.change_lesion("lesion-9", segment="IV")(make_case())


def test_that_paths_measurements_and_views_come_back_equal(library: Library) -> None:
    path = VesselPathBody(
        ((0.0, 1.0, 2.5), (0.5, 1.0, 2.5)),
        (1.5, None),
        (PathSegment("coeliac", 0.0, 0.5, 3.0),),
        lesion_ids=("lesion-1",),
    )
    measured = MeasurementBody("distance", ((0.0, 0.0, 0.0), (3.0, 4.0, 0.0)), {"mm": 5.0, "[hnsf'U]": None}, "mm")
    view = KeyImageBody("mpr", (1.0, 2.0, 3.0), "2.25.1", (400.0, 40.0), "feeder")
    case = replace(make_case(), sessions=(make_session(),))
    for edit in (
        marking.add_vessel_path("session-1", path, SOURCE, "1.2.3", name="Path", by=DOCTOR, tool="minimal-path"),
        marking.add_measurement("session-1", measured, SOURCE, "1.2.3", name="Distance", by=DOCTOR),
        marking.add_key_image("session-1", view, "1.2.3", name="View", by=DOCTOR),
    ):
        case = edit(case)
    library.create_case(case, DOCTOR)
    first, second, third = library.open_case(case.id, DOCTOR)[0].sessions[0].items
    assert marking.vessel_path_of(first) == path
    assert marking.measurement_of(second) == measured
    assert marking.key_image_of(third) == view
    with pytest.raises(InputRefused):
        marking.region_of(first)
    assert [each.name for each in marking.remove_item("session-1", second.id)(case).sessions[0].items] == [
        "Path",
        "View",
    ]
