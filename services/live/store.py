"""The queries that live sends to ClickHouse, by event and revision. Rows come back as values.

Every query is bounded by an announced revision, so that an answer never holds half of a newer one.
"""

import asyncio
from collections.abc import Sequence

import msgspec

from schemas.ids import together_name
from schemas.results import AthleteRow, EventRow
from services.health.bursts_query import BURSTS
from services.health.observed import Burst
from services.live.counting_rows import CountingRows
from services.live.current_rows import CurrentRows
from services.live.results_query import query_athletes
from services.live.table_rows import (
    AnnouncedRevision,
    AthleteVersion,
    ChipRead,
    ExaminedReport,
    LoggedLine,
    TeamLine,
)
from services.preview.folded_facts import FACTS_A_PAGE, FACTS_AFTER, Line
from services.runtime.clickhouse import Database
from services.standings.publication import Ground, Published
from services.standings.race_spread import Taken
from services.standings.together import TogetherCase

FINISHERS_AT_ONCE = 1_000  # some milliseconds of the event loop
CHANGED_MAX = 1_000  # athletes or facts in one answer about changes
VERSIONS_MAX = 100
MATCHES_MAX = 2_000  # of a search, best first
LISTED_MAX = 500_000  # of a race or a status: everybody

_NEWEST = "SELECT event, max(revision), argMax(announced_at_us, revision) FROM revisions GROUP BY event ORDER BY event"
_event = msgspec.json.Decoder(EventRow)
_grounds = msgspec.json.Decoder(list[Ground])


