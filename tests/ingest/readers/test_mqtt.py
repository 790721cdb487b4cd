"""The client of an MQTT broker, at one that sends what a broker should not."""

import asyncio
import ssl

import pytest

from services.ingest.decoders.mqtt_events import frame
from services.ingest.decoders.protocol import ReaderSettings
from services.ingest.readers.mqtt import subscribe

CONNACK, SUBACK, PUBLISH = 0x20, 0x90, 0x32
SETTINGS = ReaderSettings(gateway="g", options={"topic": "readers/#"})


def packet(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body


async def test_a_message_of_a_topic_that_is_no_text_comes_without_it_and_so_does_the_next():
    async def serve(incoming: asyncio.StreamReader, outgoing: asyncio.StreamWriter) -> None:
        await incoming.read(1_000)
        outgoing.write(packet(CONNACK, b"\0\0"))
        number = (await incoming.read(1_000))[2:4]
        outgoing.write(packet(SUBACK, number + b"\1"))
        outgoing.write(packet(PUBLISH, b"\0\2\xff\xfe\0\1[1]") + packet(PUBLISH, b"\0\1t\0\2[2]"))
        await incoming.read()
        outgoing.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    incoming, subscription = await subscribe("127.0.0.1", server.sockets[0].getsockname()[1], SETTINGS, None, False, {})
    both = frame("", b"[1]", 1, 1) + frame("t", b"[2]", 2, 1)
    async with asyncio.timeout(60):
        assert await incoming.readexactly(len(both)) == both
        subscription.close()
        server.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the client leaves its sockets open
async def test_brokers_that_do_not_answer_take_no_thread_from_journals_and_cursors():
    silent: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, outgoing: silent.append(outgoing), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    tls = ssl.create_default_context()
    calling = [asyncio.create_task(subscribe("127.0.0.1", port, SETTINGS, tls, False, {})) for _ in range(40)]
    async with asyncio.timeout(60):
        while len(silent) < 5:
            await asyncio.sleep(0.01)
        await asyncio.to_thread(int)
    answered = [call.done() for call in calling]
    for call in calling:
        call.cancel()
    for outgoing in silent:
        outgoing.close()
    await asyncio.gather(*calling, return_exceptions=True)
    server.close()
    assert not any(answered)
