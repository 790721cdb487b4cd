"""Explanations of random logs say what the second scorer finds: each read, time, rule and sentence.

The checks know the rules from the second scorer alone. A sentence is taken for a claim, and the claim is worked out
from what the second scorer knows: that a stretch is too fast, that another passing gives a point its time, that a close
came before the finish. A sentence that none of the patterns here reads fails, so a new one comes with its check.
`MATLINE_AGREEMENT_LOGS` sets how many logs are compared, and `MATLINE_AGREEMENT_SEED` the first seed.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Callable

import pytest

from schemas.definition_parse import parse_definition
from schemas.results import AthleteRow
from services.formatting.times import LocalClock
from services.scoring.core.classify_reads import STRIKE_ORDER
from services.scoring.core.explain.build import explain
from services.scoring.core.explain.evidence import evidence_of
from services.scoring.core.judge_status import STATUS_RULES
from tests.oracle.folding import at_once
from tests.oracle.logs import log_of
from tests.oracle.scorer import US, Log, effective, examined, label, limits_us

LOGS = int(os.environ.get("MATLINE_AGREEMENT_LOGS", "3000")) // 3 + 1
FIRST_SEED = int(os.environ.get("MATLINE_AGREEMENT_SEED", "0"))
BLOCKS = 4


class Second:
    """What the second scorer finds of one log, and the clock of its event."""

    def __init__(self, log):
        counting = effective(log)
        self.lines, self.counting = log, {id(fact) for fact in counting}
        self.log = Log(counting)
        self.athletes = examined(self.log)
        defined = self.log.definition
        self.clock = LocalClock(None if defined is None else parse_definition(defined))


# --- Reads.


def check_reads(second, bib, explanation):
    """Each read is of the athlete who wore the chip, and used or unused for the reason of the second scorer."""
    row = second.athletes[bib]
    explained = Counter()
    for read in explanation.reads:
        key = (read.device, read.chip, read.device_at_us)
        wearer, place = second.log.wearers[key], second.log.places[key]
        assert read.mat == place[0]
        if place[0] is None:
            assert (read.reason, read.says) == ("unknown_device", f"device {read.device} was at no mat then")
            continue
        assert read.backup == (place[1] == "backup")
        if wearer is None:
            assert (read.reason, read.says) == ("unknown_chip", f"nobody wore chip {read.chip} then")
        elif wearer != bib:
            assert (read.bib, read.says) == (wearer, f"bib {wearer} wore chip {read.chip} then")
        else:
            assert read.at_us == second.log.instants[key]
            fate = ("reason", read.reason) if read.point is None else ("point", read.point)
            alike = (
                read.at_us,
                read.mat,
                read.backup,
            )  # which of several such reads gave a point its time is all the same
            explained[alike, fate] += 1
            for sentence in read.says.split("; "):
                yield read.reason or "gave", sentence
                assert_read_claim(ReadOf(second, row, key), sentence)
    counted = Counter()
    for key, fate in row["fates"].items():
        mat, source = second.log.places[key]
        counted[(second.log.instants[key], mat, source == "backup"), fate] += 1
    assert explained == counted


def assert_read_claim(read, sentence):
    """A sentence about a read, or about its passing, holds."""
    for pattern, holds in READ_CLAIMS.items():
        if (claim := re.fullmatch(pattern, sentence)) is not None:
            assert holds(read, *claim.groups()), sentence
            return
    raise AssertionError(f"nothing here reads the sentence {sentence!r}")


class PassingOf:
    """A passing of an athlete, and the choice of passings for points, by the second scorer."""

    def __init__(self, second, row, index):
        self.second, self.one, self.index = second, row, index
        self.own_gun, self.course, self.chosen = row["own_gun"], row["course"], row["chosen"]

    def point(self, name):
        """Index and definition of a point, which must be at the mat of the passing."""
        return next((index_of, point) for index_of, point in enumerate(self.course.points) if point["id"] == name)

    def picked_us(self, name):
        """The instant that the passing gives a point."""
        _, point = self.point(name)
        passing = self.course.passings[self.index]
        read = self.course.picked(point, passing) if point["mat"] == passing["mat"] else None
        return None if read is None else read["at_us"]

    def held(self, name):
        """The instant of a point in the choice, and its passing; None for a point that is not filled."""
        choice = self.chosen[self.point(name)[0]]
        return (None, None) if choice is None else (choice["at_us"], choice["passing"])

    def gave_by_another(self, names):
        held = [self.held(name) for name in re.split(", | and ", names)]
        return all(passing == self.index for _, passing in held)

    def is_overridden(self, name):
        return name in self.course.official and self.point(name)[1]["mat"] == self.course.passings[self.index]["mat"]

    def is_too_early(self, name, instant):
        _, point = self.point(name)
        race, course = self.second.log.races[self.one["race"]], self.course
        limit = max(limits_us(self.second.log, race, point["earliest"], course.earliest_gun, self.own_gun))
        return self.picked_us(name) < limit and instant == self.second.clock.at(limit)

    def is_too_fast(self, name, since):
        """From the nearest point that was filled before, or from the gun; forward in time."""
        index, point = self.point(name)
        at_us = self.picked_us(name)
        if since == "the gun":
            return self.course.faster(self.course.points[0], self.own_gun, point, at_us)
        before = max(earlier for earlier in range(index) if self.chosen[earlier] is not None)
        before_us = self.chosen[before]["at_us"]
        fast = self.course.faster(self.course.points[before], before_us, point, at_us)
        return self.course.points[before]["id"] == since and before_us < at_us and fast

    def is_out_of_order(self, name, other):
        at_us, official_us = self.picked_us(name), self.course.official[other]
        before = self.point(other)[0] < self.point(name)[0]
        return at_us <= official_us if before else at_us >= official_us

    def is_beaten(self, which, name):
        """The point took another passing, though this one would be allowed there, and the rules prefer that one."""
        held_us, passing = self.held(name)
        at_us = self.picked_us(name)
        if passing is None or passing == self.index or at_us is None:
            return False
        order = "a later" if held_us > at_us else "an earlier" if held_us < at_us else "another"
        swapped = list(self.chosen)
        swapped[self.point(name)[0]] = self.candidate(name)
        return which == order and self.course.allows(swapped) and not self.course.better(swapped, self.chosen)

    def candidate(self, name):
        return next(
            candidate for candidate in self.course.candidates[self.point(name)[0]] if candidate["passing"] == self.index
        )

    def is_used_for(self, name):
        return self.held(name)[1] == self.index

    def comes_not_after(self, later, earlier):
        """Of two points that follow each other in the choice, with the passing's instant at one of them."""
        return any(first is not None and second <= first for first, second in self.stretches(earlier, later))

    def is_a_fast_stretch(self, first, second):
        points = self.course.points
        if first == "the gun":
            return self.course.faster(points[0], self.own_gun, self.point(second)[1], self.picked_us(second))
        return any(
            self.course.faster(self.point(first)[1], start, self.point(second)[1], end)
            for start, end in self.stretches(first, second)
        )

    def stretches(self, first, second):
        """The instants at two points, one of them in the choice and the other by this read's passing."""
        assert self.point(first)[0] < self.point(second)[0]
        for claim, other in (
            (self.held(first)[0], self.picked_us(second)),
            (self.picked_us(first), self.held(second)[0]),
        ):
            if claim is not None and other is not None:
                yield claim, other


