"""The outlines of an event's athletes as bytes: as objects those of 55,000 would take 100 MB, so they take 10."""

from collections.abc import Collection, Iterator

import msgspec

from schemas.results import AthleteRow
from services.fact_effects.athletes import AthleteOutline, outline_of

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AthleteOutline)
_VERSION_BYTES = 8  # in front of each outline


class EncodedAthletes:
    """The athletes of an event by the newest rows that were published."""

    def __init__(self) -> None:
        self._of_race: dict[str, dict[str, bytes]] = {}
        self._race_of: dict[str, str] = {}
        self._starts: dict[str, dict[str | None, dict[str, int]]] = {}
        self._open_cases: set[str] = set()

    def put(self, row: AthleteRow) -> None:
        """Take a row in, unless a newer one of the athlete is here already."""
        version = row.version.to_bytes(_VERSION_BYTES)
        race = self._race_of.get(row.bib)
        if race is not None:
            known = self._of_race[race][row.bib]
            if known[:_VERSION_BYTES] > version:
                return
            self._take_out(_decoded(known))
        outline = outline_of(row)
        self._race_of[row.bib] = row.race
        self._of_race.setdefault(row.race, {})[row.bib] = version + _encoder.encode(outline)
        if outline.start_us is not None:
            self._starts.setdefault(row.race, {}).setdefault(outline.wave, {})[row.bib] = outline.start_us
        self._open_cases.update(case.case for case in row.cases if case.open)

    def _take_out(self, outline: AthleteOutline) -> None:
        del self._of_race[outline.race][outline.bib]
        if outline.start_us is not None:
            del self._starts[outline.race][outline.wave][outline.bib]
        self._open_cases.difference_update(case.case for case in outline.cases)

    def get(self, bib: str) -> AthleteOutline | None:
        race = self._race_of.get(bib)
        return None if race is None else _decoded(self._of_race[race][bib])

    def in_race(self, race: str) -> Iterator[AthleteOutline]:
        return map(_decoded, self._of_race.get(race, {}).values())

    def starts(self, race: str) -> dict[str | None, Collection[int]]:
        return {wave: instants.values() for wave, instants in self._starts.get(race, {}).items()}

    def open_cases(self) -> Collection[str]:
        return self._open_cases


def _decoded(data: bytes) -> AthleteOutline:
    return _decoder.decode(memoryview(data)[_VERSION_BYTES:])
