"""What a hand feels, beside VTK in one run: ``python benchmarks/rendering.py scroll|volume``.

``scroll``: one notch of the wheel in a real MPR pane of 800 x 800 pixels on Qt's offscreen platform, from the event
until the widget has painted the new slice at full resolution; beside it vtkImageReslice, vtkImageMapToColors and a
VTK render window on the same plane. The two take turns, slice by slice.

``volume``: a real 3D pane of 800 x 800 pixels turned by mouse moves, and the time until it has refined itself after
the hand is still; beside it vtkSmartVolumeMapper as it comes, with the same colours and opacities.

``--series`` names a folder of DICOM files (its layers are doubled in number when they are fewer than 200); without
it a generated CT of 268 x 512 x 512 voxels is shown.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging import ImageSource, Volume

SIDE_PX = 800
MOVES_DEG = 3.0


def generated_ct() -> Volume:
    """A body with an organ, a spine, ribs and vessels, and noise."""
    random = np.random.default_rng(0)
    voxels = np.empty((268, 512, 512), dtype=np.int16)
    rows, columns = np.mgrid[:512, :512]
    for k in range(268):
        layer = np.full((512, 512), -1000.0, dtype=np.float32)
        layer[((rows - 256) / 150.0) ** 2 + ((columns - 256) / 210.0) ** 2 < 1.0] = 45.0
        layer[((rows - 230) / 80.0) ** 2 + ((columns - 180 + k / 8.0) / 90.0) ** 2 < 1.0] = 110.0
        layer[np.hypot(rows - 360, columns - 256) < 26.0] = 420.0
        ring = np.hypot((rows - 256) / 135.0, (columns - 256) / 195.0)
        layer[(np.abs(ring - 1.0) < 0.04) & (((k + columns // 6) // 12) % 3 == 0)] = 500.0
        layer[np.hypot(rows - 310, columns - 256 - 12.0 * np.sin(k / 30.0)) < 12.0] = 330.0
        voxels[k] = layer + random.normal(0.0, 12.0, layer.shape)
    grid = Grid.of(voxels.shape, spacing_kji_mm=(1.25, 0.8, 0.8), frame_uid="benchmark")
    return Volume(voxels, grid, ImageSource("1", modality="CT", unit="HU", phase="arterial", window=(60.0, 400.0)))


def series(folder: Path) -> Volume:
    """A CT from disk, with layers put between when there are few."""
    import SimpleITK as sitk

    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    image = reader.Execute()
    voxels = sitk.GetArrayFromImage(image).astype(np.int16)
    spacing_i, spacing_j, spacing_k = image.GetSpacing()
    if len(voxels) < 200:
        between = ((voxels[:-1].astype(np.int32) + voxels[1:]) // 2).astype(np.int16)
        doubled = np.empty((2 * len(voxels), *voxels.shape[1:]), dtype=np.int16)
        doubled[::2], doubled[1:-1:2], doubled[-1] = voxels, between, voxels[-1]
        voxels, spacing_k = doubled, spacing_k / 2.0
    grid = Grid.of(voxels.shape, spacing_kji_mm=(spacing_k, spacing_j, spacing_i), frame_uid="benchmark")
    source = ImageSource("1", modality="CT", unit="HU", phase="portal-venous", window=(60.0, 400.0))
    return Volume(np.ascontiguousarray(voxels), grid, source)


def vtk_image(volume: Volume) -> Any:
    """The volume for VTK, sharing its voxels."""
    from vtkmodules.util.numpy_support import numpy_to_vtk
    from vtkmodules.vtkCommonDataModel import vtkImageData

    image = vtkImageData()
    image.SetDimensions(volume.grid.size_kji[::-1])
    image.SetSpacing(volume.grid.spacing_kji_mm[::-1])
    image.SetOrigin(volume.grid.lps_from_kji.points((0.0, 0.0, 0.0)))
    image.GetPointData().SetScalars(numpy_to_vtk(volume.voxels.reshape(-1)))
    return image


def vtk_window() -> tuple[Any, Any]:
    """An off-screen render window of the benchmark's size, with its renderer."""
    import vtkmodules.vtkRenderingOpenGL2
    import vtkmodules.vtkRenderingVolumeOpenGL2
    from vtkmodules.vtkRenderingCore import vtkRenderer, vtkRenderWindow

    del vtkmodules
    window, renderer = vtkRenderWindow(), vtkRenderer()
    window.SetOffScreenRendering(1)
    window.SetMultiSamples(0)
    window.SetSize(SIDE_PX, SIDE_PX)
    window.AddRenderer(renderer)
    return window, renderer


