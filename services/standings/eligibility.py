"""Eligibility of entries: what the race office has to look into, entry by entry, and why.

A concern refuses nothing and changes no standing: the entry stands until the office decides. What it goes by are the
tables of the definition (`schemas.office`), and what boards and teams need of an entry. Source: R2.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from schemas.definition import Board, Definition
from schemas.events import Entry
from schemas.ids import US, bib_order
from schemas.names import without_accents
from schemas.office import Composition, Eligibility, Role
from schemas.office import Waves as WavesTable
from schemas.results import AthleteRow
from services.formatting.times import format_seconds
from services.standings.boards import passes

Kind = Literal[
    "race",
    "double",
    "chip",
    "birth_year",
    "age",
    "consent",
    "standard",
    "division",
    "no_board",
    "nationality",
    "wave",
    "team_size",
    "composition",
    "apart",
]
"""What a concern is about, in the order in which the office would look into it."""

ROLES_SHOWN = 10  # members of a team named in a reason; the rest is counted


class Concern(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something about an entry, or about a team, for the race office.

    `row` is the table and id of the definition that asks it (`eligibility half-age`), `article` what that row quotes of
    the regulations; neither where an entry contradicts itself or another. `others` are further bibs that it is about.
    """

    bib: str
    race: str
    kind: Kind
    reason: str
    todo: str
    row: str | None = None
    article: str | None = None
    team: str | None = None
    others: list[str] = msgspec.field(default_factory=list)


class Attestation(Struct, frozen=True, kw_only=True):
    """What athletes declare, since no entry can say it: asked of these bibs when they collect their numbers."""

    row: str
    article: str
    text: str
    bibs: list[str]


def entries_of(rows: Iterable[AthleteRow]) -> list[Entry]:
    """The entries that results know, in the order of their first entries in the log."""
    known = [row for row in rows if row.entry is not None and not row.gone]
    return [row.entry for row in sorted(known, key=lambda row: row.first_entry) if row.entry is not None]


def eligibility(definition: Definition, entries: Iterable[Entry]) -> list[Concern]:
    """All concerns about entries, given in log order (a later one of a bib replaces the earlier), by bib and kind."""
    field = _Field(definition, entries)
    found = [
        *_unknown_races(field),
        *_doubles(field),
        *_chips(field),
        *_rules(field),
        *_boards(field),
        *_waves(field),
        *_team_sizes(field),
        *_compositions(field),
    ]
    order = {kind: at for at, kind in enumerate(get_args(Kind))}
    return sorted(found, key=lambda one: (bib_order(one.bib), order[one.kind]))


def attestations(definition: Definition, entries: Iterable[Entry]) -> list[Attestation]:
    """What has to be declared and by whom, in the order of the definition; rules that concern nobody are left out."""
    field = _Field(definition, entries)
    found = []
    for rule in definition.eligibility:
        bibs = sorted((one.bib for one in field.entries if _asks(rule, one)), key=bib_order)
        if rule.attest is not None and bibs:
            found.append(Attestation(row=_row(rule), article=rule.article, text=rule.attest, bibs=bibs))
    return found


class _Field:
    """The entries in force by their first appearance in the log, and which of them came last."""

    def __init__(self, definition: Definition, entries: Iterable[Entry]) -> None:
        self.definition = definition
        self.races = {race.id for race in definition.races}
        by_bib: dict[str, Entry] = {}
        self.came: dict[str, int] = {}
        for at, entry in enumerate(entries):
            by_bib[entry.bib] = entry
            self.came[entry.bib] = at
        self.entries = list(by_bib.values())

    def in_race(self, race: str) -> list[Entry]:
        """The ranked entries of a race."""
        return [one for one in self.entries if one.ranked and one.race == race]

    def boards(self, race: str) -> list[Board]:
        """The boards of a race."""
        return [board for board in self.definition.boards if board.race == race]

    def teams(self, board_id: str) -> dict[str, list[Entry]]:
        """The ranked entries that pass a board's filters, by team; those without one under the empty name."""
        board = next(one for one in self.definition.boards if one.id == board_id)
        on_board = _on(self.definition, board)
        teams: dict[str, list[Entry]] = {}
        for one in self.entries:
            if on_board(one):
                teams.setdefault(one.team or "", []).append(one)
        return teams


