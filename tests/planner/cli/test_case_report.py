"""``case report`` in every kind: one PDF, noted in the library; a summary is a draft until somebody released it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from course_cases import hcc_case, lesion, tace_session
from paper import FakeRenderer, pages_of, text_of

from planner.cli.entry import run
from planner.store.actors import Actor
from planner.store.library import Library

Call = Callable[..., tuple[int, Any]]
CASE = "case-course"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """``case report`` on a library with one performed session."""
    url = f"sqlite:///{tmp_path / 'library.sqlite'}"
    library = Library.open(url, daily_backup=False)
    library.create_case(hcc_case(tace_session(1), lesions=(lesion("lesion-1"),)), Actor("Dr Made"))
    library.close()

    def no_window(*given: object) -> Any:
        raise AssertionError(f"no window is needed: {given}")

    def command(*words: str) -> tuple[int, Any]:
        asked = ["--library", url, "case", "report", *words, "--json"]
        code = run(asked, open_desktop=no_window, make_renderer=FakeRenderer)
        return code, json.loads(capsys.readouterr().out)

    return command


@pytest.mark.parametrize(
    ("kind", "title", "session"),
    [
        ("technical", "Technical record", "session-1"),
        ("course", "Course report", None),
        ("board", "Missing for the meeting", None),
    ],
)
def test_that_each_kind_is_written_and_counted(
    call: Call, tmp_path: Path, kind: str, title: str, session: str | None
) -> None:
    file = tmp_path / f"{kind}.pdf"
    code, document = call(CASE, "--kind", kind, "--out", str(file))
    assert (code, document["kind"], document["print"], document["session"]) == (0, kind, 1, session)
    found = pages_of(file)
    assert document["pages"] == len(found)
    assert title in " ".join(found)


def test_that_the_plan_is_what_is_printed_when_nothing_is_said(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "plan.pdf"
    code, document = call(f"{CASE}/session-1", "--out", str(file))
    assert (code, document["kind"], document["session"]) == (0, "plan", "session-1")
    assert file.read_bytes().startswith(b"%PDF")


def test_that_a_summary_is_printed_in_chinese_as_a_draft_of_one_page(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "summary.pdf"
    code, document = call(CASE, "--kind", "summary", "--language", "zh-Hans", "--out", str(file))
    assert (code, document["pages"]) == (0, 1)
    text = text_of(file)
    assert "DRAFT" in text
    assert "由医生填写" in text
    assert "肝细胞癌" not in text
    full = ("--language", "zh-Hans", "--disclosure", "full", "--addressee", "follow-up-doctor")
    call(CASE, "--kind", "summary", *full, "--out", str(file))
    assert "肝细胞癌" in text_of(file)


@pytest.mark.parametrize(
    ("words", "code"), [(("--language", "xx"), "unknown-language"), (("--disclosure", "all"), "unknown-disclosure")]
)
def test_that_unknown_words_are_refused_and_write_nothing(
    call: Call, tmp_path: Path, words: tuple[str, str], code: str
) -> None:
    file = tmp_path / "summary.pdf"
    exit_code, document = call(CASE, "--kind", "summary", *words, "--out", str(file))
    assert exit_code == 2
    assert document["error"]["code"] == code
    assert not file.exists()
