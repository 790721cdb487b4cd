"""`matline rejected` on a real Kafka: found, shown, and replayed through ingest."""

import asyncio

import msgspec

from schemas.rejected import Rejection
from services.demo.stack import free_port
from services.operate.rejected import DeadLetterFilter
from services.operate.rejected_command import list_main, replay_main, show_main
from tests.builders import EVENT
from tests.ingest.decoders.test_mylaps import v1_record
from tests.integration.test_ingest_kafka import client_of, facts, kafka_log, wire


def sources(zone: str, port: int) -> str:
    return f"""
[[sources]]
protocol = "mylaps"
event = "{EVENT}"
gateway = "tent"
zone = "{zone}"
address = "127.0.0.1:{port}"
"""


async def run_command(capsys, command, *arguments) -> tuple[int, str, str]:
    """Return a command's exit code, its output and its errors."""
    code = await asyncio.to_thread(command, *arguments)
    return code, *capsys.readouterr()


async def test_dead_letters_are_found_shown_and_replayed(kafka, tmp_path, capsys):
    environment = {"MATLINE_KAFKA": kafka.servers, "MATLINE_DATA": str(tmp_path)}
    path = tmp_path / "matline.toml"
    port = free_port()
    path.write_text(sources("Europe/Berlin", port))
    async with client_of(kafka, tmp_path) as client:
        body = {"gateway": "g", "session": "s", "reads": [wire(1), wire(2, chip=""), wire(3, typo=1)]}
        async with client.post("reads", json=body) as answer:
            assert (await answer.json())["accepted"] == 1
        async with client.post("reads", data=b"{nothing") as answer:
            assert answer.status == 400
        await _store(port, v1_record("SS3507302:30:00.000 5 01 13001B260329"))

        code, out, _ = await run_command(capsys, list_main, environment, DeadLetterFilter(), 50)
        assert code == 0
        lines = [line.split() for line in out.splitlines()]
        assert [line[0] for line in lines] == ["OFFSET", "0", "1", "2", "3"]
        assert [line[4] for line in lines[1:]] == ["http", "http", "http", "mylaps"]
        code, out, err = await run_command(capsys, list_main, environment, DeadLetterFilter(source="http"), 2)
        assert [line.split()[0] for line in out.splitlines()] == ["OFFSET", "1", "2"]
        assert "1 earlier" in err

        code, out, _ = await run_command(capsys, show_main, environment, [2, 3])
        assert code == 0
        assert "{nothing" in out
        assert "5Km@Store@SS3507302:30:00.000" in out
        assert (await run_command(capsys, show_main, environment, [99]))[0] == 1

        address = str(client._base_url.origin())
        code, _, err = await run_command(capsys, replay_main, environment, DeadLetterFilter(), address, False)
        assert (code, "nothing chosen" in err) == (2, True)
        before = len(await facts(kafka))
        code, out, _ = await run_command(
            capsys, replay_main, environment, DeadLetterFilter(event="example-2026"), address, False
        )
        assert code == 1
        assert [line.split(":")[1].strip() for line in out.splitlines()] == ["not sent"] * 4
        assert len(await facts(kafka)) == before

        path.write_text(sources("+04:00", port))
        code, out, _ = await run_command(
            capsys, replay_main, environment, DeadLetterFilter(source="mylaps"), address, True
        )
        assert (code, out) == (0, "3: would send 1 reads\n")
        assert len(await facts(kafka)) == before
        for _ in range(2):
            code, out, _ = await run_command(
                capsys, replay_main, environment, DeadLetterFilter(source="mylaps"), address, False
            )
            assert (code, out) == (0, "3: sent 1 reads\n")
    sent = [fact for fact in await facts(kafka) if fact.gateway == "tent"]
    assert {fact.session for fact in sent} == {"5.0 2026-03-28"}  # the day in UTC
    assert {(row.device, row.chip, row.at_us) for fact in sent for row in fact.reads} == {
        ("5Km", "SS35073", 1_774_737_000_000_000)
    }


async def test_a_replay_that_ingest_refuses_says_so(kafka, tmp_path, capsys):
    """Dead letters, written by hand, that can be read by now."""
    environment = {"MATLINE_KAFKA": kafka.servers, "MATLINE_DATA": str(tmp_path)}
    raw = msgspec.json.encode(wire(1))
    rejection = Rejection(v=1, event="e", source="http", reason="r", raw=raw, size=len(raw), gateway="g", index=0)
    async with kafka_log(kafka) as log:
        await log.put_dead_letters([rejection])
    (tmp_path / "tokens.json").write_text('{"v": 1, "tokens": []}')
    async with client_of(kafka, tmp_path) as client:
        address = str(client._base_url.origin())
        code, _, err = await run_command(capsys, replay_main, environment, DeadLetterFilter(event="e"), address, False)
    assert code == 1
    assert "ingest refused it with status 401" in err
    code, _, err = await run_command(capsys, replay_main, environment, DeadLetterFilter(event="e"), address, False)
    assert code == 1
    assert "cannot be reached" in err
    assert await facts(kafka) == []


async def _store(port: int, record: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"5Km@Store@" + record + b"@1@$")
    assert await reader.readuntil(b"$") == b"Matline@AckStore@1@$"
    writer.close()
    await writer.wait_closed()
