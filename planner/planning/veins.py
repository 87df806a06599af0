"""The veins that segments of a venous tree are named by (``resources/veins.toml``), and the name of any vessel."""

from __future__ import annotations

from functools import cache

from planner.planning.arteries import NamedVessel, arteries, read_vessels


@cache
def veins() -> dict[str, NamedVessel]:
    """Every vein by key; raises as `read_vessels`."""
    return read_vessels("veins.toml", "vein")


def vessel_name(key: str) -> str:
    """What a vessel is called: of the catalogue of arteries, else of veins, else a person's own words as they are."""
    known = arteries().get(key) or veins().get(key)
    return key if known is None else known.name
