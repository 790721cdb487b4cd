"""The life of results: provisional, a window for protests, official, changed since, withdrawn. Source: R4.8.

A publication is judged once, as the event was when it came: an `official` that came too early, or while a case or a
protest of the race was open, is void for good and leaves in force what it followed. What it published is kept as it was
then (`RaceDocument`) and does not change any more; later changes are shown as a difference from it.

It covers a race, or some of its boards: each event of a championship may have its own protest window.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct

from schemas.definition import Definition
from schemas.ids import US, bib_order
from schemas.results import AthleteRow, Case, EventRow, Publication
from services.standings.boards import BoardRow
from services.standings.delegations import DelegationRow
from services.standings.plain_rows import (
    Plain,
    plain_athlete,
    plain_boards,
    plain_delegations,
    plain_teams,
)
from services.standings.teams import TeamRow

State = Literal["live", "provisional", "official", "withdrawn"]

_encode = msgspec.json.Encoder(order="sorted").encode


class Ground(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason why results may not be official; `text` says it in words.

    `open_case` and `open_protest` name the case or protest. `protest_window` says when the window ends.
    `no_provisional` and `unknown_time` name the board (None: the race as a whole).
    """

    reason: Literal["no_provisional", "unknown_time", "protest_window", "open_case", "open_protest"]
    text: str
    board: str | None = None
    case: str | None = None
    protest: str | None = None
    until_us: int | None = None


class Published(Struct, frozen=True, kw_only=True):
    """A publication as it was stored. `void` holds the reasons why it has no effect; it is empty if it has one.

    `revision` is the revision of its document: its own `offset`, unless results were first worked out later.
    """

    race: str
    state: Literal["provisional", "official", "withdrawn"]
    offset: int
    revision: int
    boards: list[str] | None
    recorded_at_us: int | None
    sha256: str
    void: list[Ground]


PublicationKey = tuple[int, str, str, tuple[str, ...] | None]


def publication_key(publication: Publication | Published) -> PublicationKey:
    """Return the key of a publication: a record may hold several, of several races and boards."""
    return (
        publication.offset,
        publication.race,
        publication.state,
        None if publication.boards is None else tuple(publication.boards),
    )


# --- Publications and the boards that they cover.


def ranked_of(definition: Definition, race: str) -> list[str]:
    """Return every board and team board of a race, by id."""
    race_of = {board.id: board.race for board in definition.boards}
    return [board.id for board in definition.boards if board.race == race] + [
        team.id for team in definition.team_boards if race_of[team.of] == race
    ]


def _covered(definition: Definition, race: str, boards: Sequence[str] | None) -> list[str | None]:
    """Return the boards that a publication of these covers; None stands for the whole race, if it has no boards."""
    named: list[str | None] = [*(ranked_of(definition, race) if boards is None else boards)]
    return named or [None]


def delegations_of(definition: Definition, race: str) -> list[str]:
    """Return the delegations that use a team board of a race."""
    own = set(ranked_of(definition, race))
    return [delegation.id for delegation in definition.delegations if own.intersection(delegation.sum)]


def takes_effect(definition: Definition, publication: Publication) -> bool:
    """Return whether a publication's race and boards are known; it waits until they are. Source: R1."""
    known = {x.id for table in (definition.boards, definition.team_boards, definition.delegations) for x in table}
    return any(race.id == publication.race for race in definition.races) and known.issuperset(publication.boards or ())


def _covers(publication: Publication | Published, race: str, board: str | None) -> bool:
    """Return whether a publication covers a board of a race, or (`board` None) the race as a whole."""
    return publication.race == race and (
        publication.boards is None or (board is not None and board in publication.boards)
    )


# --- Reasons why results may not be official.


def void_grounds(definition: Definition, event: EventRow, official: Publication, cases: Iterable[Case]) -> list[Ground]:
    """Return every reason why an official publication is void; `event` and `cases` are as they were at that time."""
    before = event.publications[: event.publications.index(official)]
    covered = _covered(definition, official.race, official.boards)
    grounds = [ground for board in covered for ground in _window_grounds(definition, before, official, board)]
    alike = {msgspec.structs.replace(ground, board=None) for ground in grounds}
    if len(alike) == 1 and len(grounds) == len(covered):  # the same for all boards, so given once
        grounds = list(alike)
    return grounds + open_grounds(event, official.race, cases)


def open_grounds(event: EventRow, race: str, cases: Iterable[Case]) -> list[Ground]:
    """Return the open cases and protests of a race, each by its name."""
    open_cases = [
        Ground(reason="open_case", text=f"case {case.case} is open", case=case.case)
        for case in cases
        if case.open and race in case.races()
    ]
    return open_cases + [
        Ground(reason="open_protest", text=f"protest {protest.protest} is open", protest=protest.protest)
        for protest in event.protests
        if protest.race == race and protest.outcome is None
    ]


