"""Reaching ClickHouse: addresses, what is said when it does not answer, and nobody's password in it."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from services.runtime.clickhouse import (
    ERROR_CHARS,
    Database,
    DatabaseAddress,
    DatabaseUnavailable,
    _short,
    database_address,
)
from services.runtime.faults import StartFault

TLS = Path(__file__).parents[1] / "data" / "tls"


def at(address: str, **more: str) -> DatabaseAddress:
    return database_address({"MATLINE_CLICKHOUSE": address, **{f"MATLINE_CLICKHOUSE_{k}": v for k, v in more.items()}})


def test_without_an_address_it_is_the_engine_in_this_process(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert database_address({}).path == tmp_path / ".matline" / "clickhouse"
    there = at("chdb:///data/boards")
    assert (there.path, there.embedded, str(there)) == (Path("/data/boards"), True, "chDB in /data/boards")
    assert at("chdb://boards").path == tmp_path / "boards"


def test_a_servers_address_has_defaults():
    assert at("http://db") == DatabaseAddress(host="db", port=8123)
    assert at("https://db") == DatabaseAddress(host="db", port=8443, secure=True)
    assert at("http://ann:p%40ss@db:81/races") == DatabaseAddress(
        host="db", port=81, user="ann", password="p@ss", database="races"
    )
    assert at("http://[::1]:81/") == DatabaseAddress(host="::1", port=81)
    assert not at("http://db").embedded


def test_variables_of_their_own_beat_the_address():
    address = at("https://ann:old@db", USER="bob", PASSWORD="new", CA="/ca.pem")
    assert (address.user, address.password, address.ca) == ("bob", "new", "/ca.pem")


@pytest.mark.parametrize(
    "address",
    [
        "db:8123",
        "tcp://ann:sesame@db:9000",
        "http://",
        "http://ann:sesame@db:port",
        "http://ann:sesame@db:0",
        "http://[::1",
        "http://ann:sesame@db:99999",
        "https://ann:sesame@[db:8443",
    ],
)
def test_an_invalid_address_is_refused_without_showing_its_password(address):
    with pytest.raises(StartFault, match=r"MATLINE_CLICKHOUSE=.* is not an address; write chdb") as fault:
        at(address)
    assert "sesame" not in str(fault.value)


def test_a_certificate_authority_without_tls_would_not_be_used_and_is_refused():
    with pytest.raises(StartFault, match="TLS"):
        at("http://db", CA=str(TLS / "authority.pem"))


def test_a_password_is_never_shown():
    address = at("http://ann:sesame@db:81/races")
    assert "sesame" not in f"{address} {address!r}"
    assert str(address) == "ClickHouse at db:81"


async def refused(address: DatabaseAddress) -> str:
    database = Database(address)
    try:
        with pytest.raises(DatabaseUnavailable) as fault:
            await database.open()
    finally:
        await database.close()
    return str(fault.value)


async def test_a_closed_port_is_unavailable_and_the_message_names_it(unused_tcp_port):
    said = await refused(at(f"http://ann:sesame@127.0.0.1:{unused_tcp_port}"))
    assert said.startswith(f"ClickHouse at 127.0.0.1:{unused_tcp_port}: ")
    assert "refused" in said
    assert "sesame" not in said


class _Refusing(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = b"Code: 516. DB::Exception: ann: Authentication failed: " + b"x" * 5_000
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[int]:
    """The port of a server that lets nobody in."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Refusing)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_wrong_password_is_reported_in_the_servers_words_shortened(refusing):
    said = await refused(at(f"http://ann:sesame@127.0.0.1:{refusing}"))
    assert "Authentication failed" in said
    assert "sesame" not in said
    assert len(said) < ERROR_CHARS + 100


async def test_something_that_is_no_clickhouse_is_unavailable():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            for _ in range(20):
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(b"220 mail ready\r\n")

        threading.Thread(target=talk, daemon=True).start()
        await refused(at(f"http://127.0.0.1:{server.getsockname()[1]}"))
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("file", ["none.pem", "server.key"])
async def test_an_unusable_certificate_authority_is_reported_at_once(file):
    database = Database(at("https://127.0.0.1:1", CA=str(TLS / file)))
    with pytest.raises(StartFault, match=rf"MATLINE_CLICKHOUSE_CA=.*{file} cannot be used"):
        await database.open()
    await database.close()


async def test_a_database_that_is_there_is_not_made_again(engine):
    """Who may only read is refused even `CREATE DATABASE IF NOT EXISTS`."""
    first = Database(DatabaseAddress(path=engine, database="mine `quoted"))
    await first.open()
    await first.command("CREATE TABLE kept (n Int64) ENGINE = MergeTree ORDER BY n")
    await first.insert("kept", {"n": ("Int64", [2, 1])}, "once")
    second = Database(first.address)
    await second.open()
    assert await second.query("SELECT n FROM kept WHERE n > {least:Int64} ORDER BY n", {"least": 1}) == [(2,)]
    await second.close()
    await first.command("DROP TABLE kept")
    await first.close()


async def test_what_the_engine_refuses_is_unavailable_and_short(database):
    for refused_work in (
        database.query("SELECT nothing FROM nowhere"),
        database.command("CREATE TABLE"),
        database.insert("nowhere", {"n": ("Int64", [1])}, "once"),
    ):
        with pytest.raises(DatabaseUnavailable) as fault:
            await refused_work
        assert 0 < len(str(fault.value)) < ERROR_CHARS + 20


def test_a_long_message_is_shortened_to_one_line():
    assert _short(ValueError("a\n  b")) == "a b"
    assert _short(ValueError("x" * 1000)) == "x" * ERROR_CHARS + " …"
