"""How the hot loops of this package are compiled. Importing this module loads numba."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable[..., object])


def compiled(kernel: Kernel) -> Kernel:
    """Compile at first use, keep the result on disk, and let other threads run meanwhile (see `bands`)."""
    return cast(Kernel, njit(cache=True, nogil=True, error_model="numpy")(kernel))


def compiled_inline(kernel: Kernel) -> Kernel:
    """As `compiled`, and copied into the kernels that call it."""
    return cast(Kernel, njit(cache=True, nogil=True, error_model="numpy", inline="always")(kernel))
