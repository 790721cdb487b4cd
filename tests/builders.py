"""Facts with defaults, as plain objects in the shape of R1 and R2, and the ways from them to lines and standings.

Times are seconds after the scheduled start of the example race, as decimals in a text or a number (`1.5`, `"0.000001"`,
`hms("2:09:44.3")`): exact, and short enough to work a test out by hand. Everything here is made up.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import msgspec

from schemas.codec import fact_from_json
from schemas.events import Entry, Fact
from schemas.results import AthleteRow, Status
from services.offline.scored_log import score_lines

EVENT = "example-2026"
START_US = 1_767_477_600_000_000  # 2026-01-04T05:00:00 in Viet Nam: 2026-01-03T22:00:00Z
US = 1_000_000

Plain = dict[str, Any]
Seconds = int | float | str | Fraction
ON_10K = 2000  # the usual passings of `run`, all believable at 7.5 m/s: 10 km take 1,334 s at least
AT_FINISH = 4000


def us(seconds: Seconds) -> int:
    """Whole microseconds of a duration in seconds; 1.1 is taken as the decimal that it spells."""
    value = Fraction(str(seconds)) * US
    assert value.denominator == 1, seconds
    return int(value)


def at(seconds: Seconds) -> int:
    """The instant this many seconds after the scheduled start."""
    return START_US + us(seconds)


def hms(text: str) -> Fraction:
    """Seconds of `h:mm:ss`, with decimals if need be."""
    hours, minutes, seconds = text.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)


# --- A definition: a half marathon with one mat on the way, each with a backup device.


def point(id: str, mat: str | None = None, km: float = 0, **more: Any) -> Plain:
    """A point of a course; its mat has the point's name in lower case unless `mat` is given."""
    return {"id": id, "mat": mat or id.lower(), "km": km, **more}


def course(**changes: Plain) -> list[Plain]:
    """START, 10K and FINISH of the half marathon; `FINISH={"cutoff": ...}` adds to a point, `K10` names 10K."""
    return [
        {**point("START", km=0), **changes.get("START", {})},
        {**point("10K", km=10), **changes.get("K10", {})},
        {**point("FINISH", km=21.0975), **changes.get("FINISH", {})},
    ]


def race(id: str = "hm", **more: Any) -> Plain:
    """The half marathon."""
    return {"id": id, "name": "Half marathon", "start": "2026-01-04T05:00:00", "points": course(), **more}


def mat(id: str, *devices: str, backup: Iterable[str] = ()) -> Plain:
    """A mat with its devices."""
    return {"id": id, "devices": list(devices), **({"backup_devices": list(backup)} if backup else {})}


def mats(*more: Plain) -> list[Plain]:
    """The mats start (S1), 10k (K1) and finish (F1) with backup devices SB, KB, FB, and further ones."""
    return [
        mat("start", "S1", backup=["SB"]),
        mat("10k", "K1", backup=["KB"]),
        mat("finish", "F1", backup=["FB"]),
        *more,
    ]


def board(id: str = "men", race: str = "hm", **more: Any) -> Plain:
    """A board; without `more` it ranks everybody in the race by gun time."""
    return {"id": id, "race": race, **more}


def definition(**more: Any) -> Plain:
    """The example's definition: one race `hm`, boards `men` and `women`; `more` replaces keys."""
    plain: Plain = {
        "event": EVENT,
        "name": "Example Half Marathon",
        "date": "2026-01-04",
        "timezone": "Asia/Ho_Chi_Minh",
        "mats": mats(),
        "races": [race()],
        "boards": [board("men", gender="M"), board("women", gender="F")],
    }
    return {**plain, **more}


def half(**more: Any) -> Plain:
    """`definition` with these keys in its one race: `half(missing_mat="review")`."""
    return definition(races=[race(**more)])


# --- Facts.


def fact(type: str, **fields: Any) -> Plain:
    """Any fact of the example event: `fact("status_set", bib="7", status="DQ", reason="short cut")`."""
    return {"type": type, "event": EVENT, **fields}


def defined(plain: Plain | None = None, **more: Any) -> Plain:
    """`event_defined`."""
    plain = definition() if plain is None else plain
    return {**fact("event_defined", definition=plain, **more), "event": plain["event"]}


