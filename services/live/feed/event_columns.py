"""The columns of feeds about an event as a whole: counts, and clocks of its races. Pure. Source: docs/http.md."""

from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from schemas.ids import US
from services.formatting.times import format_hms, format_instant
from services.live.feed.table import Column


class Count(NamedTuple):
    """How many `athletes` of a race have a status or took a point, or (`total`) are entered.

    `name` is the status or the point, `km` where the point is, 0 of everything else.
    """

    race: str
    race_name: str
    kind: Literal["total", "status", "point"]
    name: str
    km: float
    athletes: int


class RaceClock(NamedTuple):
    """A race at an instant: `scheduled_us` is its planned start, `gun_us` its earliest gun, None before it."""

    race: str
    race_name: str
    closed: bool
    result_state: str
    scheduled_us: int
    gun_us: int | None
    now_us: int
    zone: ZoneInfo


COUNT_COLUMNS: tuple[Column[Count], ...] = (
    Column("race", str, lambda count: count.race),
    Column("race_name", str, lambda count: count.race_name),
    Column("kind", str, lambda count: count.kind, ours=True),
    Column("name", str, lambda count: count.name),
    Column("km", float, lambda count: count.km),
    Column("count", int, lambda count: count.athletes),
)


def _state(clock: RaceClock) -> str:
    if clock.closed:
        return "closed"
    return "before" if clock.gun_us is None or clock.now_us < clock.gun_us else "running"


def _elapsed_s(clock: RaceClock) -> int | None:
    """Return the time since the gun in whole seconds, cut as clocks do; None unless the race is running."""
    return None if clock.gun_us is None or _state(clock) != "running" else (clock.now_us - clock.gun_us) // US


def _time(clock: RaceClock) -> str | None:
    elapsed_s = _elapsed_s(clock)
    return None if elapsed_s is None else format_hms(elapsed_s)


def _gun(clock: RaceClock) -> str | None:
    return None if clock.gun_us is None else format_instant(clock.gun_us, clock.zone, "milliseconds")


CLOCK_COLUMNS: tuple[Column[RaceClock], ...] = (
    Column("race", str, lambda clock: clock.race),
    Column("race_name", str, lambda clock: clock.race_name),
    Column("state", str, _state, ours=True),
    Column("result_state", str, lambda clock: clock.result_state, ours=True),
    Column("scheduled", str, lambda clock: format_instant(clock.scheduled_us, clock.zone), ours=True),
    Column("gun", str, _gun, ours=True),
    Column("gun_us", int, lambda clock: clock.gun_us),
    Column("time", str, _time, ours=True),
    Column("time_s", int, _elapsed_s),
    Column("now", str, lambda clock: format_instant(clock.now_us, clock.zone, "milliseconds"), ours=True),
    Column("now_us", int, lambda clock: clock.now_us),
)
