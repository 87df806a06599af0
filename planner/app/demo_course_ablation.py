"""The ablation of the digital patient's course: planned on images of weeks before, looked at again on the day."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.applicators import CoverTask
from planner.app.demo_course_images import CourseDay, TrueMap, overlap
from planner.app.demo_course_people import COURSE_EXAMPLE
from planner.app.demo_marking import MarkedLesion
from planner.app.demo_walk import FELLOW
from planner.app.marking import remove_item
from planner.app.rehearse_ablation import BESIDE_LPS_MM, DEVICE, ORGAN, AblationRehearsal
from planner.catalogues import catalogue
from planner.errors import BugError, OperatorError
from planner.imaging import Volume
from planner.imaging.masks import Mask
from planner.model.items import PlanItem
from planner.phantom.enhancement import structure_value

ZONE_FITS = 0.9
"""Overlap with the zone from which a person keeps what clicks found: a margin stands on a few millimetres of it."""


class CourseAblation(AblationRehearsal):
    """The ablation of the smaller tumour, planned on the six-week CT with the target brought over from the MR.

    The liver lies elsewhere in the breath of the day: tumour and liver are marked again on the scan of the day, and the
    zone is held against what was marked there.
    """

    truths: tuple[CourseDay, CourseDay, CourseDay]
    mark_today: Callable[[], PlanItem]

    def begin(
        self, target: MarkedLesion, days: tuple[CourseDay, CourseDay, CourseDay], mark_today: Callable[[], PlanItem]
    ) -> None:
        """What is treated; the images it is planned on, done on and looked at afterwards.

        Parameters
        ----------
        mark_today
            Marks the target on the scan of the day.
        """
        self.lesions, self.truths, self.mark_today = (target,), days, mark_today

    def zone_click(self) -> NDArray[np.float64]:
        """Beside the dense middle of the zone, where a person sees it."""
        zone = self.truths[2].truth_of("portal-venous").zone
        centre = None if zone is None else zone.centroid_lps_mm()
        return super().zone_click() if centre is None else centre + np.asarray(BESIDE_LPS_MM)

    def zone_mask(self, completion: Volume, organ: Mask) -> Mask:
        """A click where what it finds fits; a line around the zone where oil in the dead tumour leads it astray."""
        zone = self.truths[2].truth_of("portal-venous").zone
        try:
            found = super().zone_mask(completion, organ)
        except OperatorError:
            found = None
        if found is None or (zone is not None and overlap(found, zone) < ZONE_FITS):
            found = zone
        if found is None:
            raise BugError("the ablation of the course leaves a zone")
        return found

    def cover(self, task: CoverTask) -> None:
        """With one applicator at the setting that a person chooses for a tumour of this size, for the mean zone."""
        setting = str(catalogue(f"examples/{COURSE_EXAMPLE}.toml")["example"]["ablation_setting"])
        for item_id in self.needle_ids():
            self.apply("Remove an applicator", remove_item(self.desk.session_id, item_id))
        super().cover(replace(task, setting=setting, at_minus_sd=False, maximum=1))

    def _today(self) -> dict[str, Any]:
        """Tumour and liver are marked on the scan of the day before the plan is moved over."""
        self.mark_today()
        source, liver = self.volume("today").source, self._liver_today()
        self.mark_region("Mark the liver", liver, ORGAN, ORGAN, source.series_uid)
        return super()._today()

    def settle_today(self) -> None:
        """The tumour lies elsewhere in this breath than the moved plan expects: its path is planned anew."""
        self.cover(CoverTask(self._task(self._target(), "today"), self.devices[DEVICE], self._wanted_mm()))
        self._zone()
        self.desk.answer("paths", "needles", self.needle_rows(), by=FELLOW)
        self.desk.answer("zone_margin", "settings", self._setting_rows(), by=FELLOW)

    def _liver_today(self) -> Mask:
        """As a segmentation program would have found it."""
        labels = self.truths[1].truth_of("portal-venous").structures
        return Mask.of(labels.grid, labels.mask(structure_value(ORGAN)))

    def _true_map(self, volume: Volume) -> Any:
        planned_on, today, _ = self.truths
        return TrueMap(planned_on.truth_of("portal-venous"), today.truth_of("portal-venous"))
