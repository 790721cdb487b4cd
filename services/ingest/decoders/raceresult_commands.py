"""Send commands to a RACE RESULT decoder one at a time, and tell which of them it does not know.

Compatible boxes know only part of the protocol: they answer some commands with ERROR or not at all, and some read one
command from each segment. So a command is sent once the one before is answered, refused, or late.
"""

from collections import deque
from collections.abc import Callable

from services.ingest.decoders.messages import Notice
from services.ingest.decoders.reader_state import ReaderStateNotices

COMMAND_S = 3.0  # an answer that has not begun by then does not come; it is taken all the same if it does
REFUSALS = ("ERROR", "UNKNOWN")
VERSIONS = ("<=2.6", "2.6", "2.0", "1.5", "1.2", "<=9.9")
"""The versions to ask a box for that does not say which it knows, each in the form that some box takes."""
TRIES = 2  # times that a box is sent a command without an answer, before it is taken not to know it
LACKS = {
    "GETPROTOCOL": "which versions it knows",
    "SETPROTOCOL": "any version",
    "GETCONFIG": "its name",
    "GETSTATUS": "its state",
    "GETTIME": "its clock",
    "PASSINGS": "how many passings it has, so that only pushed ones come",
    "SETPUSHPASSINGS": "pushing passings, so that they come a few seconds late",
    "passings": "stored passings, so that only pushed ones come and what a broken connection misses is lost to us",
}
"""What is lacking of a box that does not answer a command."""


def head_of(command: str) -> str:
    """Return the word by which a command is answered."""
    return command.partition(";")[0]


def is_refusal(text: str) -> bool:
    """Return whether a line says that the box does not know a command: `ERROR;...`, `UNKNOWN`, `GETPROTOCOL;ERROR`."""
    head, _, rest = text.partition(";")
    return head.upper().startswith(REFUSALS) or rest.upper().startswith(REFUSALS)


class Commands:
    """The commands of one connection: those that wait, the one whose answer is awaited, and those not answered.

    `lacks` has how often each command was not answered; the keys are those of LACKS.
    """

    def __init__(self, send: Callable[[str], None]) -> None:
        self._send = send
        self._waiting: deque[str] = deque()
        self._sent_s = 0.0
        self.awaited = ""
        self.lacks: dict[str, int] = {}

    def add(self, command: str) -> None:
        """Queue a command, unless it waits already."""
        if command not in self._waiting:
            self._waiting.append(command)

    def poll(self, command: str) -> None:
        """Queue a command that is sent again and again, unless the box does not know it."""
        if self.lacks.get(command, 0) < TRIES:
            self.add(command)

    def not_answered(self, head: str, refused: bool) -> None:
        """Count a command that was not answered in time, or refused."""
        if head in LACKS:
            self.lacks[head] = TRIES if refused else self.lacks.get(head, 0) + 1

    def answered(self, head: str) -> None:
        """Take note of an answer, which may also be to a command that waits no longer or still."""
        self.lacks.pop(head, None)
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


def lacking_notices(commands: Commands, where: str, notices: ReaderStateNotices) -> list[Notice]:
    """Return a notice of what the box does not answer, when that changes."""
    missing = [words for command, words in LACKS.items() if command in commands.lacks]
    text = f"it does not answer queries for {'; '.join(missing)}" if missing else ""
    return notices.change(where, "lacks", text, None)