class ReadOf(PassingOf):
    """A read of an athlete, with its passing if it is in one."""

    def __init__(self, second, row, key):
        passings = row["course"].passings
        index = next((nth for nth, passing in enumerate(passings) if key in map(key_of, passing["reads"])), None)
        super().__init__(second, row, index)
        self.key, self.at_us = key, second.log.instants[key]

    def gave(self, name):
        return self.held(name) == (self.at_us, self.index)

    def is_before_gun(self, instant=None):
        if instant is None:
            return self.own_gun is None
        return self.at_us < self.own_gun and instant == self.second.clock.at(self.own_gun)

    def is_duplicate(self, mat):
        """A main device read the athlete there too, within the gap of the backup's passing."""
        return (
            self.second.log.places[self.key] == (mat, "backup") and self.one["fates"][self.key][1] == "backup_duplicate"
        )

    def has_no_point(self, race, mat):
        mats = [point["mat"] for point in self.course.points]
        return race == self.one["race"] and mat == self.second.log.places[self.key][0] and mat not in mats

    def is_outside_window(self, name, seconds):
        window_us = self.second.log.window_us[self.one["race"]]
        return name == "START" and int(seconds) * US == window_us and self.at_us > self.own_gun + window_us


def key_of(read):
    return read["key"]


READ_CLAIMS: dict[str, Callable[..., bool]] = {
    r"gave (\S+) its time": ReadOf.gave,
    r"an official excluded it": lambda read: read.one["fates"][read.key] == ("reason", "excluded"),
    r"the athlete's own gun has not been fired": ReadOf.is_before_gun,
    r"before the athlete's own gun, (.+)": ReadOf.is_before_gun,
    r"a backup read of a crossing that main devices at (\S+) also read": ReadOf.is_duplicate,
    r"(\S+) has no point at (\S+)": ReadOf.has_no_point,
    r"its passing gave (.+) by another read": ReadOf.gave_by_another,
    r"an official's time overrides it at (\S+)": ReadOf.is_overridden,
    r"(\S+) takes reads up to (\d+) s after the athlete's own gun": ReadOf.is_outside_window,
    r"(\S+) takes reads from (.+) on": ReadOf.is_too_early,
    r"(\S+) could not be reached so soon after (.+)": ReadOf.is_too_fast,
    r"out of order at (\S+) with the official's time at (\S+)": ReadOf.is_out_of_order,
    r"(a later|an earlier|another) passing was preferred at (\S+)": ReadOf.is_beaten,
    r"its passing already gave (\S+) its time": ReadOf.is_used_for,
    r"(\S+) would not come after (\S+)": ReadOf.comes_not_after,
    r"too fast from (.+) to (\S+)": ReadOf.is_a_fast_stretch,
}
"""Sentences about reads, and what has to hold for each."""


