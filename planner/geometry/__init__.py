"""Frames of reference, typed maps between spaces, grids, planes and curves.

The world is DICOM LPS in millimetres, float64, one per FrameOfReferenceUID. Arrays are indexed ``[k, j, i]``,
zero-based at voxel centres. This package is the only place that may flip or reorder an axis.
"""

from planner.geometry.curves import Polyline
from planner.geometry.grids import Grid
from planner.geometry.planes import SlicePlane
from planner.geometry.spaces import KJI, SpaceMap, lps

__all__ = ["KJI", "Grid", "Polyline", "SlicePlane", "SpaceMap", "lps"]
