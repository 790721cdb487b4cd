"""Load what an announcer needs of an event. The point rankings and rows come from the caches that boards use."""

from schemas.definition import Race
from services.live.loader import Loader
from services.live.pages.announce import AnnounceData, last_finishers, leading, next_bibs, point_before_finish
from services.live.ranking import EMPTY, Ranking
from services.live.table_rows import AnnouncedRevision, Split
from services.standings.event_index import EventIndex

Splits = dict[tuple[str, str], dict[str, Split]]  # by race and point, and bib


async def load_announcement(loader: Loader, event: EventIndex, announced: AnnouncedRevision) -> AnnounceData:
    """Load the data of the announcer's answer. Raises DatabaseUnavailable."""
    name, revision = announced.event, announced.revision
    splits: Splits = {
        (race.id, point.id): (await loader.store.rows.splits(name, race.id, point.id, revision)).rows
        for race in event.races.values()
        for point in race.points
        if point in (point_before_finish(race), race.points[-1]) or point.cutoff is not None
    }
    boards = event.definition.boards
    rankings = {board.id: await loader.rankings.board(event, board, revision) for board in boards}
    on_course = {
        board.id: await loader.rankings.on_course(event, board, revision) for board in boards if board.within is None
    }
    podiums = {
        board.id: await loader.podiums.at(event, board, None, rankings[board.id], revision)
        for board in boards
        if board.within is None
    }
    rivals = [rival.bib for places in podiums.values() for place in places for rival in place.rivals]
    approaching = [bib for race in event.races.values() for bib in _next(race, splits, announced)]
    finished = [bib for race in event.races.values() for bib in last_finishers(splits[race.id, race.points[-1].id])]
    firsts = [line.bib for ranking in rankings.values() for line in ranking.lines if line.place == 1]
    leaders = [
        line.bib
        for board, ahead in on_course.items()
        for _, line in leading(rankings[board], ahead, event.races[event.boards[board].race].points[-1].id)
    ]
    athletes = await loader.athletes(announced, [*approaching, *finished, *firsts, *leaders, *rivals])
    return AnnounceData(
        event=event,
        announced=announced,
        approaching=[row for bib in approaching if (row := athletes.get(bib)) is not None],
        finished=[row for bib in finished if (row := athletes.get(bib)) is not None and not row.gone],
        athletes=athletes,
        before_finish=await _before_finish(loader, event, announced),
        rankings=rankings,
        podiums=podiums,
        on_course=on_course,
        finish_us={
            race.id: {bib: split.at_us for bib, split in splits[race.id, race.points[-1].id].items()}
            for race in event.races.values()
        },
        passed={place: len(taken) for place, taken in splits.items()},
        counts=await loader.store.counts(name, revision),
        spreads={
            race.id: await loader.spreads(
                event, announced, race, [row for row in athletes.values() if row.race == race.id]
            )
            for race in event.races.values()
        },
        published=await loader.results.published(event),
    )


def _next(race: Race, splits: Splits, announced: AnnouncedRevision) -> list[str]:
    last = point_before_finish(race)
    if last is None:
        return []
    return next_bibs(race, splits[race.id, last.id], splits[race.id, race.points[-1].id], announced.at_us)


async def _before_finish(loader: Loader, event: EventIndex, announced: AnnouncedRevision) -> dict[str, Ranking]:
    rankings = {}
    for board in event.definition.boards:
        last = point_before_finish(event.races[board.race])
        rankings[board.id] = (
            EMPTY if last is None else await loader.rankings.at_point(event, board, last.id, announced.revision)
        )
    return rankings
