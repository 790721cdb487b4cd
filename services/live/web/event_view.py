"""An event's page as its template shows it: the boards, the numbers by status, and a table of athletes or teams. Pure.

The script in `static/app.js` makes the same elements from the same answers, and goes on from those of the template.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from services.live.http.query import SEARCH_CHARS, search_words
from services.live.web.addresses import PageQuery, athlete_address, event_address, events_address, in_language, kept
from services.live.web.athlete_view import athlete_description, athlete_title
from services.live.web.clock_words import scheduled_time, time_of_day
from services.live.web.podium_words import podium_words
from services.live.web.void_words import void_words
from services.live.web.words import WORDS, date_in_words, point_label

PAGE_ROWS = 100
LEADERS_DESCRIBED = 3  # in the text that other sites show with a link

LISTS = {
    "dnf": "DNF",
    "dns": "DNS",
    "dq": "DQ",
    "otl": "OTL",
    "on_course": "ON_COURSE",
    "not_started": "NOT_STARTED",
    "start": None,
}
"""The lists of a race's athletes, with the status of those on it; None: all of them."""

RANKED_BY = {"gun": "rankedByGun", "chip": "rankedByChip", "gun_then_chip": "rankedByGunThenChip"}
"""The words for boards whose places do not go by the official time alone."""

COUNTED = ("ON_COURSE", "FINISHED", "NOT_STARTED", "OTL", "DNF", "DNS", "DQ")
ALWAYS_COUNTED = ("ON_COURSE", "FINISHED")

Words = Mapping[str, str]
Document = Mapping[str, Any]
"""An answer of the API as `services/live/pages` builds it."""


class Link(NamedTuple):
    """A link; `id` is what it chooses, `current` whether that is chosen."""

    id: str
    text: str
    href: str
    current: bool = False
    number: int | None = None


class Choice(Struct, frozen=True):
    """What a page shows: a race and one of its boards, None of either if there is none.

    `kind` is `boards`, `teams` or `delegations`. `query` is the query without what the event does not have.
    """

    race: Document | None
    board: Document | None
    kind: str
    query: PageQuery

    @property
    def is_list(self) -> bool:
        """Whether a search or a list of athletes is shown instead of a board."""
        return bool(self.query.search or self.query.list)


class EventPage(Struct, frozen=True, kw_only=True):
    """What the template of an event's page shows. Texts are in the language of the page.

    `kind` is that of the table: `board`, `list`, `teams` or `delegations`; `rows` are of it. With `at_point`, a board
    shows who is still on the course, or the order at a point. `empty` says why there are no rows, and `empty_link`
    leads from a board without any to the start list. `athlete` leads to the one whose sheet the script opens, and
    `preview_title` is of what other sites show with a link.
    """

    title: str
    preview_title: str
    description: str
    name: str
    date: str
    updated: str
    language_href: str
    home: str
    races: Sequence[Link]
    start: str
    counts: Sequence[Link]
    boards: Sequence[Link]
    search: str
    points: Sequence[Link]
    kept: Sequence[tuple[str, str]]
    caption: str
    state: str | None
    basis: str | None
    void: str | None
    kind: str
    at_point: bool
    rows: Sequence[Document]
    flags: Sequence[str]
    empty: str | None
    empty_link: Link | None
    previous: str | None
    more: str | None
    more_text: str
    athlete: Link | None


def choose(event: Document, query: PageQuery) -> Choice:
    """Return what a query shows of an event; the first board of the first race where it names none that there is."""
    choices = list(_choices(event))
    chosen = next((choice for choice in choices if choice[1]["board"] == query.board), None)
    races = {race["race"]: race for race in event["races"]}
    if chosen is None:
        race_id = query.race if query.race in races else next(iter(races), "")
        chosen = next((choice for choice in choices if choice[2] == race_id), None)
    else:
        race_id = chosen[2]
    race = races.get(race_id)
    points = [] if race is None else [point["point"] for point in race["points"]]
    settled = replace(
        query,
        race=race_id,
        board="" if chosen is None else chosen[1]["board"],
        point=query.point if query.point in points[:-1] else "",
        list=query.list if query.list in LISTS else "",
        search=query.search[:SEARCH_CHARS] if search_words(query.search[:SEARCH_CHARS]) else "",
    )
    return Choice(race, None if chosen is None else chosen[1], "boards" if chosen is None else chosen[0], settled)


def _choices(event: Document) -> Iterator[tuple[str, Document, str]]:
    """Yield all boards, team boards and delegations with their kind and race: a delegation's is its first team's."""
    races = {team["board"]: team["race"] for team in event["team_boards"]}
    for board in event["boards"]:
        yield "boards", board, board["race"]
    for team in event["team_boards"]:
        yield "teams", team, team["race"]
    for delegation in event["delegations"]:
        yield "delegations", delegation, races[delegation["sum"][0]]