def vtk_slicer(volume: Volume, mm_per_px: float) -> Callable[[SlicePlane], None]:
    """The peer of a scroll step."""
    from vtkmodules.vtkCommonCore import vtkLookupTable
    from vtkmodules.vtkImagingCore import vtkImageMapToColors, vtkImageReslice
    from vtkmodules.vtkRenderingCore import vtkImageActor

    reslice = vtkImageReslice()
    reslice.SetInputData(vtk_image(volume))
    reslice.SetOutputDimensionality(2)
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(-1024)
    reslice.SetOutputSpacing(mm_per_px, mm_per_px, 1.0)
    half = (SIDE_PX - 1) / 2.0 * mm_per_px
    reslice.SetOutputOrigin(-half, -half, 0.0)
    reslice.SetOutputExtent(0, SIDE_PX - 1, 0, SIDE_PX - 1, 0, 0)
    table = vtkLookupTable()
    table.SetRange(-140.0, 260.0)
    table.SetSaturationRange(0.0, 0.0)
    table.SetValueRange(0.0, 1.0)
    table.Build()
    colours = vtkImageMapToColors()
    colours.SetLookupTable(table)
    colours.SetInputConnection(reslice.GetOutputPort())
    actor = vtkImageActor()
    actor.GetMapper().SetInputConnection(colours.GetOutputPort())
    window, renderer = vtk_window()
    renderer.AddActor(actor)
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.SetParallelScale(half)

    def show(plane: SlicePlane) -> None:
        reslice.SetResliceAxesDirectionCosines(*plane.right_lps, *plane.down_lps, *plane.normal_lps)
        reslice.SetResliceAxesOrigin(*plane.point_lps_mm)
        renderer.ResetCameraClippingRange()
        window.Render()

    return show


