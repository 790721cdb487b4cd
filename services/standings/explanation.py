"""An explanation as a document: why an athlete has the time and the place that he has, as of a revision.

The same of a log (`matline explain`) and over HTTP, where `public` takes out what is the officials' alone.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from schemas.definition import Definition
from schemas.ids import bib_order
from schemas.results import AthleteRow
from services.scoring.core.explain.build import Explanation
from services.standings.boards import boards_around, orders_of
from services.standings.document import Scored
from services.standings.explain_place import PlaceWhy, place_why


class Explained(NamedTuple):
    """An explanation with the places, at a revision: the log's offset, or the number of lines.

    `behind`: at an older one than was asked for, since what came after it cannot be told yet.
    """

    revision: int
    explanation: Explanation
    places: list[PlaceWhy]
    behind: bool = False


def places(made: Scored, athlete: AthleteRow) -> list[PlaceWhy]:
    """His place on every board of his race, with why; also of boards that he is not on."""
    if made.definition is None or made.event is None or athlete.gone:
        return []
    orders = orders_of(made.event.orders, athlete.race)
    boards = made.standings.boards
    return [
        place_why(made.definition, board, athlete, boards[board], boards[root], orders)
        for board, root in boards_of_race(made.definition, athlete.race)
    ]


def boards_of_race(definition: Definition, race: str) -> list[tuple[str, str]]:
    """The boards of a race, each with the outermost board around it."""
    return [(board.id, boards_around(definition, board)[-1].id) for board in definition.boards if board.race == race]


def document(explained: Explained) -> dict[str, Any]:
    """As plain objects, what is asked first at the top."""
    why: dict[str, Any] = msgspec.to_builtins(explained.explanation)
    listed = msgspec.to_builtins(explained.places)
    head = {name: why.pop(name) for name in ("event", "bib")}
    lists = {name: why.pop(name) for name in ("passings", "unused", "reads", "reads_left_out", "chips", "facts")}
    return {**head, "revision": explained.revision, **why, "places": listed, **lists}


def public(explained: Explained) -> Explained:
    """Without who decided and why, and without reads that officials excluded. Source: docs/http.md."""
    why = explained.explanation
    seen = msgspec.structs.replace(
        why,
        facts=[
            msgspec.structs.replace(fact, by=None, reason=None, rule=None)
            for fact in why.facts
            if not fact.officials_only
        ],
        reads=[read for read in why.reads if read.reason != "excluded"],
        unused={reason: count for reason, count in why.unused.items() if reason != "excluded"},
    )
    return explained._replace(explanation=seen)


def bibs_near(bib: str, bibs: Iterable[str], most: int) -> list[str]:
    """Bibs that may be meant by one that is not there: nearest by letters and digits, then by number."""
    known = sorted(bibs, key=bib_order)
    near = get_close_matches(bib, known, n=most, cutoff=0.5)
    if bib.isascii() and bib.isdigit():
        numbers = [one for one in known if one.isascii() and one.isdigit()]
        near += sorted(numbers, key=lambda one: (abs(int(one) - int(bib)), bib_order(one)))
    return list(dict.fromkeys(near))[:most]
