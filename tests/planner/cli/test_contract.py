"""The command line's contract, held by a copy of its keys: one JSON document, names, units, types and exit codes."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import small_xa
from data import SHARED, shared
from dicom_files import putting, write_series

from planner.app.rendering import PictureRequest, SheetRequest
from planner.cli.entry import VERBS, run

ROOT = Path(__file__).resolve().parents[3]
DELIVERED = {"series", "convert", "dsa", "snapshot", "phantom", "templates", "template", "score", "case", "demo"}
CASE_VERBS = {"new", "list", "show", "import", "plan", "check", "sign", "record", "course", "report", "export"}

FINDING = {"code", "severity", "overridable", "text", "subject", "measured", "limit", "unit", "source"}
SERIES = {
    "uid",
    "part",
    "kind",
    "modality",
    "description",
    "label",
    "patient",
    "study_date",
    "spacing_kji_mm",
    "lps_from_kji",
    "transfer_syntax",
    "loadable",
    "findings",
}
KINDS = {"volume", "angio", "localizer", "projection", "object", "refused"}
CONVERTED = {"out", "size_kji", "spacing_kji_mm", "lps_from_kji", "minimum", "maximum", "findings"}
RUN = {
    "frames",
    "time_s",
    "mask_frames",
    "shift_px",
    "residual_before",
    "residual_after",
    "contrast_frames",
    "geometry",
    "files",
}
RULE = {"rule", "title", "version", "inputs", "source", "verified"}
SCORED = {"rule", "version", "outputs", "grade", "inputs", "source", "tag", "verified", "findings"}
CHECKED = {"case", "session", "template", "version", "stages", "ledger"}
STATUSES = {"waiting", "open", "blocked", "signed", "stale"}

PNG = b"\x89PNG\r\n\x1a\n" + bytes(8)

Call = Callable[..., tuple[int, Any]]


class Renderer:
    """Draws nothing; enough for the words around a picture."""

    def png(self, request: PictureRequest) -> bytes:
        del request
        return PNG

    def sheet(self, request: SheetRequest) -> bytes:
        del request
        return PNG

    def close(self) -> None:
        pass


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run words with --json; the exit code and the one document of stdout."""

    def no_desktop(*given: object) -> int:
        raise AssertionError(f"a verb opened the desktop: {given}")

    def command(*words: str) -> tuple[int, Any]:
        asked = ["--library", f"sqlite:///{tmp_path / 'library.sqlite'}", *words, "--json"]
        code = run(asked, open_desktop=no_desktop, make_renderer=Renderer)
        out = capsys.readouterr().out
        assert out.endswith("}\n")
        assert out.count("\n") == 1
        return code, json.loads(out, parse_constant=_refuse)

    return command


def _refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


def _error(document: Any) -> str:
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message", "subject"}
    assert document["error"]["message"].endswith((".", "?", ")"))
    return str(document["error"]["code"])


def _findings(document: Any) -> Iterator[dict[str, Any]]:
    """Every finding anywhere in a document."""
    if isinstance(document, dict):
        for key, value in document.items():
            if key == "findings":
                yield from value
            yield from _findings(value)
    elif isinstance(document, list):
        for value in document:
            yield from _findings(value)


def _check_findings(document: Any) -> None:
    for each in _findings(document):
        assert set(each) >= FINDING
        assert each["severity"] in ("info", "warn", "block")
        assert isinstance(each["overridable"], bool)
        assert each["text"]


# -- the frame ---------------------------------------------------------------------------------------------------------


def test_that_every_verb_of_the_contract_is_delivered() -> None:
    assert set(VERBS) >= DELIVERED


