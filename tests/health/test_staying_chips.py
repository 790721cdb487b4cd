"""A chip that a mat reads for hours is named, and one that merely passes often is not."""

from typing import Any

import pytest

from schemas.definition_parse import parse_definition
from schemas.ids import US
from services.formatting.times import LocalClock
from services.health.finding_words import describe, heading
from services.health.health_document import Finding
from services.offline.health_tables import health_of
from services.offline.scored_log import Log
from tests.builders import Plain, defined, definition, entries, gun, line, read, reads, run

HOUR_S = 3600
MINUTE_S = 60


def findings(*facts: Plain) -> list[Finding]:
    log = Log()
    for fact in (defined(), entries("7", "8"), gun(), run("8"), *facts):
        log.add(line(fact))
    return health_of(log).findings


def again(every_s: int, times: int) -> Plain:
    """Reads of bib 7's chip at the mat 10k, over and over."""
    return reads(*(read("K1", "C7", 2000 + nth * every_s) for nth in range(times)))


@pytest.mark.parametrize("every_s", [10, MINUTE_S], ids=["one long passing", "a passing each minute"])
def test_a_chip_that_a_mat_reads_for_hours_is_named(every_s):
    (finding,) = findings(again(every_s, 2 * HOUR_S // every_s + 1))
    assert (finding.kind, finding.subject) == ("chips_stay", {"mat": "10k", "bibs": ["7"]})
    assert finding.evidence["passings"] == (1 if every_s == 10 else 121)
    assert finding.evidence["last_us"] - (finding.since_us or 0) == 2 * HOUR_S * US
    assert heading(finding) == "A chip stays at a mat: 7 at mat 10k"
    words = describe(finding, LocalClock(parse_definition(definition())))
    passings = "1 passing" if every_s == 10 else "121 passings"
    assert words.seen == (
        f"The chip of bib 7 was read at mat 10k for hours, from 05:33:20 to 07:33:20, in up to {passings}."
    )


@pytest.mark.parametrize("fact", [again(10, 100), again(20 * MINUTE_S, 10)], ids=["a rest at the mat", "many laps"])
def test_an_athlete_who_rests_at_a_mat_or_passes_it_often_is_not(fact: dict[str, Any]):
    assert findings(fact) == []
