"""The evidence for an explanation: the facts of an event and the reads of one athlete's chips. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from schemas.events import Ruling
from services.scoring.core.device_places import Devices
from services.scoring.core.event import EventState
from services.scoring.core.officials_facts import LoggedRuling
from services.scoring.core.reads import NO_RSSI, ChipReads
from services.scoring.core.rulings import Rulings


class PlainRead(NamedTuple):
    """A read by its device's own clock: its strength, and how many times it arrived."""

    chip: str
    device: str
    at_us: int
    rssi: float | None
    came: int


class Evidence(NamedTuple):
    """The event's facts, and the reads of at least the chips that the bib ever wore.

    `worn` are all codes of them, `named` the chips as facts name them, and `sharing` the bibs that ever had one.
    """

    event: str
    bib: str
    rulings: Rulings
    logged: Sequence[LoggedRuling]
    ids: set[str]
    is_withdrawn: Callable[[Ruling], bool]
    devices: Devices
    chips: Mapping[str, ChipReads]
    worn: tuple[str, ...]
    named: tuple[str, ...]
    sharing: frozenset[str]
    version: int


def evidence_of(state: EventState, bib: str) -> Evidence:
    """Return a state's evidence about an athlete, with the state's own reads."""
    state.pending()  # raises the versions of the athletes whose chips were read since the last call
    return evidence_from(state, bib, _plain_reads(state, state.chips_of(bib)))


def evidence_from(state: EventState, bib: str, reads: Iterable[PlainRead]) -> Evidence:
    """Return a state's evidence about an athlete, with these reads of their chips, each once, instead of its own.

    Devices are numbered by their names. Scoring numbers them in the order of their first reads, which decides which of
    two reads at the same instant gives a point its time; an explanation must not depend on that order.
    """
    plain = list(reads)
    names = sorted({read.device for read in plain})
    numbers = {name: number for number, name in enumerate(names)}
    chips: dict[str, ChipReads] = {}
    for read in plain:
        chip_reads = chips.setdefault(read.chip, ChipReads())
        chip_reads.add(read.at_us, numbers[read.device], read.rssi)
        chip_reads.repeats += read.came - 1
    return Evidence(
        state.event,
        bib,
        state.rulings,
        state.logged,
        state.ids,
        state.is_withdrawn,
        Devices(names),
        chips,
        state.chips_of(bib),
        state.chips_named(bib),
        state.bibs_sharing(state.chips_of(bib)),
        state.versions.get(bib, 0),
    )


def _plain_reads(state: EventState, chips: Iterable[str]) -> Iterator[PlainRead]:
    """Yield a state's reads. Repeats are counted by chip, so all repeats of a chip are put on its first read."""
    names = state.devices.names
    for chip in chips:
        reads = state.chips.get(chip)
        if reads is None:
            continue
        came = 1 + reads.repeats
        for at_us, device, rssi in zip(reads.at_us, reads.device, reads.rssi, strict=True):
            yield PlainRead(chip, names[device], at_us, None if rssi == NO_RSSI else rssi, came)
            came = 1
