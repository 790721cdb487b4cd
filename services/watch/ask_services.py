"""Ask the services of a stack how they are: whether they are ready, and what their metrics say."""

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from socket import AF_INET, SOCK_STREAM

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from yarl import URL

from services.runtime.environment import number, text
from services.runtime.faults import StartFault
from services.watch.watched_service import Look, Sample, WatchedService, together

PORTS = {"ingest": 8701, "scoring": 8702, "projections": 8703, "live": 8700}
ANSWER_S = 5.0


Addresses = Mapping[str, Sequence[str]]
"""The addresses of the services by name; there may be several scoring workers."""


def addresses(environment: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the addresses of each service: on this machine, unless MATLINE_SERVICES has others. Raises StartFault."""
    host = text(environment, "MATLINE_HOST", "127.0.0.1")
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    scheme = "https" if environment.get("MATLINE_TLS_CERT", "").strip() else "http"
    ports = {name: number(environment, f"MATLINE_{name.upper()}_PORT", port) for name, port in PORTS.items()}
    here = {name: [f"{scheme if name == 'ingest' else 'http'}://{host}:{port}"] for name, port in ports.items()}
    return here | _elsewhere(text(environment, "MATLINE_SERVICES", ""))


def _elsewhere(listed: str) -> dict[str, list[str]]:
    """Return the addresses that a list such as `ingest=http://ingest:8701,scoring=...` gives; a service may be in it
    more than once. Raises StartFault.
    """
    given: dict[str, list[str]] = {}
    for item in filter(None, (part.strip() for part in listed.split(","))):
        name, _, address = item.partition("=")
        if name not in PORTS or not address.startswith(("http://", "https://")):
            raise StartFault(
                f"MATLINE_SERVICES: {item[:80]!r} is no service with its address, such as scoring=http://scoring:8702;"
                f" the services are {', '.join(PORTS)}"
            )
        given.setdefault(name, []).append(address.rstrip("/"))
    return given


async def look_at(services: Addresses) -> Look:
    """Return what the services at these addresses answer now. A name of several hosts stands for all of them.

    Certificates are not verified: they are for the public name, which is not asked here, and nothing secret is sent.
    """
    limit = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(ssl=False)) as session:
        named = [(name, address) for name, listed in services.items() for address in listed]
        hosts = await asyncio.gather(*(_hosts(address) for _, address in named))
        asked = [_ask(session, name, host) for (name, _), of in zip(named, hosts, strict=True) for host in of]
        answers = await asyncio.gather(*asked)
    now_s = time.time()
    return Look(now_s, {name: together([answer for answer in answers if answer.name == name]) for name in services})


async def _hosts(address: str) -> list[str]:
    """Return the address of each host that a name leads to; the address as it is if that is one, or none."""
    url = URL(address)
    try:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(url.host, url.port, family=AF_INET, type=SOCK_STREAM)
    except OSError:
        return [address]
    return on_hosts(address, {str(socket_address[0]) for *_, socket_address in found})


def on_hosts(address: str, hosts: Collection[str]) -> list[str]:
    """Return the address on each of the hosts that its name leads to; as it is, with its name, on a single one."""
    return [address] if len(hosts) < 2 else [str(URL(address).with_host(host)).rstrip("/") for host in sorted(hosts)]


async def _ask(session: aiohttp.ClientSession, name: str, address: str) -> WatchedService:
    try:
        async with session.get(f"{address}/readyz") as ready:
            fault = None if ready.status == 200 else (await ready.text()).strip()
        async with session.get(f"{address}/metrics") as metrics:
            samples = await asyncio.to_thread(_samples, await metrics.text())
            return WatchedService(name, address, fault, samples)
    except aiohttp.ClientSSLError as error:
        return WatchedService(name, address, f"TLS fails at {address}: {error}", [])
    except aiohttp.ServerDisconnectedError:
        why = ", which may want a client's certificate (MATLINE_TLS_CLIENT_CA)" if address.startswith("https:") else ""
        return WatchedService(name, address, f"the connection is closed by {address}{why}", [])
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return WatchedService(name, address, f"does not answer at {address}", [])


def _samples(metrics: str) -> list[Sample]:
    families = text_string_to_metric_families(metrics)
    return [Sample(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]