def event_page(
    event: Document, choice: Choice, answer: Document | None, athlete: Document | None, language: str
) -> EventPage:
    """Return an event's page; `answer` holds the rows of what was chosen, None if the event has no board.

    `athlete` is the one whose sheet the address opens, None without one: a link to it previews the athlete.
    """
    words, query = WORDS[language], choice.query
    rows = [] if answer is None else answer["athletes" if choice.is_list else "rows"]
    total = 0 if answer is None else answer["total"]
    kind = _table_kind(choice)
    shown = query.offset + len(rows)
    caption = _caption(choice, words)
    title = f"{event['name']} – {words['title']}"
    counts = _counts(event, choice, words)
    return EventPage(
        title=title,
        preview_title=title if athlete is None else athlete_title(event, athlete),
        description=_description(event, choice, rows, caption, language)
        if athlete is None
        else athlete_description(athlete, words),
        name=event["name"],
        date=date_in_words(event["date"], language),
        updated=f"{words['updated']} {time_of_day(event['updated_at'], event['timezone'])}",
        language_href=event_address(event["event"], in_language(query, words["otherLang"])),
        home=events_address(query),
        races=_races(event, choice),
        start="" if choice.race is None else f"{words['startsAt']} {scheduled_time(choice.race['start'])}",
        counts=counts,
        boards=_boards(event, choice),
        search=query.search,
        points=_points(choice, words) if kind == "board" else [],
        kept=_kept(query),
        caption=caption,
        state=_state(choice, answer),
        basis=_basis(choice, words),
        void=_void(choice, answer, language),
        kind=kind,
        at_point=kind == "board" and (bool(query.point) or any(row["status"] == "ON_COURSE" for row in rows)),
        rows=[_row(event, choice, row, answer, language) for row in rows],
        flags=sorted({flag for row in rows for flag in (row.get("flags") or "").split()}),
        empty=None if rows else words[_why_empty(choice)],
        empty_link=next((link for link in counts if link.id == "start" and link.number), None)
        if kind == "board" and not rows
        else None,
        previous=_at(event, query, max(query.offset - PAGE_ROWS, 0)) if query.offset else None,
        more=_at(event, query, shown) if rows and shown < total else None,
        more_text=f"{words['more']} ({shown} {words['of']} {total})",
        athlete=None if athlete is None else _athlete_link(event, athlete, query),
    )


def _why_empty(choice: Choice) -> str:
    if choice.query.search:
        return "nobody"
    if choice.query.list:
        return "emptyList"
    return "empty" if choice.kind == "boards" else "emptyTeams"


def _table_kind(choice: Choice) -> str:
    return "list" if choice.is_list else {"boards": "board"}.get(choice.kind, choice.kind)


def _races(event: Document, choice: Choice) -> list[Link]:
    links = []
    for race in event["races"]:
        query = replace(kept(choice.query), race=race["race"])
        links.append(Link(race["race"], race["name"], event_address(event["event"], query), race is choice.race))
    return links


def _boards(event: Document, choice: Choice) -> list[Link]:
    links = []
    for _, board, race in _choices(event):
        if choice.race is not None and race == choice.race["race"]:
            query = replace(kept(choice.query), race=race, board=board["board"], point=choice.query.point)
            href = event_address(event["event"], query)
            links.append(Link(board["board"], board["title"], href, board is choice.board and not choice.is_list))
    return links


def _counts(event: Document, choice: Choice, words: Words) -> list[Link]:
    """Return how many athletes have each status; each number but that of the finishers leads to a list of them."""
    numbers = {} if choice.race is None else choice.race["counts"]
    entries = [
        (status.lower(), words[status], numbers.get(status, 0))
        for status in COUNTED
        if status in ALWAYS_COUNTED or numbers.get(status)
    ]
    entries.append(("start", words["startList"], sum(numbers.values())))
    query = replace(kept(choice.query), race=choice.query.race, board=choice.query.board)
    chosen = "" if choice.query.search else choice.query.list or "finished"
    return [
        Link(
            name,
            text,
            event_address(event["event"], replace(query, list="" if name == "finished" else name)),
            name == chosen,
            count,
        )
        for name, text, count in entries
    ]


def _points(choice: Choice, words: Words) -> list[Link]:
    race = choice.race
    if race is None:
        return []
    points = [Link("", words["finish"], "", not choice.query.point)]
    for point in race["points"][:-1]:
        name, distance = point_label(point["name"], words), f"{point['km']:.10g} km"
        text = name if name == distance else f"{name} ({distance})"
        points.append(Link(point["point"], text, "", point["point"] == choice.query.point))
    return points


