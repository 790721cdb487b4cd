"""The states of results: windows, cases, protests, void publications, published documents and later differences."""

import hashlib
import json

import msgspec
import pytest

from services.offline.export.publications import PublishingLog, results_of
from services.offline.scored_log import document_of, scored
from services.standings.publication import (
    canonical,
    delegation_standing,
    difference,
    official_from_us,
    open_grounds,
    race_document,
    race_standing,
    standing,
)
from tests.builders import (
    at,
    board,
    closed,
    decided,
    defined,
    definition,
    entries,
    entry,
    fact,
    gun,
    line,
    race,
    run,
    status,
    waived,
    withdrawn,
)

TEN_MINUTES_S = 600
PROVISIONAL_S = 5000


def published(state: str, at_s: float, race: str = "hm", **more):
    return fact("results_published", race=race, state=state, recorded_at_us=at(at_s), **more)


def protest(name: str = "p1", race: str = "hm", **more):
    return fact("protest_filed", protest=name, race=race, text="cut in at 10 km", **more)


def ruled(name: str = "p1", outcome: str = "rejected"):
    return fact("protest_decided", protest=name, outcome=outcome, reason="jury")


class Event:
    """A growing log of the example event."""

    def __init__(self, *facts, definition=None, bibs=("7", "8", "9")) -> None:
        self.log = PublishingLog()
        self.add(defined(definition), entries(*bibs), gun(), *facts)

    def add(self, *facts) -> "Event":
        for plain in facts:
            self.log.add(line(plain))
        return self

    @property
    def now(self):
        return scored(self.log.state)

    @property
    def published(self):
        return self.log.in_force(self.now)

    def state(self, board: str | None = None, race: str = "hm") -> str:
        return self.standing(board, race).state

    def standing(self, board: str | None = None, race: str = "hm"):
        if board is None:
            return race_standing(self.now.definition, self.published, race)
        return standing(self.published, race, board)

    def void(self, board: str | None = None) -> list[str]:
        return [ground.reason for ground in self.standing(board).void]

    def difference(self, index: int = -1, race: str = "hm"):
        """The difference of the standings from the stored publication at this index."""
        kept = list(self.log.kept.values())[index]
        return difference(kept.document, race_document(results_of(self.now, race)), kept.published.boards)


def test_results_are_live_then_provisional_then_official_then_withdrawn():
    event = Event(run("7"))
    assert event.state() == event.state("men") == "live"
    assert event.add(published("provisional", PROVISIONAL_S)).state() == "provisional"
    assert event.add(published("official", PROVISIONAL_S + TEN_MINUTES_S)).state() == "official"
    assert event.state("men") == event.state("women") == "official"
    assert event.add(published("withdrawn", 6000)).state() == event.state("men") == "withdrawn"


# --- Void publications. Source: R4.8.


def test_official_within_the_window_is_void_and_names_its_end():
    event = Event(run("7"), published("provisional", PROVISIONAL_S), published("official", 5599.999999))
    (ground,) = event.standing().void
    assert (ground.reason, ground.until_us, ground.board) == ("protest_window", at(5600), None)
    assert event.state() == "provisional"
    assert event.add(published("official", 5600)).state() == "official"
    assert event.void() == []


def test_the_window_runs_from_the_latest_provisional():
    event = Event(run("7"), published("provisional", 5000), published("provisional", 5500), published("official", 5600))
    assert event.void() == ["protest_window"]
    assert event.standing().void[0].until_us == at(6100)
    assert official_from_us(event.now.definition, event.now.event, "hm") == at(6100)


def test_the_definition_sets_the_window():
    """Hanoi: within 24 hours."""
    day = 24 * 3600
    event = Event(run("7"), definition=definition(protest_window_s=day))
    event.add(published("provisional", 5000), published("official", 5000 + day - 1))
    assert event.void() == ["protest_window"]
    assert event.add(published("official", 5000 + day)).state() == "official"


def test_official_without_a_provisional_is_void_and_leaves_results_live():
    event = Event(run("7"), published("official", 6000))
    assert (event.state(), event.void()) == ("live", ["no_provisional"])


