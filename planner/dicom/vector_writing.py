"""Vector images out: MetaImage with three channels, which ITK and SimpleITK read as a displacement field.

A file appears whole or not at all.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError
from planner.files import whole_file
from planner.geometry import Grid
from planner.geometry.conventions import world_from_ijk_of

_FAST = 1


def write_vectors(vectors: NDArray[np.float32], grid: Grid, out: Path) -> None:
    """Write vectors (k, j, i, 3), x, y, z in LPS mm, as an MHA of three float channels.

    Raises
    ------
    OperatorError
        When the file cannot be written; an older file of that name is left as it was.
    """
    world_from_ijk = world_from_ijk_of(grid.lps_from_kji.homogeneous, "LPS")
    steps = np.linalg.norm(world_from_ijk[:3, :3], axis=0)
    packed = zlib.compress(np.ascontiguousarray(vectors, dtype="<f4").reshape(-1).view(np.uint8).data, _FAST)
    k, j, i = grid.size_kji
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {len(packed)}",
        f"TransformMatrix = {_exact((world_from_ijk[:3, :3] / steps).T.ravel())}",
        f"Offset = {_exact(world_from_ijk[:3, 3])}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {_exact(steps)}",
        f"DimSize = {i} {j} {k}",
        "ElementNumberOfChannels = 3",
        "ElementType = MET_FLOAT",
        "ElementDataFile = LOCAL",
    )
    try:
        with whole_file(out) as stream:
            stream.write("\n".join(lines).encode() + b"\n")
            stream.write(packed)
    except OSError as error:
        text = f"{out} could not be written ({error.strerror}); check the folder, its rights and the free space."
        raise OperatorError("not-written", text, subject=str(out)) from error


def _exact(values: NDArray[np.float64]) -> str:
    return " ".join(repr(float(value)) for value in values)
