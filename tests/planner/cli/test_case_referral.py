"""The referral package on the command line: out of one library, as a case or into a case of another."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planner.cli.entry import run

Call = Callable[..., tuple[int, Any]]


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a ``case`` command with --json on a library of the test; exit code and document."""

    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    def command(*words: str, library: str = "library.sqlite") -> tuple[int, Any]:
        asked = ["--library", str(tmp_path / library), "case", *words, "--json"]
        code = run(asked, open_desktop=none, make_renderer=none)
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return command


def _new(call: Call, library: str, patient: str = "ZZPHI-1") -> str:
    words = ("new", "--patient-id", patient, "--name", "ZZPHI^Zoë", "--birth-date", "1951-02-03")
    return str(call(*words, library=library)[1]["case"])


def test_that_a_referral_goes_out_and_comes_in(call: Call, tmp_path: Path) -> None:
    case_id = _new(call, "centre.sqlite")
    out = str(tmp_path / "referral.zip")
    code, written = call("export", case_id, "--out", out, "--referral", "--to", "County", library="centre.sqlite")
    assert (code, written["revision"], written["not_coded"]) == (0, 1, [])
    code, read = call("import", "--referral", out, library="county.sqlite")
    assert (code, read["case"]) == (0, case_id)
    mine = _new(call, "other.sqlite")
    code, read = call("import", mine, "--referral", out, library="other.sqlite")
    assert (code, read["case"], read["revision"]) == (0, mine, 1)
    assert "Not taken over" in read["lines"][-1]


def test_that_another_patient_and_mixed_options_are_refused(call: Call, tmp_path: Path) -> None:
    case_id = _new(call, "centre.sqlite")
    out = str(tmp_path / "referral.zip")
    assert call("export", case_id, "--out", out, "--to", "County", library="centre.sqlite")[0] == 2
    assert call("export", case_id, "--out", out, "--referral", library="centre.sqlite")[0] == 0
    stranger = _new(call, "centre.sqlite", "ZZPHI-2")
    assert call("import", stranger, "--referral", out, library="centre.sqlite")[0] == 4
    assert call("import", stranger, out, "--referral", out, library="centre.sqlite")[0] == 2
