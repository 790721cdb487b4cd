"""Eligibility of entries: concerns for the race office, and declarations by athletes. Source: R2."""

from collections.abc import Iterable
from typing import get_args

from msgspec import Struct

from schemas.definition import Definition
from schemas.events import Entry
from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.standings.office.board_concerns import missing_for_boards
from services.standings.office.concern import (
    NOT_ASSIGNED,
    Assigned,
    Concern,
    EnteredField,
    Kind,
    concerns_entry,
    row_name,
)
from services.standings.office.entry_concerns import (
    alike_bibs,
    alike_chips,
    doubles,
    no_chips,
    shared_chips,
    unknown_races,
    unlikely_births,
)
from services.standings.office.rule_concerns import unmet_rules
from services.standings.office.team_concerns import apart, too_large_teams, wrong_compositions
from services.standings.office.wave_concerns import wrong_waves

_CHECKS = (
    unknown_races,
    doubles,
    alike_bibs,
    no_chips,
    shared_chips,
    alike_chips,
    unlikely_births,
    unmet_rules,
    missing_for_boards,
    wrong_waves,
    too_large_teams,
    wrong_compositions,
)


class Attestation(Struct, frozen=True, kw_only=True):
    """A statement that an entry cannot show: athletes with these bibs declare it when they collect their numbers."""

    row: str
    article: str
    text: str
    bibs: list[str]


def entries_of(rows: Iterable[AthleteRow]) -> list[Entry]:
    """Return the entries that results hold, in the order in which their bibs first appear in the log."""
    known = [row for row in rows if row.entry is not None and not row.gone]
    return [row.entry for row in sorted(known, key=lambda row: row.first_entry) if row.entry is not None]


def eligibility(definition: Definition, entries: Iterable[Entry], assigned: Assigned = NOT_ASSIGNED) -> list[Concern]:
    """Return all concerns about entries, by bib and kind.

    The entries come in log order; a later one of a bib replaces the earlier.
    """
    field = EnteredField(definition, entries, assigned)
    return in_order(concern for check in _CHECKS for concern in check(field))


def in_order(concerns: Iterable[Concern]) -> list[Concern]:
    """Return concerns by bib and kind."""
    order = {kind: number for number, kind in enumerate(get_args(Kind))}
    return sorted(concerns, key=lambda concern: (bib_order(concern.bib), order[concern.kind]))


def finished_apart(definition: Definition, rows: Iterable[AthleteRow]) -> list[Concern]:
    """Return the teams whose members finished further apart than their composition allows."""
    athletes = list(rows)
    return list(apart(EnteredField(definition, entries_of(athletes)), athletes))


def attestations(definition: Definition, entries: Iterable[Entry]) -> list[Attestation]:
    """Return the statements for athletes to declare, in the order of the definition, without those for no athlete."""
    field = EnteredField(definition, entries)
    statements = []
    for rule in definition.eligibility:
        bibs = sorted((entry.bib for entry in field.entries if concerns_entry(rule, entry)), key=bib_order)
        if rule.attest is not None and bibs:
            statements.append(Attestation(row=row_name(rule), article=rule.article, text=rule.attest, bibs=bibs))
    return statements
