"""``stent`` as the contract has it, on a generated windpipe with a known stricture."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from paper import FakeRenderer, text_of

from planner.cli.entry import run
from planner.clinical.registry import evaluate
from planner.dicom.volume_writing import write_voxels
from planner.geometry import Grid

PROPOSAL = {"device", "diameter_mm", "length_mm", "oversize_percent", "findings"}
STENOSIS = {"start_mm", "end_mm", "length_mm", "minimum_diameter_mm", "percent"}


LENGTH, HEALTHY, LEAST, START, END = 60.0, 15.0, 7.0, 20.0, 36.0
"""Of the windpipe, mm: its diameter falls and rises again by a cosine between start and end."""
TOP = np.array([25.0, 24.0, 70.0])
DOWN = np.array([0.1, 0.15, -1.0]) / np.linalg.norm([0.1, 0.15, -1.0])


def diameter(along_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    share = np.clip((along_mm - START) / (END - START), 0.0, 1.0)
    narrowed: NDArray[np.float64] = HEALTHY - (HEALTHY - LEAST) * np.sin(np.pi * share) ** 2
    return narrowed


def place(along_mm: float) -> str:
    return ",".join(f"{each:.3f}" for each in TOP + along_mm * DOWN)


@dataclass(frozen=True)
class Windpipe:
    file: str

    def words(self, *more: str) -> list[str]:
        ends = ("--from", place(0.0), "--to", place(LENGTH))
        return ["stent", "--ct", self.file, *ends, "--kind", "airway", *more]


@pytest.fixture(scope="module")
def windpipe(tmp_path_factory: pytest.TempPathFactory) -> Windpipe:
    """A straight tube of air, askew to the grid, in soft tissue, with some noise."""
    grid = Grid.of((84, 58, 60), frame_uid="1.2.3")
    lps = grid.lps_from_kji.points(np.indices(grid.size_kji).reshape(3, -1).T.astype(np.float64))
    along = (lps - TOP) @ DOWN
    away = np.linalg.norm(lps - TOP - along[:, None] * DOWN, axis=1)
    inside = np.clip(0.5 - (away - diameter(along) / 2.0) / 1.5, 0.0, 1.0)
    values = 40.0 - 1030.0 * inside + np.random.default_rng(5).normal(0.0, 15.0, len(lps))
    path = tmp_path_factory.mktemp("stent") / "airway.nii.gz"
    write_voxels(values.reshape(grid.size_kji).astype(np.int16), grid, path)
    return Windpipe(str(path))


@pytest.fixture(scope="module")
def sized(windpipe: Windpipe) -> dict[str, Any]:
    """The answer for a trachea, computed once."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert run(windpipe.words("--site", "trachea", "--json"), open_desktop=none, make_renderer=none) == 0
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def none(*given: object) -> Any:
    raise AssertionError(f"neither a window nor a renderer is needed: {given}")


def call(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    """Exit code, and the JSON document or the text of stdout."""
    code = run(words, open_desktop=none, make_renderer=none)
    out = capsys.readouterr().out
    return code, json.loads(out) if "--json" in words else out


def test_that_the_answer_holds_every_key_of_the_contract_and_is_near_the_truth(sized: dict[str, Any]) -> None:
    found = sized
    assert len(found["centreline"]["points_lps_mm"]) == len(found["centreline"]["diameter_mm"])
    assert set(found["stenosis"]) >= STENOSIS
    assert set(found["reference_diameter_mm"]) == {"proximal", "distal"}
    assert all(set(each) >= PROPOSAL for each in found["proposals"])
    assert found["stenosis"]["minimum_diameter_mm"] == pytest.approx(LEAST, abs=0.5)
    assert found["stenosis"]["percent"] == pytest.approx(100.0 * (1.0 - LEAST / HEALTHY), abs=3.0)
    assert START - 1.0 < found["stenosis"]["start_mm"] < START + 6.0
    assert END - 6.0 < found["stenosis"]["end_mm"] < END + 1.0
    assert found["reference_diameter_mm"]["distal"] == pytest.approx(HEALTHY, abs=0.5)
    assert np.linalg.norm(np.subtract(found["centreline"]["points_lps_mm"][0], TOP)) < 1.0


def test_that_the_rules_size_comes_first_and_products_are_cited(sized: dict[str, Any]) -> None:
    first, *products = sized["proposals"]
    reference = max(sized["reference_diameter_mm"].values())
    rule = evaluate("stent_diameter", {"site": "trachea", "lumen": reference})
    assert first["device"] is None
    assert rule.number("low") <= first["diameter_mm"] <= rule.number("high")
    assert first["oversize_percent"] == pytest.approx(100.0 * (first["diameter_mm"] / reference - 1.0))
    assert first["length_mm"] == pytest.approx(sized["stenosis"]["length_mm"] + 20.0)
    assert products
    assert all(each["device"] and each["source"] and each["tag"] for each in products)
    assert all(each["length_mm"] >= first["length_mm"] - 1e-6 for each in products)


def test_that_a_blocking_rule_exits_with_3_and_table_and_sheet_say_it(
    windpipe: Windpipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "sheet.pdf"
    words = windpipe.words(
        "--indication", "benign", "--type", "bare", "--mark", f"carina={place(28.0)}", "--between", "18,38"
    )
    code, said = call([*words, "--sheet", str(out)], capsys)
    paper = text_of(out)
    assert code == 3
    assert "by the rule" in said
    assert "No site was named" in said
    assert "stenosis 18 to 38 mm" in said
    for words_of_rule in ("Benign disease and uncovered metal", "across the carina"):
        assert words_of_rule in said
        assert words_of_rule in paper
    assert "in no case" in paper


def test_that_a_curved_picture_runs_along_the_lumen(
    windpipe: Windpipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = FakeRenderer()
    out = tmp_path / "curved.png"
    words = ["snapshot", windpipe.file, "--layout", "curved", "--size", "640x400", "--out", str(out), "--json"]
    words += windpipe.words()[3:]
    assert run(words, open_desktop=lambda paths, url: 0, make_renderer=lambda: drawn) == 0
    assert json.loads(capsys.readouterr().out) == {"out": str(out), "size": [640, 400]}
    (sheet,) = drawn.sheets
    assert [each.title.split()[0].rstrip(",") for each in sheet.panels] == ["curved", "curved", "straightened"]
    straight = sheet.panels[2].picture
    middle = straight[:, straight.shape[1] // 2 - 1 : straight.shape[1] // 2 + 2]
    # The lumen of air runs down the middle, and the wall beside it is brighter.
    assert np.median(middle) < 100
    assert np.percentile(straight, 90) > 200


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--from", "1,2"), "bad-point"),
        (("--kind", "knee"), "unknown-lumen"),
        (("--site", "svc"), "unknown-site"),
        (("--site", "knee"), "unknown-site"),
        (("--type", "gold"), "unknown-type"),
        (("--indication", "boredom"), "unknown-indication"),
        (("--mark", "carina"), "bad-point"),
        (("--way", "-2"), "bad-length"),
        (("--between", "40,20"), "bad-length"),
    ],
)
def test_that_wrong_words_exit_with_2(
    words: tuple[str, ...], code: str, windpipe: Windpipe, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, document = call(windpipe.words(*words, "--json"), capsys)
    assert (exit_code, document["error"]["code"]) == (2, code)


def test_that_a_click_outside_the_image_is_refused(windpipe: Windpipe, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = call(windpipe.words("--to", "-900.5,0,0", "--json"), capsys)
    assert (code, document["error"]["code"]) == (4, "click-outside-image")
