"""Live's settings, read once by the command."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from msgspec import Struct, field

from services.runtime.certificates import CertificateFile
from services.runtime.clickhouse import DatabaseAddress, database_address
from services.runtime.environment import number, text
from services.runtime.kafka import KafkaOptions, kafka_options
from services.runtime.tokens import tokens_path
from services.watch.ask_services import Addresses, addresses

CACHE_MIB_MOST = 65_536


class LiveSettings(Struct, frozen=True, kw_only=True):
    """The address of live and its sources. Without `kafka`, revisions are found by polling. Port 0 takes a free port.

    `tokens` is the path of the token file, which need not exist. `cache_mib` bounds the encoded answers that are kept.
    `services` are the addresses of all services of the stack by name, for what officials see of its operation.
    """

    kafka: KafkaOptions | None = None
    clickhouse: DatabaseAddress = DatabaseAddress()
    host: str = "127.0.0.1"
    port: int = 8700
    tokens: Path = Path(".matline/tokens.json")
    cache_mib: int = 128
    services: Addresses = field(default_factory=partial(addresses, {}))

    def certificates(self) -> list[CertificateFile]:
        """Return the files of certificates."""
        return [*([] if self.kafka is None else self.kafka.certificates()), *self.clickhouse.certificates()]


def settings_from(environment: Mapping[str, str]) -> LiveSettings:
    """Return the settings that the MATLINE_ variables give. Raises StartFault."""
    return LiveSettings(
        kafka=kafka_options(environment),
        clickhouse=database_address(environment),
        host=text(environment, "MATLINE_HOST", "127.0.0.1"),
        port=number(environment, "MATLINE_LIVE_PORT", 8700),
        tokens=tokens_path(environment),
        services=addresses(environment),
        cache_mib=number(environment, "MATLINE_LIVE_CACHE_MIB", 128, CACHE_MIB_MOST),
    )
