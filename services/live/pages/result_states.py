"""The state of the results of races, boards and delegations, and how it differs between two revisions. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.live.pages.published import Differences, standing_of
from services.live.pages.team import DelegationData, delegation_state
from services.standings.event_index import EventIndex
from services.standings.publication import Published, Standing, delegation_standing, ranked_of


class ResultState(NamedTuple):
    """The state of results, whether they have changed since they were official, whether a later official publication
    is void, and the offset of the publication that is served (None: there is none).
    """

    state: str
    changed: bool
    void: bool
    publication: int | None


class RaceStates(NamedTuple):
    """The state of a race's results as a whole, and of its boards and team boards by id."""

    race: ResultState
    boards: Mapping[str, ResultState]


def race_states(
    event: EventIndex, published: Sequence[Published], differences: Mapping[str, Differences]
) -> dict[str, RaceStates]:
    """Return the states of all races by id."""
    return {
        race: RaceStates(
            _state(standing_of(event, published, race), since_official.any()),
            {
                board: _state(standing_of(event, published, race, board), since_official.changed(board))
                for board in ranked_of(event.definition, race)
            },
        )
        for race, since_official in differences.items()
    }


def _state(standing: Standing, changed: bool) -> ResultState:
    held = standing.held
    return ResultState(standing.state, changed, bool(standing.void), None if held is None else held.offset)


def delegation_result_state(data: DelegationData) -> ResultState:
    """Return the state of a delegation's results."""
    own = delegation_standing(data.published, data.delegation.id)
    held = None if own is None else own.held
    void = own is not None and bool(own.void)
    return ResultState(delegation_state(data), data.changed, void, None if held is None else held.offset)


def state_changes(before: Mapping[str, RaceStates], after: Mapping[str, RaceStates]) -> list[dict[str, Any]]:
    """Return the races whose results, or those of one of their boards, have another state, with these boards."""
    changes = []
    for race, states in after.items():
        earlier = before.get(race)
        known = {} if earlier is None else earlier.boards
        boards = [board for board, state in states.boards.items() if board in known and known[board] != state]
        if boards or (earlier is not None and earlier.race != states.race):
            plain = [{"board": board, **_plain(states.boards[board])} for board in boards]
            changes.append({"race": race, **_plain(states.race), "boards": plain})
    return changes


def delegation_state_changes(
    before: Mapping[str, ResultState], after: Mapping[str, ResultState]
) -> list[dict[str, Any]]:
    """Return the delegations whose results have another state. They are of no race: `race` is None, and `boards` has
    the delegation alone.
    """
    return [
        {"race": None, **_plain(state), "boards": [{"board": name, **_plain(state)}]}
        for name, state in after.items()
        if name in before and before[name] != state
    ]


def boards_of_changes(changes: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the boards that changes of states name."""
    return {board["board"] for change in changes for board in change["boards"]}


def _plain(state: ResultState) -> dict[str, Any]:
    return {"state": state.state, "changed_since_official": state.changed, "void": state.void}
