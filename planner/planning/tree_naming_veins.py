"""Names of portal and hepatic veins, proposed by their courses."""

from __future__ import annotations

import numpy as np

from planner.planning.tree_naming_region import Region


def portal_names(region: Region) -> dict[str, str]:
    """Main, right and left portal vein with what they carry; splenic and mesenteric vein where they are seen."""
    tree, rules = region.tree, region.places
    if not region.has_liver or not tree.segments:
        return {}
    names: dict[str, str] = {}
    key = _first(region)
    trunk = [key] if key is not None else []
    while trunk:
        children = [each.id for each in tree.children(trunk[-1])]
        supplied = [each for each in children if region.in_liver_mm(each) >= rules["liver"]["least_supply_mm"]]
        if len(supplied) != 1:
            break
        trunk.append(supplied[0])
    confluence = _tributaries(region, trunk, names)
    names.update(dict.fromkeys(trunk[confluence:], "portal_main"))
    if not trunk:
        return {}
    children = [each.id for each in tree.children(trunk[-1])]
    sides = sided(region, children)
    if sides is None:
        return names
    right, left = sides
    line = region.main_line(right, region.liver_mm)
    names.update(dict.fromkeys(line, "portal_right"))
    names.update(dict.fromkeys(region.main_line(left, region.liver_mm), "portal_left"))
    names.update(_sectors(region, line[-1]))
    for each, segment in region.segmental([right, left], "p").items():
        names.setdefault(each, segment)
    return names


def _first(region: Region) -> str | None:
    """The segment at the root that carries the liver's supply."""
    starts = region.tree.starting_at[region.tree.root]
    supplied = [each.id for each in starts if region.in_liver_mm(each.id) > 0.0]
    return supplied[0] if len(supplied) == 1 else None


def _tributaries(region: Region, trunk: list[str], names: dict[str, str]) -> int:
    """Names the splenic vein, and the mesenteric one when the tree begins in it; where the main portal vein begins."""
    rules = region.places["portal"]
    for index, key in enumerate(trunk[:-1]):
        end = region.tree.segment(key).points_lps_mm[-1]
        beside = [each.id for each in region.tree.children(key) if each.id != trunk[index + 1]]
        for each in beside:
            reach = float(region.points(each)[:, 0].max() - end[0])
            if reach >= rules["splenic_left_mm"] and region.in_liver_mm(each) < 0.2 * region.length_mm(each):
                names.update(dict.fromkeys(region.main_line(each), "splenic_vein"))
                start = region.tree.segment(trunk[0]).points_lps_mm[0]
                if end[2] - start[2] >= rules["mesenteric_descent_mm"]:
                    names.update(dict.fromkeys(trunk[: index + 1], "superior_mesenteric_vein"))
                    return index + 1
    return 0


def sided(region: Region, children: list[str]) -> tuple[str, str] | None:
    """Of the branches at a node the one to the right and the one to the left liver; None where that is not clear."""
    rules = region.places["liver"]
    least = max(rules["least_supply_mm"], rules["least_share"] * sum(region.in_liver_mm(each) for each in children))
    supplied = [each for each in children if region.in_liver_mm(each) >= least]
    middles = {each: region.liver_middle(each) for each in supplied}
    known = {each: float(middle[0]) for each, middle in middles.items() if middle is not None}
    if len(known) != 2:
        return None
    right, left = sorted(known, key=lambda each: known[each])
    return (right, left) if known[left] - known[right] >= rules["side_gap_mm"] else None


def _sectors(region: Region, last: str) -> dict[str, str]:
    """Anterior and posterior branch of the right portal vein."""
    gap = region.places["portal"]["anterior_posterior_gap_mm"]
    least = region.places["liver"]["least_supply_mm"]
    children = [each.id for each in region.tree.children(last) if region.in_liver_mm(each.id) >= least]
    middles = {each: region.liver_middle(each) for each in children}
    known = {each: float(middle[1]) for each, middle in middles.items() if middle is not None}
    if len(known) != 2:
        return {}
    anterior, posterior = sorted(known, key=lambda each: known[each])
    if known[posterior] - known[anterior] < gap:
        return {}
    return {anterior: "portal_right_anterior", posterior: "portal_right_posterior"}


def hepatic_vein_names(region: Region) -> dict[str, str]:
    """Inferior vena cava, and the three main hepatic veins where exactly three are seen, from right to left."""
    tree, rules = region.tree, region.places["hepatic_vein"]
    cava = [each.id for each in tree.segments if region.radius(each.id) >= rules["cava_radius_mm"]]
    names = dict.fromkeys(cava, "inferior_vena_cava")
    known = set(cava)
    nodes = {tree.root} | {tree.segment(each).end for each in cava}
    starts = [
        each.id
        for each in tree.segments
        if each.start in nodes and each.id not in known and region.length_mm(each.id) >= rules["least_length_mm"]
    ]
    if len(starts) == 2:
        starts = _parted(region, starts)
    if len(starts) != 3:
        return names
    mean_x = {each: float(np.mean(region.points(each)[:, 0])) for each in starts}
    for key, name in zip(
        sorted(starts, key=lambda each: mean_x[each]), ("hepatic_right", "hepatic_middle", "hepatic_left"), strict=True
    ):
        names.update(dict.fromkeys(region.main_line(key), name))
    return names


def _parted(region: Region, starts: list[str]) -> list[str]:
    """Two trunks as three veins, where one of them parts into two long ones: the middle and the left often do."""
    least = region.places["hepatic_vein"]["least_length_mm"]
    for mother in starts:
        children = region.tree.children(mother)
        long = [each.id for each in children if region.length_mm(each.id) >= least]
        if len(long) == 2 and region.tree.segment(mother).length_mm < least:
            return [each for each in starts if each != mother] + long
    return starts
