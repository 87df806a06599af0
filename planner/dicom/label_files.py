"""Label images in: one file of many labels, one file per structure, or a folder of such files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from planner.dicom.file_entries import file_findings, file_frame_uid, file_source
from planner.dicom.memory import require_memory
from planner.dicom.scanner import refused
from planner.dicom.volume_files import SUFFIXES, ImageFile, is_volume_file, read_image_file, read_voxels
from planner.errors import InputRefused
from planner.geometry import Grid
from planner.imaging import Label, LabelMap
from planner.imaging.structures import label_for
from planner.jobs import Context

_MOST_LABELS = 4096
"""A label image with more values than this is an ordinary image."""


def plain_name(file: Path) -> str:
    """The file's name without its format suffix."""
    name = file.name
    suffix = next((one for one in sorted(SUFFIXES, key=len, reverse=True) if name.lower().endswith(one)), "")
    return name[: len(name) - len(suffix)].removesuffix(".seg")


def read_labels(file: Path) -> tuple[LabelMap, ...]:
    """Read a label image; several maps when the file has several layers.

    Raises
    ------
    InputRefused
        When it cannot be read or placed, or when its values are no labels.
    """
    image = read_image_file(file)
    grid = image.grid(file_frame_uid(image))
    blocking = next((one for one in file_findings(image) if one.blocks), None)
    if blocking is not None or grid is None:
        code, text = (
            ("bad-orientation", f"{file.name} does not say where it lies; convert it again with its orientation.")
            if blocking is None
            else (blocking.code, blocking.text)
        )
        raise InputRefused(code, text, subject=str(file))
    if image.volumes > 1:
        require_memory(2 * image.volumes * image.bytes_per_volume, file.name, str(file))
    layers = [_whole_numbers(file, read_voxels(image, number)) for number in range(image.volumes)]
    return tuple(
        LabelMap(voxels, grid, _labels(image, number, voxels), file_source(image, number + 1))
        for number, voxels in enumerate(layers)
    )


def _whole_numbers(file: Path, voxels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Labels as the narrowest unsigned type."""
    low, high = float(np.min(voxels)), float(np.max(voxels))
    if not (np.isfinite(low) and np.isfinite(high)) or low < 0 or high > np.iinfo(np.uint32).max:
        raise refused("not-a-mask", file, f"its values run from {low:g} to {high:g}", "choose a label image")
    narrow: NDArray[np.generic] = voxels.astype(np.min_scalar_type(int(high)))
    if voxels.dtype.kind == "f" and not np.array_equal(narrow.astype(np.float64), voxels):
        raise refused("not-a-mask", file, "its values are not whole numbers", "choose a label image")
    return narrow


def present_values(voxels: NDArray[np.generic]) -> list[int]:
    """The values that occur, without 0. Counting is many times faster than sorting a whole volume."""
    countable = voxels.dtype.itemsize <= 2
    found = np.flatnonzero(np.bincount(voxels.ravel())) if countable else np.unique(voxels)
    return [int(value) for value in found if value != 0]


def _labels(image: ImageFile, layer: int, voxels: NDArray[np.generic]) -> dict[int, Label]:
    values = present_values(voxels)
    if len(values) > _MOST_LABELS:
        raise refused("not-a-mask", image.file, f"it holds {len(values)} different values", "choose a label image")
    slicer = _slicer_segments(image, layer)
    if slicer:
        return slicer
    if image.names:
        return {value: label_for(value, image.names.get(value, f"label {value}")) for value in values}
    if values in ([], [1], [255]):
        value = values[0] if values else 1
        return {value: label_for(value, plain_name(image.file))}
    return {value: Label(value, f"label {value}") for value in values}


def _slicer_segments(image: ImageFile, layer: int) -> dict[int, Label]:
    """The segments that 3D Slicer writes into the header of a .seg.nrrd."""
    found = {}
    for key, name in image.fields.items():
        if not (key.startswith("Segment") and key.endswith("_Name")):
            continue
        stem = key.removesuffix("_Name")
        value, where = image.fields.get(f"{stem}_LabelValue", "1"), image.fields.get(f"{stem}_Layer", "0")
        if not all(one.isdecimal() and len(one) < 10 for one in (value, where)) or int(where) != layer:
            continue
        try:
            parts = [min(1.0, max(0.0, float(one))) for one in image.fields.get(f"{stem}_Color", "").split()]
        except ValueError:
            parts = []
        colour = "#" + "".join(f"{round(one * 255):02x}" for one in parts) if len(parts) == 3 else None
        found[int(value)] = label_for(int(value), name[:200], colour)
    return found


def read_label_folder(folder: Path, context: Context) -> tuple[LabelMap, ...]:
    """A folder of one file per structure, gathered into as few label maps as keep them apart.

    Files on different grids stay in different maps; a structure without a voxel is kept, by name.

    Raises
    ------
    InputRefused
        When the folder holds no label image.
    """
    files = sorted(file for file in folder.iterdir() if is_volume_file(file) and not file.is_symlink())
    if not files:
        raise InputRefused(
            "not-a-mask",
            f"{folder.name} holds no label image; choose a folder of NIfTI, NRRD or MHA masks.",
            subject=str(folder),
        )
    singles: list[LabelMap] = []
    for number, file in enumerate(files):
        context.step(number / len(files), f"Reading {file.name}")
        singles += read_labels(file)
    gathered: list[LabelMap] = []
    for members in _by_grid(singles):
        gathered += _gathered(members, folder)
    return tuple(gathered)


def _by_grid(singles: Sequence[LabelMap]) -> list[list[LabelMap]]:
    groups: list[list[LabelMap]] = []
    for one in singles:
        # Each file has a private frame; in one folder they share it, so only the geometry is compared.
        near = next((group for group in groups if _same_place(group[0].grid, one.grid)), None)
        if near is None:
            groups.append([one])
        else:
            near.append(one)
    return groups


def _same_place(one: Grid, other: Grid) -> bool:
    return one.size_kji == other.size_kji and np.allclose(
        one.lps_from_kji.homogeneous, other.lps_from_kji.homogeneous, atol=1e-3
    )


def _gathered(members: list[LabelMap], folder: Path) -> list[LabelMap]:
    """Masks of one grid into as few label maps as keep overlapping structures apart."""
    if len(members) == 1:
        return members
    grid = members[0].grid
    dtype = np.uint8 if sum(len(one.labels) for one in members) < 256 else np.uint16
    maps: list[tuple[NDArray[np.generic], dict[int, Label]]] = []
    value = 0
    for member in members:
        for old, label in member.labels.items():
            value += 1
            mask = member.mask(old)
            home = next((one for one in maps if not bool(np.any(one[0][mask]))), None)
            if home is None:
                home = (np.zeros(grid.size_kji, dtype), {})
                maps.append(home)
            home[0][mask] = value
            home[1][value] = Label(value, label.name, label.structure, label.colour)
    source = members[0].source
    return [LabelMap(voxels, grid, labels, source) for voxels, labels in maps]
