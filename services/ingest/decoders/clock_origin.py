"""Date the times of a clock that was never set, once a person says what they count from.

Such a clock counts from the device's start, or shows the time of day without a date. Its reads become dead letters
until the source says which (`began` or `day`); then they can be decoded again.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from msgspec import Struct

from services.ingest.decoders.local_time import one_instant_us
from services.ingest.decoders.messages import Now
from services.ingest.decoders.protocol import Option, ReaderSettings

TIME_OF_DAY_US = 300_000_000  # a clock without a date that is closer than this to ours shows the time of day
DAY_US = 24 * 3600 * 1_000_000

BEGAN = Option("began", datetime, "the date and time at which a clock that was never set stood at zero")


class ClockOrigin(Struct, frozen=True):
    """What undated times count from: an instant, or midnight of a date in `zone`. Both null: nobody has said yet."""

    zone: tzinfo
    began_us: int | None = None
    day: date | None = None

    def instant_us(self, since_us: int) -> int | None:
        """Return the instant of an undated time, which the clock showed `since_us` after zero; null if not known.

        Raises ValueError for a time of day that does not occur on that date, or occurs twice.
        """
        if self.began_us is not None:
            return self.began_us + since_us
        if self.day is None:
            return None
        return one_instant_us(datetime.combine(self.day, time()) + timedelta(microseconds=since_us), self.zone)


def began_us(began: datetime, zone: tzinfo) -> int:
    """Return the instant of `began`, which is local time of `zone` unless it has an offset. Raises ValueError."""
    if began.tzinfo is not None:
        return int((began - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(microseconds=1))
    return one_instant_us(began, zone)


def origin_of(settings: ReaderSettings) -> ClockOrigin:
    """Return the origin that the settings of a source give. Raises ValueError."""
    began: datetime | None = settings.options.get("began")
    return ClockOrigin(
        settings.zone,
        None if began is None else began_us(began, settings.zone),
        settings.options.get("day"),
    )


def likely_origin(since_us: int, now: Now, zone: tzinfo, takes_day: bool) -> str:
    """Return the setting that fits a clock which shows `since_us` now, as a line of TOML."""
    ours = datetime.fromtimestamp(now.wall_us / 1e6, UTC).astimezone(zone)
    of_day_us = (ours.replace(tzinfo=None) - datetime.combine(ours.date(), time())) // timedelta(microseconds=1)
    if takes_day and since_us < DAY_US and abs(of_day_us - since_us) < TIME_OF_DAY_US:
        return f"day = {ours:%Y-%m-%d}"
    began = datetime.fromtimestamp((now.wall_us - since_us) / 1e6, UTC).astimezone(zone)
    offset = began.strftime("%z")
    return f"began = {began:%Y-%m-%dT%H:%M:%S}.{began.microsecond // 1000:03d}{offset[:3]}:{offset[3:5]}"
