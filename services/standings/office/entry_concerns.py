"""Concerns about an entry that contradicts itself or another entry."""

from collections.abc import Iterator, Sequence

from schemas.events import ChipAssigned, Entry
from schemas.names import without_accents
from schemas.office import Eligibility
from services.formatting.times import LocalClock
from services.standings.office.concern import Concern, EnteredField, concerns_entry, row_name


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
        for chip in dict.fromkeys(entry.chips):
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
    if not assigned:
        return ", which gets all of its reads"
    spans = [f"bib {fact.bib}{clock.between(fact.from_us, fact.until_us)}" for fact in reversed(assigned)]
    if all(fact.from_us is not None or fact.until_us is not None for fact in assigned):
        spans.append(f"otherwise bib {owner.bib}")
    return f"; by chip_assigned its reads are for {', '.join(spans)}"


def _what_to_do(assigned: Sequence[ChipAssigned], entry: Entry) -> str:
    if any(fact.bib == entry.bib for fact in assigned):
        return "check that these hours are right; nothing else is to be done"
    return "find out which of the two athletes wears the chip, and give the other athlete a different one"