def check_candidates(second, bib, explanation):
    """Each passing that could fill a point is taken, or not for the reason of the second scorer."""
    row = second.athletes[bib]
    passings = [
        (
            passing["mat"],
            passing["source"] == "backup",
            *(edge(map(instant_of, passing["reads"])) for edge in (min, max)),
        )
        for passing in row["course"].passings
    ]
    index_of = {
        shown.passing: passings.index((shown.mat, shown.backup, shown.first_us, shown.last_us))
        for shown in explanation.passings
    }
    assert len(index_of) == len(passings)
    for point in explanation.points:
        for candidate in point.candidates:
            yield "candidate", candidate.says
            if candidate.passing is None:
                assert (candidate.says, candidate.at_us) == (
                    "taken: an official's time must be used",
                    row["course"].official[point.point],
                )
                continue
            passing = PassingOf(second, row, index_of[candidate.passing])
            assert candidate.at_us == passing.picked_us(point.point)
            assert candidate.chosen == (candidate.says == "taken") == passing.is_used_for(point.point)
            if not candidate.chosen:
                assert_candidate_claim(passing, point.point, candidate.says)


def assert_candidate_claim(passing, point, sentence):
    if (beaten := re.fullmatch(r"(a later|an earlier|another) passing was preferred", sentence)) is not None:
        assert passing.is_beaten(beaten[1], point), sentence
    else:
        assert_read_claim(passing, sentence)


def instant_of(read):
    return read["at_us"]


# --- Status and cases.


def check_status(second, bib, explanation):
    """The rule that decided is one on which the second scorer rests the status, and no rule before it applies."""
    row = second.athletes[bib]
    last, deciding = explanation.why[-1], deciding_rules(row)
    assert last.applies
    assert last.rule in deciding
    assert explanation.status == row["status"] == STATUS_RULES[last.rule].status
    rules = [step.rule for step in explanation.why]
    assert rules == list(STATUS_RULES)[: len(rules)]
    assert not set(rules[:-1]) & deciding
    for step in explanation.why:
        claims = STATUS_CLAIMS if step.applies else NOT_CLAIMS
        for sentence in step.says.split("; "):
            yield step.rule if step.applies else f"not {step.rule}", sentence
            assert any(
                holds(second, row, *claim.groups())
                for pattern, holds in claims.items()
                if (claim := re.fullmatch(pattern, sentence)) is not None
            ), f"{step.rule}: {step.says}"


