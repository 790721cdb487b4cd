"""Judge the evidence of a run: what was lost, doubled, wrong, or went back. Pure."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct

from loadtest.chaos.evidence import BoardRow, Evidence
from schemas.topics import RACE_LOG

NAMED_MAX = 5  # of one kind: enough to look for the cause


class Verdict(Struct, frozen=True, kw_only=True):
    """What was compared, by name with how many, and what does not hold, a line each.

    `doubled` counts reads that are more than once on the log; they count once, so that is no violation.
    """

    compared: dict[str, int]
    violations: list[str]
    lost: int
    doubled: int
    wrong_boards: int


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on a run after its faults have healed."""
    on_log = Counter(read for record in evidence.log for read in record.reads)
    ids = {record.id for record in evidence.log}
    lost_reads = sorted(set(evidence.reads) - on_log.keys())
    lost_facts = sorted(set(evidence.facts) - ids)
    differing = [*_differing_boards(evidence)]
    checks: list[Callable[[Evidence], Iterator[str]]] = [_athletes, _revisions, _publications, _dead_letters, _verified]
    violations = [
        *_named("acknowledged reads are not on the log", lost_reads),
        *_named("acknowledged facts are not on the log", lost_facts),
        *differing,
        *(line for check in checks for line in check(evidence)),
    ]
    return Verdict(
        compared={
            "acknowledged reads with the log": len(set(evidence.reads)),
            "acknowledged facts with the log": len(set(evidence.facts)),
            "athletes with the truth and the log": len(evidence.truth),
            "boards as served and stored with the log": len(evidence.scored_boards),
            "revisions shown to viewers": len(evidence.shown),
            "publications, each time they were shown": len(evidence.publications),
            "records that cannot be read with dead letters": len(evidence.poison),
        },
        violations=violations,
        lost=len(lost_reads) + len(lost_facts),
        doubled=sum(times > 1 for times in on_log.values()),
        wrong_boards=len(differing),
    )


def _named(what: str, items: list[Any]) -> list[str]:
    if not items:
        return []
    more = ", …" if len(items) > NAMED_MAX else ""
    return [f"{len(items)} {what}: {', '.join(map(str, items[:NAMED_MAX]))}{more}"]


def _differing_boards(evidence: Evidence) -> Iterator[str]:
    """Compare each board that the log gives with what is served and what ClickHouse has."""
    for source, boards in (("the live API", evidence.served_boards), ("ClickHouse", evidence.stored_boards)):
        for name in sorted(evidence.scored_boards.keys() | boards.keys()):
            expected, seen = evidence.scored_boards.get(name, []), boards.get(name, [])
            if expected != seen:
                yield f"board {name} of {source} differs from that of the log, {_first_row(seen, expected)}"


def _first_row(seen: list[BoardRow], expected: list[BoardRow]) -> str:
    for left, right in zip(seen, expected, strict=False):
        if left != right:
            return f"first with {left} for {right}"
    return f"with {len(seen)} rows for {len(expected)}"


def _athletes(evidence: Evidence) -> Iterator[str]:
    """Compare every athlete with the simulator's truth and with the log."""
    for what, athletes in (("served", evidence.served), ("that the log gives", evidence.scored)):
        wrong = [bib for bib, true in evidence.truth.items() if _true_part(athletes.get(bib), true) != true]
        yield from _named(f"athletes {what} are not as they truly ran", sorted(wrong))
    bibs = evidence.served.keys() | evidence.scored.keys()
    unlike = [bib for bib in bibs if evidence.served.get(bib) != evidence.scored.get(bib)]
    yield from _named("athletes are served other than the log gives", sorted(unlike))


def _true_part(athlete: dict[str, Any] | None, true: dict[str, Any]) -> dict[str, Any] | None:
    return None if athlete is None else {key: athlete.get(key) for key in true}


def _revisions(evidence: Evidence) -> Iterator[str]:
    """No viewer may see a revision go back, and each must see the last one."""
    newest: dict[str, int] = {}
    for shown in evidence.shown:
        before = newest.get(shown.viewer, -1)
        if shown.revision < before:
            yield f"viewer {shown.viewer} was shown revision {shown.revision} after {before}"
        newest[shown.viewer] = max(before, shown.revision)
    last = max((record.offset for record in evidence.log), default=-1)
    for viewer, revision in sorted(newest.items()):
        if revision < last:
            yield f"viewer {viewer} was last shown revision {revision}, and the log is at {last}"


def _publications(evidence: Evidence) -> Iterator[str]:
    """What was published must be the same bytes whenever it is shown, and those of its hash."""
    first: dict[tuple[str, int], bytes] = {}
    for shown in evidence.publications:
        name = f"the publication of {shown.race} at {shown.revision}"
        if first.setdefault((shown.race, shown.revision), shown.document) != shown.document:
            yield f"{name} was not always the same bytes"
        if hashlib.sha256(shown.document).hexdigest() != shown.sha256:
            yield f"{name} is not of its SHA-256 {shown.sha256}"


def _dead_letters(evidence: Evidence) -> Iterator[str]:
    """Each record of the race log that cannot be read becomes a dead letter, and nothing that can be read does.

    Of records on `results` only the first becomes one while its partition waits for all its rows.
    """
    kept = {place for place in evidence.poison if place[0] == RACE_LOG.name}
    yield from _named("records cannot be read and are no dead letter", sorted(kept - evidence.dead_letters))
    yield from _named("dead letters should not be", sorted(evidence.dead_letters - evidence.poison))


def _verified(evidence: Evidence) -> Iterator[str]:
    if evidence.verified:
        yield f"matline verify does not agree: {evidence.verified}"
