"""The health document: counts by point, by device and by chip, and findings with what to do next."""

from typing import Any, Literal

from msgspec import Struct, field

FindingKind = Literal[
    "clock_off",
    "gun_suspect",
    "start_signal",
    "device_silent",
    "point_missing",
    "finish_missing",
    "chips_unknown",
    "chips_stay",
]


class PointHealth(Struct, frozen=True, kw_only=True):
    """The counts of one point of one race, in athletes.

    `expected` have the point or a later one, `seen` have it: by a main device, a backup, or an official's time.
    `missed` are the others, but for those for whom it is `waived`.
    """

    race: str
    point: str
    expected: int
    seen: int
    main: int
    backup: int
    official: int
    missed: int
    waived: int


class DeviceHealth(Struct, frozen=True, kw_only=True):
    """What one device read. Instants are corrected by the facts in force.

    `offset_us`: how far the clock is ahead after those corrections (negative: behind), estimated; None if unknown.
    """

    device: str
    mat: str | None
    reads: int
    athletes: int
    first_us: int | None
    last_us: int | None
    offset_us: int | None = None


class NearEntry(Struct, frozen=True):
    """An entry whose chip resembles one that nobody wears, and how."""

    bib: str
    chip: str
    how: Literal["leading_zeros", "decimal_or_hex", "one_digit"]


class ChipHealth(Struct, frozen=True, kw_only=True):
    """A chip that was read and that nobody wears, with the nearest entries."""

    chip: str
    reads: int
    first_us: int
    last_us: int
    devices: list[str]
    near: list[NearEntry]


class Finding(Struct, frozen=True, kw_only=True):
    """One fault of the system, named once.

    `subject` names what it is about by the ids of the definition; `since_us` is when it began, None where that is not
    known; `evidence` holds the figures, and in `cases` the open cases that it explains. `proposal` is a list of facts
    ready to be sent, None where no remedy is certain.
    """

    kind: FindingKind
    subject: dict[str, Any]
    since_us: int | None
    evidence: dict[str, Any]
    proposal: list[dict[str, Any]] | None = None


class Health(Struct, frozen=True, kw_only=True):
    """The health of an event. `chips_left_out`: how many chips that nobody wears are not listed in `chips`."""

    event: str
    points: list[PointHealth] = field(default_factory=list)
    devices: list[DeviceHealth] = field(default_factory=list)
    chips: list[ChipHealth] = field(default_factory=list)
    chips_left_out: int = 0
    findings: list[Finding] = field(default_factory=list)
