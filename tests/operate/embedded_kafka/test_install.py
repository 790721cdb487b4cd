"""Fetching jars from a repository on this machine: good, wrong, cut or missing ones, and by two processes."""

import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from services.operate.embedded_kafka.install import (
    PART_STALE_S,
    InstallOptions,
    Jar,
    cache_folder,
    install,
    read_lock,
    write_lock,
)
from services.runtime.faults import StartFault

BYTES = {f"part{number}": f"jar {number}\n".encode() * 20_000 for number in range(12)} | {
    "kafka_2.13": b"kafka" * 30_000
}


class Repository:
    """A Maven repository over HTTP; `answers` may replace a jar's bytes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, bytes] = {}
        """Raw answers by artifact, instead of the jar."""
        repository = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                artifact = self.path.split("/")[-3]
                repository.asked.append(artifact)
                if (raw := repository.answers.get(artifact)) is not None:
                    self.wfile.write(raw)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(BYTES[artifact])))
                self.end_headers()
                self.wfile.write(BYTES[artifact])

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/maven2"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def repository(monkeypatch) -> Iterator[Repository]:
    served = Repository()
    monkeypatch.setenv("no_proxy", "*")
    yield served
    served.close()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """The folder for the jars, which does not exist yet."""
    monkeypatch.setenv("MATLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kafka-4.3.1"


@pytest.fixture
def options(tmp_path: Path, repository: Repository) -> InstallOptions:
    """Options for jars of our own in our own repository."""
    lock = tmp_path / "jars.lock"
    jars = [Jar("org.example", name, "4.3.1", hashlib.sha256(data).hexdigest()) for name, data in BYTES.items()]
    write_lock(jars, lock)
    return InstallOptions(lock=lock, repository=repository.url)


def held(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.iterdir()}


WHOLE = {f"{name}-4.3.1.jar": data for name, data in BYTES.items()}


def test_every_jar_is_fetched_once_and_kept(repository, cache, options):
    printed: list[str] = []
    assert install(printed.append, options) == cache
    assert held(cache) == WHOLE
    assert printed == [
        f"fetching Kafka 4.3.1: 13 jars, once, into {cache}",
        "fetched 10 of 13 jars",
        "fetched 13 of 13 jars",
    ]
    assert install(printed.append, options) == cache
    assert sorted(repository.asked) == sorted(BYTES)
    assert len(printed) == 3


def test_a_jar_that_was_cut_or_changed_on_the_disk_is_fetched_again(repository, cache, options):
    install(print, options)
    repository.asked.clear()
    (cache / "part1-4.3.1.jar").write_bytes(BYTES["part1"][:1000])
    (cache / "part2-4.3.1.jar").write_bytes(BYTES["part3"])
    (cache / "part4-4.3.1.jar").unlink()
    install(print, options)
    assert held(cache) == WHOLE
    assert sorted(repository.asked) == ["part1", "part2", "part4"]


def answer(head: str, body: bytes = b"") -> bytes:
    return f"HTTP/1.0 {head}\r\n\r\n".encode() + body


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (answer("404 Not Found"), "HTTP Error 404: Not Found"),
        (answer("200 OK\r\nContent-Length: 30", b"<html>a captive portal</html>\n"), "its SHA-256 is "),
        (answer("200 OK\r\nContent-Length: 240000", BYTES["part3"][:9000]), "cut off after 9000 bytes"),
        (answer("200 OK\r\nTransfer-Encoding: chunked", b"2328\r\n" + b"x" * 50), "IncompleteRead"),
        (b"no HTTP at all\r\n\r\n", "no HTTP at all"),
        (b"", "closed connection without response"),
    ],
    ids=["missing", "wrong sum", "cut", "cut chunk", "no HTTP", "nothing"],
)
def test_a_failed_download_is_named_and_leaves_no_partial_file(repository, cache, options, raw, reason):
    if b"chunked" in raw:
        raw = raw.replace(b"HTTP/1.0", b"HTTP/1.1")
    repository.answers["part3"] = raw
    with pytest.raises(StartFault, match=r"cannot fetch org.example:part3:4.3.1") as fault:
        install(print, options)
    assert reason in str(fault.value)
    assert "Check the network and start again" in str(fault.value)
    assert "--kafka HOST:PORT" in str(fault.value)
    assert repository.asked.count("part3") == options.tries
    assert held(cache).items() <= WHOLE.items()

    del repository.answers["part3"]
    install(print, options)
    assert held(cache) == WHOLE


def test_a_fault_that_passes_does_not_matter(repository, cache, options):
    repository.answers["part3"] = answer("503 Busy")
    fetched = threading.Event()

    def mend() -> None:
        while "part3" not in repository.asked:
            time.sleep(0.001)
        del repository.answers["part3"]
        fetched.set()

    mending = threading.Thread(target=mend)
    mending.start()
    install(print, msgspec.structs.replace(options, tries=1_000))
    mending.join()
    assert fetched.is_set()
    assert held(cache) == WHOLE


def test_without_a_network_the_first_fault_stops_the_installation(repository, cache, options):
    """All tries of all jars, one after the other, would take a quarter of an hour."""
    for name in BYTES:
        repository.answers[name] = answer("503 Busy")
    with pytest.raises(StartFault):
        install(print, msgspec.structs.replace(options, threads=1))
    assert len(set(repository.asked)) < len(BYTES)


def test_a_repository_that_refuses_connections_is_reported(cache, options, unused_tcp_port):
    closed = msgspec.structs.replace(options, repository=f"http://127.0.0.1:{unused_tcp_port}")
    with pytest.raises(StartFault, match="refused"):
        install(print, closed)


_INSTALL = """
import sys
from pathlib import Path
from services.operate.embedded_kafka.install import InstallOptions, install
print(install(lambda line: None, InstallOptions(repository=sys.argv[1], lock=Path(sys.argv[2]))))
"""


def test_two_installs_at_once_end_with_whole_jars(repository, cache, options):
    command = [sys.executable, "-c", _INSTALL, repository.url, str(options.lock)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for process in both:
        out, _ = process.communicate(timeout=120)
        assert (process.returncode, out.strip()) == (0, str(cache))
    assert held(cache) == WHOLE


def test_files_of_killed_downloads_are_deleted_and_those_of_running_ones_kept(repository, cache, options):
    cache.mkdir(parents=True)
    left, fresh = cache / ".left.part", cache / ".fresh.part"
    for part in (left, fresh):
        part.write_bytes(b"half")
    long_ago = time.time() - 2 * PART_STALE_S
    os.utime(left, (long_ago, long_ago))
    install(print, options)
    assert held(cache) == {**WHOLE, ".fresh.part": b"half"}


@pytest.mark.parametrize("folder", ["/proc/none/cache", "{file}/cache"])
def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(
    repository, cache, options, tmp_path, monkeypatch, folder
):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MATLINE_CACHE", folder.format(file=tmp_path / "file"))
    with pytest.raises(StartFault, match=r"cannot write to the cache .*; choose another by MATLINE_CACHE"):
        install(print, options)
    assert repository.asked == []


def test_a_jars_name_that_is_taken_by_a_folder_is_named_with_the_remedy(repository, cache, options):
    (cache / "part3-4.3.1.jar").mkdir(parents=True)
    with pytest.raises(StartFault, match=r"cannot write .*part3-4.3.1.jar: Is a directory; .*MATLINE_CACHE"):
        install(print, options)
    assert not list(cache.glob(".*"))


def test_too_little_free_space_is_reported_before_anything_is_fetched(repository, cache, options):
    with pytest.raises(StartFault, match=r"MiB free and Kafka needs .*MATLINE_CACHE"):
        install(print, msgspec.structs.replace(options, room_bytes=1 << 60))
    assert repository.asked == []


def test_the_cache_is_the_named_folder_else_the_users(monkeypatch):
    monkeypatch.setenv("MATLINE_CACHE", "~/jars")
    assert cache_folder() == Path.home() / "jars"
    monkeypatch.delenv("MATLINE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/var/cache/ann")
    assert cache_folder() == Path("/var/cache/ann/matline")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "matline"


def test_the_lock_that_comes_with_matline_names_kafka_and_its_log_binding_once():
    jars = read_lock()
    names = [jar.artifact for jar in jars]
    assert len(names) == len(set(names))
    assert {"kafka_2.13", "log4j-slf4j-impl", "kafka-clients"} <= set(names)
    assert all(len(jar.sha256) == 64 for jar in jars)
    versions = {jar.version for jar in jars if jar.artifact.startswith("kafka")}
    assert len(versions) == 1
