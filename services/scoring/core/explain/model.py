"""The document that explains an athlete's result, field by field. `docs/http.md` shows one."""

from typing import Literal

from msgspec import Struct

from services.scoring.core.explain.relevant_facts import FactWhy
from services.scoring.core.judge_status import StatusRule


class StepWhy(Struct, frozen=True, kw_only=True):
    """One step towards a time: in words, with the instant or the duration that it gave.

    `rule` and `value` are the path and the value in the definition that decided it, if one did.
    """

    step: str
    says: str
    at_us: int | None = None
    time_us: int | None = None
    rule: str | None = None
    value: str | None = None


class StatusWhy(Struct, frozen=True):
    """A rule for the status, in the order in which the rules are tried; the last of a list is the one that applied."""

    rule: StatusRule
    applies: bool
    says: str


class LimitWhy(Struct, frozen=True, kw_only=True):
    """A limit of a point. `decides`: of several kinds this one limits; `kept` is null if the point took nothing."""

    limit: Literal["cutoff", "earliest", "window"]
    rule: str
    value: str
    at_us: int
    decides: bool
    kept: bool | None


class CandidateWhy(Struct, frozen=True, kw_only=True):
    """A candidate for a point: a passing (its number, from 1), or an official's time (`passing` null)."""

    at_us: int
    passing: int | None
    chosen: bool
    says: str


class WaiverWhy(Struct, frozen=True, kw_only=True):
    """A waiver because of which a point is not required: the fact's id, and the official's name and reason.

    The public gets neither name nor reason.
    """

    id: str | None
    by: str | None
    reason: str | None
    from_us: int | None
    until_us: int | None


class PointWhy(Struct, frozen=True, kw_only=True):
    """A point of the course: the time it took, the read that gave it, and why; `at_us` is null if it took nothing.

    `read_at_us` is the read's time by its device's own clock. `rule` is the point's path in the definition.
    `waivers` are those that hold where the point would be missed otherwise.
    """

    point: str
    km: float
    mat: str
    rule: str
    pick: str
    mandatory: bool
    at_us: int | None
    source: str | None
    passing: int | None
    chip: str | None
    device: str | None
    read_at_us: int | None
    missed: bool
    waivers: list[WaiverWhy]
    over: bool
    says: str
    limits: list[LimitWhy]
    candidates: list[CandidateWhy]


class PassingWhy(Struct, frozen=True, kw_only=True):
    """A crossing of a mat: from its first read to its last, and the points that took it (usually one or none)."""

    passing: int
    mat: str
    backup: bool
    first_us: int
    last_us: int
    reads: int
    points: list[str]


class ReadWhy(Struct, frozen=True, kw_only=True):
    """A read of a chip that the bib ever wore. `at_us` is corrected, `device_at_us` by the device's own clock.

    One of three is given: `point`, which took its time from the read; `reason`, why the read is unused; or `bib`,
    which wore the chip then. `rule` is the path in the definition that decided, if one did.
    """

    chip: str
    device: str
    device_at_us: int
    at_us: int
    mat: str | None
    backup: bool
    rssi: float | None
    passing: int | None
    point: str | None
    reason: str | None
    bib: str | None
    rule: str | None
    says: str


class ChipWhy(Struct, frozen=True):
    """A chip that the bib ever wore: its owner by the entries, the number of its reads, and the number of repeats.

    `read_as` are other codes by which it was read, that are the same chip by the definition (R2.12).
    """

    chip: str
    owner: str | None
    reads: int
    repeats: int
    read_as: list[str] = []


class CaseWhy(Struct, frozen=True):
    """A case of the athlete, with its outcome once it is decided."""

    case: str
    open: bool
    outcome: str | None
    says: str


class Explanation(Struct, frozen=True, kw_only=True):
    """The explanation of an athlete's result. If `gone` says why they have none at all, the fields of the result are
    empty.

    `reads` holds at most READS_SHOWN, `reads_left_out` counts the others; `unused` counts all of the athlete's own
    unused reads by reason.
    """

    event: str
    bib: str
    name: str
    hidden: bool
    race: str | None
    version: int
    gone: str | None
    status: str | None
    gun_us: int | None
    chip_us: int | None
    time_s: int | None
    cut_at: str | None
    missed: list[str]
    flags: list[str]
    why: list[StatusWhy]
    times: list[StepWhy]
    points: list[PointWhy]
    cases: list[CaseWhy]
    passings: list[PassingWhy]
    unused: dict[str, int]
    reads: list[ReadWhy]
    reads_left_out: int
    chips: list[ChipWhy]
    facts: list[FactWhy]
