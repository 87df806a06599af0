"""Sentences for the operator that quote what a file says."""

from __future__ import annotations

import re

_UNPRINTED = re.compile(r"[^\x20-\x7e]")


def visible(text: str) -> str:
    """The text on one line, what cannot be printed (controls, marks that turn the line round) as U+FFFD.

    Names of files and values of attributes are untrusted: they must not forge a line of a log or steer a terminal.
    """
    return _UNPRINTED.sub(lambda found: found[0] if found[0].isprintable() else "\ufffd", text)
