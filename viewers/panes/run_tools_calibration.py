"""Calibrating a run in its pane: by a catheter, by a known distance, from the file's geometry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDialog

from planner.imaging.run_calibration import CATHETER, Calibration, Pixel, Refusal, distance_calibration
from planner.jobs import Context
from planner.model.run_items import RunCalibrationBody
from viewers.panes.run_tools_dialogs import CatheterDialog, ContentDialog, KnownDistanceDialog
from viewers.state.run_marks import RunMark, RunMarks
from viewers.state.run_marks_work import CatheterAnswer, CatheterRequest, calibrate

if TYPE_CHECKING:
    from viewers.panes.run_tools import RunTools

Two = tuple[Pixel, Pixel]


class CalibrationTool:
    """What is asked before and after two clicks on an object of known size.

    Attributes
    ----------
    dialog
        The question that is open now, or the last one.
    french, content, depth_mm
        As chosen for the next catheter.
    """

    def __init__(self, tools: RunTools, marks: RunMarks) -> None:
        self._tools, self._marks = tools, marks
        self.dialog: QDialog | None = None
        self.french: float | None = None
        self.content: str | None = None
        self.depth_mm: float | None = None
        self._fits = False

    def ask_for_catheter(self) -> None:
        """Which size; then two clicks on the unsubtracted frame."""
        if self._tools.can_measure():
            self._open(CatheterDialog(self._take_catheter, self.french, self._tools.pane))

    def _take_catheter(self, french: float, content: str | None, depth_mm: float | None) -> None:
        self.french, self.content, self.depth_mm = french, content, depth_mm
        self._tools.arm("catheter")

    def finish(self, kind: str, points: Two) -> None:
        """Both points of the object are set."""
        self._fits = kind == "catheter"
        if self._fits:
            self.fit(points)
        else:
            self.ask_for_length(points)

    def ask_for_length(self, points: Two, item: RunMark | None = None) -> None:
        """The length between two clicks is typed; a moved object keeps the one it has."""
        body = item.body if item is not None else None
        if isinstance(body, RunCalibrationBody) and body.known_mm is not None:
            self._by_length(points, body.known_mm, body.depth_mm, item)
            return
        length = math.dist(*points)
        take = self._by_length
        self._open(KnownDistanceDialog(length, lambda known, depth: take(points, known, depth, None), self._tools.pane))

    def _by_length(self, points: Two, known_mm: float, depth_mm: float | None, item: RunMark | None) -> None:
        run = self._tools.pane.run
        if run is not None:
            frame = self._frame_of(item)
            self._take(distance_calibration(run, frame, points, known_mm, depth_mm=depth_mm), points, item)

    def fit(self, points: Two, item: RunMark | None = None) -> None:
        """Fit the catheter between two points in the background; an item is calibrated anew."""
        pane = self._tools.pane
        run, prepared = pane.run, pane.analysis.prepared
        body = item.body if item is not None else None
        french = body.french if isinstance(body, RunCalibrationBody) else self.french
        if run is None or french is None:
            return
        request = CatheterRequest(
            run,
            self._frame_of(item),
            points,
            french,
            content=None if item is not None else self.content,
            depth_mm=body.depth_mm if isinstance(body, RunCalibrationBody) else self.depth_mm,
            open_field=None if prepared is None else prepared.field,
        )

        def work(context: Context) -> CatheterAnswer:
            return calibrate(request, context)

        def done(answer: CatheterAnswer) -> None:
            self._answered(answer, item)

        pane.desk.jobs.submit(
            f"Fitting the {french:g} F catheter",
            work,
            done,
            still_valid=lambda: pane.run is run,
            group=f"catheter {pane.spec.id}",
        )

    def _answered(self, answer: CatheterAnswer, item: RunMark | None) -> None:
        """A calibration is kept; a refusal is said where it happened; a doubt is asked."""
        points = answer.request.points_xy
        if isinstance(answer.found, Refusal) and answer.choices:
            self._open(
                ContentDialog(
                    "The picture alone does not tell, and the calibration depends on it.",
                    answer.choices,
                    lambda found: self._take(found, points, item),
                    self._tools.pane,
                )
            )
            return
        self._take(answer.found, points, item)

    def _take(self, found: Calibration | Refusal, points: Two, item: RunMark | None) -> None:
        run = self._tools.pane.run
        if run is None:
            return
        if isinstance(found, Refusal):
            if item is None and self._fits:
                # The next piece is clicked at once, on the frame that is still shown as it is stored.
                self._tools.pane.pane_state.arm.set("catheter")
            self._tools.say(found.text, points[-1])
            return
        marks = self._marks
        refusal = marks.calibrate(run, found) if item is None else marks.recalibrate(item.item, run, found)
        if refusal is not None:
            self._tools.say(refusal, points[-1])

    def moved(self, mark: RunMark, points: Two) -> None:
        """The object of a calibration was moved by hand."""
        if mark.body.kind == CATHETER:
            self.fit(points, mark)
        else:
            self.ask_for_length(points, mark)

    def _frame_of(self, item: RunMark | None) -> int:
        frame = item.frame if item is not None else None
        return self._tools.pane.shown_frame if frame is None else frame - 1

    def _open(self, dialog: QDialog) -> None:
        self.dialog = dialog
        dialog.open()
