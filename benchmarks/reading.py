"""Reading beside SimpleITK and pydicom, alternating in one process: ``python benchmarks/reading.py [row ...]``.

Rows: plain, cold, compressed, index, first, memory; all of them when none is named. Printed are minimum, median and
maximum in ms over the rounds, and the ratio of medians (peer / ours); the machine decides the ms, the ratio travels.
The CPU lines count the work of all threads and child processes: they say more than the clock on a busy machine.
Files are written once into ``--work`` (about 1.5 GB) and used again.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.reading_files import ENCODINGS, prepared
from planner.app.images import choose, load, scan
from planner.imaging import Volume


def ours(folder: Path) -> Volume:
    """Checked and sorted, as the window and the command line read it."""
    return load(choose(scan([folder]), folder))


def simple_itk(folder: Path) -> object:
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
    return reader.Execute()


def bytes_only(folder: Path) -> int:
    """The limit: every byte of every file into memory, nothing else."""
    buffer = bytearray(4 << 20)
    total = 0
    for entry in os.scandir(folder):
        with open(entry.path, "rb", buffering=0) as stream:
            while got := stream.readinto(buffer):
                total += got
    return total


def forget(folder: Path) -> None:
    """Ask the system to drop the files from its cache."""
    for file in folder.rglob("*"):
        if file.is_file():
            handle = os.open(file, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def timed(
    runs: Mapping[str, Callable[[], object]], rounds: int, before: Callable[[], object] | None = None
) -> dict[str, list[float]]:
    """Milliseconds of each run; the runs alternate so that a busy moment meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if before is not None:
                before()
            start, worked = time.perf_counter(), sum(os.times()[:4])
            result = run()
            found[name].append(1000.0 * (time.perf_counter() - start))
            found.setdefault(f"{name}, CPU", []).append(1000.0 * (sum(os.times()[:4]) - worked))
            del result
    return found


def report(title: str, found: Mapping[str, list[float]], mine: str = "ours") -> None:
    for name, ms in found.items():
        base = statistics.median(found[f"{mine}, CPU" if name.endswith("CPU") else mine])
        numbers = f"{min(ms):8.0f} / {statistics.median(ms):8.0f} / {max(ms):8.0f} ms"
        sys.stdout.write(f"{title:24} {name:24} {numbers}  ratio {statistics.median(ms) / base:6.2f}\n")
    sys.stdout.flush()


def same_voxels(folder: Path) -> None:
    import SimpleITK

    theirs = SimpleITK.GetArrayFromImage(simple_itk(folder))
    if not np.array_equal(theirs, ours(folder).voxels):
        raise SystemExit(f"{folder}: the voxels differ from the peer's")


def row_plain(folders: Mapping[str, Path], rounds: int) -> None:
    folder = folders["uncompressed"]
    same_voxels(folder)
    runs = {
        "ours": lambda: ours(folder),
        "SimpleITK": lambda: simple_itk(folder),
        "bytes alone": lambda: bytes_only(folder),
    }
    report("uncompressed, warm", timed(runs, rounds))


