"""NIfTI, NRRD and MetaImage: what they have in common. The formats have a file each.

Their readers are our own, small and bounded: sizes are checked before anything is allocated, compressed data are
inflated to the declared size and no further, and no C++ reader sees a file name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits
from planner.dicom.identifiers import derived_uid
from planner.dicom.memory import require_memory
from planner.dicom.rescaling import stacked
from planner.dicom.scanner import refused
from planner.geometry import KJI, Grid, SpaceMap, lps

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd")


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with the geometry a file declares: finding code, sentence."""

    code: str
    text: str


@dataclass(frozen=True, eq=False)
class ImageFile:
    """What the header of a volume file says.

    Attributes
    ----------
    size_ijk
        Voxels along i, j, k.
    volumes
        Number of volumes it holds, one behind the other (4D).
    lps_from_kji
        (4, 4); None when the file does not say where it lies.
    data_file, offset, encoding
        Where the voxels are: ``raw``, ``gzip`` (RFC 1952) or ``zlib`` (RFC 1950). `offset` counts in the stored bytes
        of `data_file`, or, when the whole file is compressed (`.nii.gz`), in the inflated ones.
    interleaved
        The volumes of one voxel lie next to each other (NRRD with the list axis first).
    names
        Voxel value -> structure name, where the file carries a table.
    """

    file: Path
    format: str
    size_ijk: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    lps_from_kji: NDArray[np.float64] | None
    data_file: Path
    offset: int
    encoding: str
    slope: float = 1.0
    intercept: float = 0.0
    volumes: int = 1
    interleaved: bool = False
    faults: tuple[Fault, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    digest: str = ""

    @property
    def uid(self) -> str:
        """A private UID: the same for the same file name and header."""
        return derived_uid("file", self.file.name, self.digest)

    @property
    def size_kji(self) -> tuple[int, int, int]:
        i, j, k = self.size_ijk
        return k, j, i

    @property
    def bytes_per_volume(self) -> int:
        i, j, k = self.size_ijk
        return i * j * k * self.dtype.itemsize

    def grid(self, frame_uid: str) -> Grid | None:
        """Where it lies, in a frame that the caller names."""
        if self.lps_from_kji is None or any(one.code in _NO_GRID for one in self.faults):
            return None
        return Grid(self.size_kji, SpaceMap(lps(frame_uid), KJI, self.lps_from_kji), frame_uid)


_MOST_INFLATED = 1032
"""Bytes that one deflated byte can stand for (zlib's technical notes)."""
_NO_GRID = frozenset({"bad-orientation", "implausible-spacing", "too-large", "undecodable"})


def is_volume_file(file: Path) -> bool:
    return file.name.lower().endswith(SUFFIXES)


def read_image_file(file: Path) -> ImageFile:
    """The header of a NIfTI, NRRD or MetaImage file.

    Raises
    ------
    InputRefused
        ``truncated``, ``undecodable``, ``too-large`` or ``unsupported-syntax``.
    """
    name = file.name.lower()
    try:
        if name.endswith((".nii", ".nii.gz")):
            from planner.dicom.nifti import read_header
        elif name.endswith((".nrrd", ".nhdr")):
            from planner.dicom.nrrd import read_header
        else:
            from planner.dicom.metaimage import read_header
        return read_header(file)
    except OSError as error:
        raise refused("truncated", file, f"it cannot be read ({error.strerror})", "check the disk") from error


def geometry_faults(file: Path, lps_from_kji: NDArray[np.float64] | None) -> tuple[Fault, ...]:
    """Right angles, plausible spacing and position; the limits are those of the DICOM gate."""
    if lps_from_kji is None:
        text = f"{file.name}: it does not say where it lies in the patient; convert it again with its orientation."
        return (Fault("bad-orientation", text),)
    if not np.all(np.isfinite(lps_from_kji)):
        return (Fault("bad-orientation", f"{file.name}: its orientation holds no numbers; convert it again."),)
    columns = lps_from_kji[:3, :3]
    lengths = np.linalg.norm(columns, axis=0)
    low, high = limits.PLAUSIBLE_PIXEL_SPACING_MM[0], limits.PLAUSIBLE_SLICE_SPACING_MM[1]
    if float(lengths.min()) < low or float(lengths.max()) > high:
        shown = " x ".join(f"{value:g}" for value in lengths[::-1])
        text = f"{file.name}: its voxels measure {shown} mm, outside {low:g} to {high:g} mm; convert it again."
        return (Fault("implausible-spacing", text),)
    units = columns / lengths
    skew = np.abs(units.T @ units - np.eye(3)).max()
    if float(skew) > limits.ORTHOGONALITY_TOLERANCE:
        text = f"{file.name}: its axes are not at right angles (sheared); resample it to an upright grid first."
        return (Fault("bad-orientation", text),)
    if float(np.abs(lps_from_kji[:3, 3]).max()) > limits.PLAUSIBLE_POSITION_MM:
        return (Fault("bad-orientation", f"{file.name}: its origin lies outside any scanner; convert it again."),)
    return ()


def check_size(file: Path, size: tuple[int, ...], volumes: int) -> None:
    """Refuse impossible sizes before anything is allocated.

    Raises
    ------
    InputRefused
        ``undecodable`` or ``too-large``.
    """
    if min(*size, volumes) < 1:
        raise refused("undecodable", file, f"it declares {_times(size)} voxels", "convert it again")
    if max(size) > limits.MAXIMUM_ROWS_OR_COLUMNS or volumes > limits.MAXIMUM_FRAMES:
        declared = f"it declares {_times(size)} voxels" + (f" in {volumes} volumes" if volumes > 1 else "")
        raise refused("too-large", file, declared, "convert a part of it")


def _times(size: tuple[int, ...]) -> str:
    return " x ".join(map(str, size))


def read_block(file: Path, offset: int, encoding: str, wanted: int, whole_file: bool) -> bytes:
    """`wanted` bytes of data, inflated where needed and never further.

    Raises
    ------
    InputRefused
        ``truncated`` when there are fewer, ``undecodable`` when the compressed stream is broken.
    """
    with file.open("rb") as stream:
        stored = stream.seek(0, 2)
        # Checked before anything is allocated: the size is the header's, and a small file may claim gigabytes.
        most = stored - offset if encoding == "raw" else _MOST_INFLATED * stored - (offset if whole_file else 0)
        if wanted > most:
            what = f"its voxels should have {wanted} bytes, it holds at most {max(0, most)}"
            raise refused("truncated", file, what, "fetch the file again")
        if encoding == "raw":
            stream.seek(offset)
            data = stream.read(wanted)
        else:
            stream.seek(0 if whole_file else offset)
            skip = offset if whole_file else 0
            try:
                data = inflated_stream(stream.read, encoding, skip, wanted)
            except zlib.error as error:
                what = f"its compressed voxels are broken ({error})"
                raise refused("undecodable", file, what, "fetch the file again") from error
    if len(data) < wanted:
        what = f"its voxels should have {wanted} bytes, it holds {len(data)}"
        raise refused("truncated", file, what, "fetch the file again")
    return data


def inflated_stream(read: Callable[[int], bytes], encoding: str, skip: int, wanted: int) -> bytes:
    """Bytes `skip` to `skip + wanted` of the inflated stream, over the members of a gzip file; no further."""
    mode = 31 if encoding == "gzip" else 15
    unpacker = zlib.decompressobj(mode)
    out = bytearray(wanted)
    waiting, done, total = b"", 0, skip + wanted
    while done < total:
        if not waiting:
            waiting = read(limits.MEBI)
            if not waiting:
                break
        if unpacker.eof:
            if mode == 15:
                break
            unpacker = zlib.decompressobj(mode)
        piece = unpacker.decompress(waiting, min(4 * limits.MEBI, total - done))
        waiting = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        useful = piece[max(0, skip - done) :]
        start = max(0, done - skip)
        out[start : start + len(useful)] = useful
        done += len(piece)
    return bytes(out) if done >= total else bytes(out[: max(0, done - skip)])


def read_voxels(image: ImageFile, volume: int = 0) -> NDArray[np.generic]:
    """(k, j, i) values of one volume, scaled as the file says, in the narrowest exact type.

    Raises
    ------
    InputRefused
        As `read_block`, or ``too-large``.
    """
    size, count = image.size_kji, image.bytes_per_volume
    stored = count * (image.volumes if image.interleaved else 1)
    require_memory(stored + count, image.file.name, str(image.file))
    whole = image.format == "nifti" and image.encoding == "gzip"
    if image.interleaved:
        raw = read_block(image.data_file, image.offset, image.encoding, count * image.volumes, whole)
        values: NDArray[np.generic] = np.frombuffer(raw, image.dtype).reshape(*size, image.volumes)[..., volume]
    elif image.encoding == "raw" or whole:
        raw = read_block(image.data_file, image.offset + volume * count, image.encoding, count, whole)
        values = np.frombuffer(raw, image.dtype).reshape(size)
    else:
        raw = read_block(image.data_file, image.offset, image.encoding, (volume + 1) * count, whole)
        values = np.frombuffer(raw, image.dtype, offset=volume * count).reshape(size)
    values = values.astype(image.dtype.newbyteorder("="), copy=False)
    return stacked(((plane, image.slope, image.intercept) for plane in values), size)
