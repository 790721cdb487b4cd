"""`matline verify EVENT --every SECONDS`: compare again and again beside a race, with the verdict as metrics.

The log is scored on from where the last comparison ended, so each costs what is new, and making the standings. The
verdict is exact at every revision that is served; a difference is a fault, not a delay.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Thread
from typing import Any

from aiokafka.errors import KafkaError
from msgspec import Struct
from prometheus_client import CollectorRegistry, Gauge

from schemas.codec import UnknownVersion
from services.operate.ingest_client import token_headers
from services.operate.verify import Comparison, Fold, compare, live_address, served_standings
from services.runtime import exit_codes, logs, ops
from services.runtime.environment import number, text
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options
from services.runtime.service_metrics import service_registry
from services.runtime.topic_records import LogUnavailable

log = logging.getLogger(__name__)


class VerifyMetrics:
    """The metrics of one process, on its own registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.different = Gauge(
            "matline_verify_different",
            "1 if the boards that were served last differ from the log as it is scored here, else 0. 1: a service lost,"
            " doubled or computed something; follow the runbook BoardsDiffer.",
            ["event"],
            registry=registry,
        )
        self.compared_s = Gauge(
            "matline_verify_compared_timestamp_seconds",
            "When the boards were last compared with the log, at first the start of the process. It stands still:"
            " Kafka or live does not answer, as `/readyz` says.",
            ["event"],
            registry=registry,
        )


class ShadowSettings(Struct, frozen=True, kw_only=True):
    """What is compared how often, the address of the live API with headers, and where the metrics are served."""

    event: str
    every_s: float
    seed: int
    kafka: KafkaOptions
    live: str
    headers: Mapping[str, str]
    host: str
    port: int


class ShadowCheck:
    """The comparisons of one event. `fault` says why the last could not be made, None if it was."""

    def __init__(self, settings: ShadowSettings, metrics: VerifyMetrics) -> None:
        self.fault: str | None = "nothing was compared yet"
        self._settings = settings
        self._metrics = metrics
        self._fold = Fold(settings.event, settings.seed)
        self._difference: str | None = None
        metrics.compared_s.labels(settings.event).set_to_current_time()

    async def keep_comparing(self) -> None:
        """Compare until cancelled. After a comparison that took long, wait as long as it took."""
        while True:
            began_s = time.monotonic()
            await self.look()
            took_s = time.monotonic() - began_s
            await asyncio.sleep(max(took_s, self._settings.every_s - took_s))

    async def look(self) -> None:
        """Compare once, in a thread: scoring a long log takes seconds. A failure is kept in `fault`."""
        try:
            comparison = await asyncio.wrap_future(_started(self._compare))
        except (StartFault, LogUnavailable, UnknownVersion, KafkaError) as error:
            is_of_kafka = isinstance(error, KafkaError)
            fault = kafka_fault(self._settings.kafka.servers, error) if is_of_kafka else str(error)
            if fault != self.fault:
                log.warning("the boards cannot be compared with the log: %s", fault)
            self.fault = fault
            return
        self._show(comparison)

    def _compare(self) -> Comparison:
        settings = self._settings
        served = served_standings(settings.event, settings.live, settings.headers)
        self._fold, comparison = asyncio.run(compare_on(self._fold, served, settings.kafka))
        return comparison

    def _show(self, comparison: Comparison) -> None:
        event = self._settings.event
        about = {"event": event, "revision": comparison.revision}
        difference = comparison.difference().partition(": ")[0]  # the values may be an athlete's name
        if difference:
            log.error(
                "the boards differ from the log, first at %s; `matline verify` shows how", difference, extra=about
            )
        elif self._difference != "":
            log.info("the boards equal the log", extra=about)
        self.fault, self._difference = None, difference
        self._metrics.different.labels(event).set(0 if comparison.equal else 1)
        self._metrics.compared_s.labels(event).set_to_current_time()


def _started(compare: Callable[[], Comparison]) -> Future[Comparison]:
    """Start a comparison in a thread that, unlike those of a pool, does not keep the process from ending."""
    future: Future[Comparison] = Future()
    future.set_running_or_notify_cancel()

    def run() -> None:
        try:
            future.set_result(compare())
        except BaseException as error:
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future


async def compare_on(fold: Fold, served: Mapping[str, Any], kafka: KafkaOptions) -> tuple[Fold, Comparison]:
    """Compare as `compare`, and return the fold with which to go on.

    That is a new one where the log is not the one that `fold` began with: its stack was set up anew, or another one
    answers. Such a log may be longer than the former, so each difference is looked for again from offset 0.
    """
    if fold.revision <= served["revision"]:
        began = fold.revision
        comparison = await compare(fold, served, kafka)
        if comparison.equal or began < 0:
            return fold, comparison
    fold = fold.anew()
    return fold, await compare(fold, served, kafka)


async def run(settings: ShadowSettings) -> None:
    """Compare and serve metrics until SIGINT or SIGTERM. Raises OSError if the port is taken."""
    stop = asyncio.Event()
    for number_of_signal in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number_of_signal, stop.set)
    metrics = VerifyMetrics(service_registry("verify", None, settings.kafka.certificates()))
    check = ShadowCheck(settings, metrics)
    serving = await ops.serve(settings.host, settings.port, metrics.registry, lambda: check.fault)
    comparing = asyncio.create_task(check.keep_comparing())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((comparing, stopping), return_when=asyncio.FIRST_COMPLETED)
        if comparing.done():
            comparing.result()
    finally:
        for task in (comparing, stopping):
            task.cancel()
        await asyncio.gather(comparing, stopping, return_exceptions=True)
        await serving.cleanup()


def main(event: str, environment: Mapping[str, str], live: str | None, seed: int, every_s: float) -> int:
    """Compare every so many seconds until stopped, and return the exit code."""
    try:
        logs.set_up(chosen=logs.log_format(environment), service="verify")
        settings = ShadowSettings(
            event=event,
            every_s=every_s,
            seed=seed,
            kafka=kafka_options(environment),
            live=live or live_address(environment),
            headers=token_headers(environment),
            host=text(environment, "MATLINE_HOST", "127.0.0.1"),
            port=number(environment, "MATLINE_VERIFY_PORT", 8704),
        )
        asyncio.run(run(settings))
    except StartFault as fault:
        return _fail(str(fault))
    except OSError as error:
        return _fail(f"cannot listen: {error}; choose another port by MATLINE_VERIFY_PORT")
    return 0


def _fail(text: str) -> int:
    sys.stderr.write(f"matline verify: {text}\n")
    return exit_codes.SETTINGS
