"""The verb ``response``: the contract's keys, exit codes, and what it refuses."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.cli.entry import run

ROOT = Path(__file__).resolve().parents[3]
KEYS = {
    "date",
    "sum_mm",
    "nadir_mm",
    "change_from_baseline",
    "change_from_nadir",
    "target",
    "non_target",
    "new_lesion",
    "overall",
}


def no_renderer() -> Any:
    raise AssertionError("a light verb asked for a renderer")


def call(*words: str) -> int:
    return run(["response", *words], open_desktop=lambda paths, url: 0, make_renderer=no_renderer)


def request(*sizes: float, **more: Any) -> dict[str, Any]:
    seen = [{"date": f"2026-0{at + 1}-01", "modality": "CT", "diameter_mm": size} for at, size in enumerate(sizes)]
    lesion = {"id": "a", "role": "target", "organ": "liver", "observations": seen}
    return {"criteria": "recist-1.1", "lesions": [lesion], **more}


def answer(capsys: pytest.CaptureFixture[str], tmp_path: Path, document: Any) -> tuple[int, dict[str, Any]]:
    path = tmp_path / "request.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    code = call(str(path), "--json")
    return code, json.loads(capsys.readouterr().out)


def test_that_the_answer_has_the_keys_of_the_contract(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, document = answer(capsys, tmp_path, request(30, 20, 30))
    assert code == 0
    assert {"timepoints", "findings"} <= set(document)
    assert all(set(point) >= KEYS for point in document["timepoints"])
    last = document["timepoints"][-1]
    assert (last["date"], last["sum_mm"], last["nadir_mm"], last["overall"]) == ("2026-03-01", 30.0, 20.0, "PD")
    assert (last["change_from_baseline"], last["change_from_nadir"]) == (0.0, 50.0)


def test_that_a_standing_block_exits_with_three(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, document = answer(capsys, tmp_path, request(8, 8))
    assert code == 3
    assert [finding["code"] for finding in document["findings"]] == ["not-measurable"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "not-json"),
        ('{"criteria": NaN}', "not-json"),
        ('{"criteria": "easl", "criteria": "choi"}', "repeated-key"),
        ("[" * 100_000, "not-json"),
        ("[]", "bad-request"),
        (json.dumps(request(-1)), "impossible-value"),
        (json.dumps(request(30, criteria="qeasl")), "unknown-word"),
    ],
)
def test_that_wrong_input_exits_with_four(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, code: str
) -> None:
    exit_code, document = answer(capsys, tmp_path, text)
    assert exit_code == 4
    assert (set(document), document["error"]["code"]) == ({"error"}, code)
    assert document["error"]["message"].endswith(".")


def test_that_a_missing_file_is_refused_and_no_file_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert call(str(tmp_path / "absent.json"), "--json") == 4
    assert call() == 2
    assert call(str(tmp_path), "--json") == 4
    capsys.readouterr()


def test_that_the_request_may_come_from_stdin_and_the_table_shows_what_is_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = request(30, 20)
    document["lesions"].append({"id": "b\u001b[31m", "role": "target", "organ": "lung", "observations": []})
    data = io.BytesIO(json.dumps(document).encode())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(data))
    assert call("-") == 3
    printed = capsys.readouterr().out
    assert "NE" in printed
    assert "\x1b" not in printed


def test_that_the_verb_loads_nothing_heavy(tmp_path: Path) -> None:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request(30, 20)), encoding="utf-8")
    script = (
        "import sys; sys.argv = ['main.py', 'response', sys.argv[1], '--json']\n"
        "from planner.cli.entry import run\n"
        "code = run(sys.argv[1:], open_desktop=lambda *a: 0, make_renderer=lambda: None)\n"
        "heavy = {'numpy', 'scipy', 'SimpleITK', 'numba', 'vtk', 'PySide6'} & set(sys.modules)\n"
        "sys.exit(code or bool(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
