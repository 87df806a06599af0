"""Links between frames of reference. Two studies meet only through one that a person has reviewed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FieldRef:
    """A displacement field in the blob store (see `planner.imaging.displacement`).

    Attributes
    ----------
    sha256
        Of the packed bytes; the name of the blob.
    size_kji, lps_from_kji
        Its grid in the frame the link comes from: flat row-major 4x4, mm.
    """

    sha256: str
    size_kji: tuple[int, int, int]
    lps_from_kji: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LinkQuality:
    """What was measured of a link when it was made. None: not measured, never good.

    Attributes
    ----------
    model
        ``rigid``, ``affine`` or ``deformable``.
    landmark_before_mm, landmark_after_mm
        Mean and largest distance at landmarks that did not make the link.
    inverse_consistency_mm
        Mean distance after going there and back, inside the organ.
    jacobian_minimum, folded_fraction
        Of the map inside the organ; below 0 it folds.
    organ_dice
        Overlap of the organ's masks after the link: a surrogate, no error.
    left_out
        What was not let pull the match (``lipiodol``, ``ablation zone``, ``gas`` …).
    """

    model: str
    similarity: float | None = None
    landmark_before_mm: tuple[float, float] | None = None
    landmark_after_mm: tuple[float, float] | None = None
    inverse_consistency_mm: float | None = None
    jacobian_minimum: float | None = None
    folded_fraction: float | None = None
    organ_dice: float | None = None
    left_out: tuple[str, ...] = ()
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class FrameLink:
    """How points of one frame of reference are found in another.

    Attributes
    ----------
    from_frame_uid, to_frame_uid
        A run's isocentre frame or a study, and the frame it is brought into.
    to_lps_from_lps
        Row-major 4x4, mm: a rigid or affine map.
    field
        What is added to it for a deformable link, mm; None for a rigid or affine one.
    method
        ``landmarks`` or ``isocentre`` …; the words come from a catalogue.
    quality
        How well it fits, as measured when it was made; None for links that have only a residual.
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
    field: FieldRef | None = None
    quality: LinkQuality | None = None
    organ: str | None = None

    @property
    def is_reviewed(self) -> bool:
        return self.reviewed_by is not None
