"""The faults for which a definition is refused, each with its path in the file."""

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

FAULTS_MAX = 200  # enough to correct a file; more would be one fault many times
NAMES_LISTED = 10  # of the names that may be meant; the rest are counted
NAMES_COMPARED = 200  # to find the nearest name; comparing more takes too long


class Fault(Struct, frozen=True):
    """One fault of a definition: its path in the file, and a reason that says how to correct it."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DefinitionRefused(Exception):
    """A definition has faults; `faults` lists those of shape first, then contradictions, at most FAULTS_MAX."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


def not_a_field(key: str, known: Collection[str]) -> str:
    """Return the reason for a key that is not one of the `known` fields of its table."""
    near = get_close_matches(key, known, n=1)
    meant = f"did you mean `{near[0]}`? The fields" if near else "the fields"
    return f"is not a field here; {meant} are {', '.join(known)}"


class NotDefined(NamedTuple):
    """A reason: the definition has no `what` of this `name`. `known` holds the names that it has."""

    what: str
    name: str
    known: Collection[str]

    def __str__(self) -> str:
        text = f"{self.what} {self.name!r} is not defined"
        if not self.known:
            return text
        near = get_close_matches(self.name, list(islice(self.known, NAMES_COMPARED)), n=1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        more = f" and {len(self.known) - NAMES_LISTED} more" if len(self.known) > NAMES_LISTED else ""
        return f"{text}{meant} (defined: {', '.join(islice(self.known, NAMES_LISTED))}{more})"


class Contradiction(NamedTuple):
    """A fault between values of good shape.

    `rests_on`: the paths of other values that could resolve it if they were different, `[]` for every row of a list.
    Only values that may be missing, or at their default because they could not be read, need to be named.
    """

    path: str
    reason: str | NotDefined
    rests_on: tuple[str, ...] = ()

    def fault(self) -> Fault:
        """Return the contradiction as a fault, in words."""
        return Fault(self.path, str(self.reason))
