"""The fields of the races by event: shares, divisions, teams and waves. Numbers without a source are assumed."""

from typing import Literal

from msgspec import Struct

from schemas.definition import Definition


class Group(Struct, frozen=True, kw_only=True):
    """Similar entrants of a race, which make up `part` of its field.

    `gender` None is men and women. `strong` runners are trained and at the head of the field. `team` is the kind of
    their teams of `team_size`: a `unit` is a province with one team for each gender, a place has several `club` teams,
    and a `family` is a parent and a child. `ages` are on race day, both included.
    """

    part: float
    division: str | None = None
    gender: Literal["M", "F"] | None = None
    strong: bool = False
    ages: tuple[int, int] = (18, 66)
    team: Literal["unit", "club", "family"] | None = None
    team_size: int = 5
    chips: bool = True
    ranked: bool = True


class RacePlan(Struct, frozen=True, kw_only=True):
    """A race's share of the event and the groups of its field.

    `mass_factor` makes all but strong runners slower than Boston's field. `waves` is the number of guns. With
    `officials_time` there are no chips and officials set the finish times.
    """

    share: float
    groups: tuple[Group, ...] = (Group(part=1.0),)
    mass_factor: float = 1.18
    waves: int = 1
    officials_time: bool = False
    closed: bool = True


class Plan(Struct, frozen=True, kw_only=True):
    """The field of an event. `foreign` is the share of runners from abroad."""

    races: dict[str, RacePlan]
    foreign: float = 0.0


_MASS = Group(part=0.8, division="mass")
_PACERS = Group(part=0.01, ranked=False, ages=(22, 45))
_YOUNG = (12, 66)

TIEN_PHONG = Plan(
    foreign=0.01,
    races={
        "42k": RacePlan(
            share=0.15,
            groups=(
                Group(part=0.07, division="advanced", gender="M", strong=True, ages=(18, 34), team="unit"),
                Group(part=0.05, division="advanced", gender="F", strong=True, ages=(18, 34), team="unit"),
                _MASS,
                _PACERS,
            ),
        ),
        "21k": RacePlan(
            share=0.25,
            groups=(
                Group(part=0.05, division="advanced", gender="M", strong=True, ages=(18, 34), team="unit"),
                Group(part=0.04, division="advanced", gender="F", strong=True, ages=(18, 34), team="unit"),
                _MASS,
                _PACERS,
            ),
        ),
        "10k": RacePlan(
            share=0.35,
            mass_factor=1.22,
            groups=(
                Group(part=0.16, division="advanced-senior", gender="M", strong=True, ages=(18, 32), team="unit"),
                Group(part=0.16, division="advanced-junior", gender="M", strong=True, ages=(15, 19), team="unit"),
                Group(part=0.67, division="mass", ages=_YOUNG),
                _PACERS,
            ),
        ),
        "5k": RacePlan(
            share=0.25,
            mass_factor=1.3,
            groups=(
                Group(part=0.2, division="advanced-senior", gender="F", strong=True, ages=(18, 32), team="unit"),
                Group(part=0.2, division="advanced-junior", gender="F", strong=True, ages=(15, 19), team="unit"),
                Group(part=0.6, division="mass", ages=_YOUNG),
            ),
        ),
    },
)


def _hanoi_groups(strong: float) -> tuple[Group, ...]:
    return (
        Group(part=strong, division="elite", strong=True, ages=(18, 36)),
        Group(part=0.16, division="open", gender="M", team="club", ages=(18, 55)),
        Group(part=0.12, division="open", gender="F", team="club", ages=(18, 55)),
        Group(part=0.66, division="open"),
        Group(part=0.01, division="open", ranked=False, ages=(22, 45)),
    )


HANOI = Plan(
    foreign=0.03,
    races={
        "21k": RacePlan(share=0.44, waves=4, groups=_hanoi_groups(0.05)),
        "10k": RacePlan(share=0.3, waves=3, mass_factor=1.22, groups=_hanoi_groups(0.04)),
        "5k": RacePlan(
            share=0.17,
            waves=2,
            mass_factor=1.3,
            groups=(
                Group(part=0.04, division="elite", strong=True, ages=(16, 36)),
                Group(part=0.96, division="open", ages=_YOUNG),
            ),
        ),
        "family": RacePlan(
            share=0.06,
            mass_factor=1.4,
            officials_time=True,
            groups=(Group(part=1.0, team="family", team_size=2, chips=False),),
        ),
        "walk": RacePlan(
            share=0.03, officials_time=True, closed=False, groups=(Group(part=1, chips=False, ranked=False),)
        ),
    },
)

VNEXPRESS = Plan(
    foreign=500 / 11_000,
    races={
        "42k": RacePlan(share=0.22, waves=3, groups=(Group(part=0.99), _PACERS)),
        "21k": RacePlan(share=0.42, waves=4, groups=(Group(part=0.99), _PACERS)),
        "10k": RacePlan(share=0.24, waves=3, mass_factor=1.22, groups=(Group(part=0.99, ages=_YOUNG), _PACERS)),
        "5k": RacePlan(share=0.12, mass_factor=1.3, groups=(Group(part=1.0, ages=_YOUNG),)),
    },
)

_BY_EVENT = {
    "tien-phong-2024": TIEN_PHONG,
    "hanoi-half-2024": HANOI,
    "vnexpress-hcmc-midnight-2024": VNEXPRESS,
    "vnexpress-nha-trang-2023": VNEXPRESS,
}


def plan_for(definition: Definition) -> Plan:
    """Return the plan of an event that comes with Matline, else one of equal races without divisions and teams."""
    known = _BY_EVENT.get(definition.event)
    return known or Plan(races={race.id: RacePlan(share=1.0) for race in definition.races})
