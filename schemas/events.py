"""The facts of the race log: the only truth of a race. Source: R1.

Each fact is a frozen struct with the tag `type`. Unknown fields are refused: a typo must not pass. A `Fact` arrives as
JSON; a `LoggedFact` is the same with reads as arrays, as Kafka carries them (`codec`).

A class says everything about its kind that its own fields decide: whom it affects (`scopes`), what it waits for
(`needs`), what a later fact on the same subject replaces (`subjects`), and which fields the public sees (`PUBLIC`).

The module is long because every kind of fact stands here: one class with all its declarations for each kind, and the
unions of them that `match` statements must cover.
"""

from collections.abc import Hashable
from typing import Annotated, Any, ClassVar, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.fact_kinds import (
    AsFact,
    AsProtest,
    Everybody,
    InRace,
    Need,
    ReadBy,
    Scope,
    SharingChips,
    WithBibs,
    WithChips,
)
from schemas.ids import (
    BirthYear,
    CaseName,
    DeviceId,
    FactId,
    GatewayId,
    InstantUs,
    Label,
    Nationality,
    Reason,
    SessionId,
    Slug,
    Text,
    case_bibs,
    case_name,
    label,
)

READS_MAX = 100_000  # reads of one JSON fact; ingest's own limit per request is lower
ENTRIES_MAX = 100_000
ORDER_MAX = 1_000  # bibs of one judges' order
BOARDS_MAX = 500
PENALTY_MAX_S = 86_400  # either way

SetStatus = Literal["DNS", "DNF", "DQ", "OK"]
Outcome = Literal["accept", "dnf", "dq"]


def _normalise(struct: Struct, field: str, what: str) -> None:
    value = getattr(struct, field)
    text = label(value, what)
    if text != value:
        msgspec.structs.force_setattr(struct, field, text)


class Read(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One detection of a chip by a reader; `at_us` by that device's own clock, `rssi` in dBm (null: not known)."""

    seq: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    device: DeviceId
    chip: Label
    at_us: InstantUs
    rssi: float | None = None
    antenna: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)] | None = None
    battery: float | None = None

    def __post_init__(self) -> None:
        _normalise(self, "chip", "chip")
        _finite(self.rssi, "rssi")
        _finite(self.battery, "battery")


def _finite(value: float | None, what: str) -> None:
    if value is not None and not -1e9 < value < 1e9:
        raise ValueError(f"{what} {value!r} is not a measured value; it must be between -1e9 and 1e9")


class ReadRow(Struct, frozen=True, array_like=True, gc=False):
    """A read as Kafka carries it, an array in field order; ingest has checked and normalised it."""

    seq: int
    device: str
    chip: str
    at_us: int
    rssi: float | None = None
    antenna: int | None = None
    battery: float | None = None


class FactBase(Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True, omit_defaults=True):
    """The fields of every fact.

    A second fact with the same `id` has no effect. The log adds `by`, the official whom the token names, and
    `recorded_at_us`; neither changes a standing.
    """

    VERSION: ClassVar[int] = 1
    """The first version of envelopes that can hold facts of this kind."""

    event: Slug
    id: FactId | None = None
    by: Annotated[str, Meta(max_length=200)] | None = None
    recorded_at_us: InstantUs | None = None

    def envelope_version(self) -> int:
        """Return the first version of envelopes that can hold this fact: a field may be newer than its kind."""
        return self.VERSION

    def names(self) -> tuple[str, ...]:
        """Return the ids by which a withdrawal can name the fact."""
        return () if self.id is None else (self.id,)

    def ordinals(self) -> int:
        """Return how many ordinals of its record the fact takes: one, but a list of entries one for each of them."""
        return 1


class RulingBase(FactBase, frozen=True, kw_only=True):
    """The declarations of every kind of fact except reads."""

    PUBLIC: ClassVar[tuple[str, ...]] = ()
    """The fields that everybody may see; only officials see the rest."""
    OFFICIALS_ONLY: ClassVar[bool] = False
    """Whether the fact is hidden from the public altogether."""

    def scopes(self) -> tuple[Scope, ...]:
        """Return the athletes whom the fact affects; empty if it changes no athlete's row."""
        raise NotImplementedError

    def needs(self) -> tuple[Need, ...]:
        """Return the things that the fact names and that must exist before it has an effect."""
        raise NotImplementedError

    def subjects(self) -> tuple[Hashable, ...]:
        """Return the subjects on which only the latest fact is in force; empty where every fact of the kind is."""
        raise NotImplementedError


