"""Facts of an event: ids, withdrawals, pending facts, and each row's version. Source: R1."""

import pytest

from services.scoring.core.event import EventState
from services.scoring.core.pending_facts import PENDING_MAX
from tests.builders import (
    EVENT,
    athlete,
    chip,
    clock,
    closed,
    day,
    decided,
    defined,
    definition,
    device,
    document,
    entries,
    entry,
    excluded,
    fact,
    gun,
    order,
    passed,
    race,
    read,
    reads,
    reopened,
    run,
    scored,
    status,
    time_set,
    typed,
    us,
    withdrawn,
)


def folded(*facts):
    """An event's state after facts at offsets 0, 1, 2, ..."""
    state = EventState(EVENT)
    for offset, logged in enumerate(facts):
        assert state.fold(offset, 0, typed(logged)) is None
    return state


def pending_of(*facts):
    """The facts that are pending."""
    return folded(*facts).event_row().pending


# --- Ids.


def test_a_second_fact_with_the_same_id_counts_for_nothing():
    """So a client can send a request again, even after a later fact on the same subject."""
    set_again = [status("7", "DQ", id="a"), status("7", "OK"), status("7", "DQ", id="a")]
    assert athlete(scored(run(), *set_again))["status"] == "FINISHED"


def test_an_id_belongs_to_the_first_fact_of_any_kind_that_uses_it():
    assert athlete(scored(run(), gun(0, id="x"), status("7", "DQ", id="x")))["status"] == "FINISHED"


def test_reads_sent_again_under_an_id_are_not_counted_as_repeats():
    again = reads(read("K1", "C7", 2000), id="batch-1")
    assert scored(again, again)["unused_reads"] == {}
    assert scored(again, {**again, "id": "batch-2"})["unused_reads"] == {"repeat": 1}


def test_facts_without_an_id_all_count():
    assert athlete(scored(run(), status("7", "DQ"), status("7", "OK"), status("7", "DQ")))["status"] == "DQ"


def test_author_and_recording_time_do_not_change_the_standings():
    signed = {"by": "referee", "recorded_at_us": 1767477600000000}
    plain = scored(run(), status("7", "DNF"))
    assert scored({**run(), **signed}, {**status("7", "DNF"), **signed}) == plain


# --- Withdrawals.


def test_a_withdrawn_fact_has_no_effect():
    before = scored(run())
    for logged in [
        status("7", "DQ", id="w"),
        time_set("7", "FINISH", 3000, id="w"),
        gun(100, id="w"),
        clock("F1", 30, id="w"),
        device("F1", "10k", id="w"),
        chip("C7", "8", id="w"),
        excluded("F1", "C7", 4000, id="w"),
        closed(id="w"),
        entries(entry("7", gender="F"), id="w"),
        defined(definition(races=[race(max_speed_mps=1)]), id="w"),
    ]:
        changed = scored(run(), logged, bibs=["7", "8"])
        taken_back = scored(run(), logged, withdrawn("w"), bibs=["7", "8"])
        assert athlete(taken_back) == athlete(before), logged["type"]
        assert changed != {**taken_back, "revision": changed["revision"]}, logged["type"]


def test_a_withdrawal_can_come_before_its_fact():
    document = scored(run(), withdrawn("w"), status("7", "DQ", id="w"))
    assert athlete(document)["status"] == "FINISHED"


def test_a_withdrawal_can_be_withdrawn_again_and_again():
    facts = [run(), status("7", "DQ", id="a"), withdrawn("a", id="b"), withdrawn("b", id="c"), withdrawn("c", id="d")]
    statuses = [athlete(scored(*facts[:count]))["status"] for count in (2, 3, 4, 5)]
    assert statuses == ["DQ", "FINISHED", "DQ", "FINISHED"]


def test_of_two_withdrawals_one_is_enough():
    facts = [run(), status("7", "DQ", id="a"), withdrawn("a", id="b"), withdrawn("a", id="c"), withdrawn("b")]
    assert athlete(scored(*facts))["status"] == "FINISHED"


def test_a_withdrawn_id_stays_used():
    facts = [run(), status("7", "DQ", id="a"), withdrawn("a"), status("7", "DNF", id="a")]
    assert athlete(scored(*facts))["status"] == "FINISHED"


def test_reads_cannot_be_withdrawn():
    document = scored({**run(), "id": "r"}, withdrawn("r"))
    assert athlete(document)["status"] == "FINISHED"


