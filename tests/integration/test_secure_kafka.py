"""A Kafka that lets in by name, password and certificates: a real one, reached by the settings that operators give.

And by least rights: each service as a user of its own, with the rights that the page of topics gives it and no others.
"""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path

import aiohttp
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError
from aiokafka.protocol.admin import CreateAclsRequest

from schemas.topics import PARTITIONS_DEFAULT
from services.demo.stack import free_port
from services.operate.embedded_kafka.node import cluster_id, prepare
from services.runtime.kafka import KafkaOptions, kafka_options
from services.runtime.topics_admin import check_main, create_topics
from tests.builders import EVENT, defined, entries
from tests.conftest import await_port
from tests.deploy.least_rights import least_rights, topic_rights
from tests.integration.scoring_worker import (
    Log,
    Results,
    Worker,
    assert_equal_to_a_fold,
    race_facts,
    rejections,
)

TLS = Path(__file__).parents[1] / "data" / "tls"
CA = {"MATLINE_KAFKA_CA": str(TLS / "authority.pem")}
PASSWORD = "open sesame"
HANG_S = 180.0  # three services start one after the other

_OPERATIONS = {"Read": 3, "Write": 4, "Describe": 8}
_TOPIC, _GROUP, _LITERAL, _ALLOW = 2, 3, 3, 3


class Ports:
    """The ports of the broker's three listeners and of its controller."""

    def __init__(self) -> None:
        self.plain, self.scram, self.mutual, self.controller = (free_port() for _ in range(4))


