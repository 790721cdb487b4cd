"""The waivers in force of a log, with those whom they let off: for the lists of `matline office`."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.text import Text

from schemas.results import AthleteRow
from services.formatting.terminal import clean, new_table
from services.formatting.times import LocalClock
from services.offline.scored_log import Log
from services.scoring.core.required_points import WaiverInForce, waivers_in_force

BIBS_SHOWN = 20  # of a waiver in the table; the others are counted there, and JSON has all


def waivers_of(log: Log, athletes: Iterable[AthleteRow]) -> list[WaiverInForce]:
    """Return the waivers in force of a log as far as it was read, with those of its athletes whom each lets off."""
    return [] if log.state is None else waivers_in_force(log.state.rulings, athletes)


def plain_waivers(waivers: list[WaiverInForce]) -> list[dict[str, Any]]:
    """Return waivers as plain objects, each with every field."""
    fields = ("id", "race", "point", "from_us", "until_us", "reason", "by")
    return [{**{name: getattr(line.waiver, name) for name in fields}, "bibs": line.bibs} for line in waivers]


def print_waivers(console: Console, waivers: list[WaiverInForce], clock: LocalClock) -> None:
    """Print a table of waivers; nothing where there are none."""
    shown = new_table("Waivers in force", "Race", "Point", "From", "Until", "Lets off", "Bibs", "By", "Reason", "Id")
    for line in waivers:
        waiver = line.waiver
        bounds = (waiver.from_us, waiver.until_us)
        interval = ["" if at_us is None else clock.at(at_us).removesuffix(".000") for at_us in bounds]
        more = len(line.bibs) - BIBS_SHOWN
        bibs = ", ".join(line.bibs[:BIBS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        cells = (waiver.race, waiver.point, *interval, str(len(line.bibs)), bibs, waiver.by or "", waiver.reason)
        shown.add_row(*(Text(clean(cell), overflow="fold") for cell in (*cells, waiver.id or "")))
    if shown.row_count:
        shown.caption, shown.caption_justify = "fact_withdrawn takes a waiver back by its id", "left"
        console.print(shown)
