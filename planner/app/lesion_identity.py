"""Lesions keep their identity over the studies of a course: proposals through a reviewed link, confirmed by a person.

Nothing is preselected: a proposal says what fits and why, `confirm_identity` writes what a person chose. Regions that
were only brought over from other images (`RegionBody.copy_of`) show nothing of the new day and are never matched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from planner.app.frame_links import LinkedFrames, linked_frames, point_map
from planner.app.identity_edits import Confirmation
from planner.app.lesion_history import treated_between
from planner.app.lesion_shapes import RESIDUAL as RESIDUAL
from planner.app.lesion_shapes import KnownLesions, grid_of, known_lesions, new_shapes
from planner.app.lesion_shapes import StudyDay as StudyDay
from planner.app.lesion_shapes import day_of as day_of
from planner.app.lesion_shapes import lesion_regions as lesion_regions
from planner.app.lesion_shapes import study_days as study_days
from planner.app.liver_segments import segment_of as segment_of
from planner.app.liver_segments import segments_on
from planner.errors import FrameMismatch, UsageError
from planner.geometry import Grid
from planner.imaging import LabelMap
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.model.edits import Edit, new_id
from planner.model.items import PlanItem, RegionBody
from planner.planning.lesion_matching import Identity, IdentityKind, LinkError, match_lesions
from planner.store.actors import Actor
from planner.store.library import Library
from planner.units import shown
from planner.workflow.template import Template


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
    error
        Of the least certain link that was used.
    masks
        On the new images' grid, by lesion id (brought over) and by id of the region item (as drawn).
    """

    earlier: StudyDay
    new: StudyDay
    way: LinkedFrames
    error: LinkError
    rows: tuple[ProposedIdentity, ...]
    grid: Grid
    masks: Mapping[str, Mask]


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
        Couinaud segments in the new frame (values named ``liver_segment_1`` …); None takes those drawn in the case, on
        these images or on linked ones.
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
    place = grid or grid_of(regions)
    known = known_lesions(library, case, earlier, new, place, job.part(0.1, 0.6))
    if not known.shapes and not known.unplaced and not regions:
        raise UsageError("nothing-earlier", "No lesion is marked on either day; mark them first.")
    others = new_shapes(library, case, regions, earlier, place, earlier_from_new)
    job.step(0.7, "Comparing")
    # Lesions of another day come over another link: all are judged by the least certain one.
    error = max((way.error, *(each.error for each in known.ways)), key=lambda each: each.mm)
    identities = _with_unplaced(match_lesions(known.shapes, others, error).proposals, known)
    drawn = {item.id: (item, body) for _, item, body in regions}
    masks = {each.id: each.mask for each in (*known.shapes, *others)}
    couinaud = segments_on(library, case, new.frame_uid, place) if segments is None and others else segments
    told = _Told(case, new, drawn, known)
    rows = tuple(
        told.row(each, _segment(each, masks, couinaud), _treated(case, each, templates or {}, earlier, new))
        for each in identities
    )
    job.step(1.0, "Identity proposed; a person has to confirm it")
    return IdentityProposals(earlier, new, way, error, rows, place, masks)


def _segment(identity: Identity, masks: Mapping[str, Mask], segments: LabelMap | None) -> str | None:
    return None if segments is None or not identity.later else segment_of(masks[identity.later[0]], segments)


def _treated(
    case: Case, identity: Identity, templates: Mapping[str, Template], earlier: StudyDay, new: StudyDay
) -> tuple[str, ...]:
    found = [s for each in identity.earlier for s in treated_between(case, each, templates, earlier.on, new.on)]
    return tuple(dict.fromkeys(found))


def _with_unplaced(identities: Sequence[Identity], known: KnownLesions) -> tuple[Identity, ...]:
    """While a known lesion cannot be brought over, nothing is called new: it may be that one."""
    if not known.unplaced:
        return tuple(identities)
    names = ", ".join(each.name for each in known.unplaced)
    text = f"{names}: drawn on images that no reviewed link joins to these; it may be there."
    doubted = [
        replace(each, kind=IdentityKind.AMBIGUOUS, reasons=(*each.reasons, text))
        if each.kind is IdentityKind.NEW
        else each
        for each in identities
    ]
    own = "No reviewed link leads from the images it was drawn on to these: link them first."
    missing = [Identity(IdentityKind.AMBIGUOUS, (each.id,), (), None, (), (own,)) for each in known.unplaced]
    return (*doubted, *missing)


@dataclass(frozen=True, eq=False)
class _Told:
    """What rows are made of."""

    case: Case
    new: StudyDay
    drawn: Mapping[str, tuple[PlanItem, RegionBody]]
    known: KnownLesions

    def row(self, identity: Identity, segment: str | None, treated_in: tuple[str, ...]) -> ProposedIdentity:
        lesions = [each for each in (self.case.lesion(name) for name in identity.earlier) if each is not None]
        names = tuple(each.name for each in lesions)
        regions = tuple(self.drawn[each][0].name for each in identity.later)
        said = lesions[0].segment if lesions else None
        gone = bool(lesions) and all(_was_absent(each, self.new) for each in lesions)
        words = "; ".join((_words(identity, names, regions, gone), *self._days(lesions)))
        differs = segment is not None and said is not None and segment != said
        settled = self._is_settled(identity, lesions, gone)
        return ProposedIdentity(identity, words, names, regions, segment, differs, treated_in, settled)

    def _is_settled(self, identity: Identity, lesions: Sequence[Lesion], gone: bool) -> bool:
        if identity.kind is IdentityKind.VANISHED:
            return gone
        same = identity.kind is IdentityKind.SAME
        return same and self.drawn[identity.later[0]][1].lesion_id == lesions[0].id and bool(lesions[0].identity_by)

    def _days(self, lesions: Sequence[Lesion]) -> tuple[str, ...]:
        days = [(each.name, self.known.days[each.id].on) for each in lesions if each.id in self.known.days]
        return tuple(f"{name} as drawn on {on.isoformat() if on else 'an unknown day'}" for name, on in days)


def _was_absent(lesion: Lesion, new: StudyDay) -> bool:
    """Its last observation up to the new images says that it was gone."""
    seen = [each for each in lesion.observations if new.on is None or each.study_date <= new.on]
    last = max(seen, key=lambda each: each.study_date, default=None)
    return last is not None and last.state == "absent"


def _words(identity: Identity, lesions: tuple[str, ...], regions: tuple[str, ...], gone: bool) -> str:
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
            return f"{others} is {ones}{size}" + ("; it had vanished and is seen again" if gone else "")
        case IdentityKind.VANISHED:
            return f"{ones} is still absent" if gone else f"{ones} is not marked on the new images: gone, or not drawn?"
        case IdentityKind.NEW:
            return f"{others} was not marked on the earlier images: new, or not drawn then?"
        case IdentityKind.SPLIT:
            return f"{ones} lies in parts: {others}{size}"
        case IdentityKind.MERGED:
            return f"{ones} have become one: {others}{size}"
        case IdentityKind.NOT_SHOWN:
            return f"The place of {ones} is not on the new images: not evaluable"
    return f"Ambiguous: {ones or 'no earlier lesion'} and {others or 'no region'}; a person has to say"


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
