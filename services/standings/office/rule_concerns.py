"""Concerns about entries that do not meet a rule of the table `eligibility`."""

from collections.abc import Iterator, Sequence

from schemas.events import Entry
from schemas.office import Eligibility
from services.formatting.times import format_seconds
from services.standings.office.concern import (
    Concern,
    EnteredField,
    born_within,
    concerns_entry,
    row_name,
    years_text,
)


def unmet_rules(field: EnteredField) -> Iterator[Concern]:
    """Yield entries that do not meet a rule, and entries without a birth year that a rule or board needs."""
    event_year = int(field.definition.date[:4])
    for entry in field.entries:
        undecided: list[Eligibility] = []
        for rule in field.definition.eligibility:
            if not concerns_entry(rule, entry):
                continue
            by_year = (rule.born_from, rule.born_to, rule.consent_under) != (None, None, None)
            if by_year and entry.birth_year is None:
                undecided.append(rule)
            elif entry.birth_year is not None:
                yield from _by_year(rule, entry, entry.birth_year, event_year)
            if entry.ranked and rule.standard_s is not None:
                yield from _by_standard(rule, entry, rule.standard_s)
        yield from _without_year(field, entry, undecided)


def _by_year(rule: Eligibility, entry: Entry, born: int, event_year: int) -> Iterator[Concern]:
    if not born_within(born, rule.born_from, rule.born_to):
        yield Concern(
            bib=entry.bib,
            race=entry.race,
            kind="age",
            reason=f"was born in {born}; the rule is for athletes {years_text(rule.born_from, rule.born_to)}",
            todo="check the year on an identity document; if it is right, move the athlete to a race or division that"
            " is open to them",
            row=row_name(rule),
            article=rule.article,
        )
    if rule.consent_under is not None and event_year - born <= rule.consent_under:
        age = rule.consent_under
        is_under = event_year - born < age
        years_old = f"under {age}" if is_under else f"{age - 1} or {age}"
        yield Concern(
            bib=entry.bib,
            race=entry.race,
            kind="consent",
            reason=f"was born in {born} and is {years_old} on race day; athletes under {age} need a guardian's written"
            " consent",
            todo="collect the consent on paper before you hand out the bib"
            + ("" if is_under else f", or check on an identity document that the athlete is {age}"),
            row=row_name(rule),
            article=rule.article,
        )


def _by_standard(rule: Eligibility, entry: Entry, standard_s: int) -> Iterator[Concern]:
    best_s = entry.personal_best_s
    if best_s is not None and best_s <= standard_s:
        return
    best = "has no personal best on the entry" if best_s is None else f"has a personal best of {format_seconds(best_s)}"
    exception = "" if rule.unless is None else f"; the exceptions are {rule.unless}"
    proof = "" if rule.unless is None else ", or for proof of an exception"
    otherwise = "" if entry.division is None else f"; without it the athlete is not in division {entry.division}"
    yield Concern(
        bib=entry.bib,
        race=entry.race,
        kind="standard",
        reason=f"{best}; the standard is {format_seconds(standard_s)} or faster{exception}",
        todo=f"ask for a result within the standard{proof}{otherwise}",
        row=row_name(rule),
        article=rule.article,
    )


def _without_year(field: EnteredField, entry: Entry, rules: Sequence[Eligibility]) -> Iterator[Concern]:
    """Yield the concern that an entry lacks the birth year that rules or boards need."""
    if entry.birth_year is not None:
        return
    by_year = [
        board
        for board in field.boards(entry.race)
        if entry.ranked and (board.born_from is not None or board.born_to is not None)
    ]
    needed_by = [f"{row_name(rule)} ({rule.article})" for rule in rules]
    needed_by += [f"{len(by_year)} boards of {entry.race}"] if by_year else []
    if needed_by:
        yield Concern(
            bib=entry.bib,
            race=entry.race,
            kind="birth_year",
            reason=f"has no birth year on the entry; it is needed by {', '.join(needed_by)}",
            todo="ask for the birth year and enter it; without it the athlete is on no board by age",
            row=row_name(rules[0]) if rules else None,
            article=rules[0].article if rules else None,
        )