def _listeners(ports: Ports, server: Path) -> str:
    ports_by_kind = {"PLAINTEXT": ports.plain, "SCRAM": ports.scram, "MUTUAL": ports.mutual}
    advertised = ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports_by_kind.items())
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
ssl.principal.mapping.rules=RULE:^.*$/gateway/
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:ann;User:gateway
"""


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """A broker with a user `ann` who may all and one for each service who may nothing yet, and with listeners for SASL
    over TLS and for TLS with certificates of both sides.
    """
    folder, ports = tmp_path_factory.mktemp("secure"), Ports()
    node = prepare(folder, ports.plain, ports.controller, print)
    *java, _, settings = node.command
    server = folder / "server.pem"
    server.write_text((TLS / "server.key").read_text() + (TLS / "server.pem").read_text())
    with (folder / "server.properties").open("a") as file:
        file.write(_listeners(ports, server))
    (folder / "log").rename(folder / "unused")
    users = [("--add-scram", f"SCRAM-SHA-512=[name={name},password={PASSWORD}]") for name in ("ann", *least_rights())]
    tool = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id(uuid.uuid4()), *chain.from_iterable(users)]
    subprocess.run([*tool, "-c", settings], check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "services.operate.child", str(os.getpid()), *node.command]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        for port in (ports.plain, ports.scram, ports.mutual):
            await_port(process, port, folder / "broker.log")
        yield ports
    finally:
        process.terminate()
        process.wait(timeout=120)


def scram(ports: Ports, **other: str) -> dict[str, str]:
    """Return the environment of a user who logs in with name and password."""
    return {
        "MATLINE_KAFKA": f"127.0.0.1:{ports.scram}",
        "MATLINE_KAFKA_USER": "ann",
        "MATLINE_KAFKA_PASSWORD": PASSWORD,
        **CA,
        **other,
    }


def mutual(ports: Ports, **other: str) -> dict[str, str]:
    """Return the environment of a user who logs in with a certificate."""
    own = {"MATLINE_KAFKA_CERT": str(TLS / "client.pem"), "MATLINE_KAFKA_KEY": str(TLS / "client.key")}
    return {"MATLINE_KAFKA": f"127.0.0.1:{ports.mutual}", **CA, **own, **other}


@pytest.fixture(scope="module")
async def topics(ports: Ports) -> None:
    await create_topics(kafka_options(scram(ports)), PARTITIONS_DEFAULT, 1, {})


@pytest.fixture(scope="module")
async def rights(ports: Ports, topics: None) -> None:
    """Give each user the rights that the page of topics lists."""
    admin = AIOKafkaAdminClient(**kafka_options(scram(ports)).client())
    await admin.start()
    try:
        for user, (words, group) in least_rights().items():
            wanted = [
                (_TOPIC, name, operation) for name, granted in topic_rights(words).items() for operation in granted
            ]
            wanted += [(_GROUP, group, "Read")] if group else []
            assert wanted
            for kind, name, operation in wanted:
                request = CreateAclsRequest(kind, name, _LITERAL, f"User:{user}", "*", _OPERATIONS[operation], _ALLOW)
                answer = await admin._send_request(request)
                assert [code for code, _ in answer.creation_responses] == [0]
    finally:
        await admin.close()


def as_user(ports: Ports, user: str) -> dict[str, str]:
    return scram(ports, MATLINE_KAFKA_USER=user)


async def came_back(kafka: KafkaOptions) -> bytes:
    """Write a record and return whether it can be read again."""
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
async def test_a_user_without_rights_reads_so_in_lines_without_a_secret(ports, topics, settings, capfd):
    assert await asyncio.to_thread(check_main, settings(ports)) == 1
    said = capfd.readouterr().err
    assert said.splitlines()[-1].startswith("Kafka at 127.0.0.1")
    assert "sesame" not in said


@asynccontextmanager
async def service(command: str, environment: dict[str, str], log: Path) -> AsyncIterator[str]:
    """Run a service as a process; yield its address once it is ready."""
    port = free_port()
    environment = {**os.environ, **environment, f"MATLINE_{command.upper()}_PORT": str(port)}
    environment |= {"MATLINE_PARTITIONS": str(PARTITIONS_DEFAULT), "MATLINE_MYLAPS_PORT": "0"}
    child = [sys.executable, "-m", "services.operate.child", str(os.getpid()), sys.executable, "-m", "services.cli"]
    output = log.open("wb")
    process = await asyncio.create_subprocess_exec(*child, command, env=environment, stdout=output, stderr=output)
    try:
        async with asyncio.timeout(HANG_S), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            while not await _is(session, "/readyz"):
                assert process.returncode is None, f"{command} ended, see {log}"
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        output.close()
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(HANG_S):
            await process.wait()


async def _is(session: aiohttp.ClientSession, path: str) -> bool:
    try:
        async with session.get(path) as answer:
            return answer.status == 200
    except aiohttp.ClientError:
        return False


async def test_each_service_does_its_work_with_its_least_rights(ports, rights, tmp_path):
    board, data = free_port(), {"MATLINE_DATA": str(tmp_path)}
    clickhouse = {"MATLINE_CLICKHOUSE": f"chdb://{tmp_path / 'clickhouse'}", "MATLINE_LIVE_PORT": str(board)}
    async with (
        service("scoring", as_user(ports, "scoring") | data, tmp_path / "scoring.log"),
        service("projections", as_user(ports, "projections") | clickhouse | data, tmp_path / "projections.log"),
        service("ingest", as_user(ports, "ingest") | data, tmp_path / "ingest.log") as ingest,
        aiohttp.ClientSession() as session,
    ):
        async with session.post(f"{ingest}/v1/events/{EVENT}/facts", json=[defined(), entries("1", "2")]) as answer:
            assert answer.status == 200, await answer.text()
        async with session.post(f"{ingest}/v1/events/{EVENT}/reads", json={"wrong": True}) as answer:
            assert answer.status == 400  # a dead letter
        async with asyncio.timeout(HANG_S), aiohttp.ClientSession(f"http://127.0.0.1:{board}") as boards:
            while not await _is(boards, f"/v1/events/{EVENT}/athletes/2"):
                await asyncio.sleep(0.05)
    kafka = kafka_options(as_user(ports, "office"))
    assert (await rejections(kafka, 1))[0].source == "http"
    async with AIOKafkaConsumer(**kafka_options(as_user(ports, "live")).client(), enable_auto_commit=False) as consumer:
        consumer.assign([TopicPartition("standings", 0)])
        await consumer.seek_to_beginning()
        assert (await consumer.getone()).topic == "standings"


@pytest.mark.parametrize(
    ("user", "topic"),
    [
        ("scoring", "race-log"),
        ("projections", "race-log"),
        ("projections", "results"),
        ("live", "race-log"),
        ("live", "standings"),
        ("ingest", "results"),
        ("office", "race-log"),
        ("office", "rejected"),
    ],
)
async def test_nobody_else_writes_a_topic(ports, rights, user, topic):
    producer = AIOKafkaProducer(**kafka_options(as_user(ports, user)).client(), acks="all", request_timeout_ms=5_000)
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(topic, b"x", partition=0)
    finally:
        await producer.stop()


async def test_a_scoring_worker_is_let_in_by_all_its_clients(ports, topics, monkeypatch, tmp_path):
    """Faust has settings of its own for authentication."""
    environment = scram(ports)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    kafka = kafka_options(environment)
    async with Worker(kafka, tmp_path) as worker, Log(kafka) as log, Results(kafka) as results:
        await worker.ready()
        offset = await log.append_all("secure", race_facts("secure", 30, seed=1))
        assert_equal_to_a_fold(await results.complete({"secure": offset}), log)
        assert (await worker.metrics())["matline_scoring_kafka_up"] == 1
    assert PASSWORD not in worker.said()
