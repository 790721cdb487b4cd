"""Send commands to a RACE RESULT decoder one at a time, and tell which of them it does not know.

Compatible boxes know only part of the protocol: they answer some commands with ERROR or not at all, and some read one
command from each segment. So a command is sent once the one before is answered, refused, or late.
"""

from collections import deque
from collections.abc import Callable

COMMAND_S = 3.0  # an answer that has not begun by then does not come; it is taken all the same if it does
REFUSALS = ("ERROR", "UNKNOWN")
VERSIONS = ("<=2.6", "2.6", "2.0", "1.5", "1.2", "<=9.9")
"""The versions to ask a box for that does not say which it knows, each in the form that some box takes."""


def head_of(command: str) -> str:
    """Return the word by which a command is answered."""
    return command.partition(";")[0]


def is_refusal(text: str) -> bool:
    """Return whether a line says that the box does not know a command: `ERROR;...`, `UNKNOWN`, `GETPROTOCOL;ERROR`."""
    head, _, rest = text.partition(";")
    return head.upper().startswith(REFUSALS) or rest.upper().startswith(REFUSALS)


class Commands:
    """The commands of one connection: those that wait, and the one whose answer is awaited."""

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._waiting: deque[str] = deque()
        self._sent_s = 0.0
        self.awaited = ""

    def add(self, command: str) -> None:
        """Queue a command, unless it waits already."""
        if command not in self._waiting:
            self._waiting.append(command)

    def answered(self, head: str) -> None:
        """Take note of an answer, which may also be to a command that waits no longer or still."""
        if head_of(self.awaited) == head:
            self.awaited = ""
            return
        early = next((command for command in self._waiting if head_of(command) == head), None)
        if early is not None:
            self._waiting.remove(early)

    def given_up(self) -> str:
        """Return the awaited command, whose answer does not come; empty if none is awaited."""
        command, self.awaited = self.awaited, ""
        return command

    def late(self, now_s: float) -> bool:
        """Return whether the answer that is awaited is late."""
        return bool(self.awaited) and now_s - self._sent_s > COMMAND_S

    def send_next(self, now_s: float) -> bool:
        """Send the next command, unless an answer is awaited; return whether one is now."""
        if not self.awaited and self._waiting:
            self.awaited, self._sent_s = self._waiting.popleft(), now_s
            self._send(self.awaited)
        return bool(self.awaited)