class Store:
    """Run the queries. All methods raise DatabaseUnavailable. `rows` are those of boards, points and athletes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counting = CountingRows(database)
        self.rows = CurrentRows(database, self._counting)

    def expect_epoch(self, event: str, epoch: int) -> None:
        """Note in which epoch a revision of an event was announced, before anything of that revision is asked for."""
        self._counting.expect_epoch(event, epoch)

    # --- revisions

    async def newest_epoch(self) -> int:
        """Return the epoch of the process that writes now, 0 where there are none."""
        ((epoch,),) = await self._database.query("SELECT max(epoch) FROM fences")
        return int(epoch)

    async def newest_revisions(self) -> list[AnnouncedRevision]:
        """Return the newest announced revision of each event."""
        if not await self.newest_epoch():  # the embedded engine, whose view takes twenty times as long
            return [AnnouncedRevision(*row) for row in await self._database.query(_NEWEST)]
        rows = await self._database.query(
            "SELECT event, revision, announced_at_us, epoch FROM announced ORDER BY event"
        )
        for event, _, _, epoch in rows:
            self.expect_epoch(event, epoch)
        return [AnnouncedRevision(event, revision, at_us) for event, revision, at_us, _ in rows]

    async def revision_at(self, event: str, revision: int | None, at_us: int | None) -> AnnouncedRevision | None:
        """Return the newest announced revision that is not above `revision`, or not announced after `at_us`."""
        column, value = ("revision", revision) if revision is not None else ("announced_at_us", at_us)
        rows = await self._counting.query(
            "SELECT revision, announced_at_us FROM revisions"
            f" WHERE event = {{event:String}} AND {column} <= {{value:Int64}}{{fenced}} ORDER BY revision DESC LIMIT 1",
            "revision",
            {"event": event, "value": value},
        )
        return AnnouncedRevision(event, *rows[0]) if rows else None

    async def revisions_after(self, event: str, since: int, until: int) -> list[AnnouncedRevision]:
        """Return the announced revisions after one, up to another, in order."""
        rows = await self._counting.query(
            "SELECT revision, announced_at_us FROM revisions WHERE event = {event:String}"
            " AND revision > {since:Int64} AND revision <= {until:Int64}{fenced} ORDER BY revision LIMIT 1 BY revision",
            "revision",
            {"event": event, "since": since, "until": until},
        )
        return [AnnouncedRevision(event, *row) for row in rows]

    async def first_revision(self, event: str) -> int:
        """Return the first revision that was announced."""
        rows = await self._counting.query(
            "SELECT min(revision) FROM revisions WHERE event = {event:String}{fenced}", "revision", {"event": event}
        )
        return int(rows[0][0])

    # --- events

    async def event_row(self, event: str, revision: int) -> EventRow | None:
        """Return the row of an event, or None while there is none."""
        rows = await self._database.query(
            "SELECT row FROM event_versions WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY version DESC LIMIT 1",
            {"event": event, "revision": revision},
        )
        return _event.decode(rows[0][0]) if rows else None

    async def counts(self, event: str, revision: int) -> dict[tuple[str, str], int]:
        """Return how many athletes there are, by race and status."""
        rows = await self._database.query(
            "SELECT race, status, count() FROM (SELECT race, status, gone FROM athlete_versions"
            " WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY bib, version DESC LIMIT 1 BY bib) WHERE NOT gone GROUP BY race, status",
            {"event": event, "revision": revision},
        )
        return {(race, status): int(count) for race, status, count in rows}

    # --- athletes

    async def all_athletes(self, event: str, revision: int) -> list[AthleteRow]:
        """Return the results of every athlete, including athletes whose entries were taken back."""
        return await self.rows.athletes_changed(event, -1, revision)

    async def hidden(self, event: str, revision: int) -> frozenset[str]:
        """Return the bibs whose names are hidden."""
        rows = await self._database.query(
            "SELECT bib FROM (SELECT bib, row FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE position(row, '\"hidden\":true') > 0",
            {"event": event, "revision": revision},
        )
        return frozenset(bib for (bib,) in rows)

    async def versions(self, event: str, bib: str, revision: int) -> list[AthleteVersion]:
        """Return the versions of an athlete's result, the newest first, VERSIONS_MAX at most."""
        rows = await self._database.query(
            "SELECT version, status, gun_us, chip_us, time_s FROM athlete_versions WHERE event = {event:String}"
            " AND bib = {bib:String} AND version <= {revision:Int64} ORDER BY version DESC LIMIT 1 BY version"
            " LIMIT {most:UInt32}",
            {"event": event, "bib": bib, "revision": revision, "most": VERSIONS_MAX},
        )
        return [AthleteVersion(*row) for row in rows]

    async def search(
        self, event: str, words: Sequence[str], revision: int, race: str | None = None, status: str | None = None
    ) -> list[str]:
        """Return the bibs of athletes that match: the bib begins with the words, or each word begins a word of the
        bib or name. No words match everybody. Only those of a race or with a status, if one is given.

        The exact bib comes first, then bibs with that beginning, then the others; shorter bibs first, then by text.
        There are MATCHES_MAX at most, without words LISTED_MAX.
        """
        rows = await self._database.query(
            "SELECT bib FROM (SELECT bib, race, status, search, gone FROM athlete_versions"
            " WHERE event = {event:String} AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE NOT gone AND (race = {race:String} OR {race:String} = '')"
            " AND (status = {status:String} OR {status:String} = '') AND (startsWith(search, {all_words:String})"
            " OR arrayAll(word -> position(concat(' ', search), word) > 0, {words:Array(String)}))"
            " ORDER BY lowerUTF8(bib) != {all_words:String}, NOT startsWith(search, {all_words:String}),"
            " lengthUTF8(bib), bib LIMIT {most:UInt32}",
            {
                "event": event,
                "revision": revision,
                "race": race or "",
                "status": status or "",
                "all_words": " ".join(words),
                "words": [f" {word}" for word in words],
                "most": MATCHES_MAX if words else LISTED_MAX,
            },
        )
        return [bib for (bib,) in rows]

    async def with_cases(self, event: str, revision: int) -> list[AthleteRow]:
        """Return the athletes that have a case, open or decided."""
        return await query_athletes(
            self._database,
            "SELECT row FROM (SELECT bib, gone, row FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE NOT gone AND position(row, '\"cases\":') > 0 ORDER BY lengthUTF8(bib), bib",
            {"event": event, "revision": revision},
        )

    async def changed(self, event: str, since: int, until: int, offset: int = 0) -> list[str]:
        """Return the bibs with a new version after `since` from the `offset`th on, up to one more than CHANGED_MAX."""
        rows = await self._database.query(
            "SELECT DISTINCT bib FROM athlete_versions WHERE event = {event:String} AND version > {since:Int64}"
            " AND version <= {until:Int64} ORDER BY lengthUTF8(bib), bib LIMIT {most:UInt32} OFFSET {offset:UInt32}",
            {"event": event, "since": since, "until": until, "most": CHANGED_MAX + 1, "offset": offset},
        )
        return [bib for (bib,) in rows]

    # --- boards and splits

    async def rows_changed(self, event: str, board: str, since: int, until: int) -> list[str]:
        """Return the bibs whose row on a board changed, also by others' results; up to one more than CHANGED_MAX."""
        rows = await self._counting.query(
            "SELECT DISTINCT bib FROM board_rows WHERE event = {event:String} AND board = {board:String}"
            " AND revision > {since:Int64} AND revision <= {until:Int64}{fenced} ORDER BY lengthUTF8(bib), bib"
            " LIMIT {most:UInt32}",
            "revision",
            {"event": event, "board": board, "since": since, "until": until, "most": CHANGED_MAX + 1},
        )
        return [bib for (bib,) in rows]

    async def finishers(self, event: str, race: str, finish: str, revision: int) -> list[dict[str, Taken]]:
        """Return when the athletes of a race who took the point `finish` took each of its points, by its id."""
        rows = await self._counting.query(
            "SELECT groupArray(point), groupArray(chip_us), groupArray(at_us) FROM (SELECT point, bib, there, chip_us,"
            " at_us FROM splits WHERE event = {event:String} AND race = {race:String}"
            " AND version <= {revision:Int64}{fenced} ORDER BY point, bib, version DESC LIMIT 1 BY point, bib)"
            " WHERE there GROUP BY bib HAVING has(groupArray(point), {finish:String}) ORDER BY bib",
            "version",
            {"event": event, "race": race, "finish": finish, "revision": revision},
        )
        finishers: list[dict[str, Taken]] = []
        for start in range(0, len(rows), FINISHERS_AT_ONCE):
            for points, times_us, at_us in rows[start : start + FINISHERS_AT_ONCE]:
                finishers.append(dict(zip(points, map(Taken, times_us, at_us), strict=True)))
            await asyncio.sleep(0)
        return finishers

    async def boards_changed(self, event: str, since: int, until: int) -> list[str]:
        """Return the boards, team boards and delegations whose rows changed, by name."""
        rows = await self._counting.query(
            " UNION DISTINCT ".join(
                f"SELECT DISTINCT board FROM {table} WHERE event = {{event:String}} AND revision > {{since:Int64}}"
                " AND revision <= {until:Int64}{fenced}"
                for table in ("board_rows", "team_standings", "delegation_standings")
            ),
            "revision",
            {"event": event, "since": since, "until": until},
        )
        return sorted({board for (board,) in rows})

    # --- publications

    async def published(self, event: str) -> list[Published]:
        """Return every publication that was kept, in force or not, in log order."""
        rows = await self._counting.query(
            "SELECT race, state, offset, revision, boards, recorded_at_us, sha256, void FROM published"
            " WHERE event = {event:String}{fenced} ORDER BY offset, race, state, boards"
            " LIMIT 1 BY offset, race, state, boards",
            "revision",
            {"event": event},
        )
        return [
            Published(
                race=race,
                state=state,
                offset=offset,
                revision=revision,
                boards=msgspec.json.decode(boards),
                recorded_at_us=recorded_at_us,
                sha256=sha256,
                void=_grounds.decode(void),
            )
            for race, state, offset, revision, boards, recorded_at_us, sha256, void in rows
        ]

    async def published_document(self, event: str, race: str, revision: int) -> tuple[str, str]:
        """Return a race's document of a revision as it was published, and the delegations beside it, both as JSON."""
        ((document, delegations),) = await self._counting.query(
            "SELECT document, delegations FROM published_documents WHERE event = {event:String}"
            " AND race = {race:String} AND revision = {revision:Int64}{fenced} LIMIT 1",
            "revision",
            {"event": event, "race": race, "revision": revision},
        )
        return str(document), str(delegations)

    async def changed_in(self, event: str, race: str, published: int, since: int, until: int) -> list[str]:
        """Return the bibs with a new version after `since` that are in a race, or were at the revision `published`."""
        rows = await self._database.query(
            "SELECT bib FROM (SELECT bib, race FROM athlete_versions WHERE event = {event:String}"
            " AND version > {since:Int64} AND version <= {until:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE race = {race:String} OR bib IN (SELECT bib FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {published:Int64} AND race = {race:String}) ORDER BY lengthUTF8(bib), bib",
            {"event": event, "race": race, "published": published, "since": since, "until": until},
        )
        return [bib for (bib,) in rows]

    # --- teams

    async def teams(self, event: str, board: str, revision: int) -> list[TeamLine]:
        """Return the lines of a team board, in order."""
        rows = await self._counting.query(
            "SELECT places, teams, scores, members FROM team_standings WHERE event = {event:String}"
            " AND board = {board:String} AND revision <= {revision:Int64}{fenced} ORDER BY revision DESC LIMIT 1",
            "revision",
            {"event": event, "board": board, "revision": revision},
        )
        return [
            TeamLine(place, team, score, msgspec.json.decode(members))
            for columns in rows
            for place, team, score, members in zip(*columns, strict=True)
        ]

    async def delegations(self, event: str, board: str, revision: int) -> list[TeamLine]:
        """Return the lines of a delegation, in order."""
        rows = await self._counting.query(
            "SELECT places, teams, scores FROM delegation_standings WHERE event = {event:String}"
            " AND board = {board:String} AND revision <= {revision:Int64}{fenced} ORDER BY revision DESC LIMIT 1",
            "revision",
            {"event": event, "board": board, "revision": revision},
        )
        return [
            TeamLine(place, team, score, []) for columns in rows for place, team, score in zip(*columns, strict=True)
        ]

    async def crowded_teams(self, event: str, revision: int) -> dict[str, list[str]]:
        """Return the teams with more members than may count, by team board and in the order of their names."""
        rows = await self._counting.query(
            "SELECT board, arrayJoin(crowded) AS team FROM (SELECT board, crowded FROM team_standings"
            " WHERE event = {event:String} AND revision <= {revision:Int64}{fenced}"
            " ORDER BY board, revision DESC LIMIT 1 BY board) ORDER BY board, team",
            "revision",
            {"event": event, "revision": revision},
        )
        crowded: dict[str, list[str]] = {}
        for board, team in rows:
            crowded.setdefault(board, []).append(team)
        return crowded

    async def together_cases(self, event: str, revision: int) -> list[TogetherCase]:
        """Return the cases of two athletes whose chips may be carried together, open and decided, by their bibs."""
        rows = await self._counting.query(
            "SELECT bib, other, race, other_race, open FROM (SELECT bib, other, there, race, other_race, open"
            " FROM together_cases WHERE event = {event:String} AND revision <= {revision:Int64}{fenced}"
            " ORDER BY bib, other, revision DESC LIMIT 1 BY bib, other) WHERE there"
            " ORDER BY lengthUTF8(bib), bib, lengthUTF8(other), other",
            "revision",
            {"event": event, "revision": revision},
        )
        return [
            TogetherCase(
                case=together_name(bib, other),
                race=race,
                bib=bib,
                open=bool(is_open),
                other=other,
                other_race=other_race,
            )
            for bib, other, race, other_race, is_open in rows
        ]

    async def together_changed(self, event: str, since: int, until: int) -> frozenset[str]:
        """Return the bibs with such a case that came, changed or went after `since`."""
        rows = await self._counting.query(
            "SELECT DISTINCT arrayJoin([bib, other]) FROM together_cases WHERE event = {event:String}"
            " AND revision > {since:Int64} AND revision <= {until:Int64}{fenced}",
            "revision",
            {"event": event, "since": since, "until": until},
        )
        return frozenset(bib for (bib,) in rows)

    # --- facts

    async def facts(self, event: str, since: int, until: int, offset: int) -> list[LoggedLine]:
        """Return the facts after `since` in log order from the `offset`th on, without reads; up to one more than
        CHANGED_MAX.
        """
        rows = await self._database.query(
            "SELECT offset, ordinal, type, id, recorded_at_us, fact FROM facts WHERE event = {event:String}"
            " AND offset > {since:Int64} AND offset <= {until:Int64} ORDER BY offset, ordinal"
            " LIMIT 1 BY offset, ordinal LIMIT {most:UInt32} OFFSET {skipped:UInt32}",
            {"event": event, "since": since, "until": until, "most": CHANGED_MAX + 1, "skipped": offset},
        )
        return [LoggedLine(*row) for row in rows]

    async def facts_after(self, event: str, last: tuple[int, int], until: int) -> list[Line]:
        """Return the next facts after a position of the log (offset, ordinal), FACTS_A_PAGE at most, without reads."""
        rows = await self._database.query(
            f"SELECT offset, ordinal, fact{FACTS_AFTER}",
            {"event": event, "offset": last[0], "ordinal": last[1], "until": until, "most": FACTS_A_PAGE},
        )
        return [Line(*row) for row in rows]

    async def bursts(self, event: str, gap_us: int, until: int) -> list[Burst]:
        """Return all reads of an event by chip, device and time, those without a gap over `gap_us` as one."""
        rows = await self._database.query(BURSTS, {"event": event, "gap": gap_us, "until": until})
        return [Burst(chip, device, first, last, int(reads)) for chip, device, first, last, reads in rows]

    async def health_report(self, event: str) -> ExaminedReport | None:
        """Return the newest report on an event's health that the projections have made, or None while there is none."""
        rows = await self._database.query(
            "SELECT revision, made_at_us, report FROM health_reports WHERE event = {event:String}"
            " ORDER BY made_at_us DESC LIMIT 1",
            {"event": event},
        )
        return ExaminedReport(*rows[0]) if rows else None

    async def reads_of(self, event: str, chips: Sequence[str], until: int) -> list[ChipRead]:
        """Return all reads of some chips, each once, by chip and time."""
        rows = await self._database.query(
            "SELECT chip, device, at_us, max(rssi), argMax(offset, (ifNull(rssi, -inf), -offset)), count() FROM ("
            "SELECT chip, device, at_us, rssi, offset FROM reads WHERE event = {event:String}"
            " AND chip IN {chips:Array(String)} AND offset <= {until:Int64} LIMIT 1 BY chip, offset, ordinal)"
            " GROUP BY chip, device, at_us ORDER BY chip, at_us, device",
            {"event": event, "chips": list(chips), "until": until},
        )
        return [ChipRead(*row) for row in rows]
