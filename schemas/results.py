"""The results that scoring publishes for athletes and events: the `results` topic carries them, projections read them.

A row has the key `(event, bib)` and a version. Of two rows with the same key, the one with the higher `version` is
newer, in whatever order they arrive; equal versions mean equal bytes.
"""

from typing import Annotated, Any, ClassVar, Literal

from msgspec import Meta, Struct, field

from schemas.events import Entry
from schemas.ids import US

Status = Literal["NOT_STARTED", "ON_COURSE", "FINISHED", "OTL", "DNF", "DNS", "DQ"]
Source = Literal["main", "backup", "official"]
Offset = Annotated[int, Meta(ge=0)]


def printed_s(time_us: int) -> int:
    """Return the printed seconds of an exact time in microseconds: rounded up to the next whole second.

    Source: R3.4; World Athletics, transponder timing (2:09:44.3 -> 2:09:45).
    """
    return -(-time_us // US)


class PointTime(Struct, frozen=True, array_like=True):
    """An athlete's time at a point of the course, and its source."""

    point: str
    at_us: int
    source: Source


class Case(Struct, frozen=True, omit_defaults=True):
    """A question for the jury, named as R1.7 says; `bib` is null in a case of a team."""

    case: str
    race: str
    bib: str | None = None
    open: bool = True

    def races(self) -> tuple[str, ...]:
        """Return the races whose results cannot be official while the case is open."""
        return (self.race,)


class AthleteRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The result of one athlete.

    Times are exact, in microseconds; `time_s` is the race's official time in printed seconds. `gun_us` and `chip_us`
    include the penalty, `penalty_us`; splits do not.

    `gun_at_us` is the gun from which gun time counts, `own_gun_us` that of the athlete's wave. `first_entry` orders
    bibs by their first entry in the log. `gone`: the entry was withdrawn or names an undefined race, so the athlete is
    on no board.
    """

    ADJUSTMENTS: ClassVar[dict[str, int]] = {"penalty_us": 1}
    """What officials change of gun and chip time: durations that are added (1) or taken off (-1).

    Each has a public flag while it is not 0: its name without the unit. The standings document leaves out those of 0,
    so that hashes of older results stay.
    """

    event: str
    bib: str
    version: Offset
    race: str
    status: Status = "NOT_STARTED"
    gun_us: int | None = None
    chip_us: int | None = None
    time_s: int | None = None
    cut_at: str | None = None
    missed: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    points: list[PointTime] = field(default_factory=list)
    cases: list[Case] = field(default_factory=list)
    unused: dict[str, int] = field(default_factory=dict)
    gun_at_us: int | None = None
    own_gun_us: int | None = None
    entry: Entry | None = None
    first_entry: int = 0
    hidden: bool = False
    gone: bool = False
    penalty_us: int = 0

    def adjusted_us(self) -> int:
        """Return by how much officials have lengthened gun and chip time."""
        return sum(sign * getattr(self, name) for name, sign in self.ADJUSTMENTS.items())


class Gun(Struct, frozen=True, omit_defaults=True):
    """A gun as it stands after corrections."""

    race: str
    at_us: int
    wave: str | None = None


class JudgesOrder(Struct, frozen=True):
    """An `order_set` in force, in log order."""

    race: str
    bibs: list[str]


class Protest(Struct, frozen=True, omit_defaults=True):
    """A protest and, once decided, its outcome."""

    protest: str
    race: str
    text: str
    filed_at_us: int | None = None
    bib: str | None = None
    outcome: str | None = None


class Publication(Struct, frozen=True, omit_defaults=True):
    """A `results_published` in force, in log order; `offset` is the revision that it published."""

    race: str
    state: Literal["provisional", "official", "withdrawn"]
    offset: int
    boards: list[str] | None = None
    recorded_at_us: int | None = None


class StartSignal(Struct, frozen=True, omit_defaults=True):
    """A gun or trigger that a reader reported, at its corrected instant; `notice` is the id of the fact that says so.

    It starts nobody: that takes a `gun_fired`.
    """

    device: str
    kind: str
    at_us: int
    notice: str | None = None


class EventRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event-wide state: definition, guns, closed races, rulings on ties, cases and publications.

    `closed_at_us` holds, of closed races, the instant after which a finish needs the jury, where there is one.
    `decided` holds the names of all decided cases (`team:` ones too). `pending` holds a sentence for each fact that has
    no effect yet: it says what the fact waits for. `signals` holds the latest of each device, by instant.
    `archived`: the last fact of the event's log archives it, so that its rows are all sent with this one.
    """

    event: str
    version: Offset
    definition: dict[str, Any] | None = None
    guns: list[Gun] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    orders: list[JudgesOrder] = field(default_factory=list)
    decided: list[str] = field(default_factory=list)
    protests: list[Protest] = field(default_factory=list)
    publications: list[Publication] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    closed_at_us: dict[str, int] = field(default_factory=dict)
    archived: bool = False
    signals: list[StartSignal] = field(default_factory=list)


class UnknownChip(Struct, frozen=True):
    """What was read of a chip while nobody wore it.

    Instants are corrected by the facts in force. `devices` are in the order in which they read it; `mats` is at how
    many mats it was read.
    """

    chip: str
    reads: int
    first_us: int
    last_us: int
    devices: list[str]
    mats: int


class UnknownChips(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The chips of an event that nobody wears, as of the record `version`; replaces the list before it.

    Those that were read at most mats come first. `left_out`: how many more there are.
    """

    event: str
    version: Offset
    chips: list[UnknownChip] = field(default_factory=list)
    left_out: int = 0


class Frame(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of `results`: the rows that changed while `race-log` offsets `from_offset..through_offset` were folded.

    A frame with `last` completes a revision; its `heads` then hold the last offset of each event that changed.
    `unknown_chips` come by themselves, a few seconds after the reads, and belong to no revision.
    `resends_all`: from this frame on every row of the partition is sent, whatever was sent before.
    `accepted_us` is when ingest accepted the earliest of the folded facts, by its clock; None where no fact was new, as
    after scoring has rebuilt its state.
    """

    v: int
    partition: int
    from_offset: int
    through_offset: int
    last: bool
    accepted_us: int | None = None
    heads: dict[str, int] = field(default_factory=dict)
    events: list[EventRow] = field(default_factory=list)
    rows: list[AthleteRow] = field(default_factory=list)
    unknown_chips: list[UnknownChips] = field(default_factory=list)
    resends_all: bool = False
