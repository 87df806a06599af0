"""Masks in: label images, folders of them, and DICOM SEG, by the command line's ``FILE#NAME`` words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from planner.dicom.label_files import read_label_folder, read_labels
from planner.dicom.segmentations import read_segmentation
from planner.dicom.series import MISSING_FRAME
from planner.dicom.volume_files import is_volume_file
from planner.errors import FrameMismatch, InputRefused, UsageError
from planner.geometry import Grid, SpaceMap, lps
from planner.imaging import Label, LabelMap, Volume
from planner.imaging.masks import Mask
from planner.imaging.nearest import on_grid
from planner.imaging.structures import label_for, structure_named, totalsegmentator_classes
from planner.jobs import Context


def open_masks(
    spec: str, *, onto: Volume | LabelMap | None = None, context: Context | None = None
) -> tuple[LabelMap, ...]:
    """Read all labels of a mask file or folder, or the one that ``#3`` or ``#liver`` picks.

    Parameters
    ----------
    spec
        A path, with ``#`` and a label value or name behind it when one label is meant.
    onto
        Resample the labels onto this image's grid (nearest neighbour). A file without a frame of reference shares it.

    Returns
    -------
    tuple of LabelMap
        Several where structures overlap or lie on different grids.

    Raises
    ------
    UsageError
        When the file does not exist or holds no such label.
    InputRefused
        When it cannot be read or is no mask.
    FrameMismatch
        When it lies in another frame of reference than `onto`.
    """
    job = context or Context()
    path, wanted = _parted(spec)
    if path.is_dir():
        maps = read_label_folder(path, job)
    elif is_volume_file(path):
        maps = read_labels(path)
    else:
        maps = read_segmentation(path)
    if wanted is not None:
        maps = (_picked(maps, wanted, path),)
    if onto is not None:
        maps = tuple(on_grid(sharing_frame(one, onto), onto.grid) for one in maps)
    job.step(1.0, "Read")
    return maps


def open_mask(spec: str, *, onto: Volume | LabelMap | None = None, context: Context | None = None) -> LabelMap:
    """One mask of value 1: the label that ``#`` picks, or everything that is not zero.

    Raises
    ------
    UsageError, InputRefused, FrameMismatch
        As `open_masks`; InputRefused also when labels on different grids would have to be united without `onto`.
    """
    maps = open_masks(spec, onto=onto, context=context)
    first = maps[0]
    if any(not one.grid.same_as(first.grid) for one in maps[1:]):
        text = f"{spec} holds masks on different grids; name one of them, or an image to resample them onto."
        raise InputRefused("mixed-spacing", text, subject=spec)
    inside = np.zeros(first.grid.size_kji, np.uint8)
    for one in maps:
        np.maximum(inside, one.voxels != 0, out=inside, casting="unsafe")
    labels = [label for one in maps for label in one.labels.values()]
    name = labels[0].name if len(labels) == 1 else Path(_parted(spec)[0]).name
    label = replace(labels[0], value=1) if len(labels) == 1 else label_for(1, name)
    return LabelMap(inside, first.grid, {1: label}, first.source)


def _parted(spec: str) -> tuple[Path, str | None]:
    """Path and label; a file whose own name has a ``#`` is taken as it is."""
    if Path(spec).exists():
        return Path(spec), None
    name, mark, label = spec.rpartition("#")
    if not mark or not Path(name).exists():
        raise UsageError("no-such-path", f"{spec} does not exist.", subject=spec)
    return Path(name), label


def _picked(maps: tuple[LabelMap, ...], wanted: str, path: Path) -> LabelMap:
    """The label map that holds one label, with every other label removed."""
    for one in maps:
        value = _value(one, wanted)
        if value is not None and (value in one.labels or bool(np.any(one.voxels == value))):
            label = one.labels.get(value) or Label(value, wanted)
            if wanted.isdecimal() is False and label.name.startswith("label "):
                label = label_for(value, wanted)
            kept = np.where(one.voxels == value, one.voxels, np.zeros((), one.voxels.dtype))
            return replace(one, voxels=kept, labels={value: label})
    known = ", ".join(label.name for one in maps for label in one.labels.values())
    text = f"{path.name} has no label '{wanted}'; it has {known[:400] or 'none'}."
    raise UsageError("no-such-label", text, subject=str(path))


def _value(labels: LabelMap, wanted: str) -> int | None:
    """By number, by the file's own name, by our structure; in an unnamed file by TotalSegmentator's class list."""
    if wanted.isdecimal():
        return int(wanted)
    plain = wanted.strip().casefold()
    for value, label in labels.labels.items():
        if label.name.strip().casefold() == plain:
            return value
    structure = structure_named(wanted)
    if structure is None:
        return None
    for value, label in labels.labels.items():
        if label.structure == structure.key:
            return value
    unnamed = all(label.name == f"label {value}" for value, label in labels.labels.items())
    if unnamed and totalsegmentator_classes().get(structure.totalsegmentator or 0) == structure:
        return structure.totalsegmentator
    return None


def names_no_frame(image: Volume | LabelMap) -> bool:
    """The image came from a file without a frame of reference."""
    return image.source is not None and MISSING_FRAME in image.source.provenance


def sharing_frame(labels: LabelMap, image: Volume | LabelMap) -> LabelMap:
    """The labels in the frame of an image named in the same command, when either names no frame of its own."""
    if labels.grid.frame_uid == image.grid.frame_uid or not (names_no_frame(labels) or names_no_frame(image)):
        return labels
    return replace(labels, grid=in_frame(labels.grid, image.grid.frame_uid))


def in_frame(grid: Grid, frame_uid: str) -> Grid:
    """The same numbers in another frame: only for files that name none."""
    moved = SpaceMap(lps(frame_uid), grid.lps_from_kji.source, grid.lps_from_kji.homogeneous)
    return Grid(grid.size_kji, moved, frame_uid)


def open_beside(spec: str, reference: Volume | LabelMap | None) -> LabelMap:
    """The labels of a file in their own grid, in the frame of an image of the same command; on that image's grid where
    their own is uneven. Raises as `open_mask`."""
    try:
        labels = open_mask(spec)
    except InputRefused as refused:
        if refused.code != "mixed-spacing" or reference is None:
            raise
        labels = open_mask(spec, onto=reference)
    return labels if reference is None else sharing_frame(labels, reference)


def whole_mask(labels: LabelMap, within: Volume | None, spec: str, what: str) -> Mask:
    """All labels together.

    Parameters
    ----------
    within
        An image that the mask must reach; None for no image.

    Raises
    ------
    InputRefused
        ``empty-mask``, ``mask-outside``.
    FrameMismatch
        ``mixed-frames``.
    """
    mask = Mask.of(labels.grid, labels.voxels != 0)
    if mask.is_empty:
        text = f"The mask of {what} ({spec}) is empty; segment it, or leave it out and say that it is not checked."
        raise InputRefused("empty-mask", text, subject=spec)
    if within is None:
        return mask
    if mask.grid.frame_uid != within.grid.frame_uid:
        text = f"The {what} {spec} and the image lie in different frames of reference; link the two studies first."
        raise FrameMismatch("mixed-frames", text, subject=spec)
    centres = mask.grid.lps_from_kji.points(np.argwhere(mask.voxels) + np.asarray(mask.box[0]))
    if not bool(within.grid.contains_kji(within.grid.kji_from_lps.points(centres)).any()):
        text = f"The mask of {what} ({spec}) lies outside the image; check that they belong together."
        raise InputRefused("mask-outside", text, subject=spec)
    return mask
