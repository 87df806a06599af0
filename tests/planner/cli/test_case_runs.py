"""Runs and dose reports of a case on the command line: import, snapshot and ``case record --dose-report``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_xa
from paper import FakeRenderer

from planner.cli.entry import run

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def renderer() -> FakeRenderer:
    return FakeRenderer()


@pytest.fixture
def call(tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]) -> Call:
    def command(*words: str) -> tuple[int, Any]:
        asked = ["--library", f"sqlite:///{tmp_path / 'library.sqlite'}", *words, "--json"]
        code = run(asked, open_desktop=lambda paths, url: 0, make_renderer=lambda: renderer)
        return code, json.loads(capsys.readouterr().out)

    return command


@pytest.fixture
def place(call: Call, tmp_path: Path) -> str:
    """A case with one run and a session of the TACE template."""
    small_xa.write_run(tmp_path / "runs" / "a.dcm")
    code, made = call("case", "new", "--from-series", str(tmp_path / "runs"))
    assert code == 0
    code, session = call("case", "plan", made["case"], "--template", "tace")
    assert code == 0
    return f"{made['case']}/{session['session']}"


def dose_report(folder: Path, **changes: str) -> str:
    content = [small_xa.plane("A", ("0.005", "Gy.m2")), small_xa.event()]
    return str(small_xa.write_dose_report(folder / "dose.dcm", content, **changes))


def test_that_a_run_is_attached_as_a_run(call: Call, place: str) -> None:
    code, case = call("case", "show", place.partition("/")[0])
    assert code == 0
    (study,) = case["studies"]
    assert (study["kind"], study["part"], study["modality"]) == ("angio", 1, "XA")
    assert study["frame_uid"].startswith("2.25.")


def test_that_a_dose_report_is_read_into_the_record(call: Call, place: str, tmp_path: Path) -> None:
    code, answer = call("case", "record", place, "--dose-report", dose_report(tmp_path), "--by", "Nurse")
    assert code == 0
    assert answer["dose_report"]["kap_gy_cm2"] == pytest.approx(50.0)
    assert answer["dose_report"]["air_kerma_is"] == "air kerma at the reference point, not skin dose"
    assert set(answer["dose_report"]["filled"]) == {"air_kerma", "kap", "fluoroscopy_time", "dose_report_kerma"}
    assert answer["stages"][0]["id"] == "sign_out"
    revision = answer["revision"]
    code, again = call("case", "record", place, "--dose-report", dose_report(tmp_path), "--by", "Nurse")
    assert (code, again["revision"], again["findings"]) == (0, revision, [])


def test_that_a_dose_report_of_another_patient_changes_nothing(call: Call, place: str, tmp_path: Path) -> None:
    code, answer = call("case", "record", place, "--dose-report", dose_report(tmp_path, PatientID="T-9"))
    assert (code, answer["error"]["code"]) == (4, "patient-mismatch")


@pytest.mark.parametrize("words", [("sign_out",), (), ("sign_out", "kap=1", "--dose-report", "x.dcm")])
def test_that_a_record_needs_values_or_a_report_and_not_both(words: tuple[str, ...], call: Call, place: str) -> None:
    code, answer = call("case", "record", place, *words)
    assert (code, answer["error"]["code"]) == (2, "usage")


def test_that_a_case_is_shown_as_a_sheet_of_its_run(
    call: Call, place: str, renderer: FakeRenderer, tmp_path: Path
) -> None:
    code, _ = call("snapshot", place, "--layout", "dsa", "--size", "640x480", "--out", str(tmp_path / "p.png"))
    assert code == 0
    assert any("LAO 30 CRA 15" in line for line in renderer.sheets[0].caption)