def _kept(query: PageQuery) -> list[tuple[str, str]]:
    """Return what the form of a search and a point sends with them."""
    fields = {"race": query.race, "board": query.board, "lang": query.language, "key": query.key}
    return [(name, value) for name, value in fields.items() if value]


def _caption(choice: Choice, words: Words) -> str:
    query = choice.query
    if query.search:
        return words["searched"]
    if query.list:
        return words[LISTS[query.list] or "startList"]
    if choice.board is None:
        return ""
    where = f" – {point_name(choice.race, query.point, words)}" if query.point and choice.kind == "boards" else ""
    return f"{choice.board['title']}{where}"


def _state(choice: Choice, answer: Document | None) -> str | None:
    """Return the state of a board's results, None for a list."""
    judged = _judged(choice, answer)
    if judged is None:
        return None
    return "changed" if judged["changed_since_official"] else str(judged["state"])


def _void(choice: Choice, answer: Document | None, language: str) -> str | None:
    """Return why a later official publication of a board is void, None for a list: each board may have its own."""
    judged = _judged(choice, answer)
    return None if judged is None else void_words(judged["void"], language)


def _judged(choice: Choice, answer: Document | None) -> Document | None:
    """Return what has the state of a board's results: the event, but for a delegation its answer. None for a list."""
    if choice.is_list or choice.board is None or answer is None:
        return None
    return choice.board if "state" in choice.board else answer


def _basis(choice: Choice, words: Words) -> str | None:
    """Return the words for a board whose places go by another time than the one it prints, None for any other."""
    board, race = choice.board, choice.race
    if choice.is_list or choice.kind != "boards" or choice.query.point or board is None or race is None:
        return None
    if board["rank_by"] == race["official_time"]:
        return None
    return words[RANKED_BY[board["rank_by"]]]


def point_name(race: Document | None, point: str, words: Words) -> str:
    """Return the name of a race's point, or its id if the race does not have it."""
    points = [] if race is None else race["points"]
    return point_label(next((known["name"] for known in points if known["point"] == point), point), words)


def _athlete_link(event: Document, athlete: Document, query: PageQuery) -> Link:
    bib = athlete["bib"]
    return Link(bib, f"{bib} {athlete['name']}", athlete_address(event["event"], bib, query))


def _at(event: Document, query: PageQuery, offset: int) -> str:
    return event_address(event["event"], replace(query, offset=offset))


def _row(event: Document, choice: Choice, row: Document, answer: Document | None, language: str) -> dict[str, Any]:
    """Return a row with what its template shows besides the answer: link, texts of a narrow screen, podium."""
    if choice.kind != "boards" and not choice.is_list:
        counting = ", ".join(f"{member['name']} ({member['score_text']})" for member in row.get("members", []))
        return {**row, "counting": counting}
    words, query = WORDS[language], choice.query
    race = choice.race
    if choice.is_list:
        race = next((known for known in event["races"] if known["race"] == row["race"]), None)
    on_course = not choice.is_list and row["status"] == "ON_COURSE" and not query.point
    estimate = f"{words['expected']} {row['projected_finish']}" if on_course and row["projected_finish"] else None
    race_name = race["name"] if choice.is_list and race is not None else None
    short = [race_name if query.search else None, row["nationality"], row["age_group"], estimate]
    podium = [] if answer is None or choice.is_list else answer["podium"]
    return {
        **row,
        "href": athlete_address(event["event"], row["bib"], query),
        "race_name": race_name,
        "below": " · ".join(filter(None, [row["team"], row["club"]])),
        "short": " · ".join(filter(None, short)),
        "flag_names": (row.get("flags") or "").split(),
        "on_course": on_course,
        "where": f"{words['at']} {point_name(race, row['point'], words)}" if on_course else None,
        "podium": None if choice.is_list else podium_words(row["bib"], podium, _state(choice, answer), event, language),
    }


def _description(event: Document, choice: Choice, rows: Sequence[Document], caption: str, language: str) -> str:
    """Return what other sites show with a link to the page: who leads, else which races the event has."""
    words = WORDS[language]
    if choice.is_list or not rows:
        races = ", ".join(race["name"] for race in event["races"])
        date = date_in_words(event["date"], language)
        return words["describeEvent"].format(event=event["name"], date=date, races=races)
    leaders = [
        f"{row['place_text'] or '–'}. {row.get('name') or row['team']} {row.get('time') or row.get('score_text') or ''}"
        for row in rows[:LEADERS_DESCRIBED]
    ]
    return f"{caption}: {' · '.join(leader.strip() for leader in leaders)}"
