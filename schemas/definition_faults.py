"""What is said of a definition that cannot be taken: each fault by its path in the file, all of them at once."""

from msgspec import Struct

FAULTS_MAX = 200  # enough to mend a file by; more would be one fault many times


class Fault(Struct, frozen=True):
    """One contradiction: where in the file, and what to do about it."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DefinitionRefused(Exception):
    """A definition contradicts itself or is not one; `faults` has all that was found, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = faults
