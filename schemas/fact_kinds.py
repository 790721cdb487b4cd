"""Types in which a kind of fact declares which athletes it affects, and what must exist before it has an effect.

Each class of `events` declares both for its kind, in one place. Finding these athletes, and checking that what the fact
needs exists, takes the rest of the log, so scoring does that (`services.scoring.core`).
"""

from typing import Literal

from msgspec import Struct


class Everybody(Struct, frozen=True):
    """Every athlete of the event."""


class InRace(Struct, frozen=True):
    """Every athlete whose entry names a race."""

    race: str


class WithBibs(Struct, frozen=True):
    """The athletes with these bibs."""

    bibs: tuple[str, ...]


class SharingChips(Struct, frozen=True):
    """Every athlete who ever had a chip in common with one of these bibs: the owner of that chip may change."""

    bibs: tuple[str, ...]


class WithChips(Struct, frozen=True):
    """Every athlete who ever had one of these chips."""

    chips: tuple[str, ...]


class ReadBy(Struct, frozen=True):
    """Every athlete with a read by a device."""

    device: str


class AsFact(Struct, frozen=True):
    """Every athlete whom the fact with this id affects."""

    fact: str


class AsProtest(Struct, frozen=True):
    """No athlete's result changes, but explanations show the fact with the protest of this name."""

    protest: str


Scope = Everybody | InRace | WithBibs | SharingChips | WithChips | ReadBy | AsFact | AsProtest
"""The athletes whom a fact affects: they are scored again, and an explanation of their results names the fact."""


class Need(Struct, frozen=True):
    """Something that a fact names, and for which the fact waits until it exists.

    `by` begins the sentence that says so. `names` are ids of that `thing`; all of them must exist. A point must be on
    the course of the athlete `bib`, or of the `race`; the entry of a `bib` may need its
    race.
    """

    by: str
    thing: Literal["race", "mat", "bib", "bibs", "point", "case", "protest", "fact", "boards"]
    names: tuple[str, ...]
    bib: str | None = None
    race: str | None = None
