"""Text that a verb is given as a file or on stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from planner.errors import InputRefused


def given_text(source: str, most_bytes: int) -> str:
    """The text of a file, or of stdin for ``-``.

    Raises
    ------
    InputRefused
        ``unreadable-file``, ``too-large`` or ``not-text``: not there, larger than `most_bytes`, or no UTF-8 text.
    """
    try:
        if source == "-":
            data = sys.stdin.buffer.read(most_bytes + 1)
        else:
            with Path(source).open("rb") as stream:
                data = stream.read(most_bytes + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no usable path"
        raise InputRefused("unreadable-file", f"{source} cannot be read: {reason}.", subject=source) from error
    if len(data) > most_bytes:
        raise InputRefused("too-large", f"{source} is larger than {most_bytes / 1e6:g} MB.", subject=source)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputRefused("not-text", f"{source} is not UTF-8 text.", subject=source) from error
