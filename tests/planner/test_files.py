"""A file is there whole, or the older one still is."""

from __future__ import annotations

from pathlib import Path

import pytest

from planner.files import whole_file


def test_that_an_interrupted_write_leaves_the_older_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "plan.pdf"
    target.write_bytes(b"old")

    def interrupted() -> None:
        with whole_file(target) as stream:
            stream.write(b"half")
            raise RuntimeError("the lamp went out")

    with pytest.raises(RuntimeError):
        interrupted()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_that_what_was_written_can_be_read_back_before_it_counts(tmp_path: Path) -> None:
    target = tmp_path / "plan.pdf"
    with whole_file(target) as stream:
        stream.write(b"new")
        stream.seek(0)
        assert stream.read() == b"new"
        assert not target.exists()
    assert target.read_bytes() == b"new"


def test_that_a_folder_that_is_not_there_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"), whole_file(tmp_path / "no" / "plan.pdf") as stream:
        stream.write(b"x")
