"""The common interface of simulated readers: the description of a protocol, and the calls that a race day makes."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from loadtest.devices.trouble import Trouble
from loadtest.raw_reads import RawRead
from schemas.definition import Mat

INGEST_PORT = 8701  # where ingest takes what readers post


class Sighted(Struct, frozen=True):
    """A read for a device to send: `place` is the number of the reader at its mat, from 1; `local` its own clock."""

    read: RawRead
    mat: str
    place: int
    local: datetime


class Site(Struct, frozen=True, kw_only=True):
    """Where a simulated reader stands: its event, its mats, its address (or the one that it calls), and its clock.

    `number` counts the readers of a protocol from 1, `first_us` is the instant of the day's first read.
    """

    event: str
    gateway: str
    number: int
    mats: list[Mat]
    host: str
    port: int
    trouble: Trouble
    clock: Callable[[], datetime]
    first_us: int
    zone: str


class SimulatedReader(Protocol):
    """A running simulated device, or several that appear as one to ingest."""

    async def start(self) -> None:
        """Switch it on. Raises OSError."""
        ...

    async def heard(self) -> None:
        """Return once ingest listens to it."""
        ...

    async def send_reads(self, seen: Sequence[Sighted]) -> None:
        """Send reads, or keep them until they are asked for."""
        ...

    async def all_sent(self) -> None:
        """Return once all of them were sent."""
        ...

    async def close(self) -> None:
        """Switch it off."""
        ...

    def source(self) -> dict[str, object]:
        """Return the fields that its `[[sources]]` table has beside protocol, event, gateway and zone."""
        ...


class SimulatedProtocol(Struct, frozen=True, kw_only=True):
    """A protocol that simulated readers speak, by the name that ingest has for it.

    `port` is where a device listens, or the one that it calls (`calls`); the second device of its kind has the next
    port. `posts`: it posts to ingest's own port, as all others that do. `broker`: it publishes to an MQTT broker
    there, as all others that do. `shared`: one device stands for all mats, else
    each has its own. `clock_step_ms` is the resolution of its clock. `sends_place` false: its messages do not say which
    reader of a mat saw the chip, so a mat has one reader. `places_are_devices`: it calls each reader as the log does,
    so its source names no devices. `code` gives a chip (seven letters and digits) as the log has it from such a reader.
    """

    name: str
    port: int
    make: Callable[[Site], SimulatedReader]
    calls: bool = False
    posts: bool = False
    broker: bool = False
    shared: bool = False
    clock_step_ms: int = 1
    has_zone: bool = True
    sends_place: bool = True
    places_are_devices: bool = False
    code: Callable[[str], str] = str


def utc(at_us: int) -> datetime:
    """Return an instant, exactly."""
    return datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(microsecond=at_us % 1_000_000)


def address(host: str, port: int) -> str:
    """Return host and port as a `[[sources]]` table has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def places(mat: Mat) -> list[tuple[int, str]]:
    """Return the readers of a mat: the number of each, from 1, and its device on the log."""
    return list(enumerate((*mat.devices, *mat.backup_devices), start=1))
