"""An athlete's page as its template shows it: result, places, splits, pace, and why. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from schemas.ids import US
from schemas.results import printed_s
from services.formatting.times import format_exact, format_gap, format_hms
from services.live.web.addresses import (
    PageQuery,
    athlete_address,
    compare_address,
    event_address,
    events_address,
    in_language,
    kept,
)
from services.live.web.charts import GapChart, PaceChart, Segment, gap_chart, pace_chart
from services.live.web.clock_words import exact_time_of_day, time_of_day
from services.live.web.words import WORDS, point_label
from services.standings.result_flags import ADJUSTED

COMPARED_MAX = 4
RANK_COLUMNS = 4  # boards whose ranks the table of splits has

Words = Mapping[str, str]
Document = Mapping[str, Any]
"""An answer of the API as `services/live/pages` builds it."""


class SplitLine(NamedTuple):
    """A point of the course that an athlete took; `ranks` are those on the boards of the table, empty without one."""

    name: str
    clock: str
    gun_time: str | None
    chip_time: str | None
    pace: str | None
    ranks: Sequence[str]
    source: str


class AthletePage(Struct, frozen=True, kw_only=True):
    """What the template of an athlete's page shows. Texts are in the language of the page.

    `facts` and `places` are pairs of a label and a text, `notes` of a flag and its meaning. `compared` is what the
    field of a comparison holds.
    """

    title: str
    description: str
    event: str
    bibs: str
    event_name: str
    home: str
    race_href: str
    language_href: str
    updated: str
    bib: str
    name: str
    race: str
    facts: Sequence[tuple[str, str]]
    other_time: str | None
    places: Sequence[tuple[str, str]]
    notes: Sequence[tuple[str, str]]
    gun_is_official: bool
    rank_titles: Sequence[str]
    splits: Sequence[SplitLine]
    chart: PaceChart | None
    why: Sequence[str]
    compare_action: str
    kept: Sequence[tuple[str, str]]


class ComparedAthlete(NamedTuple):
    """A column of a comparison; `cells` are the time and the gap to the first at each point, both empty without one.

    `adjusted` is what officials added to the result, which times at points do not have.
    """

    bib: str
    name: str
    href: str
    result: str
    adjusted: str
    place: str
    cells: Sequence[tuple[str, str]]


class ComparePage(Struct, frozen=True, kw_only=True):
    """What the template of a comparison shows; `missing` are bibs that the event does not have."""

    title: str
    description: str
    event: str
    event_name: str
    home: str
    event_href: str
    language_href: str
    bibs: str
    missing: Sequence[str]
    points: Sequence[str]
    athletes: Sequence[ComparedAthlete]
    chart: GapChart | None
    most: str
    action: str
    kept: Sequence[tuple[str, str]]


def athlete_page(event: Document, athlete: Document, query: PageQuery, language: str) -> AthletePage:
    """Return an athlete's page."""
    words = WORDS[language]
    race = next(known for known in event["races"] if known["race"] == athlete["race"])
    boards = athlete["boards"][:RANK_COLUMNS]
    return AthletePage(
        title=athlete_title(event, athlete),
        description=athlete_description(athlete, words),
        event=event["event"],
        bibs=athlete["bib"],
        event_name=event["name"],
        home=events_address(query),
        race_href=event_address(event["event"], replace(kept(query), race=race["race"])),
        language_href=athlete_address(event["event"], athlete["bib"], in_language(query, words["otherLang"])),
        updated=f"{words['updated']} {time_of_day(event['updated_at'], event['timezone'])}",
        bib=athlete["bib"],
        name=athlete["name"],
        race=athlete["race_name"],
        facts=[(label, text) for label, text in _facts(event, race, athlete, words) if text],
        other_time=_other_time(race, athlete, words),
        places=[(board["title"], _place_now(athlete, board, words)) for board in athlete["boards"]],
        notes=list(_notes(race, athlete, words)),
        gun_is_official=race["official_time"] == "gun",
        rank_titles=[board["title"] for board in boards],
        splits=[
            SplitLine(
                name=point_label(point["name"], words),
                clock=time_of_day(point["at"], event["timezone"]),
                gun_time=point["gun_time"],
                chip_time=point["chip_time"],
                pace=point["segment_pace"],
                ranks=[_rank(race, point, board) for board in boards],
                source=words[point["source"]],
            )
            for point in athlete["points"]
        ],
        chart=pace_chart(list(_segments(athlete))),
        why=list(_why(event, race, athlete, words)),
        compare_action=compare_address(event["event"], PageQuery()),
        kept=_kept(query),
    )


