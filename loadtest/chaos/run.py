"""One run: a stack of its own, a simulated race sent to it while faults are injected, and the evidence afterwards."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

import races
from loadtest.chaos.checker import Verdict, judge
from loadtest.chaos.disk import small_disk
from loadtest.chaos.evidence import Evidence
from loadtest.chaos.injection import Injected, Targets, inject
from loadtest.chaos.line import Line
from loadtest.chaos.observed_race import HEALED_S, collect, evidence_of, send_race, stored_boards
from loadtest.chaos.schedule import DISK, Fault, Stack
from loadtest.chaos.servers import Servers, running_servers
from loadtest.simulation import Simulation, simulate
from loadtest.stack import MATLINE, RunningStack, running_stack
from schemas.definition_parse import definition_from_toml

RACE = "hanoi-half-2024"


class Plan(Struct, frozen=True, kw_only=True):
    """A race of `size` entrants, drawn from `seed`, that is sent over some `seconds` while the faults happen.

    The stack has everything embedded, or Kafka and ClickHouse beside it. `healed_s` is the time for the boards to show
    the end of the log afterwards; `matline` is the command of the stack.
    """

    seed: int
    seconds: float
    size: int
    faults: list[Fault]
    stack: Stack = "embedded"
    healed_s: float = HEALED_S
    matline: Sequence[str] = MATLINE


class Outcome(Struct, frozen=True, kw_only=True):
    """A finished run: the verdict on it, what was injected, the evidence, and everything that the stack printed."""

    verdict: Verdict
    injected: list[Injected]
    evidence: Evidence
    output: str


async def run(plan: Plan) -> Outcome:
    """Run a plan on a stack of its own. Raises RuntimeError if the stack does not start."""
    simulation = simulate(definition_from_toml(races.definition_toml(RACE)), plan.size, plan.seed)
    evidence = evidence_of(simulation)
    async with _started(plan) as (stack, servers):
        try:
            injected = await _race(stack, servers, simulation, plan, evidence)
            await collect(stack, simulation.definition.event, evidence)
            await stack.stop()
        except Exception as error:
            error.add_note(f"what the stack printed is in {keep_output(stack.output.read_text(errors='replace'))}")
            raise
        engine = stack.data / "clickhouse"
        if servers is not None:
            await servers.processes["clickhouse"].stop()
            engine = servers.engine
        evidence.stored_boards = await stored_boards(engine, simulation.definition.event)
        output = stack.output.read_text(errors="replace")
    return Outcome(verdict=judge(evidence), injected=injected, evidence=evidence, output=output)


def keep_output(output: str) -> str:
    """Write what a stack has printed to a file that stays, and return its name."""
    with tempfile.NamedTemporaryFile("w", prefix="matline-chaos-", suffix=".log", delete=False) as kept:
        kept.write(output)
    return kept.name


@asynccontextmanager
async def _started(plan: Plan) -> AsyncIterator[tuple[RunningStack, Servers | None]]:
    """Start the stack of a plan, and the servers beside it; stop them when the context is left."""
    if plan.stack == "embedded":
        full = any(fault.target == DISK for fault in plan.faults)
        with small_disk() if full else nullcontext() as disk:
            async with running_stack(plan.matline, disk=disk) as stack:
                yield stack, None
        return
    with tempfile.TemporaryDirectory(prefix="matline-servers-") as folder:
        async with (
            running_servers(Path(folder)) as servers,
            running_stack(plan.matline, options=servers.options()) as stack,
        ):
            yield replace(stack, kafka_port=servers.kafka.port), servers


async def _race(
    stack: RunningStack, servers: Servers | None, simulation: Simulation, plan: Plan, evidence: Evidence
) -> list[Injected]:
    injected: list[Injected] = []

    async def do_faults(targets: Targets) -> None:
        injected.extend(await inject(targets, simulation.definition.event, plan.faults))

    async with Line(stack.ingest_port) as line:
        faults = do_faults(Targets(stack=stack, line=line, servers=servers))
        await send_race(stack, line.port, simulation, plan.seconds, evidence, faults, plan.healed_s)
    return injected
