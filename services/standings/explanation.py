"""The document that explains an athlete's time and places at a revision.

It is the same for a log (`matline explain`) and over HTTP, where `public` removes the parts that are for officials.
"""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from schemas.definition import Definition
from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.scoring.core.explain.model import Explanation
from services.standings.boards import boards_around, orders_of
from services.standings.document import Scored
from services.standings.explain_place import PlaceWhy, place_why
from services.standings.explain_together import TogetherWhy, together_whys

NUMBERS_NEAR = 20  # between bibs that may be mistaken for each other


class ExplainedResult(NamedTuple):
    """An athlete's explanation with the places, at a revision: the log's offset, or the number of lines.

    `behind`: the revision is older than the one asked for, because later ones cannot be explained yet. `together` are
    the cases that the athlete shares with others.
    """

    revision: int
    explanation: Explanation
    places: list[PlaceWhy]
    behind: bool = False
    together: Sequence[TogetherWhy] = ()


def places(made: Scored, athlete: AthleteRow) -> list[PlaceWhy]:
    """Return an athlete's place, with the reason, on every board of the race, even if they are not on it."""
    if made.definition is None or made.event is None or athlete.gone:
        return []
    orders = orders_of(made.event.orders, athlete.race)
    boards = made.standings.boards
    return [
        place_why(made.definition, board, athlete, boards[board], boards[root], orders)
        for board, root in boards_of_race(made.definition, athlete.race)
    ]


def shared_cases(made: Scored, athlete: AthleteRow, decisions: Mapping[str, str]) -> list[TogetherWhy]:
    """Return the cases that an athlete shares with another, with the evidence; `decisions` are the outcomes by case."""
    if made.definition is None or athlete.gone or not made.standings.together:
        return []
    others = {row.bib: row for row in made.athletes}
    return together_whys(made.definition, athlete, made.standings.together, others, decisions)


def boards_of_race(definition: Definition, race: str) -> list[tuple[str, str]]:
    """Return the boards of a race, each with the outermost board around it."""
    return [(board.id, boards_around(definition, board)[-1].id) for board in definition.boards if board.race == race]


def document(explained: ExplainedResult) -> dict[str, Any]:
    """Return an explanation as plain objects, the most requested first."""
    why: dict[str, Any] = msgspec.to_builtins(explained.explanation)
    listed = msgspec.to_builtins(explained.places)
    why["cases"] += msgspec.to_builtins(list(explained.together))
    head = {name: why.pop(name) for name in ("event", "bib")}
    lists = {name: why.pop(name) for name in ("passings", "unused", "reads", "reads_left_out", "chips", "facts")}
    return {**head, "revision": explained.revision, **why, "places": listed, **lists}


def public(explained: ExplainedResult) -> ExplainedResult:
    """Return an explanation without officials' names and reasons, and without excluded reads. Source: docs/http.md."""
    why = explained.explanation
    shown = msgspec.structs.replace(
        why,
        facts=[
            msgspec.structs.replace(fact, by=None, reason=None, rule=None)
            for fact in why.facts
            if not fact.officials_only
        ],
        points=[
            msgspec.structs.replace(
                point,
                waivers=[msgspec.structs.replace(waiver, by=None, reason=None) for waiver in point.waivers],
            )
            for point in why.points
        ],
        reads=[read for read in why.reads if read.reason != "excluded"],
        unused={reason: count for reason, count in why.unused.items() if reason != "excluded"},
    )
    return explained._replace(explanation=shown)


def bibs_near(bib: str, bibs: Iterable[str], most: int) -> list[str]:
    """Return known bibs that an unknown one may stand for: the nearest by spelling, then by number.

    Of numbers only those within NUMBERS_NEAR are near.
    """
    known = sorted(bibs, key=bib_order)
    near = get_close_matches(bib, known, n=most, cutoff=0.5)
    if bib.isascii() and bib.isdigit():
        numbers = [other for other in known if other.isascii() and other.isdigit()]
        apart = {other: abs(int(other) - int(bib)) for other in numbers}
        near += sorted((other for other in numbers if apart[other] <= NUMBERS_NEAR), key=lambda other: apart[other])
    return list(dict.fromkeys(near))[:most]
