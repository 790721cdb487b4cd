"""Metrics that every service has: its build, its process, its certificates, and the disk that it writes to."""

import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.runtime.build import release
from services.runtime.certificates import CertificateCollector, CertificateFile
from services.runtime.disk_room import disk_room


def service_registry(
    service: str, data: Path | None, certificates: Sequence[CertificateFile] = ()
) -> CollectorRegistry:
    """Return a registry for the metrics of a service that writes to the folder `data`, None if it writes to none."""
    # `_created`, a second series for each counter, tells nothing that `process_start_time_seconds` does not.
    disable_created_metrics()  # type: ignore[no-untyped-call]  # the client annotates only a part of itself
    registry = CollectorRegistry()
    build = Gauge(
        "matline_build_info",
        "1, by service, release and Python. More than one release of a service for long: an upgrade is half done.",
        ["service", "release", "python"],
        registry=registry,
    )
    build.labels(service, release(), platform.python_version()).set(1)
    ProcessCollector(registry=registry)
    registry.register(CertificateCollector(certificates))
    if data is not None:
        registry.register(DiskCollector(data))
    return registry


class DiskCollector(Collector):
    """Shows the room on the disk of a folder, which may be still to be made, when the metrics are asked for."""

    def __init__(self, data: Path) -> None:
        self._data = data

    def collect(self) -> Iterator[Metric]:
        """Yield free and whole size, without samples while the disk does not answer."""
        free = GaugeMetricFamily(
            "matline_disk_free_bytes",
            "Room left on the disk that the service writes to. A fall to 0 stops the service and what shares the disk:"
            " free some, or enlarge it.",
            labels=["folder"],
        )
        size = GaugeMetricFamily(
            "matline_disk_size_bytes", "Size of the disk that the service writes to.", labels=["folder"]
        )
        try:
            room = disk_room(self._data)
        except OSError:
            pass
        else:
            free.add_metric([str(self._data)], room.free)
            size.add_metric([str(self._data)], room.size)
        yield from (free, size)
