"""A file that is taken up again when it has changed, without a restart."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from services.runtime.faults import StartFault

log = logging.getLogger(__name__)

Content = TypeVar("Content")
_Stamp = tuple[int, int, int]


class WatchedFile(Generic[Content]):
    """What `read` makes of a file's bytes, or of null while there is no file.

    A file of which `read` can make nothing is said loudly, once, and what was read before it is kept: an editor that
    saves half a file must not stop a race.
    """

    def __init__(self, path: Path, read: Callable[[bytes | None], Content]) -> None:
        """Raises StartFault as `read` does, or when the file is there and cannot be read."""
        self.path = path
        self._read = read
        self._stamp = _stamp(path)
        self._content = self._taken(self._stamp)
        self.fault: str | None = None
        """Why the file as it is now was not taken."""

    @property
    def content(self) -> Content:
        """What was read last."""
        return self._content

    def changed(self) -> bool:
        """Look whether the file is another than before, and take it up; whether `content` is new."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._content = self._taken(stamp)
        except StartFault as fault:
            self.fault = str(fault)
            log.error("%s has changed and is NOT taken up, what it said before still holds:\n%s", self.path, fault)
            return False
        self.fault = None
        log.info("%s %s", self.path, "has changed and is taken up" if stamp is not None else "is gone")
        return True

    def _taken(self, stamp: _Stamp | None) -> Content:
        try:
            data = None if stamp is None else self.path.read_bytes()
        except OSError as error:
            raise StartFault(f"{self.path} cannot be read: {error.strerror}") from None
        try:
            return self._read(data)
        except StartFault as fault:
            raise StartFault("\n".join(f"{self.path}: {line}" for line in str(fault).splitlines())) from None


def _stamp(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
