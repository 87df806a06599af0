"""Which slices belong together: by series, by kind of image, and by volume inside a series."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from planner.dicom import limits, tags
from planner.dicom.identifiers import derived_uid, valid_uid
from planner.dicom.phases import contrast_delay_s, phase_of_delay, phase_of_words, seconds_of_day
from planner.dicom.scanner import Header
from planner.dicom.slices import SliceRecord

_IMAGE = "1.2.840.10008.5.1.4.1.1."
VOLUME_CLASSES = frozenset(
    _IMAGE + tail
    for tail in ("2", "2.1", "2.2", "4", "4.1", "4.3", "4.4", "128", "128.1", "130", "13.1.1", "13.1.2", "13.1.3")
)
"""CT, MR, PET (classic, enhanced, legacy converted), cone-beam 3D, breast tomosynthesis (PS3.4 B.5)."""
ANGIO_CLASSES = frozenset(_IMAGE + tail for tail in ("12.1", "12.1.1", "12.2", "12.2.1"))
PROJECTION_CLASSES = frozenset(
    _IMAGE + tail for tail in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "1.3", "1.3.1", "6.1", "3.1", "6", "3", "20")
)
_BY_MODALITY = {"CT": "volume", "MR": "volume", "PT": "volume", "XA": "angio", "RF": "angio"} | dict.fromkeys(
    ("CR", "DX", "MG", "PX", "IO", "US"), "projection"
)
_LOCALIZER_NAME = re.compile(r"locali[sz]er|scout|pilot|survey|topogram", re.IGNORECASE)
_LOCALIZER_WORDS = frozenset({"LOCALIZER", "LOCALISER", "SCOUT", "TOPOGRAM"})


@dataclass(frozen=True, slots=True)
class Group:
    """Slices that make one entry of a list of series.

    Attributes
    ----------
    uid
        SeriesInstanceUID, or a derived one where the file has none that is valid.
    part
        From 1 inside the series.
    label
        What tells this part from the others (a phase, an echo time), or None.
    split
        The series holds several volumes.
    uid_replaced
        The file's own UID was empty or no UID.
    """

    uid: str
    part: int
    kind: str
    records: tuple[SliceRecord, ...]
    label: str | None = None
    phase: str | None = None
    split: bool = False
    uid_replaced: bool = False


def kind_of(header: Header) -> str:
    """``volume``, ``angio``, ``localizer``, ``projection`` or ``object`` of one file."""
    data = header.elements
    uid = data.text(tags.SOP_CLASS) or header.media_sop_class or ""
    modality = data.text(tags.MODALITY) or ""
    if uid in VOLUME_CLASSES:
        kind = "volume"
    elif uid in ANGIO_CLASSES:
        kind = "angio"
    elif uid in PROJECTION_CLASSES:
        kind = "projection"
    elif uid == "" and data.integer(tags.ROWS):
        kind = _BY_MODALITY.get(modality, "object")
    else:
        kind = "object"
    if kind == "volume" and _LOCALIZER_WORDS & {word.upper() for word in data.texts(tags.IMAGE_TYPE)}:
        return "localizer"
    if kind in ("volume", "angio") and (data.integer(tags.SAMPLES_PER_PIXEL) or 1) > 1:
        return "object"
    return kind


def series_uid(header: Header) -> tuple[str, bool]:
    """The SeriesInstanceUID, or a derived one (and True) where the file's own is empty or no UID."""
    data = header.elements
    uid = data.text(tags.SERIES_UID)
    if uid is not None and valid_uid(uid):
        return uid, False
    study, number = data.text(tags.STUDY_UID) or "", data.text(tags.SERIES_NUMBER) or ""
    frame = data.text(tags.FRAME_OF_REFERENCE) or ""
    described = data.text(tags.SERIES_DESCRIPTION) or ""
    patient = data.text(tags.PATIENT_ID) or ""
    return derived_uid("series", uid or str(header.file.parent), patient, study, number, frame, described), True


def group(records: Sequence[SliceRecord]) -> tuple[Group, ...]:
    """Sort slices into entries. Nothing is dropped: faulty slices stay with their series."""
    by_series: dict[str, list[SliceRecord]] = {}
    replaced: set[str] = set()
    for record in records:
        uid, was_replaced = series_uid(record.header)
        by_series.setdefault(uid, []).append(record)
        if was_replaced:
            replaced.add(uid)
    found: list[Group] = []
    for uid, members in by_series.items():
        found += _of_series(uid, members, uid in replaced)
    return tuple(found)


