"""Vessels measured in one pane: followed and fitted in jobs, kept while they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from planner.errors import OperatorError
from planner.imaging.run_calibration import Pixel
from planner.jobs import Context
from planner.model.run_items import RunMeasurementBody
from viewers.scene.run_marks_profile import ProfileChart
from viewers.state.run_marks import RunMark
from viewers.state.run_marks_work import ENDS, MeasuredVessel, Subtraction, VesselRequest, measure

if TYPE_CHECKING:
    from viewers.panes.run_pane import RunPane

Signature = tuple[str, int, tuple[Pixel, ...], bool]
NOT_SUBTRACTED_YET = "The run is not subtracted yet; wait a moment and click again, or press V to measure as stored."


class Vessels:
    """The vessel under work, and the one that is selected.

    Attributes
    ----------
    shown
        The measured vessel of the selected mark.
    """

    def __init__(self, pane: RunPane) -> None:
        self._pane = pane
        self.shown: MeasuredVessel | None = None
        self._of: Signature | None = None
        self._asked: Signature | None = None

    def forget(self) -> None:
        self.shown, self._of, self._asked = None, None, None

    def request(self, kind: str, frame: int, clicks_xy: tuple[Pixel, ...], *, subtracted: bool) -> VesselRequest | None:
        """A vessel on a frame (index from 0) as it is shown; None while it cannot be subtracted."""
        pane, analysis = self._pane, self._pane.analysis
        run, mask = pane.run, analysis.mask
        if run is None or (subtracted and mask is None):
            return None
        subtraction = None
        if subtracted and mask is not None:
            subtraction = Subtraction(
                mask.masks,
                analysis.shift_of(frame),
                analysis.field_of(frame),
                analysis.level_of(frame),
                None if analysis.prepared is None else analysis.prepared.field,
                pane.pane_state.settings.value.method,
            )
        return VesselRequest(run, frame, kind, clicks_xy, subtraction)

    def measure(self, request: VesselRequest, done: Callable[[MeasuredVessel | str], None]) -> None:
        """Measure in the background; `done` is told the vessel, or the sentence why there is none."""
        run = self._pane.run

        def work(context: Context) -> MeasuredVessel | str:
            try:
                return measure(request, context)
            except OperatorError as error:
                return error.message

        self._pane.desk.jobs.submit(
            f"Measuring the {'stenosis' if request.kind == 'stenosis' else 'vessel'}",
            work,
            done,
            still_valid=lambda: self._pane.run is run,
            group=f"vessel {self._pane.spec.id}",
        )

    def show(self, mark: RunMark | None, vessel: MeasuredVessel) -> None:
        """Remember the vessel of a mark that was just measured."""
        signature = _signature(mark)
        self.shown, self._of, self._asked = vessel, signature, signature

    def follow(self, mark: RunMark | None) -> None:
        """The selected mark: measure its vessel for looking at, unless that is there already."""
        signature = _signature(mark)
        if signature is None or mark is None or not isinstance(mark.body, RunMeasurementBody):
            self.shown, self._of, self._asked = None, None, None
            return
        if signature == self._of:
            return
        self.shown, self._of = None, None
        if signature == self._asked or self._pane.analysis.is_working:
            return
        body = mark.body
        request = self.request(body.kind, body.frame - 1, body.clicks_xy, subtracted=body.subtracted)
        if request is None:
            return
        self._asked = signature

        def done(found: MeasuredVessel | str) -> None:
            if isinstance(found, MeasuredVessel) and self._asked == signature:
                self.shown, self._of = found, signature
                self._pane.update()

        self.measure(request, done)

    def chart(self, mm_per_px: float | None, vessel: MeasuredVessel, pointer: int | None) -> ProfileChart:
        """Diameters of a vessel, in millimetres where its mark stands on a calibration."""
        scale, profile = mm_per_px or 1.0, vessel.profile
        return ProfileChart(
            along=profile.along_px * scale,
            diameter=profile.diameter_px * scale,
            deviation=profile.diameter_sd_px * scale,
            doubtful=profile.doubtful,
            unit="px" if mm_per_px is None else "mm",
            reference=None if vessel.stenosis is None else vessel.stenosis.reference_line_px * scale,
            place=vessel.index,
            pointer=pointer,
        )

    def width_text(self, index: int, mm_per_px: float | None) -> str:
        """``Ø 3.4 mm`` at a place; pixels where nothing calibrates."""
        profile = self.shown.profile if self.shown is not None else None
        if profile is None or not np.isfinite(profile.diameter_px[index]):
            return "not measured here"
        doubt = " ?" if profile.doubtful[index] else ""
        width = float(profile.diameter_px[index])
        return f"Ø {width:.1f} px{doubt}" if mm_per_px is None else f"Ø {width * mm_per_px:.1f} mm{doubt}"


def _signature(mark: RunMark | None) -> Signature | None:
    body = None if mark is None else mark.body
    if mark is None or not isinstance(body, RunMeasurementBody):
        return None
    if body.kind not in ("diameter", "stenosis") or len(body.clicks_xy) < ENDS:
        return None
    # The place of a diameter needs no new measuring.
    clicks = body.clicks_xy[:ENDS] if body.kind == "diameter" else body.clicks_xy
    return mark.id, body.frame, clicks, body.subtracted
