"""The course of a case on the command line, through the real entry."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from planner.app.sessions import local_now
from planner.cli.entry import run

Call = Callable[..., tuple[int, Any]]
TODAY = local_now().date()
SOON = TODAY + timedelta(days=7)


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a ``case`` command on a library of the test; exit code and document (or the text of the page)."""

    def command(*words: str, as_json: bool = True) -> tuple[int, Any]:
        asked = ["--library", str(tmp_path / "library.sqlite"), "case", *words, *(["--json"] if as_json else [])]
        code = run(asked, open_desktop=lambda paths, url: 9, make_renderer=lambda: pytest.fail("nothing is drawn"))
        out = capsys.readouterr().out
        return code, json.loads(out) if as_json else out

    return command


@pytest.fixture
def case_id(call: Call) -> str:
    """A case with a course of two lobar sessions that begins in a week."""
    _, made = call("new", "--patient-id", "ZZPHI-1", "--name", "ZZPHI^A")
    code, document = call("course", str(made["case"]), "--start", "lobar_sessions", "--on", SOON.isoformat())
    assert (code, document["revision"]) == (3, 2), "no decision of the meeting stands: done, with a blocking finding"
    return str(made["case"])


def day(days: int) -> str:
    return (SOON + timedelta(days=days)).isoformat()


def planned(document: dict[str, Any]) -> dict[str, Any]:
    return {each["title"]: each["on"] for each in document["steps"]}


def test_that_a_course_is_begun_and_its_steps_are_judged(call: Call, case_id: str) -> None:
    code, document = call("course", case_id)
    assert (code, document["revision"]) == (3, 2)
    assert document["courses"][0]["template"]["id"] == "lobar_sessions"
    first, _, second = document["steps"][:3]
    assert (first["state"], first["on"], first["decides"]) == ("waiting", day(0), "board")
    assert (second["state"], second["earliest"], second["latest"]) == ("waiting", day(14), day(28))
    assert {each["code"] for each in document["findings"]} >= {"tace-after-biliary-access-unknown", "outside-unknown"}
    page = call("course", case_id, as_json=False)[1]
    assert "Lobar sessions, 2-4 weeks apart" in page
    assert f"possible {day(14)} to {day(28)}" in page


def test_that_moving_a_step_proposes_and_only_accepting_moves(call: Call, case_id: str) -> None:
    _, asked = call("course", case_id, "--move", "first", day(7))
    assert (asked["revision"], asked["accepted"], asked["would_bring"]) == (2, False, [])
    assert {each["title"]: (each["was"], each["proposed"]) for each in asked["proposals"]}["TACE, second lobe"] == (
        day(21),
        day(28),
    )
    assert planned(asked)["TACE, first lobe"] == day(0)
    assert "Nothing was moved" in call("course", case_id, "--move", "first", day(7), as_json=False)[1]
    _, taken = call("course", case_id, "--move", "first", day(7), "--accept", "--only", "first", "--only", "second")
    assert taken["revision"] == 3
    assert [planned(taken)[each] for each in ("TACE, first lobe", "TACE, second lobe")] == [day(7), day(28)]
    assert planned(taken)["Liver tests before the second lobe"] == day(14)


def test_that_a_proposal_against_the_interval_says_why(call: Call, case_id: str) -> None:
    _, document = call("course", case_id, "--move", "second", day(7))
    assert {"interval-too-short", "beads-too-early"} <= {each["code"] for each in document["would_bring"]}
    assert planned(document)["TACE, second lobe"] == day(21)


def test_that_after_a_step_was_done_on_another_day_new_ones_are_proposed(call: Call, case_id: str) -> None:
    call("course", case_id, "--done", "first", (SOON - timedelta(days=14)).isoformat())
    _, asked = call("course", case_id, "--catch-up")
    assert ("TACE, second lobe", day(14)) in [(each["title"], each["proposed"]) for each in asked["proposals"]]
    assert planned(asked)["TACE, second lobe"] == day(21)
    _, taken = call("course", case_id, "--catch-up", "--accept", "--only", "second")
    assert planned(taken)["TACE, second lobe"] == day(14)


