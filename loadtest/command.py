"""`matline simulate`: a simulated race day, sent to an ingest, played on simulated readers, or written as a log."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

import races
from loadtest.devices.mylaps import Version
from loadtest.devices.registry import SIMULATED_PROTOCOLS
from loadtest.driver import DriveFailed, Driven, Target, drive
from loadtest.entry_list import entries_csv
from loadtest.mats import Mats, Spoken, all_alike, as_equipped, play_day, steps_ms, with_codes
from loadtest.race_day import NotSimulated
from loadtest.simulation import SIZE_MAX, Simulation, Timed, simulate
from schemas.definition import Definition
from schemas.definition_faults import DefinitionRefused
from schemas.definition_parse import definition_from_toml

EXIT_FAILED = 1
EXIT_USAGE = 2


class Order(Struct, frozen=True, kw_only=True):
    """The day to simulate, and where to send it. `race` is a name of `races` or a TOML file.

    Where no terminal shows a bar, a line of progress is printed every `line_every_s` seconds.
    """

    race: str
    size: int
    seed: int
    speed: float | None = None
    to: str | None = None
    mylaps: str | None = None
    mylaps_version: Version = "2.1"
    out: Path | None = None
    truth: Path | None = None
    sources: Path | None = None
    entries: Path | None = None
    protocol: Spoken | None = None
    at: str | None = None
    line_every_s: float = 5.0


class _Refused(Exception):
    """The order cannot be carried out; the message says why."""


def run(order: Order, environment: Mapping[str, str]) -> int:
    """Simulate, write the files and send the day as ordered; return the exit code."""
    console = Console(stderr=True)
    try:
        definition = _definition(order.race)
        _check(order)
        simulation = _simulation(order, definition)
        if order.out is not None:
            _write_log(simulation, order, order.out, console)
        if order.truth is not None:
            _write(order.truth, msgspec.json.format(msgspec.json.encode(list(simulation.truth.values()))) + b"\n")
        if order.sources is not None:
            _write(order.sources, simulation.sources_toml().encode())
        if order.entries is not None:
            _write(order.entries, entries_csv(simulation.entries))
        target = None if order.to is None else _target(order, order.to, environment)
        if order.protocol is not None:
            return asyncio.run(_play(simulation, order, order.protocol, target, console))
        if target is not None:
            driven = asyncio.run(_drive(simulation, target, order, console))
            console.print(_summary(driven), highlight=False)
    except _Refused as refused:
        _complain(console, str(refused))
        return EXIT_USAGE
    except DriveFailed as failed:
        _complain(console, str(failed))
        return EXIT_FAILED
    except KeyboardInterrupt:
        return 130
    return 0


def _complain(console: Console, text: str) -> None:
    console.print(f"matline simulate: {text}", style="red", highlight=False, markup=False, soft_wrap=True)


def _check(order: Order) -> None:
    targets = (order.to, order.out, order.truth, order.sources, order.entries, order.protocol)
    if all(target is None for target in targets):
        raise _Refused("nothing to do: send it with --to http://127.0.0.1:8701, or write it with --out race.jsonl")
    if order.to is not None and urlsplit(order.to).scheme not in ("http", "https"):
        raise _Refused(f"--to {order.to!r} is not the address of an ingest; write it as http://127.0.0.1:8701")
    if order.mylaps is not None:
        if order.to is None:
            raise _Refused("--mylaps needs --to as well: definition, entries and the reads of other mats go over HTTP")
        if order.protocol is not None:
            raise _Refused(
                "--mylaps does not go with --protocol; give the address of the simulated readers or of ingest by --at"
            )
        _address("--mylaps", order.mylaps)
    if order.at is not None:
        if order.protocol is None:
            raise _Refused("--at needs --protocol, the protocol of the readers at that address")
        _address("--at", order.at)
    if order.protocol is not None and order.protocol not in SIMULATED_PROTOCOLS:
        known = ", ".join(SIMULATED_PROTOCOLS)
        raise _Refused(f"--protocol {order.protocol!r} is not a protocol of simulated readers; choose one of {known}")
    if order.speed is not None and order.speed <= 0:
        raise _Refused(f"--speed {order.speed:g} is not above 0; 1 is real time, 60 is a minute in a second")


def _address(option: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise _Refused(f"{option} {text!r} is not an address; write it as 127.0.0.1:3097")
    return host.strip("[]"), int(port)


def _definition(race: str) -> Definition:
    """Return a definition of `races` by its name, or one from a file."""
    try:
        data = races.definition_toml(race) if race in races.names() else Path(race).read_bytes()
        return definition_from_toml(data)
    except OSError as error:
        known = ", ".join(races.names())
        raise _Refused(f"{race}: {error.strerror}; give a file, or one of {known}") from None
    except DefinitionRefused as refused:
        raise _Refused("\n".join(f"{race}: {fault}" for fault in refused.faults)) from None


def _simulation(order: Order, definition: Definition) -> Simulation:
    if not 1 <= order.size <= SIZE_MAX:
        raise _Refused(f"--size {order.size} is out of range: from 1 to {SIZE_MAX} runners can be simulated")
    protocols = {} if order.protocol is None else all_alike(definition, order.protocol)
    definition = as_equipped(definition, protocols)
    try:
        return with_codes(simulate(definition, order.size, order.seed, steps_ms=steps_ms(protocols)), protocols)
    except NotSimulated as error:
        raise _Refused(f"{order.race}: {error}") from None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None


def _write_log(simulation: Simulation, order: Order, path: Path, console: Console) -> None:
    """Write the log to a file, or to standard output for `-`."""
    lines = reads = 0
    try:
        opened = nullcontext(sys.stdout.buffer) if path == Path("-") else path.open("wb")
        with opened as file, _progress(console, len(simulation.reads), order.line_every_s) as show:
            for item in simulation.timeline():
                file.write(simulation.line(item) + b"\n")
                lines += 1
                if not isinstance(item, Timed):
                    reads += len(item.reads)
                    show("writing", min(reads, len(simulation.reads)))
    except BrokenPipeError:  # the program that reads from us has ended
        return
    except OSError as error:
        raise _Refused(f"{path}: {error.strerror}") from None
    console.print(f"{path}: {lines} facts with {reads} reads of {simulation.size} runners", highlight=False)


def _target(order: Order, url: str, environment: Mapping[str, str]) -> Target:
    return Target(
        url=url,
        mylaps=None if order.mylaps is None else _address("--mylaps", order.mylaps),
        mylaps_version=order.mylaps_version,
        gateway_token=environment.get("MATLINE_GATEWAY_TOKEN"),
        official_token=environment.get("MATLINE_OFFICIAL_TOKEN"),
    )


async def _drive(simulation: Simulation, target: Target, order: Order, console: Console) -> Driven:
    with _progress(console, len(simulation.reads), order.line_every_s) as show:

        def show_sent(driven: Driven) -> None:
            text = "sending" if driven.behind_s < 1 else f"sending, {driven.behind_s:.0f} s behind"
            show(text, min(driven.accepted, driven.reads))

        return await drive(simulation, target, order.speed, show_sent)


async def _play(simulation: Simulation, order: Order, spoken: Spoken, target: Target | None, console: Console) -> int:
    """Play the day on simulated readers and send officials' facts to `target`; return the exit code."""
    addresses = {} if order.at is None else {spoken: _address("--at", order.at)}
    mats = Mats(simulation, all_alike(simulation.definition, spoken), addresses)
    over = False
    try:
        async with mats:
            _print_sources(mats, order, console)
            await mats.connected()
            with _progress(console, len(simulation.reads), order.line_every_s) as show:
                seen = await play_day(simulation, mats, target, order.speed, lambda seen: show("playing", seen))
            await mats.all_sent()
            over = True
            console.print(
                f"All {seen} reads were sent. The readers keep running, so that ingest can ask again; Ctrl-C ends."
            )
            await asyncio.Event().wait()
    except OSError as error:
        raise _Refused(f"the readers cannot be started: {error}; choose another address by --at") from None
    except asyncio.CancelledError:
        if not over:
            raise
    return 0


