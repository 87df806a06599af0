"""Links between frames of reference. Two studies meet only through one that a person has reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FrameLink:
    """How points of one frame of reference are found in another.

    Attributes
    ----------
    from_frame_uid, to_frame_uid
        A run's isocentre frame or a study, and the frame it is brought into.
    to_lps_from_lps
        Row-major 4x4, mm: a rigid map.
    method
        ``landmarks`` or ``isocentre`` …; the words come from a catalogue.
    residual_mm
        Root mean square error at the landmarks, in the plane of the isocentre; None when nothing tells it.
    reviewed_by, reviewed_at
        None until a person has looked at it: an unreviewed link links nothing.
    """

    id: str
    from_frame_uid: str
    to_frame_uid: str
    to_lps_from_lps: tuple[float, ...]
    method: str
    residual_mm: float | None = None
    landmarks: int = 0
    reviewed_by: str | None = None
    reviewed_at: datetime | None = None
    note: str = ""

    @property
    def is_reviewed(self) -> bool:
        return self.reviewed_by is not None
