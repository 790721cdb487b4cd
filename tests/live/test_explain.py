"""Explanations of results over HTTP: the same as by the log, whole for officials, never ahead of the data."""

from random import Random
from typing import Any

import msgspec

import races
from loadtest.simulation import simulate
from schemas.codec import decode_envelope, encode_envelope
from schemas.definition_parse import definition_from_toml
from services.live.explainer import Explainer
from services.live.fact_folder import FactFolder
from services.live.loader import Loader
from services.live.store import Store
from services.live.table_rows import AnnouncedRevision
from services.offline.explain_command import explained_of
from services.offline.scored_log import Log
from services.projections.audit import Gathered
from services.projections.tables import TABLES, columns_of
from services.runtime.tokens import new_token, tokens_bytes
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from services.scoring.core.partition import PartitionState
from services.standings import explanation
from tests.builders import (
    EVENT,
    board,
    chip,
    clock,
    defined,
    definition,
    entries,
    entry,
    excluded,
    fact,
    gun,
    log,
    order,
    read,
    reads,
    run,
    status,
    time_set,
    waived,
    withdrawn,
)
from tests.live.racing import Racing, serving
from tests.oracle.folding import cut, typed
from tests.oracle.logs import log_of

BASE = f"/v1/events/{EVENT}"
BOARDS = definition(
    boards=[
        board("men", gender="M", rank_by="gun_then_chip", gun_places=1),
        board("men-vie", within="men", nationality="VIE"),
        board("women", gender="F"),
    ]
)
BIBS = ("7", "8", entry("9", nationality="VIE", chips=["C9", "D9"]), "10")
FACTS = [
    run("7"),
    run("8", 3, 2100, 4000),
    run("9", 5, 2100, 4100),
    reads(read("S1", "C7", 2, rssi=-70), read("S1", "C7", 2, rssi=-60), read("K1", "D9", 2500, rssi=-60.5)),
    reads(read("K1", "C7", 2500), read("F1", "C8", 4500), read("S1", "C7", 2, rssi=-80)),
    clock("K1", "-0.5", by="ann", id="k"),
    excluded("K1", "C7", 2500, by="ann", id="x"),
    order("8", "7", by="bob", id="o"),
    chip("D9", "10", until_s=2400, by="bob"),
    time_set("9", "10K", 2200, by="bob", id="t"),
    status("8", "DQ", by="ann", id="s", rule="TR17"),
    withdrawn("s", by="ann"),
    fact("entry_hidden", bib="10", hidden=True),
    entries(entry("9", nationality="VIE", chips=["C9"]), entry("11", chips=["D9"])),
]


def explained_by_log(facts, bib, revision=None, seen=explanation.public):
    """The document of the log's own explanation, up to a revision."""
    made = Log()
    for number, line in enumerate(log(*facts)):
        if revision is None or number <= revision:
            made.add(b'{"offset":%d,"fact":%s}' % (number, line.strip()))
    return msgspec.to_builtins(explanation.document(seen(explained_of(made, "log", bib))))


def whole(explained):
    return explained


async def racing(database, *facts, definition=None) -> Racing:
    made = Racing(database)
    await made.announce(defined(definition or BOARDS), entries(*BIBS), gun(0), *facts)
    return made


def stamped(document):
    """Without when facts were recorded: `racing` puts that beside the facts, not into them."""
    return {**document, "facts": [{**fact, "recorded_at_us": None} for fact in document["facts"]]}


async def test_every_athlete_is_explained_as_of_the_log(database):
    race = await racing(database, *FACTS)
    async with serving(race) as live:
        for bib in ("7", "8", "9", "10", "11"):
            explained = await live.json(f"{BASE}/athletes/{bib}/explain")
            assert stamped(explained) == stamped(explained_by_log(race.facts, bib, seen=whole)), bib
        assert explained["revision"] == race.revision


async def test_explanations_follow_facts_that_come_later(database):
    race = await racing(database)
    async with serving(race) as live:
        for fact_later in FACTS:
            await race.announce(fact_later)
            for bib in ("7", "9"):
                explained = await live.json(f"{BASE}/athletes/{bib}/explain")
                assert stamped(explained) == stamped(explained_by_log(race.facts, bib, seen=whole)), (bib, fact_later)