def deciding_rules(row):
    """The rules on which the status rests: the first step of R3.7 that applies, which may hold for several reasons."""
    finished, passed = "FINISH" in row["taken"], bool(row["taken"])
    steps = [
        {
            "dq_set": row["set_status"] == "DQ",
            "dq_decided": row["decided"] == "dq",
            "late_dq_decided": row["late_decided"] == "dq",
        },
        {"dns_set": row["set_status"] == "DNS", "dnf_set": row["set_status"] == "DNF"},
        {"over_limit": row["cut_at"] is not None},
        {
            "dnf_decided": row["decided"] == "dnf",
            "missed_points": finished and not row["let_off"],
            "late_dnf_decided": row["late_decided"] == "dnf",
            "late_finish": row["after_close"] and row["late_decided"] is None,
        },
        {"finished": finished},
        {"closed_on_course": row["closed"] and passed, "closed_not_started": row["closed"] and not passed},
        {"on_course": passed, "not_started": not passed},
    ]
    return next(rules for step in steps if (rules := {rule for rule, applies in step.items() if applies}))


def named(names):
    return re.split(", | and ", names)


def is_late(second, row, finish, race, closed):
    clock_at = second.clock.at
    return (
        race == row["race"]
        and (finish, closed) == (clock_at(row["taken"]["FINISH"]), clock_at(row["limit"]))
        and row["taken"]["FINISH"] > row["limit"]
    )


BUTS: dict[str, Callable[..., bool]] = {
    r"missing (.+) does not matter in (\S+)": lambda second, row, missed, race: (
        (named(missed), race) == (row["missed"], row["race"]) and second.log.races[race].get("missing_mat") == "ignore"
    ),
    r"missing (.+) was accepted": lambda second, row, missed: (
        (named(missed), row["decided"]) == (row["missed"], "accept")
    ),
    r"the jury has to decide on the missed (.+), and the finish counts until then": lambda second, row, missed: (
        (named(missed), row["decided"], second.log.races[row["race"]]["missing_mat"]) == (row["missed"], None, "review")
    ),
    r"(.+) (?:is|are) not required, since an official waived (?:it|them)": lambda second, row, waived: (
        named(waived) == row["waived"]
    ),
    r"the finish after the close was accepted": lambda second, row: row["late_decided"] == "accept",
}
STATUS_CLAIMS: dict[str, Callable[..., bool]] = {
    r"an official set (\S+)": lambda second, row, status: row["set_status"] == status,
    r"the jury decided on the missed (.+): (\S+)": lambda second, row, missed, outcome: (
        (named(missed), outcome) == (row["missed"], row["decided"])
    ),
    r"the jury decided on the finish after the close: (\S+)": lambda second, row, outcome: (
        row["late_decided"] == outcome
    ),
    r"over the time limit at (\S+)": lambda second, row, point: row["cut_at"] == point,
    r"finished, but missed (.+)": lambda second, row, missed: (
        "FINISH" in row["taken"] and (named(missed), row["decided"]) == (row["missed"], None)
    ),
    r"finished at (.+), after (\S+) was closed at (.+)": is_late,
    r"finished": lambda second, row: "FINISH" in row["taken"],
    r"(\S+) is closed, and FINISH was not passed": lambda second, row, race: (
        race == row["race"] and row["closed"] and bool(row["taken"]) and "FINISH" not in row["taken"]
    ),
    r"(\S+) is closed, and no point was passed": lambda second, row, race: (
        race == row["race"] and row["closed"] and not row["taken"]
    ),
    r"a point was passed, and FINISH was not": lambda second, row: row["taken"] and "FINISH" not in row["taken"],
    r"no point has been passed yet": lambda second, row: not row["taken"],
    **BUTS,
}
"""Sentences about the rule that decided, and what has to hold for each."""
NOT_CLAIMS: dict[str, Callable[..., bool]] = {
    r"no official set (\S+)": lambda second, row, status: row["set_status"] != status,
    r"no case of missed points was decided as (\S+)": lambda second, row, outcome: row["decided"] != outcome,
    r"no case of a finish after the close was decided as (\S+)": lambda second, row, outcome: (
        row["late_decided"] != outcome
    ),
    r"no point was passed after its time limit": lambda second, row: row["cut_at"] is None,
    r"FINISH was not passed": lambda second, row: "FINISH" not in row["taken"],
    r"no required point was missed": lambda second, row: row["missed"] == [],
    r"no close of (\S+) limits the finish": lambda second, row, race: race == row["race"] and row["limit"] is None,
    r"the finish was not after (.+), when (\S+) was closed": lambda second, row, closed, race: (
        (second.clock.at(row["limit"]), row["race"]) == (closed, race) and row["taken"]["FINISH"] <= row["limit"]
    ),
    r"no point was passed": lambda second, row: not row["taken"],
    r"(\S+) is not closed": lambda second, row, race: race == row["race"] and not row["closed"],
    **BUTS,
}
"""Sentences about rules that did not apply, and what has to hold for each."""


