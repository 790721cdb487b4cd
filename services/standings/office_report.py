"""All that the race office works by, of one revision of an event: what to look into, and who wins what.

office_lists(definition, revision, entries_of(rows), rows, standings(definition, rows, event))
"""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.definition import Definition
from schemas.events import Entry
from schemas.results import AthleteRow
from services.standings import Standings
from services.standings.eligibility import Attestation, Concern, apart, attestations, eligibility
from services.standings.prizes import Award, MedalList, TitleEarned, medal_list, prize_list, title_list


class OfficeLists(Struct, frozen=True, kw_only=True):
    """The lists of an event; all are empty before there is a definition. `entries` counts the bibs."""

    event: str
    revision: int
    entries: int = 0
    concerns: list[Concern] = msgspec.field(default_factory=list)
    attestations: list[Attestation] = msgspec.field(default_factory=list)
    prizes: list[Award] = msgspec.field(default_factory=list)
    titles: list[TitleEarned] = msgspec.field(default_factory=list)
    medals: list[MedalList] = msgspec.field(default_factory=list)


def office_lists(
    definition: Definition, revision: int, entries: Iterable[Entry], rows: Iterable[AthleteRow], made: Standings
) -> OfficeLists:
    """The lists from entries in log order (replaced ones may be among them), the athletes' rows and their standings."""
    entered, athletes = list(entries), list(rows)
    return OfficeLists(
        event=definition.event,
        revision=revision,
        entries=len({entry.bib for entry in entered}),
        concerns=eligibility(definition, entered) + apart(definition, athletes),
        attestations=attestations(definition, entered),
        prizes=prize_list(definition, made),
        titles=title_list(definition, athletes),
        medals=medal_list(definition, athletes),
    )