def test_a_restored_fact_keeps_its_place_in_the_log():
    """DQ, then DNF; the DQ withdrawn and restored is still the earlier of the two."""
    facts = [run(), status("7", "DQ", id="a"), status("7", "DNF"), withdrawn("a", id="b"), withdrawn("b")]
    assert athlete(scored(*facts))["status"] == "DNF"


def test_withdrawals_that_name_each_other_affect_nothing_else():
    """b withdraws c and c withdraws b: nobody writes that, but folding must end, and no other fact is affected."""
    circle = [withdrawn("c", id="b"), withdrawn("b", id="c")]
    facts = [run(), status("7", "DQ", id="a"), withdrawn("a", id="x"), *circle]
    assert athlete(scored(*facts))["status"] == "FINISHED"
    itself = scored(run(), status("7", "DQ"), withdrawn("s", id="s"))
    assert athlete(itself)["status"] == "DQ"


# --- Entries.


def test_an_entry_replaces_the_earlier_one_of_its_bib_and_keeps_its_first_place():
    state = folded(defined(), entries("7", "8"), entries("9"), entries(entry("7", club="New")))
    assert state.row("7").entry.club == "New"
    first = [state.row(bib).first_entry for bib in ("7", "8", "9")]
    assert first == sorted(first)


def test_of_two_entries_of_a_bib_in_one_fact_the_last_counts():
    document = scored(bibs=[entry("7", gender="M"), entry("7", gender="F")], *[run()])  # noqa: B026
    assert [row["bib"] for row in document["boards"]["women"]] == ["7"]


def test_athletes_are_listed_by_race_in_the_definitions_order_and_then_by_bib():
    """Shorter bibs first, then by text. Source: R5."""
    plain = definition(races=[race("b"), race("a")], boards=[])
    bibs = [entry(bib, race=name) for name, bib in [("a", "9"), ("b", "10"), ("b", "9A"), ("a", "A1"), ("b", "2")]]
    document = scored(definition=plain, bibs=bibs)
    assert [athlete["bib"] for athlete in document["athletes"]] == ["2", "10", "9A", "9", "A1"]


def test_an_athlete_without_a_defined_race_is_listed_once_it_is_defined():
    late = defined(definition(races=[race(), race("5k")], boards=[]))
    facts = [defined(), entries(entry("7", race="5k"))]
    assert document(*facts)["athletes"] == []
    assert athlete(document(*facts, late))["race"] == "5k"


def test_a_later_definition_replaces_the_earlier_one_completely():
    document = scored(run(), defined(definition(boards=[{"id": "all", "race": "hm"}])))
    assert list(document["boards"]) == ["all"]


def test_a_refused_definition_leaves_the_earlier_one_in_force():
    state = folded(defined(), entries("7"))
    assert (
        state.fold(2, 0, typed(defined(definition(races=[], boards=[]))))
        == "races: is empty; an event has at least one race"
    )
    assert state.row("7").race == "hm"
    assert state.event_row().version == 1


def test_a_definition_of_another_event_is_refused():
    other = fact("event_defined", definition=definition(event="other"))
    reason = EventState(EVENT).fold(0, 0, typed(other))
    assert reason == "event: the definition is for event 'other', but the fact is for 'example-2026'"


def test_a_refused_fact_does_not_use_up_its_id():
    state = EventState(EVENT)
    assert state.fold(0, 0, typed(defined(definition(races=[], boards=[]), id="d"))) is not None
    assert state.fold(1, 0, typed(defined(id="d"))) is None
    assert state.event_row().definition is not None


def test_a_hidden_entry_is_marked_until_it_is_shown_again():
    hide, show = fact("entry_hidden", bib="7", hidden=True), fact("entry_hidden", bib="7", hidden=False)
    assert not folded(*day()).row("7").hidden
    assert folded(*day(hide)).row("7").hidden
    assert not folded(*day(hide, show)).row("7").hidden


def test_notices_and_protests_change_no_standing():
    notice = fact("notice_received", gateway="van", device="S1", kind="gunshot", at_us=1767477600000000)
    protest = fact("protest_filed", protest="p1", race="hm", text="they cut the corner", bib="7")
    ruled = fact("protest_decided", protest="p1", outcome="rejected", reason="they did not")
    published = fact("results_published", race="hm", state="provisional")
    document = scored(run(), notice, protest, ruled, published)
    assert {**document, "revision": 4} == scored(run())