def entry(
    bib: str = "7", chips: Iterable[str] | None = None, race: str = "hm", gender: str = "M", **more: Any
) -> Plain:
    """An entry; without `chips`, bib 7 wears chip C7."""
    names = {"given_name": "Runner", "family_name": f"No {bib}"}
    worn = [f"C{bib}"] if chips is None else list(chips)
    return {"bib": bib, "chips": worn, "race": race, "gender": gender, **names, **more}


def entries(*entered: Plain | str, **more: Any) -> Plain:
    """`entries_added` of entries, or of bibs with default entries."""
    return fact("entries_added", entries=[entry(item) if isinstance(item, str) else item for item in entered], **more)


def entry_withdrawn(bib: str = "7", **more: Any) -> Plain:
    """`entry_withdrawn`."""
    return fact("entry_withdrawn", bib=bib, reason="ill", **more)


def gun(at_s: Seconds = 0, race: str = "hm", wave: str | None = None, **more: Any) -> Plain:
    """`gun_fired`."""
    return fact("gun_fired", race=race, at_us=at(at_s), **({} if wave is None else {"wave": wave}), **more)


def read(device: str, chip: str, at_s: Seconds, **more: Any) -> Plain:
    """One read within `reads`."""
    return {"seq": 0, "device": device, "chip": chip, "at_us": at(at_s), **more}


def reads(*unnumbered: Plain, gateway: str = "van", session: str = "1", **more: Any) -> Plain:
    """`reads_received`, the reads numbered from 1."""
    numbered = [{**plain, "seq": number} for number, plain in enumerate(unnumbered, start=1)]
    return fact("reads_received", gateway=gateway, session=session, reads=numbered, **more)


def run(
    bib: str = "7",
    start: Seconds | None = 1,
    k10: Seconds | None = ON_10K,
    finish: Seconds | None = AT_FINISH,
) -> Plain:
    """An athlete's reads at the half marathon's mats; None: they were not read there."""
    passed = {"S1": start, "K1": k10, "F1": finish}
    return reads(*(read(device, f"C{bib}", at_s) for device, at_s in passed.items() if at_s is not None))


def status(
    bib: str = "7", status: str = "DQ", reason: str = "judges", at_s: Seconds | None = None, **more: Any
) -> Plain:
    """`status_set`."""
    return fact("status_set", bib=bib, status=status, reason=reason, **_instants(at_us=at_s), **more)


def time_set(bib: str, point: str, at_s: Seconds | None, **more: Any) -> Plain:
    """`time_set`; None takes the time back."""
    return fact("time_set", bib=bib, point=point, at_us=None if at_s is None else at(at_s), reason="judges", **more)


def decided(case: str, outcome: str, **more: Any) -> Plain:
    """`case_decided`."""
    return fact("case_decided", case=case, outcome=outcome, reason="jury", **more)


def clock(
    device: str, offset_s: Seconds, from_s: Seconds | None = None, until_s: Seconds | None = None, **more: Any
) -> Plain:
    """`clock_corrected`; the interval by the device's own clock."""
    interval = _instants(from_us=from_s, until_us=until_s)
    return fact("clock_corrected", device=device, offset_us=us(offset_s), **interval, **more)


def device(name: str, mat: str, from_s: Seconds | None = None, until_s: Seconds | None = None, **more: Any) -> Plain:
    """`device_assigned`."""
    return fact("device_assigned", device=name, mat=mat, **_instants(from_us=from_s, until_us=until_s), **more)


def chip(name: str, bib: str, from_s: Seconds | None = None, until_s: Seconds | None = None, **more: Any) -> Plain:
    """`chip_assigned`."""
    return fact("chip_assigned", chip=name, bib=bib, **_instants(from_us=from_s, until_us=until_s), **more)


def excluded(device: str, chip: str, at_s: Seconds, **more: Any) -> Plain:
    """`read_excluded`, by the device's own time."""
    return fact("read_excluded", device=device, chip=chip, at_us=at(at_s), reason="chip of another", **more)


def order(*bibs: str, race: str = "hm", **more: Any) -> Plain:
    """`order_set`."""
    return fact("order_set", race=race, bibs=list(bibs), reason="photo finish", **more)


