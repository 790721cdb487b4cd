"""The page of metrics, made from the code: `python -m tests.docs.metrics_page` writes it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric

from services.ingest.metrics import IngestMetrics
from services.live.metrics import LiveMetrics
from services.operate.shadow_check import VerifyMetrics
from services.projections.batch import Results
from services.projections.board_lag import BoardLag
from services.projections.device_reads import DeviceTallies
from services.projections.health_metrics import HealthCollector
from services.projections.metrics import ProjectionMetrics
from services.runtime.service_metrics import service_registry
from services.scoring.metrics import ScoringMetrics

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
STANDARD = "process_"  # the names that every Prometheus client uses, as dashboards for any process expect them

HEAD = """# Metrics

What the services show at `/metrics`. Ports: ingest 8701, scoring 8702, projections 8703, live 8700, and
`matline verify --every` 8704. Each metric says what a rise means and what to do. The alerts on them are in
[deploy/prometheus/](../deploy/prometheus), each with a [runbook](../deploy/runbooks); the dashboards are in
[deploy/grafana/](../deploy/grafana).

The labels `event`, `race`, `point`, `mat` and `device` are those of events that changed within a day, 20 at most;
`gateway` is one that was heard within a day, 500 at most. Each service also has the usual `process_*`: memory,
processor time, open files, start. This page is made from the code.
"""


class Described(NamedTuple):
    """A metric as it is shown: its name with the ending of a counter, type, labels and help text."""

    name: str
    kind: str
    labels: tuple[str, ...]
    text: str


def registries() -> dict[str, CollectorRegistry]:
    """Return a registry for each service with all its metrics, and one with those that all services have."""
    made = {
        "ingest": IngestMetrics(CollectorRegistry()).registry,
        "scoring": ScoringMetrics(CollectorRegistry()).registry,
        "projections": ProjectionMetrics(CollectorRegistry()).registry,
        "live": LiveMetrics(CollectorRegistry()).registry,
        "verify": VerifyMetrics(CollectorRegistry()).registry,
    }
    made["projections"].register(HealthCollector(Results(), DeviceTallies(), BoardLag(), lambda: 0))
    return {"every service": service_registry("ingest", Path()), **made}


def described(registry: CollectorRegistry) -> Iterator[Described]:
    """Yield the metrics of a registry, those of the process left out."""
    for collector in registry._collector_to_names:
        own = tuple(collector._labelnames) if isinstance(collector, MetricWrapperBase) else None
        for family in collector.collect():
            if not family.name.startswith(STANDARD):
                name = f"{family.name}_total" if family.type == "counter" else family.name
                yield Described(name, family.type, labels_of(family) if own is None else own, family.documentation)


def labels_of(family: Metric) -> tuple[str, ...]:
    """Return the labels of a family that a collector makes when it is asked."""
    return tuple(vars(family)["_labelnames"])


def page() -> str:
    """Return the page as it ought to be."""
    return HEAD + "".join(section(name, described(registry)) for name, registry in registries().items())


def section(name: str, metrics: Iterable[Described]) -> str:
    """Return the section of a service."""
    rows = [f"| `{m.name}` | {m.kind} | {', '.join(m.labels)} | {m.text} |\n" for m in metrics]
    title = name[0].upper() + name[1:]
    return f"\n## {title}\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n{''.join(rows)}"


if __name__ == "__main__":
    PAGE.write_text(page())
