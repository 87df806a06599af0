"""Lesions of earlier and new images as shapes on the new images' grid, brought over by reviewed links only.

A lesion that was not drawn on the earlier day compared with is taken from the newest other day before the new one: a
lesion that was known must never come back as a new one because nobody drew it in between.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from planner.app.frame_links import LinkedFrames, linked_frames, point_map
from planner.app.marking import load_mask, region_of
from planner.errors import UsageError
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.displacement import PointMap, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Lesion
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.session import Session
from planner.planning.lesion_matching import LesionShape, ball_mask
from planner.store.library import Library

RESIDUAL = "residual"
"""Tool of a region that is the viable part of a lesion on a new study."""
LESION = "lesion"
"""Structure of a region that some program called a lesion without saying which."""
_WHOLE_SHARE = 0.98
"""Of an earlier lesion that the later grid must hold for its place to be shown."""


@dataclass(frozen=True, slots=True)
class StudyDay:
    """Images of one day in one frame of reference. `on` is None where no file and nobody says the day."""

    frame_uid: str
    on: date | None


def day_of(case: Case, item: PlanItem) -> StudyDay:
    """The images a region was drawn on."""
    uids = {each.partition("#")[0] for each in item.source_uids}
    known = [each.study_date for each in case.studies if each.series_uid in uids and each.study_date is not None]
    seen = [
        each.study_date for lesion in case.lesions for each in lesion.observations if each.region_item_id == item.id
    ]
    return StudyDay(item.frame_uid, next(iter((*known, *seen)), None))


def lesion_regions(case: Case, day: StudyDay) -> tuple[tuple[Session, PlanItem, RegionBody], ...]:
    """Regions drawn on a day's images that are, or may be, lesions; no organs, zones or copies."""
    found: dict[str, tuple[Session, PlanItem, RegionBody]] = {}
    for session in case.sessions:
        for item in session.items:
            if item.type != REGION or item.frame_uid != day.frame_uid:
                continue
            body = region_of(item)
            may_be = body.lesion_id is not None or body.structure == LESION
            if may_be and body.copy_of is None and item.inherited_from is None and day_of(case, item) == day:
                # The same drawing in two sessions (a target that was carried over) is one lesion.
                found.setdefault(codec.digest(body.blob), (session, item, body))
    return tuple(found.values())


def study_days(case: Case) -> tuple[StudyDay, ...]:
    """Every day and frame of reference of the case's volumes, the oldest first."""
    days = {
        StudyDay(str(each.frame_uid), each.study_date)
        for each in case.studies
        if each.kind == "volume" and each.frame_uid is not None
    }
    return tuple(sorted(days, key=lambda each: (each.on or date.min, each.frame_uid)))


@dataclass(frozen=True, eq=False)
class KnownLesions:
    """Lesions that were known before the new images.

    Attributes
    ----------
    shapes
        On the new images' grid.
    days
        Lesion id -> the day it was drawn on, where that is not the day compared with.
    ways
        How those other days are joined to the new images.
    unplaced
        Lesions that cannot be brought over: no reviewed link leads to any image they were drawn on.
    """

    shapes: tuple[LesionShape, ...]
    days: dict[str, StudyDay]
    ways: tuple[LinkedFrames, ...]
    unplaced: tuple[Lesion, ...]


def grid_of(regions: tuple[tuple[Session, PlanItem, RegionBody], ...]) -> Grid:
    """The grid that lesions of a day were drawn on. Raises UsageError ``no-grid`` where none was."""
    if not regions:
        raise UsageError("no-grid", "No lesion is drawn on the new images; open them and try again.")
    grids = [_grid(body) for _, _, body in regions]
    return max(grids, key=lambda each: int(np.prod(each.size_kji)))


def _grid(body: RegionBody) -> Grid:
    blob = body.blob
    return Grid(blob.size_kji, SpaceMap.from_flat(lps(blob.frame_uid), KJI, blob.lps_from_kji), blob.frame_uid)


def _earlier_grids(case: Case, day: StudyDay) -> tuple[Grid, ...]:
    """Of everything drawn on the earlier images: what they show is not stored anywhere else."""
    found = []
    for session in case.sessions:
        for item in session.items:
            if item.type == REGION and item.frame_uid == day.frame_uid and day_of(case, item) == day:
                found.append(_grid(region_of(item)))
    return tuple(found)


def known_lesions(
    library: Library, case: Case, earlier: StudyDay, new: StudyDay, grid: Grid, context: Context
) -> KnownLesions:
    """Every lesion known before the new images, from the earlier day where it was drawn there, else from another.

    Lesions that parts or a merged lesion have replaced since are left out.

    Parameters
    ----------
    grid
        Of the new images.
    """
    maps: dict[str, PointMap | None] = {}
    shapes: list[LesionShape] = []
    days: dict[str, StudyDay] = {}
    unplaced: list[Lesion] = []
    for number, lesion in enumerate(case.lesions):
        context.step(number / len(case.lesions), f"Bringing over {lesion.name}")
        if _is_replaced(case, lesion, new):
            continue
        drawn = list(_drawn(case, lesion, earlier, new))
        if not drawn and not _known_before(lesion, new):
            continue
        for day, body in drawn:
            if day.frame_uid not in maps:
                maps[day.frame_uid] = point_map(library, case, new.frame_uid, day.frame_uid)
            there = maps[day.frame_uid]
            if there is None:
                continue
            if body is None:
                shapes.append(_typed(lesion, day, grid, there))
            else:
                shapes.append(_brought(lesion, load_mask(library, body.blob), body, grid, there))
            if day != earlier:
                days[lesion.id] = day
            break
        else:
            unplaced.append(lesion)
    frames = {each.frame_uid for each in days.values()}
    ways = (linked_frames(case, new.frame_uid, each) for each in sorted(frames))
    return KnownLesions(tuple(shapes), days, tuple(each for each in ways if each is not None), tuple(unplaced))


