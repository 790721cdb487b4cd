"""`matline verify`: score the log again from its first record and compare with the standings of the live API.

It uses only the log and no snapshot or worker, and takes results in batches of other sizes. So the comparison finds
anything that the running services lost, doubled or computed differently.
"""

import asyncio
import hashlib
import json
import random
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.events import ReadsReceived
from schemas.results import AthleteRow
from services.operate.export_log import lines
from services.runtime.environment import text
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.topic_records import LogUnavailable
from services.scoring.core.event import EventState
from services.standings.document import document, scored_rows

COMPARED = ("athletes", "boards", "team_boards", "delegations", "cases")
TAKE_MOST = 700  # athletes scored at a time; each number is drawn up to this
FACTS_MOST = 50  # facts between two scorings; each number is drawn up to this
ANSWER_S = 60  # for the standings of a whole event

EXIT_SAME = 0
EXIT_DIFFERENT = 1
EXIT_UNKNOWN = 2


class Rescored(NamedTuple):
    """A log scored again: its document, and how many facts and reads it has."""

    document: dict[str, Any]
    facts: int
    reads: int


async def rescore(event: str, kafka: KafkaOptions, revision: int, seed: int) -> Rescored:
    """Score an event's log from offset 0 up to `revision`, in batches that `seed` draws.

    Raises StartFault, LogUnavailable, KafkaError.
    """
    rng = random.Random(seed)
    state = EventState(event)
    rows: dict[str, AthleteRow] = {}
    facts = reads = 0
    ordinal, before, left = 0, -1, rng.randrange(1, FACTS_MOST)
    async for line in lines(event, kafka):
        offset, fact = codec.line_from_json(line)
        if offset is None or offset > revision:
            break
        ordinal = ordinal if offset == before else 0
        before = offset
        state.fold(offset, ordinal, fact)
        ordinal += fact.ordinals()
        facts += 1
        reads += len(fact.reads) if isinstance(fact, ReadsReceived) else 0
        left -= 1
        if left == 0:
            left = rng.randrange(1, FACTS_MOST)
            _take(state, rows, rng.randrange(1, TAKE_MOST))
    state.take_event()
    while state.pending():
        _take(state, rows, rng.randrange(1, TAKE_MOST))
    made = scored_rows(state.event_row(), rows.values())
    return Rescored(document(event, revision, made), facts, reads)


def _take(state: EventState, rows: dict[str, AthleteRow], limit: int) -> None:
    for row in state.take(limit):
        held = rows.get(row.bib)
        if held is None or row.version >= held.version:
            rows[row.bib] = row


def compared(standings: Mapping[str, Any]) -> bytes:
    """Return the part of a standings document that must be equal, as bytes to compare."""
    return json.dumps({part: standings[part] for part in COMPARED}, sort_keys=True, ensure_ascii=False).encode()


def first_difference(served: Any, rescored: Any, path: str = "") -> str:
    """Return where two documents first differ, for a person; empty if they are equal."""
    if isinstance(served, dict) and isinstance(rescored, dict):
        for key in sorted(served.keys() | rescored.keys()):
            if difference := first_difference(served.get(key), rescored.get(key), f"{path}.{key}" if path else key):
                return difference
        return ""
    if isinstance(served, list) and isinstance(rescored, list):
        for number, (left, right) in enumerate(zip(served, rescored, strict=False)):
            if difference := first_difference(left, right, f"{path}[{number}]"):
                return difference
        return (
            ""
            if len(served) == len(rescored)
            else f"{path}: {len(served)} entries served, the log gives {len(rescored)}"
        )
    return "" if served == rescored else f"{path}: {served!r} is served, the log gives {rescored!r}"


def served_standings(event: str, live: str) -> dict[str, Any]:
    """Return the standings document that the live API serves. Raises StartFault."""
    url = f"{live.rstrip('/')}/v1/events/{event}/standings"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            standings: dict[str, Any] = msgspec.json.decode(answer.read())
    except urllib.error.HTTPError as error:
        raise StartFault(f"{url} answers {error.code} {error.reason}; is {event!r} the id of the event?") from None
    except (OSError, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        why = f" ({cause.strerror})" if isinstance(cause, OSError) and cause.strerror else ""
        raise StartFault(
            f"the live API at {live} gives no standings{why}; start it, or give its address by --live or MATLINE_LIVE"
        ) from None
    return standings


def main(event: str, environment: Mapping[str, str], live: str | None, seed: int) -> int:
    """Compare, print the outcome, and return the exit code: 0 equal, 1 different, 2 not comparable."""
    try:
        kafka = kafka_options(environment)
        served = served_standings(event, live or text(environment, "MATLINE_LIVE", "http://127.0.0.1:8700"))
        made = asyncio.run(rescore(event, kafka, served["revision"], seed))
    except (StartFault, LogUnavailable) as error:
        return _unknown(str(error))
    except KafkaError as error:
        return _unknown(kafka_fault(kafka_options(environment).servers, error))
    here, there = compared(made.document), compared(served)
    print(
        f"event {event} at revision {served['revision']}: {made.facts} facts, {made.reads} reads scored from offset 0"
    )
    print(f"log    {hashlib.sha256(here).hexdigest()}  {len(here)} bytes")
    print(f"served {hashlib.sha256(there).hexdigest()}  {len(there)} bytes")
    if here == there:
        print("the served standings equal those of the log")
        return EXIT_SAME
    print(f"DIFFERENT, first at {first_difference(json.loads(there), json.loads(here))}", file=sys.stderr)
    return EXIT_DIFFERENT


def _unknown(text: str) -> int:
    print(f"matline verify: {text}", file=sys.stderr)
    return EXIT_UNKNOWN
