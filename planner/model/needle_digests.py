"""Digests over needles as they lie, for whoever has to tell without images that something was moved since."""

from __future__ import annotations

from collections.abc import Iterable

from planner.model.codec import digest
from planner.model.items import PlanItem
from planner.model.needle_items import NeedlePathBody


def placed_digest(needles: Iterable[tuple[PlanItem, NeedlePathBody]]) -> str:
    """Of the places, devices and settings of needles, whatever their order: SHA-256, hexadecimal."""
    placed = [(item.id, body.entry_lps_mm, body.tip_lps_mm, body.device, body.setting) for item, body in needles]
    return digest(sorted(placed, key=lambda each: each[0]))
