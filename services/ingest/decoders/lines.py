"""Bytes in any portions to lines, for the protocols that speak in lines."""

from services.ingest.decoders.messages import LINE_MAX_BYTES, ConnectionFault


class Lines:
    """The lines of one connection, which end in LF; CR and NUL around them are no part of them."""

    def __init__(self, limit: int = LINE_MAX_BYTES) -> None:
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines now complete, in order, empty ones too. Raises ConnectionFault when a line will not end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        longest = max(map(len, lines), default=0)
        if max(longest, len(self._rest)) > self._limit:
            raise ConnectionFault(f"a line of over {self._limit} bytes")
        return [line.strip(b"\r\0") for line in lines]
