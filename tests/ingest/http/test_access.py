"""Write access over a real socket: tokens, certificates, and loopback only without them."""

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import msgspec
import pytest
import trustme
from yarl import URL

from services.ingest import app
from services.ingest.errors import Overloaded
from services.ingest.http.access import Access, UnsafeAddress
from services.ingest.http.connection_limiter import ConnectionLimiter
from services.ingest.limits import IngestLimits
from services.ingest.settings import IngestSettings, settings_from
from services.runtime.faults import StartFault
from services.runtime.tls import ServerTls, TlsFiles, tls_files
from services.runtime.tokens import Role, Token, Tokens, new_token, tokens_bytes
from tests.builders import EVENT, definition
from tests.ingest.conftest import serving
from tests.ingest.http.test_api import CSV, gun, problem, push, wire
from tests.ingest.memory_log import MemoryLog

TLS = Path(__file__).parents[2] / "data" / "tls"


class Office:
    """Writes tokens to a file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tokens: list[Token] = []

    def token(self, role: Role, name: str, *events: str, gateways: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the header of a new token."""
        shown, token = new_token(role, name, list(events), list(gateways), "2026-01-04T00:00:00+00:00")
        self.tokens.append(token)
        self.write()
        return {"Authorization": f"Bearer {shown}"}

    def write(self) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(tokens_bytes(self.tokens))
        fresh.replace(self.path)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = Office(tmp_path / "tokens.json")
    office.write()
    return office


@pytest.fixture
async def client(office: Office, race_log: MemoryLog, limits: IngestLimits) -> AsyncIterator[aiohttp.ClientSession]:
    settings = IngestSettings(port=0, tokens=office.path)
    async with (
        serving(settings, race_log, limits) as address,
        aiohttp.ClientSession(address / f"v1/events/{EVENT}/") as session,
    ):
        yield session


REQUESTS = [
    ("POST", "reads", msgspec.json.encode(push(wire()))),
    ("PUT", "definition", msgspec.json.encode(definition())),
    ("POST", "entries", CSV.encode()),
    ("POST", "facts", msgspec.json.encode(gun())),
]
every_request = pytest.mark.parametrize(("method", "path", "body"), REQUESTS)


# --- tokens


@every_request
@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp4"}])
async def test_a_request_without_a_token_is_refused(client, race_log, method, path, body, header):
    async with client.request(method, path, data=body, headers=header) as answer:
        await problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert race_log.records == []


@every_request
async def test_a_token_of_the_right_role_and_event_is_accepted(client, office, race_log, method, path, body):
    header = (
        office.token("gateway", "g", EVENT, gateways=("g",))
        if path == "reads"
        else office.token("official", "Ann", EVENT)
    )
    async with client.request(method, path, data=body, headers=header) as answer:
        assert answer.status == 200
    assert race_log.facts()[0].by == (None if path == "reads" else "Ann")


@every_request
@pytest.mark.parametrize("role", ["gateway", "official", "reader"])
async def test_a_token_of_another_role_or_event_is_refused(client, office, race_log, method, path, body, role):
    event = "other" if role == ("gateway" if path == "reads" else "official") else EVENT
    header = office.token(role, "g", event, gateways=("g",))
    async with client.request(method, path, data=body, headers=header) as answer:
        await problem(answer, 403)
    assert race_log.records == []
    assert race_log.dead_letters == []


async def test_a_gateway_may_not_write_as_another_gateway(client, office, race_log):
    header = office.token("gateway", "h", EVENT, gateways=("h",))
    async with client.post("reads", json=push(wire()), headers=header) as answer:
        assert "'g'" in (await problem(answer, 403))["detail"]
    query = {"gateway": "g", "session": "s"}
    lines = {**header, "Content-Type": "application/x-ndjson"}
    async with client.post("reads", data=msgspec.json.encode(wire()), params=query, headers=lines) as answer:
        await problem(answer, 403)
    assert race_log.records == []


async def test_a_fact_is_by_the_holder_of_the_token_not_by_the_name_in_the_body(client, office, race_log):
    async with client.post("facts", json=gun(by="Bob"), headers=office.token("official", "Ann", "*")) as answer:
        assert answer.status == 200
    assert [fact.by for fact in race_log.facts()] == ["Ann"]


