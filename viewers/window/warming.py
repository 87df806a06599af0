"""Compiles kernels before their first use (3D, runs, needles, vessels, matches), in a process that gives way.

Compiling holds the interpreter lock for seconds, so in a thread the window would stutter. What the process compiles
lies on disk afterwards (see `planner.imaging.compiled`), where this program finds it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from viewers.window.compare_warming import compared_studies
from viewers.window.needle_warming import margins, needles
from viewers.window.vessel_warming import lumens, vessels

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    import numpy as np
    from numpy.typing import NDArray

    from planner.imaging.angio import AngioRun
    from planner.imaging.opacification import TimeToPeak

LOG = logging.getLogger(__name__)

GIVES_WAY = 10
"""Steps of niceness, where the system knows them."""
_SIDE = 192
"""Pixels of the run that is computed: enough for every level of the search for motion."""


class KernelProcess:
    """Warms up until it is done or stopped."""

    def __init__(self) -> None:
        self._process: BaseProcess | None = None

    def start(self) -> None:
        if self._process is None:
            spawned = multiprocessing.get_context("spawn")
            process = spawned.Process(target=_work, name="kernels", daemon=True)
            try:
                process.start()
            except OSError as error:
                LOG.warning("kernels are compiled at their first use: %s", error.strerror)
                return
            self._process = process

    def stop(self) -> None:
        """At once: a kernel that was not finished is compiled at its first use."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process.close()
            self._process = None


def _work() -> None:
    if hasattr(os, "nice"):
        os.nice(GIVES_WAY)
    # Read when numpy is loaded: small systems of equations on threads that wait for each other take a hundred times
    # as long on a busy machine.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    warm_up()


def warm_up(steps: Sequence[Callable[[], object]] | None = None) -> None:
    """Compile, or find on disk, the kernels of 3D pictures, runs, needles, vessels, lumens and compared studies."""
    for step in (picture, run_once, needles, margins, vessels, lumens, compared_studies) if steps is None else steps:
        step()


def picture() -> None:
    """The rays of a small CT, still and moving, with and without light."""
    import numpy as np

    from planner.geometry import Grid
    from planner.imaging import ImageSource, Volume
    from viewers.scene.volume_caster import VolumeCaster
    from viewers.scene.volume_transfer import preset_for
    from viewers.state.scene3d import Camera

    grid = Grid.of((16, 16, 16), frame_uid="warm-up")
    for voxel_type in (np.int16, np.float32):
        volume = Volume(np.full((16, 16, 16), 100, dtype=voxel_type), grid, ImageSource("warm-up", unit="HU"))
        caster = VolumeCaster(volume, preset_for(volume, None))
        behind = np.zeros((16, 16, 3), dtype=np.uint8)
        for coarse in (True, False):
            camera = Camera.standard("anterior", grid)
            caster.cast(camera, (16, 16), 1.0, coarse=coarse, clip=None, depth_mm=None, behind=behind)


def run_once() -> None:
    """Everything a DSA pane computes and draws: mask, motion of both kinds, maps, pictures."""
    import numpy as np

    from planner.imaging.flexible_motion import flexible_shift
    from planner.imaging.motion_rigid import mask_pyramid
    from planner.jobs import Context
    from viewers.scene.run_picture import RunRequest, render
    from viewers.scene.run_view import RunView
    from viewers.state import run_steps
    from viewers.state.run_settings import RunSettings

    context = Context()
    flow = None
    for pixel_type in (np.uint16, np.uint8):
        run = _run(pixel_type)
        prepared = run_steps.prepare(run, context)
        settings = RunSettings()
        found = run_steps.find_mask(run, prepared, settings, context)
        view = RunView(_SIDE, _SIDE, run.size_yx)
        motion = run_steps.find_motion(run, prepared, found, RunSettings(shift="rigid"), context)
        if flow is None:
            # One frame, as the search for local motion takes long on any size.
            flow = flexible_shift(run.frames[3], mask_pyramid(run, found.image, prepared.field))
        maps = run_steps.make_maps(run, prepared, found, motion, context)
        pictures: list[NDArray[np.float32] | TimeToPeak | None] = [None, maps.opacified, maps.time_to_peak]
        for whole in pictures:
            render(RunRequest(run, 1, view, (0.5, 1.0), False, masks=found.masks, whole=whole))
        render(RunRequest(run, 3, view, (0.5, 1.0), False, masks=found.masks, field=flow))
        render(RunRequest(run, 1, view, (0.5, 1.0), True))


def _run(pixel_type: type[np.unsignedinteger]) -> AngioRun:
    """Six frames of a texture with a dark band that comes in the third."""
    import numpy as np

    from planner.imaging import ImageSource
    from planner.imaging.angio import LINEAR, AngioRun, RunFacts

    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    ground = 140.0 + 40.0 * np.sin(columns / 5.0) * np.cos(rows / 7.0)
    band = np.abs(columns - _SIDE // 2) < 6
    frames = np.stack([ground - (60.0 if frame > 1 else 0.0) * band for frame in range(6)])
    source = ImageSource("warm-up", modality="XA")
    return AngioRun(frames.astype(pixel_type), np.arange(6) / 4.0, source, RunFacts(), LINEAR, bits_stored=8)
