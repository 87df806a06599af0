"""What is computed of a run beside its frames: mask, pixel shifts, maps, curves. Jobs, one after the other.

Each result is kept with what it stood on. What no longer stands is computed anew; a newer wish cancels an older one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from planner.imaging.angio import AngioRun
from planner.jobs import Context
from viewers.state import run_steps
from viewers.state.jobs import Job, JobRunner, JobState
from viewers.state.run_settings import RunSettings
from viewers.state.run_state import RunRegion
from viewers.state.run_steps import Curves, Maps, MaskFound, Motion, Prepared
from viewers.state.signals import Signal

if TYPE_CHECKING:
    from planner.imaging.displacement import Displacement

Step = tuple[str, Hashable, str, Callable[[Context], Any]]


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    stands_on: Hashable
    value: Any


class RunAnalysis:
    """Computes for one pane.

    Parameters
    ----------
    group
        Names this pane among the jobs.

    Attributes
    ----------
    changed
        A result came, or a job failed.
    message
        Why the latest job failed, for a person; empty when it did not.
    """

    def __init__(self, jobs: JobRunner, group: str) -> None:
        self._jobs, self._group = jobs, f"run {group}"
        self._run: AngioRun | None = None
        self._settings = RunSettings()
        self._regions: tuple[RunRegion, ...] = ()
        self._kept: dict[str, _Kept] = {}
        self._job: Job | None = None
        self._doing: Hashable = None
        self._failed: set[Hashable] = set()
        self.message = ""
        self.changed: Signal[[]] = Signal()
        self._end_listening = jobs.ended.connect(self._ended)

    # What there is

    @property
    def prepared(self) -> Prepared | None:
        return self._value("prepared")

    @property
    def mask(self) -> MaskFound | None:
        return self._value("mask")

    @property
    def motion(self) -> Motion | None:
        return self._value("motion")

    @property
    def maps(self) -> Maps | None:
        return self._value("maps")

    @property
    def curves(self) -> Curves | None:
        return self._value("curves")

    @property
    def is_subtracted(self) -> bool:
        """Whether frames are shown subtracted now: as chosen, else when frames before contrast were found."""
        mask = self.mask
        return mask is not None and (mask.is_useful if self._settings.subtracted is None else self._settings.subtracted)

    def shift_of(self, frame: int) -> tuple[float, float] | None:
        """(dx, dy) of a frame (index from 0) as it is shown now; None while an automatic one is not computed yet."""
        shift, motion = self._settings.shift, self.motion
        if shift == "manual":
            return self._settings.manual_of(frame + 1)
        if shift == "rigid":
            if motion is None or motion.shifts_xy_px is None:
                return None
            dx, dy = motion.shifts_xy_px[frame]
            return float(dx), float(dy)
        return 0.0, 0.0

    def field_of(self, frame: int) -> Displacement | None:
        """The flexible displacement of a frame (index from 0), where there is one."""
        motion = self.motion
        if self._settings.shift != "flexible" or motion is None or motion.fields is None:
            return None
        return motion.fields[frame]

    def level_of(self, frame: int) -> float:
        """What exposure changed between the mask and a frame (index from 0); 0 while it is not computed."""
        return 0.0 if self.motion is None else float(self.motion.levels[frame])

    def shifts(self) -> NDArray[np.float64] | None:
        """(frames, 2) automatic shifts shown now, or None without any."""
        return self.motion.shifts_xy_px if self._settings.shift == "rigid" and self.motion is not None else None

    @property
    def is_working(self) -> bool:
        return self._job is not None and self._job.state is JobState.RUNNING

    def is_current(self, name: str) -> bool:
        """Whether ``mask``, ``motion``, ``maps`` or ``curves`` is that of the present wish, not of the one before."""
        return any(step[0] == name and self._stands(step) for step in self._steps())

    def waiting_words(self) -> str:
        """Why a picture over the whole run is not there, or not yet the right one; empty for frames."""
        if self._settings.picture == "frame":
            return ""
        if self.maps is None:
            return "Computing over the whole run…" if self.is_working else "This run cannot be subtracted."
        return "" if self.is_current("maps") else "Of the settings before; being computed anew…"

    # What is wished

    def use(self, settings: RunSettings, regions: tuple[RunRegion, ...]) -> None:
        """Show what is there by these from now on; nothing is computed before `wish`."""
        self._settings, self._regions = settings, regions

    def wish(self, run: AngioRun | None, settings: RunSettings, regions: tuple[RunRegion, ...]) -> None:
        """Compute what these need and what is not there yet."""
        if run is not self._run:
            self._kept.clear()
            self._failed.clear()
            self.message = ""
        self._run, self._settings, self._regions = run, settings, regions
        self._next()

    def again(self) -> None:
        """Try once more what had failed or was cancelled."""
        self._failed.clear()
        self._next()

    def close(self) -> None:
        """The pane goes."""
        self._end_listening()
        self._run = None
        if self._job is not None:
            self._job.cancel()

    # One step after the other

    def _value(self, name: str) -> Any:
        kept = self._kept.get(name)
        return None if kept is None else kept.value

    def _next(self) -> None:
        """Start the first step that is missing or stands on something else than what is wished now.

        What it replaces stays on show until then (see `is_current`), so nothing flickers.
        """
        missing = next((step for step in self._steps() if not self._stands(step)), None)
        if missing is None or missing[:2] in self._failed:
            self._leave_off()
        elif not self.is_working or self._doing != missing[:2]:
            self._start(*missing)

    def _stands(self, step: Step) -> bool:
        kept = self._kept.get(step[0])
        return kept is not None and kept.stands_on == step[1]

    def _leave_off(self) -> None:
        """Nothing more is wished of a running job."""
        job, self._job = self._job, None
        if job is not None:
            job.cancel()

    def _steps(self) -> list[Step]:
        """Every step the present wish needs, in order; later ones stand on earlier ones."""
        run, settings = self._run, self._settings
        if run is None:
            return []
        steps: list[Step] = [("prepared", id(run), f"Looking through run {title(run)}", _call(run_steps.prepare, run))]
        prepared = self.prepared
        if prepared is None:
            return steps
        on_mask = (id(run), settings.mask, settings.mask_frames if settings.mask == "operator" else (), settings.method)
        steps.append(("mask", on_mask, "Making the mask", _call(run_steps.find_mask, run, prepared, settings)))
        mask = self.mask
        if mask is None or self._kept["mask"].stands_on != on_mask or not self.is_subtracted:
            return steps
        on_motion = (on_mask, settings.shift, settings.manual_px if settings.shift == "manual" else ())
        work = _call(run_steps.find_motion, run, prepared, mask, settings)
        steps.append(("motion", on_motion, "Finding the pixel shift", work))
        motion = self.motion
        if motion is None or self._kept["motion"].stands_on != on_motion:
            return steps
        work = _call(run_steps.make_maps, run, prepared, mask, motion)
        steps.append(("maps", on_motion, "Following the contrast medium", work))
        on_curves = (on_motion, tuple((each.id, each.points_xy) for each in self._regions))
        work = _call(run_steps.make_curves, run, mask, motion, self._regions)
        steps.append(("curves", on_curves, "Curves of regions", work))
        return steps

    def _start(self, name: str, stands_on: Hashable, heading: str, work: Callable[[Context], Any]) -> None:
        run = self._run

        def done(value: Any) -> None:
            self._kept[name] = _Kept(stands_on, value)
            self.message = ""
            self.changed.emit()

        # A result that came too late was cancelled already; a run that has gone takes nothing.
        self._doing = (name, stands_on)
        self._job = self._jobs.submit(heading, work, done, still_valid=lambda: self._run is run, group=self._group)

    def _ended(self, job: Job) -> None:
        if job is not self._job or self._run is None:
            return
        if job.state in (JobState.FAILED, JobState.CANCELLED):
            self._failed.add(self._doing)
            self.message = job.message if job.state is JobState.FAILED else ""
            self.changed.emit()
            return
        self._next()


def title(run: AngioRun) -> str:
    """The number a person knows the run by."""
    number = run.facts.instance_number
    return str(number if number is not None else run.source.series_number or "")


def _call(function: Callable[..., Any], *inputs: Any) -> Callable[[Context], Any]:
    return lambda context: function(*inputs, context)
