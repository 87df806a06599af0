"""A case from first word to signed plan on the command line, through the real entry."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_dicom import write_series

from planner.app import templates
from planner.app.templates import Installed
from planner.cli.entry import run

Call = Callable[..., tuple[int, Any]]
WORKFLOW = Path(__file__).resolve().parents[1] / "workflow"


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a ``case`` command with --json on a library of the test; exit code and document."""

    def none(*given: object) -> Any:
        raise AssertionError(f"neither a window nor a renderer is needed: {given}")

    def command(*words: str, library: str = "library.sqlite", as_json: bool = True) -> tuple[int, Any]:
        asked = ["--library", str(tmp_path / library), "case", *words, *(["--json"] if as_json else [])]
        code = run(asked, open_desktop=none, make_renderer=none)
        out = capsys.readouterr().out
        return code, json.loads(out) if as_json else out

    return command


@pytest.fixture
def small(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small procedure of the workflow's tests is what is installed."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(WORKFLOW)])
    module = importlib.import_module("small_template")
    shelf = module.load_shelf(module.write_shelf(tmp_path_factory.mktemp("shelf")))
    available = Installed({"small": shelf.template}, {"house": shelf.profile})
    monkeypatch.setattr(templates, "installed", lambda: available)


def _new(call: Call) -> str:
    code, document = call("new", "--patient-id", "ZZPHI-1", "--name", "ZZPHI^Zoë", "--birth-date", "1951-02-03")
    assert (code, document["revision"]) == (0, 1)
    return str(document["case"])


def test_that_a_case_is_made_listed_and_shown(call: Call) -> None:
    case_id = _new(call)
    code, listed = call("list", "zoe")
    assert code == 0
    assert [(each["case"], each["patient"]["birth_date"]) for each in listed["cases"]] == [(case_id, "1951-02-03")]
    assert call("list", "absent")[1] == {"cases": []}
    code, shown = call("show", case_id, "--history")
    assert code == 0
    assert shown["id"] == case_id
    assert shown["patient"]["patient_id"] == "ZZPHI-1"
    assert shown["audit_trail"]["intact"] is True
    assert [each["revision"] for each in shown["history"]] == [1]
    code, text = call("show", case_id, as_json=False)
    assert code == 0
    assert "the list is not confirmed complete" in text


def test_that_the_list_can_be_written_as_csv(call: Call, tmp_path: Path) -> None:
    case_id = _new(call)
    assert call("list", "--csv", str(tmp_path / "list.csv"))[0] == 0
    assert case_id in (tmp_path / "list.csv").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", "case-9"], 4, "unknown-case"),
        (["new"], 2, "usage"),
        (["new", "--patient-id", " "], 2, "bad-patient"),
        (["new", "--patient-id", "1", "--birth-date", "3.2.1951"], 2, "bad-patient"),
        (["new", "--from-series", "nowhere"], 2, "no-such-path"),
        (["import", "case-9"], 2, "usage"),
        (["import", "--bundle", "nowhere.zip"], 2, "no-such-path"),
        (["check", "case-9/session-1"], 4, "unknown-case"),
        (["plan", "case-9"], 2, "usage"),
        (["show"], 2, "usage"),
    ],
)
def test_that_wrong_requests_are_told_apart(call: Call, words: list[str], code: int, said: str) -> None:
    found, document = call(*words)
    assert (found, document["error"]["code"]) == (code, said)
    assert document["error"]["message"]


def test_that_a_case_of_a_series_has_its_images(call: Call, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "images")
    code, document = call("new", "--from-series", str(folder))
    assert code == 0
    assert document["patient"]["id"] == "ZZPHI-0042"
    assert [(each["modality"], each["part"]) for each in document["attached"]] == [("CT", 1)]
    code, shown = call("show", document["case"])
    assert [each["files_root"] for each in shown["studies"]] == [str(folder)]


