"""Live's own description: every route is in it, and real answers of events in every state are as it says."""

from typing import Any

import msgspec
import pytest

from services.live.limits import LiveLimits
from services.live.web.overlay_view import GRAPHICS
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import (
    EVENT,
    at,
    board,
    closed,
    course,
    decided,
    defined,
    definition,
    entries,
    entry,
    entry_withdrawn,
    excluded,
    fact,
    gun,
    race,
    read,
    reads,
    run,
    status,
    time_set,
    waived,
    withdrawn,
)
from tests.documented import Documented
from tests.live.racing import Live, Racing, serving
from tests.live.test_stream import streaming

BASE = f"/v1/events/{EVENT}"
KINDS = definition(
    name={"vi": "Nửa marathon", "en": "Half marathon"},
    races=[race(missing_mat="review", points=course(FINISH={"cutoff": {"gun": "1:30:00"}}))],
    boards=[
        board("all", name={"vi": "Chung cuộc", "en": "Overall"}, rank_by="gun_then_chip", gun_places=1),
        board("men", within="all", gender="M"),
        board("women", within="all", gender="F"),
        board("30-39", within="all", born_from=1987, born_to=1996),
    ],
    team_boards=[{"id": "teams", "of": "all", "counting": 1, "max_members": 1}],
    delegations=[{"id": "both", "sum": ["teams"]}],
    together={"within_s": 0.2, "points": 1},
)
FIELD = (
    entry("7", team="Huế", club="Run", birth_year=1990, nationality="VIE"),
    entry("8", team="Huế", birth_year=1991, wave="A", division="open"),
    entry("9", gender="F", team="Vinh"),
    *map(entry, ("10", "11", "12", "13", "14")),
)
RACE: list[dict[str, Any]] = [
    run("7", 1.25, 2000.25, 4000.25),
    run("8", 1.35, 2000.35, 4000.35),
    run("9", 2, 2100, None),
    run("10", 3, None, 4200),
    run("11", 3, 2000, 6000),
    reads(read("S1", "C12", 4), read("KB", "C12", 2500), read("F1", "X99", 4400)),
]
RULINGS: list[dict[str, Any]] = [
    status("13", "DNS", at_s=10, id="dns-13", by="An"),
    fact("penalty_set", bib="7", seconds=10, reason="littering", rule="4.2"),
    fact("entry_hidden", bib="8", hidden=True),
    time_set("9", "10K", 2110, by="Binh"),
    excluded("K1", "C11", 2000, by="An"),
    waived("10K", 1000, 3000),
    fact("protest_filed", protest="p1", race="hm", text="bib 7 cut a corner", bib="7"),
    status("404", "DQ", id="waits"),
    fact("results_published", race="nowhere", state="provisional"),
    withdrawn("not-yet"),
    entry_withdrawn("14"),
]


def published(state: str, at_s: float, **more: Any) -> dict[str, Any]:
    return fact("results_published", race="hm", state=state, recorded_at_us=at(at_s), **more)


