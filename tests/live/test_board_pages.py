"""Which lines of boards are kept, without a database."""

from msgspec import structs

from services.live.board_pages import LINES_KNOWN_MAX, BoardPages
from services.live.loader import Loader
from services.live.pages.board import BoardData, ShownLine
from services.live.store import Store
from services.runtime.clickhouse import Database, DatabaseAddress
from tests.live.loaded import LoadedEvent
from tests.live.pages.test_board import FACTS, data


def of_many(loaded: LoadedEvent, count: int) -> BoardData:
    """The order at 10K, with so many athletes."""
    first = loaded.at_point("men", "10K").lines[0]
    bibs = [f"x{number}" for number in range(count)]
    return data(
        loaded,
        point="10K",
        rankings={"10K": loaded.at_point("men", "10K")},
        lines=[ShownLine("10K", first._replace(bib=bib)) for bib in bibs],
        athletes={bib: structs.replace(loaded.athletes[first.bib], bib=bib) for bib in bibs},
    )


async def test_an_order_with_too_many_lines_to_be_kept_takes_no_room_from_others():
    loaded = LoadedEvent(*FACTS)
    pages = BoardPages(Loader(Store(Database(DatabaseAddress()))))
    before = (await pages.lines(data(loaded))).lines
    await pages.lines(of_many(loaded, LINES_KNOWN_MAX + 1))
    after = (await pages.lines(data(loaded))).lines
    assert [line is known for line, known in zip(after, before, strict=True)] == [True, True, True]
