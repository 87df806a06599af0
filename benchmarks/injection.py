"""Injections, working views and projections: speed, and territories against the digital patient's truth.

``python benchmarks/injection.py speed [--preset demo] [--seed 7]`` moves a catheter's tip over the digital patient's
arteries with the voxels of its territory for display, and makes the working-view map of a segment.

``python benchmarks/injection.py territories [--seeds 1 2 7] [--ct]`` compares territories with the nearest end of the
whole true tree, by order: lobar, segmental, below. The tree is the true one cut off at 0.9 and 1.2 mm, or with ``--ct``
the one found in the simulated arterial CT. Positions are in the middle of every true artery whose territory has 10 mL.

``python benchmarks/injection.py drr`` projects 256 x 256 x 256 voxels on 512 x 512 pixels beside ``plastimatch drr``
(Debian's package, `exact`), where it is installed; its reading of the file is taken off by a run of one pixel.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.geometry.c_arm import CArm, DetectorSpacing
from planner.imaging import ImageSource, Volume
from planner.imaging.masks import Mask
from planner.imaging.projection import line_integrals
from planner.imaging.projection_views import Projectable, simulated_view
from planner.phantom import DigitalPatient, generate
from planner.planning.territories import Injection, Territories
from planner.planning.vessel_tree import TreeSegment, VesselTree
from planner.planning.working_view import view_map

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
LEAST_ML = 10.0
VIEWS = ((0.0, 0.0), (30.0, 0.0), (45.0, 30.0), (90.0, 0.0))
LOBAR = ("right hepatic artery", "left hepatic artery", "left medial hepatic artery")


def liver_of(patient: DigitalPatient) -> Mask:
    structures = patient.truth.structures
    value = next(value for value, label in structures.labels.items() if label.structure == "liver")
    return Mask.of(structures.grid, structures.voxels == value)


def lesions_of(patient: DigitalPatient) -> dict[str, Mask]:
    labels = patient.truth.lesion_map
    return {each.identifier: Mask.of(labels.grid, labels.voxels == each.label) for each in patient.truth.lesions}


def speed(preset: str, seed: int) -> None:
    from liver_trees import tree_of_truth

    patient = generate(preset, seed)
    organ, lesions = liver_of(patient), lesions_of(patient)
    tree = tree_of_truth(patient.truth, organ.grid.frame_uid)
    Territories.of(tree, organ, lesions)
    began = time.perf_counter()
    prepared = Territories.of(tree, organ, lesions)
    made = time.perf_counter() - began
    random = np.random.default_rng(seed)
    hepatic = next(each.id for each in tree.segments if each.name == "proper hepatic artery")
    segments = tree.downstream(hepatic)
    took, size = [], []
    for at in random.integers(0, len(segments), 300):
        segment = segments[int(at)]
        began = time.perf_counter()
        found = prepared.inject(segment.id, random.random() * segment.length_mm)
        took.append(time.perf_counter() - began)
        size.append(found.territory_ml or 0.0)
    whole = [_timed(prepared, hepatic) for _ in range(20)]
    print(f"organ {prepared.organ_ml:.0f} mL in {organ.count} voxels, tree of {len(tree.segments)} segments")
    print(f"prepared in {made:.2f} s")
    print(f"300 tips: median {1e3 * np.median(took):.1f}, 95 % {1e3 * np.quantile(took, 0.95):.1f} ms")
    print(f"whole liver: median {1e3 * np.median(whole):.1f} ms, {1.0 / np.median(whole):.0f} Hz (goal 10)")
    for name in ("right hepatic artery", "segment 8 artery"):
        key = next(each.id for each in tree.segments if each.name == name)
        view_map(tree, key)
        spans = []
        for _ in range(5):
            began = time.perf_counter()
            found_map = view_map(tree, key)
            spans.append(time.perf_counter() - began)
        size_words = "x".join(str(each) for each in found_map.score.shape)
        print(f"view map {size_words} of the {name}: median {np.median(spans):.2f} s (goal 2); {found_map.words}")
    source = Projectable.of(patient.arterial, organ.grid.centre_lps_mm)
    arm = arm_at(20.0, 10.0, 256, 200.0, organ.grid.frame_uid, organ.grid.centre_lps_mm)
    simulated_view(source, arm, (256, 256), quick=True)
    began = time.perf_counter()
    for _ in range(10):
        simulated_view(source, arm, (256, 256), quick=True)
    print(f"quick projection 256 x 256: {1e2 * (time.perf_counter() - began):.0f} ms (goal 100)")


def _timed(prepared: Territories, key: str) -> float:
    began = time.perf_counter()
    prepared.inject(key, 0.0)
    return time.perf_counter() - began


def order_of(tree: VesselTree, segment: TreeSegment) -> str | None:
    """``lobar``, ``segmental``, ``below``; None outside the liver."""
    name, before = segment.name or "", tree.parent(segment.id)
    if name in LOBAR:
        return "lobar"
    if name.startswith("segment "):
        return "segmental" if before is not None and before.name != name else "below"
    return "below" if "feeder" in name else None


def territories(seeds: list[int], from_ct: bool, preset: str) -> None:
    from liver_trees import tree_of_truth

    rows: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for seed in seeds:
        patient = generate(preset, seed)
        organ, frame = liver_of(patient), patient.truth.structures.grid.frame_uid
        whole = tree_of_truth(patient.truth, frame)
        trees = {f"true, {2 * radius:.1f} mm": tree_of_truth(patient.truth, frame, radius) for radius in (0.45, 0.6)}
        if from_ct:
            from planner.planning.tree_extraction import tree_from_ct

            began = time.perf_counter()
            trees["found in CT"] = tree_from_ct(patient.arterial, None)
            print(f"seed {seed}: tree from CT in {time.perf_counter() - began:.0f} s", flush=True)
        for label, tree in trees.items():
            for order, numbers in _overlaps(whole, tree, organ, label):
                rows.setdefault((label, order), []).append(numbers)
    print("tree, order: positions, overlap (Dice) mean and 10 %, sensitivity, positive predictive value")
    for (label, order), measured in sorted(rows.items()):
        table = np.array(measured)
        dice, sensitivity, predictive = table.mean(axis=0)
        low = np.quantile(table[:, 0], 0.1)
        print(f"{label}, {order}: {len(table)}, {dice:.3f} {low:.3f}, {sensitivity:.3f}, {predictive:.3f}")


def _overlaps(
    whole: VesselTree, tree: VesselTree, organ: Mask, label: str
) -> Iterator[tuple[str, tuple[float, float, float]]]:
    """Of every position that the tree has: order, and Dice, sensitivity and positive predictive value."""
    from scipy.spatial import cKDTree

    ends = [each for each in whole.segments if not whole.children(each.id) and organ.contains(each.points_lps_mm[-1])]
    voxels = np.argwhere(organ.voxels) + np.asarray(organ.box[0])
    points = organ.grid.lps_from_kji.points(voxels)
    _, nearest = cKDTree([each.points_lps_mm[-1] for each in ends]).query(points)
    prepared = Territories.of(tree, organ, {})
    done: set[str] = set()
    for segment in whole.segments:
        order = order_of(whole, segment)
        if order is None or (order != "below" and str(segment.name) in done):
            continue
        beyond = {each.id for each in whole.downstream(segment.id)}
        true = np.array([each.id in beyond for each in ends])[nearest]
        if np.count_nonzero(true) * organ.grid.voxel_ml < LEAST_ML:
            continue
        if order != "below":
            done.add(str(segment.name))
        place = tree.nearest(segment.at(segment.length_mm / 2.0))
        if place is None or place.distance_mm > 3.0:
            yield f"{order} (no such artery seen)", (np.nan, np.nan, np.nan)
            continue
        yield order, _numbers(true, prepared.inject(place.segment, place.along_mm), voxels)


def _numbers(true: NDArray[np.bool_], found: Injection, voxels: NDArray[np.intp]) -> tuple[float, float, float]:
    ours = np.zeros(len(true), dtype=np.bool_) if found.territory is None else found.territory.full()[tuple(voxels.T)]
    both, wanted, reached = (int(np.count_nonzero(each)) for each in (true & ours, true, ours))
    return 2.0 * both / (wanted + reached), both / wanted, both / max(reached, 1)


def arm_at(
    primary: float, secondary: float, size: int, field_mm: float, frame: str, centre: NDArray[np.float64]
) -> CArm:
    spacing = field_mm * 1100.0 / 700.0 / size
    x, y, z = (float(each) for each in centre)
    middle = (size - 1) / 2.0
    return CArm(
        primary, secondary, 1100.0, 700.0, DetectorSpacing(spacing, spacing), (middle, middle), frame, (x, y, z)
    )


def drr() -> None:
    """One body of soft tissue and bone with noise, 1 mm; ours is fed attenuation, plastimatch HU."""
    count = 256
    k, j, i = np.ogrid[:count, :count, :count]
    body = ((i - 128.0) / 120.0) ** 2 + ((j - 128.0) / 90.0) ** 2 < 1.0
    bone = (i - 100.0) ** 2 + (j - 120.0) ** 2 + 0.0 * k < 400.0
    noise = np.random.default_rng(0).normal(0.0, 10.0, (count, count, count))
    hounsfield = (np.where(body, 40.0, -1000.0) + np.where(bone, 500.0, 0.0) + noise).astype(np.float32)
    grid = Grid.of(hounsfield.shape, origin_lps_mm=(-127.5,) * 3, spacing_kji_mm=(1.0,) * 3, frame_uid="1")
    source = Projectable.of(Volume(hounsfield, grid, ImageSource("1")))
    full = np.maximum(0.0, 1.0 + hounsfield / 1000.0).astype(np.float32) * np.float32(0.02)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volume.mha"
        write(file, hounsfield)
        print("view: ours of every voxel, ours of voxels above air, plastimatch; processor seconds, least of 5")
        for primary, secondary in VIEWS:
            arm = arm_at(primary, secondary, 512, 254.5, "1", np.zeros(3))
            rounds = [_one_round(arm, full, grid, source, file) for _ in range(6)][1:]
            ours, bare, theirs, base = (min(each) for each in zip(*rounds, strict=True))
            words = "not installed"
            if theirs > 0.0:
                peer = theirs - base
                words = f"{peer:.3f} (whole command {theirs:.3f}); ratios {peer / ours:.2f} and {peer / bare:.2f}"
            print(f"{primary:g}/{secondary:g}: {ours:.3f}, {bare:.3f}, {words}")


def _one_round(
    arm: CArm, full: NDArray[np.float32], grid: Grid, source: Projectable, file: Path
) -> tuple[float, float, float, float]:
    """Processor seconds: ours of all voxels, ours without air, plastimatch, plastimatch of one pixel."""
    return (
        _processor(lambda: line_integrals(full, grid, arm, (512, 512))),
        _processor(lambda: simulated_view(source, arm, (512, 512))),
        plastimatch(arm, file, 512),
        plastimatch(arm, file, 1),
    )


def _processor(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def write(file: Path, hounsfield: NDArray[np.float32]) -> None:
    """MetaImage, as plastimatch reads it."""
    size = " ".join(str(each) for each in hounsfield.shape[::-1])
    header = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"Offset = -127.5 -127.5 -127.5\nElementSpacing = 1 1 1\nDimSize = {size}\nElementType = MET_FLOAT\n"
        "ElementDataFile = LOCAL\n"
    )
    file.write_bytes(header.encode() + hounsfield.astype("<f4").tobytes())


def plastimatch(arm: CArm, file: Path, size: int) -> float:
    """Processor seconds of its command; 0 where it is not installed."""
    program = shutil.which("plastimatch")
    if program is None:
        return 0.0
    normal = " ".join(f"{each:.5f}" for each in arm.axes_lps[2])
    extent = arm.spacing.right_mm * 512
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [
            *(program, "drr", "-A", "cpu", "-i", "exact", "-t", "pfm", "--sid", "1100", "--sad", "700"),
            *("-r", f"{size} {size}", "-z", f"{extent} {extent}", "-n", normal, "--vup", "0 0 1", "-o", "0 0 0"),
            *("-O", str(file.parent / "out"), "-I", str(file)),
        ],
        capture_output=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("speed", "territories", "drr"))
    parser.add_argument("--preset", default="demo")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 7])
    parser.add_argument("--ct", action="store_true")
    given = parser.parse_args()
    if given.what == "speed":
        speed(given.preset, given.seed)
    elif given.what == "territories":
        territories(given.seeds, given.ct, given.preset)
    else:
        drr()


if __name__ == "__main__":
    main()
