"""Scoring wired up: Faust's consumer group and agent in front, `Scorer` behind.

Of Faust it uses the consumer group, the agent's stream and manual acknowledgement; no tables, no windows, no
transactions, no web server: measured, each of those costs more than all the rest, and state is exact by position.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, cast

import faust
from faust.app.base import BootStrategy
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import TP, EventT, StreamT
from faust.types.auth import CredentialsT
from mode import CrashingSupervisor
from mode.types import ServiceT

from schemas.topics import RACE_LOG
from services.runtime.kafka import KafkaOptions
from services.scoring.scorer import Scorer
from services.scoring.settings import ScoringSettings

GROUP = "matline-scoring"
TAKE_RECORDS_MAX = 64
TAKE_WAIT_S = 0.02
SESSION_S = 6.0  # a worker that died is missed after so long, unless it is back before
HEARTBEAT_S = 2.0
POLL_S = 3600.0  # a slow fold must not cost the membership: aiokafka then leaves the group for good
COMMIT_S = 1.0
FETCH_BYTES_MAX = 4 * 1024 * 1024
METADATA_MS = 30_000  # a topic that was away is looked for again after so long


class _Boot(BootStrategy):
    """Starts the scorer before Faust's own services, and so stops it after them."""

    def __init__(self, app: faust.App, scorer: Scorer) -> None:
        super().__init__(app, enable_web=False)
        self._scorer = scorer

    def server(self) -> Iterable[ServiceT]:
        """The services of a worker, in the order in which they start."""
        return self._chain([self._scorer], super().server())


def create_app(settings: ScoringSettings) -> faust.App:
    """A Faust app that scores; nothing runs before the app is started."""
    app = faust.App(
        GROUP,
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.servers.split(",")],
        broker_credentials=_credentials(settings.kafka),
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_max_poll_interval=POLL_S,
        broker_commit_interval=COMMIT_S,
        consumer_group_instance_id=settings.worker,
        consumer_max_fetch_size=FETCH_BYTES_MAX,
        consumer_metadata_max_age_ms=METADATA_MS,
        agent_supervisor=CrashingSupervisor,
        stream_wait_empty=False,  # else an exception in the agent leaves a worker that hangs alive
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
        datadir=settings.data / "faust",
    )
    scorer = Scorer(settings, lambda: app.consumer_generation_id)
    app.boot_strategy = _Boot(app, scorer)

    async def on_assigned(_: Any, /, *said: Any, **__: Any) -> None:
        assigned: set[TP] = said[0]
        scorer.assigned(place.partition for place in assigned if place.topic == RACE_LOG.name)

    app.on_partitions_assigned.connect(on_assigned, weak=False)

    @app.agent(_race_log(app), name="score", concurrency=1)
    async def score(stream: StreamT[bytes]) -> None:
        async for events in _taken(stream):
            for event in events:
                if event.message.generation_id == app.consumer_generation_id:
                    await scorer.deliver(event)

    return app


def _race_log(app: faust.App) -> Any:
    return app.topic(RACE_LOG.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _taken(stream: StreamT[bytes]) -> AsyncIterator[Sequence[EventT[bytes]]]:
    """Yield records in portions that only our code acknowledges; Faust does not type this method."""
    return cast(
        AsyncIterator[Sequence[EventT[bytes]]], cast(Any, stream).noack_take(TAKE_RECORDS_MAX, within=TAKE_WAIT_S)
    )


def _credentials(kafka: KafkaOptions) -> CredentialsT | None:
    """Faust's form of how to be let in; None for a plain connection."""
    context = kafka.context()
    if kafka.protocol.startswith("SASL"):
        return SASLCredentials(
            username=kafka.user, password=kafka.password, ssl_context=context, mechanism=kafka.mechanism
        )
    return None if context is None else SSLCredentials(context)