def row_cold(folders: Mapping[str, Path], rounds: int) -> None:
    folder = folders["uncompressed"]
    runs = {
        "ours": lambda: ours(folder),
        "SimpleITK": lambda: simple_itk(folder),
        "bytes alone": lambda: bytes_only(folder),
    }
    report("uncompressed, dropped", timed(runs, max(3, rounds // 2), lambda: forget(folder)))


def row_compressed(folders: Mapping[str, Path], rounds: int) -> None:
    for name in ENCODINGS:
        if name != "uncompressed":
            folder = folders[name]
            same_voxels(folder)
            runs = {
                "ours": lambda folder=folder: ours(folder),
                "SimpleITK": lambda folder=folder: simple_itk(folder),
            }
            report(name, timed(runs, max(3, rounds // 2)))


def pydicom_loop(folder: Path) -> int:
    from pydicom import dcmread
    from pydicom.errors import InvalidDicomError

    read = 0
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            try:
                data = dcmread(file, stop_before_pixels=True)
            except InvalidDicomError:
                continue
            read += data.get("SeriesInstanceUID") is not None
    return read


def row_index(folders: Mapping[str, Path], rounds: int) -> None:
    folder = folders["mixed"]
    with tempfile.TemporaryDirectory() as place:
        index = Path(place) / "index"

        def first() -> object:
            shutil.rmtree(index, ignore_errors=True)
            return scan([folder], index=index)

        runs = {
            "ours": first,
            "second opening": lambda: scan([folder], index=index),
            "without an index": lambda: scan([folder]),
            "pydicom headers": lambda: pydicom_loop(folder),
        }
        found = timed(runs, max(3, rounds // 2))
        report("mixed files", found)


def row_first(folders: Mapping[str, Path], rounds: int) -> None:
    """From choosing a listed series to its first slice drawn at 512 x 512, beside the same after reading it whole."""
    from planner.imaging.growing import Growing
    from planner.imaging.window import Window
    from viewers.scene.slice_picture import SliceRequest, render
    from viewers.state.view_state import standard_planes

    def drawn(volume: Volume) -> object:
        middle = volume.grid.lps_from_kji.points(tuple(size // 2 for size in volume.grid.size_kji))
        plane = standard_planes()["axial"].through(middle)
        return render(SliceRequest(volume, plane, (512, 512), 0.78, Window(40.0, 400.0)))

    for name in ("uncompressed", "JPEG-LS", "JPEG 2000"):
        entry = choose(scan([folders[name]]), folders[name])
        drawn(load(entry))
        found: dict[str, list[float]] = {"ours": [], "read whole first": []}
        for _ in range(rounds):
            times: list[float] = []

            def follow(growing: Growing, times: list[float] = times) -> None:
                def tell() -> None:
                    partial = growing.snapshot()
                    if partial is not None and not times:
                        drawn(partial)
                        times.append(time.perf_counter())

                growing.listen(tell)

            start = time.perf_counter()
            drawn(load(entry, follow=follow))
            found["read whole first"].append(1000.0 * (time.perf_counter() - start))
            found["ours"].append(1000.0 * (times[0] - start))
        report(f"first picture, {name}", found)


def row_memory(folders: Mapping[str, Path], rounds: int) -> None:
    """Peak memory of a process that reads the series, above what it had with everything imported."""
    del rounds
    code = (
        "import sys, resource, pathlib\n"
        "from benchmarks.reading import ours\n"
        "from benchmarks.reading_files import write_series\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024\n"
        "ours(pathlib.Path(sys.argv[2]))\n"
        "before = peak()\n"
        "volume = ours(pathlib.Path(sys.argv[1]))\n"
        "print(volume.voxels.nbytes, before, peak())\n"
    )
    with tempfile.TemporaryDirectory() as place:
        from benchmarks.reading_files import compress, write_series

        small = write_series(Path(place) / "small", 3, 64)
        for name in ENCODINGS:
            little = small if name == "uncompressed" else compress(small, Path(place) / name, ENCODINGS[name])
            answer = subprocess.run(
                [sys.executable, "-c", code, str(folders[name]), str(little)],
                check=True,
                capture_output=True,
                text=True,
                cwd=Path(__file__).resolve().parents[1],
            )
            array, before, peak = (int(one) for one in answer.stdout.split())
            line = f"{array / 2**20:.0f} MiB array, {(peak - before) / 2**20:.0f} MiB more at peak"
            sys.stdout.write(f"memory {name:24} {line}  ratio {(peak - before) / array:.2f}\n")


ROWS = {
    "plain": row_plain,
    "cold": row_cold,
    "compressed": row_compressed,
    "index": row_index,
    "first": row_first,
    "memory": row_memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", nargs="*", choices=[*ROWS, []])
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "seldinger-reading")
    given = parser.parse_args()
    folders = prepared(given.work, given.slices, given.files)
    sys.stdout.write(f"{given.slices} slices, {given.files} files, load {os.getloadavg()[0]:.1f}\n")
    for name in given.rows or ROWS:
        ROWS[name](folders, given.rounds)


if __name__ == "__main__":
    main()
