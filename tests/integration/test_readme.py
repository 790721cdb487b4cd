"""README's examples do what README says: each is run as it stands, against a stack as README starts it."""

import asyncio
import re
import subprocess
from pathlib import Path

import msgspec

from services.demo.stack import Stack

ROOT = Path(__file__).parent.parent.parent
_EXAMPLE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
STREAM_ENDED = 28  # curl's own time limit, which ends a stream that never does
WAIT_S = 60.0  # for a hang only


def _examples() -> list[str]:
    return _EXAMPLE.findall((ROOT / "README.md").read_text())


def _commands(example: str) -> list[str]:
    """The commands of an example, each from its `curl` to the next."""
    return [f"curl{part}" for part in re.split(r"(?m)^curl", example)[1:]]


async def _run(command: str, stack: Stack) -> tuple[int, bytes]:
    here = command.replace("127.0.0.1:8701", f"127.0.0.1:{stack.ports.ingest}")
    here = here.replace("127.0.0.1:8700", f"127.0.0.1:{stack.ports.live}").replace("curl", "curl -sS -f", 1)
    done = await asyncio.to_thread(subprocess.run, here, shell=True, capture_output=True, cwd=ROOT, timeout=WAIT_S)
    assert done.returncode in (0, STREAM_ENDED), f"{command}\n{done.stderr.decode()}{done.stdout.decode()}"
    return done.returncode, done.stdout


async def test_the_examples_of_readme_do_what_it_says(stack: Stack) -> None:
    prepare, push, correct, read = _examples()
    await stack.start()
    for command in _commands(prepare):
        await _run(command, stack)
    _, answer = await _run(push, stack)
    accepted = msgspec.json.decode(answer)
    assert (accepted["accepted"], accepted["rejected"], accepted["next_seq"]) == (2, [], 3)
    _, answer = await _run(correct, stack)
    revision = msgspec.json.decode(answer)["revision"]
    event, board, athletes, explained, stream = _commands(read)
    async with asyncio.timeout(WAIT_S):
        while msgspec.json.decode((await _run(event, stack))[1])["revision"] < revision:
            await asyncio.sleep(0.1)
    rows = msgspec.json.decode((await _run(board, stack))[1])["rows"]
    assert [(row["place"], row["bib"], row["gun_time"]) for row in rows] == [(1, "10001", "0:16:40")]
    found = msgspec.json.decode((await _run(athletes, stack))[1])["athletes"]
    assert len(found) >= 10
    assert msgspec.json.decode((await _run(explained, stack))[1])["bib"] == "10001"
    code, events = await _run(stream, stack)
    assert (code, b"event: snapshot" in events) == (STREAM_ENDED, True)
