"""Prizes by place, medals for finishing and titles by time or place, by the current standings and results.

Each list counts by itself, so that an athlete may take an overall prize and one of a category, and nobody moves up. If
an event has another rule, its prizes name the prizes whose winners they pass over (`schemas.office`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from msgspec import Struct, field
from msgspec.structs import replace

from schemas.definition import Definition
from schemas.ids import bib_order
from schemas.office import Prize
from schemas.results import AthleteRow, JudgesOrder
from services.standings import Standings
from services.standings.boards import BoardRow
from services.standings.office.basis import Basis
from services.standings.office.earned_titles import earned_title
from services.standings.result_flags import CASE, public_flags


class Award(Struct, frozen=True, kw_only=True):
    """A prize to an athlete (`bib`) or a team, by a board, team board or delegation list (`on`).

    `place` is the winning place, counted without athletes who are passed over. `shared`: others have that place too,
    and the office decides how to divide the prize. `members` are the bibs that made the team's score. `flags` are those
    of the results that the prize rests on, and `why` says for each what it rests on.
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
    flags: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


class MedalList(Struct, frozen=True, kw_only=True):
    """The athletes who get a medal in a race, by bib; `open_cases` are those of them who have a case to be decided."""

    medal: str
    article: str
    what: str
    race: str
    bibs: list[str]
    open_cases: list[str] = field(default_factory=list)


class TitleEarned(Struct, frozen=True, kw_only=True):
    """An athlete who earned a title: within its time, both in whole seconds as printed, or at one of its places.

    `within_s` is None for a title by place, and `place` for one by time. `flags` and `why` as an award has them.
    """

    title: str
    article: str
    name: str
    bib: str
    time_s: int
    within_s: int | None
    place: int | None = None
    flags: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


def prize_list(definition: Definition, ranked: Standings, rows: Iterable[AthleteRow]) -> list[Award]:
    """Return all prizes by the current standings, in the order of the definition, each list best first."""
    basis = Basis(definition, ranked, rows)
    awards: list[Award] = []
    winners: dict[str, set[str]] = {}
    for prize in definition.prizes:
        over = {bib for name in prize.passes_over for bib in winners[name]}
        for board in prize.boards:
            awards += _to_athletes(prize, board, [row for row in ranked.boards[board] if row.bib not in over])
        for board in prize.team_boards:
            teams = [(row.place, row.team, [member.bib for member in row.members]) for row in ranked.team_boards[board]]
            awards += _to_teams(prize, board, teams)
        for name in prize.delegations:
            awards += _to_teams(prize, name, [(row.place, row.team, []) for row in ranked.delegations[name]])
        winners[prize.id] = {award.bib for award in awards if award.prize == prize.id and award.bib is not None}
    return [_with_basis(award, basis) for award in awards]


def _with_basis(award: Award, basis: Basis) -> Award:
    if award.bib is not None:
        return replace(award, flags=basis.flags([award.bib]), why=basis.of_athlete(award.bib))
    team = award.team or ""
    return replace(award, flags=basis.team_flags(award.on, team), why=basis.of_team(award.on, team))


def _to_athletes(prize: Prize, board: str, rows: Sequence[BoardRow]) -> Iterator[Award]:
    """Yield awards with places of their own: athletes passed over leave no gap, and athletes who tie share a place."""
    sizes = Counter(row.place for row in rows)
    place = 0
    for index, row in enumerate(rows):
        if index == 0 or row.place != rows[index - 1].place:
            place = index + 1
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
    """Return the athletes who finished within the limits, by medal and race. Races without a finisher are left out."""
    finished: dict[str, list[str]] = {}
    open_cases: set[str] = set()
    for row in rows:
        if row.status == "FINISHED" and not row.gone:
            finished.setdefault(row.race, []).append(row.bib)
            if CASE in public_flags(row):
                open_cases.add(row.bib)
    return [
        MedalList(
            medal=medal.id,
            article=medal.article,
            what=medal.what,
            race=race.id,
            bibs=sorted(finished[race.id], key=bib_order),
            open_cases=sorted(open_cases.intersection(finished[race.id]), key=bib_order),
        )
        for medal in definition.medals
        for race in definition.races
        if (not medal.races or race.id in medal.races) and race.id in finished
    ]


def title_list(
    definition: Definition, rows: Iterable[AthleteRow], orders: Sequence[JudgesOrder] = ()
) -> list[TitleEarned]:
    """Return the athletes within the time or the places of each title, in the order of the definition, the best first.

    `orders` are the judges' orders of the event; they decide ties of titles by place.
    """
    finishers = [row for row in rows if row.status == "FINISHED" and not row.gone]
    basis = Basis(definition, None, finishers)
    earned = {title.id: earned_title(definition, title, finishers, orders) for title in definition.titles}
    above = {title.id: title.below for title in definition.titles}
    titles: list[TitleEarned] = []
    for title in definition.titles:
        higher = {bib for name in _chain(above, title.id) for bib in earned[name]}
        for bib, (place, time_s) in earned[title.id].items():
            if bib not in higher:
                titles.append(
                    TitleEarned(
                        title=title.id,
                        article=title.article,
                        name=title.name,
                        bib=bib,
                        time_s=time_s,
                        within_s=title.within_s,
                        place=place,
                        flags=basis.flags([bib]),
                        why=basis.of_athlete(bib),
                    )
                )
    return titles


def _chain(above: dict[str, str | None], title: str) -> Iterator[str]:
    """Yield the titles above one. None is above itself, since each is harder than the one below."""
    higher = above[title]
    while higher is not None:
        yield higher
        higher = above[higher]
