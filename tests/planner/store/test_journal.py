"""Unsaved work is on the disk soon, survives the program, and is let go only when it is saved."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from stored_cases import make_case, make_session, region

from planner.errors import StoreError
from planner.store.journal import Journal


def _left_behind(folder: Path, title: str = "unsaved", case_id: str = "case-1") -> None:
    """What a crashed program leaves: its journal, and nobody holding it."""
    script = (
        "import os, sys\n"
        "from dataclasses import replace\nfrom pathlib import Path\n"
        "from stored_cases import make_case, make_session, region\n"
        "from planner.store.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), debounce_s=60)\n"
        "case = replace(make_case(sys.argv[3], title=sys.argv[2]), "
        "sessions=(make_session('session-1', region('a' * 64)),))\n"
        "journal.note(case, 7); journal.flush(); os._exit(9)"
    )
    tests = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests.parent), str(tests)])}
    command = [sys.executable, "-c", script, str(folder), title, case_id]
    done = subprocess.run(command, check=False, env=environment)
    assert done.returncode == 9


def test_that_work_of_a_crashed_program_is_offered_exactly_as_it_was(tmp_path: Path) -> None:
    _left_behind(tmp_path)
    journal = Journal(tmp_path)
    (found,) = journal.pending()
    # Orientation and units of the mask's grid among it.
    expected = replace(make_case(title="unsaved"), sessions=(make_session("session-1", region("a" * 64)),))
    assert found.case == expected
    assert found.base_revision == 7
    journal.close()


def test_that_nothing_is_written_before_the_debounce_and_everything_after(tmp_path: Path) -> None:
    written = threading.Event()
    journal = _Observed(tmp_path, written, debounce_s=0.01)
    journal.note(make_case(title="a"), 1)
    assert written.wait(10)
    journal.close()
    second = Journal(tmp_path)
    assert [each.case.title for each in second.pending()] == ["a"]
    second.close()


class _Observed(Journal):
    """Tells when its writer thread has written."""

    def __init__(self, folder: Path, written: threading.Event, debounce_s: float) -> None:
        self._written = written
        super().__init__(folder, debounce_s=debounce_s)

    def _transact(self, *arguments: object) -> None:
        super()._transact(*arguments)
        self._written.set()


def test_that_only_the_latest_state_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path, debounce_s=60)
    for number in range(50):
        journal.note(make_case(title=f"state {number}"), 3)
    journal.close()
    second = Journal(tmp_path)
    assert [(each.case.title, each.base_revision) for each in second.pending()] == [("state 49", 3)]
    second.close()


def test_that_saved_work_leaves_nothing_behind(tmp_path: Path) -> None:
    journal = Journal(tmp_path, debounce_s=60)
    case = make_case()
    journal.note(case, 1)
    journal.flush()
    journal.saved(case, 2)
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_that_edits_made_while_saving_stay_based_on_the_new_revision(tmp_path: Path) -> None:
    journal = Journal(tmp_path, debounce_s=60)
    saved, later = make_case(title="saved"), make_case(title="later")
    journal.note(saved, 1)
    journal.flush()
    journal.note(later, 1)
    journal.saved(saved, 2)
    journal.close()
    second = Journal(tmp_path)
    assert [(each.case.title, each.base_revision) for each in second.pending()] == [("later", 2)]
    second.close()


def test_that_a_running_program_keeps_its_journal_to_itself(tmp_path: Path) -> None:
    running = Journal(tmp_path, debounce_s=60)
    running.note(make_case(), 1)
    running.flush()
    other = Journal(tmp_path)
    assert other.pending() == ()
    assert other.damaged == ()
    other.close()
    running.close()


def test_that_adopted_work_survives_a_second_crash(tmp_path: Path) -> None:
    _left_behind(tmp_path, "one")
    _left_behind(tmp_path, "two", "case-2")
    journal = Journal(tmp_path, debounce_s=60)
    newest, oldest = journal.pending()
    assert (newest.case.title, oldest.case.title) == ("two", "one")
    journal.adopt(oldest)
    assert not oldest.origin.exists()
    journal.close()
    third = Journal(tmp_path)
    assert {each.case.title for each in third.pending()} == {"one", "two"}
    third.close()


def test_that_discarded_work_is_gone(tmp_path: Path) -> None:
    _left_behind(tmp_path)
    journal = Journal(tmp_path)
    journal.discard(journal.pending()[0])
    assert journal.pending() == ()
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_that_a_damaged_journal_is_named_and_kept(tmp_path: Path) -> None:
    damaged = tmp_path / "old.journal"
    damaged.write_bytes(b"not a database" * 100)
    journal = Journal(tmp_path)
    assert journal.pending() == ()
    assert journal.damaged == (damaged,)
    journal.close()
    assert damaged.read_bytes() == b"not a database" * 100


def test_that_a_journal_that_cannot_be_written_says_so_and_says_when_it_can_again(tmp_path: Path) -> None:
    said: list[str | None] = []
    journal = Journal(tmp_path, debounce_s=60, on_trouble=said.append)
    pages = journal._database.execute("PRAGMA page_count").fetchone()[0]
    journal._database.execute(f"PRAGMA max_page_count = {pages}").fetchall()
    journal.note(make_case(title="x" * 100_000), 1)
    with pytest.raises(StoreError) as caught:
        journal.flush()
    assert caught.value.code == "journal-failed"
    assert len(said) == 1
    assert said[0] is not None
    assert "save now" in said[0]
    journal._database.execute("PRAGMA max_page_count = 100000").fetchall()
    journal.flush()
    assert said[1:] == [None]
    journal.close()


def test_that_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        Journal(tmp_path / "file" / "journal")
    assert caught.value.code == "journal-failed"
