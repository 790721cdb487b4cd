"""The projections' settings, read once by the command."""

from collections.abc import Mapping

from msgspec import Struct

from schemas.topics import PARTITIONS_DEFAULT
from services.runtime.clickhouse import DatabaseAddress, database_address
from services.runtime.environment import number, text
from services.runtime.kafka import KafkaOptions, kafka_options


class ProjectionSettings(Struct, frozen=True, kw_only=True):
    """The inputs and outputs of the projections, and the address of their metrics and health."""

    kafka: KafkaOptions = KafkaOptions()
    database: DatabaseAddress
    host: str = "127.0.0.1"
    port: int = 8703
    partitions: int = PARTITIONS_DEFAULT


def settings_from(environment: Mapping[str, str]) -> ProjectionSettings:
    """Return the settings that the MATLINE_ variables give. Raises StartFault."""
    return ProjectionSettings(
        kafka=kafka_options(environment),
        database=database_address(environment),
        host=text(environment, "MATLINE_HOST", "127.0.0.1"),
        port=number(environment, "MATLINE_PROJECTIONS_PORT", 8703),
        partitions=number(environment, "MATLINE_PARTITIONS", PARTITIONS_DEFAULT),
    )
