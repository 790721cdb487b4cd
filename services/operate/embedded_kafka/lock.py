"""Write the lock file of the embedded Kafka's jars: `python -m services.operate.embedded_kafka.lock`.

`make kafka-lock` runs it. jgo resolves Maven coordinates in pure Python, but does not install safely (a killed download
stays, two processes crash), so it is used here only and `install` fetches by the lock file. Kafka and the log binding
are resolved separately: together, jgo picks a client library of another Kafka version.
"""

import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

from services.operate.embedded_kafka.install import LOCK, Jar, write_lock

ENDPOINTS = (
    "org.apache.kafka:kafka_2.13:4.3.1",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",  # SLF4J 1.7; without a binding the broker logs nothing
)


def resolve(endpoint: str, cache: Path) -> list[Jar]:
    """Return all jars that an endpoint needs, with the SHA-256 of each download."""
    import jgo

    environment = jgo.build(endpoint, cache_dir=cache)
    lock = tomllib.loads(Path(environment.lock_path).read_text())
    dependencies = lock["dependencies"]
    return [Jar(jar["groupId"], jar["artifactId"], jar["version"], jar["sha256"]) for jar in dependencies]


def main() -> None:
    """Resolve the endpoints and write the lock file beside this module."""
    jars: dict[tuple[str, str], Jar] = {}
    with TemporaryDirectory() as cache:
        for endpoint in ENDPOINTS:
            print(f"resolving {endpoint}", file=sys.stderr)
            for jar in resolve(endpoint, Path(cache)):
                jars.setdefault((jar.group, jar.artifact), jar)  # the first endpoint, Kafka, decides
    write_lock(sorted(jars.values(), key=lambda jar: (jar.group, jar.artifact)))
    print(f"{len(jars)} jars in {LOCK}", file=sys.stderr)


if __name__ == "__main__":
    main()
