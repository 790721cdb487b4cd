"""`matline simulate`: files, sent days, and messages for orders that cannot be carried out."""

import asyncio
import io
import json
import signal
import socket
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

import races
from loadtest import command
from loadtest.command import Order, run
from loadtest.mats import all_alike
from schemas.definition_parse import definition_from_toml
from services.cli import app
from services.demo.stack import free_port
from services.ingest.readers.sources import parse_sources
from services.ingest.settings import IngestSettings
from services.offline.scored_log import score_lines
from tests.ingest.conftest import serving
from tests.ingest.memory_log import MemoryLog
from tests.loadtest.scored import differences, simulated
from tests.loadtest.test_driver import ingest_for, standings
from tests.loadtest.test_mats import day

RACE = "hanoi-half-2024"
HANG_S = 120.0


def order(**fields: Any) -> Order:
    return Order(**{"race": RACE, "size": 40, "seed": 5, **fields})


def test_log_truth_and_sources_are_written_and_the_log_scores_to_the_truth(tmp_path: Path):
    out, truth, sources = tmp_path / "log.jsonl", tmp_path / "truth.json", tmp_path / "sources.toml"
    arguments = ["--out", str(out), "--truth", str(truth), "--sources", str(sources)]
    result = CliRunner().invoke(app, ["simulate", RACE, "--size", "40", "--seed", "5", *arguments])
    assert result.exit_code == 0
    assert out.read_bytes().splitlines() == list(simulated(RACE, 40, 5).log_lines())
    true = {runner["bib"]: runner for runner in json.loads(truth.read_bytes())}
    document = score_lines(out.read_bytes().splitlines())
    assert {a["bib"]: (a["status"], a["gun_us"], a["points"]) for a in document["athletes"]} == {
        bib: (runner["status"], runner["gun_us"], runner["points"]) for bib, runner in true.items()
    }
    assert parse_sources(sources.read_bytes())[0].event == RACE


def test_the_log_goes_to_standard_output_for_a_dash():
    result = CliRunner().invoke(app, ["simulate", RACE, "--size", "40", "--seed", "5", "--out", "-"])
    assert result.exit_code == 0
    assert result.stdout_bytes.splitlines() == list(simulated(RACE, 40, 5).log_lines())


def test_a_definition_is_read_from_a_file(tmp_path: Path):
    text = races.definition_toml("tien-phong-2024").decode().replace('event = "tien-phong-2024"', 'event = "mine"')
    (tmp_path / "mine.toml").write_text(text)
    out = tmp_path / "log.jsonl"
    assert run(order(race=str(tmp_path / "mine.toml"), out=out), {}) == 0
    assert json.loads(out.read_bytes().splitlines()[0])["event"] == "mine"


async def test_a_day_is_sent_to_an_ingest_by_http_and_mylaps(capsys: pytest.CaptureFixture[str]):
    simulation = simulated(RACE, 40, 5)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        sent = order(to=ingest.url, mylaps=f"{ingest.mylaps[0]}:{ingest.mylaps[1]}")
        assert await asyncio.to_thread(run, sent, {}) == 0
        assert differences(simulation, standings(ingest.log)) == []
    assert f"{len(simulation.facts)} officials' facts and" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "nothing to do"),
        ({"to": "ftp://127.0.0.1"}, "is not the address of an ingest"),
        ({"to": "http://127.0.0.1:1", "mylaps": "here"}, "is not an address; write it as 127.0.0.1:3097"),
        ({"mylaps": "127.0.0.1:3097", "out": Path("x")}, "--mylaps needs --to"),
        (
            {"protocol": "mylaps", "to": "http://127.0.0.1:1", "mylaps": "127.0.0.1:3097"},
            "--mylaps does not go with --protocol",
        ),
        ({"at": "127.0.0.1:3601", "out": Path("x")}, "--at needs --protocol"),
        ({"protocol": "llrp", "at": "here"}, "--at 'here' is not an address"),
        ({"protocol": "llrp", "at": "192.0.2.1:5084"}, "the readers cannot be started"),
        (
            {"protocol": "morse"},
            "--protocol 'morse' is not a protocol of simulated readers; choose one of chronotrack,",
        ),
        ({"speed": 0.0, "out": Path("x")}, "is not above 0"),
        ({"size": 0, "out": Path("x")}, "from 1 to 100000 runners"),
        ({"race": "nowhere", "out": Path("x")}, "give a file, or one of hanoi-half-2024"),
        ({"out": Path("/proc/none/x")}, "/proc/none/x: No such file or directory"),
    ],
)
def test_an_order_that_cannot_be_carried_out_is_explained(
    fields: dict[str, object],
    reason: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.chdir(tmp_path)
    assert run(order(**fields), {}) == 2
    assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_faulty_definition_is_refused_with_every_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "bad.toml").write_text('event = "bad"\n')
    assert run(order(race=str(tmp_path / "bad.toml"), out=tmp_path / "x"), {}) == 2
    said = capsys.readouterr().err
    assert "needs `name`" in said
    assert "needs `date`" in said


