"""An event as the loader gives it to the builders, made from facts without a database."""

from typing import Any

from schemas.results import AthleteRow
from services.live.ranking import Ranking, board_order, point_order, ranking_of, root_board
from services.live.table_rows import AnnouncedRevision, Split
from services.offline.scored_log import Log
from services.standings.event_index import event_index
from services.standings.incremental import EventStandings
from tests.builders import EVENT, START_US, log


class LoadedEvent:
    """Facts through the scorer and the standings."""

    def __init__(self, *facts: dict[str, Any]) -> None:
        scored = Log()
        for line in log(*facts):
            scored.add(b'{"offset":%d,"fact":%s}' % (scored.lines, line.strip()))
        row = scored.state.take_event()
        assert row is not None
        athletes = scored.state.take(100_000)
        self.standings = EventStandings()
        self.standings.apply(athletes, row)
        event = event_index(row)
        assert event is not None
        self.event = event
        self.athletes: dict[str, AthleteRow] = {athlete.bib: athlete for athlete in athletes}
        self.announced = AnnouncedRevision(EVENT, scored.revision, START_US)

    def ranking(self, name: str) -> Ranking:
        board = self.event.boards[name]
        official_time = self.event.races[board.race].official_time
        cells = self.standings.cells[name]
        return ranking_of(board_order(root_board(self.event, board), official_time, cells))

    def splits(self, point: str) -> dict[str, Split]:
        return {
            bib: Split(taken.at_us - athlete.gun_at_us, taken.at_us - athlete.points[0].at_us, taken.at_us)
            for bib, athlete in self.athletes.items()
            for taken in athlete.points
            if taken.point == point and athlete.gun_at_us is not None
        }

    def at_point(self, name: str, point: str) -> Ranking:
        board = root_board(self.event, self.event.boards[name])
        return ranking_of(point_order(board, self.standings.cells[name], self.splits(point)))
