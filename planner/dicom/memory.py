"""Whether a volume fits in memory, asked before it is allocated."""

from __future__ import annotations

import sys
from pathlib import Path

from planner.dicom import limits
from planner.dicom.sentences import visible
from planner.errors import InputRefused


def available_bytes() -> int | None:
    """Memory that can be had without swapping, inside the limit of this process; None where nobody says."""
    known = [one for one in (_free_bytes(), _room_bytes()) if one is not None]
    return min(known, default=None)


def _room_bytes() -> int | None:
    """What is left below the address-space limit of this process; None without a limit."""
    if sys.platform == "win32":
        return None
    import resource

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    table = Path("/proc/self/statm")
    if limit == resource.RLIM_INFINITY or not table.exists():
        return None
    used = int(table.read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    return max(0, limit - used)


def _free_bytes() -> int | None:
    table = Path("/proc/meminfo")
    if not table.exists():
        return None
    for line in table.read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * limits.KIBI
    return None


def require_memory(needed: int, what: str, subject: str | None) -> None:
    """Refuse what would take more than 8 GiB or more than half of the free memory.

    Raises
    ------
    InputRefused
        ``too-large``.
    """
    free = available_bytes()
    limit = limits.MAXIMUM_VOLUME_BYTES if free is None else min(limits.MAXIMUM_VOLUME_BYTES, free // 2)
    if needed > limit:
        text = (
            f"{visible(what)} needs {needed / limits.MEBI:.0f} MiB, more than the {limit / limits.MEBI:.0f} MiB it may "
            "take; close other images or load a part of it."
        )
        raise InputRefused("too-large", text, subject=subject)
