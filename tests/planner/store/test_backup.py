"""Backups are whole, made once a day, thinned, and can be restored."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from stored_cases import DOCTOR, make_case

from planner.errors import StoreError
from planner.store import backup
from planner.store.library import Library

NOON = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


def test_that_a_backup_of_an_open_library_opens_with_everything_saved(library: Library, library_file: Path) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    library.save(replace(case, title="still in the log"), 1, DOCTOR)
    copied = backup.restore(backup.back_up(library_file), library_file.with_name("restored.sqlite"))
    restored = Library.open(f"sqlite:///{copied}", daily_backup=False)
    assert restored.open_case(case.id, DOCTOR)[0].title == "still in the log"
    assert restored.verify_chain(case.id).intact
    restored.close()


def test_that_opening_backs_up_once_a_day(library_file: Path) -> None:
    for _ in range(3):
        Library.open(f"sqlite:///{library_file}").close()
    # The first opening created the library; there was nothing to back up.
    assert len(backup.backups_of(library_file)) == 1
    assert backup.daily(library_file) is None
    assert backup.daily(library_file, datetime.now(UTC) + timedelta(days=1)) is not None
    assert len(backup.backups_of(library_file)) == 2


def test_that_a_failing_backup_is_said_and_keeps_nobody_from_working(library_file: Path) -> None:
    Library.open(f"sqlite:///{library_file}").close()
    (library_file.parent / backup.FOLDER).write_text("a file where the folder should be")
    library = Library.open(f"sqlite:///{library_file}")
    assert "could not be backed up" in (library.backup_trouble or "")
    assert library.create_case(make_case(), DOCTOR) == 1
    library.close()


def test_that_a_restore_never_overwrites(library: Library, library_file: Path) -> None:
    made = backup.back_up(library_file)
    before = library_file.read_bytes()
    with pytest.raises(StoreError) as caught:
        backup.restore(made, library_file)
    assert caught.value.code == "restore-refused"
    assert library_file.read_bytes() == before


def test_that_a_damaged_backup_is_not_restored(library: Library, library_file: Path) -> None:
    made = backup.back_up(library_file)
    made.write_bytes(made.read_bytes()[:5000])
    target = library_file.with_name("restored.sqlite")
    with pytest.raises(StoreError):
        backup.restore(made, target)
    assert not target.exists()


def test_that_old_backups_thin_to_days_weeks_and_months() -> None:
    taken = [NOON - timedelta(hours=6 * number) for number in range(4 * 365)]
    gone = set(backup.superseded(taken, NOON))
    kept = [each for each in taken if each not in gone]
    ages = [(NOON - each).days for each in kept]
    assert sum(age < 2 for age in ages) == 8
    assert sum(2 <= age < 14 for age in ages) in (12, 13)
    assert sum(14 <= age < 56 for age in ages) in (6, 7)
    assert 9 <= sum(age >= 56 for age in ages) <= 12


def test_that_a_single_old_backup_stays() -> None:
    assert backup.superseded([NOON - timedelta(days=900)], NOON) == ()
