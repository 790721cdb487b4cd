"""The table of a run or several: for each fault how often it was injected, and how soon boards went on. Pure."""

from collections.abc import Sequence

from loadtest.chaos.checker import Verdict
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


def table(runs: Sequence[tuple[Verdict, Evidence, Sequence[Injected]]]) -> list[str]:
    """Return the lines of the table, a line for each fault and a last one for all runs.

    What was lost or wrong can have come by any fault of a run, so it is counted with each of them.
    """
    times: dict[str, list[float | None]] = {}
    verdicts: dict[str, list[Verdict]] = {}
    for verdict, evidence, injected in runs:
        for done in injected:
            times.setdefault(done.fault.name, []).append(recovery_s(evidence, done.over_s))
        for name in {done.fault.name for done in injected}:
            verdicts.setdefault(name, []).append(verdict)
    lines = [
        "| fault | times | in runs | lost | wrong boards | boards went on after |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, recoveries in sorted(times.items()):
        known = sorted(seconds for seconds in recoveries if seconds is not None)
        shown = "–" if not known else f"{known[0]:.1f} s" if len(known) == 1 else f"{known[0]:.1f} to {known[-1]:.1f} s"
        lines.append(_line(name, len(recoveries), verdicts[name], shown))
    all_verdicts = [verdict for verdict, _, _ in runs]
    doubled = sum(verdict.doubled for verdict in all_verdicts)
    all_times = sum(map(len, times.values()))
    lines.append(_line("all", all_times, all_verdicts, f"{doubled:,} reads twice or more on the log"))
    return lines


def _line(name: str, times: int, verdicts: Sequence[Verdict], last: str) -> str:
    lost, wrong = sum(verdict.lost for verdict in verdicts), sum(verdict.wrong_boards for verdict in verdicts)
    return f"| {name} | {times} | {len(verdicts)} | {lost} | {wrong} | {last} |"
