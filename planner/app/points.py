"""Points of the command line."""

from __future__ import annotations

import math

from planner.errors import UsageError
from planner.model.items import Point


def point_of(word: str, what: str) -> Point:
    """``x,y,z`` in LPS mm; `what` names the option.

    Raises
    ------
    UsageError
        ``bad-point``.
    """
    try:
        x, y, z = (float(part) for part in word.split(","))
    except ValueError:
        raise UsageError("bad-point", f"{what} {word!r} is not X,Y,Z in LPS mm.", subject=word) from None
    if not all(math.isfinite(each) for each in (x, y, z)):
        raise UsageError("bad-point", f"{what} {word!r} needs three finite numbers.", subject=word)
    return x, y, z
