"""`matline verify --every`: a verdict after each comparison, by a real Kafka and a stand-in for live."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import CollectorRegistry

from schemas import codec
from schemas.topics import PARTITIONS_DEFAULT, RACE_LOG, partition_of
from services.offline.scored_log import score_lines
from services.operate.export_log import lines
from services.operate.shadow_check import ShadowCheck, ShadowSettings, VerifyMetrics
from services.runtime.kafka import KafkaOptions
from tests.builders import AT_FINISH, EVENT, ON_10K, Plain, defined, entries, gun, read, reads
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
    record = codec.encode_envelope(EVENT, [codec.logged(fact(item)) for item in plain])
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
        assert await verdict(early) == 0  # a stack that was set up anew is behind for a while

    assert [json.loads(line)["offset"] async for line in lines(EVENT, kafka, 2)] == [2, 2]


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
