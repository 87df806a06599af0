"""Lesions keep their identity over the studies of a course: proposals through a reviewed link, confirmed by a person.

Nothing is preselected: a proposal says what fits and why, `confirm_identity` writes what a person chose. Regions that
were only brought over from other images (`RegionBody.copy_of`) show nothing of the new day and are never matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from planner.app.frame_links import LinkedFrames, linked_frames, point_map
from planner.app.identity_edits import Confirmation
from planner.app.lesion_history import treated_between
from planner.app.marking import load_mask, region_of
from planner.errors import FrameMismatch, UsageError
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging import LabelMap
from planner.imaging.displacement import PointMap, warped_mask
from planner.imaging.masks import Mask
from planner.imaging.resampling import resampled_mask
from planner.jobs import Context
from planner.model import codec
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.edits import Edit, new_id
from planner.model.items import REGION, PlanItem, RegionBody
from planner.model.session import Session
from planner.planning.lesion_matching import Identity, IdentityKind, LesionShape, ball_mask, match_lesions
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import shown
from planner.workflow.template import Template

RESIDUAL = "residual"
"""Tool of a region that is the viable part of a lesion on a new study."""
LESION = "lesion"
"""Structure of a region that some program called a lesion without saying which."""
_WHOLE_SHARE = 0.98
"""Of an earlier lesion that the later grid must hold for its place to be shown."""
_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
_ROMAN = {f"liver_segment_{number}": name for number, name in enumerate(_NUMERALS, 1)}


@dataclass(frozen=True, slots=True)
class StudyDay:
    """Images of one day in one frame of reference. `on` is None where no file and nobody says the day."""

    frame_uid: str
    on: date | None


@dataclass(frozen=True, slots=True)
class ProposedIdentity:
    """One proposal with the names a person reads.

    Attributes
    ----------
    identity
        `Identity.earlier` are lesion ids, `Identity.later` are ids of region items on the new images.
    words
        What is proposed, in one line.
    segment
        Couinaud segment on the new images, or None; `segment_differs` from what the lesion says.
    treated_in
        Sessions of the days in between whose record says that they treated it.
    settled
        A person has already drawn this region as this lesion.
    """

    identity: Identity
    words: str
    lesion_names: tuple[str, ...]
    region_names: tuple[str, ...]
    segment: str | None
    segment_differs: bool
    treated_in: tuple[str, ...]
    settled: bool


@dataclass(frozen=True, eq=False)
class IdentityProposals:
    """All proposals between two days, and the way over which they were made.

    Attributes
    ----------
    masks
        On the new images' grid, by lesion id (brought over) and by id of the region item (as drawn).
    """

    earlier: StudyDay
    new: StudyDay
    way: LinkedFrames
    rows: tuple[ProposedIdentity, ...]
    grid: Grid
    masks: Mapping[str, Mask]


def day_of(case: Case, item: PlanItem) -> StudyDay:
    """The images a region was drawn on."""
    uids = {each.partition("#")[0] for each in item.source_uids}
    known = [each.study_date for each in case.studies if each.series_uid in uids and each.study_date is not None]
    seen = [
        each.study_date for lesion in case.lesions for each in lesion.observations if each.region_item_id == item.id
    ]
    return StudyDay(item.frame_uid, next(iter((*known, *seen)), None))


def lesion_regions(case: Case, day: StudyDay) -> tuple[tuple[Session, PlanItem, RegionBody], ...]:
    """Regions drawn on a day's images that are, or may be, lesions: no organs, no zones, no copies."""
    found: dict[str, tuple[Session, PlanItem, RegionBody]] = {}
    for session in case.sessions:
        for item in session.items:
            if item.type != REGION or item.frame_uid != day.frame_uid:
                continue
            body = region_of(item)
            may_be = body.lesion_id is not None or body.structure in (None, LESION)
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


def propose_identities(
    library: Library,
    case: Case,
    earlier: StudyDay,
    new: StudyDay,
    *,
    grid: Grid | None = None,
    segments: LabelMap | None = None,
    templates: Mapping[str, Template] | None = None,
    context: Context | None = None,
) -> IdentityProposals:
    """Which lesions of an earlier day are which regions of a new one. A job: touches no case.

    Parameters
    ----------
    grid
        Of the new images; None takes that of the regions drawn on them.
    segments
        Couinaud segments in the new frame (values named ``liver_segment_1`` …); None proposes no segment.
    templates
        By id; tell which sessions treated a lesion in between. None: this is not looked for.

    Raises
    ------
    FrameMismatch
        ``not-linked`` without a reviewed link between the two frames.
    UsageError
        ``no-grid`` where nothing is drawn on the new images and no grid is given; ``nothing-earlier``.
    InputRefused, StoreError
        Where a mask or a field cannot be read.
    """
    job = context or Context()
    way = linked_frames(case, new.frame_uid, earlier.frame_uid)
    earlier_from_new = point_map(library, case, new.frame_uid, earlier.frame_uid)
    if way is None or earlier_from_new is None:
        text = "The two studies are not linked by a reviewed link; register them and review the link first."
        raise FrameMismatch("not-linked", text, subject=new.frame_uid)
    regions = lesion_regions(case, new)
    place = grid or _grid_of(regions)
    job.step(0.1, "Bringing the earlier lesions over")
    ones = _earlier_shapes(library, case, earlier, place, earlier_from_new, job.part(0.1, 0.6))
    if not ones and not regions:
        raise UsageError("nothing-earlier", "No lesion is marked on either day; mark them first.")
    shown_before = _earlier_grids(case, earlier)
    others = _once_each(
        [
            (body.lesion_id, item.tool, _later_shape(library, item, body, place, earlier_from_new, shown_before))
            for _, item, body in regions
        ]
    )
    job.step(0.7, "Comparing")
    matching = match_lesions(ones, others, way.error)
    drawn = {item.id: (item, body) for _, item, body in regions}
    masks = {each.id: each.mask for each in (*ones, *others)}
    rows = tuple(
        _row(case, each, drawn, _segment(each, masks, segments), _treated(case, each, templates or {}, earlier, new))
        for each in matching.proposals
    )
    job.step(1.0, "Identity proposed; a person has to confirm it")
    return IdentityProposals(earlier, new, way, rows, place, masks)


