"""A recorded session of a MYLAPS exporter, sent again over real TCP.

The recorder logged each of the client's frames without its `$` and with the line breaks and NULs that stood before
it. `client_frames` puts the `$` back; `replay` sends the frames as the client does: one message with a number at a
time, the next one only after the acknowledgement, the same one again when none comes, on a new connection when the
old one broke.
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
    """The bytes of a recorded session, unpacked where the name ends in `.gz`."""
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def client_frames(log: bytes) -> list[bytes]:
    """The frames that the client sent, in order, each with the padding before it and its `$`."""
    parts = _ENTRY.split(log)
    return [
        text.removesuffix(b"\n") + b"$" for way, text in zip(parts[1::2], parts[2::2], strict=True) if b"from" in way
    ]


def acknowledgement(frame: bytes) -> tuple[bytes, bytes] | None:
    """What answers this frame: the function (`AckStore`) and number; null for a frame that waits for no answer."""
    match = _MESSAGE.search(frame)
    return None if match is None else (b"Ack" + match[1], match[2])


async def replay(
    frames: Sequence[bytes],
    host: str,
    port: int,
    progress: Callable[[Replayed], None] = lambda _: None,
    resend_after_s: float = RESEND_AFTER_S,
) -> Replayed:
    """Send the frames and return when all that ask for it are acknowledged, however often that takes to try."""
    replayed = Replayed()
    began = time.monotonic()
    at = 0
    while at < len(frames):
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            await asyncio.sleep(RECONNECT_AFTER_S)
            continue
        replayed.connections += 1
        try:
            while at < len(frames):
                await _send(frames[at], reader, writer, replayed, resend_after_s)
                at += 1
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
    """Read answers until the expected one; a ping on the way is answered."""
    while True:
        answer = (await reader.readuntil(b"$")).strip(b"\0\r\n").removesuffix(b"$").rstrip(b"@").split(b"@")
        if tuple(answer[1:3]) == expected:
            return
        if answer[1:2] == [b"Ping"]:
            writer.write(b"Start@AckPing@$")
