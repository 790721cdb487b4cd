"""The field: entrants with names, teams, waves and chips, and the speed of each."""

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
WAVE_RUNNERS_MIN = 20  # a smaller field starts together, by one gun
WITHOUT_BEST = 0.25  # of the runners who are not strong, this many give no personal best and start in the last wave
WOMEN = 0.34  # of entrants in groups of both genders; assumed

# Marathon times of strong runners: the best, and the most by which others are slower. All of them meet the standards of
# an elite entry (half marathon 1:30:00 and 1:45:00). Assumed.
STRONG_S = {"M": (8760.0, 2300.0), "F": (9960.0, 2900.0)}

_CHIP_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXY"  # Z marks spares


class FieldLimits(Struct, frozen=True):
    """How often a name is drawn to find one that no runner of that gender and age has; then two may share one."""

    name_tries: int = 50


DEFAULT_LIMITS = FieldLimits()


class Entrant(Struct, kw_only=True):
    """An entry and its runner.

    `worn` is the chip on the bib on race day: the entry's, or a spare (`chip_assigned`), or None. `marathon` and
    `race_s` are the runner's usual times over a marathon and over this race's distance, in seconds.
    """

    entry: Entry
    worn: str | None
    marathon: float
    race_s: float
    strong: bool


class _Person(Struct, kw_only=True):
    """A runner without a wave, a bib or a chip yet."""

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
    """Return the field by race in the order of the definition, then by bib. Better personal bests get lower bibs."""
    races = [race for race in definition.races if race.id in plan.races]
    sizes = shares(size, [plan.races[race.id].share for race in races])
    width = max(4, len(str(size)))
    prefix = _chip_prefix(dice(seed, "chips"))
    numbers = count(1)
    spares = count(1)
    year = int(definition.date[:4])
    names = _Names(dice(seed, "names again"), limits)
    field: list[Entrant] = []
    for ordinal, (race, number) in enumerate(zip(races, sizes, strict=True), start=1):
        rng = dice(seed, f"field {race.id}")
        people = _people(rng, race, plan, number)
        people.sort(key=lambda runner: (runner.best_s is None, runner.best_s or 0.0))
        waves = _waves(plan.races[race.id], len(people))
        for rank, runner in enumerate(people):
            chip = f"{prefix}{next(numbers):05d}" if runner.group.chips else None
            worn = f"Z{prefix[0]}{next(spares):05d}" if chip and rng.random() < 0.002 else chip
            name = names.of(rng, runner)
            entry = _entry(
                name, race, runner, f"{ordinal}{rank + 1:0{width}d}", chip, _wave_of(waves, rank, runner), year
            )
            field.append(
                Entrant(
                    entry=entry, worn=worn, marathon=runner.marathon, race_s=runner.race_s, strong=runner.group.strong
                )
            )
    return field


def _chip_prefix(rng: Random) -> str:
    return one_of(rng, _CHIP_LETTERS) + one_of(rng, _CHIP_LETTERS)


