"""Cases and sessions as readable tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from planner.cli.output import plain, print_findings, shown_value

if TYPE_CHECKING:
    from rich.console import Console

    from planner.findings import Finding
    from planner.model.case import Case
    from planner.store.audit import ChainReport
    from planner.store.summary import CaseSummary


def print_cases(target: Console, cases: Sequence[CaseSummary]) -> None:
    from rich.table import Table

    table = Table("case", "patient", "born", "title", "sessions", "changed (UTC)")
    for each in cases:
        facts = each.facts
        sessions = ", ".join(f"{session.title} ({session.state})" for session in facts.sessions)
        name = f"{facts.patient_name} {facts.patient_id}" + (" SIMULATED" if facts.simulated else "")
        words = (each.case_id, name, shown_value(_day(facts.birth_date)), facts.title, sessions, each.updated_at[:16])
        table.add_row(*(plain(word) for word in words))
    target.print(table)


def _day(value: Any) -> Any:
    return None if value is None else value.isoformat()


def print_case(target: Console, case: Case, revision: int, chain: ChainReport) -> None:
    patient = case.patient
    lines = [
        f"{case.id}  revision {revision}  {case.title}" + ("  SIMULATED" if case.simulated else ""),
        f"patient    {patient.name}  {patient.patient_id}  born {shown_value(_day(patient.birth_date))}",
        f"diagnosis  {case.diagnosis.text or 'unknown'}",
        f"lesions    {', '.join(f'{each.name} ({each.id})' for each in case.lesions) or 'none marked'}"
        f"{'' if case.lesion_list_is_confirmed else '; the list is not confirmed complete'}",
    ]
    lines += [
        f"images     {each.modality or ''} {each.description or ''} {shown_value(_day(each.study_date))}"
        for each in case.studies
    ]
    lines += [f"session    {each.id}  {each.title}  {each.state.value}" for each in case.sessions]
    lines.append(chain.text)
    for line in lines:
        target.print(plain(line), soft_wrap=True)


def print_imported(
    target: Console,
    revision: int,
    attached: Sequence[Mapping[str, Any]],
    refused: Sequence[Mapping[str, Any]],
    findings: Sequence[Finding],
) -> None:
    for each in attached:
        target.print(
            plain(f"attached  {each['modality']} {each['description']} {each['uid']}#{each['part']}"), soft_wrap=True
        )
    for each in refused:
        target.print(plain(f"left out  {each['text']}"), soft_wrap=True)
    print_findings(target, findings)
    target.print(f"revision {revision}")


def print_check(target: Console, document: Mapping[str, Any]) -> None:
    """What ``case check`` found, stage by stage."""
    target.print(plain(f"{document['case']}/{document['session']}  {document['template']} {document['version']}"))
    for stage in document["stages"]:
        target.print(plain(f"{stage['status'].upper():8} {stage['title']}  [{stage['id']}]"), soft_wrap=True)
        _print_lines(target, stage["findings"])
    _print_lines(target, document["findings"])
    print_ledger(target, document["ledger"])


def _print_lines(target: Console, findings: Sequence[Mapping[str, Any]]) -> None:
    for each in findings:
        source = f" [{each['source']}]" if each["source"] else ""
        unverified = " (unverified default)" if each["tag"] in ("M", "P") else ""
        # Who overrides a finding on the command line names it by this code.
        code = f" ({each['code']})" if each["severity"] == "block" and each["overridable"] else ""
        line = f"         {each['severity'].upper():5} {each['text']}{code}{source}{unverified}"
        target.print(plain(line), soft_wrap=True)


def print_ledger(target: Console, ledger: Mapping[str, Any]) -> None:
    """Totals of a ledger, and what they cannot know."""
    for total in ledger["totals"]:
        amount = shown_value(total["amount"], total["unit"])
        entries = "1 entry" if total["entries"] == 1 else f"{total['entries']} entries"
        target.print(plain(f"ledger   {total['substance']}: {amount} in {entries}"), soft_wrap=True)
    target.print(plain(f"ledger   {ledger['note']}"), soft_wrap=True)
