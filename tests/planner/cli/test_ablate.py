"""``ablate`` as the contract has it, through the real entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from needle_bench import scene
from shapes import ball

from planner.cli.entry import run
from planner.geometry import Grid
from planner.imaging.masks import Mask

KEYS = {"applicators", "covered_fraction", "minimum_mm", "collateral_ml", "findings"}
APPLICATOR = {"entry_lps_mm", "tip_lps_mm", "device", "setting", "long_mm", "short_mm"}


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(words, open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


def _write(path: Path, voxels: np.ndarray, grid: Grid) -> str:
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_kji_mm[::-1])
    image.SetOrigin(grid.lps_from_kji.points((0, 0, 0)).tolist())
    image.SetDirection(grid.axes_lps[:, ::-1].ravel().tolist())
    SimpleITK.WriteImage(image, str(path))
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder, made = tmp_path_factory.mktemp("ablate"), scene()
    grid = made.body.grid
    hu = np.where(made.body.full(), 40, -1000).astype(np.int16)
    near = ball(grid, np.asarray(made.target.centroid_lps_mm()) + (0.0, 21.0, 0.0), 5.0)
    masks = {"skin": made.body, "target": made.target, "near": near, "plate": made.obstacles[2].mask}
    masks |= {"two": Mask.of(grid, made.target.full() | near.full()), "empty": Mask.empty(grid)}
    far = Grid.of(grid.size_kji, origin_lps_mm=(900.0, 900.0, 900.0), spacing_kji_mm=(3.0, 1.4, 1.4), frame_uid="1")
    written = {key: _write(folder / f"{key}.nii.gz", m.full().astype(np.uint8), m.grid) for key, m in masks.items()}
    written["far"] = _write(folder / "far.nii.gz", made.target.full().astype(np.uint8), far)
    written["ct"] = _write(folder / "ct.nii.gz", hu, grid)
    return written


def words(files: dict[str, str], *more: str, target: str = "target", device: str = "simulated-mwa") -> list[str]:
    return ["ablate", "--target", files[target], "--device", device, *more, "--json"]


def in_zones(answer: dict[str, Any], points: np.ndarray) -> np.ndarray:
    """Independent of the planner: ellipsoids from the printed entry, tip, axes and tip offset alone."""
    inside = np.zeros(len(points), dtype=bool)
    for each in answer["applicators"]:
        tip, entry = np.array(each["tip_lps_mm"]), np.array(each["entry_lps_mm"])
        axis = (tip - entry) / np.linalg.norm(tip - entry)
        centre = tip + axis * ((each["tip_offset_mm"] or 0.0) - each["long_mm"] / 2.0)
        along = (points - centre) @ axis
        across = np.linalg.norm(points - centre - along[:, None] * axis, axis=1)
        inside |= (2.0 * along / each["long_mm"]) ** 2 + (2.0 * across / each["short_mm"]) ** 2 <= 1.0
    return inside


def shell_of_target(margin_mm: float) -> np.ndarray:
    voxels = scene().target
    centres = voxels.grid.lps_from_kji.points(np.argwhere(voxels.voxels) + np.asarray(voxels.box[0]))
    spread = np.random.default_rng(3).normal(size=(40, 3))
    spread *= margin_mm / np.linalg.norm(spread, axis=1, keepdims=True)
    return (centres[:, None] + spread[None]).reshape(-1, 3)


def test_that_ablate_has_the_keys_of_the_contract_and_covers_what_it_says(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, _ = call(words(files, "--margin", "5"), capsys)
    assert code == 0
    assert set(answer) >= KEYS
    assert all(set(each) >= APPLICATOR for each in answer["applicators"])
    assert answer["covered"] is True
    assert answer["covered_fraction"] == 1.0
    assert answer["minimum_mm"] >= 5.0
    assert in_zones(answer, shell_of_target(4.9)).all()
    assert answer["minus_sd"]["minimum_mm"] < answer["minimum_mm"]
    assert 0.0 < answer["collateral_ml"] < answer["zone_ml"]
    codes = [each["code"] for each in answer["findings"]]
    assert "simulated-device" in codes
    assert "no-paths" in codes


def test_that_fewer_zones_than_needed_are_answered_as_not_covering(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--setting", "40W-5min", "--margin", "9", "--max-applicators", "1")
    code, answer, _ = call(words(files, *more), capsys)
    assert code == 3
    assert len(answer["applicators"]) == 1
    assert answer["covered"] is False
    assert answer["covered_fraction"] < 1.0
    assert answer["minimum_mm"] < 9.0
    assert "not-covered" in [each["code"] for each in answer["findings"]]


def test_that_zones_spare_a_structure_and_shafts_start_at_the_skin(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--margin", "3", "--setting", "40W-5min", "--ct", files["ct"], "--skin", files["skin"], "--no-automatic")
    code, answer, _ = call(words(files, *more, f"--avoid=colon={files['near']}:4"), capsys)
    assert code == 0, answer["findings"]
    assert answer["clearances_mm"]["colon"] >= 3.5
    body = scene().body
    for each in answer["applicators"]:
        assert each["entry_on_skin"]
        axis = np.array(each["tip_lps_mm"]) - np.array(each["entry_lps_mm"])
        axis /= np.linalg.norm(axis)
        assert body.contains(np.array(each["entry_lps_mm"]) + 3.0 * axis)
        assert not body.contains(np.array(each["entry_lps_mm"]) - 3.0 * axis)
        assert each["length_mm"] == pytest.approx(
            float(np.linalg.norm(np.array(each["tip_lps_mm"]) - np.array(each["entry_lps_mm"])))
        )


def test_that_a_structure_inside_the_margin_is_named_as_what_stands_in_the_way(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ("--margin", "8", "--setting", "60W-5min", f"--avoid=colon={files['near']}:6")
    code, answer, _ = call(words(files, *more), capsys)
    assert code == 3
    said = next(each for each in answer["findings"] if each["code"] == "spared-in-margin")
    assert said["measured"] == pytest.approx(21.0 - 5.0 - 6.0, abs=0.9)
    assert said["limit"] == 14.0


@pytest.mark.parametrize(
    ("change", "more", "code", "said"),
    [
        ({"device": "nope"}, (), 2, "catalogue has no device"),
        ({}, ("--setting", "nope"), 2, "has no setting"),
        ({"device": "rfa-cryo-cooled"}, ("--setting", "pulsed-20min"), 4, "no long axis"),
        ({"device": "rfa-cooled-15g"}, ("--setting", "in-vivo"), 4, "only a volume"),
        ({}, ("--setting", "150W 5min"), 4, "outside the chart"),
        ({"target": "empty"}, (), 4, "empty"),
        ({"target": "two"}, (), 4, "2 separate parts"),
        ({}, ("--margin", "-1"), 4, "between 0 and 100"),
        ({}, ("--max-applicators", "0"), 2, "max-applicators"),
    ],
)
def test_that_what_cannot_be_planned_is_answered_in_one_sentence(
    files: dict[str, str],
    capsys: pytest.CaptureFixture[str],
    change: dict[str, str],
    more: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    found, answer, errors = call(words(files, *more, **change), capsys)
    assert found == code
    assert said in answer["error"]["message"]
    assert errors.count("\n") <= 2


def test_that_a_target_outside_the_image_is_refused(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, _ = call(words(files, "--ct", files["ct"], "--no-automatic", target="far"), capsys)
    assert code == 4
    assert answer["error"]["code"] == "mask-outside"


def test_that_a_part_of_a_mask_can_be_picked(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, answer, _ = call(words(files, "--part", "1", "--setting", "40W-5min", target="two"), capsys)
    assert code == 0
    assert len(answer["applicators"]) >= 1


def test_that_a_cited_row_says_its_tissue_and_that_its_deviation_is_not_given(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, answer, _ = call(words(files, "--margin", "2", device="rfa-dual-cooled-wet"), capsys)
    assert code == 3, "its electrodes' spacing is unknown, which blocks"
    assert answer["minus_sd"] is None
    assert "ex vivo bovine liver" in answer["tissue"]
    codes = [each["code"] for each in answer["findings"]]
    assert {"chart-tissue", "no-deviation", "tip-offset-unknown", "spacing-unknown"} <= set(codes)


def test_that_the_words_never_promise(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    _, text, _ = call(words(files, "--margin", "5")[:-1], capsys)
    assert "covered" in text
    assert "proven" not in text.lower()
    assert "safe" not in text.lower()