def compare_page(
    event: Document, athletes: Sequence[Document], missing: Sequence[str], query: PageQuery, language: str
) -> ComparePage:
    """Return a comparison of athletes at the points that any of them took, in the order of the course."""
    words = WORDS[language]
    races = {race["race"]: race for race in event["races"]}
    times = [_times(races[athlete["race"]], athlete) for athlete in athletes]
    points = {
        point["point"]: point
        for race in dict.fromkeys(athlete["race"] for athlete in athletes)
        for point in races[race]["points"]
        if any(point["point"] in own for own in times)
    }
    first_us = {name: min(own[name] for own in times if name in own) for name in points}
    columns = [
        ComparedAthlete(
            bib=athlete["bib"],
            name=athlete["name"],
            href=athlete_address(event["event"], athlete["bib"], query),
            result=athlete["time"] or words[athlete["status"]],
            adjusted=", ".join(_seconds(athlete[field]) for field in ADJUSTED.values() if athlete[field]),
            place=next((_place_now(athlete, board, words) for board in athlete["boards"][:1]), "–"),
            cells=[_compared(own.get(name), first_us[name]) for name in points],
        )
        for athlete, own in zip(athletes, times, strict=True)
    ]
    series = [[(points[name]["km"], own[name] - first_us[name]) for name in points if name in own] for own in times]
    chart = gap_chart(series)
    names = ", ".join(athlete["name"] for athlete in athletes)
    return ComparePage(
        title=f"{words['comparing']} – {event['name']}",
        description=names or words["noBibs"],
        event=event["event"],
        event_name=event["name"],
        home=events_address(query),
        event_href=event_address(event["event"], kept(query)),
        language_href=compare_address(event["event"], in_language(query, words["otherLang"])),
        bibs=", ".join(athlete["bib"] for athlete in athletes),
        missing=[words["noAthlete"].format(bib=bib) for bib in missing],
        points=[point_label(point["name"], words) for point in points.values()],
        athletes=columns,
        chart=chart,
        most="" if chart is None else format_gap(printed_s(chart.most_us)),
        action=compare_address(event["event"], PageQuery()),
        kept=_kept(query),
    )


def compared_bibs(query: PageQuery) -> list[str]:
    """Return the bibs that a comparison is of: each once, COMPARED_MAX at most."""
    named = (bib.strip().upper() for bib in query.bibs.split(","))
    return list(dict.fromkeys(bib for bib in named if bib))[:COMPARED_MAX]


def _kept(query: PageQuery) -> list[tuple[str, str]]:
    fields = {"lang": query.language, "key": query.key}
    return [(name, value) for name, value in fields.items() if value]


def _times(race: Document, athlete: Document) -> dict[str, int]:
    """Return an athlete's times at points by the time that their race prints; START is where it begins."""
    field = f"{race['official_time']}_us"
    return {
        point["point"]: point[field]
        for point in athlete["points"]
        if point["point"] != "START" and point[field] is not None
    }


def _compared(time_us: int | None, first_us: int) -> tuple[str, str]:
    if time_us is None:
        return "", ""
    seconds = printed_s(time_us)
    gap_s = seconds - printed_s(first_us)
    return format_hms(seconds), format_gap(gap_s) if gap_s else ""


def athlete_title(event: Document, athlete: Document) -> str:
    """Return the title of an athlete's page."""
    return f"{athlete['bib']} {athlete['name']} – {event['name']}"


def athlete_description(athlete: Document, words: Words) -> str:
    """Return what other sites show with a link: the time and the places, else how far the athlete is."""
    told = [athlete["race_name"], words[athlete["status"]]]
    if athlete["time"] is not None:
        told.append(athlete["time"])
    elif athlete["projected_finish"] is not None:
        told.append(f"{words['expected']} {athlete['projected_finish']}")
    told += [
        words["describePlace"].format(board=board["title"], place=board["place_text"], total=board["total"])
        for board in athlete["boards"][:2]
        if board["place"] is not None
    ]
    return " · ".join(told)


def _of_total(board: Document, words: Words) -> str:
    return words["ofTotal"].format(place=board["place_text"], total=board["total"])


def _place_now(athlete: Document, board: Document, words: Words) -> str:
    """Return an athlete's place on a board; without one yet, the rank at the last point."""
    if board["place"] is not None:
        return _of_total(board, words)
    last = athlete["points"][-1] if athlete["points"] and athlete["status"] == "ON_COURSE" else None
    if last is None or board["board"] not in last["ranks"]:
        return "–"
    return words["placeAt"].format(place=last["ranks"][board["board"]], point=point_label(last["name"], words))


def _rank(race: Document, point: Document, board: Document) -> str:
    """Return the rank on a board at a point: at the finish the place, which goes by the board's own rule and time."""
    if point["point"] == race["points"][-1]["point"] and board["place"] is not None:
        return str(board["place"])
    return str(point["ranks"].get(board["board"], ""))


def _facts(event: Document, race: Document, athlete: Document, words: Words) -> Iterator[tuple[str, str | None]]:
    names = _point_names(race, words)
    yield words["status"], words[athlete["status"]]
    yield words["time"], athlete["time"]
    if athlete["projected_finish"] is not None:
        yield (
            words["expected"],
            words["likely"].format(
                time=athlete["projected_finish"], low=athlete["projected_low"], high=athlete["projected_high"]
            ),
        )
    if athlete["next_point"] is not None:
        point = names.get(athlete["next_point"], athlete["next_point"])
        yield words["next"], f"{point} ≈ {time_of_day(athlete['next_eta'], event['timezone'])}"
    yield words["gun"], athlete["gun_time"]
    yield words["chip"], athlete["chip_time"]
    for word in ("team", "club"):
        yield words[word], athlete[word]
    yield words["nat"], athlete["nationality"]
    yield words["group"], athlete["age_group"]
    yield words["wave"], athlete["wave"]