def _people(rng: Random, race: Race, plan: Plan, size_of_race: int) -> list[_Person]:
    race_plan = plan.races[race.id]
    km = race.points[-1].km
    people: list[_Person] = []
    for group, size in zip(
        race_plan.groups, shares(size_of_race, [group.part for group in race_plan.groups]), strict=True
    ):
        size -= size % group.team_size if group.team == "family" else 0
        for number in range(size):
            gender = group.gender or ("F" if rng.random() < WOMEN else "M")
            age = _family_age(rng, number) if group.team == "family" else _age(rng, group)
            foreign = group.team is None and rng.random() < plan.foreign
            nationality = weighted(rng, FOREIGN_WEIGHTS) if foreign else "VIE"
            marathon = _marathon(rng, race_plan, group, gender, age, nationality)
            race_s = at_distance_s(marathon, km)
            best_s = None
            if group.strong or rng.random() >= WITHOUT_BEST:
                best_s = float(round(race_s * (1.0 + 0.03 * bell(rng))))
            if group.team == "family" and number % group.team_size:  # they run together, as fast as the slowest
                race_s = people[-1].race_s = max(race_s, people[-1].race_s)
            team = _team(group, number, size)
            club = team.rpartition(" ")[0] if team and group.team == "club" else None
            people.append(
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
    return people


def _age(rng: Random, group: Group) -> int:
    """Return an age; most are in the younger half of the group's range."""
    youngest, oldest = group.ages
    return youngest + int((oldest - youngest + 1) * rng.random() * (0.35 + 0.65 * rng.random()))


def _family_age(rng: Random, number: int) -> int:
    """Return the age of a parent for even numbers, of a child under 15 for odd ones."""
    return between(rng, 28, 48) if number % 2 == 0 else between(rng, 6, 14)


def _marathon(
    rng: Random, plan: RacePlan, group: Group, gender: Literal["M", "F"], age: int, nationality: str
) -> float:
    best, more = STRONG_S[gender]
    if group.strong or nationality == "KEN":
        return best + more * rng.random()
    return max(best, marathon_s(rng, gender, age) * plan.mass_factor)


def _team(group: Group, entrant: int, size: int) -> str | None:
    """Return the team of a group's entrant, counted from 0, of `size`. Teams are filled one after the other.

    A club enters full teams only, and its other runners are individuals. A unit may enter an incomplete team.
    """
    number = entrant // group.team_size
    if group.team is None or (group.team == "club" and number >= size // group.team_size):
        return None
    if group.team == "family":
        return f"Gia đình {number + 1}"
    place = PLACES[number % len(PLACES)]
    if group.team == "unit":
        return place if number < len(PLACES) else f"{place} {number // len(PLACES) + 1}"
    return f"CLB chạy bộ {place} {number // len(PLACES) + 1}"


def _waves(plan: RacePlan, number: int) -> list[int]:
    """Return the sizes of a race's waves, none if all start together."""
    waves = min(plan.waves, number // WAVE_RUNNERS_MIN)
    return shares(number, [1.0] * waves) if waves > 1 else []


def _wave_of(sizes: list[int], rank: int, runner: _Person) -> str | None:
    """Return the wave by the rank of the personal best, or else the last wave. Source: Hanoi's regulations, 4.5."""
    if not sizes:
        return None
    if runner.best_s is None:
        return WAVE_LETTERS[len(sizes) - 1]
    for wave, size in enumerate(sizes):
        rank -= size
        if rank < 0:
            return WAVE_LETTERS[wave]
    return WAVE_LETTERS[len(sizes) - 1]


class _Names:
    """Names for runners. No two of a gender and age share one, which would look like one person entered twice."""

    def __init__(self, rng: Random, limits: FieldLimits) -> None:
        self._again = rng
        self._limits = limits
        self._taken: set[tuple[str, int, str, str]] = set()

    def of(self, rng: Random, runner: _Person) -> tuple[str, str]:
        """Return given and family name, drawn by `rng`, or by dice of their own if the first name is taken."""
        given, family = person(rng, runner.gender, runner.nationality)
        for _ in range(self._limits.name_tries):
            first, second = sorted((without_accents(given), without_accents(family)))
            key = (runner.gender, runner.age, first, second)
            if key not in self._taken:
                self._taken.add(key)
                break
            given, family = person(self._again, runner.gender, runner.nationality)
        return given, family


def _entry(
    name: tuple[str, str], race: Race, runner: _Person, bib: str, chip: str | None, wave: str | None, year: int
) -> Entry:
    given, family = name
    return Entry(
        bib=bib,
        chips=[chip] if chip else [],
        race=race.id,
        gender=runner.gender,
        given_name=given,
        family_name=family,
        birth_year=year - runner.age,
        nationality=runner.nationality,
        division=runner.group.division,
        club=runner.club,
        team=runner.team,
        wave=wave,
        personal_best_s=runner.best_s,
        ranked=runner.group.ranked,
    )
