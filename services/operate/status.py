"""`matline status`: one screen about a running stack, made of what its services show at `/metrics`."""

import asyncio
import sys
import time
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.table import Table

from services.formatting.terminal import new_table, printable
from services.runtime.faults import StartFault
from services.watch.ask_services import Addresses, addresses, look_at
from services.watch.stack_state import EventState, RaceState, StackState, seconds_ago, stack_state

RATE_OVER_S = 1.0  # between two looks, for what there is a second
LATE_S = 10.0  # boards this far behind are marked, as the alert BoardsBehind does
SILENT_S = 600.0
STATUSES = {
    "NOT_STARTED": "To start",
    "ON_COURSE": "Out",
    "FINISHED": "In",
    "OTL": "OTL",
    "DNF": "DNF",
    "DNS": "DNS",
    "DQ": "DQ",
}


def main(environment: Mapping[str, str]) -> int:
    """Print the screen and return the exit code: 0 if all services are ready, else 1."""
    try:
        state = asyncio.run(_looked_twice(addresses(environment)))
    except StartFault as fault:
        print(f"matline status: {fault}", file=sys.stderr)
        return 1
    Console(highlight=False).print(screen(state, time.time()))
    return 0 if all(service.fault is None for service in state.services) else 1


async def _looked_twice(services: Addresses) -> StackState:
    before = await look_at(services)
    await asyncio.sleep(RATE_OVER_S)
    return stack_state(before, await look_at(services))


def screen(state: StackState, now_s: float) -> RenderableType:
    """Return the screen; `now_s` is Unix time."""
    return Group(
        _services_table(state),
        _flow(state),
        _events_table(state, now_s),
        _races_table(state, now_s),
        _gateways_table(state, now_s),
    )


def _services_table(state: StackState) -> Table:
    table = new_table("Services", "Service", "State", "Release", "Room on disk")
    for service in state.services:
        ready = "[green]ready[/]" if service.fault is None else f"[red]{printable(service.fault)}[/]"
        room = "" if service.free_bytes is None else f"{service.free_bytes / 1e9:.0f} GB"
        table.add_row(service.name, ready, service.release or "", room)
    return table


def _flow(state: StackState) -> str:
    """Return a line about what flows through the stack."""
    flow = state.flow
    shown = [
        f"{flow.reads_per_s:.0f} reads/s",
        f"{flow.results_per_s:.0f} results/s",
        f"{flow.answers_per_s:.0f} answers/s",
        f"{flow.viewers} viewers",
        f"{flow.readers_connected} readers connected",
        f"{flow.records_to_score} records to score",
        f"{flow.dead_letters} dead letters",
    ]
    return ", ".join(shown)


def _events_table(state: StackState, now_s: float) -> RenderableType:
    table = new_table("Boards", "Event", "Boards", "Chips of nobody", "Findings")
    for event in state.events:
        findings = f"[red]{' '.join(event.findings)}[/]" if event.findings else "none"
        table.add_row(printable(event.event), _boards(event, now_s), str(event.unknown_chips), findings)
    return table if table.rows else "No event has changed within a day."


def _races_table(state: StackState, now_s: float) -> RenderableType:
    table = new_table("Athletes", "Event", "Race", "State", *STATUSES.values(), "Open cases")
    for event in state.events:
        for race in event.races:
            counts = [race.athletes.get(status, 0) for status in STATUSES]
            figures = map(str, [*counts, race.open_cases])
            table.add_row(printable(event.event), printable(race.race), _race_state(race, now_s), *figures)
    return table if table.rows else ""


def _race_state(race: RaceState, now_s: float) -> str:
    if race.closed:
        return "closed"
    if race.gun_us is None:
        return "no gun yet"
    return f"{_lasting(seconds_ago(race.gun_us, now_s))} after the gun"


def _boards(event: EventState, now_s: float) -> str:
    if event.lag_s > LATE_S:
        return f"[red]{_lasting(event.lag_s)} behind[/]"
    return f"up to date, changed {_lasting(seconds_ago(event.changed_us, now_s))} ago"


def _gateways_table(state: StackState, now_s: float) -> RenderableType:
    table = new_table("Gateways heard last", "Event", "Gateway", "By", "Heard", "Reads", "Missing", "Dead letters")
    for gateway in state.gateways:
        silent_s = seconds_ago(gateway.heard_us, now_s)
        ago = f"{_lasting(silent_s)} ago"
        names = map(printable, (gateway.event, gateway.gateway, gateway.source))
        counts = map(str, (gateway.reads, gateway.missing, gateway.dead_letters))
        table.add_row(*names, f"[yellow]{ago}[/]" if silent_s > SILENT_S else ago, *counts)
    return table if table.rows else "No gateway was heard within a day."


def _lasting(seconds: float) -> str:
    """Return a duration in its largest fitting unit."""
    if seconds < 100:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
