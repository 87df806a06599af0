"""The digital patient's runs beside what is true of them: mask, shifts, phases, arrivals. See `angiography.py`.

How motion is judged. Rigid: plans whose only motion is that of everything, the length of (found - true) of every
frame, true shifts being those against the mean of the mask's frames. Flexible: the patient breathes and shifts; the
true displacement of a place is the still and the breathing layer's by the energy of their edges, so it is judged only
where one layer has less than a fifth or more than four fifths of it, where the mask's gradients are above their
middle, in the open field less a thirty-second of the picture, in the frames of which the true motion has begun, at
every 64th of a side.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from planner.imaging.angio import AngioRun
from planner.imaging.flexible_motion import flexible_shifts
from planner.imaging.motion import residual, rigid_shifts
from planner.imaging.opacification import curve, opacified
from planner.imaging.run_phases import phases
from planner.imaging.subtraction import (
    MaskChoice,
    background_levels,
    choose_mask,
    mask_image,
    masks_for,
    open_field,
    subtract,
)
from planner.phantom import DigitalPatient, generate
from planner.phantom.angiography import PLANS, Motion, SimulatedRun, film
from planner.phantom.flow import FRONT_S, SPREAD_PER_ROOT_S

ONLY_SHIFTED = {
    "coeliac": (3.0, -1.3),
    "hepatic": (-2.6, 1.6),
    "hepatic-oblique": (3.9, 1.9),
    "hepatic-after": (2.2, 2.5),
}
"""Largest shifts at 512 pixels."""
BREATHED = Motion((0.9, 0.6), (0.3, 2.5))
"""For the plan that has no motion of its own."""


@dataclass(frozen=True)
class Errors:
    """Lengths of displacement errors in pixels."""

    flexible: NDArray[np.float64]
    rigid: NDArray[np.float64]


def rigid_errors(simulated: SimulatedRun, shifts: NDArray[np.float64], mask: tuple[int, ...]) -> NDArray[np.float64]:
    """(frame,) px."""
    true = simulated.truth.shift_px
    found: NDArray[np.float64] = np.hypot(*(shifts - (true - true[[each - 1 for each in mask]].mean(axis=0))).T)
    return found


def local_errors(
    simulated: SimulatedRun, field: NDArray[np.bool_], mask: tuple[int, ...], shifts: NDArray[np.float64]
) -> tuple[Errors, list[object], float]:
    """Errors where one layer dominates (see above), the displacements, and seconds per frame of the search."""
    run, truth = simulated.run, simulated.truth
    image = mask_image(run, mask)
    start = time.perf_counter()
    fields = flexible_shifts(run, image, field)
    taken = (time.perf_counter() - start) / run.count
    step, side = run.size_yx[0] // 64, run.size_yx[0]
    density = ndimage.gaussian_filter(-np.log(np.maximum(image, 1.0)), 1.5 * side / 512)
    texture = np.sqrt(ndimage.gaussian_filter(sum(part**2 for part in np.gradient(density)), 6.0 * side / 512))
    share = truth.still_share
    judged = ndimage.binary_erosion(field, iterations=side // 32) & ((share < 0.2) | (share > 0.8))
    judged &= texture > np.median(texture[field])
    picked = judged[::step, ::step]
    home = np.mean([truth.displacement(each - 1) for each in mask], axis=0)
    moved = np.flatnonzero(np.hypot(*(truth.shift_px + truth.breathing_px).T) > 0.25)
    flexible, rigid = [], []
    for frame in moved:
        flow = fields[frame]
        true = (truth.displacement(int(frame)) - home)[::step, ::step][picked]
        if flow is not None:
            flexible.append(np.hypot(*(flow.dense(step)[picked] - true).T))
        rigid.append(np.hypot(*(shifts[frame] - true).T))
    return Errors(np.concatenate(flexible), np.concatenate(rigid)), list(fields), taken


@dataclass(frozen=True)
class Arrivals:
    """Errors of large vessels in seconds; `claimed` is the standard error the curve states."""

    foot: NDArray[np.float64]
    half: NDArray[np.float64]
    claimed: NDArray[np.float64]
    missed: int


def arrivals(simulated: SimulatedRun, contrast: NDArray[np.float32]) -> Arrivals:
    """Curves of discs at the middles of vessels that are at least 3 px wide (at 512) and lie across the ray.

    The truth is when half the plateau is reached. The curve's arrival is where the line through its steepest rise
    meets the baseline; for the bolus front, an error function of known width, that foot lies 0.5 heights of the line
    from 25 to 75 % before. Half of the measured peak, between the frames, is given beside it: a blush or a vessel
    behind raises the peak and so delays it.
    """
    run, truth = simulated.run, simulated.truth
    side, times = run.size_yx[0], truth.time_s
    y, x = np.mgrid[:side, :side]
    wide = {one.xy for one in truth.diameters if one.diameter_px >= 3.0 * side / 512}
    foot, half, claimed, missed = [], [], [], 0
    for one in truth.arrivals:
        region = (x - one.xy[0]) ** 2 + (y - one.xy[1]) ** 2 <= (2.0 * side / 512) ** 2
        if one.xy not in wide or not region.any():
            continue
        told = curve(contrast, times, region)
        if told.arrival_s is None or told.peak is None or told.arrival_error_s is None:
            missed += 1
            continue
        since = max(one.arrival_s - simulated.plan.injection.start_s, 0.0)
        spread = float(np.sqrt(FRONT_S**2 + SPREAD_PER_ROOT_S**2 * since))
        foot.append(told.arrival_s - (one.arrival_s - 2.0 * 0.6745 * spread))
        half.append(_half_rise(told.values - told.baseline, times, 0.5 * told.peak) - one.arrival_s)
        claimed.append(told.arrival_error_s)
    return Arrivals(np.array(foot), np.array(half), np.array(claimed), missed)


def _half_rise(above: NDArray[np.float64], times: NDArray[np.float64], half: float) -> float:
    top = int(np.argmax(above))
    below = np.flatnonzero(above[: top + 1] < half)
    if not below.size or top == 0:
        return float("nan")
    last = int(below[-1])
    share = (half - above[last]) / (above[last + 1] - above[last])
    return float(times[last] + share * (times[last + 1] - times[last]))


def contrast_of(
    run: AngioRun, field: NDArray[np.bool_], choice: MaskChoice, shifts: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(frame, y, x) subtracted, shifted and levelled."""
    masks = masks_for(run, choice)
    contrast = subtract(run, masks, shifts_xy_px=shifts)
    contrast -= background_levels(contrast, field)[:, None, None].astype(np.float32)
    return contrast


