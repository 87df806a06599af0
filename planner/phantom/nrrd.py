"""Label maps as gzip-encoded NRRD files (http://teem.sourceforge.net/nrrd/format.html) that name their labels."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid
from planner.imaging import LabelMap


def write_label_map(labels: LabelMap, path: Path) -> None:
    """Write a label map; rows of the header's directions are those of i, j and k in LPS mm.

    Labels are named in the key/value pairs that 3D Slicer reads (``Segment0_LabelValue`` and so on).
    """
    k, j, i = labels.grid.size_kji
    columns = labels.grid.lps_from_kji.homogeneous
    directions = " ".join(_vector(columns[:3, axis]) for axis in (2, 1, 0))
    lines = [
        "NRRD0004",
        "type: unsigned char",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {i} {j} {k}",
        f"space directions: {directions}",
        "kinds: domain domain domain",
        "encoding: gzip",
        f"space origin: {_vector(columns[:3, 3])}",
    ]
    present = np.unique(np.asarray(labels.voxels))
    shown = [label for value, label in labels.labels.items() if value in present]
    for index, label in enumerate(shown):
        rgb = " ".join(f"{int(label.colour[place : place + 2], 16) / 255.0:.4f}" for place in (1, 3, 5))
        lines += [
            f"Segment{index}_ID:={label.structure or label.name}",
            f"Segment{index}_Name:={label.name}",
            f"Segment{index}_LabelValue:={label.value}",
            f"Segment{index}_Layer:=0",
            f"Segment{index}_Color:={rgb}",
        ]
    header = ("\n".join(lines) + "\n\n").encode("ascii")
    body = gzip.compress(np.ascontiguousarray(labels.voxels, dtype=np.uint8).tobytes(), compresslevel=1, mtime=0)
    path.write_bytes(header + body)


def write_displacements(vectors_mm: NDArray[np.float32], grid: Grid, path: Path) -> None:
    """Write (k, j, i, 3) displacements in LPS mm, x first, on a grid, as 32-bit floats."""
    k, j, i = grid.size_kji
    columns = grid.lps_from_kji.homogeneous
    directions = " ".join(_vector(columns[:3, axis]) for axis in (2, 1, 0))
    lines = [
        "NRRD0004",
        "type: float",
        "dimension: 4",
        "space: left-posterior-superior",
        f"sizes: 3 {i} {j} {k}",
        f"space directions: none {directions}",
        "kinds: vector domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: {_vector(columns[:3, 3])}",
    ]
    header = ("\n".join(lines) + "\n\n").encode("ascii")
    # Hundredths of a millimetre are enough, and compress to half.
    plain = np.ascontiguousarray(np.round(vectors_mm, 2), dtype="<f4").tobytes()
    path.write_bytes(header + gzip.compress(plain, compresslevel=1, mtime=0))


def _vector(values: NDArray[np.float64]) -> str:
    return "(" + ",".join(repr(float(value)) for value in values) + ")"