def waived(
    point: str, from_s: Seconds | None = None, until_s: Seconds | None = None, race: str = "hm", **more: Any
) -> Plain:
    """`point_waived`."""
    interval = _instants(from_us=from_s, until_us=until_s)
    return fact("point_waived", race=race, point=point, **interval, **{"reason": "the mat was dead", **more})


def closed(race: str = "hm", at_s: Seconds | None = None, **more: Any) -> Plain:
    """`race_closed`; a finish after `at_s` is for the jury."""
    return fact("race_closed", race=race, **_instants(at_us=at_s), **more)


def reopened(race: str = "hm", **more: Any) -> Plain:
    """`race_reopened`."""
    return fact("race_reopened", race=race, **more)


def withdrawn(fact_id: str, **more: Any) -> Plain:
    """`fact_withdrawn` of the fact with this id."""
    return fact("fact_withdrawn", fact=fact_id, reason="entered in error", **more)


def _instants(**seconds: Seconds | None) -> dict[str, int]:
    return {name: at(value) for name, value in seconds.items() if value is not None}


# --- From facts to lines, types and standings.


def line(fact: Plain) -> bytes:
    """A fact as a line of a log."""
    return msgspec.json.encode(fact) + b"\n"


def log(*facts: Plain) -> list[bytes]:
    """The lines of a log."""
    return [line(fact) for fact in facts]


def typed(fact: Plain) -> Fact:
    """A fact as the services hold it."""
    return fact_from_json(line(fact))


def day(
    *facts: Plain, definition: Plain | None = None, bibs: Iterable[str | Plain] = ("7",), gun_s: Seconds = 0
) -> list[Plain]:
    """A whole log: the definition, entries of `bibs` (bibs or entries), the gun of race `hm`, then `facts`."""
    return [defined(definition), entries(*bibs), gun(gun_s), *facts]


def scored(
    *facts: Plain, definition: Plain | None = None, bibs: Iterable[str | Plain] = ("7",), gun_s: Seconds = 0
) -> Plain:
    """The standings document of such a `day`."""
    return document(*day(*facts, definition=definition, bibs=bibs, gun_s=gun_s))


def document(*facts: Plain) -> Plain:
    """The standings document of exactly these facts, through the code of `matline score`."""
    return score_lines(log(*facts))


def athlete(document: Mapping[str, Any], bib: str = "7") -> Plain:
    """An athlete of a standings document."""
    return next(athlete for athlete in document["athletes"] if athlete["bib"] == bib)


def passed(document: Mapping[str, Any], bib: str = "7") -> dict[str, int]:
    """The instants of an athlete's points, in microseconds after the scheduled start."""
    return {point["point"]: point["at_us"] - START_US for point in athlete(document, bib)["points"]}


def places(document: Mapping[str, Any], board: str = "men") -> list[tuple[int, str]]:
    """A board's places and bibs."""
    return [(row["place"], row["bib"]) for row in document["boards"][board]]


# --- Results as the standings take them, without a log.


def result(
    bib: str,
    gun_s: Seconds | None = None,
    chip_s: Seconds | None = None,
    status: Status = "FINISHED",
    race: str = "hm",
    first_entry: int = 0,
    **more: Any,
) -> AthleteRow:
    """A result; a finisher's chip time is the gun time unless it is given. `more` goes into the entry."""
    gun_us = None if gun_s is None else us(gun_s)
    chip_us = gun_us if chip_s is None else us(chip_s)
    entered = msgspec.convert(entry(bib, race=race, **more), Entry)
    row: dict[str, Any] = {"gun_us": gun_us, "chip_us": chip_us, "entry": entered, "first_entry": first_entry}
    return AthleteRow(event=EVENT, bib=bib, version=0, race=race, **row, status=status)


def team(
    name: str, *members: tuple[str, Seconds | None] | tuple[str, Seconds | None, Status], first: int = 0
) -> list[AthleteRow]:
    """A team's results, in the order of their entries: `("7", 4000)` finished, `("8", None, "DNF")` did not."""
    rows = []
    for number, (bib, gun_s, *status) in enumerate(members):
        ruled = status[0] if status else "FINISHED"
        rows.append(result(bib, gun_s, status=ruled, team=name, first_entry=first + number))
    return rows
