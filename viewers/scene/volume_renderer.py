"""Draws a `Scene3D` off-screen. One thread owns an instance and every VTK object in it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.errors import BugError
from planner.imaging import Volume
from viewers.scene.volume_actors import image_data, mesh_actor, plane_actor, surface_actor, tube_actor
from viewers.scene.volume_body import without_table
from viewers.scene.volume_caster import VolumeCaster
from viewers.scene.volume_transfer import preset_for, volume_property
from viewers.state.scene3d import Camera, Mesh, Scene3D


@dataclass(frozen=True, slots=True)
class Quality:
    """How finely rays are cast.

    Attributes
    ----------
    pixel_step
        One ray per this many pixels along each side.
    coarse
        Cast through means of eight voxels.
    """

    pixel_step: float
    coarse: bool


DRAGGING = Quality(3.0, True)
REFINING = Quality(2.0, False)
FINE = Quality(1.0, False)


def prepare_display() -> None:
    """Let VTK draw without a display server. Must run before the first import of VTK's OpenGL module."""
    if sys.platform.startswith("linux"):
        os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")


EYE_DISTANCE_MM = 2000.0
CLIPPING_RANGE_MM = (500.0, 3500.0)

SOFTWARE_GL = ("llvmpipe", "softpipe", "swrast", "software rasterizer", "swiftshader", "openswr", "microsoft basic")
"""Names that OpenGL drivers without a graphics card give themselves."""


