"""Explain an athlete's status and cases in words. Source: R3.6 and R3.7."""

from typing import assert_never

from services.formatting.times import LocalClock
from services.formatting.words import join_words
from services.scoring.core.athlete import Examined
from services.scoring.core.explain.model import CaseWhy, StatusWhy
from services.scoring.core.judge_status import STATUS_RULES, Grounds, MissedBut, StatusRule


def status_whys(examined: Examined, clock: LocalClock) -> list[StatusWhy]:
    """Return the rules that were tried, up to the first that applied."""
    race, verdict = examined.course.race.id, examined.verdict
    rules = list(STATUS_RULES)
    before = rules[: rules.index(verdict.rule)]
    steps = [StatusWhy(rule, False, _says_not(rule, verdict.grounds, race, clock)) for rule in before]
    return [*steps, StatusWhy(verdict.rule, True, _says(verdict.rule, examined, clock))]


def _says(rule: StatusRule, examined: Examined, clock: LocalClock) -> str:
    """Return why a rule applied."""
    race, grounds = examined.course.race.id, examined.verdict.grounds
    match rule:
        case "dq_set" | "dns_set" | "dnf_set":
            return f"an official set {grounds.set_status}"
        case "dq_decided" | "dnf_decided":
            return f"the jury decided on the missed {join_words(grounds.missed)}: {grounds.decided}"
        case "over_limit":
            return f"over the time limit at {grounds.cut_at}"
        case "missed_points":
            return f"finished, but missed {join_words(grounds.missed)}"
        case "late_dq_decided" | "late_dnf_decided":
            return f"the jury decided on the finish after the close: {grounds.late}"
        case "late_finish":
            return _late_says(examined, clock)
        case "finished":
            accepted = ["the finish after the close was accepted"] if grounds.late == "accept" else []
            return "; ".join(["finished", *_buts(grounds, race), *accepted])
        case "closed_on_course":
            return f"{race} is closed, and FINISH was not passed"
        case "closed_not_started":
            return f"{race} is closed, and no point was passed"
        case "on_course":
            return "a point was passed, and FINISH was not"
        case "not_started":
            return "no point has been passed yet"
        case _:
            assert_never(rule)


def _late_says(examined: Examined, clock: LocalClock) -> str:
    """Return that an athlete finished after the race was closed, with both instants."""
    finish_us, closed_at_us = examined.times.finish_us, examined.verdict.grounds.closed_at_us
    if finish_us is None or closed_at_us is None:
        raise AssertionError("a late finish without a finish or without a limit")
    return f"finished at {clock.at(finish_us)}, after {examined.course.race.id} was closed at {clock.at(closed_at_us)}"


def _buts(grounds: Grounds, race: str) -> list[str]:
    """Return why points that were not taken do not count against a finisher: those missed, then those waived."""
    buts = [] if grounds.missed_but is None else [_but(grounds.missed_but, join_words(grounds.missed), race)]
    if len(grounds.waived) == 1:
        buts.append(f"{grounds.waived[0]} is not required, since an official waived it")
    elif grounds.waived:
        buts.append(f"{join_words(grounds.waived)} are not required, since an official waived them")
    return buts


def _but(missed_but: MissedBut, missed: str, race: str) -> str:
    match missed_but:
        case "ignored":
            return f"missing {missed} does not matter in {race}"
        case "accepted":
            return f"missing {missed} was accepted"
        case "under_review":
            return f"the jury has to decide on the missed {missed}, and the finish counts until then"
        case _:
            assert_never(missed_but)


def _says_not(rule: StatusRule, grounds: Grounds, race: str, clock: LocalClock) -> str:
    """Return why a rule did not apply."""
    match rule:
        case "dq_set":
            return "no official set DQ"
        case "dns_set":
            return "no official set DNS"
        case "dnf_set":
            return "no official set DNF"
        case "dq_decided":
            return "no case of missed points was decided as dq"
        case "dnf_decided":
            return "no case of missed points was decided as dnf"
        case "late_dq_decided" | "late_dnf_decided":
            return f"no case of a finish after the close was decided as {'dq' if rule == 'late_dq_decided' else 'dnf'}"
        case "late_finish":
            return _not_late(grounds, race, clock)
        case "over_limit":
            return "no point was passed after its time limit"
        case "missed_points":
            if not grounds.passed_finish:
                return "FINISH was not passed"
            return "; ".join(_buts(grounds, race)) or "no required point was missed"
        case "finished":
            return "FINISH was not passed"
        case "closed_on_course":
            return "no point was passed" if grounds.closed else f"{race} is not closed"
        case "closed_not_started":
            return f"{race} is not closed"
        case "on_course" | "not_started":
            return "no point was passed"
        case _:
            assert_never(rule)


def _not_late(grounds: Grounds, race: str, clock: LocalClock) -> str:
    if grounds.late == "accept":
        return "the finish after the close was accepted"
    if not grounds.passed_finish:
        return "FINISH was not passed"
    if grounds.closed_at_us is None:
        return f"no close of {race} limits the finish"
    return f"the finish was not after {clock.at(grounds.closed_at_us)}, when {race} was closed"


def case_whys(examined: Examined, clock: LocalClock) -> list[CaseWhy]:
    """Return the athlete's cases with the reason for each."""
    cases = []
    for case, kind, outcome in examined.verdict.cases:
        match kind:
            case "missed":
                says = f"missed {join_words(examined.required.missed)}, but passed a later point"
            case "reads_after":
                says = "passed a point that contradicts the status that an official set"
            case "after_close":
                says = _late_says(examined, clock)
            case _:
                assert_never(kind)
        cases.append(CaseWhy(case.case, case.open, outcome, says))
    return cases
