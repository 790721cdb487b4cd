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
from contextlib import aclosing
from http.client import HTTPException
from typing import Any, NamedTuple

import msgspec
from aiokafka.errors import KafkaError

from schemas import codec
from schemas.events import ReadsReceived
from schemas.results import AthleteRow
from services.operate.export_log import lines
from services.operate.ingest_client import token_headers
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


class Fold:
    """An event's log scored again, from offset 0 up to where it was asked for, in batches that `seed` draws.

    `revision` is how far it came, also when it was interrupted.
    """

    def __init__(self, event: str, seed: int) -> None:
        self.revision = -1
        self.facts = 0
        self.reads = 0
        self._event = event
        self._seed = seed
        self._rng = random.Random(seed)
        self._state = EventState(event)
        self._rows: dict[str, AthleteRow] = {}

    def anew(self) -> "Fold":
        """Return one of the same event that begins at offset 0."""
        return Fold(self._event, self._seed)

    async def go_on(self, kafka: KafkaOptions, revision: int) -> None:
        """Score the log on, up to a later revision. Raises StartFault, LogUnavailable, KafkaError, UnknownVersion."""
        ordinal, before, left = 0, -1, self._rng.randrange(1, FACTS_MOST)
        async with aclosing(lines(self._event, kafka, self.revision + 1, revision)) as read:
            async for line in read:
                offset, fact = codec.line_from_json(line)
                assert offset is not None  # a line out of Kafka has one
                ordinal = ordinal if offset == before else 0
                before = offset
                self._state.fold(offset, ordinal, fact)
                ordinal += fact.ordinals()
                self.revision = offset
                self.facts += 1
                self.reads += len(fact.reads) if isinstance(fact, ReadsReceived) else 0
                left -= 1
                if left == 0:
                    left = self._rng.randrange(1, FACTS_MOST)
                    self._take()
        self._state.take_event()
        while self._state.pending():
            self._take()
        self.revision = revision

    def _take(self) -> None:
        for row in self._state.take(self._rng.randrange(1, TAKE_MOST)):
            held = self._rows.get(row.bib)
            if held is None or row.version >= held.version:
                self._rows[row.bib] = row

    def document(self) -> dict[str, Any]:
        """Return the standings document at the revision."""
        return document(self._event, self.revision, scored_rows(self._state.event_row(), self._rows.values()))


class Comparison(NamedTuple):
    """Standings as they are served and as the log gives them: the parts that must be equal, as bytes."""

    revision: int
    log: bytes
    served: bytes

    @property
    def equal(self) -> bool:
        """Whether they are equal to the byte."""
        return self.log == self.served

    def difference(self) -> str:
        """Return where they first differ, for a person; empty if they are equal."""
        return first_difference(json.loads(self.served), json.loads(self.log))


async def compare(fold: Fold, served: Mapping[str, Any], kafka: KafkaOptions) -> Comparison:
    """Score the log on to the revision that is served, and compare.

    Raises StartFault, LogUnavailable, KafkaError, UnknownVersion.
    """
    await fold.go_on(kafka, served["revision"])
    return Comparison(served["revision"], compared(fold.document()), compared(served))


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


def served_standings(event: str, live: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return the standings document that the live API at an address serves. Raises StartFault."""
    url = f"{live.rstrip('/')}/v1/events/{event}/standings"
    try:
        request = urllib.request.Request(url, headers=dict(headers))
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            standings: dict[str, Any] = msgspec.json.decode(answer.read(), type=dict)
    except urllib.error.HTTPError as error:
        error.close()
        token = "give a reader's token by MATLINE_TOKEN"
        remedy = {401: token, 403: token, 404: f"is {event!r} the id of the event?"}
        todo = remedy.get(error.code, "its log lines may say why")
        raise StartFault(f"{url} answers {error.code} {error.reason}; {todo}") from None
    except (OSError, HTTPException, ValueError) as error:
        cause = error.reason if isinstance(error, urllib.error.URLError) else error
        why = f" ({cause.strerror})" if isinstance(cause, OSError) and cause.strerror else ""
        raise StartFault(
            f"the live API at {live} gives no standings{why}; start it, or give its address by --live or MATLINE_LIVE"
        ) from None
    if missing := sorted({"revision", *COMPARED} - standings.keys()):
        raise StartFault(f"{url} answers without {', '.join(missing)}; is it live of this release?")
    return standings


def live_address(environment: Mapping[str, str]) -> str:
    """Return the address of the live API in MATLINE_LIVE, by default on this machine."""
    return text(environment, "MATLINE_LIVE", "http://127.0.0.1:8700")


def main(event: str, environment: Mapping[str, str], live: str | None, seed: int) -> int:
    """Compare, print the outcome, and return the exit code: 0 equal, 1 different, 2 not comparable."""
    fold = Fold(event, seed)
    try:
        kafka = kafka_options(environment)
        served = served_standings(event, live or live_address(environment), token_headers(environment))
        comparison = asyncio.run(compare(fold, served, kafka))
    except (StartFault, LogUnavailable, codec.UnknownVersion) as error:
        return _unknown(str(error))
    except KafkaError as error:
        return _unknown(kafka_fault(kafka_options(environment).servers, error))
    here, there = comparison.log, comparison.served
    print(
        f"event {event} at revision {comparison.revision}: {fold.facts} facts, {fold.reads} reads scored from offset 0"
    )
    print(f"log    {hashlib.sha256(here).hexdigest()}  {len(here)} bytes")
    print(f"served {hashlib.sha256(there).hexdigest()}  {len(there)} bytes")
    if comparison.equal:
        print("the served standings equal those of the log")
        return EXIT_SAME
    print(f"DIFFERENT, first at {comparison.difference()}", file=sys.stderr)
    return EXIT_DIFFERENT


def _unknown(text: str) -> int:
    print(f"matline verify: {text}", file=sys.stderr)
    return EXIT_UNKNOWN
