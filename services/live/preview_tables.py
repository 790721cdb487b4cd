"""The queries for previews. Rows come as the tables hold them: the process that works out previews decodes them."""

from collections.abc import Sequence

from services.preview.source import NO_STRENGTH, ROWS_A_PAGE, ChipColumns
from services.runtime.clickhouse import Database


class PreviewTables:
    """Run the queries. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def event_text(self, event: str, revision: int) -> str | None:
        """Return the row of an event as JSON, or None while there is none."""
        rows = await self._database.query(
            "SELECT row FROM event_versions WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY version DESC LIMIT 1",
            {"event": event, "revision": revision},
        )
        return rows[0][0] if rows else None

    async def row_texts(self, event: str, since: int, until: int, after_bib: str) -> list[str]:
        """Return as JSON the next athletes' results with a version after `since`, ROWS_A_PAGE at most, by bib."""
        rows = await self._database.query(
            "SELECT row FROM athlete_versions WHERE event = {event:String} AND bib > {bib:String}"
            " AND version > {since:Int64} AND version <= {until:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib"
            " LIMIT {most:UInt32}",
            {"event": event, "bib": after_bib, "since": since, "until": until, "most": ROWS_A_PAGE},
        )
        return [row for (row,) in rows]

    async def chip_columns(self, event: str, chips: Sequence[str], until: int) -> list[ChipColumns]:
        """Return all reads of some chips in columns: a row for each read would take long to make here.

        Equal reads are not taken together: ClickHouse would need four times as long.
        """
        rows = await self._database.query(
            "SELECT chip, toJSONString(arrayMap(name -> toString(name), groupUniqArray(device) AS names)),"
            " toString(arrayMap(name -> indexOf(names, name), groupArray(device))), toString(groupArray(at_us)),"
            " toString(groupArray(ifNull(rssi, {none:Float64}))) FROM (SELECT chip, device, at_us, rssi FROM reads"
            " WHERE event = {event:String} AND chip IN {chips:Array(String)} AND offset <= {until:Int64}"
            " ORDER BY chip, at_us, device) GROUP BY chip ORDER BY chip",
            {"event": event, "chips": list(chips), "until": until, "none": NO_STRENGTH},
        )
        return [ChipColumns(*row) for row in rows]

    async def chips_read_by(self, event: str, devices: Sequence[str], until: int) -> list[str]:
        """Return every chip that was read by any of these devices."""
        rows = await self._database.query(
            "SELECT DISTINCT chip FROM reads WHERE event = {event:String} AND device IN {devices:Array(String)}"
            " AND offset <= {until:Int64} ORDER BY chip",
            {"event": event, "devices": list(devices), "until": until},
        )
        return [chip for (chip,) in rows]

    async def reads_reach(self, event: str, until: int) -> int:
        """Return the offset of the last read that has arrived, −1 while there is none."""
        rows = await self._database.query(
            "SELECT max(offset), count() FROM reads WHERE event = {event:String} AND offset <= {until:Int64}",
            {"event": event, "until": until},
        )
        return int(rows[0][0]) if rows[0][1] else -1

    async def chips_read(self, event: str, until: int) -> list[str]:
        """Return every chip of an event that was read."""
        rows = await self._database.query(
            "SELECT DISTINCT chip FROM reads WHERE event = {event:String} AND offset <= {until:Int64} ORDER BY chip",
            {"event": event, "until": until},
        )
        return [chip for (chip,) in rows]
