"""Which two studies of a case are compared: the series there are, what a date or a study means, which go together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from planner.app.new_studies import studies_to_link
from planner.model.case import Case
from planner.model.disease import SeriesRef
from planner.workflow.template import Choice
from viewers.state.compare import ComparedPair
from viewers.window.case_series import series_key


def volumes_of(case: Case) -> tuple[SeriesRef, ...]:
    """Series with volumes, the newest first; undated ones last."""
    found = [each for each in case.studies if each.kind == "volume"]
    return tuple(sorted(found, key=lambda each: each.study_date or date.min, reverse=True))


def choices(case: Case) -> tuple[Choice, ...]:
    """``2024-05-01 · arterial · CT Abdomen`` of every series."""
    return tuple(Choice(series_key(each), words_of(each)) for each in volumes_of(case))


def words_of(reference: SeriesRef) -> str:
    day = "undated" if reference.study_date is None else reference.study_date.isoformat()
    parts = (day, reference.phase or "", reference.modality or "", reference.description or "")
    return " · ".join(part for part in parts if part)


def pair_of(case: Case, earlier_uid: str, later_uid: str) -> ComparedPair | None:
    """The two series that are meant by keys, series, studies or frames of reference; None where one is not there.

    Of studies with several series those are taken that are most alike: one phase, one modality.
    """
    befores, afters = _meant(case, earlier_uid), _meant(case, later_uid)
    pairs = [(one, other) for other in afters for one in befores if series_key(one) != series_key(other)]
    if not pairs:
        return None
    earlier, later = max(pairs, key=lambda pair: _likeness(*pair))
    return ComparedPair(series_key(earlier), series_key(later))


def _meant(case: Case, uid: str) -> list[SeriesRef]:
    found = [each for each in volumes_of(case) if uid in (series_key(each), each.series_uid)]
    return found or [each for each in volumes_of(case) if uid in (each.study_uid, each.frame_uid)]


def _likeness(one: SeriesRef, other: SeriesRef) -> tuple[bool, bool, bool]:
    return one.modality == other.modality, one.phase is not None and one.phase == other.phase, one.phase is not None


def first_pair(case: Case) -> ComparedPair | None:
    """What is most likely meant: a study that waits to be linked, else the newest two days; None for fewer than two."""
    waiting = studies_to_link(case)
    if waiting:
        found = pair_of(case, waiting[0].reference_frame_uid, waiting[0].frame_uid)
        if found is not None:
            return in_order(case, found)
    series = volumes_of(case)
    days = _in_turn(series)
    if len(days) >= 2:
        return _most_alike(days[1], days[0])
    if len(series) >= 2:
        return ComparedPair(series_key(series[1]), series_key(series[0]))
    return None


def in_order(case: Case, pair: ComparedPair) -> ComparedPair:
    """The older study is the earlier one; undated ones stay as they are given."""
    days = {series_key(each): each.study_date for each in case.studies}
    earlier, later = days.get(pair.earlier), days.get(pair.later)
    if earlier is not None and later is not None and earlier > later:
        return ComparedPair(pair.later, pair.earlier)
    return pair


def _in_turn(series: Sequence[SeriesRef]) -> list[list[SeriesRef]]:
    """Series by day, the newest day first; undated ones are of no day."""
    days: dict[date, list[SeriesRef]] = {}
    for each in series:
        if each.study_date is not None:
            days.setdefault(each.study_date, []).append(each)
    return [days[day] for day in sorted(days, reverse=True)]


def _most_alike(befores: Sequence[SeriesRef], afters: Sequence[SeriesRef]) -> ComparedPair:
    earlier, later = max(((one, other) for other in afters for one in befores), key=lambda pair: _likeness(*pair))
    return ComparedPair(series_key(earlier), series_key(later))
