"""What live asks of ClickHouse, by event and revision; rows come back as values, nothing is worked out here.

Every question is bounded by a revision that was announced, so that an answer never holds half of a newer one. Boards
and splits of the newest revision are held and brought forward by what has changed since: that reads a few rows where
a whole board has tens of thousands.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from schemas.results import AthleteRow, EventRow
from services.runtime.clickhouse import Database
from services.standings.publication import Ground, Published

ROWS_HELD_MAX = 500_000  # of boards and of splits each, some 200 bytes a row
RELOAD_S = 60.0  # rows that reached ClickHouse behind a revision already announced are seen after so long at most
BIBS_A_QUERY = 1_000
CHANGED_MAX = 1_000  # athletes named in one answer about changes
FACTS_MAX = 1_000
VERSIONS_MAX = 100
FOUND_MAX = 2_000  # that a search looks at, best first

K = tuple[str, ...]
V = TypeVar("V")

_athlete = msgspec.json.Decoder(AthleteRow)
_event = msgspec.json.Decoder(EventRow)
_grounds = msgspec.json.Decoder(list[Ground])


class Head(NamedTuple):
    """An announced revision of an event; `hidden` are bibs whose names were hidden after it, and are so in it too."""

    event: str
    revision: int
    announced_at_us: int
    hidden: frozenset[str] = frozenset()


class Cell(NamedTuple):
    """A member of a board; `rank_key` 0: without a place so far. Source: the table `board_rows`."""

    rank_key: int
    time_s: int
    gun_us: int
    chip_us: int


class Split(NamedTuple):
    """When an athlete took a point: since the gun, since his start, and the instant."""

    gun_us: int
    chip_us: int
    at_us: int


class TeamLine(Struct, frozen=True):
    """A team's line on a team board or delegation; `members` with their scores, empty for a delegation."""

    place: int | None
    team: str
    score: int | None
    members: list[dict[str, Any]]


class LoggedLine(NamedTuple):
    """A fact as the log has it, but reads."""

    offset: int
    ordinal: int
    type: str
    id: str
    recorded_at_us: int
    fact: str


class ChipRead(NamedTuple):
    """A read by its device's own clock, the strongest of as many as came; `offset`: the record that told it first."""

    chip: str
    device: str
    at_us: int
    rssi: float | None
    offset: int
    came: int


class Version(NamedTuple):
    """One version of an athlete's result, in short."""

    version: int
    status: str
    gun_us: int | None
    chip_us: int | None
    time_s: int | None


class Held(Struct, Generic[V]):
    """The rows of one key at a revision."""

    revision: int
    loaded_s: float
    rows: dict[str, V]


class IncrementalRows(Generic[V]):
    """Rows by bib of a key at a revision, brought forward from an older one's. Nobody changes what it gives."""

    def __init__(self, changed: Callable[[K, int, int], Awaitable[list[tuple[str, V | None]]]]) -> None:
        self.rows = 0
        self._changed = changed
        self._held: OrderedDict[K, Held[V]] = OrderedDict()
        self._lock: dict[K, asyncio.Lock] = {}

    async def at(self, key: K, revision: int) -> dict[str, V]:
        """The rows at a revision."""
        lock = self._lock.setdefault(key, asyncio.Lock())
        async with lock:
            held = self._held.get(key)
            if held is not None and held.revision == revision:
                self._held.move_to_end(key)
                return held.rows
            if held is None or revision < held.revision or time.monotonic() - held.loaded_s > RELOAD_S:
                loaded_s, since, rows = time.monotonic(), -1, {}
            else:
                loaded_s, since, rows = held.loaded_s, held.revision, dict(held.rows)
            for bib, value in await self._changed(key, since, revision):
                if value is None:
                    rows.pop(bib, None)
                else:
                    rows[bib] = value
            if held is None or revision > held.revision:
                self._hold(key, Held(revision, loaded_s, rows))
            return rows

    def _hold(self, key: K, held: Held[V]) -> None:
        before = self._held.pop(key, None)
        self.rows += len(held.rows) - (0 if before is None else len(before.rows))
        self._held[key] = held
        while self.rows > ROWS_HELD_MAX and len(self._held) > 1:
            lost, oldest = self._held.popitem(last=False)
            self.rows -= len(oldest.rows)
            if lost in self._lock and not self._lock[lost].locked():
                del self._lock[lost]


