"""Changes between two revisions, built without a database."""

import msgspec

from services.live.pages.changes import ChangesData, build_changes
from services.live.table_rows import LoggedLine
from tests.builders import defined, entries, fact, gun, run, status
from tests.live.loaded import LoadedEvent

FACTS = (defined(), entries("7", "8"), gun(0), run("7", finish=4000), run("8", finish=4100))
SECRET = fact("read_excluded", device="F1", chip="C8", at_us=0, reason="not theirs", by="Judge")


def changes(official: bool = False) -> dict:
    before, after = LoadedEvent(*FACTS), LoadedEvent(*FACTS, status("7", "DQ"))
    facts = [status("7", "DQ", by="Judge"), SECRET]
    lines = [
        LoggedLine(5 + number, 0, each["type"], "", 0, msgspec.json.encode(each).decode())
        for number, each in enumerate(facts)
    ]
    data = ChangesData(
        since=before.announced,
        until=after.announced,
        bibs=["7", "8"],
        before=before.athletes,
        after=after.athletes,
        boards={
            "men": (before.ranking("men"), after.ranking("men")),
            "women": (before.ranking("women"), after.ranking("women")),
        },
        facts=lines,
        offset=0,
        more=False,
    )
    return build_changes(data, official)


def test_athletes_are_listed_only_when_their_results_differ():
    assert [athlete["bib"] for athlete in changes()["athletes"]] == ["7"]


def test_rows_are_listed_when_only_their_places_differ_and_boards_only_when_a_row_does():
    boards = changes()["boards"]
    assert list(boards) == ["men"]
    places = {row["bib"]: (row["before"], row["after"]) for row in boards["men"]["rows"]}
    assert (places["8"][0]["place"], places["8"][1]["place"]) == (2, 1)
    assert places["7"][1] is None


def test_the_public_sees_neither_who_decided_nor_facts_for_officials():
    (public,) = changes()["facts"]
    assert (public["type"], "by" in public, "reason" in public) == ("status_set", False, False)
    assert [each["by"] for each in changes(official=True)["facts"]] == ["Judge", "Judge"]
