"""Operations on the selected region, for menus and the stage panel. Each is one job and one undo step."""

from __future__ import annotations

from collections.abc import Callable

from planner.imaging import Volume
from planner.imaging.masks import Mask, MaskPatch
from planner.imaging.morphology import filled, grown, intersected, largest_kept, smoothed, subtracted, united
from planner.imaging.segmentation import threshold
from planner.jobs import Context
from planner.model.items import RegionBody
from planner.model.needle_items import NeedlePathBody
from viewers.panes.tools.base import ToolKit
from viewers.panes.tools.needle import LOCKED
from viewers.state.jobs import Job
from viewers.state.marking import RegionTarget
from viewers.state.region_editor import RegionEditor

BOOLEAN = {"union": united, "subtract": subtracted, "intersect": intersected}
"""Name of a set operation -> what it does with the selected region and another one."""


class RegionOperations:
    """Acts on the selected region; without one it says what to do."""

    def __init__(self, kit: ToolKit) -> None:
        self._kit = kit
        self._editor = RegionEditor(kit.marks, kit.state.selected_id, kit.settings, kit.jobs)
        self._editor.problem.changed.connect(kit.notice.set)

    def smooth(self, size_mm: float) -> Job | None:
        return self._run("Smooth region", lambda mask: smoothed(mask, size_mm))

    def fill(self) -> Job | None:
        """Fill what the region encloses."""
        return self._run("Fill region", filled)

    def keep_largest(self) -> Job | None:
        return self._run("Keep the largest part", largest_kept)

    def grow(self, margin_mm: float) -> Job | None:
        """Add a margin; negative takes one away."""
        label = "Grow region" if margin_mm >= 0.0 else "Shrink region"
        return self._run(f"{label} by {abs(margin_mm):g} mm", lambda mask: grown(mask, margin_mm))

    def combine(self, operation: str, other_id: str) -> Job | None:
        """``union``, ``subtract`` or ``intersect`` with another region item."""
        other = self._kit.marks.mask(other_id)
        if other is None:
            self._kit.notice.set("The other region has no mask to combine with.")
            return None
        combined = BOOLEAN[operation]
        return self._run(f"{operation.capitalize()} regions", lambda mask: combined(mask, other))

    def threshold(self, volume: Volume, low: float, high: float) -> Job | None:
        """Everything of a volume within a range becomes a new region, or inside the selected region what stays."""
        selected = self._editor.selected_on(volume)
        if selected is not None:
            within = self._kit.marks.mask(selected)
            return self._run(
                "Threshold", lambda mask: MaskPatch.between(mask, threshold(volume, low, high, within=within))
            )
        if self._kit.host() is None:
            return None
        target = self._editor.target(volume)

        def work(context: Context) -> Mask:
            context.step(0.1, "Threshold")
            return threshold(volume, low, high)

        return self._kit.jobs.submit("Threshold", work, lambda mask: self._keep(mask, volume, target, "Threshold"))

    def delete(self) -> bool:
        """Remove the selected item, whatever it is; undo brings it back. A locked needle stays."""
        mark = self._kit.marks.mark(self._kit.state.selected_id.value)
        host = self._kit.marks.host
        if mark is None or host is None:
            return False
        if isinstance(mark.body, NeedlePathBody) and mark.body.locked:
            self._kit.notice.set(LOCKED)
            return True
        self._kit.state.selected_id.set(None)
        host.remove_item(mark.id, label=f"Delete {mark.item.name or mark.item.type}")
        return True

    def lock_needle(self) -> bool:
        """Lock the selected needle, or unlock it; False when no needle is selected."""
        mark, keeper = self._kit.marks.mark(self._kit.state.selected_id.value), self._kit.state.needles.keeper
        if mark is None or keeper is None or not isinstance(mark.body, NeedlePathBody):
            return False
        self._kit.notice.set(keeper.lock(mark.id, not mark.body.locked) or "")
        return True

    def _run(self, label: str, change: Callable[[Mask], MaskPatch]) -> Job | None:
        kit = self._kit
        mark = kit.marks.mark(kit.state.selected_id.value)
        mask = None if mark is None else kit.marks.mask(mark.id)
        if mark is None or mask is None or not isinstance(mark.body, RegionBody):
            kit.notice.set("Select a region first.")
            return None
        source = next((v for v in kit.state.images.volumes.values() if v.grid.same_as(mask.grid)), None)
        if source is None:
            kit.notice.set("Open the images the region was painted on first.")
            return None
        target = RegionTarget(mark.item.name, item_id=mark.id)

        def work(context: Context) -> Mask:
            context.step(0.1, label)
            return change(mask).apply(mask)

        return kit.jobs.submit(
            label,
            work,
            lambda after: self._keep(after, source, target, label),
            still_valid=lambda: kit.marks.mask(mark.id) is mask,
        )

    def _keep(self, mask: Mask, volume: Volume, target: RegionTarget, label: str) -> None:
        self._editor.put(mask, volume, target, label, "operation")
