"""Chips that were read and that nobody wears, and whose they may be."""

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import takewhile
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from schemas.chip_codes import HEX_DIGITS, bare_code
from schemas.definition import HEX_DIGITS_MAX, ChipCodes
from schemas.events import Entry
from schemas.results import UnknownChip
from services.health.health_document import ChipHealth, Finding, NearEntry
from services.health.observed import Observed
from services.scoring.core.chips_of_nobody import CHIPS_LISTED_MAX

NEAR_MAX = 5
COMMON_CHIPS = 10  # so many unknown chips, or this share of all chips read, are more than some spares in a bag
COMMON_SHARE = 0.03
CHIPS_NAMED_MAX = 20
RULE_CHIPS = 3  # so many chips that a rule for codes gives to athletes are no chance
PREFIX_LEAST = 2  # characters


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


def chips_finding(
    event: str,
    observed: Observed,
    listed_chips: list[ChipHealth],
    entries: Iterable[Entry] = (),
    definition: Mapping[str, Any] | None = None,
) -> Finding | None:
    """Return the finding for chips of nobody that behave like athletes': read at two mats, or too many to be spares.

    Where one rule for codes gives several of them to the chips of `entries`, it proposes the `definition` with it.
    """
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
    names = [chip.chip for chip in counted]
    rule = None if definition is None else find_rule(definition.get("chips"), entries, names)
    explained = rule.explains if rule is not None else frozenset()
    others = [name for name in names if name not in explained]
    assigned: list[dict[str, Any]] = [
        fact for name in others for fact in _assignment(event, name, near.get(name, []), seen)
    ]
    evidence: dict[str, Any] = {}
    if rule is not None:
        chips = msgspec.to_builtins(rule.codes)
        assigned.insert(
            0, {"type": "event_defined", "event": event, "definition": {**(definition or {}), "chips": chips}}
        )
        evidence = {"codes": chips, "explained": len(explained)}
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
            **evidence,
        },
        proposal=assigned or None,
    )


class CodeRule(NamedTuple):
    """A rule for codes, and the chips of nobody that are athletes' by it."""

    codes: ChipCodes
    explains: frozenset[str]


def find_rule(present: Any, entries: Iterable[Entry], unknown: list[str]) -> CodeRule | None:
    """Return the rule that gives most of the unknown chips to athletes; None if none does.

    It is about leading zeros, a common prefix, or hexadecimal digits where all codes have equally many.

    `present` is the table `chips` of the definition. A rule that would make one chip of two athletes' is none.
    """
    codes = ChipCodes() if present is None else msgspec.convert(present, ChipCodes)
    owners = [(chip, entry.bib) for entry in entries for chip in entry.chips]
    zeros = replace(codes, strip_zeros=True)
    common = _common_prefix(unknown)
    lengths = range(len(common), PREFIX_LEAST - 1, -1)
    prefixes = [prefix for prefix in dict.fromkeys(common[:length].rstrip("0") for length in lengths) if prefix]
    candidates = [zeros, *(replace(zeros, prefixes=[*codes.prefixes, prefix]) for prefix in prefixes)]
    if digits := _hex_digits(unknown):
        candidates.append(replace(zeros, hex_digits=digits))
    rules = [CodeRule(candidate, _explained(candidate, owners, unknown)) for candidate in candidates]
    best = max(
        rules, key=lambda rule: len(rule.explains)
    )  # of equal ones the first: zeros alone, the longest prefix, or hexadecimal digits
    return best if len(best.explains) >= RULE_CHIPS else None


def _hex_digits(codes: list[str]) -> int:
    """Return how many hexadecimal digits each of these codes has; 0 if they differ, or none has a letter."""
    lengths, letters = {len(code) for code in codes}, set().union(*codes)
    written = letters <= HEX_DIGITS and not letters.isdisjoint("ABCDEF")
    return lengths.pop() if written and len(lengths) == 1 and max(lengths) <= HEX_DIGITS_MAX else 0


def _common_prefix(codes: Iterable[str]) -> str:
    columns = takewhile(lambda letters: len(set(letters)) == 1, zip(*codes, strict=False))
    return "".join(letters[0] for letters in columns)


def _explained(codes: ChipCodes, owners: Iterable[tuple[str, str]], unknown: Iterable[str]) -> frozenset[str]:
    """Return the unknown chips that are athletes' by a rule; none if it mixes up athletes."""
    bibs = Counter(bare for bare, _ in {(bare_code(codes, chip), bib) for chip, bib in owners})
    if any(count > 1 for count in bibs.values()):
        return frozenset()
    return frozenset(chip for chip in unknown if bare_code(codes, chip) in bibs)


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