def test_that_an_import_attaches_copies_and_refuses_other_patients(call: Call, tmp_path: Path) -> None:
    _, document = call("new", "--from-series", str(write_series(tmp_path / "one")))
    case_id = document["case"]
    second = write_series(tmp_path / "two", number=2)
    code, imported = call("import", case_id, str(second), "--copy")
    assert (code, len(imported["attached"])) == (0, 1)
    _, shown = call("show", case_id)
    assert [each["managed"] for each in shown["studies"]] == [False, True]
    other = write_series(tmp_path / "other", number=3, PatientID="ELSE")
    code, refused = call("import", case_id, str(other))
    assert (code, refused["error"]["code"]) == (4, "patient-mismatch")
    assert len(call("show", case_id)[1]["studies"]) == 2


def test_that_an_unconfirmed_patient_is_attached_only_on_a_persons_word(call: Call, tmp_path: Path) -> None:
    _, document = call("new", "--from-series", str(write_series(tmp_path / "one")))
    folder = str(write_series(tmp_path / "two", number=2, PatientBirthDate=""))
    code, refused = call("import", document["case"], folder)
    assert (code, refused["error"]["code"]) == (4, "patient-unconfirmed")
    code, imported = call("import", document["case"], folder, "--confirm-patient")
    assert code == 0
    assert [each["code"] for each in imported["findings"]] == ["patient-identity"]


def test_that_a_case_travels_as_a_bundle(call: Call, tmp_path: Path) -> None:
    case_id = _new(call)
    code, written = call("export", case_id, "--out", str(tmp_path / "case.zip"))
    assert (code, written["revision"]) == (0, 1)
    code, arrived = call("import", "--bundle", str(tmp_path / "case.zip"), library="other.sqlite")
    assert (code, arrived["case"]) == (0, case_id)
    code, again = call("import", "--bundle", str(tmp_path / "case.zip"), library="other.sqlite")
    assert (code, again["error"]["code"]) == (4, "case-exists")


def _statuses(document: Any) -> dict[str, str]:
    return {each["id"]: each["status"] for each in document["stages"]}


@pytest.mark.usefixtures("small")
def test_that_a_plan_is_filled_checked_overridden_signed_and_goes_stale(call: Call) -> None:
    case_id = _new(call)
    code, planned = call("plan", case_id, "--template", "small", "--on", "2026-03-12")
    assert (code, planned["profile"], planned["version"]) == (0, "house", "1")
    place = f"{case_id}/{planned['session']}"

    code, checked = call("check", place)
    assert code == 3
    assert {"case", "session", "template", "version", "stages", "ledger"} <= set(checked)
    assert _statuses(checked)["referral"] == "blocked"
    assert _statuses(checked)["dose"] == "waiting"
    keys = {"code", "severity", "overridable", "text", "subject", "measured", "limit", "unit", "source"}
    assert all(keys <= set(each) for stage in checked["stages"] for each in stage["findings"])

    code, refused = call("sign", place, "referral", "--role", "consultant", "--by", "Dr B")
    assert (code, refused["error"]["code"]) == (4, "stage-blocked")
    code, filled = call(
        "answer", place, "referral", "question=Treat?", "histology=NET", "technique=one", "--by", "Dr A"
    )
    assert (code, _statuses(filled)) == (0, {"referral": "open"})
    code, signed = call("sign", place, "referral", "--role", "consultant", "--by", "Dr B", "--prepared-by", "Dr A")
    assert (code, _statuses(signed)) == (0, {"referral": "signed"})

    code, dose = call("answer", place, "dose", "milligrams=0.2g", "bilirubin=20umol/L@2026-03-10", "--by", "Dr A")
    assert (code, _statuses(dose)) == (0, {"dose": "blocked"})
    reason = ["--by", "Dr B", "--reason", "ZZPHI agreed in the meeting"]
    for finding in _blocking(call, place, "dose"):
        assert call("override", place, "dose", finding["code"], "--subject", finding["subject"], *reason)[0] == 0
    assert not _blocking(call, place, "dose")

    call("answer", place, "referral", "question=Something else?", "--by", "Dr A")
    assert _statuses(call("check", place)[1])["referral"] == "stale"
    code, shown = call("show", case_id)
    assert shown["sessions"][0]["answers"]["dose"]["milligrams"]["value"] == 200.0
    assert shown["laboratory"][0]["value"] == 20.0
    audit = json.dumps(call("show", case_id, "--history")[1]["audit"])
    assert '"signed"' in audit
    assert '"overridden"' in audit
    assert "ZZPHI" not in audit


