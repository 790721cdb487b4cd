"""`matline explain`: explain an athlete's time and place from a log; no broker and no database.

The log is read in the same way as by `matline score`, and scored by the same code.
"""

import sys
from collections.abc import Iterable

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.ids import bib_order, label
from services.formatting.terminal import clean
from services.formatting.times import MINUS, LocalClock, format_exact, format_hms, format_short
from services.offline.read_log import Stopped, read_log
from services.offline.scored_log import Log, scored
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from services.scoring.core.explain.model import Explanation, PointWhy, WaiverWhy
from services.scoring.core.explain.relevant_facts import FactWhy
from services.standings.explain_place import PlaceWhy
from services.standings.explain_together import TogetherWhy
from services.standings.explanation import ExplainedResult, bibs_near, document, places, shared_cases

NEAR_SHOWN = 5
PAGE_CHARS = 160  # of a line, if the output is not a terminal


def run(path: str, bib: str, until: int | None, style: str | None, lenient: bool) -> int:
    """Print the explanation of a result. Return the exit code: 0, or 2 if a line is refused or no entry has the bib."""
    try:
        log = read_log(path, until, lenient)
        explained = explained_of(log, path, label(bib, "bib"))
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        return 2
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    if (style or ("text" if sys.stdout.isatty() else "json")) == "text":
        clock = LocalClock(None if log.state is None else log.state.rulings.definition)
        _Page(Console(width=None if sys.stdout.isatty() else PAGE_CHARS), clock, explained).print()
    else:
        sys.stdout.buffer.write(msgspec.json.encode(document(explained)) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def explained_of(log: Log, path: str, bib: str) -> ExplainedResult:
    """Return the explanation of an athlete's result in a log. Raises Stopped for a bib without an entry."""
    state = log.state
    if state is None:
        raise Stopped(f"{path}: has no facts, so it has no entry with bib {bib}; check that it is the right log")
    if not state.was_entered(bib):
        raise Stopped(f"{path}: there is no entry with bib {bib}; {_other_bibs(bib, list(state.rulings.bibs()))}")
    made = scored(state)
    explanation, row = explain(evidence_of(state, bib))
    shared = shared_cases(made, row, state.rulings.decisions)
    return ExplainedResult(log.revision, explanation, places(made, row), together=shared)


def _other_bibs(bib: str, known: list[str]) -> str:
    """Return which bibs may be meant: similar ones, else the first and the last."""
    if not known:
        return "there are no entries"
    if near := bibs_near(bib, known, NEAR_SHOWN):
        return f"similar bibs are {', '.join(map(clean, near))}"
    ends = sorted(known, key=bib_order)
    return f"none is similar; the bibs are from {clean(ends[0])} to {clean(ends[-1])}"


# --- A page for a jury.


class _Page:
    """Print an explanation, the most requested parts first."""

    def __init__(self, console: Console, clock: LocalClock, explained: ExplainedResult) -> None:
        self._console = console
        self._clock = clock
        self._explained = explained

    def print(self) -> None:
        """Print the whole page."""
        why = self._explained.explanation
        self._head(why)
        self._lines("Status", (f"{'>' if rule.applies else ' '} {rule.says}" for rule in why.why))
        cases = [self._case(case.case, case.open, case.outcome, case.says) for case in why.cases]
        cases += [self._case(case.case, case.open, case.outcome, case.says) for case in self._explained.together]
        self._lines("Cases", cases)
        self._side_by_side(self._explained.together)
        self._lines("Times", (f"  {step.says}{_rule(step.rule, step.value)}" for step in why.times))
        self._places(self._explained.places)
        self._points(why.points)
        self._choices(why.points)
        self._facts(why.facts)
        self._reads(why)

    def _head(self, why: Explanation) -> None:
        where = f"{why.event}, race {why.race}" if why.race else why.event
        self._say(f"Bib {why.bib}  {why.name}", "bold")
        self._say(f"{where}, at revision {self._explained.revision}; last changed at {why.version}")
        if why.gone is not None:
            self._say(f"No result: {why.gone}")
            return
        parts = [str(why.status)]
        parts += [] if why.time_s is None else [f"printed time {format_hms(why.time_s, MINUS)}"]
        parts += [] if why.gun_us is None else [f"gun time {format_exact(why.gun_us)}"]
        parts += [] if why.chip_us is None else [f"chip time {format_exact(why.chip_us)}"]
        parts += [] if why.cut_at is None else [f"cut at {why.cut_at}"]
        parts += [f"missed {missed}" for missed in why.missed] + why.flags
        self._say(", ".join(parts))

    def _case(self, name: str, is_open: bool, outcome: str | None, says: str) -> str:
        return f"  {name}, {'open' if is_open else f'decided {outcome}'}: {says}"

    def _side_by_side(self, shared: Iterable[TogetherWhy]) -> None:
        for case in shared:
            table = _table(
                f"Side by side with bib {case.other}", "Point", "At", f"Bib {case.other}", "At", "Apart", "Tells"
            )
            for seen in case.side_by_side:
                apart = format_short(seen.apart_us)
                tells = "" if seen.counts else "nothing: two whole seconds"
                times = self._clock.at(seen.at_us), self._clock.at(seen.other_at_us)
                _row(table, seen.point, times[0], seen.other_point, times[1], apart, tells)
            self._show(table)

    def _places(self, listed: list[PlaceWhy]) -> None:
        table = _table("Places", "Board", "Place", "Why", "Rule")
        for place_why in listed:
            place = "-" if place_why.place is None else f"{place_why.place} of {place_why.total}"
            says = place_why.says
            if place_why.judges_order is not None:
                says += f": {', '.join(place_why.judges_order)}"
            elif place_why.tied:
                says += f": {', '.join(place_why.tied)}"
            rules = "\n".join(f"{path} = {value}" for path, value in place_why.rules.items())
            _row(table, place_why.board, place, says, rules)
        self._show(table)

    def _points(self, points: list[PointWhy]) -> None:
        table = _table("Points", "Point", "Km", "At", "From", "Why")
        limits = _table("Limits", "Point", "Limit", "At", "Kept", "Rule")
        for point in points:
            passed_at = "-" if point.at_us is None else self._clock.at(point.at_us)
            source = "" if point.source is None else point.source
            if point.device is not None:
                source += f": {point.device} read {point.chip}"
            says = [point.says, *map(_waiver, point.waivers)]
            _row(table, point.point, f"{point.km:g}", passed_at, source, "; ".join(says))
            for limit in point.limits:
                kept = {True: "kept", False: "not kept", None: "not passed"}[limit.kept]
                rule = f"{limit.rule} = {limit.value}{'' if limit.decides else ', another kind decides'}"
                _row(limits, point.point, limit.limit, self._clock.at(limit.at_us), kept, rule)
        self._show(table)
        self._show(limits)

    def _choices(self, points: list[PointWhy]) -> None:
        """Print the points that had several candidates, or that took none of them."""
        table = _table("Choices", "Point", "At", "Passing", "Why")
        for point in points:
            if len(point.candidates) > 1 or (point.candidates and point.at_us is None):
                for candidate in point.candidates:
                    passing = "-" if candidate.passing is None else str(candidate.passing)
                    _row(table, point.point, self._clock.at(candidate.at_us), passing, candidate.says)
        self._show(table)

    def _facts(self, facts: list[FactWhy]) -> None:
        table = _table("Facts that affect the result", "Log", "Recorded", "By", "What", "State")
        for fact in facts:
            recorded = "" if fact.recorded_at_us is None else self._clock.at(fact.recorded_at_us)
            what = fact.says
            what += "" if not fact.reason else f" ({fact.reason})"
            what += "" if not fact.rule else f" [rule {fact.rule}]"
            _row(table, str(fact.offset), recorded, fact.by or "", what, fact.state.replace("_", " "))
        self._show(table)

    def _reads(self, why: Explanation) -> None:
        table = _table("Reads", "At", "Read by", "Passing", "Use", "Why")
        for read in why.reads:
            where = "at no mat" if read.mat is None else f"at {read.mat}{' (backup)' if read.backup else ''}"
            by = f"{read.device} {where}, chip {read.chip}"
            by += "" if read.rssi is None else f", {read.rssi:g} dBm"
            by += "" if read.at_us == read.device_at_us else f", its own time {self._clock.at(read.device_at_us)}"
            use = read.point or read.reason or f"of bib {read.bib}"
            passing = "" if read.passing is None else str(read.passing)
            _row(table, self._clock.at(read.at_us), by, passing, use, read.says + _rule(read.rule, None))
        self._show(table)
        if why.reads_left_out:
            self._say(f"{why.reads_left_out} more reads are not shown")
        repeats = sum(chip.repeats for chip in why.chips)
        counts = {**why.unused, **({"repeat": repeats} if repeats else {})}
        if counts:
            self._say("Unused: " + ", ".join(f"{count} {reason}" for reason, count in counts.items()))

    def _lines(self, title: str, lines: Iterable[str]) -> None:
        listed = list(lines)
        if listed:
            self._say(title, "bold")
        for line in listed:
            self._say(line)

    def _show(self, table: Table) -> None:
        if table.row_count:
            self._console.print(table)

    def _say(self, line: str, style: str = "") -> None:
        self._console.print(Text(clean(line), style=style))


def _waiver(waiver: WaiverWhy) -> str:
    return f"waived by {waiver.by or 'an official'}: {waiver.reason}"


def _rule(rule: str | None, value: str | None) -> str:
    if rule is None:
        return ""
    return f"  ({rule})" if value is None else f"  ({rule} = {value})"


def _table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def _row(table: Table, *cells: str) -> None:
    """Add cells as plain text, so that text from outside cannot control the terminal."""
    table.add_row(*(Text("\n".join(map(clean, cell.split("\n")))) for cell in cells))