def _is_replaced(case: Case, lesion: Lesion, new: StudyDay) -> bool:
    """Its parts, or what it merged into, were seen before the new images."""
    children = [each.first_seen_on for each in case.lesions if lesion.id in each.parents]
    return any(on is not None and new.on is not None and on < new.on for on in children)


def _known_before(lesion: Lesion, new: StudyDay) -> bool:
    return any(new.on is None or each.study_date < new.on for each in lesion.observations)


def _drawn(
    case: Case, lesion: Lesion, earlier: StudyDay, new: StudyDay
) -> Iterator[tuple[StudyDay, RegionBody | None]]:
    """Where a lesion was drawn before the new images: the earlier day first, then the newest, last its bare place."""
    found: list[tuple[StudyDay, RegionBody]] = []
    for session in case.sessions:
        for item in session.items:
            if item.type != REGION or item.inherited_from is not None or item.body.get("lesion_id") != lesion.id:
                continue
            body, day = region_of(item), day_of(case, item)
            before = day.on is not None and new.on is not None and day.on < new.on
            if body.copy_of is None and day != new and (day == earlier or before):
                found.append((day, body))
    # The largest of several drawings of one day: the viable part of a lesion is not the lesion.
    found.sort(key=lambda each: (each[0] == earlier, each[0].on or date.min, each[1].volume_ml or 0.0), reverse=True)
    yield from found
    frame_uid = lesion.frame_uid
    if lesion.centre_lps_mm is not None and frame_uid is not None and _known_before(lesion, new):
        yield earlier if frame_uid == earlier.frame_uid else StudyDay(frame_uid, None), None


def _brought(lesion: Lesion, mask: Mask, body: RegionBody, grid: Grid, earlier_from_new: PointMap) -> LesionShape:
    moved = warped_mask(mask, grid, earlier_from_new)
    points = mask.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    places = earlier_from_new.inverse_points(points)
    inside = float(np.mean(grid.contains_kji(grid.kji_from_lps.points(places))))
    return LesionShape(
        lesion.id,
        lesion.name,
        moved,
        places.mean(axis=0),
        mask.volume_ml if body.volume_ml is None else body.volume_ml,
        body.longest_mm,
        shown_there=inside >= _WHOLE_SHARE,
    )


def _typed(lesion: Lesion, day: StudyDay, grid: Grid, earlier_from_new: PointMap) -> LesionShape:
    """A lesion known by its place, as a ball of its longest diameter."""
    seen = [each for each in lesion.observations if day.on is None or each.study_date <= day.on]
    last = max(seen, key=lambda each: each.study_date, default=None)
    longest = None if last is None else last.longest_mm
    centre = earlier_from_new.inverse_points(np.asarray(lesion.centre_lps_mm, dtype=np.float64))
    diameter = longest if longest is not None else 2.0 * max(grid.spacing_kji_mm)
    shown_there = bool(grid.contains_kji(grid.kji_from_lps.points(centre)))
    return LesionShape(
        lesion.id,
        lesion.name,
        ball_mask(grid, centre, diameter),
        centre,
        None if last is None else last.volume_ml,
        longest,
        sized=longest is not None,
        shown_there=shown_there,
    )


def new_shapes(
    library: Library,
    case: Case,
    regions: tuple[tuple[Session, PlanItem, RegionBody], ...],
    earlier: StudyDay,
    grid: Grid,
    earlier_from_new: PointMap,
) -> list[LesionShape]:
    """Regions drawn on the new images, each lesion once."""
    shown_before = _earlier_grids(case, earlier)
    drawn = []
    for _, item, body in regions:
        mask = load_mask(library, body.blob)
        own = mask if mask.grid.same_as(grid) else resampled_mask(mask, grid)
        centre = mask.centroid_lps_mm()
        place = np.zeros(3) if centre is None else centre
        there = earlier_from_new.points(place)
        known = any(bool(each.contains_kji(each.kji_from_lps.points(there))) for each in shown_before)
        volume = mask.volume_ml if body.volume_ml is None else body.volume_ml
        covered = known or not shown_before
        shape = LesionShape(item.id, item.name, own, place, volume, body.longest_mm, shown_there=covered)
        drawn.append((body.lesion_id, item.tool, shape))
    return _once_each(drawn)


def _once_each(drawn: list[tuple[str | None, str | None, LesionShape]]) -> list[LesionShape]:
    """One shape for one lesion drawn twice (in two phases, or with its viable part beside it): the largest.

    Parts that lie apart stay, even where a person called them by one name.
    """
    kept: list[tuple[str | None, LesionShape]] = []
    ordered = sorted(drawn, key=lambda each: (each[1] == RESIDUAL, -each[2].mask.count))
    for lesion_id, _, shape in ordered:
        same = [other for name, other in kept if name is not None and name == lesion_id]
        if not any(_overlap(shape.mask, other.mask) for other in same):
            kept.append((lesion_id, shape))
    names = {shape.id for _, shape in kept}
    return [shape for _, _, shape in drawn if shape.id in names]


def _overlap(one: Mask, other: Mask) -> bool:
    return bool((one.voxels & other.within(one.box)).any())
