"""Limits for bytes from outside, checked before anything is allocated or decoded.

Source: the project's DICOM notes, section 4 ("Suggested limits", our judgement), unless a line says otherwise.
"""

from __future__ import annotations

KIBI, MEBI, GIBI = 1 << 10, 1 << 20, 1 << 30

MAXIMUM_FILE_BYTES = 4 * GIBI
MAXIMUM_HEADER_BYTES = 256 * MEBI
MAXIMUM_INFLATED_BYTES = 512 * MEBI
MAXIMUM_INFLATE_RATIO = 100
INFLATE_RATIO_FREE_BYTES = 64 * MEBI
"""Below this inflated size the ratio is not looked at: small files of zeros compress 1000:1 and harm nobody."""
MAXIMUM_NESTING = 64
MAXIMUM_ROWS_OR_COLUMNS = 16384
MAXIMUM_FRAMES = 10_000
MAXIMUM_FILES = 50_000
MAXIMUM_ARCHIVE_BYTES = 20 * GIBI
MAXIMUM_VOLUME_BYTES = 8 * GIBI
MAXIMUM_TEXT_BYTES = MEBI
MAXIMUM_UID_CHARACTERS = 64
"""DICOM PS3.5 section 9.1."""

PLAUSIBLE_PIXEL_SPACING_MM = (0.01, 20.0)
"""Micro-CT to the coarsest PET; a value outside is a typing or comma error."""
PLAUSIBLE_SLICE_SPACING_MM = (0.01, 60.0)
PLAUSIBLE_POSITION_MM = 1e5
ORTHOGONALITY_TOLERANCE = 1e-3
"""Largest dot product of the two orientation vectors, and largest departure of their length from 1."""
SAME_ORIENTATION_TOLERANCE = 1e-3
SAME_SPACING_TOLERANCE_MM = 1e-4
UNIFORM_GAP_SHARE, UNIFORM_GAP_MM = 0.01, 0.05
"""Gaps between slices are uniform when they differ by less than the larger of the two."""
SAME_POSITION_MM = 0.01
"""Slices nearer than this along the normal lie at the same position."""
DRIFT_LIMIT_PIXELS = 0.5
"""Sideways drift of the slice origins over the whole stack, in pixels, beyond which the stack is sheared."""
MISSING_GAP_SHARE = 0.2
"""Gaps of a whole multiple are missing slices while at most this share of the gaps is so; else uneven spacing."""
MOST_INTERPOLATED_SLICES = 3
"""A repair fills at most this many missing slices in a row; a wider hole is no gap to interpolate over."""
FINE_GAP_SHARE = 0.2
"""A repair resamples to the smallest gap that makes up at least this share of all gaps."""

WORKER_MEMORY_BYTES = 4 * GIBI
WORKER_SECONDS_PER_FRAME = 60.0
