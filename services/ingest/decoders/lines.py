"""Split bytes, in whatever pieces they come, into lines."""

from services.ingest.decoders.messages import LINE_MAX_BYTES, ConnectionFault


class Lines:
    """Split the bytes of one connection into lines, which end in LF; CR and NUL around them are removed."""

    def __init__(self, limit: int = LINE_MAX_BYTES) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines now complete, in order, empty ones too. Raises ConnectionFault when a line does not end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        longest = max(map(len, lines), default=0)
        if max(longest, len(self._rest)) > self._limit:
            raise ConnectionFault(f"a line has over {self._limit} bytes")
        return [line.strip(b"\r\0") for line in lines]
