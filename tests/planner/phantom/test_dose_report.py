"""The dose report of the digital patient: what the runs say, added up, readable and in order."""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from phantoms import tiny_patient

from planner.app.angio import load_run
from planner.app.images import scan
from planner.dicom.dose_reports import is_dose_report, read_dose_report
from planner.phantom import RunPlan, SimulatedRun, film, write_runs
from planner.phantom.angiography_writer import DOSE_REPORT
from planner.phantom.dose_report_writer import FLUOROSCOPY_KAP_GY_CM2, dose_of

FRONT = RunPlan("front", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", seconds=1.0)
OBLIQUE = RunPlan("oblique", "Oblique", -30.0, 12.0, "common hepatic artery", seconds=2.0)


@cache
def runs() -> tuple[SimulatedRun, ...]:
    return tuple(film(tiny_patient(), plan, number=at, pixels=64) for at, plan in enumerate((FRONT, OBLIQUE), 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_runs(tiny_patient(), runs(), tmp_path / "angiography", tmp_path / "truth")
    return tmp_path / "angiography"


def test_that_the_report_adds_up_the_runs_and_fluoroscopy(folder: Path) -> None:
    report, told = read_dose_report(folder / DOSE_REPORT), dose_of(runs())
    filmed = [each.run.facts.dose_area_product_gy_cm2 or 0.0 for each in runs()]
    assert report.kap_gy_cm2 == pytest.approx(sum(filmed) + FLUOROSCOPY_KAP_GY_CM2)
    assert report.air_kerma_gy == pytest.approx(told.air_kerma_gy)
    assert report.kap_gy_cm2 == pytest.approx(sum(each.kap_gy_cm2 or 0.0 for each in report.events))
    assert report.air_kerma_gy == pytest.approx(sum(each.air_kerma_gy or 0.0 for each in report.events))
    assert (report.fluoro_time_s, report.frames) == (told.fluoro_time_s, sum(each.run.count for each in runs()))
    assert report.findings == ()


def test_that_events_come_in_the_order_of_time_with_the_angles_of_the_runs(folder: Path) -> None:
    events = read_dose_report(folder / DOSE_REPORT).events
    assert [each.started_at for each in events] == sorted(each.started_at or "" for each in events)
    acquired = [(each.primary_deg, each.secondary_deg) for each in events if each.kind == "Stationary Acquisition"]
    assert acquired == [(0.0, 0.0), (-30.0, 12.0)]


def test_that_the_report_names_the_patient_of_the_runs_and_is_told_as_simulated(folder: Path) -> None:
    entry = next(each for each in scan([folder]).series if is_dose_report(each))
    assert entry.source.patient_id == tiny_patient().arterial.source.patient_id
    assert entry.source.study_uid == runs()[0].run.source.study_uid
    assert b"SIMULATED - teaching data" in (folder / DOSE_REPORT).read_bytes()


def test_that_runs_of_one_day_share_the_space_of_the_isocentre(folder: Path) -> None:
    entries = [each for each in scan([folder]).series if each.kind == "angio"]
    read = [load_run(each) for each in entries]
    assert len({run.geometry[0].frame_uid for run in read}) == 1
    assert len({each.run.geometry[0].frame_uid for each in runs()}) == 1


def test_that_dciodvfy_finds_nothing_in_the_report(folder: Path) -> None:
    tool = shutil.which("dciodvfy")
    if tool is None:
        pytest.skip("dciodvfy is not installed")
    answer = subprocess.run([tool, str(folder / DOSE_REPORT)], capture_output=True, text=True, check=False)
    said = answer.stdout + answer.stderr
    assert "XRayRadiationDoseSR" in said
    assert "Error" not in said
    assert "Warning" not in said
