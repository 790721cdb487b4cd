"""Ask the services of a stack how they are: whether they are ready, and what their metrics say."""

import asyncio
from collections.abc import Iterator, Mapping

import aiohttp
from msgspec import Struct
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from services.runtime.environment import number, text

PORTS = {"ingest": 8701, "scoring": 8702, "projections": 8703, "live": 8700}
ANSWER_S = 5.0


class WatchedService(Struct, frozen=True):
    """What a service answers: its address, why it is not ready (None if it is), and its metrics, if it runs."""

    name: str
    address: str
    fault: str | None
    samples: list[Sample]

    @property
    def answers(self) -> bool:
        """Whether the service runs."""
        return bool(self.samples)

    def of(self, metric: str, **labels: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and value of each sample of a metric that has these labels."""
        for sample in self.samples:
            if sample.name == metric and labels.items() <= sample.labels.items():
                yield sample.labels, sample.value

    def sum(self, metric: str, **labels: str) -> float:
        """Return the sum of the samples of a metric."""
        return sum(value for _, value in self.of(metric, **labels))


def addresses(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the address of each service on this machine. Raises StartFault."""
    host = text(environment, "MATLINE_HOST", "127.0.0.1")
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    scheme = "https" if environment.get("MATLINE_TLS_CERT", "").strip() else "http"
    ports = {name: number(environment, f"MATLINE_{name.upper()}_PORT", port) for name, port in PORTS.items()}
    return {name: f"{scheme if name == 'ingest' else 'http'}://{host}:{port}" for name, port in ports.items()}


async def watched_services(environment: Mapping[str, str]) -> dict[str, WatchedService]:
    """Return what the four services on this machine answer. Raises StartFault.

    Certificates are not verified: they are for the public name, which is not asked here, and nothing secret is sent.
    """
    limit = aiohttp.ClientTimeout(total=ANSWER_S)
    async with aiohttp.ClientSession(timeout=limit, connector=aiohttp.TCPConnector(ssl=False)) as session:
        asked = [_ask(session, name, address) for name, address in addresses(environment).items()]
        return {service.name: service for service in await asyncio.gather(*asked)}


async def _ask(session: aiohttp.ClientSession, name: str, address: str) -> WatchedService:
    try:
        async with session.get(f"{address}/readyz") as ready:
            fault = None if ready.status == 200 else (await ready.text()).strip()
        async with session.get(f"{address}/metrics") as metrics:
            families = text_string_to_metric_families(await metrics.text())
            return WatchedService(name, address, fault, [sample for family in families for sample in family.samples])
    except aiohttp.ClientSSLError as error:
        return WatchedService(name, address, f"TLS fails at {address}: {error}", [])
    except aiohttp.ServerDisconnectedError:
        why = ", which may want a client's certificate (MATLINE_TLS_CLIENT_CA)" if address.startswith("https:") else ""
        return WatchedService(name, address, f"the connection is closed by {address}{why}", [])
    except (aiohttp.ClientError, TimeoutError, ValueError):
        return WatchedService(name, address, f"does not answer at {address}", [])
