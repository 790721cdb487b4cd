"""Ingest's settings, read once by the command."""

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from schemas.topics import PARTITIONS_DEFAULT
from services.runtime.certificates import CertificateFile
from services.runtime.environment import folder, number, text
from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_options
from services.runtime.tls import TlsFiles, tls_files
from services.runtime.tokens import tokens_path


class IngestSettings(Struct, frozen=True, kw_only=True):
    """Where ingest listens and writes. `partitions` is how many `race-log` has; port 0 takes a free one. `config` names
    the readers (null: none); a MYLAPS source without an address listens on `mylaps_port`. `tokens` may be missing,
    `tls` null is plain HTTP; `data` is where readers' cursors are kept. `kafka_folder` is where a Kafka on this machine
    keeps its log: nothing is taken while that disk is nearly full (null: Kafka is elsewhere). `standby`: one process of
    several runs the readers, and this one waits until it is its turn.
    """

    kafka: KafkaOptions = KafkaOptions()
    kafka_folder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8701
    mylaps_port: int = 3097
    partitions: int = PARTITIONS_DEFAULT
    config: Path | None = None
    data: Path = Path(".matline")
    tokens: Path = Path(".matline/tokens.json")
    tls: TlsFiles | None = None
    standby: bool = False

    def certificates(self) -> list[CertificateFile]:
        """Return the files of certificates."""
        return [*self.kafka.certificates(), *([] if self.tls is None else self.tls.certificates())]


def settings_from(environment: Mapping[str, str], standby: bool = False) -> IngestSettings:
    """Return the settings in the MATLINE_ variables. Raises StartFault."""
    kafka_folder = text(environment, "MATLINE_KAFKA_FOLDER", "")
    return IngestSettings(
        kafka=kafka_options(environment),
        kafka_folder=Path(kafka_folder) if kafka_folder else None,
        host=text(environment, "MATLINE_HOST", "127.0.0.1"),
        port=number(environment, "MATLINE_INGEST_PORT", 8701),
        mylaps_port=number(environment, "MATLINE_MYLAPS_PORT", 3097),
        partitions=number(environment, "MATLINE_PARTITIONS", PARTITIONS_DEFAULT),
        config=config_path(environment),
        data=folder(environment, "MATLINE_DATA", ".matline"),
        tokens=tokens_path(environment),
        tls=tls_files(environment),
        standby=standby,
    )


def config_path(environment: Mapping[str, str]) -> Path:
    """Return the file of readers: MATLINE_SOURCES, which has to exist, else `matline.toml` in the data folder.

    Raises StartFault.
    """
    named = text(environment, "MATLINE_SOURCES", "")
    path = Path(named).expanduser() if named else folder(environment, "MATLINE_DATA", ".matline") / "matline.toml"
    if named and not path.is_file():
        raise StartFault(f"{path}, named by MATLINE_SOURCES, is not a file; correct the variable or create the file")
    return path
