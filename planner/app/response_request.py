"""From the lesions of a case to a request for `planner.clinical.response_course`: what may count, and what may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from planner.app.response_facts import (
    Treatment,
    ablated_on,
    arterial_phase,
    immunotherapy_known,
    local_treatments,
    oil_may_be_read,
    radiation_known,
    series_of,
)
from planner.catalogues import catalogue
from planner.clinical.comparisons import at_least
from planner.clinical.response_course_measures import VIABILITY, basis_of, constants, is_node, reading_of
from planner.clinical.response_course_types import CRITERIA, CourseRequest, Followed, Seen
from planner.errors import UsageError
from planner.findings import Finding, Severity
from planner.model.case import Case
from planner.model.disease import Lesion, Observation
from planner.workflow.template import Template

HCC_ONLY = VIABILITY
"""Criteria that hold for hepatocellular carcinoma only (rule notes R13; practice notes 1, item 7)."""
READERS = ("first", "second")
_NOTES = "practice notes, section 4 no. 9"
_SAME_DAY: tuple[str, ...] = (
    "modality",
    "diameter_mm",
    "viable_mm",
    "short_axis_mm",
    "enhancing_mm",
    "density_hu",
    "therapy",
)
_SAME_DAY += ("assessable", "masslike_enhancement", "state", "volume_ml", "enhancing_ml", "mri_ancillary")


@dataclass(frozen=True, slots=True)
class ProposedRole:
    """A role for a lesion that nobody has given one, with the reason in words."""

    lesion_id: str
    role: str
    why: str


@dataclass(frozen=True, slots=True)
class CaseRequest:
    """What is asked of the criteria for a case, and what was found on the way.

    Attributes
    ----------
    request
        None where the criteria do not hold for this disease, or nothing was observed.
    proposed
        Roles that the program chose because nobody has; empty where a person has.
    """

    criteria: str
    reader: str
    request: CourseRequest | None
    findings: tuple[Finding, ...] = ()
    proposed: tuple[ProposedRole, ...] = ()


def response_request(
    case: Case,
    criteria: str,
    reader: str = "first",
    *,
    baseline_on: date | None = None,
    templates: Mapping[str, Template] | None = None,
) -> CaseRequest:
    """What the criteria are asked with for one reader of a case.

    Parameters
    ----------
    reader
        ``first`` or ``second``: each by his own observations only.
    baseline_on
        Chosen by a person; None takes the last study before the first local treatment, else the first study.
    templates
        By id, for the records of what was treated; None takes those installed.

    Raises
    ------
    UsageError
        ``unknown-criteria``, ``unknown-reader``, ``no-baseline``.
    """
    if criteria not in CRITERIA:
        raise UsageError("unknown-criteria", f"There are no criteria {criteria!r}; known are {', '.join(CRITERIA)}.")
    if reader not in READERS:
        raise UsageError("unknown-reader", f"There is no reader {reader!r}; read as {' or '.join(READERS)}.")
    refused = _histology(case, criteria)
    if refused is not None:
        return CaseRequest(criteria, reader, None, (refused,))
    if templates is None:
        from planner.app.templates import installed

        templates = installed().templates
    return _Gathering(case, criteria, reader, local_treatments(case, templates)).request(baseline_on)


def _histology(case: Case, criteria: str) -> Finding | None:
    """The criteria that read enhancement hold for HCC only; an unknown histology is not evaluated."""
    histology = case.diagnosis.histology
    if criteria not in HCC_ONLY or histology == "HCC":
        return None
    said = "the histology is not known" if histology is None else f"this is {histology}"
    text = f"{criteria} is not evaluated: it holds for hepatocellular carcinoma only, and {said}."
    return Finding("histology", Severity.BLOCK, text, False, "diagnosis.histology", source=_NOTES, tag="P")


class _Gathering:
    """Collects the lesions of one reader, and what has to be said about them."""

    def __init__(self, case: Case, criteria: str, reader: str, treatments: tuple[Treatment, ...]) -> None:
        self.case, self.criteria, self.reader, self.treatments = case, criteria, reader, treatments
        self.findings: list[Finding] = []

    def request(self, baseline_on: date | None) -> CaseRequest:
        parts = {each.id for each in self.case.lesions if each.parents and self._are_followed(each.parents)}
        followed = [self._followed(each) for each in self.case.lesions if each.id not in parts]
        followed = self._merged([each for each in followed if each.observations])
        if not followed:
            text = f"Nothing was read by the {self.reader} reader; nothing can be assessed."
            told = Finding("no-observations", Severity.WARN, text, subject=self.reader)
            return CaseRequest(self.criteria, self.reader, None, (*self.findings, told))
        baseline = self._baseline(followed, baseline_on)
        proposed = self._proposed(followed, baseline)
        roles = {each.lesion_id: each.role for each in proposed}
        chosen = [self._with_role(each, roles, baseline) for each in followed]
        self._new_baseline(followed, baseline)
        if immunotherapy_known(self.case) and self.criteria != "lirads-tr-2024":
            text = "Immunotherapy is in this course: progression is unconfirmed (iUPD of iRECIST) until the next study."
            self.findings.append(Finding("irecist-unconfirmed", Severity.INFO, text, source=_NOTES, tag="P"))
        if self.criteria in ("recist-1.1", "mrecist"):
            entry, thin = constants("measurable"), constants("measurable").number("thin_slice_mm")
            text = (
                f"Slice thickness was not checked: over {thin:g} mm, a target needs {entry.number('slices'):g} slices."
            )
            told = entry.finding("slices-not-checked", Severity.INFO, text, constant="slices", subject="targets")
            self.findings.append(told)
        request = CourseRequest(self.criteria, tuple(chosen), baseline)
        return CaseRequest(self.criteria, self.reader, request, tuple(dict.fromkeys(self.findings)), proposed)

    def _are_followed(self, parents: Sequence[str]) -> bool:
        return all(self.case.lesion(each) is not None for each in parents)

    def _say(self, code: str, severity: Severity, text: str, lesion: Lesion | Followed) -> None:
        self.findings.append(Finding(code, severity, text, subject=lesion.id, source=_NOTES, tag="P"))

    def _followed(self, lesion: Lesion) -> Followed:
        days: dict[date, list[Seen]] = {}
        for each in lesion.observations:
            if each.read_as == self.reader:
                days.setdefault(each.study_date, []).append(self._seen(lesion, each))
        rows = tuple(self._one_a_day(lesion, days[on]) for on in sorted(days))
        return Followed(
            id=lesion.id,
            role=lesion.role or "",
            organ=lesion.organ or None,
            observations=rows,
            name=lesion.name,
            node=lesion.node,
            kind=lesion.kind,
            ablated_on=ablated_on(lesion, self.treatments),
        )

    def _seen(self, lesion: Lesion, seen: Observation) -> Seen:
        series = series_of(self.case, seen)
        modality = seen.modality or (series.modality if series is not None else None)
        read = Seen(
            on=seen.study_date,
            modality="MRI" if modality == "MR" and self.criteria == "lirads-tr-2024" else modality,
            diameter_mm=seen.longest_mm,
            viable_mm=seen.viable_mm,
            short_axis_mm=seen.short_axis_mm,
            enhancing_mm=seen.enhancing_mm,
            density_hu=seen.density_hu,
            therapy=seen.therapy or self._therapy(lesion, seen),
            assessable=seen.assessable,
            masslike_enhancement=seen.masslike_enhancement,
            state=seen.state,
            volume_ml=seen.volume_ml,
            enhancing_ml=seen.enhancing_ml,
            mri_ancillary=seen.mri_ancillary,
        )
        if self.criteria not in VIABILITY or seen.state in ("absent", "not-evaluable"):
            return read
        return self._viability(lesion, seen, read)

    def _therapy(self, lesion: Lesion, seen: Observation) -> str | None:
        """What our own sessions say; where radiation may have treated the lesion, a person has to say."""
        if self.criteria != "lirads-tr-2024" or radiation_known(self.case):
            return None
        earlier = [each for each in self.treatments if each.on < seen.study_date and lesion.id in each.lesion_ids]
        return "non-radiation" if earlier else None

    def _viability(self, lesion: Lesion, seen: Observation, read: Seen) -> Seen:
        """An observation whose enhancement cannot be believed is not evaluable; the reason is said."""
        said = any((read.viable_mm is not None, read.enhancing_mm, read.enhancing_ml is not None))
        if not said and read.masslike_enhancement is None:
            return read
        by_ct = read.modality in ("CT", "PET-CT", None)
        if by_ct and oil_may_be_read(lesion, seen, self.treatments):
            refusal = catalogue("lipiodol.toml")["refusal"]
            text = f"{lesion.name}, {seen.study_date}: viability is not read from CT with oil. {refusal['text']}."
            self._say("viability-on-oil", Severity.WARN, text, lesion)
            return _without_viability(read)
        phase = arterial_phase(self.case, seen)
        if phase is False:
            text = f"{lesion.name}, {seen.study_date}: {self.criteria} needs an arterial phase; this study has none."
            self._say("no-arterial-phase", Severity.WARN, text, lesion)
            return _without_viability(read)
        if phase is None:
            text = (
                f"{seen.study_date}: whether the study has an arterial phase is not known; {self.criteria} needs one."
            )
            self.findings.append(Finding("phase-not-known", Severity.INFO, text, source=_NOTES, tag="P"))
        return read

    def _one_a_day(self, lesion: Lesion, rows: list[Seen]) -> Seen:
        """One observation of several of one day: they may complete each other, not contradict."""
        if len(rows) == 1:
            return rows[0]
        merged: dict[str, Any] = {}
        for name in _SAME_DAY:
            said = list(dict.fromkeys(value for value in (getattr(each, name) for each in rows) if value is not None))
            merged[name] = said[0] if len(said) == 1 or (said and name == "modality") else None
            if len(said) > 1 and name != "modality":
                text = f"{lesion.name}, {rows[0].on}: two observations disagree on {name}; neither counts."
                self._say("two-observations", Severity.WARN, text, lesion)
        return replace(rows[0], **merged)

    def _merged(self, followed: list[Followed]) -> list[Followed]:
        """Lesions that have flowed together count once, in the largest of those they came from."""
        by_id = {each.id: each for each in followed}
        for lesion in self.case.lesions:
            parents = [by_id[each] for each in lesion.parents if each in by_id]
            whole = self._followed(lesion)
            if len(lesion.parents) < 2 or not whole.observations:
                continue
            if len(parents) < 2:
                text = f"{lesion.name} came from lesions that this reader has not read: it is not followed."
                self._say("merged", Severity.WARN, text, lesion)
                continue
            first = max(parents, key=lambda each: max(seen.diameter_mm or 0.0 for seen in each.observations))
            days = {seen.on: seen for seen in whole.observations}
            for parent in parents:
                rest = tuple(seen for seen in parent.observations if seen.on not in days)
                new = days.values() if parent is first else [Seen(on, state="absent") for on in days]
                rows = tuple(sorted((*rest, *new), key=lambda seen: seen.on))
                by_id[parent.id] = replace(parent, observations=rows)
            text = f"{lesion.name} came from {len(parents)} lesions: its size counts in {first.title}, the others as 0."
            self._say("merged", Severity.INFO, text, lesion)
        return list(by_id.values())

    def _baseline(self, followed: Sequence[Followed], chosen: date | None) -> date:
        days = sorted({seen.on for each in followed for seen in each.observations})
        if chosen is not None:
            if chosen not in days:
                text = f"No lesion was read on {chosen}; choose as baseline one of {', '.join(map(str, days))}."
                raise UsageError("no-baseline", text)
            return chosen
        first = min((each.on for each in self.treatments), default=None)
        before = [day for day in days if first is not None and day <= first]
        return before[-1] if before else days[0]

    def _new_baseline(self, followed: Sequence[Followed], baseline: date) -> None:
        """After each local treatment a new baseline is asked for: the last study before it."""
        days = sorted({seen.on for each in followed for seen in each.observations})
        for treatment in self.treatments:
            between = [day for day in days if baseline < day <= treatment.on]
            if between and days[-1] > treatment.on:
                text = f"After {treatment.title} of {treatment.on} a new baseline is asked for: {between[-1]} or later."
                self.findings.append(Finding("new-baseline", Severity.WARN, text, source=_NOTES, tag="P"))

    def _proposed(self, followed: Sequence[Followed], baseline: date) -> tuple[ProposedRole, ...]:
        if self.criteria == "lirads-tr-2024" or any(each.role in ("target", "non-target") for each in followed):
            return ()
        proposed = propose_roles(self.criteria, followed, baseline)
        text = (
            f"Nobody has chosen targets: {sum(each.role == 'target' for each in proposed)} are proposed. Choose them."
        )
        self.findings.append(Finding("targets-proposed", Severity.WARN, text, subject="targets"))
        return proposed

    def _with_role(self, each: Followed, roles: Mapping[str, str], baseline: date) -> Followed:
        """The lesion with the role it counts in; a new one that no person has confirmed is neither new nor not new."""
        lesion = self.case.lesion(each.id)
        first = min((seen.on for seen in each.observations if seen.state != "absent"), default=None)
        is_later = first is not None and first > baseline
        if each.role == "new" and not is_later:
            self._say("was-new", Severity.INFO, f"{each.title} was new before this baseline: now non-target.", each)
            return replace(each, role="non-target")
        role = each.role or roles.get(each.id, "")
        if role == "new" or (not role and is_later):
            if lesion is not None and lesion.identity_by is not None and role == "new":
                return replace(each, role="new")
            text = f"{each.title} was first seen on {first}: second look. It counts as new when a person confirms it."
            self._say("second-look", Severity.WARN, text, each)
            return _unconfirmed(each)
        if not role:
            # LI-RADS speaks of every treated lesion; what nobody made a target is followed beside the targets.
            role = "target" if self.criteria == "lirads-tr-2024" else "non-target"
            if role == "non-target":
                self._say("no-role", Severity.WARN, f"{each.title} has no role: it counts as non-target.", each)
        return replace(each, role=role)


def _unconfirmed(lesion: Followed) -> Followed:
    """Until somebody has looked again it is not known whether there is a new lesion: neither yes nor no."""
    rows = tuple(
        seen if seen.state == "absent" else Seen(seen.on, state="not-evaluable") for seen in lesion.observations
    )
    return replace(lesion, role="new", observations=rows)


def _without_viability(read: Seen) -> Seen:
    return replace(
        read, viable_mm=None, enhancing_mm=None, enhancing_ml=None, masslike_enhancement=None, assessable=False
    )


def propose_roles(criteria: str, followed: Sequence[Followed], baseline_on: date) -> tuple[ProposedRole, ...]:
    """Targets by size at the baseline: the largest that are measurable, at most five and two per organ, none ablated.

    A lesion first seen after the baseline is proposed as new; the others as non-target.
    """
    limits = constants("measurable")
    sizes: dict[str, float] = {}
    for lesion in followed:
        read = reading_of(lesion.seen(baseline_on), basis_of(criteria, lesion, baseline_on))
        least = limits.number("node_target_mm" if is_node(lesion) else "least_mm")
        by_length = criteria in ("recist-1.1", "mrecist", "choi")
        enough = read.value is not None and read.value > 0.0 and (not by_length or at_least(read.value, least))
        if read.value is not None and enough and not read.assumed and lesion.ablated_on is None:
            sizes[lesion.id] = read.value
    organs: Counter[str] = Counter()
    proposed: dict[str, ProposedRole] = {}
    for lesion in sorted(followed, key=lambda each: -sizes.get(each.id, 0.0)):
        organ = "lymph nodes" if is_node(lesion) else lesion.organ or ""
        room = organs[organ] < limits.number("targets_per_organ") and sum(organs.values()) < limits.number(
            "targets_at_most"
        )
        if lesion.id in sizes and room:
            organs[organ] += 1
            proposed[lesion.id] = ProposedRole(lesion.id, "target", "among the largest measurable at the baseline")
        elif all(seen.on > baseline_on for seen in lesion.observations):
            proposed[lesion.id] = ProposedRole(lesion.id, "new", "first seen after the baseline")
        else:
            why = "ablated" if lesion.ablated_on is not None else "not measurable, or there are enough targets"
            proposed[lesion.id] = ProposedRole(lesion.id, "non-target", why)
    return tuple(proposed[lesion.id] for lesion in followed)
