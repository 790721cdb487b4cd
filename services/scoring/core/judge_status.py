"""The status of an athlete: the rules in the order in which they are asked, and what they go by.

Source: R3.6 and R3.7.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.events import Outcome
from schemas.results import Case, Status
from services.scoring.core.assign_points import Candidate
from services.scoring.core.course import Course
from services.scoring.core.rulings import Rulings

StatusRule = Literal[
    "dq_set",
    "dq_decided",
    "dns_set",
    "dnf_set",
    "over_limit",
    "dnf_decided",
    "missed_points",
    "finished",
    "closed_on_course",
    "closed_not_started",
    "on_course",
    "not_started",
]

MissedBut = Literal["ignored", "accepted", "under_review"]
"""Why missed points do not count against an athlete: the race ignores them, their case was accepted, or it is open and
the race lets a finisher count until it is decided."""


class Grounds(Struct, frozen=True):
    """What the rules for an athlete's status go by.

    `set_status` is an official's, `decided` the outcome of the case of missed points. `missed_but` is None where the
    missed points count against the athlete, or none is missed.
    """

    set_status: Literal["DNS", "DNF", "DQ"] | None
    decided: Outcome | None
    cut_at: str | None
    missed: list[str]
    missed_but: MissedBut | None
    passed_finish: bool
    passed_any: bool
    closed: bool


class _Rule(NamedTuple):
    status: Status
    applies: Callable[[Grounds], bool]


STATUS_RULES: dict[StatusRule, _Rule] = {
    "dq_set": _Rule("DQ", lambda on: on.set_status == "DQ"),
    "dq_decided": _Rule("DQ", lambda on: on.decided == "dq"),
    "dns_set": _Rule("DNS", lambda on: on.set_status == "DNS"),
    "dnf_set": _Rule("DNF", lambda on: on.set_status == "DNF"),
    "over_limit": _Rule("OTL", lambda on: on.cut_at is not None),
    "dnf_decided": _Rule("DNF", lambda on: on.decided == "dnf"),
    "missed_points": _Rule("DNF", lambda on: on.passed_finish and bool(on.missed) and on.missed_but is None),
    "finished": _Rule("FINISHED", lambda on: on.passed_finish),
    "closed_on_course": _Rule("DNF", lambda on: on.closed and on.passed_any),
    "closed_not_started": _Rule("DNS", lambda on: on.closed),
    "on_course": _Rule("ON_COURSE", lambda on: on.passed_any),
    "not_started": _Rule("NOT_STARTED", lambda on: True),
}
"""The status by each rule and when it applies, in the order in which they are asked: the first that applies decides."""


class StandingCase(NamedTuple):
    """A case that there is ground for, of which kind, and what was decided."""

    case: Case
    kind: Literal["missed", "reads_after"]
    outcome: Outcome | None


class Verdict(NamedTuple):
    """What an athlete's points come to: the rule that gave the status, what it went by, flags and cases."""

    rule: StatusRule
    grounds: Grounds
    flags: list[str]
    cases: list[StandingCase]


def judge_status(
    rulings: Rulings, course: Course, bib: str, taken: list[Candidate | None], cut_at: str | None, missed: list[str]
) -> Verdict:
    """Find the rule that gives the status, its flag, and the cases that there is ground for."""
    race = course.race
    ruled = rulings.statuses.get(bib)
    set_status = None if ruled is None or ruled.status == "OK" else ruled.status
    cases: list[StandingCase] = []
    decided = None
    if missed and race.missing_mat != "ignore" and set_status is None and cut_at is None:
        name = f"missed:{bib}"
        decided = rulings.decisions.get(name)
        cases.append(StandingCase(Case(name, race.id, bib, open=decided is None), "missed", decided))
    if ruled is not None and _contradicted(course, taken, set_status, ruled.at_us):
        name = f"reads_after:{bib}"
        outcome = rulings.decisions.get(name)
        cases.append(StandingCase(Case(name, race.id, bib, open=outcome is None), "reads_after", outcome))
    grounds = Grounds(
        set_status,
        decided,
        cut_at,
        missed,
        _missed_but(race.missing_mat, missed, decided),
        taken[course.finish] is not None,
        any(held is not None for held in taken),
        rulings.closed.get(race.id, False),
    )
    rule = _rule(grounds)
    review = rule == "finished" and grounds.missed_but == "under_review"
    return Verdict(rule, grounds, ["review"] if review else [], cases)


def _rule(grounds: Grounds) -> StatusRule:
    for rule, (_, applies) in STATUS_RULES.items():
        if applies(grounds):
            return rule
    raise AssertionError("the last rule always applies")


def _missed_but(
    missing_mat: Literal["dnf", "review", "ignore"], missed: list[str], decided: Outcome | None
) -> MissedBut | None:
    if not missed:
        return None
    if missing_mat == "ignore":
        return "ignored"
    if decided == "accept":
        return "accepted"
    return "under_review" if decided is None and missing_mat == "review" else None


def _contradicted(
    course: Course, taken: list[Candidate | None], set_status: Literal["DNS", "DNF", "DQ"] | None, at_us: int | None
) -> bool:
    """Return whether a set status is contradicted by what the athlete did. Source: R3.7."""
    if set_status is None:
        return False
    if at_us is not None:
        return any(held is not None and held.at_us > at_us for held in taken)
    if set_status == "DNS":
        return any(held is not None for held in taken)
    return set_status == "DNF" and taken[course.finish] is not None


def is_excused(verdict: Verdict) -> bool:
    """Return whether no missed point counts against the athlete; under review that holds for finishers only."""
    grounds = verdict.grounds
    if not grounds.missed or grounds.missed_but in ("ignored", "accepted"):
        return True
    return grounds.missed_but == "under_review" and verdict.rule == "finished"
