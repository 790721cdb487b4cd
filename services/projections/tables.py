"""The tables and the types of their columns, so that inserts do not have to ask ClickHouse for them.

`migrations/` creates the tables; a test checks that both agree.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from services.runtime.clickhouse import Columns

_EVENT = ("event", "LowCardinality(String)")

TABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "athlete_versions": (
        _EVENT,
        ("bib", "String"),
        ("version", "Int64"),
        ("race", "LowCardinality(String)"),
        ("status", "LowCardinality(String)"),
        ("gone", "UInt8"),
        ("gun_us", "Nullable(Int64)"),
        ("chip_us", "Nullable(Int64)"),
        ("time_s", "Nullable(Int64)"),
        ("open_cases", "UInt16"),
        ("search", "String"),
        ("row", "String"),
    ),
    "splits": (
        _EVENT,
        ("race", "LowCardinality(String)"),
        ("point", "LowCardinality(String)"),
        ("bib", "String"),
        ("version", "Int64"),
        ("there", "UInt8"),
        ("at_us", "Int64"),
        ("gun_us", "Int64"),
        ("chip_us", "Int64"),
        ("source", "LowCardinality(String)"),
    ),
    "event_versions": (_EVENT, ("version", "Int64"), ("row", "String")),
    "board_rows": (
        _EVENT,
        ("board", "LowCardinality(String)"),
        ("bib", "String"),
        ("revision", "Int64"),
        ("there", "UInt8"),
        ("rank_key", "UInt64"),
        ("time_s", "Int64"),
        ("gun_us", "Int64"),
        ("chip_us", "Int64"),
    ),
    "team_standings": (
        _EVENT,
        ("board", "LowCardinality(String)"),
        ("revision", "Int64"),
        ("places", "Array(Nullable(UInt32))"),
        ("teams", "Array(String)"),
        ("scores", "Array(Nullable(Int64))"),
        ("members", "Array(String)"),
        ("crowded", "Array(String)"),
    ),
    "delegation_standings": (
        _EVENT,
        ("board", "LowCardinality(String)"),
        ("revision", "Int64"),
        ("places", "Array(Nullable(UInt32))"),
        ("teams", "Array(String)"),
        ("scores", "Array(Nullable(Int64))"),
    ),
    "together_cases": (
        _EVENT,
        ("bib", "String"),
        ("other", "String"),
        ("revision", "Int64"),
        ("there", "UInt8"),
        ("race", "LowCardinality(String)"),
        ("other_race", "LowCardinality(String)"),
        ("open", "UInt8"),
    ),
    "published_documents": (
        _EVENT,
        ("race", "LowCardinality(String)"),
        ("revision", "Int64"),
        ("document", "String"),
        ("delegations", "String"),
    ),
    "published": (
        _EVENT,
        ("offset", "Int64"),
        ("race", "LowCardinality(String)"),
        ("state", "LowCardinality(String)"),
        ("boards", "String"),
        ("revision", "Int64"),
        ("recorded_at_us", "Nullable(Int64)"),
        ("sha256", "String"),
        ("void", "String"),
    ),
    "unknown_chips": (
        _EVENT,
        ("version", "Int64"),
        ("listed", "UInt32"),
        ("left_out", "UInt32"),
        ("chips", "String"),
    ),
    "health_reports": (_EVENT, ("revision", "Int64"), ("made_at_us", "Int64"), ("report", "String")),
    "facts": (
        _EVENT,
        ("offset", "Int64"),
        ("ordinal", "UInt32"),
        ("type", "LowCardinality(String)"),
        ("id", "String"),
        ("by", "String"),
        ("recorded_at_us", "Int64"),
        ("fact", "String"),
    ),
    "reads": (
        _EVENT,
        ("chip", "String"),
        ("offset", "Int64"),
        ("ordinal", "UInt32"),
        ("device", "LowCardinality(String)"),
        ("at_us", "Int64"),
        ("gateway", "LowCardinality(String)"),
        ("session", "LowCardinality(String)"),
        ("seq", "Int64"),
        ("rssi", "Nullable(Float64)"),
        ("antenna", "Nullable(Int32)"),
        ("battery", "Nullable(Float64)"),
        ("recorded_at_us", "Int64"),
    ),
    "revisions": (_EVENT, ("revision", "Int64"), ("announced_at_us", "Int64")),
    "fences": (("epoch", "Int64"), _EVENT, ("kept", "Int64"), ("taken_at_us", "Int64")),
    "progress": (
        ("topic", "LowCardinality(String)"),
        ("partition", "Int32"),
        ("next_offset", "Int64"),
        ("checksum", "UInt32"),
    ),
}

FENCED = frozenset(
    {
        "splits",
        "board_rows",
        "team_standings",
        "delegation_standings",
        "together_cases",
        "published",
        "published_documents",
        "revisions",
        "progress",
    }
)
"""The tables whose rows carry the epoch of their writer, as a last column. The others have the same row of a key by
whichever writer; see `migrations/0006_fences.sql`.
"""
EPOCH = ("epoch", "Int64")


def columns_of(table: str, rows: Sequence[Sequence[Any]] | Iterable[Sequence[Any]]) -> Columns:
    """Return rows, each in the order of the table's columns, as the columns that an insert takes."""
    columns = list(zip(*rows, strict=True))
    kinds = TABLES[table]
    return {name: (kind, values) for (name, kind), values in zip(kinds, columns, strict=True)}
