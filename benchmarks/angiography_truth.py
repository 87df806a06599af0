"""Measuring on runs of the digital patient beside its truth: ``python benchmarks/angiography_truth.py``.

Calibration at the isocentre and by the simulated 5 F catheter, diameters of vessels, stenoses, links by landmarks, and
the projected plan over the opacified vessels. Prints what the tables in README.md hold; it takes some minutes.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.imaging.catheter_calibration import catheter_calibration
from planner.imaging.motion import flexible_shifts, rigid_shifts
from planner.imaging.run_calibration import Calibration, Refusal, isocentre_calibration
from planner.imaging.run_measure import measure_vessel
from planner.imaging.stenosis import stenosis
from planner.imaging.subtraction import choose_mask, mask_image, open_field, subtract
from planner.model.links import FrameLink
from planner.phantom import DigitalPatient, Motion, RunPlan, SimulatedRun, film, generate
from planner.phantom.flow import Narrowing
from planner.planning.frame_linking import Landmark, NotLinked, linked_ray, projected_tree, solve_link

STILL = RunPlan("still", "Common hepatic artery", 0.0, 0.0, "common hepatic artery", seconds=5.0)
OBLIQUE = replace(STILL, key="oblique", primary_deg=-30.0, secondary_deg=12.0)
MOVING = replace(STILL, key="moving", motion=Motion((0.7, -0.4), (0.4, 3.0)))
BORDER_PX, CLICK_PX, FREE_PX = 25, 8.0, 3.0
SIZES_PX = ((0.8, 2.0), (2.0, 3.0), (3.0, 4.5), (4.5, 7.0), (7.0, 12.0), (12.0, 30.0))
LANDMARKS = ("gastroduodenal artery", "proper hepatic artery", "right hepatic artery", "left hepatic artery")
PERCENTS, NARROW_MM, NARROWED = (30.0, 50.0, 70.0), 12.0, "gastroduodenal artery"
HALF_PIECE_MM = 15.0

Floats = NDArray[np.float64]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def contrast_of(simulated: SimulatedRun, correction: str) -> NDArray[np.float32]:
    """(frame, y, x) contrast by the program's own mask, corrected ``none``, ``rigid`` or ``flexible``."""
    run, field = simulated.run, open_field(simulated.run)
    mask = mask_image(run, choose_mask(run, field).frames)
    if correction == "rigid":
        return subtract(run, mask, shifts_xy_px=rigid_shifts(run, mask, field))
    if correction == "flexible":
        return subtract(run, mask, fields=flexible_shifts(run, mask, field))
    return subtract(run, mask)


def clearances(simulated: SimulatedRun, patient: DigitalPatient) -> Floats:
    """(n,) px between the edge of each true diameter's vessel and the nearest other one's; below 0 they overlap."""
    arm = simulated.truth.c_arm
    others = [
        (each.points_lps_mm, arm.project(each.points_lps_mm), each.radii_mm * arm.magnification(each.points_lps_mm))
        for each in patient.truth.trees["artery"].segments()
    ]
    found = []
    for place in simulated.truth.diameters:
        gaps = [
            float(np.min(np.linalg.norm(xy - np.asarray(place.xy), axis=1) - radii / arm.spacing.right_mm))
            for points, xy, radii in others
            if np.min(np.linalg.norm(points - np.asarray(place.lps_mm), axis=1)) > 1e-6
        ]
        found.append(min(gaps) - place.diameter_px / 2.0)
    return np.array(found)


def measured_diameters(simulated: SimulatedRun, contrast: NDArray[np.float32]) -> Floats:
    """(n, 2) measured diameter and its deviation at each true one; NaN where it was refused or marked doubtful."""
    found = np.full((len(simulated.truth.diameters), 2), np.nan)
    height, width = simulated.run.size_yx
    for index, place in enumerate(simulated.truth.diameters):
        middle, along = np.asarray(place.xy), np.asarray(place.along_xy)
        if np.any(middle < BORDER_PX) or np.any(middle > np.array([width, height]) - BORDER_PX):
            continue
        frame = int(np.argmax(contrast[:, round(place.xy[1]), round(place.xy[0])]))
        reach = max(CLICK_PX, 1.2 * place.diameter_px) * along
        try:
            vessel = measure_vessel(contrast[frame], [middle - reach, middle + reach])
        except OperatorError:
            continue
        at = vessel.nearest(middle)
        if not vessel.doubtful[at]:
            found[index] = vessel.diameter_px[at], vessel.diameter_sd_px[at]
    return found


