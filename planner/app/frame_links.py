"""Links between the studies of a course: registered, stored, reviewed by a person, and only then used.

The new study is the fixed one (the link comes from it), the earlier one the moving one (the link leads to it). Nothing
is compared across frames of reference but through `point_map`, which knows reviewed links only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging.displacement import DisplacementField, PointMap, field_of, packed_field
from planner.model.case import Case
from planner.model.links import FieldRef, FrameLink, LinkQuality
from planner.planning.change_settings import setting
from planner.planning.lesion_matching import LinkError
from planner.store.library import Library

RIGID, AFFINE, DEFORMABLE = "rigid", "affine", "deformable"


def store_field(library: Library, field: DisplacementField) -> FieldRef:
    """Put a displacement field into the blob store."""
    sha256 = library.put_blob(packed_field(field))
    return FieldRef(sha256, field.grid.size_kji, tuple(field.grid.lps_from_kji.flat()))


def map_of_link(library: Library, link: FrameLink, *, preview: bool = False) -> PointMap:
    """The map of a link, from its ``from`` frame to its ``to`` frame.

    Parameters
    ----------
    preview
        Use a link that nobody has reviewed yet: only for showing it to the person who reviews it.

    Raises
    ------
    FrameMismatch
        ``not-reviewed``.
    InputRefused, StoreError
        Where the field cannot be read.
    """
    if not link.is_reviewed and not preview:
        text = "The match of the two studies is not reviewed; look at it and confirm it first."
        raise FrameMismatch("not-reviewed", text, subject=link.id)
    space = SpaceMap.from_flat(lps(link.to_frame_uid), lps(link.from_frame_uid), link.to_lps_from_lps)
    if link.field is None:
        return PointMap(space)
    try:
        placed = SpaceMap.from_flat(lps(link.from_frame_uid), KJI, link.field.lps_from_kji)
        grid = Grid(link.field.size_kji, placed, link.from_frame_uid)
    except ValueError as error:
        text = f"The stored field of this link names no valid grid ({error}); register the two studies again."
        raise InputRefused("broken-field", text, subject=link.id) from error
    return PointMap(space, field_of(library.get_blob(link.field.sha256), grid))


def with_landmarks(library: Library, link: FrameLink, fixed_lps_mm: ArrayLike, moving_lps_mm: ArrayLike) -> FrameLink:
    """The link with its error measured at landmarks that did not make it: (n, 3) in the ``from`` and ``to`` frames.

    Raises
    ------
    UsageError
        ``too-few-landmarks``: for other than equally many, one at least.
    """
    fixed, moving = (np.asarray(each, dtype=np.float64).reshape(-1, 3) for each in (fixed_lps_mm, moving_lps_mm))
    if not len(fixed) or fixed.shape != moving.shape:
        raise UsageError("too-few-landmarks", "Set each landmark in both studies, one at least.", subject=link.id)
    before = np.linalg.norm(fixed - moving, axis=1)
    after = np.linalg.norm(map_of_link(library, link, preview=True).points(fixed) - moving, axis=1)
    measured = replace(
        link.quality or LinkQuality(model=RIGID),
        landmark_before_mm=(float(before.mean()), float(before.max())),
        landmark_after_mm=(float(after.mean()), float(after.max())),
    )
    return replace(link, quality=measured, residual_mm=float(after.mean()), landmarks=len(fixed))


@dataclass(frozen=True, slots=True)
class LinkedFrames:
    """How two frames are joined: no link for one frame, one reviewed link, or two over one shared study.

    Attributes
    ----------
    links
        (link, turned round) in the order in which they are gone along.
    error
        Summed over the links.
    """

    links: tuple[tuple[FrameLink, bool], ...]
    error: LinkError

    @property
    def words(self) -> str:
        """For the line beside every comparison."""
        if not self.links:
            return f"one frame of reference, as acquired (breath not corrected: {self.error.mm:.0f} mm assumed)"
        way = "linked" if len(self.links) == 1 else "linked over a third study"
        names = ", ".join(str(link.reviewed_by) for link, _ in self.links)
        word = "error" if self.error.measured else "error assumed"
        return f"{way}, reviewed by {names}; {word} {self.error.mm:.1f} mm ({self.error.basis})"


def linked_frames(case: Case, from_frame_uid: str, to_frame_uid: str) -> LinkedFrames | None:
    """The reviewed way from one frame to another, in either direction of its links; None where there is none.

    The newest direct link comes first. Two links over one shared study are taken only when both are reviewed; their
    errors add up, and of several such ways the one with the least error is taken.
    """
    if from_frame_uid == to_frame_uid:
        return LinkedFrames((), LinkError(setting("link_error_same_frame"), False, "one frame of reference"))
    direct = _newest(case, from_frame_uid, to_frame_uid)
    if direct is not None:
        return LinkedFrames((direct,), link_error(direct[0]))
    # Frames of angiographic runs are linked to a CT by projected landmarks: no two studies meet over them.
    studies = {each.frame_uid for each in case.studies if each.kind == "volume" and each.frame_uid}
    ways = []
    for middle in sorted(studies - {from_frame_uid, to_frame_uid}):
        first, second = _newest(case, from_frame_uid, middle), _newest(case, middle, to_frame_uid)
        if first is not None and second is not None:
            ways.append(LinkedFrames((first, second), _summed(link_error(first[0]), link_error(second[0]))))
    return min(ways, key=lambda each: each.error.mm, default=None)


def _summed(one: LinkError, other: LinkError) -> LinkError:
    basis = one.basis if one.basis == other.basis else f"{one.basis} and {other.basis}"
    return LinkError(one.mm + other.mm, one.measured and other.measured, f"two links added: {basis}")


def _newest(case: Case, from_frame_uid: str, to_frame_uid: str) -> tuple[FrameLink, bool] | None:
    """The reviewed link that was reviewed last, and whether it is gone along backwards."""
    for link in reversed(case.links):
        ends = (link.from_frame_uid, link.to_frame_uid)
        if link.is_reviewed and ends in ((from_frame_uid, to_frame_uid), (to_frame_uid, from_frame_uid)):
            return link, ends[0] != from_frame_uid
    return None


def link_error(link: FrameLink) -> LinkError:
    """How far a link may be off: the largest distance at its landmarks, else a default of its model that says so."""
    quality = link.quality
    if quality is not None and quality.landmark_after_mm is not None:
        return LinkError(quality.landmark_after_mm[1], True, f"{link.landmarks} landmarks, the largest distance")
    if quality is None and link.residual_mm is not None and link.landmarks:
        return LinkError(link.residual_mm, True, f"{link.landmarks} landmarks, mean")
    model = RIGID if quality is None else quality.model
    return LinkError(setting(f"link_error_{model}"), False, f"our default for a {model} link, no landmarks were set")


def point_map(library: Library, case: Case, from_frame_uid: str, to_frame_uid: str) -> PointMap | None:
    """Where points of one study lie in another, by reviewed links only; None where no reviewed link joins them.

    One frame of reference is joined to itself. `linked_frames` tells the error of the same way.

    Raises
    ------
    InputRefused, StoreError
        Where the field of a link cannot be read.
    """
    way = linked_frames(case, from_frame_uid, to_frame_uid)
    if way is None:
        return None
    found = PointMap(SpaceMap(lps(from_frame_uid), lps(from_frame_uid), np.eye(4)))
    for number, (link, turned) in enumerate(way.links):
        step = map_of_link(library, link)
        step = step.inverse() if turned else step
        found = step if number == 0 else _after(step, found)
    return found


def _after(second: PointMap, first: PointMap) -> PointMap:
    """The map that applies `first`, then `second`."""
    space = second.moving_from_fixed.after(first.moving_from_fixed)
    if first.field is not None:
        grid = first.field.grid
    elif second.field is not None:
        own = second.field.grid
        placed = first.moving_from_fixed.inverse().after(own.lps_from_kji)
        grid = Grid(own.size_kji, placed, placed.destination.removeprefix(lps("")))
    else:
        return PointMap(space)
    places = grid.lps_from_kji.points(np.indices(grid.size_kji, dtype=np.float64).reshape(3, -1).T)
    vectors = second.points(first.points(places)) - space.points(places)
    return PointMap(space, DisplacementField(grid, vectors.reshape(*grid.size_kji, 3).astype(np.float32)))
