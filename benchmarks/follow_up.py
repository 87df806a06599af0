"""Viable tumour and the match of MR on the six-week follow-up of the simulated course, where both are known.

``python benchmarks/follow_up.py viability`` measures what enhances of every tumour on the MR (before and in the late
arterial phase) and on an unenhanced and arterial CT of the same day (made for this: the course itself has no unenhanced
CT that day), and compares it with the true viable part: volume, Dice, longest and perpendicular diameters. On CT only
what lies outside oil and its shadow is compared. ``--limit-only`` leaves out the half-way rule at edges.

``python benchmarks/follow_up.py match`` registers the MR with the baseline CT on the body, and on the liver carried
over from the CT, and measures the displacement at every seventh voxel of the true liver.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from planner.imaging.displacement import warped_mask
from planner.imaging.masks import Mask
from planner.imaging.registration import organ_mask, register
from planner.imaging.resampling import resampled_mask
from planner.phantom import course as phantom_course
from planner.phantom.course import CourseMaker, Timepoint
from planner.phantom.course_story import Scanning, story_of
from planner.planning import change_maps
from planner.planning.change_maps import lipiodol_map, not_evaluable_beside
from planner.planning.enhancement import EnhancingPart, enhancing_part, perpendicular_diameters

DAY = "follow-up-6w"
BEGUN_ON = date(2025, 6, 3)
CT_PAIR = Scanning("CT", ("non-contrast", "arterial"), 14.0)


@dataclass(frozen=True)
class Row:
    """Of one tumour: millilitres, Dice and millimetres."""

    kind: str
    volume_error: float
    dice: float
    diameter_error_mm: float


def follow_up(preset: str, seed: int) -> tuple[CourseMaker, Timepoint]:
    """The day with an unenhanced CT in place of the portal venous one."""
    maker = CourseMaker(preset, seed, begun_on=BEGUN_ON, runs={})
    story = story_of(DAY)
    told = replace(story, scans=(CT_PAIR, *story.scans[1:]))
    with mock.patch.object(phantom_course, "story_of", return_value=told):
        return maker, maker.timepoint(DAY)


def viability(presets: list[str], seeds: list[int]) -> None:
    rows: list[Row] = []
    for preset in presets:
        for seed in seeds:
            day = follow_up(preset, seed)[1]
            for row in (*mr_rows(f"{preset} {seed}", day), *ct_rows(f"{preset} {seed}", day)):
                rows.append(row)
    for kind in dict.fromkeys(row.kind for row in rows):
        own = [row for row in rows if row.kind == kind]
        errors = 100.0 * np.array([row.volume_error for row in own])
        apart = np.array([row.diameter_error_mm for row in own])
        say(
            f"{kind}, {len(own)}: volume {errors.mean():+.0f} % ({errors.min():+.0f} to {errors.max():+.0f}), "
            f"Dice {np.mean([row.dice for row in own]):.3f} (least {min(row.dice for row in own):.3f}), "
            f"diameter {apart.mean():+.1f} mm ({apart.min():+.1f} to {apart.max():+.1f})\n"
        )


def mr_rows(name: str, day: Timepoint) -> Iterator[Row]:
    truth = day.truth_of("mr-arterial")
    for lesion in truth.lesions:
        found = enhancing_part(lesion.mask, day.volumes["mr-before"], day.volumes["mr-arterial"])
        yield compared(f"{name} MR {lesion.identifier}", f"MR, {lesion.state}", found, lesion.viable)


def ct_rows(name: str, day: Timepoint) -> Iterator[Row]:
    plain = day.volumes["non-contrast"]
    for lesion in day.truth_of("arterial").lesions:
        hidden = not_evaluable_beside(lipiodol_map(plain, lesion.mask)).full()
        found = enhancing_part(lesion.mask, plain, day.volumes["arterial"])
        seen = Mask.of(plain.grid, lesion.viable.full() & ~hidden)
        yield compared(f"{name} CT {lesion.identifier}", f"CT outside oil, {lesion.state}", found, seen)


def compared(name: str, kind: str, found: EnhancingPart, true: Mask) -> Row:
    part = resampled_mask(found.part, true.grid)
    both = float((part.full() & true.full()).sum())
    dice = 2.0 * both / max(part.count + true.count, 1)
    here, there = (perpendicular_diameters(each) for each in (found.part, true))
    lengths = [(0.0, 0.0) if each is None else tuple(one.length_mm for one in each) for each in (here, there)]
    error = found.volume_ml / max(true.volume_ml, 1e-6) - 1.0
    say(
        f"{name}: {found.volume_ml:.2f} mL, true {true.volume_ml:.2f} ({100.0 * error:+.0f} %), Dice {dice:.3f}, "
        f"{lengths[0][0]:.1f} x {lengths[0][1]:.1f} mm, true {lengths[1][0]:.1f} x {lengths[1][1]:.1f}, "
        f"oil {100.0 * found.oil_share:.0f} %, cannot be told {100.0 * found.unsure_share:.0f} %\n"
    )
    return Row(kind, error, dice, lengths[0][0] - lengths[1][0])


def match(presets: list[str], seeds: list[int]) -> None:
    for preset in presets:
        for seed in seeds:
            maker, day = follow_up(preset, seed)
            matched(f"{preset} {seed}", day, maker.timepoint("baseline").volumes["portal-venous"])


def matched(name: str, day: Timepoint, ct: Volume) -> None:
    mr, truth = day.volumes["mr-arterial"], day.truth_of("mr-arterial")
    structures = truth.structures
    value = next(value for value, label in structures.labels.items() if label.structure == "liver")
    liver = Mask.of(structures.grid, structures.mask(value))
    points = structures.grid.lps_from_kji.points(np.argwhere(liver.full())[::7])
    wanted = truth.day_map.inverse_points(points)
    say_errors(f"{name}, before", points, wanted)
    began = time.process_time()
    body = register(mr, ct)
    say_errors(f"{name}, on the body ({time.process_time() - began:.0f} s)", body.point_map.points(points), wanted)
    began = time.process_time()
    straight = register(mr, ct, model="rigid", organ="body").point_map
    own = organ_mask(ct, "liver")
    carried = warped_mask(own, mr.grid, straight)
    found = register(mr, ct, fixed_mask=carried, moving_mask=own)
    seconds = time.process_time() - began
    both = float((carried.full() & liver.full()).sum())
    say_errors(f"{name}, rigid match of the bodies", straight.points(points), wanted)
    say(f"{name}, carried liver: Dice with the true one {2.0 * both / (carried.count + liver.count):.3f}\n")
    say_errors(f"{name}, on the carried liver ({seconds:.0f} s)", found.point_map.points(points), wanted)
    true = register(mr, ct, fixed_mask=liver, moving_mask=own)
    say_errors(f"{name}, on the true liver", true.point_map.points(points), wanted)


def say_errors(what: str, found: NDArray[np.float64], wanted: NDArray[np.float64]) -> None:
    apart = np.linalg.norm(found - wanted, axis=1)
    say(f"{what}: mean {apart.mean():.2f}, 95 % {np.percentile(apart, 95.0):.2f}, largest {apart.max():.2f} mm\n")


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("viability", "match"))
    parser.add_argument("--presets", nargs="+", default=["tiny"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[31, 32, 33])
    parser.add_argument("--limit-only", action="store_true")
    given = parser.parse_args()
    if given.what == "match":
        match(given.presets, given.seeds)
    elif given.limit_only:
        with mock.patch.object(change_maps, "blurred_edge", lambda rise, enhancing, none: np.zeros_like(enhancing)):
            viability(given.presets, given.seeds)
    else:
        viability(given.presets, given.seeds)


if __name__ == "__main__":
    main()
