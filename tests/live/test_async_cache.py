"""Values are made once, kept within a bound, and made to the end when the first caller is cancelled."""

import asyncio

import pytest

from services.live.async_cache import AsyncCache


def cache(most: int = 100) -> AsyncCache[str]:
    return AsyncCache(most, len)


class Maker:
    """Makes a text once `go` is set."""

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


async def test_callers_at_once_share_one_making():
    kept, make = cache(), Maker()
    waiting = [asyncio.create_task(kept.get("k", make)) for _ in range(5)]
    await asyncio.sleep(0)
    make.go.set()
    assert await asyncio.gather(*waiting) == ["x"] * 5
    assert await kept.get("k", make) == "x"
    assert make.made == 1


async def test_a_making_goes_on_when_its_first_caller_is_cancelled():
    kept, make = cache(), Maker()
    first = asyncio.create_task(kept.get("k", make))
    second = asyncio.create_task(kept.get("k", make))
    await asyncio.sleep(0)
    first.cancel()
    make.go.set()
    assert await second == "x"
    assert make.made == 1


async def test_an_error_reaches_all_callers_and_is_not_kept():
    kept, make = cache(), Maker(fault=ValueError("no"))
    make.go.set()
    errors = await asyncio.gather(kept.get("k", make), kept.get("k", make), return_exceptions=True)
    assert [str(error) for error in errors] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await kept.get("k", make)
    assert make.made == 2


async def test_the_least_recently_used_leave_first():
    kept = cache(most=24)
    for key in ("a", "b", "c"):
        made = Maker(key * 3)
        made.go.set()
        await kept.get(key, made)
    assert kept.weight == 9
    for key in "defgh":
        kept.held("a")
        made = Maker(key * 3)
        made.go.set()
        await kept.get(key, made)
    assert kept.weight == 24
    again = Maker("iii")
    again.go.set()
    await kept.get("i", again)
    assert (kept.held("a"), kept.held("b"), kept.weight) == ("aaa", None, 24)


async def test_a_value_that_would_push_out_too_much_is_returned_but_not_kept():
    kept, make = cache(most=80), Maker("x" * 11)
    make.go.set()
    assert await kept.get("k", make) == "x" * 11
    assert kept.weight == 0
    assert await kept.get("k", make) == "x" * 11
    assert make.made == 2


async def test_nothing_is_a_value_like_others_and_weighs_once():
    kept: AsyncCache[None] = AsyncCache(100, lambda _: 1)
    made = 0

    async def make() -> None:
        nonlocal made
        made += 1

    for _ in range(200):
        await kept.get("unknown", make)
    assert (made, kept.weight) == (1, 1)
