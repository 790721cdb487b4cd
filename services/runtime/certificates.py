"""The certificates that the settings name: when they expire, as a metric, as lines in the log and for `matline doctor`.

A certificate that expires during a race shuts out gateways or a service at its next connection, without another sign.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.runtime.faults import StartFault

SOON_S = 14 * 86_400.0
DAY_S = 86_400.0
LOOK_EVERY_S = 60.0

log = logging.getLogger(__name__)


class CertificateFile(Struct, frozen=True, kw_only=True):
    """A PEM file and the variable that names it. `authority`: it is trusted, and does not prove who we are."""

    variable: str
    path: Path
    authority: bool = False


def expires_s(file: CertificateFile) -> float:
    """Return when a file is no longer valid, in seconds since 1970.

    Of a chain that is when its first certificate expires; of authorities, of which any may be used, when the last one
    does. Raises StartFault if there is no certificate in it.
    """
    from cryptography import x509  # here, since most stacks have none, and it takes a twentieth of a second

    try:
        read = x509.load_pem_x509_certificates(file.path.read_bytes())
    except (OSError, ValueError) as error:
        raise StartFault(
            f"{file.path}, named by {file.variable}, has no certificate that can be read: {error}"
        ) from None
    instants = [certificate.not_valid_after_utc.timestamp() for certificate in read]
    return max(instants) if file.authority else min(instants)


def day(instant_s: float) -> str:
    """Return an instant as a person reads it in a message about a certificate."""
    return f"{datetime.fromtimestamp(instant_s, UTC):%Y-%m-%d %H:%M} UTC"


def expiry(instant_s: float, now_s: float) -> str | None:
    """Return in words that a certificate has expired or does so soon, None if it is valid for longer."""
    if instant_s <= now_s:
        return f"expired at {day(instant_s)}"
    if instant_s <= now_s + SOON_S:
        return f"expires at {day(instant_s)}, in {(instant_s - now_s) / DAY_S:.1f} days"
    return None


class CertificateWatch:
    """Says when a certificate begins to expire soon, and when it has expired."""

    def __init__(self, files: Sequence[CertificateFile]) -> None:
        self._files = files
        self._said: dict[CertificateFile, bool] = {}

    def look(self, now_s: float) -> None:
        """Log what has become so since the last look. A file that cannot be read is reported by what uses it."""
        for file in self._files:
            try:
                instant_s = expires_s(file)
            except StartFault:
                continue
            expired, words = instant_s <= now_s, expiry(instant_s, now_s)
            if words is None:
                self._said.pop(file, None)
            elif self._said.get(file) != expired:
                self._said[file] = expired
                level, then = (logging.ERROR, "fail") if expired else (logging.WARNING, "will fail then")
                log.log(level, "%s (%s) %s; new connections %s: renew it", file.path, file.variable, words, then)

    async def keep_looking(self) -> None:
        """Look again and again, for as long as this task lives."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look(time.time())


class CertificateCollector(Collector):
    """Shows when certificates expire, as their files are when the metrics are asked for."""

    def __init__(self, files: Iterable[CertificateFile]) -> None:
        self._files = list(files)

    def collect(self) -> Iterator[Metric]:
        """Yield an instant for each file that can be read."""
        expires = GaugeMetricFamily(
            "matline_certificate_expires_timestamp_seconds",
            "When a certificate that a setting names is no longer valid. Near now: renew it, or new connections fail.",
            labels=["variable"],
        )
        for file in self._files:
            try:
                expires.add_metric([file.variable], expires_s(file))
            except StartFault:
                continue
        yield expires


def watch_certificates(files: Sequence[CertificateFile]) -> CertificateWatch:
    """Return a watch of some files, after a first look at them."""
    watch = CertificateWatch(files)
    watch.look(time.time())
    return watch
