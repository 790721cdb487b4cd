"""Concerns about entries whose wave does not fit their personal best."""

from collections.abc import Iterator, Sequence

from schemas.events import Entry
from schemas.office import Waves
from services.formatting.times import format_seconds
from services.standings.office.concern import Concern, EnteredField


def wrong_waves(field: EnteredField) -> Iterator[Concern]:
    """Yield entries in the wrong wave, or in none, of races whose waves are filled by personal best."""
    for waves in field.definition.waves:
        for race in waves.races:
            entries = field.in_race(race)
            if any(entry.wave for entry in entries):
                yield from _in_race(waves, entries)


def _in_race(waves: Waves, entries: Sequence[Entry]) -> Iterator[Concern]:
    number_of = {name: number for number, name in enumerate(waves.order)}
    last = max((number_of[entry.wave] for entry in entries if entry.wave in number_of), default=0)
    by_best: list[tuple[float, int, Entry]] = []
    for entry in entries:
        if entry.wave not in number_of:
            wave = f"has the unknown wave {entry.wave!r}" if entry.wave else "has no wave"
            yield _concern(waves, entry, f"{wave} on the entry; the waves are {', '.join(waves.order)}")
        elif entry.personal_best_s is not None:
            by_best.append((entry.personal_best_s, number_of[entry.wave], entry))
        elif number_of[entry.wave] != last:
            reason = f"starts in wave {entry.wave} without a personal best, so belongs to the last wave"
            yield _concern(waves, entry, f"{reason}, {waves.order[last]}")
    by_best.sort(key=lambda placed: placed[:2])
    fitting = waves_by_best([wave for _, wave, _ in by_best], len(waves.order))
    for (best_s, wave_number, entry), fits in zip(by_best, fitting, strict=True):
        if fits != wave_number:
            reason = f"starts in wave {entry.wave} with a personal best of {format_seconds(best_s)}"
            yield _concern(
                waves, entry, f"{reason}, which compared with the others belongs to wave {waves.order[fits]}"
            )


def _concern(waves: Waves, entry: Entry, reason: str) -> Concern:
    return Concern(
        bib=entry.bib,
        race=entry.race,
        kind="wave",
        reason=reason,
        todo="check the personal best, then enter the wave that fits it",
        row=f"waves {waves.id}",
        article=waves.article,
    )


def waves_by_best(waves: Sequence[int], count: int) -> list[int]:
    """Return the wave of `count` to which each runner belongs, given the waves they are in, the fastest runner first.

    The limits between waves are unknown, so the answer is the one in which the fewest runners are in a wrong wave.
    """
    least = [0] * count  # by wave: the fewest misfits so far with the last runner in that wave or an earlier one
    chosen: list[list[int]] = []  # for each runner, by the same wave: the wave of the runner in that answer
    for wave in waves:
        best: list[int] = []
        own: list[int] = []
        for number, misfits in enumerate(least):
            misfits += number != wave
            if number and best[-1] <= misfits:
                best.append(best[-1])
                own.append(own[-1])
            else:
                best.append(misfits)
                own.append(number)
        least = best
        chosen.append(own)
    fitting: list[int] = []
    limit = count - 1
    for own in reversed(chosen):
        limit = own[limit]
        fitting.append(limit)
    return fitting[::-1]
