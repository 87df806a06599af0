"""``paths`` as the contract has it, through the real entry."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK
from data import shared_data
from needle_bench import scene, signed_to_points

from planner.app.image_masks import open_mask
from planner.app.needle_path_files import avoid_word
from planner.cli.entry import run
from planner.errors import UsageError
from planner.geometry import Grid
from planner.imaging.masks import Mask
from planner.model.needle_rules import NeedleRules
from planner.planning.path_search import Aim, search
from planner.planning.path_target import target_in


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any, str]:
    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    code = run(words, open_desktop=none, make_renderer=none)
    caught = capsys.readouterr()
    return code, json.loads(caught.out) if "--json" in words else caught.out, caught.err


def _write(path: Path, voxels: np.ndarray, grid: Grid) -> str:
    """NIfTI is RAS inside; SimpleITK takes LPS and turns it."""
    image = SimpleITK.GetImageFromArray(voxels)
    image.SetSpacing(grid.spacing_kji_mm[::-1])
    image.SetOrigin(grid.lps_from_kji.points((0, 0, 0)).tolist())
    image.SetDirection(grid.axes_lps[:, ::-1].ravel().tolist())
    SimpleITK.WriteImage(image, str(path))
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The bench as a CT without bone, lung or vessels, and its masks, each in its own grid."""
    folder, made = tmp_path_factory.mktemp("paths"), scene()
    grid = made.body.grid
    hu = np.where(made.body.full(), 40, -1000).astype(np.int16)
    masks = {"skin": made.body, "target": made.target, "organ": made.organ}
    masks |= {item.key: item.mask for item in made.obstacles}
    both = made.target.full() | made.obstacles[0].mask.full()
    masks |= {"two": Mask.of(grid, both), "empty": Mask.empty(grid)}
    far = Grid.of(grid.size_kji, origin_lps_mm=(900.0, 900.0, 900.0), spacing_kji_mm=(3.0, 1.4, 1.4), frame_uid="1")
    written = {key: _write(folder / f"{key}.nii.gz", m.full().astype(np.uint8), m.grid) for key, m in masks.items()}
    written["far"] = _write(folder / "far.nii.gz", made.target.full().astype(np.uint8), far)
    written["ct"] = _write(folder / "ct.nii.gz", hu, grid)
    return written


def _words(files: dict[str, str], *more: str) -> list[str]:
    avoid = [f"--avoid={key}={files[key]}:{mm}" for key, mm in (("ball", 4), ("tube", 2), ("plate", 0))]
    base = ["paths", "--ct", files["ct"], "--target", files["target"], *avoid, "--skin", files["skin"]]
    return [*base, "--max-length", "58", "--no-automatic", *more, "--json"]


