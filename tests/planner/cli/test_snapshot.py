"""The verbs ``snapshot`` and ``demo`` on the command line, with a renderer that only remembers."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import small_xa
from paper import FakeRenderer
from phantoms import tiny_series, tiny_series_folder
from PIL import Image

from planner.app.demo import seed_digital_patient
from planner.app.sessions import local_now
from planner.cli.entry import run
from planner.store.actors import Actor
from planner.store.library import Library

__all__ = ["tiny_series", "tiny_series_folder"]


@pytest.fixture
def renderer() -> FakeRenderer:
    return FakeRenderer()


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The URL of a library with the digital patient, and its case."""
    folder = tmp_path_factory.mktemp("seeded")
    url = f"sqlite:///{folder / 'library.sqlite'}"
    library = Library.open(url, daily_backup=False)
    case_id = seed_digital_patient(library, folder / "digital-patient", Actor("Dr Seed"), preset="tiny")
    library.close()
    return url, case_id


def answer(capsys: pytest.CaptureFixture[str], renderer: FakeRenderer, *words: str) -> tuple[int, dict[str, Any]]:
    code = run([*words, "--json"], open_desktop=lambda paths, url: 0, make_renderer=lambda: renderer)
    return code, json.loads(capsys.readouterr().out)


def test_that_a_snapshot_of_a_folder_is_a_png_of_the_asked_size(
    tiny_series_folder: Path, tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "picture.png"
    code, document = answer(
        capsys, renderer, "snapshot", str(tiny_series_folder), "--layout", "mpr", "--size", "640x400", "--out", str(out)
    )
    assert code == 0
    assert document == {"out": str(out), "size": [640, 400]}
    with Image.open(out) as image:
        assert image.size == (640, 400)
    assert renderer.asked[0].layout == "mpr"
    assert any("SELDINGER-DEMO" in line for line in renderer.asked[0].caption)
    assert renderer.closed


def test_that_a_curved_picture_of_images_needs_a_course(
    tiny_series_folder: Path, tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "picture.png"
    place = ("snapshot", str(tiny_series_folder), "--layout", "curved", "--out", str(out))
    code, document = answer(capsys, renderer, *place)
    assert (code, document["error"]["code"]) == (2, "no-course")
    assert "--from" in document["error"]["message"]
    code, document = answer(capsys, renderer, *place, "--from", "1,2,3")
    assert (code, document["error"]["code"]) == (2, "usage")
    assert not out.exists()


def test_that_a_run_is_a_sheet_that_says_mask_shift_angles_and_calibration(
    tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    run = small_xa.write_run(tmp_path / "run.dcm")
    out = tmp_path / "sheet.png"
    code, document = answer(
        capsys, renderer, "snapshot", str(run), "--layout", "dsa", "--size", "800x600", "--out", str(out)
    )
    assert code == 0
    assert document == {"out": str(out), "size": [800, 600]}
    (sheet,) = renderer.sheets
    words = " ".join(sheet.caption)
    for said in ("LAO 30 CRA 15", "mask frame", "px", "mm/px", "Not a medical device"):
        assert said in words
    assert [each.picture.shape[:2] for each in sheet.panels] == [(48, 64)] * len(sheet.panels)
    assert "subtracted" in sheet.panels[1].title


def test_that_a_sheet_of_images_without_a_run_is_refused(
    tiny_series_folder: Path, tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    code, document = answer(
        capsys, renderer, "snapshot", str(tiny_series_folder), "--layout", "dsa", "--out", str(tmp_path / "p.png")
    )
    assert (code, document["error"]["code"]) == (4, "not-a-run")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--layout", "upside-down"), "unknown-layout"),
        (("--layout", "stage:referral"), "stage-without-case"),
        (("--layout", "mpr", "--size", "12"), "usage"),
        (("--layout", "mpr", "--size", "99999x10"), "usage"),
    ],
)
def test_that_wrong_requests_exit_with_2(
    words: tuple[str, ...],
    code: str,
    tiny_series_folder: Path,
    tmp_path: Path,
    renderer: FakeRenderer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    place = ("snapshot", str(tiny_series_folder), "--out", str(tmp_path / "p.png"))
    exit_code, document = answer(capsys, renderer, *place, *words)
    assert (exit_code, document["error"]["code"]) == (2, code)


def test_that_a_stage_of_a_case_is_drawn_in_its_layout_with_title_and_status(
    seeded: tuple[str, str], tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    url, case_id = seeded
    out = tmp_path / "stage.png"
    place = ("--library", url, "snapshot", case_id, "--out", str(out))
    code, _ = answer(capsys, renderer, *place, "--layout", "stage:portal_shunt_bile")
    assert code == 0
    asked = renderer.asked[0]
    assert asked.layout == "phases"
    assert {"arterial", "portal-venous"} <= set(asked.by_role)
    assert any("Portal vein, shunts, bile: waiting for an earlier stage" in line for line in asked.caption)
    assert asked.caption[0].startswith("SIMULATED")


def test_that_a_stage_that_compares_runs_shows_both_side_by_side(
    seeded: tuple[str, str], tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    url, case_id = seeded
    place = ("--library", url, "snapshot", case_id, "--out", str(tmp_path / "stage.png"))
    code, _ = answer(capsys, renderer, *place, "--layout", "stage:completion")
    assert code == 0
    (sheet,) = renderer.sheets
    titles = [panel.title for panel in sheet.panels]
    assert len(titles) == 4
    assert sum("after embolisation" in title for title in titles) == 2
    before, _, after, _ = (panel.picture.astype(float) for panel in sheet.panels)
    assert before.shape == after.shape
    assert abs(before - after).mean() > 1.0
    assert sheet.caption[0].startswith("SIMULATED")


def test_that_a_name_that_is_neither_path_nor_case_exits_with_2(
    seeded: tuple[str, str], tmp_path: Path, renderer: FakeRenderer, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ("--library", seeded[0], "snapshot", "case-nobody", "--layout", "mpr", "--out", str(tmp_path / "p.png"))
    code, document = answer(capsys, renderer, *place)
    assert (code, document["error"]["code"]) == (2, "no-such-source")


def test_that_the_seeded_images_are_recent_enough_to_plan_on(seeded: tuple[str, str]) -> None:
    library = Library.open(seeded[0], daily_backup=False)
    try:
        case, _ = library.open_case(seeded[1], Actor("Dr Seed"))
    finally:
        library.close()
    today = local_now().date()
    for study in case.studies:
        assert study.study_date is not None
        assert timedelta(0) <= today - study.study_date <= timedelta(days=7)
