"""Take events that readers publish to an MQTT broker; of the broker's client, messages come as frames of our own.

A frame is the length of the payload, the message's id and quality of service, the length of the topic, topic and
payload. What goes back is the id and quality of each message that is on the log: the client acknowledges it to the
broker then, and not before, so that a broker with a session that lasts sends it again to the next connection. A
payload that is sent again is the same session: its reads are the same, number by number.

Source: OASIS, MQTT 3.1.1, sections 4.3 (quality of service) and 4.4 (delivery again). A payload that is no list of
events is acknowledged once it is a dead letter, which holds only its first bytes if it is very long.
"""

import hashlib
import itertools
import struct
from collections.abc import Iterator
from functools import partial
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from services.ingest.decoders.json_events import ReadBody, dead_letter_reader
from services.ingest.decoders.messages import (
    WHERE_MAX_CHARS,
    Acknowledgement,
    Cursor,
    CursorAdvanced,
    DecodedRead,
    Message,
    Notice,
    Now,
    Position,
    Reader,
    Unreadable,
)
from services.ingest.decoders.protocol import Make, Option, ReaderProtocol, ReaderSettings
from services.ingest.decoders.reader_state import ReaderStateNotices

PORT = 1883
SUBSCRIPTION = "subscription"  # the cursor's name for the topic that the broker's session has
_HEAD = struct.Struct(">IHBH")
_ACKNOWLEDGED = struct.Struct(">HB")

Text = Annotated[str, Meta(min_length=1, max_length=64)]
Topic = Annotated[str, Meta(min_length=1, max_length=1_000)]


def check_topic(topic: str) -> None:
    """Raise ValueError for a topic to which no broker lets anybody subscribe."""
    levels = topic.split("/")
    if any(len(level) > 1 and {"+", "#"} & set(level) for level in levels) or "#" in levels[:-1] or "\0" in topic:
        raise ValueError(f"{topic[:80]!r} is no topic: `+` stands alone between slashes, `#` alone at the end")


TOPIC = Option(
    "topic",
    Topic,
    "what is subscribed to at the broker, such as `readers/finish/#`. Required",
    needed=True,
    check=check_topic,
)
USER = Option("user", Text, "the user of the broker whose password is `secret`")
TLS = Option("tls", bool, "true: the broker is reached by TLS. Its certificate is not checked")
CAUTION = (
    "A broker keeps messages for ingest as long as its own limits allow: Mosquitto drops those beyond 1,000 unless its"
    " configuration has `max_queued_messages 0`, and forgets all when it is restarted without `persistence true`."
)


def frame(topic: str, payload: bytes, number: int, qos: int) -> bytes:
    """Return a message of the broker with this id and quality of service as a frame."""
    name = topic.encode()
    return _HEAD.pack(len(payload), number, qos, len(name)) + name + payload


def acknowledged(data: bytes) -> list[tuple[int, int]]:
    """Return the ids and qualities of service in what a reader sent, which are to be acknowledged."""
    return [(number, qos) for number, qos in _ACKNOWLEDGED.iter_unpack(data)]


def former_topic(cursor: Cursor, settings: ReaderSettings) -> str | None:
    """Return the topic to which the source's session was subscribed before; null if that is still its topic."""
    position = cursor.get(SUBSCRIPTION)
    return None if position is None or position.part == settings.options["topic"] else position.part


class MqttEvents(Reader):
    """One connection to a broker. `numbers` counts the messages over all connections of the source.

    `subscribed` is the topic of its session if the cursor has another one or none, else null.
    `acknowledges` false: its client acknowledges by itself, as in a test of which nothing depends.
    """

    def __init__(
        self,
        read_body: ReadBody,
        numbers: Iterator[int],
        notices: ReaderStateNotices,
        subscribed: str | None,
        acknowledges: bool,
    ) -> None:
        super().__init__()
        self._subscribed = subscribed
        self._acknowledges = acknowledges
        self._read_body = read_body
        self._numbers = numbers
        self._notices = notices
        self._rest = bytearray()
        self._unanswered: dict[int, bytes] = {}

    def feed(self, data: bytes, now: Now) -> list[Message]:
        self._rest += data
        messages = self._newly_subscribed()
        while len(self._rest) >= _HEAD.size:
            size, number, qos, topic_size = _HEAD.unpack_from(self._rest)
            start = _HEAD.size + topic_size
            if len(self._rest) < start + size:
                break
            topic = self._rest[_HEAD.size : start].decode("utf-8", "replace")
            messages += self._published(topic, bytes(self._rest[start : start + size]), number, qos)
            del self._rest[: start + size]
        return messages

    def tick(self, now: Now) -> list[Message]:
        return self._newly_subscribed()

    def _newly_subscribed(self) -> list[Message]:
        topic, self._subscribed = self._subscribed, None
        return [] if topic is None else [CursorAdvanced(SUBSCRIPTION, Position(topic, 0))]

    def acknowledge(self, number: int) -> None:
        if (answer := self._unanswered.pop(number, None)) is not None:
            self.send(answer)

    def _published(self, topic: str, payload: bytes, number: int, qos: int) -> list[Message]:
        where = topic[-WHERE_MAX_CHARS:] if topic.isprintable() else ""
        session = f"mqtt {hashlib.sha256(payload).hexdigest()[:32]}"
        messages = [_at(message, where) for message in self._read_body(payload, "", session)]
        if qos == 0:
            text = "its messages come with quality of service 0, which a broker sends once: set the reader to 1"
            return [*messages, *self._notices.change(where, "lacks", text, None)]
        if not self._acknowledges:
            return messages
        ours = next(self._numbers)
        self._unanswered[ours] = _ACKNOWLEDGED.pack(number, qos)
        return [*messages, Acknowledgement(ours)]


def _at(message: Message, where: str) -> Message:
    """Return a message of a reader that does not name itself with the topic for its place."""
    if isinstance(message, DecodedRead | Notice | Unreadable) and not message.where:
        return replace(message, where=where)
    return message


def connect_to(read_body: ReadBody, settings: ReaderSettings, acknowledges: bool = True) -> Make:
    """Return the function that makes the readers of a source whose payloads this function reads."""
    numbers, notices = itertools.count(1), ReaderStateNotices()
    subscribed = Position(settings.options["topic"], 0)

    def connected(cursor: Cursor) -> MqttEvents:
        new = acknowledges and cursor.get(SUBSCRIPTION) != subscribed
        return MqttEvents(read_body, numbers, notices, subscribed.part if new else None, acknowledges)

    return connected


def mqtt_protocol(name: str, title: str, read_body: ReadBody, replays: str, sample: str) -> ReaderProtocol:
    """Return the protocol of readers whose events `read_body` decodes and which come by way of a broker."""
    return ReaderProtocol(
        name=name,
        title=title,
        way="is dialled",
        port=PORT,
        connect=partial(connect_to, read_body),
        watch=partial(connect_to, read_body, acknowledges=False),
        read_again=dead_letter_reader(read_body),
        broker=True,
        tls=lambda settings: bool(settings.options.get("tls", False)),
        options=(TOPIC, USER, TLS),
        takes_secret=True,
        has_zone=False,
        speaks_first=False,
        is_text=False,
        acknowledges="Each message to the broker, once Kafka has all of it.",
        takes_over="What was not acknowledged to the broker comes again.",
        replays=replays,
        caution=CAUTION,
        sample=sample,
    )