def composite_share(simulated: SimulatedRun, contrast: NDArray[np.float32], field: NDArray[np.bool_]) -> float:
    """Share of the wide vessels' middles that stand out of the opacified picture's surroundings by 3 of its spread."""
    picture = opacified(contrast)
    middle = float(np.nanmedian(picture[field]))
    spread = 1.4826 * float(np.nanmedian(np.abs(picture[field] - middle)))
    side = simulated.run.size_yx[0]
    wide = [one for one in simulated.truth.diameters if one.diameter_px >= 3.0 * side / 512 and _in(field, one.xy)]
    seen = [picture[round(one.xy[1]), round(one.xy[0])] > middle + 3.0 * spread for one in wide]
    return float(np.mean(seen))


def _in(field: NDArray[np.bool_], xy: tuple[float, float]) -> bool:
    x, y = round(xy[0]), round(xy[1])
    return 0 <= x < field.shape[1] and 0 <= y < field.shape[0] and bool(field[y, x])


def simulated_runs(patient: DigitalPatient, pixels: int, kinds: tuple[str, ...]) -> Iterator[tuple[str, SimulatedRun]]:
    """Each plan in each kind of motion: ``shift``, ``breathing``."""
    for number, plan in enumerate(PLANS, start=1):
        own = plan.motion if plan.motion != Motion() else BREATHED
        for kind in kinds:
            if kind == "shift":
                moving = replace(plan, motion=Motion(ONLY_SHIFTED[plan.key], (0.0, 0.0)))
                yield kind, film(patient, moving, number=number, pixels=pixels)
            else:
                yield kind, film(patient, replace(plan, motion=own), number=number, pixels=pixels)


def report(pixels: int, seeds: list[int], kinds: tuple[str, ...], preset: str) -> None:
    """Measure and print one paragraph per run."""
    for seed in seeds:
        patient = generate(preset, seed)
        for kind, simulated in simulated_runs(patient, pixels, kinds):
            sys.stdout.write(f"{pixels} px, seed {seed}, {simulated.plan.key}, {kind}\n")
            for line in _lines(simulated, kind):
                sys.stdout.write(f"    {line}\n")


def _lines(simulated: SimulatedRun, kind: str) -> Iterator[str]:
    run, truth = simulated.run, simulated.truth
    field = open_field(run)
    choice = choose_mask(run, field)
    onset = None if choice.contrast_frames is None else choice.contrast_frames[0]
    late = [each for each in choice.frames if each >= truth.contrast_from]
    yield f"mask {choice.frames}, with contrast {late or 'none'}; onset found {onset}, true {truth.contrast_from}"
    image = mask_image(run, choice.frames)
    start = time.perf_counter()
    shifts = rigid_shifts(run, image, field)
    taken = (time.perf_counter() - start) / run.count
    before, rigid = residual(run, image, field), residual(run, image, field, shifts=shifts)
    if kind == "shift":
        found = rigid_errors(simulated, shifts, choice.frames)
        yield (
            f"rigid error p50 {np.median(found):.3f} p95 {np.percentile(found, 95):.3f} max {found.max():.3f} px; "
            f"residual {before:.4f} -> {rigid:.4f}; {taken * 1000:.0f} ms a frame"
        )
    else:
        errors, fields, search = local_errors(simulated, field, choice.frames, shifts)
        flexible = residual(run, image, field, fields=fields)
        for name, values in (("flexible", errors.flexible), ("rigid there", errors.rigid)):
            yield f"{name} error p50 {np.median(values):.2f} p95 {np.percentile(values, 95):.2f} px"
        yield f"residual {before:.4f} -> rigid {rigid:.4f} -> flexible {flexible:.4f}; {search * 1000:.0f} ms a frame"
    contrast = contrast_of(run, field, choice, shifts)
    told = arrivals(simulated, contrast)
    near = np.abs(told.foot) <= 2.0 * told.claimed
    yield (
        f"arrival, {len(told.foot)} vessels, {told.missed} missed: foot p50 {np.median(np.abs(told.foot)):.2f} p90 "
        f"{np.percentile(np.abs(told.foot), 90):.2f} s, within two stated errors {100 * near.mean():.0f} %; "
        f"half rise p50 {np.nanmedian(np.abs(told.half)):.2f} p90 {np.nanpercentile(np.abs(told.half), 90):.2f} s"
    )
    split = phases(contrast, truth.time_s, field)
    tops = ", ".join(f"{name} {int(np.argmax(course)) + 1}" for name, course in truth.blush.items())
    yield f"phases {split.arterial} {split.parenchymal} {split.venous}; blush peaks in truth: {tops}"
    yield f"composite shows {100 * composite_share(simulated, contrast, field):.0f} % of the wide vessels"
