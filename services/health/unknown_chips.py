"""Chips that were read and that nobody wears, and whose they may be."""

from collections.abc import Container, Iterable, Iterator
from contextlib import suppress

from schemas.events import Entry
from schemas.results import UnknownChip
from services.health.health_document import ChipHealth, Finding, NearEntry
from services.health.observed import Observed
from services.scoring.core.chips_of_nobody import CHIPS_LISTED_MAX

NEAR_MAX = 5
COMMON_CHIPS = 10  # so many unknown chips, or this share of all chips read, are more than some spares in a bag
COMMON_SHARE = 0.03
CHIPS_NAMED_MAX = 20


def list_chips(observed: Observed, entries: Iterable[Entry]) -> list[ChipHealth]:
    """Return the chips that nobody wears, most mats and reads first, at most CHIPS_LISTED_MAX."""
    nearest = _Nearest(entries, observed)
    return [
        ChipHealth(
            chip=chip.chip,
            reads=chip.reads,
            first_us=chip.first_us,
            last_us=chip.last_us,
            devices=chip.devices,
            near=nearest.of(chip.chip),
        )
        for chip in observed.chips[:CHIPS_LISTED_MAX]
    ]


def chips_finding(event: str, observed: Observed, listed_chips: list[ChipHealth]) -> Finding | None:
    """Return the finding for chips of nobody that behave like athletes': read at two mats, or too many to be spares."""
    runners = [chip for chip in observed.chips if chip.mats > 1]
    at_mats = [chip for chip in observed.chips if chip.mats]
    known = len(observed.passings)
    share = len(at_mats) / max(len(at_mats) + known, 1)
    common = len(at_mats) >= COMMON_CHIPS and share >= COMMON_SHARE
    if not runners and not common:
        return None
    counted: list[UnknownChip] = at_mats if common else runners
    near = {chip.chip: chip.near for chip in listed_chips}
    seen = observed.passings.keys()
    assigned = [fact for chip in counted for fact in _assignment(event, chip.chip, near.get(chip.chip, []), seen)]
    names = [chip.chip for chip in counted]
    return Finding(
        kind="chips_unknown",
        subject={"chips": names[:CHIPS_NAMED_MAX]},
        since_us=min(chip.first_us for chip in counted),
        evidence={
            "chips": len(counted),
            "at_two_mats_or_more": len(runners),
            "known_chips_read": known,
            "last_us": max(chip.last_us for chip in counted),
            "cases": [],
        },
        proposal=assigned or None,
    )


def _assignment(event: str, chip: str, near: list[NearEntry], seen: Container[str]) -> list[dict[str, str]]:
    """Return the fact that gives the chip to the only entry that has it in another notation; none if none has.

    A number that is another one in hexadecimal may be chance, so the entry's own chip must not have been read then.
    """
    alike = [
        entry
        for entry in near
        if entry.how == "leading_zeros" or (entry.how == "decimal_or_hex" and entry.bib not in seen)
    ]
    return [{"type": "chip_assigned", "event": event, "chip": chip, "bib": alike[0].bib}] if len(alike) == 1 else []


class _Nearest:
    """The entries by their chips, in every notation that people confuse."""

    def __init__(self, entries: Iterable[Entry], observed: Observed) -> None:
        self._bibs: dict[str, str] = {}
        self._without_zeros: dict[str, list[str]] = {}
        self._alphabet = set("0123456789")
        self._seen = observed.passings.keys()
        for entry in entries:
            for chip in entry.chips:
                self._bibs[chip] = entry.bib
                self._without_zeros.setdefault(chip.lstrip("0"), []).append(chip)
                self._alphabet.update(chip)

    def of(self, chip: str) -> list[NearEntry]:
        """Return at most NEAR_MAX entries; those whose own chip has not been read come first, for they may wear it."""
        entries: dict[str, NearEntry] = {}
        for known in self._without_zeros.get(chip.lstrip("0"), ()):
            entries[known] = NearEntry(self._bibs[known], known, "leading_zeros")
        for text in _other_base(chip):
            for known in self._without_zeros.get(text.lstrip("0"), ()):
                entries.setdefault(known, NearEntry(self._bibs[known], known, "decimal_or_hex"))
        for text in self._one_off(chip):
            if text in self._bibs:
                entries.setdefault(text, NearEntry(self._bibs[text], text, "one_digit"))
        entries.pop(chip, None)
        order = {"leading_zeros": 0, "decimal_or_hex": 1, "one_digit": 2}
        near = sorted(entries.values(), key=lambda entry: (entry.bib in self._seen, order[entry.how], entry.chip))
        return near[:NEAR_MAX]

    def _one_off(self, chip: str) -> Iterator[str]:
        """Yield the chip with one character replaced, or two neighbours exchanged."""
        for index, character in enumerate(chip):
            head, tail = chip[:index], chip[index + 1 :]
            for other in self._alphabet:
                if other != character:
                    yield f"{head}{other}{tail}"
            if tail and tail[0] != character:
                yield f"{head}{tail[0]}{character}{tail[1:]}"


def _other_base(chip: str) -> list[str]:
    """Return the chip's number in hexadecimal, if it reads as decimal, and in decimal."""
    notations = []
    if chip.isascii() and chip.isdigit():
        notations.append(f"{int(chip):X}")
    if chip.isascii() and chip.isalnum():
        with suppress(ValueError):
            notations.append(str(int(chip, 16)))
    return notations
