"""``vessels`` as the contract has it, on a drawn tree; its file is read by VTK."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from feeder_truth import tree_of_lines
from tree_truth import drawn

from planner.cli.entry import run
from planner.dicom.volume_writing import write_voxels

NODE = {"id", "lps_mm", "radius_mm", "kind"}
SEGMENT = {"id", "from", "to", "length_mm", "radius_mm", "generation", "points_lps_mm"}


@pytest.fixture(scope="module")
def mask_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fork in a mask of 0.8 x 0.8 x 1 mm."""
    tree = tree_of_lines(
        [
            ("n0", "n1", np.linspace((0.0, 0.0, 40.0), (0.0, 0.0, 20.0), 40), 3.0),
            ("n1", "n2", np.linspace((0.0, 0.0, 20.0), (-10.0, 0.0, 0.0), 40), 2.0),
            ("n1", "n3", np.linspace((0.0, 0.0, 20.0), (14.0, 0.0, 4.0), 40), 1.5),
        ]
    )
    _, mask = drawn(tree, (1.0, 0.8, 0.8), least_cover=0.45)
    path = tmp_path_factory.mktemp("vessels") / "vessels.nii.gz"
    write_voxels(mask.full().astype(np.uint8), mask.grid, path)
    return path


def none(*given: object) -> Any:
    raise AssertionError(f"neither a window nor a renderer is needed: {given}")


def call(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = run(["vessels", *words], open_desktop=none, make_renderer=none)
    out = capsys.readouterr().out
    return code, json.loads(out) if "--json" in words else out


def test_that_the_answer_holds_every_key_of_the_contract(
    mask_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "tree.vtp"
    code, found = call(capsys, "--mask", str(mask_file), "--root", "0,0,40", "--out", str(out), "--json")
    assert code == 0
    assert all(set(each) >= NODE for each in found["nodes"])
    assert all(set(each) >= SEGMENT and set(each["radius_mm"]) == {"mean", "minimum"} for each in found["segments"])
    assert [each["kind"] for each in found["nodes"]].count("root") == 1
    assert sorted(each["kind"] for each in found["nodes"]) == ["branch", "end", "end", "root"]
    assert found["total_length_mm"] == pytest.approx(sum(each["length_mm"] for each in found["segments"]))
    for each in found["segments"]:
        steps = np.linalg.norm(np.diff(each["points_lps_mm"], axis=0), axis=1)
        assert steps.max() <= 0.5
    widths = sorted(each["radius_mm"]["mean"] for each in found["segments"])
    assert widths == pytest.approx([1.5, 2.0, 3.0], abs=0.3)
    assert_that_vtk_reads(out, found)


def assert_that_vtk_reads(out: Path, found: dict[str, Any]) -> None:
    vtk_xml = pytest.importorskip("vtkmodules.vtkIOXML")
    reader = vtk_xml.vtkXMLPolyDataReader()
    reader.SetFileName(str(out))
    reader.Update()
    lines = reader.GetOutput()
    assert lines.GetNumberOfLines() == len(found["segments"])
    assert lines.GetNumberOfPoints() == sum(len(each["points_lps_mm"]) for each in found["segments"])
    assert lines.GetPointData().GetArray("radius_mm").GetValue(5) == pytest.approx(
        found["segments"][0]["radii_mm"][5], abs=1e-5
    )
    assert lines.GetCellData().GetAbstractArray("id").GetValue(1) == found["segments"][1]["id"]
    assert lines.GetPoint(0) == pytest.approx(found["segments"][0]["points_lps_mm"][0], abs=1e-4)


def test_that_the_table_says_as_far_as_seen(mask_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = call(capsys, "--mask", str(mask_file))
    assert code == 0
    assert "3 segments" in text
    assert "as far as seen" in text


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        ([], 4, "no-image"),
        (["--ct", "SELF"], 4, "no-seed"),
        (["--mask", "SELF", "--root", "0,0"], 4, "bad-point"),
        (["--mask", "SELF", "--root", "0,0,400"], 4, "root-outside"),
        (["--mask", "SELF", "--kind", "nerve"], 4, "unknown-kind"),
        (["--mask", "SELF", "--out", "tree.txt"], 4, "bad-out"),
    ],
)
def test_that_what_cannot_be_done_is_refused(
    mask_file: Path, words: list[str], exit_code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer = call(capsys, *(str(mask_file) if word == "SELF" else word for word in words), "--json")
    assert answer["error"]["code"] == said
    assert code in (2, exit_code)
