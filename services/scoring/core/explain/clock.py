"""Instants and durations in words, for whoever reads why a result is what it is; exact, never rounded."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from schemas.definition import Definition
from schemas.ids import US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Local times of an event; without a definition, UTC."""

    def __init__(self, definition: Definition | None) -> None:
        self._zone: tzinfo = UTC if definition is None else ZoneInfo(definition.timezone)
        self._date = None if definition is None else definition.date

    def at(self, at_us: int) -> str:
        """An instant as local time of day; of another day than the event's with its date."""
        local = _local(at_us, self._zone)
        if local is None:
            return f"{at_us} us"
        text = f"{local:%H:%M:%S}{_fraction(at_us % US)}"
        day = local.date().isoformat()
        return text if day == self._date else f"{day} {text}"

    def between(self, from_us: int | None, until_us: int | None) -> str:
        """A half-open interval of instants, empty where it has no bounds."""
        return ("" if from_us is None else f" from {self.at(from_us)}") + (
            "" if until_us is None else f" until {self.at(until_us)}"
        )


def _local(at_us: int, zone: tzinfo) -> datetime | None:
    """None for an instant beyond what a calendar has."""
    try:
        return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)
    except OverflowError:
        return None


def _fraction(rest_us: int) -> str:
    """Thousandths of a second, or millionths where they matter."""
    return f".{rest_us // 1000:03}" if rest_us % 1000 == 0 else f".{rest_us:06}"


def format_ms(time_us: int) -> str:
    """A duration as h:mm:ss.mmm."""
    sign, time_us = ("−", -time_us) if time_us < 0 else ("", time_us)
    seconds = time_us // US
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}{_fraction(time_us % US)}"


def format_hms(seconds: int) -> str:
    """Printed seconds as h:mm:ss."""
    sign, seconds = ("−", -seconds) if seconds < 0 else ("", seconds)
    return f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def joined(words: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