def _window_grounds(
    definition: Definition, before: Sequence[Publication], official: Publication, board: str | None
) -> Iterator[Ground]:
    provisional = provisional_of(before, official.race, board)
    if provisional is None:
        yield Ground(reason="no_provisional", text="no provisional results were published before it", board=board)
    elif provisional.recorded_at_us is None or official.recorded_at_us is None:
        text = "the time at which it or its provisional results were published is unknown"
        yield Ground(reason="unknown_time", text=text, board=board)
    else:
        until_us = provisional.recorded_at_us + definition.protest_window_s * US
        if official.recorded_at_us < until_us:
            text = f"it came within {definition.protest_window_s} s after the provisional results (protest_window_s)"
            yield Ground(reason="protest_window", text=text, board=board, until_us=until_us)


def provisional_of(publications: Iterable[Publication], race: str, board: str | None) -> Publication | None:
    """Return the latest provisional publication of a board, or of the race as a whole; None if withdrawn since."""
    latest = None
    for publication in publications:
        if _covers(publication, race, board) and publication.state != "official":
            latest = publication if publication.state == "provisional" else None
    return latest


def official_from_us(definition: Definition, event: EventRow, race: str, board: str | None = None) -> int | None:
    """Return when the protest window of a board, or of all boards of a race, ends; None when none is provisional."""
    latest: int | None = None
    for ranked in _covered(definition, race, None if board is None else [board]):
        provisional = provisional_of(event.publications, race, ranked)
        if provisional is None or provisional.recorded_at_us is None:
            return None
        latest = max(latest or 0, provisional.recorded_at_us)
    return None if latest is None else latest + definition.protest_window_s * US


# --- The state of results.


class Standing(NamedTuple):
    """The state of a race's or board's results, its publication, and the reasons why a later official one is void."""

    state: State
    held: Published | None
    void: list[Ground]


def in_force(event: EventRow, kept: Iterable[Published]) -> list[Published]:
    """Return the kept publications that are in force (not withdrawn as facts), in log order."""
    by_key = {publication_key(publication): publication for publication in kept}
    return [by_key[key] for publication in event.publications if (key := publication_key(publication)) in by_key]


def standing(published: Sequence[Published], race: str, board: str | None = None) -> Standing:
    """Return the standing of a board, or (`board` None) of the whole race, by the latest publication not void."""
    void: list[Ground] = []
    for publication in reversed(published):
        if not _covers(publication, race, board):
            continue
        if not publication.void:
            return Standing(publication.state, publication, void)
        void = void or publication.void
    return Standing("live", None, void)


def delegation_standing(published: Sequence[Published], delegation: str) -> Standing | None:
    """Return the standing of a delegation, by the publications that name it; None without any."""
    named = [
        publication for publication in published if publication.boards is not None and delegation in publication.boards
    ]
    return standing(named, named[-1].race, delegation) if named else None


def race_standing(definition: Definition, published: Sequence[Published], race: str) -> Standing:
    """Return the standing of a race: that of all its boards when they agree, else that of the race as a whole."""
    of_race = standing(published, race)
    boards = [standing(published, race, name) for name in ranked_of(definition, race)]
    if len({board.state for board in boards}) == 1 and boards[0].state != of_race.state:
        return boards[0]
    return of_race


# --- Published results.


class RaceDocument(NamedTuple):
    """The published results of a race: athletes by bib, boards, teams and delegations, all plain in the form of R5.

    The hash leaves out delegations, which use several races.
    """

    athletes: Mapping[str, Plain]
    boards: Mapping[str, list[Plain]]
    team_boards: Mapping[str, list[Plain]]
    delegations: Mapping[str, list[Plain]]


class RaceResults(NamedTuple):
    """The results of a race before they become plain objects: athletes, and boards by id."""

    athletes: Sequence[AthleteRow]
    boards: Mapping[str, Sequence[BoardRow]]
    team_boards: Mapping[str, Sequence[TeamRow]]
    delegations: Mapping[str, Sequence[DelegationRow]]


def race_results(
    definition: Definition,
    race: str,
    athletes: Iterable[AthleteRow],
    boards: Mapping[str, Sequence[BoardRow]],
    teams: Mapping[str, Sequence[TeamRow]],
    delegations: Mapping[str, Sequence[DelegationRow]],
) -> RaceResults:
    """Return the part of an event's results that belongs to a race."""
    own = set(ranked_of(definition, race))
    drawing = set(delegations_of(definition, race))
    in_race = [row for row in athletes if row.race == race and not row.gone]
    return RaceResults(
        athletes=sorted(in_race, key=lambda row: bib_order(row.bib)),
        boards={name: rows for name, rows in boards.items() if name in own},
        team_boards={name: rows for name, rows in teams.items() if name in own},
        delegations={name: rows for name, rows in delegations.items() if name in drawing},
    )


