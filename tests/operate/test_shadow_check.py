"""`matline verify --every`: a verdict after each comparison, by a real Kafka and a stand-in for live."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from time import sleep
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from schemas import codec
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, partition_of
from services.offline.scored_log import score_lines
from services.operate.export_log import lines
from services.operate.shadow_check import ShadowCheck, ShadowSettings, VerifyMetrics
from services.operate.verify import Fold, served_standings
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions
from tests.builders import AT_FINISH, EVENT, ON_10K, Plain, defined, entries, gun, read, reads
from tests.conftest import topics_anew
from tests.projections.results_writer import fact

WAIT_S = 120.0  # for a hang only


class Live(ThreadingHTTPServer):
    """Serves one document as the standings, or 503 without one, to the holder of a token."""

    document: dict[str, Any] | None = None


class _Answers(BaseHTTPRequestHandler):
    server: Live

    def do_GET(self) -> None:
        authorized = self.headers["Authorization"] == "Bearer secret"
        document = self.server.document
        self.send_response(401 if not authorized else 503 if document is None else 200)
        self.end_headers()
        self.wfile.write(json.dumps(document).encode())

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def live() -> Iterator[Live]:
    with Live(("127.0.0.1", 0), _Answers) as serving:
        thread = Thread(target=serving.serve_forever)
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


async def append(kafka: KafkaOptions, *plain: Plain) -> None:
    """Write a record with facts to the log."""
    await append_record(kafka, codec.encode_envelope(EVENT, [codec.logged(fact(item)) for item in plain]))


async def append_record(kafka: KafkaOptions, record: bytes) -> None:
    """Write a record to the log."""
    async with AIOKafkaProducer(**kafka.client()) as producer:
        partition = partition_of(EVENT, PARTITIONS_DEFAULT)
        await producer.send_and_wait(RACE_LOG.name, record, key=EVENT.encode(), partition=partition)


async def standings(kafka: KafkaOptions) -> dict[str, Any]:
    """The standings that the log gives, as live serves them."""
    made: dict[str, Any] = json.loads(json.dumps(score_lines([line async for line in lines(EVENT, kafka)])))
    return made


def finish(bib: str) -> Plain:
    return reads(read("S1", f"C{bib}", 1), read("K1", f"C{bib}", ON_10K), read("F1", f"C{bib}", AT_FINISH + int(bib)))


async def test_each_comparison_goes_on_with_the_log_and_a_difference_shows_until_the_boards_are_right(
    kafka: KafkaOptions, caplog
) -> None:
    registry = CollectorRegistry()
    with live() as serving:
        check = ShadowCheck(
            ShadowSettings(
                event=EVENT,
                every_s=60.0,
                seed=1,
                kafka=kafka,
                headers={"Authorization": "Bearer secret"},
                live=f"http://127.0.0.1:{serving.server_port}",
                host="127.0.0.1",
                port=0,
            ),
            VerifyMetrics(registry),
        )

        async def verdict(document: dict[str, Any] | None) -> float | None:
            serving.document = document
            async with asyncio.timeout(WAIT_S):
                await check.look()
            return registry.get_sample_value("matline_verify_different", {"event": EVENT})

        assert await verdict(None) is None
        assert "503" in str(check.fault)
        await append(kafka, defined(), entries("1", "2", "3"), gun())
        await append(kafka, finish("1"))
        early = await standings(kafka)
        assert await verdict(early) == 0
        assert check.fault is None
        await append(kafka, finish("3"), finish("2"))
        right = await standings(kafka)
        assert right["boards"] != early["boards"]
        assert await verdict(right) == 0

        wrong = json.loads(json.dumps(right))
        wrong["athletes"][0]["name"] = "A name"
        assert await verdict(wrong) == 1
        assert "differ from the log, first at athletes[0].name;" in caplog.text
        assert "A name" not in caplog.text
        assert await verdict(None) == 1
        assert await verdict(right) == 0
        assert await verdict(early) == 0  # a live that is behind another one
        assert [json.loads(line)["offset"] async for line in lines(EVENT, kafka, 2)] == [2, 2]
        assert [json.loads(line)["offset"] async for line in lines(EVENT, kafka, 1, 1)] == [1]

        await topics_anew(kafka)
        for plain in (defined(), entries("1", "2"), gun(1), finish("2")):
            await append(kafka, plain)
        assert await verdict(await standings(kafka)) == 0, "a stack that was set up anew has passed the former by now"


async def test_what_was_scored_before_an_interruption_is_not_scored_twice(kafka: KafkaOptions) -> None:
    await append(kafka, defined(), entries("1"), gun())
    await append(kafka, finish("1"))
    newer = codec.encode_envelope(EVENT, [codec.logged(fact(gun()))])
    await append_record(kafka, msgspec.msgpack.encode({**msgspec.msgpack.decode(newer), "v": 99}))
    fold = Fold(EVENT, 1)
    for _ in range(2):
        with pytest.raises(codec.UnknownVersion):
            await fold.go_on(kafka, 2)
        assert (fold.revision, fold.facts, fold.reads) == (1, 4, 3)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"200 OK\r\nContent-Length: 2\r\n\r\n[]", "gives no standings"),
        (b'200 OK\r\nContent-Length: 15\r\n\r\n{"revision": 1}', "answers without athletes, boards"),
        (b"401 Unauthorized\r\n\r\n", r"answers 401 Unauthorized; give a reader's token by MATLINE_TOKEN$"),
        (b"503 Service Unavailable\r\n\r\n", r"answers 503 Service Unavailable; its log lines may say why$"),
        (b"404 Not Found\r\n\r\n", r"answers 404 Not Found; is 'example-2026' the id of the event\?$"),
    ],
)
def test_an_answer_that_is_no_standings_is_explained(answer: bytes, fault: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def respond() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 " + answer)

        thread = Thread(target=respond)
        thread.start()
        with pytest.raises(StartFault, match=fault):
            served_standings(EVENT, f"http://127.0.0.1:{listening.getsockname()[1]}", {})
        thread.join()


@pytest.mark.parametrize("address", ["127.0.0.1:8700", "http://a b"])
def test_an_address_that_is_none_is_explained(address: str) -> None:
    with pytest.raises(StartFault, match="gives no standings"):
        served_standings(EVENT, address, {})


def test_a_check_that_cannot_compare_says_why_and_ends_when_it_is_asked_to(unused_tcp_port_factory):
    port, nobody = unused_tcp_port_factory(), unused_tcp_port_factory()
    checking = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "verify", EVENT, "--every=1", f"--live=http://127.0.0.1:{nobody}"],
        env={**os.environ, "MATLINE_VERIFY_PORT": str(port)},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert checking.stderr is not None
    try:
        said = checking.stderr.readline()
        assert "the boards cannot be compared with the log" in said
        with pytest.raises(urllib.error.HTTPError) as answer:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=WAIT_S)
        assert answer.value.code == 503
        assert f"127.0.0.1:{nobody} gives no standings" in answer.value.read().decode()
    finally:
        checking.send_signal(signal.SIGTERM)
        _, rest = checking.communicate(timeout=WAIT_S)
    assert (checking.returncode, rest) == (0, "")


def test_a_check_ends_when_it_is_asked_to_while_live_is_still_answering(unused_tcp_port):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        checking = subprocess.Popen(
            [sys.executable, "-m", "services.cli", "verify", EVENT, "--every=1", f"--live={address}"],
            env={**os.environ, "MATLINE_VERIFY_PORT": str(unused_tcp_port)},
        )
        connection, _ = listening.accept()
        asked = Event()

        def answer() -> None:
            with connection, suppress(OSError):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    connection.sendall(b" ")
                    asked.set()
                    sleep(0.2)

        answering = Thread(target=answer)
        answering.start()
        try:
            assert asked.wait(WAIT_S)
            checking.send_signal(signal.SIGTERM)
            assert checking.wait(WAIT_S) == 0
        finally:
            checking.kill()
            answering.join()


@pytest.mark.parametrize(
    ("every", "said"),
    [
        ("1800", "Input should be less than or equal to 600"),  # BoardsUnverified would rise between two comparisons
        ("60", "address already in use; choose another port by MATLINE_VERIFY_PORT"),  # of another event's check
    ],
)
def test_a_check_that_cannot_start_says_what_to_choose(every: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = subprocess.run(
            [sys.executable, "-m", "services.cli", "verify", EVENT, f"--every={every}"],
            env={**os.environ, "MATLINE_VERIFY_PORT": str(taken.getsockname()[1])},
            capture_output=True,
            text=True,
            timeout=WAIT_S,
        )
    assert ended.returncode == 2
    assert said in ended.stderr
