"""The health of an event on a terminal: findings first, with facts ready to be sent, then the counts behind them."""

import msgspec
from rich.console import Console
from rich.text import Text

from schemas.definition import Definition
from schemas.ids import US
from services.formatting.terminal import clean, new_table
from services.formatting.times import LocalClock, format_seconds
from services.health.examine_event import health
from services.health.finding_words import describe
from services.health.health_document import ChipHealth, Health
from services.health.observed import observe
from services.offline.scored_log import Log, scored

CHIPS_SHOWN = 50
_NEAR = {
    "leading_zeros": "but for zeros",
    "decimal_or_hex": "decimal against hexadecimal",
    "one_digit": "one digit off",
}


def health_of(log: Log) -> Health | None:
    """Return the health of the event of a log as far as it was read; None before it has a definition."""
    result = scored(log.state)
    if log.state is None or result.definition is None or result.event is None:
        return None
    return health(result.event, result.definition, result.athletes, observe(log.state))


def print_health(console: Console, report: Health, definition: Definition) -> None:
    """Print the findings in words and the counts as tables; nothing where no device has told anything."""
    if not report.findings and not any(device.reads for device in report.devices):
        return
    clock = LocalClock(definition)
    for finding in report.findings:
        text = describe(finding, clock)
        console.print(Text(clean(f"{text.title}: {text.seen}"), style="bold"))
        console.print(Text(clean(f"  To do: {text.todo}")))
        for fact in finding.proposal or ():  # one line each, as it is to be sent
            print(f"  {clean(msgspec.json.encode(fact).decode())}")
    _print_points(console, report)
    _print_devices(console, report, clock)
    if report.chips:
        _print_chips(console, report, clock)


def _print_points(console: Console, report: Health) -> None:
    shown = new_table(
        "Read at each point", "Race", "Point", "Expected", "Seen", "Main", "Backup", "Official", "Missed", "Waived"
    )
    for point in report.points:
        counts = (point.expected, point.seen, point.main, point.backup, point.official, point.missed, point.waived)
        if point.expected:
            shown.add_row(point.race, point.point, *map(str, counts))
    if shown.row_count:
        console.print(shown)


def _print_devices(console: Console, report: Health, clock: LocalClock) -> None:
    shown = new_table("Devices", "Mat", "Device", "Reads", "Athletes", "First", "Last", "Clock")
    for device in report.devices:
        times = ["-" if at_us is None else clock.second(at_us) for at_us in (device.first_us, device.last_us)]
        counts = (str(device.reads), str(device.athletes))
        shown.add_row(device.mat or "none", Text(clean(device.device)), *counts, *times, _offset(device.offset_us))
    console.print(shown)


def _offset(offset_us: int | None) -> str:
    if offset_us is None:
        return "not known"
    seconds = round(abs(offset_us) / US, 1)
    if not seconds:
        return "right"
    return f"{format_seconds(seconds)} {'ahead' if offset_us > 0 else 'behind'}"


def _print_chips(console: Console, report: Health, clock: LocalClock) -> None:
    shown = new_table("Chips that nobody wears", "Chip", "Reads", "First", "Last", "Devices", "Nearest entries")
    for chip in report.chips[:CHIPS_SHOWN]:
        shown.add_row(
            Text(clean(chip.chip)),
            str(chip.reads),
            clock.second(chip.first_us),
            clock.second(chip.last_us),
            Text(clean(", ".join(chip.devices))),
            Text(clean(_near(chip))),
        )
    more = len(report.chips) + report.chips_left_out - CHIPS_SHOWN
    if more > 0:
        shown.caption, shown.caption_justify = Text(f"and {more} more; --format json lists the first 1,000"), "left"
    console.print(shown)


def _near(chip: ChipHealth) -> str:
    return ", ".join(f"bib {near.bib} has {near.chip} ({_NEAR[near.how]})" for near in chip.near) or "none"