STATES: dict[str, list[list[dict[str, Any]]]] = {
    "without a definition": [[gun(0)]],
    "before the race": [[defined(KINDS), entries(*FIELD)]],
    "during the race": [[defined(KINDS), entries(*FIELD), gun(0)], RACE],
    "with rulings": [[defined(KINDS), entries(*FIELD), gun(0)], RACE, RULINGS],
    "provisional": [[defined(KINDS), entries(*FIELD), gun(0)], RACE, RULINGS, [published("provisional", 7000)]],
    "void": [
        [defined(KINDS), entries(*FIELD), gun(0)],
        RACE,
        [published("provisional", 7000), published("official", 7001)],
    ],
    "official and changed since": [
        [defined(), entries("7", "8"), gun(0), run("7"), run("8")],
        [closed(), published("provisional", 7000)],
        [published("official", 7600)],
        [status("7", "DQ"), entry_withdrawn("8")],
    ],
    "withdrawn": [[defined(KINDS), entries(*FIELD), gun(0)], RACE, [published("withdrawn", 7000)]],
}
BIBS = ("7", "8", "9", "11", "12", "404")
QUERIES = {
    "/v1/events/{event}/boards/{board}": ("", "?point=10K", "?on_course=1", "?q=no&limit=1", "?as_of=0", "?limit=0"),
    "/v1/events/{event}/splits/{race}/{point}": (
        "",
        "?cols=bib,Time:time",
        "?offset=1",
        "?q=no",
        "?wide=0",
        "?limit=x",
    ),
    "/v1/events/{event}/teams/{board}": ("", "?cols=place,team", "?as_of=0", "?limit=0"),
    "/v1/events/{event}/delegations/{board}": ("", "?wide=2", "?as_of=0", "?limit=0"),
    "/v1/events/{event}/counts.{format}": ("", "?cols=count", "?as_of=0", "?limit=0"),
    "/v1/events/{event}/clock.{format}": ("", "?cols=time_s", "?wide=101", "?x=1"),
    "/v1/events/{event}/athletes": ("?q=no", "?q=", "?q=7&lang=en", "?status=DQ", "?race=hm", "?race=x", "?status=x"),
    "/v1/events/{event}/changes": ("?from=0", "?from=2&to=1", ""),
    "/v1/events/{event}/facts": ("?pending=1", ""),
    "/v1/events/{event}/published/{race}": ("", "?board=men", "?board=nothing"),
    "/v1/events/{event}/published/{race}/document": ("", "?board=men"),
    "/overlay/{event}/ograf.zip": ("", "?server=nowhere"),
    "/{event}/results/list": ("?listname=men", "?listname=all&r=leaders", "?listname=nothing", "?listname=men&l=x", ""),
    "/{event}/RRPublish/data/list": ("?listname=men", ""),
}
TEAMS = ("teams", "delegations")
SUFFIXES = ("", ".json", ".csv", ".xml")
VARIABLES = {
    "event": (EVENT, "nothing"),
    "board": ("all", "men", "30-39", "teams", "both", "nothing"),
    "bib": BIBS,
    "race": ("hm", "nothing"),
    "point": ("10K", "nothing"),
    "format": ("json", "csv", "xml", "txt"),
}


def addresses(template: str) -> list[str]:
    """Every address of a path of the document, with its variables and queries as VARIABLES and QUERIES say."""
    made = [template]
    for name, values in VARIABLES.items():
        made = [path.replace(f"{{{name}}}", value) for path in made for value in values]
    queries = QUERIES.get(template.removesuffix(".json").removesuffix(".csv").removesuffix(".xml"), ("", "?x=1"))
    return [path + query for path in dict.fromkeys(made) for query in queries]


async def documented(live: Live) -> Documented:
    return Documented(await live.json("/openapi.json"))


@pytest.mark.parametrize("state", STATES)
async def test_every_answer_is_as_the_document_says(database, state):
    running = Racing(database)
    for facts in STATES[state]:
        await running.announce(*facts)
    async with serving(running) as live:
        described = await documented(live)
        for method, template in described.operations():
            if method != "GET" or template.endswith("/stream"):
                continue
            for address in addresses(template):
                async with live.get(address) as response:
                    described.check("GET", template, response.status, response.headers, await response.read())
        answered = {template for _, template, status in described.checked if status == 200}
        if state == "official and changed since":
            unanswered = {path for _, path in described.operations()} - answered
            assert unanswered == {  # which need other facts, a body or an open connection
                *(f"/v1/events/{{event}}/{kind}/{{board}}{suffix}" for kind in TEAMS for suffix in SUFFIXES),
                "/v1/events/{event}/stream",
                "/v1/events/{event}/preview",
            }


