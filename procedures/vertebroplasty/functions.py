"""Everything vertebroplasty computes and checks beyond spine and percutaneous fragment."""

from __future__ import annotations

from procedures.vertebroplasty import (
    aftercare,
    cement_plan,
    cement_record,
    indication,
    levels,
    preparation,
    stability,
    trajectories,
    trajectory_readout,
)
from procedures.vertebroplasty.registry import REGISTRY

MODULES = (
    levels,
    indication,
    stability,
    trajectories,
    trajectory_readout,
    preparation,
    cement_plan,
    cement_record,
    aftercare,
)
"""The modules that register; importing them is what fills the registry."""

__all__ = ["MODULES", "REGISTRY"]
