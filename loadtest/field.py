"""The field: entrants with names, teams, waves and chips, and how fast each of them will be."""

from itertools import count
from random import Random
from typing import Literal

from msgspec import Struct

from loadtest.dice import bell, between, dice, one_of, shares, weighted
from loadtest.names import FOREIGN_WEIGHTS, PLACES, person
from loadtest.pace import at_distance_s, marathon_s
from loadtest.plans import Group, Plan, RacePlan
from schemas.definition import Definition, Race
from schemas.events import Entry
from schemas.names import without_accents

WAVE_LETTERS = "ABCDEFGH"
WAVE_RUNNERS_MIN = 20  # a smaller field starts as one, by one gun
WITHOUT_BEST = 0.25  # of the runners who are not strong name no personal best, and start in the last wave
WOMEN = 0.34  # of entrants whose group does not say; assumed

# Marathon times of strong runners: the best one, and by how much the others are slower at most. So all of them are
# within the standards of an elite entry (half marathon 1:30:00 and 1:45:00). Assumed.
STRONG_S = {"M": (8760.0, 2300.0), "F": (9960.0, 2900.0)}

_CHIP_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXY"  # Z marks spares


class FieldLimits(Struct, frozen=True):
    """How often a name is drawn until nobody of that gender and age has it; in the largest fields two may share one."""

    name_tries: int = 50


DEFAULT_LIMITS = FieldLimits()


class Entrant(Struct, kw_only=True):
    """An entry, and what is true of the runner behind it.

    `worn` is the chip on his bib on race day: his entry's, or a spare (`chip_assigned`); null without one. `marathon`
    and `race_s`: his marathon time and his time over this race's distance on a usual day, in seconds.
    """

    entry: Entry
    worn: str | None
    marathon: float
    race_s: float
    strong: bool


class _Person(Struct, kw_only=True):
    """A runner before he has a wave, a bib and a chip."""

    group: Group
    gender: Literal["M", "F"]
    age: int
    nationality: str
    team: str | None
    club: str | None
    marathon: float
    race_s: float
    best_s: float | None


def entrants(
    definition: Definition, plan: Plan, size: int, seed: str, limits: FieldLimits = DEFAULT_LIMITS
) -> list[Entrant]:
    """The whole field, by race in definition order, then by bib; the faster by personal best have the lower bibs."""
    races = [race for race in definition.races if race.id in plan.races]
    sizes = shares(size, [plan.races[race.id].share for race in races])
    width = max(4, len(str(size)))
    prefix = _chip_prefix(dice(seed, "chips"))
    numbers = count(1)
    spares = count(1)
    year = int(definition.date[:4])
    names = _Names(dice(seed, "names again"), limits)
    found: list[Entrant] = []
    for ordinal, (race, number) in enumerate(zip(races, sizes, strict=True), start=1):
        rng = dice(seed, f"field {race.id}")
        people = _people(rng, race, plan, number)
        people.sort(key=lambda one: (one.best_s is None, one.best_s or 0.0))
        waves = _waves(plan.races[race.id], len(people))
        for at, one in enumerate(people):
            chip = f"{prefix}{next(numbers):05d}" if one.group.chips else None
            worn = f"Z{prefix[0]}{next(spares):05d}" if chip and rng.random() < 0.002 else chip
            name = names.of(rng, one)
            entry = _entry(name, race, one, f"{ordinal}{at + 1:0{width}d}", chip, _wave_of(waves, at, one), year)
            found.append(
                Entrant(entry=entry, worn=worn, marathon=one.marathon, race_s=one.race_s, strong=one.group.strong)
            )
    return found


def _chip_prefix(rng: Random) -> str:
    return one_of(rng, _CHIP_LETTERS) + one_of(rng, _CHIP_LETTERS)


