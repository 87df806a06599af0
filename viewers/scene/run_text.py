"""What is written on a run: who, which run, which frame, how it was taken and how it is shown. Plain text only."""

from __future__ import annotations

from dataclasses import dataclass

from planner.geometry.c_arm import angle_words
from planner.imaging.angio import AngioRun, RunFacts
from viewers.scene.slice_text import CornerTexts, one_line, shown_date, shown_name
from viewers.state.run_analysis import RunAnalysis
from viewers.state.run_playback import has_timing, recorded_hz
from viewers.state.run_settings import PICTURE_NAMES, RunSettings, Shift

NOT_STATED = "not stated"
WEAK_ENDPOINT = "weak measure of the endpoint"
"""What published work says of time-to-peak maps during embolisation."""


@dataclass(frozen=True, slots=True)
class RunWords:
    """What the pane knows and the run alone does not.

    Attributes
    ----------
    frame, speed, playing
        Of the playback; the frame as an index from 0.
    time_s
        Of the frame from the first one.
    mask, shift, calibration
        Sentences; `mask` is empty while none is made.
    window
        (centre, width) as shown.
    """

    frame: int
    time_s: float
    speed: float
    playing: bool
    subtracted: bool
    mask: str
    shift: str
    window: tuple[float, float]
    calibration: str
    link: str = ""


def run_title(run: AngioRun) -> str:
    """``XA #3 · run 12 Coeliac`` of what is known."""
    source, facts = run.source, run.facts
    series = f"#{source.series_number}" if source.series_number is not None else ""
    number = f"run {facts.instance_number}" if facts.instance_number is not None else ""
    first = " ".join(part for part in (one_line(source.modality), series) if part)
    second = " ".join(part for part in (number, one_line(source.description)) if part)
    return " · ".join(part for part in (first, second) if part) or "unnamed run"


def rate_text(run: AngioRun, speed: float, *, playing: bool) -> str:
    """``▶ 7.5/s ×0.5``; an unknown rate is said to be unknown."""
    rate = recorded_hz(run)
    recorded = f"{rate:.3g}/s" if rate is not None and has_timing(run) else f"rate {NOT_STATED}"
    times = "" if speed == 1.0 else f" ×{speed:g}"
    return f"{'▶' if playing else '❚❚'} {recorded}{times}"


def geometry_text(run: AngioRun, frame: int) -> str:
    """``LAO 30 CRA 15`` of the frame, else of the run."""
    arm = run.c_arm(frame)
    if arm is not None:
        return angle_words(arm.primary_deg, arm.secondary_deg)
    if run.facts.primary_deg is None and run.facts.secondary_deg is None:
        return f"angles {NOT_STATED}"
    return angle_words(run.facts.primary_deg, run.facts.secondary_deg)


def shift_words(shift_xy_px: tuple[float, float] | None) -> str:
    """``dx +0.3 dy -0.1 px``."""
    if shift_xy_px is None:
        return ""
    # Adding zero turns a rounded -0.0 into 0.0.
    dx, dy = (round(value, 1) + 0.0 for value in shift_xy_px)
    return f"dx {dx:+.1f} dy {dy:+.1f} px"


def residual_words(before: float | None, after: float | None) -> str:
    """``residual 12.1 → 3.4``, in the unit of the contrast."""
    if before is None or after is None:
        return "residual not told"
    digits = 4 if max(abs(before), abs(after)) < 1.0 else 1
    return f"residual {before:.{digits}f} → {after:.{digits}f}"


def shift_line(analysis: RunAnalysis, shift: Shift, frame: int) -> str:
    """``shift dx +0.3 dy -0.1 px, residual 12.1 → 3.4`` of a frame; what is not computed yet says so."""
    if shift == "flexible":
        text = "shift flexible"
    else:
        text = "no shift" if shift == "none" else f"shift {shift_words(analysis.shift_of(frame))}".strip()
    motion = analysis.motion
    if motion is None or not analysis.is_current("motion"):
        return f"{text}, being computed" if analysis.is_working else text
    return f"{text}, {residual_words(motion.before, motion.after)}"


def corner_texts(run: AngioRun, settings: RunSettings, words: RunWords) -> CornerTexts:
    """Lines of the four corners; the most important first."""
    who = (shown_name(run.source.patient_name), one_line(run.source.patient_id))
    what = (run_title(run), shown_date(run.source.study_date), geometry_text(run, words.frame))
    time = f" · {words.time_s:.2f} s" if has_timing(run) else ""
    over = f"{PICTURE_NAMES[settings.picture]}, frames 1-{run.count}"
    at = f"Frame {words.frame + 1} of {run.count}{time}"
    where = (
        at if settings.picture == "frame" else over,
        rate_text(run, words.speed, playing=words.playing),
        words.link,
    )
    centre, width = words.window
    digits = 3 if width < 10.0 else 0
    kind = f"W {width:.{digits}f} C {centre:.{digits}f}" + (" · inverted" if settings.inverted else "")
    how: tuple[str, ...] = ("native",)
    if words.subtracted:
        # From below: each on a line of its own, so that a narrow pane cuts none of the numbers.
        how = (f"subtracted, {settings.method}", *reversed(words.shift.split(", ")), words.mask)
    return CornerTexts(
        top_left=tuple(line for line in (*who, *what) if line),
        top_right=tuple(line for line in where if line),
        bottom_left=(kind, words.calibration),
        bottom_right=tuple(line for line in how if line),
    )


def dose_text(facts: RunFacts) -> str:
    """``3.2 Gy·cm² · 12 mGy`` of the run, or that it is not stated."""
    product = None if facts.dose_area_product_gy_cm2 is None else f"{facts.dose_area_product_gy_cm2:.3g} Gy·cm²"
    kerma = None if facts.air_kerma_gy is None else f"{facts.air_kerma_gy * 1000.0:.3g} mGy"
    return " · ".join(part for part in (product, kerma) if part) or NOT_STATED
