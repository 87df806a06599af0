"""``margin`` as the contract has it, on masks in different grids of one frame."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from analytic_bodies import ball, drawn, turned_axes

from planner.cli.entry import run
from planner.dicom.volume_writing import write_voxels
from planner.imaging.masks import Mask

CENTRE = (5.2, -3.1, 40.7)
KEYS = {
    "minimum_mm", "mean_mm", "percentile_5_mm", "covered_fraction", "uncovered_ml", "surface_fraction", "target_ml",
    "zone_ml", "subcapsular",
}  # fmt: skip


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    """Exit code, the JSON document of stdout, and stderr."""

    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(["margin", *words], open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


def written(path: Path, mask: Mask) -> str:
    whole = mask.within(((0, 0, 0), mask.grid.size_kji))
    write_voxels(whole.astype(np.uint8), mask.grid, path)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("margin")
    target = drawn(ball(CENTRE, 8.0), (1.2, 0.8, 0.8))
    written(place / "target.nii.gz", target)
    written(place / "zone.nii.gz", drawn(ball(CENTRE, 14.0), axes=turned_axes(4)))
    written(place / "organ.nii.gz", drawn(ball((5.2, 14.9, 40.7), 28.0), (2.0, 1.0, 1.0)))
    written(place / "empty.nii.gz", Mask.empty(target.grid))
    far = ball((CENTRE[0] + 30.0, *CENTRE[1:]), 6.0)
    written(place / "two.nii.gz", drawn([ball(CENTRE, 8.0), far], (1.2, 0.8, 0.8)))
    written(place / "elsewhere.nii.gz", drawn(ball((300.0, 0.0, 0.0), 8.0)))
    return place


def test_that_it_answers_with_every_key_of_the_contract(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--target", str(folder / "target.nii.gz"), "--zone", str(folder / "zone.nii.gz"), "--json"]
    code, found, _ = call(words, capsys)
    assert code == 0
    assert set(found) >= KEYS
    assert found["subcapsular"] is None
    assert found["minimum_mm"] == pytest.approx(6.0, abs=0.3)
    assert found["mean_mm"] == pytest.approx(6.0, abs=0.1)
    assert found["covered_fraction"] == 1.0
    assert set(found["surface_fraction"]) == {"lt_0", "0_5", "5_10", "ge_10"}
    assert found["surface_fraction"]["5_10"] == pytest.approx(1.0)
    assert found["target_ml"] == pytest.approx(4.0 / 3.0 * np.pi * 0.512, rel=0.02)


def test_that_the_capsule_leaves_out_the_surface_near_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--target", str(folder / "target.nii.gz"), "--zone", str(folder / "zone.nii.gz")]
    code, found, _ = call([*words, "--capsule", str(folder / "organ.nii.gz"), "--json"], capsys)
    cosine = (23.0**2 - 64.0 - 18.0**2) / (2 * 18.0 * 8.0)
    assert code == 0
    assert found["subcapsular"]["excluded_fraction"] == pytest.approx(0.5 * (1.0 - cosine), abs=0.03)
    assert found["subcapsular"]["minimum_mm"] >= found["minimum_mm"]


@pytest.mark.parametrize(
    ("target", "zone", "refused"),
    [
        ("empty.nii.gz", "zone.nii.gz", "empty-mask"),
        ("target.nii.gz", "empty.nii.gz", "empty-mask"),
        ("two.nii.gz", "zone.nii.gz", "several-targets"),
        ("target.nii.gz", "elsewhere.nii.gz", "mask-outside"),
    ],
)
def test_that_masks_without_an_answer_are_refused_by_name(
    folder: Path, capsys: pytest.CaptureFixture[str], target: str, zone: str, refused: str
) -> None:
    code, found, said = call(["--target", str(folder / target), "--zone", str(folder / zone), "--json"], capsys)
    assert code == 4
    assert found["error"]["code"] == refused
    assert said.strip().endswith(".")


def test_that_one_of_two_targets_can_be_picked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--target", str(folder / "two.nii.gz"), "--zone", str(folder / "zone.nii.gz"), "--json"]
    code, found, _ = call([*words, "--part", "1"], capsys)
    assert code == 0
    assert found["minimum_mm"] == pytest.approx(6.0, abs=0.3)
    assert call([*words, "--part", "7"], capsys)[0] == 2


def test_that_a_file_that_is_not_there_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--target", str(folder / "absent.nii.gz"), "--zone", str(folder / "zone.nii.gz"), "--json"]
    assert call(words, capsys)[0] == 2


def test_that_the_table_says_what_the_numbers_stand_for(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--target", str(folder / "target.nii.gz"), "--zone", str(folder / "zone.nii.gz")]
    code, table, _ = call(words, capsys)
    assert code == 0
    assert "margin minimum" in table
    assert "near the capsule: not asked for" in table
    assert "proven" not in table
