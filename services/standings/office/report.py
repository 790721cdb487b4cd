"""All lists of the race office at one revision of an event: concerns, declarations, prizes, medals and titles."""

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from schemas.definition import Definition
from schemas.events import Entry
from schemas.results import AthleteRow, EventRow
from services.standings import Standings
from services.standings.office.concern import NOT_ASSIGNED, Assigned, Concern
from services.standings.office.eligibility import Attestation, attestations, eligibility, finished_apart, in_order
from services.standings.office.finish_concerns import late_finishes
from services.standings.office.prizes import Award, MedalList, TitleEarned, medal_list, prize_list, title_list
from services.standings.office.together_concerns import carried_together
from services.standings.together import with_shared_cases


class OfficeLists(Struct, frozen=True, kw_only=True):
    """The lists of an event; all are empty while it has no definition. `entries` counts the bibs."""

    event: str
    revision: int
    entries: int = 0
    concerns: list[Concern] = msgspec.field(default_factory=list)
    attestations: list[Attestation] = msgspec.field(default_factory=list)
    prizes: list[Award] = msgspec.field(default_factory=list)
    titles: list[TitleEarned] = msgspec.field(default_factory=list)
    medals: list[MedalList] = msgspec.field(default_factory=list)


def office_lists(
    definition: Definition,
    event: EventRow,
    revision: int,
    entries: Iterable[Entry],
    rows: Iterable[AthleteRow],
    ranked: Standings,
    assigned: Assigned = NOT_ASSIGNED,
    of_reads: Iterable[Concern] = (),
) -> OfficeLists:
    """Return the lists, from the entries in log order (replaced ones may be among them), rows and standings.

    `assigned` are the assignments of chips, and `of_reads` concerns that only the reads show, where they are known.
    """
    entered, athletes = list(entries), with_shared_cases(rows, ranked.together)
    return OfficeLists(
        event=definition.event,
        revision=revision,
        entries=len({entry.bib for entry in entered}),
        concerns=[
            *in_order([*eligibility(definition, entered, assigned), *of_reads]),
            *finished_apart(definition, athletes),
            *late_finishes(definition, event, athletes),
            *carried_together(definition, athletes, ranked.together),
        ],
        attestations=attestations(definition, entered),
        prizes=prize_list(definition, ranked, athletes),
        titles=title_list(definition, athletes, event.orders),
        medals=medal_list(definition, athletes),
    )
