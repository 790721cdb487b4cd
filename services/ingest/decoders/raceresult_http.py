"""Decode the HTTP uploads of RACE RESULT decoders (target "Custom (HTTP)") and Track Boxes.

A record is a line of 19 fields separated by `;`, which differ from the 20 over TCP. They have no number that a cursor
could use. After the answer OK the decoder does not send them again, so it is given once the log has the reads. The
fields are known from one public client; the meaning of the first, and of others not read here, is not known.
"""

import re

from services.ingest.decoders.clock_origin import BEGAN, ClockOrigin, origin_of
from services.ingest.decoders.messages import LINE_MAX_BYTES, DecodedRead, Message, Notice, Unreadable
from services.ingest.decoders.protocol import ReaderProtocol, ReaderSettings
from services.ingest.decoders.raceresult import DAY
from services.ingest.decoders.raceresult_passing import MARKER, chip_of, instant_us
from services.ingest.decoders.raceresult_trackbox import FIELDS as PING_FIELDS
from services.ingest.decoders.raceresult_trackbox import read_ping, with_box_time

FIELDS = 19

_DBM = re.compile(r"-\d{1,3}(\.\d{1,3})?", re.ASCII)
_SMALL = re.compile(r"\d{1,3}", re.ASCII)
_VOLTS = re.compile(r"\d{1,2}(\.\d{1,4})?", re.ASCII)


def read_body(body: bytes, device: str, session: str, origin: ClockOrigin) -> list[Message]:
    """Return the messages in an upload of `device`, in order.

    The `seq` of a read is the place of its record, from 0.
    """
    lines = [line for line in (line.strip(b" \0\r") for line in body.split(b"\n")) if line]
    messages: list[Message] = []
    for index, line in enumerate(lines):
        try:
            messages.append(_read(line.decode("latin-1"), device, session, index, origin))
        except ValueError as error:
            messages.append(Unreadable(line, str(error), where=device))
    return messages


def _read(text: str, device: str, session: str, index: int, origin: ClockOrigin) -> Message:
    fields = [field.strip() for field in text.split(";")]
    if len(fields) == PING_FIELDS:
        return read_ping(fields, device, session, index, origin)
    if len(fields) != FIELDS or len(text) > LINE_MAX_BYTES:
        raise ValueError(f"an uploaded passing has {len(fields)} fields; it should have {FIELDS}")
    code, day, clock, event_id, rssi = fields[1], fields[2], fields[3], fields[4], fields[6]
    active = fields[10] == "1"
    if active:
        code, event_id = fields[8], ""
    at_us = instant_us(day, clock, origin)
    if code == MARKER:
        return Notice(device, "marker", at_us, text)
    if at_us is None:
        reason = (
            f"without a date: the decoder's clock was never set, and {clock} counts from its start; set `began` or"
            " `day` of its source, then replay this"
        )
        return Unreadable(text.encode("latin-1"), reason, held=True, where=device)
    return DecodedRead(
        session,
        index,
        device,
        chip_of(code, event_id),
        at_us,
        antenna=int(fields[12]) if active and _SMALL.fullmatch(fields[12]) else None,
        rssi=float(rssi) if not active and _DBM.fullmatch(rssi) else None,
        battery=float(fields[15]) if active and _VOLTS.fullmatch(fields[15]) else None,
    )


def _read_upload(body: bytes, device: str, session: str, settings: ReaderSettings) -> list[Message]:
    return read_body(body, device, session, origin_of(settings))


def _read_again(raw: bytes, settings: ReaderSettings, session: str) -> list[Message]:
    return read_body(raw, "", session, origin_of(settings))


PROTOCOL = ReaderProtocol(
    name="raceresult_http",
    title="RACE RESULT decoder that uploads by HTTP",
    way="comes by HTTP",
    port=0,
    connect=None,
    takes_secret=True,
    read_upload=_read_upload,
    complete_upload=with_box_time,
    read_again=_read_again,
    options=(DAY, BEGAN),
    acknowledges="Each upload, by OK once Kafka has all of it.",
    takes_over="Uploads that were not answered come again.",
    replays="The decoder sends an upload again until it is answered OK.",
    sample="""\
[[sources]]
protocol = "raceresult_http"
event = "example-2026"
gateway = "track-box"
zone = "Asia/Dubai"
secret = "box 7"
devices = { "D-5012" = "F1" }
""",
)