def _people(rng: Random, race: Race, plan: Plan, number: int) -> list[_Person]:
    race_plan = plan.races[race.id]
    km = race.points[-1].km
    found: list[_Person] = []
    for group, size in zip(race_plan.groups, shares(number, [one.part for one in race_plan.groups]), strict=True):
        size -= size % group.team_size if group.team == "family" else 0
        for at in range(size):
            gender = group.gender or ("F" if rng.random() < WOMEN else "M")
            age = _family_age(rng, at) if group.team == "family" else _age(rng, group)
            foreign = group.team is None and rng.random() < plan.foreign
            nationality = weighted(rng, FOREIGN_WEIGHTS) if foreign else "VIE"
            marathon = _marathon(rng, race_plan, group, gender, age, nationality)
            race_s = at_distance_s(marathon, km)
            best_s = None
            if group.strong or rng.random() >= WITHOUT_BEST:
                best_s = float(round(race_s * (1.0 + 0.03 * bell(rng))))
            if group.team == "family" and at % group.team_size:  # they run together, as fast as the slowest
                race_s = found[-1].race_s = max(race_s, found[-1].race_s)
            team = _team(group, at, size)
            club = team.rpartition(" ")[0] if team and group.team == "club" else None
            found.append(
                _Person(
                    group=group,
                    gender=gender,
                    age=age,
                    nationality=nationality,
                    team=team,
                    club=club,
                    marathon=marathon,
                    race_s=race_s,
                    best_s=best_s,
                )
            )
    return found


def _age(rng: Random, group: Group) -> int:
    """Most runners are in the younger half of what the group allows."""
    youngest, oldest = group.ages
    return youngest + int((oldest - youngest + 1) * rng.random() * (0.35 + 0.65 * rng.random()))


def _family_age(rng: Random, at: int) -> int:
    """Parent, child, parent, child: the child at most 15."""
    return between(rng, 28, 48) if at % 2 == 0 else between(rng, 6, 14)


def _marathon(
    rng: Random, plan: RacePlan, group: Group, gender: Literal["M", "F"], age: int, nationality: str
) -> float:
    best, more = STRONG_S[gender]
    if group.strong or nationality == "KEN":
        return best + more * rng.random()
    return max(best, marathon_s(rng, gender, age) * plan.mass_factor)


def _team(group: Group, at: int, size: int) -> str | None:
    """The team of a group's nth entrant of `size`: teams are filled one after the other, so none has too many.

    A club enters whole teams; who is left over runs as an individual. A unit enters as many as it has.
    """
    number = at // group.team_size
    if group.team is None or (group.team == "club" and number >= size // group.team_size):
        return None
    if group.team == "family":
        return f"Gia đình {number + 1}"
    place = PLACES[number % len(PLACES)]
    if group.team == "unit":
        return place if number < len(PLACES) else f"{place} {number // len(PLACES) + 1}"
    return f"CLB chạy bộ {place} {number // len(PLACES) + 1}"


def _waves(plan: RacePlan, number: int) -> list[int]:
    """The sizes of a race's waves; none where it starts as one."""
    waves = min(plan.waves, number // WAVE_RUNNERS_MIN)
    return shares(number, [1.0] * waves) if waves > 1 else []


def _wave_of(sizes: list[int], at: int, one: _Person) -> str | None:
    """The wave of the nth by personal best; without one the last wave. Source: Hanoi's regulations, 4.5."""
    if not sizes:
        return None
    if one.best_s is None:
        return WAVE_LETTERS[len(sizes) - 1]
    for wave, size in enumerate(sizes):
        at -= size
        if at < 0:
            return WAVE_LETTERS[wave]
    return WAVE_LETTERS[len(sizes) - 1]


class _Names:
    """Names for people, no two of a gender and age with the same: those would look like one person entered twice."""

    def __init__(self, rng: Random, limits: FieldLimits) -> None:
        self._again = rng
        self._limits = limits
        self._taken: set[tuple[str, int, str, str]] = set()

    def of(self, rng: Random, one: _Person) -> tuple[str, str]:
        """Given and family name; drawn by `rng`, and once more by dice of their own where somebody has that name."""
        given, family = person(rng, one.gender, one.nationality)
        for _ in range(self._limits.name_tries):
            first, second = sorted((without_accents(given), without_accents(family)))
            key = (one.gender, one.age, first, second)
            if key not in self._taken:
                self._taken.add(key)
                break
            given, family = person(self._again, one.gender, one.nationality)
        return given, family


def _entry(
    name: tuple[str, str], race: Race, one: _Person, bib: str, chip: str | None, wave: str | None, year: int
) -> Entry:
    given, family = name
    return Entry(
        bib=bib,
        chips=[chip] if chip else [],
        race=race.id,
        gender=one.gender,
        given_name=given,
        family_name=family,
        birth_year=year - one.age,
        nationality=one.nationality,
        division=one.group.division,
        club=one.club,
        team=one.team,
        wave=wave,
        personal_best_s=one.best_s,
        ranked=one.group.ranked,
    )
