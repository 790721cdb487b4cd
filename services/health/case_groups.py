"""Open cases under the findings that explain them, so that a jury decides one fault and not forty careless runners."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from services.health.health_document import Finding


class CaseGroup(Struct, frozen=True):
    """Open cases, by name, that one finding explains; without `finding` those that none explains."""

    finding: Finding | None
    cases: list[str]


def group_cases(open_cases: Iterable[str], findings: Sequence[Finding]) -> list[CaseGroup]:
    """Return open cases in groups, each case once: under the first finding that explains it.

    Findings that explain none of them are left out. The cases that none explains come last.
    """
    left = dict.fromkeys(open_cases)
    groups = []
    for finding in findings:
        explained = [case for case in finding.evidence.get("cases", ()) if case in left]
        if explained:
            groups.append(CaseGroup(finding, explained))
        for case in explained:
            del left[case]
    return [*groups, CaseGroup(None, list(left))] if left else groups


def plain_groups(groups: Iterable[CaseGroup]) -> list[dict[str, object]]:
    """Return groups as plain objects, each finding by its kind, its subject and when it began."""
    return [
        {
            "finding": None
            if group.finding is None
            else {"kind": group.finding.kind, "subject": group.finding.subject, "since_us": group.finding.since_us},
            "cases": group.cases,
        }
        for group in groups
    ]
