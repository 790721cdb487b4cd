"""A file out of a device's memory on a running ingest: shown, imported by the command, and imported again."""

import asyncio
from pathlib import Path

from services.operate.import_files import ImportOrder, main
from tests.builders import EVENT, definition, entry
from tests.integration.test_effects import until_known
from tests.integration.test_ingest_kafka import client_of

FILE = """\
Chip,Time,Location
C7,05:00:03.5,Start line
C7,2026-01-04 06:10:00.25,Finish line
C8,06:10:01,Finish line
X1,6:99:00,Finish line
"""


async def command(path: Path, base: str, dry_run: bool = False) -> int:
    order = ImportOrder(event=EVENT, devices=["Start line=S1", "Finish line=F1"], to=base, dry_run=dry_run)
    return await asyncio.to_thread(main, {}, [path], order)


async def test_a_file_is_shown_imported_once_and_known_when_it_comes_again(kafka, tmp_path, capsys):
    path = tmp_path / "box.csv"
    path.write_text(FILE)
    async with client_of(kafka, tmp_path) as client:
        await until_known(client)
        async with client.put("definition", json=definition()) as answer:
            assert answer.status == 200
        async with client.post("entries", json=[entry("7")]) as answer:
            assert answer.status == 200
        async with client.post("import", data=FILE) as answer:
            assert answer.status == 422
            assert "'Start line', 'Finish line'" in (await answer.json())["detail"]
        base = str(client._base_url.origin())

        assert await command(path, base, dry_run=True) == 1  # for the bad line
        shown = capsys.readouterr().out
        assert f"{path}:5: 6:99:00 is not a time of day" in shown
        assert "chips: 1 known, 1 that nobody wears, with their reads: C8 (1)" in shown
        assert "would write 3 of 3 reads; 0 are on the log already" in shown
        assert "the day of the event; if not, say the day" in shown

        assert await command(path, base) == 1
        assert "wrote 3 of 3 reads; 0 are on the log already" in capsys.readouterr().out
        assert await command(path, base) == 1
        assert "wrote 0 of 3 reads; 3 are on the log already" in capsys.readouterr().out


async def test_a_file_that_is_not_taken_is_named_with_the_reason(tmp_path, capsys):
    path = tmp_path / "box.csv"
    path.write_text(FILE)
    assert await command(path, "http://127.0.0.1:1") == 1
    assert await command(tmp_path / "none.csv", "http://127.0.0.1:1") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"{path}: ingest cannot be reached at http://127.0.0.1:1/")
    assert said[1] == f"{tmp_path}/none.csv: it cannot be read: No such file or directory"
