"""What tests share: one Kafka and one ClickHouse engine for the session, with new topics and tables for each test.

Nothing may fork once the engine is open: a query in the child would hang forever. `subprocess` is fine.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from hypothesis import HealthCheck, settings

from schemas.topics import PARTITIONS_DEFAULT, TOPICS
from services.demo.stack import free_port
from services.operate.embedded_kafka.node import prepare
from services.projections.migrate import migrate
from services.runtime.clickhouse import Database, DatabaseAddress
from services.runtime.kafka import KafkaOptions
from services.runtime.topics_admin import create_topics
from tests.heavy import guard, is_integration

# No example fails because the machine is busy: hypothesis would give each 200 ms, and its data a second or two.
settings.register_profile("matline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("matline")

_running: list[pytest.Item] = []  # the test that runs now, if one does


def pytest_configure() -> None:
    """Let no test without the marker start what integration tests are for."""
    guard(lambda: next((item.nodeid for item in _running if item.get_closest_marker("integration") is None), None))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark integration tests by rule; before `-m` selects."""
    for item in items:
        fixtures = item.fixturenames if isinstance(item, pytest.Function) else ()
        if is_integration(item.path, fixtures):
            item.add_marker("integration")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Remember which test runs."""
    _running.append(item)
    try:
        return (yield)
    finally:
        _running.remove(item)


BROKER_READY_S = 120.0  # for a hang only; on an idle machine it takes three seconds


@contextmanager
def running_broker(folder: Path) -> Iterator[tuple[KafkaOptions, "subprocess.Popen[bytes]"]]:
    """Run a real Apache Kafka without topics in `folder`; yield its options and its process."""
    port = free_port()
    node = prepare(folder, port, free_port(), print)
    command = [sys.executable, "-m", "services.operate.child", str(os.getpid()), *node.command]
    with (folder / "broker.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    try:
        await_port(process, port, folder / "broker.log")
        yield KafkaOptions(servers=node.servers), process
    finally:
        process.send_signal(signal.SIGCONT)  # a test may have stopped it
        process.terminate()
        process.wait(timeout=120)


@pytest.fixture(scope="session")
def broker_and_process(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[KafkaOptions, "subprocess.Popen[bytes]"]]:
    """One broker for the session, with its process for tests that stop it for a moment."""
    with running_broker(tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture(scope="session")
def broker(broker_and_process: tuple[KafkaOptions, "subprocess.Popen[bytes]"]) -> KafkaOptions:
    """One broker for the session."""
    return broker_and_process[0]


def await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Wait until a broker listens; fail with its log when it does not."""
    end = time.monotonic() + BROKER_READY_S
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"the broker did not open its port:\n{log.read_text(errors='replace')}")


async def topics_anew(broker: KafkaOptions) -> None:
    """Delete Matline's four topics, if they exist, and create them again."""
    admin = AIOKafkaAdminClient(**broker.client())
    await admin.start()
    try:
        names = [topic.name for topic in TOPICS]
        existing = set(await admin.list_topics()).intersection(names)
        if existing:
            await admin.delete_topics(sorted(existing))
        while set(await admin.list_topics()).intersection(names):
            await asyncio.sleep(0.05)
    finally:
        await admin.close()
    await create_topics(broker, PARTITIONS_DEFAULT, 1, {})


@pytest.fixture
async def kafka(broker: KafkaOptions) -> KafkaOptions:
    """The broker with Matline's four topics, empty."""
    await topics_anew(broker)
    return broker


_databases = count(1)


@pytest.fixture(scope="session")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The folder of the one engine that this process may open; it stays open for the session."""
    folder = tmp_path_factory.mktemp("clickhouse")
    held = Database(DatabaseAddress(path=folder, database="held"))
    await held.open()
    yield folder
    await held.close()


@pytest.fixture
async def database(engine: Path) -> AsyncIterator[Database]:
    """A ClickHouse with Matline's tables, empty."""
    opened = Database(DatabaseAddress(path=engine, database=f"t_{next(_databases)}"))
    await opened.open()
    await migrate(opened)
    yield opened
    await opened.command(f"DROP DATABASE {opened.address.database}")
    await opened.close()