# --- Pending facts.


WAITING = {
    "entry of bib 7: race 5k is not defined": entries(entry("7", race="5k")),
    "gun_fired: race 5k is not defined": gun(race="5k"),
    "race_closed: race 5k is not defined": closed("5k"),
    "race_reopened: race 5k is not defined": reopened("5k"),
    "results_published: race 5k is not defined": fact("results_published", race="5k", state="official"),
    "device_assigned K9: mat 20k is not defined": device("K9", "20k"),
    "chip_assigned: bib 99 has no entry": chip("C7", "99"),
    "status_set: bib 99 has no entry": status("99", "DQ"),
    "entry_hidden: bib 99 has no entry": fact("entry_hidden", bib="99", hidden=True),
    "time_set: bib 99 has no point FINISH": time_set("99", "FINISH", 4000),
    "time_set: bib 8 has no point 15K": time_set("8", "15K", 4000),
    "order_set: no entry for 98, 99": order("8", "98", "99"),
    "order_set: race 5k is not defined": order("8", race="5k"),
    "results_published: no board juniors, kids": fact(
        "results_published", race="hm", state="official", boards=["juniors", "men", "kids"]
    ),
    "case_decided missed:99: no such case can be": decided("missed:99", "accept"),
    "case_decided reads_after:99: no such case can be": decided("reads_after:99", "accept"),
    "case_decided team:teams:Ha Noi: no such case can be": decided("team:teams:Ha Noi", "accept"),
    "case_decided mised:8: no such case can be": decided("mised:8", "accept"),
    "protest_decided p9: no such protest was filed": fact("protest_decided", protest="p9", outcome="upheld", reason=""),
    "protest p1: bib 99 has no entry": fact("protest_filed", protest="p1", race="hm", text="", bib="99"),
    "protest p2: race 5k is not defined": fact("protest_filed", protest="p2", race="5k", text=""),
    "fact_withdrawn: no fact has the id nothing": withdrawn("nothing"),
}


@pytest.mark.parametrize("line", WAITING)
def test_a_fact_that_names_something_unknown_is_pending(line):
    assert pending_of(*day(WAITING[line], bibs=["8"])) == [line]


@pytest.mark.parametrize(
    "known",
    [
        gun(),
        closed(),
        reopened(),
        fact("results_published", race="hm", state="official"),
        device("K9", "10k"),
        chip("X", "7"),
        status("7", "DQ"),
        fact("entry_hidden", bib="7", hidden=True),
        time_set("7", "10K", 4000),
        order("7"),
        decided("missed:7", "accept"),
        decided("reads_after:7", "accept"),
        decided("team:teams:Ha Noi", "accept"),
        fact("protest_filed", protest="p1", race="hm", text="", bib="7"),
        fact("protest_decided", protest="filed", outcome="upheld", reason=""),
        fact("results_published", race="hm", state="official", boards=["men", "teams"]),
        withdrawn("known"),
        clock("ZZ", 5),
        excluded("ZZ", "C9", 5),
    ],
    ids=lambda kind: kind["type"],
)
def test_a_fact_whose_names_are_known_is_not_pending(known):
    filed = fact("protest_filed", protest="filed", race="hm", text="")
    plain = definition(team_boards=[{"id": "teams", "of": "men"}])
    assert pending_of(*day(known, entries("9", id="known"), filed, definition=plain)) == []


def test_everything_is_pending_until_there_is_a_definition():
    assert pending_of(entries("7"), gun()) == [
        "entry of bib 7: race hm is not defined",
        "gun_fired: race hm is not defined",
    ]
    assert pending_of(entries("7"), gun(), defined()) == []


def test_a_withdrawn_fact_is_not_pending():
    assert pending_of(*day(status("99", "DQ", id="a"), withdrawn("a"))) == []


def test_pending_names_are_listed_once_and_up_to_a_limit():
    assert pending_of(*day(status("99", "DQ"), status("99", "OK"))) == ["status_set: bib 99 has no entry"]
    many = entries(*(entry(str(bib), race="5k") for bib in range(300)))
    assert len(pending_of(*day(many))) == PENDING_MAX


