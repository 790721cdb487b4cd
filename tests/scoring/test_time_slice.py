"""Time slices: one task works at a time, and other tasks get the event loop in between."""

import asyncio

import pytest

from services.scoring.time_slice import PASSES, TimeSlice


async def test_one_task_works_at_a_time_in_the_order_of_requests() -> None:
    slices, seen = TimeSlice(), []

    async def work(name: str) -> None:
        for _ in range(2):
            async with slices:
                seen.append(name)
                await asyncio.sleep(0)
                seen.append(name)

    await asyncio.gather(work("a"), work("b"))
    assert seen[::2] == seen[1::2]
    assert seen[::2] == ["a", "b", "a", "b"]


async def test_between_two_slices_other_tasks_get_several_passes_of_the_loop() -> None:
    slices, passes = TimeSlice(), 0

    async def count() -> None:
        nonlocal passes
        while True:
            passes += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    for _ in range(3):
        async with slices:
            pass
    counting.cancel()
    assert passes >= 3 * PASSES


@pytest.mark.parametrize(("slice_s", "over"), [(3600.0, False), (0.0, True)])
async def test_a_slice_is_over_when_its_time_is_up(slice_s: float, over: bool) -> None:
    async with TimeSlice(slice_s) as slice_:
        assert slice_.over() is over
