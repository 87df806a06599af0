"""Vector images out: MetaImage with three channels, which ITK and SimpleITK read as a displacement field.

A file appears whole or not at all.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom.volume_writing import metaimage_header
from planner.errors import OperatorError
from planner.files import whole_file
from planner.geometry import Grid

_FAST = 1


def write_vectors(vectors: NDArray[np.float32], grid: Grid, out: Path) -> None:
    """Write vectors (k, j, i, 3), x, y, z in LPS mm, as an MHA of three float channels.

    Raises
    ------
    OperatorError
        When the file cannot be written; an older file of that name is left as it was.
    """
    packed = zlib.compress(np.ascontiguousarray(vectors, dtype="<f4").reshape(-1).view(np.uint8).data, _FAST)
    header = metaimage_header(grid, len(packed), "ElementNumberOfChannels = 3", "ElementType = MET_FLOAT")
    try:
        with whole_file(out) as stream:
            stream.write(header)
            stream.write(packed)
    except OSError as error:
        text = f"{out} could not be written ({error.strerror}); check the folder, its rights and the free space."
        raise OperatorError("not-written", text, subject=str(out)) from error
