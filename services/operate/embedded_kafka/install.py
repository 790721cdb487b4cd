"""Fetch the embedded Kafka's jars once into the user's cache, as listed with SHA-256 sums in a lock file.

A jar gets its final name only once its sum is right, so a killed download, a full disk or two processes at a time
never leave a damaged jar.
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
TIMEOUT_S = 20  # of one connection or read
JAR_BYTES_MAX = 64 * 1024 * 1024  # the largest has 10 MB
PART_SUFFIX = ".part"
PART_STALE_S = 3600  # an older partial download was left by a killed process


class InstallOptions(Struct, frozen=True, kw_only=True):
    """Which jars to fetch and from where. `repository` None is Maven Central.

    `room_bytes` must be free: the jars take 45 MB, and their native libraries are extracted.
    """

    lock: Path = LOCK
    repository: str | None = None
    threads: int = 8
    tries: int = 3
    room_bytes: int = 150 * 1024 * 1024


OPTIONS = InstallOptions()


class Jar(Struct, frozen=True):
    """A jar by its Maven coordinates and the SHA-256 of its bytes."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The jar's file name in the cache."""
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """The jar's path in a Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file_name}"


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """Return the jars of the lock file, which has a line for each with coordinates and sum."""
    jars = []
    for line in lock.read_text().splitlines():
        if line and not line.startswith("#"):
            coordinates, sha256 = line.split()
            group, artifact, version = coordinates.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return jars


def write_lock(jars: list[Jar], lock: Path = LOCK) -> None:
    """Write the lock file, for `make kafka-lock`."""
    lines = [f"{jar.group}:{jar.artifact}:{jar.version} {jar.sha256}\n" for jar in jars]
    head = "# Written by `make kafka-lock`: the embedded Kafka's jars, group:artifact:version SHA-256.\n"
    lock.write_text(head + "".join(lines))


def cache_folder() -> Path:
    """Return the folder for downloads: MATLINE_CACHE, or else `matline` in the user's cache folder."""
    named = os.environ.get("MATLINE_CACHE")
    if named:
        return Path(named).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "matline"
    return (Path(base) if base else Path.home() / ".cache") / "matline"


def install(say: Callable[[str], None], options: InstallOptions = OPTIONS) -> Path:
    """Fetch the jars that are missing and return the folder with all of them.

    `say` shows lines of progress. Raises StartFault.
    """
    jars = read_lock(options.lock)
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
            f"cannot write to the cache {folder}: {error.strerror}; choose another by MATLINE_CACHE"
        ) from None
    if free < options.room_bytes:
        raise StartFault(
            f"the disk of {folder} has {free // 2**20} MiB free and Kafka needs {options.room_bytes // 2**20} MiB;"
            " free some space, or set MATLINE_CACHE to a folder on another disk"
        )
    _remove_stale(folder)
    say(f"fetching Kafka {version}: {len(missing)} jars, once, into {folder}")
    repository = options.repository or _maven_central()
    with ThreadPoolExecutor(options.threads) as pool:
        fetches = [pool.submit(_fetch, jar, repository, folder, options.tries) for jar in missing]
        try:
            for done, fetch in enumerate(as_completed(fetches), start=1):
                fetch.result()
                if done % 10 == 0 or done == len(missing):
                    say(f"fetched {done} of {len(missing)} jars")
        except StartFault:
            pool.shutdown(cancel_futures=True)  # the others would fail too, each after all its tries
            raise
    return folder


def _remove_stale(folder: Path) -> None:
    """Delete what killed downloads left, but not the files of a process that is downloading now."""
    for part in folder.glob(f".*{PART_SUFFIX}"):
        try:
            if time.time() - part.stat().st_mtime > PART_STALE_S:
                part.unlink()
        except OSError:  # deleted meanwhile, or another user's
            continue


def _is_there(path: Path, jar: Jar) -> bool:
    """Return whether the jar is in the cache with the right sum; otherwise it is fetched again."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256
    except OSError:
        return False


def _maven_central() -> str:
    try:
        from jgo.constants import MAVEN_CENTRAL_URL
    except ImportError:
        raise StartFault(
            "the embedded Kafka is not installed; install `matline[embedded]`, or use a cluster by --kafka HOST:PORT"
        ) from None
    return str(MAVEN_CENTRAL_URL)


def _fetch(jar: Jar, repository: str, folder: Path, tries: int) -> None:
    """Fetch one jar into the cache. Raises StartFault."""
    reason = ""
    for _ in range(tries):
        try:
            with urllib.request.urlopen(f"{repository}/{jar.path}", timeout=TIMEOUT_S) as answer:
                data = answer.read(JAR_BYTES_MAX)
                cut = bool(answer.length)  # announced bytes that did not arrive
        except (OSError, HTTPException) as error:  # URLError, timeouts and TLS faults are OSErrors
            reason = f"{error}"
            continue
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 == jar.sha256:
            _store(data, folder / jar.file_name)
            return
        reason = f"cut off after {len(data)} bytes" if cut else f"its SHA-256 is {sha256}, the lock has {jar.sha256}"
    raise StartFault(
        f"cannot fetch {jar.group}:{jar.artifact}:{jar.version}: {reason}. Check the network and start again; fetched"
        " jars are kept. Without a network, use a running Kafka by --kafka HOST:PORT"
    )


def _store(data: bytes, path: Path) -> None:
    """Write a file that gets its name only once all of it is on the disk. Raises StartFault."""
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
        raise StartFault(f"cannot write {path}: {error.strerror}; choose another cache by MATLINE_CACHE") from None
