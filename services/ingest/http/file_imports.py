"""The request of a file out of a device's memory: how it is to be read, and its answer. Source: docs/http.md."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from schemas.definition import Definition
from schemas.events import LoggedFact, NoticeReceived
from schemas.ids import DeviceId, GatewayId
from services.fact_effects.known_event import KnownEvent
from services.ingest.decoders.clock_origin import began_us
from services.ingest.decoders.local_time import parse_zone
from services.ingest.decoders.messages import Notice
from services.ingest.errors import NotKnown, Refused
from services.ingest.facts import notice_fact, reads_facts
from services.ingest.limits import IngestLimits
from services.ingest.log_follower import LogFollower
from services.ingest.logged_reads import LoggedReads
from services.ingest.memory_files.device_reads import (
    Devices,
    DeviceSummary,
    ImportedReads,
    device_summaries,
    imported_reads,
    local_text,
    new_rows,
    session_of,
)
from services.ingest.memory_files.file_lines import FileSettings, UnknownFile
from services.ingest.memory_files.formats import BadLine, MarkAt, MemoryFile, read_file
from services.ingest.memory_files.tables import NAMES
from services.ingest.memory_files.times import shift_us
from services.ingest.race_log import Log
from services.ingest.readers.sources import Source

FILE_MAX_BYTES = 32 * 1024 * 1024
LISTED_MAX = 1_000  # bad lines, marks and unknown chips listed in an answer, each
LISTED_PLACES = 8  # of a device, in a refusal
GATEWAY = "import"  # what the log calls the sender of files, unless the request names another
FAR_DAYS = 2  # a read this far from the day of the event is probably of another day or a wrong clock
PARAMETERS = ("device", "zone", "day", "began", "shift", "column", "gateway", "dry_run")

GivenName = Annotated[str, Meta(min_length=1, max_length=200)]


class ImportOptions(Struct, frozen=True, kw_only=True):
    """The parameters of a request. `zone` null: the event's; `day` null: the day of the event.

    `began` is local time of the zone unless it has an offset.
    """

    devices: Devices = Devices()
    zone: str | None = None
    day: date | None = None
    began: datetime | None = None
    shift_us: int = 0
    columns: Mapping[str, str] = {}
    gateway: str = GATEWAY
    dry_run: bool = False


class ImportMark(Struct, kw_only=True):
    """A gun or another mark in the file. It goes to the log as a notice for officials, and starts nobody."""

    line: int
    kind: str
    at_us: int | None
    at: str | None
    text: str


class UnknownChip(Struct, kw_only=True):
    """A chip that nobody wears, with its first line."""

    chip: str
    reads: int


class ImportAnswer(Struct, kw_only=True):
    """What is in a file, and what became of it.

    `reads` counts each read once, `repeats` the others of the file; `on_log` are on the log already, `new` are not.
    `known_chips` counts chips that an athlete wears, null while ingest reads the log. `written` is 0 in a dry run.
    Of `unknown_chips`, `marks` and `rejected` 1,000 are listed at most.
    """

    format: str
    title: str
    zone: str
    day: str | None
    gateway: str
    session: str
    reads: int
    repeats: int
    on_log: int
    new: int
    written: int
    devices: list[DeviceSummary]
    known_chips: int | None
    unknown_chips: list[UnknownChip] | None
    unknown_chips_total: int | None
    marks: list[ImportMark]
    rejected: list[BadLine]
    rejected_total: int
    warnings: list[str]
    revision: Annotated[int | None, Meta(description="The log offset of the last record written; null: none was.")]
    dry_run: Literal[True] | UnsetType = UNSET


def import_options(query: Sequence[tuple[str, str]]) -> ImportOptions:
    """Return the parameters of a request, given in order. Raises Refused: a misspelt `dry_run` must not write."""
    given: dict[str, list[str]] = {}
    for name, value in query:
        if name not in PARAMETERS:
            raise Refused(400, "Unknown parameter", f"{name!r} is not known here; there are {', '.join(PARAMETERS)}")
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if len(values) > 1 and name not in ("device", "column"):
            raise Refused(400, "Repeated parameter", f"{name!r} comes {len(values)} times; write it once")
    try:
        return _options({name: values[0] for name, values in given.items()}, given)
    except ValueError as error:
        raise Refused(400, "Wrong parameter", f"{error}. Nothing was written") from None


def _options(single: Mapping[str, str], given: Mapping[str, list[str]]) -> ImportOptions:
    if single.get("dry_run", "0") not in ("0", "1", "true", "false"):
        raise ValueError(f"dry_run={single['dry_run'][:40]!r} is not known; write one of 0, 1, true, false")
    if "zone" in single:
        parse_zone(single["zone"])
    try:
        day = date.fromisoformat(single["day"]) if "day" in single else None
    except ValueError:
        raise ValueError(f"day={single['day'][:40]!r} is not a date; write one such as 2026-01-04") from None
    try:
        began = datetime.fromisoformat(single["began"]) if "began" in single else None
    except ValueError:
        raise ValueError(
            f"began={single['began'][:40]!r} is not a date and time; write one such as 2026-01-04T05:12:07.250"
        ) from None
    if began is not None and day is not None:
        raise ValueError("day and began contradict each other; give day for a clock that shows the time of day")
    return ImportOptions(
        devices=_devices(given.get("device", [])),
        zone=single.get("zone"),
        day=day,
        began=began,
        shift_us=shift_us(single.get("shift", "0")),
        columns=_columns(given.get("column", [])),
        gateway=_checked(single.get("gateway", GATEWAY), GatewayId, "gateway"),
        dry_run=single.get("dry_run") in ("1", "true"),
    )


def _devices(values: Iterable[str]) -> Devices:
    """Return the devices of `F1` (of all reads) and `PLACE=F1`."""
    places: dict[str, str] = {}
    every = ""
    for value in values:
        place, equals, device = value.rpartition("=")
        _checked(device, DeviceId, "device")
        if equals:
            places[place.strip()] = device
        elif every:
            raise ValueError(f"device={every!r} and device={device!r} both stand for all reads; write PLACE=DEVICE")
        else:
            every = device
    return Devices(every, places)


def _columns(values: Iterable[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for value in values:
        name, _, heading = value.partition("=")
        if name not in NAMES or not heading.strip():
            raise ValueError(
                f"column={value[:80]!r} is not known; write NAME=HEADING or NAME=NUMBER, of {', '.join(NAMES)}"
            )
        columns[name] = heading.strip()
    return columns


def _checked(value: str, kind: Any, name: str) -> str:
    try:
        return str(msgspec.convert(value, kind))
    except msgspec.ValidationError:
        raise ValueError(f"{name}={value[:80]!r} is not a name of 1 to 64 characters") from None


class FileImports:
    """Files taken one after the other: read, compared with the log, and written before the next is compared."""

    def __init__(
        self, race_log: Log, follower: LogFollower, limits: IngestLimits, count: Callable[[Sequence[LoggedFact]], None]
    ) -> None:
        self._log = race_log
        self._follower = follower
        self._limits = limits
        self._count = count
        self._turn = asyncio.Lock()  # gateways need the processor and the memory too

    async def take(self, event: str, data: bytes, options: ImportOptions, at_us: int) -> ImportAnswer:
        """Write what a file that came in at `at_us` adds to the log, and return the answer. Raises IngestError."""
        definition = await self._definition(event)
        settings = file_settings(options, definition)
        async with self._turn:
            memory, imported = await asyncio.to_thread(_read, data, settings, options.devices)
            logged = LoggedReads(imported.rows)
            await logged.look(self._log.values(event))
            session = session_of(data, settings, options.devices)
            draft = _draft(memory, imported, logged, settings, options, session, definition)
            await self._ask_known(event, imported, draft)
            if options.dry_run:
                draft.dry_run = True
                return draft
            _check_devices(draft, options)
            rows = new_rows(imported.rows, logged.strengths)
            notices = _notices(event, memory, options, at_us)
            facts: list[LoggedFact] = [*reads_facts(event, options.gateway, session, rows, at_us), *notices]
            if facts:
                draft.revision = await self._log.append(event, facts, self._limits.ack_wait_s)
                self._count(notices)
            draft.written = len(rows)
            return draft

    async def _definition(self, event: str) -> Definition | None:
        try:
            return await self._follower.definition_of(event)
        except NotKnown:
            return None

    async def _ask_known(self, event: str, imported: ImportedReads, draft: ImportAnswer) -> None:
        """Add to the answer what ingest knows of devices and chips."""
        try:
            mats, wearers = await self._follower.ask(event, lambda known: known_of(known, imported))
        except NotKnown as error:
            draft.warnings.append(f"{error}; until then devices and chips are unchecked")
            return
        draft.devices = [msgspec.structs.replace(summary, mat=mats[summary.device]) for summary in draft.devices]
        unknown: dict[str, int] = {}
        for row in imported.rows:
            if wearers[row.chip] is None:
                unknown[row.chip] = unknown.get(row.chip, 0) + 1
        draft.known_chips = len(wearers) - len(unknown)
        draft.unknown_chips_total = len(unknown)
        draft.unknown_chips = [
            UnknownChip(chip=chip, reads=reads) for chip, reads in list(unknown.items())[:LISTED_MAX]
        ]


def file_settings(options: ImportOptions, definition: Definition | None) -> FileSettings:
    """Return how the file is to be read; what the request leaves out is the event's. Raises Refused without a zone."""
    if options.zone is None and definition is None:
        raise Refused(
            400,
            "No zone",
            "ingest does not know the event's definition, so say the zone of the device's clock, such as"
            " zone=Asia/Dubai or zone=+04:00. Nothing was written",
        )
    zone = parse_zone(options.zone if options.zone is not None else definition.timezone if definition else "UTC")
    try:
        zero_us = None if options.began is None else began_us(options.began, zone)
    except ValueError as error:
        raise Refused(400, "Wrong parameter", f"began: {error}. Nothing was written") from None
    return FileSettings(
        zone=zone,
        zone_given=options.zone is not None,
        day=options.day or (None if definition is None else date.fromisoformat(definition.date)),
        day_given=options.day is not None,
        began_us=zero_us,
        shift_us=options.shift_us,
        columns=options.columns,
    )


