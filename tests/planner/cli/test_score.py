"""The verb ``score`` and the way into the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.app.rendering import Renderer
from planner.cli import entry, log
from planner.cli.entry import VERBS, run
from planner.cli.output import emit, exit_code_for, jsonable, plain
from planner.errors import BugError, InputRefused
from planner.findings import Finding, Severity

ROOT = Path(__file__).resolve().parents[3]


def no_renderer() -> Renderer:
    raise AssertionError("a light verb asked for a renderer")


class Desktop:
    """Remembers what the window was opened on."""

    def __init__(self) -> None:
        self.opened: list[tuple[list[Path], str | None]] = []

    def __call__(self, paths: list[Path], library_url: str | None) -> int:
        self.opened.append((paths, library_url))
        return 0


def call(*words: str) -> int:
    return run(list(words), open_desktop=Desktop(), make_renderer=no_renderer)


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    code = call(*words, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_that_a_score_is_printed_as_one_json_document(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = answer(capsys, "score", "albi", "bilirubin=20umol/L", "albumin=35g/L")
    assert code == 0
    assert document["outputs"]["score"] == {"value": pytest.approx(-2.1163, abs=5e-5), "unit": "1"}
    assert (document["rule"], document["grade"], document["tag"], document["verified"]) == ("albi", "2", "M", False)
    assert document["findings"] == []


def test_that_a_score_is_readable_without_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("score", "albi", "bilirubin=20umol/L", "albumin=35g/L") == 0
    printed = capsys.readouterr().out
    assert "-2.12" in printed
    assert "unverified default" in printed


def test_that_a_file_is_taken_as_input(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "values.json"
    path.write_text(json.dumps({"inputs": {"nodules": {"value": 3, "unit": "1"}, "largest_diameter": 45}}), "utf-8")
    code, document = answer(capsys, "score", "tumour_burden", "--input", str(path))
    assert code == 0
    assert document["outputs"]["milan_in"]["value"] is None
    named = {finding["subject"] for finding in document["findings"] if finding["code"] == "missing-input"}
    assert named == {"vascular_invasion", "extrahepatic"}


def test_that_lists_and_negative_numbers_are_read(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = answer(capsys, "score", "ellipsoid_volume", "axes=4.2,3.5,3.5cm")
    assert (code, document["outputs"]["volume"]["value"]) == (0, pytest.approx(26.939, abs=1e-3))
    code, document = answer(capsys, "score", "mam_flag", "mam=-3mm", "tre=4.1mm")
    assert (code, document["grade"]) == (0, "true")


def test_that_a_blocking_finding_exits_3_and_a_confirmation_lifts_it(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["score", "macd", "weight=70kg", "creatinine=88mg/dL"]
    code, document = answer(capsys, *words)
    assert (code, document["outputs"]["max_contrast"]["value"]) == (3, None)
    code, document = answer(capsys, *words, "--confirm", "creatinine")
    assert (code, document["outputs"]["max_contrast"]["value"]) == (0, pytest.approx(5 * 70 / 88))


def test_that_a_profile_overrides_and_shows(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text('{"macd": {"cap": 200}}', "utf-8")
    code, document = answer(capsys, "score", "macd", "weight=70kg", "creatinine=1mg/dL", "--profile", str(profile))
    assert (code, document["outputs"]["max_contrast"]["value"], document["overridden"]) == (0, 200, ["cap"])


def test_that_rules_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = answer(capsys, "score", "--list")
    assert code == 0
    rules = {rule["rule"]: rule for rule in document["rules"]}
    assert len(rules) >= 52
    assert rules["meld3"]["inputs"]["bilirubin"] == "mg/dL"
    assert {"rule", "title", "version", "inputs", "source", "verified"} <= set(rules["bclc"])


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["score", "albix"], 2, "unknown-rule"),
        (["score", "albi", "colour=blue"], 2, "unknown-input"),
        (["score", "albi", "bilirubin"], 2, "not-an-assignment"),
        (["score", "albi", "albumin=35g/L", "albumin=36g/L"], 2, "repeated-input"),
        (["score"], 2, "usage"),
        (["score", "--nope"], 2, "usage"),
        (["score", "albi", "albumin=high"], 4, "unreadable-number"),
        (["score", "albi", "albumin=35furlong"], 4, "unknown-unit"),
        (["score", "albi", "albumin=35kg"], 4, "incompatible-unit"),
        (["score", "albi", "--input", "no/such/file.json"], 4, "unreadable-file"),
        (["nonsense"], 2, "usage"),
    ],
)
def test_that_what_is_wrong_has_its_exit_code(
    capsys: pytest.CaptureFixture[str], words: list[str], code: int, error: str
) -> None:
    given, document = answer(capsys, *words)
    assert (given, document["error"]["code"]) == (code, error)
    assert document["error"]["message"]


@pytest.mark.parametrize(
    "content", ["[1]", "{", '{"inputs": {"albumin": NaN}}', '{"rule": "bclc", "inputs": {}}', "{}"]
)
def test_that_a_file_of_another_shape_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, content: str
) -> None:
    path = tmp_path / "values.json"
    path.write_text(content, "utf-8")
    code, document = answer(capsys, "score", "albi", "--input", str(path))
    assert code == 4
    assert document["error"]["message"]


def test_that_no_verb_and_existing_paths_open_the_desktop(tmp_path: Path) -> None:
    desktop = Desktop()
    assert run([], open_desktop=desktop, make_renderer=no_renderer) == 0
    words = ["--library", "sqlite:///x.db", str(tmp_path)]
    assert run(words, open_desktop=desktop, make_renderer=no_renderer) == 0
    assert desktop.opened == [([], None), ([tmp_path], "sqlite:///x.db")]


def test_that_anything_else_exits_2_with_usage(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    desktop = Desktop()
    for words in (["scores"], [str(tmp_path), "absent"], [""], ["--library"], ["--frobnicate"]):
        assert run(words, open_desktop=desktop, make_renderer=no_renderer) == 2
        assert "Usage" in capsys.readouterr().err
    assert desktop.opened == []


def test_that_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help") == 0
    printed = capsys.readouterr().out
    assert all(verb in printed for verb in VERBS)


def test_that_our_bug_is_one_line_and_a_log_without_the_message(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(log, "log_file", lambda: tmp_path / "logs" / "seldinger.log")

    def broken(paths: list[Path], library_url: str | None) -> int:
        try:
            raise ValueError("MÜLLER^ANNA")
        except ValueError as error:
            raise BugError("about MÜLLER^ANNA") from error

    assert run([], open_desktop=broken, make_renderer=no_renderer) == 1
    said = capsys.readouterr().err
    written = (tmp_path / "logs" / "seldinger.log").read_text("utf-8")
    assert "seldinger.log" in said
    assert len(said.splitlines()) == 1
    assert "BugError" in written
    assert "ValueError" in written
    assert "test_score.py" in written
    assert "MÜLLER" not in said + written


def test_that_a_refusal_inside_the_desktop_exits_4(capsys: pytest.CaptureFixture[str]) -> None:
    def refusing(paths: list[Path], library_url: str | None) -> int:
        raise InputRefused("too-new", "The library was written by a newer version; update this program.")

    assert run([], open_desktop=refusing, make_renderer=no_renderer) == 4
    assert "newer version" in capsys.readouterr().err


def test_that_only_the_module_of_the_verb_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    imported: list[str] = []
    real = entry.importlib.import_module

    def remember(name: str) -> Any:
        imported.append(name)
        return real(name)

    monkeypatch.setattr(entry.importlib, "import_module", remember)
    assert call("score", "--list") == 0
    assert [name for name in imported if name.startswith("planner.cli.")] == ["planner.cli.score"]


def test_that_json_has_no_nan_and_terminals_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"a": float("nan"), "b": (1.0, float("inf")), "path": Path("x")}, True, lambda console: None)
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [1.0, None], "path": "x"}
    assert jsonable({1: {"x"}}) == {"1": ["x"]}
    assert "\x1b" not in plain("Name\x1b[2J\x07")


def test_that_a_block_decides_the_exit_code() -> None:
    warn = Finding("a", Severity.WARN, "")
    assert exit_code_for([warn]) == 0
    assert exit_code_for([warn, Finding("b", Severity.BLOCK, "")]) == 3


def test_that_listing_rules_loads_nothing_heavy() -> None:
    code = (
        "import sys; sys.path.insert(0, '.'); import main; sys.argv = ['main.py', 'score', '--list', '--json'];"
        "code = main.main();"
        "heavy = {'numpy', 'scipy', 'numba', 'SimpleITK', 'pydicom', 'vtk', 'vtkmodules', 'PySide6', 'sqlalchemy'};"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert json.loads(done.stdout)["rules"]


def test_that_what_a_library_writes_to_stdout_does_not_reach_the_answer() -> None:
    code = (
        "import os, sys; sys.path.insert(0, '.')\n"
        "from planner.cli.output import guarded_stdout, emit\n"
        "with guarded_stdout():\n"
        "    os.write(1, b'noise')\n"
        "    emit({'a': 'é'}, True, lambda console: None)\n"
        "print('after')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert done.stdout.decode("utf-8").split("\n") == ['{"a": "é"}', "after", ""]
    assert done.stderr == b"noise"
