"""Concerns about chips that may be carried together: the open cases, with the instants of both. Source: R4.10."""

from collections.abc import Iterable, Iterator

from schemas.definition import Definition
from schemas.results import AthleteRow
from services.formatting.times import LocalClock
from services.standings.explain_together import instants_in_words, together_whys
from services.standings.office.concern import Concern
from services.standings.together import TogetherCase


def carried_together(
    definition: Definition, rows: Iterable[AthleteRow], cases: Iterable[TogetherCase]
) -> Iterator[Concern]:
    """Yield the open cases of two athletes, each once, as a concern of the first of them."""
    clock = LocalClock(definition)
    athletes = {row.bib: row for row in rows}
    for case in cases:
        if not case.open:
            continue
        row = athletes[str(case.bib)]
        for why in together_whys(definition, row, [case], athletes, {}):
            yield Concern(
                bib=row.bib,
                race=row.race,
                kind="together",
                reason=f"{why.says}: {instants_in_words(clock, why.side_by_side)}",
                todo="look at photographs of both, and decide the case; it changes no result by itself, so set the"
                " status of an athlete who did not run",
                others=[why.other],
                case=why.case,
                side_by_side=why.side_by_side,
            )
