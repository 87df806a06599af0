"""NRRD (.nrrd, .nhdr with its data file beside it), including 3D Slicer's segmentations with layers.

Format: https://teem.sourceforge.net/nrrd/format.html
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits
from planner.dicom.metaimage import beside, numbers, whole_numbers
from planner.dicom.scanner import refused
from planner.dicom.volume_files import ImageFile, check_size, geometry_faults
from planner.geometry.conventions import lps_from_kji_of

_SPACES = {
    "left-posterior-superior": "LPS",
    "lps": "LPS",
    "right-anterior-superior": "RAS",
    "ras": "RAS",
    "left-anterior-superior": "LAS",
    "las": "LAS",
}
_TYPES = (
    (("signed char", "int8", "int8_t"), "i1"),
    (("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    (("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    (("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    (("int", "signed int", "int32", "int32_t"), "i4"),
    (("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    (("longlong", "long long", "int64", "int64_t"), "i8"),
    (("ulonglong", "unsigned long long", "uint64", "uint64_t"), "u8"),
    (("float",), "f4"),
    (("double",), "f8"),
)
_VECTOR = re.compile(r"none|\(([^()]*)\)")


def _fields(file: Path) -> tuple[dict[str, str], int, bytes]:
    found: dict[str, str] = {}
    with file.open("rb") as stream:
        head = stream.readline(256)
        if not head.startswith(b"NRRD000"):
            raise refused("undecodable", file, "it is no NRRD file", "check what it is")
        while len(head) < 4 * limits.MEBI:
            line = stream.readline(limits.MEBI)
            head += line
            text = line.decode("utf-8", errors="replace").rstrip("\r\n")
            if not text:
                return found, stream.tell(), head
            if not text.startswith("#") and ":" in text:
                key, _, value = text.partition(":")
                found[key.strip().lower() if not value.startswith("=") else key.strip()] = value.lstrip("=").strip()
    raise refused("undecodable", file, "its header does not end", "convert it again")


def _placed(file: Path, fields: dict[str, str], rank: int) -> tuple[NDArray[np.float64] | None, int | None]:
    """LPS from k, j, i, and which axis is a list of volumes (None for a plain image)."""
    letters = _SPACES.get(fields.get("space", "").lower())
    vectors = [
        None if found.group(0) == "none" else numbers(file, found.group(1).replace(",", " "), 3, "space directions")
        for found in _VECTOR.finditer(fields.get("space directions", ""))
    ]
    if letters is None or len(vectors) != rank:
        return None, None
    spatial = [vector for vector in vectors if vector is not None]
    lists = [axis for axis, vector in enumerate(vectors) if vector is None]
    if len(spatial) != 3 or len(lists) > 1 or (lists and lists[0] not in (0, rank - 1)):
        raise refused("unsupported-syntax", file, "its axes are not three of space and one list", "convert it again")
    world_from_ijk = np.eye(4)
    world_from_ijk[:3, :3] = np.array(spatial).T
    world_from_ijk[:3, 3] = numbers(
        file, fields.get("space origin", "(0,0,0)").strip("()").replace(",", " "), 3, "origin"
    )
    return lps_from_kji_of(world_from_ijk, letters), lists[0] if lists else None


def read_header(file: Path) -> ImageFile:
    """Parse the header.

    Raises
    ------
    InputRefused
        ``undecodable``, ``unsupported-syntax`` or ``too-large``.
    """
    fields, end, head = _fields(file)
    rank = whole_numbers(file, fields.get("dimension", ""), 1, "dimension")[0]
    if rank not in (3, 4):
        raise refused("unsupported-syntax", file, f"it has {rank} dimensions", "convert it to three")
    sizes = whole_numbers(file, fields.get("sizes", ""), rank, "sizes")
    lps_from_kji, list_axis = _placed(file, fields, rank)
    volumes = 1 if rank == 3 else sizes.pop(rank - 1 if list_axis is None else list_axis)
    check_size(file, tuple(sizes), volumes)
    kind = next((code for names, code in _TYPES if fields.get("type", "").lower() in names), None)
    encoding = {"raw": "raw", "gzip": "gzip", "gz": "gzip"}.get(fields.get("encoding", "").lower())
    if kind is None or encoding is None:
        what = f"its type '{fields.get('type', '')[:30]}' or encoding '{fields.get('encoding', '')[:30]}' is not read"
        raise refused("unsupported-syntax", file, what, "convert it to raw or gzip")
    if {"line skip", "byte skip", "lineskip", "byteskip"} & set(fields):
        raise refused("unsupported-syntax", file, "its data begin at a skipped place", "convert it to one .nrrd file")
    named = fields.get("data file", fields.get("datafile"))
    order = ">" if fields.get("endian", "little").lower() == "big" else "<"
    return ImageFile(
        file=file,
        format="nrrd",
        size_ijk=(sizes[0], sizes[1], sizes[2]),
        dtype=np.dtype(order + kind),
        lps_from_kji=lps_from_kji,
        data_file=file if named is None else beside(file, named),
        offset=end if named is None else 0,
        encoding=encoding,
        volumes=volumes,
        interleaved=rank == 4 and list_axis == 0,
        faults=geometry_faults(file, lps_from_kji),
        fields=fields,
        digest=hashlib.sha256(head).hexdigest(),
    )
