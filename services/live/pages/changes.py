"""The differences between two revisions of an event, and the facts between them. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from schemas.results import AthleteRow
from services.live.feed.board_line import shown_names
from services.live.public_facts import public_fact
from services.live.ranking import Placed, Ranking
from services.live.table_rows import AnnouncedRevision, LoggedLine
from services.standings.plain_rows import plain_athlete

CHANGES_A_PAGE = 1_000  # athletes, rows of each board, and facts


class ChangesData(Struct, frozen=True, kw_only=True):
    """The data from which an answer about changes is built.

    `bibs` are the athletes of the page with a new version, with their results `before` and `after`; `boards` are the
    rankings before and after of boards that changed; `offset` is how many rows of each earlier pages had. `more`: a
    later page has bibs or facts.
    """

    since: AnnouncedRevision
    until: AnnouncedRevision
    bibs: Sequence[str]
    before: Mapping[str, AthleteRow]
    after: Mapping[str, AthleteRow]
    boards: Mapping[str, tuple[Ranking, Ranking]]
    facts: Sequence[LoggedLine]
    offset: int
    more: bool


def build_changes(data: ChangesData, official: bool) -> dict[str, Any]:
    """Return the differences and the facts; an official sees all facts, and each whole."""
    results = [(bib, _result(data.before.get(bib)), _result(data.after.get(bib))) for bib in data.bibs]
    boards = {name: _changed_rows(before, after, data.offset) for name, (before, after) in data.boards.items()}
    facts = [public_fact(line, official) for line in data.facts]
    return {
        "event": data.until.event,
        "from": data.since.revision,
        "to": data.until.revision,
        "revision": data.until.revision,
        "athletes": [
            {"bib": bib, "before": before, "after": after} for bib, before, after in results if before != after
        ],
        "boards": {name: rows for name, rows in boards.items() if rows["total"]},
        "facts": [fact for fact in facts if fact is not None],
        "offset": data.offset,
        "more": data.more or any(rows["total"] > data.offset + CHANGES_A_PAGE for rows in boards.values()),
    }


def _result(row: AthleteRow | None) -> dict[str, Any] | None:
    """Return a result in the form of the standings document. Source: R5."""
    if row is None or row.gone:
        return None
    plain = plain_athlete(row)
    del plain["bib"]  # it stands beside the result
    return {**plain, "name": shown_names(row).name}


def _changed_rows(before: Ranking, after: Ranking, offset: int) -> dict[str, Any]:
    """Return a page of the rows of a board that differ, also by place alone, in the order of the later revision."""
    bibs = [line.bib for line in after.lines if before.line(line.bib) != line]
    bibs += [line.bib for line in before.lines if line.bib not in after.index]
    rows = [
        {"bib": bib, "before": _plain_line(before.line(bib)), "after": _plain_line(after.line(bib))}
        for bib in bibs[offset : offset + CHANGES_A_PAGE]
    ]
    return {"total": len(bibs), "rows": rows}


def _plain_line(line: Placed | None) -> dict[str, Any] | None:
    if line is None:
        return None
    return {"place": line.place, "time_s": line.time_s, "gun_us": line.gun_us, "chip_us": line.chip_us}
