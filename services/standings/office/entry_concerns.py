"""Concerns about an entry that contradicts itself or another entry, or that was probably mistyped."""

from collections.abc import Iterable, Iterator, Sequence

from schemas.chip_codes import bare_code
from schemas.events import ChipAssigned, Entry
from schemas.names import without_accents
from schemas.office import Eligibility
from services.formatting.times import LocalClock
from services.standings.office.concern import Concern, EnteredField, concerns_entry, row_name

BIRTH_YEAR_LIKELY = 1910  # before it the year is the zero of a spreadsheet, or a typing error


def unknown_races(field: EnteredField) -> Iterator[Concern]:
    """Yield entries for a race that the definition does not have."""
    for entry in field.entries:
        if entry.race not in field.races:
            yield Concern(
                bib=entry.bib,
                race=entry.race,
                kind="race",
                reason=f"race {entry.race!r} is not defined; the races are {', '.join(field.races)}",
                todo="enter the right race; until then the athlete gets no times",
            )


def doubles(field: EnteredField) -> Iterator[Concern]:
    """Yield later entries of the same person if a rule allows only one.

    The same person has the same names (regardless of accents and of their order), birth year and gender.
    """
    same: dict[tuple[object, ...], list[Entry]] = {}
    for entry in field.entries:
        names = sorted(
            " ".join(without_accents(name).lower().split()) for name in (entry.family_name, entry.given_name)
        )
        if any(names):
            same.setdefault((*names, entry.birth_year, entry.gender), []).append(entry)
    rules = [rule for rule in field.definition.eligibility if rule.once is not None]
    for entries in same.values():
        for number, entry in enumerate(entries):
            for rule in rules:
                earlier = [before for before in entries[:number] if concerns_entry(rule, before)]
                if rule.once == "race":
                    earlier = [before for before in earlier if before.race == entry.race]
                if earlier and concerns_entry(rule, entry):
                    yield _double(rule, entry, earlier)
                    break


def _double(rule: Eligibility, entry: Entry, earlier: Sequence[Entry]) -> Concern:
    shared = "name and gender, both without a birth year"
    if entry.birth_year is not None:
        shared = f"name, gender and birth year {entry.birth_year}"
    others = ", ".join(f"bib {before.bib} ({before.race})" for before in earlier)
    return Concern(
        bib=entry.bib,
        race=entry.race,
        kind="double",
        reason=f"has the same {shared}, as {others}; each person may enter once",
        todo="ask whether this is one person; if so, ask which entry to keep and set the other one to DNS",
        row=row_name(rule),
        article=rule.article,
        others=[before.bib for before in earlier],
    )


def shared_chips(field: EnteredField) -> Iterator[Concern]:
    """Yield entries with a chip that a later entry names too, which then owns it. Source: R1."""
    wearers: dict[str, list[Entry]] = {}
    for entry in field.entries:
        for chip in dict.fromkeys(bare_code(field.definition.chips, chip) for chip in entry.chips):
            wearers.setdefault(chip, []).append(entry)
    bibs = {entry.bib for entry in field.entries}
    clock = LocalClock(field.definition)
    for chip, entries in wearers.items():
        *losing, owner = field.by_last_entry(entries)
        assigned = [fact for fact in field.assigned.get(chip, ()) if fact.bib in bibs]
        gets = _who_gets_reads(assigned, owner, clock)
        for entry in losing:
            yield Concern(
                bib=entry.bib,
                race=entry.race,
                kind="chip",
                reason=f"chip {chip} is also on the later entry of bib {owner.bib}{gets}",
                todo=_what_to_do(assigned, entry),
                others=[owner.bib],
            )


def _who_gets_reads(assigned: Sequence[ChipAssigned], owner: Entry, clock: LocalClock) -> str:
    """Return which bib gets a chip's reads when: by the assignments, the latest first, and by the later entry."""
    if all(fact.bib == owner.bib for fact in assigned):
        return ", which gets all of its reads"
    spans = [f"bib {fact.bib}{clock.between(fact.from_us, fact.until_us)}" for fact in reversed(assigned)]
    if all(fact.from_us is not None or fact.until_us is not None for fact in assigned):
        spans.append(f"otherwise bib {owner.bib}")
    return f"; by chip_assigned its reads are for {', '.join(spans)}"


