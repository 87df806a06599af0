"""Strictures at the liver's hilum: their Bismuth-Corlette type, and how much of the liver a choice of drains reaches.

Volumes by the nearest branch are approximate: a duct that is not seen drains nothing here, and what an atrophied or
infected segment is worth no volume tells.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.findings import Finding, Severity
from planner.imaging.masks import Mask
from planner.planning.stent_catalogue import StentCatalogue, stent_catalogue
from planner.planning.vessel_tree import VesselTree

Floats = NDArray[np.float64]

APPROXIMATE = "Approximate: by the nearest branch that is seen."
_MOST_VOXELS = 200_000
"""Voxels of the liver that are asked; a share of a half is then known to better than a quarter of a percent."""


def bismuth_type(
    confluence: bool | None, right_secondary: bool | None, left_secondary: bool | None
) -> tuple[str | None, str]:
    """Bismuth-Corlette type, and the sentence that says why.

    Parameters
    ----------
    confluence, right_secondary, left_secondary
        Whether the stricture involves the confluence of the hepatic ducts, and the secondary confluence of a side;
        None is unknown.

    Returns
    -------
    type, why
        ``I``, ``II``, ``IIIa``, ``IIIb`` or ``IV``; None where the answers do not tell.
    """
    if confluence is None:
        return None, "Bismuth type not told: whether the confluence is involved is unknown."
    if not confluence:
        if right_secondary or left_secondary:
            return None, "Bismuth type not told: a secondary confluence without the confluence itself has no type."
        return "I", "Below the confluence."
    if right_secondary is None or left_secondary is None:
        return None, "Bismuth type not told: a secondary confluence is unknown."
    if right_secondary and left_secondary:
        return "IV", "The confluence and both secondary confluences."
    if right_secondary:
        return "IIIa", "The confluence and the right secondary confluence."
    if left_secondary:
        return "IIIb", "The confluence and the left secondary confluence."
    return "II", "The confluence alone."


@dataclass(frozen=True, slots=True)
class BranchVolume:
    """What lies nearest to a branch."""

    branch: str
    volume_ml: float
    share: float


@dataclass(frozen=True, slots=True)
class Drainage:
    """How much of the liver a choice of branches drains.

    Attributes
    ----------
    share
        0 to 1 of the liver; None where it cannot be told.
    """

    drained: tuple[str, ...]
    share: float | None
    volume_ml: float | None
    liver_ml: float | None
    branches: tuple[BranchVolume, ...] = ()
    findings: tuple[Finding, ...] = ()


def branch_volumes(liver: Mask, branches: Mapping[str, ArrayLike]) -> tuple[BranchVolume, ...]:
    """The liver shared out among branches: each voxel to the branch with the nearest point.

    Parameters
    ----------
    branches
        Name -> (n, 3) LPS mm points of a branch and everything beyond it, in the liver's frame of reference.

    Raises
    ------
    InputRefused
        ``empty-mask`` for an empty liver, ``no-branches`` for none, or one without points.
    """
    from scipy.spatial import cKDTree

    if liver.is_empty:
        raise InputRefused("empty-mask", "The mask of the liver is empty; segment the liver first.")
    lines = {name: np.asarray(points, dtype=np.float64).reshape(-1, 3) for name, points in branches.items()}
    if not lines or any(not len(points) for points in lines.values()):
        raise InputRefused("no-branches", "No branch of the bile ducts or the portal vein is marked; mark them first.")
    places = np.argwhere(liver.voxels)
    every = max(1, int(np.ceil(len(places) / _MOST_VOXELS)))
    asked = liver.grid.lps_from_kji.points(places[::every] + np.asarray(liver.box[0]))
    owner = np.concatenate([np.full(len(points), index) for index, points in enumerate(lines.values())])
    _, nearest = cKDTree(np.concatenate(list(lines.values()))).query(asked)
    counts = np.bincount(owner[nearest], minlength=len(lines)) / len(asked)
    return tuple(
        BranchVolume(name, float(share) * liver.volume_ml, float(share))
        for name, share in zip(lines, counts, strict=True)
    )


def branches_of_tree(tree: VesselTree, roots: Mapping[str, str]) -> dict[str, Floats]:
    """Points of each named branch of a tree: its segment and everything beyond it.

    Parameters
    ----------
    roots
        Name -> segment of the tree. A segment beyond another named one belongs to the nearer name.

    Raises
    ------
    UsageError
        ``unknown-segment``.
    """
    unknown = [segment for segment in roots.values() if not tree.has(segment)]
    if unknown:
        raise UsageError("unknown-segment", f"The tree has no segment {unknown[0]}.", subject=unknown[0])
    owner: dict[str, str] = {}
    # From the root outwards, so that a name further out takes over from there on.
    order = {segment.id: index for index, segment in enumerate(tree.segments)}
    for name, root in sorted(roots.items(), key=lambda each: order[each[1]]):
        owner.update({segment.id: name for segment in tree.downstream(root)})
    found: dict[str, Floats] = {}
    for name in roots:
        pieces = [segment.points_lps_mm for segment in tree.segments if owner.get(segment.id) == name]
        found[name] = np.concatenate(pieces)
    return found


def drainage_by_tree(
    liver: Mask,
    tree: VesselTree,
    roots: Mapping[str, str],
    drained: Collection[str],
    known: StentCatalogue | None = None,
) -> Drainage:
    """The share of the liver that the chosen branches drain.

    Raises
    ------
    FrameMismatch
        When tree and liver lie in different frames of reference.
    InputRefused, UsageError
        As `branch_volumes` and `branches_of_tree`; ``unknown-branch`` for a drained one that is not among the roots.
    """
    if tree.frame_uid != liver.grid.frame_uid:
        raise FrameMismatch(
            "mixed-frames", "Tree and liver lie in different frames of reference; link the studies first."
        )
    return _drainage(branch_volumes(liver, branches_of_tree(tree, roots)), drained, known or stent_catalogue())


def drainage_by_segments(
    volumes_ml: Mapping[str, float | None], drained: Collection[str], known: StentCatalogue | None = None
) -> Drainage:
    """The share of the liver that drained segments make up, from their volumes as they were answered.

    Parameters
    ----------
    volumes_ml
        Segment -> volume; None is unknown, and then no share is told.
    """
    missing = sorted(name for name, volume in volumes_ml.items() if volume is None)
    if missing or not volumes_ml:
        what = f"the volume of {', '.join(missing)} is unknown" if missing else "no segment has a volume"
        said = Finding("drainage-unknown", Severity.WARN, f"Drained share not told: {what}.")
        return Drainage(tuple(drained), None, None, None, (), (said,))
    sizes = {name: float(volume) for name, volume in volumes_ml.items() if volume is not None}
    whole = sum(sizes.values())
    rows = tuple(BranchVolume(name, volume, volume / whole if whole > 0.0 else 0.0) for name, volume in sizes.items())
    return _drainage(rows, drained, known or stent_catalogue())


def _drainage(rows: tuple[BranchVolume, ...], drained: Collection[str], known: StentCatalogue) -> Drainage:
    names = [row.branch for row in rows]
    unknown = [each for each in drained if each not in names]
    if unknown:
        text = f"There is no branch {unknown[0]!r}; it is one of {', '.join(names)}."
        raise UsageError("unknown-branch", text, subject=unknown[0])
    chosen = [row for row in rows if row.branch in drained]
    share, whole = sum(row.share for row in chosen), sum(row.volume_ml for row in rows)
    findings = [Finding("drainage-approximate", Severity.INFO, APPROXIMATE)]
    limit = known.drainage_percent
    if 100.0 * share < limit - 1e-9:
        text = f"The plan drains about {100.0 * share:.0f} % of the liver, at least {limit:g} % are asked for."
        findings.append(
            Finding(
                "drains-too-little", Severity.BLOCK, text, True, None, 100.0 * share, limit, "%", known.drainage_source,
                known.drainage_tag,
            )
        )  # fmt: skip
    volume = sum(row.volume_ml for row in chosen)
    return Drainage(tuple(row.branch for row in chosen), share, volume, whole, rows, tuple(findings))
