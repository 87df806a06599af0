"""The digital patient as a case: each rehearsal has the images that its procedure asks for, in their roles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from planner.app.digital_case import DigitalCase, make_digital_case
from planner.app.images import load
from planner.store.actors import Actor
from planner.store.library import Library

NOW = datetime(2026, 5, 12, 9, tzinfo=UTC)


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}", daily_backup=False)
    yield opened
    opened.close()


def made(library: Library, folder: Path, case: str) -> DigitalCase:
    return make_digital_case(
        library,
        folder,
        Actor("Dr Seed"),
        date(2026, 4, 28),
        now=NOW,
        treated_on=NOW.date(),
        case=case,
        preset="tiny",
    )


def test_that_an_ablation_comes_with_the_scans_of_its_day(library: Library, tmp_path: Path) -> None:
    case = made(library, tmp_path / "images", "ablation")
    assert set(case.series) == {"arterial", "portal-venous", "planning", "today", "completion"}
    by_key = {f"{entry.uid}#{entry.part}": entry for entry in case.entries}
    planning, today, completion = (load(by_key[case.series[role]]) for role in ("planning", "today", "completion"))
    assert planning.source.study_date == "2026-04-28"
    assert today.source.study_date == completion.source.study_date == "2026-05-12"
    assert today.grid.frame_uid == completion.grid.frame_uid != planning.grid.frame_uid
    assert today.source.description == "Before ablation, portal-venous phase"
    assert case.opened.case.simulated


def test_that_a_vertebra_comes_with_its_ct_alone(library: Library, tmp_path: Path) -> None:
    case = made(library, tmp_path / "images", "vertebra")
    assert set(case.series) == {"arterial", "portal-venous", "planning"}
    assert case.runs == ()
    assert "L2" in case.opened.case.title
