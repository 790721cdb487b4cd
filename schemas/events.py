"""The facts of the race log: the only truth of a race. Source: R1.

Each fact is a frozen struct with the tag `type`. Unknown fields are refused: a typo must not pass. `Fact` is what
comes as JSON; `LoggedFact` is the same with reads as arrays, as Kafka carries them (`codec`).
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

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
    case_name,
    label,
)

READS_MAX = 100_000  # reads of one JSON fact; ingest's own limit per request is lower
ENTRIES_MAX = 100_000
ORDER_MAX = 1_000  # bibs of one judges' order
BOARDS_MAX = 500

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
        raise ValueError(f"{what} {value!r} is no measured value")


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
    """What every fact carries: its event, an optional id (a second with the same id counts for nothing), and what
    the log adds: `by`, the official from his token, and `recorded_at_us`. Neither changes a standing."""

    event: Slug
    id: FactId | None = None
    by: Annotated[str, Meta(max_length=200)] | None = None
    recorded_at_us: InstantUs | None = None


class EventDefined(FactBase, frozen=True, kw_only=True, tag="event_defined"):
    """The race definition (R2) as JSON; a later one replaces it whole. Read it with `definition`."""

    definition: dict[str, Any]


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


class EntriesAdded(FactBase, frozen=True, kw_only=True, tag="entries_added"):
    """Adds entries, or replaces them by bib. The last entry that names a chip owns it."""

    entries: Annotated[list[Entry], Meta(max_length=ENTRIES_MAX)]


class GunFired(FactBase, frozen=True, kw_only=True, tag="gun_fired"):
    """The gun of a race, or of one of its waves; a later one for the same race and wave corrects it."""

    race: Slug
    at_us: InstantUs
    wave: Text | None = None


class ReadsReceived(FactBase, frozen=True, kw_only=True, tag="reads_received"):
    """Reads that a gateway pushed; `seq` ascends within `(gateway, session)` and serves to find gaps."""

    gateway: GatewayId
    session: SessionId
    reads: Annotated[list[Read], Meta(max_length=READS_MAX)]


class ReadsLogged(FactBase, frozen=True, kw_only=True, tag="reads_received"):
    """`ReadsReceived` as Kafka carries it, each read an array."""

    gateway: str
    session: str
    reads: list[ReadRow]


class ClockCorrected(FactBase, frozen=True, kw_only=True, tag="clock_corrected"):
    """Add `offset_us` to a device's times in `[from_us, until_us)` of its own clock; the latest that covers applies."""

    device: DeviceId
    offset_us: InstantUs
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None


class DeviceAssigned(FactBase, frozen=True, kw_only=True, tag="device_assigned"):
    """A device stands at a mat in `[from_us, until_us)` of corrected instants, whatever the definition says."""

    device: DeviceId
    mat: Slug
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None


class ChipAssigned(FactBase, frozen=True, kw_only=True, tag="chip_assigned"):
    """A chip is worn by a bib in `[from_us, until_us)` of corrected instants (swapped or replaced chips)."""

    chip: Label
    bib: Label
    from_us: InstantUs | None = None
    until_us: InstantUs | None = None

    def __post_init__(self) -> None:
        _normalise(self, "chip", "chip")
        _normalise(self, "bib", "bib")


class TimeSet(FactBase, frozen=True, kw_only=True, tag="time_set"):
    """An official's time for a point, which beats every read there; `at_us` null takes it back."""

    bib: Label
    point: Slug
    at_us: InstantUs | None
    reason: Reason

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")


class ReadExcluded(FactBase, frozen=True, kw_only=True, tag="read_excluded"):
    """That read, by its device's own time, counts for nothing."""

    device: DeviceId
    chip: Label
    at_us: InstantUs
    reason: Reason

    def __post_init__(self) -> None:
        _normalise(self, "chip", "chip")


class StatusSet(FactBase, frozen=True, kw_only=True, tag="status_set"):
    """An official set an athlete's status; OK takes back an earlier one. `at_us`: when he stopped."""

    bib: Label
    status: SetStatus
    reason: Reason
    at_us: InstantUs | None = None
    rule: Text | None = None

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")


class OrderSet(FactBase, frozen=True, kw_only=True, tag="order_set"):
    """Judges' order across the line, first to last, for athletes whose times tie."""

    race: Slug
    bibs: Annotated[list[Label], Meta(min_length=1, max_length=ORDER_MAX)]
    reason: Reason

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "bibs", [label(bib, "bib") for bib in self.bibs])


class CaseDecided(FactBase, frozen=True, kw_only=True, tag="case_decided"):
    """A decision on a case of R3 or R4; it holds whenever the case's ground exists."""

    case: CaseName
    outcome: Outcome
    reason: Reason

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "case", case_name(self.case))


class RaceClosed(FactBase, frozen=True, kw_only=True, tag="race_closed"):
    """Nobody else will start or finish this race."""

    race: Slug


class RaceReopened(FactBase, frozen=True, kw_only=True, tag="race_reopened"):
    """Takes back `race_closed`."""

    race: Slug


class ProtestFiled(FactBase, frozen=True, kw_only=True, tag="protest_filed"):
    """A protest; it changes no result by itself."""

    protest: Slug
    race: Slug
    text: Annotated[str, Meta(max_length=10_000)]
    bib: Label | None = None

    def __post_init__(self) -> None:
        if self.bib is not None:
            _normalise(self, "bib", "bib")


class ProtestDecided(FactBase, frozen=True, kw_only=True, tag="protest_decided"):
    """The jury's decision on a protest."""

    protest: Slug
    outcome: Literal["upheld", "rejected"]
    reason: Reason


class ResultsPublished(FactBase, frozen=True, kw_only=True, tag="results_published"):
    """Results of a race, or of some of its boards, declared provisional, official or withdrawn."""

    race: Slug
    state: Literal["provisional", "official", "withdrawn"]
    boards: Annotated[list[Slug], Meta(max_length=BOARDS_MAX)] | None = None


class EntryHidden(FactBase, frozen=True, kw_only=True, tag="entry_hidden"):
    """Public names become the bib, or (`hidden` false) names again."""

    bib: Label
    hidden: bool

    def __post_init__(self) -> None:
        _normalise(self, "bib", "bib")


class FactWithdrawn(FactBase, frozen=True, kw_only=True, tag="fact_withdrawn"):
    """The fact with that id is as if it had never been (not for `reads_received`)."""

    fact: FactId
    reason: Reason


class NoticeReceived(FactBase, frozen=True, kw_only=True, tag="notice_received"):
    """A reader's message that is no read, such as a gunshot that it heard; kept for officials, changes no standing.

    `kind` is the reader's own word, `at_us` by its clock (null where it gave no whole instant), `text` the rest.
    """

    gateway: GatewayId
    device: DeviceId
    kind: Text
    at_us: InstantUs | None = None
    text: Reason = ""


Ruling = (
    EventDefined
    | EntriesAdded
    | GunFired
    | ClockCorrected
    | DeviceAssigned
    | ChipAssigned
    | TimeSet
    | ReadExcluded
    | StatusSet
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
)
"""Every fact but reads: these apply in log order."""

Fact = Ruling | ReadsReceived
LoggedFact = Ruling | ReadsLogged
