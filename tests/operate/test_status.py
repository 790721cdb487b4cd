"""The screen of `matline status`, from what services show."""

from prometheus_client import CollectorRegistry
from rich.console import Console

from services.ingest.metrics import IngestMetrics
from services.operate.status import screen
from services.watch.stack_state import stack_state
from services.watch.watched_service import Look, Sample, WatchedService

NOW_S = 1_800_000_000.0


def service(name: str, registry: CollectorRegistry, fault: str | None = None) -> WatchedService:
    families = registry.collect()
    samples = [Sample(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]
    return WatchedService(name, f"http://{name}", fault, samples)


def shown(before: dict[str, WatchedService], now: dict[str, WatchedService]) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as capture:
        state = stack_state(Look(NOW_S - 1, before), Look(NOW_S, now))
        console.print(screen(state, NOW_S))
    return capture.get()


def test_the_screen_shows_services_rates_and_gateways():
    metrics = IngestMetrics(CollectorRegistry())
    others = {
        name: WatchedService(name, f"http://{name}", f"does not answer at http://{name}", [])
        for name in ("scoring", "projections", "live")
    }
    metrics.reads.labels("http").inc(5)
    before = {"ingest": service("ingest", metrics.registry), **others}
    metrics.reads.labels("http").inc(40)
    metrics.gateways.add_reads("e", "start", "http", 45)
    metrics.gateways.add_rejected("e", "start", "http", 2)
    metrics.gateways.set_missing("e", "start", "http", 7)
    text = shown(before, {"ingest": service("ingest", metrics.registry), **others})
    assert "does not answer at http://scoring" in text
    assert "40 reads/s" in text
    row = next(line for line in text.splitlines() if "start" in line and "│ e " in line)
    assert [cell.strip() for cell in row.split("│")][-4:-1] == ["45", "7", "2"]
    assert "No event has changed within a day." in text
