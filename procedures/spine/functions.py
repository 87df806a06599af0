"""Everything the shared stages compute and check, under the names their template uses."""

from __future__ import annotations

from procedures.spine import (
    day_checks,
    decision_checks,
    devices_in_body,
    fitness_checks,
    follow_up_checks,
    image_checks,
    kidney,
    ledger,
    medicine_checks,
    radiation,
    referral_checks,
)
from procedures.spine.registry import REGISTRY

MODULES = (
    referral_checks,
    image_checks,
    fitness_checks,
    medicine_checks,
    decision_checks,
    kidney,
    radiation,
    day_checks,
    follow_up_checks,
    ledger,
    devices_in_body,
)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