def _on(definition: Definition, board: Board) -> Callable[[Entry], bool]:
    """Whether an entry passes a board's filters and those around it."""
    check = passes(definition, board)
    return lambda one: one.race == board.race and check(_as_row(one))


def _as_row(entry: Entry) -> AthleteRow:
    return AthleteRow(event="", bib=entry.bib, version=0, race=entry.race, entry=entry)


def _row(rule: Eligibility) -> str:
    return f"eligibility {rule.id}"


def _asks(rule: Eligibility, entry: Entry) -> bool:
    """Whether a rule is for this entry."""
    return (
        (not rule.races or entry.race in rule.races)
        and (rule.gender is None or entry.gender == rule.gender)
        and (not rule.divisions or entry.division in rule.divisions)
    )


# --- What an entry says by itself, or says twice.


def _unknown_races(field: _Field) -> Iterator[Concern]:
    for one in field.entries:
        if one.race not in field.races:
            yield Concern(
                bib=one.bib,
                race=one.race,
                kind="race",
                reason=f"race {one.race!r} is not defined; there are {', '.join(sorted(field.races))}",
                todo="enter the race that is meant; until then nobody is timed under this bib",
            )


def _doubles(field: _Field) -> Iterator[Concern]:
    """Entries of one name (accents and the order of its two parts apart), birth year and gender. The later is named."""
    same: dict[tuple[object, ...], list[Entry]] = {}
    for one in field.entries:
        parts = sorted(" ".join(without_accents(part).lower().split()) for part in (one.family_name, one.given_name))
        if any(parts):
            same.setdefault((*parts, one.birth_year, one.gender), []).append(one)
    rules = [rule for rule in field.definition.eligibility if rule.once is not None]
    for people in same.values():
        for at, one in enumerate(people):
            for rule in rules:
                before = [two for two in people[:at] if _asks(rule, two)]
                if rule.once == "race":
                    before = [two for two in before if two.race == one.race]
                if before and _asks(rule, one):
                    yield _double(rule, one, before)
                    break


def _double(rule: Eligibility, one: Entry, before: Sequence[Entry]) -> Concern:
    year = "no birth year either" if one.birth_year is None else f"born {one.birth_year}"
    also = ", ".join(f"bib {two.bib} ({two.race})" for two in before)
    return Concern(
        bib=one.bib,
        race=one.race,
        kind="double",
        reason=f"the same name and gender, {year}, as {also}; one entry a person",
        todo="ask whether they are one person; if so, which entry stands, and set the other DNS",
        row=_row(rule),
        article=rule.article,
        others=[two.bib for two in before],
    )


def _chips(field: _Field) -> Iterator[Concern]:
    """Chips that several entries name: the one that came last has it. Source: R1."""
    named: dict[str, list[Entry]] = {}
    for one in field.entries:
        for chip in dict.fromkeys(one.chips):
            named.setdefault(chip, []).append(one)
    for chip, people in named.items():
        *losing, owner = sorted(people, key=lambda one: field.came[one.bib])
        for one in losing:
            yield Concern(
                bib=one.bib,
                race=one.race,
                kind="chip",
                reason=f"chip {chip} is on the later entry of bib {owner.bib} too, which gets all of its reads",
                todo="look which of the two wears it, and give the other one a chip of his own",
                others=[owner.bib],
            )


# --- What the table `eligibility` asks.


def _rules(field: _Field) -> Iterator[Concern]:
    year = int(field.definition.date[:4])
    for one in field.entries:
        unknown: list[Eligibility] = []
        for rule in field.definition.eligibility:
            if not _asks(rule, one):
                continue
            by_year = (rule.born_from, rule.born_to, rule.consent_under) != (None, None, None)
            if by_year and one.birth_year is None:
                unknown.append(rule)
            elif one.birth_year is not None:
                yield from _by_year(rule, one, one.birth_year, year)
            if one.ranked and rule.standard_s is not None:
                yield from _by_standard(rule, one, rule.standard_s)
        yield from _without_year(field, one, unknown)


