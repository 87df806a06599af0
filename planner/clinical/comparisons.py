"""Comparisons of unrounded values; equality allows for the last bits of a conversion (rule notes, Conventions)."""

from __future__ import annotations

import math

TOLERANCE = 1e-9


def at_least(value: float, limit: float) -> bool:
    """``value >= limit``, equality within `TOLERANCE`."""
    return value >= limit - TOLERANCE


def at_most(value: float, limit: float) -> bool:
    """``value <= limit``, equality within `TOLERANCE`."""
    return value <= limit + TOLERANCE


def above(value: float, limit: float) -> bool:
    """``value > limit``; a value that is equal within `TOLERANCE` is not above."""
    return not at_most(value, limit)


def below(value: float, limit: float) -> bool:
    """``value < limit``; a value that is equal within `TOLERANCE` is not below."""
    return not at_least(value, limit)


def round_half_up(value: float) -> int:
    """The nearest integer, halves upwards: what a score prints, never what a rule compares."""
    return math.floor(value + 0.5 + TOLERANCE)
