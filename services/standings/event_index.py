"""An event as live shows it: its definition made ready for many rows. Pure."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.definition import Board, Definition, Delegation, Race, TeamBoard
from schemas.definition_parse import parse_definition
from schemas.results import AthleteRow, EventRow
from services.standings.boards import passes

OLDEST = 120  # years; bounds an age group that is open upwards, to compare widths


class AgeGroup(Struct, frozen=True):
    """A board by birth years as an age group: its label, how many years wide, and who is on it."""

    label: str
    width: int
    holds: Callable[[AthleteRow], bool]


class EventView(Struct, frozen=True):
    """An event at a revision. `boards`, `races` and so on by id, in the order of the definition."""

    row: EventRow
    definition: Definition
    zone: ZoneInfo
    races: dict[str, Race]
    boards: dict[str, Board]
    team_boards: dict[str, TeamBoard]
    delegations: dict[str, Delegation]
    age_groups: dict[str, list[AgeGroup]]


def event_view(row: EventRow) -> EventView | None:
    """The view of an event; None while it has no definition."""
    if row.definition is None:
        return None
    definition = parse_definition(row.definition)
    return EventView(
        row=row,
        definition=definition,
        zone=ZoneInfo(definition.timezone),
        races={race.id: race for race in definition.races},
        boards={board.id: board for board in definition.boards},
        team_boards={board.id: board for board in definition.team_boards},
        delegations={one.id: one for one in definition.delegations},
        age_groups={race.id: _age_groups(definition, race.id) for race in definition.races},
    )


def _age_groups(definition: Definition, race: str) -> list[AgeGroup]:
    """The race's boards by birth years, the narrowest first."""
    year = int(definition.date[:4])
    groups = []
    for board in definition.boards:
        if board.race != race or (board.born_from is None and board.born_to is None):
            continue
        least = 0 if board.born_to is None else year - board.born_to
        most = OLDEST if board.born_from is None else year - board.born_from
        label = (
            f"{least}+" if board.born_from is None else f"U{most + 1}" if board.born_to is None else f"{least}-{most}"
        )
        groups.append(AgeGroup(label, most - least, passes(definition, board)))
    return sorted(groups, key=lambda group: group.width)


def age_group(view: EventView, row: AthleteRow) -> str | None:
    """The narrowest age group that he is in, such as 30-39, 60+ or U20; ages are by birth year."""
    return next((group.label for group in view.age_groups.get(row.race, ()) if group.holds(row)), None)


def title(one: Board | TeamBoard | Delegation) -> str:
    """What a board is called."""
    return one.name or one.id