@pytest.mark.parametrize("state", ["before the race", "with rulings", "official and changed since"])
async def test_unchanged_answers_are_as_the_document_says(database, state):
    running = Racing(database)
    for facts in STATES[state]:
        await running.announce(*facts)
    async with serving(running) as live:
        described = await documented(live)
        for template in ("/v1/events", BASE, f"{BASE}/boards/men", f"{BASE}/athletes/7", "/openapi.json", "/docs"):
            async with live.get(template) as response:
                tag = response.headers["ETag"]
            async with live.get(template, headers={"If-None-Match": tag}) as response:
                body = await response.read()
                assert response.status == 304
                described.check("GET", described.template(template), 304, response.headers, body)


async def test_previews_and_their_refusals_are_as_the_document_says(database):
    running = Racing(database)
    for facts in STATES["with rulings"]:
        await running.announce(*facts)
    bodies: list[Any] = [
        [status("7", "DQ"), decided("missed:10", "dnf"), fact("gun_fired", race="hm", at="05:00:10"), waived("10K")],
        entries(entry("99", team="Vinh")),
        [{"type": "gun_fired"}],
        [],
        [status("7")] * 1_001,
        fact("event_defined", definition={}),
    ]
    async with serving(running) as live:
        described = await documented(live)
        template = "/v1/events/{event}/preview"
        taken = described.operations()["POST", template]["requestBody"]["content"]["application/json"]["schema"]
        for body in bodies[:2]:
            described.validate(taken, body)
        for body in bodies:
            async with live.session.post(f"{live.base}{BASE}/preview", json=body) as response:
                described.check("POST", template, response.status, response.headers, await response.read())
        assert {status for _, path, status in described.checked if path == template} == {200, 400, 413, 422}


OF_ATHLETES = {"snapshot", "split", "status", "retract", "board"}


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("", {"snapshot", "board"}),
        ("?board=all", OF_ATHLETES),
        ("?board=teams", {"snapshot", "board"}),
        ("?board=both", {"snapshot", "board"}),
        ("?bib=9", OF_ATHLETES),
    ],
)
async def test_events_of_streams_are_as_the_document_says(database, subject, expected):
    running = Racing(database)
    await running.announce(defined(KINDS), entries(*FIELD), gun(0))
    limits = LiveLimits(heartbeat_s=0.05)
    async with serving(running, limits=limits) as live, streaming(live, subject) as events:
        described = await documented(live)
        kinds = described.operations()["GET", "/v1/events/{event}/stream"]["x-events"]
        seen = set()

        async def take(last: str) -> None:
            kind = ""
            while kind != last:
                kind, _, data = await events.next()
                seen.add(kind)
                described.validate(kinds[kind], data)

        await take("snapshot")
        await running.announce(*RACE, run("9", 2, 2100, 4300))
        await take("board")
        if expected == OF_ATHLETES:
            await running.announce(reads(*(read("S1", "C99", 1),)), excluded("K1", "C9", 2100), status("9", "DQ"))
            await take("board")
        assert seen == expected
        for beat in events.beats:
            described.validate(kinds["heartbeat"], beat)
        assert events.beats


@pytest.mark.parametrize(("subject", "cases"), [("", {"case"}), ("?board=all", set()), ("?bib=9", {"case"})])
async def test_publications_and_cases_on_streams_are_as_the_document_says(database, subject, cases):
    running = Racing(database)
    await running.announce(defined(KINDS), entries(*FIELD), gun(0))
    async with serving(running) as live, streaming(live, subject) as events:
        described = await documented(live)
        kinds = described.operations()["GET", "/v1/events/{event}/stream"]["x-events"]
        awaited = {"snapshot", "publication", *cases}
        await running.announce(run("9", 2, None, 4300), published("provisional", 7000))
        while awaited:
            kind, _, data = await events.next()
            described.validate(kinds[kind], data)
            awaited.discard(kind)


