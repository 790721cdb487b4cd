"""Where each device of an event stands, by numbers, so that sorting a read by mat costs one look-up."""

from services.scoring.core.rulings import Place, Rulings

UNKNOWN = -1  # the group of a device that stands nowhere known
ASK = -2  # of one that a fact moves or whose clock a fact corrects: it depends on the instant


class Devices:
    """The event's device names, in the order in which they were first heard of."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def places(self, rulings: Rulings) -> "DevicePlacement":
        """Where they stand by the facts in force."""
        return DevicePlacement(rulings, self.names)


class DevicePlacement:
    """Groups of reads: two to each mat, 2n for main devices and 2n + 1 for backup devices of the n-th mat.

    `moving` are the numbers of the devices whose group is ASK.
    """

    def __init__(self, rulings: Rulings, names: list[str]) -> None:
        self._book = rulings
        self._names = names
        self.mats = [] if rulings.definition is None else [mat.id for mat in rulings.definition.mats]
        self._first = {mat: 2 * at for at, mat in enumerate(self.mats)}
        self.groups = [ASK if rulings.moves(name) else self._group(name, None) for name in names]
        self.moving = frozenset(number for number, group in enumerate(self.groups) if group == ASK)

    def _group(self, name: str, at_us: int | None) -> int:
        place = self._book.defined_places.get(name) if at_us is None else self._book.place_of(name, at_us)
        return UNKNOWN if place is None else self._first[place.mat] + place.backup

    def ask(self, device: int, at_us: int) -> tuple[int, int]:
        """The corrected instant of a device's own time, and its group then."""
        name = self._names[device]
        corrected_us = self._book.corrected_us(name, at_us)
        return corrected_us, self._group(name, corrected_us)

    def place(self, group: int) -> Place | None:
        """Return the mat of a group, and whether its devices are backups there; None for UNKNOWN."""
        return None if group == UNKNOWN else Place(self.mats[group // 2], group % 2 == 1)

    def name(self, device: int) -> str:
        """A device's name by its number."""
        return self._names[device]
