"""The decoder process: compressed bytes in, stored values out. It runs alone, with a memory limit, and may die.

Started as ``python -m planner.dicom.decoder_worker BYTES``. On stdin and stdout: a 4-byte length, a JSON object, then
``length`` raw bytes that the object announces. Nothing is pickled; libraries that print do so to stderr.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from contextlib import suppress
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

_LONGEST_HEAD, _PIPE_BYTES = 1 << 16, 1 << 20
_GDCM_NAMES = {
    "1.2.840.10008.1.2.4.50": "JPEGBaselineProcess1",
    "1.2.840.10008.1.2.4.51": "JPEGExtendedProcess2_4",
    "1.2.840.10008.1.2.4.53": "JPEGSpectralSelectionProcess6_8",
    "1.2.840.10008.1.2.4.55": "JPEGFullProgressionProcess10_12",
    "1.2.840.10008.1.2.4.57": "JPEGLosslessProcess14",
    "1.2.840.10008.1.2.4.70": "JPEGLosslessProcess14_1",
    "1.2.840.10008.1.2.5": "RLELossless",
}


def send(stream: IO[bytes], head: dict[str, Any], body: bytes | memoryview = b"") -> None:
    """One message; the body is written from where it lies."""
    text = json.dumps({**head, "length": len(body)}).encode()
    stream.write(struct.pack("<I", len(text)) + text)
    stream.write(body)
    stream.flush()


def receive_head(stream: IO[bytes]) -> dict[str, Any] | None:
    """What a message says before its body, or None at the end of the stream.

    Raises
    ------
    ValueError
        When it is no message.
    """
    size = stream.read(4)
    if len(size) < 4:
        return None
    length = struct.unpack("<I", size)[0]
    if length > _LONGEST_HEAD:
        raise ValueError(f"a message of {length} bytes before its body")
    head: dict[str, Any] = json.loads(stream.read(length))
    return head


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """One message, or None at the end of the stream."""
    head = receive_head(stream)
    return None if head is None else (head, stream.read(head["length"]))


def widen(stream: IO[bytes]) -> None:
    """Let a pipe hold a frame, where the system lets us: each time it is full both ends wait for the other."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(stream.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _by_gdcm(task: dict[str, Any], codestream: bytes) -> NDArray[np.generic]:
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(codestream)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((task["columns"], task["rows"], 1))
    image.SetDataElement(element)
    image.SetPhotometricInterpretation(
        gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.GetPIType(task["photometric"]))
    )
    image.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, _GDCM_NAMES[task["syntax"]])))
    image.SetPixelFormat(
        gdcm.PixelFormat(
            task["samples"], task["bits_allocated"], task["bits_stored"], task["high_bit"], int(task["signed"])
        )
    )
    raw = image.GetBuffer().encode("utf-8", errors="surrogateescape")
    return np.frombuffer(raw, _dtype(task))


def _dtype(task: dict[str, Any]) -> np.dtype[np.generic]:
    return np.dtype(f"<{'i' if task['signed'] else 'u'}{task['bits_allocated'] // 8}")


def _by_pydicom(task: dict[str, Any], codestream: bytes) -> NDArray[np.generic]:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder

    options: Any = {
        "rows": task["rows"],
        "columns": task["columns"],
        "number_of_frames": 1,
        "samples_per_pixel": task["samples"],
        "bits_allocated": task["bits_allocated"],
        "bits_stored": task["bits_stored"],
        "pixel_representation": int(task["signed"]),
        "photometric_interpretation": task["photometric"],
        "planar_configuration": task["planar"],
        "pixel_keyword": "PixelData",
    }
    values, _ = get_decoder(task["syntax"]).as_array(encapsulate([codestream]), raw=True, **options)
    return np.ascontiguousarray(values).astype(_dtype(task), copy=False)


def _as_declared(task: dict[str, Any], raw: bytes | bytearray, precision: int) -> NDArray[np.generic] | None:
    """Decoded bytes as stored values, when the codestream is of the declared width."""
    if precision != task["bits_stored"] or (precision > 8) != (task["bits_allocated"] == 16):
        return None
    return np.frombuffer(raw, _dtype(task))


def _by_charls(task: dict[str, Any], codestream: bytes) -> NDArray[np.generic] | None:
    import jpeg_ls

    raw, found = jpeg_ls.decode_pixel_data(codestream)
    return _as_declared(task, raw, int(found["bits_per_sample"]))


def _by_openjpeg(task: dict[str, Any], codestream: bytes) -> NDArray[np.generic] | None:
    # SIZ follows SOC: Csiz at byte 40 and Ssiz, the sign in its top bit, at 42 (ITU-T T.800 A.5.1).
    if codestream[:4] != b"\xff\x4f\xff\x51" or len(codestream) < 43 or codestream[40:42] != b"\x00\x01":
        return None
    if (codestream[42] >= 128) != task["signed"]:
        return None
    from openjpeg.utils import decode_pixel_data

    return _as_declared(task, bytes(decode_pixel_data(codestream, version=2)), codestream[42] % 128 + 1)


_SHORT_CUTS = {
    "1.2.840.10008.1.2.4.80": _by_charls,
    "1.2.840.10008.1.2.4.81": _by_charls,
    "1.2.840.10008.1.2.4.90": _by_openjpeg,
    "1.2.840.10008.1.2.4.91": _by_openjpeg,
}
"""The libraries below pydicom's decoders, for one sample a pixel: less to load and less to copy."""


def _values(task: dict[str, Any], codestream: bytes) -> NDArray[np.generic]:
    short_cut = _SHORT_CUTS.get(task["syntax"]) if task["samples"] == 1 else None
    values = None if short_cut is None else short_cut(task, codestream)
    if values is not None:
        return values
    return (_by_gdcm if task["syntax"] in _GDCM_NAMES else _by_pydicom)(task, codestream)


def decode(task: dict[str, Any], codestream: bytes) -> memoryview:
    """Stored values of one frame, little endian, row by row."""
    values = _values(task, codestream)
    expected = task["rows"] * task["columns"] * task["samples"]
    if values.size != expected:
        raise ValueError(f"it decodes to {values.size} values where {expected} are needed")
    return np.ascontiguousarray(values).reshape(-1).view(np.uint8).data


def _limit_memory(maximum: int) -> None:
    if sys.platform != "win32":
        import resource

        # A lower limit that the system already set stays; raising it would be refused.
        soft, hard = resource.getrlimit(resource.RLIMIT_AS)
        bounds = [maximum, *(one for one in (soft, hard) if one != resource.RLIM_INFINITY)]
        resource.setrlimit(resource.RLIMIT_AS, (min(bounds), min(bounds)))


def main() -> None:
    _limit_memory(int(sys.argv[1]))
    reply = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while (message := receive(sys.stdin.buffer)) is not None:
        task, codestream = message
        try:
            send(reply, {"ok": True}, decode(task, codestream))
        except Exception as error:
            # Whatever a decoder throws concerns this frame alone; the parent names it to the operator.
            send(reply, {"ok": False, "error": f"{type(error).__name__}: {error}"[:300]})


if __name__ == "__main__":
    main()
