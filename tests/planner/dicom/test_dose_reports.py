"""Dose reports: every number by its unit, planes summed, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import small_xa
from pydicom.dataset import Dataset
from small_xa import event, plane, write_dose_report

from planner.app.images import scan
from planner.dicom.dose_reports import is_dose_report, read_dose_report
from planner.errors import InputRefused


def refused_code(file: Path) -> str:
    with pytest.raises(InputRefused) as refused:
        read_dose_report(file)
    assert file.name in refused.value.message
    return refused.value.code


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        ("0.0125", "Gy.m2"),
        ("125", "Gy.cm2"),
        ("1250", "dGy.cm2"),
        ("12500", "cGy.cm2"),
        ("12500", "uGy.m2"),
        ("125000", "mGy.cm2"),
    ],
)
def test_that_the_kerma_area_product_is_read_in_every_unit(value: str, unit: str, tmp_path: Path) -> None:
    report = read_dose_report(write_dose_report(tmp_path / "dose.dcm", [plane("A", (value, unit))]))
    assert report.kap_gy_cm2 == pytest.approx(125.0)


def test_that_planes_are_summed_whatever_their_units(tmp_path: Path) -> None:
    planes = [plane("A", ("0.005", "Gy.m2"), ("900", "mGy"), "6"), plane("B", ("25", "Gy.cm2"), ("0.35", "Gy"), "1.5")]
    report = read_dose_report(write_dose_report(tmp_path / "dose.dcm", [*planes, event()]))
    assert report.air_kerma_gy == pytest.approx(1.25)
    assert report.kap_gy_cm2 == pytest.approx(75.0)
    assert report.fluoro_time_s == pytest.approx(450.0)
    assert report.frames == 240
    assert [each.plane for each in report.planes] == ["Plane A", "Plane B"]
    assert report.reference_point == "15cm from Isocenter toward Source"
    assert report.findings == ()


def test_that_events_carry_angles_and_doses(tmp_path: Path) -> None:
    report = read_dose_report(write_dose_report(tmp_path / "dose.dcm", [plane("A", ("1", "Gy.cm2")), event()]))
    (one,) = report.events
    assert (one.primary_deg, one.secondary_deg) == (-24.5, 11.0)
    assert one.kap_gy_cm2 == pytest.approx(3.1)
    assert one.air_kerma_gy == pytest.approx(0.012)
    assert (one.kind, one.started_at) == ("Stationary Acquisition", "2026-03-01T09:30:15")
    assert report.acquired_at == "2026-03-01T09:30:15"


def test_that_a_number_without_a_unit_is_refused(tmp_path: Path) -> None:
    assert refused_code(write_dose_report(tmp_path / "d.dcm", [plane("A", ("125", None))])) == "missing-unit"


@pytest.mark.parametrize("unit", ["furlong", "MGy", "mm"])
def test_that_a_unit_that_is_none_of_the_quantity_is_refused(unit: str, tmp_path: Path) -> None:
    file = write_dose_report(tmp_path / "d.dcm", [plane("A", ("1", "Gy.cm2"), ("3", unit))])
    assert refused_code(file) == "unknown-unit"


def test_that_a_negative_dose_is_refused(tmp_path: Path) -> None:
    assert refused_code(write_dose_report(tmp_path / "d.dcm", [plane("A", ("-1", "Gy.cm2"))])) == "unreadable-number"


def test_that_a_total_that_one_plane_lacks_is_unknown_and_said(tmp_path: Path) -> None:
    second = plane("B", ("1", "Gy.cm2"))
    second.ContentSequence = [
        each for each in second.ContentSequence if each.ConceptNameCodeSequence[0].CodeValue != "113725"
    ]
    report = read_dose_report(write_dose_report(tmp_path / "d.dcm", [plane("A", ("1", "Gy.cm2")), second]))
    assert report.air_kerma_gy is None
    assert report.kap_gy_cm2 == pytest.approx(2.0)
    assert [each.code for each in report.findings] == ["dose-missing"]


def test_that_the_report_of_a_ct_and_other_documents_are_refused(tmp_path: Path) -> None:
    ct = small_xa.container("113811", "CT Accumulated Dose Data", [])
    assert refused_code(write_dose_report(tmp_path / "ct.dcm", [ct])) == "not-a-dose-report"
    other = write_dose_report(
        tmp_path / "other.dcm", [], ConceptNameCodeSequence=small_xa.code("126000", "Imaging Measurement Report")
    )
    assert refused_code(other) == "not-a-dose-report"
    assert refused_code(small_xa.write_run(tmp_path / "run.dcm")) == "not-a-dose-report"


def test_that_a_list_of_series_shows_a_dose_report_as_an_object(tmp_path: Path) -> None:
    file = write_dose_report(tmp_path / "dose.dcm", [plane("A", ("1", "Gy.cm2"))])
    (entry,) = scan([file]).series
    assert (entry.kind, entry.modality, entry.findings) == ("object", "SR", ())
    assert is_dose_report(entry)
    assert read_dose_report(entry).kap_gy_cm2 == pytest.approx(1.0)


def test_that_an_empty_measured_value_is_unknown(tmp_path: Path) -> None:
    first: Dataset = plane("A", ("1", "Gy.cm2"))
    first.ContentSequence[2].MeasuredValueSequence = []
    report = read_dose_report(write_dose_report(tmp_path / "d.dcm", [first]))
    assert report.air_kerma_gy is None