def _point_names(race: Document, words: Words) -> dict[str, str]:
    return {point["point"]: point_label(point["name"], words) for point in race["points"]}


def _other_time(race: Document, athlete: Document, words: Words) -> str | None:
    """Return why a board shows another time than this page, where one does: it goes by the gun, or by the chip."""
    shown = athlete["time_s"]
    other = next((board for board in athlete["boards"] if board["time_s"] not in (None, shown)), None)
    if other is None:
        return None
    return words["byGun" if race["official_time"] == "chip" else "byChip"].format(board=other["title"])


def _notes(race: Document, athlete: Document, words: Words) -> Iterator[tuple[str, str]]:
    """Yield the public flags of an athlete with their meaning, the penalty and the waived points among it."""
    names = _point_names(race, words)
    if athlete["case_open"]:
        yield words["flag_case"], words["means_case"]
    for flag in athlete["flags"]:
        if f"flag_{flag}" not in words:
            continue
        meaning = words[f"means_{flag}"]
        if flag in ADJUSTED:
            meaning = f"{_seconds(athlete[ADJUSTED[flag]])}. {meaning}"
        if flag == "waived" and athlete["waived"]:
            meaning = f"{', '.join(names.get(point, point) for point in athlete['waived'])}. {meaning}"
        yield words[f"flag_{flag}"], meaning


def _seconds(duration_us: int) -> str:
    return f"{'−' if duration_us < 0 else '+'}{abs(duration_us) / US:.10g} s"


def _segments(athlete: Document) -> Iterator[Segment]:
    points = athlete["points"]
    for before, point in pairwise(points):
        yield Segment(before["km"], point["km"], point["segment_us"], point["segment_pace"] or "")


def _why(event: Document, race: Document, athlete: Document, words: Words) -> Iterator[str]:
    """Yield what the result rests on, a sentence each: how its time counts, who changed it, and how places go."""
    yield from _why_status(race, athlete, words)
    yield from _why_time(event, race, athlete, words)
    names = _point_names(race, words)
    for source, word in (("backup", "whyBackup"), ("official", "whyOfficial")):
        points = [names.get(point["point"], point["point"]) for point in athlete["points"] if point["source"] == source]
        if points:
            yield words[word].format(points=", ".join(points))
    ranked_by = {board["board"]: board["rank_by"] for board in event["boards"]}
    sentences = {"gun": "whyPlaceGun", "chip": "whyPlaceChip", "gun_then_chip": "whyPlaceGunThenChip"}
    for place in athlete["boards"]:
        if place["place"] is not None:
            yield words[sentences[ranked_by[place["board"]]]].format(board=place["title"])
            if place["place_text"].startswith("="):
                yield words["whyShared"].format(board=place["title"], place=place["place"])


def _why_status(race: Document, athlete: Document, words: Words) -> Iterator[str]:
    names = _point_names(race, words)
    match athlete["status"]:
        case "ON_COURSE":
            yield words["whyCourse"]
        case "DQ" | "DNF" | "DNS" as status:
            yield words[f"why{status}"]
        case "OTL":
            yield words["whyCut"].format(point=names.get(athlete["cut_at"], athlete["cut_at"]))
    if athlete["missed"]:
        yield words["whyMissed"].format(points=", ".join(names.get(point, point) for point in athlete["missed"]))


def _why_time(event: Document, race: Document, athlete: Document, words: Words) -> Iterator[str]:
    """Yield how the official time counts, from where to where, exactly; nothing while there is none."""
    by_chip = race["official_time"] == "chip"
    finish = athlete["points"][-1] if athlete["points"] else None
    if finish is None or finish["point"] != race["points"][-1]["point"]:
        return
    counted_us = finish["chip_us" if by_chip else "gun_us"]
    result_us = athlete["chip_us" if by_chip else "gun_us"]
    if counted_us is None or result_us is None:
        return
    yield words["whyChip" if by_chip else "whyGun"].format(
        start=exact_time_of_day(finish["at_us"] - counted_us, event["timezone"]),
        finish=exact_time_of_day(finish["at_us"], event["timezone"]),
        exact=format_exact(counted_us),
    )
    if by_chip and "start_assumed" in athlete["flags"]:
        yield words["whyStart"]
    if result_us != counted_us:
        added_us = result_us - counted_us
        yield words["whyAdded" if added_us > 0 else "whyTaken"].format(seconds=f"{abs(added_us) / US:.10g}")
    if athlete["time"] is not None and result_us % US:
        yield words["whyRounded"].format(time=athlete["time"])
