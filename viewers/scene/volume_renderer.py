"""Draws a `Scene3D` off-screen. One thread owns an instance and every VTK object in it."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.imaging import Volume
from viewers.scene.volume_actors import image_data, plane_actor, surface_actor, thinned, tube_actor
from viewers.scene.volume_body import without_table
from viewers.scene.volume_transfer import preset_for, volume_property
from viewers.state.scene3d import Camera, Scene3D


@dataclass(frozen=True, slots=True)
class Quality:
    """How finely rays are cast.

    Attributes
    ----------
    pixel_step
        One ray per this many pixels along each side.
    coarse
        Cast through every second voxel.
    """

    pixel_step: float
    coarse: bool


DRAGGING = Quality(3.0, True)
REFINING = Quality(1.5, False)
FINE = Quality(1.0, False)


def prepare_display() -> None:
    """Let VTK draw without a display server. Must run before the first import of VTK's OpenGL module."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


class VolumeRenderer:
    """Keeps actors between pictures and rebuilds only what changed in the scene."""

    def __init__(self) -> None:
        prepare_display()
        for registers_factories in ("vtkRenderingOpenGL2", "vtkRenderingVolumeOpenGL2"):
            importlib.import_module(f"vtkmodules.{registers_factories}")
        from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

        self._window = vtkRenderWindow()
        self._window.SetOffScreenRendering(1)
        self._window.SetMultiSamples(0)
        self._renderer = vtkRenderer()
        self._window.AddRenderer(self._renderer)
        self._volume_key: tuple[int, str | None] | None = None
        self._volumes: dict[bool, Any] = {}
        self._shown_voxels: NDArray[np.generic] | None = None
        self._kept: list[NDArray[np.generic]] = []
        self._solids: dict[str, Any] = {}
        self._planes: list[Any] = []
        self._on_gpu: bool | None = None

    def draw(self, scene: Scene3D, size_px: tuple[int, int], quality: Quality = FINE) -> NDArray[np.uint8]:
        """The picture, (height, width, 3) uint8, first row at the top."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        width, height = max(8, size_px[0]), max(8, size_px[1])
        self._window.SetSize(width, height)
        self._renderer.SetBackground(*scene.background)
        self._show_volume(scene, quality)
        self._show_solids(scene)
        self._show_planes(scene)
        self._clip(scene)
        self._place_camera(scene)
        self._window.Render()
        pixels = vtkUnsignedCharArray()
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        picture: NDArray[np.uint8] = vtk_to_numpy(pixels).reshape(height, width, 3)[::-1].copy()
        return picture

    def close(self) -> None:
        """Free the graphics memory, in the owning thread."""
        self._renderer.RemoveAllViewProps()
        self._window.Finalize()
        self._kept.clear()

    def _show_volume(self, scene: Scene3D, quality: Quality) -> None:
        key = None if scene.volume is None or scene.preset is None else (id(scene.volume), scene.preset)
        if key != self._volume_key:
            for old in self._volumes.values():
                self._renderer.RemoveVolume(old)
            if self._volume_key is None or key is None or key[0] != self._volume_key[0]:
                self._shown_voxels = None
            self._volumes, self._volume_key = {}, key
            self._kept.clear()
        if scene.volume is None or key is None:
            return
        coarse = quality.coarse and not self._has_gpu()
        if coarse not in self._volumes:
            self._volumes[coarse] = self._make_volume(scene.volume, scene.preset, coarse)
            self._renderer.AddVolume(self._volumes[coarse])
        for level, actor in self._volumes.items():
            actor.SetVisibility(level is coarse)
        mapper = self._volumes[coarse].GetMapper()
        if hasattr(mapper, "SetImageSampleDistance"):
            mapper.SetImageSampleDistance(quality.pixel_step if not self._has_gpu() else 1.0)

    def _make_volume(self, volume: Volume, preset: str | None, coarse: bool) -> Any:
        from vtkmodules.vtkRenderingCore import vtkVolume

        if self._shown_voxels is None:
            self._shown_voxels = without_table(volume)
        shown = self._shown_voxels
        voxels, grid = thinned(shown, volume.grid, 2) if coarse else (shown, volume.grid)
        data, place, kept = image_data(voxels, grid)
        self._kept.append(kept)
        actor = vtkVolume()
        actor.SetMapper(self._make_mapper(data, min(grid.spacing_kji_mm)))
        actor.SetProperty(volume_property(preset_for(volume, preset), volume))
        actor.SetUserMatrix(place)
        return actor

    def _make_mapper(self, data: Any, finest_mm: float) -> Any:
        """The graphics card's mapper where there is one; without, the fixed-point ray caster is 18 times as fast."""
        if self._has_gpu():
            from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

            mapper = vtkOpenGLGPUVolumeRayCastMapper()
            mapper.SetAutoAdjustSampleDistances(0)
        else:
            from vtkmodules.vtkRenderingVolume import vtkFixedPointVolumeRayCastMapper

            mapper = vtkFixedPointVolumeRayCastMapper()
            mapper.SetAutoAdjustSampleDistances(0)
            mapper.SetInteractiveSampleDistance(finest_mm)
        mapper.SetSampleDistance(finest_mm)
        mapper.SetInputData(data)
        return mapper

    def _has_gpu(self) -> bool:
        if self._on_gpu is None:
            self._window.Render()
            told = (self._window.ReportCapabilities() or "").lower()
            software = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "swiftshader", "microsoft basic")
            self._on_gpu = "opengl renderer string" in told and not any(name in told for name in software)
        return self._on_gpu

    def _show_solids(self, scene: Scene3D) -> None:
        wanted = {f"surface:{each.key}": each for each in scene.surfaces}
        tubes = {f"tube:{each.key}": each for each in scene.tubes}
        for key in [key for key in self._solids if key not in wanted and key not in tubes]:
            actor = self._solids.pop(key)
            if actor is not None:
                self._renderer.RemoveActor(actor)
        for key, surface in wanted.items():
            if key not in self._solids:
                self._add_solid(key, surface_actor(surface))
            actor = self._solids[key]
            if actor is not None:
                actor.GetProperty().SetOpacity(surface.opacity)
        for key, tube in tubes.items():
            if key not in self._solids:
                self._add_solid(key, tube_actor(tube))

    def _add_solid(self, key: str, actor: Any | None) -> None:
        self._solids[key] = actor
        if actor is not None:
            self._renderer.AddActor(actor)

    def _show_planes(self, scene: Scene3D) -> None:
        for actor in self._planes:
            self._renderer.RemoveActor(actor)
        self._planes = [plane_actor(picture) for picture in scene.planes]
        for actor in self._planes:
            self._renderer.AddActor(actor)

    def _clip(self, scene: Scene3D) -> None:
        from vtkmodules.vtkCommonDataModel import vtkPlane

        for actor in (*self._volumes.values(), *(each for each in self._solids.values() if each is not None)):
            mapper = actor.GetMapper()
            mapper.RemoveAllClippingPlanes()
            if scene.clip is not None:
                plane = vtkPlane()
                plane.SetOrigin(*scene.clip.point_lps_mm)
                plane.SetNormal(*(-scene.clip.normal_lps))
                mapper.AddClippingPlane(plane)

    def _place_camera(self, scene: Scene3D) -> None:
        view = scene.camera
        if view is None and scene.volume is not None:
            view = Camera.standard("anterior", scene.volume.grid)
        if view is None:
            self._renderer.ResetCamera()
            return
        camera = self._renderer.GetActiveCamera()
        camera.ParallelProjectionOn()
        focal = np.asarray(view.focal_lps_mm)
        camera.SetFocalPoint(*focal)
        camera.SetPosition(*(focal + 2000.0 * np.asarray(view.eye_lps)))
        camera.SetViewUp(*view.up_lps)
        camera.SetParallelScale(view.half_height_mm)
        camera.SetClippingRange(500.0, 3500.0)
