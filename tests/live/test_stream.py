"""Event streams over real sockets: which events viewers get, in what order, and what becomes of slow viewers."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from schemas.notices import NOTICE_VERSION, RevisionNotice
from services.live.app import REVISIONS
from services.live.limits import LiveLimits
from services.live.stream_viewer import Permission, Subject, Viewer, framed, refused
from services.live.table_rows import AnnouncedRevision
from services.projections.tables import columns_of
from tests.builders import (
    EVENT,
    at,
    board,
    decided,
    defined,
    definition,
    entries,
    entry,
    fact,
    gun,
    order,
    read,
    reads,
    run,
    status,
)
from tests.live.racing import Live, Racing, serving

STREAM = f"/v1/events/{EVENT}/stream"
HANG_S = 120.0
WAITING_BYTES = 4_000
ALLOWED = Permission(None, lambda: True)


class Events:
    """The events of one open stream, and the data of its heartbeats."""

    def __init__(self, response) -> None:
        self.response = response
        self.beats: list[Any] = []
        self.retry_ms: int | None = None

    async def next(self) -> tuple[str, int, Any]:
        """The next event but heartbeats: its kind, id and data."""
        while (event := await self._read())[0] == "heartbeat":
            self.beats.append(event[2])
        return event

    async def until_heartbeat(self) -> list[tuple[str, int, Any]]:
        """The events before the next heartbeat."""
        events = []
        while (event := await self._read())[0] != "heartbeat":
            events.append(event)
        return events

    async def _read(self) -> tuple[str, int, Any]:
        kind, id_, data = "", -1, None
        async with asyncio.timeout(HANG_S):
            while True:
                line = (await self.response.content.readline()).decode()
                if not line:
                    raise EOFError
                name, _, value = line.rstrip("\n").partition(": ")
                if name == "retry":
                    self.retry_ms = int(value)
                elif name == "event":
                    kind = value
                elif name == "id":
                    id_ = int(value)
                elif name == "data":
                    data = msgspec.json.decode(value)
                elif line == "\n" and data is not None:
                    return kind, id_, data

    async def take(self, count: int) -> list[tuple[str, int, Any]]:
        return [await self.next() for _ in range(count)]


@asynccontextmanager
async def streaming(live: Live, query: str = "", last_id: int | str | None = None) -> AsyncIterator[Events]:
    headers = {} if last_id is None else {"Last-Event-ID": str(last_id)}
    async with live.get(STREAM + query, headers=headers) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        yield Events(response)


async def racing(database, *facts, definition=None, bibs=("7", "8", "9")) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition), entries(*bibs), gun(0), *facts)
    return made


async def test_viewers_of_the_whole_event_get_a_revision_from_the_notice_alone(database):
    race = await racing(database)
    async with serving(race) as live, streaming(live) as events:
        kind, id_, data = await events.next()
        assert (kind, id_, data["event"]) == ("snapshot", race.revision, EVENT)
        assert events.retry_ms is not None
        assert 2_000 <= events.retry_ms <= 6_000
        notice = await race.announce(run("7"), tell=False)
        made = msgspec.structs.replace(notice, revision=notice.revision + 7)  # no such revision is in ClickHouse
        tracker = race.running[REVISIONS]
        tracker.learn(AnnouncedRevision(EVENT, made.revision, made.announced_at_us), made)
        assert await events.next() == (
            "board",
            made.revision,
            {
                "event": EVENT,
                "revision": made.revision,
                "boards": ["men"],
                "bibs": ["7"],
                "announced_at_us": notice.announced_at_us,
                "accepted_us": notice.accepted_us,
            },
        )


async def test_streams_whose_events_cannot_be_made_are_closed_so_that_their_clients_come_again(database, caplog):
    race = await racing(database)
    async with serving(race) as live, streaming(live, "?board=men") as events:
        await events.next()
        revision = race.revision + 1
        unreadable = (EVENT, "7", revision, "hm", "FINISHED", 0, None, None, None, 0, "", "no JSON")
        await database.insert("athlete_versions", columns_of("athlete_versions", [unreadable]), "unreadable")
        race.running[REVISIONS].learn(AnnouncedRevision(EVENT, revision, race.announced_at_us(revision)), None)
        with pytest.raises(EOFError):
            await events.next()
    assert "streams of event example-2026 are closed" in caplog.text


async def test_a_revision_that_is_not_newer_is_ignored(database):
    race = await racing(database)
    async with serving(race) as live, streaming(live) as events:
        await events.next()
        race.running[REVISIONS].learn(AnnouncedRevision(EVENT, race.revision, 0), None)
        race.running[REVISIONS].learn(AnnouncedRevision(EVENT, race.revision - 1, 0), None)
        await race.announce(run("7"))
        assert (await events.next())[1] == race.revision


async def test_a_boards_stream_has_splits_statuses_and_changed_rows(database):
    race = await racing(database, bibs=["7", "8", entry("9", gender="F")])
    async with serving(race) as live, streaming(live, "?board=men") as events:
        kind, _, data = await events.next()
        assert (kind, data["board"], data["rows"]) == ("snapshot", "men", [])
        await race.announce(run("9"))  # on another board
        await race.announce(run("7", 1, 2000, None))
        received = await events.take(4)
        assert [(kind, id_) for kind, id_, _ in received] == [
            (kind, race.revision) for kind in ("split", "split", "status", "board")
        ]
        start, ten, became, page = (data for _, _, data in received)
        assert (start["point"], ten["point"], ten["bib"], ten["gun_time"], ten["corrected"]) == (
            "START",
            "10K",
            "7",
            "0:33:20",
            False,
        )
        assert (became["before"], became["status"]) == ("NOT_STARTED", "ON_COURSE")
        assert (page["total"], page["rows"], page["removed"]) == (0, [], ["7"])
        await race.announce(reads(read("F1", "C7", 4000)))
        received = await events.take(3)
        assert [kind for kind, _, _ in received] == ["split", "status", "board"]
        page = received[-1][2]
        assert (page["total"], page["rows"][0]["bib"], page["rows"][0]["time"]) == (1, "7", "1:06:40")


async def test_results_that_are_taken_back_are_retracted(database):
    race = await racing(database, run("7", 1, 2000, 4000))
    async with serving(race) as live, streaming(live, "?board=men") as events:
        await events.next()
        await race.announce(fact("read_excluded", device="F1", chip="C7", at_us=at(4000), reason="not theirs"))
        received = await events.take(3)
        assert [(kind, data.get("point")) for kind, _, data in received[:1]] == [("retract", "FINISH")]
        assert (received[1][0], received[1][2]["status"]) == ("status", "ON_COURSE")
        assert (received[2][0], received[2][2]["removed"]) == ("board", ["7"])
        await race.announce(entries(entry("7", gender="F")))
        received = await events.take(2)
        assert (received[0][0], received[0][2]["bib"], received[0][2]["point"]) == (
            "retract",
            "7",
            None,
        )  # left the board
        await race.announce(entries("7"), fact("clock_corrected", device="K1", offset_us=5_000_000))
        received = await events.take(4)
        assert [(kind, data.get("point")) for kind, _, data in received] == [
            ("split", "START"),  # new to the board, so all splits are sent
            ("split", "10K"),
            ("status", None),
            ("board", None),
        ]


async def test_a_split_that_moved_is_sent_as_corrected(database):
    race = await racing(database, run("7", 1, 2000, None))
    async with serving(race) as live, streaming(live, "?bib=7") as events:
        await events.next()
        await race.announce(fact("clock_corrected", device="K1", offset_us=5_000_000))
        kind, _, data = await events.next()
    assert (kind, data["point"], data["gun_time"], data["corrected"]) == ("split", "10K", "0:33:25", True)


async def test_a_boards_podium_follows_the_reads_of_athletes_who_are_not_on_it(database):
    boards = [board("men", gender="M"), board("women", gender="F")]
    women = [entry("1", gender="F"), entry("2", gender="F")]
    finished, on_course = run("1", 1, 2000, 4000), run("2", 1, 2000, None)
    race = await racing(database, finished, on_course, definition=definition(boards=boards), bibs=[*women, entry("7")])
    async with serving(race) as live, streaming(live, "?board=women") as events:
        (place,) = (await events.next())[2]["podium"]
        assert place["decided"] is False
        await race.announce(run("7", 1, 8000, 12_000))  # no gateway keeps a woman's earlier read for as long
        kind, _, data = await events.next()
        assert (kind, data["podium"][0]["decided"]) == ("board", True)


async def test_an_athletes_stream_has_only_the_athlete_and_their_places(database):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2050, None))
    async with serving(race) as live, streaming(live, "?bib=7") as events:
        kind, _, data = await events.next()
        assert (kind, data["bib"], data["boards"][0]["place"]) == ("snapshot", "7", 1)
        await race.announce(run("9", 1, 2100, None))  # another athlete
        await race.announce(reads(read("F1", "C8", 3990)))
        kind, id_, data = await events.next()
        assert (kind, id_) == ("board", race.revision)
        assert [(place["board"], place["place"], place["total"]) for place in data["boards"]] == [("men", 2, 2)]
        await race.announce(status("7", "DQ"))
        received = await events.take(2)
        assert [(kind, data.get("status")) for kind, _, data in received] == [("status", "DQ"), ("board", None)]


async def test_an_athlete_displaced_by_another_is_among_the_changed_rows(database):
    leads = definition(boards=[board("men", rank_by="gun_then_chip", gun_places=1)])
    race = await racing(database, run("7", 60, 2100, 4000), run("8", 1, 2000, None), definition=leads)
    async with serving(race) as live, streaming(live, "?board=men") as events:
        await events.next()
        await race.announce(reads(read("F1", "C8", 3990)))
        received = await events.take(3)
        kind, _, data = received[-1]
        rows = {row["bib"]: (row["place"], row["time"]) for row in data["rows"]}
        assert (kind, rows) == ("board", {"8": (1, "1:06:30"), "7": (2, "1:05:40")})  # 7 is ranked by chip now


async def test_an_athlete_whose_chip_seems_carried_by_another_is_among_the_changed_rows(database):
    together = {**definition(), "together": {"points": 2}}
    race = await racing(database, run("7", 1, "2000.5", "4000.5"), run("8", 1, "2000.6", None), definition=together)
    async with serving(race) as live, streaming(live, "?board=men") as events, streaming(live, "?bib=7") as own:
        await events.next()
        await own.next()
        await race.announce(reads(read("F1", "C8", "4000.6")))
        while (event := await own.next())[0] != "case":
            assert event[0] == "board"
        assert (event[2]["case"], event[2]["state"]) == ("together:7:8", "open")
        kind, _, data = (await events.take(3))[-1]
        assert (kind, {row["bib"]: row["flags"] for row in data["rows"]}) == ("board", {"7": "case", "8": "case"})
        await race.announce(decided("together:7:8", "accept"))
        while (event := await own.next())[0] != "case":
            assert event[0] == "board"
        assert (event[2]["case"], event[2]["state"]) == ("together:7:8", "decided")
        kind, _, data = await events.next()
        assert (kind, {row["bib"]: row["flags"] for row in data["rows"]}) == ("board", {"7": None, "8": None})


async def test_of_rows_below_the_followed_ones_only_so_many_are_sent(database):
    race = await racing(database, run("7", 1, 2000, 4000), run("8", 1, 2000, 4100), run("9", 1, 2000, 4100))
    limits = LiveLimits(rows_of_event=1)
    async with serving(race, limits=limits) as live, streaming(live, "?board=men&limit=1") as events:
        _, _, data = await events.next()
        assert ([row["bib"] for row in data["rows"]], data["total"]) == (["7"], 3)
        await race.announce(order("9", "8"))
        kind, _, data = await events.next()
        assert (kind, [row["bib"] for row in data["rows"]], data["order"]) == ("board", ["9"], None)


async def test_when_too_many_athletes_changed_viewers_get_a_snapshot(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(athletes_of_change=1)) as live, streaming(live, "?board=men") as events:
        await events.next()
        await race.announce(run("7"), run("8", 1, 2000, 4100))
        kind, id_, data = await events.next()
        assert (kind, id_, data["total"]) == ("snapshot", race.revision, 2)


async def test_a_team_boards_stream_says_when_to_fetch_it(database):
    teams = definition(boards=[board("men")], team_boards=[{"id": "teams", "of": "men", "counting": 1}])
    race = await racing(database, definition=teams, bibs=[entry("7", team="Hue")])
    async with serving(race) as live, streaming(live, "?board=teams") as events:
        assert (await events.next())[2]["rows"][0]["place"] is None
        await race.announce(run("7"))
        kind, id_, data = await events.next()
        assert (kind, id_, data["board"], data["rows"]) == ("board", race.revision, "teams", None)
        assert (await live.json(f"/v1/events/{EVENT}/teams/teams"))["rows"][0]["place"] == 1


@pytest.mark.parametrize("query", ["", "?board=men", "?bib=7"])
async def test_a_client_that_comes_again_gets_the_events_it_missed_and_no_others(database, query):
    race = await racing(database)
    await race.announce(run("7", 1, 2000, None))
    seen = race.revision
    await race.announce(reads(read("F1", "C7", 4000)))
    async with serving(race) as live:
        async with streaming(live, query, last_id=seen) as events:
            kinds = {"": ["board"], "?board=men": ["split", "status", "board"], "?bib=7": ["split", "status", "board"]}
            received = await events.take(len(kinds[query]))
            assert [kind for kind, _, _ in received] == kinds[query]
            assert {id_ for _, id_, _ in received} == {race.revision}
            if query:
                assert received[0][2]["point"] == "FINISH"
            else:
                assert received[0][2]["boards"] == ["men"]
                assert received[0][2]["bibs"] == ["7"]
        async with streaming(live, query, last_id=race.revision) as events:
            await race.announce(run("8", 1, 2000, 3900))
            _, id_, _ = await events.next()  # the first event is of the new revision: nothing came twice
            assert id_ == race.revision
        for strange in ("abc", 10**9):
            async with streaming(live, query, last_id=strange) as events:
                assert (await events.next())[:2] == ("snapshot", race.revision)


async def test_revisions_found_by_polling_are_sent_too(database):
    race = await racing(database)
    async with serving(race) as live, streaming(live) as short, streaming(live, "?board=men") as full:
        await short.next()
        await full.next()
        await race.announce(run("7"), tell=False)
        kind, id_, data = await short.next()
        assert (kind, id_, data["boards"], data["bibs"], data["accepted_us"]) == (
            "board",
            race.revision,
            ["men"],
            ["7"],
            None,
        )
        assert (await full.next())[1] == race.revision


async def test_viewers_of_one_subject_share_one_making(database):
    race = await racing(database)
    async with serving(race) as live:
        streams = [live.get(f"{STREAM}?board=men") for _ in range(10)]
        events = [Events(await opening.__aenter__()) for opening in streams]
        try:
            for viewer in events:
                await viewer.next()
            queries: list[str] = []
            asked = database.query

            async def counted(sql, parameters=None):
                queries.append(sql)
                return await asked(sql, parameters)

            database.query = counted
            await race.announce(run("7", 1, 2000, None))
            received = [await viewer.take(4) for viewer in events]
            assert all(same == received[0] for same in received)
            assert sum("SELECT DISTINCT bib" in sql for sql in queries) == 1
            assert "matline_live_viewers 10.0" in await live.text("/metrics")
        finally:
            del database.query
            for opening in streams:
                await opening.__aexit__(None, None, None)


async def test_a_viewer_that_leaves_is_forgotten(database):
    race = await racing(database)
    async with serving(race) as live:
        async with streaming(live, "?board=men") as events:
            await events.next()
            assert "matline_live_viewers 1.0" in await live.text("/metrics")
            events.response.close()
        async with asyncio.timeout(HANG_S):
            while "matline_live_viewers 0.0" not in await live.text("/metrics"):
                await asyncio.sleep(0.01)


async def test_a_viewer_that_reads_nothing_is_disconnected_and_the_others_go_on(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(waiting_bytes=4_000)) as live:
        host, port = live.base.removeprefix("http://").split(":")
        _, slow_writer = await asyncio.open_connection(host, int(port), limit=1)
        slow_writer.write(f"GET {STREAM} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        async with streaming(live) as events:
            await events.next()
            while "matline_live_viewers 2.0" not in await live.text("/metrics"):
                await asyncio.sleep(0.01)
            cast(asyncio.Transport, slow_writer.transport).pause_reading()
            bibs = [f"{number:0>32}" for number in range(500)]
            learnt = race.revision
            async with asyncio.timeout(HANG_S):
                while "matline_live_viewers_dropped_total 1.0" not in await live.text("/metrics"):
                    learnt += 1
                    notice = RevisionNotice(
                        v=NOTICE_VERSION, event=EVENT, revision=learnt, announced_at_us=0, bibs=bibs, results_only=True
                    )
                    race.running[REVISIONS].learn(AnnouncedRevision(EVENT, learnt, 0), notice)
                    assert (await events.next())[1] == learnt
        slow_writer.close()


@asynccontextmanager
async def viewer_over_a_socket():
    """A viewer, and the client's end of its connection."""
    server, client = socket.socketpair()
    client.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=server)
    with client:
        yield Viewer(Subject(EVENT), 1, transport, True, WAITING_BYTES, ALLOWED), client
        transport.abort()