def _of_series(uid: str, members: Sequence[SliceRecord], replaced: bool) -> list[Group]:
    by_kind: dict[str, list[SliceRecord]] = {}
    for record in members:
        by_kind.setdefault(kind_of(record.header), []).append(record)
    parts: list[tuple[str, tuple[SliceRecord, ...], str | None]] = []
    volumes = _split(by_kind["volume"], _SPLITTERS) if "volume" in by_kind else []
    volumes.sort(key=lambda one: _order(one[0]))
    scouts = [slices for slices, _ in volumes if _is_scout(slices)]
    volumes = [(slices, label) for slices, label in volumes if not _is_scout(slices)]
    parts += [("volume", tuple(slices), label) for slices, label in volumes]
    for kind in ("angio", "projection", "object"):
        by_file: dict[object, list[SliceRecord]] = {}
        for record in by_kind.get(kind, ()):
            by_file.setdefault(record.file, []).append(record)
        parts += [(kind, tuple(frames), None) for frames in by_file.values()]
    if "localizer" in by_kind:
        parts.append(("localizer", tuple(by_kind["localizer"]), None))
    parts += [("localizer", tuple(slices), None) for slices in scouts]
    phases = _phases([slices for slices, _ in volumes])
    return [
        Group(
            uid,
            number,
            kind,
            slices,
            label=(phases[number - 1] if number <= len(phases) else None) or label,
            phase=phases[number - 1] if number <= len(phases) else None,
            split=len(volumes) > 1 and kind == "volume",
            uid_replaced=replaced,
        )
        for number, (kind, slices, label) in enumerate(parts, start=1)
    ]


def _is_scout(slices: Sequence[SliceRecord]) -> bool:
    """Planes turned against each other under a name that says localizer (MR writes no such image type)."""
    described = slices[0].header.elements.words(tags.SERIES_DESCRIPTION)[0] or ""
    return _LOCALIZER_NAME.search(described) is not None and _is_turned_inside(slices)


def _order(slices: Sequence[SliceRecord]) -> tuple[float, float, float, int]:
    first = min(slices, key=lambda one: one.instance if one.instance is not None else 0)
    time = seconds_of_day(first.header.elements.text(tags.ACQUISITION_TIME))
    return (
        time if time is not None else 0.0,
        float(first.temporal or 0),
        float(first.acquisition or 0),
        first.instance or 0,
    )


def _phases(volumes: Sequence[Sequence[SliceRecord]]) -> list[str | None]:
    """One phase per volume; words that name a phase for a whole split series name none of its parts."""
    found: list[str | None] = []
    for slices in volumes:
        data = slices[0].header.elements
        by_words = phase_of_words(
            data.words(tag)[0] for tag in (tags.SERIES_DESCRIPTION, tags.PROTOCOL_NAME) if tag in data.raw
        )
        by_description = phase_of_words([data.words(tags.SERIES_DESCRIPTION)[0]])
        by_time = phase_of_delay(contrast_delay_s(data))
        found.append(by_time if len(volumes) > 1 and by_time else by_description or by_words or by_time)
    if len(volumes) > 1 and len(set(found)) == 1 and len(found) > 1:
        return [None] * len(found)
    return found


_Reader = Callable[[SliceRecord], Hashable]


def _kernel(record: SliceRecord) -> Hashable:
    return record.header.elements.text(tags.KERNEL)


def _contrast(record: SliceRecord) -> Hashable:
    data = record.header.elements
    return data.text(tags.CONTRAST_START_TIME), data.words(tags.CONTRAST_AGENT)[0]


def _content(tag: int) -> _Reader:
    return lambda record: record.header.elements.text(tag)


_SPLITTERS: tuple[tuple[str, _Reader], ...] = (
    ("stack {}", lambda record: record.stack),
    ("{}", lambda record: " ".join(record.image_type[2:]).lower() or None),
    ("type {}", lambda record: "\\".join(record.image_type)),
    ("kernel {}", _kernel),
    ("echo {} ms", lambda record: record.echo_ms),
    ("b {}", lambda record: record.b_value),
    ("time point {}", lambda record: record.temporal),
    ("acquisition {}", lambda record: record.acquisition),
    ("trigger {} ms", _content(tags.TRIGGER_TIME)),
    ("echo {}", _content(tags.ECHO_NUMBER)),
    ("contrast {}", _contrast),
)
"""What may tell volumes of one series apart, with the label of a part."""


def _split(
    records: list[SliceRecord], splitters: Sequence[tuple[str, _Reader]]
) -> list[tuple[list[SliceRecord], str | None]]:
    for at, (label, read) in enumerate(splitters):
        parts: dict[Hashable, list[SliceRecord]] = {}
        for record in records:
            parts.setdefault(read(record), []).append(record)
        if len(parts) > 1 and _apart(list(parts.values()), records):
            return [
                (slices, _joined(label.format(_shown(value)), inner))
                for value, part in parts.items()
                for slices, inner in _split(part, splitters[at + 1 :])
            ]
    by_time = _split_by_time(records)
    if len(by_time) > 1:
        return [(slices, f"time {number}") for number, slices in enumerate(by_time, start=1)]
    return [(records, None)]


