"""Embolisation of bleeding and aneurysms: packing density of coils (rule notes R20)."""

from __future__ import annotations

import math

from planner.clinical.comparisons import TOLERANCE
from planner.clinical.constants import RuleConstants
from planner.clinical.quantities import convert
from planner.clinical.results import Given, Outcome


def coil_packing(given: Given, constants: RuleConstants) -> Outcome:
    """Volume of one coil and of a spherical cavity in mm³, packing in per cent, coils for the wanted density."""
    radius = given.number("primary_coil_diameter") / 2.0
    coil = math.pi * radius**2 * convert(given.number("length"), "cm", "mm")
    cavity = math.pi / 6.0 * given.number("sphere_diameter") ** 3
    needed = constants.number("packing_from") / 100.0 * cavity / coil
    return Outcome(
        {
            "coil_volume": coil,
            "cavity_volume": cavity,
            "packing": 100.0 * coil / cavity,
            "coils_for_24_percent": math.ceil(needed - TOLERANCE),
        }
    )


COMPUTES = {"coil_packing": coil_packing}