def test_pending_facts_take_effect_when_the_things_they_name_appear():
    """An official's time and a chip for bib 99, which is entered at the very end."""
    document = scored(
        chip("SPARE", "99"),
        time_set("99", "START", 3),
        reads(read("K1", "SPARE", 2000)),
        device("Z1", "20k"),
        reads(read("Z1", "SPARE", 3900)),
        entries(entry("99", [])),
        defined(definition(mats=[*definition()["mats"], {"id": "20k", "devices": ["Z2"]}])),
    )
    assert passed(document, "99") == {"START": us(3), "10K": us(2000)}
    assert document["unused_reads"] == {"not_on_course": 1}


def test_a_judges_order_is_in_force_once_all_its_bibs_are_entered():
    state = folded(*day(order("7", "99")))
    assert state.event_row().orders == []
    state.fold(9, 0, typed(entries("99")))
    assert [order.bibs for order in state.event_row().orders] == [["7", "99"]]


# --- The event's own row.


def test_the_events_row_holds_guns_closures_decisions_protests_and_publications():
    signed = {"recorded_at_us": 55}
    state = folded(
        defined(),
        entries("7"),
        gun(5, wave="B"),
        gun(3),
        gun(4),
        closed(),
        decided("missed:7", "accept"),
        decided("team:t:Ha Noi", "dq"),
        fact("protest_filed", protest="p1", race="hm", text="short cut", bib="7", **signed),
        fact("protest_decided", protest="p1", outcome="upheld", reason="seen"),
        fact("results_published", race="hm", state="provisional", boards=["men"], **signed),
    )
    row = state.event_row()
    base = 1767477600000000
    assert [(g.race, g.wave, g.at_us - base) for g in row.guns] == [("hm", None, us(4)), ("hm", "B", us(5))]
    assert row.closed == ["hm"]
    assert row.decided == ["missed:7", "team:t:Ha Noi"]
    (protest,) = row.protests
    assert (protest.protest, protest.race, protest.text, protest.bib) == ("p1", "hm", "short cut", "7")
    assert (protest.filed_at_us, protest.outcome) == (55, "upheld")
    (published,) = row.publications
    assert (published.race, published.state, published.boards) == ("hm", "provisional", ["men"])
    assert (published.offset, published.recorded_at_us) == (10, 55)
    assert row.version == 10


def test_an_event_with_nothing_but_reads_has_a_row_of_version_0():
    row = folded(run(), run("8")).event_row()
    assert (row.version, row.definition, row.guns, row.pending) == (0, None, [], [])


def test_a_colon_in_a_bib_is_part_of_it():
    facts = day(run("A:B", k10=None), decided("missed:a:b", "accept"), bibs=["A:B"])
    assert pending_of(*facts) == []
    assert athlete(document(*facts), "A:B")["status"] == "FINISHED"


def test_a_protest_decided_before_it_is_filed_is_decided_once_filed():
    ruled = fact("protest_decided", protest="p1", outcome="rejected", reason="")
    filed = fact("protest_filed", protest="p1", race="hm", text="")
    assert [protest.outcome for protest in folded(*day(ruled, filed)).event_row().protests] == ["rejected"]
    assert folded(*day(ruled)).event_row().protests == []


# --- Versions. Source: head of services/scoring/core/event.py.


def versions(*facts):
    """The version of each athlete's row, after a day's three facts (offsets 0 to 2) and these."""
    state = folded(*day(*facts, bibs=["7", "8"]))
    return {row.bib: row.version for row in state.take(100)}


@pytest.mark.parametrize(
    ("later", "seven", "eight"),
    [
        (run("7"), 3, 2),
        (status("7", "DQ"), 3, 2),
        (time_set("8", "FINISH", 4000), 2, 3),
        (fact("entry_hidden", bib="7", hidden=True), 3, 2),
        (decided("missed:7", "accept"), 3, 2),
        (decided("reads_after:8", "accept"), 2, 3),
        (order("8", "7"), 3, 3),
        (gun(1), 3, 3),
        (gun(1, race="5k"), 2, 2),
        (closed(), 3, 3),
        (reopened(), 3, 3),
        (defined(), 3, 3),
        (entries("7"), 3, 2),
        (entries(entry("7", ["C8"])), 3, 3),
        (chip("C7", "8"), 3, 3),
        (chip("NEW", "8"), 2, 3),
        (excluded("F1", "C7", 1), 3, 2),
        (fact("protest_filed", protest="p", race="hm", text="", bib="7"), 3, 2),
        (fact("protest_filed", protest="p", race="hm", text=""), 2, 2),
        (clock("F1", 1), 2, 2),  # it read nobody
        (reads(read("F1", "C99", 1)), 2, 2),
        (fact("results_published", race="hm", state="official"), 2, 2),
        (withdrawn("nothing"), 2, 2),
    ],
    ids=lambda kind: kind["type"] if isinstance(kind, dict) else "",
)
def test_a_rows_version_is_the_last_offset_that_affects_it(later, seven, eight):
    assert versions(later) == {"7": seven, "8": eight}