def test_that_paths_has_the_keys_of_the_contract_and_every_path_keeps_its_distances(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, _ = call(_words(files, "--top", "5"), capsys)
    assert code == 0, document
    assert {"paths", "candidates", "feasible", "seconds", "findings"} <= set(document)
    assert len(document["paths"]) == 5
    assert document["candidates"] > document["feasible"] > 100
    required = {"entry_lps_mm", "target_lps_mm", "length_mm", "in_plane_deg", "out_of_plane_deg", "clearances_mm"}
    for path in document["paths"]:
        assert required | {"score", "findings"} <= set(path)
        assert set(path["clearances_mm"]) == {"ball", "tube", "plate"}
        assert path["clearances_mm"]["ball"] >= 4.0
        assert path["clearances_mm"]["tube"] >= 2.0
        assert path["length_mm"] == pytest.approx(math.dist(path["entry_lps_mm"], path["target_lps_mm"]))
        assert path["length_mm"] <= 58.0
    scores = [path["score"] for path in document["paths"]]
    assert scores == sorted(scores, reverse=True)


def test_that_files_give_the_same_search_as_the_masks_themselves(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, document, _ = call(_words(files, "--top", "1"), capsys)
    made = scene()
    rules = NeedleRules("ablation")
    expected = search(Aim(target_in(made.target), made.body, rules, 0.0, 58.0), made.obstacles)
    assert (document["candidates"], document["feasible"]) == (expected.candidates, expected.feasible)
    np.testing.assert_allclose(document["paths"][0]["target_lps_mm"], expected.setting.target.point_lps_mm, atol=1e-3)


def test_that_gauge_and_diameter_take_from_the_clearance(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    axis = call(_words(files, "--top", "400"), capsys)[1]
    thick = call(_words(files, "--top", "400", "--diameter", "4.0"), capsys)[1]
    gauge = call(_words(files, "--gauge", "17"), capsys)[1]
    assert thick["feasible"] < gauge["feasible"] < axis["feasible"]
    by_entry = {tuple(path["entry_lps_mm"]): path for path in axis["paths"]}
    shared_entries = [path for path in thick["paths"] if tuple(path["entry_lps_mm"]) in by_entry]
    assert shared_entries
    for path in shared_entries:
        other = by_entry[tuple(path["entry_lps_mm"])]["clearances_mm"]["ball"]
        assert other - path["clearances_mm"]["ball"] == pytest.approx(2.0, abs=0.06)


def test_that_an_organ_a_point_and_a_posture_are_taken(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    centre = scene().target.centroid_lps_mm()
    assert centre is not None
    words = _words(files, "--organ", files["organ"], "--position", "prone")
    words[words.index("--target") + 1] = ",".join(f"{value:.2f}" for value in centre)
    code, document, _ = call(words, capsys)
    assert code == 0
    assert document["position"] == "patient prone, head first"
    np.testing.assert_allclose(document["paths"][0]["target_lps_mm"], centre, atol=0.01)
    assert document["paths"][0]["organ_mm"] > 5.0
    assert document["paths"][0]["capsule_deg"] < 90.0
    assert "capsule" in document["ranking"]


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"--target": "empty"}, "empty-mask", "target"),
        ({"--target": "far"}, "mask-outside", "outside the image"),
        ({"--target": "two"}, "several-targets", "2 separate parts: part 1 ("),
        ({"--skin": "empty"}, "empty-mask", "skin"),
    ],
)
def test_that_each_wrong_mask_has_a_clear_answer(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], change: dict[str, str], code: str, named: str
) -> None:
    words = _words(files)
    for option, key in change.items():
        words[words.index(option) + 1] = files[key]
    exit_code, document, _ = call(words, capsys)
    assert exit_code == 4
    assert document["error"]["code"] == code
    assert named in document["error"]["message"]


