"""Volumes and label maps out: NIfTI, NRRD and MetaImage, with their place in the patient.

NRRD and MetaImage keep every digit of the geometry (text); NIfTI-1 keeps it as float32, as its format has it.
A file appears whole or not at all.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.errors import OperatorError, UsageError
from planner.files import whole_file
from planner.geometry import Grid
from planner.geometry.conventions import world_from_ijk_of

_NIFTI = {"u1": 2, "i2": 4, "i4": 8, "f4": 16, "f8": 64, "i1": 256, "u2": 512, "u4": 768}
_NRRD = {
    "u1": "uint8",
    "i2": "int16",
    "i4": "int32",
    "f4": "float",
    "f8": "double",
    "i1": "int8",
    "u2": "uint16",
    "u4": "uint32",
}
_META = {
    "u1": "MET_UCHAR",
    "i2": "MET_SHORT",
    "i4": "MET_INT",
    "f4": "MET_FLOAT",
    "f8": "MET_DOUBLE",
    "i1": "MET_CHAR",
    "u2": "MET_USHORT",
    "u4": "MET_UINT",
}
_FAST = 1
"""Compression level: CT noise hardly shrinks further, and level 6 takes three times as long."""


def write_voxels(voxels: NDArray[np.generic], grid: Grid, out: Path) -> None:
    """Write a (k, j, i) array by the suffix of `out`: .nii, .nii.gz, .nrrd or .mha.

    Raises
    ------
    UsageError
        For another suffix.
    OperatorError
        When the file cannot be written; an older file of that name is left as it was.
    """
    writers: tuple[tuple[str, Callable[[NDArray[np.generic], Grid], list[bytes | memoryview]]], ...] = (
        (".nii.gz", _gzipped_nifti),
        (".nii", _nifti),
        (".nrrd", _nrrd),
        (".mha", _metaimage),
    )
    write = next((found for suffix, found in writers if out.name.lower().endswith(suffix)), None)
    if write is None:
        known = ", ".join(suffix for suffix, _ in writers)
        raise UsageError("unknown-format", f"{out.name}: the file format is told by its ending, one of {known}.")
    array = np.ascontiguousarray(voxels, voxels.dtype.newbyteorder("<"))
    if array.dtype.str[1:] not in _NIFTI:
        raise UsageError("unknown-format", f"Voxels of type {array.dtype} cannot be written.")
    try:
        with whole_file(out) as stream:
            for piece in write(array, grid):
                stream.write(piece)
    except OSError as error:
        text = f"{out} could not be written ({error.strerror}); check the folder, its rights and the free space."
        raise OperatorError("not-written", text, subject=str(out)) from error


def _bytes_of(array: NDArray[np.generic]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _nifti(array: NDArray[np.generic], grid: Grid) -> list[bytes | memoryview]:
    """NIfTI-1 with sform and qform, both code 1 (scanner)."""
    world_from_ijk = world_from_ijk_of(grid.lps_from_kji.homogeneous, "RAS")
    k, j, i = array.shape
    columns = world_from_ijk[:3, :3]
    steps = np.linalg.norm(columns, axis=0)
    handed = 1.0 if np.linalg.det(columns) > 0 else -1.0
    b, c, d = _quaternion(columns / steps * np.array([1.0, 1.0, handed]))
    head = bytearray(352)
    struct.pack_into("<i", head, 0, 348)
    struct.pack_into("<8h", head, 40, 3, i, j, k, 1, 1, 1, 1)
    struct.pack_into("<2h", head, 70, _NIFTI[array.dtype.str[1:]], array.dtype.itemsize * 8)
    struct.pack_into("<8f", head, 76, handed, *steps, 0, 0, 0, 0)
    struct.pack_into("<3f", head, 108, 352.0, 1.0, 0.0)
    head[123] = 2
    struct.pack_into("<2h", head, 252, 1, 1)
    struct.pack_into("<6f", head, 256, b, c, d, *world_from_ijk[:3, 3])
    struct.pack_into("<12f", head, 280, *world_from_ijk[:3].ravel())
    head[344:348] = b"n+1\0"
    return [bytes(head), _bytes_of(array)]


def _gzipped_nifti(array: NDArray[np.generic], grid: Grid) -> list[bytes | memoryview]:
    return [gzip.compress(b"".join(_nifti(array, grid)), _FAST, mtime=0)]


def _quaternion(turned: NDArray[np.float64]) -> tuple[float, float, float]:
    """b, c, d of a rotation with a >= 0 (nifti1.h): the eigenvector of the largest eigenvalue of the 4x4 form."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = turned
    form = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    _, vectors = np.linalg.eigh(form)
    a, b, c, d = vectors[:, -1]
    sign = -1.0 if a < 0 else 1.0
    return sign * float(b), sign * float(c), sign * float(d)


def _exact(values: NDArray[np.float64]) -> list[str]:
    return [repr(float(value)) for value in values]


def _nrrd(array: NDArray[np.generic], grid: Grid) -> list[bytes | memoryview]:
    world_from_ijk = world_from_ijk_of(grid.lps_from_kji.homogeneous, "LPS")
    k, j, i = array.shape
    directions = " ".join(f"({','.join(_exact(world_from_ijk[:3, axis]))})" for axis in range(3))
    lines = (
        "NRRD0004",
        f"type: {_NRRD[array.dtype.str[1:]]}",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {i} {j} {k}",
        f"space directions: {directions}",
        "kinds: domain domain domain",
        "endian: little",
        "encoding: gzip",
        f"space origin: ({','.join(_exact(world_from_ijk[:3, 3]))})",
    )
    return ["\n".join(lines).encode() + b"\n\n", gzip.compress(_bytes_of(array), _FAST, mtime=0)]


def _metaimage(array: NDArray[np.generic], grid: Grid) -> list[bytes | memoryview]:
    packed = zlib.compress(_bytes_of(array), _FAST)
    return [metaimage_header(grid, len(packed), f"ElementType = {_META[array.dtype.str[1:]]}"), packed]


def metaimage_header(grid: Grid, packed_bytes: int, *element: str) -> bytes:
    """The head of a MetaImage whose packed voxels follow it in the same file.

    Parameters
    ----------
    packed_bytes
        How long the packed voxels are.
    element
        Lines that say what one voxel is.
    """
    world_from_ijk = world_from_ijk_of(grid.lps_from_kji.homogeneous, "LPS")
    k, j, i = grid.size_kji
    steps = np.linalg.norm(world_from_ijk[:3, :3], axis=0)
    lines = (
        "ObjectType = Image",
        "NDims = 3",
        "BinaryData = True",
        "BinaryDataByteOrderMSB = False",
        "CompressedData = True",
        f"CompressedDataSize = {packed_bytes}",
        f"TransformMatrix = {' '.join(_exact((world_from_ijk[:3, :3] / steps).T.ravel()))}",
        f"Offset = {' '.join(_exact(world_from_ijk[:3, 3]))}",
        "CenterOfRotation = 0 0 0",
        f"ElementSpacing = {' '.join(_exact(steps))}",
        f"DimSize = {i} {j} {k}",
        *element,
        "ElementDataFile = LOCAL",
    )
    return "\n".join(lines).encode() + b"\n"
