"""The open cases of a log, under the findings that explain them."""

from rich.console import Console
from rich.text import Text

from services.formatting.terminal import clean, new_table
from services.health.case_groups import CaseGroup, group_cases
from services.health.finding_words import heading
from services.health.health_document import Health
from services.offline.scored_log import Log, scored
from services.standings import all_cases

CASES_SHOWN = 50


def open_cases_of(log: Log, report: Health | None) -> list[CaseGroup]:
    """Return the open cases of a log as far as it was read, in groups."""
    result = scored(log.state)
    cases = [case.case for case in all_cases(result.athletes, result.standings) if case.open]
    return group_cases(cases, [] if report is None else report.findings)


def print_open_cases(console: Console, groups: list[CaseGroup]) -> None:
    """Print a line for each finding that explains cases, and one for those that none explains."""
    if not groups:
        return
    shown = new_table("Open cases", "Explained by", "Cases", "Which")
    for group in groups:
        why = "no finding: look at each" if group.finding is None else heading(group.finding)
        more = len(group.cases) - CASES_SHOWN
        which = ", ".join(group.cases[:CASES_SHOWN]) + (f" and {more} more" if more > 0 else "")
        shown.add_row(Text(clean(why)), str(len(group.cases)), Text(clean(which)))
    console.print(shown)
