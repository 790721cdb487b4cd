"""Sites made for RACE RESULT: what their clients ask for, and how they read the answers."""

from typing import Any
from urllib.parse import urlencode

import pytest

from services.live.limits import LiveLimits
from services.runtime.tokens import new_token, tokens_bytes
from tests.builders import EVENT, board, defined, definition, entries, entry, gun, race, run
from tests.live.racing import Live, Racing, serving

NEWER, OLDER = f"/{EVENT}/results", f"/{EVENT}/RRPublish/data"
CONFIG_QUERY = "lang=en&page=results&noVisitor=1&v=1"
TWO_RACES = definition(
    name={"vi": "Giải ví dụ", "en": "Example"},
    races=[race("hm"), race("10k", name="10 km")],
    boards=[
        board("hm-men", gender="M", name={"vi": "Nam", "en": "Men"}),
        board("hm-women", gender="F"),
        board("10k-men", race="10k", gender="M", name="Men"),
    ],
)
FIELD = [
    entry("7", family_name="Nguyễn", given_name="Văn Đức", nationality="VIE", club="Hà Nội"),
    entry("8", family_name="Trần", given_name="Bình"),
    entry("9", gender="F"),
    entry("21", race="10k"),
]


async def racing(database) -> Racing:
    made = Racing(database)
    runs = [run("7", 0, 2000, 4000), run("8", 0, 2100, 4200.5), run("9", 0, 2300, 4600), run("21", 0, 1500, 3000)]
    await made.announce(defined(TWO_RACES), entries(*FIELD), gun(0), gun(0, race="10k"), *runs)
    return made


async def listed(live: Live, base: str, name: str, **more: str) -> dict[str, Any]:
    """The list of a name, asked for as the vendor's own pages do."""
    query = {"listname": name, "page": "results", "contest": "0", "fav": "", "openedGroups": "{}", "term": "", **more}
    return await live.json(f"{base}/list?{urlencode(query)}")


def rows(answer: dict[str, Any]) -> list[dict[str, str]]:
    """The athletes of a list by the expressions of their columns; a row of one number is the count."""
    found = [row for group in answer["data"].values() for row in group if len(row) > 1]
    return [dict(zip(answer["DataFields"], row, strict=True)) for row in found]


@pytest.mark.parametrize("base", [NEWER, OLDER])
async def test_a_site_finds_every_list_by_the_config_and_every_athlete_by_its_columns(database, base):
    async with serving(await racing(database)) as live:
        config = await live.json(f"{base}/config?{CONFIG_QUERY}")
        assert config["contests"] == {"1": "Half marathon", "2": "10 km"}
        assert config["lists"] == config["TabConfig"]["Lists"] == config["Tab"]["Config"]["Lists"]
        assert f"http://{config['server']}" == live.base
        found = {}
        for entry_of_list in config["lists"]:
            answer = await listed(
                live, base, entry_of_list["Name"], key=config["key"], contest=entry_of_list["Contest"], r="all", l="0"
            )
            found[entry_of_list["ShowAs"], *answer["data"]] = [row["BIB"] for row in rows(answer)]
    assert found == {
        ("Men", "#1_Half marathon"): ["7", "8"],
        ("hm-women", "#1_Half marathon"): ["9"],
        ("Men", "#1_10 km"): ["21"],
    }


async def test_a_row_has_the_place_names_and_times_as_texts_and_shown_columns_point_into_it(database):
    async with serving(await racing(database)) as live:
        answer = await listed(live, NEWER, "Results|hm-men", lang="vi")
    first, second = rows(answer)
    assert first == {
        "BIB": "7",
        "ID": "7",
        "WithStatus([AUTORANK.p])": "1.",
        "DisplayBib": "7",
        "DisplayName": "Nguyễn Văn Đức",
        "NATION.IOCNAME": "VIE",
        "CLUB": "Hà Nội",
        "AGEGROUP1.NAMESHORT": "",
        "Finish.GUN": "1:06:40",
        "Finish.CHIP": "1:06:40",
        "TIME": "1:06:40",
        "GapTimeTop(1)": "",
        "FIRSTNAME": "Văn Đức",
        "LASTNAME": "Nguyễn",
        "SEX": "M",
    }
    assert (second["TIME"], second["GapTimeTop(1)"]) == ("1:10:01", "+3:21")
    shown = {column["Expression"]: column["Label"] for column in answer["list"]["Fields"]}
    assert list(shown) == answer["DataFields"][2 : 2 + len(shown)]
    assert (shown["TIME"], answer["list"]["HeadLine1"], answer["list"]["HeadLine2"]) == (
        "Thời gian",
        "Giải ví dụ",
        "Nam",
    )


async def test_the_leaders_of_a_list_come_with_the_number_of_all(database):
    async with serving(await racing(database)) as live:
        answer = await listed(live, NEWER, "Results|hm-men", r="leaders", l="1")
        nobody = await listed(live, NEWER, "Results|hm-men", r="leaders", term="nobody")
    (group,) = answer["data"].values()
    assert [row[0] for row in group] == ["7", 2]
    assert nobody["data"] == {}


async def test_a_list_is_found_by_the_name_that_a_site_has_in_it_and_filtered_by_term_and_contest(database):
    async with serving(await racing(database)) as live:
        by_name = await listed(live, NEWER, "Result Lists|men", contest="2")
        in_vietnamese = await listed(live, NEWER, "Nam")
        searched = await listed(live, NEWER, "hm-men", r="search", term="tran")
        of_another_race = await listed(live, NEWER, "hm-men", contest="2")
    assert (by_name["board"], in_vietnamese["board"]) == ("10k-men", "hm-men")
    assert [row["BIB"] for row in rows(searched)] == ["8"]
    assert (of_another_race["data"], of_another_race["total"]) == ({}, 0)


@pytest.mark.parametrize(
    ("query", "status", "title"),
    [
        ("", 400, "Which list?"),
        ("listname=Results|nothing", 404, "No such list"),
        ("listname=Men", 404, "No such list"),
        ("listname=hm-men&contest=x", 400, "No number"),
        ("listname=hm-men&l=1000000", 422, "Out of bounds"),
    ],
)
async def test_a_list_that_cannot_be_given_is_refused_with_the_reason(database, query, status, title):
    async with serving(await racing(database)) as live, live.get(f"{NEWER}/list?{query}") as response:
        assert (response.status, (await response.json())["title"]) == (status, title)


async def test_the_config_of_a_private_site_has_the_key_of_its_address_and_names_the_host_of_each_request(
    database, tmp_path
):
    token, stored = new_token("reader", "site", [EVENT], [], "2026-01-01")
    path = tmp_path / "tokens.json"
    path.write_bytes(tokens_bytes([stored]))
    async with serving(await racing(database), limits=LiveLimits(check_tokens_s=0.0), tokens=path) as live:
        async with live.get(f"{NEWER}/config") as refused:
            assert refused.status == 401
        for host in ("results.example.org", "other.example.org"):
            async with live.get(f"{NEWER}/config?key={token}", headers={"Host": host}) as response:
                config = await response.json()
            assert (config["key"], config["server"]) == (token, host)
        answer = await listed(live, NEWER, config["lists"][0]["Name"], key=config["key"])
        assert len(rows(answer)) == 2
