"""Names and colours of vessels, as they are read and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from planner.planning.arteries import arteries
from planner.planning.veins import veins
from planner.planning.vessel_tree import VesselTree

KIND_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "artery": "Arteries",
        "portal-vein": "Portal vein",
        "hepatic-vein": "Hepatic veins",
        "airway": "Airways",
        "bile-duct": "Bile ducts",
        "vein": "Veins",
    }
)
UNNAMED = "unnamed"
_PORTAL, _HEPATIC = ("portal", "portal-segment", "tributary"), ("hepatic", "trunk")
_GROUPS = {"portal-vein": _PORTAL, "hepatic-vein": _HEPATIC, "vein": (*_PORTAL, *_HEPATIC)}
"""Kind of tree -> groups of ``resources/veins.toml``."""
_ENDINGS = {2: "nd", 3: "rd"}

BY_NAME: Mapping[str, str] = MappingProxyType(
    {
        "aorta": "#c4787a",
        "aorta_abdominal": "#c4787a",
        "aorta_thoracic": "#c4787a",
        "coeliac": "#e8575a",
        "common_hepatic": "#ee8a3c",
        "replaced_common_hepatic": "#ee8a3c",
        "proper_hepatic": "#f0a850",
        "right_hepatic": "#5b9be0",
        "replaced_right_hepatic": "#5b9be0",
        "accessory_right_hepatic": "#5b9be0",
        "right_anterior_hepatic": "#6fb1f0",
        "right_posterior_hepatic": "#4a7fc8",
        "left_hepatic": "#3fbf8f",
        "replaced_left_hepatic": "#3fbf8f",
        "accessory_left_hepatic": "#3fbf8f",
        "middle_hepatic": "#9ccf5a",
        "splenic": "#b48ae0",
        "left_gastric": "#d98ac0",
        "right_gastric": "#d98ac0",
        "gastroduodenal": "#d9c25a",
        "superior_mesenteric": "#d07fa8",
        "cystic": "#b8e05a",
    }
)
"""Colours of arteries by the key of their name; what comes from one has its colour."""
BY_KIND: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "artery": ("#d98486", "#e07a58", "#e59a4e", "#d9b356", "#c9b27a"),
        "portal-vein": ("#5a8fd8", "#6aa2e4", "#83b8ec", "#9cc6ec", "#b0cde6"),
        "hepatic-vein": ("#9a7fe0", "#ab93e6", "#b9a6ea", "#c6b8ec", "#d0c6ec"),
        "airway": ("#7fc8b0", "#92d0bc", "#a6d8c8", "#b8e0d4", "#c8e6de"),
        "bile-duct": ("#8fc06a", "#a2ca82", "#b4d49a", "#c4dcb0", "#d0e2c2"),
        "vein": ("#8a8fe0", "#9ca0e6", "#aeb2ea", "#bec0ee", "#ccceee"),
    }
)
"""Colours by generation of what has no name of its own."""


@cache
def known_names(kind: str) -> Mapping[str, str]:
    """Key -> name of the vessels that a segment of a kind of tree may be called by."""
    if kind == "artery":
        return {key: each.name for key, each in arteries().items()}
    groups = _GROUPS.get(kind, ())
    return {key: each.name for key, each in veins().items() if each.group in groups}


def spoken_vessel(kind: str, name: str | None) -> str:
    """A name as it is read: of the catalogue, else a person's own words."""
    if name is None:
        return UNNAMED
    return known_names(kind).get(name, name)


def short_vessel(kind: str, name: str | None) -> str:
    """The name without the words that all share: ``Right hepatic``, ``A8``; empty for none."""
    if name is None:
        return ""
    whole = spoken_vessel(kind, name)
    for words in ("Segmental artery ", "Segmental portal branch "):
        if whole.startswith(words):
            return whole.removeprefix(words)
    if whole.endswith(")") and "(" in whole:
        return whole[whole.rindex("(") + 1 : -1]
    return whole.removesuffix(" artery").removesuffix(" vein")


def segment_name(tree: VesselTree, key: str) -> str:
    """Of a segment; an unnamed one is told by where it comes from: ``2nd order branch of the right hepatic artery``."""
    segment = tree.segment(key)
    if segment.name is not None:
        return spoken_vessel(tree.kind, segment.name)
    way = tree.way_to(key)
    named = next((each for each in reversed(way) if each.name is not None), None)
    if named is None:
        return f"unnamed branch, generation {tree.generation[key]}"
    below = tree.generation[key] - tree.generation[named.id]
    mother = spoken_vessel(tree.kind, named.name)
    mother = mother if mother[1:2].isupper() else f"{mother[:1].lower()}{mother[1:]}"
    order = "" if below < 2 else f"{below}{_ENDINGS.get(below, 'th')} order "
    return f"{order}branch of the {mother}"


def short_segment(tree: VesselTree, key: str) -> str:
    """``Right hepatic``, ``Right hepatic branch``: for names that are written on images."""
    named = next((each for each in reversed(tree.way_to(key)) if each.name is not None), None)
    if named is None:
        return "Branch"
    short = short_vessel(tree.kind, named.name)
    return short if named.id == key else f"{short} branch"


def segment_colours(tree: VesselTree) -> Mapping[str, str]:
    """Segment -> colour: of its own name, of the nearest name before it, else of its generation."""
    ramp = BY_KIND.get(tree.kind, BY_KIND["artery"])
    found: dict[str, str] = {}
    inherited: dict[str, str | None] = {}
    for segment in tree.segments:
        before = tree.parent(segment.id)
        coming = None if before is None else inherited[before.id]
        own = BY_NAME.get(segment.name) if segment.name is not None and tree.kind == "artery" else None
        inherited[segment.id] = own or coming
        found[segment.id] = inherited[segment.id] or ramp[min(tree.generation[segment.id], len(ramp) - 1)]
    return MappingProxyType(found)