def race_document(results: RaceResults) -> RaceDocument:
    """Return a race's results as plain objects."""
    return RaceDocument(
        athletes={row.bib: plain_athlete(row) for row in results.athletes},
        boards=plain_boards(results.boards),
        team_boards=plain_teams(results.team_boards),
        delegations=plain_delegations(results.delegations),
    )


def canonical(results: RaceResults) -> bytes:
    """Return the bytes that a publication's SHA-256 is over: `athletes`, `boards` and `team_boards` of the race.

    They are as in the standings document: UTF-8 without blanks, the keys of every object sorted, as in RFC 8785. So
    anybody can make the same bytes from `matline score`. Athletes are encoded one at a time, since plain objects of a
    whole field would take ten times the memory.
    """
    parts = [b'{"athletes":[']
    for index, row in enumerate(results.athletes):
        parts += [b"," if index else b"", _encode(plain_athlete(row))]
    parts += [b'],"boards":', _encode(plain_boards(results.boards))]
    parts += [b',"team_boards":', _encode(plain_teams(results.team_boards)), b"}"]
    return b"".join(parts)


def sha256_of(document: bytes) -> str:
    """Return a document's SHA-256, in hexadecimal."""
    return hashlib.sha256(document).hexdigest()


# --- Changes since a publication.


class Difference(Struct, frozen=True):
    """The rows that differ from the published ones, by `bib` or `team`, each with `published` and `now`.

    Either is None if there is no such row. Boards without a difference are left out.
    """

    athletes: list[Plain]
    boards: dict[str, list[Plain]]
    team_boards: dict[str, list[Plain]]
    delegations: dict[str, list[Plain]]

    def __bool__(self) -> bool:
        return bool(self.athletes or self.boards or self.team_boards or self.delegations)

    def bibs(self, board: str) -> frozenset[str]:
        """Return the bibs whose rows on a board differ."""
        return frozenset(row["bib"] for row in self.boards.get(board, ()))

    def changed_athletes(self) -> frozenset[str]:
        """Return the bibs whose results differ."""
        return frozenset(row["bib"] for row in self.athletes)


def difference(published: RaceDocument, now: RaceDocument, boards: Sequence[str] | None) -> Difference:
    """Return how results differ from the published ones.

    With `boards`, only these were published, so only athletes who were or are on them are compared, and only
    delegations that are among them. Both documents may leave out rows that are known to be equal.
    """
    wanted = None if boards is None else set(boards)
    ranked = _tables(published.boards, now.boards, "bib", wanted)
    teams = _tables(published.team_boards, now.team_boards, "team", wanted)
    bibs = None if wanted is None else set(_bibs_on(published, wanted)) | set(_bibs_on(now, wanted))
    athletes = [
        {"bib": bib, "published": published.athletes.get(bib), "now": now.athletes.get(bib)}
        for bib in sorted(published.athletes.keys() | now.athletes.keys(), key=bib_order)
        if (bibs is None or bib in bibs) and published.athletes.get(bib) != now.athletes.get(bib)
    ]
    return Difference(athletes, ranked, teams, _tables(published.delegations, now.delegations, "team", wanted or set()))


def _tables(
    published: Mapping[str, list[Plain]], now: Mapping[str, list[Plain]], key: str, wanted: set[str] | None
) -> dict[str, list[Plain]]:
    tables = {}
    for name in sorted(published.keys() | now.keys()):
        rows = _rows(published.get(name, []), now.get(name, []), key) if wanted is None or name in wanted else []
        if rows:
            tables[name] = rows
    return tables


def _rows(published: Sequence[Plain], now: Sequence[Plain], key: str) -> list[Plain]:
    before: dict[Any, Plain] = {row[key]: row for row in published}
    after: dict[Any, Plain] = {row[key]: row for row in now}
    names = [*after, *(name for name in before if name not in after)]
    return [
        {key: name, "published": before.get(name), "now": after.get(name)}
        for name in names
        if before.get(name) != after.get(name)
    ]


def _bibs_on(document: RaceDocument, boards: set[str]) -> Iterator[str]:
    for name, rows in document.boards.items():
        if name in boards:
            yield from (row["bib"] for row in rows)
    for name, rows in document.team_boards.items():
        if name in boards:
            yield from (member["bib"] for row in rows for member in row["members"])


# --- A new publication.


def judged(
    definition: Definition,
    event: EventRow,
    publication: Publication,
    cases: Iterable[Case],
    results: RaceResults,
    revision: int,
) -> tuple[Published, bytes]:
    """Return a publication as it is stored, and its document. All arguments are as they were at `revision`."""
    document = canonical(results)
    published = Published(
        race=publication.race,
        state=publication.state,
        offset=publication.offset,
        revision=revision,
        boards=publication.boards,
        recorded_at_us=publication.recorded_at_us,
        sha256=sha256_of(document),
        void=void_grounds(definition, event, publication, cases) if publication.state == "official" else [],
    )
    return published, document
