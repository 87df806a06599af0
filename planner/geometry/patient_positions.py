"""How the patient lies: gravity and the table in LPS, and what a gantry that is told nothing else would read.

Patient positions follow DICOM PS3.3 C.7.3.1.1.2 (HFS, HFP, HFDR, HFDL, FFS, FFP, FFDR, FFDL). Left and right decubitus
name the side that lies on the table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SUPINE, PRONE, LEFT_DECUBITUS, RIGHT_DECUBITUS = "supine", "prone", "left-decubitus", "right-decubitus"
POSTURES = (SUPINE, PRONE, LEFT_DECUBITUS, RIGHT_DECUBITUS)

_UP_LPS = {
    SUPINE: (0.0, -1.0, 0.0),
    PRONE: (0.0, 1.0, 0.0),
    LEFT_DECUBITUS: (-1.0, 0.0, 0.0),
    RIGHT_DECUBITUS: (1.0, 0.0, 0.0),
}
_DICOM = {"S": SUPINE, "P": PRONE, "DL": LEFT_DECUBITUS, "DR": RIGHT_DECUBITUS}


@dataclass(frozen=True, slots=True)
class PatientPosition:
    """A posture on the table, and which end of the patient goes into the gantry first.

    Raises
    ------
    ValueError
        For a posture that is none of `POSTURES`.
    """

    posture: str = SUPINE
    head_first: bool = True

    def __post_init__(self) -> None:
        if self.posture not in POSTURES:
            raise ValueError(f"{self.posture!r} is no posture; choose one of {', '.join(POSTURES)}")

    @property
    def up_lps(self) -> NDArray[np.float64]:
        """(3,) unit direction against gravity, in the patient's axes."""
        return np.array(_UP_LPS[self.posture])

    @property
    def words(self) -> str:
        """``patient prone, head first``."""
        return f"patient {self.posture.replace('-', ' ')}, {'head' if self.head_first else 'feet'} first"

    @property
    def room_from_lps(self) -> NDArray[np.float64]:
        """(3, 3) rotation into the axes a supine, head-first patient would have in this room.

        A gantry that believes its patient to lie supine and head first reads the angles of directions turned by this.
        """
        up = self.up_lps
        head = np.array([0.0, 0.0, 1.0 if self.head_first else -1.0])
        left = np.cross(head, up)
        # Rows: the patient's own directions that come to lie along x, y and z of the room.
        return np.stack([left, -up, head])

    def turned(self, direction_lps: ArrayLike) -> NDArray[np.float64]:
        """A direction of the patient in the axes of the room, (..., 3)."""
        turned: NDArray[np.float64] = np.asarray(direction_lps, dtype=np.float64) @ self.room_from_lps.T
        return turned


def position_from_dicom(patient_position: str | None) -> PatientPosition | None:
    """From PatientPosition (0018,5100); None when it is absent or says something else."""
    said = (patient_position or "").strip().upper()
    if said[:2] not in ("HF", "FF") or said[2:] not in _DICOM:
        return None
    return PatientPosition(_DICOM[said[2:]], said[:2] == "HF")
