"""`matline status`: one screen about a running stack, made of what its services show at `/metrics`."""

import asyncio
import sys
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table

from services.formatting.terminal import new_table, printable
from services.operate.watched_services import WatchedService, watched_services
from services.runtime.faults import StartFault

RATE_OVER_S = 1.0  # between two looks, for what there is a second
EVENTS_SHOWN = 5
GATEWAYS_SHOWN = 20
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

Services = Mapping[str, WatchedService]


def main(environment: Mapping[str, str]) -> int:
    """Print the screen and return the exit code: 0 if all services are ready, else 1."""
    try:
        before, now = asyncio.run(_looked_twice(environment))
    except StartFault as fault:
        print(f"matline status: {fault}", file=sys.stderr)
        return 1
    Console(highlight=False).print(screen(before, now, time.time()))
    return 0 if all(service.fault is None for service in now.values()) else 1


async def _looked_twice(environment: Mapping[str, str]) -> tuple[Services, Services]:
    before = await watched_services(environment)
    await asyncio.sleep(RATE_OVER_S)
    return before, await watched_services(environment)


def screen(before: Services, now: Services, now_s: float) -> RenderableType:
    """Return the screen, by two looks at the services RATE_OVER_S apart; `now_s` is Unix time."""
    return Group(
        _services_table(now),
        _flow(before, now),
        _events_table(now, now_s),
        _races_table(now, now_s),
        _gateways_table(now, now_s),
    )


def _services_table(now: Services) -> Table:
    table = new_table("Services", "Service", "State", "Release", "Room on disk")
    for service in now.values():
        state = "[green]ready[/]" if service.fault is None else f"[red]{printable(service.fault)}[/]"
        release = next((labels["release"] for labels, _ in service.of("matline_build_info")), "")
        room = next((f"{free / 1e9:.0f} GB" for _, free in service.of("matline_disk_free_bytes")), "")
        table.add_row(service.name, state, release, room)
    return table


def _flow(before: Services, now: Services) -> str:
    """Return a line about what flows through the stack."""

    def a_second(service: str, metric: str) -> float:
        return max(0.0, now[service].sum(metric) - before[service].sum(metric)) / RATE_OVER_S

    shown = [
        f"{a_second('ingest', 'matline_ingest_reads_total'):.0f} reads/s",
        f"{a_second('scoring', 'matline_scoring_rows_total'):.0f} results/s",
        f"{a_second('live', 'matline_live_requests_total'):.0f} answers/s",
        f"{now['live'].sum('matline_live_viewers'):.0f} viewers",
        f"{now['ingest'].sum('matline_ingest_connections'):.0f} readers connected",
        f"{now['scoring'].sum('matline_scoring_lag_records'):.0f} records to score",
        f"{now['ingest'].sum('matline_ingest_rejected_total'):.0f} dead letters",
    ]
    return ", ".join(shown)


class _Race(NamedTuple):
    event: str
    race: str


def _events(projections: WatchedService, now_s: float) -> list[tuple[str, float]]:
    """Return the events that changed last, and how many seconds ago."""
    changed = projections.of("matline_projections_event_changed_timestamp_seconds")
    ages = sorted((now_s - at_s, labels["event"]) for labels, at_s in changed)
    return [(event, age_s) for age_s, event in ages[:EVENTS_SHOWN]]


def _events_table(now: Services, now_s: float) -> RenderableType:
    projections = now["projections"]
    lags = {labels["event"]: lag_s for labels, lag_s in projections.of("matline_projections_event_lag_seconds")}
    table = new_table("Boards", "Event", "Boards", "Chips of nobody", "Findings")
    for event, age_s in _events(projections, now_s):
        unknown = f"{projections.sum('matline_projections_unknown_chips', event=event):.0f}"
        table.add_row(printable(event), _boards(lags.get(event, 0.0), age_s), unknown, _findings(projections, event))
    return table if table.rows else "No event has changed within a day."


def _races_table(now: Services, now_s: float) -> RenderableType:
    projections = now["projections"]
    table = new_table("Athletes", "Event", "Race", "State", *STATUSES.values(), "Open cases")
    for event, _ in _events(projections, now_s):
        for race in _races_of(projections, event):
            named = race._asdict()
            counts = [projections.sum("matline_projections_athletes", **named, status=status) for status in STATUSES]
            counts.append(projections.sum("matline_projections_open_cases", **named))
            state = _race_state(projections, race, now_s)
            table.add_row(printable(event), printable(race.race), state, *(f"{count:.0f}" for count in counts))
    return table if table.rows else ""


def _races_of(projections: WatchedService, event: str) -> Iterable[_Race]:
    races = projections.of("matline_projections_open_cases", event=event)
    return [_Race(event, labels["race"]) for labels, _ in races]


def _race_state(projections: WatchedService, race: _Race, now_s: float) -> str:
    if projections.sum("matline_projections_race_closed", **race._asdict()):
        return "closed"
    guns = [at_s for _, at_s in projections.of("matline_projections_race_gun_timestamp_seconds", **race._asdict())]
    return f"{_lasting(now_s - guns[0])} after the gun" if guns else "no gun yet"


def _boards(lag_s: float, age_s: float) -> str:
    if lag_s > LATE_S:
        return f"[red]{_lasting(lag_s)} behind[/]"
    return f"up to date, changed {_lasting(age_s)} ago"


def _findings(projections: WatchedService, event: str) -> str:
    kinds = [labels["kind"] for labels, count in projections.of("matline_projections_findings", event=event) if count]
    return f"[red]{' '.join(kinds)}[/]" if kinds else "none"


def _gateways_table(now: Services, now_s: float) -> RenderableType:
    ingest = now["ingest"]
    heard = [
        (now_s - at_s, labels) for labels, at_s in ingest.of("matline_ingest_gateway_last_heard_timestamp_seconds")
    ]
    table = new_table("Gateways heard last", "Event", "Gateway", "By", "Heard", "Reads", "Missing", "Dead letters")
    for silent_s, labels in sorted(heard, key=lambda known: known[0])[:GATEWAYS_SHOWN]:
        ago = f"{_lasting(silent_s)} ago"
        counts = [
            f"{ingest.sum(f'matline_ingest_gateway_{name}', **labels):.0f}"
            for name in ("reads_total", "missing_reads", "rejected_total")
        ]
        names = [printable(labels[name]) for name in ("event", "gateway", "source")]
        table.add_row(*names, f"[yellow]{ago}[/]" if silent_s > SILENT_S else ago, *counts)
    return table if table.rows else "No gateway was heard within a day."


def _lasting(seconds: float) -> str:
    """Return a duration in its largest fitting unit."""
    if seconds < 100:
        return f"{max(0.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.0f} h"
