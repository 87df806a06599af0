"""What a fellow marks on the digital patient: both tumours by one click each, and the arteries that feed them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from planner.app.marking import add_key_image, add_lesion, add_vessel_path
from planner.app.open_case import OpenCase
from planner.errors import OperatorError
from planner.imaging import LabelMap, Volume
from planner.imaging.lesion import lesion_from_click
from planner.imaging.masks import Mask
from planner.imaging.measure import longest_axial_diameter
from planner.jobs import Context
from planner.model.items import KeyImageBody, PathSegment, VesselPathBody
from planner.phantom import TrueLesion, Truth
from planner.phantom.trees import VesselSegment
from planner.planning.vessel_path import VesselPath, free_path, trace_vessel
from planner.store.actors import Actor

REACH_MM = 40.0
"""How far a click looks for the boundary of a lesion: the tool's own default."""
AORTA_MM = 25.0
"""Length of aorta before the first branch that is put on a path."""
ENOUGH_SHARE = 0.6
"""Below this share of the tumour's volume a fellow sees that a part is missing."""
ROMAN = ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII")


@dataclass(frozen=True, slots=True)
class MarkedLesion:
    """What one click gave, against what is true.

    Attributes
    ----------
    clicks
        How many it took: one, or more where the first found only a part.
    dice
        Overlap with the true mask, 0 to 1; None when the grids differ.
    longest_mm, true_mm
        Longest axial diameters; the true size is None where the digital patient's truth has none.
    """

    lesion_id: str
    name: str
    clicks: int
    dice: float | None
    longest_mm: float | None
    true_mm: float | None
    volume_ml: float
    true_ml: float | None


@dataclass(frozen=True, slots=True)
class MarkedPath:
    """A path from the aorta to a tumour."""

    item_id: str
    lesion_id: str
    length_mm: float
    segments: tuple[str, ...]
    method: str
    low_confidence: bool


def mark_lesions(
    opened: OpenCase, session_id: str, volume: Volume, truth: Truth, by: Actor, context: Context | None = None
) -> tuple[MarkedLesion, ...]:
    """Click into the middle of each tumour and keep what the tool finds, with its measured sizes."""
    job = context or Context()
    marked = []
    for number, true in enumerate(truth.lesions, start=1):
        job.step((number - 1) / len(truth.lesions), f"Marking lesion {number}")
        mask, clicks = clicked(volume, true)
        diameter = longest_axial_diameter(mask)
        longest = None if diameter is None else diameter.length_mm
        before = {each.id for each in opened.case.lesions}
        edit = add_lesion(
            opened.library,
            session_id,
            mask,
            volume.source,
            name=f"L{number}",
            by=by,
            tool="one-click",
            segment=ROMAN[true.segment],
            longest_mm=longest,
            viable_mm=longest,
        )
        opened.document.apply(f"Mark L{number}", edit)
        lesion = next(each for each in opened.case.lesions if each.id not in before)
        overlap = dice(mask, truth.lesion_map, true.label)
        marked.append(
            MarkedLesion(
                lesion.id, lesion.name, clicks, overlap, longest, true.diameter_mm, mask.volume_ml, true.volume_ml
            )
        )
    return tuple(marked)


def clicked(volume: Volume, true: TrueLesion) -> tuple[Mask, int]:
    """One click into the middle; where a part of the tumour is left out, a click on each side too."""
    centre = np.asarray(true.centre_lps_mm)
    mask = lesion_from_click(volume, centre, limit_mm=REACH_MM)
    if mask.volume_ml >= ENOUGH_SHARE * true.volume_ml:
        return mask, 1
    sides = 0.25 * true.diameter_mm * np.concatenate([np.eye(3), -np.eye(3)])
    return lesion_from_click(volume, centre, add=list(centre + sides), limit_mm=REACH_MM), 1 + len(sides)


def dice(mask: Mask, truth: LabelMap, label: int) -> float | None:
    """Dice's overlap of a mask with one label; None on another grid."""
    if mask.grid.size_kji != truth.grid.size_kji:
        return None
    found, true = mask.full(), truth.mask(label)
    return 2.0 * float(np.count_nonzero(found & true)) / float(np.count_nonzero(found) + np.count_nonzero(true))