def _grid_of(regions: tuple[tuple[Session, PlanItem, RegionBody], ...]) -> Grid:
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


def _earlier_shapes(
    library: Library, case: Case, day: StudyDay, grid: Grid, earlier_from_new: PointMap, job: Context
) -> list[LesionShape]:
    drawn: dict[str, tuple[PlanItem, RegionBody]] = {}
    for _, item, body in sorted(lesion_regions(case, day), key=lambda each: each[2].volume_ml or 0.0):
        if body.lesion_id is not None:
            # The largest of several drawings of one lesion: its viable part is not the lesion.
            drawn[body.lesion_id] = (item, body)
    shapes = []
    for number, lesion in enumerate(case.lesions):
        job.step(number / len(case.lesions), f"Bringing over {lesion.name}")
        if lesion.id in drawn:
            _, body = drawn[lesion.id]
            shapes.append(_brought(lesion, load_mask(library, body.blob), body, grid, earlier_from_new))
        elif lesion.frame_uid == day.frame_uid and lesion.centre_lps_mm is not None and _seen_by(lesion, day):
            shapes.append(_typed(lesion, day, grid, earlier_from_new))
    return shapes


def _seen_by(lesion: Lesion, day: StudyDay) -> bool:
    """A lesion of a place only counts for a day on which it was seen; without any date it may have been."""
    dates = [each.study_date for each in lesion.observations]
    return not dates or day.on is None or min(dates) <= day.on


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


def _later_shape(
    library: Library,
    item: PlanItem,
    body: RegionBody,
    grid: Grid,
    earlier_from_new: PointMap,
    shown_before: tuple[Grid, ...],
) -> LesionShape:
    mask = load_mask(library, body.blob)
    own = mask if mask.grid.same_as(grid) else resampled_mask(mask, grid)
    centre = mask.centroid_lps_mm()
    place = np.zeros(3) if centre is None else centre
    there = earlier_from_new.points(place)
    known = not shown_before or any(bool(each.contains_kji(each.kji_from_lps.points(there))) for each in shown_before)
    volume = mask.volume_ml if body.volume_ml is None else body.volume_ml
    return LesionShape(item.id, item.name, own, place, volume, body.longest_mm, shown_there=known)


def _segment(identity: Identity, masks: Mapping[str, Mask], segments: LabelMap | None) -> str | None:
    return None if segments is None or not identity.later else segment_of(masks[identity.later[0]], segments)


def _treated(
    case: Case, identity: Identity, templates: Mapping[str, Template], earlier: StudyDay, new: StudyDay
) -> tuple[str, ...]:
    found = [s for each in identity.earlier for s in treated_between(case, each, templates, earlier.on, new.on)]
    return tuple(dict.fromkeys(found))


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


def _row(
    case: Case,
    identity: Identity,
    drawn: Mapping[str, tuple[PlanItem, RegionBody]],
    segment: str | None,
    treated_in: tuple[str, ...],
) -> ProposedIdentity:
    lesions = [each for each in (case.lesion(name) for name in identity.earlier) if each is not None]
    names, regions = tuple(each.name for each in lesions), tuple(drawn[each][0].name for each in identity.later)
    said = lesions[0].segment if lesions else None
    settled = (
        identity.kind is IdentityKind.SAME
        and drawn[identity.later[0]][1].lesion_id == identity.earlier[0]
        and lesions[0].identity_by is not None
    )
    words = _words(identity, names, regions)
    differs = segment is not None and said is not None and segment != said
    return ProposedIdentity(identity, words, names, regions, segment, differs, treated_in, settled)