def known_of(known: KnownEvent, imported: ImportedReads) -> tuple[dict[str, str | None], dict[str, str | None]]:
    """Return the mat of each device and the wearer of each chip, both at their first read in the file."""
    mats: dict[str, str | None] = {}
    wearers: dict[str, str | None] = {}
    for row in imported.rows:
        if row.device not in mats:
            mats[row.device] = known.mat_of(row.device, row.at_us)
        if row.chip not in wearers:
            wearers[row.chip] = known.wearer_of(row.chip, row.device, row.at_us)
    return mats, wearers


def _read(data: bytes, settings: FileSettings, devices: Devices) -> tuple[MemoryFile, ImportedReads]:
    try:
        memory = read_file(data, settings)
    except UnknownFile as error:
        raise Refused(400, "Unknown file", f"{error}. Nothing was written") from None
    return memory, imported_reads(memory, devices)


def _draft(
    memory: MemoryFile,
    imported: ImportedReads,
    logged: LoggedReads,
    settings: FileSettings,
    options: ImportOptions,
    session: str,
    definition: Definition | None,
) -> ImportAnswer:
    """Return the answer as far as the file and the log give it."""
    bad = sorted([*memory.bad.first, *imported.bad.first], key=lambda line: line.line)
    summaries = list(device_summaries(imported, logged.strengths, settings))
    return ImportAnswer(
        format=memory.format.name,
        title=memory.format.title,
        zone=str(settings.zone),
        day=settings.day.isoformat() if memory.lacks_dates and settings.day else None,
        gateway=options.gateway,
        session=session,
        reads=len(imported.rows),
        repeats=imported.repeats,
        on_log=len(logged.strengths),
        new=len(imported.rows) - len(logged.strengths),
        written=0,
        devices=summaries,
        known_chips=None,
        unknown_chips=None,
        unknown_chips_total=None,
        marks=[_mark(item, settings) for item in memory.marks[:LISTED_MAX]],
        rejected=bad[:LISTED_MAX],
        rejected_total=memory.bad.total + imported.bad.total,
        warnings=list(_warnings(memory, summaries, settings, definition)),
        revision=None,
    )