def _print_sources(mats: Mats, order: Order, console: Console) -> None:
    if order.to is None:
        console.print(
            "Without --to, definition and entries are not sent; ingest needs those of this day (--entries FILE).",
            highlight=False,
        )
    console.print(
        "Put this into matline.toml. The day begins once ingest has connected to all readers.", highlight=False
    )
    print(mats.sources_toml(), flush=True)


@contextmanager
def _progress(console: Console, total: int, line_every_s: float) -> Iterator[Callable[[str, int], None]]:
    """Yield what shows an activity and its number of reads: as a bar at a terminal, else a line now and then.

    The last of all reads has its line too, whenever it comes.
    """
    if console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("", total=total)
            yield lambda text, reads: bar.update(task, completed=reads, description=text)
        return
    shown_s, complete = time.monotonic(), False

    def show(text: str, reads: int) -> None:
        nonlocal shown_s, complete
        is_last = reads >= total and not complete
        if is_last or time.monotonic() - shown_s >= line_every_s:
            shown_s, complete = time.monotonic(), complete or is_last
            console.print(f"{text}: {reads} of {total} reads", highlight=False, soft_wrap=True)

    yield show


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("reads"),
        TimeElapsedColumn(),
        console=console,
    )


def _summary(driven: Driven) -> str:
    rate = driven.accepted / driven.seconds if driven.seconds else 0.0
    return (
        f"{driven.facts} officials' facts and {driven.accepted} reads accepted in {driven.seconds:.1f} s "
        f"({rate:.0f} reads/s), {driven.requests} requests, {driven.resent} sent again, "
        f"{driven.rejected} reads rejected"
    )
