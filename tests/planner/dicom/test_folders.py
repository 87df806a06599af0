"""Folders from anywhere: what is no file is listed, what cannot be read is said, and nothing is waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from dicom_files import write_series

from planner.app.images import scan
from planner.dicom import folders
from planner.dicom.sentences import visible
from planner.errors import UsageError

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes in folders")


def test_that_links_and_pipes_are_listed_and_the_series_beside_them_loads(tmp_path: Path) -> None:
    outside = write_series(tmp_path / "outside")
    folder = write_series(tmp_path / "ct")
    (folder / "file-link").symlink_to(outside / "000.dcm")
    (folder / "folder-link").symlink_to(outside)
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(os.path.relpath(folder / "socket"))
        found = scan([folder])
    assert [(one.frames, one.loadable) for one in found.series] == [(8, True)]
    assert {(one.file.name, one.code) for one in found.skipped} == {
        (name, "unsafe-entry") for name in ("file-link", "folder-link", "dangling", "pipe", "socket")
    }
    texts = {one.file.name: one.text for one in found.skipped}
    assert "copy what it leads to into the folder" in texts["file-link"]
    assert "pipe: it is a pipe" in texts["pipe"]


def test_that_a_folder_inside_that_cannot_be_read_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path / "ct")
    (tmp_path / "locked").mkdir()
    real = os.scandir

    def refusing(path: str) -> object:
        if path.endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(folders.os, "scandir", refusing)
    found = scan([tmp_path])
    assert [one.frames for one in found.series] == [8]
    (skipped,) = found.skipped
    assert skipped.text == "locked: the folder cannot be read (Permission denied); check the disk and your rights."


def test_that_files_come_in_order_of_name_over_all_folders(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/3", "0"):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"")
    files, skipped = folders.files_under(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in files] == ["0", "a/3", "b/1", "b/2"]
    assert skipped == []


def test_that_too_many_files_are_wrong_usage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders.limits, "MAXIMUM_FILES", 3)
    write_series(tmp_path)
    with pytest.raises(UsageError) as wrong:
        scan([tmp_path])
    assert wrong.value.code == "too-many-files"


def test_that_a_pipe_named_by_itself_is_wrong_usage(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is a pipe"):
        scan([tmp_path / "pipe"])


def test_that_a_file_name_forges_no_line(tmp_path: Path) -> None:
    (tmp_path / "one\nAUDIT \u202edcm").write_bytes(b"x")
    (skipped,) = scan([tmp_path]).skipped
    assert skipped.text.isprintable()
    assert skipped.text.startswith("one\ufffdAUDIT \ufffddcm")


def test_that_printable_text_of_any_script_stays() -> None:
    assert visible("Ätna 山田^太郎 – 4.2 mm") == "Ätna 山田^太郎 – 4.2 mm"
