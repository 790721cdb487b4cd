"""Boards in the form that results sites made for RACE RESULT read, so that such a site only changes the address.

The vendor describes neither answer, so they are what public clients read; docs/broadcast.md names these. Pure.
"""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from schemas.definition import Board
from schemas.named import in_all_languages, in_language, match_language
from services.formatting.times import format_hms
from services.live.documents.raceresult import (
    ListEntry,
    ListField,
    ListHead,
    ResultsConfig,
    ResultsList,
    Tab,
    TabConfig,
)
from services.live.errors import KNOWN_LISTED, Refused
from services.live.feed.board_line import BoardLine
from services.live.feed.columns import COLUMNS
from services.live.pages.board import BoardData, build_board
from services.standings.event_index import EventIndex

FOLDER = "Results"  # lists are named `folder|list`
ANY_CONTEST = 0
LEFT, RIGHT = 1, 3
VIETNAMESE = "vi"

_COLUMNS = {column.name: column for column in COLUMNS}


class Cell(NamedTuple):
    """A column of a list: the expression by which clients find it, its labels, and how to compute its text.

    Without a label it is in the data only.
    """

    expression: str
    label: str
    vietnamese: str
    text: Callable[[BoardLine], str]
    alignment: int = LEFT


def _text_of(name: str) -> Callable[[BoardLine], str]:
    """Return how to compute the text of a column of boards."""

    def text(line: BoardLine) -> str:
        value = _COLUMNS[name].value(line)
        return "" if value is None else str(value)

    return text


# The first two are the bib and the id of the participant. Then come those that are shown, and at last names in parts.
CELLS = (
    Cell("BIB", "", "", _text_of("bib")),
    Cell("ID", "", "", _text_of("bib")),
    Cell("WithStatus([AUTORANK.p])", "Place", "Hạng", lambda line: f"{line.placed.place}.", RIGHT),
    Cell("DisplayBib", "Bib", "BIB", _text_of("bib"), RIGHT),
    Cell("DisplayName", "Name", "Họ tên", _text_of("name")),
    Cell("NATION.IOCNAME", "Nation", "Quốc gia", _text_of("nationality")),
    Cell("CLUB", "Club", "CLB", _text_of("club")),
    Cell("AGEGROUP1.NAMESHORT", "Age group", "Nhóm tuổi", _text_of("age_group")),
    Cell("Finish.GUN", "Gun time", "Giờ súng", _text_of("gun_time"), RIGHT),
    Cell("Finish.CHIP", "Chip time", "Giờ chip", _text_of("chip_time"), RIGHT),
    Cell("TIME", "Time", "Thời gian", lambda line: format_hms(line.placed.time_s), RIGHT),
    Cell("GapTimeTop(1)", "Gap", "Cách biệt", _text_of("gap"), RIGHT),
    Cell("FIRSTNAME", "", "", _text_of("given_name")),
    Cell("LASTNAME", "", "", _text_of("family_name")),
    Cell("SEX", "", "", _text_of("gender")),
)


def public_key(event: str) -> str:
    """Return a key for an event that needs none: clients take 32 hexadecimal digits."""
    return hashlib.blake2b(event.encode(), digest_size=16).hexdigest()


def contest_numbers(event: EventIndex) -> dict[str, int]:
    """Return the numbers of the races by their ids: from 1, in the order of the definition."""
    return {race: number for number, race in enumerate(event.races, 1)}


def results_config(event: EventIndex, key: str, server: str) -> ResultsConfig:
    """Return the lists of an event; clients send `key` back in their next request, which is to `https://server`."""
    numbers = contest_numbers(event)
    lists = [
        ListEntry(
            name=_list_name(board),
            show_as=_board_name(event, board),
            contest=str(numbers[board.race]),
            id=board.id,
        )
        for board in event.boards.values()
    ]
    return ResultsConfig(
        key=key,
        server=server,
        eventname=in_language(event.definition.name, event.language),
        contests={str(number): _race_name(event, race) for race, number in numbers.items()},
        lists=lists,
        tab_config=TabConfig(lists=lists),
        tab=Tab(config=TabConfig(lists=lists)),
    )


def board_of_list(event: EventIndex, list_name: str, contest: int) -> Board:
    """Return the board that a list's name means: by its id or by its name in any language, whatever the folder.

    Boards of several races may have one name; then the contest tells them apart. Raises Refused.
    """
    name = list_name.rpartition("|")[2].strip()
    if name in event.boards:
        return event.boards[name]
    numbers = contest_numbers(event)
    named = [
        board
        for board in event.boards.values()
        if name.casefold() in (text.casefold() for text in in_all_languages(board.name or board.id))
        and contest in (ANY_CONTEST, numbers[board.race])
    ]
    if len(named) != 1:
        known = list(event.boards)[:KNOWN_LISTED]
        what = "several lists are named" if named else "there is no list"
        detail = f"{what} {name[:80]!r}; write the id of a board, such as {FOLDER}|{known[0]}" if known else what
        raise Refused(404, "No such list", detail, known=known)
    return named[0]


def build_results_list(data: BoardData, language: str | None, contest: int, counted: bool) -> ResultsList:
    """Return a board as a list, with labels in Vietnamese if that is the `language`, else in English.

    Of another race than the contest's there are no rows. `counted`: the number of rows in all comes below them.
    """
    event, board = data.event, data.board
    page = build_board(data)
    if contest in (ANY_CONTEST, contest_numbers(event)[board.race]):
        rows: list[list[str | int]] = [[cell.text(line) for cell in CELLS] for line in page.lines]
        groups = {f"#1_{_race_name(event, board.race)}": rows} if rows else {}
        total = page.total
    else:
        groups, total = {}, 0
    if counted:
        for group in groups.values():
            group.append([total])
    return ResultsList(
        head=ListHead(
            list_name=_list_name(board),
            head_line1=in_language(event.definition.name, event.language),
            head_line2=_board_name(event, board),
            fields=[_field(cell, language) for cell in CELLS if cell.label],
        ),
        data_fields=[cell.expression for cell in CELLS],
        data=groups,
        event=data.announced.event,
        board=board.id,
        revision=data.announced.revision,
        state=page.state,
        changed_since_official=page.changed,
        total=total,
    )


def _field(cell: Cell, language: str | None) -> ListField:
    vietnamese = match_language([VIETNAMESE], language or "") is not None
    return ListField(
        expression=cell.expression, label=cell.vietnamese if vietnamese else cell.label, alignment=cell.alignment
    )


def _list_name(board: Board) -> str:
    return f"{FOLDER}|{board.id}"


def _board_name(event: EventIndex, board: Board) -> str:
    return board.id if board.name is None else in_language(board.name, event.language)


def _race_name(event: EventIndex, race: str) -> str:
    return in_language(event.races[race].name, event.language)
