"""The answer about the operation of a stack, for officials."""

from msgspec import Struct

from services.live.documents.fields import InstantUs
from services.watch.alerts import Alert
from services.watch.stack_state import Flow, GatewayState, RaceState, ServiceState


class MatDevice(Struct, frozen=True, kw_only=True):
    """A device of a mat. `offset_us`: how far its clock is ahead (negative: behind) after the corrections in force,
    null if not known.
    """

    device: str
    backup: bool
    reads: int
    reads_per_s: float
    last_read_us: InstantUs | None
    offset_us: int | None


class MatPoint(Struct, frozen=True, kw_only=True):
    """A point of a race at a mat, with the athletes who are expected there by later points, have it, and lack it."""

    race: str
    point: str
    km: float
    expected: int
    seen: int
    missed: int


class MatState(Struct, frozen=True, kw_only=True):
    """A mat; `mat` null: the devices that no mat lists."""

    mat: str | None
    points: list[MatPoint]
    devices: list[MatDevice]


class OpsSignal(Struct, frozen=True, kw_only=True):
    """A start signal that has no matching gun, by the devices that reported it, and the starts that it fits best.

    `gun_us` is the gun of these starts where one was typed some seconds off, else null.
    """

    at_us: InstantUs
    gun_us: InstantUs | None
    devices: list[str]
    starts: list[dict[str, str]]


class OpsEvent(Struct, frozen=True, kw_only=True):
    """An event: how long the oldest fact that is not on its boards has waited, when these changed, the kinds of
    findings, start signals without a matching gun, and its mats along the course.
    """

    event: str
    name: str
    timezone: str
    lag_s: float
    changed_us: InstantUs
    unknown_chips: int
    findings: list[str]
    signals: list[OpsSignal]
    races: list[RaceState]
    mats: list[MatState]


class Operations(Struct, frozen=True, kw_only=True):
    """How the stack is. Alerts are judged since `watched_since_us`, while somebody asks."""

    now_us: InstantUs
    watched_since_us: InstantUs
    alerts: list[Alert]
    services: list[ServiceState]
    flow: Flow
    events: list[OpsEvent]
    gateways: list[GatewayState]