def test_an_unknown_race_is_named_before_what_else_is_missing(capsys: pytest.CaptureFixture[str]):
    assert run(order(race="nowhere"), {}) == 2
    assert "nowhere: No such file or directory; give a file, or one of hanoi-half-2024" in capsys.readouterr().err


async def test_progress_is_a_line_now_and_then_without_a_terminal(capsys: pytest.CaptureFixture[str]):
    simulation = simulated(RACE, 40, 5)
    async with ingest_for(simulation, MemoryLog()) as ingest:
        assert await asyncio.to_thread(run, order(to=ingest.url, line_every_s=0.0), {}) == 0
    reads = len(simulation.reads)
    assert f"sending: {reads} of {reads} reads\n" in capsys.readouterr().err


async def test_a_refusal_by_ingest_is_printed_and_ends_with_one(capsys: pytest.CaptureFixture[str]):
    async with ingest_for(simulated(RACE, 40, 5), MemoryLog()) as ingest:
        assert await asyncio.to_thread(run, order(to=f"{ingest.url}/nowhere"), {}) == 1
    assert "404" in capsys.readouterr().err


def ports_in_a_row(number: int) -> int:
    """Return the first of so many free ports in a row."""
    while True:
        first = free_port()
        with ExitStack() as held:
            try:
                for port in range(first, first + number):
                    held.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
        return first


async def test_simulated_readers_play_a_day_once_ingest_has_connected(tmp_path: Path):
    config, log = tmp_path / "matline.toml", MemoryLog()
    config.write_text("sources = []\n")
    settings = IngestSettings(port=0, tokens=tmp_path / "tokens.json", config=config, data=tmp_path)
    async with serving(settings, log) as address, asyncio.timeout(HANG_S):
        words = ["--size", "40", "--seed", "5", "--protocol", "raceresult", "--at", f"127.0.0.1:{ports_in_a_row(5)}"]
        simulating = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "services.cli", "simulate", RACE, *words, "--to", str(address)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert simulating.stdout is not None
        assert simulating.stderr is not None
        printed = b""
        while printed.count(b"devices =") < 5:  # one reader a mat
            printed += await simulating.stdout.readline()
        config.write_bytes(printed)
        said = b""
        while b"Ctrl-C ends" not in said:
            said += await simulating.stderr.readline()
        simulation = day(all_alike(definition_from_toml(races.definition_toml(RACE)), "raceresult"))
        while differences(simulation, standings(log)):
            await asyncio.sleep(0.1)
        simulating.send_signal(signal.SIGINT)
        assert await simulating.wait() == 0


def test_the_last_of_all_reads_has_its_line_once_however_soon_it_comes():
    told = io.StringIO()
    with command._progress(Console(file=told), 3, line_every_s=3600.0) as show:
        for reads in (1, 2, 3, 3):
            show("playing", reads)
    assert told.getvalue() == "playing: 3 of 3 reads\n"