class EventDefined(RulingBase, frozen=True, kw_only=True, tag="event_defined"):
    """The race definition (R2) as JSON; a later one replaces all of it. `schemas.definition_parse` reads it."""

    PUBLIC = ()

    definition: dict[str, Any]

    def scopes(self) -> tuple[Scope, ...]:
        return (Everybody(),)

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return ("definition",)


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An athlete's entry, keyed by bib. `ranked` false: pacers and walkers, on no board."""

    bib: Label
    chips: Annotated[list[Label], Meta(max_length=20)]
    race: Slug
    gender: Literal["M", "F", "X"]
    given_name: Text
    family_name: Text
    birth_year: BirthYear | None = None
    nationality: Nationality | None = None
    division: Text | None = None
    club: Text | None = None
    team: Text | None = None
    wave: Text | None = None
    personal_best_s: Annotated[float, Meta(gt=0, le=1e6)] | None = None
    ranked: bool = True

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")
        chips = [label(chip, "chip") for chip in self.chips]
        if chips != self.chips:
            msgspec.structs.force_setattr(self, "chips", chips)
        if self.nationality is not None and self.nationality != self.nationality.upper():
            msgspec.structs.force_setattr(self, "nationality", self.nationality.upper())


class EntriesAdded(RulingBase, frozen=True, kw_only=True, tag="entries_added"):
    """Entries that are new, or replace earlier ones of the same bib. The last entry that names a chip owns it.

    `part_of` names the upload of which these entries are a part: its withdrawal takes back all parts.
    """

    PART_VERSION: ClassVar[int] = 2  # the version of envelopes that brought `part_of`

    entries: Annotated[list[Entry], Meta(max_length=ENTRIES_MAX)]
    part_of: FactId | None = None

    def envelope_version(self) -> int:
        return self.VERSION if self.part_of is None else self.PART_VERSION

    def ordinals(self) -> int:
        return len(self.entries)

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in (self.id, self.part_of) if name is not None)

    def scopes(self) -> tuple[Scope, ...]:
        return (
            SharingChips(tuple(entry.bib for entry in self.entries)),
            WithBibs(tuple(entry.bib for entry in self.entries)),
            WithChips(tuple(chip for entry in self.entries for chip in entry.chips)),
        )

    def needs(self) -> tuple[Need, ...]:
        return tuple(Need(f"entry of bib {entry.bib}", "race", (entry.race,), entry.bib) for entry in self.entries)

    def subjects(self) -> tuple[Hashable, ...]:
        return tuple(("entry", entry.bib) for entry in self.entries)


class EntryWithdrawn(RulingBase, frozen=True, kw_only=True, tag="entry_withdrawn"):
    """The bib has no entry from here on, as if none had been added before. Source: R1.entry_withdrawn."""

    VERSION = 2
    PUBLIC = ("bib",)

    bib: Label
    reason: Reason

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)), SharingChips((self.bib,)))

    def needs(self) -> tuple[Need, ...]:
        return ()  # of a bib without an entry it changes nothing, now and later

    def subjects(self) -> tuple[Hashable, ...]:
        return (("entry", self.bib),)


