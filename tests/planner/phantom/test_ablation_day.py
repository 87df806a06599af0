"""The day of an ablation: the patient lies differently, the zone is where it was burnt, both scans are real CT."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from planner.app.images import load, scan
from planner.phantom.ablation_day import AblationDay, BurntZone, ablate
from planner.phantom.writer import write_ablation_day
from tests.phantoms import tiny_patient

HALF_MM = (19.0, 15.0)


def zone() -> BurntZone:
    return BurntZone(tiny_patient().truth.lesions[1].centre_lps_mm, (0.6, -0.8, 0.0), *HALF_MM)


@cache
def day() -> AblationDay:
    return ablate(tiny_patient(), zone(), study_date="20250617")


def test_that_the_zone_has_the_volume_of_its_ellipsoid() -> None:
    expected = 4.0 / 3.0 * np.pi * HALF_MM[0] * HALF_MM[1] ** 2 / 1000.0
    assert day().zone.volume_ml == pytest.approx(expected, rel=0.04)


def test_that_the_zone_is_dark_after_and_was_not_before() -> None:
    burnt = day().zone.full()
    before, after = day().today.voxels[burnt].astype(float), day().completion.voxels[burnt].astype(float)
    assert after.mean() < before.mean() - 25.0


def test_that_far_from_the_zone_both_scans_of_the_day_agree_but_for_noise() -> None:
    away = np.ones(day().today.grid.size_kji, dtype=bool)
    (k, j, i), (ke, je, ie) = day().zone.box
    away[k - 4 : ke + 4, j - 4 : je + 4, i - 4 : ie + 4] = False
    gap = day().today.voxels[away].astype(float) - day().completion.voxels[away].astype(float)
    assert abs(float(np.mean(gap))) < 0.2
    assert 5.0 < float(np.std(gap)) < 25.0


def test_that_a_landmark_lies_where_the_map_of_the_day_says() -> None:
    patient = tiny_patient()
    aorta = np.argwhere(patient.truth.structures.mask(_value("aorta")))
    inside = patient.truth.structures.grid.lps_from_kji.points(aorta)
    seen = [day().today.nearest(point) for point in day().today_from_planning.points(inside)]
    stale = [day().today.nearest(point) for point in inside]
    there = np.mean([value for value in seen if value is not None])
    assert there > np.mean([value for value in stale if value is not None]) + 20.0


def _value(key: str) -> int:
    return next(value for value, label in tiny_patient().truth.structures.labels.items() if label.structure == key)


def test_that_the_written_scans_are_two_series_of_one_frame_that_is_not_the_plans(tmp_path: Path) -> None:
    places = write_ablation_day(tiny_patient(), day(), tmp_path)
    found = scan(list(places)).series
    assert [each.kind for each in found] == ["volume", "volume"]
    volumes = [load(each) for each in found]
    frames = {volume.grid.frame_uid for volume in volumes}
    assert len(frames) == 1
    assert tiny_patient().portal.grid.frame_uid not in frames
    told = json.loads((tmp_path / "truth" / "ablation_day.json").read_text())
    assert told["frame_uid"] in frames
    assert (tmp_path / "truth" / "zone.nrrd").exists()
