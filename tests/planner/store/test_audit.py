"""The audit trail: append-only, chained, and free of patient text."""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from stored_cases import COLLEAGUE, DOCTOR, make_case, make_session, override, sign_off

from planner.errors import StoreError
from planner.store import audit
from planner.store.audit import AuditEntry
from planner.store.library import Library

TABLES = ("audit", "case_revision", "signature", "print_log", "revision_blob")


def _filled(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    session = replace(make_session(), signoffs=(sign_off(),), overrides=(override(),))
    library.save(replace(case, sessions=(session,)), 1, DOCTOR)
    library.open_case(case.id, COLLEAGUE)
    library.record_print(case.id, 2, "session-1", "a" * 64, DOCTOR)


def _unguarded(file: Path) -> sqlite3.Connection:
    """What somebody with the file in hand could do: drop the triggers first."""
    raw = sqlite3.connect(file)
    for table in TABLES:
        raw.execute(f"DROP TRIGGER {table}_no_UPDATE")
        raw.execute(f"DROP TRIGGER {table}_no_DELETE")
    return raw


@pytest.mark.parametrize("statement", ["UPDATE {} SET case_id = 'x'", "DELETE FROM {}"])
@pytest.mark.parametrize("table", ["audit", "case_revision", "signature", "print_log"])
def test_that_the_database_refuses_to_change_history(
    library: Library, library_file: Path, table: str, statement: str
) -> None:
    _filled(library)
    with sqlite3.connect(library_file) as raw, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(statement.format(table))


def test_that_replacing_a_revision_is_refused_too(library: Library) -> None:
    _filled(library)
    with pytest.raises(StoreError), library.writing() as connection:
        connection.exec_driver_sql("INSERT OR REPLACE INTO case_revision SELECT * FROM case_revision")
    assert library.verify_chain("case-1").intact


def test_that_the_trail_tells_every_act_in_order(library: Library) -> None:
    _filled(library)
    trail = library.audit_trail("case-1")
    assert [each.action for each in trail] == [
        "case-created",
        "saved",
        "signed",
        "overridden",
        "case-opened",
        "printed",
    ]
    assert [each.counter for each in trail] == [1, 2, 3, 4, 5, 6]
    assert trail[4].user == "dr.other"
    assert library.audit_head("case-1") == trail[-1].hash
    report = library.verify_chain("case-1", trail[2].hash)
    assert report.intact
    assert report.entries == 6


def test_that_a_clock_set_back_breaks_nothing(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    library.create_case(make_case(), DOCTOR)
    monkeypatch.setattr(audit, "utc_now", lambda: datetime(1999, 1, 1, tzinfo=UTC))
    library.save(make_case(title="x"), 1, DOCTOR)
    first, second = library.audit_trail("case-1")
    assert second.at < first.at
    assert (first.counter, second.counter) == (1, 2)
    assert library.verify_chain("case-1").intact


@pytest.mark.parametrize(
    ("tampering", "said"),
    [
        ("UPDATE audit SET user = 'x' WHERE counter = 2", "entry 2 was changed"),
        ("UPDATE audit SET at = '2001-01-01' WHERE counter = 1", "entry 1 was changed"),
        ("DELETE FROM audit WHERE counter = 3", "entry 3 is missing"),
        ("DELETE FROM audit WHERE counter >= 2", "revision 2 does not fit"),
        ("UPDATE case_revision SET body = replace(body, 'VIII', 'II') WHERE revision = 1", "content of revision 1"),
        ("UPDATE case_revision SET sha256 = 'x' WHERE revision = 1", "revision 1 does not fit"),
    ],
)
def test_that_tampering_is_found(library: Library, library_file: Path, tampering: str, said: str) -> None:
    _filled(library)
    raw = _unguarded(library_file)
    raw.execute(tampering)
    raw.commit()
    raw.close()
    report = library.verify_chain("case-1")
    assert not report.intact
    assert said in report.text


def test_that_an_inserted_entry_is_found(library: Library, library_file: Path) -> None:
    _filled(library)
    raw = _unguarded(library_file)
    raw.execute("UPDATE audit SET counter = 7 WHERE counter = 6")
    raw.execute(
        "INSERT INTO audit SELECT case_id, 6, at, user, role, workstation, action, object, object_digest, reason, "
        "software, previous, 'forged' FROM audit WHERE counter = 7"
    )
    raw.commit()
    raw.close()
    assert not library.verify_chain("case-1").intact


def test_that_a_cut_tail_is_found_with_the_printed_head(library: Library, library_file: Path) -> None:
    _filled(library)
    printed = library.audit_head("case-1")
    raw = _unguarded(library_file)
    raw.execute("DELETE FROM audit WHERE counter = 6")
    raw.commit()
    raw.close()
    assert library.verify_chain("case-1").intact
    assert not library.verify_chain("case-1", printed).intact


def test_that_no_patient_text_gets_into_audit_logs_or_errors(
    library: Library, library_file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    try:
        _filled(library)
        raw = sqlite3.connect(library_file, isolation_level=None)
        raw.execute("CREATE TRIGGER fault BEFORE INSERT ON case_revision BEGIN SELECT RAISE(ABORT, 'fault'); END")
        raw.close()
        with pytest.raises(StoreError) as caught:
            library.save(make_case(title="ZZPHI in the title"), 2, DOCTOR)
    finally:
        logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
    said: list[str] = [caught.value.message]
    error: BaseException | None = caught.value
    while error is not None:
        said.append(str(error))
        error = error.__cause__
    entries = json.dumps([[str(value) for value in _values(entry)] for entry in library.audit_trail("case-1")])
    assert "ZZPHI" not in entries
    assert "ZZPHI" not in "".join(said)
    assert "ZZPHI" not in caplog.text


def _values(entry: AuditEntry) -> list[object]:
    return [getattr(entry, name) for name in type(entry).__slots__]
