"""A run of the digital patient, filmed once for all tests: a still patient at 256 pixels, with its truth."""

from __future__ import annotations

from functools import cache

from phantoms import tiny_patient

from planner.phantom import RunPlan, SimulatedRun, film

STILL = RunPlan("still", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", seconds=4.7)
FULL = 12
"""Index of a frame in which the hepatic arteries are full of contrast medium."""


@cache
def still_film() -> SimulatedRun:
    """Treat its arrays as read-only."""
    return film(tiny_patient(), STILL)
