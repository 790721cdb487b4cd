"""What is made is made once, held within a bound, and outlives whoever asked first."""

import asyncio

import pytest

from services.live.async_cache import AsyncCache


def memo(most: int = 100) -> AsyncCache[str]:
    return AsyncCache(most, len)


class Maker:
    """Makes a text when told to."""

    def __init__(self, text: str = "x", fault: Exception | None = None) -> None:
        self.made = 0
        self.go = asyncio.Event()
        self._text = text
        self._fault = fault

    async def __call__(self) -> str:
        self.made += 1
        await self.go.wait()
        if self._fault is not None:
            raise self._fault
        return self._text


async def test_who_asks_at_once_shares_one_making():
    held, make = memo(), Maker()
    waiting = [asyncio.create_task(held.get("k", make)) for _ in range(5)]
    await asyncio.sleep(0)
    make.go.set()
    assert await asyncio.gather(*waiting) == ["x"] * 5
    assert await held.get("k", make) == "x"
    assert make.made == 1


async def test_a_making_goes_on_when_who_asked_first_leaves():
    held, make = memo(), Maker()
    first = asyncio.create_task(held.get("k", make))
    second = asyncio.create_task(held.get("k", make))
    await asyncio.sleep(0)
    first.cancel()
    make.go.set()
    assert await second == "x"
    assert make.made == 1


async def test_a_fault_reaches_all_who_wait_and_is_not_held():
    held, make = memo(), Maker(fault=ValueError("no"))
    make.go.set()
    told = await asyncio.gather(held.get("k", make), held.get("k", make), return_exceptions=True)
    assert [str(one) for one in told] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await held.get("k", make)
    assert make.made == 2


async def test_the_least_lately_asked_for_leave_first():
    held = memo(most=24)
    for key in ("a", "b", "c"):
        made = Maker(key * 3)
        made.go.set()
        await held.get(key, made)
    assert held.weight == 9
    for key in "defgh":
        held.held("a")
        made = Maker(key * 3)
        made.go.set()
        await held.get(key, made)
    assert held.weight == 24
    again = Maker("iii")
    again.go.set()
    await held.get("i", again)
    assert (held.held("a"), held.held("b"), held.weight) == ("aaa", None, 24)


async def test_what_would_push_out_too_much_is_given_but_not_held():
    held, make = memo(most=80), Maker("x" * 11)
    make.go.set()
    assert await held.get("k", make) == "x" * 11
    assert held.weight == 0
    assert await held.get("k", make) == "x" * 11
    assert make.made == 2
