"""Response over time: from observations of lesions to a category per lesion and overall at every timepoint (R13).

Pure: a `CourseRequest` gives an `Assessment`. A timepoint is a day; progression is against the smallest sum before
(baseline included), response against the baseline; what could not be measured is never 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from planner.clinical.registry import rule
from planner.clinical.response import change_percent
from planner.clinical.response_course_checks import baseline_findings
from planner.clinical.response_course_judges import RULES, Sums, Verdict, judge
from planner.clinical.response_course_lirads import lirads_course, lirads_versions
from planner.clinical.response_course_measures import UNITS, Reading, basis_of, constants, reading_of, versions
from planner.clinical.response_course_overall import (
    NewLesion,
    new_lesion,
    non_target_category,
    non_target_together,
    overall,
)
from planner.clinical.response_course_types import (
    CRITERIA,
    NOT_EVALUABLE,
    Assessment,
    CourseRequest,
    Followed,
    LesionTimepoint,
    Timepoint,
)
from planner.errors import InputRefused, UsageError
from planner.findings import Finding, Severity


def assess(request: CourseRequest) -> Assessment:
    """The response at every day on which any lesion was observed, from the baseline on.

    Raises
    ------
    UsageError
        ``unknown-criteria``.
    InputRefused
        ``no-observations``.
    """
    if request.criteria not in CRITERIA:
        known = ", ".join(CRITERIA)
        raise UsageError("unknown-criteria", f"There are no criteria {request.criteria!r}; known are {known}.")
    days = sorted({seen.on for lesion in request.lesions for seen in lesion.observations})
    if not days:
        raise InputRefused("no-observations", "No lesion has an observation; nothing can be assessed.")
    baseline_on = request.baseline_on or days[0]
    findings = list(baseline_findings(request, baseline_on))
    days = [day for day in days if day >= baseline_on]
    if request.criteria == "lirads-tr-2024":
        points, said = lirads_course(request, days)
        return Assessment(request.criteria, None, tuple(points), _once([*findings, *said]), lirads_versions())
    course = _Course.begin(request, baseline_on)
    points = [course.baseline(), *(course.timepoint(day) for day in days if day > baseline_on)]
    used = {name: rule(name).version for name in _rules(request.criteria)} | versions()
    return Assessment(request.criteria, baseline_on, tuple(points), _once([*findings, *course.findings]), used)


def _rules(criteria: str) -> tuple[str, ...]:
    names = (RULES[criteria],) if criteria in RULES else ()
    return (*names, "mrecist_overall") if criteria == "mrecist" else names


def _once(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(dict.fromkeys(findings))


@dataclass
class _Course:
    """What is remembered from one timepoint to the next.

    Attributes
    ----------
    first
        Target -> what it counts at the baseline.
    best, vanished
        Target -> its own smallest value so far; targets that had vanished at some time.
    complete
        An overall complete response was reached.
    """

    request: CourseRequest
    baseline_on: date
    basis: Mapping[str, str]
    first: Mapping[str, Reading]
    best: dict[str, float]
    nadir: float | None
    nadir_on: date | None
    vanished: set[str] = field(default_factory=set)
    complete: bool = False
    findings: list[Finding] = field(default_factory=list)

    @staticmethod
    def begin(request: CourseRequest, baseline_on: date) -> _Course:
        targets = [lesion for lesion in request.lesions if lesion.role == "target"]
        basis = {each.id: basis_of(request.criteria, each, baseline_on) for each in targets}
        first = {each.id: reading_of(each.seen(baseline_on), basis[each.id]) for each in targets}
        best = {name: read.value for name, read in first.items() if read.value is not None}
        known = bool(targets) and len(best) == len(targets)
        total = math.fsum(best.values()) if known else None
        return _Course(request, baseline_on, basis, first, best, total, baseline_on if known else None)

    @property
    def targets(self) -> list[Followed]:
        return [lesion for lesion in self.request.lesions if lesion.role == "target"]

    @property
    def unit(self) -> str | None:
        return UNITS[self.request.criteria]

    def baseline(self) -> Timepoint:
        """The row that the others are compared with; it has sums and no category."""
        rows = [
            LesionTimepoint(
                each.id,
                each.role,
                None,
                self.first[each.id].value if each.id in self.first else None,
                note=self.first[each.id].why_not if each.id in self.first else None,
            )
            for each in self.request.lesions
            if each.seen(self.baseline_on) is not None or each.role == "target"
        ]
        return Timepoint(
            on=self.baseline_on,
            unit=self.unit,
            total=self.nadir,
            nadir=self.nadir,
            nadir_on=self.nadir_on,
            is_baseline=True,
            lesions=tuple(rows),
        )

    def timepoint(self, on: date) -> Timepoint:
        """The row of one day; the course remembers what later days need."""
        readings = {each.id: reading_of(each.seen(on), self.basis[each.id]) for each in self.targets}
        self._say_missing(on, readings)
        verdict, total = self._together(on, readings)
        rows, others = self._others(on)
        before, best, best_on = self._baseline_total(), self.nadir, self.nadir_on
        non_target = non_target_together(self.request.criteria, [row.category or "NE" for row in others])
        news = [new_lesion(self.request.criteria, each, on, self.baseline_on) for each in self._new()]
        new = _any_new(news)
        self.findings += [_dated(finding, on) for each in news for finding in each.findings]
        target = verdict.category if self.targets else None
        point = Timepoint(
            on=on,
            unit=self.unit,
            total=total,
            nadir=best,
            nadir_on=best_on,
            change_from_baseline=_change(before, total),
            change_from_nadir=_change(best, total),
            target=target,
            non_target=non_target,
            new_lesion=new,
            overall=overall(self.request.criteria, target, non_target, new),
            flag=verdict.flag,
            lesions=(*self._rows(readings), *rows),
        )
        self._remember(point, readings)
        return point

    def _new(self) -> list[Followed]:
        return [lesion for lesion in self.request.lesions if lesion.role == "new"]

    def _baseline_total(self) -> float | None:
        known = [read.value for read in self.first.values() if read.value is not None]
        return math.fsum(known) if known and len(known) == len(self.first) else None

    def _say_missing(self, on: date, readings: Mapping[str, Reading]) -> None:
        for lesion in self.targets:
            read = readings[lesion.id]
            if read.value is None:
                text = f"{on}: target {lesion.title} was not measured ({read.why_not}); the sum is not computed."
                self.findings.append(Finding("missing-measurement", Severity.WARN, text, subject=lesion.id))
            elif read.assumed:
                text = f"{on}: target {lesion.title} is too small to measure and counts {read.value:g} mm."
                entry = constants("measurable")
                told = entry.finding("too-small", Severity.INFO, text, constant="too_small_mm", subject=lesion.id)
                self.findings.append(told)

    def _together(self, on: date, readings: Mapping[str, Reading]) -> tuple[Verdict, float | None]:
        """The category of all targets and their sum; with one missing, progression may still be evident."""
        before = [read.value for read in self.first.values() if read.value is not None]
        if self.nadir is None or not self.targets:
            return Verdict(NOT_EVALUABLE), None
        measured = {name: read.value for name, read in readings.items() if read.value is not None}
        missing = len(measured) < len(readings)
        sums = Sums(
            baseline=tuple(before),
            nadir=self.nadir,
            current=tuple(measured.values()),
            gone=not missing and all(read.gone for read in readings.values()),
            returned=any(name in self.vanished and read.gone is False for name, read in readings.items()),
            after_complete=self.complete and any(read.gone is False for read in readings.values()),
            attenuation=self._attenuation(on, readings),
        )
        if missing:
            return self._despite_missing(on, sums), None
        verdict = judge(self.request.criteria, sums)
        self.findings += [_dated(finding, on) for finding in verdict.findings]
        return replace(verdict, category=verdict.category or NOT_EVALUABLE), sums.now

    def _despite_missing(self, on: date, sums: Sums) -> Verdict:
        """Whatever the missing lesion is, its size only adds: progression of the others alone holds."""
        # Attenuation is a mean and not a sum: without one lesion nothing holds.
        evident = self.request.criteria != "choi" and bool(sums.current)
        verdict = judge(self.request.criteria, sums) if evident else Verdict(None)
        if verdict.category != "PD":
            return Verdict(NOT_EVALUABLE)
        text = f"{on}: the measured targets alone show progression, whatever the missing one is."
        entry = constants("references")
        self.findings.append(
            entry.finding("progression-evident", Severity.WARN, text, constant="progression_despite_missing")
        )
        return Verdict("PD", verdict.flag)

    def _attenuation(self, on: date, readings: Mapping[str, Reading]) -> tuple[float, float] | None:
        """Mean attenuation at the baseline and now of the targets that are still there; None where one is unknown."""
        if self.request.criteria != "choi":
            return None
        pairs: list[tuple[float, float]] = []
        for lesion in self.targets:
            if readings[lesion.id].gone:
                continue
            first, now = lesion.seen(self.baseline_on), lesion.seen(on)
            if first is None or now is None or first.density_hu is None or now.density_hu is None:
                return None
            pairs.append((first.density_hu, now.density_hu))
        if not pairs:
            return None
        return math.fsum(pair[0] for pair in pairs) / len(pairs), math.fsum(pair[1] for pair in pairs) / len(pairs)

    def _rows(self, readings: Mapping[str, Reading]) -> list[LesionTimepoint]:
        """Every target by itself, against its own baseline and its own smallest value."""
        rows: list[LesionTimepoint] = []
        for name, read in readings.items():
            first = self.first[name].value
            category: str | None = NOT_EVALUABLE
            if read.value is not None and first and self.request.criteria != "choi":
                back = name in self.vanished and read.gone is False
                alone = Sums((first,), self.best[name], (read.value,), bool(read.gone), back)
                category = judge(self.request.criteria, alone).category
            elif self.request.criteria == "choi":
                category = "CR" if read.gone else None
            note = "reappeared" if name in self.vanished and read.gone is False else read.why_not
            change = _change(first, read.value)
            rows.append(LesionTimepoint(name, "target", category, read.value, change, note))
        return rows

    def _others(self, on: date) -> tuple[list[LesionTimepoint], list[LesionTimepoint]]:
        """Rows of the lesions that are no targets, and of these the non-target ones."""
        rows: list[LesionTimepoint] = []
        for lesion in self.request.lesions:
            if lesion.role == "non-target":
                category = non_target_category(self.request.criteria, lesion, on, self.complete)
                rows.append(LesionTimepoint(lesion.id, "non-target", category))
            elif lesion.role == "new":
                found = new_lesion(self.request.criteria, lesion, on, self.baseline_on)
                note = {True: "new", False: None, None: "not evaluated"}[found.counts]
                seen = lesion.seen(on)
                rows.append(LesionTimepoint(lesion.id, "new", None, seen.diameter_mm if seen else None, note=note))
        return rows, [row for row in rows if row.role == "non-target"]

    def _remember(self, point: Timepoint, readings: Mapping[str, Reading]) -> None:
        for name, read in readings.items():
            if read.value is not None and name in self.best:
                self.best[name] = min(self.best[name], read.value)
            if read.gone:
                self.vanished.add(name)
        if point.total is not None and self.nadir is not None and point.total < self.nadir:
            self.nadir, self.nadir_on = point.total, point.on
        self.complete = self.complete or point.overall == "CR"


def _any_new(news: Sequence[NewLesion]) -> bool | None:
    if any(each.counts for each in news):
        return True
    return None if any(each.counts is None for each in news) else False


def _change(before: float | None, now: float | None) -> float | None:
    return None if before is None or now is None else change_percent(before, now)


def _dated(finding: Finding, on: date) -> Finding:
    return replace(finding, text=f"{on}: {finding.text}")