def test_an_entry_without_a_chip_has_a_row_too():
    assert versions(entries(entry("9", []))) == {"7": 2, "8": 2, "9": 3}


def test_a_decision_affects_a_bib_with_a_colon():
    state = folded(*day(decided("missed:a:b", "accept"), bibs=["A:B"]))
    assert [(row.bib, row.version) for row in state.take(9)] == [("A:B", 3)]


def test_an_exact_copy_of_a_read_raises_no_version_and_a_stronger_one_does():
    read_again = reads(read("K1", "C7", 2000, rssi=-60))
    assert versions(read_again, read_again)["7"] == 3
    assert versions(read_again, reads(read("K1", "C7", 2000, rssi=-61)))["7"] == 3
    assert versions(read_again, reads(read("K1", "C7", 2000, rssi=-59)))["7"] == 4


def test_a_clock_or_device_fact_affects_the_athletes_whom_the_device_read():
    assert versions(run("7"), reads(read("KB", "C8", 2000)), clock("K1", 1)) == {"7": 5, "8": 4}
    assert versions(run("7"), reads(read("KB", "C8", 2000)), device("KB", "finish")) == {"7": 3, "8": 5}


def test_a_withdrawal_affects_the_athletes_whom_its_fact_affected():
    assert versions(status("7", "DQ", id="a"), withdrawn("a")) == {"7": 4, "8": 2}
    assert versions(status("7", "DQ", id="a"), withdrawn("a", id="b"), withdrawn("b")) == {"7": 5, "8": 2}
    assert versions(entries(entry("7", ["C8"]), id="a"), withdrawn("a")) == {"7": 4, "8": 4}
    assert versions(withdrawn("a"), status("8", "DQ", id="a")) == {"7": 2, "8": 4}


def test_an_entry_affects_the_athletes_who_share_a_chip_that_it_gives_up():
    """8 was entered with chip S, then 7, who owns it. 7's next entry, without S, gives it to 8, its withdrawal to 7."""
    shared = [entries(entry("8", ["S"])), entries(entry("7", ["S"]))]
    left = entries(entry("7", ["C7"]), id="a")
    assert versions(*shared, left) == {"7": 5, "8": 5}
    assert versions(*shared, left, withdrawn("a")) == {"7": 6, "8": 6}


def test_only_rows_that_are_due_are_taken_and_each_once():
    state = folded(*day(bibs=["7", "8", "9"]))
    assert sorted(row.bib for row in state.take(100)) == ["7", "8", "9"]
    assert state.take(100) == []
    state.fold(9, 0, typed(run("8")))
    assert [row.bib for row in state.take(100)] == ["8"]


def test_no_more_rows_are_taken_than_asked_for():
    state = folded(*day(bibs=["7", "8", "9"]))
    assert state.pending() == 4  # three athletes and the event
    assert [len(state.take(2)), len(state.take(2))] == [2, 1]
    assert state.take_event() is not None
    assert state.take_event() is None
    assert state.pending() == 0


def test_a_bib_without_any_entry_has_no_row():
    assert [row.bib for row in folded(*day(status("99", "DQ"), bibs=["7"])).take(100)] == ["7"]


def test_an_athlete_whose_entry_was_withdrawn_has_a_row_that_says_so():
    state = folded(defined(), entries("7", id="e"), gun(), withdrawn("e"))
    (row,) = state.take(100)
    assert (row.event, row.bib, row.race, row.gone, row.version) == (EVENT, "7", "", True, 3)
    assert row.entry is None


def test_an_athlete_of_a_removed_race_is_gone_until_the_race_is_back():
    other = defined(definition(races=[race("5k")], boards=[]))
    state = folded(*day(other))
    assert (state.row("7").gone, state.row("7").race) == (True, "hm")
    state.fold(9, 0, typed(defined()))
    assert not state.row("7").gone
