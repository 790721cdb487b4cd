"""An event as live shows it: its definition made ready for many rows, and the state of its results. Pure."""

from collections.abc import Callable, Iterable
from zoneinfo import ZoneInfo

from msgspec import Struct

from schemas.definition import US, Board, Definition, Delegation, Race, TeamBoard, parse_definition
from schemas.results import AthleteRow, EventRow, Publication
from services.projections.standings.boards import passes

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


# --- The state of results.


def publication(view: EventView, race: str, board: str | None = None) -> Publication | None:
    """The publication that holds for a board of a race, or (`board` null) for the race as a whole."""
    for one in reversed(view.row.publications):
        if one.race == race and (one.boards is None or (board is not None and board in one.boards)):
            return one
    return None


def result_state(held: Publication | None, void: str | None) -> str:
    """`live`, `provisional`, `official` or `withdrawn`; a void `official` leaves what it followed."""
    if held is None:
        return "live"
    return "provisional" if held.state == "official" and void is not None else held.state


def void_reason(then: EventView, official: Publication, open_cases: int) -> str | None:
    """Why an official publication is void, None when it holds; `then` is the event as it was published.

    Source: contract, section 4.8.
    """
    before = _provisional_before(then.row.publications, official)
    if before is None:
        return "nothing provisional was published before it"
    if before.recorded_at_us is None or official.recorded_at_us is None:
        return "it is not known when it and its provisional were published"
    if official.recorded_at_us - before.recorded_at_us < then.definition.protest_window_s * US:
        return f"it came within {then.definition.protest_window_s} s of the provisional results"
    if open_cases:
        return f"{open_cases} case(s) of the race were open"
    protests = [one.protest for one in then.row.protests if one.race == official.race and one.outcome is None]
    return f"protest {', '.join(protests)} was open" if protests else None


def _provisional_before(publications: Iterable[Publication], official: Publication) -> Publication | None:
    """The latest provisional publication that covers what became official; None if it was withdrawn since."""
    found = None
    for one in publications:
        if one.offset >= official.offset or one.race != official.race:
            continue
        covers = one.boards is None or (official.boards is not None and set(official.boards) <= set(one.boards))
        if covers and one.state == "provisional":
            found = one
        elif covers and one.state == "withdrawn":
            found = None
    return found