def check_cases(second, bib, explanation):
    """The cases are those of the second scorer, with the decision and the reason."""
    row = second.athletes[bib]
    assert {(case.case, case.open) for case in explanation.cases} == {
        (case["case"], case["open"]) for case in row["cases"]
    }
    for case in explanation.cases:
        assert case.outcome == second.log.decision(case.case)
        kind = case.case.partition(":")[0]
        yield f"case {kind}", case.says
        if kind == "missed":
            missed = case.says.removeprefix("missed ").removesuffix(", but passed a later point")
            assert named(missed) == row["missed"]
        elif kind == "after_close":
            assert is_late(
                second, row, *re.fullmatch(r"finished at (.+), after (\S+) was closed at (.+)", case.says).groups()
            )
        else:
            assert case.says == "passed a point that contradicts the status that an official set"


# --- Points and times.


def waiver_sentences(second, bib, row, point):
    """The sentence about the waivers of a point that the athlete lacks: those that reach, or all if none does."""
    if point not in (*row["waived"], *row["missed"]):
        return []
    race, clock = second.log.races[row["race"]], second.clock
    waivers = second.log.reaching(race, bib, point, row["taken"]) or second.log.waivers(race, point)
    if not waivers:
        return []
    (before, before_us), (after, after_us) = second.log.stretch(race, bib, point, row["taken"])
    said = []
    for fact in waivers:
        since = f"from {clock.at(fact['from_us'])}" if "from_us" in fact else ""
        until = f"until {clock.at(fact['until_us'])}" if "until_us" in fact else ""
        said.append(f"{since} {until}".strip() or "at any time")
    listed = " and ".join(part for part in (", ".join(said[:-1]), said[-1]) if part)
    begins = "not required, since an official waived it" if point in row["waived"] else "waived only"
    return [
        f"{begins} for those who passed {listed}: this athlete came after {before or 'the gun'} at "
        f"{clock.at(before_us)} and before {after} at {clock.at(after_us)}"
    ]


def check_points(second, bib, explanation):
    """The points with their instants and sources, those missed, waived and over their limit; and their sentences."""
    row = second.athletes[bib]
    taken = [(point.point, point.at_us, point.source) for point in explanation.points if point.at_us is not None]
    assert taken == [(point["point"], point["at_us"], point["source"]) for point in row["points"]]
    assert [point.point for point in explanation.points if point.missed] == row["missed"]
    assert next((point.point for point in explanation.points if point.over), None) == row["cut_at"]
    for point in explanation.points:
        parts = point.says.split("; ")
        for sentence in parts:
            yield "point", sentence
        assert ("missed, since a later point was passed" in parts) == (point.point in row["missed"])
        assert [part for part in parts if "waived" in part] == waiver_sentences(second, bib, row, point.point)
        assert ("later than its limit" in parts) == point.over
        if point.at_us is None:
            assert parts[0] == (
                "none of its candidates was taken" if point.candidates else "no read or official gave it a time"
            )
        else:
            assert (parts[0] == "an official's time, which overrides every read here") == (point.source == "official")


