"""Documents (reports, presentation states) that pydicom reads after the bounded scanner found them in order."""

from __future__ import annotations

import struct
import zlib

DAMAGED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)
"""What pydicom raises over damaged values. It decodes them when they are asked for, so any access may raise."""
