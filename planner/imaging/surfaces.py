"""Distances from structures, in mm, without the interpreter lock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from planner.imaging.bands import in_bands
from planner.imaging.masks import Box, Mask, box_size, is_empty


def centre_distance_mm(voxels: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """Exact distance (mm) from each voxel centre to the nearest set voxel centre; 1e6 where nothing is set."""
    from planner.imaging import distance_kernels as kernels

    bits = np.ascontiguousarray(voxels).view(np.uint8)
    squared = np.empty(bits.shape, dtype=np.float32)
    size_k, size_j, _ = bits.shape
    along_k, along_j, along_i = spacing_kji_mm
    in_bands(size_k, lambda a, b: kernels.squared_along_rows(bits, along_i, squared, a, b), least_rows=4)
    in_bands(size_k, lambda a, b: kernels.squared_along_middle(squared, along_j, a, b), least_rows=4)
    turned = squared.transpose(1, 0, 2)
    in_bands(size_j, lambda a, b: kernels.squared_along_middle(turned, along_k, a, b), least_rows=4)
    return np.sqrt(squared, out=squared)


def distance_field(mask: Mask, box: Box) -> NDArray[np.float32]:
    """Signed distance from the surface of a structure, for drawing isolines, margins and sub-voxel measures.

    Parameters
    ----------
    box
        The voxels asked for; the structure counts whole only as far as it lies inside.

    Returns
    -------
    float32 of the size of the box, mm, negative inside. The surface lies half a voxel outside the outermost voxel
    centres. 1e6 everywhere for a structure without voxels in the box, -1e6 for one that fills it.
    """
    if is_empty(box):
        return np.zeros(box_size(box), dtype=np.float32)
    return signed_distance_mm(mask.within(box), mask.grid.spacing_kji_mm)


def signed_distance_mm(voxels: NDArray[np.bool_], spacing_kji_mm: tuple[float, float, float]) -> NDArray[np.float32]:
    """As `distance_field`, of a bare array."""
    outside = centre_distance_mm(voxels, spacing_kji_mm)
    if not voxels.any():
        return outside
    inside = centre_distance_mm(~voxels, spacing_kji_mm)
    if voxels.all():
        return -inside
    from planner.imaging import distance_kernels as kernels

    spacing = np.asarray(spacing_kji_mm)
    signed = np.empty_like(outside)
    in_bands(
        outside.shape[0],
        lambda a, b: kernels.surface_distance(outside, inside, spacing, signed, a, b),
        least_rows=4,
    )
    return signed
