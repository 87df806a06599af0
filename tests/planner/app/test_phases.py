"""Phases told where tags do not say them: parts of one series, one volume, and by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from other_phases import NAMELESS, tiny_phases, write_part

from planner.app import phases
from planner.app.case_images import attach_series, series_ref, with_phase_by_hand
from planner.app.cases import case_from_series
from planner.app.images import SeriesEntry, load, scan
from planner.errors import UsageError
from planner.imaging import ImageSource, Volume


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Arterial, portal venous and delayed phase in one series."""
    folder = tmp_path_factory.mktemp("parts")
    for part, phase in enumerate(("arterial", "portal-venous", "delayed"), start=1):
        write_part(folder, tiny_phases()[phase], part)
    return folder


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("single")
    write_part(folder, tiny_phases()["portal-venous"], 2, series=NAMELESS + ".9")
    return folder


def entry_of(folder: Path) -> SeriesEntry:
    (entry,) = scan([folder]).series
    return entry


def test_that_parts_of_a_series_are_labelled_from_their_images(parts: Path) -> None:
    found = scan([parts])
    assert [entry.label for entry in found.series] == ["acquisition 1", "acquisition 2", "acquisition 3"]
    labelled = phases.with_told_phases(found)
    assert [entry.label for entry in labelled.series] == ["arterial", "portal-venous", "delayed"]
    assert {entry.source.phase_from for entry in labelled.series} == {"image"}
    texts = [finding.text for finding in labelled.series[0].findings if finding.code == "multi-phase"]
    assert any("from the image" in text and "%" in text for text in texts)


def test_that_a_series_of_one_volume_is_not_read_for_its_label(single: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*given: object, **more: object) -> Volume:
        raise AssertionError("pixels were read")

    monkeypatch.setattr(phases, "load", never)
    (entry,) = phases.with_told_phases(scan([single])).series
    assert (entry.label, entry.source.phase) == (None, None)


def test_that_a_loaded_volume_is_told_and_says_how_it_is_known(single: Path) -> None:
    volume = load(entry_of(single))
    assert phases.needs_telling(volume.source)
    told = phases.with_told_phase(volume)
    assert told.voxels is volume.voxels
    assert (told.source.phase, told.source.phase_from) == ("portal-venous", "image")
    assert told.source.phase_confidence is not None
    percent = f"{100.0 * told.source.phase_confidence:.0f} %"
    assert told.source.phase_text == f"portal-venous (from the image, {percent})"


@pytest.mark.parametrize(
    "source",
    [
        ImageSource("1.2", modality="CT", unit="HU", phase="arterial"),
        ImageSource("1.2", modality="CT", unit="HU", phase_from="operator"),
        ImageSource("1.2", modality="MR"),
        ImageSource("1.2", modality="CT"),
    ],
)
def test_that_what_is_known_or_no_ct_in_hu_is_left_alone(source: ImageSource) -> None:
    volume = Volume(np.asarray(tiny_phases()["arterial"].voxels), tiny_phases()["arterial"].grid, source)
    assert phases.with_told_phase(volume) is volume


def test_that_a_phase_set_by_hand_is_kept_with_the_reference(single: Path) -> None:
    entry = entry_of(single)
    empty = case_from_series(entry)
    case = attach_series(empty, entry)[0](empty)
    (reference,) = case.studies
    assert with_phase_by_hand(entry.source, reference) is entry.source
    (changed,) = phases.set_phase(reference, "delayed", "Dr Fellow")(case).studies
    assert (changed.phase, changed.phase_by, changed.fingerprint) == ("delayed", "Dr Fellow", reference.fingerprint)
    assert with_phase_by_hand(entry.source, changed).phase_text == "delayed (set by hand)"
    (unknown,) = phases.set_phase(reference, None, "Dr Fellow")(case).studies
    assert with_phase_by_hand(entry.source, unknown).phase_text == "phase unknown (set by hand)"


def test_that_a_phase_that_is_none_is_refused(single: Path) -> None:
    with pytest.raises(UsageError) as caught:
        phases.set_phase(series_ref(entry_of(single)), "late", "Dr Fellow")
    assert caught.value.code == "unknown-phase"
