"""The verb ``phantom``."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
import typer
from phantoms import tiny_course
from typer.testing import CliRunner

from planner.cli.phantom import register
from planner.errors import UsageError
from planner.phantom import CoursePatient


def _app() -> typer.Typer:
    app = typer.Typer()
    register(app)
    return app


def test_that_the_verb_writes_series_and_truth_and_says_where(tmp_path: Path) -> None:
    answer = CliRunner().invoke(_app(), ["--out", str(tmp_path / "p"), "--preset", "tiny", "--json"])
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    assert set(document) == {"series", "truth"}
    assert [Path(place).name for place in document["series"]] == ["arterial", "portal-venous", "angiography"]
    assert [len(list(Path(place).glob("*.dcm"))) for place in document["series"]] == [84, 84, 5]
    assert (Path(document["truth"]) / "angiography.json").exists()
    assert (Path(document["truth"]) / "tree.json").exists()


def test_that_the_course_is_written_timepoint_by_timepoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The verb with a course that is there already, and of that its first two timepoints: the rest takes seconds.
    asked: dict[str, object] = {}

    def made(preset: str, seed: int, **words: object) -> CoursePatient:
        asked.update(words, preset=preset, seed=seed)
        return tiny_course()

    monkeypatch.setattr("planner.phantom.course.CourseMaker", made)
    monkeypatch.setattr("planner.phantom.course_writer.KEYS", ("baseline", "tace-1"))
    words = ["--out", str(tmp_path), "--preset", "tiny", "--case", "course", "--study-date", "2026-01-05", "--json"]
    answer = CliRunner().invoke(_app(), words)
    assert answer.exit_code == 0
    document = json.loads(answer.stdout)
    places = [Path(place).relative_to(tmp_path).as_posix() for place in document["series"]]
    assert places == ["baseline/arterial", "baseline/portal-venous"]
    assert {"course.json", "laboratory.csv", "structures.nrrd", "baseline"} <= {
        place.name for place in Path(document["truth"]).iterdir()
    }
    assert (asked["preset"], asked["seed"], asked["begun_on"]) == ("tiny", 7, date(2026, 1, 5))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--case", "foot"], "unknown-case"),
        (["--seed", "-1"], "bad-seed"),
        (["--study-date", "soon"], "bad-date"),
        (["--case", "course", "--study-date", "soon"], "bad-date"),
    ],
)
def test_that_what_cannot_be_made_is_refused_before_anything_is_written(
    tmp_path: Path, words: list[str], code: str
) -> None:
    answer = CliRunner().invoke(_app(), ["--out", str(tmp_path / "p"), "--preset", "tiny", *words])
    assert isinstance(answer.exception, UsageError)
    assert answer.exception.code == code
    assert not (tmp_path / "p").exists()


def test_that_a_file_is_no_folder_to_write_to(tmp_path: Path) -> None:
    (tmp_path / "p").write_text("taken", encoding="utf-8")
    answer = CliRunner().invoke(_app(), ["--out", str(tmp_path / "p"), "--preset", "tiny"])
    assert isinstance(answer.exception, UsageError)
    assert (tmp_path / "p").read_text(encoding="utf-8") == "taken"
