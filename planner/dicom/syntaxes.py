"""Transfer syntaxes (DICOM PS3.5 section 10, PS3.6 table A-1) and what we can do with them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransferSyntax:
    """How a data set and its pixels are encoded.

    Attributes
    ----------
    encapsulated
        Pixels are compressed and come as fragments.
    readable
        We can decode its pixels.
    """

    uid: str
    name: str
    explicit: bool = True
    little_endian: bool = True
    deflated: bool = False
    encapsulated: bool = True
    readable: bool = True


_BASE = "1.2.840.10008.1.2"
_ALL = (
    TransferSyntax(_BASE, "Implicit VR Little Endian", explicit=False, encapsulated=False),
    TransferSyntax(f"{_BASE}.1", "Explicit VR Little Endian", encapsulated=False),
    TransferSyntax(f"{_BASE}.1.99", "Deflated Explicit VR Little Endian", deflated=True, encapsulated=False),
    TransferSyntax(f"{_BASE}.2", "Explicit VR Big Endian", little_endian=False, encapsulated=False),
    TransferSyntax(f"{_BASE}.5", "RLE Lossless"),
    TransferSyntax(f"{_BASE}.4.50", "JPEG Baseline"),
    TransferSyntax(f"{_BASE}.4.51", "JPEG Extended"),
    TransferSyntax(f"{_BASE}.4.53", "JPEG Spectral Selection"),
    TransferSyntax(f"{_BASE}.4.55", "JPEG Full Progression"),
    TransferSyntax(f"{_BASE}.4.57", "JPEG Lossless"),
    TransferSyntax(f"{_BASE}.4.70", "JPEG Lossless, First-Order Prediction"),
    TransferSyntax(f"{_BASE}.4.80", "JPEG-LS Lossless"),
    TransferSyntax(f"{_BASE}.4.81", "JPEG-LS Near-Lossless"),
    TransferSyntax(f"{_BASE}.4.90", "JPEG 2000 Lossless"),
    TransferSyntax(f"{_BASE}.4.91", "JPEG 2000"),
    TransferSyntax(f"{_BASE}.4.92", "JPEG 2000 Part 2 Lossless", readable=False),
    TransferSyntax(f"{_BASE}.4.93", "JPEG 2000 Part 2", readable=False),
    TransferSyntax(f"{_BASE}.4.100", "MPEG-2 Main Level", readable=False),
    TransferSyntax(f"{_BASE}.4.101", "MPEG-2 High Level", readable=False),
    TransferSyntax(f"{_BASE}.4.102", "MPEG-4 AVC", readable=False),
    TransferSyntax(f"{_BASE}.4.103", "MPEG-4 AVC BD", readable=False),
    TransferSyntax(f"{_BASE}.4.107", "HEVC Main", readable=False),
    TransferSyntax(f"{_BASE}.4.108", "HEVC Main 10", readable=False),
    TransferSyntax(f"{_BASE}.4.201", "High-Throughput JPEG 2000 Lossless"),
    TransferSyntax(f"{_BASE}.4.202", "High-Throughput JPEG 2000 RPCL Lossless"),
    TransferSyntax(f"{_BASE}.4.203", "High-Throughput JPEG 2000"),
)
SYNTAXES = {syntax.uid: syntax for syntax in _ALL}


def transfer_syntax(uid: str) -> TransferSyntax:
    """The syntax of a UID; an unknown one is taken to be explicit, encapsulated and unreadable (PS3.5 A.4)."""
    return SYNTAXES.get(uid) or TransferSyntax(uid, f"unknown transfer syntax {uid or '(none)'}", readable=False)