def test_a_provisional_that_was_withdrawn_does_not_count():
    event = Event(run("7"), published("provisional", 5000), published("withdrawn", 5100), published("official", 6000))
    assert (event.state(), event.void()) == ("withdrawn", ["no_provisional"])
    assert official_from_us(event.now.definition, event.now.event, "hm") is None


def test_without_recorded_times_official_is_void():
    untimed = fact("results_published", race="hm", state="provisional")
    assert Event(run("7"), untimed, published("official", 6000)).void() == ["unknown_time"]


def test_a_waiver_that_ends_the_last_case_clears_the_way_to_official():
    event = Event(run("7"), run("8", k10=None), published("provisional", 5000), waived("10K"))
    assert event.add(published("official", 5600)).state() == "official"


def test_a_waiver_after_official_changes_nothing_that_was_published_and_shows_as_a_difference():
    event = Event(run("7"), run("8", k10=None), decided("missed:8", "dnf"), published("provisional", 5000))
    event.add(published("official", 5600))
    assert not event.difference()
    difference = event.add(waived("10K")).difference()
    (row,) = difference.athletes
    assert (row["bib"], row["published"]["flags"], row["now"]["flags"]) == ("8", [], ["waived"])
    assert [(row["bib"], row["published"]) for row in difference.boards["men"]] == [("8", None)]
    assert event.state() == "official"


def test_open_cases_and_protests_make_it_void_and_are_named():
    event = Event(run("7"), run("8", k10=None), protest("p1"), protest("p2"), ruled("p2"))
    event.add(published("provisional", 5000), published("official", 5010))
    void = event.standing().void
    assert [ground.reason for ground in void] == ["protest_window", "open_case", "open_protest"]
    assert [void[1].case, void[2].protest] == ["missed:8", "p1"]
    event.add(decided("missed:8", "accept"), ruled("p1", "upheld"), published("official", 5600))
    assert (event.state(), event.void()) == ("official", [])


def test_a_case_or_protest_of_another_race_does_not_matter():
    two = definition(races=[race(), race("10k")], boards=[board("men", gender="M")])
    event = Event(run("7"), protest("p1", race="10k"), definition=two, bibs=("7", entry("8", race="10k")))
    event.add(gun(race="10k"), run("8", k10=None), published("provisional", 5000), published("official", 5600))
    assert [case.case for row in event.now.athletes for case in row.cases if case.open] == ["missed:8"]
    assert (event.state(), event.void()) == ("official", [])


def test_too_large_a_team_is_an_open_case_of_its_race():
    teams = definition(team_boards=[{"id": "teams", "of": "men", "max_members": 1, "counting": 1}])
    event = Event(definition=teams, bibs=(entry("7", team="Hue"), entry("8", team="Hue")))
    event.add(published("provisional", 5000), published("official", 5600))
    assert [ground.case for ground in event.standing().void] == ["team:teams:Hue"]
    event.add(decided("team:teams:Hue", "accept"), published("official", 5601))
    assert event.state() == event.state("teams") == "official"


def test_a_void_publication_stays_void_whatever_is_decided_later():
    event = Event(run("7"), protest(), published("provisional", 5000), published("official", 5600))
    event.add(ruled())
    assert (event.state(), event.void()) == ("provisional", ["open_protest"])


def test_a_protest_filed_after_official_results_leaves_them_official():
    event = Event(run("7"), published("provisional", 5000), published("official", 5600), protest())
    assert event.state() == "official"
    assert [ground.protest for ground in open_grounds(event.now.event, "hm", [])] == ["p1"]


def test_a_void_official_leaves_an_earlier_valid_one_in_force():
    event = Event(run("7"), published("provisional", 5000), published("official", 5600), protest())
    event.add(published("official", 5700))
    assert (event.state(), event.void()) == ("official", ["open_protest"])
    assert event.standing().held.recorded_at_us == at(5600)


