"""After a crash: what is offered, how it differs, and that restoring loses nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from stored_cases import COLLEAGUE, DOCTOR, make_case

from planner.app import recovery
from planner.model.case import Case
from planner.store.journal import Journal
from planner.store.library import Library, SavedElsewhere


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    opened = Library.open(f"sqlite:///{tmp_path / 'library.sqlite'}")
    opened.create_case(make_case(), DOCTOR)
    yield opened
    opened.close()


@pytest.fixture
def journal(library: Library) -> Iterator[Journal]:
    opened = recovery.open_journal(library)
    yield opened
    opened.close()


def _leave_behind(library: Library, case: Case, base: int = 1) -> None:
    """What a program leaves that ends without saving: closing a journal keeps what is unsaved."""
    left = Journal(recovery.journal_folder(library), debounce_s=60)
    left.note(case, base)
    left.close()


def test_that_unsaved_work_is_offered_with_its_differences(library: Library, journal: Journal) -> None:
    lesion = replace(make_case().lesions[0], segment="IV")
    _leave_behind(library, replace(make_case(title="new title"), lesions=(lesion,)))
    (found,) = recovery.recoverable(library, journal)
    assert found.head_revision == 1
    assert [(each.path, each.before, each.after) for each in found.differences] == [
        ("title", "HCC in segment VIII", "new title"),
        ("lesions[lesion-1].segment", "VIII", "IV"),
    ]
    assert "2 places differ from revision 1" in found.sentence


def test_that_restored_work_is_kept_until_it_is_saved(library: Library, journal: Journal) -> None:
    _leave_behind(library, make_case(title="unsaved"))
    (found,) = recovery.recoverable(library, journal)
    case, base = recovery.restore(journal, found)
    assert recovery.recoverable(library, journal) == ()
    journal.close()
    second = recovery.open_journal(library)
    (again,) = recovery.recoverable(library, second)
    assert again.unsaved.case == case
    recovery.restore(second, again)
    revision = library.save(case, base, DOCTOR)
    second.saved(case, revision)
    second.close()
    third = recovery.open_journal(library)
    assert recovery.recoverable(library, third) == ()
    third.close()


def test_that_work_somebody_overtook_is_kept_as_a_branch(library: Library, journal: Journal) -> None:
    _leave_behind(library, make_case(title="unsaved"))
    library.save(make_case(title="meanwhile"), 1, COLLEAGUE)
    (found,) = recovery.recoverable(library, journal)
    assert found.head_revision == 2
    case, base = recovery.restore(journal, found)
    with pytest.raises(SavedElsewhere) as caught:
        library.save(case, base, DOCTOR)
    assert library.open_revision(case.id, caught.value.branch_revision).title == "unsaved"


def test_that_work_that_was_saved_after_all_is_not_offered(library: Library, journal: Journal) -> None:
    _leave_behind(library, make_case(title="saved"))
    library.save(make_case(title="saved"), 1, DOCTOR)
    assert recovery.recoverable(library, journal) == ()
    assert journal.pending() == ()


def test_that_work_on_a_case_the_library_does_not_know_is_offered(library: Library, journal: Journal) -> None:
    _leave_behind(library, make_case("case-2"))
    (found,) = recovery.recoverable(library, journal)
    assert found.head_revision is None
    recovery.discard(journal, found)
    assert recovery.recoverable(library, journal) == ()


def test_that_added_and_removed_members_are_named() -> None:
    before = make_case()
    second = replace(before.lesions[0], id="lesion-2")
    after = replace(before, lesions=(second,))
    changes = {each.path: (each.before is None, each.after is None) for each in recovery.differences(before, after)}
    assert changes == {"lesions[lesion-1]": (False, True), "lesions[lesion-2]": (True, False)}
    assert recovery.differences(before, before) == ()
