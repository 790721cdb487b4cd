"""README's examples do what README says: each runs unchanged against a stack that is started as README says."""

import asyncio
import re
import subprocess
from pathlib import Path

import msgspec

from services.demo.stack import Stack

ROOT = Path(__file__).parent.parent.parent
_EXAMPLE = re.compile(r"```sh\n(.*?)```", re.DOTALL)
STREAM_ENDED = 28  # curl's own time limit, which ends a stream that has no end
HANG_S = 300.0  # for a hang only


def _examples() -> list[str]:
    return _EXAMPLE.findall((ROOT / "README.md").read_text())


def _commands(example: str) -> list[str]:
    """The commands of an example, each from its `curl` to the next."""
    return [f"curl{part}" for part in re.split(r"(?m)^curl", example)[1:]]


async def _attempt(command: str, stack: Stack) -> "subprocess.CompletedProcess[bytes]":
    """Run a command against the ports of this stack; an answer of 400 or above ends it with an error."""
    here = command.replace("127.0.0.1:8701", f"127.0.0.1:{stack.ports.ingest}")
    here = here.replace("127.0.0.1:8700", f"127.0.0.1:{stack.ports.live}").replace("curl", "curl -sS -f", 1)
    return await asyncio.to_thread(subprocess.run, here, shell=True, capture_output=True, cwd=ROOT, timeout=HANG_S)


async def _run(command: str, stack: Stack) -> bytes:
    done = await _attempt(command, stack)
    assert done.returncode == 0, f"{command}\n{done.stderr.decode()}{done.stdout.decode()}"
    return done.stdout


async def _revision(event: str, stack: Stack) -> int:
    """Return the revision that live has come to, -1 while it does not know the event."""
    done = await _attempt(event, stack)
    return -1 if done.returncode else int(msgspec.json.decode(done.stdout)["revision"])


async def test_the_examples_of_readme_do_what_it_says(stack: Stack) -> None:
    prepare, push, correct, ask, read = _examples()
    await stack.start()
    for command in _commands(prepare):
        await _run(command, stack)
    accepted = msgspec.json.decode(await _run(push, stack))
    assert (accepted["accepted"], accepted["rejected"], accepted["next_seq"]) == (2, [], 3)
    revision = msgspec.json.decode(await _run(correct, stack))["revision"]
    event, board, athletes, explained, stream = _commands(read)
    async with asyncio.timeout(HANG_S):
        while await _revision(event, stack) < revision:
            await asyncio.sleep(0.1)
    (asked,) = _commands(ask)
    preview = await _attempt(asked, stack)
    async with asyncio.timeout(HANG_S):
        while b"error: 503" in preview.stderr:  # as with explanations below
            await asyncio.sleep(0.1)
            preview = await _attempt(asked, stack)
    assert [athlete["after"]["status"] for athlete in msgspec.json.decode(preview.stdout)["athletes"]] == ["DQ"]
    rows = msgspec.json.decode(await _run(board, stack))["rows"]
    assert [(row["place"], row["bib"], row["gun_time"]) for row in rows] == [(1, "10001", "0:16:40")]
    matches = msgspec.json.decode(await _run(athletes, stack))["athletes"]
    assert len(matches) >= 10
    explanation = await _attempt(explained, stack)
    async with asyncio.timeout(HANG_S):
        while b"error: 503" in explanation.stderr:  # facts come after the boards, on a busy machine much later
            await asyncio.sleep(0.1)
            explanation = await _attempt(explained, stack)
    assert msgspec.json.decode(explanation.stdout)["bib"] == "10001"
    streamed = await _attempt(stream, stack)
    async with asyncio.timeout(HANG_S):
        while b"event: snapshot" not in streamed.stdout:  # the stream's few seconds are short on a busy machine
            streamed = await _attempt(stream, stack)
    assert streamed.returncode == STREAM_ENDED
