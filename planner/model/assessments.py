"""Response to treatment as a named reader signed it. What it stands on is kept with it; nothing is computed anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class LesionResponse:
    """Category of one lesion; words of the criteria (``CR``, ``PD``, ``LR-TR Viable``), never numbers."""

    lesion_id: str
    category: str | None
    measured_mm: float | None = None
    change_from_baseline: float | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseReading:
    """One reader's assessment of one timepoint by one set of criteria.

    Attributes
    ----------
    criteria
        ``recist-1.1``, ``mrecist``, ``easl``, ``qeasl``, ``choi``, ``lirads-tr-2024`` or ``volumetric``.
    role
        ``first``, ``second`` or ``adjudication``: the second reads without the first.
    baseline_on, nadir_on
        Days of the studies compared with.
    overall, target, non_target
        Categories in the criteria's words; None is not evaluable, and `not_evaluated` says why.
    digest
        Of the observations it stands on: afterwards it is known whether they have changed.
    versions
        Rule -> version.
    """

    id: str
    criteria: str
    on: date
    read_by: str
    read_at: datetime
    role: str = "first"
    baseline_on: date | None = None
    nadir_on: date | None = None
    target: str | None = None
    non_target: str | None = None
    new_lesion: bool | None = None
    overall: str | None = None
    sum_mm: float | None = None
    change_from_baseline: float | None = None
    change_from_nadir: float | None = None
    lesions: tuple[LesionResponse, ...] = ()
    session_id: str | None = None
    not_evaluated: str | None = None
    digest: str | None = None
    versions: Mapping[str, Any] = field(default_factory=dict)
