"""Compiled kernels shared out over the processor's cores.

Kernels are compiled without numba's own threading: its default layers either abort the program when two Python
threads enter them at once (workqueue) or after a fork (GNU OpenMP), and a viewer slices while a job computes.
Instead each kernel releases the interpreter lock and works on a band of rows, and bands run on one small pool.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

_BANDS_PER_WORKER = 4


def _workers() -> int:
    return max(1, os.cpu_count() or 1)


@cache
def _pool(process_id: int) -> ThreadPoolExecutor:
    """One pool per process: threads do not survive a fork."""
    del process_id
    return ThreadPoolExecutor(_workers(), thread_name_prefix="imaging-band")


def in_bands(rows: int, work: Callable[[int, int], object], *, least_rows: int = 16) -> None:
    """Call ``work(first, last)`` for half-open bands that cover ``range(rows)``.

    Parameters
    ----------
    work
        Must release the interpreter lock and touch only its own rows.
    least_rows
        Bands are not made smaller than this; work below two bands runs in the calling thread.
    """
    bands = min(_workers() * _BANDS_PER_WORKER, rows // max(1, least_rows))
    if bands < 2 or _workers() == 1:
        work(0, rows)
        return
    edges = [round(rows * band / bands) for band in range(bands + 1)]
    pool = _pool(os.getpid())
    for done in [pool.submit(work, first, last) for first, last in zip(edges[:-1], edges[1:], strict=True)]:
        done.result()
