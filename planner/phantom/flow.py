"""How injected contrast medium travels down a vessel tree: plug flow after Murray's law, dispersed on its way.

A one-dimensional advection-dispersion model on the centreline graph is the published, cheap level (Endres et al.,
Comput Math Methods Med 2012:306765; Murray, PNAS 1926;12:207). Flow splits carry the concentration along unchanged, so
no contrast medium is lost or made at a branching.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.phantom.trees import VesselTree

REFERENCE_RADIUS_MM = 2.9
REFERENCE_SPEED_MM_PER_S = 180.0
"""Mean speed in a common hepatic artery; by Murray's law speed grows with the radius. A target of the simulation."""
FRONT_S, SPREAD_PER_ROOT_S = 0.16, 0.22
"""Standard deviation of the bolus front at the catheter, and what it grows by with the root of the way's time."""


@dataclass(frozen=True, slots=True)
class Injection:
    """When and how long contrast medium is injected, seconds after the first frame."""

    start_s: float
    duration_s: float


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A smooth, concentric stenosis in the middle of a vessel.

    Attributes
    ----------
    vessel
        Name of the vessel; the first unbranched stretch of that name is narrowed.
    percent
        Diameter stenosis at its narrowest place.
    length_mm
        From where the vessel begins to narrow to where it is wide again.
    """

    vessel: str
    percent: float
    length_mm: float


@dataclass(frozen=True, eq=False)
class TreeFlow:
    """How long contrast medium needs from the catheter to each node.

    Attributes
    ----------
    delay_s
        (node,) seconds; NaN where it never comes: upstream, other branches, behind an occlusion.
    """

    tree: VesselTree
    radii_mm: NDArray[np.float64]
    delay_s: NDArray[np.float64]


def node_named(tree: VesselTree, name: str) -> int:
    """First node of a vessel: where a catheter tip lies that engages it. KeyError for an unknown name."""
    if name not in tree.names:
        raise KeyError(name)
    return tree.names.index(name)


def flow_from(tree: VesselTree, node: int, occluded: frozenset[str] = frozenset(), slowed: float = 1.0) -> TreeFlow:
    """Delays downstream of a node.

    Parameters
    ----------
    occluded
        Vessels of these lesions (`VesselTree.feeds`) carry no flow.
    slowed
        Speeds are divided by this, as after an embolisation.
    """
    radii = tree.radii_mm()
    delay = np.full(len(tree.parents), np.nan)
    delay[node] = 0.0
    for child in range(node + 1, len(tree.parents)):
        parent = tree.parents[child]
        if parent < 0 or np.isnan(delay[parent]) or tree.feeds[child] in occluded:
            continue
        length = float(np.linalg.norm(tree.positions[child] - tree.positions[parent]))
        speed = REFERENCE_SPEED_MM_PER_S * max(radii[child], 0.15) / REFERENCE_RADIUS_MM / slowed
        delay[child] = delay[parent] + length / speed
    return TreeFlow(tree, radii, delay)


def concentration(time_s: float, delay_s: NDArray[np.float64], injection: Injection) -> NDArray[np.float64]:
    """Share of the plateau concentration (0..1) at places of a delay; half of it is reached at start + delay."""
    from scipy.special import ndtr

    spread = np.sqrt(FRONT_S**2 + SPREAD_PER_ROOT_S**2 * np.maximum(delay_s, 0.0))
    since = time_s - injection.start_s - delay_s
    found: NDArray[np.float64] = ndtr(since / spread) - ndtr((since - injection.duration_s) / spread)
    return found


def tissue_curve(
    times_s: NDArray[np.float64], supplied_at_s: float, injection: Injection, transit_s: float
) -> NDArray[np.float64]:
    """(frame,) concentration in tissue behind arteries: what comes in leaves with one mean transit time.

    The tissue is one well-mixed compartment; 1 is reached by an endless injection.
    """
    fine = np.arange(0.0, float(times_s[-1]) + 0.02, 0.02)
    inflow = np.array([float(concentration(t, np.array(supplied_at_s), injection)) for t in fine])
    level = np.zeros_like(fine)
    keep = float(np.exp(-0.02 / transit_s))
    for index in range(1, len(fine)):
        level[index] = keep * level[index - 1] + (1.0 - keep) * inflow[index - 1]
    found: NDArray[np.float64] = np.interp(times_s, fine, level)
    return found