def draws_in_hardware(capabilities: str) -> bool:
    """Whether OpenGL runs on a graphics card, by ``vtkRenderWindow.ReportCapabilities``; False when that is silent."""
    told = capabilities.lower()
    return "opengl renderer string" in told and not any(name in told for name in SOFTWARE_GL)


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
        self._on_card: Any | None = None
        self._cast_volume: Volume | None = None
        self._cast_preset = ""
        self._caster: VolumeCaster | None = None
        self._shown_voxels: NDArray[np.generic] | None = None
        self._kept: list[NDArray[np.generic]] = []
        self._solids: dict[str, Any] = {}
        self._planes: list[Any] = []
        self._meshes: dict[str, tuple[Mesh, Any]] = {}
        self._on_gpu: bool | None = None

    def draw(self, scene: Scene3D, size_px: tuple[int, int], quality: Quality = FINE) -> NDArray[np.uint8]:
        """The picture, (height, width, 3) uint8, first row at the top."""
        picture = self.draw_while(scene, size_px, quality, lambda: True)
        if picture is None:
            raise BugError("a 3D picture that nobody gave up was not drawn")
        return picture

    def draw_while(
        self, scene: Scene3D, size_px: tuple[int, int], quality: Quality, wanted: Callable[[], bool]
    ) -> NDArray[np.uint8] | None:
        """As `draw`; `wanted` is asked now and then while rays are cast, and False gives the picture up (None)."""
        width, height = max(8, size_px[0]), max(8, size_px[1])
        if scene.camera is None and scene.volume is not None:
            scene = replace(scene, camera=Camera.standard("anterior", scene.volume.grid))
        if scene.volume is None or scene.preset is None or scene.camera is None or self._has_gpu():
            return self._draw_all(scene, width, height)
        caster = self._caster_for(scene.volume, scene.preset)
        behind, depth_mm = self._draw_solids(scene, width, height)
        return caster.cast(
            scene.camera,
            (width, height),
            quality.pixel_step,
            coarse=quality.coarse,
            clip=scene.clip,
            depth_mm=depth_mm,
            behind=behind,
            wanted=wanted,
        )

    def _caster_for(self, volume: Volume, preset: str) -> VolumeCaster:
        """What was prepared of a volume is kept from preset to preset."""
        if self._cast_volume is not volume:
            self._cast_volume, self._caster = volume, None
        if self._caster is None or self._cast_preset != preset:
            prepared = None if self._caster is None else self._caster.prepared
            self._caster = VolumeCaster(volume, preset_for(volume, preset), prepared)
            self._cast_preset = preset
        return self._caster

    def _draw_all(self, scene: Scene3D, width: int, height: int) -> NDArray[np.uint8]:
        """Everything by VTK, the volume too where there is a graphics card."""
        self._show_volume(scene)
        self._render(scene, width, height)
        return self._pixels(width, height)

    def _draw_solids(
        self, scene: Scene3D, width: int, height: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32] | None]:
        """Everything but the volume, and how far behind the focal plane (mm) it stands; None where nothing does."""
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkFloatArray

        if not (scene.surfaces or scene.tubes or scene.meshes or scene.planes):
            levels = np.round(np.asarray(scene.background) * 255.0).astype(np.uint8)
            return np.broadcast_to(levels, (height, width, 3)).copy(), None
        self._render(scene, width, height)
        depths = vtkFloatArray()
        self._window.GetZbufferData(0, 0, width - 1, height - 1, depths)
        share = vtk_to_numpy(depths).reshape(height, width)[::-1]
        near, far = CLIPPING_RANGE_MM
        depth_mm = np.where(share < 1.0, near + share * (far - near) - EYE_DISTANCE_MM, np.inf).astype(np.float32)
        return self._pixels(width, height), depth_mm

    def _render(self, scene: Scene3D, width: int, height: int) -> None:
        self._window.SetSize(width, height)
        self._renderer.SetBackground(*scene.background)
        self._show_solids(scene)
        self._show_meshes(scene)
        self._show_planes(scene)
        self._clip(scene)
        self._place_camera(scene)
        self._window.Render()

    def _pixels(self, width: int, height: int) -> NDArray[np.uint8]:
        from vtkmodules.util.numpy_support import vtk_to_numpy
        from vtkmodules.vtkCommonCore import vtkUnsignedCharArray

        pixels = vtkUnsignedCharArray()
        self._window.GetPixelData(0, 0, width - 1, height - 1, 0, pixels, 0)
        picture: NDArray[np.uint8] = vtk_to_numpy(pixels).reshape(height, width, 3)[::-1].copy()
        return picture

    def close(self) -> None:
        """Free the graphics memory, in the owning thread."""
        self._renderer.RemoveAllViewProps()
        self._window.Finalize()
        self._kept.clear()
        self._caster = self._cast_volume = None

    def _show_volume(self, scene: Scene3D) -> None:
        """The volume on the graphics card."""
        key = None if scene.volume is None or scene.preset is None else (id(scene.volume), scene.preset)
        if key == self._volume_key:
            return
        if self._on_card is not None:
            self._renderer.RemoveVolume(self._on_card)
        if self._volume_key is None or key is None or key[0] != self._volume_key[0]:
            self._shown_voxels = None
        self._on_card, self._volume_key = None, key
        self._kept.clear()
        if scene.volume is not None and key is not None:
            self._on_card = self._make_volume(scene.volume, scene.preset)
            self._renderer.AddVolume(self._on_card)

    def _make_volume(self, volume: Volume, preset: str | None) -> Any:
        from vtkmodules.vtkRenderingCore import vtkVolume
        from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkOpenGLGPUVolumeRayCastMapper

        if self._shown_voxels is None:
            self._shown_voxels = without_table(volume)
        data, place, kept = image_data(self._shown_voxels, volume.grid)
        self._kept.append(kept)
        mapper = vtkOpenGLGPUVolumeRayCastMapper()
        mapper.SetAutoAdjustSampleDistances(0)
        mapper.SetSampleDistance(min(volume.grid.spacing_kji_mm))
        mapper.SetInputData(data)
        actor = vtkVolume()
        actor.SetMapper(mapper)
        actor.SetProperty(volume_property(preset_for(volume, preset), volume))
        actor.SetUserMatrix(place)
        return actor

    def _has_gpu(self) -> bool:
        if self._on_gpu is None:
            self._window.Render()
            self._on_gpu = draws_in_hardware(self._window.ReportCapabilities() or "")
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

    def _show_meshes(self, scene: Scene3D) -> None:
        wanted = {each.key: each for each in scene.meshes}
        for key, (shown, actor) in list(self._meshes.items()):
            if wanted.get(key) is not shown:
                self._renderer.RemoveActor(actor)
                del self._meshes[key]
        for key, mesh in wanted.items():
            if key not in self._meshes:
                self._meshes[key] = (mesh, mesh_actor(mesh))
                self._renderer.AddActor(self._meshes[key][1])

    def _show_planes(self, scene: Scene3D) -> None:
        for actor in self._planes:
            self._renderer.RemoveActor(actor)
        self._planes = [plane_actor(picture) for picture in scene.planes]
        for actor in self._planes:
            self._renderer.AddActor(actor)

    def _clip(self, scene: Scene3D) -> None:
        from vtkmodules.vtkCommonDataModel import vtkPlane

        for actor in (self._on_card, *self._solids.values(), *(each for _, each in self._meshes.values())):
            if actor is None:
                continue
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
        camera.SetPosition(*(focal + EYE_DISTANCE_MM * np.asarray(view.eye_lps)))
        camera.SetViewUp(*view.up_lps)
        camera.SetParallelScale(view.half_height_mm)
        camera.SetClippingRange(*CLIPPING_RANGE_MM)
