"""An event's log backed up and put back, on a real Kafka."""

import gzip
import hashlib
from pathlib import Path

import msgspec
import pytest

from schemas import codec
from services.operate.backup import BackupRefused, back_up, backup_main, checksum_path, import_main, put_back
from services.operate.export_log import lines
from services.runtime.kafka import KafkaOptions
from tests.builders import Plain, day, fact, read, reads, run

EVENT = "backed-up-2026"


def written(path: Path, facts: list[Plain], records: list[int] | None = None) -> Path:
    """A file as `matline backup` writes it: each fact in a record of its own, or of `records`."""
    with gzip.open(path, "wb") as file:
        for offset, plain in zip(records or range(len(facts)), facts, strict=True):
            line = codec.to_json(codec.fact_from_json(msgspec.json.encode({**plain, "event": EVENT})))
            file.write(msgspec.json.encode({"offset": offset, "fact": msgspec.Raw(line)}) + b"\n")
    return path


async def on_the_log(kafka: KafkaOptions) -> list[bytes]:
    return [bytes(msgspec.json.decode(line, type=codec.LogLine).fact) async for line in lines(EVENT, kafka)]


def facts_of(path: Path) -> list[bytes]:
    with gzip.open(path) as file:
        return [bytes(msgspec.json.decode(line, type=codec.LogLine).fact) for line in file]


@pytest.fixture
def facts() -> list[Plain]:
    return [*day(bibs=["7"]), run("7"), fact("status_set", bib="7", status="DNF", reason="left")]


async def test_a_log_is_put_back_once_goes_on_where_it_was_cut_and_comes_out_the_same(kafka, tmp_path, facts):
    records = [*range(len(facts) - 2), 90, 90]  # the last two facts share a record
    whole = written(tmp_path / "whole.jsonl.gz", facts, records)
    begun = written(tmp_path / "begun.jsonl.gz", facts[:2])
    assert (await put_back(begun, kafka)).written == 2
    assert await put_back(whole, kafka) == (EVENT, len(facts), len(facts) - 2)
    assert await put_back(whole, kafka) == (EVENT, len(facts), 0)
    assert await put_back(begun, kafka) == (EVENT, 2, 0)
    assert await on_the_log(kafka) == facts_of(whole)
    offsets = [msgspec.json.decode(line)["offset"] async for line in lines(EVENT, kafka)]
    assert len(set(offsets)) == len(facts) - 1

    out = tmp_path / "out.jsonl.gz"
    assert await back_up(EVENT, kafka, out) == len(facts)
    assert facts_of(out) == facts_of(whole)
    assert checksum_path(out).read_text() == f"{hashlib.sha256(out.read_bytes()).hexdigest()}  out.jsonl.gz\n"
    with pytest.raises(BackupRefused, match="is there already"):
        await back_up(EVENT, kafka, out)
    plain = tmp_path / "out.jsonl"
    await back_up(EVENT, kafka, plain)
    assert plain.read_bytes() == gzip.decompress(out.read_bytes())
    assert await put_back(plain, kafka) == (EVENT, len(facts), 0)

    other = written(tmp_path / "other.jsonl.gz", [facts[0], reads(read("F1", "C1", 1)), *facts[2:]])
    with pytest.raises(BackupRefused, match=r"the log has another fact .* in line 2, so nothing was written"):
        await put_back(other, kafka)
    assert await on_the_log(kafka) == facts_of(whole)


def test_a_file_that_was_changed_cut_or_reordered_is_refused_before_kafka_is_asked(tmp_path, facts, capsys):
    nobody = {"MATLINE_KAFKA": "127.0.0.1:1"}
    path = written(tmp_path / "race.jsonl.gz", facts)
    checksum_path(path).write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    path.write_bytes(path.read_bytes()[:-20])
    assert import_main(nobody, path) == 1
    assert "it was changed or cut; take another copy" in capsys.readouterr().err
    checksum_path(path).unlink()
    assert import_main(nobody, path) == 1
    said = capsys.readouterr().err
    assert f"there is no {checksum_path(path)}, so nothing shows whether" in said
    assert "is cut off after line" in said
    checksum_path(path).write_text("")
    assert import_main(nobody, path) == 1
    assert "it was changed or cut; take another copy" in capsys.readouterr().err
    checksum_path(path).unlink()
    damaged = bytearray(written(path, facts).read_bytes())
    damaged[30:60] = bytes(30)
    path.write_bytes(damaged)
    assert import_main(nobody, path) == 1
    assert "is damaged after line" in capsys.readouterr().err
    assert import_main(nobody, written(path, facts, list(reversed(range(len(facts)))))) == 1
    assert "the lines were reordered" in capsys.readouterr().err
    path.write_bytes(b'{"type": "gun_fired", "event": "e", "race": "hm", "at_us": 1}\n')
    assert import_main(nobody, path) == 1
    assert "1: has no offset; only files of `matline backup` can be imported" in capsys.readouterr().err
    path.write_bytes(b"")
    assert import_main(nobody, path) == 1
    assert "has no fact" in capsys.readouterr().err


def test_an_event_without_facts_and_a_kafka_that_is_away_are_said_in_a_line(kafka, tmp_path, capsys):
    out = tmp_path / "none.jsonl.gz"
    assert backup_main({"MATLINE_KAFKA": kafka.servers}, "nobody", out) == 1
    assert "the log has no fact of 'nobody'; is it the id of the event?" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert backup_main({"MATLINE_KAFKA": "127.0.0.1:1"}, "e", out) == 1
    assert "Kafka at 127.0.0.1:1 does not answer" in capsys.readouterr().err
