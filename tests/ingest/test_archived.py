"""What the race log takes for an archived event, whoever sends it."""

import pytest
from prometheus_client import CollectorRegistry

from schemas.events import EventReopened, LoggedFact, StatusSet
from services.ingest.errors import Archived, Unavailable
from services.ingest.metrics import IngestMetrics
from services.ingest.race_log import KafkaLog

REOPENED = EventReopened(event="old")
DNF = StatusSet(event="old", bib="7", status="DNF", reason="ill")
NOBODY = {"bootstrap_servers": "127.0.0.1:1"}


@pytest.mark.parametrize("facts", [[DNF], [REOPENED, DNF]])
async def test_no_fact_but_its_reopening_is_taken_for_an_archived_event(facts: list[LoggedFact]) -> None:
    """Readers try again, as with a Kafka that is away: an Archived is an Unavailable."""
    race_log = KafkaLog(NOBODY, 4, IngestMetrics(CollectorRegistry()), is_archived=lambda event: event == "old")
    with pytest.raises(Archived, match="`matline event reopen old` opens it again"):
        await race_log.append("old", facts, 0.01)
    assert issubclass(Archived, Unavailable)


@pytest.mark.parametrize(("event", "fact"), [("old", REOPENED), ("new", DNF)])
async def test_what_reopens_it_and_facts_of_other_events_go_to_kafka(event: str, fact: LoggedFact) -> None:
    race_log = KafkaLog(NOBODY, 4, IngestMetrics(CollectorRegistry()), is_archived=lambda event: event == "old")
    with pytest.raises(Unavailable, match="Kafka did not answer") as refused:
        await race_log.append(event, [fact], 0.01)
    assert type(refused.value) is Unavailable
