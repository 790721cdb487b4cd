"""Times of day as pages show them. Pure."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from schemas.ids import US
from services.formatting.times import offset_on_changing_day


def time_of_day(instant: str, zone: str) -> str:
    """Return the time of day of an instant in ISO 8601, with its UTC offset on a day whose offset changes."""
    local = datetime.fromisoformat(instant).astimezone(ZoneInfo(zone))
    return f"{local:%H:%M:%S}".removeprefix("0") + offset_on_changing_day(local)


def time_of_day_us(at_us: int, zone: str) -> str:
    """Return the time of day of an instant in microseconds, to the second."""
    return f"{datetime.fromtimestamp(at_us // US, ZoneInfo(zone)):%H:%M:%S}".removeprefix("0")


def scheduled_time(local: str) -> str:
    """Return the time of day of a local date and time of a definition, without seconds where there are none."""
    return local[11:].removeprefix("0").removesuffix(":00")


def exact_time_of_day(at_us: int, zone: str) -> str:
    """Return the time of day of an instant with its fraction of a second, without trailing zeros."""
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)).astimezone(ZoneInfo(zone))
    fraction = f".{local:%f}".rstrip("0").rstrip(".")
    return f"{local:%H:%M:%S}".removeprefix("0") + fraction + offset_on_changing_day(local)