async def test_the_past_is_explained_as_it_was(database):
    race = await racing(database, FACTS[0])
    for fact_later in FACTS[1:]:
        await race.announce(fact_later)
    async with serving(race) as live:
        now = await live.json(f"{BASE}/athletes/7/explain")
        for revision in (4, 8, 10):
            explained = await live.json(f"{BASE}/athletes/7/explain?as_of={revision}")
            assert stamped(explained) == stamped(explained_by_log(race.facts, "7", revision, seen=whole))
        assert await live.json(f"{BASE}/athletes/7/explain") == now


# --- The public and the officials.


async def test_the_public_sees_neither_who_decided_nor_why_nor_excluded_reads(database, tmp_path):
    race = await racing(database, *FACTS)
    official, kept = new_token("official", "jury", [EVENT], [], "2026-01-01")
    other, kept_other = new_token("official", "others", ["other"], [], "2026-01-01")
    path = tmp_path / "tokens.json"
    path.write_bytes(tokens_bytes([kept, kept_other]))
    async with serving(race, tokens=path) as live:
        for bib in ("7", "8", "9"):
            async with live.get(f"{BASE}/athletes/{bib}/explain") as response:
                text = await response.text()
                public = msgspec.json.decode(text)
                assert response.headers["Cache-Control"].startswith("public")
            assert stamped(public) == stamped(explained_by_log(race.facts, bib))
            for secret in (
                "ann",
                "bob",
                "judges",
                "photo finish",
                "entered in error",
                "chip of another",
                "TR17",
                "excluded",
            ):
                assert f'"{secret}"' not in text
            headers = {"Authorization": f"Bearer {official}"}
            async with live.get(f"{BASE}/athletes/{bib}/explain", headers=headers) as response:
                mine = await response.json()
                assert response.headers["Cache-Control"] == "no-store"
            assert stamped(mine) == stamped(explained_by_log(race.facts, bib, seen=whole))
            not_mine = {"Authorization": f"Bearer {other}"}
            assert await live.json(f"{BASE}/athletes/{bib}/explain", headers=not_mine) == public
        seven = explained_by_log(race.facts, "7", seen=whole)
        assert seven["unused"]["excluded"] == 1
        assert {fact["by"] for fact in seven["facts"] if fact["type"] == "read_excluded"} == {"ann"}


async def test_the_public_sees_that_a_point_was_waived_and_officials_who_did_and_why(database, tmp_path):
    race = await racing(database, run("7", k10=None), waived("10K", by="ann", reason="no power", id="w"))
    official, kept = new_token("official", "jury", [EVENT], [], "2026-01-01")
    path = tmp_path / "tokens.json"
    path.write_bytes(tokens_bytes([kept]))
    async with serving(race, tokens=path) as live:
        public = await live.json(f"{BASE}/athletes/7/explain")
        mine = await live.json(f"{BASE}/athletes/7/explain", headers={"Authorization": f"Bearer {official}"})
        (row,) = await live.json(f"{BASE}/boards/men.json")
    assert (row["status"], row["flags"]) == ("FINISHED", "waived")
    (shown,) = [point for point in public["points"] if point["point"] == "10K"]
    (whole_point,) = [point for point in mine["points"] if point["point"] == "10K"]
    assert "not required, since an official waived it" in shown["says"]
    assert [(waiver["id"], waiver["by"], waiver["reason"]) for waiver in shown["waivers"]] == [("w", None, None)]
    assert [(waiver["by"], waiver["reason"]) for waiver in whole_point["waivers"]] == [("ann", "no power")]


async def test_a_hidden_name_is_hidden_in_the_past_too(database):
    race = await racing(database, run("7"))
    before = race.revision
    await race.announce(fact("entry_hidden", bib="7", hidden=True))
    async with serving(race) as live:
        assert (await live.json(f"{BASE}/athletes/7/explain"))["name"] == "7"
        assert (await live.json(f"{BASE}/athletes/7/explain?as_of={before}"))["name"] == "7"


# --- Wrong requests, and tags.