def test_that_a_step_is_named_by_its_key_even_where_another_one_ends_alike(call: Call) -> None:
    _, made = call("new", "--patient-id", "ZZPHI-2", "--name", "ZZPHI^B")
    call("course", made["case"], "--start", "tace_ablation_immunotherapy", "--on", SOON.isoformat())
    _, document = call("course", made["case"], "--move", "tace", day(7))
    assert [each["title"] for each in document["proposals"]][:2] == ["TACE", "MR after TACE"]


def test_that_conditions_sessions_and_drops_are_written_by_name(call: Call, case_id: str) -> None:
    words = ("--answer", "again", "no", "--reason", "no residual", "--by", "Dr B")
    _, answered = call("course", case_id, *words)
    again = next(each for each in answered["courses"][0]["steps"] if each["id"].endswith("-again"))
    assert again["condition_answer"]["by"] == "Dr B"
    assert next(each for each in answered["steps"] if each["id"] == again["id"])["state"] == "not-needed"
    _, begun = call("course", case_id, "--begin", "first")
    assert begun["sessions"][0]["planned_on"] == day(0)
    _, dropped = call("course", case_id, "--drop", "images-6", "--reason", "moves away")
    assert dropped["steps"][-1]["state"] == "dropped"
    _, unlinked = call("course", case_id, "--link", "first", "none")
    assert unlinked["steps"][0]["session"] is None
    done = next(each for each in unlinked["steps"] if each["id"].endswith("-blood"))["id"]
    _, document = call("course", case_id, "--done", done, TODAY.isoformat())
    assert next(each for each in document["steps"] if each["id"] == done)["state"] == "done"


WRONG = (
    (("--start", "lobar_sessions"), "belong together"),
    (("--start", "nothing", "--on", "2026-03-02"), "no course template"),
    (("--accept",), "belongs to --move"),
    (("--move", "first", "soon"), "no date"),
    (("--move", "images", "2026-03-02"), "not the id of one step"),
    (("--answer", "again", "perhaps"), "no answer"),
    (("--drop", "first"), "why the step falls away"),
    (("--drop", "first", "--begin", "first"), "at a time"),
    (("--done", "first", "2999-01-01"), "still to come"),
    (("--link", "first", "session-9"), "no session session-9"),
)


def test_that_wrong_use_is_told_in_one_sentence_and_changes_nothing(call: Call, case_id: str) -> None:
    for words, said in WRONG:
        code, document = call("course", case_id, *words)
        assert code == 2
        assert said in document["error"]["message"]
    assert call("course", case_id)[1]["revision"] == 2


def test_that_course_templates_are_listed_shown_and_linted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*words: str) -> tuple[int, Any]:
        code = run(
            list(words), open_desktop=lambda paths, url: 9, make_renderer=lambda: pytest.fail("nothing is drawn")
        )
        out = capsys.readouterr().out
        return code, json.loads(out) if "--json" in words else out

    _, listed = asked("templates", "--json")
    assert "tace_on_demand" in {each["id"] for each in listed["courses"]}
    code, whole = asked("templates", "tace_on_demand", "--json")
    assert code == 0
    assert whole["steps"][2]["interval_source"].startswith("R8")
    assert "if tumour is viable at 4-6 weeks" in asked("templates", "tace_on_demand")[1]
    from planner.catalogues import resource

    assert asked("template", "lint", str(resource("courses")), "--json")[1]["loadable"] is True
    broken = tmp_path / "broken.toml"
    text = (resource("courses") / "palliative.toml").read_text(encoding="utf-8")
    broken.write_text(text.replace('kind = "visit"', 'kind = "vist"'), encoding="utf-8")
    code, document = asked("template", "lint", str(broken), "--json")
    assert code == 3
    assert "did you mean 'visit'" in document["findings"][0]["text"]