def _blocking(call: Call, place: str, stage_id: str) -> list[dict[str, Any]]:
    _, document = call("check", place)
    stage = next(each for each in document["stages"] if each["id"] == stage_id)
    return [each for each in stage["findings"] if each["severity"] == "block"]


@pytest.mark.usefixtures("small")
def test_that_a_record_is_never_refused_and_the_next_session_starts_from_it(call: Call) -> None:
    case_id = _new(call)
    _, planned = call("plan", case_id, "--template", "small")
    place = f"{case_id}/{planned['session']}"
    rows = 'rows=[{"drug": "doxorubicin", "mg": 400}]'
    code, wrong = call("record", place, "dose", "milligrams=1", "--by", "Nurse")
    assert (code, wrong["error"]["code"]) == (2, "usage")
    code, recorded = call("record", place, "record", rows, "contrast=120", "--by", "Nurse")
    assert (code, _statuses(recorded)) == (0, {"record": "open"})
    code, moved = call("state", place, "in-room", "--by", "Nurse")
    assert (code, moved["state"]) == (0, "in-room")
    code, course = call("course", case_id)
    assert code == 0
    totals = {each["substance"]: (each["amount"], each["unit"]) for each in course["ledger"]["totals"]}
    assert totals == {"doxorubicin": (400.0, "mg"), "contrast": (120.0, "mL")}
    code, second = call("plan", case_id, "--from", planned["session"])
    assert (code, second["started_from"]) == (0, planned["session"])
    assert len(call("show", case_id)[1]["sessions"]) == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["plan", "CASE", "--template", "absent"], 2, "unknown-template"),
        (["plan", "CASE", "--template", "small", "--profile", "absent"], 2, "unknown-profile"),
        (["plan", "CASE", "--template", "small", "--on", "tomorrow"], 2, "usage"),
        (["check", "CASE/session-9"], 2, "unknown-session"),
        (["check", "CASE/"], 2, "usage"),
        (["answer", "CASE", "nowhere", "x=1"], 2, "unknown-stage"),
        (["answer", "CASE", "dose", "nothing=1"], 2, "unknown-field"),
        (["answer", "CASE", "dose", "milligrams"], 2, "usage"),
        (["answer", "CASE", "dose", "milligrams=much"], 4, None),
        (["answer", "CASE", "dose", "arteries=[{"], 2, "usage"),
        (["answer", "CASE", "dose", "bilirubin=20umol/L"], 2, "usage"),
        (["sign", "CASE", "referral", "--role", "nobody", "--by", "Dr B"], 2, "unknown-role"),
        (["sign", "CASE", "dose", "--role", "operator", "--by", "Dr B"], 4, "stage-waits"),
        (["override", "CASE", "dose", "absent", "--by", "Dr B", "--reason", "x"], 2, "no-such-finding"),
        (["time-out", "CASE", "--by", "Dr B"], 4, "time-out-blocked"),
        (["state", "CASE", "flying", "--by", "Dr B"], 2, "wrong-state"),
        (["state", "CASE", "cancelled", "--by", "Dr B"], 4, "reason-missing"),
    ],
)
def test_that_wrong_acts_change_nothing(call: Call, words: list[str], code: int, said: str | None) -> None:
    case_id = _new(call)
    call("plan", case_id, "--template", "small")
    before = call("show", case_id)[1]["revision"]
    found, document = call(*(word.replace("CASE", case_id) for word in words))
    assert found == code
    assert said in (None, document["error"]["code"])
    assert call("show", case_id)[1]["revision"] == before
