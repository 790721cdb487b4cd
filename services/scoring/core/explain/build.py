"""Explain an athlete's result: reads, points, times, status, and the facts that affect them.

Nothing is decided here a second time: `athlete.examine` takes the steps of scoring, and this puts them in words.
"""

from typing import NamedTuple

from schemas.definition import Definition
from schemas.names import public_name
from schemas.results import AthleteRow
from services.formatting.times import LocalClock
from services.scoring.core.athlete import Examined, examine, result
from services.scoring.core.device_places import DevicePlacement
from services.scoring.core.explain.evidence import Evidence
from services.scoring.core.explain.explain_points import passing_whys, point_why
from services.scoring.core.explain.explain_reads import chip_whys, read_whys
from services.scoring.core.explain.explain_status import case_whys, status_whys
from services.scoring.core.explain.explain_times import time_steps
from services.scoring.core.explain.model import Explanation
from services.scoring.core.explain.relevant_facts import Subject, facts_on


class ExplainedRow(NamedTuple):
    """An explanation, and the row that it explains: the same row that scoring publishes."""

    explanation: Explanation
    row: AthleteRow


def explain(evidence: Evidence) -> ExplainedRow:
    """Return the explanation of an athlete's result. An entry must have named the bib (`EventState.was_entered`)."""
    rulings, bib = evidence.rulings, evidence.bib
    places = evidence.devices.places(rulings)
    examined = examine(rulings, places, evidence.chips, bib, evidence.worn)
    row = result(evidence.event, rulings, bib, examined, evidence.version)
    clock = LocalClock(rulings.definition)
    path = "" if examined is None else race_path(rulings.definition, row.race)
    reads, reads_left_out = read_whys(evidence, places, examined, clock, path)
    subject = Subject(bib, row.race or None, frozenset(evidence.worn), _devices(evidence, places), evidence.sharing)
    explanation = Explanation(
        event=evidence.event,
        bib=bib,
        name=bib if row.hidden or row.entry is None else public_name(row),
        hidden=row.hidden,
        race=row.race or None,
        version=row.version,
        gone=_gone(row, examined),
        status=None if examined is None else row.status,
        gun_us=row.gun_us,
        chip_us=row.chip_us,
        time_s=row.time_s,
        cut_at=row.cut_at,
        missed=row.missed,
        flags=row.flags,
        why=[] if examined is None else status_whys(examined, clock),
        times=[] if examined is None else time_steps(examined, clock, path),
        points=[]
        if examined is None
        else [
            point_why(examined, evidence, places, clock, path, index) for index in range(len(examined.course.points))
        ],
        cases=[] if examined is None else case_whys(examined, clock),
        passings=[] if examined is None else passing_whys(examined),
        unused=row.unused,
        reads=reads,
        reads_left_out=reads_left_out,
        chips=chip_whys(evidence),
        facts=facts_on(rulings, evidence.logged, evidence.ids, evidence.is_withdrawn, subject),
    )
    return ExplainedRow(explanation, row)


def race_path(definition: Definition | None, race: str) -> str:
    """Return the path of a race in the definition."""
    if definition is None:
        raise AssertionError(f"race {race} without a definition")
    return f"races[{next(index for index, defined in enumerate(definition.races) if defined.id == race)}]"


def _gone(row: AthleteRow, examined: Examined | None) -> str | None:
    if examined is not None:
        return None
    if not row.race:
        return f"every entry of bib {row.bib} was withdrawn"
    return f"the entry of bib {row.bib} names race {row.race!r}, which is not defined"


def _devices(evidence: Evidence, places: DevicePlacement) -> frozenset[str]:
    """Return the devices that ever read a chip that the bib ever wore."""
    numbers = {number for chip in evidence.worn if chip in evidence.chips for number in evidence.chips[chip].device}
    return frozenset(places.name(number) for number in numbers)