def _what_to_do(assigned: Sequence[ChipAssigned], entry: Entry) -> str:
    if any(fact.bib == entry.bib for fact in assigned):
        return "check that these hours are right; nothing else is to be done"
    return "find out which of the two athletes wears the chip, and give the other athlete a different one"


def no_chips(field: EnteredField) -> Iterator[Concern]:
    """Yield entries without a chip, unless one was assigned to the bib. Athletes who are not ranked need none.

    Of a race in which nobody has a chip only the first is named: it may be one whose times officials set.
    """
    wearers = {fact.bib for facts in field.assigned.values() for fact in facts}
    for race in dict.fromkeys(entry.race for entry in field.entries):
        ranked = field.in_race(race)
        without = [entry for entry in ranked if not entry.chips and entry.bib not in wearers]
        if len(without) > 1 and len(without) == len(ranked):
            yield _without_chip(without[0], f"none of the {len(ranked)} ranked athletes of {race} has a chip")
        else:
            for entry in without:
                yield _without_chip(entry, "the entry has no chip, so no read can be of this athlete")


def _without_chip(entry: Entry, reason: str) -> Concern:
    todo = "enter the chip; without one, times are only those that officials set"
    return Concern(bib=entry.bib, race=entry.race, kind="no_chip", reason=reason, todo=todo)


def alike_bibs(field: EnteredField) -> Iterator[Concern]:
    """Yield entries whose bibs differ from another one by leading zeros only: 007 beside 7."""
    for bare, entries in _alike((entry.bib, entry) for entry in field.entries):
        for number, entry in enumerate(entries):
            others = [other.bib for other in (*entries[:number], *entries[number + 1 :])]
            if entry.bib != bare:
                yield Concern(
                    bib=entry.bib,
                    race=entry.race,
                    kind="bibs_alike",
                    reason=f"bib {entry.bib} differs from bib {', '.join(others)} by leading zeros only",
                    todo="find out whether this is one athlete, or give one of them another bib: they will be mixed up",
                    others=others,
                )


def alike_chips(field: EnteredField) -> Iterator[Concern]:
    """Yield entries with a chip that differs from another athlete's by leading zeros only."""
    worn = ((chip, entry) for entry in field.entries for chip in dict.fromkeys(entry.chips))
    for bare, entries in _alike(worn):
        *earlier, last = entries
        others = [other.bib for other in earlier if other.bib != last.bib]
        bibs = ", ".join([*others, last.bib])
        spelt = {chip: None for entry in entries for chip in entry.chips if _bare(chip) == bare}
        if others and len(spelt) > 1:
            yield Concern(
                bib=last.bib,
                race=last.race,
                kind="chips_alike",
                reason=f"chips {', '.join(spelt)} of bibs {bibs} differ by leading zeros only",
                todo="look at the chips: a spreadsheet may have lost the zeros of one of them",
                others=others,
            )


def _alike(named: Iterable[tuple[str, Entry]]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the entries whose codes are the same without leading zeros, with that code, where there are several."""
    groups: dict[str, list[Entry]] = {}
    for code, entry in named:
        groups.setdefault(_bare(code), []).append(entry)
    yield from ((bare, entries) for bare, entries in groups.items() if len(entries) > 1)


def _bare(code: str) -> str:
    return code.lstrip("0") or "0"


def unlikely_births(field: EnteredField) -> Iterator[Concern]:
    """Yield entries with a birth year after the event's, or before BIRTH_YEAR_LIKELY."""
    year = int(field.definition.date[:4])
    for entry in field.entries:
        if entry.birth_year is not None and not BIRTH_YEAR_LIKELY <= entry.birth_year <= year:
            wrong = f"after the event's year, {year}" if entry.birth_year > year else f"before {BIRTH_YEAR_LIKELY}"
            yield Concern(
                bib=entry.bib,
                race=entry.race,
                kind="unlikely_year",
                reason=f"the birth year {entry.birth_year} is {wrong}",
                todo="ask for the year of birth and enter it; age groups depend on it",
            )
