"""Decode the answer to GETSTATUS of a RACE RESULT decoder, and derive notices from it."""

from msgspec import Struct

from services.ingest.decoders.clock_origin import ClockOrigin, likely_origin
from services.ingest.decoders.messages import Notice, Now
from services.ingest.decoders.raceresult_passing import NUMBER, instant_us, undated_us
from services.ingest.decoders.reader_state import ReaderStateNotices

FIELDS = 10  # that are read; a compatible box may send only the first of them
ERROR_FIELD = 24
BATTERY_LOW = 20  # per cent
ERROR_BITS = {
    1: "UHF",
    16: "loop error",
    32: "loop limit",
    64: "active link lost",
    256: "GPS",
    512: "GPS",
    1024: "active sync",
}


class Status(Struct, frozen=True):
    """A decoder's state. `at_us` null: its clock was never set, and nobody has said when it began.

    `undated_us` is what a clock that was never set shows, null for one that was.
    `file` and `battery` (per cent) are null where they are not numbers.
    """

    at_us: int | None
    clock: str
    undated_us: int | None
    powered: bool
    operating: bool
    file: int | None
    healthy: bool
    battery: int | None
    errors: list[str]


def read_status(fields: list[str], origin: ClockOrigin) -> Status:
    """Return the state in the fields of an answer. Raises ValueError.

    The fields are date, time, power, antennas, in operation, file, GPS, place, reader healthy, battery, ..., error
    bits.
    """
    if len(fields) < 2:
        raise ValueError(f"GETSTATUS has {len(fields)} fields; it should have at least date and time")
    fields = fields + [""] * (FIELDS - len(fields))
    bits = _number(fields[ERROR_FIELD]) if len(fields) > ERROR_FIELD else None
    return Status(
        at_us=instant_us(fields[0], fields[1], origin),
        clock=fields[1],
        undated_us=undated_us(fields[0], fields[1]),
        powered=fields[2] != "0",
        operating=fields[4] != "0",
        file=_number(fields[5]),
        healthy=fields[8] != "0",
        battery=_number(fields[9]),
        errors=[name for bit, name in ERROR_BITS.items() if (bits or 0) & bit],
    )


def read_time(fields: list[str], origin: ClockOrigin) -> Status:
    """Return the state in the answer to GETTIME, which is date and time alone. Raises ValueError."""
    return read_status(fields[:2], origin)


def _number(text: str) -> int | None:
    return int(text) if NUMBER.fullmatch(text) else None


def status_notices(
    status: Status, where: str, notices: ReaderStateNotices, now: Now, origin: ClockOrigin
) -> list[Notice]:
    """Return notices of faults in this state, each only when it changes."""
    low = status.battery is not None and status.battery < BATTERY_LOW
    states = {
        "not_in_operation": "" if status.operating else "it is not in operation mode, so it stores nothing",
        "power": "" if status.powered else "it runs on its battery",
        "battery": f"its battery is below {BATTERY_LOW} %" if low else "",
        "reader": "" if status.healthy else "its reader is not healthy",
        "error": ", ".join(status.errors),
    }
    clock = _clock_notices(status, where, notices, now, origin)
    return clock + [
        notice for kind, text in states.items() for notice in notices.change(where, kind, text, status.at_us)
    ]


def _clock_notices(
    status: Status, where: str, notices: ReaderStateNotices, now: Now, origin: ClockOrigin
) -> list[Notice]:
    if status.at_us is not None:
        return notices.change(where, "clock_unset", "", status.at_us) + notices.clock(where, status.at_us, now)
    assert status.undated_us is not None
    file = "" if status.file is None else str(status.file)
    # The text names what the clock showed, which differs each time, so only the file decides whether it is new.
    if not notices.change(where, "clock_unset", f"file {file}", None):
        return []
    setting = likely_origin(status.undated_us, now, origin.zone, takes_day=True)
    text = (
        f"its clock was never set: it showed {status.clock} in file {file}. Set it, or write `{setting}` into the"
        " table of this source, once you have checked it; then `matline rejected replay` reads its passings"
    )
    return [Notice(where, "clock_unset", None, text)]