async def test_two_tokens_of_a_holder_work_until_one_is_revoked(client, office):
    old, new = office.token("official", "Ann", EVENT), office.token("official", "Ann", EVENT)
    for header in (old, new):
        async with client.post("facts", json=gun(), headers=header) as answer:
            assert answer.status == 200
    del office.tokens[0]
    office.write()
    async with client.post("facts", json=gun(), headers=old) as answer:
        await problem(answer, 401)
    async with client.post("facts", json=gun(), headers=new) as answer:
        assert answer.status == 200


async def test_a_body_completed_after_its_token_was_revoked_is_refused(client, office, race_log):
    header = office.token("official", "Ann", EVENT)
    begun, revoked = asyncio.Event(), asyncio.Event()

    async def slow():
        yield msgspec.json.encode(gun())[:10]
        begun.set()
        await revoked.wait()
        yield msgspec.json.encode(gun())[10:]

    sending = asyncio.create_task(client.post("facts", data=slow(), headers=header))
    await begun.wait()
    office.tokens.clear()
    office.write()
    revoked.set()
    async with await sending as answer:
        await problem(answer, 401)
    assert race_log.records == []


async def test_the_first_token_ends_service_without_one(ingest: URL, tmp_path, race_log):
    address = ingest / f"v1/events/{EVENT}/facts"
    async with aiohttp.ClientSession() as client:
        async with client.post(address, json=gun()) as answer:
            assert answer.status == 200
        Office(tmp_path / "tokens.json").token("official", "Ann", EVENT)
        async with client.post(address, json=gun()) as answer:
            await problem(answer, 401)
        (tmp_path / "tokens.json").unlink()
        async with client.post(address, json=gun()) as answer:
            await problem(answer, 401)


async def test_a_request_is_refused_before_its_body_is_read(client):
    async def endless():
        yield b"{"
        await asyncio.Event().wait()

    async with client.post("facts", data=endless()) as answer:
        await problem(answer, 401)


async def test_health_and_metrics_take_no_token(client):
    for path in ("/healthz", "/readyz", "/metrics"):
        async with client.get(path) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("limits", [IngestLimits(token_burst=3, token_requests_a_second=0.001)])
async def test_only_the_token_that_sends_too_fast_has_to_wait(client, office):
    fast, other = office.token("official", "Ann", EVENT), office.token("official", "Bob", EVENT)
    statuses = []
    for _ in range(5):
        async with client.post("facts", json=gun(), headers=fast) as answer:
            statuses.append(answer.status)
    assert statuses == [200, 200, 200, 429, 429]
    assert answer.headers["Retry-After"]
    async with client.post("facts", json=gun(), headers=other) as answer:
        assert answer.status == 200


def test_the_rate_limit_recovers_with_time(office):
    now_s = 0.0
    access = Access(Tokens(office.path), ConnectionLimiter(), clock_s=lambda: now_s)
    [token] = [office.tokens[-1]] if office.token("official", "Ann", EVENT) else []
    for _ in range(int(IngestLimits().token_burst)):
        access.count(token)
    with pytest.raises(Overloaded):
        access.count(token)
    now_s += 10 / IngestLimits().token_requests_a_second
    for _ in range(10):
        access.count(token)
    with pytest.raises(Overloaded):
        access.count(token)


# --- listening


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "timing.example", ""])
def test_listening_on_other_interfaces_requires_tokens(office, tmp_path, host):
    settings = IngestSettings(host=host, tokens=tmp_path / "none.json")
    with pytest.raises(UnsafeAddress, match="matline token add"):
        app.create_app(settings, MemoryLog())
    with pytest.raises(UnsafeAddress):  # a file without a token refuses everybody, but somebody has begun
        app.create_app(IngestSettings(host=host, tokens=office.path), MemoryLog())
    office.token("gateway", "g", EVENT, gateways=("g",))
    app.create_app(IngestSettings(host=host, tokens=office.path), MemoryLog())


def test_a_faulty_token_file_keeps_ingest_from_starting(tmp_path):
    path = tmp_path / "tokens.json"
    path.write_text("{}")
    with pytest.raises(StartFault, match="tokens"):
        app.create_app(IngestSettings(tokens=path), MemoryLog())