def report_diameters(simulated: SimulatedRun, patient: DigitalPatient, correction: str) -> None:
    """Errors by true size, apart for vessels that no other one overlaps."""
    found = measured_diameters(simulated, contrast_of(simulated, correction))
    true = np.array([each.diameter_px for each in simulated.truth.diameters])
    free = clearances(simulated, patient) > FREE_PX
    arm = simulated.truth.c_arm
    mm_per_px = arm.spacing.right_mm / arm.isocentre_magnification
    for low, high in SIZES_PX:
        for name, chosen in (("overlapped", ~free), ("free", free)):
            inside = (true >= low) & (true < high) & chosen
            used = inside & np.isfinite(found[:, 0])
            if not inside.any():
                continue
            line = f"  {low:4.1f}-{high:4.1f} px {name:10s} {inside.sum():3d} places, {used.sum():3d} measured"
            if used.any():
                error = found[used, 0] - true[used]
                middle, far = np.median(error), np.quantile(np.abs(error), 0.9)
                share = np.mean(np.abs(error) < 2.0 * found[used, 1])
                line += f", median {middle:+.2f} px ({middle * mm_per_px:+.2f} mm), 90 % within {far:.2f} px"
                line += f", within twice the stated deviation {share:.0%}"
            _say(line)


def catheter_pieces(simulated: SimulatedRun) -> list[tuple[Floats, Floats, float]]:
    """Straight pieces of the true catheter: both ends and the true mm per px at their middle."""
    truth, size = simulated.truth, simulated.run.size_yx[0]
    line = truth.catheter_xy
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    half = HALF_PIECE_MM * truth.c_arm.isocentre_magnification / truth.c_arm.spacing.right_mm
    scales = truth.c_arm.spacing.right_mm / truth.c_arm.magnification(truth.catheter_lps_mm)
    found = []
    for middle in np.arange(half, way[-1] - half, 0.7 * half):
        start, place, end = (
            np.array([np.interp(at, way, line[:, axis]) for axis in (0, 1)])
            for at in (middle - half, middle, middle + half)
        )
        straight = float(np.linalg.norm((start + end) / 2.0 - place)) < 0.1 * half
        if straight and all(0.05 * size < value < 0.95 * size for value in (*start, *end)):
            found.append((start, end, float(np.interp(middle, way, scales))))
    return found


def report_catheter(simulated: SimulatedRun, blur_px: float | None) -> None:
    """5 F against the geometry, on the first, unsubtracted frame; clicks 0.7 px off."""
    random, run = np.random.default_rng(1), simulated.run
    field, errors, deviations = open_field(run), [], []
    refused: Counter[str] = Counter()
    pieces = catheter_pieces(simulated)
    for start, end, scale in pieces:
        points = (_clicked(start, 0.7, random), _clicked(end, 0.7, random))
        found = catheter_calibration(run, 0, points, simulated.truth.catheter_french, field=field, blur_px=blur_px)
        if isinstance(found, Refusal):
            refused[found.code] += 1
        else:
            errors.append(100.0 * (found.mm_per_px / scale - 1.0))
            deviations.append(100.0 * found.measured_sd / found.mm_per_px)
    told = "blur unknown" if blur_px is None else f"blur told {blur_px:g} px"
    line = f"  catheter, {told}: {len(errors)} of {len(pieces)} pieces of {2 * HALF_PIECE_MM:g} mm"
    if errors:
        line += f", error median {np.median(errors):+.1f} %, largest {np.max(np.abs(errors)):.1f} %"
        line += f", stated {np.median(deviations):.1f} % without the depth"
    _say(f"{line}; refused {dict(refused)}")


def report_isocentre(simulated: SimulatedRun) -> None:
    """The isocentre's scale, and how far vessels off its plane are from it in units of what is stated."""
    arm, found = simulated.truth.c_arm, isocentre_calibration(simulated.run, 0)
    if not isinstance(found, Calibration):
        _say(f"  isocentre refused: {found.text}")
        return
    exact = arm.spacing.right_mm / arm.isocentre_magnification
    places = np.array([each.lps_mm for each in simulated.truth.diameters])
    off = 100.0 * (found.mm_per_px / (arm.spacing.right_mm / arm.magnification(places)) - 1.0)
    stated = 100.0 * found.mm_per_px_sd / found.mm_per_px
    _say(
        f"  isocentre: {found.mm_per_px:.5f} mm/px, true {exact:.5f}; vessels read {off.min():+.1f} to {off.max():+.1f}"
        f" %, stated deviation {stated:.1f} %, within twice of it {np.mean(np.abs(off) < 2 * stated):.0%}"
    )


def report_stenoses(patient: DigitalPatient, pixels: int) -> None:
    """A known stenosis of a vessel that lies alone, measured on each of the last frames."""
    for percent in PERCENTS:
        made = Narrowing(NARROWED, percent, NARROW_MM)
        simulated = film(patient, replace(STILL, narrowed=(made,), seconds=4.0), pixels=pixels)
        true, contrast = simulated.truth.stenoses[0], contrast_of(simulated, "none")
        start, middle, end = (np.asarray(xy) for xy in (true.from_xy, true.xy, true.to_xy))
        clicks = [start + 0.8 * (start - middle), middle, end + 0.8 * (end - middle)]
        said = []
        for frame in range(len(contrast) - 4, len(contrast)):
            try:
                found = stenosis(measure_vessel(contrast[frame], clicks))
                said.append(f"{found.percent:.0f} ± {found.percent_sd:.0f}")
            except OperatorError as error:
                said.append(error.code)
        _say(f"  stenosis of {percent:.0f} % in a vessel of {true.reference_px:.1f} px: {', '.join(said)}")


