"""``series`` and ``convert`` as the contract has them, through the real entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import SimpleITK
from dicom_files import SERIES, from_slice, putting, write_series

from planner.cli.entry import run


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    """Exit code, the JSON document of stdout, and stderr."""

    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(words, open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


def test_that_series_lists_faults_and_skipped_files_and_exits_0(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_series(tmp_path, from_slice(5, PatientID="T-2"))
    (tmp_path / "note.txt").write_text("nothing")
    code, document, _ = call(["series", str(tmp_path), "--json"], capsys)
    assert code == 0
    (entry,) = document["series"]
    required = {
        "uid",
        "part",
        "kind",
        "modality",
        "description",
        "label",
        "patient",
        "study_date",
        "size_kji",
        "spacing_kji_mm",
        "lps_from_kji",
        "transfer_syntax",
        "loadable",
        "findings",
    }
    assert required <= set(entry)
    assert (entry["uid"], entry["kind"], entry["loadable"]) == (SERIES, "refused", False)
    finding_keys = {"code", "severity", "overridable", "text", "subject", "measured", "limit", "unit", "source"}
    assert all(finding_keys <= set(one) for one in entry["findings"])
    assert [(Path(one["file"]).name, one["code"]) for one in document["skipped"]] == [("note.txt", "not-dicom")]


def test_that_series_prints_a_table_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text, _ = call(["series", str(write_series(tmp_path))], capsys)
    assert code == 0
    assert "test series" in text
    assert "8 16 12" in text


def test_that_a_path_that_is_not_there_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = call(["series", str(tmp_path / "absent"), "--json"], capsys)
    assert code == 2
    assert document["error"]["code"] == "no-such-path"


def test_that_convert_writes_what_another_reader_finds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "ct.nii.gz"
    code, document, _ = call(["convert", str(write_series(tmp_path / "ct")), "--out", str(out), "--json"], capsys)
    assert code == 0
    assert document["out"] == str(out)
    assert document["size_kji"] == [8, 16, 12]
    assert document["spacing_kji_mm"] == pytest.approx([5.0, 0.8, 0.7])
    assert (document["minimum"], document["maximum"]) == (-1024.0, 191 + 1400 - 1024)
    assert document["findings"] == []
    other = SimpleITK.ReadImage(str(out))
    assert other.GetSize() == (12, 16, 8)
    assert other.GetOrigin() == pytest.approx((-40.5, -60.25, 100.0), abs=1e-4)


def test_that_convert_refuses_with_4_until_the_repair_is_accepted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_series(tmp_path / "ct", putting(ImagePositionPatient=lambda i: [0, 1.5 * i, 5.0 * i]))
    words = ["convert", str(folder), "--out", str(tmp_path / "ct.mha"), "--json"]
    code, document, _ = call(words, capsys)
    assert code == 4
    assert set(document["error"]) == {"code", "message", "subject"}
    assert document["error"]["code"] == "gantry-tilt"
    assert not (tmp_path / "ct.mha").exists()
    code, document, _ = call([*words, "--accept", "gantry-tilt"], capsys)
    assert code == 0
    assert [(one["code"], one["severity"]) for one in document["findings"]] == [("gantry-tilt", "warn")]
    assert any("gantry-tilt" in note for note in document["provenance"])


def test_that_convert_takes_the_named_part(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_series(tmp_path / "a")
    write_series(
        tmp_path / "b",
        putting(AcquisitionNumber=2, RescaleIntercept=0, SOPInstanceUID=lambda i: f"1.2.3.{i + 1}"),
    )
    words = ["convert", str(tmp_path), "--series", SERIES, "--out", str(tmp_path / "x.nrrd"), "--json"]
    assert call([*words, "--part", "1"], capsys)[1]["minimum"] == -1024.0
    assert call([*words, "--part", "2"], capsys)[1]["minimum"] == 0.0
    code, document, _ = call([*words, "--part", "3"], capsys)
    assert (code, document["error"]["code"]) == (2, "no-such-series")


def test_that_an_unknown_ending_exits_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, _ = call(
        ["convert", str(write_series(tmp_path / "ct")), "--out", str(tmp_path / "ct.jpg"), "--json"], capsys
    )
    assert code == 2
