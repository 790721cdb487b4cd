"""An event with its definition indexed by id, so that many rows can be built from it. Pure."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import replace

from schemas.definition import Board, Definition, Delegation, Point, Race, TeamBoard
from schemas.definition_parse import parse_definition
from schemas.named import in_language, match_language
from schemas.results import AthleteRow, EventRow
from services.standings.boards import passes

OLDEST = 120  # years; the upper bound of an open age group, to compare widths


class AgeGroup(Struct, frozen=True):
    """A board by birth years as an age group: its label, its width in years, and whether an athlete is in it."""

    label: str
    width: int
    holds: Callable[[AthleteRow], bool]


class EventIndex(Struct, frozen=True):
    """An event at one version. `boards`, `races` and so on are by id, in the order of the definition.

    `languages` are those of its names; `language` is the one in which they are shown, None for the first of each name.
    """

    row: EventRow
    definition: Definition
    zone: ZoneInfo
    races: dict[str, Race]
    boards: dict[str, Board]
    team_boards: dict[str, TeamBoard]
    delegations: dict[str, Delegation]
    age_groups: dict[str, list[AgeGroup]]
    on_board: dict[str, Callable[[AthleteRow], bool]]
    languages: tuple[str, ...] = ()
    language: str | None = None


def event_index(row: EventRow) -> EventIndex | None:
    """Return the index of an event, or None while it has no definition."""
    if row.definition is None:
        return None
    definition = parse_definition(row.definition)
    return EventIndex(
        row=row,
        definition=definition,
        zone=ZoneInfo(definition.timezone),
        races={race.id: race for race in definition.races},
        boards={board.id: board for board in definition.boards},
        team_boards={board.id: board for board in definition.team_boards},
        delegations={delegation.id: delegation for delegation in definition.delegations},
        age_groups={race.id: _age_groups(definition, race.id) for race in definition.races},
        on_board={board.id: passes(definition, board) for board in definition.boards},
        languages=tuple(_languages(definition)),
    )


def _languages(definition: Definition) -> dict[str, None]:
    """Return the languages of the event's names, that of the first name of the definition first."""
    tables = (definition.races, definition.boards, definition.team_boards, definition.delegations)
    named = [definition.name, *(row.name for table in tables for row in table)]
    named += [point.name for race in definition.races for point in race.points]
    return dict.fromkeys(language for name in named if isinstance(name, dict) for language in name)


def in_asked_language(event: EventIndex, asked: str | None) -> EventIndex:
    """Return an event with its names in a language, or in the first of each name if it has none in that language."""
    language = None if asked is None else match_language(list(event.languages), asked)
    return event if language == event.language else replace(event, language=language)


def _age_groups(definition: Definition, race: str) -> list[AgeGroup]:
    """Return the age groups of a race, the narrowest first: its boards that filter by birth year."""
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


def age_group(event: EventIndex, row: AthleteRow) -> str | None:
    """Return the label of the athlete's narrowest age group, such as 30-39, 60+ or U20. Ages are by birth year."""
    return next((group.label for group in event.age_groups.get(row.race, ()) if group.holds(row)), None)


def title(board: Board | TeamBoard | Delegation, language: str | None = None) -> str:
    """Return the name of a board in a language, or its id when it has none."""
    return board.id if board.name is None else in_language(board.name, language)


def point_name(point: Point, language: str | None = None) -> str:
    """Return the name of a point in a language, or its id when it has none."""
    return point.id if point.name is None else in_language(point.name, language)
