"""The arterial tree: aorta and visceral branches by way points, liver branches beside the portal vein, feeders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.phantom.anatomy import Anatomy
from planner.phantom.fields import spline
from planner.phantom.lesions import Tumour
from planner.phantom.trees import Growth, VesselTree, grow

AORTA = ((16, 18, 140), (14, 17, 100), (11, 13, 60), (8, 9, 20), (6, 9, -20), (5, 9, -60), (4, 10, -104))
ILIACS = (("right common iliac artery", -1.0), ("left common iliac artery", 1.0))
LEAF_MM = 0.33
FEEDER_LEAF_MM = 0.52


def build_arteries(anatomy: Anatomy, portal: VesselTree, tumours: tuple[Tumour, ...]) -> VesselTree:
    """The whole tree; node 0 is the aorta above the diaphragm."""
    tree = VesselTree("artery", leaf_mm=LEAF_MM)
    aorta = tree.add_path(-1, spline(AORTA, 5.0), "aorta", (11.5, 8.6))
    for name, side in ILIACS:
        tree.add_path(
            aorta[-1], spline(((4, 10, -104), (side * 12, 12, -116), (side * 26, 16, -140)), 5.0)[1:], name, (5.2, 4.8)
        )
    _renal_and_lumbar(tree, aorta)
    right, left = _coeliac_and_mesenteric(tree, aorta, anatomy)
    _beside_portal(tree, portal, anatomy, "right", right)
    _beside_portal(tree, portal, anatomy, "left", left)
    for tumour in tumours:
        _feed(tree, tumour, anatomy)
    return tree


def _branch(
    tree: VesselTree, mother: int, points: ArrayLike, name: str, radii: tuple[float, float] | None = None
) -> list[int]:
    """A branch through way points, leaving a given node."""
    path = spline(np.vstack([tree.positions[mother], np.asarray(points, dtype=float)]), 3.0)
    return tree.add_path(mother, path[1:], name, radii)


def _front_of(tree: VesselTree, aorta: Sequence[int], z_mm: float) -> int:
    return tree.nearest_node((8.0, 9.0, z_mm), aorta)


def _renal_and_lumbar(tree: VesselTree, aorta: list[int]) -> None:
    left, right = _front_of(tree, aorta, -14.0), _front_of(tree, aorta, -18.0)
    artery = _branch(tree, left, ((18, 12, -13), (32, 24, -10), (44, 34, -6)), "left renal artery", (3.0, 2.5))
    _branch(tree, artery[-1], ((52, 38, 8), (58, 38, 18)), "left renal artery upper branch", (1.7, 1.0))
    _branch(tree, artery[-1], ((52, 38, -14), (58, 36, -24)), "left renal artery lower branch", (1.7, 1.0))
    artery = _branch(tree, right, ((-8, 18, -20), (-26, 27, -24), (-44, 36, -24)), "right renal artery", (3.0, 2.5))
    _branch(tree, artery[-1], ((-52, 40, -10), (-58, 40, 0)), "right renal artery upper branch", (1.7, 1.0))
    _branch(tree, artery[-1], ((-52, 40, -34), (-58, 38, -44)), "right renal artery lower branch", (1.7, 1.0))
    for z in (-36.0, -70.0):
        for side in (-1.0, 1.0):
            node = _front_of(tree, aorta, z)
            points = ((6 + side * 14, 22, z), (side * 24, 38, z), (side * 27, 54, z - 2))
            _branch(tree, node, points, f"{'left' if side > 0 else 'right'} lumbar artery", (1.1, 0.7))
    inferior = _front_of(tree, aorta, -66.0)
    _branch(tree, inferior, ((7, -3, -72), (14, -5, -92), (22, -2, -130)), "inferior mesenteric artery", (1.7, 1.4))


def _coeliac_and_mesenteric(tree: VesselTree, aorta: list[int], anatomy: Anatomy) -> tuple[int, int]:
    """Coeliac trunk, its branches and the superior mesenteric artery.

    Returns
    -------
    The nodes from which the right and the left hepatic artery enter the liver.
    """
    random = anatomy.random(21)
    shift = random.normal(0.0, 1.2, 3)
    trunk = _branch(
        tree,
        _front_of(tree, aorta, 20.0),
        ((8, -4, 18), tuple(np.array((6, -20, 19)) + shift)),
        "coeliac trunk",
        (3.9, 3.5),
    )
    tip = trunk[-1]
    gastric = _branch(
        tree,
        trunk[-2],
        ((14, -24, 34), (24, -20, 54), (32, -22, 62), (38, -34, 46), (32, -40, 30)),
        "left gastric artery",
        (1.7, 1.0),
    )
    curl = [(16, -22, 27), (26, -14, 18), (36, -6, 27), (48, 5, 21), (58, 9, 32), (70, 18, 27), (84, 22, 40)]
    splenic = _branch(tree, tip, np.asarray(curl) + random.normal(0, 1.0, (7, 3)), "splenic artery", (2.9, 2.3))
    for z in (58, 44, 26):
        _branch(tree, splenic[-1], ((92, 26, (z + 44) / 2), (98, 30, z)), "splenic hilar branch", (1.3, 0.9))
    common = _branch(tree, tip, ((-4, -25, 11), (-14, -26, 4), (-20, -27, 3)), "common hepatic artery", (3.0, 2.8))
    gda = _branch(
        tree, common[-1], ((-26, -30, -8), (-29, -28, -24), (-28, -26, -38)), "gastroduodenal artery", (1.9, 1.4)
    )
    epiploic = ((-16, -48, -40), (10, -68, -40), (40, -72, -26))
    _branch(tree, gda[-1], epiploic, "right gastroepiploic artery", (1.1, 0.7))
    _branch(tree, gda[-1], ((-34, -18, -48), (-34, -10, -60)), "inferior pancreaticoduodenal artery", (0.9, 0.6))
    mesenteric = _mesenteric(tree, aorta, random)
    return _hepatic(tree, anatomy.michels, common[-1], gastric[9], mesenteric[4])


def _hepatic(tree: VesselTree, michels: str, common: int, gastric: int, mesenteric: int) -> tuple[int, int]:
    """Proper, right and left hepatic artery by pattern, from the nodes they may leave."""
    proper = _branch(tree, common, ((-24, -24, 8), (-28, -20, 14)), "proper hepatic artery", None)
    _branch(tree, proper[1], ((-18, -36, 10), (-6, -46, 6), (8, -50, 4)), "right gastric artery", (0.8, 0.5))
    if michels == "III":
        behind = ((-10, -4, -20), (-26, 4, -8), (-38, 4, 8), (-46, -2, 14))
        right = _branch(tree, mesenteric, behind, "replaced right hepatic artery", None)
    else:
        right = _branch(tree, proper[-1], ((-38, -12, 19), (-46, -11, 21)), "right hepatic artery", None)
    cystic = right[-2]
    _branch(tree, cystic, ((-44, -26, 6), (-46, -44, -8), (-50, -58, -20)), "cystic artery", (0.8, 0.5))
    if michels == "II":
        left = _branch(
            tree, gastric, ((18, -30, 40), (8, -34, 36), (-2, -32, 35)), "replaced left hepatic artery", None
        )
    else:
        left = _branch(tree, proper[-1], ((-26, -24, 22), (-20, -24, 28)), "left hepatic artery", None)
    return right[-1], left[-1]


def _mesenteric(tree: VesselTree, aorta: list[int], random: np.random.Generator) -> list[int]:
    """The superior mesenteric artery and its branches to the bowel; returns the nodes of the trunk."""
    stem = _front_of(tree, aorta, 4.0)
    path = ((8, -4, -2), (9, -9, -14), (10, -11, -40), (12, -14, -80), (10, -18, -118), (6, -20, -150))
    trunk = _branch(tree, stem, path, "superior mesenteric artery", (3.4, 2.2))
    for share, points in (
        (0.35, ((30, -22, -66), (52, -34, -84), (66, -48, -90))),
        (0.5, ((34, -26, -88), (58, -36, -102), (70, -40, -112))),
        (0.45, ((-12, -26, -70), (-46, -34, -82), (-72, -40, -86))),
        (0.62, ((-10, -26, -100), (-36, -34, -110), (-66, -20, -120))),
    ):
        _branch(tree, trunk[int(share * len(trunk))], points, "mesenteric branch", (1.4, 0.7))
    places = random.uniform((-70, -60, -136), (84, -4, -56), (420, 3))
    places = places[(places[:, 1] < -0.25 * np.abs(places[:, 0]) - 2.0) | (places[:, 2] < -100)]
    start = [node for node, name in enumerate(tree.names) if name == "mesenteric branch"]
    twigs = grow(tree, start, places, Growth(step_mm=6.0, kill_mm=13.0), leaf=0.55)
    tree.smooth(twigs)
    return trunk


def _beside_portal(tree: VesselTree, portal: VesselTree, anatomy: Anatomy, side: str, entry: int) -> None:
    """Copy the portal branches of one side as arteries that run in front of them."""
    first = next(node for node, name in enumerate(portal.names) if name == f"{side} portal vein")
    widths = portal.radii_mm()
    random = anatomy.random(22 if side == "right" else 23)
    copied: dict[int, int] = {}
    for node in range(first, len(portal.parents)):
        mother = portal.parents[node]
        if node != first and mother not in copied:
            continue
        along = portal.positions[node] - portal.positions[mother]
        offset = _aside(along) * (widths[node] * 1.05 + 1.1) + random.normal(0.0, 0.45, 3)
        name = _artery_name(portal.names[node])
        copied[node] = tree.add(entry if node == first else copied[mother], portal.positions[node] + offset, name)
    tree.smooth(list(copied.values()), rounds=2)


def _aside(along: NDArray[np.float64]) -> NDArray[np.float64]:
    """Unit direction from a portal branch to its artery: in front and a little to the left."""
    direction = along / max(float(np.linalg.norm(along)), 1e-6)
    preferred = np.array([0.35, -0.85, -0.40])
    across = preferred - direction * float(preferred @ direction)
    unit: NDArray[np.float64] = across / max(float(np.linalg.norm(across)), 1e-3)
    return unit


def _artery_name(portal_name: str) -> str:
    if portal_name in ("right portal vein", "left portal vein"):
        return portal_name.split()[0] + " hepatic artery"
    if portal_name == "umbilical portal vein":
        return "left medial hepatic artery"
    return portal_name.replace("portal vein", "artery")


def _feed(tree: VesselTree, tumour: Tumour, anatomy: Anatomy) -> None:
    """Feeders of a tumour: from the arteries of its segment and, for a large one, of the segment next to it."""
    sources = (tumour.segment,) if tumour.radius_mm < 12.0 else (8, 5)
    random = anatomy.random(40 + int(tumour.identifier[-1]))
    for segment in sources:
        origin = _feeder_origin(tree, tumour, f"segment {segment} artery")
        name = f"{tumour.identifier} feeder from segment {segment} artery"
        path = _feeder_path(tree.positions[origin], tumour, random)
        nodes = tree.add_path(origin, path, name, None, tumour.identifier)
        toward = path[-1] - tumour.centre_lps_mm
        places = _tumour_places(tumour, toward, len(sources), random)
        growth = Growth(step_mm=max(2.0, 0.17 * tumour.radius_mm), kill_mm=0.27 * tumour.radius_mm, rounds=12)
        inside = grow(tree, nodes[-2:], places, growth, leaf=FEEDER_LEAF_MM)
        for node in nodes[-2:]:
            tree.leaf_radius[node] = FEEDER_LEAF_MM
        tree.smooth(inside, rounds=1)


def _feeder_origin(tree: VesselTree, tumour: Tumour, name: str) -> int:
    """Where a feeder leaves: a branch of the segment's artery, some way from the tumour and not at its twigs."""
    daughters = tree.children()
    nodes = [node for node, own in enumerate(tree.names) if own == name and daughters[node]]
    distance = np.array([np.linalg.norm(tree.positions[node] - tumour.centre_lps_mm) for node in nodes])
    radii = tree.radii_mm()[nodes]
    cost = np.abs(distance - tumour.radius_mm - 11.0) + 30.0 * np.maximum(0.75 - radii, 0.0)
    return nodes[int(np.argmin(cost))]


