"""The embedded Kafka's jars, fetched once into the user's cache by a lock of coordinates and SHA-256 sums.

A jar gets its final name only once its sum is right, so a killed download, a full disk or two processes at once leave
nothing wrong behind.
"""

import hashlib
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from http.client import HTTPException
from pathlib import Path

from msgspec import Struct

from services.runtime.faults import StartFault

LOCK = Path(__file__).with_name("jars.lock")
THREADS = 8
TIMEOUT_S = 20  # of one connection or read
TRIES = 3
ROOM_BYTES = 150 * 1024 * 1024  # the jars are 45 MB; what is left is for their unpacked native parts
JAR_BYTES_MAX = 64 * 1024 * 1024  # the largest has 10 MB
PART_SUFFIX = ".part"
PART_STALE_S = 3600  # a download that took longer is dead: who made it was killed


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
        return Path(named).expanduser()
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
    _remove_stale(folder)
    say(f"fetching Kafka {version}: {len(missing)} jars, once, into {folder}")
    repository = _repository()
    with ThreadPoolExecutor(THREADS) as pool:
        fetches = [pool.submit(_fetch, jar, repository, folder) for jar in missing]
        try:
            for done, fetch in enumerate(as_completed(fetches), start=1):
                fetch.result()
                if done % 10 == 0 or done == len(missing):
                    say(f"fetched {done} of {len(missing)} jars")
        except StartFault:
            pool.shutdown(cancel_futures=True)  # the others would fail alike, each after its own patience
            raise
    return folder


def _remove_stale(folder: Path) -> None:
    """Take away what killed downloads left; another process's own, at work now, stay."""
    for part in folder.glob(f".*{PART_SUFFIX}"):
        try:
            if time.time() - part.stat().st_mtime > PART_STALE_S:
                part.unlink()
        except OSError:  # gone meanwhile, or another user's
            continue


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


def _fetch(jar: Jar, repository: str, folder: Path) -> None:
    """One jar into the cache. Raises StartFault."""
    reason = ""
    for _ in range(TRIES):
        try:
            with urllib.request.urlopen(f"{repository}/{jar.path}", timeout=TIMEOUT_S) as answer:
                data = answer.read(JAR_BYTES_MAX)
                cut = bool(answer.length)  # what was announced and did not come
        except (OSError, HTTPException) as error:  # URLError, timeouts and TLS faults are OSErrors
            reason = f"{error}"
            continue
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 == jar.sha256:
            _store(data, folder / jar.file_name)
            return
        reason = f"cut off after {len(data)} bytes" if cut else f"its SHA-256 is {sha256}, the lock has {jar.sha256}"
    raise StartFault(
        f"cannot fetch {jar.group}:{jar.artifact}:{jar.version}: {reason}. Check the network and start again; what was"
        " fetched is kept. Without a network give a running Kafka by --kafka HOST:PORT"
    )


def _store(data: bytes, path: Path) -> None:
    """Write a file that has its name only once it is whole and on the disk. Raises StartFault."""
    try:
        handle, part = tempfile.mkstemp(prefix=".", suffix=PART_SUFFIX, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(part).replace(path)
        finally:
            Path(part).unlink(missing_ok=True)
    except OSError as error:
        raise StartFault(f"cannot write {path}: {error.strerror}; name another cache by MATLINE_CACHE") from None
