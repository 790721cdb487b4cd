"""Start list, finisher medals and prizes as tables. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from schemas.definition import Board, Definition, Delegation, TeamBoard
from schemas.ids import bib_order
from schemas.named import in_language
from schemas.results import AthleteRow
from services.offline.export.result_tables import PERSON, Cell, Duration, Table, flags_cell, person, table
from services.standings.document import Scored
from services.standings.event_index import age_group, event_index, title
from services.standings.office.prizes import Award, TitleEarned, medal_list, prize_list, title_list


def start_lists(made: Scored, language: str | None = None) -> list[Table]:
    """Return a list for each race: by wave, in the definition's order if it gives one, then by bib."""
    view = None if made.event is None else event_index(made.event)
    if view is None:
        return []
    columns = ["wave", *PERSON, "age_group", "division", "ranked"]
    tables = []
    for race in view.races.values():
        order = next((waves.order for waves in view.definition.waves if race.id in waves.races), [])
        own = [row for row in made.athletes if row.race == race.id and row.entry is not None]
        own.sort(key=lambda row: (_wave_order(row, order), bib_order(row.bib)))
        rows: list[list[Cell]] = [
            [
                row.entry.wave or None,
                *person(row),
                age_group(view, row),
                row.entry.division or None,
                "yes" if row.entry.ranked else "no",
            ]
            for row in own
            if row.entry is not None
        ]
        tables.append(table(race.id, in_language(race.name, language), columns, rows))
    return tables


def _wave_order(row: AthleteRow, order: Sequence[str]) -> tuple[int, str]:
    """Return the order of waves: those that the definition orders first, others by name, entries without one last."""
    wave = "" if row.entry is None or row.entry.wave is None else row.entry.wave
    if not wave:
        return len(order) + 1, ""
    return (order.index(wave), "") if wave in order else (len(order), wave)


def medal_table(made: Scored, language: str | None = None) -> list[Table]:
    """Return the athletes who get a medal for finishing within the limits, by race and bib."""
    if made.definition is None:
        return []
    athletes = {row.bib: row for row in made.with_all_cases()}
    races = {race.id: in_language(race.name, language) for race in made.definition.races}
    rows: list[list[Cell]] = [
        [medal.race, races[medal.race], medal.what, *person(athletes[bib]), medal.article, flags_cell(athletes[bib])]
        for medal in medal_list(made.definition, made.with_all_cases())
        for bib in medal.bibs
    ]
    return [table("medals", "Medals", ["race", "race_name", "medal", *PERSON, "article", "flags"], rows)]


def prize_tables(made: Scored, language: str | None = None) -> list[Table]:
    """Return the prizes, overall and by category, and the titles by time. Athletes move up only if the definition
    says so.
    """
    definition = made.definition
    if definition is None:
        return []
    athletes = {row.bib: row for row in made.with_all_cases()}
    columns = ["prize", "list", "place", "shared", *PERSON, "members", "article", "flags", "why"]
    titles = ["title", *PERSON, "time", "within", "article", "flags", "why", "place"]
    earned: list[list[Cell]] = [
        [
            title.name,
            *person(athletes[title.bib]),
            Duration(title.time_s),
            None if title.within_s is None else Duration(title.within_s),
            title.article,
            *_rests_on(title),
            title.place,
        ]
        for title in title_list(definition, made.with_all_cases(), [] if made.event is None else made.event.orders)
    ]
    return [
        table("prizes", "Prizes", columns, _prizes(definition, made, athletes, language)),
        table("titles", "Titles", titles, earned),
    ]


def _prizes(
    definition: Definition, made: Scored, athletes: Mapping[str, AthleteRow], language: str | None
) -> Iterator[list[Cell]]:
    ranked: list[Board | TeamBoard | Delegation] = [
        *definition.boards,
        *definition.team_boards,
        *definition.delegations,
    ]
    named = {board.id: title(board, language) for board in ranked}
    for award in prize_list(definition, made.standings, made.with_all_cases()):
        team: list[Cell] = [*([None] * (len(PERSON) - 1)), award.team]
        who = team if award.bib is None else person(athletes[award.bib])
        members = "; ".join(f"{bib} {person(athletes[bib])[1]}" for bib in award.members)
        yield [
            award.what,
            named[award.on],
            award.place,
            "yes" if award.shared else "no",
            *who,
            members or None,
            award.article,
            *_rests_on(award),
        ]


def _rests_on(earned: Award | TitleEarned) -> list[Cell]:
    """Return the flags of what was earned, and why in words."""
    return [" ".join(earned.flags) or None, "; ".join(earned.why) or None]
