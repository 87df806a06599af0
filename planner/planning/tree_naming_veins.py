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
    if key is None:
        return {}
    trunk = [key]
    while True:
        children = [each.id for each in tree.children(trunk[-1])]
        supplied = [each for each in children if region.in_liver_mm(each) >= rules["liver"]["least_supply_mm"]]
        if len(supplied) != 1:
            break
        trunk.append(supplied[0])
    confluence = _tributaries(region, trunk, names)
    names.update(dict.fromkeys(trunk[confluence:], "portal_main"))
    _upstream(region, key, names)
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
        inside = region.in_liver_mm(each)
        # In CT short branches at the hilum are as often arteries, and long ones that leave the liver are no branches.
        if inside >= rules["liver"]["least_supply_mm"] and inside >= 0.8 * region.length_mm(each):
            names.setdefault(each, segment)
    return names


def _first(region: Region) -> str | None:
    """The segment at the root that carries the liver's supply; beside it others may leave from a root in mid-course."""
    rules = region.places["liver"]
    starts = [each.id for each in region.tree.starting_at[region.tree.root]]
    least = max(rules["least_supply_mm"], rules["least_share"] * sum(region.in_liver_mm(each) for each in starts))
    supplied = [each for each in starts if region.in_liver_mm(each) >= least]
    return supplied[0] if len(supplied) == 1 else None


def _upstream(region: Region, first: str, names: dict[str, str]) -> None:
    """From a root in mid-course back to the confluence: the main portal vein, and what it is made of.

    Only where the vein upstream is about as wide and parts into one that reaches to the left and one that comes from
    below.
    """
    tree, rules = region.tree, region.places["portal"]
    starts = [each.id for each in tree.starting_at[tree.root] if each.id != first]
    wide = [each for each in starts if region.radius(each) >= rules["upstream_width"] * region.radius(first)]
    if len(wide) != 1 or region.in_liver_mm(wide[0]) >= 0.2 * region.length_mm(wide[0]):
        return
    end = tree.segment(wide[0]).points_lps_mm[-1]
    splenic, mesenteric = [], []
    for each in tree.children(wide[0]):
        points = region.points(each.id)
        if (
            float(points[:, 0].max() - end[0]) >= rules["splenic_left_mm"]
            and end[2] - float(points[:, 2].min()) < 2.0 * rules["mesenteric_descent_mm"]
        ):
            splenic.append(each.id)
        elif end[2] - float(each.points_lps_mm[-1, 2]) >= rules["mesenteric_descent_mm"]:
            mesenteric.append(each.id)
    if len(splenic) == 1 and len(mesenteric) == 1:
        names[wide[0]] = "portal_main"
        names.update(dict.fromkeys(region.main_line(splenic[0], share=0.7), "splenic_vein"))
        names[mesenteric[0]] = "superior_mesenteric_vein"


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
    starts = [each.id for each in tree.segments if each.start in nodes and each.id not in known]
    starts = _parted(region, [each for each in starts if _drains(region, each)])
    if len(starts) != 3:
        return names
    mean_x = {each: float(np.mean(region.points(each)[:, 0])) for each in starts}
    for key, name in zip(
        sorted(starts, key=lambda each: mean_x[each]), ("hepatic_right", "hepatic_middle", "hepatic_left"), strict=True
    ):
        names.update(dict.fromkeys(region.main_line(key), name))
    return names


def _drains(region: Region, key: str) -> bool:
    """Long enough for a main vein: in the liver for the most part, where that is known."""
    least, whole = region.places["hepatic_vein"]["least_length_mm"], region.length_mm(key)
    if not region.has_liver:
        return bool(whole >= least)
    inside = region.in_liver_mm(key)
    return bool(inside >= least and inside >= 0.5 * whole)


def _parted(region: Region, starts: list[str]) -> list[str]:
    """Fewer than three trunks as what they part into: the middle and the left vein often come as one."""
    least = region.places["hepatic_vein"]["least_length_mm"]
    while len(starts) < 3:
        for mother in sorted(starts, key=lambda each: region.tree.segment(each).length_mm):
            long = [each.id for each in region.tree.children(mother) if _drains(region, each.id)]
            if len(long) >= 2 and region.tree.segment(mother).length_mm < least:
                starts = [each for each in starts if each != mother] + long
                break
        else:
            return starts
    return starts