def _by_year(rule: Eligibility, one: Entry, born: int, year: int) -> Iterator[Concern]:
    if not _born_within(born, rule.born_from, rule.born_to):
        yield Concern(
            bib=one.bib,
            race=one.race,
            kind="age",
            reason=f"born {born}; asked for are those {_years(rule.born_from, rule.born_to)}",
            todo="check the year on his papers; if it is right, move him to a race or division that is open to him",
            row=_row(rule),
            article=rule.article,
        )
    if rule.consent_under is not None and year - born <= rule.consent_under:
        age = rule.consent_under
        sure = year - born < age
        reason = f"born {born}: under {age} on the day" if sure else f"born {born}: {age - 1} or {age} on the day"
        yield Concern(
            bib=one.bib,
            race=one.race,
            kind="consent",
            reason=f"{reason}; those under {age} need a guardian's written consent",
            todo="have the consent on paper before the bib goes out"
            + ("" if sure else ", unless his papers say older"),
            row=_row(rule),
            article=rule.article,
        )


def _by_standard(rule: Eligibility, one: Entry, standard_s: int) -> Iterator[Concern]:
    if one.personal_best_s is not None and one.personal_best_s <= standard_s:
        return
    his = (
        "names no personal best"
        if one.personal_best_s is None
        else f"his best is {format_seconds(one.personal_best_s)}"
    )
    unless = "" if rule.unless is None else f", unless he is of these: {rule.unless}"
    yield Concern(
        bib=one.bib,
        race=one.race,
        kind="standard",
        reason=f"{his}; asked for is {format_seconds(standard_s)} or faster{unless}",
        todo="ask for a result of that standard"
        + ("" if rule.unless is None else " or proof of the other")
        + _else(one),
        row=_row(rule),
        article=rule.article,
    )


def _else(one: Entry) -> str:
    return "" if one.division is None else f"; without it he does not belong to division {one.division}"


def _without_year(field: _Field, one: Entry, rules: Sequence[Eligibility]) -> Iterator[Concern]:
    """No birth year where rules or boards go by it."""
    if one.birth_year is not None:
        return
    boards = [b for b in field.boards(one.race) if one.ranked and (b.born_from is not None or b.born_to is not None)]
    asking = [f"{_row(rule)} ({rule.article})" for rule in rules]
    asking += [f"{len(boards)} boards of {one.race}"] if boards else []
    if asking:
        yield Concern(
            bib=one.bib,
            race=one.race,
            kind="birth_year",
            reason=f"names no birth year, which is asked for by {', '.join(asking)}",
            todo="ask for the birth year; without it he is on no board by age",
            row=_row(rules[0]) if rules else None,
            article=rules[0].article if rules else None,
        )


def _born_within(born: int | None, born_from: int | None, born_to: int | None) -> bool:
    if born is None:
        return born_from is None and born_to is None
    return (born_from is None or born >= born_from) and (born_to is None or born <= born_to)


def _years(born_from: int | None, born_to: int | None) -> str:
    if born_from is None:
        return f"born {born_to} or before"
    return f"born {born_from} or later" if born_to is None else f"born {born_from} to {born_to}"


# --- What boards need of an entry.


def _boards(field: _Field) -> Iterator[Concern]:
    for race in field.definition.races:
        boards = field.boards(race.id)
        checks = [_on(field.definition, board) for board in boards]
        divisions = sorted({board.division for board in boards if board.division is not None})
        by_nation = sum(board.nationality is not None for board in boards)
        by_year = any(board.born_from is not None or board.born_to is not None for board in boards)
        for one in field.in_race(race.id):
            if by_nation and one.nationality is None:
                yield Concern(
                    bib=one.bib,
                    race=one.race,
                    kind="nationality",
                    reason=f"names no nationality, which {by_nation} boards of {race.id} go by",
                    todo="ask for the nation, three letters; without it he is on none of those boards",
                )
            if divisions and one.division not in divisions:
                named = "names no division" if one.division is None else f"division {one.division!r} is unknown"
                yield Concern(
                    bib=one.bib,
                    race=one.race,
                    kind="division",
                    reason=f"{named}; {race.id} has {', '.join(divisions)}",
                    todo="enter the division that is meant",
                )
            elif not any(check(one) for check in checks) and not (by_year and one.birth_year is None):
                yield _on_no_board(one, len(boards))


