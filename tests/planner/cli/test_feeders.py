"""``feeders`` as the contract has it, through the real entry, on a small drawn liver."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from planner.cli.entry import run
from planner.dicom.volume_writing import write_voxels
from planner.geometry import Grid

KEYS = {"feeders", "tumour_coverage", "territory_ml", "non_target_ml", "working_view", "candidates", "seconds"}
ROW = {
    "rank", "segment", "path", "entry_lps_mm", "distance_mm", "share", "diameter_mm", "length_from_root_mm",
    "total_turning_deg",
}  # fmt: skip
ROOT = "-30,0,0"
GRID = Grid.of((60, 60, 80), origin_lps_mm=(-40.0, -30.0, -30.0), spacing_kji_mm=(1.0,) * 3, frame_uid="1.2")


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(["feeders", *words], open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A trunk along x that forks: one branch ends in the tumour, one passes by, one leads away."""
    z, y, x = np.meshgrid(*(np.arange(size) for size in GRID.size_kji), indexing="ij")
    places = GRID.lps_from_kji.points(np.stack([z, y, x], axis=-1))
    tubes = [
        ((-33, 0, 0), (-12, 0, 0), 2.6),
        ((-12, 0, 0), (14, 0, 0), 1.6),
        ((-12, 0, 0), (2, 12, 0), 1.6),
        ((2, 12, 0), (30, 12, 0), 1.6),
        ((-12, 0, 0), (-12, 0, -24), 1.6),
    ]
    vessels = np.zeros(GRID.size_kji, dtype=np.bool_)
    for start, end, radius in tubes:
        way = np.subtract(end, start)
        share = np.clip((places - start) @ way / (way @ way), 0.0, 1.0)
        vessels |= np.linalg.norm(places - start - share[..., None] * way, axis=-1) <= radius
    tumour = np.linalg.norm(places - (12, 0, 0), axis=-1) <= 9.0
    organ = np.linalg.norm(places, axis=-1) <= 29.0
    noise = np.random.default_rng(5).normal(0.0, 8.0, GRID.size_kji)
    image = np.where(vessels, 300.0, np.where(tumour, 120.0, 70.0)) + noise
    folder = tmp_path_factory.mktemp("feeders")
    written = {"ct": image.astype(np.int16), "vessels": vessels, "tumour": tumour, "organ": organ}
    written["empty"] = np.zeros_like(vessels)
    for name, voxels in written.items():
        kept = voxels if name == "ct" else voxels.astype(np.uint8)
        write_voxels(kept, GRID, folder / f"{name}.nii.gz")
    return {name: str(folder / f"{name}.nii.gz") for name in written}


def words(files: dict[str, str], *more: str) -> list[str]:
    return [
        *("--ct", files["ct"], "--tumour", files["tumour"], "--root", ROOT, "--vessels", files["vessels"]),
        *more,
        "--json",
    ]


def test_that_the_document_has_the_contracts_keys_and_the_feeder(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, found, _ = call(words(files, "--organ", files["organ"]), capsys)
    assert code == 0
    assert set(found) >= KEYS
    assert len(found["feeders"]) == 1
    row = found["feeders"][0]
    assert set(row) >= ROW
    assert row["rank"] == 1
    assert row["share"] == 1.0
    assert row["entry_lps_mm"] == pytest.approx((3.0, 0.0, 0.0), abs=1.2)
    assert row["length_from_root_mm"] == pytest.approx(33.0, abs=6.0)
    assert row["segment"] in row["path"]
    assert any("Passes" in each["reason"] for each in found["candidates"])
    assert 0.5 < found["tumour_coverage"] <= 1.0
    assert found["territory_ml"] > found["non_target_ml"] > 0.0
    assert set(found["working_view"]) >= {"primary_deg", "secondary_deg", "foreshortening", "overlap"}
    assert any("is not a feeder absent" in each["text"] for each in found["findings"])


def test_that_without_an_organ_there_is_no_territory(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, found, _ = call(words(files), capsys)
    assert code == 0
    assert (found["tumour_coverage"], found["territory_ml"], found["non_target_ml"]) == (None, None, None)
    assert found["feeders"]


def test_that_the_table_speaks_of_main_and_minor_and_not_of_shares(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, said, _ = call(words(files)[:-1], capsys)
    assert code == 0
    assert "main" in said
    assert "A feeder not found is not a feeder absent." in said
    assert "confirm by DSA/CBCT" in said


@pytest.mark.parametrize(
    ("name", "value", "code", "error"),
    [
        ("--root", "1,2", 2, "bad-point"),
        ("--root", "900,0,0", 4, "root-outside"),
        ("--margin", "-3", 2, "bad-margin"),
        ("--tumour", "empty", 4, "empty-mask"),
        ("--tumour", "nowhere.nii.gz", 2, "no-such-path"),
    ],
)
def test_that_wrong_words_and_bad_input_are_refused_with_one_sentence(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], name: str, value: str, code: int, error: str
) -> None:
    given = words(files)
    if name in given:
        at = given.index(name)
        given[at + 1] = files.get(value, value)
    else:
        given = [name, value, *given]
    got, found, _ = call(given, capsys)
    assert got == code
    assert found["error"]["code"] == error


def test_that_the_verb_explains_itself(capsys: pytest.CaptureFixture[str]) -> None:
    def none(*given: object) -> Any:
        raise AssertionError(f"nothing is needed: {given}")

    assert run(["feeders", "--help"], open_desktop=none, make_renderer=none) == 0
    assert "--vessels" in capsys.readouterr().out
