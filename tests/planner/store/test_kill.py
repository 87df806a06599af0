"""Kill -9 at any moment loses no acknowledged save, leaves no torn one, and leaves the chain intact."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from stored_cases import DOCTOR, make_case

from planner.store import blobs
from planner.store.journal import Journal
from planner.store.library import Library

WRITER = Path(__file__).with_name("save_forever.py")
ROUNDS = 5
TESTS = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def _killed_after(acknowledgements: int, delay: int, url: str, folder: Path) -> dict[str, int]:
    """Run the writer and kill it somewhere in its work; returns the last number it said of each kind."""
    command = [sys.executable, str(WRITER), url, str(folder)]
    seen = {"noted": 0, "saved": 0}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as writer:
        assert writer.stdout is not None
        for _ in range(acknowledgements):
            kind, number = writer.stdout.readline().split()
            seen[kind] = int(number)
        # Busy for a random while, so that the kill falls into any part of the next save.
        for _ in range(delay):
            pass
        writer.kill()
        for line in writer.stdout.read().splitlines():
            if len(parts := line.split()) == 2:
                seen[parts[0]] = max(seen[parts[0]], int(parts[1]))
    return seen


def test_that_no_acknowledged_save_is_lost(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'library.sqlite'}"
    library = Library.open(url)
    library.create_case(make_case(), DOCTOR)
    library.close()
    chance = random.Random(20260304)
    acknowledged = 1
    for _ in range(ROUNDS):
        seen = _killed_after(chance.randint(1, 12), chance.randint(0, 400_000), url, tmp_path / "journal")
        acknowledged = max(acknowledged, seen["saved"])
        library = Library.open(url, daily_backup=False)
        case, revision = library.open_case("case-1", DOCTOR)
        assert revision >= acknowledged
        assert case.title == (f"title {revision}" if revision > 1 else make_case().title)
        report = library.verify_chain("case-1")
        assert report.intact, report.text
        for sha256 in blobs.referenced(case):
            assert library.get_blob(sha256)
        _check_journal(tmp_path / "journal", seen["noted"], revision)
        library.close()
    assert acknowledged > ROUNDS


def _check_journal(folder: Path, noted: int, revision: int) -> None:
    """What was noted is either saved or offered for recovery."""
    journal = Journal(folder)
    pending = journal.pending()
    assert journal.damaged == ()
    assert noted <= revision or [each.case.title for each in pending][:1] == [f"title {noted}"]
    for each in pending:
        journal.discard(each)
    journal.close()