async def test_streams_that_are_refused_are_answered_as_the_document_says(database):
    running = Racing(database)
    await running.announce(defined(), entries("7"), gun(0), run("7"))
    stream = "/v1/events/{event}/stream"
    queries = {"?board=nothing": 404, "?board=men&bib=7": 400, "?board=men&limit=0": 422, "?board=men&point=X": 422}
    async with serving(running) as live:
        described = await documented(live)
        for query, status_of_answer in queries.items():
            async with live.get(f"{BASE}/stream{query}") as response:
                assert response.status == status_of_answer
                described.check("GET", stream, response.status, response.headers, await response.read())


async def test_tokens_that_are_refused_are_answered_as_the_document_says(database, tmp_path):
    running = Racing(database)
    await running.announce(defined(), entries("7"))
    reader, other = new_token("reader", "tv", [EVENT], [], "2026"), new_token("official", "an", ["another"], [], "2026")
    (tmp_path / "tokens.json").write_bytes(tokens_bytes([reader[1], other[1]]))
    async with serving(running, tokens=tmp_path / "tokens.json") as live:
        described = await documented(live)
        for path in ("/v1/events", "/v1/time", BASE, f"{BASE}/boards/men", f"{BASE}/cases", f"{BASE}/stream"):
            for token, refusal in ((None, 401), (other[0], 403 if "{event}" in described.template(path) else 200)):
                headers = {} if token is None else {"Authorization": f"Bearer {token}"}
                async with live.get(path, headers=headers) as response:
                    assert response.status == refusal
                    described.check("GET", described.template(path), refusal, response.headers, await response.read())


async def test_what_comes_too_soon_or_too_often_is_answered_as_the_document_says(database):
    running = Racing(database)
    await running.announce(defined(), entries("7"), gun(0), run("7"), audit=False)
    async with serving(running, limits=LiveLimits(viewers=0)) as live:
        described = await documented(live)
        for path in (f"{BASE}/stream", f"{BASE}/athletes/7/explain", f"{BASE}/health"):
            async with live.get(path) as response:
                assert response.status == 503
                assert response.headers["Retry-After"]
                described.check("GET", described.template(path), 503, response.headers, await response.read())


OVERLAYS = {f"/overlay/{{event}}/{graphic}" for graphic in GRAPHICS}
OF_EVENT = {"/", "/{event}", "/{event}/athletes/{bib}", "/{event}/compare", "/announce/{event}"}
PAGES = {"/robots.txt", "/docs/style.css", "/ops"} | OF_EVENT | OVERLAYS


async def test_every_route_is_in_the_document_and_nothing_else(database):
    running = Racing(database)
    await running.announce(defined())
    async with serving(running) as live:
        described = await documented(live)
        served = {
            (route.method, route.resource.canonical)
            for route in running.running.router.routes()
            if route.method not in ("HEAD", "OPTIONS")
        }
    of_pages = {(method, path) for method, path in served if path in PAGES or path.startswith("/static/")}
    suffixed = {(method, path) for method, path in described.operations() if path.endswith((".json", ".csv", ".xml"))}
    assert served - of_pages == described.operations().keys() - (suffixed - {("GET", "/openapi.json")})
    assert {(method, path.rpartition(".")[0]) for method, path in suffixed} - {("GET", "/openapi")} <= served


async def test_the_parameters_in_the_document_are_those_that_requests_take(database):
    """Each request names what it takes when it refuses a parameter."""
    running = Racing(database)
    await running.announce(defined(), entries("7"), gun(0), run("7"))
    async with serving(running) as live:
        described = await documented(live)
        for (method, template), operation in described.operations().items():
            if "/v1/" not in template or template.endswith((".json", ".csv", ".xml")):
                continue
            named = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
            path = addresses(template)[0].partition("?")[0]
            async with live.session.request(method, f"{live.base}{path}?unheard-of=1") as response:
                detail = msgspec.json.decode(await response.read())["detail"]
            taken = set(detail.rpartition("takes ")[2].split(", "))
            assert named == taken, template