def check_times(second, bib, explanation):
    """The instants between which times are measured, the adjustments, and the times themselves."""
    row = second.athletes[bib]
    steps = {step.step: step for step in explanation.times}
    clock_at = second.clock.at
    for step in explanation.times:
        yield f"time {step.step}", step.says
    if row["own_gun"] is None:
        assert list(steps) == ["own_gun"]
        assert "no gun has been fired" in steps["own_gun"].says
        return
    assert steps["own_gun"].at_us == row["own_gun"]
    assert steps["own_gun"].says.endswith(clock_at(row["own_gun"]))
    assert steps["gun"].at_us == row["gun_from"]
    finish = row["taken"].get("FINISH")
    if finish is None:
        assert steps["finish"].says == "FINISH has no passing, so there are no times"
        assert (explanation.gun_us, explanation.chip_us) == (None, None)
        return
    assert steps["finish"].at_us == finish
    assert steps["gun_time"].time_us == row["gun_us"]
    assert steps["gun_time"].says.startswith(f"gun time {clock_at(finish)} − {clock_at(row['gun_from'])}")
    has_chip = row["chip_us"] is not None
    assert ("chip_time" in steps) == has_chip
    if has_chip:
        start_us = row["taken"].get("START", row["own_gun"])
        assert (steps["start"].at_us, steps["chip_time"].time_us) == (start_us, row["chip_us"])
        assert steps["chip_time"].says.startswith(f"chip time {clock_at(finish)} − {clock_at(start_us)}")
        assumed = "START has no passing" in steps["start"].says
        assert assumed == ("start_assumed" in row["flags"])
        let_off = ", and missing it does not count" in steps["start"].says
        assert let_off == (assumed and second.log.races[row["race"]].get("missing_start", "gun") == "dnf")
    else:
        assert steps["start"].says == "START has no passing and no gun replaces it, so there is no chip time"
    for name in {"gun_time", "chip_time"} & steps.keys():
        for field in AthleteRow.ADJUSTMENTS:
            adjusted = re.search(rf" {field.removesuffix('_us').replace('_', ' ')}\b", steps[name].says)
            assert (adjusted is not None) == bool(row.get(field))
    printed = steps["printed"].time_us
    assert (None if printed is None else printed // US) == row["time_s"]


# --- Officials' facts.


def check_facts(second, bib, explanation):
    """A fact is withdrawn if it does not count, and waits if it names something that is not there."""
    for why in explanation.facts:
        fact = second.lines[why.offset]
        assert why.type == fact["type"]
        assert (why.state == "withdrawn") == (id(fact) not in second.counting)
        if why.state != "withdrawn" and fact["type"] != "entries_added":  # a list may wait in part
            assert (why.state == "waiting") == waits(second, fact), fact
        yield f"fact {why.state}", why.says


def waits(second, fact):
    """Whether a fact names a bib, race, point, mat, board, protest, case or fact that is not there. Source: R1.6."""
    log = second.log
    bibs = [fact["bib"]] if "bib" in fact and fact["type"] != "entry_withdrawn" else fact.get("bibs", [])
    if any(label(bib) not in log.entries for bib in bibs):
        return True
    if "race" in fact and fact["race"] not in log.races:
        return True
    match fact["type"]:
        case "time_set":
            return fact["point"] not in points_of(log, log.entries[label(fact["bib"])]["race"])
        case "point_waived":
            return fact["point"] not in points_of(log, fact["race"])
        case "device_assigned":
            return fact["mat"] not in log.mats
        case "case_decided":
            kind, _, rest = fact["case"].partition(":")
            teams = [] if log.definition is None else log.definition.get("team_boards", [])
            if kind == "team":
                return not any(rest.startswith(f"{board['id']}:") for board in teams)
            return any(label(bib) not in log.entries for bib in rest.split(":"))
        case "protest_decided":
            return not any(fact["protest"] == filed["protest"] for filed in log.of("protest_filed"))
        case "fact_withdrawn":
            return fact["fact"] not in {line.get(name) for line in second.lines for name in ("id", "part_of")}
        case _:
            return False


def points_of(log, race):
    return [point["id"] for point in log.races[race]["points"]]


CHECKS = (check_facts, check_reads, check_candidates, check_status, check_cases, check_points, check_times)


def check(log):
    """Hold every explanation of a log against the second scorer; return the sentences seen, without their values."""
    second = Second(log)
    state = at_once(log)
    seen = Counter()
    entered = {bib for bib in state.versions if state.was_entered(bib)}
    assert entered >= set(second.athletes)
    for bib in sorted(entered):
        explanation, row = explain(evidence_of(state, bib))
        assert (explanation.gone is None) == (bib in second.athletes)
        if explanation.gone is None:
            for checked in CHECKS:
                seen.update(kind for kind, _ in checked(second, bib, explanation))
            assert explanation.flags == second.athletes[bib]["flags"] == row.flags
    return seen


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_sentence_of_an_explanation_agrees_with_the_second_scorer(block):
    seen = Counter()
    for seed in range(FIRST_SEED + block, FIRST_SEED + LOGS, BLOCKS):
        log = log_of(seed)
        try:
            seen += check(log)
        except Exception as fault:
            lines = "\n".join(json.dumps(fact) for fact in log)
            raise AssertionError(f"seed {seed}: {fault}\n{lines}") from fault
    if LOGS > 1000:
        rare = {"dq_decided", "dnf_decided", "late_dq_decided", "late_dnf_decided"}
        assert set(STATUS_RULES) - rare <= set(seen)
        assert {*STRIKE_ORDER, "backup_duplicate", "before_gun", "excluded", "not_on_course"} <= set(seen)
