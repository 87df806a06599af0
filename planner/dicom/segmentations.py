"""DICOM Segmentation objects in: BINARY, FRACTIONAL and LABELMAP (PS3.3 A.51, A.51b).

Segments may overlap. A label map holds one value a voxel, so overlapping segments are spread over several label maps of
one grid, as few as needed in the order of the segments; nothing is lost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom import limits, tags
from planner.dicom.elements import Elements
from planner.dicom.gate import check
from planner.dicom.gate_identity import PLACEMENT_CODES
from planner.dicom.grouping import Group
from planner.dicom.memory import require_memory
from planner.dicom.pixel_formats import PixelFormat
from planner.dicom.pixels import frames_of
from planner.dicom.scanner import Header, refused, scan_file
from planner.dicom.sentences import visible
from planner.dicom.series import frame_uid_of, source_of
from planner.dicom.slices import SliceRecord, records_of
from planner.errors import InputRefused
from planner.geometry import KJI, Grid, SpaceMap, lps
from planner.imaging import Label, LabelMap
from planner.imaging.structures import Structure, label_for, structure_coded

SEGMENTATION_CLASSES = frozenset({"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"})
_SIDES = {"7771000": "left", "24028007": "right"}
"""SNOMED CT codes of DICOM CID 244 (Laterality)."""
_BACKGROUND = ("DCM", "125040")
_MOST_SEGMENTS = 0xFFFF
"""Segment Number has VR US."""
_HALF = 0.5
"""A fractional segment counts where it is at least half (occupancy or probability)."""


@dataclass(frozen=True, slots=True)
class _Plane:
    """One stored frame: which slice of the grid it is, and which segment (None in a label map)."""

    record: SliceRecord
    k: int
    segment: int | None


def is_segmentation(header: Header) -> bool:
    return (header.elements.text(tags.SOP_CLASS) or header.media_sop_class) in SEGMENTATION_CLASSES


def read_segmentation(file: Path) -> tuple[LabelMap, ...]:
    """Read a DICOM SEG file.

    Returns
    -------
    tuple of LabelMap
        On one grid, in the frame of reference that the file names. One unless segments overlap.

    Raises
    ------
    InputRefused
        When it is no segmentation, cannot be read, or its frames make no regular grid.
    """
    header = scan_file(file)
    if not is_segmentation(header):
        raise refused("not-a-mask", file, "it is no DICOM segmentation", "choose a SEG object or a label image")
    records = records_of(header)
    faults = records[0].faults
    if faults:
        raise refused(faults[0].code, file, faults[0].what, faults[0].advice)
    _require_mask_values(file, records[0].format)
    uid = header.elements.text(tags.SERIES_UID) or ""
    grid, places = _grid(file, records, uid)
    segments = _labels(header)
    planes = [
        _Plane(record, int(k), _segment_number(header, record)) for record, k in zip(records, places, strict=True)
    ]
    require_memory(2 * int(np.prod(grid.size_kji)), file.name, str(file))
    if (header.elements.text(tags.SEGMENTATION_TYPE) or "").upper() == "LABELMAP":
        maps = [_label_map(planes, grid)]
    else:
        maps = _spread(header, planes, grid, tuple(segments))
    source = source_of(Group(uid, 1, "object", records))
    return tuple(
        LabelMap(voxels, grid, {value: segments[value] for value in _present(voxels, segments, whole)}, source)
        for whole, voxels in ((len(maps) == 1, voxels) for voxels in maps)
    )


def _require_mask_values(file: Path, found: PixelFormat) -> None:
    """PS3.3 C.8.20.2: one sample a pixel, of one bit, or of 8 or 16 as whole numbers."""
    whole = found.pixel_tag == tags.PIXEL_DATA and not found.signed
    if not (whole and found.samples == 1 and found.bits_allocated in (1, 8, 16)):
        what = f"its {found.samples} samples of {found.bits_allocated} bits a pixel make no segmentation"
        raise refused("undecodable", file, what, "export it again")


def _present(voxels: NDArray[np.generic], segments: dict[int, Label], whole: bool) -> list[int]:
    """Segments of one of several maps; a single map lists empty segments too."""
    if whole:
        return list(segments)
    found = set(np.unique(voxels).tolist())
    return [value for value in segments if value in found]


def _segment_number(header: Header, record: SliceRecord) -> int | None:
    groups = header.elements.items(tags.PER_FRAME_GROUPS)
    shared = header.elements.first(tags.SHARED_GROUPS)
    for holder in (groups[record.frame] if record.frame < len(groups) else None, shared):
        named = None if holder is None else holder.first(tags.SEGMENT_IDENTIFICATION_SEQUENCE)
        if named is not None:
            return named.integer(tags.REFERENCED_SEGMENT)
    return None


def _grid(file: Path, records: tuple[SliceRecord, ...], uid: str) -> tuple[Grid, NDArray[np.intp]]:
    """The grid of all frames together, gaps filled by empty slices, and the slice of each frame."""
    result = check(records, uid)
    wrong = next((one for one in result.findings if one.blocks and one.code in PLACEMENT_CODES), None)
    if wrong is not None or result.geometry is None:
        code, text = ("bad-orientation", "its frames cannot be placed") if wrong is None else (wrong.code, wrong.text)
        raise InputRefused(code, visible(text), subject=str(file))
    geometry = result.geometry
    sideways = (geometry.origins_lps_mm - geometry.origins_lps_mm[0]) - (geometry.along_mm - geometry.along_mm[0])[
        :, None
    ] * geometry.normal_lps
    if float(np.abs(sideways).max()) > limits.DRIFT_LIMIT_PIXELS * min(geometry.spacing_mm):
        raise refused("gantry-tilt", file, "its frames are sheared against each other", "export it on an upright grid")
    along = np.array([float(np.dot(one.position_lps_mm or (0, 0, 0), geometry.normal_lps)) for one in records])
    gaps = np.diff(np.unique(np.round(along, 3)))
    gaps = gaps[gaps > limits.SAME_POSITION_MM]
    step = float(gaps.min()) if len(gaps) else _declared_step(records[0]) or geometry.gap_mm
    places = np.rint((along - along.min()) / step).astype(np.intp)
    if float(np.abs(along - along.min() - places * step).max()) > max(limits.UNIFORM_GAP_MM, 0.1 * step):
        raise refused("uneven-spacing", file, "its frames lie at uneven gaps", "export it on the grid of its images")
    frame_uid = frame_uid_of(records, uid)
    homogeneous = np.eye(4)
    homogeneous[:3, 0] = geometry.normal_lps * step
    homogeneous[:3, 1] = geometry.column_lps * geometry.spacing_mm[0]
    homogeneous[:3, 2] = geometry.row_lps * geometry.spacing_mm[1]
    homogeneous[:3, 3] = geometry.origins_lps_mm[0]
    size = (int(places.max()) + 1, records[0].format.rows, records[0].format.columns)
    return Grid(size, SpaceMap(lps(frame_uid), KJI, homogeneous), frame_uid), places


def _declared_step(record: SliceRecord) -> float | None:
    """Spacing Between Slices where it is one; some writers give it a sign."""
    low, high = limits.PLAUSIBLE_SLICE_SPACING_MM
    spacing = abs(record.slice_spacing_mm or 0.0)
    return spacing if low <= spacing <= high else None


def _label_map(planes: list[_Plane], grid: Grid) -> NDArray[np.generic]:
    voxels: NDArray[np.uint16] = np.zeros(grid.size_kji, np.uint16)
    ordered = [plane.record for plane in planes]
    padding = ordered[0].header.elements.integer(tags.PIXEL_PADDING)
    for plane, values in zip(planes, frames_of(ordered), strict=True):
        # The padding value marks what was never segmented; it is no segment.
        voxels[plane.k] = values if padding is None else np.where(values == padding, 0, values)
    return voxels


def _masks(header: Header, planes: list[_Plane]) -> Iterator[tuple[_Plane, NDArray[np.bool_]]]:
    """Each frame as a mask, in the order of the segments."""
    ordered = sorted(planes, key=lambda plane: (plane.segment or 0, plane.record.frame))
    fractional = (header.elements.text(tags.SEGMENTATION_TYPE) or "").upper() == "FRACTIONAL"
    threshold = _HALF * (header.elements.integer(tags.MAXIMUM_FRACTIONAL_VALUE) or 255) if fractional else 1.0
    for plane, values in zip(ordered, frames_of([plane.record for plane in ordered]), strict=True):
        yield plane, np.asarray(values, np.uint16) >= threshold


def _spread(header: Header, planes: list[_Plane], grid: Grid, order: tuple[int, ...]) -> list[NDArray[np.generic]]:
    """Segments into as few label maps as keep them apart: each into the first map where it hits nothing."""
    by_segment: dict[int, list[tuple[int, NDArray[np.bool_]]]] = {number: [] for number in order}
    for plane, mask in _masks(header, planes):
        if plane.segment is None or not 0 < plane.segment <= _MOST_SEGMENTS:
            raise refused("undecodable", planes[0].record.file, "a frame names no segment", "export it again")
        by_segment.setdefault(plane.segment, []).append((plane.k, mask))
    dtype = np.uint8 if max(by_segment, default=0) < 256 else np.uint16
    maps: list[NDArray[np.generic]] = [np.zeros(grid.size_kji, dtype)]
    for number, slices in by_segment.items():
        target = next((one for one in maps if not any(bool(np.any(one[k][mask])) for k, mask in slices)), None)
        if target is None:
            size = (len(maps) + 1) * dtype().itemsize * int(np.prod(grid.size_kji))
            require_memory(2 * size, planes[0].record.file.name, str(planes[0].record.file))
            target = np.zeros(grid.size_kji, dtype)
            maps.append(target)
        for k, mask in slices:
            target[k][mask] = number
    return maps


def _code(item: Elements | None) -> tuple[str, str] | None:
    if item is None:
        return None
    scheme, value = item.text(tags.CODE_SCHEME), item.text(tags.CODE_VALUE)
    return None if scheme is None or value is None else (scheme, value)


def _structure(segment: Elements) -> Structure | None:
    """Our structure of a segment: by its SNOMED CT type or region code and side."""
    for holder, modifiers in (
        (segment.first(tags.SEGMENT_TYPE_SEQUENCE), tags.TYPE_MODIFIER_SEQUENCE),
        (segment.first(tags.ANATOMIC_REGION_SEQUENCE), tags.REGION_MODIFIER_SEQUENCE),
    ):
        code = _code(holder)
        if holder is None or code is None or code[0] not in ("SCT", "SNOMED-CT"):
            continue
        side = _code(holder.first(modifiers))
        found = structure_coded(code[1], None if side is None else _SIDES.get(side[1]))
        if found is not None:
            return found
    return None


def _labels(header: Header) -> dict[int, Label]:
    """Segment number -> label; the background of a label map is none."""
    found: dict[int, Label] = {}
    for segment in header.elements.items(tags.SEGMENT_SEQUENCE):
        number = segment.integer(tags.SEGMENT_NUMBER)
        if number is None or number == 0 or _code(segment.first(tags.SEGMENT_TYPE_SEQUENCE)) == _BACKGROUND:
            continue
        name = segment.words(tags.SEGMENT_LABEL)[0] or f"segment {number}"
        label = label_for(number, name, _colour(segment))
        structure = _structure(segment)
        key = structure.key if structure is not None else label.structure
        found[number] = Label(number, name, key, label.colour)
    return found


def _colour(segment: Elements) -> str | None:
    """#rrggbb of the recommended CIELab colour (PS3.3 C.10.7.1.1, D50 white), or None."""
    raw = segment.raw.get(tags.SEGMENT_COLOUR_LAB)
    if raw is None or len(raw) != 6:
        return None
    stored = np.frombuffer(raw, "<u2" if segment.little_endian else ">u2").astype(np.float64)
    lightness, red, yellow = stored * np.array([100.0, 255.0, 255.0]) / 65535.0 - np.array([0.0, 128.0, 128.0])
    level = (lightness + 16.0) / 116.0
    steps = np.array([level + red / 500.0, level, level - yellow / 200.0])
    relative = np.where(steps > 6.0 / 29.0, steps**3, 3 * (6.0 / 29.0) ** 2 * (steps - 4.0 / 29.0))
    linear = _SRGB_FROM_XYZ_D50 @ (relative * np.array([0.9642, 1.0, 0.8249]))
    linear = np.clip(linear, 0.0, 1.0)
    shown = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(float(value) * 255):02x}" for value in shown)


_SRGB_FROM_XYZ_D50 = np.array(
    [[3.1338561, -1.6168667, -0.4906146], [-0.9787684, 1.9161415, 0.0334540], [0.0719453, -0.2289914, 1.4052427]]
)
"""Linear sRGB from XYZ with a D50 white, Bradford-adapted (IEC 61966-2-1; Lindbloom's matrices)."""
