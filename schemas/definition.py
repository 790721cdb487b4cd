"""The race definition: its tables, with their limits and defaults. Source: R2.

It is TOML in `races/`, and JSON of the same shape in `event_defined`. `schemas.definition_parse` reads both. It refuses
a faulty definition as a whole and lists all its faults, so that a person can correct them in one go.
"""

from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from schemas.ids import LABEL_CHARS, US, DeviceId, Nationality, Slug, Text
from schemas.named import Named
from schemas.office import Composition, Eligibility, Medal, Prize, Title, Waves

RULES_VERSION = 1
LIST_MAX = 1_000  # mats, races, boards of one definition
POINTS_MAX = 200
START_WINDOW_S = 1800
HEX_DIGITS_MAX = 26  # whose number has at most LABEL_CHARS decimal digits
PREFIXES_MAX = 10  # of chip codes: tag makers whose chips one race has
WITHIN_S_MAX = 60  # of chips carried together: in a minute many pass a point who have nothing to do with each other

Pick = Literal["first", "last", "strongest", "peak"]
"""The time that a point takes from a passing: that of its first, last or strongest read, or the highest point of a
parabola through the strengths of its reads (the strongest read's, where there is no such parabola)."""
RankBy = Literal["gun", "chip", "gun_then_chip"]
Seconds = Annotated[int, Meta(ge=0, le=1_000_000)]
Year = Annotated[int, Meta(ge=0, le=9999)]


class Limit(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A cut-off or earliest time.

    `clock` is a local time of day; `gun` counts from the race's earliest gun, `wave` from the athlete's own.
    """

    clock: str | None = None
    gun: str | None = None
    wave: str | None = None

    def kinds(self) -> list[tuple[str, str]]:
        """Return the kinds that the limit gives, each with its text."""
        given = (("clock", self.clock), ("gun", self.gun), ("wave", self.wave))
        return [(kind, text) for kind, text in given if text is not None]


class Mat(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line on the road with the readers at it; several races and points may share one."""

    id: Slug
    devices: Annotated[list[DeviceId], Meta(max_length=LIST_MAX)]
    backup_devices: Annotated[list[DeviceId], Meta(max_length=LIST_MAX)] = field(default_factory=list)


class Point(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A place on the course where passings count. One that is not `mandatory` may be missed without consequence."""

    id: Slug
    mat: Slug
    km: Annotated[float, Meta(ge=0, le=10_000)]
    cutoff: Limit | None = None
    earliest: Limit | None = None
    mandatory: bool = True
    pick: Pick | None = None
    name: Named | None = None

    def picked(self) -> Pick:
        """Return which time the point takes from a passing. By default START takes the last read, others the first."""
        return self.pick or ("last" if self.id == "START" else "first")


class Race(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A race of the event: its course and how it is timed. `start` is the scheduled one, in local time.

    `start_window_s`: for how long after the athlete's own gun a passing may count as START. A race that gives none gets
    1800 s from `parse_definition`, or less where a later point shares START's mat: then the widest window that ends
    before an athlete can reach that point (`schemas.course_times.widest_start_window_s`).
    """

    id: Slug
    name: Named
    start: str
    points: Annotated[list[Point], Meta(max_length=POINTS_MAX)]
    official_time: Literal["gun", "chip"] = "gun"
    gun_from: Literal["race", "wave"] = "race"
    start_window_s: Seconds = START_WINDOW_S
    missing_start: Literal["gun", "dnf"] = "gun"
    missing_mat: Literal["dnf", "review", "ignore"] = "dnf"
    max_speed_mps: Annotated[float, Meta(gt=0, le=100)] = 7.5


class Board(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """One ranked list.

    With `within`, it has the athletes of that board who pass its own filters, in the same order, with places of its
    own.
    """

    id: Slug
    race: Slug
    name: Named | None = None
    within: Slug | None = None
    gender: Literal["M", "F", "X"] | None = None
    division: Text | None = None
    born_from: Year | None = None
    born_to: Year | None = None
    nationality: Nationality | None = None
    club: Text | None = None
    wave: Text | None = None
    rank_by: RankBy | None = None
    gun_places: Annotated[int, Meta(ge=0, le=100_000)] = 5

    def ranked_by(self) -> RankBy:
        """Return how the board ranks. A board within another has the order of the other board instead."""
        return self.rank_by or "gun"


class TeamBoard(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Team standings of the board `of`. A team is everyone whose entry names the same `team`."""

    id: Slug
    of: Slug
    name: Named | None = None
    score: Literal["sum_places", "sum_times", "last_time"] = "sum_places"
    counting: Annotated[int, Meta(ge=1, le=100)] = 3
    max_members: Annotated[int, Meta(ge=1, le=1000)] = 5
    non_finisher: Literal["n_plus_1", "none"] = "n_plus_1"


class Delegation(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The sum of a team's scores on several team boards; a tie goes to the better place on the board `tie`."""

    id: Slug
    sum: Annotated[list[Slug], Meta(min_length=1, max_length=LIST_MAX)]
    tie: Slug | None = None
    name: Named | None = None


class Together(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """How chips that are carried together are found: two athletes who pass `points` points within `within_s` seconds.

    `within_s` 0 means equal instants; with `points` 0 nothing is looked for. Source: R2.11 and R4.10.
    """

    within_s: Annotated[float, Meta(ge=0, le=WITHIN_S_MAX)] = 0.2
    points: Annotated[int, Meta(ge=0, le=POINTS_MAX)] = 3

    @property
    def within_us(self) -> int:
        """Return `within_s` as the file spells it, in whole microseconds, rounded down: instants are whole ones."""
        return int(Decimal(repr(self.within_s)) * US)


class ChipCodes(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """Which codes are the same chip, where readers and entries write it differently.

    With `hex_digits` a code of exactly so many hexadecimal digits is the number that it writes, in decimal; 0: none is.
    With `strip_zeros` leading zeros do not count. `prefixes` are what some readers put before a code. Source: R2.12.
    """

    hex_digits: Annotated[int, Meta(ge=0, le=HEX_DIGITS_MAX)] = 0
    strip_zeros: bool = False
    prefixes: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=LABEL_CHARS - 1)]], Meta(max_length=PREFIXES_MAX)
    ] = field(default_factory=list)


class Definition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """An event as its organiser defines it. `date` and the races' `start` are ISO texts in local time.

    Without `together` no chips that are carried together are looked for. Without `chips` each code is a chip of its
    own. The tables from `eligibility` to `waves` are the race office's (`schemas.office`); no result depends on them.
    """

    event: Slug
    name: Named
    date: str
    timezone: str
    mats: Annotated[list[Mat], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    races: Annotated[list[Race], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    boards: Annotated[list[Board], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    team_boards: Annotated[list[TeamBoard], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    delegations: Annotated[list[Delegation], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    eligibility: Annotated[list[Eligibility], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    prizes: Annotated[list[Prize], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    medals: Annotated[list[Medal], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    titles: Annotated[list[Title], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    compositions: Annotated[list[Composition], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    waves: Annotated[list[Waves], Meta(max_length=LIST_MAX)] = field(default_factory=list)
    rules_version: int = 1
    protest_window_s: Seconds = 600
    passing_gap_s: Annotated[float, Meta(ge=0, le=86_400)] = 20
    together: Together | None = None
    chips: ChipCodes | None = None