def _on_no_board(one: Entry, boards: int) -> Concern:
    of = [f"gender {one.gender}"]
    of += [] if one.division is None else [f"division {one.division}"]
    of += [] if one.birth_year is None else [f"born {one.birth_year}"]
    reason = (
        f"passes none of the {boards} boards of {one.race}: {', '.join(of)}" if boards else "is in a race of no board"
    )
    return Concern(
        bib=one.bib,
        race=one.race,
        kind="no_board",
        reason=reason,
        todo="correct race, gender, division or birth year; or enter him as not ranked, if that is meant",
    )


# --- Waves by personal best.


def _waves(field: _Field) -> Iterator[Concern]:
    for table in field.definition.waves:
        for race in table.races:
            people = field.in_race(race)
            if any(one.wave for one in people):
                yield from _race_waves(table, people)


def _race_waves(table: WavesTable, people: Sequence[Entry]) -> Iterator[Concern]:
    number = {name: at for at, name in enumerate(table.order)}
    used = [number[one.wave] for one in people if one.wave in number]
    placed: list[tuple[float, int, Entry]] = []
    for one in people:
        if one.wave not in number:
            named = "has no wave" if not one.wave else f"wave {one.wave!r} is unknown"
            yield _wave(table, one, f"{named}; the waves are {', '.join(table.order)}")
        elif one.personal_best_s is not None:
            placed.append((one.personal_best_s, number[one.wave], one))
        elif number[one.wave] != max(used):
            last = table.order[max(used)]
            yield _wave(
                table, one, f"starts in wave {one.wave} and names no personal best; that is the last wave, {last}"
            )
    placed.sort(key=lambda one: one[:2])
    fitting = waves_by_best([wave for _, wave, _ in placed], len(table.order))
    for (best, wave, one), fits in zip(placed, fitting, strict=True):
        if fits != wave:
            reason = (
                f"starts in wave {one.wave} with a best of {format_seconds(best)}; by the others' it is one of wave"
            )
            yield _wave(table, one, f"{reason} {table.order[fits]}")


def _wave(table: WavesTable, one: Entry, reason: str) -> Concern:
    return Concern(
        bib=one.bib,
        race=one.race,
        kind="wave",
        reason=reason,
        todo="check the personal best, then enter the wave that fits it",
        row=f"waves {table.id}",
        article=table.article,
    )


def waves_by_best(waves: Sequence[int], count: int) -> list[int]:
    """The wave of `count` where each runner belongs, given the waves that they are in, the fastest runner first.

    No limits between waves are known; so those hold that leave the fewest runners in another wave than they are in.
    """
    least = [0] * count  # the fewest misfits so far, when the last runner is in this wave or an earlier one
    chosen: list[list[int]] = []  # for each runner and that wave, which one he himself is in
    for wave in waves:
        best: list[int] = []
        own: list[int] = []
        for at, misfits in enumerate(least):
            misfits += at != wave
            if at and best[-1] <= misfits:
                best.append(best[-1])
                own.append(own[-1])
            else:
                best.append(misfits)
                own.append(at)
        least = best
        chosen.append(own)
    found: list[int] = []
    limit = count - 1
    for own in reversed(chosen):
        limit = own[limit]
        found.append(limit)
    return found[::-1]


# --- Teams.


def _team_sizes(field: _Field) -> Iterator[Concern]:
    """Whoever is beyond a team board's `max_members`, by the order of the log. Source: R4.6."""
    for board in field.definition.team_boards:
        for team, members in sorted(field.teams(board.of).items()):
            if not team:
                continue
            for at, one in enumerate(members[board.max_members :], start=board.max_members + 1):
                yield Concern(
                    bib=one.bib,
                    race=one.race,
                    kind="team_size",
                    reason=f"is number {at} of {team!r}; {board.max_members} of a team count on {board.id}",
                    todo="ask the team who runs for it; the others run as individuals, without a team",
                    row=f"team_boards {board.id}",
                    team=team,
                    others=[two.bib for two in members[: board.max_members]],
                )


def _compositions(field: _Field) -> Iterator[Concern]:
    for of in field.definition.compositions:
        for name in of.team_boards:
            board = next(one for one in field.definition.team_boards if one.id == name)
            for team, members in sorted(field.teams(board.of).items()):
                if team:
                    yield from _composition(of, team, members)
                elif of.required:
                    for one in members:
                        yield _composed(of, "", [one], "runs in no team, which everybody does here")


