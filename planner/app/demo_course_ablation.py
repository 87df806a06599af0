"""The ablation of the digital patient's course: planned on images of weeks before, looked at again on the day."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.app.applicators import CoverTask
from planner.app.demo_course_images import CourseDay, TrueMap
from planner.app.demo_marking import MarkedLesion
from planner.app.demo_walk import FELLOW
from planner.app.marking import remove_item
from planner.app.rehearse_ablation import BESIDE_LPS_MM, DEVICE, AblationRehearsal
from planner.imaging import Volume
from planner.model.needle_reading import needles_of


class CourseAblation(AblationRehearsal):
    """The ablation of the smaller tumour, planned on the six-week CT with the target brought over from the MR."""

    truths: tuple[CourseDay, CourseDay, CourseDay]

    def begin(self, target: MarkedLesion, planned_on: CourseDay, today: CourseDay, after: CourseDay) -> None:
        """What is treated, and the images it is planned on, done on and looked at afterwards."""
        self.lesions, self.truths = (target,), (planned_on, today, after)

    def zone_click(self) -> NDArray[np.float64]:
        """Beside the dense middle of the zone, where a person sees it."""
        zone = self.truths[2].truth_of("portal-venous").zone
        centre = None if zone is None else zone.centroid_lps_mm()
        return super().zone_click() if centre is None else centre + np.asarray(BESIDE_LPS_MM)

    def cover(self, task: CoverTask) -> None:
        """With two applicators where every path is admissible; else with one, as a person tries."""
        tries = (replace(task, maximum=2), replace(task, at_minus_sd=False, maximum=1))
        for each in tries:
            for item_id in self.needle_ids():
                self.apply("Remove an applicator", remove_item(self.desk.session_id, item_id))
            super().cover(each)
            if self._admissible():
                return

    def _admissible(self) -> bool:
        measured = [body.measured for _, body in needles_of(self.desk.session.items)]
        return all(known is not None and known.admissible for known in measured)

    def _today(self) -> dict[str, Any]:
        """As planned where the paths still hold on the scan of the day; else planned anew on it."""
        answers = super()._today()
        if not self._admissible():
            self.cover(CoverTask(self._task(self._target(), "today"), self.devices[DEVICE], self._wanted_mm()))
            self._zone()
            self.desk.answer("paths", "needles", self.needle_rows(), by=FELLOW)
            self.desk.answer("zone_margin", "settings", self._setting_rows(), by=FELLOW)
        return answers

    def _true_map(self, volume: Volume) -> Any:
        planned_on, today, _ = self.truths
        return TrueMap(planned_on.truth_of("portal-venous"), today.truth_of("portal-venous"))
