"""The region being painted: its mask in memory while the hand moves, an item of the plan when it rests."""

from __future__ import annotations

from collections.abc import Callable

from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.masks import Mask, MaskPatch
from planner.imaging.measure import longest_axial_diameter
from planner.jobs import Context
from planner.model.items import REGION, RegionBody
from viewers.state.jobs import JobRunner
from viewers.state.marking import Marks, RegionTarget
from viewers.state.mask_layer import RegionShape
from viewers.state.settings import ToolSettings
from viewers.state.signals import Value

PREVIEW_ID = "preview"
EMPTIED = "Nothing would be left of the region; press Delete to remove it."


class RegionEditor:
    """Edits the selected region, or begins a new one.

    A stroke is a stack of patches on the mask it began with; `commit` makes one undo step of them. Undo is the
    document's: it brings back the earlier blob, and `Marks` the mask.

    Attributes
    ----------
    problem
        One sentence when something could not be done; empty otherwise.
    """

    def __init__(self, marks: Marks, selected_id: Value[str | None], settings: ToolSettings, jobs: JobRunner) -> None:
        self._marks = marks
        self._jobs = jobs
        self._selected_id = selected_id
        self._settings = settings
        self._volume: Volume | None = None
        self._patches: list[MaskPatch] = []
        self.mask: Mask | None = None
        self.problem: Value[str] = Value("")

    @property
    def patches(self) -> tuple[MaskPatch, ...]:
        """Of the stroke so far."""
        return tuple(self._patches)

    def selected_on(self, volume: Volume) -> str | None:
        """The selected region when it was painted on this volume's grid, else None."""
        mark = self._marks.mark(self._selected_id.value)
        if mark is None or not isinstance(mark.body, RegionBody):
            return None
        mask = self._marks.mask(mark.id)
        return mark.id if mask is not None and mask.grid.same_as(volume.grid) else None

    def begin(self, volume: Volume) -> Mask:
        """Start a stroke on the selected region or on nothing; returns the mask as it is."""
        selected = self.selected_on(volume)
        known = self._marks.mask(selected) if selected is not None else None
        self._volume = volume
        self.mask = known if known is not None else Mask.empty(volume.grid)
        self._patches.clear()
        self.problem.set("")
        return self.mask

    def apply(self, patch: MaskPatch) -> None:
        """One step of the stroke."""
        if self.mask is not None and not patch.changes_nothing:
            self.mask = patch.apply(self.mask)
            self._patches.append(patch)

    def shape(self) -> RegionShape | None:
        """The mask so far, as panes draw it."""
        if self.mask is None or self._volume is None:
            return None
        selected = self.selected_on(self._volume)
        body = None if selected is None else self._marks.mark(selected)
        colour = self._settings.new_region.value.colour
        if body is not None and isinstance(body.body, RegionBody):
            return RegionShape(body.id, self.mask, body.body.colour, body.item.name)
        return RegionShape(PREVIEW_ID, self.mask, colour)

    def commit(self, label: str, tool: str) -> str | None:
        """End the stroke: the mask becomes (or replaces) an item, as one undo step; returns its id.

        None when nothing changed, or `problem` says why nothing could be kept.
        """
        mask, volume, changed = self.mask, self._volume, bool(self._patches)
        target = None if volume is None else self.target(volume)
        self.abandon()
        if mask is None or volume is None or target is None or not changed:
            return None
        return self.put(mask, volume, target, label, tool)

    def put(self, mask: Mask, volume: Volume, target: RegionTarget, label: str, tool: str) -> str | None:
        """Keep a whole mask made elsewhere (one-click, growing, an operation), as one undo step."""
        host = self._marks.host
        if host is None:
            return None
        if mask.is_empty:
            self.problem.set(EMPTIED if target.item_id is not None else "Nothing was found there.")
            return None
        try:
            item_id = host.put_region(mask, volume.source, target, label=label, tool=tool)
        except OperatorError as error:
            self.problem.set(error.message)
            return None
        self._selected_id.set(item_id)
        if self._marks.is_lesion(item_id):
            self._measure(item_id, mask)
        return item_id

    def _measure(self, item_id: str, mask: Mask) -> None:
        """The longest axial diameter of a large lesion takes longer than a hand may wait: it comes as a job."""
        host = self._marks.host

        def work(context: Context) -> float | None:
            context.step(0.0, "Measuring the lesion")
            found = longest_axial_diameter(mask)
            return None if found is None else found.length_mm

        def still_valid() -> bool:
            kept = self._marks.mask(item_id)
            return self._marks.host is host and kept is not None and kept.equals(mask)

        def done(longest_mm: float | None) -> None:
            if host is not None:
                host.measure_region(item_id, mask, longest_mm)

        self._jobs.submit("Measuring the lesion", work, done, still_valid=still_valid, group=f"measure-{item_id}")

    def abandon(self) -> None:
        """Forget the stroke."""
        self._volume = self.mask = None
        self._patches.clear()

    def target(self, volume: Volume) -> RegionTarget:
        """The selected region, or a new one as the settings say."""
        new = self._settings.new_region.value
        return RegionTarget(
            name=new.name or self.free_name("Region"),
            item_id=self.selected_on(volume),
            as_lesion=new.lesion_id is not None,
            lesion_id=new.lesion_id,
            structure=new.structure,
            colour=new.colour,
        )

    def free_name(self, stem: str) -> str:
        """``Region 1``, ``Region 2`` …: the first that no region has."""
        taken = {mark.item.name for mark in self._marks.marks.value if mark.item.type == REGION}
        return first_free(stem, taken.__contains__)


def first_free(stem: str, is_taken: Callable[[str], bool]) -> str:
    """The stem with the first number whose name is free."""
    number = 1
    while is_taken(f"{stem} {number}"):
        number += 1
    return f"{stem} {number}"
