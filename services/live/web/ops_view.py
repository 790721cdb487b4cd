"""The page about the operation of a stack as its template shows it. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct

from schemas.ids import US
from services.live.documents.ops import MatDevice, MatState, Operations, OpsEvent, OpsSignal
from services.live.web.addresses import PageQuery, events_address, in_language, ops_address
from services.live.web.clock_words import exact_time_of_day, time_of_day_us
from services.live.web.words import WORDS, point_label
from services.watch.alerts import RULES, Alert
from services.watch.stack_state import GatewayState, RaceState, ServiceState

LATE_S = 10.0  # boards this far behind, as the alert BoardsBehind has it
MINUTES_FROM_S, HOURS_FROM_S = 100, 6_000

Words = Mapping[str, str]


class AlertLine(NamedTuple):
    """An alert in words: what it is about, since when, and the page of the runbook. `level` is a class of the style."""

    level: str
    text: str
    about: str
    since: str
    runbook: str


class DeviceLine(NamedTuple):
    """A device; the cells of its mat are in the first line of each mat, with `rows` the number of its lines."""

    mat: str | None
    where: str
    athletes: str
    rows: int
    device: str
    rate: str
    reads: str
    last_read: str
    offset: str


class RaceLine(NamedTuple):
    """A race in words, with its athletes by STATUSES and its open cases."""

    race: str
    state: str
    counts: Sequence[int]


class EventBlock(NamedTuple):
    """An event: facts as pairs of a label and a text, races and devices as rows."""

    id: str
    name: str
    facts: Sequence[tuple[str, str]]
    races: Sequence[RaceLine]
    devices: Sequence[DeviceLine]


class OpsPage(Struct, frozen=True, kw_only=True):
    """What the template shows. `raised` are alerts that fire, `pending` those that have not lasted long enough."""

    title: str
    home: str
    language_href: str
    updated: str
    watched: str
    raised: Sequence[AlertLine]
    pending: Sequence[AlertLine]
    services: Sequence[Sequence[str | None]]
    flow: Sequence[tuple[str, str]]
    statuses: Sequence[str]
    events: Sequence[EventBlock]
    gateways: Sequence[Sequence[str]]


STATUSES = ("NOT_STARTED", "ON_COURSE", "FINISHED", "OTL", "DNF", "DNS", "DQ")


def ops_page(shown: Operations, query: PageQuery, language: str) -> OpsPage:
    """Return the page."""
    words = WORDS[language]
    zone = shown.events[0].timezone if shown.events else "UTC"
    lines = [(alert, _alert(alert, shown, zone, words)) for alert in shown.alerts]
    return OpsPage(
        title=words["ops"],
        home=events_address(query),
        language_href=ops_address(in_language(query, words["otherLang"])),
        updated=f"{words['updated']} {time_of_day_us(shown.now_us, zone)}",
        watched=words["opsWatched"].format(time=time_of_day_us(shown.watched_since_us, zone)),
        raised=[line for alert, line in lines if alert.firing],
        pending=[line for alert, line in lines if not alert.firing],
        services=[_service(service, words) for service in shown.services],
        flow=list(_flow(shown, words)),
        statuses=[words[status] for status in STATUSES],
        events=[_event(event, shown.now_us, words) for event in shown.events],
        gateways=[_gateway(gateway, shown.now_us, words) for gateway in shown.gateways],
    )


def _alert(alert: Alert, shown: Operations, zone: str, words: Words) -> AlertLine:
    names = {event.event: event.name for event in shown.events}
    about = [names.get(value, value) if name == "event" else value for name, value in sorted(alert.labels.items())]
    kind = alert.labels.get("kind", "")
    if kind:
        about = [words.get(f"finding_{text}", text) for text in about]
    since = words["opsSince"].format(time=time_of_day_us(alert.since_us, zone))
    if not alert.firing:
        since = words["opsPending"].format(since=since, time=lasting(RULES[alert.name].for_s, words))
    level = "act" if alert.needs_somebody else alert.severity if alert.firing else "pending"
    return AlertLine(level, words[f"alert_{alert.name}"], " · ".join(about), since, f"{alert.name}.md")


def _service(service: ServiceState, words: Words) -> tuple[str | None, ...]:
    room = "" if service.free_bytes is None else f"{service.free_bytes / 1e9:.0f} GB"
    return service.name, service.fault, words["opsReady"], service.release or "", room


def _flow(shown: Operations, words: Words) -> Iterator[tuple[str, str]]:
    flow = shown.flow
    yield words["opsReads"], f"{flow.reads_per_s:.0f}/s"
    yield words["opsResults"], f"{flow.results_per_s:.0f}/s"
    yield words["opsAnswers"], f"{flow.answers_per_s:.0f}/s"
    yield words["opsToScore"], str(flow.records_to_score)
    yield words["opsScoringLag"], lasting(flow.scoring_lag_s, words)
    yield words["opsReaders"], str(flow.readers_connected)
    yield words["opsViewers"], str(flow.viewers)
    yield words["opsDeadLetters"], str(flow.dead_letters)


def _event(event: OpsEvent, now_us: int, words: Words) -> EventBlock:
    changed = words["opsChanged"].format(time=lasting(_since_s(event.changed_us, now_us), words))
    behind = words["opsBehind"].format(time=lasting(event.lag_s, words))
    findings = ", ".join(words.get(f"finding_{kind}", kind) for kind in event.findings)
    return EventBlock(
        id=event.event,
        name=event.name,
        facts=[
            (words["boards"], behind if event.lag_s > LATE_S else f"{words['opsUpToDate']}, {changed}"),
            (words["opsUnknownChips"], str(event.unknown_chips)),
            (words["opsFindings"], findings or words["opsNone"]),
            *((words["opsSignal"], _signal(signal, event.timezone, words)) for signal in event.signals),
        ],
        races=[_race(race, now_us, words) for race in event.races],
        devices=[line for mat in event.mats for line in _devices(mat, now_us, words)],
    )


def _signal(signal: OpsSignal, timezone: str, words: Words) -> str:
    starts = [" ".join(start.values()) for start in signal.starts]
    word = "opsSignalOf" if signal.gun_us is None else "opsSignalTyped"
    return words[word].format(
        time=exact_time_of_day(signal.at_us, timezone),
        gun="" if signal.gun_us is None else exact_time_of_day(signal.gun_us, timezone),
        devices=", ".join(signal.devices),
        starts=", ".join(starts),
    )


def _race(race: RaceState, now_us: int, words: Words) -> RaceLine:
    if race.closed:
        state = words["opsClosed"]
    elif race.gun_us is None:
        state = words["opsNoGun"]
    else:
        state = words["opsAfterGun"].format(time=lasting(_since_s(race.gun_us, now_us), words))
    counts = [race.athletes.get(status, 0) for status in STATUSES]
    return RaceLine(race.race, state, [*counts, race.open_cases])


def _devices(mat: MatState, now_us: int, words: Words) -> Iterator[DeviceLine]:
    places = [f"{point_label(point.point, words)} ({point.km:.3g} km)" for point in mat.points]
    where = ", ".join(dict.fromkeys(places))  # several races may have one point there
    athletes = ", ".join(
        words["opsSeen"].format(seen=point.seen, expected=point.expected, missed=point.missed)
        for point in mat.points
        if point.expected
    )
    for index, device in enumerate(mat.devices):
        yield _device(device, mat, where, athletes, 0 if index else len(mat.devices), now_us, words)


def _device(
    device: MatDevice, mat: MatState, where: str, athletes: str, rows: int, now_us: int, words: Words
) -> DeviceLine:
    last_us = device.last_read_us
    ago = words["opsNoRead"]
    if last_us is not None:
        ago = words["opsAgo"].format(time=lasting(_since_s(last_us, now_us), words))
    return DeviceLine(
        mat=mat.mat or words["opsNoMat"],
        where=where,
        athletes=athletes,
        rows=rows,
        device=f"{device.device} ({words['opsBackup']})" if device.backup else device.device,
        rate=f"{device.reads_per_s:.1f}",
        reads=str(device.reads),
        last_read=ago,
        offset="" if device.offset_us is None else f"{device.offset_us / US:+.1f} s".replace("-", "−"),
    )


def _gateway(gateway: GatewayState, now_us: int, words: Words) -> tuple[str, ...]:
    heard = words["opsAgo"].format(time=lasting(_since_s(gateway.heard_us, now_us), words))
    counts = map(str, (gateway.reads, gateway.missing, gateway.dead_letters))
    return gateway.event, gateway.gateway, gateway.source, heard, *counts


def _since_s(at_us: int, now_us: int) -> float:
    return max(0.0, (now_us - at_us) / US)


def lasting(seconds: float, words: Words) -> str:
    """Return a duration in its largest fitting unit."""
    if seconds < MINUTES_FROM_S:
        return words["seconds"].format(count=f"{seconds:.0f}")
    if seconds < HOURS_FROM_S:
        return words["minutes"].format(count=f"{seconds / 60:.0f}")
    return words["hours"].format(count=f"{seconds / 3600:.0f}")
