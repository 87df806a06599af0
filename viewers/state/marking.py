"""Between pointer tools and the document: what is marked in the open session, with its masks in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from planner.errors import OperatorError
from planner.imaging.masks import Mask
from planner.imaging.volumes import ImageSource
from planner.model.item_bodies import body_of
from planner.model.items import (
    KEY_IMAGE,
    MEASUREMENT,
    REGION,
    VESSEL_PATH,
    BlobRef,
    KeyImageBody,
    MeasurementBody,
    PlanItem,
    Point,
    RegionBody,
    VesselPathBody,
)
from planner.model.needle_items import (
    ABLATION_MARGIN,
    NEEDLE_PATH,
    VERTEBRA,
    AblationMarginBody,
    NeedlePathBody,
    VertebraPlanBody,
)
from planner.model.vessel_items import CATHETER_POSITION, CatheterPositionBody
from viewers.state.mask_layer import MaskLayer, RegionShape
from viewers.state.signals import Signal, Value

Body = (
    RegionBody
    | VesselPathBody
    | MeasurementBody
    | KeyImageBody
    | NeedlePathBody
    | AblationMarginBody
    | VertebraPlanBody
    | CatheterPositionBody
)
_BODIES: Mapping[str, type] = {
    REGION: RegionBody,
    VESSEL_PATH: VesselPathBody,
    MEASUREMENT: MeasurementBody,
    KEY_IMAGE: KeyImageBody,
    NEEDLE_PATH: NeedlePathBody,
    ABLATION_MARGIN: AblationMarginBody,
    VERTEBRA: VertebraPlanBody,
    CATHETER_POSITION: CatheterPositionBody,
}
_KEPT_MASKS = 64
_Place = tuple[str, str, tuple[float, ...]]
"""Name of a blob, frame of reference, and the map of the grid its bits lie on."""


@dataclass(frozen=True, slots=True)
class RegionTarget:
    """What a mask becomes.

    Attributes
    ----------
    item_id
        A region that is painted again; None makes a new one of the other attributes.
    as_lesion
        A new region is a lesion: `lesion_id` names one of the case, None adds one to it.
    """

    name: str
    item_id: str | None = None
    as_lesion: bool = False
    lesion_id: str | None = None
    structure: str | None = None
    colour: str = "#d0a030"


class MarkingHost(Protocol):
    """What tools know of the open case: no store, no widget.

    Attributes
    ----------
    changed
        The case is another value now (edit, undo, redo).
    """

    changed: Signal[[]]

    def items(self) -> tuple[PlanItem, ...]:
        """What is marked in the open session."""
        ...

    def load_mask(self, reference: BlobRef) -> Mask:
        """The mask a region refers to; raises `OperatorError` when it cannot be read."""
        ...

    def put_region(self, mask: Mask, source: ImageSource, target: RegionTarget, *, label: str, tool: str) -> str:
        """Save a mask and put it into the plan, as one undo step; returns the item's id. Its lengths are unknown."""
        ...

    def measure_region(self, item_id: str, mask: Mask, longest_mm: float | None) -> None:
        """Add the length measured meanwhile on the mask just put, to the same undo step."""
        ...

    def put_item(
        self,
        type_name: str,
        body: object,
        *,
        name: str,
        frame_uid: str,
        source: ImageSource,
        label: str,
        tool: str,
        item_id: str | None = None,
    ) -> str:
        """Put a measurement, path or key image into the plan, as one undo step; returns its id."""
        ...

    def remove_item(self, item_id: str, *, label: str) -> None:
        """Take an item out of the plan; a lesion goes with its region."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Mark:
    """A plan item with its body read. `body` is None for a type of a later release: it is kept, and not drawn."""

    item: PlanItem
    body: Body | None

    @property
    def id(self) -> str:
        return self.item.id


class Marks:
    """What is marked, ready to be drawn; follows the host through edits, undo and redo.

    Attributes
    ----------
    marks
        In the session's order.
    layer
        The masks of its regions by item id, and imported label maps.
    problem
        Why a mask could not be shown; empty when all can.
    """

    def __init__(self) -> None:
        self.host: MarkingHost | None = None
        self.marks: Value[tuple[Mark, ...]] = Value(())
        self.layer = MaskLayer()
        self.problem: Value[str] = Value("")
        self._masks: dict[_Place, Mask] = {}
        self._disconnect: Callable[[], None] = lambda: None

    def open(self, host: MarkingHost | None) -> None:
        """Follow another host; None when no case is open."""
        self._disconnect()
        self._masks.clear()
        self.host = host
        self._disconnect = (lambda: None) if host is None else host.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Read the items anew; bodies and masks that are the same values are kept."""
        known = {mark.item.id: mark for mark in self.marks.value}
        marks = []
        for item in self.host.items() if self.host is not None else ():
            before = known.get(item.id)
            marks.append(before if before is not None and before.item == item else Mark(item, _body_of(item)))
        shapes = {each.id: each for each in self.layer.regions.values()}
        regions = [self._shape(mark, shapes.get(mark.id)) for mark in marks if isinstance(mark.body, RegionBody)]
        self.marks.set(tuple(marks))
        self.layer.replace_all(region for region in regions if region is not None)

    def mark(self, item_id: str | None) -> Mark | None:
        return next((mark for mark in self.marks.value if mark.id == item_id), None)

    def is_lesion(self, item_id: str) -> bool:
        mark = self.mark(item_id)
        return mark is not None and isinstance(mark.body, RegionBody) and mark.body.lesion_id is not None

    def mask(self, item_id: str) -> Mask | None:
        """The mask of a region item, or None."""
        mark = self.mark(item_id)
        return self._mask(mark.body.blob) if mark is not None and isinstance(mark.body, RegionBody) else None

    def know(self, masks: Mapping[str, Mask]) -> None:
        """Masks by the name of their blob that somebody has at hand: they need not be read."""
        for sha256, mask in masks.items():
            grid = mask.grid
            self._remember((sha256, grid.frame_uid, tuple(grid.lps_from_kji.flat())), mask)

    def _remember(self, place: _Place, mask: Mask) -> None:
        self._masks.pop(place, None)
        self._masks[place] = mask
        while len(self._masks) > _KEPT_MASKS:
            self._masks.pop(next(iter(self._masks)))

    def place_lps_mm(self, item_id: str) -> Point | None:
        """Where to put the cursor to see an item: the middle of its mask, path or measurement, a needle's tip."""
        mark = self.mark(item_id)
        body = None if mark is None else mark.body
        if isinstance(body, RegionBody):
            mask = self.mask(item_id)
            centre = None if mask is None else mask.centroid_lps_mm()
            return None if centre is None else (float(centre[0]), float(centre[1]), float(centre[2]))
        if isinstance(body, KeyImageBody):
            return body.cursor_lps_mm
        if isinstance(body, (NeedlePathBody, CatheterPositionBody)):
            return body.tip_lps_mm
        if isinstance(body, AblationMarginBody):
            return self.place_lps_mm(body.region_id)
        if isinstance(body, VertebraPlanBody):
            return body.centre_lps_mm
        if isinstance(body, (VesselPathBody, MeasurementBody)) and body.points_lps_mm:
            return body.points_lps_mm[len(body.points_lps_mm) // 2]
        return None

    def _shape(self, mark: Mark, before: RegionShape | None) -> RegionShape | None:
        if not isinstance(mark.body, RegionBody) or not mark.item.visible:
            return None
        mask = self._mask(mark.body.blob)
        if mask is None:
            return None
        shown = (mask, mark.body.colour, mark.item.name, mark.body.structure)
        if before is not None and (before.mask, before.colour, before.label, before.structure) == shown:
            return before
        return RegionShape(mark.id, mask, mark.body.colour, mark.item.name, mark.body.structure)

    def _mask(self, reference: BlobRef) -> Mask | None:
        # Moved to another scan a mask keeps its bits: where they lie counts as well.
        place = (reference.sha256, reference.frame_uid, tuple(reference.lps_from_kji))
        known = self._masks.get(place)
        if known is not None or self.host is None:
            return known
        try:
            mask = self.host.load_mask(reference)
        except OperatorError as error:
            self.problem.set(error.message)
            return None
        self._remember(place, mask)
        return mask


def mark_of(item: PlanItem) -> Mark:
    """An item with its body read."""
    return Mark(item, _body_of(item))


def _body_of(item: PlanItem) -> Body | None:
    kind = _BODIES.get(item.type)
    if kind is None:
        return None
    body: Any = body_of(kind, item.type, item)
    return body if isinstance(body, Body) else None
