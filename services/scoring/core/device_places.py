"""The mat of each device of an event, by the device's number, so that sorting a read by mat costs one look-up."""

from services.scoring.core.rulings import Place, Rulings

UNKNOWN = -1  # the group of a device without a known mat
ASK = -2  # the group of a device that a fact moves, or whose clock a fact corrects: it depends on the instant


class Devices:
    """The event's device names, in the order of their first reads."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def places(self, rulings: Rulings) -> "DevicePlacement":
        """Return the placement of the devices by the facts in force."""
        return DevicePlacement(rulings, self.names)


class DevicePlacement:
    """Groups of reads: two to each mat, 2n for main devices and 2n + 1 for backup devices of the n-th mat.

    `moving` are the numbers of the devices whose group is ASK.
    """

    def __init__(self, rulings: Rulings, names: list[str]) -> None:
        self._rulings = rulings
        self._names = names
        self.mats = [] if rulings.definition is None else [mat.id for mat in rulings.definition.mats]
        self._first = {mat: 2 * index for index, mat in enumerate(self.mats)}
        self.groups = [ASK if rulings.moves(name) else self._group(name, None) for name in names]
        self.moving = frozenset(number for number, group in enumerate(self.groups) if group == ASK)

    def _group(self, name: str, at_us: int | None) -> int:
        place = self._rulings.defined_places.get(name) if at_us is None else self._rulings.place_of(name, at_us)
        return UNKNOWN if place is None else self._first[place.mat] + place.backup

    def ask(self, device: int, at_us: int) -> tuple[int, int]:
        """Return the corrected instant of a device's own time, and its group at that instant."""
        name = self._names[device]
        corrected_us = self._rulings.corrected_us(name, at_us)
        return corrected_us, self._group(name, corrected_us)

    def place(self, group: int) -> Place | None:
        """Return the mat of a group, and whether its devices are backups there; None for UNKNOWN."""
        return None if group == UNKNOWN else Place(self.mats[group // 2], group % 2 == 1)

    def name(self, device: int) -> str:
        """Return a device's name by its number."""
        return self._names[device]
