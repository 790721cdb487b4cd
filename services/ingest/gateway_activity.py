"""What each gateway sent lately: metrics by event and gateway, and a log line when a gateway sends dead letters.

Gateways choose their names, so the series have a bound, and those of a gateway that was silent for a day are dropped.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator

from msgspec import Struct
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

GATEWAYS_MAX = 500  # beyond it, the gateway that was heard least recently is forgotten
FORGOTTEN_AFTER_S = 24 * 3600.0
LOGGED_EVERY = 100  # dead letters of a gateway, after its first

log = logging.getLogger(__name__)


class _Activity(Struct):
    """Counts of one gateway since it was first heard; `heard_s` is Unix time."""

    reads: int = 0
    rejected: int = 0
    missing: int = 0
    heard_s: float = 0.0


class GatewayActivity(Collector):
    """Counts what gateways send. `now_s` returns Unix time."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self._now_s = now_s
        self._gateways: OrderedDict[tuple[str, str, str], _Activity] = OrderedDict()

    def add_reads(self, event: str, gateway: str, source: str, reads: int) -> None:
        """Count reads that Kafka has acknowledged."""
        self._heard(event, gateway, source).reads += reads

    def set_missing(self, event: str, gateway: str, source: str, missing: int) -> None:
        """Set how many numbers of the gateway's sessions have not come, though later ones have."""
        self._heard(event, gateway, source).missing = missing

    def add_rejected(self, event: str, gateway: str, source: str, dead_letters: int) -> None:
        """Count dead letters; log the first of a gateway and each hundredth."""
        activity = self._heard(event, gateway, source)
        before = activity.rejected
        activity.rejected += dead_letters
        if dead_letters and (before == 0 or before // LOGGED_EVERY < activity.rejected // LOGGED_EVERY):
            log.warning(
                "%s sent what cannot be read, %d dead letters by now; `matline rejected list` shows why",
                f"gateway {gateway}" if gateway else f"a sender by {source}",
                activity.rejected,
                extra={"event": event, "gateway": gateway},
            )

    def _heard(self, event: str, gateway: str, source: str) -> _Activity:
        key = (event, gateway, source)
        activity = self._gateways.get(key)
        if activity is None:
            activity = self._gateways[key] = _Activity()
        activity.heard_s = self._now_s()
        self._gateways.move_to_end(key)
        if len(self._gateways) > GATEWAYS_MAX:
            self._gateways.popitem(last=False)
        return activity

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the gateways that were heard within a day."""
        self._forget()
        labels = ["event", "gateway", "source"]
        reads = CounterMetricFamily(
            "matline_ingest_gateway_reads",
            "Reads of a gateway acknowledged by Kafka. Flat while its mat is crossed: power, antennas, its network.",
            labels=labels,
        )
        rejected = CounterMetricFamily(
            "matline_ingest_gateway_rejected",
            "Dead letters of a gateway; without a gateway where none could be read. See `matline rejected list`.",
            labels=labels,
        )
        missing = GaugeMetricFamily(
            "matline_ingest_gateway_missing_reads",
            "Numbers that a gateway's sessions skipped and that have not come since. Falls again when they were only"
            " late; stays above 0: reads were lost before they reached us, compare the gateway's own count.",
            labels=labels,
        )
        heard = GaugeMetricFamily(
            "matline_ingest_gateway_last_heard_timestamp_seconds",
            "When a gateway last sent anything: `time() -` this is its silence.",
            labels=labels,
        )
        for key, activity in self._gateways.items():
            reads.add_metric(key, activity.reads)
            rejected.add_metric(key, activity.rejected)
            missing.add_metric(key, activity.missing)
            heard.add_metric(key, activity.heard_s)
        yield from (reads, rejected, missing, heard)

    def _forget(self) -> None:
        """Drop the gateways that were silent for a day; the first are those heard least recently."""
        since_s = self._now_s() - FORGOTTEN_AFTER_S
        while self._gateways and next(iter(self._gateways.values())).heard_s < since_s:
            self._gateways.popitem(last=False)
