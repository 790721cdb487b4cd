"""The largest gaps that senders and viewers saw during each step of an upgrade. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from loadtest.chaos.evidence import Evidence


class Step(NamedTuple):
    """Something done to a stack from one instant to another, in seconds of the evidence's clock."""

    name: str
    began_s: float
    over_s: float


class Gaps(NamedTuple):
    """The longest time during a step without an acknowledgement, an answer with a board, and a newer board."""

    step: Step
    accepted_s: float
    answered_s: float
    moved_s: float


def gaps(step: Step, runs: Sequence[Evidence]) -> Gaps:
    """Return the gaps of a step, each the longest of all races that were sent at the same time."""
    return Gaps(
        step=step,
        accepted_s=max(longest(step, [done.at_s for done in run.acknowledged]) for run in runs),
        answered_s=max(longest(step, [shown.at_s for shown in run.shown if shown.viewer == "board"]) for run in runs),
        moved_s=max(longest(step, _moves(run)) for run in runs),
    )


def longest(step: Step, instants: Sequence[float]) -> float:
    """Return the longest time between neighbours of ascending instants that is at least in part within the step.

    A step that began before the first instant, or ended after the last, has a gap from or to there.
    """
    within = [at_s for at_s in instants if step.began_s < at_s < step.over_s]
    before = max((at_s for at_s in instants if at_s <= step.began_s), default=step.began_s)
    after = min((at_s for at_s in instants if at_s >= step.over_s), default=step.over_s)
    return max(later - earlier for earlier, later in pairwise([before, *within, after]))


def _moves(run: Evidence) -> list[float]:
    """Return the instants at which the polled board was of a newer revision than ever before."""
    moves: list[float] = []
    newest = -1
    for shown in run.shown:
        if shown.viewer == "board" and shown.revision > newest:
            newest = shown.revision
            moves.append(shown.at_s)
    return moves


def after_the_race(steps: Sequence[Step], runs: Sequence[Evidence]) -> list[str]:
    """Return a line for each step that was over only after a race was: what it interrupts cannot be seen then."""
    last_s = min(run.acknowledged[-1].at_s if run.acknowledged else 0.0 for run in runs)
    return [f"{step.name} was over after the race; give it more --seconds" for step in steps if step.over_s > last_s]


def table(rows: Sequence[Gaps]) -> list[str]:
    """Return the lines of the table: a line for each step, with the longest gaps in seconds."""
    return [
        "| step | took | reads accepted | boards answered | boards moving |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {row.step.name} | {row.step.over_s - row.step.began_s:.1f} s | {row.accepted_s:.1f} s"
            f" | {row.answered_s:.1f} s | {row.moved_s:.1f} s |"
            for row in rows
        ),
    ]
