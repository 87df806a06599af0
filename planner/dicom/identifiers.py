"""UIDs: checked on entry; private ones are derived, so that the same file gives the same UID each time."""

from __future__ import annotations

import re
import uuid

from planner.dicom import limits

_PATTERN = re.compile(r"[0-9]+(\.[0-9]+)*")
_SPACE = uuid.UUID("6f1f0f4e-0f0c-4c6b-9f57-5e1d1a9f7c11")


def valid_uid(uid: str | None) -> bool:
    """Digits and single dots, at most 64 characters (PS3.5 9.1). Leading zeros are let pass: old devices write them."""
    return uid is not None and len(uid) <= limits.MAXIMUM_UID_CHARACTERS and _PATTERN.fullmatch(uid) is not None


def derived_uid(*parts: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on nothing but the parts."""
    return f"2.25.{uuid.uuid5(_SPACE, chr(31).join(parts)).int}"
