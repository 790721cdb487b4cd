"""What a fact says of itself, as data: whom it affects, and what it needs before it has an effect.

Each class of `events` answers these questions for its kind, in one place. Who the affected athletes are, and whether
something that is needed is there, depends on the rest of the log: scoring looks that up (`services.scoring.core`).
"""

from typing import Literal

from msgspec import Struct


class Everybody(Struct, frozen=True):
    """Every athlete of the event."""


class InRace(Struct, frozen=True):
    """Everybody whose entry names a race."""

    race: str


class WithBibs(Struct, frozen=True):
    """The athletes with these bibs."""

    bibs: tuple[str, ...]


class SharingChips(Struct, frozen=True):
    """Everybody who ever had a chip that one of these bibs ever had: whose a chip is may change for them."""

    bibs: tuple[str, ...]


class WithChips(Struct, frozen=True):
    """Everybody who ever had one of these chips."""

    chips: tuple[str, ...]


class ReadBy(Struct, frozen=True):
    """Everybody with a read by a device."""

    device: str


class AsFact(Struct, frozen=True):
    """Everybody whom the fact with this id affects."""

    fact: str


class AsProtest(Struct, frozen=True):
    """Nobody's result; but it is told with the protest of this name."""

    protest: str


Scope = Everybody | InRace | WithBibs | SharingChips | WithChips | ReadBy | AsFact | AsProtest
"""Whom a fact affects: these athletes are scored again, and an explanation of their results names the fact."""


class Need(Struct, frozen=True):
    """Something that a fact names; unless it is there the fact waits. `by` introduces the sentence that says so.

    `names` are ids of that `thing`; of several all must be there. A point is one on the course of the athlete `bib`.
    """

    by: str
    thing: Literal["race", "mat", "bib", "bibs", "point", "case", "protest", "fact", "boards"]
    names: tuple[str, ...]
    bib: str | None = None
