"""How each stretch of a vessel tree is drawn: one answer for slices, 3D, the diagram and the projection."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viewers.scene.palette import rgb
from viewers.state.vessels import FEEDER, FEEDER_MINOR, MAIN, MINOR, REACHED, WAY, TreeShown, VesselDesk

FAINT, PLAIN, STRONG = 0.34, 0.8, 1.0
"""Strength of what is beside the point, of a vessel as such, and of what is looked at."""


@dataclass(frozen=True, slots=True)
class SegmentLook:
    """Colour and strength of a segment.

    Attributes
    ----------
    strength
        0 to 1; faint things are drawn thinner and nearer to the ground's colour.
    edge
        Colour of a line around it; empty for none.
    """

    colour: str
    strength: float = PLAIN
    edge: str = ""


def looks_of(shown: TreeShown, vessels: VesselDesk) -> dict[str, SegmentLook]:
    """Segment -> how it is drawn at this moment.

    Contrast that runs out of a catheter comes before the feeders of a lesion, and both before the vessels' own colours;
    while either is on show the rest is faint.
    """
    chosen, pointed = vessels.chosen.value, vessels.pointed.value
    injection, supply = vessels.injection.value, vessels.supply.value
    state = (shown, injection, supply, vessels.way.value, chosen, pointed)
    kept = vessels.kept_looks.get(shown.id)
    if kept is not None and kept[0] == state and isinstance(kept[1], dict):
        return kept[1]
    found = _looks(shown, vessels)
    vessels.kept_looks[shown.id] = (state, found)
    return found


def _looks(shown: TreeShown, vessels: VesselDesk) -> dict[str, SegmentLook]:
    injection, supply = vessels.injection.value, vessels.supply.value
    lit = injection.lit if injection is not None and injection.tip.place.tree_id == shown.id else frozenset()
    standing = supply.standing if supply is not None and supply.tree_id == shown.id else {}
    way = shown.way(vessels.way.value)
    aside = FAINT if lit or MAIN in standing.values() or MINOR in standing.values() else PLAIN
    chosen, pointed = vessels.chosen.value, vessels.pointed.value
    found: dict[str, SegmentLook] = {}
    for segment in shown.tree.segments:
        colour, strength = shown.colours[segment.id], aside
        if segment.id in way:
            strength = STRONG
        if segment.id in standing and standing[segment.id] in (MAIN, MINOR):
            colour, strength = (FEEDER if standing[segment.id] == MAIN else FEEDER_MINOR), STRONG
        if segment.id in lit:
            colour, strength = REACHED, STRONG
        edge = ""
        if chosen is not None and (chosen.tree_id, chosen.segment) == (shown.id, segment.id):
            edge, strength = WAY, STRONG
        elif pointed is not None and (pointed.tree_id, pointed.segment) == (shown.id, segment.id):
            edge = colour
        found[segment.id] = SegmentLook(colour, strength, edge)
    return found


@lru_cache(maxsize=1024)
def mixed(colour: str, ground: str, strength: float) -> tuple[int, int, int]:
    """A colour at a strength on a ground."""
    (red, green, blue), (r, g, b) = rgb(colour), rgb(ground)
    return (
        round(red * strength + r * (1.0 - strength)),
        round(green * strength + g * (1.0 - strength)),
        round(blue * strength + b * (1.0 - strength)),
    )


def point_colours(
    shown: TreeShown, looks: dict[str, SegmentLook], vessels: VesselDesk, ground: str
) -> NDArray[np.uint8]:
    """(n, 3) a colour for each point of the tree; before a catheter's tip its own segment is not lit."""
    rows = [mixed(looks[each.id].colour, ground, looks[each.id].strength) for each in shown.tree.segments]
    flat = shown.flat
    found: NDArray[np.uint8] = np.asarray(rows, dtype=np.uint8).reshape(-1, 3)[flat.number]
    injection = vessels.injection.value
    if injection is not None and injection.tip.place.tree_id == shown.id:
        place = injection.tip.place
        for number, segment in enumerate(shown.tree.segments):
            if segment.id == place.segment:
                before = (flat.number == number) & (flat.along_mm < place.along_mm)
                found[before] = mixed(shown.colours[segment.id], ground, PLAIN)
    return found