def _mark(item: MarkAt, settings: FileSettings) -> ImportMark:
    moment = None if item.at_us is None else local_text(item.at_us, settings)
    return ImportMark(line=item.line, kind=item.mark.kind, at_us=item.at_us, at=moment, text=item.mark.text)


def _warnings(
    memory: MemoryFile, summaries: Iterable[DeviceSummary], settings: FileSettings, definition: Definition | None
) -> Iterable[str]:
    if definition is None:
        return
    event_day = date.fromisoformat(definition.date)
    if memory.lacks_dates and settings.day == event_day:
        yield f"times without a date are taken to begin on {settings.day}, the day of the event; if not, say the day"
    for summary in summaries:
        days = (date.fromisoformat(summary.first[:10]) - event_day).days
        if abs(days) >= FAR_DAYS:
            yield (
                f"device {summary.device}: its first read is of {summary.first[:10]}, and the event is on"
                f" {event_day}; check the day, the zone and the shift"
            )


def _check_devices(answer: ImportAnswer, options: ImportOptions) -> None:
    """Raise Refused for reads of devices that stand at no mat and that nobody named: the log cannot forget them."""
    named = options.devices.named()
    strange = [
        summary
        for summary in answer.devices
        if not summary.device or (summary.mat is None and summary.device not in named)
    ]
    if strange:
        places = [place for summary in strange for place in summary.places[:LISTED_PLACES]]
        named_so = f" such as device={places[0]}=F1, or" if places[0] else ""
        what = (
            "the file names no device" if places == [""] else f"no mat of the event has {', '.join(map(repr, places))}"
        )
        raise Refused(
            422,
            "Unknown devices",
            f"{what}; say which device that is,{named_so} device=F1 for the whole file. Nothing was written",
        )


def _notices(event: str, memory: MemoryFile, options: ImportOptions, at_us: int) -> list[NoticeReceived]:
    source = Source(
        protocol=memory.format.name, event=event, gateway=options.gateway, devices=dict(options.devices.places)
    )
    return [
        notice_fact(source, Notice(item.mark.where, item.mark.kind, item.at_us, item.mark.text), at_us)
        for item in memory.marks
    ]
