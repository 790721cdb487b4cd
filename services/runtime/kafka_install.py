"""The embedded Kafka's jars, fetched once into the user's cache by a lock of coordinates and SHA-256 sums.

A jar gets its final name only once its sum is right, so a killed download, a full disk or two processes at once leave
nothing wrong behind.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPResponse
from pathlib import Path

from msgspec import Struct

from services.runtime.faults import StartFault

LOCK = Path(__file__).with_name("kafka_jars.lock")
THREADS = 8
TIMEOUT_S = 60  # of one connection or read
TRIES = 3
ROOM_BYTES = 150 * 1024 * 1024  # the jars are 45 MB; what is left is for their unpacked native parts
CHUNK_BYTES = 1 << 16


class Jar(Struct, frozen=True):
    """A jar by its Maven coordinates and the SHA-256 of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """What the jar is called in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Where the jar lies in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def read_lock() -> list[Jar]:
    """The jars of the lock: a line each, coordinates and sum."""
    jars = []
    for line in LOCK.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def write_lock(jars: list[Jar]) -> None:
    """Write the lock. Only `make kafka-lock` does."""
    lines = [f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256}\n" for jar in jars]
    head = "# Written by `make kafka-lock`: the embedded Kafka's jars, group:artifact:version SHA-256.\n"
    LOCK.write_text(head + "".join(lines))


def cache_folder() -> Path:
    """Our folder for what is downloaded: MATLINE_CACHE, else `matline` in the user's cache folder."""
    named = os.environ.get("MATLINE_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "matline"
    return (Path(base) if base else Path.home() / ".cache") / "matline"


def install(say: Callable[[str], None]) -> Path:
    """The folder with all of Kafka's jars, fetched first where they are missing. Raises StartFault.

    `say` takes a line of progress for a person.
    """
    jars = read_lock()
    version = next(jar.version for jar in jars if jar.artifact.startswith("kafka_"))
    folder = cache_folder() / f"kafka-{version}"
    missing = [jar for jar in jars if not _is_there(folder / jar.file_name, jar)]
    if not missing:
        return folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StartFault(
            f"cannot write to the cache {folder}: {error.strerror}; name another by MATLINE_CACHE"
        ) from None
    if free < ROOM_BYTES:
        raise StartFault(
            f"the disk of {folder} has {free // 2**20} MiB free and Kafka needs {ROOM_BYTES // 2**20} MiB;"
            " make room, or set MATLINE_CACHE to a folder on another disk"
        )
    say(f"fetching Kafka {version}: {len(missing)} jars, once, into {folder}")
    with ThreadPoolExecutor(THREADS) as pool:
        fetches = [pool.submit(_fetch, jar, folder) for jar in missing]
        for done, fetch in enumerate(as_completed(fetches), start=1):
            fetch.result()
            if done % 10 == 0 or done == len(missing):
                say(f"fetched {done} of {len(missing)} jars")
    return folder


def _is_there(path: Path, jar: Jar) -> bool:
    """Whether the jar is in the cache, whole: a cut or changed one is fetched again."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
    except OSError:
        return False


def _repository() -> str:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError:
        raise StartFault(
            "the embedded Kafka is not installed; install `matline[embedded]`, or give a cluster by --kafka HOST:PORT"
        ) from None
    return str(MAVEN_CENTRAL_URL)


def _fetch(jar: Jar, folder: Path) -> None:
    """One jar into the cache, under its name only once it is whole."""
    address = f"{_repository()}/{jar.path}"
    reason = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
                sha256 = _store(answer, jar, folder)
        except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
            reason = str(getattr(error, "reason", error))
            continue
        except OSError as error:
            raise StartFault(f"cannot write {folder / jar.file_name}: {error.strerror}") from None
        if sha256 == jar.sha256:
            return
        reason = f"its SHA-256 is {sha256}, the lock has {jar.sha256}"
    raise StartFault(
        f"cannot fetch {jar.group}:{jar.artifact}:{jar.version}: {reason}. Check the network and start again; what was"
        " fetched is kept. Without a network give a running Kafka by --kafka HOST:PORT"
    )


def _store(answer: HTTPResponse, jar: Jar, folder: Path) -> str:
    """The SHA-256 of an answer's bytes; a file in the cache only where that is the lock's."""
    digest = hashlib.sha256()
    handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            while chunk := answer.read(CHUNK_BYTES):
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() == jar.sha256:
            Path(name).replace(folder / jar.file_name)
        return digest.hexdigest()
    finally:
        Path(name).unlink(missing_ok=True)
