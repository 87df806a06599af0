"""Templates as values: what a procedure's TOML file says, after loading and checking.

See ``docs/templates.md`` for the file format.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from planner.findings import Finding, Severity
from planner.model.needle_rules import NeedleRules

if TYPE_CHECKING:
    from planner.workflow.context import StageContext


class Phase(StrEnum):
    """The five phases every procedure goes through; each has a role and a clock."""

    DECIDE = "decide"
    PLAN = "plan"
    DAY = "day"
    RECORD = "record"
    AFTER = "after"

    @property
    def is_record(self) -> bool:
        """What was done is never refused: findings of these phases warn and do not block."""
        return self in (Phase.RECORD, Phase.AFTER)


class FieldKind(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long-text"
    NUMBER = "number"
    INTEGER = "integer"
    YES_NO = "yes-no"
    YES_NO_UNKNOWN = "yes-no-unknown"
    CHOICE = "choice"
    CHOICES = "choices"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    PERSON = "person"
    LAB = "lab"
    SERIES = "series"
    LESION = "lesion"
    LESIONS = "lesions"
    PATH = "path"
    NEEDLE = "needle"
    CATHETER_POSITION = "catheter-position"
    STENT = "stent"
    TABLE = "table"
    COMPUTED = "computed"


class Inherit(StrEnum):
    """What a second session takes over from the first."""

    NEVER = "never"
    REVIEW = "review"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: the stored code and the words a person reads."""

    code: str
    label: str


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a stage's form.

    Attributes
    ----------
    unit
        UCUM code; a number without one is refused at load unless it is a count (``1``).
    analyte
        For `FieldKind.LAB`: key of ``resources/laboratory.toml``; the value lives in the case with its own date.
    binds
        Path in the case (``diagnosis.histology``, ``medication``); the value lives there and not in the session.
    role
        For `FieldKind.SERIES`: the role the series plays in this session.
    compute
        For `FieldKind.COMPUTED`: name of a registered compute function.
    columns
        For `FieldKind.TABLE`.
    window
        For `FieldKind.LAB`: limit of the profile (days) beyond which the newest value counts as unknown.
    required
        An empty required field is an overridable blocking finding on plans, a warning on records.
    emergency
        True: cannot wait, asked in the emergency form too.
    help, source, tag
        Shown with the field.
    """

    id: str
    label: str
    kind: FieldKind
    unit: str | None = None
    choices: tuple[Choice, ...] = ()
    columns: tuple[Field, ...] = ()
    analyte: str | None = None
    binds: str | None = None
    role: str | None = None
    compute: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    required: bool = False
    emergency: bool = False
    never_prefill: bool = False
    inherit: Inherit = Inherit.REVIEW
    window: str | None = None
    applies_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    help: str = ""
    source: str | None = None
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One gate of a stage.

    Attributes
    ----------
    function
        The registered check function; it yields findings for what is wrong *or unknown*.
    acts_as
        ``advice``, ``warn``, ``ask`` or ``refuse``: the strongest severity this check may give.
    parameters
        Names of numbers in the institution profile, or literal values with their own source.
    applies_if
        ``histology`` / ``organ`` / ``technique`` -> accepted codes; empty applies always.
    """

    id: str
    function: str
    title: str
    acts_as: str
    source: str
    tag: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    applies_if: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    emergency: bool = False

    @property
    def severity(self) -> Severity:
        return {"advice": Severity.INFO, "warn": Severity.WARN}.get(self.acts_as, Severity.BLOCK)

    @property
    def overridable(self) -> bool:
        return self.acts_as != "refuse"


@dataclass(frozen=True, slots=True)
class Stage:
    """One step inside a template.

    Attributes
    ----------
    fills, signs
        Roles. `signs` may name several: every one of them signs.
    layout
        Key of ``resources/layouts.toml`` that the window shows for this stage.
    tools
        Marking tools offered (``lesion``, ``vessel-path``, ``measure`` …).
    reads
        Plan item types whose change makes the signature stale.
    after
        Stages that must be signed before this one opens; empty is the stage before it.
    drawer
        Ids of scores shown folded away.
    freezes
        This stage is the time-out.
    warns_not_checked
        What is printed as NOT CHECKED; `checked_by` names the field whose answer silences a line.
    """

    id: str
    title: str
    phase: Phase
    purpose: str
    fills: str
    signs: tuple[str, ...]
    layout: str
    fields: tuple[Field, ...] = ()
    checks: tuple[Check, ...] = ()
    tools: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    drawer: tuple[str, ...] = ()
    emergency: bool = False
    freezes: bool = False
    warns_not_checked: tuple[str, ...] = ()
    checked_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_emergency_form(self) -> bool:
        """Whether anything of this stage is asked before an emergency."""
        asked = any(each.emergency for each in self.fields)
        return self.emergency or asked or any(each.emergency for each in self.checks)

    def field(self, name: str) -> Field | None:
        return next((each for each in self.fields if each.id == name), None)


