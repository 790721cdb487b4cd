"""A marathon of 34,792 whose mat at 15 km read nothing for 4,000 of them, 56 of whom another mat missed too.

So one fault looks like 4,000 mistakes of athletes, and most of it has to be told and mended at once.
"""

from random import Random
from typing import Any

import msgspec
import pytest

from schemas.codec import fact_from_json
from schemas.events import Read, ReadsReceived
from services.health.examine_event import health
from services.health.observed import observe
from services.offline.scored_log import scored
from services.scoring.core.event import EventState

RUNNERS = 34_792
UNREAD = 4_000
MISSED_TWICE = 56
EVENT = "marathon-2026"
US = 1_000_000
GUN_US = 1_767_477_600 * US
POINTS = {"START": 0.0, "10K": 10.0, "15K": 15.0, "20K": 20.0, "FINISH": 42.195}
DEFINITION = {
    "event": EVENT,
    "name": "Marathon",
    "date": "2026-01-04",
    "timezone": "Asia/Ho_Chi_Minh",
    "mats": [{"id": name.lower(), "devices": [name]} for name in POINTS],
    "races": [
        {
            "id": "m",
            "name": "Marathon",
            "start": "2026-01-04T05:00:00",
            "start_window_s": 5400,
            "points": [{"id": name, "mat": name.lower(), "km": km} for name, km in POINTS.items()],
        }
    ],
    "boards": [{"id": "all", "race": "m"}],
}


def fold(state: EventState, number: int, kind: str, **fields: Any) -> None:
    plain = {"type": kind, "event": EVENT, **fields}
    assert state.fold(number, 0, fact_from_json(msgspec.json.encode(plain))) is None


def crossings(rng: Random) -> list[dict[str, int]]:
    """When each athlete crossed each mat, at paces of 3:20 to 8:00 a kilometre and slower in the second half."""
    made = []
    for nth in range(RUNNERS):
        start_us = GUN_US + 5 * US + nth * 90_000  # all cross the line within some 52 minutes
        pace_us = rng.triangular(200, 480, 330) * US
        fade = rng.uniform(1.0, 1.12)
        made.append(
            {
                name: start_us + round(pace_us * (km if km <= 20 else 20 + (km - 20) * fade))
                for name, km in POINTS.items()
            }
        )
    return made


@pytest.fixture(scope="module")
def split() -> tuple[EventState, list[str], list[str]]:
    """The state, the bibs of those whom only 15K missed, and of those whom another mat missed too."""
    rng = Random(15)
    made = crossings(rng)
    by_15k = sorted(range(RUNNERS), key=lambda nth: made[nth]["15K"])
    unread = by_15k[12_000 : 12_000 + UNREAD]
    twice = set(rng.sample(unread, MISSED_TWICE))
    for nth in unread:
        del made[nth]["15K"]
    for nth in twice:
        del made[nth][rng.choice(["10K", "20K"])]
    state = EventState(EVENT)
    fold(state, 0, "event_defined", definition=DEFINITION)
    named = {"race": "m", "gender": "F", "given_name": "A", "family_name": "B"}
    fold(
        state,
        1,
        "entries_added",
        entries=[{"bib": str(n + 1), "chips": [f"C{n + 1}"], **named} for n in range(RUNNERS)],
    )
    fold(state, 2, "gun_fired", race="m", at_us=GUN_US)
    reads = [
        Read(seq=0, device=name, chip=f"C{nth + 1}", at_us=at_us)
        for nth, crossed in enumerate(made)
        for name, at_us in crossed.items()
    ]
    state.fold(3, 0, ReadsReceived(event=EVENT, gateway="g", session="s", reads=reads))
    return state, [str(nth + 1) for nth in unread if nth not in twice], [str(nth + 1) for nth in twice]


def test_one_finding_and_one_waiver_leave_no_wrong_dnf_and_the_cases_of_those_missed_twice(split):
    state, once, twice = split
    before = scored(state)
    assert before.event is not None
    assert before.definition is not None
    assert sum(case.open for row in before.athletes for case in row.cases) == UNREAD
    (finding,) = health(before.event, before.definition, before.athletes, observe(state)).findings
    assert finding.kind == "point_missing"
    assert finding.subject == {"mat": "15k", "points": [{"race": "m", "point": "15K"}]}
    assert UNREAD - MISSED_TWICE <= finding.evidence["stretch_missed"] <= UNREAD
    assert len(finding.evidence["cases"]) == UNREAD - MISSED_TWICE
    assert finding.proposal is not None
    (waiver,) = finding.proposal
    fold(state, 4, **{("kind" if name == "type" else name): value for name, value in waiver.items() if name != "event"})
    after = scored(state)
    assert after.event is not None
    rows = {row.bib: row for row in after.athletes}
    assert {bib for bib, row in rows.items() if row.status != "FINISHED"} == set(twice)
    assert {rows[bib].status for bib in twice} == {"DNF"}
    assert sorted(case.case for row in after.athletes for case in row.cases) == sorted(f"missed:{bib}" for bib in twice)
    assert {bib for bib, row in rows.items() if row.flags} == {*once, *twice}
    assert {tuple(row.flags) for row in after.athletes if row.flags} == {("waived",)}
    assert len(after.standings.boards["all"]) == RUNNERS - MISSED_TWICE
    report = health(after.event, before.definition, after.athletes, observe(state))
    assert report.findings == []
    assert {counts.point: counts.waived for counts in report.points if counts.waived} == {"15K": UNREAD}