def report_links(front: SimulatedRun, oblique: SimulatedRun) -> None:
    """Landmarks clicked in two views, and what the link makes of rays."""
    other = {each.name: each for each in oblique.truth.arrivals}
    arm = front.run.geometry[0]
    turned = replace(oblique.run.geometry[0], frame_uid=arm.frame_uid)
    named = {each.name: each for each in front.truth.arrivals if each.name in LANDMARKS and each.name in other}
    for click_px in (0.5, 1.0):
        misses, rays, stated = [], [], []
        for seed in range(20):
            random = np.random.default_rng(seed)
            marks = [
                Landmark(each.lps_mm, _clicked(each.xy, click_px, random), view, name)
                for name in named
                for each, view in ((named[name], arm), (other[name], turned))
            ]
            found = solve_link(marks, front.truth.c_arm.frame_uid)
            if isinstance(found, NotLinked):
                continue
            place = np.reshape(found.link.to_lps_from_lps, (4, 4))[:3, 3]
            misses.append(float(np.linalg.norm(place - np.asarray(front.truth.c_arm.isocentre_lps_mm))))
            stated.append(float(np.linalg.norm(found.translation_sd_mm)))
            for each in front.truth.arrivals:
                ray = linked_ray(front.run, 0, each.xy, found.link, preview=True)
                if not isinstance(ray, NotLinked):
                    rays.append(ray.distance_mm(each.lps_mm))
        _say(
            f"  link, {len(named)} landmarks in two views, clicks {click_px:g} px: isocentre off "
            f"{np.median(misses):.2f} mm (largest {max(misses):.2f}, stated {np.median(stated):.2f}), rays "
            f"{np.median(rays):.2f} mm from their vessels (95 % {np.quantile(rays, 0.95):.2f})"
        )


def _clicked(xy: Sequence[float] | Floats, click_px: float, random: np.random.Generator) -> tuple[float, float]:
    noise = random.normal(0.0, click_px, 2)
    return float(xy[0] + noise[0]), float(xy[1] + noise[1])


def overlap_of(simulated: SimulatedRun, patient: DigitalPatient, correction: str, widest_mm: float = 0.7) -> float:
    """Share of the projected, opacified centreline (radius above `widest_mm`) that lies on contrast."""
    truth, arm = simulated.truth, simulated.run.geometry[0]
    x, y, z = truth.c_arm.isocentre_lps_mm
    matrix = (1.0, 0.0, 0.0, x, 0.0, 1.0, 0.0, y, 0.0, 0.0, 1.0, z, 0.0, 0.0, 0.0, 1.0)
    link = FrameLink("truth", arm.frame_uid, truth.c_arm.frame_uid, matrix, "landmarks")
    reached = {each.name for each in truth.arrivals}
    paths = [
        (each.name, each.points_lps_mm)
        for each in patient.truth.trees["artery"].segments()
        if each.name in reached and each.radii_mm.min() > widest_mm
    ]
    shown = projected_tree(paths, arm, link, size_yx=simulated.run.size_yx, preview=True)
    if isinstance(shown, NotLinked):
        return float("nan")
    filled = np.nanmax(contrast_of(simulated, correction), axis=0)
    xy = np.concatenate([path.xy[path.visible] for path in shown])
    values = filled[np.rint(xy[:, 1]).astype(int), np.rint(xy[:, 0]).astype(int)]
    # On contrast: above what nine in ten open pixels of the composite reach.
    limit = np.nanquantile(filled[open_field(simulated.run)], 0.9)
    return float(np.mean(values > limit))


def main() -> None:
    """Measure all and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pixels", type=int, nargs="+", default=[256, 512, 1024])
    parser.add_argument("--seeds", type=int, nargs="+", default=[7])
    asked = parser.parse_args()
    for seed in asked.seeds:
        patient = generate("tiny", seed)
        for pixels in asked.pixels:
            _say(f"seed {seed}, {pixels} px")
            front = film(patient, STILL, number=1, pixels=pixels)
            oblique = film(patient, OBLIQUE, number=2, pixels=pixels)
            report_isocentre(front)
            for blur in (None, 0.71):
                report_catheter(oblique, blur)
            report_links(front, oblique)
            report_stenoses(patient, pixels)
            _say("  diameters, nothing moves")
            report_diameters(front, patient, "none")
            moving = film(patient, MOVING, pixels=pixels)
            _say(f"  projected plan on contrast, nothing moves: {overlap_of(front, patient, 'none'):.0%}")
            for correction in ("none", "rigid"):
                share = overlap_of(moving, patient, correction)
                _say(f"  projected plan on contrast, breathing, {correction} correction: {share:.0%}")
            _say("  diameters, breathing, rigid correction")
            report_diameters(moving, patient, "rigid")


if __name__ == "__main__":
    main()
