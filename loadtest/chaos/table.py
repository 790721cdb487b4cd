"""The table of a run or several: for each fault how often it was injected, and how soon boards went on. Pure."""

from collections.abc import Sequence

from loadtest.chaos.evidence import Evidence
from loadtest.chaos.injection import Injected


def recovery_s(evidence: Evidence, over_s: float) -> float | None:
    """Return the seconds from the end of a fault until a viewer was shown a read that was acknowledged after it.

    None if nothing was acknowledged any more, or it was never shown.
    """
    revision = next(
        (done.revision for done in evidence.acknowledged if done.at_s >= over_s and done.revision >= 0), None
    )
    if revision is None:
        return None
    return next((s.at_s - over_s for s in evidence.shown if s.at_s >= over_s and s.revision >= revision), None)


def table(runs: Sequence[tuple[Evidence, Sequence[Injected]]]) -> list[str]:
    """Return the lines of the table: fault, times, and the shortest and longest recovery."""
    times: dict[str, list[float | None]] = {}
    for evidence, injected in runs:
        for done in injected:
            times.setdefault(done.fault.name, []).append(recovery_s(evidence, done.over_s))
    lines = ["| fault | times | boards went on after |", "| --- | --- | --- |"]
    for name, recoveries in sorted(times.items()):
        known = sorted(seconds for seconds in recoveries if seconds is not None)
        shown = "–" if not known else f"{known[0]:.1f} s" if len(known) == 1 else f"{known[0]:.1f} to {known[-1]:.1f} s"
        lines.append(f"| {name} | {len(recoveries)} | {shown} |")
    return lines
