"""Faults that the stand-in server plays on the next statements: pure, so that a test sees what each one hits."""

from typing import Literal

from msgspec import Struct

Kind = Literal["slow", "away", "lost_answer", "error_after"]


class Fault(Struct, kw_only=True, forbid_unknown_fields=True):
    """What happens to the next `times` statements that begin with `begins`, without backticks and
    with one space for any white space.

    slow: it runs after `seconds`. away: the connection is closed and it does not run. lost_answer: it runs, then the
    connection is closed. error_after: it runs, then an error is answered.
    """

    kind: Kind
    times: int
    begins: str = ""
    seconds: float = 0.0


class Faults:
    """The faults still to come."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []

    def take(self, statement: bytes) -> Fault | None:
        """Return the first fault that hits a statement and count it, or None."""
        beginning = " ".join(statement[:400].decode(errors="replace").replace("`", "").split())
        for fault in self.waiting:
            if fault.times > 0 and beginning.startswith(fault.begins):
                fault.times -= 1
                return fault
        return None