def _words(identity: Identity, lesions: tuple[str, ...], regions: tuple[str, ...]) -> str:
    ones, others = " + ".join(lesions), " + ".join(regions)
    change = identity.change
    size = ""
    if change is not None and change.kind is not None and change.difference_mm is not None:
        before, after = (
            (change.before_ml, change.after_ml) if change.by == "volume" else (change.before_mm, change.after_mm)
        )
        unit = "mL" if change.by == "volume" else "mm"
        size = (
            f", {change.kind}: {shown(before, unit)} to {shown(after, unit)} (diameter {change.difference_mm:+.1f} mm; "
            f"two drawings may differ by {shown(change.uncertainty_mm, 'mm')})"
        )
    match identity.kind:
        case IdentityKind.SAME:
            return f"{others} is {ones}{size}"
        case IdentityKind.VANISHED:
            return f"{ones} is not marked on the new images: gone, or not drawn?"
        case IdentityKind.NEW:
            return f"{others} was not marked on the earlier images: new, or not drawn then?"
        case IdentityKind.SPLIT:
            return f"{ones} lies in parts: {others}{size}"
        case IdentityKind.MERGED:
            return f"{ones} have become one: {others}{size}"
        case IdentityKind.NOT_SHOWN:
            return f"The place of {ones} is not on the new images: not evaluable"
    return f"Ambiguous: {ones or 'no earlier lesion'} and {others or 'no region'}; a person has to say"


def segment_of(mask: Mask, segments: LabelMap) -> str | None:
    """The Couinaud segment (``I`` to ``VIII``) that holds most of a lesion; None where none holds any.

    Raises
    ------
    FrameMismatch
        ``mixed-frames`` where lesion and segments lie in different frames of reference.
    """
    own = resampled_mask(mask, segments.grid)
    if own.is_empty:
        return None
    (k0, j0, i0), (k1, j1, i1) = own.box
    values = np.asarray(segments.voxels[k0:k1, j0:j1, i0:i1])[own.voxels]
    named = {value: _ROMAN.get(label.structure or "") for value, label in segments.labels.items()}
    counts = {name: int(np.count_nonzero(values == value)) for value, name in named.items() if name is not None}
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None


_COUNTS = {
    IdentityKind.SAME: ((1, 1), (1, 1)),
    IdentityKind.VANISHED: ((1, 1), (0, 0)),
    IdentityKind.NOT_SHOWN: ((1, 1), (0, 0)),
    IdentityKind.NEW: ((0, 0), (1, 1)),
    IdentityKind.SPLIT: ((1, 1), (2, 99)),
    IdentityKind.MERGED: ((2, 99), (1, 1)),
}
"""Least and most earlier lesions, and regions on the new images, that an answer needs."""


def confirm_identity(
    case: Case,
    kind: IdentityKind,
    *,
    lesion_ids: Sequence[str],
    region_ids: Sequence[str],
    seen_on: date,
    by: Actor,
    on: date,
    segment: str | None = None,
) -> Edit:
    """What a person says that lesions are on a new study; one step of undo.

    The same lesion gets an observation; a new one becomes a lesion of its own; the parts of a split lesion, and what
    several have merged into, become lesions with `parents`. A split lesion itself is observed with the sum of its
    parts (RECIST 1.1); lesions that merged are not evaluable on their own any more.

    Parameters
    ----------
    kind
        Any but ``ambiguous``: a person chooses.
    seen_on, on
        Day of the new study, and day of the confirmation.
    segment
        Couinaud segment, where the lesion has none yet.

    Raises
    ------
    UsageError
        ``bad-identity``, ``unknown-lesion``, ``unknown-region``; ``lesion-in-use`` where a region was drawn as a lesion
        of its own that the plan of a session names.
    """
    _refuse_counts(kind, lesion_ids, region_ids)
    stamp = Confirmation(case, seen_on, by, on, segment)
    for name in lesion_ids:
        stamp.lesion(name)
    for name in region_ids:
        stamp.region(name)
    made = [new_id("lesion") for _ in region_ids]

    def edit(before: Case) -> Case:
        state = replace(stamp, case=before)
        match kind:
            case IdentityKind.SAME:
                return state.seen_again(lesion_ids[0], region_ids[0])
            case IdentityKind.VANISHED:
                return state.observed(lesion_ids[0], Observation(seen_on, state="absent", read_by=by.user))
            case IdentityKind.NOT_SHOWN:
                gone = Observation(seen_on, state="not-evaluable", note="not on the images", read_by=by.user)
                return state.observed(lesion_ids[0], gone)
            case IdentityKind.NEW:
                return state.made(region_ids[0], made[0], ())[0]
            case IdentityKind.SPLIT:
                return state.split(lesion_ids[0], region_ids, made)
        return state.merged(lesion_ids, region_ids[0], made[0])

    return edit


def _refuse_counts(kind: IdentityKind, lesion_ids: Sequence[str], region_ids: Sequence[str]) -> None:
    limits = _COUNTS.get(kind)
    if limits is None:
        raise UsageError("bad-identity", "Nothing is written while it is ambiguous; say what the lesion is.")
    for (least, most), given, what in zip(limits, (lesion_ids, region_ids), ("lesion", "region"), strict=True):
        if not least <= len(given) <= most or len(set(given)) != len(given):
            wanted = str(least) if least == most else f"{least} or more"
            text = f"“{kind}” needs {wanted} {what}(s) and got {len(given)}; choose again."
            raise UsageError("bad-identity", text)