def test_withdrawing_the_fact_of_a_publication_undoes_it_and_restoring_brings_it_back():
    event = Event(run("7"), published("provisional", 5000), published("official", 5600, id="x"))
    kept = event.standing().held
    event.add(withdrawn("x", id="y"), status("7", "DQ"))
    assert event.state() == "provisional"
    event.add(withdrawn("y"))
    assert event.standing().held == kept


# --- By board: Tien Phong, "within 10 minutes of the publication of that event's results".


def test_each_board_has_a_window_of_its_own():
    event = Event(run("7"), published("provisional", 5000, boards=["men"]))
    event.add(published("provisional", 5300, boards=["women"]))
    assert (event.state("men"), event.state("women"), event.state()) == ("provisional",) * 3
    now = event.now
    assert official_from_us(now.definition, now.event, "hm", "men") == at(5600)
    assert official_from_us(now.definition, now.event, "hm") == at(5900)
    event.add(published("official", 5600, boards=["men"]))
    assert (event.state("men"), event.state("women"), event.state()) == ("official", "provisional", "live")


def test_official_for_the_race_is_void_while_any_boards_window_runs_and_names_the_board():
    event = Event(run("7"), published("provisional", 5000, boards=["men"]))
    event.add(published("provisional", 5300, boards=["women"]), published("official", 5700))
    (ground,) = event.standing("men").void
    assert (ground.board, ground.until_us) == ("women", at(5900))
    assert event.add(published("official", 5900)).state() == "official"


def test_withdrawing_one_board_leaves_the_others():
    event = Event(run("7"), published("provisional", 5000), published("official", 5600))
    event.add(published("withdrawn", 5700, boards=["women"]))
    assert (event.state(), event.state("men"), event.state("women")) == ("official", "official", "withdrawn")


def test_a_delegation_is_published_under_its_id():
    plain = definition(
        team_boards=[{"id": "teams", "of": "men", "counting": 1}], delegations=[{"id": "all", "sum": ["teams"]}]
    )
    event = Event(run("7"), definition=plain, bibs=(entry("7", team="Hue"), entry("8", team="Vinh")))
    assert delegation_standing(event.published, "all") is None
    event.add(published("provisional", 5000, boards=["all"]), published("official", 5600, boards=["all"]))
    assert delegation_standing(event.published, "all").state == "official"
    assert event.difference().delegations == {}
    event.add(run("8", 1, 1500, 3500))
    (hue, vinh) = sorted(event.difference().delegations["all"], key=lambda row: row["team"])
    assert [hue["published"]["place"], hue["now"]["place"]] == [1, 2]
    assert [vinh["published"]["place"], vinh["now"]["place"]] == [None, 1]


def test_a_publication_of_an_undefined_board_is_pending():
    event = Event(run("7"), published("provisional", 5000, boards=["children"]))
    assert event.published == []
    event.add(defined(definition(boards=[board("men"), board("children", born_from=2012)])))
    assert [(publication.boards, publication.state) for publication in event.published] == [
        (["children"], "provisional")
    ]


# --- Published documents and their hashes.


