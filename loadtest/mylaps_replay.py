"""Replay a recorded session of a MYLAPS exporter over real TCP.

The recorder logged the client's frames without their `$`, and with the line breaks and NULs before them.
`client_frames` restores the `$`. `replay` sends the frames as the client does: one numbered message at a time, the next
one after its acknowledgement, the same one again without one, and on a new connection after the old one broke.
"""

import asyncio
import gzip
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

RESEND_AFTER_S = 20.0  # as the exporter does
RECONNECT_AFTER_S = 0.5
CONNECT_TIMEOUT_S = 10.0

_ENTRY = re.compile(rb"^\d{4}-\d\d-\d\dT[\d:.]+Z (\xc2\xbb from|\xc2\xab to  ) client: ", re.MULTILINE)
_MESSAGE = re.compile(rb"@(Store|Passing|Marker)@(?:.*@)?(\d+)@\$\Z", re.DOTALL)


class Replayed(Struct):
    """What a replay did: frames sent, messages acknowledged, messages sent again, connections, seconds."""

    frames: int = 0
    acknowledged: int = 0
    resent: int = 0
    connections: int = 0
    seconds: float = 0.0


def read_log(path: Path) -> bytes:
    """Return the bytes of a recorded session, decompressed if the name ends in `.gz`."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def client_frames(log: bytes) -> list[bytes]:
    """Return the client's frames in order, each with the padding before it and its `$`."""
    parts = _ENTRY.split(log)
    return [
        text.removesuffix(b"\n") + b"$" for way, text in zip(parts[1::2], parts[2::2], strict=True) if b"from" in way
    ]


def acknowledgement(frame: bytes) -> tuple[bytes, bytes] | None:
    """Return the acknowledgement of a frame, function (`AckStore`) and number, or None if it needs none."""
    match = _MESSAGE.search(frame)
    return None if match is None else (b"Ack" + match[1], match[2])


async def replay(
    frames: Sequence[bytes],
    host: str,
    port: int,
    progress: Callable[[Replayed], None] = lambda _: None,
    resend_after_s: float = RESEND_AFTER_S,
) -> Replayed:
    """Send the frames, repeating them as needed, and return when all messages are acknowledged."""
    replayed = Replayed()
    began = time.monotonic()
    index = 0
    while index < len(frames):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(RECONNECT_AFTER_S)
            continue
        replayed.connections += 1
        try:
            while index < len(frames):
                await _send(frames[index], reader, writer, replayed, resend_after_s)
                index += 1
                progress(replayed)
        except (ConnectionError, asyncio.IncompleteReadError):
            await asyncio.sleep(RECONNECT_AFTER_S)
        finally:
            writer.close()
    replayed.seconds = time.monotonic() - began
    return replayed


async def _send(
    frame: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, replayed: Replayed, resend_after_s: float
) -> None:
    expected = acknowledgement(frame)
    writer.write(frame)
    await writer.drain()
    replayed.frames += 1
    while expected is not None:
        try:
            async with asyncio.timeout(resend_after_s):
                await _acknowledged(expected, reader, writer)
        except TimeoutError:
            writer.write(frame)
            await writer.drain()
            replayed.resent += 1
        else:
            replayed.acknowledged += 1
            return


async def _acknowledged(
    expected: tuple[bytes, bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Read answers until the expected one, and answer pings on the way."""
    while True:
        answer = (await reader.readuntil(b"$")).strip(b"\0\r\n").removesuffix(b"$").rstrip(b"@").split(b"@")
        if tuple(answer[1:3]) == expected:
            return
        if answer[1:2] == [b"Ping"]:
            writer.write(b"Start@AckPing@$")
