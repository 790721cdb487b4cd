"""Writes the lock of the embedded Kafka's jars: `python -m services.operate.embedded_kafka.lock` (`make kafka-lock`).

jgo resolves Maven coordinates in pure Python, but installs unsafely (a killed download stays, two processes crash), so
it serves for this only; `kafka_install` fetches by the lock. Kafka and the log binding are resolved apart: together,
jgo takes a client library of another Kafka version.
"""

import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from services.operate.embedded_kafka.install import LOCK, Jar, write_lock

ENDPOINTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # SLF4J 1.7; without a binding the broker is mute
)


def resolve(endpoint: str, cache: Path) -> list[Jar]:
    """All jars that an endpoint needs, with the SHA-256 of what was downloaded."""
    import jgo

    environment = jgo.build(endpoint, cache_dir=cache)
    lock = tomllib.loads(Path(environment.lock_path).read_text())
    return [Jar(one["groupId"], one["artifactId"], one["version"], one["sha256"]) for one in lock["dependencies"]]


def main() -> None:
    """Resolve, and write the lock beside this module."""
    found: dict[tuple[str, str], Jar] = {}
    with TemporaryDirectory() as cache:
        for endpoint in ENDPOINTS:
            print(f"resolving {endpoint}", file=sys.stderr)
            for jar in resolve(endpoint, Path(cache)):
                found.setdefault((jar.group, jar.artifact), jar)  # the first endpoint, Kafka, decides
    write_lock(sorted(found.values(), key=lambda jar: (jar.group, jar.artifact)))
    print(f"{len(found)} jars in {LOCK}", file=sys.stderr)


if __name__ == "__main__":
    main()
