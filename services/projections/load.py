"""Load the state that ClickHouse has at the start, and remove rows that were written but never announced."""

import asyncio
import logging
from collections.abc import Sequence

import msgspec

from schemas.results import AthleteRow, EventRow
from services.projections.batch import Results
from services.projections.device_reads import DeviceTallies
from services.projections.sink import Progress
from services.runtime.backoff import Backoff
from services.runtime.clickhouse import Database, DatabaseUnavailable
from services.runtime.fences import FENCES, Fence, counting, effective
from services.runtime.fences import parameters as fence_parameters
from services.standings.publication import PublicationKey

BACKOFF = Backoff(0.2, 5.0)

_athlete = msgspec.json.Decoder(AthleteRow)
_event = msgspec.json.Decoder(EventRow)

log = logging.getLogger(__name__)

_LATEST_ROWS = """
SELECT row FROM athlete_versions
WHERE event = {event:String} AND version <= {revision:Int64}
ORDER BY bib, version DESC LIMIT 1 BY bib
"""
_LATEST_EVENT = """
SELECT row FROM event_versions
WHERE event = {event:String} AND version <= {revision:Int64}
ORDER BY version DESC LIMIT 1
"""
_PUBLISHED = """
SELECT DISTINCT offset, race, state, boards FROM published
WHERE event = {event:String} AND revision <= {revision:Int64}"""
_UNKNOWN_CHIPS = """
SELECT listed, left_out FROM unknown_chips
WHERE event = {event:String} ORDER BY version DESC LIMIT 1
"""
_ANNOUNCED = "SELECT event, revision FROM announced ORDER BY event"
_ARCHIVED = """
SELECT DISTINCT event FROM event_versions
WHERE (event, version) IN (
    SELECT v.event, max(v.version) FROM event_versions AS v INNER JOIN announced AS a ON v.event = a.event
    WHERE v.version <= a.revision GROUP BY v.event
) AND JSONExtractBool(row, 'archived')
"""
_PROGRESS = """
SELECT topic, partition, argMax(next_offset, (epoch, next_offset)), argMax(checksum, (epoch, next_offset)) FROM progress
WHERE epoch >= (SELECT max(epoch) FROM fences) GROUP BY topic, partition
"""

# These tables only get rows that differ from the row before. A row of a revision that a dead process wrote and never
# announced would be taken for the row before, so it is removed. The other tables hold full rows by version. Published
# results are stored once, so they too must be of an announced revision.
_BY_REVISION = {
    "board_rows": "revision",
    "team_standings": "revision",
    "delegation_standings": "revision",
    "together_cases": "revision",
    "splits": "version",
    "published": "revision",
    "published_documents": "revision",
}
_ORPHANS = """
SELECT DISTINCT o.event FROM {table} AS o
LEFT JOIN announced AS r ON o.event = r.event
WHERE o.{column} > if(r.event = '', -1, r.revision)
"""


async def load(database: Database) -> Results:
    """Return the results of every event at its last announced revision, without the rows of archived ones.

    Raises DatabaseUnavailable.

    The work of seconds for a large event is done in a thread, since live already answers in this process.
    """
    results = Results()
    archived = {event for (event,) in await database.query(_ARCHIVED)}
    for event, revision in await database.query(_ANNOUNCED):
        if event in archived:
            results.leave(event, revision)
        else:
            await _restore(database, results, event, revision)
    return results


async def restore_archived(database: Database, results: Results, event: str) -> None:
    """Restore an archived event of which newer rows came; wait as long as ClickHouse takes."""
    attempt = 0
    while True:
        try:
            return await _restore(database, results, event, results.revisions[event])
        except DatabaseUnavailable as error:
            if attempt == 0:
                log.warning("cannot be restored yet: %s; retrying, and boards wait", error, extra={"event": event})
            attempt += 1
            await asyncio.sleep(BACKOFF.pause_s(attempt))


async def _restore(database: Database, results: Results, event: str, revision: int) -> None:
    parameters = {"event": event, "revision": revision}
    rows = await asyncio.to_thread(_athletes, await database.query(_LATEST_ROWS, parameters))
    latest = [_event.decode(text) for (text,) in await database.query(_LATEST_EVENT, parameters)]
    fences = effective(Fence(*row) for row in await database.query(FENCES, {"event": event}))
    counted = _PUBLISHED + counting(fences, "revision")
    published = [_key(*row) for row in await database.query(counted, {**parameters, **fence_parameters(fences)})]
    await asyncio.to_thread(results.restore, latest[0] if latest else None, rows, event, revision, published)
    results.unknown_chips[event] = sum(sum(row) for row in await database.query(_UNKNOWN_CHIPS, parameters))
    about = {"event": event, "revision": revision}
    log.info("continues with %d athletes", len(rows), extra=about)


def _athletes(texts: Sequence[Sequence[str]]) -> list[AthleteRow]:
    return [_athlete.decode(text) for (text,) in texts]


def _key(offset: int, race: str, state: str, boards: str) -> PublicationKey:
    named = msgspec.json.decode(boards, type=list[str] | None)
    return offset, race, state, None if named is None else tuple(named)


async def load_announced(database: Database) -> dict[str, int]:
    """Return when each event was last announced. Raises DatabaseUnavailable."""
    rows = await database.query("SELECT event, announced_at_us FROM announced")
    return dict(rows)


async def load_tallies(database: Database) -> DeviceTallies:
    """Return how many reads of each device there are, each once. Raises DatabaseUnavailable."""
    tallies = DeviceTallies()
    for event, device, reads, last_us, offset in await database.query(
        "SELECT event, device, count(), max(recorded_at_us), max(offset) FROM reads FINAL GROUP BY event, device"
    ):
        tallies.put(event, device, int(reads), last_us)
        tallies.counted_to(event, offset)
    return tallies


async def load_progress(database: Database) -> dict[tuple[str, int], Progress]:
    """Return the position of each partition of each topic. Raises DatabaseUnavailable."""
    return {(row[0], row[1]): Progress(*row) for row in await database.query(_PROGRESS)}


async def remove_unannounced(database: Database) -> None:
    """Remove rows of revisions that were never announced. Raises DatabaseUnavailable."""
    for table, column in _BY_REVISION.items():
        for (event,) in await database.query(_ORPHANS.format(table=table, column=column)):
            newest = await database.query(
                "SELECT revision FROM announced WHERE event = {event:String}", {"event": event}
            )
            announced = newest[0][0] if newest else -1
            log.info("removing rows of %s of event %s after revision %d, never announced", table, event, announced)
            await database.command(
                f"DELETE FROM {table} WHERE event = {{event:String}} AND {column} > {{announced:Int64}}",
                {"event": event, "announced": announced},
            )
