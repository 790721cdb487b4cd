"""A lease on a role that one process of several holds: one writes the boards, one keeps the readers' connections.

Kafka's group protocol grants it. The processes of a role are a group that subscribes to the one partition of
`standings`, and whoever is assigned it holds the lease. Nothing is read there. A process that died, or was stopped, is
out of the group after SESSION_S; one that ends in order hands over at once.

The assignment says who may begin, but a stopped process does not notice that it lost it. So each holder claims an
epoch, greater than all before, by committing it as the group's offset: Kafka takes a commit of the current generation
only, so no two processes have the same epoch, and a later holder has a greater one. What a holder writes carries the
epoch where an earlier holder's late writes could do harm.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import CommitFailedError, IllegalStateError

from schemas.topics import STANDINGS
from services.runtime.kafka import KafkaOptions

SESSION_MS = 6_000  # the least that brokers allow by default
HEARTBEAT_MS = 200  # the one that waits learns by the answer to a heartbeat that the holder has left
POLL_MS = 24 * 3600 * 1000  # nothing is polled; without a limit this high the client would leave the group
POLL_EVERY_S = 3600.0
GROUPS = {"projections": "matline-projections", "readers": "matline-readers"}
_PARTITION = TopicPartition(STANDINGS.name, 0)

log = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another process holds the lease, or may; this one must not go on."""


class _KeepHolder:
    """Assign the partition to the member that holds the lease, so that a newcomer does not take it away.

    A member says which epoch it claimed (0: none); the greatest counts, and of several without one the first by name.
    The client takes any object with these methods for an assignor, in place of a class.
    """

    name = "matline-lease"

    def __init__(self) -> None:
        self.epoch = 0

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Return what this member says of itself."""
        return ConsumerProtocolMemberMetadata(0, list(topics), str(self.epoch).encode())

    def assign(
        self, _cluster: object, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Return the assignment of every member; the group's leader works it out."""
        holder = min(members, key=lambda member: (-int(members[member].user_data or b"0"), member))
        return {
            member: ConsumerProtocolMemberAssignment(0, [(STANDINGS.name, [0])] if member == holder else [], b"")
            for member in members
        }

    def on_assignment(self, _assignment: object) -> None:
        """Do nothing: the lease hears of its assignment from the client."""


class Lease(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """The lease on a role. A context manager, of `join` and `close`.

    `granted`, then `claim`, then `held` for as long as the work goes on. `role` is a key of GROUPS. `waits`: another
    process is known to hold it.
    """

    def __init__(self, kafka: KafkaOptions, role: str) -> None:
        self._assignor = _KeepHolder()
        self._assigned = asyncio.Event()
        self._changed = asyncio.Event()
        self._role = role
        self.waits = False
        self._consumer = AIOKafkaConsumer(
            **kafka.client(),
            group_id=GROUPS[role],
            enable_auto_commit=False,
            auto_offset_reset="latest",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=POLL_MS,
            partition_assignment_strategy=(self._assignor,),
        )
        self._consumer.subscribe([STANDINGS.name], listener=self)

    async def join(self) -> None:
        """Join the group. Raises KafkaError."""
        await self._consumer.start()

    async def close(self) -> None:
        """Leave the group; a process that waits gets the lease at once."""
        await self._consumer.stop()

    async def __aenter__(self) -> Self:
        await self.join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
        """Do nothing: the partition usually comes back at once, and commits are fenced."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Note whether this process is assigned the partition, and read nothing there."""
        self.waits = _PARTITION not in set(assigned)
        if self.waits:
            log.info("another process holds the lease on the %s; this one waits to take over", self._role)
            self._assigned.clear()
        else:
            self._consumer.pause(_PARTITION)
            self._assigned.set()
        self._changed.set()

    async def granted(self) -> None:
        """Return once this process may claim the lease."""
        await self._assigned.wait()

    async def claim(self, least: int = 0) -> int:
        """Claim the lease, and return the epoch: greater than `least` and than that of every holder before.

        Raises LeaseLost if the lease went to another process meanwhile, KafkaError.
        """
        self._changed.clear()
        try:
            epoch = max(await self._consumer.committed(_PARTITION) or 0, least) + 1
            await self._consumer.commit({_PARTITION: epoch})
        except (CommitFailedError, IllegalStateError):
            raise LeaseLost(f"the lease on the {self._role} went to another process before it was claimed") from None
        self._assignor.epoch = epoch
        log.info("this process holds the lease on the %s, epoch %d", self._role, epoch)
        return epoch

    async def held(self) -> None:
        """Return never while this process holds the lease. Raises LeaseLost, KafkaError."""
        while True:
            try:
                async with asyncio.timeout(POLL_EVERY_S):
                    await self._changed.wait()
            except TimeoutError:
                await self._consumer.getmany(timeout_ms=0)
                continue
            self._changed.clear()
            if not self._assigned.is_set() or await self._consumer.committed(_PARTITION) != self._assignor.epoch:
                raise LeaseLost(f"another process took over the {self._role}; this one stops, to wait for its turn")
