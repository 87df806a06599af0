"""A vertebra by two clicks: the middle of its body, then its arch. The level is what a person chose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from planner.imaging import Volume
from planner.jobs import Context
from planner.model.items import Point
from planner.planning.vertebra_levels import short_level
from viewers.panes.tools.base import NO_CASE, Pointer, Tool, ToolKit
from viewers.state.preview import NOTHING, Preview
from viewers.state.vertebrae import VERTEBRA_TOOL, VertebraDesk
from viewers.state.view_state import as_point

if TYPE_CHECKING:
    from planner.imaging.vertebra_segmentation import VertebraMask

NO_LEVEL = "Choose the level of the vertebra in the panel on the right first; nothing here guesses it."
OTHER_STUDY = "This pane is not linked; click the arch in the study of the first click."


class VertebraTool(Tool):
    """The second click may be in another plane than the first; each vertebra is one step of undo."""

    id = VERTEBRA_TOOL
    name = "Vertebra, two clicks"
    shortcut = "V"

    def __init__(self, kit: ToolKit) -> None:
        super().__init__(kit)
        self._body: Point | None = None
        self._volume: Volume | None = None
        kit.state.vertebrae.level.changed.connect(self._level_changed)

    @property
    def desk(self) -> VertebraDesk:
        return self.kit.state.vertebrae

    def hint(self) -> str:
        level = self.desk.level.value
        if level is None:
            return NO_LEVEL
        if self._body is None:
            return f"{short_level(level)}: click the middle of its body."
        return f"{short_level(level)}: click its arch (lamina, pedicle or base of the spinous process). Esc drops it."

    def begin(self) -> None:
        self._forget()

    def cancel(self) -> None:
        """The first click is forgotten; what is marked stays."""
        self._forget()
        super().cancel()

    def press(self, pointer: Pointer) -> None:
        level, keeper = self.desk.level.value, self.desk.keeper
        if keeper is None:
            self.kit.notice.set(NO_CASE)
            return
        if level is None:
            self.kit.notice.set(NO_LEVEL)
            return
        self.kit.notice.set("")
        if self._body is None:
            self._body, self._volume = as_point(pointer.lps_mm), pointer.volume
            self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, clicks_lps_mm=(self._body,)))
            self.say()
            return
        if self._volume is not pointer.volume:
            self.kit.notice.set(OTHER_STUDY)
            return
        body, arch = self._body, as_point(pointer.lps_mm)
        self.kit.preview.set(Preview(frame_uid=pointer.frame_uid, clicks_lps_mm=(body, arch)))
        self._find(pointer.volume, body, arch, level)

    def _find(self, volume: Volume, body: Point, arch: Point, level: str) -> None:
        self._body = None
        keeper = self.desk.keeper

        def work(context: Context) -> VertebraMask:
            from planner.imaging.vertebra_segmentation import vertebra_from_clicks

            return vertebra_from_clicks(volume, body, arch, context)

        def done(found: VertebraMask) -> None:
            self.kit.preview.set(NOTHING)
            refusal = None if keeper is None else keeper.keep(found, volume, level)
            self.kit.notice.set(refusal or " ".join(found.notes))
            self.say()

        self.kit.jobs.submit(
            f"Segmenting {short_level(level)}",
            work,
            done,
            still_valid=lambda: self.desk.keeper is keeper,
            group="vertebra",
        )

    def _level_changed(self, level: object) -> None:
        del level
        if self.kit.state.active_tool.value == self.id:
            self.say()

    def _forget(self) -> None:
        self._body, self._volume = None, None
