"""What a service shows at `/readyz` and `/metrics`. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct


class Sample(NamedTuple):
    """A value of a metric, as Prometheus names it."""

    name: str
    labels: Mapping[str, str]
    value: float


class WatchedService(Struct, frozen=True):
    """What a service answers: its address, why it is not ready (None if it is), and its metrics, if it runs.

    Of several processes of a service it is what all of them answer; `away` is how many of these do not.
    """

    name: str
    address: str
    fault: str | None
    samples: Sequence[Sample]
    away: int = 0

    @property
    def answers(self) -> bool:
        """Whether the service runs."""
        return bool(self.samples)

    def of(self, metric: str, **labels: str) -> Iterator[tuple[Mapping[str, str], float]]:
        """Yield labels and value of each sample of a metric that has these labels."""
        for sample in self.samples:
            if sample.name == metric and labels.items() <= sample.labels.items():
                yield sample.labels, sample.value

    def sum(self, metric: str, **labels: str) -> float:
        """Return the sum of the samples of a metric."""
        return sum(value for _, value in self.of(metric, **labels))


def together(processes: Sequence[WatchedService]) -> WatchedService:
    """Return what all processes of a service answer."""
    return WatchedService(
        processes[0].name,
        ", ".join(process.address for process in processes),
        "; ".join(process.fault for process in processes if process.fault is not None) or None,
        [sample for process in processes for sample in process.samples],
        sum(not process.answers for process in processes),
    )


class Look(NamedTuple):
    """What the services showed at an instant (Unix time)."""

    at_s: float
    services: Mapping[str, WatchedService]
