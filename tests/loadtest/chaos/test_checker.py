"""The checker of chaos finds each fault that is planted in what a run has seen, and nothing in a run that is well."""

import hashlib
from collections.abc import Callable

import pytest

from loadtest.chaos.checker import judge
from loadtest.chaos.evidence import Acknowledged, Evidence, LoggedRecord, ReadKey, Shown, ShownPublication

READS = [ReadKey("S1", f"C{bib}", 1_000 + bib) for bib in range(3)]
DOCUMENT = b'{"athletes":[]}'


def athlete(bib: str, finish_us: int) -> dict[str, object]:
    return {"bib": bib, "status": "FINISHED", "gun_us": finish_us}


def well() -> Evidence:
    """A run in which everything holds."""
    athletes = {bib: athlete(bib, 100 + int(bib)) for bib in "012"}
    boards = {"men": [(1, "0", 100), (2, "1", 101), (3, "2", 102)]}
    return Evidence(
        reads=list(READS),
        facts=["gun", "p-1"],
        acknowledged=[Acknowledged(1.0, 1), Acknowledged(2.0, 3)],
        log=[
            LoggedRecord(0, "gun_fired", "gun"),
            LoggedRecord(1, "reads_received", None, tuple(READS[:2])),
            LoggedRecord(2, "reads_received", None, tuple(READS[1:])),
            LoggedRecord(3, "results_published", "p-1"),
        ],
        shown=[Shown("stream", 1.0, 0), Shown("board", 1.1, 1), Shown("stream", 2.0, 3), Shown("board", 2.1, 3)],
        publications=[ShownPublication("hm", 3, hashlib.sha256(DOCUMENT).hexdigest(), DOCUMENT)] * 2,
        truth={bib: {"gun_us": row["gun_us"]} for bib, row in athletes.items()},
        served=dict(athletes),
        scored=dict(athletes),
        served_boards=dict(boards),
        scored_boards=dict(boards),
        stored_boards=dict(boards),
        poison={("race-log", 0, 9), ("results", 0, 7)},
        dead_letters={("race-log", 0, 9)},
    )


def test_nothing_is_found_in_a_run_that_is_well_and_all_of_it_is_counted():
    verdict = judge(well())
    assert verdict.violations == []
    assert (verdict.lost, verdict.doubled, verdict.wrong_boards) == (0, 1, 0)
    assert list(verdict.compared.values()) == [3, 2, 3, 1, 4, 2, 2]


def acknowledge_before_publish(evidence: Evidence) -> None:
    """Ingest answers, is killed, and Kafka never had the request."""
    evidence.log[2] = evidence.log[2]._replace(reads=())


def lose_a_fact(evidence: Evidence) -> None:
    evidence.log[0] = evidence.log[0]._replace(id=None)


def commit_before_insert(evidence: Evidence) -> None:
    """Projections store their position, are killed, and the rows before it are never inserted."""
    evidence.stored_boards["men"] = evidence.stored_boards["men"][:2]


def skip_a_fill(evidence: Evidence) -> None:
    """Scoring goes on after a gap without the records in it, so an athlete's reads never count."""
    evidence.served["2"] = {**evidence.served["2"], "gun_us": None}
    evidence.served_boards["men"] = evidence.served_boards["men"][:2]


def drop_a_notice(evidence: Evidence) -> None:
    """Projections insert the last revision and never announce it."""
    evidence.shown = evidence.shown[:2]


def count_a_read_twice(evidence: Evidence) -> None:
    """The rows are wrong wherever they are looked at, and only the simulator knows."""
    for athletes in (evidence.served, evidence.scored):
        athletes["1"] = {**athletes["1"], "gun_us": 202}


def go_back(evidence: Evidence) -> None:
    evidence.shown.insert(3, Shown("stream", 2.05, 1))


def publish_other_bytes(evidence: Evidence) -> None:
    changed = DOCUMENT.replace(b"[]", b"[1]")
    evidence.publications[1] = ShownPublication("hm", 3, hashlib.sha256(changed).hexdigest(), changed)


def publish_under_another_hash(evidence: Evidence) -> None:
    evidence.publications[:] = [shown._replace(sha256="0" * 64) for shown in evidence.publications]


def reject_what_is_well(evidence: Evidence) -> None:
    evidence.dead_letters.add(("race-log", 0, 2))


def drop_what_cannot_be_read(evidence: Evidence) -> None:
    evidence.dead_letters.clear()


def verify_otherwise(evidence: Evidence) -> None:
    evidence.verified = "DIFFERENT, first at boards.men"


PLANTED: dict[Callable[[Evidence], None], str] = {
    acknowledge_before_publish: "1 acknowledged reads are not on the log",
    lose_a_fact: "1 acknowledged facts are not on the log: gun",
    commit_before_insert: "board men of ClickHouse differs from that of the log, with 2 rows for 3",
    skip_a_fill: "board men of the live API differs from that of the log, with 2 rows for 3",
    drop_a_notice: "viewer stream was last shown revision 0, and the log is at 3",
    count_a_read_twice: "1 athletes served are not as they truly ran: 1",
    go_back: "viewer stream was shown revision 1 after 3",
    publish_other_bytes: "the publication of hm at 3 was not always the same bytes",
    publish_under_another_hash: "the publication of hm at 3 is not of its SHA-256",
    reject_what_is_well: "1 dead letters should not be: ('race-log', 0, 2)",
    drop_what_cannot_be_read: "1 records cannot be read and are no dead letter: ('race-log', 0, 9)",
    verify_otherwise: "matline verify does not agree",
}


@pytest.mark.parametrize("plant", PLANTED)
def test_a_planted_fault_is_found(plant):
    evidence = well()
    plant(evidence)
    assert any(line.startswith(PLANTED[plant]) for line in judge(evidence).violations)
