"""Feeders found against feeders that are: ``python benchmarks/feeders.py [--seeds 1-10] [--slices 1,1.25,2.5,5]``.

Livers of the digital patient, whole slices of the upper abdomen, 0.75 mm in plane, 14 HU of noise, arterial phase;
thick slices are means of thin ones. The tree is grown from the CT from a seed in the aorta (``--tree ct``), made from
the true lumen's voxels (``--tree mask``), or is the true one (``--tree true``); the lesion's mask is the true one, on
the grid of the slices.

A found feeder is right when it enters within 5 mm of where a true feeder enters, or when a third of its last 20 mm lies
within 2 mm of that true feeder (or half a slice, if that is more). A true feeder is found when such a one is accepted;
one accepted twice counts once as found and once as false. Printed: sensitivity, positive predictive value (share of
the accepted that are right), by branch order of the true feeder and by slice thickness, and the processor
seconds of tree and search together, on all cores: other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planner.errors import OperatorError
from planner.geometry import Grid
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.jobs import Context
from planner.model.vessel_items import FeederRow
from planner.phantom.anatomy import Anatomy, draw_anatomy
from planner.phantom.canvas import Canvas
from planner.phantom.fields import Frame
from planner.phantom.lesions import Tumour, liver_space, place_tumours
from planner.phantom.patient import paint_everything
from planner.phantom.scanner import scan
from planner.phantom.vessels import build_vessels
from planner.planning.feeders import find_feeders
from planner.planning.vessel_tree import VesselTree
from tests.feeder_truth import FRAME, TrueFeeder, tree_from_phantom, true_feeders

Floats = NDArray[np.float64]

LOW_LPS_MM, HIGH_LPS_MM = (-192.0, -140.0, -62.0), (192.0, 140.0, 96.0)
IN_PLANE_MM, NOISE_HU = 0.75, 14.0
AORTA_SEED_LPS_MM = (8.0, 9.4, 22.0)
RIGHT_MM, ALONG_MM = 5.0, 2.0


@dataclass(frozen=True, eq=False)
class Scene:
    """The upper abdomen of a digital patient in thin slices."""

    anatomy: Anatomy
    tumours: tuple[Tumour, ...]
    tree: VesselTree
    feeders: tuple[TrueFeeder, ...]
    thin: Volume
    arteries: NDArray[np.bool_]


@dataclass
class Count:
    true: int = 0
    found: int = 0
    accepted: int = 0
    right: int = 0
    seconds: list[float] = field(default_factory=list)

    def line(self, name: str) -> str:
        sensitivity = self.found / self.true if self.true else float("nan")
        predictive = self.right / self.accepted if self.accepted else float("nan")
        took = f"{np.median(self.seconds):6.2f} / {np.max(self.seconds):5.2f}" if self.seconds else "      -      "
        return (
            f"{name:34} {self.found:4d}/{self.true:<4d} {100 * sensitivity:6.1f} %   "
            f"{self.right:4d}/{self.accepted:<4d} {100 * predictive:6.1f} %   {took}"
        )


def made(seed: int, slice_mm: float) -> Scene:
    """Paint and scan the upper abdomen of a seed."""
    size = [int(round((high - low) / step)) for low, high, step in zip(
        LOW_LPS_MM[::-1], HIGH_LPS_MM[::-1], (slice_mm, IN_PLANE_MM, IN_PLANE_MM), strict=True)]  # fmt: skip
    spacing = (slice_mm, IN_PLANE_MM, IN_PLANE_MM)
    grid = Grid.of((size[0], size[1], size[2]), origin_lps_mm=LOW_LPS_MM, spacing_kji_mm=spacing, frame_uid=FRAME)
    anatomy = draw_anatomy(seed, None)
    space = liver_space(anatomy)
    tumours = place_tumours(anatomy, space)
    vessels = build_vessels(anatomy, space, tumours)
    canvas = Canvas(grid, ("arterial",))
    paint_everything(canvas, anatomy, tumours, vessels, Context())
    voxels = scan(canvas.hu[0], canvas.frame, seed * 31, NOISE_HU)
    source = ImageSource(series_uid="1.2.3.4", modality="CT", unit="HU", phase="arterial", study_date="20250603")
    segments = vessels.artery.segments()
    tree = tree_from_phantom(segments, FRAME)
    feeders = tuple(each for tumour in tumours for each in true_feeders(segments, tumour, tree))
    return Scene(anatomy, tumours, tree, feeders, Volume(voxels, grid, source), canvas.vessels == 1)


def thicker(scene: Scene, factor: int) -> tuple[Volume, NDArray[np.bool_]]:
    """Means of neighbouring slices, as thick slices are reconstructed."""
    if factor == 1:
        return scene.thin, scene.arteries
    count = scene.thin.voxels.shape[0] // factor
    blocks = scene.thin.voxels[: count * factor].reshape(count, factor, *scene.thin.voxels.shape[1:])
    spacing = scene.thin.grid.spacing_kji_mm
    low = np.asarray(LOW_LPS_MM) + np.array([0.0, 0.0, spacing[0] * (factor - 1) / 2.0])
    size = (count, *scene.thin.grid.size_kji[1:])
    grid = Grid.of(size, origin_lps_mm=low, spacing_kji_mm=(spacing[0] * factor, *spacing[1:]), frame_uid=FRAME)
    voxels = np.rint(blocks.mean(axis=1)).astype(np.int16)
    seen: NDArray[np.bool_] = np.any(scene.arteries[: count * factor].reshape(blocks.shape), axis=1)
    return Volume(voxels, grid, scene.thin.source), seen


def grown(kind: str, scene: Scene, volume: Volume, arteries: NDArray[np.bool_]) -> VesselTree:
    if kind == "true":
        return scene.tree
    from planner.planning.tree_extraction import tree_from_ct, tree_from_mask

    if kind == "mask":
        return tree_from_mask(Mask.of(volume.grid, arteries), root_lps_mm=AORTA_SEED_LPS_MM, volume=volume)
    return tree_from_ct(volume, AORTA_SEED_LPS_MM, "artery")


def is_right(row: FeederRow, true: TrueFeeder, tree: VesselTree, slice_mm: float) -> bool:
    """As the top of this file says."""
    if float(np.linalg.norm(np.asarray(row.entry_lps_mm) - true.entry_lps_mm)) <= RIGHT_MM:
        return True
    last = tree.segment(row.segments[-1])
    along = tree.nearest(row.entry_lps_mm, [last.id])
    line = tree.way_line(last.id, None if along is None else along.along_mm)
    before = line.at(line.length_mm - np.arange(0.0, min(20.0, line.length_mm), 0.5))
    gaps = np.linalg.norm(before[:, None] - true.points_lps_mm[None], axis=2).min(axis=1)
    return bool(np.mean(gaps <= max(ALONG_MM, slice_mm / 2.0)) >= 1.0 / 3.0)


def matched(rows: Sequence[FeederRow], true: Sequence[TrueFeeder], tree: VesselTree, slice_mm: float) -> dict[int, int]:
    """Row -> true feeder, each used once, nearest entries first."""
    pairs = sorted(
        (float(np.linalg.norm(np.asarray(row.entry_lps_mm) - each.entry_lps_mm)), index, number)
        for index, row in enumerate(rows)
        for number, each in enumerate(true)
        if is_right(row, each, tree, slice_mm)
    )
    found: dict[int, int] = {}
    for _, index, number in pairs:
        if index not in found and number not in found.values():
            found[index] = number
    return found


def slices(seed: int, wanted: Sequence[float]) -> Iterator[tuple[float, Scene, Volume, NDArray[np.bool_]]]:
    """Each thickness of a seed; 2.5 and 5 mm are means of the 1.25 mm slices."""
    scenes: dict[float, Scene] = {}
    for thickness in wanted:
        base = 1.25 if thickness in (1.25, 2.5, 5.0) else thickness
        if base not in scenes:
            scenes[base] = made(seed, base)
        volume, arteries = thicker(scenes[base], round(thickness / base))
        yield thickness, scenes[base], volume, arteries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1-10")
    parser.add_argument("--slices", default="1,1.25,2.5,5")
    parser.add_argument("--tree", default="ct", choices=("ct", "mask", "true"))
    parser.add_argument("--tell", action="store_true", help="print what was missed and what was wrong")
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    wanted = [float(word) for word in asked.slices.split(",")]
    by_slice = {thickness: Count() for thickness in wanted}
    by_order: dict[tuple[float, int], Count] = {}
    for seed in range(int(first), int(last or first) + 1):
        for thickness, scene, volume, arteries in slices(seed, wanted):
            one(asked, seed, thickness, scene, volume, arteries, by_slice[thickness], by_order)
    tell("slice thickness", {f"{key:g} mm": value for key, value in by_slice.items()})
    orders = {f"{key[0]:g} mm, order {key[1]}": value for key, value in sorted(by_order.items())}
    tell("slice thickness, branchings before it", orders)


def one(
    asked: argparse.Namespace,
    seed: int,
    thickness: float,
    scene: Scene,
    volume: Volume,
    arteries: NDArray[np.bool_],
    count: Count,
    by_order: dict[tuple[float, int], Count],
) -> None:
    """Count one liver."""
    started = time.process_time()
    try:
        tree = grown(asked.tree, scene, volume, arteries)
    except OperatorError as refused:
        sys.stdout.write(f"seed {seed}, {thickness:g} mm: no tree ({refused.message})\n")
        tree = None
    growing = time.process_time() - started
    for tumour in scene.tumours:
        frame = Frame(volume.grid)
        box = tumour.box_in(frame)
        inside = np.zeros(volume.grid.size_kji, dtype=np.bool_)
        if box is not None:
            inside[box.slices] = tumour.distance(box, scene.anatomy) < 0.0
        true = [each for each in scene.feeders if each.lesion == tumour.identifier]
        rows: tuple[FeederRow, ...] = ()
        matches: dict[int, int] = {}
        if tree is not None:
            started = time.process_time()
            search = find_feeders(tree, Mask.of(volume.grid, inside), volume=volume if asked.tree != "true" else None)
            rows = search.feeders
            matches = matched(rows, true, tree, thickness)
            count.seconds.append(growing + time.process_time() - started)
        count.true += len(true)
        count.found += len(matches)
        count.accepted += len(rows)
        count.right += len(matches)
        for number, each in enumerate(true):
            own = by_order.setdefault((thickness, each.order), Count())
            own.true += 1
            own.found += number in matches.values()
        if asked.tell:
            told(seed, thickness, tumour, rows, true, matches, () if tree is None else search.candidates)
    sys.stdout.write(f"seed {seed}, {thickness:g} mm: tree in {growing:.1f} s; {count.line('so far')}\n")
    sys.stdout.flush()


def told(
    seed: int,
    thickness: float,
    tumour: Tumour,
    rows: Sequence[FeederRow],
    true: Sequence[TrueFeeder],
    matches: dict[int, int],
    candidates: Sequence[FeederRow],
) -> None:
    for number, each in enumerate(true):
        if number not in matches.values():
            gaps = [float(np.linalg.norm(np.asarray(row.entry_lps_mm) - each.entry_lps_mm)) for row in candidates]
            near = candidates[int(np.argmin(gaps))].reason if gaps else "nothing"
            least = f"{min(gaps, default=float('nan')):.1f}"
            sys.stdout.write(f"  missed {seed} {thickness:g} {each.name} r {each.radius_mm:.2f}; {least} mm: {near}\n")
    for index, row in enumerate(rows):
        if index not in matches:
            gaps = [float(np.linalg.norm(np.asarray(row.entry_lps_mm) - each.entry_lps_mm)) for each in true]
            width = float("nan") if row.diameter_mm is None else row.diameter_mm
            sys.stdout.write(
                f"  wrong {seed} {thickness:g} {tumour.identifier} {row.segment} {width:.1f} mm wide, "
                f"{np.round(gaps, 1)} from true: {row.reason}\n"
            )


def tell(title: str, counts: dict[str, Count]) -> None:
    sys.stdout.write(f"\n{title:34} {'found / true':>18}      {'right / accepted':>18}      s median / max\n")
    for name, count in counts.items():
        sys.stdout.write(count.line(name) + "\n")


if __name__ == "__main__":
    main()