CheckFunction = Callable[["StageContext"], "list[Finding]"]
ComputeFunction = Callable[["StageContext"], "list[Computed]"]


@dataclass(frozen=True, slots=True)
class Computed:
    """A proposal or a derived number, with everything a click on it must show.

    Attributes
    ----------
    value
        Number, text or None (not evaluated).
    inputs
        name -> printed value with unit and date.
    arithmetic
        The formula with the numbers in it, in one line.
    """

    id: str
    label: str
    value: float | str | None
    unit: str | None = None
    grade: str | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    arithmetic: str = ""
    rule: str | None = None
    rule_version: str | None = None
    source: str | None = None
    tag: str | None = None
    note: str = ""
    field_id: str = ""
    """The computed field that shows it; filled in by the evaluation."""


@dataclass(frozen=True, slots=True)
class LastTimeRule:
    """One line of the *last time* card: where in the record it stands. `column` picks one of a table."""

    label: str
    stage: str
    field: str
    column: str | None = None


@dataclass(frozen=True, slots=True)
class LesionRule:
    """Where a record says which lesions were treated or left.

    Attributes
    ----------
    column
        Column of the table `field` that names the lesion (or lesions); None when the field itself does.
    treated
        True: rows say treated; False: they say not treated.
    why
        Column with the reason, or None.
    unless
        Column -> codes of rows that do not count (``status = ["not-done"]``).
    """

    stage: str
    field: str
    treated: bool
    column: str | None = None
    why: str | None = None
    unless: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class LedgerRule:
    """Where a record says that something was given, used or received, so that it can be summed over sessions.

    Attributes
    ----------
    substance
        Fixed name (``contrast``); or None, and `substance_field` (a field, or a column of the table) names it.
    amount_field
        The field; with `column` the amount stands in that column of the table `amount_field`.
    unit
        UCUM code of the amount.
    drug_class_field
        Field or column with the drug class, or None.
    area
        ``stage.field`` with the body surface of that day in m2, or None.
    place_field
        Field of the stage that says which field of the skin it was, for radiation.
    planned
        Where the plan says the most that will be given, in the same unit; empty where a plan does not say it.
    """

    stage: str
    amount_field: str
    unit: str
    substance: str | None = None
    substance_field: str | None = None
    column: str | None = None
    drug_class_field: str | None = None
    area: str | None = None
    place_field: str | None = None
    planned: tuple[LedgerRule, ...] = ()


@dataclass(frozen=True, slots=True)
class Template:
    """A loaded template; names in it are already resolved among its own package's registered functions.

    Attributes
    ----------
    packages
        The package of the procedure and of what it includes, in that order.
    last_time, ledger, lesion_records
        What the next session's card shows, what adds up over sessions, and where lesions are said to be treated.
    needle
        Distances, limits and preferences of needles; None for a procedure without them.
    beside
        Every template installed with it, by id: what sessions of other kinds gave counts in this one's totals.
    """

    id: str
    title: str
    version: str
    digest: str
    stages: tuple[Stage, ...]
    check_functions: Mapping[str, CheckFunction]
    compute_functions: Mapping[str, ComputeFunction]
    techniques: tuple[Choice, ...] = ()
    description: str = ""
    packages: tuple[str, ...] = ()
    last_time: tuple[LastTimeRule, ...] = ()
    ledger: tuple[LedgerRule, ...] = ()
    lesion_records: tuple[LesionRule, ...] = ()
    needle: NeedleRules | None = None
    beside: Mapping[str, Template] = field(default_factory=dict, compare=False, repr=False)

    def stage(self, stage_id: str) -> Stage:
        """Raises KeyError for an unknown stage."""
        for stage in self.stages:
            if stage.id == stage_id:
                return stage
        raise KeyError(stage_id)


@dataclass(frozen=True, slots=True)
class Limit:
    """One number of an institution profile, with where it comes from. Editable; ``M``/``P`` is shown as unverified."""

    value: Any
    source: str
    tag: str
    unit: str | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """A versioned guideline and limit set of an institution (``resources/profiles/*.toml``)."""

    id: str
    title: str
    version: str
    digest: str
    limits: Mapping[str, Limit]
    rule_overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def limit(self, name: str) -> Limit:
        """Raises KeyError for an unknown limit; templates are checked against the profiles at load."""
        return self.limits[name]
