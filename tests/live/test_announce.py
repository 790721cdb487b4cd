"""What an announcer gets: who comes next to the finish, who has finished, leaders, firsts and cut-offs."""

import pytest

from tests.builders import EVENT, board, course, defined, definition, entries, entry, fact, gun, race, run
from tests.live.racing import Racing, serving

FIELD = [
    entry("7", family_name="Nguyễn", given_name="Ngọc Ánh", gender="F", club="Hà Nội"),
    entry("8", family_name="Smith", given_name="John", nationality="GBR"),
    entry("9"),
    entry("10"),
]
TIMED = definition(
    races=[race(points=course(FINISH={"cutoff": {"gun": "1:30:00"}}))],
    boards=[
        board("all", name={"vi": "Chung cuộc", "en": "Overall"}),
        board("women", name={"vi": "Nữ", "en": "Women"}, within="all", gender="F"),
    ],
)


async def announced(database, *facts) -> Racing:
    racing = Racing(database)
    await racing.announce(defined(TIMED), entries(*FIELD), gun(0), *facts)
    return racing


async def test_next_to_come_are_those_behind_the_last_mat_by_expected_instant_with_their_places_there(database):
    racing = await announced(database, run("7", 1, 2000, None), run("8", 1, 1900, None), run("9", 1, None, None))
    async with serving(racing) as live:
        answer = await live.json(f"/v1/events/{EVENT}/announce?lang=en")
    assert [athlete["bib"] for athlete in answer["approaching"]] == ["8", "7"]
    first, second = answer["approaching"]
    assert first["expected_low_us"] < first["expected_us"] < first["expected_high_us"]
    assert (second["name"], second["club"], second["point"]) == ("Nguyễn Ngọc Ánh", "Hà Nội", "10K")
    assert second["boards"] == [
        {"board": "all", "title": "Overall", "place": 2, "place_text": "2"},
        {"board": "women", "title": "Women", "place": 1, "place_text": "1"},
    ]
    assert second["projected_finish"].startswith("1:1")


async def test_finishers_are_the_last_first_and_no_longer_next(database):
    racing = await announced(database, run("7", 1, 2000, 4300), run("8", 1, 1900, 4100), run("9", 1, 2100, None))
    async with serving(racing) as live:
        answer = await live.json(f"/v1/events/{EVENT}/announce?lang=vi")
        assert [athlete["bib"] for athlete in answer["approaching"]] == ["9"]
        assert [(athlete["bib"], athlete["time"]) for athlete in answer["finished"]] == [
            ("7", "1:11:40"),
            ("8", "1:08:20"),
        ]
        places = [(place["title"], place["place"]) for place in answer["finished"][0]["boards"]]
        assert places == [("Chung cuộc", 2), ("Nữ", 1)]
        assert answer["finished"][0]["state"] == "live"
        assert [(first["title"], first["bib"]) for first in answer["firsts"]] == [("Nữ", "7"), ("Chung cuộc", "8")]
        (leaders,) = answer["leaders"]
        first, *_ = leaders["podium"]
        assert (leaders["state"], first["place"], first["bib"], first["decided"]) == ("live", 1, "8", False)
        assert [rival["name"] for rival in first["rivals"]] == ["No 9 Runner"]
        assert [(row["bib"], row["point"], row["gap"]) for row in leaders["rows"]] == [
            ("8", "FINISH", None),
            ("7", "FINISH", "+3:20"),
            ("9", "10K", None),
        ]
        await racing.announce(fact("status_set", bib="8", status="DQ", reason="x"))
        answer = await live.json(f"/v1/events/{EVENT}/announce")
        assert [(athlete["bib"], athlete["status"]) for athlete in answer["finished"]] == [
            ("7", "FINISHED"),
            ("8", "DQ"),
        ]
        assert answer["finished"][1]["boards"] == []
        assert {first["bib"] for first in answer["firsts"]} == {"7"}


async def test_a_cut_off_says_when_it_is_and_how_many_have_passed(database):
    racing = await announced(database, run("7", 1, 2000, 4300), run("8", 1, 1900, None))
    async with serving(racing) as live:
        (cutoff,) = (await live.json(f"/v1/events/{EVENT}/announce"))["cutoffs"]
    assert (cutoff["point"], cutoff["at"]) == ("FINISH", "2026-01-04T06:30:00+07:00")
    assert (cutoff["passed"], cutoff["on_course"]) == (1, 1)


async def test_before_the_gun_there_is_nothing_to_announce(database):
    racing = Racing(database)
    await racing.announce(defined(TIMED), entries(*FIELD))
    async with serving(racing) as live:
        answer = await live.json(f"/v1/events/{EVENT}/announce")
        assert (answer["approaching"], answer["finished"], answer["firsts"], answer["cutoffs"]) == ([], [], [], [])
        assert answer["leaders"][0]["rows"] == []
        await live.json("/v1/events/nowhere/announce", status=404)


@pytest.mark.parametrize("bib", ["7", "8"])
async def test_a_hidden_athlete_has_no_name_for_announcers_either(database, bib):
    racing = await announced(database, run("7", 1, 2000, 4300), run("8", 1, 1900, None))
    await racing.announce(fact("entry_hidden", bib=bib, hidden=True))
    async with serving(racing) as live:
        answer = await live.text(f"/v1/events/{EVENT}/announce")
    assert {"7": "Ngọc", "8": "Smith"}[bib] not in answer
