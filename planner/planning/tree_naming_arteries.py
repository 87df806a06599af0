"""Names of the arteries of the upper abdomen, proposed by where they leave the aorta, how they run and what they feed.

Patterns of the hepatic arteries after Michels, Am J Surg 1966;112:337: I usual; II, III, IV left, right or both
replaced; V, VI, VII left, right or both accessory; VIII one replaced and the other accessory; IX the whole trunk from
the superior mesenteric artery; X from the left gastric artery.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from planner.planning.tree_naming_region import Region
from planner.planning.tree_naming_veins import sided


@dataclass(eq=False)
class _Found:
    """Names so far, and which sides of the liver each source supplies (``right``, ``left``)."""

    names: dict[str, str | None] = field(default_factory=dict)
    proper: set[str] = field(default_factory=set)
    gastric: bool = False
    mesenteric: set[str] = field(default_factory=set)

    def give(self, keys: list[str], name: str) -> None:
        for key in keys:
            self.names.setdefault(key, name)


def artery_names(region: Region) -> tuple[dict[str, str | None], str | None]:
    """Segment -> key of ``resources/arteries.toml``, and the Michels pattern."""
    found = _Found()
    aorta = _aorta(region)
    if not aorta:
        return {}, None
    found.give(aorta, "aorta")
    offs = _branches(region, aorta)
    _iliacs(region, aorta, found)
    mesenteric = _mesenteric(region, offs)
    coeliac = _coeliac(region, offs, mesenteric)
    _renals(region, offs, found, mesenteric)
    _inferior_mesenteric(region, offs, mesenteric, found)
    right_supply = _mesenteric_names(region, mesenteric, found)
    pattern = None
    if coeliac is not None:
        pattern = _coeliac_names(region, coeliac, found, right_supply)
    return found.names, pattern


def _aorta(region: Region) -> list[str]:
    """Wide segments that hang together from the root."""
    rules, tree = region.places["aorta"], region.tree
    widest = max((region.radius(each.id) for each in tree.segments), default=0.0)
    least = max(rules["least_radius_mm"], rules["share_of_widest"] * widest)
    found: list[str] = []
    nodes = [tree.root]
    for node in nodes:
        for each in tree.starting_at[node]:
            if region.radius(each.id) >= least:
                found.append(each.id)
                nodes.append(each.end)
    return found


def _branches(region: Region, aorta: list[str]) -> list[str]:
    """Long enough branches of the aorta, from the head downwards."""
    tree, own = region.tree, set(aorta)
    nodes = {tree.root} | {tree.segment(key).end for key in aorta}
    starts = [each.id for each in tree.segments if each.start in nodes and each.id not in own]
    least = region.places["branches"]["least_length_mm"]
    long = [key for key in starts if region.length_mm(key) - _wall(region, key, aorta) >= least]
    return sorted(long, key=lambda key: -_origin_z(region, key))


def _wall(region: Region, key: str, aorta: list[str]) -> float:
    """Radius of the aorta where a branch leaves."""
    start = region.tree.segment(key).start
    return max((region.radius(each) for each in aorta if region.tree.segment(each).end == start), default=0.0)


def _origin_z(region: Region, key: str) -> float:
    return float(region.tree.segment(key).points_lps_mm[0, 2])


def _course(region: Region, key: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    course = region.course(key, region.places["branches"]["direction_mm"])
    return np.asarray(course, dtype=np.float64).reshape(3)


def _iliacs(region: Region, aorta: list[str], found: _Found) -> None:
    """The two ends of the aorta, where it parts to the right and the left."""
    tree = region.tree
    lowest = min(aorta, key=lambda key: float(tree.segment(key).points_lps_mm[-1, 2]))
    ends = [each.id for each in tree.children(lowest) if each.id not in aorta]
    wide = [key for key in ends if region.radius(key) >= 0.5 * region.places["aorta"]["least_radius_mm"]]
    if len(wide) != 2 or any(_course(region, key)[2] > -0.2 for key in wide):
        return
    right, left = sorted(wide, key=lambda key: _course(region, key)[0])
    if _course(region, right)[0] < 0.0 < _course(region, left)[0]:
        found.give(region.main_line(right, share=0.75), "common_iliac_right")
        found.give(region.main_line(left, share=0.75), "common_iliac_left")


def _mesenteric(region: Region, offs: list[str]) -> str | None:
    """The widest artery that leaves forwards and soon runs down in front of the aorta."""
    rules = region.places["superior_mesenteric"]
    candidates = [
        key
        for key in offs
        if region.radius(key) >= rules["least_radius_mm"]
        and _drop(region, key, rules["course_mm"]) >= rules["least_drop_mm"]
        and abs(_course(region, key)[0]) < region.places["branches"]["lateral_share"]
    ]
    return max(candidates, key=region.radius, default=None)


def _drop(region: Region, key: str, reach_mm: float) -> float:
    """How far down an artery has come after a stretch of its own course."""
    left = reach_mm
    for each in _descending(region, key):
        segment = region.tree.segment(each)
        if segment.length_mm >= left:
            return _origin_z(region, key) - float(segment.at(left)[2])
        left -= segment.length_mm
    return 0.0


def _coeliac(region: Region, offs: list[str], mesenteric: str | None) -> str | None:
    """The artery shortly above the mesenteric one whose branches reach to the left and to the right."""
    rules = region.places["coeliac"]
    candidates = []
    for key in offs:
        if key == mesenteric or -_course(region, key)[1] < 0.0:
            continue
        height = 0.0 if mesenteric is None else _origin_z(region, key) - _origin_z(region, mesenteric)
        points = region.points(key)
        origin = region.tree.segment(key).points_lps_mm[0]
        left, right = float(points[:, 0].max() - origin[0]), float(origin[0] - points[:, 0].min())
        near = 0.0 <= height <= rules["above_mesenteric_mm"]
        rightwards = right >= rules["right_reach_mm"] or region.in_liver_mm(key) > 0.0
        if near and rightwards and left >= rules["left_reach_mm"]:
            candidates.append(key)
    return candidates[0] if len(candidates) == 1 else None


def _renals(region: Region, offs: list[str], found: _Found, mesenteric: str | None) -> None:
    """The widest artery to each side that ends behind where it begins; not above the mesenteric one by far."""
    rules, lateral = region.places["renal"], region.places["branches"]["lateral_share"]
    for side, sign in (("right", -1.0), ("left", 1.0)):
        candidates = []
        for key in (each for each in offs if each not in found.names):
            course, start = _course(region, key), region.tree.segment(key).points_lps_mm[0]
            points = region.points(key)
            outer = points[np.argmax(sign * points[:, 0])]
            low = mesenteric is None or _origin_z(region, key) <= _origin_z(region, mesenteric) + 10.0
            wide = region.radius(key) >= rules["least_radius_mm"]
            sideways = sign * course[0] >= lateral and outer[1] > start[1]
            if wide and sideways and low and region.in_liver_mm(key) < 0.2 * region.length_mm(key):
                candidates.append(key)
        if candidates:
            best = max(candidates, key=region.radius)
            found.give(region.main_line(best, share=0.7), f"renal_{side}")


def _inferior_mesenteric(region: Region, offs: list[str], mesenteric: str | None, found: _Found) -> None:
    """The only artery below the superior one that leaves forwards and runs down to the left."""
    if mesenteric is None:
        return
    least = region.places["inferior_mesenteric"]["least_descent_mm"]
    candidates = []
    for key in offs:
        if key in found.names or _origin_z(region, key) > _origin_z(region, mesenteric) - 20.0:
            continue
        points, start = region.points(key), region.tree.segment(key).points_lps_mm[0]
        down = start[2] - points[:, 2].min()
        low_end = points[np.argmin(points[:, 2])]
        if down >= least and _course(region, key)[1] < 0.0 and low_end[0] > start[0]:
            candidates.append(key)
    if len(candidates) == 1:
        found.give(region.main_line(candidates[0]), "inferior_mesenteric")


def _mesenteric_names(region: Region, mesenteric: str | None, found: _Found) -> str | None:
    """Names the superior mesenteric artery; a branch of it that supplies the liver, or None."""
    if mesenteric is None:
        return None
    rules = region.places["liver"]
    line = _descending(region, mesenteric)
    found.give(line, "superior_mesenteric")
    liver = []
    for key in line:
        for child in region.tree.children(key):
            in_liver = region.in_liver_mm(child.id)
            if child.id not in line and in_liver >= max(rules["least_supply_mm"], 0.4 * region.length_mm(child.id)):
                liver.append(child.id)
    return liver[0] if len(liver) == 1 else None


def _descending(region: Region, key: str) -> list[str]:
    """A segment and the ways on that reach farthest down, while they stay the widest."""
    line = [key]
    while children := region.tree.children(line[-1]):
        low = min(children, key=lambda each: float(region.points(each.id)[:, 2].min()))
        if region.radius(low.id) < 0.6 * region.radius(line[-1]):
            break
        line.append(low.id)
    return line


def _coeliac_names(region: Region, coeliac: str, found: _Found, from_mesenteric: str | None) -> str | None:
    tree, rules = region.tree, region.places
    trunk, sides = [coeliac], []
    while True:
        children = [each.id for each in tree.children(trunk[-1])]
        both = [key for key in children if _reaches_left(region, key) and _reaches_right(region, key)]
        if len(both) != 1:
            break
        sides += [key for key in children if key != both[0]]
        trunk.append(both[0])
    found.give(trunk, "coeliac")
    ends = [each.id for each in tree.children(trunk[-1])]
    splenic = [key for key in ends if _reaches_left(region, key) and not _reaches_right(region, key)]
    splenic = [key for key in splenic if region.radius(key) >= rules["splenic"]["least_radius_mm"]]
    hepatic = [key for key in ends if _reaches_right(region, key) and key not in splenic]
    if splenic:
        best = max(splenic, key=region.radius)
        found.give(region.main_line(best, share=0.6), "splenic")
        sides += [key for key in ends if key not in {best, *hepatic}]
    else:
        sides += [key for key in ends if key not in hepatic]
    gastric = _left_gastric(region, sides, found)
    if len(hepatic) == 1:
        _hepatic_names(region, hepatic[0], found, [key for key in (gastric, from_mesenteric) if key is not None])
    return _pattern(region, found, gastric, from_mesenteric)


def _reaches_left(region: Region, key: str) -> bool:
    origin = region.tree.segment(key).points_lps_mm[0]
    outside = region.outside_points(key)
    reach = float(outside[:, 0].max() - origin[0]) if len(outside) else 0.0
    return bool(reach >= region.places["coeliac"]["left_reach_mm"])


def _reaches_right(region: Region, key: str) -> bool:
    origin = region.tree.segment(key).points_lps_mm[0]
    return bool(float(origin[0] - region.points(key)[:, 0].min()) >= region.places["coeliac"]["right_reach_mm"])


def _left_gastric(region: Region, sides: list[str], found: _Found) -> str | None:
    """Names the left gastric artery; the branch of it (or of the trunk) that supplies the liver, or None."""
    rules = region.places
    rising = [
        key
        for key in sides
        if float(region.points(key)[:, 2].max()) - _origin_z(region, key) >= rules["left_gastric"]["least_ascent_mm"]
        and float(region.points(key)[:, 0].max()) > float(region.tree.segment(key).points_lps_mm[0, 0])
    ]
    if len(rising) != 1:
        return None
    line, liver = [rising[0]], None
    while children := region.tree.children(line[-1]):
        supply = [each.id for each in children if _supplies(region, each.id)]
        others = [each.id for each in children if each.id not in supply]
        if supply and liver is None:
            liver = supply[0]
        if not others:
            break
        if supply or len(children) == 1:
            line.append(max(others, key=region.length_mm))
            continue
        break
    found.give(line, "left_gastric")
    return liver


def _supplies(region: Region, key: str) -> bool:
    in_liver = region.in_liver_mm(key)
    return bool(in_liver >= max(region.places["liver"]["least_supply_mm"], 0.5 * region.length_mm(key)))


def _supplying(region: Region, key: str) -> list[str]:
    """The branches at the end of a segment that supply the liver, without small ones beside them."""
    children = [each.id for each in region.tree.children(key)]
    least = region.places["liver"]["least_share"] * sum(region.in_liver_mm(each) for each in children)
    return [each for each in children if _supplies(region, each) and region.in_liver_mm(each) >= least]


def _hepatic_names(region: Region, start: str, found: _Found, others: list[str]) -> None:
    """Common, proper, right and left hepatic artery and their first branches; `others` supply the liver too."""
    tree = region.tree
    common = [start]
    duodenal = None
    while children := [each.id for each in tree.children(common[-1])]:
        down = [key for key in children if _goes_down(region, key)]
        if down:
            duodenal = max(down, key=region.radius)
            break
        supply = [key for key in children if region.in_liver_mm(key) > 0.0]
        if len(supply) != 1:
            break
        common.append(supply[0])
    if duodenal is None:
        return
    found.give(common, "common_hepatic")
    found.give(region.main_line(duodenal), "gastroduodenal")
    ways = [key for key in _supplying(region, common[-1]) if key != duodenal]
    proper: list[str] = []
    while len(ways) == 1:
        proper.append(ways[0])
        ways = _supplying(region, proper[-1])
    found.give(proper, "proper_hepatic")
    sides = sided(region, ways)
    if sides is not None and _both_sides(region, sides, others):
        found.proper = {"right", "left"}
        for key, side in zip(sides, ("right", "left"), strict=True):
            line = region.main_line(key, region.liver_mm)
            found.give(line, f"{side}_hepatic")
        _small_ones(region, [*proper, *region.main_line(sides[0], region.liver_mm)], found)
        for each, segment in region.segmental(list(sides), "a").items():
            found.give([each], segment)


def _both_sides(region: Region, sides: tuple[str, str], others: list[str]) -> bool:
    """Whether a fork parts for the right and the left liver, and not for two parts of one side.

    By the Couinaud segments; without them only where no other artery supplies the liver.
    """
    if not region.couinaud_mm:
        return not others
    right, left = (region.couinaud(key) for key in sides)
    return bool(right[5:].sum() > right[2:5].sum() and left[2:5].sum() > left[5:].sum())


def _goes_down(region: Region, key: str) -> bool:
    descent = _origin_z(region, key) - float(region.points(key)[:, 2].min())
    little = region.in_liver_mm(key) < 0.3 * region.length_mm(key)
    return bool(descent >= region.places["gastroduodenal"]["least_descent_mm"] and little)


def _small_ones(region: Region, mothers: list[str], found: _Found) -> None:
    """Right gastric and cystic artery, each only where a single branch runs as it should."""
    rules, tree = region.places["small_visceral"], region.tree
    gastric, cystic = [], []
    for mother in mothers:
        for child in tree.children(mother):
            key = child.id
            thin = region.radius(key) <= rules["most_radius_mm"]
            if key in found.names or not thin or region.length_mm(key) < rules["least_length_mm"]:
                continue
            points, start = region.points(key), child.points_lps_mm[0]
            left, down = float(points[:, 0].max() - start[0]), float(start[2] - points[:, 2].min())
            forward = float(start[1] - points[:, 1].min())
            if left >= rules["right_gastric_left_mm"] and region.in_liver_mm(key) < 0.5 * region.length_mm(key):
                gastric.append(key)
            elif down >= rules["cystic_descent_mm"] and forward >= rules["cystic_descent_mm"]:
                cystic.append(key)
    if len(gastric) == 1:
        found.give(region.main_line(gastric[0]), "right_gastric")
    if len(cystic) == 1:
        found.give(region.main_line(cystic[0]), "cystic")


def _pattern(region: Region, found: _Found, gastric: str | None, mesenteric: str | None) -> str | None:
    """The Michels pattern, with the names of what comes from elsewhere; None where the sources do not tell."""
    if not region.has_liver:
        return None
    names = set(found.names.values())
    if "common_hepatic" not in names:
        return _whole_trunk(region, found, mesenteric)
    left_here, right_here = "left" in found.proper, "right" in found.proper
    if not found.proper and gastric is None and mesenteric is None:
        return None
    # Without a fork the proper hepatic artery supplies one side: the one that nothing else does.
    if not found.proper:
        # Without segments an accessory artery beside both sides cannot be told from a replaced one.
        if (gastric is None) == (mesenteric is None) or not region.couinaud_mm:
            return None
        left_here, right_here = gastric is None, mesenteric is None
        _one_sided(region, found, "left" if left_here else "right")
    if gastric is not None:
        line = region.main_line(gastric, region.liver_mm)
        found.give(line, "accessory_left_hepatic" if left_here else "replaced_left_hepatic")
    if mesenteric is not None:
        line = region.main_line(mesenteric, region.liver_mm)
        found.give(line, "accessory_right_hepatic" if right_here else "replaced_right_hepatic")
    elsewhere = (
        None if gastric is None else "accessory" if left_here else "replaced",
        None if mesenteric is None else "accessory" if right_here else "replaced",
    )
    return {
        (None, None): "I",
        ("replaced", None): "II",
        (None, "replaced"): "III",
        ("replaced", "replaced"): "IV",
        ("accessory", None): "V",
        (None, "accessory"): "VI",
        ("accessory", "accessory"): "VII",
        ("replaced", "accessory"): "VIII",
        ("accessory", "replaced"): "VIII",
    }[elsewhere]


def _one_sided(region: Region, found: _Found, side: str) -> None:
    """A proper hepatic artery without a fork goes on as the artery of one side: from the cystic artery on, or in the
    last stretch before it parts into sectors."""
    proper = [key for key, name in found.names.items() if name == "proper_hepatic"]
    if not proper:
        return
    _small_ones(region, proper, found)
    cystic = [key for key, name in found.names.items() if name == "cystic"]
    mothers = [region.tree.parent(key) for key in cystic]
    first = next((proper.index(each.id) for each in mothers if each is not None and each.id in proper), len(proper))
    for key in proper[min(first, len(proper) - 1) :]:
        found.names[key] = f"{side}_hepatic"
    for each, segment in region.segmental([child.id for child in region.tree.children(proper[-1])], "a").items():
        found.give([each], segment)


def _whole_trunk(region: Region, found: _Found, mesenteric: str | None) -> str | None:
    """IX: the mesenteric artery carries a trunk for both sides, and the coeliac one none."""
    if mesenteric is None:
        return None
    line = region.main_line(mesenteric, region.liver_mm)
    sides = sided(region, [each.id for each in region.tree.children(line[-1])])
    if sides is None:
        return None
    found.give(line, "replaced_common_hepatic")
    return "IX"
