"""The lease on a role, by a real Kafka."""

import asyncio

import pytest

from services.runtime.kafka import KafkaOptions
from services.runtime.lease import Lease, LeaseLost

WAIT_S = 60.0  # for a hang only


async def test_a_process_that_joins_waits_until_the_holder_leaves_and_has_a_greater_epoch(kafka: KafkaOptions) -> None:
    async with asyncio.timeout(WAIT_S), Lease(kafka, "readers") as second:
        async with Lease(kafka, "readers") as first:
            first_granted, second_granted = (asyncio.create_task(lease.granted()) for lease in (first, second))
            await asyncio.wait((first_granted, second_granted), return_when=asyncio.FIRST_COMPLETED)
            holder, waiting = (first, second) if first_granted.done() else (second, first)
            epoch = await holder.claim(least=41)
            assert epoch > 41
            while not waiting.waits:
                await asyncio.sleep(0.05)
            holding = asyncio.create_task(holder.held())
            async with Lease(kafka, "readers") as third:  # its coming and going moves nothing
                while not third.waits:
                    await asyncio.sleep(0.05)
            assert not holding.done()
            holding.cancel()
            if holder is second:
                return
        await second.granted()
        assert await second.claim() == epoch + 1


async def test_roles_are_held_apart(kafka: KafkaOptions) -> None:
    async with asyncio.timeout(WAIT_S), Lease(kafka, "readers") as readers, Lease(kafka, "projections") as projections:
        await asyncio.gather(readers.granted(), projections.granted())


async def test_a_holder_whose_epoch_is_not_the_newest_any_more_stops(kafka: KafkaOptions) -> None:
    async with asyncio.timeout(WAIT_S), Lease(kafka, "projections") as lease:
        await lease.granted()
        await lease.claim()
        await lease._consumer.commit(dict.fromkeys(lease._consumer.assignment(), 10**6))
        held = asyncio.create_task(lease.held())
        async with Lease(kafka, "projections"):  # the group is assigned anew
            with pytest.raises(LeaseLost, match="another process took over the projections"):
                await held
