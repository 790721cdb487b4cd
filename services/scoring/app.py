"""The scoring application: Faust's consumer group and agent in front, `Scorer` behind.

It uses Faust's consumer group, the agent's stream and manual acknowledgement. It does not use tables, windows,
transactions or the web server: by measurement each of those costs more than everything else together, and the state is
exact by its position in the log.
"""

from collections.abc import AsyncIterator, Iterable
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
SESSION_S = 6.0  # the group reassigns the partitions of a worker that has been gone for so long
HEARTBEAT_S = 2.0
POLL_S = 3600.0  # a slow fold must not end the membership: aiokafka would leave the group for good
COMMIT_S = 1.0
FETCH_BYTES_MAX = 4 * 1024 * 1024
METADATA_MS = 30_000  # how often the client looks again for a topic that was missing


class _Boot(BootStrategy):
    """Start the scorer before Faust's own services, and so stop it after them."""

    def __init__(self, app: faust.App, scorer: Scorer) -> None:
        super().__init__(app, enable_web=False)
        self._scorer = scorer

    def server(self) -> Iterable[ServiceT]:
        """Return the services of a worker, in the order in which they start."""
        return self._chain([self._scorer], super().server())


def create_app(settings: ScoringSettings) -> faust.App:
    """Return a Faust app that scores; nothing runs before the app is started."""
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
        stream_wait_empty=False,  # otherwise an exception in the agent leaves a worker that hangs
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
        datadir=settings.data / "faust",
    )
    scorer = Scorer(settings, lambda: app.consumer_generation_id)
    app.boot_strategy = _Boot(app, scorer)

    async def on_assigned(_: Any, /, *arguments: Any, **__: Any) -> None:
        assigned: set[TP] = arguments[0]
        scorer.assigned(assigned_to.partition for assigned_to in assigned if assigned_to.topic == RACE_LOG.name)

    app.on_partitions_assigned.connect(on_assigned, weak=False)

    @app.agent(_race_log(app), name="score", concurrency=1)
    async def score(stream: StreamT[bytes]) -> None:
        async for event in _unacknowledged(stream):
            if event.message.generation_id == app.consumer_generation_id:
                await scorer.deliver(event)

    return app


def _race_log(app: faust.App) -> Any:
    return app.topic(RACE_LOG.name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw")


def _unacknowledged(stream: StreamT[bytes]) -> AsyncIterator[EventT[bytes]]:
    """Return an iterator of records that only our code acknowledges; Faust has the switch, but does not type it.

    `noack_take` would hold each record back for its whole window. Nothing is gained by that: a partition takes all that
    has arrived while it worked.
    """
    cast(Any, stream).enable_acks = False
    return cast(AsyncIterator[EventT[bytes]], stream.events())


def _credentials(kafka: KafkaOptions) -> CredentialsT | None:
    """Return the credentials in Faust's form; None for a plain connection."""
    context = kafka.context()
    if kafka.protocol.startswith("SASL"):
        return SASLCredentials(
            username=kafka.user, password=kafka.password, ssl_context=context, mechanism=kafka.mechanism
        )
    return None if context is None else SSLCredentials(context)
