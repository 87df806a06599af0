"""Seeds that are documents: a dose report and a presentation state of the angiographic run."""

from __future__ import annotations

from dicom_files import ct_slice
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

_CLASSES = "1.2.840.10008.5.1.4.1.1."
RUN_INSTANCE = "1.2.826.0.1.3680043.8.498.70"


def _coded(value: str, meaning: str, scheme: str = "DCM") -> Sequence:
    data = Dataset()
    data.CodeValue, data.CodingSchemeDesignator, data.CodeMeaning = value, scheme, meaning
    return Sequence([data])


def _number(code: str, meaning: str, value: float, unit: str) -> Dataset:
    data = Dataset()
    data.RelationshipType, data.ValueType, data.ConceptNameCodeSequence = "CONTAINS", "NUM", _coded(code, meaning)
    measured = Dataset()
    measured.NumericValue, measured.MeasurementUnitsCodeSequence = value, _coded(unit, unit, "UCUM")
    data.MeasuredValueSequence = Sequence([measured])
    return data


def _container(code: str, meaning: str, *inside: Dataset) -> Dataset:
    data = Dataset()
    data.RelationshipType, data.ValueType, data.ConceptNameCodeSequence = "CONTAINS", "CONTAINER", _coded(code, meaning)
    data.ContentSequence = Sequence(inside)
    return data


def _document(class_tail: str, modality: str) -> Dataset:
    data = ct_slice(0)
    image = [element.tag for element in data if element.tag.group in (0x0028, 0x7FE0) or element.tag == 0x00200032]
    for tag in image:
        del data[tag]
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = _CLASSES + class_tail
    data.Modality = modality
    return data


def dose_report() -> Dataset:
    """An X-ray dose report of one plane and one event."""
    data = _document("88.67", "SR")
    data.ValueType, data.ConceptNameCodeSequence = "CONTAINER", _coded("113701", "X-Ray Radiation Dose Report")
    data.ContentSequence = Sequence(
        [
            _container(
                "113702",
                "Accumulated X-Ray Dose Data",
                _number("113722", "Dose Area Product Total", 13639.0, "mGy.cm2"),
                _number("113725", "Dose (RP) Total", 0.9, "Gy"),
                _number("113730", "Total Fluoro Time", 720.0, "s"),
                _number("113731", "Total Number of Radiographic Frames", 120.0, "1"),
            ),
            _container(
                "113706",
                "Irradiation Event X-Ray Data",
                _number("122130", "Dose Area Product", 12.0, "Gy.cm2"),
                _number("112011", "Positioner Primary Angle", -30.5, "deg"),
            ),
        ]
    )
    return data


def presentation_state(series_uid: str) -> Dataset:
    """An XA presentation state of the run: an averaged mask with a shift, a window, a line and a text."""
    data = _document("11.5", "PR")
    image = Dataset()
    image.ReferencedSOPClassUID, image.ReferencedSOPInstanceUID = _CLASSES + "12.1", RUN_INSTANCE
    image.ReferencedFrameNumber = [2, 3]
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedImageSequence = series_uid, Sequence([image])
    data.ReferencedSeriesSequence = Sequence([series])
    mask = Dataset()
    mask.MaskOperation, mask.MaskFrameNumbers, mask.MaskSubPixelShift = "AVG_SUB", [1, 2], [0.5, -0.25]
    mask.ApplicableFrameRange = [3, 5]
    data.MaskSubtractionSequence = Sequence([mask])
    window = Dataset()
    window.WindowCenter, window.WindowWidth = 100, 400
    data.SoftcopyVOILUTSequence = Sequence([window])
    line, words, layer = Dataset(), Dataset(), Dataset()
    line.GraphicAnnotationUnits, line.GraphicDimensions, line.NumberOfGraphicPoints = "PIXEL", 2, 2
    line.GraphicData, line.GraphicType = [1.0, 2.0, 5.0, 9.0], "POLYLINE"
    words.UnformattedTextValue, words.AnchorPointAnnotationUnits, words.AnchorPoint = "stump", "PIXEL", [3.0, 3.0]
    layer.ReferencedImageSequence = Sequence([image])
    layer.GraphicObjectSequence, layer.TextObjectSequence = Sequence([line]), Sequence([words])
    data.GraphicAnnotationSequence = Sequence([layer])
    return data