def scroll(volume: Volume, rounds: int) -> None:
    """Time notches of the wheel on four planes, ours and VTK's in turn."""
    from PySide6.QtWidgets import QApplication

    from planner.imaging.slicing import warm_up
    from viewers.panes.desk import make_desk

    application = QApplication.instance() or QApplication([])
    warm_up()
    desk = make_desk()
    desk.state.images.add(volume)
    frame = volume.grid.frame_uid
    for name in ("axial", "coronal", "sagittal", "oblique"):
        kind = "axial" if name == "oblique" else name
        if name == "oblique":
            desk.state.turn_planes(frame, "coronal", 25.0)
            desk.state.turn_planes(frame, "sagittal", 20.0)
        pane = timed_pane(kind, desk)
        pane.resize(SIDE_PX, SIDE_PX)
        pane.show()
        until(application, lambda at=pane: at.is_settled and at.renderer.picture is not None)
        view = pane.view()
        peer = vtk_slicer(volume, view.mm_per_px)
        ours, theirs = [], []
        for number in range(-5, rounds):
            taken = scroll_step(application, pane, 1 if (number // 40) % 2 == 0 else -1)
            begin = time.perf_counter()
            peer(pane.view().plane)
            spent = time.perf_counter() - begin
            if number >= 0:
                ours.append(taken * 1000.0)
                theirs.append(spent * 1000.0)
        report(f"scroll {name}", ours, theirs)
        # The burst of the wheel ends before its pane goes.
        until(application, lambda: not desk.state.interacting.value)
        pane.release()
        pane.close()
    desk.close()


def scroll_step(application: Any, pane: Any, notches: int) -> float:
    """Seconds from one notch of the wheel until the pane has painted that slice at full resolution."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtGui import QWheelEvent

    middle = pane.rect().center()
    event = QWheelEvent(
        middle.toPointF(),
        pane.mapToGlobal(middle).toPointF(),
        QPoint(0, 0),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    pane.waits_beyond = pane.renderer.picture
    pane.painted_at = None
    begin = time.perf_counter()
    application.sendEvent(pane, event)
    until(application, lambda: pane.painted_at is not None)
    return float(pane.painted_at - begin)


def timed_pane(kind: str, desk: Any) -> Any:
    """A pane that notes when it has painted a picture of full resolution beyond a given one."""
    from PySide6.QtGui import QPaintEvent

    from viewers.panes.mpr_pane import MprPane
    from viewers.scene.slice_picture import SlicePicture
    from viewers.state.layouts import PaneSpec

    class TimedPane(MprPane):
        waits_beyond: SlicePicture | None = None
        painted_at: float | None = None

        def paintEvent(self, event: QPaintEvent) -> None:
            super().paintEvent(event)
            picture = self.renderer.picture
            if picture is not None and picture is not self.waits_beyond and self.painted_at is None:
                full = picture.request.size_px == (SIDE_PX, SIDE_PX)
                self.painted_at = time.perf_counter() if full else None

    return TimedPane(PaneSpec(kind, kind), desk)


def until(application: Any, is_done: Callable[[], bool], limit_s: float = 120.0) -> None:
    """Serve events until something holds."""
    begin = time.perf_counter()
    while not is_done():
        application.processEvents()
        if time.perf_counter() - begin > limit_s:
            raise TimeoutError("the pane never came to rest")


def turning(volume: Volume, rounds: int) -> None:
    """Frames while the hand turns the 3D pane, and how long the still picture takes; then VTK's mapper."""
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    from viewers.panes.volume_pane import VolumePane
    from viewers.scene.volume_renderer import FINE
    from viewers.state.scene3d import Scene3D

    application = QApplication.instance() or QApplication([])
    pane = VolumePane()
    pane.resize(SIDE_PX, SIDE_PX)
    pane.show()
    pane.show_scene(Scene3D(volume=volume, preset="arterial"))
    until(application, lambda: pane.quality_shown is FINE)

    def hand(kind: QEvent.Type, x: float) -> None:
        at = QPointF(x, 400.0)
        held = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseButtonRelease else Qt.MouseButton.LeftButton
        button = Qt.MouseButton.NoButton if kind is QEvent.Type.MouseMove else Qt.MouseButton.LeftButton
        none = Qt.KeyboardModifier.NoModifier
        application.sendEvent(pane, QMouseEvent(kind, at, pane.mapToGlobal(at), button, held, none))

    frames, refined = [], []
    for burst in range(4):
        hand(QEvent.Type.MouseButtonPress, 300.0)
        for number in range(rounds):
            before = pane.picture
            begin = time.perf_counter()
            hand(QEvent.Type.MouseMove, 300.0 + (number + 1) * MOVES_DEG / 0.4)
            until(application, lambda seen=before: pane.picture is not seen)
            pane.repaint()
            frames.append((time.perf_counter() - begin) * 1000.0)
        begin = time.perf_counter()
        hand(QEvent.Type.MouseButtonRelease, 300.0)
        until(application, lambda: pane.quality_shown is FINE)
        refined.append((time.perf_counter() - begin) * 1000.0)
        del burst
    pane.release()
    report("3D while turning", frames, smart_mapper(volume))
    line("3D refined after release", refined)


def smart_mapper(volume: Volume, rounds: int = 2) -> list[float]:
    """Milliseconds of frames of vtkSmartVolumeMapper as it comes."""
    from vtkmodules.vtkRenderingCore import vtkVolume
    from vtkmodules.vtkRenderingVolumeOpenGL2 import vtkSmartVolumeMapper

    from viewers.scene.volume_renderer import prepare_display
    from viewers.scene.volume_transfer import preset_for, volume_property

    prepare_display()
    window, renderer = vtk_window()
    mapper = vtkSmartVolumeMapper()
    mapper.SetInputData(vtk_image(volume))
    actor = vtkVolume()
    actor.SetMapper(mapper)
    actor.SetProperty(volume_property(preset_for(volume, "arterial"), volume))
    renderer.AddVolume(actor)
    renderer.ResetCamera()
    camera = renderer.GetActiveCamera()
    camera.ParallelProjectionOn()
    camera.Elevation(-89.0)
    taken = []
    for number in range(rounds + 1):
        camera.Azimuth(MOVES_DEG)
        begin = time.perf_counter()
        window.Render()
        if number:
            taken.append((time.perf_counter() - begin) * 1000.0)
    return taken


def line(name: str, taken: Sequence[float]) -> None:
    values: NDArray[np.float64] = np.asarray(taken)
    p50, p95 = np.percentile(values, (50.0, 95.0))
    sys.stdout.write(
        f"{name:26s} min {values.min():8.1f}  p50 {p50:8.1f}  p95 {p95:8.1f}  max {values.max():8.1f} ms\n"
    )


def report(name: str, ours: Sequence[float], theirs: Sequence[float]) -> None:
    """Two lines and the ratio of medians."""
    line(name, ours)
    line("  VTK beside it", theirs)
    sys.stdout.write(f"  ratio of medians {np.median(theirs) / np.median(ours):.1f}\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("scroll", "volume"))
    parser.add_argument("--series", type=Path)
    parser.add_argument("--rounds", type=int, default=80)
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from viewers.scene.volume_renderer import prepare_display

    prepare_display()
    volume = series(given.series) if given.series is not None else generated_ct()
    sys.stdout.write(f"{volume.grid.size_kji} voxels, load {os.getloadavg()[0]:.1f}\n")
    {"scroll": scroll, "volume": turning}[given.what](volume, given.rounds)


if __name__ == "__main__":
    main()
