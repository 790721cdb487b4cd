"""Start signals without a gun: readers reported a gun or a trigger, and no `gun_fired` has its instant.

What a reader reports starts nobody: its input may be a photocell at the finish, a test, or the gun of another race. So
it is offered to officials as the fact for the race whose scheduled start it fits, and settled by a gun at its instant
or by withdrawing the notice. Races that are scheduled together may start by one gun: then it is settled by all theirs.
A closed race, such as one that was cancelled, waits for no gun.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from schemas.course_times import start_instant_us
from schemas.definition import Definition
from schemas.ids import US
from schemas.results import AthleteRow, EventRow, StartSignal
from services.health.guns import GunKey
from services.health.health_document import Finding

SAME_US = US  # reports of one gun by several readers, and a gun that an official sent for a report, are this close
TYPED_US = 10 * US  # a gun typed by hand is this close; waves follow each other more slowly
EARLY_US = 300 * US  # a race starts at most this long before its schedule,
LATE_US = 2 * 3600 * US  # and at most this long after it


class _Offer(NamedTuple):
    """The guns that a signal may be: all that wait for one, and those of them that it fits best.

    `typed_us` is the gun as it was typed, where there is one.
    """

    fits: Sequence[GunKey]
    waiting: Sequence[GunKey]
    typed_us: int | None


def signal_findings(event: EventRow, definition: Definition, rows: Iterable[AthleteRow]) -> list[Finding]:
    """Return a finding for each start signal, of one reader or several, that fits a start and has no gun yet."""
    guns = {(gun.race, gun.wave): gun.at_us for gun in event.guns}
    waves: dict[str, set[str | None]] = {race.id: set() for race in definition.races}
    for row in rows:
        if row.entry is not None:
            waves[row.race].add(row.entry.wave)
    waiting = {
        race.id: [] if race.id in event.closed else _waiting(race.id, guns, waves[race.id]) for race in definition.races
    }
    typed = {key: gun_us for key, gun_us in guns.items() if not _reported(gun_us, event.signals)}
    findings = []
    for signals in _by_instant(event.signals):
        at_us = signals[0].at_us
        if any(_reported(gun_us, signals) for gun_us in guns.values()):
            offer = _together(signals, definition, guns, waiting)
        else:
            offer = _correction(at_us, typed) or _by_schedule(at_us, definition, waiting)
        if offer.fits:
            findings.append(_finding(definition.event, signals, offer))
    return findings


def _by_instant(signals: Sequence[StartSignal]) -> Iterator[list[StartSignal]]:
    """Yield signals in time order, those of one gun together."""
    together: list[StartSignal] = []
    for signal in signals:
        if together and signal.at_us - together[-1].at_us > SAME_US:
            yield together
            together = []
        together.append(signal)
    if together:
        yield together


def _reported(gun_us: int, signals: Iterable[StartSignal]) -> bool:
    return any(abs(gun_us - signal.at_us) <= SAME_US for signal in signals)


def _together(
    signals: Sequence[StartSignal],
    definition: Definition,
    guns: Mapping[GunKey, int],
    waiting: Mapping[str, Sequence[GunKey]],
) -> _Offer:
    """Return the guns of races without any that are scheduled with one that began by these signals."""
    began_us: dict[str, int] = {}
    for (race_id, _), gun_us in guns.items():
        began_us[race_id] = min(gun_us, began_us.get(race_id, gun_us))
    starts = {race.start for race in definition.races if race.id in began_us and _reported(began_us[race.id], signals)}
    beside = [race.id for race in definition.races if race.start in starts and race.id not in began_us]
    return _Offer([waiting[race_id][0] for race_id in beside if waiting[race_id]], [], None)


def _correction(at_us: int, typed: Mapping[GunKey, int]) -> _Offer | None:
    """Return the gun typed just before or after a signal; null for none. One that another signal gave is not typed."""
    near = sorted((abs(gun_us - at_us), key) for key, gun_us in typed.items() if abs(gun_us - at_us) <= TYPED_US)
    if not near:
        return None
    typed_us = typed[near[0][1]]
    return _Offer([key for _, key in near if typed[key] == typed_us], [], typed_us)


def _by_schedule(at_us: int, definition: Definition, waiting: Mapping[str, Sequence[GunKey]]) -> _Offer:
    """Return the guns of the races that are scheduled nearest to a signal, of those that wait for one."""
    near: list[tuple[int, Sequence[GunKey]]] = []
    for race in definition.races:
        after_us, keys = at_us - start_instant_us(definition, race), waiting[race.id]
        if keys and -EARLY_US <= after_us <= LATE_US:
            near.append((abs(after_us), keys))
    least = min((after_us for after_us, _ in near), default=0)
    fits = [keys[0] for after_us, keys in near if after_us == least]
    return _Offer(fits, [key for _, keys in near for key in keys], None)


def _waiting(race: str, guns: Mapping[GunKey, int], waves: set[str | None]) -> list[GunKey]:
    """Return the guns that a race waits for: of its waves in their order, or of all who are in none."""
    if (race, None) in guns:
        return []
    keys: list[GunKey] = [(race, wave) for wave in sorted(wave for wave in waves if wave is not None)]
    if None in waves or not waves:
        keys.append((race, None))
    return [key for key in keys if key not in guns]


def _finding(event: str, signals: Sequence[StartSignal], offer: _Offer) -> Finding:
    at_us = signals[0].at_us
    evidence: dict[str, Any] = {
        "at_us": at_us,
        "kinds": list(dict.fromkeys(signal.kind for signal in signals)),
        "notices": [signal.notice for signal in signals if signal.notice is not None],
        "gun_us": offer.typed_us,
        "waiting": [_start(key) for key in offer.waiting],
        "cases": [],
    }
    return Finding(
        kind="start_signal",
        subject={
            "devices": list(dict.fromkeys(signal.device for signal in signals)),
            "starts": [_start(key) for key in offer.fits],
        },
        since_us=at_us,
        evidence=evidence,
        proposal=[{"type": "gun_fired", "event": event, **_start(key), "at_us": at_us} for key in offer.fits],
    )


def _start(key: GunKey) -> dict[str, str]:
    race, wave = key
    return {"race": race} if wave is None else {"race": race, "wave": wave}
