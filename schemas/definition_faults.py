"""Why a definition is refused: each fault by its path in the file, all of them at once."""

from collections.abc import Collection
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

from msgspec import Struct

FAULTS_MAX = 200  # enough to mend a file by; more would be one fault many times
NAMES_LISTED = 10  # of those that may be meant; the rest is counted
NAMES_COMPARED = 200  # for the one that is nearest; comparing more takes too long


class Fault(Struct, frozen=True):
    """One thing wrong with a definition: its path in the file, and how to mend it."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DefinitionRefused(Exception):
    """A definition has faults; `faults` lists those of shape first, then contradictions, FAULTS_MAX at most."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults


class NotDefined(NamedTuple):
    """A reason: a name that nothing in the definition bears. `what` the name is of, and the names there are."""

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

    `rests_on`: the paths of other values that might make it none if they were different, `[]` for every row of a list.
    It is enough to name those that may be missing or at their default here because they could not be read.
    """

    path: str
    reason: str | NotDefined
    rests_on: tuple[str, ...] = ()

    def fault(self) -> Fault:
        """Return it as a person reads it."""
        return Fault(self.path, str(self.reason))
