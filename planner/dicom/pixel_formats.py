"""How stored pixel values are encoded."""

from __future__ import annotations

from dataclasses import dataclass

from planner.dicom import tags


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How stored values are encoded (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    frames: int
    samples: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
    planar: int = 0
    pixel_tag: int = tags.PIXEL_DATA

    @property
    def frame_bits(self) -> int:
        return self.rows * self.columns * self.samples * self.bits_allocated

    @property
    def total_bytes(self) -> int:
        """Of all frames, unpadded; bits are packed across frames when one bit is allocated."""
        return (self.frame_bits * self.frames + 7) // 8
