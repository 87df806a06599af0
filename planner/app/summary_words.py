"""The words of a patient's summary: sentences with slots of ``resources/summary/*.toml``, filled from facts.

What is not recorded becomes a slot that stays visibly open; no sentence is made up for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from planner.app.summary_facts import FULL, PROCEDURE_ONLY, Appointment, InBody, Place, SummaryFacts
from planner.catalogues import RESOURCES, catalogue
from planner.errors import UsageError
from planner.units import symbol

_DONE = frozenset({"completed", "partly"})
"""Endings for which it may be said what was done; of the others a person says it."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    language: str
    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> str:
        return str(self.data[key])

    def of(self, table: str, key: str) -> str:
        return str(self.data[table][key])

    def say(self, sentence: str, **slots: str) -> str:
        return self.of("sentences", sentence).format(**slots)

    def slot(self, what: str) -> str:
        """A place that a person has to fill."""
        return self["open_slot"].format(what=self.of("slots", what))

    def day(self, on: date) -> str:
        """``12 May 2026``, ``2026年5月12日``."""
        return self["date"].format(year=on.year, month=self.data["months"][on.month - 1], day=on.day)

    def procedure(self, template: str, technique: str | None) -> Mapping[str, Any] | None:
        """Words for a procedure, of its technique where that has its own."""
        found = self.data["procedures"].get(template)
        if found is None:
            return None
        chosen: Mapping[str, Any] = found.get("techniques", {}).get(technique, found)
        return chosen

    def joined(self, parts: list[str]) -> str:
        return self["joiner"].join(parts)

    def listed(self, parts: list[str]) -> str:
        return self["list_joiner"].join(dict.fromkeys(parts))


@cache
def languages() -> tuple[str, ...]:
    """Languages that have words, English first."""
    found = sorted(path.stem for path in (RESOURCES / "summary").glob("*.toml"))
    return tuple(sorted(found, key=lambda each: each != "en"))


@cache
def words_of(language: str) -> Words:
    """The words of a language.

    Raises
    ------
    UsageError
        ``unknown-language``.
    """
    if language not in languages():
        text = f"There is no summary in {language!r}; choose one of {', '.join(languages())}."
        raise UsageError("unknown-language", text, subject=language)
    return Words(language, catalogue(f"summary/{language}.toml"))


def open_slots(paragraphs: tuple[str, ...]) -> tuple[str, ...]:
    """The paragraphs in which a person still has something to fill, in any language."""
    marks = tuple(words_of(each)["open_begin"] for each in languages())
    return tuple(text for text in paragraphs if any(mark in text for mark in marks))


def composed(facts: SummaryFacts, words: Words, addressee: str, level: str) -> tuple[str, ...]:
    """The paragraphs of a draft: heading, line break, text."""
    known = facts.at(level)
    doctor = addressee == "follow-up-doctor"
    parts: list[tuple[str, list[str]]] = [
        ("done", [_done(known, words)]),
        ("where", [_where(known, words, segments=doctor)]),
        ("course", list(_course(known, words))),
    ]
    if doctor and level != PROCEDURE_ONLY:
        parts.append(("given", [_given(known, words)]))
    if level != PROCEDURE_ONLY:
        parts.append(("illness", list(_illness(known, words, level))))
    if level == FULL:
        parts += [("images", [_images(known, words)]), ("outlook", [words.say("outlook", slot=words.slot("outlook"))])]
    parts += [
        ("medicines", list(_medicines(known, words))),
        ("devices", [_device(each, words) for each in known.devices]),
        ("watch", [_watch(known, words)]),
        ("call", [words.say("call", contact=known.contact or words.slot("contact"))]),
        ("next", [_appointment(each, words) for each in known.appointments] or [words.slot("next")]),
    ]
    return tuple(f"{words.of('headings', key)}\n{words.joined(text)}" for key, text in parts if text)


