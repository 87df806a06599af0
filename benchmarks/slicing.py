"""Our MPR slice beside vtkImageReslice and scipy's map_coordinates, in one run: ``python benchmarks/slicing.py``.

All three fill the same oblique 800 x 800 picture from a 512 x 512 x 268 CT with linear interpolation. Printed are
minimum, median and maximum in ms, and the ratio of medians to ours; the machine decides the ms, the ratio travels.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from planner.geometry import Grid, SlicePlane
from planner.imaging import ImageSource, Volume
from planner.imaging.slicing import pixel_lps_mm, slice_volume, warm_up

SIZE_PX = (800, 800)
MM_PER_PX = 0.5


def _volume() -> Volume:
    voxels = np.random.default_rng(0).integers(-1000, 1500, (268, 512, 512)).astype(np.int16)
    return Volume(
        voxels, Grid.of(voxels.shape, spacing_kji_mm=(1.5, 0.8, 0.8), frame_uid="benchmark"), ImageSource("1")
    )


def _ours(volume: Volume, plane: SlicePlane) -> Callable[[], NDArray[np.floating]]:
    return lambda: slice_volume(volume, plane, SIZE_PX, MM_PER_PX, outside=-1024.0)


def _scipy(volume: Volume, plane: SlicePlane) -> Callable[[], NDArray[np.floating]]:
    from scipy import ndimage

    pixels = np.stack(np.meshgrid(*(np.arange(n) for n in SIZE_PX), indexing="ij"), axis=-1)

    def run() -> NDArray[np.floating]:
        kji = volume.grid.kji_from_lps.points(pixel_lps_mm(plane, SIZE_PX, MM_PER_PX, pixels))
        return ndimage.map_coordinates(
            volume.voxels, np.moveaxis(kji, -1, 0), output=np.float32, order=1, mode="grid-constant", cval=-1024.0
        )

    return run


def _vtk(volume: Volume, plane: SlicePlane) -> Callable[[], NDArray[np.floating]]:
    from vtkmodules.util.numpy_support import numpy_to_vtk, vtk_to_numpy
    from vtkmodules.vtkCommonDataModel import vtkImageData
    from vtkmodules.vtkImagingCore import vtkImageReslice

    image = vtkImageData()
    image.SetDimensions(volume.grid.size_kji[::-1])
    image.SetSpacing(volume.grid.spacing_kji_mm[::-1])
    image.GetPointData().SetScalars(numpy_to_vtk(volume.voxels.ravel()))
    reslice = vtkImageReslice()
    reslice.SetInputData(image)
    reslice.SetOutputDimensionality(2)
    reslice.SetInterpolationModeToLinear()
    reslice.SetBackgroundLevel(-1024)
    reslice.SetResliceAxesDirectionCosines(*plane.right_lps, *plane.down_lps, *plane.normal_lps)
    reslice.SetResliceAxesOrigin(*plane.point_lps_mm)
    reslice.SetOutputSpacing(MM_PER_PX, MM_PER_PX, 1.0)
    height, width = SIZE_PX
    reslice.SetOutputOrigin(-(width - 1) / 2.0 * MM_PER_PX, -(height - 1) / 2.0 * MM_PER_PX, 0.0)
    reslice.SetOutputExtent(0, width - 1, 0, height - 1, 0, 0)

    def run() -> NDArray[np.floating]:
        reslice.Modified()
        reslice.Update()
        return vtk_to_numpy(reslice.GetOutput().GetPointData().GetScalars()).reshape(SIZE_PX)

    return run


def _timed(run: Callable[[], object], rounds: int) -> list[float]:
    run()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) * 1000.0)
    return taken


def main() -> None:
    """Run all three and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    warm_up()
    volume = _volume()
    plane = SlicePlane.axial(volume.grid.centre_lps_mm).rotated((1.0, 1.0, 0.3), 35.0)
    runs = {"seldinger": _ours(volume, plane), "vtkImageReslice": _vtk(volume, plane), "scipy": _scipy(volume, plane)}
    pictures = {name: np.asarray(run(), dtype=np.float64) for name, run in runs.items()}
    times = {name: _timed(run, rounds if name != "scipy" else max(3, rounds // 6)) for name, run in runs.items()}
    inner = (pictures["seldinger"] > -1024.0) & (pictures["vtkImageReslice"] > -1024.0)
    ours = float(np.median(times["seldinger"]))
    for name, taken in times.items():
        apart = float(np.quantile(np.abs(pictures[name] - pictures["seldinger"])[inner], 0.99))
        sys.stdout.write(
            f"{name:16s} min {min(taken):7.1f}  median {np.median(taken):7.1f}  max {max(taken):7.1f} ms"
            f"  ratio {np.median(taken) / ours:5.1f}  differs by {apart:.2f} (99 % of pixels)\n"
        )


if __name__ == "__main__":
    main()