def test_anybody_can_calculate_the_hash_from_the_standings_document():
    """RFC 8785 of athletes, boards and teams of the race: here made by another JSON writer from `matline score`."""
    two = definition(
        races=[race(), race("10k")],
        boards=[board("men", gender="M"), board("ten", race="10k"), board("women", gender="F")],
        team_boards=[{"id": "teams", "of": "men", "counting": 1}, {"id": "ten-teams", "of": "ten", "counting": 1}],
    )
    bibs = (entry("10", team='Đà Nẵng "A"\\/'), entry("9", team="Huế\t"), entry("8", race="10k", team="Vinh"))
    event = Event(run("9"), run("10", 1, None, 4000), run("8"), definition=two, bibs=bibs)
    event.add(published("provisional", 5000))
    document = document_of(event.log)
    own = {
        "athletes": [athlete for athlete in document["athletes"] if athlete["race"] == "hm"],
        "boards": {name: rows for name, rows in document["boards"].items() if name in ("men", "women")},
        "team_boards": {"teams": document["team_boards"]["teams"]},
    }
    text = json.dumps(own, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical(results_of(event.now, "hm")) == text.encode()
    assert [athlete["bib"] for athlete in own["athletes"]] == ["9", "10"]
    assert event.published[0].sha256 == hashlib.sha256(text.encode()).hexdigest()


def test_a_publication_includes_its_whole_record():
    """Two lines have one offset: facts after the publication in its record are part of it."""
    log = PublishingLog()
    for offset, plain in enumerate([defined(), entries("7"), gun(), run("7")]):
        log.add(msgspec.json.encode({"offset": offset, "fact": plain}))
    both = [published("provisional", 5000), status("7", "DQ")]
    for plain in both:
        log.add(msgspec.json.encode({"offset": 4, "fact": plain}))
    (kept,) = log.kept.values()
    assert kept.document.athletes["7"]["status"] == "DQ"
    log.add(msgspec.json.encode({"offset": 5, "fact": status("7", "OK")}))
    assert log.kept[next(iter(log.kept))].document.athletes["7"]["status"] == "DQ"


# --- Differences since official.


@pytest.fixture
def official():
    return Event(run("7"), run("8", 1, 2000, 4100), published("provisional", 5000), published("official", 5600))


def test_there_is_no_difference_at_first_nor_after_repeated_reads(official):
    assert not official.difference()
    assert not official.add(run("7"), protest(), fact("entry_hidden", bib="7", hidden=True)).difference()


def test_a_disqualification_is_a_difference_of_athlete_and_boards_row_by_row(official):
    difference = official.add(status("7", "DQ")).difference()
    (athlete,) = difference.athletes
    assert [athlete["bib"], athlete["published"]["status"], athlete["now"]["status"]] == ["7", "FINISHED", "DQ"]
    assert list(difference.boards) == ["men"]
    assert [
        (row["bib"], *(row[side] and row[side]["place"] for side in ("published", "now")))
        for row in difference.boards["men"]
    ] == [("8", 2, 1), ("7", 1, None)]
    assert difference.bibs("men") == {"7", "8"}
    assert difference.bibs("women") == set()
    assert official.state() == "official"


def test_a_change_that_is_taken_back_is_no_difference(official):
    official.add(status("7", "DQ"))
    assert official.difference()
    assert not official.add(status("7", "OK")).difference()


def test_each_publication_has_its_own_difference(official):
    official.add(status("7", "DQ"), published("official", 6000))
    assert official.state() == "official"
    assert not official.difference()
    assert official.difference(index=1)


def test_an_athlete_added_or_removed_after_official_is_a_difference(official):
    official.add(run("9", 1, 2000, None), entries(entry("12")))
    assert [(row["bib"], row["published"] is None) for row in official.difference().athletes] == [
        ("9", False),
        ("12", True),
    ]


def test_a_published_board_differs_only_in_its_own_rows():
    bibs = ("7", "8", entry("9", gender="F"), "10")
    event = Event(run("7"), run("8", 1, 2000, 4100), run("9"), bibs=bibs)
    event.add(published("provisional", 5000, boards=["women"]), published("official", 5600, boards=["women"]))
    event.add(status("7", "DQ"), closed())
    assert not event.difference()
    difference = event.add(status("9", "DQ")).difference()
    assert [row["bib"] for row in difference.athletes] == ["9"]
    assert list(difference.boards) == ["women"]


def test_teams_differ_in_place_score_and_members():
    plain = definition(team_boards=[{"id": "teams", "of": "men", "counting": 1}])
    event = Event(
        run("7"), run("8", 1, 2000, 4100), definition=plain, bibs=(entry("7", team="Hue"), entry("8", team="Vinh"))
    )
    event.add(published("provisional", 5000), published("official", 5600), status("7", "DQ"))
    rows = {
        row["team"]: (row["published"]["place"], row["now"]["place"]) for row in event.difference().team_boards["teams"]
    }
    assert rows == {"Vinh": (2, 1), "Hue": (1, None)}


def test_a_board_that_the_definition_drops_differs_in_all_its_rows(official):
    official.add(defined(definition(boards=[board("women", gender="F")])))
    assert [(row["bib"], row["now"]) for row in official.difference().boards["men"]] == [("7", None), ("8", None)]