def _joined(outer: str, inner: str | None) -> str:
    return outer if inner is None else f"{outer}, {inner}"


def _shown(value: Hashable) -> str:
    if isinstance(value, tuple):
        return " ".join(str(one) for one in value if one is not None) or "none"
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)[:64]


def _axis(records: Sequence[SliceRecord]) -> tuple[float, ...] | None:
    cosines = records[0].orientation_lps
    if cosines is None or len(cosines) != 6 or not np.all(np.isfinite(cosines)):
        return None
    return tuple(float(value) for value in np.cross(cosines[:3], cosines[3:]))


def _along(records: Sequence[SliceRecord], axis: Sequence[float]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    places = [one.position_lps_mm for one in records if one.position_lps_mm is not None]
    good = [place for place in places if len(place) == 3 and np.all(np.isfinite(place))]
    return np.sort(np.asarray(good, dtype=np.float64).reshape(-1, 3) @ np.asarray(axis, dtype=np.float64))


def _turned(one: tuple[float, ...] | None, other: tuple[float, ...] | None) -> bool:
    if one is None or other is None:
        return one is not other
    return float(np.abs(np.subtract(one, other)).max()) > 0.01


def _apart(parts: Sequence[Sequence[SliceRecord]], whole: Sequence[SliceRecord]) -> bool:
    """Whether a tag's groups are volumes of their own: turned against each other, or lying in the same space.

    Groups that follow one another along the normal (one acquisition per rotation) are one volume.
    """
    if len(parts) > max(1, len(whole) // 2):
        return False
    axes = [_axis(part) for part in parts]
    if any(_turned(axes[0], other) for other in axes[1:]):
        return not any(_is_turned_inside(part) for part in parts)
    axis = axes[0]
    if axis is None:
        return False
    spans = [_along(part, axis) for part in parts]
    gap = _usual_gap(spans)
    for number, one in enumerate(spans):
        for other in spans[number + 1 :]:
            if len(one) and len(other) and min(one[-1], other[-1]) - max(one[0], other[0]) > _slack(one, other, gap):
                return True
    return False


def _is_turned_inside(part: Sequence[SliceRecord]) -> bool:
    first = _axis(part)
    return any(_turned(first, _axis([record])) for record in part[1:])


def _usual_gap(spans: Sequence[np.ndarray[tuple[int, ...], np.dtype[np.float64]]]) -> float:
    gaps = np.concatenate([np.diff(span) for span in spans])
    gaps = gaps[gaps > limits.SAME_POSITION_MM]
    return float(np.median(gaps)) if len(gaps) else 0.0


def _slack(
    one: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    other: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
    gap: float,
) -> float:
    """How far spans may overlap and still follow one another; single slices must lie at one place to be apart."""
    return -limits.SAME_POSITION_MM if min(len(one), len(other)) == 1 and gap == 0.0 else 0.5 * gap


def _split_by_time(records: Sequence[SliceRecord]) -> list[list[SliceRecord]]:
    """Passes over the same positions, one after the other in time: the n-th visit of each position is part n."""
    axis = _axis(records)
    times = [_time(record) for record in records]
    if axis is None or any(time is None for time in times) or any(one.position_lps_mm is None for one in records):
        return []
    positions = [one.position_lps_mm or () for one in records]
    if not all(len(position) == 3 and all(map(math.isfinite, position)) for position in positions):
        return []
    places = np.rint(np.array(positions, dtype=np.float64) @ np.array(axis) / limits.SAME_POSITION_MM)
    visits: dict[float, list[tuple[float, SliceRecord]]] = {}
    for time, place, record in zip(times, places.tolist(), records, strict=True):
        if time is not None:
            visits.setdefault(place, []).append((time, record))
    passes = max(len(found) for found in visits.values())
    if passes < 2 or len(visits) < 2:
        return []
    ordered = [sorted(found, key=lambda visit: visit[0]) for found in visits.values()]
    parts = [[found[number] for found in ordered if len(found) > number] for number in range(passes)]
    ends = [(min(time for time, _ in part), max(time for time, _ in part)) for part in parts]
    if any(later[0] <= earlier[1] for earlier, later in zip(ends, ends[1:], strict=False)):
        return []
    return [[record for _, record in part] for part in parts]


def _time(record: SliceRecord) -> float | None:
    data = record.header.elements
    stamp = data.text(tags.ACQUISITION_DATETIME)
    if stamp is not None and len(stamp) >= 14:
        return seconds_of_day(stamp[8:].split("+")[0].split("-")[0])
    return seconds_of_day(data.text(tags.ACQUISITION_TIME))
