"""Services that show the metrics of a test."""

from prometheus_client.parser import text_string_to_metric_families

from services.watch.ask_services import PORTS
from services.watch.watched_service import Look, Sample, WatchedService

NOW_S = 1_800_000_000.0


def look(at_s: float = NOW_S, away: str | None = None, **shown: str) -> Look:
    """A look at all services, of which each shows these lines of metrics, and `away` does not answer."""
    return Look(at_s, {name: service(name, shown.get(name, ""), name == away) for name in PORTS})


def service(name: str, lines: str = "", away: bool = False) -> WatchedService:
    """A service with these lines of metrics beside what every service shows."""
    address = f"http://{name}"
    if away:
        return WatchedService(name, address, f"does not answer at {address}", [], away=1)
    return WatchedService(name, address, None, samples(metrics(name, lines)))


def metrics(name: str, lines: str) -> str:
    """The text of a service's `/metrics`."""
    usual = [f'matline_build_info{{service="{name}",release="1"}} 1', 'matline_disk_free_bytes{folder="/"} 5e10']
    return "\n".join([*usual, *(line.strip() for line in lines.splitlines() if line.strip())]) + "\n"


def samples(text: str) -> list[Sample]:
    """The samples of a text of metrics."""
    families = text_string_to_metric_families(text)
    return [Sample(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]
