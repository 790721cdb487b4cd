"""Who wins what: prizes by place, medals for finishing, titles by time; as standings and results are now.

Every list counts by itself, so that an athlete of the overall places takes the prize of his category too and nobody
moves up; where an event rules otherwise, its prizes say whom they pass over (`schemas.office`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct

from schemas.definition import Definition
from schemas.ids import US, bib_order
from schemas.office import Prize, Title
from schemas.results import AthleteRow, printed_s
from services.standings import Standings
from services.standings.boards import BoardRow


class Award(Struct, frozen=True, kw_only=True):
    """A prize to an athlete (`bib`) or a team, by a board, team board or delegation list (`on`).

    `place` is what wins it: the place there, or among those who are not passed over. `shared`: others have that place
    too, and how to divide is not for a program. `members` are the bibs that made the team's score.
    """

    prize: str
    article: str
    what: str
    on: str
    place: int
    bib: str | None
    team: str | None
    members: list[str]
    shared: bool


class MedalList(Struct, frozen=True, kw_only=True):
    """Who gets a medal in a race, by bib."""

    medal: str
    article: str
    what: str
    race: str
    bibs: list[str]


class TitleEarned(Struct, frozen=True, kw_only=True):
    """An athlete within a title's time, both in whole seconds as printed."""

    title: str
    article: str
    name: str
    bib: str
    time_s: int
    within_s: int


def prize_list(definition: Definition, made: Standings) -> list[Award]:
    """All prizes by the standings as they are, in the order of the definition, each list best first."""
    found: list[Award] = []
    winners: dict[str, set[str]] = {}
    for prize in definition.prizes:
        over = {bib for name in prize.passes_over for bib in winners[name]}
        for board in prize.boards:
            found += _to_athletes(prize, board, [row for row in made.boards[board] if row.bib not in over])
        for board in prize.team_boards:
            rows = [(row.place, row.team, [one.bib for one in row.members]) for row in made.team_boards[board]]
            found += _to_teams(prize, board, rows)
        for name in prize.delegations:
            found += _to_teams(prize, name, [(row.place, row.team, []) for row in made.delegations[name]])
        winners[prize.id] = {one.bib for one in found if one.prize == prize.id and one.bib is not None}
    return found


def _to_athletes(prize: Prize, board: str, rows: Sequence[BoardRow]) -> Iterator[Award]:
    """Rows of a board numbered anew: whoever was passed over leaves no gap, whoever ties shares a place."""
    sizes = Counter(row.place for row in rows)
    place = 0
    for at, row in enumerate(rows):
        if at == 0 or row.place != rows[at - 1].place:
            place = at + 1
        if place > prize.places:
            return
        yield _award(prize, board, place, sizes[row.place] > 1, bib=row.bib)


def _to_teams(prize: Prize, name: str, rows: Sequence[tuple[int | None, str, list[str]]]) -> Iterator[Award]:
    sizes = Counter(place for place, _, _ in rows)
    for place, team, members in rows:
        if place is not None and place <= prize.places:
            yield _award(prize, name, place, sizes[place] > 1, team=team, members=members)


def _award(
    prize: Prize,
    name: str,
    place: int,
    shared: bool,
    bib: str | None = None,
    team: str | None = None,
    members: Sequence[str] = (),
) -> Award:
    return Award(
        prize=prize.id,
        article=prize.article,
        what=prize.what,
        on=name,
        place=place,
        bib=bib,
        team=team,
        members=list(members),
        shared=shared,
    )


def medal_list(definition: Definition, rows: Iterable[AthleteRow]) -> list[MedalList]:
    """Who finished within the limits, for each medal by race; races without a finisher left out."""
    finished: dict[str, list[str]] = {}
    for row in rows:
        if row.status == "FINISHED" and not row.gone:
            finished.setdefault(row.race, []).append(row.bib)
    return [
        MedalList(
            medal=medal.id,
            article=medal.article,
            what=medal.what,
            race=race.id,
            bibs=sorted(finished[race.id], key=bib_order),
        )
        for medal in definition.medals
        for race in definition.races
        if (not medal.races or race.id in medal.races) and race.id in finished
    ]


def title_list(definition: Definition, rows: Iterable[AthleteRow]) -> list[TitleEarned]:
    """Who is within the time of which title, in the order of the definition, the fastest first."""
    there = [row for row in rows if row.status == "FINISHED" and not row.gone]
    earned = {title.id: _within(definition, title, there) for title in definition.titles}
    above = {title.id: title.below for title in definition.titles}
    found: list[TitleEarned] = []
    for title in definition.titles:
        higher = {bib for name in _chain(above, title.id) for bib in earned[name]}
        for bib, time_s in sorted(earned[title.id].items(), key=lambda one: (one[1], bib_order(one[0]))):
            if bib not in higher:
                found.append(
                    TitleEarned(
                        title=title.id,
                        article=title.article,
                        name=title.name,
                        bib=bib,
                        time_s=time_s,
                        within_s=title.within_s,
                    )
                )
    return found


def _chain(above: dict[str, str | None], title: str) -> Iterator[str]:
    """The titles above one; a definition has none above itself, since each is harder than the one below."""
    at = above[title]
    while at is not None:
        yield at
        at = above[at]


def _within(definition: Definition, title: Title, rows: Iterable[AthleteRow]) -> dict[str, int]:
    official = next(race.official_time for race in definition.races if race.id == title.race)
    by = title.by or official
    found: dict[str, int] = {}
    for row in rows:
        entry = row.entry
        time_us = row.gun_us if by == "gun" else row.chip_us
        if entry is None or not entry.ranked or row.race != title.race or time_us is None:
            continue
        if title.gender is not None and entry.gender != title.gender:
            continue
        if title.division is not None and entry.division != title.division:
            continue
        if title.nationality is not None and entry.nationality != title.nationality.upper():
            continue
        if time_us <= title.within_s * US:  # the same as its printed seconds, which are rounded up
            found[row.bib] = printed_s(time_us)
    return found
