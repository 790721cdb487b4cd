"""A file that is read again when it changes, without a restart."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from services.runtime.faults import StartFault

log = logging.getLogger(__name__)

Content = TypeVar("Content")
_Stamp = tuple[int, int, int]


class WatchedFile(Generic[Content]):
    """The content that `read` makes of a file's bytes, or of None while there is no file.

    If `read` refuses a changed file, an error is logged once and the previous content is kept: an editor that saves
    half a file must not stop a race.
    """

    def __init__(self, path: Path, read: Callable[[bytes | None], Content]) -> None:
        """Read the file. Raises StartFault as `read` does, or if the file exists and cannot be read."""
        self.path = path
        self._read = read
        self._stamp = _stamp(path)
        self._content = self._loaded(self._stamp)
        self.fault: str | None = None
        """Why the present file was refused, or None."""

    @property
    def content(self) -> Content:
        """The content that was read last."""
        return self._content

    def changed(self) -> bool:
        """Read the file if it has changed. Return whether `content` is new."""
        stamp = _stamp(self.path)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._content = self._loaded(stamp)
        except StartFault as fault:
            self.fault = str(fault)
            log.error("%s has changed but is NOT used, its previous content stays in use:\n%s", self.path, fault)
            return False
        self.fault = None
        log.info("%s %s", self.path, "has changed and is in use" if stamp is not None else "was deleted")
        return True

    def _loaded(self, stamp: _Stamp | None) -> Content:
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
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
