"""DICOM files of one series that differ in a few elements: what they share is encoded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from planner.phantom.patient import uid_of

if TYPE_CHECKING:
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset


class SliceFile:
    """Encodes instances in Explicit VR Little Endian (PS3.10).

    Parameters
    ----------
    shared
        Keyword -> value of all elements that every instance has, SOP class among them.
    """

    def __init__(self, shared: Mapping[str, Any]) -> None:
        self._class_uid = str(shared["SOPClassUID"])
        self._shared = {element.tag: _bytes(element) for element in _dataset(shared)}

    def encoded(self, instance_uid: str, own: Mapping[str, Any]) -> bytes:
        """The whole file of one instance; `own` are its elements beside the shared ones."""
        elements = dict(self._shared)
        for element in _dataset({**own, "SOPInstanceUID": instance_uid}):
            elements[element.tag] = _bytes(element)
        return self._head(instance_uid) + b"".join(elements[tag] for tag in sorted(elements))

    def _head(self, instance_uid: str) -> bytes:
        """Preamble, prefix and file meta information."""
        from pydicom.dataset import FileMetaDataset
        from pydicom.filebase import DicomBytesIO
        from pydicom.filewriter import write_file_meta_info
        from pydicom.uid import UID, ExplicitVRLittleEndian

        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = UID(self._class_uid)
        meta.MediaStorageSOPInstanceUID = UID(instance_uid)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        meta.ImplementationClassUID = UID(uid_of("implementation", "seldinger"))
        meta.ImplementationVersionName = "SELDINGER"
        stream = DicomBytesIO()
        write_file_meta_info(stream, meta)
        return b"\0" * 128 + b"DICM" + stream.getvalue()


def _dataset(values: Mapping[str, Any]) -> Dataset:
    from pydicom.dataset import Dataset

    found = Dataset()
    for keyword, value in values.items():
        setattr(found, keyword, value)
    if "PixelData" in found:
        found["PixelData"].VR = "OW"
    return found


def _bytes(element: DataElement) -> bytes:
    from pydicom.filebase import DicomBytesIO
    from pydicom.filewriter import write_data_element

    stream = DicomBytesIO()
    stream.is_little_endian, stream.is_implicit_VR = True, False
    write_data_element(stream, element, ["utf8"])
    return bytes(stream.getvalue())