class GunFired(RulingBase, frozen=True, kw_only=True, tag="gun_fired"):
    """The gun of a race, or of one of its waves; a later one for the same race and wave corrects it."""

    PUBLIC = ("race", "wave", "at_us")

    race: Slug
    at_us: InstantUs
    wave: Text | None = None

    def scopes(self) -> tuple[Scope, ...]:
        return (InRace(self.race),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("gun_fired", "race", (self.race,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("gun", self.race, self.wave),)


class ReadsReceived(FactBase, frozen=True, kw_only=True, tag="reads_received"):
    """Reads that a gateway sent; `seq` ascends within `(gateway, session)`, so that gaps can be found."""

    gateway: GatewayId
    session: SessionId
    reads: Annotated[list[Read], Meta(max_length=READS_MAX)]


class ReadsLogged(FactBase, frozen=True, kw_only=True, tag="reads_received"):
    """`ReadsReceived` as Kafka carries it, each read an array."""

    gateway: str
    session: str
    reads: list[ReadRow]


class ClockCorrected(RulingBase, frozen=True, kw_only=True, tag="clock_corrected"):
    """An `offset_us` to add to a device's times in `[from_us, until_us)` of its own clock.

    Of several corrections that cover a time, the latest applies.
    """

    PUBLIC = ("device", "offset_us", "from_us", "until_us")

    device: DeviceId
    offset_us: InstantUs
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None

    def scopes(self) -> tuple[Scope, ...]:
        return (ReadBy(self.device),)

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return (("clock", self.device),)


class DeviceAssigned(RulingBase, frozen=True, kw_only=True, tag="device_assigned"):
    """A device stands at a mat in `[from_us, until_us)` of corrected instants, whatever the definition says."""

    PUBLIC = ("device", "mat", "from_us", "until_us")

    device: DeviceId
    mat: Slug
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None

    def scopes(self) -> tuple[Scope, ...]:
        return (ReadBy(self.device),)

    def needs(self) -> tuple[Need, ...]:
        return (Need(f"device_assigned {self.device}", "mat", (self.mat,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("device", self.device),)


class ChipAssigned(RulingBase, frozen=True, kw_only=True, tag="chip_assigned"):
    """A chip is worn by a bib in `[from_us, until_us)` of corrected instants (swapped or replaced chips)."""

    PUBLIC = ("bib", "from_us", "until_us")

    chip: Label
    bib: Label
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None

    def __post_init__(self) -> None:
        _normalise(self, "chip", "chip")
        _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)), WithChips((self.chip,)))

    def needs(self) -> tuple[Need, ...]:
        return (Need("chip_assigned", "bib", (self.bib,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("chip", self.chip),)


class TimeSet(RulingBase, frozen=True, kw_only=True, tag="time_set"):
    """An official's time for a point, which overrides every read there; `at_us` null takes it back."""

    PUBLIC = ("bib", "point", "at_us")

    bib: Label
    point: Slug
    at_us: InstantUs | None
    reason: Reason

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("time_set", "point", (self.point,), self.bib),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("time", self.bib, self.point),)


class ReadExcluded(RulingBase, frozen=True, kw_only=True, tag="read_excluded"):
    """A read that does not count; `at_us` is its time by the device's own clock."""

    OFFICIALS_ONLY = True

    device: DeviceId
    chip: Label
    at_us: InstantUs
    reason: Reason

    def __post_init__(self) -> None:
        _normalise(self, "chip", "chip")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithChips((self.chip,)),)

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class StatusSet(RulingBase, frozen=True, kw_only=True, tag="status_set"):
    """An athlete's status, set by an official; OK takes back an earlier one. `at_us`: when the athlete stopped."""

    PUBLIC = ("bib", "status", "at_us")

    bib: Label
    status: SetStatus
    reason: Reason
    at_us: InstantUs | None = None
    rule: Text | None = None

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("status_set", "bib", (self.bib,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("status", self.bib),)


class PenaltySet(RulingBase, frozen=True, kw_only=True, tag="penalty_set"):
    """Seconds added to an athlete's times; a later one replaces it, 0 takes it back. Source: R1.penalty_set."""

    VERSION = 2
    PUBLIC = ("bib", "seconds")

    bib: Label
    seconds: Annotated[float, Meta(ge=-PENALTY_MAX_S, le=PENALTY_MAX_S)]
    reason: Reason
    rule: Text | None = None

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")
        if not abs(self.seconds * 1000 - round(self.seconds * 1000)) < 1e-6:
            raise ValueError(f"seconds {self.seconds!r} has more than three decimals; write at most three")

    @property
    def penalty_us(self) -> int:
        """Return the penalty in microseconds, exact."""
        return round(self.seconds * 1000) * 1000

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("penalty_set", "bib", (self.bib,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("penalty", self.bib),)


class PointWaived(RulingBase, frozen=True, kw_only=True, tag="point_waived"):
    """A point is not required of those who lack it and passed it in `[from_us, until_us)`, a missing bound being open.

    Every waiver is in force until it is withdrawn. Source: R1.point_waived.
    """

    VERSION = 2
    PUBLIC = ("race", "point", "from_us", "until_us")

    race: Slug
    point: Slug
    reason: Reason
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None

    def __post_init__(self) -> None:
        if self.point in ("START", "FINISH"):
            raise ValueError(
                f"point {self.point!r} cannot be waived; waive a point between START and FINISH, or set times of "
                f"{self.point} by time_set"
            )

    def scopes(self) -> tuple[Scope, ...]:
        return (InRace(self.race),)

    def needs(self) -> tuple[Need, ...]:
        return (
            Need("point_waived", "race", (self.race,)),
            Need("point_waived", "point", (self.point,), race=self.race),
        )

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class OrderSet(RulingBase, frozen=True, kw_only=True, tag="order_set"):
    """Judges' order across the line, first to last, for athletes whose times tie."""

    PUBLIC = ("race", "bibs")

    race: Slug
    bibs: Annotated[list[Label], Meta(min_length=1, max_length=ORDER_MAX)]
    reason: Reason

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "bibs", [label(bib, "bib") for bib in self.bibs])

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs(tuple(self.bibs)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("order_set", "race", (self.race,)), Need("order_set", "bibs", tuple(self.bibs)))

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class CaseDecided(RulingBase, frozen=True, kw_only=True, tag="case_decided"):
    """A decision on a case of R3 or R4; it applies whenever the reason for the case exists."""

    PUBLIC = ("case", "outcome")

    case: CaseName
    outcome: Outcome
    reason: Reason

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "case", case_name(self.case))

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs(case_bibs(self.case)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need(f"case_decided {self.case}", "case", (self.case,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("case", self.case),)


class RaceClosed(RulingBase, frozen=True, kw_only=True, tag="race_closed"):
    """Nobody else will start or finish this race. A finish later than `at_us` (null: no limit) is for the jury."""

    LIMIT_VERSION: ClassVar[int] = 2  # the version of envelopes that brought `at_us`
    PUBLIC = ("race", "at_us")

    race: Slug
    at_us: InstantUs | None = None

    def envelope_version(self) -> int:
        return self.VERSION if self.at_us is None else self.LIMIT_VERSION

    def scopes(self) -> tuple[Scope, ...]:
        return (InRace(self.race),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("race_closed", "race", (self.race,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("closed", self.race),)


class RaceReopened(RulingBase, frozen=True, kw_only=True, tag="race_reopened"):
    """A race that was closed is open again."""

    PUBLIC = ("race",)

    race: Slug

    def scopes(self) -> tuple[Scope, ...]:
        return (InRace(self.race),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("race_reopened", "race", (self.race,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("closed", self.race),)


class ProtestFiled(RulingBase, frozen=True, kw_only=True, tag="protest_filed"):
    """A protest; it changes no result by itself."""

    PUBLIC = ("protest", "race", "bib")

    protest: Slug
    race: Slug
    text: Annotated[str, Meta(max_length=10_000)]
    bib: Label | None = None

    def __post_init__(self) -> None:
        if self.bib is not None:
            _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return () if self.bib is None else (WithBibs((self.bib,)),)

    def needs(self) -> tuple[Need, ...]:
        return (
            Need(f"protest {self.protest}", "race", (self.race,)),
            *(() if self.bib is None else (Need(f"protest {self.protest}", "bib", (self.bib,)),)),
        )

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class ProtestDecided(RulingBase, frozen=True, kw_only=True, tag="protest_decided"):
    """The jury's decision on a protest."""

    PUBLIC = ("protest", "outcome")

    protest: Slug
    outcome: Literal["upheld", "rejected"]
    reason: Reason

    def scopes(self) -> tuple[Scope, ...]:
        return (AsProtest(self.protest),)

    def needs(self) -> tuple[Need, ...]:
        return (Need(f"protest_decided {self.protest}", "protest", (self.protest,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("protest", self.protest),)


class ResultsPublished(RulingBase, frozen=True, kw_only=True, tag="results_published"):
    """Results of a race, or of some of its boards, declared provisional, official or withdrawn."""

    PUBLIC = ("race", "state", "boards")

    race: Slug
    state: Literal["provisional", "official", "withdrawn"]
    boards: Annotated[list[Slug], Meta(max_length=BOARDS_MAX)] | None = None

    def scopes(self) -> tuple[Scope, ...]:
        return ()

    def needs(self) -> tuple[Need, ...]:
        return (
            Need("results_published", "race", (self.race,)),
            Need("results_published", "boards", tuple(self.boards or ())),
        )

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class EntryHidden(RulingBase, frozen=True, kw_only=True, tag="entry_hidden"):
    """The public sees the bib instead of the athlete's name or, with `hidden` false, the name again."""

    PUBLIC = ("bib", "hidden")

    bib: Label
    hidden: bool

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")

    def scopes(self) -> tuple[Scope, ...]:
        return (WithBibs((self.bib,)),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("entry_hidden", "bib", (self.bib,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return (("hidden", self.bib),)


class FactWithdrawn(RulingBase, frozen=True, kw_only=True, tag="fact_withdrawn"):
    """The fact with that id counts as if it had never been logged. It cannot be a `reads_received`."""

    PUBLIC = ("fact",)

    fact: FactId
    reason: Reason

    def scopes(self) -> tuple[Scope, ...]:
        return (AsFact(self.fact),)

    def needs(self) -> tuple[Need, ...]:
        return (Need("fact_withdrawn", "fact", (self.fact,)),)

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


START_SIGNALS = frozenset(("gun", "gunshot", "ext-gun", "ext-1", "marker", "guntime", "trigger", "racestart"))
"""The words, in lower case, by which readers of all protocols report a gun, or a trigger that may be one."""


class NoticeReceived(RulingBase, frozen=True, kw_only=True, tag="notice_received"):
    """A reader's message that is not a read, such as a gunshot; kept for officials, it changes no standing.

    `kind` is the reader's own word, `at_us` a time by its clock (null where it gave no full date and time), and `text`
    the rest of the message.
    """

    OFFICIALS_ONLY = True

    gateway: GatewayId
    device: DeviceId
    kind: Text
    at_us: InstantUs | None = None
    text: Reason = ""

    def is_start_signal(self) -> bool:
        """Return whether this may be a gun: only an official can say so."""
        return self.at_us is not None and self.kind.lower() in START_SIGNALS

    def scopes(self) -> tuple[Scope, ...]:
        return ()

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return ()


class EventArchived(RulingBase, frozen=True, kw_only=True, tag="event_archived"):
    """Nothing more is to come: while this is the last fact of an event's log, nothing keeps the event in memory.

    Its boards and documents stay. It changes no standing. Source: R1.event_archived.
    """

    VERSION = 2
    PUBLIC = ()

    def scopes(self) -> tuple[Scope, ...]:
        return ()

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return (("archive",),)


class EventReopened(RulingBase, frozen=True, kw_only=True, tag="event_reopened"):
    """An event that was archived takes reads and facts again. It changes no standing."""

    VERSION = 2
    PUBLIC = ()

    def scopes(self) -> tuple[Scope, ...]:
        return ()

    def needs(self) -> tuple[Need, ...]:
        return ()

    def subjects(self) -> tuple[Hashable, ...]:
        return (("archive",),)


Ruling = (
    EventDefined
    | EntriesAdded
    | EntryWithdrawn
    | GunFired
    | ClockCorrected
    | DeviceAssigned
    | ChipAssigned
    | TimeSet
    | ReadExcluded
    | StatusSet
    | PenaltySet
    | PointWaived
    | OrderSet
    | CaseDecided
    | RaceClosed
    | RaceReopened
    | ProtestFiled
    | ProtestDecided
    | ResultsPublished
    | EntryHidden
    | FactWithdrawn
    | NoticeReceived
    | EventArchived
    | EventReopened
)
"""Every kind of fact except reads: rulings apply in log order."""

Fact = Ruling | ReadsReceived
LoggedFact = Ruling | ReadsLogged

RULING_KINDS: dict[str, type[Ruling]] = {str(kind.__struct_config__.tag): kind for kind in get_args(Ruling)}
"""Every kind of fact except reads, by its tag."""


def kind_of(fact: FactBase) -> str:
    """Return the tag of a fact's kind, such as `gun_fired`."""
    return str(fact.__struct_config__.tag)
