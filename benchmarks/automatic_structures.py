"""Structures found from a CT alone: ``python benchmarks/automatic_structures.py [--data FOLDER] [--vertebrae]``.

Printed are seconds at full resolution (second run, kernels compiled), volumes, and, where there is a truth, overlap
(Dice), recall and precision: the digital patient (its own truth) and the CT of TotalSegmentator (a network's masks).
With ``--vertebrae`` also one vertebra from two clicks at each labelled level.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.app.images import open_image
from planner.dicom.label_files import read_labels
from planner.errors import OperatorError
from planner.imaging import Volume
from planner.imaging.automatic_structures import AutomaticStructures, automatic_structures
from planner.imaging.vertebra_segmentation import vertebra_from_clicks
from planner.phantom import generate

Bools = NDArray[np.bool_]
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


def timed(name: str, volume: Volume) -> AutomaticStructures:
    automatic_structures(volume)
    started = time.perf_counter()
    found = automatic_structures(volume)
    taken = time.perf_counter() - started
    sizes = ", ".join(f"{key} {mask.volume_ml:.0f} mL" for key, mask in found.masks.items())
    sys.stdout.write(f"{name} {volume.grid.size_kji}: {taken:.1f} s; {sizes}\n")
    for text in (*found.not_looked_for, *found.notes):
        sys.stdout.write(f"    {text}\n")
    sys.stdout.flush()
    return found


def told(what: str, truth: Bools, found: Bools) -> None:
    shared = float(np.count_nonzero(truth & found))
    both = float(np.count_nonzero(truth) + np.count_nonzero(found))
    sys.stdout.write(
        f"    {what}: Dice {2.0 * shared / max(both, 1.0):.3f}, recall {shared / max(1, np.count_nonzero(truth)):.3f}, "
        f"precision {shared / max(1, np.count_nonzero(found)):.3f}\n"
    )


def clicks(truth: Bools, volume: Volume) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle of the thickest part, and a point of the arch behind it."""
    from scipy import ndimage

    depth = ndimage.distance_transform_edt(truth, sampling=volume.grid.spacing_kji_mm)
    body = volume.grid.lps_from_kji.points(np.argwhere(depth > 0.6 * depth.max())).mean(axis=0)
    points = volume.grid.lps_from_kji.points(np.argwhere(truth))
    rear = points[(points[:, 1] > body[1] + 38.0) & (np.abs(points[:, 0] - body[0]) < 12.0)]
    if not len(rear):
        rear = points[points[:, 1] > np.percentile(points[:, 1], 80.0)]
    return body, rear[int(np.argmin(np.linalg.norm(rear - rear.mean(axis=0), axis=1)))]


def vertebra(name: str, volume: Volume, truth: Bools) -> None:
    try:
        told(name, truth, vertebra_from_clicks(volume, *clicks(truth, volume)).mask.full())
    except OperatorError as error:
        sys.stdout.write(f"    {name}: refused, {error.message}\n")


def digital_patient(with_vertebrae: bool) -> None:
    patient = generate("full", 7)
    structures = patient.truth.structures

    def truth_of(*beginnings: str) -> Bools:
        values = [v for v, label in structures.labels.items() if (label.structure or "").startswith(beginnings)]
        return np.isin(structures.voxels, values)

    for phase, volume in (("arterial", patient.arterial), ("portal venous", patient.portal)):
        found = timed(f"digital patient, {phase}", volume).masks
        told("lung", truth_of("lung"), found["lung"].full())
        told("vertebrae and ribs", truth_of("vertebrae", "rib"), found["bone"].full())
        told("aorta, caval and portal vein", truth_of("aorta", "inferior", "portal"), found["vessels"].full())
    if with_vertebrae:
        for level in ("T11", "T12", "L1", "L2", "L3", "L4"):
            vertebra(level, patient.portal, truth_of(f"vertebrae_{level}"))


def real_images(data: Path, with_vertebrae: bool) -> None:
    for name in ("pancreas-ct-cb001", "kits-00072-arterial"):
        if (data / name).exists():
            timed(name, open_image(data / name))
    if not (data / "totalseg").exists():
        return
    volume = open_image(data / "totalseg" / "example_ct.nii.gz", accept=("missing-frame",))
    found = timed("totalseg", volume).masks

    def union(*beginnings: str) -> Bools:
        files = [f for f in sorted((data / "totalseg" / "example_seg").iterdir()) if f.name.startswith(beginnings)]
        return np.asarray(np.logical_or.reduce([np.asarray(read_labels(f)[0].voxels) > 0 for f in files]))

    told("lung", union("lung"), found["lung"].full())
    told("bone", union("vertebrae", "rib", "hip", "sacrum", "femur"), found["bone"].full())
    if with_vertebrae:
        for level in ("T12", "L1", "L2", "L3", "L4", "L5"):
            vertebra(level, volume, union(f"vertebrae_{level}"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--vertebrae", action="store_true")
    given = parser.parse_args()
    real_images(given.data, given.vertebrae)
    digital_patient(given.vertebrae)


if __name__ == "__main__":
    main()
