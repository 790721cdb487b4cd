"""A Kafka that lets in by name, password and certificates: a real one, reached by the settings that operators give."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from schemas.topics import PARTITIONS_DEFAULT
from services.runtime.kafka import KafkaOptions, kafka_options
from services.runtime.kafka_node import cluster_id, prepare
from services.runtime.topics_admin import check_main, create_topics
from tests.conftest import await_port, free_port
from tests.integration.scoring_worker import Log, Results, Worker, assert_equal_to_a_fold, race_facts

TLS = Path(__file__).parents[1] / "data" / "tls"
CA = {"MATLINE_KAFKA_CA": str(TLS / "authority.pem")}
PASSWORD = "open sesame"


class Ports:
    """Of the broker's three listeners and its controller."""

    def __init__(self) -> None:
        self.plain, self.scram, self.mutual, self.controller = (free_port() for _ in range(4))


def _listeners(ports: Ports, server: Path) -> str:
    at = {"PLAINTEXT": ports.plain, "SCRAM": ports.scram, "MUTUAL": ports.mutual}
    advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in at.items())
    module = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    return f"""
listeners={advertised},CONTROLLER://127.0.0.1:{ports.controller}
advertised.listeners={advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SCRAM:SASL_SSL,MUTUAL:SSL
ssl.keystore.type=PEM
ssl.keystore.location={server}
ssl.truststore.type=PEM
ssl.truststore.location={TLS / "authority.pem"}
listener.name.scram.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.scram.scram-sha-512.sasl.jaas.config={module}
listener.name.mutual.ssl.client.auth=required
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A broker with a user `ann`, and listeners for SASL over TLS and for TLS with certificates of both sides."""
    folder, ports = tmp_path_factory.mktemp("secure"), Ports()
    node = prepare(folder, ports.plain, ports.controller, print)
    *java, _, settings = node.command
    server = folder / "server.pem"
    server.write_text((TLS / "server.key").read_text() + (TLS / "server.pem").read_text())
    with (folder / "server.properties").open("a") as file:
        file.write(_listeners(ports, server))
    (folder / "log").rename(folder / "unused")
    user = f"SCRAM-SHA-512=[name=ann,password={PASSWORD}]"
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id(uuid.uuid4()), "--add-scram", user]
    subprocess.run([*tool, "-c", settings], check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "services.runtime.child", str(os.getpid()), *node.command]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        for port in (ports.plain, ports.scram, ports.mutual):
            await_port(process, port, folder / "broker.log")
        yield ports
    finally:
        process.terminate()
        process.wait(timeout=30)


def scram(ports: Ports, **other: str) -> dict[str, str]:
    """The environment of one who is let in by name and password."""
    return {
        "MATLINE_KAFKA": f"127.0.0.1:{ports.scram}",
        "MATLINE_KAFKA_USER": "ann",
        "MATLINE_KAFKA_PASSWORD": PASSWORD,
        **CA,
        **other,
    }


def mutual(ports: Ports, **other: str) -> dict[str, str]:
    """The environment of one who is let in by a certificate."""
    own = {"MATLINE_KAFKA_CERT": str(TLS / "client.pem"), "MATLINE_KAFKA_KEY": str(TLS / "client.key")}
    return {"MATLINE_KAFKA": f"127.0.0.1:{ports.mutual}", **CA, **own, **other}


@pytest.fixture(scope="module")
async def topics(ports: Ports) -> None:
    await create_topics(kafka_options(scram(ports)), PARTITIONS_DEFAULT, 1, {})


async def came_back(kafka: KafkaOptions) -> bytes:
    """A record written and read again."""
    sent = uuid.uuid4().bytes
    async with AIOKafkaProducer(**kafka.client(), acks="all", enable_idempotence=True) as producer:
        done = await producer.send_and_wait("standings", sent, partition=0)
    async with AIOKafkaConsumer(**kafka.client(), enable_auto_commit=False) as consumer:
        partition = TopicPartition("standings", 0)
        consumer.assign([partition])
        consumer.seek(partition, done.offset)
        return sent if (await consumer.getone()).value == sent else b""


@pytest.mark.parametrize("settings", [scram, mutual])
async def test_records_go_there_and_back(ports, topics, settings):
    assert await came_back(kafka_options(settings(ports)))


@pytest.mark.parametrize(
    "settings",
    [
        lambda ports: scram(ports, MATLINE_KAFKA_PASSWORD="sesame, shut"),
        lambda ports: scram(ports, MATLINE_KAFKA_USER="bob"),
        lambda ports: scram(ports, MATLINE_KAFKA_MECHANISM="PLAIN"),
        lambda ports: scram(ports, MATLINE_KAFKA_CA=str(TLS / "client.pem")),
        lambda ports: scram(ports, MATLINE_KAFKA_USER=""),
        lambda ports: mutual(ports, MATLINE_KAFKA_CERT="", MATLINE_KAFKA_KEY=""),
        lambda ports: {"MATLINE_KAFKA": f"127.0.0.1:{ports.scram}"},
    ],
    ids=["password", "user", "mechanism", "authority", "no user", "no certificate", "no TLS"],
)
async def test_who_may_not_is_told_in_lines_without_a_secret(ports, topics, settings, capfd):
    assert await asyncio.to_thread(check_main, settings(ports)) == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith("Kafka at 127.0.0.1")
    assert "sesame" not in said


async def test_a_scoring_worker_is_let_in_by_all_its_clients(ports, topics, monkeypatch, tmp_path):
    """Faust takes how to be let in by settings of its own."""
    environment = scram(ports)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    kafka = kafka_options(environment)
    async with Worker(kafka, tmp_path) as worker, Log(kafka) as log, Results(kafka) as results:
        await worker.ready()
        offset = await log.append_all("secure", race_facts("secure", 30, seed=1))
        assert_equal_to_a_fold(await results.complete({"secure": offset}), log)
        assert (await worker.metrics())["scoring_kafka_up"] == 1
    assert PASSWORD not in worker.said()
