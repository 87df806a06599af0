"""NIfTI-1 and NIfTI-2, single files, plain or gzipped (https://nifti.nimh.nih.gov/nifti-1, nifti-2)."""

from __future__ import annotations

import hashlib
import math
import re
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits
from planner.dicom.scanner import refused
from planner.dicom.volume_files import Fault, ImageFile, check_size, geometry_faults, inflated_stream
from planner.geometry.conventions import lps_from_kji_of

_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_TO_MM = {0: 1.0, 1: 1000.0, 2: 1.0, 3: 0.001}
"""NIFTI_UNITS_UNKNOWN, METER, MM, MICRON."""
_LABEL = re.compile(rb'<Label\s+Key="(\d{1,6})"[^>]{0,400}>\s*<!\[CDATA\[([^\]]{1,200})\]\]>')
"""One row of the label table that TotalSegmentator and Connectome Workbench put in the header extension."""


def _head(file: Path, count: int) -> tuple[bytes, str]:
    with file.open("rb") as stream:
        start = stream.read(2)
        stream.seek(0)
        if start == b"\x1f\x8b":
            try:
                return inflated_stream(stream.read, "gzip", 0, count), "gzip"
            except zlib.error as error:
                raise refused("undecodable", file, f"its gzip stream is broken ({error})", "fetch it again") from error
        return stream.read(count), "raw"


def read_header(file: Path) -> ImageFile:
    """Parse the header.

    Raises
    ------
    InputRefused
        ``truncated``, ``undecodable``, ``unsupported-syntax`` or ``too-large``.
    """
    head, encoding = _head(file, 544)
    if len(head) < 348:
        raise refused("truncated", file, "it is shorter than a NIfTI header", "fetch the file again")
    order = next((one for one in "<>" if struct.unpack(one + "i", head[:4])[0] in (348, 540)), None)
    if order is None:
        raise refused("undecodable", file, "it is no NIfTI file", "check what it is")
    first = struct.unpack(order + "i", head[:4])[0] == 348
    magic = head[344:348] if first else head[4:8]
    if magic not in (b"n+1\0", b"n+2\0"):
        what = "it is one half of a NIfTI pair, or an ANALYZE file"
        raise refused("unsupported-syntax", file, what, "convert it to a single .nii file")
    if not first and len(head) < 540:
        raise refused("truncated", file, "it is shorter than a NIfTI-2 header", "fetch the file again")
    return _image(file, head, order, first, encoding)


def _image(file: Path, head: bytes, order: str, first: bool, encoding: str) -> ImageFile:
    dims = struct.unpack(order + ("8h" if first else "8q"), head[40:56] if first else head[16:80])
    datatype = struct.unpack(order + "h", head[70:72] if first else head[12:14])[0]
    offset = float(struct.unpack(order + ("f" if first else "q"), head[108:112] if first else head[168:176])[0])
    slope, intercept = struct.unpack(order + ("2f" if first else "2d"), head[112:120] if first else head[176:192])
    rank = dims[0]
    if not 2 <= rank <= 7:
        raise refused("undecodable", file, f"it declares {rank} dimensions", "convert it again")
    sides = [dims[axis] if axis <= rank else 1 for axis in range(1, 8)]
    volumes = math.prod(sides[3:])
    check_size(file, tuple(sides[:3]), volumes)
    if datatype not in _TYPES:
        raise refused("unsupported-syntax", file, f"its voxels are of NIfTI type {datatype}", "convert it to numbers")
    if not (math.isfinite(offset) and 0 <= offset < limits.MAXIMUM_FILE_BYTES):
        raise refused("undecodable", file, "its voxel offset is impossible", "convert it again")
    start = max(int(offset), 352 if first else 544)
    lps_from_kji, note = _placed(file, head, order, first)
    faults = geometry_faults(file, lps_from_kji) + note
    scaled = math.isfinite(slope) and slope != 0 and math.isfinite(intercept)
    return ImageFile(
        file=file,
        format="nifti",
        size_ijk=(sides[0], sides[1], sides[2]),
        dtype=np.dtype(order + _TYPES[datatype]),
        lps_from_kji=lps_from_kji,
        data_file=file,
        offset=start,
        encoding=encoding,
        slope=slope if scaled else 1.0,
        intercept=intercept if scaled else 0.0,
        volumes=volumes,
        faults=faults,
        names=_label_table(file, start),
        digest=hashlib.sha256(head).hexdigest(),
    )


def _placed(file: Path, head: bytes, order: str, first: bool) -> tuple[NDArray[np.float64] | None, tuple[Fault, ...]]:
    """LPS from k, j, i by the sform, else the qform; None when the file has neither code."""
    real = "f" if first else "d"
    steps = struct.unpack(order + "8" + real, head[76:108] if first else head[104:168])
    codes = struct.unpack(order + ("2h" if first else "2i"), head[252:256] if first else head[344:352])
    quaternion = struct.unpack(order + "6" + real, head[256:280] if first else head[352:400])
    rows = struct.unpack(order + "12" + real, head[280:328] if first else head[400:496])
    units = head[123] if first else struct.unpack(order + "i", head[500:504])[0]
    scale = _TO_MM.get(units & 7, 1.0)
    by_rows = np.vstack([np.reshape(rows, (3, 4)), (0, 0, 0, 1)]).astype(np.float64)
    by_quaternion = _from_quaternion(quaternion, steps)
    if codes[1] > 0:
        found = by_rows
    elif codes[0] > 0:
        found = by_quaternion
    else:
        return None, ()
    note: tuple[Fault, ...] = ()
    if min(codes) > 0 and codes[0] == codes[1]:
        apart = float(np.abs(by_rows - by_quaternion)[:3].max())
        if apart > max(0.01, 1e-3 * float(np.abs(by_rows[:3, 3]).max())):
            text = f"{file.name}: its two orientations (sform, qform) disagree by {apart:.2f}; the sform is used."
            note = (Fault("two-orientations", text),)
    found = found.copy()
    found[:3] *= scale
    return lps_from_kji_of(found, "RAS"), note


def _from_quaternion(values: tuple[float, ...], steps: tuple[float, ...]) -> NDArray[np.float64]:
    """RAS from i, j, k by the quaternion (nifti1.h, METHOD 2)."""
    b, c, d, *origin = values
    a = math.sqrt(max(0.0, 1.0 - (b * b + c * c + d * d)))
    turned = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    handed = -1.0 if steps[0] < 0 else 1.0
    found = np.eye(4)
    found[:3, :3] = turned * np.array([steps[1], steps[2], handed * steps[3]])
    found[:3, 3] = origin
    return found


def _label_table(file: Path, start: int) -> dict[int, str]:
    if start <= 352 or start > 4 * limits.MEBI:
        return {}
    extension, _ = _head(file, start)
    return {int(key): name.decode("utf-8", errors="replace") for key, name in _LABEL.findall(extension)}