class Store:
    """The questions. All raise DatabaseUnavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._boards: IncrementalRows[Cell] = IncrementalRows(self._cells_changed)
        self._splits: IncrementalRows[Split] = IncrementalRows(self._splits_changed)

    # --- revisions

    async def heads(self) -> list[Head]:
        """The newest revision of each event."""
        rows = await self._database.query(
            "SELECT event, max(revision), argMax(announced_at_us, revision) FROM revisions"
            " GROUP BY event ORDER BY event"
        )
        return [Head(*row) for row in rows]

    async def head_at(self, event: str, revision: int | None, at_us: int | None) -> Head | None:
        """The newest revision announced that is not above `revision`, or not announced after `at_us`."""
        by, value = ("revision", revision) if revision is not None else ("announced_at_us", at_us)
        rows = await self._database.query(
            "SELECT revision, announced_at_us FROM revisions"
            f" WHERE event = {{event:String}} AND {by} <= {{value:Int64}} ORDER BY revision DESC LIMIT 1",
            {"event": event, "value": value},
        )
        return Head(event, *rows[0]) if rows else None

    async def first_revision(self, event: str) -> int:
        """The first revision that was announced."""
        rows = await self._database.query(
            "SELECT min(revision) FROM revisions WHERE event = {event:String}", {"event": event}
        )
        return int(rows[0][0])

    # --- events

    async def event_row(self, event: str, revision: int) -> EventRow | None:
        """What of an event is not one athlete's."""
        rows = await self._database.query(
            "SELECT row FROM event_versions WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY version DESC LIMIT 1",
            {"event": event, "revision": revision},
        )
        return _event.decode(rows[0][0]) if rows else None

    async def counts(self, event: str, revision: int) -> dict[tuple[str, str], tuple[int, int]]:
        """Athletes, and their open cases, by race and status."""
        rows = await self._database.query(
            "SELECT race, status, count(), sum(open_cases) FROM ("
            "SELECT race, status, gone, open_cases FROM athlete_versions"
            " WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY bib, version DESC LIMIT 1 BY bib) WHERE NOT gone GROUP BY race, status",
            {"event": event, "revision": revision},
        )
        return {(race, status): (int(count), int(cases)) for race, status, count, cases in rows}

    # --- athletes

    async def athletes(self, event: str, bibs: Iterable[str], revision: int) -> dict[str, AthleteRow]:
        """The results of some athletes."""
        wanted = list(dict.fromkeys(bibs))
        found: dict[str, AthleteRow] = {}
        for start in range(0, len(wanted), BIBS_A_QUERY):
            rows = await self._database.query(
                "SELECT bib, row FROM athlete_versions WHERE event = {event:String} AND bib IN {bibs:Array(String)}"
                " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib",
                {"event": event, "bibs": wanted[start : start + BIBS_A_QUERY], "revision": revision},
            )
            found.update((bib, _athlete.decode(row)) for bib, row in rows)
            await asyncio.sleep(0)
        return found

    async def all_athletes(self, event: str, revision: int) -> list[AthleteRow]:
        """The results of every athlete, those whose entries were taken back among them."""
        rows = await self._database.query(
            "SELECT row FROM athlete_versions WHERE event = {event:String} AND version <= {revision:Int64}"
            " ORDER BY bib, version DESC LIMIT 1 BY bib",
            {"event": event, "revision": revision},
        )
        found: list[AthleteRow] = []
        for start in range(0, len(rows), BIBS_A_QUERY):
            found += [_athlete.decode(row) for (row,) in rows[start : start + BIBS_A_QUERY]]
            await asyncio.sleep(0)
        return found

    async def hidden(self, event: str, revision: int) -> frozenset[str]:
        """The bibs whose names are hidden."""
        rows = await self._database.query(
            "SELECT bib FROM (SELECT bib, row FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE position(row, '\"hidden\":true') > 0",
            {"event": event, "revision": revision},
        )
        return frozenset(bib for (bib,) in rows)

    async def versions(self, event: str, bib: str, revision: int) -> list[Version]:
        """The versions of an athlete's result, the newest first."""
        rows = await self._database.query(
            "SELECT version, status, gun_us, chip_us, time_s FROM athlete_versions WHERE event = {event:String}"
            " AND bib = {bib:String} AND version <= {revision:Int64} ORDER BY version DESC LIMIT 1 BY version"
            " LIMIT {most:UInt32}",
            {"event": event, "bib": bib, "revision": revision, "most": VERSIONS_MAX},
        )
        return [Version(*row) for row in rows]

    async def found(self, event: str, words: Sequence[str], revision: int) -> list[str]:
        """The bibs whose bib begins with the words, or whose every word begins a word of the bib or name.

        The bib itself first, then bibs that begin so, then the others; shorter bibs first, then by text.
        """
        rows = await self._database.query(
            "SELECT bib FROM (SELECT bib, search, gone FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE NOT gone AND (startsWith(search, {whole:String})"
            " OR arrayAll(word -> position(concat(' ', search), word) > 0, {words:Array(String)}))"
            " ORDER BY lowerUTF8(bib) != {whole:String}, NOT startsWith(search, {whole:String}), lengthUTF8(bib), bib"
            " LIMIT {most:UInt32}",
            {
                "event": event,
                "revision": revision,
                "whole": " ".join(words),
                "words": [f" {word}" for word in words],
                "most": FOUND_MAX,
            },
        )
        return [bib for (bib,) in rows]

    async def with_cases(self, event: str, revision: int) -> list[AthleteRow]:
        """The athletes that have a case, open or decided."""
        rows = await self._database.query(
            "SELECT row FROM (SELECT bib, gone, row FROM athlete_versions WHERE event = {event:String}"
            " AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib)"
            " WHERE NOT gone AND position(row, '\"cases\":') > 0 ORDER BY lengthUTF8(bib), bib",
            {"event": event, "revision": revision},
        )
        return [_athlete.decode(row) for (row,) in rows]

    async def changed(self, event: str, since: int, until: int) -> list[str]:
        """The bibs with a new version after `since`, up to one more than CHANGED_MAX."""
        rows = await self._database.query(
            "SELECT DISTINCT bib FROM athlete_versions WHERE event = {event:String} AND version > {since:Int64}"
            " AND version <= {until:Int64} ORDER BY lengthUTF8(bib), bib LIMIT {most:UInt32}",
            {"event": event, "since": since, "until": until, "most": CHANGED_MAX + 1},
        )
        return [bib for (bib,) in rows]

    # --- boards and splits

    async def board(self, event: str, board: str, revision: int) -> dict[str, Cell]:
        """The members of a board."""
        return await self._boards.at((event, board), revision)

    async def _cells_changed(self, key: K, since: int, revision: int) -> list[tuple[str, Cell | None]]:
        rows = await self._database.query(
            "SELECT bib, there, rank_key, time_s, gun_us, chip_us FROM board_rows WHERE event = {event:String}"
            " AND board = {board:String} AND revision > {since:Int64} AND revision <= {revision:Int64}"
            " ORDER BY bib, revision DESC LIMIT 1 BY bib",
            {"event": key[0], "board": key[1], "since": since, "revision": revision},
        )
        return [(bib, Cell(*cell) if there else None) for bib, there, *cell in rows]

    async def rows_changed(self, event: str, board: str, since: int, until: int) -> list[str]:
        """The bibs with another row on a board than before, which need not have another result; up to one more than
        CHANGED_MAX.
        """
        rows = await self._database.query(
            "SELECT DISTINCT bib FROM board_rows WHERE event = {event:String} AND board = {board:String}"
            " AND revision > {since:Int64} AND revision <= {until:Int64} ORDER BY lengthUTF8(bib), bib"
            " LIMIT {most:UInt32}",
            {"event": event, "board": board, "since": since, "until": until, "most": CHANGED_MAX + 1},
        )
        return [bib for (bib,) in rows]

    async def splits(self, event: str, race: str, point: str, revision: int) -> dict[str, Split]:
        """Who took a point of a race, and when."""
        return await self._splits.at((event, race, point), revision)

    async def _splits_changed(self, key: K, since: int, revision: int) -> list[tuple[str, Split | None]]:
        rows = await self._database.query(
            "SELECT bib, there, gun_us, chip_us, at_us FROM splits WHERE event = {event:String}"
            " AND race = {race:String} AND point = {point:String}"
            " AND version > {since:Int64} AND version <= {revision:Int64} ORDER BY bib, version DESC LIMIT 1 BY bib",
            {"event": key[0], "race": key[1], "point": key[2], "since": since, "revision": revision},
        )
        return [(bib, Split(*split) if there else None) for bib, there, *split in rows]

    async def boards_changed(self, event: str, since: int, until: int) -> list[str]:
        """The boards, team boards and delegations with other rows than before, by name."""
        rows = await self._database.query(
            " UNION DISTINCT ".join(
                f"SELECT DISTINCT board FROM {table} WHERE event = {{event:String}} AND revision > {{since:Int64}}"
                " AND revision <= {until:Int64}"
                for table in ("board_rows", "team_standings", "delegation_standings")
            ),
            {"event": event, "since": since, "until": until},
        )
        return sorted({board for (board,) in rows})

    # --- what was published

    async def published(self, event: str) -> list[Published]:
        """Every publication that was kept, in force or not, in log order."""
        rows = await self._database.query(
            "SELECT race, state, offset, revision, boards, recorded_at_us, sha256, void FROM published"
            " WHERE event = {event:String} ORDER BY offset, race, state, boards"
            " LIMIT 1 BY offset, race, state, boards",
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
        """A race's document of a revision, as it was published, and the delegations beside it."""
        ((document, delegations),) = await self._database.query(
            "SELECT document, delegations FROM published_documents WHERE event = {event:String}"
            " AND race = {race:String} AND revision = {revision:Int64} LIMIT 1",
            {"event": event, "race": race, "revision": revision},
        )
        return str(document), str(delegations)

    async def changed_in(self, event: str, race: str, published: int, since: int, until: int) -> list[str]:
        """The bibs with a new version after `since` who are in a race, or were at the revision `published`."""
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
        """The lines of a team board, in order."""
        rows = await self._database.query(
            "SELECT places, teams, scores, members FROM team_standings WHERE event = {event:String}"
            " AND board = {board:String} AND revision <= {revision:Int64} ORDER BY revision DESC LIMIT 1",
            {"event": event, "board": board, "revision": revision},
        )
        return [
            TeamLine(place, team, score, msgspec.json.decode(members))
            for columns in rows
            for place, team, score, members in zip(*columns, strict=True)
        ]

    async def delegations(self, event: str, board: str, revision: int) -> list[TeamLine]:
        """The lines of a delegation, in order."""
        rows = await self._database.query(
            "SELECT places, teams, scores FROM delegation_standings WHERE event = {event:String}"
            " AND board = {board:String} AND revision <= {revision:Int64} ORDER BY revision DESC LIMIT 1",
            {"event": event, "board": board, "revision": revision},
        )
        return [
            TeamLine(place, team, score, []) for columns in rows for place, team, score in zip(*columns, strict=True)
        ]

    async def crowded(self, event: str, revision: int) -> list[tuple[str, str]]:
        """Team boards and teams with more members than may count."""
        rows = await self._database.query(
            "SELECT board, arrayJoin(crowded) AS team FROM (SELECT board, crowded FROM team_standings"
            " WHERE event = {event:String} AND revision <= {revision:Int64}"
            " ORDER BY board, revision DESC LIMIT 1 BY board) ORDER BY board, team",
            {"event": event, "revision": revision},
        )
        return [(board, team) for board, team in rows]

    # --- facts

    async def facts(self, event: str, since: int, until: int) -> list[LoggedLine]:
        """The facts after `since`, but reads, in log order; up to one more than FACTS_MAX."""
        rows = await self._database.query(
            "SELECT offset, ordinal, type, id, recorded_at_us, fact FROM facts WHERE event = {event:String}"
            " AND offset > {since:Int64} AND offset <= {until:Int64} ORDER BY offset, ordinal"
            " LIMIT 1 BY offset, ordinal LIMIT {most:UInt32}",
            {"event": event, "since": since, "until": until, "most": FACTS_MAX + 1},
        )
        return [LoggedLine(*row) for row in rows]

    async def facts_after(self, event: str, last: tuple[int, int], until: int, most: int) -> list[LoggedLine]:
        """The first facts behind a place of the log (offset, ordinal), but reads, in log order."""
        rows = await self._database.query(
            "SELECT offset, ordinal, type, id, recorded_at_us, fact FROM facts WHERE event = {event:String}"
            " AND (offset > {offset:Int64} OR (offset = {offset:Int64} AND ordinal > {ordinal:Int64}))"
            " AND offset <= {until:Int64} ORDER BY offset, ordinal LIMIT 1 BY offset, ordinal LIMIT {most:UInt32}",
            {"event": event, "offset": last[0], "ordinal": last[1], "until": until, "most": most},
        )
        return [LoggedLine(*row) for row in rows]

    async def reads_of(self, event: str, chips: Sequence[str], until: int) -> list[ChipRead]:
        """All reads of some chips, each once, by chip and time."""
        rows = await self._database.query(
            "SELECT chip, device, at_us, max(rssi), argMax(offset, (ifNull(rssi, -inf), -offset)), count() FROM ("
            "SELECT chip, device, at_us, rssi, offset FROM reads WHERE event = {event:String}"
            " AND chip IN {chips:Array(String)} AND offset <= {until:Int64} LIMIT 1 BY chip, offset, ordinal)"
            " GROUP BY chip, device, at_us ORDER BY chip, at_us, device",
            {"event": event, "chips": list(chips), "until": until},
        )
        return [ChipRead(*row) for row in rows]
