from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.app.templates import lint, procedures_root
from planner.cli.entry import run
from planner.errors import InputRefused


def call(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, Any]:
    code = run(list(words), open_desktop=lambda paths, url: 9, make_renderer=lambda: pytest.fail("nothing is drawn"))
    out = capsys.readouterr().out
    return code, json.loads(out) if "--json" in words else out


def test_that_templates_are_listed_with_id_title_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = call("templates", "--json", capsys=capsys)
    assert code == 0
    assert document["templates"]
    assert all({"id", "title", "version"} <= each.keys() for each in document["templates"])
    code, table = call("templates", capsys=capsys)
    assert code == 0
    assert document["templates"][0]["title"] in table


def test_that_one_template_is_shown_with_fields_and_the_source_of_every_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, listed = call("templates", "--json", capsys=capsys)
    template_id = listed["templates"][0]["id"]
    code, document = call("templates", template_id, "--json", capsys=capsys)
    assert code == 0
    checks = [check for stage in document["stages"] for check in stage["checks"]]
    assert checks
    assert all(check["source"] and check["tag"] for check in checks)
    assert any(stage["fields"] for stage in document["stages"])
    code, page = call("templates", template_id, capsys=capsys)
    assert code == 0
    assert document["stages"][-1]["title"] in page


def test_that_an_unknown_template_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = call("templates", "no-such", "--json", capsys=capsys)
    assert code == 2
    assert document["error"]["code"] == "unknown-template"


def test_that_every_shipped_procedure_passes_lint(capsys: pytest.CaptureFixture[str]) -> None:
    for folder in sorted(path.parent for path in procedures_root().glob("*/template.toml")):
        code, document = call("template", "lint", str(folder), "--json", capsys=capsys)
        assert (code, document["findings"], document["loadable"]) == (0, [], True)
    assert lint(procedures_root()) == ()


def test_that_lint_lists_every_problem_and_exits_three(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    head = '[template]\nid = "x"\ntitle = "X"\nversion = "1"\npackage = "not.there"\n'
    text = f'{head}[stages.a]\ntitle = "A"\nphase = "lunch"\n'
    (folder / "template.toml").write_text(text, encoding="utf-8")
    code, document = call("template", "lint", str(folder), "--json", capsys=capsys)
    assert code == 3
    assert {"unknown-package", "unknown-name", "missing-key"} <= {each["code"] for each in document["findings"]}
    assert all(each["severity"] == "block" for each in document["findings"])
    code, page = call("template", "lint", str(folder / "template.toml"), capsys=capsys)
    assert code == 3
    assert "phase" in page


def test_that_an_external_template_may_include_a_shipped_one(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    name = next(path.parent.name for path in sorted(procedures_root().glob("*/template.toml")))
    head = 'id = "x"\ntitle = "X"\nversion = "1"\n'
    body = f'[template]\n{head}package = "procedures.{name}"\nincludes = ["procedures.{name}"]\n'
    (folder / "template.toml").write_text(body, encoding="utf-8")
    assert [each for each in lint(folder) if each.code in ("missing-file", "circular")] == []


def test_that_a_place_without_a_template_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, document = call("template", "lint", str(tmp_path / "none"), "--json", capsys=capsys)
    assert (code, document["error"]["code"]) == (4, "missing-file")
    (tmp_path / "other.toml").write_text("", encoding="utf-8")
    with pytest.raises(InputRefused):
        lint(tmp_path / "other.toml")


def test_that_listing_templates_loads_no_heavy_library() -> None:
    heavy = ("SimpleITK", "scipy", "numba", "vtk", "PySide6", "highdicom", "sqlalchemy", "reportlab")
    script = (
        "import sys; from planner.app.templates import list_templates; list_templates(); "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
