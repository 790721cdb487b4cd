"""Query athletes' results, which ClickHouse has as JSON."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from schemas.results import AthleteRow
from services.runtime.clickhouse import Database

BIBS_A_QUERY = 1_000
DECODED_AT_ONCE = 1_000  # some milliseconds of the event loop

_athlete = msgspec.json.Decoder(AthleteRow)


async def athletes_between(database: Database, event: str, since: int, until: int) -> list[AthleteRow]:
    """Return the results that are new after a revision, up to another, each in its last version.

    They include athletes whose entries were taken back. Raises DatabaseUnavailable.
    """
    return await query_athletes(
        database,
        "SELECT row FROM athlete_versions WHERE event = {event:String} AND version > {since:Int64}"
        " AND version <= {until:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib",
        {"event": event, "since": since, "until": until},
    )


async def athletes_at(database: Database, event: str, bibs: Collection[str], revision: int) -> dict[str, AthleteRow]:
    """Return the results of some athletes by bib, without bibs that are unknown. Raises DatabaseUnavailable."""
    wanted = list(bibs)
    athletes: dict[str, AthleteRow] = {}
    for start in range(0, len(wanted), BIBS_A_QUERY):
        rows = await query_athletes(
            database,
            "SELECT row FROM athlete_versions WHERE event = {event:String} AND bib IN {bibs:Array(String)}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib",
            {"event": event, "bibs": wanted[start : start + BIBS_A_QUERY], "revision": revision},
        )
        athletes.update((row.bib, row) for row in rows)
    return athletes


async def query_athletes(database: Database, sql: str, parameters: Mapping[str, Any]) -> list[AthleteRow]:
    """Return the results that a query selects in its only column. Raises DatabaseUnavailable."""
    rows = await database.query(sql, parameters)
    athletes: list[AthleteRow] = []
    for start in range(0, len(rows), DECODED_AT_ONCE):
        athletes += [_athlete.decode(row) for (row,) in rows[start : start + DECODED_AT_ONCE]]
        await asyncio.sleep(0)
    return athletes
