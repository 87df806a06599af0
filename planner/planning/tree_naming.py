"""Names proposed for the vessels of a tree, by where they leave, how they run and what they end in.

Every name is a proposal, to be confirmed by a person; where a rule does not hold, there is no name. The rules' numbers
are in ``resources/artery_places.toml``, the names in ``resources/arteries.toml`` and ``resources/veins.toml``.
"""

from __future__ import annotations

from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from planner.planning.tree_naming_arteries import artery_names
from planner.planning.tree_naming_region import Region
from planner.planning.tree_naming_veins import hepatic_vein_names, portal_names
from planner.planning.vessel_tree import VesselTree


def proposed_names(
    tree: VesselTree, *, liver: Mask | None = None, segments: LabelMap | None = None
) -> tuple[dict[str, str | None], str | None]:
    """Segment -> key, for those that can be told, and the Michels pattern of the hepatic arteries.

    Parameters
    ----------
    liver
        Of the tree's frame of reference. Without it the vessels of the liver get no names.
    segments
        Couinaud segments, values 1 to 8, of the same frame; for segmental names and the sides of the liver.

    Returns
    -------
    The pattern is ``I`` to ``X``, or None where it cannot be told.
    """
    region = Region.of(tree, liver, segments)
    if tree.kind == "artery":
        return artery_names(region)
    if tree.kind == "portal-vein":
        return dict(portal_names(region)), None
    if tree.kind == "hepatic-vein":
        return dict(hepatic_vein_names(region)), None
    return {}, None