@pytest.mark.parametrize("verb", sorted(CASE_VERBS))
def test_that_every_word_of_case_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["case", verb, "--help"], open_desktop=lambda *given: 1, make_renderer=Renderer) == 0
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["unheard-of"], 2, "usage"),
        (["series", "absent"], 2, "no-such-path"),
        (["series"], 2, "usage"),
        (["series", ".", "--unheard-of"], 2, "usage"),
        (["convert", "absent", "--out", "x.mha"], 2, "no-such-path"),
        (["templates", "unheard-of"], 2, "unknown-template"),
        (["score", "unheard-of"], 2, "unknown-rule"),
        (["score", "albi", "bilirubin=abc"], 4, "unreadable-number"),
        (["score", "albi", "bilirubin=NaN"], 4, "unreadable-number"),
        (["score", "albi", "bilirubin=20kg", "albumin=35g/L"], 4, "incompatible-unit"),
        (["snapshot", "nothing-of-that-name", "--layout", "mpr", "--out", "x.png"], 2, "no-such-source"),
        (["snapshot", ".", "--layout", "upside-down", "--out", "x.png"], 2, "unknown-layout"),
        (["snapshot", ".", "--layout", "mpr", "--size", "big", "--out", "x.png"], 2, "usage"),
        (["phantom", "--out", "x", "--case", "unheard-of"], 2, None),
        (["case", "unheard-of"], 2, "usage"),
        (["case", "show", "unheard-of"], 4, "unknown-case"),
    ],
)
def test_that_wrong_words_get_their_exit_code_and_one_error(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    answered, document = call(*words)
    assert answered == code
    assert said in (None, _error(document))


def test_that_a_real_process_keeps_stdout_for_the_document_and_loads_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; sys.argv = ['main.py', 'score', '--list', '--json']; import main; code = main.main(); "
        "heavy = {'SimpleITK', 'scipy', 'numba', 'vtk', 'vtkmodules', 'PySide6'} & set(sys.modules); "
        "print(sorted(heavy), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert done.stderr.strip() == "[]"
    rules = json.loads(done.stdout)["rules"]
    assert all(set(rule) >= RULE for rule in rules)
    assert all(isinstance(unit, str) for rule in rules for unit in rule["inputs"].values())
    absent = subprocess.run(
        [sys.executable, "main.py", str(tmp_path / "absent"), "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert absent.returncode == 2
    assert _error(json.loads(absent.stdout)) == "usage"


@pytest.mark.parametrize("flag", ["", "--json"])
def test_that_a_reader_that_goes_away_is_no_bug(flag: str) -> None:
    script = f"'{sys.executable}' main.py templates tace {flag} | head -c 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "words",
    [["--library", "URL", "case", "list"], ["case", "list", "--library=URL"], ["case", "--library", "URL", "list"]],
)
def test_that_the_library_may_be_named_before_and_behind_the_verb(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    url = f"sqlite:///{tmp_path / 'here.sqlite'}"
    asked = [word.replace("URL", url) for word in words]
    assert run([*asked, "--json"], open_desktop=lambda *given: 1, make_renderer=Renderer) == 0
    assert json.loads(capsys.readouterr().out) == {"cases": []}
    assert (tmp_path / "here.sqlite").exists()


# -- images ------------------------------------------------------------------------------------------------------------


def test_that_series_and_convert_answer_with_the_contracts_keys(call: Call, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct")
    (folder / "note.txt").write_text("no image", encoding="utf-8")
    code, listed = call("series", str(folder))
    assert code == 0
    (entry,) = listed["series"]
    assert set(entry) >= SERIES
    assert "size_kji" in entry or "frames" in entry
    assert entry["kind"] in KINDS
    assert (entry["part"], entry["loadable"]) == (1, True)
    assert set(entry["patient"]) >= {"id", "name"}
    assert [set(each) for each in listed["skipped"]] == [{"file", "code", "text"}]

    code, made = call("convert", str(folder), "--out", str(tmp_path / "ct.mha"))
    assert code == 0
    assert set(made) >= CONVERTED
    for document in (entry, made):
        lps_from_kji = np.array(document["lps_from_kji"])
        assert lps_from_kji.shape == (16,)
        assert lps_from_kji[12:].tolist() == [0, 0, 0, 1]
        # Row-major: a column of the 4x4 is a step along k, j or i; its length is that spacing.
        steps = lps_from_kji.reshape(4, 4)[:3, :3]
        assert np.linalg.norm(steps, axis=0) == pytest.approx(document["spacing_kji_mm"])
        assert document["size_kji"] == [8, 16, 12]


def test_that_a_refused_series_is_listed_with_0_and_converted_with_4(call: Call, tmp_path: Path) -> None:
    places = [5.0 * i + (2.5 if i > 4 else 0.0) for i in range(8)]
    folder = write_series(tmp_path / "ct", putting(ImagePositionPatient=lambda i: [0, 0.3 * places[i], places[i]]))
    code, listed = call("series", str(folder))
    assert code == 0
    (entry,) = listed["series"]
    _check_findings(entry)
    codes = {each["code"] for each in entry["findings"] if each["severity"] == "block"}
    assert codes == {"gantry-tilt", "uneven-spacing"}
    assert entry["loadable"] is False
    words = ["convert", str(folder), "--out", str(tmp_path / "ct.mha")]
    code, document = call(*words, "--accept", "gantry-tilt")
    assert (code, _error(document)) == (4, "uneven-spacing")
    code, document = call(*words)
    # Whoever has only this sentence learns of every repair that has to be accepted.
    assert all(each in document["error"]["message"] for each in codes - {_error(document)})
    accepted = [word for each in sorted(codes) for word in ("--accept", each)]
    code, document = call(*words, *accepted)
    assert code == 0
    assert {each["code"] for each in document["findings"]} >= codes


def test_that_a_snapshot_takes_accepted_repairs_and_names_its_size(call: Call, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct", putting(ImagePositionPatient=lambda i: [0, 1.5 * i, 5.0 * i]))
    out = tmp_path / "picture.png"
    words = ["snapshot", str(folder), "--layout", "mpr", "--size", "320x200", "--out", str(out)]
    code, document = call(*words)
    assert (code, _error(document)) == (4, "gantry-tilt")
    assert not out.exists()
    assert call(*words, "--accept", "gantry-tilt") == (0, {"out": str(out), "size": [320, 200]})
    assert out.read_bytes() == PNG


# -- scores ------------------------------------------------------------------------------------------------------------


def _word(name: str, given: dict[str, Any]) -> str:
    value, unit = given["value"], given.get("unit")
    if value is None:
        return f"{name}=null"
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"{name}={text.lower() if isinstance(value, bool) else text}{unit if unit not in (None, '1', '?') else ''}"


def _vectors() -> list[dict[str, Any]]:
    path = SHARED / "clinical" / "test_vectors.json"
    return list(json.loads(path.read_text(encoding="utf-8"))["vectors"]) if path.exists() else []


def test_that_every_vector_is_reproduced_by_words_and_by_file(call: Call, tmp_path: Path) -> None:
    shared("clinical/test_vectors.json")
    file = tmp_path / "inputs.json"
    wrong = []
    seen: set[str] = set()
    for vector in _vectors():
        file.write_text(json.dumps({"inputs": vector["inputs"]}), encoding="utf-8")
        words = [_word(name, given) for name, given in vector["inputs"].items()]
        ways = [words] if vector["rule"] in seen else [words, ["--input", str(file)]]
        seen.add(vector["rule"])
        for given in ways:
            code, document = call("score", vector["rule"], *given)
            assert code in (0, 3)
            assert set(document) >= SCORED
            _check_findings(document)
            for name, expected in vector["expected"].items():
                found = document["outputs"][name]
                assert set(found) == {"value", "unit"}
                equal = found["value"] == expected["value"]
                if "tolerance" in expected and isinstance(found["value"], (int, float)):
                    equal = math.isclose(found["value"], expected["value"], rel_tol=0, abs_tol=expected["tolerance"])
                if not equal or found["unit"] != expected.get("unit"):
                    wrong.append((vector["id"], given, name, found, expected))
    assert not wrong


def test_that_a_missing_input_gives_nulls_and_a_refused_one_exits_3(call: Call) -> None:
    code, document = call("score", "albi", "bilirubin=20umol/L")
    assert code == 0
    assert {each["value"] for each in document["outputs"].values()} == {None}
    assert [each["subject"] for each in document["findings"]] == ["albumin"]
    code, document = call("score", "albi", "bilirubin=-20umol/L", "albumin=35g/L")
    assert code == 3
    assert [(each["severity"], each["overridable"]) for each in document["findings"]] == [("block", False)]


# -- templates and cases -----------------------------------------------------------------------------------------------


def test_that_templates_are_listed_shown_and_linted(call: Call) -> None:
    code, listed = call("templates")
    assert code == 0
    assert all({"id", "title", "version"} <= set(each) for each in listed["templates"])
    code, shown = call("templates", "tace")
    assert code == 0
    for stage in shown["stages"]:
        assert {"id", "title", "fields", "checks"} <= set(stage)
        assert all(check["source"] for check in stage["checks"])
    code, linted = call("template", "lint", str(ROOT / "procedures" / "tace"))
    assert (code, linted["findings"]) == (0, [])


def test_that_a_case_of_images_is_planned_checked_and_shown_whole(call: Call, tmp_path: Path) -> None:
    code, made = call("case", "new", "--from-series", str(write_series(tmp_path / "ct")), "--title", "Contract")
    assert code == 0
    case_id = made["case"]
    code, planned = call("case", "plan", case_id, "--template", "tace")
    assert code == 0
    code, checked = call("case", "check", f"{case_id}/{planned['session']}")
    assert code == 3
    assert set(checked) >= CHECKED
    assert (checked["case"], checked["session"], checked["template"]) == (case_id, planned["session"], "tace")
    assert {stage["status"] for stage in checked["stages"]} <= STATUSES
    assert all({"id", "title", "status", "findings"} <= set(stage) for stage in checked["stages"])
    _check_findings(checked)
    code, added = call("case", "lesion", case_id, "--name", "S8", "--longest", "34", "--seen-on", "2026-03-01")
    assert (code, added["lesion"]["observations"][0]["longest_mm"]) == (0, 34.0)
    code, whole = call("case", "show", case_id)
    assert code == 0
    assert {"patient", "studies", "lesions", "sessions", "courses"} <= set(whole)
    assert [each["name"] for each in whole["lesions"]] == ["S8"]


@pytest.mark.parametrize(
    "words",
    [
        ["--name", "S8", "--longest", "-3", "--seen-on", "2026-03-01"],
        ["--name", "S8", "--longest", "nan", "--seen-on", "2026-03-01"],
        ["--name", "S8", "--longest", "34"],
        ["--name", "S8", "--longest", "34", "--seen-on", "yesterday"],
        ["--name", " "],
    ],
)
def test_that_a_lesion_that_cannot_be_is_refused(call: Call, words: list[str]) -> None:
    case_id = call("case", "new", "--patient-id", "ZZPHI-1", "--name", "ZZPHI^Zoe")[1]["case"]
    code, document = call("case", "lesion", case_id, *words)
    assert code == 2
    _error(document)
    assert call("case", "show", case_id)[1]["lesions"] == []


def test_that_people_see_the_code_they_override_a_finding_by(
    call: Call, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    case_id = call("case", "new", "--patient-id", "ZZPHI-1", "--name", "ZZPHI^Zoe")[1]["case"]
    call("case", "plan", case_id, "--template", "tace")
    blocking = [
        each
        for each in _findings(call("case", "check", case_id)[1])
        if each["severity"] == "block" and each["overridable"]
    ]
    assert blocking
    words = ["--library", f"sqlite:///{tmp_path / 'library.sqlite'}", "case", "check", case_id]
    assert run(words, open_desktop=lambda *given: 1, make_renderer=Renderer) == 3
    printed = capsys.readouterr().out
    assert all(f"({each['code']})" in printed for each in blocking)


def test_that_dsa_prints_its_keys_and_writes_its_files(call: Call, tmp_path: Path) -> None:
    run = small_xa.write_run(tmp_path / "run.dcm")
    code, document = call("dsa", str(run), "--out", str(tmp_path / "out"))
    assert code == 0
    assert set(document) >= RUN
    assert document["frames"] == small_xa.FRAMES
    assert document["time_s"] == pytest.approx([0.25 * number for number in range(small_xa.FRAMES)])
    assert all(1 <= frame <= small_xa.FRAMES for frame in document["mask_frames"])
    assert [len(pair) for pair in document["shift_px"]] == [2] * small_xa.FRAMES
    first, last = document["contrast_frames"]
    assert 1 <= first <= last <= small_xa.FRAMES
    assert document["geometry"] == {
        "primary_deg": 30.0,
        "secondary_deg": 15.0,
        "sid_mm": 1100.0,
        "sod_mm": 750.0,
        "detector_spacing_mm": [0.4, 0.4],
    }
    assert set(document["files"]) == {"subtracted", "opacified", "time_to_peak"}
    assert all(Path(file).stat().st_size > 0 for file in document["files"].values())
    for finding in document["findings"]:
        assert set(finding) >= FINDING


def test_that_a_run_without_timing_angles_and_geometry_gives_nulls_and_findings(call: Call, tmp_path: Path) -> None:
    run = small_xa.write_run(tmp_path / "bare.dcm", without=small_xa.WHAT_CAN_BE_MISSING)
    code, document = call("dsa", str(run), "--out", str(tmp_path / "out"))
    assert code == 0
    assert document["time_s"] is None
    assert set(document["geometry"].values()) == {None}
    assert document["files"]["time_to_peak"] is None
    assert Path(document["files"]["subtracted"]).exists()
    codes = {finding["code"] for finding in document["findings"]}
    assert codes >= {"missing-timing", "missing-angles", "missing-geometry"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--mask", "0"), 2),
        (("--mask", "5-2"), 2),
        (("--mask", "77"), 2),
        (("--shift", "left"), 2),
        (("--shift", "1,nan"), 2),
        (("--method", "cubic"), 2),
    ],
)
def test_that_wrong_words_of_dsa_exit_with_2(words: tuple[str, ...], code: int, call: Call, tmp_path: Path) -> None:
    run = small_xa.write_run(tmp_path / "run.dcm")
    found, document = call("dsa", str(run), *words, "--out", str(tmp_path / "out"))
    assert found == code
    assert _error(document)


def test_that_dsa_of_a_ct_exits_with_4(call: Call, tmp_path: Path) -> None:
    folder = write_series(tmp_path / "ct")
    code, document = call("dsa", str(folder), "--out", str(tmp_path / "out"))
    assert (code, _error(document)) == (4, "not-a-run")


def test_that_dsa_takes_a_shift_with_a_minus_and_a_mask_range(call: Call, tmp_path: Path) -> None:
    run = small_xa.write_run(tmp_path / "run.dcm")
    code, document = call("dsa", str(run), "--mask", "1-2", "--shift", "-0.5,1.25", "--out", str(tmp_path / "out"))
    assert code == 0
    assert document["mask_frames"] == [1, 2]
    assert document["shift_px"] == [[-0.5, 1.25]] * small_xa.FRAMES


def test_that_series_lists_runs_with_their_angles(call: Call, tmp_path: Path) -> None:
    small_xa.write_run(tmp_path / "runs" / "a.dcm")
    small_xa.write_run(tmp_path / "runs" / "b.dcm", changes={"PositionerPrimaryAngle": "-20"})
    code, document = call("series", str(tmp_path / "runs"))
    assert code == 0
    runs = [each for each in document["series"] if each["kind"] == "angio"]
    assert [(each["part"], each["frames"], each["label"]) for each in runs] == [
        (1, small_xa.FRAMES, "LAO 30 CRA 15"),
        (2, small_xa.FRAMES, "RAO 20 CRA 15"),
    ]
    assert all(each["loadable"] for each in runs)
