"""Chips that were read while nobody wore them: their counts by chip, kept up as reads and facts come. Source: R3.1."""

from collections.abc import Iterable, Mapping

from schemas.results import UnknownChip, UnknownChips
from services.scoring.core.classify_reads import locate_reads
from services.scoring.core.device_places import UNKNOWN, DevicePlacement
from services.scoring.core.reads import ChipReads
from services.scoring.core.rulings import Rulings

CHIPS_LISTED_MAX = 1_000  # some 150 kB; more are another event's chips, or noise
CHIP_DEVICES_MAX = 20  # named of each chip, so that made-up device names do not fill a record


def chip_of_nobody(rulings: Rulings, places: DevicePlacement, chip: str, reads: ChipReads) -> UnknownChip | None:
    """Return the counts of a chip's reads that have no wearer, by corrected instants; None if there are none.

    Reads by devices without a mat count too; they add no mat.
    """
    if not rulings.is_assigned(chip) and rulings.owner_of(chip) is not None:
        return None
    located = locate_reads(rulings, places, chip, reads)
    own = [nth for nth, wearer in enumerate(located.wearers) if wearer is None]
    if not own:
        return None
    devices = dict.fromkeys(reads.device[nth] for nth in own)
    return UnknownChip(
        chip,
        len(own),
        min(located.at_us[nth] for nth in own),
        max(located.at_us[nth] for nth in own),
        [places.name(device) for device in devices][:CHIP_DEVICES_MAX],
        len({group >> 1 for nth in own if (group := located.groups[nth]) != UNKNOWN}),
    )


def most_like_athletes(chips: Iterable[UnknownChip]) -> list[UnknownChip]:
    """Return chips in the order in which they are listed: those read at most mats first, then by reads and time."""
    return sorted(chips, key=lambda chip: (-chip.mats, -chip.reads, chip.first_us, chip.chip))


class ChipsOfNobody:
    """The chips of an event that nobody wears. `note` says which may have changed, `check` counts them again."""

    def __init__(self) -> None:
        self._counts: dict[str, UnknownChip] = {}
        self._unchecked: dict[str, int] = {}
        self._all_unchecked = False
        self._is_due = False

    def note(self, chips: Mapping[str, int]) -> None:
        """Note that chips, the keys of a mapping, were read."""
        self._unchecked.update(chips)

    def note_all(self) -> None:
        """Note that a fact may have changed who wears any chip, or when and where it was read."""
        self._all_unchecked = True

    def mark(self) -> None:
        """Have `take` return the list once more, for it may have been lost."""
        self._is_due = True

    def check(self, rulings: Rulings, places: DevicePlacement, chips: Mapping[str, ChipReads], limit: int) -> bool:
        """Count up to `limit` of the noted chips again; return whether none is left."""
        if self._all_unchecked:
            self._unchecked = dict.fromkeys([*self._counts, *chips], 0)
            self._all_unchecked = False
        for _ in range(min(limit, len(self._unchecked))):
            chip, _ = self._unchecked.popitem()
            now = chip_of_nobody(rulings, places, chip, chips[chip]) if chip in chips else None
            if now == self._counts.get(chip):
                continue
            self._is_due = True
            if now is None:
                del self._counts[chip]
            else:
                self._counts[chip] = now
        return not self._unchecked

    def take(self, event: str, version: int) -> UnknownChips | None:
        """Return the list if it has changed since it was last taken, at most CHIPS_LISTED_MAX chips of it."""
        if not self._is_due:
            return None
        self._is_due = False
        chips = most_like_athletes(self._counts.values())
        return UnknownChips(
            event=event,
            version=version,
            chips=chips[:CHIPS_LISTED_MAX],
            left_out=max(len(chips) - CHIPS_LISTED_MAX, 0),
        )