# --- connection limits


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def opened(address: URL) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that was served once without a token."""
    assert address.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", address.port)
    await healthy(reader, writer)
    return reader, writer


async def healthy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEALTH)
    assert await reader.readuntil(b"ok\n")


@pytest.mark.parametrize("limits", [IngestLimits(connections=3)])
async def test_at_the_connection_limit_the_oldest_one_without_a_token_is_closed(ingest: URL):
    held = [await opened(ingest) for _ in range(3)]
    newest = await opened(ingest)
    assert await held[0][0].read() == b""
    for token in (*held[1:], newest):
        await healthy(*token)
    for _, writer in (*held, newest):
        writer.close()


@pytest.mark.parametrize("limits", [IngestLimits(connections=2)])
async def test_connections_with_a_token_stay_open_and_others_are_refused(ingest: URL):
    body = msgspec.json.encode(gun())
    head = f"POST /v1/events/{EVENT}/facts HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    known = [await opened(ingest) for _ in range(2)]
    for reader, writer in known:
        writer.write(head.encode() + body)
        assert (await reader.readuntil(b"}]}")).startswith(b"HTTP/1.1 200")
    assert ingest.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", ingest.port)
    assert await reader.read() == b""
    writer.close()
    for token in known:
        await healthy(*token)
        token[1].close()


@pytest.mark.parametrize("limits", [IngestLimits(connections=3, connections_of_token=2)])
async def test_one_token_cannot_take_all_connections(ingest: URL):
    body = msgspec.json.encode(gun())
    head = f"POST /v1/events/{EVENT}/facts HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    held = [await opened(ingest) for _ in range(3)]
    for reader, writer in held:
        writer.write(head.encode() + body)
        assert (await reader.readuntil(b"}]}")).startswith(b"HTTP/1.1 200")
    newest = await opened(ingest)
    assert await held[2][0].read() == b""
    for token in (*held[:2], newest):
        await healthy(*token)
        token[1].close()
    held[2][1].close()


async def test_many_refusals_are_slowed_down(office, race_log):
    limits = IngestLimits(refusals_at_once=3, refusals_a_second=10, refusals_waiting=2, refusal_hang_up_s=0.01)
    good = office.token("official", "Ann", EVENT)
    answered: list[str] = []
    async with (
        serving(IngestSettings(port=0, tokens=office.path), race_log, limits) as address,
        aiohttp.ClientSession() as client,
    ):

        async def send(header: dict[str, str]) -> None:
            try:
                async with client.post(address / f"v1/events/{EVENT}/facts", json=gun(), headers=header) as answer:
                    answered.append(str(answer.status))
            except aiohttp.ClientConnectionError:
                answered.append("hung up on")

        for _ in range(3):
            await send({})
        await asyncio.gather(*(send({}) for _ in range(6)), send(good))
    assert answered[:3] == ["401"] * 3
    assert sorted(answered[3:]) == ["200", *["401"] * 2, *["hung up on"] * 4]
    assert answered.index("200") < len(answered) - 2  # it did not wait for them


@pytest.mark.parametrize("limits", [IngestLimits(token_bodies=2)])
async def test_each_token_has_its_own_limit_of_concurrent_bodies(client, office, race_log):
    ann, other = office.token("official", "Ann", EVENT), office.token("official", "Bob", EVENT)
    end = asyncio.Event()
    begun = asyncio.Semaphore(0)

    async def slow():
        yield msgspec.json.encode(gun())
        begun.release()
        await end.wait()

    waiting = [asyncio.create_task(client.post("facts", data=slow(), headers=ann)) for _ in range(2)]
    for _ in waiting:
        await begun.acquire()
    async with client.post("facts", json=gun(), headers=ann) as answer:
        await problem(answer, 429)
        assert answer.headers["Retry-After"]
    async with client.post("facts", json=gun(), headers=other) as answer:
        assert answer.status == 200
    end.set()
    for answer in await asyncio.gather(*waiting):
        assert answer.status == 200
        answer.release()


@pytest.mark.parametrize("limits", [IngestLimits(body_grace_s=0.1)])
async def test_a_trickling_body_is_refused_before_its_time_is_over(ingest: URL):

    async def trickling():
        yield b"{"
        while True:
            await asyncio.sleep(0.02)
            yield b" "

    address = ingest / f"v1/events/{EVENT}/facts"
    async with aiohttp.ClientSession() as client, client.post(address, data=trickling()) as answer:
        await problem(answer, 408)


@pytest.mark.parametrize("limits", [IngestLimits(body_wait_s=0.05)])
async def test_a_stalled_body_frees_its_connection(ingest: URL):

    async def stalled():
        yield b"{"
        await asyncio.Event().wait()

    address = ingest / f"v1/events/{EVENT}/facts"
    async with aiohttp.ClientSession() as client, client.post(address, data=stalled()) as answer:
        await problem(answer, 408)


# --- TLS


def files(tmp_path: Path, client_ca: bool = False) -> TlsFiles:
    cert, key = tmp_path / "server.pem", tmp_path / "server.key"
    shutil.copy(TLS / "server.pem", cert)
    shutil.copy(TLS / "server.key", key)
    return TlsFiles(cert=cert, key=key, client_ca=TLS / "authority.pem" if client_ca else None)


def trusting(client_cert: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=TLS / "authority.pem")
    if client_cert:
        context.load_cert_chain(TLS / "client.pem", TLS / "client.key")
    return context


async def test_reads_are_accepted_over_tls(race_log, tmp_path):
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json", tls=files(tmp_path))
    async with serving(settings, race_log) as address, aiohttp.ClientSession() as client:
        async with client.post(address / f"v1/events/{EVENT}/facts", json=gun(), ssl=trusting()) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await client.get(address / "healthz")


async def test_mutual_tls_accepts_a_certificate_of_the_authority(race_log, tmp_path):
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json", tls=files(tmp_path, client_ca=True))
    async with serving(settings, race_log) as address, aiohttp.ClientSession() as client:
        async with client.get(address / "healthz", ssl=trusting(client_cert=True)) as answer:
            assert answer.status == 200
        with pytest.raises(aiohttp.ClientError):
            await client.get(address / "healthz", ssl=trusting())


async def test_a_renewed_certificate_is_used_without_a_restart(race_log, tmp_path):
    limits = IngestLimits(watch_files_s=0.01)
    tls = files(tmp_path)

    async def shown(address: URL) -> str:
        _, writer = await asyncio.open_connection("127.0.0.1", address.port, ssl=trusting())
        subject = writer.get_extra_info("peercert")["subject"]
        writer.close()
        return dict(pair[0] for pair in subject)["commonName"]

    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json", tls=tls)
    async with serving(settings, race_log, limits) as address:
        assert await shown(address) == "Matline test server"
        shutil.copy(TLS / "renewed.key", tls.key)
        shutil.copy(TLS / "renewed.pem", tls.cert)
        async with asyncio.timeout(10):
            while await shown(address) != "Matline test server, renewed":
                await asyncio.sleep(0.01)


async def test_expired_certificates_are_refused_and_a_renewed_one_is_taken_at_once(race_log, tmp_path, caplog):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    valid, expired = datetime.now(UTC) + timedelta(days=90), datetime.now(UTC) - timedelta(minutes=1)

    def issue(name: str, not_after: datetime) -> Path:
        made = authority.issue_cert("127.0.0.1", not_after=not_after)
        fresh = tmp_path / "fresh"
        made.private_key_and_cert_chain_pem.write_to_path(str(fresh))
        return fresh.replace(tmp_path / name)

    def holding(client: Path) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=tmp_path / "authority.pem")
        context.load_cert_chain(client)
        return context

    server, client, client_expired = issue("server", expired), issue("client", valid), issue("client-expired", expired)
    tls = TlsFiles(cert=server, key=server, client_ca=tmp_path / "authority.pem")
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json", tls=tls)
    async with serving(settings, race_log) as address, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="certificate has expired"):
            await session.get(address / "healthz", ssl=holding(client))
        assert f"{server} (MATLINE_TLS_CERT) expired at" in caplog.text
        issue("server", valid)
        async with asyncio.timeout(60):
            while True:
                try:
                    async with session.get(address / "healthz", ssl=holding(client)) as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientConnectorCertificateError:
                    await asyncio.sleep(0.05)
        with pytest.raises(aiohttp.ClientError):
            await session.get(address / "healthz", ssl=holding(client_expired))
        async with session.get(address / "metrics", ssl=holding(client)) as answer:
            assert 'matline_certificate_expires_timestamp_seconds{variable="MATLINE_TLS_CERT"}' in await answer.text()


def test_an_unusable_renewed_certificate_leaves_the_old_one_in_use(tmp_path):
    tls = ServerTls(files(tmp_path))
    (tmp_path / "server.pem").write_text("half a")
    with pytest.raises(StartFault, match="the old one stays"):
        tls.renewed()
    assert not tls.renewed()


def test_tls_needs_both_files_and_they_must_be_usable(tmp_path):
    with pytest.raises(StartFault, match="both"):
        tls_files({"MATLINE_TLS_CERT": "x"})
    assert tls_files({}) is None
    named = settings_from({"MATLINE_TLS_CERT": str(TLS / "server.pem"), "MATLINE_TLS_KEY": str(TLS / "client.key")}).tls
    assert named is not None
    with pytest.raises(StartFault):
        ServerTls(named)
    with pytest.raises(StartFault):
        ServerTls(TlsFiles(cert=tmp_path / "none", key=tmp_path / "none"))