def _composition(of: Composition, team: str, members: Sequence[Entry]) -> Iterator[Concern]:
    slots = [role for role in of.members for _ in range(role.count)]
    filled = match_roles(slots, members)
    missing = [role for at, role in enumerate(slots) if at not in filled]
    fitting = set(filled.values())
    spare = [one for at, one in enumerate(members) if at not in fitting]
    if not missing and not spare:
        return
    parts = [f"a team is {', '.join(_role(role, role.count) for role in of.members)}"]
    if missing:
        parts.append(f"there is no {', '.join(dict.fromkeys(_role(role, 1) for role in missing))}")
    if spare:
        shown = [f"bib {one.bib} ({_person(one)})" for one in spare[:ROLES_SHOWN]]
        shown += [f"{len(spare) - ROLES_SHOWN} more"] if len(spare) > ROLES_SHOWN else []
        parts.append(f"no place in it for {', '.join(shown)}")
    yield _composed(of, team, members, "; ".join(parts))


def _composed(of: Composition, team: str, members: Sequence[Entry], reason: str) -> Concern:
    return Concern(
        bib=members[0].bib,
        race=members[0].race,
        kind="composition",
        reason=reason,
        todo="ask the team whom it consists of, and check their birth years",
        row=f"compositions {of.id}",
        article=of.article,
        team=team or None,
        others=[one.bib for one in members[1:]],
    )


def match_roles(slots: Sequence[Role], members: Sequence[Entry]) -> dict[int, int]:
    """Which member (by index) fills which slot, as many slots as can be filled at once.

    Roles may overlap, so a member who was given a slot makes room where he fits another.
    """
    filled: dict[int, int] = {}

    def find(at: int, tried: set[int]) -> bool:
        for slot, role in enumerate(slots):
            if slot in tried or not _fits(role, members[at]):
                continue
            tried.add(slot)
            if slot not in filled or find(filled[slot], tried):
                filled[slot] = at
                return True
        return False

    for at in range(len(members)):
        find(at, set())
    return filled


def _fits(role: Role, one: Entry) -> bool:
    return (
        (role.gender is None or one.gender == role.gender)
        and (role.division is None or one.division == role.division)
        and _born_within(one.birth_year, role.born_from, role.born_to)
    )


def _role(role: Role, count: int) -> str:
    of = [] if role.gender is None else [f"gender {role.gender}"]
    of += [] if role.division is None else [f"division {role.division}"]
    of += [] if role.born_from is None and role.born_to is None else [_years(role.born_from, role.born_to)]
    return f"{count} {role.what}" + (f" ({', '.join(of)})" if of else "")


def _person(one: Entry) -> str:
    return f"{one.gender}, " + ("no birth year" if one.birth_year is None else f"born {one.birth_year}")


def apart(definition: Definition, rows: Iterable[AthleteRow]) -> list[Concern]:
    """Teams whose members finished further apart than their composition allows, by definition order, then by name.

    By exact finish instants of all who finished; a team of which fewer finish has no place anyway.
    """
    there = list(rows)
    finished = {row.bib: _finish_us(row) for row in there if row.status == "FINISHED"}
    field = _Field(definition, entries_of(there))
    found = []
    for of in definition.compositions:
        for name in of.team_boards if of.together_s is not None else ():
            board = next(one for one in definition.team_boards if one.id == name)
            for team, members in sorted(field.teams(board.of).items()):
                came = [one for one in members if one.bib in finished]
                times = [finished[one.bib] for one in came]
                if team and times and max(times) - min(times) > (of.together_s or 0) * US:
                    found.append(_apart(of, team, came, max(times) - min(times)))
    return found


def _apart(of: Composition, team: str, members: Sequence[Entry], apart_us: int) -> Concern:
    return Concern(
        bib=members[0].bib,
        race=members[0].race,
        kind="apart",
        reason=f"finished {format_seconds(apart_us / US)} apart; together is within {of.together_s} s",
        todo="ask the judges at the line; a team that did not finish together is theirs to rule on",
        row=f"compositions {of.id}",
        article=of.article,
        team=team,
        others=[one.bib for one in members[1:]],
    )


def _finish_us(row: AthleteRow) -> int:
    return next(point.at_us for point in row.points if point.point == "FINISH")
