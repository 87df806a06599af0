"""Rays of clicks in runs, as the 3D scene draws them."""

from __future__ import annotations

import numpy as np

from planner.geometry import Grid
from planner.geometry.c_arm import TwoViewPoint
from viewers.scene.run_ct_projection import ray_in
from viewers.state.run_ct_link import RunCtLink
from viewers.state.scene3d import Tube

RAY_RADIUS_MM, POINT_RADIUS_MM = 0.7, 3.0
BEYOND_MM = 25.0
"""A ray is drawn so far out of the CT, so that it is seen where it comes from."""
POINT_COLOUR = "#ffffff"


def tubes_of_rays(run_ct: RunCtLink, grid: Grid) -> tuple[Tube, ...]:
    """One thin tube for every ray through the CT, and a bead where two of them meet."""
    tubes = []
    for ray in run_ct.rays_in(grid.frame_uid):
        ends = ray_in(ray.ray, grid, BEYOND_MM)
        if ends is not None:
            tubes.append(Tube(f"ray/{ray.run}/{ray.xy}", ends, np.full(2, RAY_RADIUS_MM), ray.colour))
    point = run_ct.point() if len(run_ct.rays_in(grid.frame_uid)) > 1 else None
    if isinstance(point, TwoViewPoint):
        along = np.array([[0.0, 0.0, -0.5], [0.0, 0.0, 0.5]]) * POINT_RADIUS_MM
        bead = np.asarray(point.lps_mm) + along
        tubes.append(Tube(f"point/{point.lps_mm}", bead, np.full(2, POINT_RADIUS_MM), POINT_COLOUR))
    return tuple(tubes)
