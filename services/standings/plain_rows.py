"""Results and standings as plain objects, in the form and the order of the standings document.

The command, live and publications share this form, so that comparing two of them compares values.
Source: R5.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from schemas.results import AthleteRow, Case
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.teams import TeamRow

Plain = dict[str, Any]


def plain_athlete(row: AthleteRow) -> Plain:
    """Return an athlete's result. Adjustments of 0 are left out, so that hashes of older results stay."""
    adjustments = {name: value for name in AthleteRow.ADJUSTMENTS if (value := getattr(row, name))}
    return {
        "bib": row.bib,
        "race": row.race,
        "status": row.status,
        "gun_us": row.gun_us,
        "chip_us": row.chip_us,
        "time_s": row.time_s,
        **adjustments,
        "cut_at": row.cut_at,
        "missed": row.missed,
        "flags": row.flags,
        "points": [{"point": p.point, "at_us": p.at_us, "source": p.source} for p in row.points],
    }


def plain_boards(boards: Mapping[str, Sequence[BoardRow]]) -> dict[str, list[Plain]]:
    """Return boards by id."""
    return {name: [msgspec.structs.asdict(row) for row in rows] for name, rows in boards.items()}


def plain_teams(boards: Mapping[str, Sequence[TeamRow]]) -> dict[str, list[Plain]]:
    """Return team boards by id."""
    plain: dict[str, list[Plain]] = msgspec.to_builtins(boards)
    return plain


def plain_delegations(boards: Mapping[str, Sequence[DelegationRow]]) -> dict[str, list[Plain]]:
    """Return delegations by id."""
    plain: dict[str, list[Plain]] = msgspec.to_builtins(boards)
    return plain


def plain_case(case: Case) -> Plain:
    """Return a case, open or decided."""
    return {"case": case.case, "bib": case.bib, "race": case.race, "open": case.open}
