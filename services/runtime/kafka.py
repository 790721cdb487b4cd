"""The options of every Kafka client: plain on this machine by default, SASL and TLS by configuration."""

import logging
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaConnectionError
from msgspec import Struct

from services.runtime.certificates import CertificateFile
from services.runtime.environment import text
from services.runtime.faults import StartFault

_SERVERS = re.compile(r"(?:{0})(?:,\s*{0})*".format(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?"))


class KafkaOptions(Struct, frozen=True, kw_only=True):
    """Where Kafka is and the credentials. `ca`, `cert` and `key` are paths of PEM files."""

    servers: str = "127.0.0.1:9092"
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    user: str | None = None
    password: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None

    def __repr__(self) -> str:  # never the password
        return f"KafkaOptions({self.servers} by {self.protocol})"

    def certificates(self) -> list[CertificateFile]:
        """Return the files of certificates."""
        authorities = [] if self.ca is None else [_file("MATLINE_KAFKA_CA", self.ca, authority=True)]
        return authorities + ([] if self.cert is None else [_file("MATLINE_KAFKA_CERT", self.cert)])

    def context(self) -> ssl.SSLContext | None:
        """Return the TLS context, or None without TLS. Raises StartFault if a file cannot be used."""
        if "SSL" not in self.protocol.removeprefix("SASL_"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.cert is not None:
                context.load_cert_chain(self.cert, self.key)
        except (OSError, ssl.SSLError) as error:
            raise StartFault(f"the files of MATLINE_KAFKA_CA, _CERT or _KEY cannot be used: {error}") from None
        return context

    def client(self) -> dict[str, Any]:
        """Return the keyword arguments for any aiokafka client."""
        options: dict[str, Any] = {"bootstrap_servers": self.servers, "security_protocol": self.protocol}
        if (context := self.context()) is not None:
            options["ssl_context"] = context
        if self.protocol.startswith("SASL"):
            options |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.user,
                "sasl_plain_password": self.password,
            }
        return options


def _file(variable: str, path: str, authority: bool = False) -> CertificateFile:
    return CertificateFile(variable=variable, path=Path(path), authority=authority)


def kafka_fault(servers: str, error: Exception, setting: str = "MATLINE_KAFKA") -> str:
    """Return for a person why a client of Kafka failed. `setting` is where they gave its address."""
    if isinstance(error, KafkaConnectionError):
        return f"Kafka at {servers} does not answer; start it, or give its address, HOST:PORT, by {setting}"
    return f"Kafka at {servers} cannot be used: {error}"


@contextmanager
def quiet_client(kafka: KafkaOptions) -> Iterator[None]:
    """Silence the client's own lines for callers that report a failure themselves.

    With TLS or credentials they stay, since they alone say which of these the broker did not accept.
    """
    lines = logging.getLogger("aiokafka")
    before = lines.level
    if kafka.protocol == "PLAINTEXT":
        lines.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        lines.setLevel(before)


def kafka_options(environment: Mapping[str, str]) -> KafkaOptions:
    """Return the options in MATLINE_KAFKA and the MATLINE_KAFKA_ variables. Raises StartFault."""
    servers = text(environment, "MATLINE_KAFKA", "127.0.0.1:9092")
    if not _SERVERS.fullmatch(servers):
        raise StartFault(f"MATLINE_KAFKA={servers} is not an address; write HOST:PORT, several separated by commas")
    user, ca = environment.get("MATLINE_KAFKA_USER") or None, environment.get("MATLINE_KAFKA_CA") or None
    tls = environment.get("MATLINE_KAFKA_TLS", "") not in ("", "0") or ca is not None
    if user is not None and not environment.get("MATLINE_KAFKA_PASSWORD"):
        raise StartFault("MATLINE_KAFKA_USER is set but MATLINE_KAFKA_PASSWORD is not; set both or none")
    own = [name for name in ("MATLINE_KAFKA_CERT", "MATLINE_KAFKA_KEY") if environment.get(name)]
    if own and not tls:
        raise StartFault(f"{own[0]} needs TLS; set MATLINE_KAFKA_TLS=1 or MATLINE_KAFKA_CA too")
    protocol = ("SASL_" if user else "") + ("SSL" if tls else "PLAINTEXT")
    return KafkaOptions(
        servers=servers,
        protocol=protocol,
        mechanism=text(environment, "MATLINE_KAFKA_MECHANISM", "SCRAM-SHA-512"),
        user=user,
        password=environment.get("MATLINE_KAFKA_PASSWORD"),
        ca=ca,
        cert=environment.get("MATLINE_KAFKA_CERT") or None,
        key=environment.get("MATLINE_KAFKA_KEY") or None,
    )