def _done(facts: SummaryFacts, words: Words) -> str:
    known = words.procedure(facts.template, facts.technique) if facts.ended_as in _DONE else None
    what = str(known["what"]) if known is not None else words.slot("procedure")
    if facts.performed_on is None:
        return words.say("done_undated", what=what, slot=words.slot("day"))
    return words.say("done", date=words.day(facts.performed_on), what=what)


def _where(facts: SummaryFacts, words: Words, *, segments: bool) -> str:
    """Organs of the lesions that the record says were treated; what has no plain name stays open."""
    named = [_place(each, words, segments=segments) for each in facts.places]
    known = [each for each in named if each is not None]
    if not known or len(known) < len(named):
        return words.say("where", organs=words.slot("where"))
    if len(known) == 1:
        return words.say("where", organs=known[0])
    return words.say("where_count", organs=words.listed(known), count=str(len(known)))


def _place(place: Place, words: Words, *, segments: bool) -> str | None:
    organs, sides = words.data["organs"], words.data["sides"]
    if place.organ not in organs:
        return None
    text = str(organs[place.organ])
    if place.side in sides:
        text = str(sides[place.side]).format(organ=text)
    if segments and place.segment:
        text = words.joined([text, words.of("segment", "words").format(segment=place.segment)])
    return text


def _course(facts: SummaryFacts, words: Words) -> Iterator[str]:
    if facts.ended_as is None or facts.ended_as not in words.data["sentences"]:
        yield words.slot("ended")
    else:
        yield words.say(facts.ended_as, slot=words.slot("reason"))
    if facts.events:
        yield words.say("events", count=str(facts.events), slot=words.slot("events"))
    elif facts.none_said:
        yield words.say("none_asked", date=words.day(facts.asked_on)) if facts.asked_on else words.say("none_undated")
    else:
        yield words.say("not_asked", slot=words.slot("no_events_asked"))
    if facts.discharged_on is not None:
        yield words.say("discharged", date=words.day(facts.discharged_on))


def _given(facts: SummaryFacts, words: Words) -> str:
    names = words.data["substances"]
    amounts = [
        f"{names.get(substance, substance)} {amount:.10g} {symbol(unit)}" for substance, amount, unit in facts.amounts
    ]
    return words.say("given", amounts=words.listed(amounts) if amounts else words.slot("given"))


def _illness(facts: SummaryFacts, words: Words, level: str) -> Iterator[str]:
    named = words.data["diagnoses"].get(facts.histology)
    yield words.say("illness", diagnosis=str(named) if named else words.slot("diagnosis"))
    if level == FULL:
        yield words.say("stage", stage=facts.stage or words.slot("stage"))


def _images(facts: SummaryFacts, words: Words) -> str:
    if facts.response is None:
        return words.slot("images")
    on, category = facts.response
    said = words.data["responses"].get(category)
    return words.say("images", date=words.day(on), response=str(said) if said else words.slot("images"))


def _medicines(facts: SummaryFacts, words: Words) -> Iterator[str]:
    if facts.drugs is None and facts.restart is None:
        yield words.slot("medicines")
    if facts.drugs is not None:
        yield words.say("medicines", drugs=facts.drugs.rstrip(".。"))
    if facts.restart is not None:
        yield words.say("restart", restart=facts.restart.rstrip(".。"))


def _device(device: InBody, words: Words) -> str:
    names, reasons = words.data["devices"], words.data["due_for"]
    name = str(names.get(device.kind, names["other-device"]))
    site = "" if not device.site else f" ({device.site})" if words["joiner"] else f"（{device.site}）"
    if device.due_on is None or device.due_for not in reasons:
        return words.say("device", device=name, site=site)
    return words.say(
        "device_due", device=name, site=site, due_for=str(reasons[device.due_for]), date=words.day(device.due_on)
    )


def _watch(facts: SummaryFacts, words: Words) -> str:
    known = words.procedure(facts.template, facts.technique)
    if known is None:
        return words.slot("watch")
    separator = "; " if words["joiner"] else "；"
    return words.say("watch", signs=separator.join(words.of("signs", each) for each in known["signs"]))


def _appointment(found: Appointment, words: Words) -> str:
    return words.say(found.kind, date=words.day(found.on))
