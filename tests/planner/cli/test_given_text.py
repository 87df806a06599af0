"""Text given as a file or on stdin: what cannot be read is refused in one sentence."""

from __future__ import annotations

from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from planner.cli.given_text import given_text
from planner.errors import InputRefused


def test_that_text_is_read_from_a_file_or_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "asked.json"
    path.write_bytes(b"\xef\xbb\xbf{}")
    assert given_text(str(path), 100) == "{}"
    monkeypatch.setattr("sys.stdin", TextIOWrapper(BytesIO("µ".encode())))
    assert given_text("-", 2) == "µ"


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (b"12345", "too-large", "larger"),
        (b"\xff", "not-text", "no"),
        (None, "unreadable-file", "No such"),
    ],
)
def test_that_what_is_no_text_is_refused(content: bytes | None, code: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "asked.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputRefused, match=said) as refused:
        given_text(str(path), 4)
    assert refused.value.code == code


def test_that_a_path_with_a_nul_is_refused_and_no_traceback() -> None:
    with pytest.raises(InputRefused, match="no usable path"):
        given_text("a\0b", 4)
