"""A program that saves again and again, and says so only after each save; the tests kill it at any moment.

The root of the checkout and the folder of the tests are on its path.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from stored_cases import DOCTOR, make_session, region

from planner.store.journal import Journal
from planner.store.library import Library


def main(url: str, journal_folder: str) -> None:
    library = Library.open(url)
    journal = Journal(Path(journal_folder), debounce_s=0.0)
    case, revision = library.open_case("case-1", DOCTOR)
    while True:
        number = revision + 1
        blob = library.put_blob(f"mask of {number}".encode() * 400)
        session = make_session("session-1", region(blob))
        case = replace(case, title=f"title {number}", sessions=(session,))
        journal.note(case, revision)
        journal.flush()
        print(f"noted {number}", flush=True)
        revision = library.save(case, revision, DOCTOR)
        print(f"saved {revision}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
