"""``register`` as the contract has it: keys, files, landmarks, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from registration_bodies import bodies, truth

from planner.cli.entry import run
from planner.dicom.volume_writing import write_voxels
from planner.imaging.masks import Mask

KEYS = {
    "model", "moving_lps_from_fixed_lps", "similarity", "landmark_error_mm", "inverse_consistency_mm", "jacobian",
    "files", "seconds",
}  # fmt: skip


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    """Exit code, the JSON document of stdout, and stderr."""

    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(["register", *words], open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("register")
    pair = bodies()
    write_voxels(pair.fixed.voxels, pair.fixed.grid, place / "fixed.nii.gz")
    write_voxels(pair.moving.voxels, pair.moving.grid, place / "moving.mha")
    for name, mask in (("fixed", pair.fixed_organ), ("moving", pair.moving_organ)):
        write_voxels(mask.full().astype(np.uint8) * 3, mask.grid, place / f"{name}-organ.nii.gz")
    write_voxels(Mask.empty(pair.fixed.grid).full().astype(np.uint8), pair.fixed.grid, place / "empty.nii.gz")
    noise = np.random.default_rng(1).normal(0.0, 300.0, pair.fixed.voxels.shape).astype(np.int16)
    write_voxels(noise, pair.fixed.grid, place / "noise.mha")
    points = pair.organ_points()[::400]
    rows = np.column_stack([points, truth(points)])
    head = "fixed_x,fixed_y,fixed_z,moving_x,moving_y,moving_z"
    (place / "landmarks.csv").write_text(head + "\n" + "\n".join(",".join(map(repr, row)) for row in rows.tolist()))
    (place / "broken.csv").write_text(head + "\n1,2,3,4,5\n")
    (place / "other.csv").write_text("a,b\n1,2\n")
    return place


def words(folder: Path, fixed: str = "fixed.nii.gz", moving: str = "moving.mha", *more: str) -> list[str]:
    masks = ["--fixed-mask", f"{folder / 'fixed-organ.nii.gz'}#3", "--moving-mask", str(folder / "moving-organ.nii.gz")]
    return [str(folder / fixed), str(folder / moving), *masks, "--out", str(folder / "out"), "--json", *more]


def test_that_it_answers_with_every_key_and_writes_what_other_programs_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = call(words(folder) + ["--landmarks", str(folder / "landmarks.csv")], capsys)
    assert code == 0
    assert set(found) >= KEYS
    assert found["model"] == "deformable"
    assert len(found["moving_lps_from_fixed_lps"]) == 16
    assert found["moving_lps_from_fixed_lps"][12:] == [0.0, 0.0, 0.0, 1.0]
    assert set(found["landmark_error_mm"]) == {"before", "after"}
    assert found["landmark_error_mm"]["after"]["mean"] < 2.0 < 10.0 < found["landmark_error_mm"]["before"]["mean"]
    assert found["inverse_consistency_mm"] is None
    assert set(found["jacobian"]) == {"minimum", "folded_fraction"}
    moved = SimpleITK.ReadImage(found["files"]["moved"])
    assert moved.GetSize() == bodies().fixed.voxels.shape[::-1]
    field = SimpleITK.DisplacementFieldTransform(
        SimpleITK.ReadImage(found["files"]["field"], SimpleITK.sitkVectorFloat64)
    )
    rows = np.loadtxt(folder / "landmarks.csv", delimiter=",", skiprows=1)
    apart = [np.linalg.norm(np.array(field.TransformPoint(row[:3])) - row[3:]) for row in rows]
    assert np.mean(apart) == pytest.approx(found["landmark_error_mm"]["after"]["mean"], abs=0.02)


def test_that_images_that_do_not_match_are_said_to(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [str(folder / "fixed.nii.gz"), str(folder / "noise.mha"), "--model", "rigid", "--json"]
    masks = ["--fixed-mask", str(folder / "fixed-organ.nii.gz"), "--moving-mask", str(folder / "moving-organ.nii.gz")]
    code, found, said = call([*given, *masks, "--out", str(folder / "noise")], capsys)
    assert code == 3
    blocking = [each for each in found["findings"] if each["severity"] == "block"]
    assert [each["code"] for each in blocking] == ["no-match"]
    assert blocking[0]["text"].endswith(".")
    assert said == ""


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        (["--model", "elastic"], 2),
        (["--landmarks", "broken.csv"], 2),
        (["--landmarks", "other.csv"], 2),
        (["--landmarks", "absent.csv"], 2),
        (["--fixed-mask", "empty.nii.gz"], 4),
        (["--fixed-mask", "absent.nii.gz"], 2),
    ],
)
def test_that_wrong_words_and_empty_masks_end_in_one_sentence(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], wanted: int
) -> None:
    given = [more[0], more[1] if more[0] == "--model" else str(folder / more[1])]
    images = [str(folder / "fixed.nii.gz"), str(folder / "moving.mha")]
    code, found, said = call([*images, "--out", str(folder / "none"), "--json", *given], capsys)
    assert code == wanted
    assert found["error"]["message"].endswith(".")
    assert said.strip()
    assert not (folder / "none").exists()


def test_that_an_image_that_is_not_there_is_wrong_usage(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = [str(folder / "absent.mha"), str(folder / "moving.mha"), "--out", str(folder / "none"), "--json"]
    assert call(absent, capsys)[0] == 2