def _feeder_path(start: NDArray[np.float64], tumour: Tumour, random: np.random.Generator) -> NDArray[np.float64]:
    """A slightly winding way from a branch to inside the tumour."""
    inward = tumour.centre_lps_mm - start
    distance = float(np.linalg.norm(inward))
    inward = inward / max(distance, 1e-6)
    aside = np.cross(inward, random.normal(0.0, 1.0, 3))
    aside /= max(float(np.linalg.norm(aside)), 1e-6)
    end = distance - 0.55 * tumour.radius_mm
    points = [
        start + inward * end * share + aside * end * bend for share, bend in ((0.3, 0.13), (0.6, -0.09), (1.0, 0.0))
    ]
    return spline(np.vstack([start, points]), 2.0)[1:]


def _tumour_places(
    tumour: Tumour, toward: NDArray[np.float64], sharing: int, random: np.random.Generator
) -> NDArray[np.float64]:
    """Places within the tumour that one feeder supplies: all of it, or the half turned to it."""
    places = random.uniform(-1.0, 1.0, (260, 3)) * tumour.radius_mm
    places = places[np.linalg.norm(places, axis=1) < 0.86 * tumour.radius_mm]
    places = places[np.linalg.norm(places, axis=1) > 1.2 * tumour.necrosis_mm]
    if sharing > 1:
        places = places[places @ toward > -0.1 * tumour.radius_mm * float(np.linalg.norm(toward))]
    supplied: NDArray[np.float64] = places + tumour.centre_lps_mm
    return supplied
