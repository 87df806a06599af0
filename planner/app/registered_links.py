"""A computed registration of two studies as a link of the case that a person has yet to review."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from planner.app.frame_links import store_field
from planner.geometry import lps
from planner.imaging.displacement import PointMap
from planner.model.edits import new_id
from planner.model.links import FrameLink, LinkQuality
from planner.store.library import Library

METHOD_REGISTRATION = "registration"


class Registered(Protocol):
    """What a registration tells (`planner.imaging.registration.Registration`); None was not measured."""

    @property
    def point_map(self) -> PointMap: ...
    @property
    def similarity(self) -> float | None: ...
    @property
    def inverse_consistency_mm(self) -> float | None: ...
    @property
    def jacobian_minimum(self) -> float | None: ...
    @property
    def folded_fraction(self) -> float | None: ...
    @property
    def organ_dice(self) -> float | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def left_out(self) -> Sequence[str]: ...
    @property
    def notes(self) -> Sequence[str]: ...


def link_of_registration(library: Library, found: Registered, *, model: str, organ: str | None) -> FrameLink:
    """The link from the new (fixed) study to the earlier (moving) one; its field goes into the blob store.

    Parameters
    ----------
    model
        ``rigid``, ``affine`` or ``deformable``.
    organ
        Whose mask bounded the match; None for no mask.
    """
    placed = found.point_map.moving_from_fixed
    field = found.point_map.field
    return FrameLink(
        id=new_id("link"),
        from_frame_uid=placed.source.removeprefix(lps("")),
        to_frame_uid=placed.destination.removeprefix(lps("")),
        to_lps_from_lps=tuple(placed.flat()),
        method=METHOD_REGISTRATION,
        note="; ".join(found.notes),
        field=None if field is None else store_field(library, field),
        quality=LinkQuality(
            model=model,
            similarity=found.similarity,
            inverse_consistency_mm=found.inverse_consistency_mm,
            jacobian_minimum=found.jacobian_minimum,
            folded_fraction=found.folded_fraction,
            organ_dice=found.organ_dice,
            left_out=tuple(found.left_out),
            seconds=found.seconds,
        ),
        organ=organ,
    )