def test_that_an_empty_structure_is_refused_and_a_part_can_be_picked(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, document, _ = call([*_words(files), "--avoid", f"colon={files['empty']}"], capsys)
    assert (code, document["error"]["code"]) == (4, "empty-mask")
    assert "colon" in document["error"]["message"]
    words = _words(files, "--part", "2")
    words[words.index("--target") + 1] = files["two"]
    code, document, _ = call(words, capsys)
    assert code == 0
    centre = scene().target.centroid_lps_mm()
    assert centre is not None
    np.testing.assert_allclose(document["paths"][0]["target_lps_mm"], centre, atol=3.0)


def test_that_an_unreachable_target_gives_no_path_and_the_limit_that_costs_most(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = _words(files)
    words[words.index("--max-length") + 1] = "15"
    code, document, _ = call(words, capsys)
    assert code == 0
    assert (document["paths"], document["feasible"]) == ([], 0)
    assert document["costliest_limit"]["name"] == "length"
    said = next(each["text"] for each in document["findings"] if each["code"] == "no-path")
    assert "15 mm" in said
    shut, document, _ = call(_words(files, "--avoid", f"liver={files['organ']}:1"), capsys)
    assert shut == 0
    assert document["paths"] == []
    assert document["costliest_limit"]["name"] == "liver"
    assert document["rejected"]["liver"] > 0


def test_that_a_named_template_blocks_while_its_required_structures_were_not_looked_at(
    files: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    free_code, free, _ = call(_words(files), capsys)
    code, document, _ = call(_words(files, "--template", "ablation"), capsys)
    assert (free_code, code) == (0, 3)
    assert "vessels" in document["not_checked"]
    assert document["admissible"] == 0
    blocking = [each for each in document["findings"] if each["severity"] == "block"]
    assert [each["code"] for each in blocking] == ["not-checked"]
    # Its limits hold as well: out of plane, table and gantry.
    assert document["feasible"] < free["feasible"]
    assert all(abs(path["out_of_plane_deg"]) <= 45.0 for path in document["paths"])


def test_that_what_the_ct_shows_is_avoided_and_said(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in _words(files) if word != "--no-automatic"]
    code, document, _ = call(words, capsys)
    assert code == 0
    codes = {each["code"] for each in document["findings"]}
    assert codes & {"automatic-structures", "automatic-failed", "not-looked-for"}
    off = call(_words(files), capsys)[1]
    assert any("NOT CHECKED: bone" in each["text"] for each in off["findings"])


@pytest.mark.parametrize("more", [("--top", "0"), ("--max-length", "-3"), ("--position", "upright"), ("--gauge", "3")])
def test_that_wrong_words_exit_2(
    files: dict[str, str], capsys: pytest.CaptureFixture[str], more: tuple[str, ...]
) -> None:
    assert call(_words(files, *more), capsys)[0] == 2


def test_that_names_files_and_distances_to_avoid_are_told_apart() -> None:
    word = avoid_word("colon=a/seg.nii.gz#4:7.5")
    assert (word.name, word.file, word.hard_mm) == ("colon", "a/seg.nii.gz#4", 7.5)
    plain = avoid_word("colon=C:/scan/seg.nii.gz#colon")
    assert (plain.file, plain.hard_mm) == ("C:/scan/seg.nii.gz#colon", None)
    for wrong in ("colon", "=seg.nii", "colon=", "colon=seg.nii:-3", "colon=seg.nii:nan"):
        with pytest.raises(UsageError):
            avoid_word(wrong)


def test_that_a_name_given_twice_is_refused(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    code, document, _ = call(_words(files, "--avoid", f"Ball={files['ball']}"), capsys)
    assert (code, document["error"]["code"]) == (2, "name-twice")


def test_that_a_table_is_printed_for_people(files: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in _words(files) if word != "--json"]
    code, text, _ = call(words, capsys)
    assert code == 0
    assert "Checked: ball, tube, plate" in text
    assert "NOT CHECKED" in text


def test_that_real_masks_of_other_grids_are_taken_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared_data("med-rad/Liver/Patient1")
    liver = open_mask(str(folder / "liver.nii.gz"))
    ellipse = np.hypot(*np.ogrid[-1.5:1.5:512j, -1.5:1.5:512j]) <= 1.0
    body = np.repeat(ellipse[None].astype(np.uint8), liver.grid.size_kji[0], axis=0)
    skin = _write(tmp_path / "skin.nii.gz", body, liver.grid)
    vessels = ["hepaticArtery", "hepaticVein", "portalVein"]
    words = ["paths", "--ct", str(folder / "liver.nii.gz"), "--target", str(folder / "nodule.nii.gz"), "--json"]
    words += [f"--avoid={name}={folder / f'{name}.nii.gz'}:1" for name in vessels]
    words += ["--skin", skin, "--no-automatic", "--top", "3", "--max-length", "95"]
    code, document, _ = call(words, capsys)
    assert code == 0
    assert document["feasible"] > 0
    best = document["paths"][0]
    ends = np.array([best["entry_lps_mm"], best["target_lps_mm"]])
    along = ends[0] + np.linspace(0.0, 1.0, 400)[:, None] * (ends[1] - ends[0])
    for name in vessels:
        labels = open_mask(str(folder / f"{name}.nii.gz"))
        expected = signed_to_points(Mask.of(labels.grid, labels.voxels != 0), along).min()
        assert best["clearances_mm"][name] >= 1.0
        assert best["clearances_mm"][name] == pytest.approx(expected, abs=0.5 * max(labels.grid.spacing_kji_mm))
    assert liver.grid.contains_kji(liver.grid.kji_from_lps.points(document["paths"][0]["target_lps_mm"]))
