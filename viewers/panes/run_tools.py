"""Pointer tools of a DSA pane: what clicks and drags measure, write and move on its frames."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, get_args

from PySide6.QtGui import QFontMetricsF

from planner.app.run_items import distance_values
from planner.imaging.run_calibration import Pixel
from planner.model.edits import new_id
from planner.model.run_items import KeyFrameBody, RunCalibrationBody, RunMeasurementBody
from viewers.panes.run_tools_calibration import CalibrationTool
from viewers.panes.run_tools_dialogs import TextDialog
from viewers.panes.run_tools_moves import CLICK_PX, Moves
from viewers.panes.run_tools_regions import Regions
from viewers.panes.run_tools_vessels import NOT_SUBTRACTED_YET, Vessels
from viewers.panes.run_tools_view import RunViewKeeper
from viewers.scene.run_marks_painter import RunMarksScene, drawn_text
from viewers.state.run_marks import NO_SESSION, RunMark, RunMarks
from viewers.state.run_marks_work import ENDS, MeasuredVessel
from viewers.state.run_state import Arm
from viewers.state.signals import Subscriptions

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

NEAR_EM = 0.7
"""So near, in heights of the font, a point or line is touched."""
HINTS: dict[str, str] = {
    "region": "Drag an ellipse: its curve tells when contrast arrives. Esc leaves off.",
    "distance": "Drag from one end to the other, or click both. Esc leaves off.",
    "diameter": "Click both ends of a stretch of vessel; its middle and edges are found. Esc leaves off.",
    "stenosis": "Click the vessel before and after the narrowing, each in a healthy part. Esc leaves off.",
    "reference": "Click both ends of the healthy stretch on the measured vessel. Esc leaves off.",
    "arrow": "Drag from the words to what is meant. Esc leaves off.",
    "text": "Click where the note belongs. Esc leaves off.",
    "catheter": "Click two points along a straight piece of the catheter, inside the patient. Esc leaves off.",
    "known-distance": "Click two marks whose distance you know. Esc leaves off.",
}
STAGE_TOOLS = {"distance": "distance", "ellipse": "region"}
"""Tools that a stage offers for planes, and what they are on a run."""
SELECT_STENOSIS = "Select a stenosis first; then click both ends of its healthy reference."


class RunTools:
    """Everything that is measured and written in one pane. The left button only.

    Attributes
    ----------
    marks
        The run items of the open session.
    said, said_at
        A sentence about what could not be done, and where.
    """

    def __init__(self, pane: RunPane) -> None:
        self.pane = pane
        self.marks = RunMarks(pane.desk.marks, pane.runs)
        self.vessels = Vessels(pane)
        self.calibration = CalibrationTool(self, self.marks)
        self.regions = Regions(pane, self.marks)
        self.keeper = RunViewKeeper(pane, self.marks)
        self.dialog: TextDialog | None = None
        self.said, self.said_at = "", (0.0, 0.0)
        self._points: list[Pixel] = []
        self._at: Pixel | None = None
        self.moves = Moves(self)
        self._subscriptions = Subscriptions()
        state = pane.state
        self._subscriptions.add(
            pane.desk.marks.marks.changed.connect(self._marks_changed),
            state.selected_id.changed.connect(self._look),
            state.hidden_ids.changed.connect(self._look),
            pane.pane_state.arm.changed.connect(self._armed),
            pane.pane_state.settings.changed.connect(self._settings_changed),
            pane.pane_state.playback.frame.changed.connect(self._frame_changed),
            pane.analysis.changed.connect(self._computed),
        )

    def release_all(self) -> None:
        """The pane goes."""
        self.keeper.flush()
        self.keeper.release()
        self._subscriptions.release()

    # What it stands on

    @property
    def wants_native(self) -> bool:
        """A catheter is fitted on the frame as it is stored, so that is shown meanwhile."""
        return self.pane.pane_state.arm.value == "catheter"

    @property
    def selected(self) -> RunMark | None:
        """The selected mark, when it lies on the run of this pane."""
        chosen = self.pane.state.selected_id.value
        return next((mark for mark in self.on_run() if mark.id == chosen), None)

    def on_run(self) -> tuple[RunMark, ...]:
        hidden = self.pane.state.hidden_ids.value
        run = self.pane.run
        return tuple(mark for mark in self.marks.on(None if run is None else run.key) if mark.id not in hidden)

    def can_measure(self) -> bool:
        """A run and a session are open, or it is said what to do."""
        if self.pane.run is not None and self.marks.host is None:
            self.pane.desk.kit.notice.set(NO_SESSION)
        return self.pane.run is not None and self.marks.host is not None

    def say(self, text: str, at: Pixel) -> None:
        """A sentence where it happened."""
        self.said, self.said_at = text, at
        self.pane.update()

    def scene(self) -> RunMarksScene | None:
        """What is drawn above the frame."""
        pane, view = self.pane, self.pane.view()
        if view is None or pane.pane_state.settings.value.picture != "frame":
            return None
        marks, selected = self._shown(), self.selected
        vessel = self._vessel_of(selected)
        scale = self._mm_per_px(selected)
        pointer = None
        if vessel is not None and self._at is not None and not self.moves.is_moving:
            pointer = vessel.near(self._at, self.reach())
        drawn = self._drawn()
        return RunMarksScene(
            view=view,
            frame=pane.shown_frame + 1,
            marks=marks,
            selected_id=None if selected is None else selected.id,
            still=not pane.pane_state.playback.playing.value,
            drawing=drawn,
            drawing_text=self._drawing_text(drawn),
            drawing_arrow=pane.pane_state.arm.value == "arrow",
            vessel=vessel,
            pointer=pointer,
            pointer_text="" if pointer is None else self.vessels.width_text(pointer, scale),
            chart=None if vessel is None else self.vessels.chart(scale, vessel, pointer),
            said=self.said,
            said_at=self.said_at,
        )

    def _shown(self) -> tuple[RunMark, ...]:
        """The marks as they are, the one under the hand where it is moved to."""
        moving = self.moves.moving()
        return tuple(moving if moving is not None and mark.id == moving.id else mark for mark in self.on_run())

    def _vessel_of(self, mark: RunMark | None) -> MeasuredVessel | None:
        vessel = self.vessels.shown
        body = None if mark is None else mark.body
        if vessel is None or not isinstance(body, RunMeasurementBody) or body.frame != self.pane.shown_frame + 1:
            return None
        if body.kind == "diameter" and len(body.clicks_xy) > ENDS:
            return vessel.at(body.clicks_xy[ENDS])
        return vessel

    def _mm_per_px(self, mark: RunMark | None) -> float | None:
        body = None if mark is None else mark.body
        used = self.marks.mark(body.calibration) if isinstance(body, RunMeasurementBody) else None
        return used.body.mm_per_px if used is not None and isinstance(used.body, RunCalibrationBody) else None

    def reach(self) -> float:
        """How near is near enough, in pixels of the run."""
        view = self.pane.view()
        em = QFontMetricsF(self.pane.font()).height()
        return NEAR_EM * em / (view.scale if view is not None else 1.0)

    def _drawn(self) -> tuple[Pixel, ...]:
        if not self._points:
            return ()
        return (*self._points, self._at) if self._at is not None and len(self._points) < ENDS else tuple(self._points)

    def _drawing_text(self, drawn: tuple[Pixel, ...]) -> str:
        run = self.pane.run
        if run is None or len(drawn) < ENDS or self.pane.pane_state.arm.value != "distance":
            return ""
        scale = self.pane.scale.mm_per_px
        values = distance_values(drawn)
        length = values["length_px"]
        if scale is not None and length is not None:
            return f"{length * scale:.1f} mm"
        return drawn_text(RunMeasurementBody(run.key, 1, "distance", drawn, values), "")

    # Arming

    def pick(self, tool: str) -> bool:
        """A tool of the stage, used on this run; False for one that runs do not have."""
        if tool == "key-image":
            self.keep_frame()
        elif tool in STAGE_TOOLS:
            self.arm(STAGE_TOOLS[tool])
        return tool == "key-image" or tool in STAGE_TOOLS

    def arm(self, kind: str) -> None:
        """Take up a tool, or put it down when it is in the hand already."""
        state = self.pane.pane_state
        wanted: Arm = next((each for each in get_args(Arm) if each == kind), "none")
        if wanted == state.arm.value:
            state.arm.set("none")
            return
        if wanted not in ("none", "region"):
            if not self.can_measure():
                return
            if wanted == "reference" and not self._is_stenosis(self.selected):
                self.pane.desk.kit.notice.set(SELECT_STENOSIS)
                return
            state.playback.stop()
            state.change(picture="frame")
        state.arm.set(wanted)

    @staticmethod
    def _is_stenosis(mark: RunMark | None) -> bool:
        return mark is not None and mark.kind == "stenosis"

    def _armed(self, arm: Arm) -> None:
        self._points, self.said = [], ""
        self.moves.drop()
        kit = self.pane.desk.kit
        kit.notice.set("")
        if arm in HINTS:
            kit.hint.set(HINTS[arm])
        elif kit.hint.value in HINTS.values():
            self.pane.say_keys()
        self.pane.refresh()

    def cancel(self) -> None:
        """Esc: what is half done, then the tool, then the selection."""
        state = self.pane.pane_state
        if self.moves.is_moving or self._points:
            self._points = []
            self.moves.drop()
        elif state.arm.value != "none":
            state.arm.set("none")
        elif self.said:
            self.said = ""
        elif self.selected is not None:
            self.pane.state.selected_id.set(None)
        self.pane.update()

    # Pointer

    def press(self, at: Pixel) -> None:
        """Left button down: a point of what is drawn, or something is taken hold of."""
        self._at, self.said = at, ""
        self.pane.desk.kit.notice.set("")
        if self.pane.pane_state.arm.value == "none":
            self.moves.take_hold(at)
        elif not self._points:
            self._points = [at]
        self.pane.update()

    def drag(self, at: Pixel) -> None:
        """Moved with the button down."""
        self._at = at
        self.moves.drag(at)
        self.pane.update()

    def hover(self, at: Pixel | None) -> None:
        """Moved without a button; None when the pointer has left."""
        self._at = at
        if self._points or self.vessels.shown is not None:
            self.pane.update()

    def release(self, at: Pixel) -> None:
        """Left button up: the second point, or the end of a move."""
        if self.moves.is_moving:
            self.moves.put_down(at)
        elif self._points:
            self._next_point(at)
        self.pane.update()

    def _next_point(self, at: Pixel) -> None:
        view, arm = self.pane.view(), self.pane.pane_state.arm.value
        if view is None:
            return
        if arm == "text":
            self._points = []
            self._ask_text(at)
            return
        if math.dist(at, self._points[0]) * view.scale <= CLICK_PX:
            return
        first, self._points = self._points[0], []
        self._finish(arm, (first, at))

    def _finish(self, arm: Arm, points: tuple[Pixel, Pixel]) -> None:
        """Both points are there."""
        state, run = self.pane.pane_state, self.pane.run
        if run is None:
            return
        selected, frame, subtracted = self.selected, self.pane.shown_frame, self.pane.is_subtracted
        state.arm.set("none")
        if arm in ("catheter", "known-distance"):
            self.calibration.finish(arm, points)
        elif arm in ("diameter", "stenosis"):
            self.measure(arm, frame, points, None, subtracted=subtracted)
        elif arm == "reference" and selected is not None and isinstance(selected.body, RunMeasurementBody):
            body = selected.body
            clicks = (*body.clicks_xy[:ENDS], *points)
            self.measure("stenosis", body.frame - 1, clicks, selected, subtracted=body.subtracted)
        else:
            values = distance_values(points) if arm == "distance" else {}
            self._keep(RunMeasurementBody(run.key, frame + 1, arm, points, values, subtracted=subtracted))
            if arm == "arrow":
                self._ask_words()

    def _keep(self, body: RunMeasurementBody) -> None:
        run = self.pane.run
        made = self.marks.add(run, body) if run is not None else None
        if made is not None:
            self.pane.state.selected_id.set(made)

    def measure(
        self, kind: str, frame: int, clicks: tuple[Pixel, ...], mark: RunMark | None, *, subtracted: bool
    ) -> None:
        """A vessel, in the background; the mark is measured anew, or one is made."""
        request = self.vessels.request(kind, frame, clicks, subtracted=subtracted)
        if request is None:
            self.say(NOT_SUBTRACTED_YET, clicks[-1])
            return

        def done(found: MeasuredVessel | str) -> None:
            if isinstance(found, str):
                self.say(found, clicks[-1])
                return
            made = new_id("item") if mark is None else mark.id
            if mark is None:
                self.marks.add(request.run, found.body(), item_id=made)
            else:
                self.change(mark, found.body())
            self.vessels.show(self.marks.mark(made), found)
            self.pane.state.selected_id.set(made)
            self.pane.update()

        self.vessels.measure(request, done)

    def change(self, mark: RunMark, body: RunMeasurementBody) -> None:
        """The same item with other points; what it stands on and its words stay."""
        if isinstance(mark.body, RunMeasurementBody):
            kept = replace(body, calibration=mark.body.calibration, text=mark.body.text)
            refusal = self.marks.change(mark.item, kept)
            if refusal is not None:
                self.say(refusal, kept.points_xy[0])

    # Words

    def _ask_text(self, at: Pixel) -> None:
        run, frame, subtracted = self.pane.run, self.pane.shown_frame, self.pane.is_subtracted
        self.pane.pane_state.arm.set("none")
        if run is None:
            return

        def keep(text: str) -> None:
            self._keep(RunMeasurementBody(run.key, frame + 1, "text", (at,), subtracted=subtracted, text=text))

        self._open("Note on this frame", "It is written where you clicked.", "", keep, needed=True)

    def _ask_words(self) -> None:
        mark = self.selected
        if mark is not None:
            self._open(
                "Words beside the arrow",
                "They may stay empty.",
                "",
                lambda text: self.marks.write(mark.item, text) if text else None,
                needed=False,
            )

    def _open(self, title: str, sentence: str, text: str, keep: Callable[[str], object], *, needed: bool) -> None:
        self.dialog = TextDialog(title, sentence, text, keep, self.pane, needed=needed)
        self.dialog.open()

    # Keeping

    def delete(self) -> bool:
        """Remove the selected mark of this run; undo brings it back."""
        mark = self.selected
        if mark is None:
            return self.pane.desk.operations.delete()
        self.pane.state.selected_id.set(None)
        self.marks.remove(mark.item)
        return True

    # Key frames

    def keep_frame(self, caption: str = "") -> None:
        """The picture as it is shown now, to be printed with the plan."""
        pane, view = self.pane, self.keeper.body()
        run = pane.run
        if run is None or not self.can_measure():
            return
        if view is None:
            pane.desk.kit.notice.set(NOT_SUBTRACTED_YET)
            return
        picture = pane.pane_state.settings.value.picture
        body = KeyFrameBody(run.key, pane.shown_frame + 1, view, picture=picture, caption=caption)
        refusal = self.marks.keep_frame(run, body)
        kept = f"Frame {body.frame} is kept as a key frame: it is printed with the plan."
        pane.desk.kit.notice.set(refusal or "")
        if refusal is None:
            pane.desk.kit.hint.set(kept)

    def ask_for_caption(self) -> None:
        """A key frame with words under it."""
        if self.can_measure():
            sentence = "What should a reader see on it? It is printed under the picture."
            self._open("Key frame", sentence, "", self.keep_frame, needed=False)

    # Following

    def run_taken(self) -> None:
        """The pane shows another run, or none."""
        self._points, self.said = [], ""
        self.moves.drop()
        self.vessels.forget()
        self.keeper.run_taken()
        self._show_scale()
        self.regions.follow()
        self._look()

    def _marks_changed(self, marks: object) -> None:
        del marks
        self.keeper.restore()
        self._show_scale()
        self.regions.follow()
        self._look()

    def _show_scale(self) -> None:
        run = self.pane.run
        if run is not None:
            self.pane.calibrate(self.marks.scale(run))

    def use(self, calibration_id: str | None) -> None:
        """Measure this run with a calibration, or in pixels."""
        run = self.pane.run
        if run is not None:
            refusal = self.marks.use(run, calibration_id)
            self.pane.desk.kit.notice.set(refusal or "")
            self._show_scale()

    def use_file(self) -> None:
        """Measure in the plane of the isocentre, as the file gives it."""
        run = self.pane.run
        if run is not None:
            refusal = self.marks.use_file(run, self.pane.shown_frame)
            self.pane.desk.kit.notice.set(refusal or "")
            self._show_scale()

    def _settings_changed(self, value: object) -> None:
        del value
        self.keeper.changed()

    def _frame_changed(self, frame: int) -> None:
        del frame
        self.said = ""
        if self.moves.is_moving or self._points:
            self._points = []
            self.moves.drop()
        self.pane.update()

    def _computed(self) -> None:
        self.regions.computed()
        self._look()

    def _look(self, value: object = None) -> None:
        """Measure the vessel of the selected mark for looking at, and draw."""
        del value
        self.vessels.follow(self.selected)
        self.pane.update()