async def test_events_that_a_viewer_leaves_unread_are_bounded():
    async with viewer_over_a_socket() as (viewer, _):
        async with asyncio.timeout(HANG_S):
            while viewer.offer(framed(b"x" * (WAITING_BYTES // 2))):
                await asyncio.sleep(0)
            await viewer.closed()
        assert viewer.offer(framed(b"y")), "nothing waits for a viewer that was disconnected"


async def test_one_large_event_reaches_a_viewer_that_keeps_up():
    data = b"x" * (2 * WAITING_BYTES)
    chunk = b"%x\r\n%b\r\n" % (len(data), data)
    received = b""
    async with viewer_over_a_socket() as (viewer, client):
        assert viewer.offer(framed(data))
        async with asyncio.timeout(HANG_S):
            while len(received) < len(chunk):
                received += await asyncio.get_running_loop().sock_recv(client, 65_536)
        assert received == chunk
        assert viewer.offer(framed(b"y"))


def test_a_token_is_checked_once_for_all_who_showed_it():
    checked: list[str] = []

    def permission(shown: str, valid: bool) -> Permission:
        def check() -> bool:
            checked.append(shown)
            return valid

        return Permission(shown, check)

    transport = cast(asyncio.Transport, None)  # nothing is sent
    revoked, valid = permission("revoked", False), permission("valid", True)
    viewers = [
        Viewer(Subject(EVENT), 1, transport, True, WAITING_BYTES, shown) for shown in (revoked, valid, revoked, valid)
    ]
    assert refused(viewers) == [viewers[0], viewers[2]]
    assert checked == ["revoked", "valid"]


async def test_a_quiet_stream_has_heartbeats_that_do_not_move_a_client(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(heartbeat_s=0.02)) as live, streaming(live) as events:
        await events.next()
        lines = []
        async with asyncio.timeout(HANG_S):
            while lines[-1:] != [b"\n"] or not lines[0].startswith(b"event"):
                line = await events.response.content.readline()
                lines = [line] if line.startswith(b"event") else [*lines, line]
    beat = msgspec.json.decode(lines[1].removeprefix(b"data: "))
    assert [lines[0], *lines[2:]] == [b"event: heartbeat\n", b"\n"]  # no id
    assert (beat["event"], beat["revision"]) == (EVENT, race.revision)
    assert abs(beat["now_us"] - time.time_ns() // 1000) < HANG_S * 2_000_000


async def test_publications_reach_every_stream_that_they_concern(database):
    boards = [board("men", gender="M"), board("women", gender="F")]
    race = await racing(database, run("7", 1, 2000, 4000), run("8"), definition=definition(boards=boards))
    queries = ("", "?board=men", "?bib=7", "?board=women")
    async with serving(race) as live, AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(streaming(live, query)) for query in queries]
        for events in streams:
            await events.next()
        published = fact("results_published", race="hm", state="provisional", boards=["men"], recorded_at_us=at(5000))
        await race.announce(published)
        (kind, _, summary), publication = await streams[0].take(2)
        assert (kind, summary["boards"], summary["bibs"]) == ("board", ["men"], [])
        assert publication == (
            "publication",
            race.revision,
            {
                "event": EVENT,
                "revision": race.revision,
                "race": "hm",
                "state": "live",
                "changed_since_official": False,
                "void": False,
                "boards": [{"board": "men", "state": "provisional", "changed_since_official": False, "void": False}],
            },
        )
        kind, _, data = await streams[1].next()
        assert (kind, data["state"], data["total"]) == ("board", "provisional", 2)
        assert {row["result_state"] for row in data["rows"]} == {"provisional"}
        assert await streams[1].next() == publication
        assert await streams[2].next() == publication
        await race.announce(fact("results_published", race="hm", state="official", recorded_at_us=at(9000)))
        kind, _, data = await streams[3].next()  # nothing of the provisional ones came here
        women = next(state for state in data["boards"] if state["board"] == "women")
        assert (kind, women["state"], women["void"]) == ("publication", "live", True)  # they never were provisional


async def test_a_publication_of_a_delegation_reaches_its_stream_and_that_of_the_whole_event(database):
    teams = {"id": "teams", "of": "men", "counting": 1}
    of = definition(
        boards=[board("men")], team_boards=[teams], delegations=[{"id": "all", "sum": ["teams"], "tie": "teams"}]
    )
    race = await racing(database, run("7"), definition=of, bibs=[entry("7", team="Huế")])
    async with serving(race) as live, streaming(live) as events, streaming(live, "?board=all") as own:
        await events.next()
        await own.next()
        published = fact("results_published", race="hm", state="provisional", boards=["all"], recorded_at_us=at(5000))
        await race.announce(published)
        kind, _, summary = await events.next()
        assert (kind, summary["boards"]) == ("board", ["all"])
        kind, id_, data = await own.next()
        assert (kind, id_, data["board"], data["rows"]) == ("board", race.revision, "all", None)
        state = {"state": "provisional", "changed_since_official": False, "void": False}
        named = {
            "event": EVENT,
            "revision": race.revision,
            "race": None,
            **state,
            "boards": [{"board": "all", **state}],
        }
        assert await own.next() == ("publication", race.revision, named)
        assert await events.next() == ("publication", race.revision, named)
        assert (await live.json(f"/v1/events/{EVENT}/delegations/all"))["state"] == "provisional"


async def test_a_change_after_official_results_is_announced_with_the_boards_that_it_changes(database):
    published = [
        fact("results_published", race="hm", state=state, recorded_at_us=at(at_s))
        for state, at_s in (("provisional", 5000), ("official", 9000))
    ]
    race = await racing(database, run("7", 1, 2000, 4000), *published)
    async with serving(race) as live, streaming(live) as whole, streaming(live, "?board=men") as events:
        await whole.next()
        _, _, data = await events.next()
        assert (data["state"], data["changed_since_official"]) == ("official", False)
        await race.announce(status("7", "DQ"))
        received = await events.take(3)
        assert [kind for kind, _, _ in received] == ["status", "board", "publication"]
        assert (received[1][2]["state"], received[1][2]["changed_since_official"]) == ("official", True)
        summary, publication = await whole.take(2)
        assert summary[2]["boards"] == ["men"]
        assert (publication[0], publication[2]["changed_since_official"]) == ("publication", True)


async def test_cases_are_announced_when_they_open_are_decided_and_lose_their_ground(database):
    race = await racing(database)
    async with serving(race) as live, streaming(live) as whole, streaming(live, "?bib=7") as events:
        await whole.next()
        await events.next()
        for made, state in (
            (run("7", 1, None, 4000), "open"),
            (decided("missed:7", "accept"), "decided"),
            (reads(read("K1", "C7", 2000)), "gone"),
        ):
            await race.announce(made)
            while (event := await whole.next())[0] != "case":
                assert event[0] == "board"
            assert event[2] == {
                "event": EVENT,
                "revision": race.revision,
                "case": "missed:7",
                "bib": "7",
                "race": "hm",
                "open": state == "open",
                "state": state,
            }
            while (own := await events.next())[0] != "case":
                pass
            assert own == event


@pytest.mark.parametrize("query", ["?board=men&point=10K", "?board=men&on_course=1"])
async def test_a_boards_stream_may_follow_a_split_or_those_on_the_course(database, query):
    race = await racing(database)
    async with serving(race) as live, streaming(live, query) as events:
        assert (await events.next())[2]["rows"] == []
        await race.announce(run("7", 1, 2000, None), run("8", 1, 1900, None))
        while (event := await events.next())[0] != "board":
            pass
        assert (event[2]["order"], event[2]["total"]) == (["8", "7"], 2)
        assert (
            event[2]["rows"]
            == (await live.json(f"/v1/events/{EVENT}/boards/men{query[10:].replace('&', '?')}"))["rows"]
        )


async def test_the_rows_of_a_stream_are_those_of_a_board_that_ranks_athletes(database):
    teams = definition(boards=[board("men")], team_boards=[{"id": "teams", "of": "men", "counting": 1}])
    race = await racing(database, definition=teams)
    async with serving(race) as live:
        await live.json(f"{STREAM}?board=men&point=NOWHERE", status=422)
        await live.json(f"{STREAM}?board=teams&point=10K", status=400)
        await live.json(f"{STREAM}?bib=7&limit=5", status=400)
        await live.json(f"{STREAM}?board=men&limit=1001", status=422)


async def test_streams_end_when_live_does(database):
    race = await racing(database)
    began = time.monotonic()
    async with serving(race) as live:
        response = await live.get(f"{STREAM}?board=men").__aenter__()
        await Events(response).next()
        await race.app.shutdown()
        assert await response.content.read() == b""
    assert time.monotonic() - began < HANG_S


async def test_an_event_without_a_definition_streams_until_it_has_one(database):
    race = Racing(database)
    await race.announce(entries("7"))
    async with serving(race) as live, streaming(live) as events:
        assert (await events.next())[2]["races"] == []
        await live.json(f"/v1/events/{EVENT}", status=404)
        await race.announce(defined(), gun(0), run("7"))
        assert (await events.next())[2]["boards"] == ["men"]
        assert (await live.json(f"/v1/events/{EVENT}/boards/men"))["total"] == 1


async def test_a_stream_of_an_unknown_subject_is_refused(database):
    race = await racing(database)
    async with serving(race) as live:
        assert "men, women" in (await live.json(f"{STREAM}?board=x", status=404))["detail"]
        await live.json(f"{STREAM}?board=men&bib=7", status=400)
        await live.json(f"{STREAM}?bib=77", status=404)
        await live.json("/v1/events/x/stream", status=404)


async def test_too_many_viewers_are_asked_to_come_later(database):
    race = await racing(database)
    async with serving(race, limits=LiveLimits(viewers=1)) as live, streaming(live) as events:
        await events.next()
        async with live.get(STREAM) as response:
            assert (response.status, response.headers["Retry-After"]) == (503, "2")