async def test_unknown_bibs_events_and_parameters_are_refused(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        assert "'77'" in (await live.json(f"{BASE}/athletes/77/explain", status=404))["detail"]
        assert (await live.json(f"{BASE}/athletes/7/explain?x=1", status=400))["title"] == "Unknown parameter"
        assert (await live.json("/v1/events/none/athletes/7/explain", status=404))["title"] == "No such event"


async def test_an_answer_has_a_tag_that_is_honoured(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        async with live.get(f"{BASE}/athletes/7/explain") as response:
            tag, revision = response.headers["ETag"], response.headers["X-Revision"]
        assert revision == str(race.revision)
        async with live.get(f"{BASE}/athletes/7/explain", headers={"If-None-Match": tag}) as response:
            assert response.status == 304


# --- Facts and reads arrive after the boards.


async def test_until_the_last_read_has_arrived_an_athlete_is_explained_as_before_it(database):
    race = await racing(database, run("7", finish=None))
    before = race.revision
    async with serving(race) as live:
        await race.announce(reads(read("F1", "C7", 4000)), audit=False)
        explained = await live.json(f"{BASE}/athletes/7/explain")
        assert (explained["revision"], explained["status"]) == (before, "ON_COURSE")
        others = await live.json(f"{BASE}/athletes/8/explain")
        assert (others["revision"], others["status"]) == (race.revision, "NOT_STARTED")
        await race.audit()
        explained = await live.json(f"{BASE}/athletes/7/explain")
        assert (explained["revision"], explained["status"]) == (race.revision, "FINISHED")
        assert [place["place"] for place in explained["places"]] == [1, None, None]


async def test_a_fact_that_arrives_late_is_not_lost_after_an_earlier_request(database):
    race = await racing(database, run("7"))
    async with serving(race) as live:
        await race.announce(status("8", "DNS", id="s"), audit=False)
        await race.announce(run("7"), audit=False)
        assert (await live.json(f"{BASE}/athletes/10/explain"))["revision"] == race.revision
        await race.audit()
        assert (await live.json(f"{BASE}/athletes/8/explain"))["status"] == "DNS"


async def test_a_client_is_asked_to_come_again_before_an_athletes_first_facts_have_arrived(database):
    race = Racing(database)
    await race.announce(defined(BOARDS), entries("7"), audit=False)
    async with serving(race) as live:
        async with live.get(f"{BASE}/athletes/7/explain") as response:
            assert response.status == 503
            assert response.headers["Retry-After"]
        await race.audit()
        assert (await live.json(f"{BASE}/athletes/7/explain"))["status"] == "NOT_STARTED"


# --- Random logs, in records of several facts, against the rows of scoring.


def named(facts, event):
    """Yield a random log as an event of its own. Ingest gives reads no id, so here they have none."""
    for logged in facts:
        more = {"event": event}
        if logged["type"] == "event_defined":
            more["definition"] = {**logged["definition"], "event": event}
        yield {**{name: value for name, value in logged.items() if name != "id" or not is_reads(logged)}, **more}


def is_reads(logged):
    return logged["type"] == "reads_received"


async def test_random_logs_from_the_tables_give_the_rows_of_scoring(database):
    rng = Random(5)
    loader = Loader(Store(database))
    explainer = Explainer(loader, FactFolder(loader.store))
    compared = 0
    for seed in range(40):
        event = f"e{seed}"
        state, gathered = PartitionState(0), Gathered()
        for offset, record in enumerate(cut(rng, typed(list(named(log_of(seed), event))))):
            value = encode_envelope(event, record)
            state.fold(3 * offset, decode_envelope(value))
            gathered.add(3 * offset, value)
        for table, columns in (
            ("facts", columns_of("facts", gathered.facts)),
            ("reads", {name: (kind, gathered.reads[name]) for name, kind in TABLES["reads"]}),
        ):
            await database.insert(table, columns, f"{table}:{event}")
            await database.insert(table, columns, f"{table}:{event}:again")  # as a batch that comes twice
        scored = state.events[event]
        scored.pending()
        for bib in [bib for bib in scored.versions if scored.was_entered(bib)]:
            worked_out: Any = await explainer._work_out(AnnouncedRevision(event, state.next_offset * 3, 0), bib)
            explanation, row = worked_out.explanation, worked_out.row
            assert row == scored.row(bib), (seed, bib)
            assert explanation == explain(evidence_of(scored, bib)).explanation, (seed, bib)
            compared += 1
    assert compared > 100


# --- A large event.


async def test_athletes_of_a_large_event_are_explained_as_by_its_log(database):
    simulation = simulate(definition_from_toml(races.definition_toml("vnexpress-hcmc-midnight-2024")), 1500, 1)
    race = Racing(database, simulation.definition.event)
    lines = [msgspec.json.decode(line) for line in simulation.log_lines()]
    await race.announce(*lines)
    base = f"/v1/events/{race.event}"
    bibs = [row.bib for row in simulation.entries[:: len(simulation.entries) // 20]]
    async with serving(race) as live:
        explained = [await live.json(f"{base}/athletes/{bib}/explain") for bib in bibs]
        log_bib = bibs[3]
        assert stamped(explained[3]) == stamped(explained_by_log(lines, log_bib, seen=whole))
