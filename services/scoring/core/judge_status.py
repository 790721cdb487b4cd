"""The status of an athlete: the rules in the order in which they are tried, and the grounds that they use.

Source: R3.6 and R3.7.
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

from msgspec import Struct

from schemas.events import Outcome
from schemas.results import Case, Status
from services.scoring.core.assign_points import Candidate
from services.scoring.core.course import Course
from services.scoring.core.required_points import RequiredPoints
from services.scoring.core.rulings import Rulings

StatusRule = Literal[
    "dq_set",
    "dq_decided",
    "late_dq_decided",
    "dns_set",
    "dnf_set",
    "over_limit",
    "dnf_decided",
    "missed_points",
    "late_dnf_decided",
    "late_finish",
    "finished",
    "closed_on_course",
    "closed_not_started",
    "on_course",
    "not_started",
]

MissedBut = Literal["ignored", "accepted", "under_review"]
"""The reasons why missed points do not count against an athlete: the race ignores them, the jury accepted their case,
or the case is open and the race counts a finisher until it is decided."""

LateFinish = Outcome | Literal["undecided"]
"""A finish after the close, by the outcome of its case."""


class Grounds(Struct, frozen=True):
    """The grounds on which the rules decide an athlete's status.

    `set_status` is an official's, `decided` the outcome of the case of missed points. `missed_but` is None if the
    missed points count against the athlete, or none is missed. `waived` are the points that a waiver keeps from being
    missed. `closed_at_us` is the instant after which a finish needs the jury (None: there is none), `late` says what
    became of a finish after it (None: the case has no ground).
    """

    set_status: Literal["DNS", "DNF", "DQ"] | None
    decided: Outcome | None
    cut_at: str | None
    missed: list[str]
    waived: list[str]
    missed_but: MissedBut | None
    passed_finish: bool
    passed_any: bool
    closed: bool
    closed_at_us: int | None
    late: LateFinish | None


class _Rule(NamedTuple):
    status: Status
    applies: Callable[[Grounds], bool]


STATUS_RULES: dict[StatusRule, _Rule] = {
    "dq_set": _Rule("DQ", lambda on: on.set_status == "DQ"),
    "dq_decided": _Rule("DQ", lambda on: on.decided == "dq"),
    "late_dq_decided": _Rule("DQ", lambda on: on.late == "dq"),
    "dns_set": _Rule("DNS", lambda on: on.set_status == "DNS"),
    "dnf_set": _Rule("DNF", lambda on: on.set_status == "DNF"),
    "over_limit": _Rule("OTL", lambda on: on.cut_at is not None),
    "dnf_decided": _Rule("DNF", lambda on: on.decided == "dnf"),
    "missed_points": _Rule("DNF", lambda on: on.passed_finish and bool(on.missed) and on.missed_but is None),
    "late_dnf_decided": _Rule("DNF", lambda on: on.late == "dnf"),
    "late_finish": _Rule("DNF", lambda on: on.late == "undecided"),
    "finished": _Rule("FINISHED", lambda on: on.passed_finish),
    "closed_on_course": _Rule("DNF", lambda on: on.closed and on.passed_any),
    "closed_not_started": _Rule("DNS", lambda on: on.closed),
    "on_course": _Rule("ON_COURSE", lambda on: on.passed_any),
    "not_started": _Rule("NOT_STARTED", lambda on: True),
}
"""Each rule's status and condition, in the order in which the rules are tried: the first that applies decides."""


class StandingCase(NamedTuple):
    """A case for which there is a reason, its kind, and the outcome once it is decided."""

    case: Case
    kind: Literal["missed", "reads_after", "after_close"]
    outcome: Outcome | None


class Verdict(NamedTuple):
    """The verdict on an athlete: the rule that gave the status, its grounds, flags and cases."""

    rule: StatusRule
    grounds: Grounds
    flags: list[str]
    cases: list[StandingCase]


def judge_status(
    rulings: Rulings,
    course: Course,
    bib: str,
    taken: list[Candidate | None],
    cut_at: str | None,
    required: RequiredPoints,
) -> Verdict:
    """Return the rule that gives the status with its grounds and flags, and the cases for which there is a reason."""
    race, missed = course.race, required.missed
    ruled = rulings.statuses.get(bib)
    set_status = None if ruled is None or ruled.status == "OK" else ruled.status
    cases: list[StandingCase] = []
    decided = None
    judged_by_finish = set_status is None and cut_at is None
    if missed and race.missing_mat != "ignore" and judged_by_finish:
        name = f"missed:{bib}"
        decided = rulings.decisions.get(name)
        cases.append(StandingCase(Case(name, race.id, bib, open=decided is None), "missed", decided))
    if ruled is not None and _contradicted(course, taken, set_status, ruled.at_us):
        name = f"reads_after:{bib}"
        outcome = rulings.decisions.get(name)
        cases.append(StandingCase(Case(name, race.id, bib, open=outcome is None), "reads_after", outcome))
    closing = rulings.closed.get(race.id)
    finish, closed_at_us = taken[course.finish], None if closing is None else closing.at_us
    late: LateFinish | None = None
    if finish is not None and closed_at_us is not None and finish.at_us > closed_at_us and judged_by_finish:
        name = f"after_close:{bib}"
        outcome = rulings.decisions.get(name)
        cases.append(StandingCase(Case(name, race.id, bib, open=outcome is None), "after_close", outcome))
        late = outcome or "undecided"
    grounds = Grounds(
        set_status,
        decided,
        cut_at,
        missed,
        [course.points[waived.point].id for waived in required.waived],
        _missed_but(race.missing_mat, missed, decided),
        finish is not None,
        any(held is not None for held in taken),
        closing is not None,
        closed_at_us,
        late,
    )
    rule = _rule(grounds)
    flags = ["review"] if rule == "finished" and grounds.missed_but == "under_review" else []
    return Verdict(rule, grounds, [*flags, "waived"] if grounds.waived else flags, cases)


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
    """Return whether the athlete's points contradict a set status. Source: R3.7."""
    if set_status is None:
        return False
    if at_us is not None:
        return any(held is not None and held.at_us > at_us for held in taken)
    if set_status == "DNS":
        return any(held is not None for held in taken)
    return set_status == "DNF" and taken[course.finish] is not None


def is_excused(verdict: Verdict) -> bool:
    """Return whether no missed point counts against the athlete: whether they are let off. Source: R3.6."""
    grounds = verdict.grounds
    if not grounds.missed or grounds.missed_but in ("ignored", "accepted"):
        return True
    has_ground = grounds.set_status is None and grounds.cut_at is None
    return grounds.missed_but == "under_review" and grounds.passed_finish and has_ground