def mark_paths(
    opened: OpenCase,
    session_id: str,
    volume: Volume,
    truth: Truth,
    lesion_ids: Sequence[str],
    names: Mapping[str, str],
    by: Actor,
    context: Context | None = None,
) -> tuple[MarkedPath, ...]:
    """Click along the arteries from the aorta to each tumour; the path follows the enhanced lumen between the clicks.

    Parameters
    ----------
    names
        Arteries of the digital patient -> keys of ``resources/arteries.toml``; others are feeders.
    """
    job = context or Context()
    marked = []
    for number, (true, lesion_id) in enumerate(zip(truth.lesions, lesion_ids, strict=True)):
        job.step(number / len(lesion_ids), f"Following the artery to L{number + 1}")
        path, segments = named_path(volume, truth, true, names)
        body = VesselPathBody(
            points_lps_mm=tuple(_point(each) for each in path.centreline.points_lps_mm),
            radius_mm=tuple(float(each) if np.isfinite(each) else None for each in path.radius_mm),
            segments=segments,
            clicks_lps_mm=tuple(_point(each) for each in path.clicks_lps_mm),
            lesion_ids=(lesion_id,),
            method=path.method,
            low_confidence=path.any_low_confidence,
        )
        before = {each.id for each in opened.case.sessions[-1].items}
        name = f"Aorta to L{number + 1}"
        edit = add_vessel_path(
            session_id, body, volume.source, volume.grid.frame_uid, name=name, by=by, tool=path.method
        )
        opened.document.apply(f"Path to L{number + 1}", edit)
        item = next(each for each in opened.case.sessions[-1].items if each.id not in before)
        marked.append(
            MarkedPath(
                item.id,
                lesion_id,
                float(path.centreline.arc_length_mm()[-1]),
                tuple(each.artery for each in body.segments),
                path.method,
                path.any_low_confidence,
            )
        )
    return tuple(marked)


def named_path(
    volume: Volume, truth: Truth, lesion: TrueLesion, names: Mapping[str, str]
) -> tuple[VesselPath, tuple[PathSegment, ...]]:
    """The path to a lesion, and its stretches by the arteries they lie in."""
    clicks = clicks_along(truth.path_to(_feeder(lesion)))
    path = followed(volume, [place for _, place in clicks])
    ends = [(names.get(name, "feeder"), path.along_mm(place)) for name, place in clicks[1:]]
    return path, path.segments(_joined(ends, float(path.centreline.arc_length_mm()[-1])))


def _feeder(lesion: TrueLesion) -> str:
    """The feeder that comes from the artery of the lesion's own segment, else the first one."""
    own = [name for name in lesion.feeders if name.endswith(f"segment {lesion.segment} artery")]
    return (own or list(lesion.feeders))[0]


def clicks_along(way: Sequence[VesselSegment]) -> list[tuple[str, NDArray[np.float64]]]:
    """A click in the aorta and one at the end of each named artery: (name of what ends there, LPS point)."""
    aorta = way[0].points_lps_mm
    back = np.linalg.norm(aorta - aorta[-1], axis=1)
    clicks = [(way[0].name, aorta[int(np.argmin(np.abs(back - AORTA_MM)))])]
    for index, segment in enumerate(way):
        follows_on = index + 1 < len(way) and way[index + 1].name == segment.name
        if not follows_on:
            clicks.append((segment.name, segment.points_lps_mm[-1]))
    return clicks


def followed(volume: Volume, clicks_lps_mm: Sequence[NDArray[np.float64]]) -> VesselPath:
    """The lumen between the clicks; where the images do not show it, the curve through the clicks as they are."""
    points = np.stack([_on_voxel(volume, click) for click in clicks_lps_mm])
    try:
        return trace_vessel(volume, points)
    except OperatorError:
        return free_path(points, volume.grid.frame_uid, volume=volume)


def _on_voxel(volume: Volume, click_lps_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """The centre of the clicked voxel, as a click on a pane shows it at this resolution."""
    index = volume.grid.nearest_index(click_lps_mm)
    return click_lps_mm if index is None else volume.grid.lps_from_kji.points(np.asarray(index, dtype=np.float64))


def _joined(ends: Sequence[tuple[str, float]], length_mm: float) -> list[tuple[str, float]]:
    """Ends in growing order; a stretch without length is left out, and the last one reaches the end of the path."""
    kept: list[tuple[str, float]] = []
    for key, end in ends:
        if end > (kept[-1][1] if kept else 0.0):
            kept.append((key, end))
    return [*kept[:-1], (kept[-1][0], length_mm)] if kept else [("feeder", length_mm)]


def _point(place: NDArray[np.float64]) -> tuple[float, float, float]:
    return float(place[0]), float(place[1]), float(place[2])


def keep_views(opened: OpenCase, session_id: str, volume: Volume, by: Actor) -> None:
    """Keep one view of each lesion and one of the whole, to be printed."""
    frame, series = volume.grid.frame_uid, volume.source.series_uid
    middle = np.zeros(3)
    for lesion in opened.case.lesions:
        if lesion.centre_lps_mm is None:
            continue
        middle = middle + np.asarray(lesion.centre_lps_mm) / len(opened.case.lesions)
        body = KeyImageBody("mpr", lesion.centre_lps_mm, series, caption=f"{lesion.name}, segment {lesion.segment}")
        edit = add_key_image(session_id, body, frame, name=f"Key image {lesion.name}", by=by)
        opened.document.apply("Keep key image", edit)
    body = KeyImageBody("3d", _point(middle), series, caption="Lesions and their arteries")
    opened.document.apply("Keep key image", add_key_image(session_id, body, frame, name="Key image 3D", by=by))
