"""Entry lists on a running ingest: what a list would change, what it changed, and taking it back whole."""

import aiohttp

from tests.builders import Plain, definition, fact
from tests.integration.test_effects import send, until_known
from tests.integration.test_ingest_kafka import client_of

HEADER = "Số BIB,Mã chip,Cự ly,Giới tính,Họ và tên,CLB\n"
FIRST = HEADER + "7,C7,Half marathon,Nam,Nguyễn Văn Ba,Sao\n8,C8,hm,Nữ,Lê Thị Tư,\n9,C9,5k,Nữ,Lê Thị Tư,\n"
SECOND = HEADER + "7,C7,hm,Nam,Nguyễn Văn Ba,Trăng\n8,C8,hm,Nữ,Lê Thị Tư,\n10,D1,hm,Nữ,Vũ Năm,\n11,Q1,hm,?,Vũ Sáu,\n"


async def posted(client: aiohttp.ClientSession, text: str, **params: str) -> Plain:
    """Return the answer to a list."""
    async with client.post("entries", data=text.encode(), params=params) as answer:
        body: Plain = await answer.json()
        assert answer.status == 200, body
    return body


def what(body: Plain) -> list[tuple[int, str | None, str]]:
    return [(row["line"], row["bib"], row["change"]) for row in body["rows"]]


async def test_a_list_is_tried_written_and_taken_back(kafka, tmp_path):
    defined = definition()
    defined["races"][0]["name"] = {"vi": "Bán marathon", "en": "Half marathon"}
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        assert "no definition yet" in (await posted(client, FIRST, dry_run="1"))["warnings"][0]["reason"]
        async with client.put("definition", json=defined) as answer:
            assert answer.status == 200
        first = await posted(client, FIRST)
        assert (first["accepted"], first["replaced"], first["warnings"]) == (2, 0, [])
        [refused] = first["rejected"]
        assert (refused["line"], refused["column"], refused["value"]) == (4, "Cự ly", "5k")
        assert refused["reason"] == "5k is not a race of this event; the only race is hm (Bán marathon)"

        tried = await posted(client, SECOND, dry_run="1")
        assert what(tried) == [(2, "7", "replaced"), (3, "8", "unchanged"), (4, "10", "added"), (5, None, "rejected")]
        assert (tried["accepted"], tried["replaced"], tried["undo"], tried["revision"]) == (3, 1, None, None)
        written = await posted(client, SECOND)
        assert (written["accepted"], written["replaced"]) == (3, 1)
        assert [row[2] for row in what(await posted(client, SECOND, dry_run="1"))][:3] == ["unchanged"] * 3

        keyed = {"Idempotency-Key": "list-2"}
        for warnings in (0, 1):
            async with client.post("entries", data=SECOND.encode(), headers=keyed) as answer:
                again = await answer.json()
            assert (again["undo"], again["warnings_total"]) == ("list-2", warnings)
        await send(client, fact("fact_withdrawn", fact="list-2", reason="twice"))

        undone = fact("fact_withdrawn", fact=written["undo"], reason="the wrong list")
        assert [answer["effect"] for answer in await send(client, undone)] == ["applied"]
        assert what(await posted(client, SECOND, dry_run="1")) == what(tried)
        assert [answer["effect"] for answer in await send(client, undone)] == ["no_change"]


async def test_an_upload_of_several_facts_is_taken_back_by_a_single_withdrawal(kafka, tmp_path):
    many = HEADER + "".join(f"{bib},D{bib},hm,Nam,Lê Văn Ba,\n" for bib in range(1, 1_202))
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with client.put("definition", json=definition()) as answer:
            assert answer.status == 200
        body = await posted(client, many)
        assert body["accepted"] == 1_201
        await send(client, fact("fact_withdrawn", fact=body["undo"], reason="the wrong list"))
        assert {change for _, _, change in what(await posted(client, many, dry_run="1"))} == {"added"}


async def test_a_chip_taken_from_an_athlete_who_is_not_in_the_list_is_named(kafka, tmp_path):
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with client.put("definition", json=definition()) as answer:
            assert answer.status == 200
        await posted(client, HEADER + "7,C7,hm,Nam,Nguyễn Văn Ba,\n")
        body = await posted(client, HEADER + "8,C7,hm,Nữ,Lê Thị Tư,\n")
    assert body["warnings"][0]["reason"].startswith("C7 is a chip of bib 7, who is not in this list")
