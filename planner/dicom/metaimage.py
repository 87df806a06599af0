"""MetaImage (.mha, .mhd with its data file beside it), as ITK writes it: LPS millimetres."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from planner.dicom import limits
from planner.dicom.scanner import refused
from planner.dicom.volume_files import ImageFile, check_size, geometry_faults
from planner.geometry.conventions import lps_from_kji_of

_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}


def _fields(file: Path) -> tuple[dict[str, str], int, bytes]:
    found: dict[str, str] = {}
    head = b""
    with file.open("rb") as stream:
        while len(head) < limits.MEBI:
            line = stream.readline(65536)
            if not line:
                break
            head += line
            key, equals, value = line.decode("latin-1").partition("=")
            if not equals:
                break
            found[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                return found, stream.tell(), head
    raise refused("undecodable", file, "its header is no MetaImage header", "convert it again")


def numbers(file: Path, text: str, count: int, what: str) -> list[float]:
    """Exactly `count` numbers of a header field, or a refusal."""
    try:
        values = [float(one) for one in text.split()]
    except ValueError:
        values = []
    if len(values) != count:
        raise refused("undecodable", file, f"its {what} is '{text[:60]}'", "convert it again")
    return values


def whole_numbers(file: Path, text: str, count: int, what: str) -> list[int]:
    """Exactly `count` whole numbers of a header field that could be sizes or places in a file, or a refusal."""
    values = numbers(file, text, count, what)
    if not all(abs(value) <= limits.MAXIMUM_FILE_BYTES and value.is_integer() for value in values):
        raise refused("undecodable", file, f"its {what} is '{text[:60]}'", "convert it again")
    return [int(value) for value in values]


def beside(file: Path, name: str) -> Path:
    """A data file named by a header: only in the header's own folder.

    Raises
    ------
    InputRefused
        ``undecodable`` for a path, a link or a file that is not there.
    """
    target = file.parent / name
    plain = name not in ("", ".", "..") and not any(mark in name for mark in "/\\:%\0")
    if not plain or target.is_symlink() or not target.is_file():
        raise refused("undecodable", file, "its data file is not a plain file beside it", "copy both into one folder")
    return target


def read_header(file: Path) -> ImageFile:
    """Parse the header.

    Raises
    ------
    InputRefused
        ``undecodable``, ``unsupported-syntax`` or ``too-large``.
    """
    fields, end, head = _fields(file)
    if fields.get("NDims") != "3" or fields.get("ElementNumberOfChannels", "1") != "1":
        raise refused("unsupported-syntax", file, "it is not one three-dimensional image", "convert it to one")
    if fields.get("BinaryData", "True").lower() != "true" or fields.get("ElementType") not in _TYPES:
        raise refused("unsupported-syntax", file, "its voxels are text or of no known type", "convert it to numbers")
    size = tuple(whole_numbers(file, fields.get("DimSize", ""), 3, "size"))
    check_size(file, size, 1)
    spacing = numbers(file, fields.get("ElementSpacing") or fields.get("ElementSize", "1 1 1"), 3, "spacing")
    origin_text = next((fields[key] for key in ("Offset", "Position", "Origin") if key in fields), "0 0 0")
    turn_text = next((fields[key] for key in ("TransformMatrix", "Rotation", "Orientation") if key in fields), None)
    turned = np.eye(3) if turn_text is None else np.reshape(numbers(file, turn_text, 9, "orientation"), (3, 3)).T
    world_from_ijk = np.eye(4)
    world_from_ijk[:3, :3] = turned * np.array(spacing)
    world_from_ijk[:3, 3] = numbers(file, origin_text, 3, "origin")
    lps_from_kji = lps_from_kji_of(world_from_ijk, "LPS")
    order = (
        ">" if fields.get("BinaryDataByteOrderMSB", fields.get("ElementByteOrderMSB", "")).lower() == "true" else "<"
    )
    local = fields["ElementDataFile"].upper() == "LOCAL"
    skip = 0 if local else whole_numbers(file, fields.get("HeaderSize", "0"), 1, "header size")[0]
    if skip < 0:
        raise refused("unsupported-syntax", file, "its data begin at an unknown place", "convert it to .mha")
    return ImageFile(
        file=file,
        format="metaimage",
        size_ijk=(size[0], size[1], size[2]),
        dtype=np.dtype(order + _TYPES[fields["ElementType"]]),
        lps_from_kji=lps_from_kji,
        data_file=file if local else beside(file, fields["ElementDataFile"]),
        offset=end if local else skip,
        encoding="zlib" if fields.get("CompressedData", "False").lower() == "true" else "raw",
        faults=geometry_faults(file, lps_from_kji),
        fields=fields,
        digest=hashlib.sha256(head).hexdigest(),
    )
