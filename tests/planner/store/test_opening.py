"""A library is created whole, examined before it is touched, and never replaced by an empty one."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from stored_cases import DOCTOR, make_case

from planner.errors import InputRefused, StoreError
from planner.store.library import Library
from planner.store.places import filesystem_of, why_unsafe


def _open(file: Path) -> Library:
    return Library.open(f"sqlite:///{file}")


def _filled(file: Path) -> bytes:
    library = _open(file)
    library.create_case(make_case(), DOCTOR)
    library.close()
    return file.read_bytes()


def test_that_a_new_library_appears_whole_and_alone(library_file: Path) -> None:
    _open(library_file).close()
    assert [each.name for each in library_file.parent.iterdir() if "backup" not in each.name] == ["library.sqlite"]
    raw = sqlite3.connect(library_file)
    assert raw.execute("PRAGMA application_id").fetchone() == (0x53454C44,)
    assert raw.execute("PRAGMA quick_check").fetchone() == ("ok",)
    raw.close()


@pytest.mark.usefixtures("library_file")
def test_that_the_safe_pragmas_hold_on_every_connection(library: Library) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0, "busy_timeout": 5000}
    with library.reading() as first, library.writing() as second:
        for connection in (first, second):
            for name, value in expected.items():
                assert connection.exec_driver_sql(f"PRAGMA {name}").scalar() == value


def test_that_reading_goes_on_while_somebody_writes(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    with library.writing() as connection:
        connection.exec_driver_sql("UPDATE case_head SET updated_by = 'x'")
        assert library.list_cases()[0].updated_by == "dr.test"


def test_that_an_empty_file_is_refused_and_stays_empty(library_file: Path) -> None:
    library_file.touch()
    with pytest.raises(StoreError) as caught:
        _open(library_file)
    assert caught.value.code == "library-empty"
    assert library_file.read_bytes() == b""


def test_that_a_foreign_database_is_refused_untouched(library_file: Path) -> None:
    raw = sqlite3.connect(library_file)
    raw.execute("CREATE TABLE notes(text)")
    raw.commit()
    raw.close()
    before = library_file.read_bytes()
    with pytest.raises(StoreError) as caught:
        _open(library_file)
    assert caught.value.code == "library-foreign"
    assert library_file.read_bytes() == before


def test_that_a_newer_library_is_refused_with_a_sentence(library_file: Path) -> None:
    _filled(library_file)
    raw = sqlite3.connect(library_file)
    raw.execute("PRAGMA user_version = 2")
    raw.close()
    before = library_file.read_bytes()
    with pytest.raises(StoreError, match="newer version") as caught:
        _open(library_file)
    assert caught.value.code == "library-newer"
    assert library_file.read_bytes() == before


def test_that_a_newer_document_is_refused_with_a_sentence(library: Library) -> None:
    library.create_case(make_case(), DOCTOR)
    with pytest.raises(StoreError) as caught:
        library.save(replace(make_case(), schema=2), 1, DOCTOR)
    assert caught.value.code == "newer-document"


def _rewritten(library_file: Path, **changes: object) -> None:
    """Another version of the program wrote the first revision."""
    raw = sqlite3.connect(library_file)
    raw.execute("DROP TRIGGER case_revision_no_UPDATE")
    body = json.dumps({**json.loads(raw.execute("SELECT body FROM case_revision").fetchone()[0]), **changes})
    digest = hashlib.sha256(body.encode()).hexdigest()
    raw.execute("UPDATE case_revision SET body = ?, sha256 = ?", (body, digest))
    raw.commit()
    raw.close()


def test_that_a_stored_document_of_a_newer_version_is_refused(library: Library, library_file: Path) -> None:
    library.create_case(make_case(), DOCTOR)
    _rewritten(library_file, schema=2, something_new=[1])
    with pytest.raises(InputRefused, match="newer version") as caught:
        library.open_case("case-1", DOCTOR)
    assert caught.value.code == "newer-document"


def test_that_a_stored_summary_of_another_version_is_derived_anew(library: Library, library_file: Path) -> None:
    library.create_case(make_case(), DOCTOR)
    raw = sqlite3.connect(library_file)
    raw.execute("UPDATE case_head SET summary = '{\"unknown\": 1}'")
    raw.commit()
    raw.close()
    assert library.list_cases()[0].facts.patient_id == "ZZPHI-0042"


@pytest.mark.parametrize("kind", ["random", "text", "truncated", "header", "pages"])
def test_that_a_damaged_library_is_refused_untouched(library_file: Path, kind: str) -> None:
    whole = _filled(library_file)
    chance = random.Random(7)
    damaged = {
        "random": chance.randbytes(8192),
        "text": b"not a database at all, although it is rather long" * 50,
        "truncated": whole[: len(whole) // 2],
        "header": b"\0" * 100 + whole[100:],
        "pages": whole[:8192] + chance.randbytes(len(whole) - 8192),
    }[kind]
    library_file.write_bytes(damaged)
    with pytest.raises(StoreError) as caught:
        _open(library_file)
    assert caught.value.code == "library-corrupt"
    assert library_file.read_bytes() == damaged


def test_that_a_changed_document_is_refused(library: Library, library_file: Path) -> None:
    library.create_case(make_case(), DOCTOR)
    raw = sqlite3.connect(library_file)
    raw.execute("DROP TRIGGER case_revision_no_UPDATE")
    raw.execute("UPDATE case_revision SET body = replace(body, '1951', '1915')")
    raw.commit()
    raw.close()
    with pytest.raises(InputRefused) as caught:
        library.open_case("case-1", DOCTOR)
    assert caught.value.code == "damaged-document"


def test_that_a_library_without_write_permission_can_be_read(tmp_path: Path, library_file: Path) -> None:
    _filled(library_file)
    library = _open(library_file)
    with library.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    # The pool hands out the connection that was made read-only.
    assert library.open_case("case-1", DOCTOR)[1] == 1
    with pytest.raises(StoreError) as caught:
        library.save(make_case(title="x"), 1, DOCTOR)
    assert caught.value.code == "library-read-only"
    library.close()


@pytest.mark.usefixtures("library_file")
def test_that_a_full_disk_is_said_and_loses_nothing(library: Library) -> None:
    case = make_case()
    library.create_case(case, DOCTOR)
    with library.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError) as caught:
        library.save(replace(case, title="x" * 200_000), 1, DOCTOR)
    assert caught.value.code == "disk-full"
    assert library.open_revision(case.id, 1) == case
    assert library.head_revision(case.id) == 1


def test_that_two_programs_creating_one_library_share_it(library_file: Path) -> None:
    script = (
        "import sys; from planner.store.library import Library\n"
        "sys.stdin.readline(); Library.open(sys.argv[1], daily_backup=False).close()"
    )
    command = [sys.executable, "-c", script, f"sqlite:///{library_file}"]
    programs = [subprocess.Popen(command, stdin=subprocess.PIPE, text=True) for _ in range(2)]
    for each in programs:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    assert [each.wait(30) for each in programs] == [0, 0]
    _open(library_file).close()
    assert not [each for each in library_file.parent.iterdir() if each.name.startswith(".")]


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
server:/export /mnt/share nfs4 rw 0 0
//pc/d /mnt/with\\040space cifs rw 0 0
/dev/sdb1 /mnt/share/local ext4 rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/x/library.sqlite", "ext4"),
        ("/mnt/share/library.sqlite", "nfs4"),
        ("/mnt/shared/library.sqlite", "ext4"),
        ("/mnt/with space/library.sqlite", "cifs"),
        ("/mnt/share/local/library.sqlite", "ext4"),
    ],
)
def test_that_the_file_system_of_a_path_is_told(path: str, kind: str) -> None:
    assert filesystem_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize(
    "path", ["/mnt/share/l.sqlite", "/mnt/with space/l.sqlite", "/home/x/Dropbox/l.sqlite", "/x/OneDrive - Clinic/l"]
)
def test_that_a_share_or_synchronised_folder_is_unsafe(path: str) -> None:
    assert why_unsafe(Path(path), MOUNTS) is not None


def test_that_a_local_folder_is_safe() -> None:
    assert why_unsafe(Path("/home/x/data/l.sqlite"), MOUNTS) is None


def test_that_a_library_in_a_synchronised_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        _open(tmp_path / "Dropbox" / "library.sqlite")
    assert caught.value.code == "library-on-network"
    assert not (tmp_path / "Dropbox").exists()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "no-such-dialect://x/y", "http://"])
def test_that_an_address_without_a_library_is_refused(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        Library.open(url)
    assert caught.value.code == "library-unreachable"


def test_that_a_library_on_postgresql_works_by_its_url_alone(server_url: str) -> None:
    library = Library.open(server_url)
    library.create_case(make_case(), DOCTOR)
    assert library.save(replace(make_case(), title="x"), 1, DOCTOR) == 2
    library.close()
    again = Library.open(server_url)
    assert again.open_case("case-1", DOCTOR) == (make_case(title="x"), 2)
    assert again.verify_chain("case-1").intact
    assert again.folder is None
    again.close()


def test_that_workstations_that_open_an_empty_server_at_once_share_it(server_url: str) -> None:
    start = threading.Barrier(6)

    def open_together(number: int) -> Library:
        start.wait()
        return Library.open(server_url)

    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(open_together, range(6)))
    opened[0].create_case(make_case(), DOCTOR)
    assert [len(each.list_cases()) for each in opened] == [1] * 6
    for each in opened:
        each.close()


def test_that_the_server_itself_refuses_to_change_history(server_url: str) -> None:
    library = Library.open(server_url)
    library.create_case(make_case(), DOCTOR)
    for statement in ("UPDATE audit SET role = 'x'", "DELETE FROM case_revision", "TRUNCATE audit"):
        with pytest.raises(StoreError), library.writing() as connection:
            connection.exec_driver_sql(statement)
    assert library.verify_chain("case-1").intact
    library.close()


def test_that_a_server_lost_in_the_middle_of_a_save_is_said_and_loses_nothing(server_url: str) -> None:
    library, other = Library.open(server_url), Library.open(server_url)
    library.create_case(make_case(), DOCTOR)

    def save_and_lose() -> None:
        with library.writing() as connection:
            number = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            connection.exec_driver_sql("UPDATE case_head SET updated_by = 'x'")
            with other.writing() as killer:
                killer.exec_driver_sql(f"SELECT pg_terminate_backend({number})")
            connection.exec_driver_sql("SELECT 1")

    with pytest.raises(StoreError) as caught:
        save_and_lose()
    assert caught.value.code == "library-unreachable"
    assert "check the network" in caught.value.message
    # The next save finds its way by itself.
    assert library.list_cases()[0].updated_by == "dr.test"
    assert library.save(make_case(title="x"), 1, DOCTOR) == 2
    library.close()
    other.close()


def test_that_a_server_that_does_not_answer_is_said_without_the_password() -> None:
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    with pytest.raises(StoreError) as caught:
        Library.open("postgresql+psycopg://planner:secret@127.0.0.1:1/lib")
    assert caught.value.code == "library-unreachable"
    assert "secret" not in f"{caught.value.message}{caught.value.subject}"


def test_that_a_copied_library_opens_elsewhere(library_file: Path, tmp_path: Path) -> None:
    _filled(library_file)
    other = tmp_path / "elsewhere" / "copy.sqlite"
    other.parent.mkdir()
    shutil.copy(library_file, other)
    copied = _open(other)
    assert copied.open_case("case-1", DOCTOR)[0] == make_case()
    copied.close()
