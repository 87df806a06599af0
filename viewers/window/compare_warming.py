"""Compiles what comparing two studies computes with, ahead of its first use (see `viewers.window.warming`)."""

from __future__ import annotations


def compared_studies() -> None:
    """A match of two small images, one brought onto the other, and both laid over each other."""
    import numpy as np

    from planner.geometry import Grid, SlicePlane
    from planner.imaging import ImageSource, Volume
    from planner.imaging.registration_warming import warm_up_registration
    from planner.imaging.window import Window
    from viewers.scene.fusion import FusedRequest, fused_pixels, render_fused
    from viewers.state.compare import FusionLook

    warm_up_registration()
    grid = Grid.of((4, 4, 4), frame_uid="warm-up")
    volume = Volume(np.zeros(grid.size_kji, dtype=np.float32), grid, ImageSource("warm-up"))
    window = Window(40.0, 400.0)
    plane = SlicePlane.axial(grid.centre_lps_mm)
    request = FusedRequest(volume, plane, (16, 16), 1.0, window, other=volume, other_window=window)
    picture = render_fused(request)
    fused_pixels(picture, FusionLook("difference"))
    fused_pixels(picture, FusionLook("edges"))
