"""The effect of each kind of fact: repeated, waiting, without change, applied."""

import msgspec
import pytest

from schemas.events import RULING_KINDS
from services.fact_effects.effects import FactEffect
from tests.builders import (
    at,
    board,
    chip,
    clock,
    closed,
    day,
    decided,
    defined,
    definition,
    device,
    entries,
    entry,
    entry_withdrawn,
    excluded,
    fact,
    gun,
    order,
    read,
    reads,
    reopened,
    run,
    status,
    time_set,
    waived,
    withdrawn,
)
from tests.fact_effects.judged import effect_after

MISSED = day(run("7", k10=None))  # opens missed:7
TEAMS = definition(team_boards=[{"id": "teams", "of": "men"}])


def protest(text: str = "he pushed", **more):
    return fact("protest_filed", protest="P1", race="hm", text=text, **more)


def ruled(outcome: str):
    return fact("protest_decided", protest="P1", outcome=outcome, reason="jury")


def published(state: str, **more):
    return fact("results_published", race="hm", state=state, **more)


def notice(kind: str):
    return fact("notice_received", gateway="van", device="BOX", kind=kind, at_us=at(0), id="n1")


def hidden(value: bool):
    return fact("entry_hidden", bib="7", hidden=value)


def penalty(seconds: float, **more):
    return fact("penalty_set", bib="7", seconds=seconds, reason="drafting", **more)


UNCHANGED = [
    ([], defined(), "that definition is in force already"),
    ([], entries("7"), "these entries are in force already"),
    ([], entry_withdrawn("8"), "bib '8' has no entry that could be withdrawn; known: '7'"),
    ([entries("007"), entry_withdrawn("7")], entry_withdrawn("7"), "could be withdrawn; did you mean '007'?"),
    ([], gun(0), "the gun of race 'hm' is at 05:00:00.000 already"),
    ([clock("K1", -2)], clock("K1", -2), "the clock of device 'K1' is corrected by -2 s there already"),
    ([], device("K1", "10k", 5, 10), "device 'K1' stands at mat '10k' already"),
    ([device("K1", "finish", 5)], device("K1", "finish", 5), "device 'K1' stands at mat 'finish' already"),
    ([], chip("C7", "7"), "bib '7' wears chip 'C7' already"),
    ([chip("NEW", "7")], chip("new ", "7"), "bib '7' wears chip 'NEW' already"),
    (
        [time_set("7", "10K", 5)],
        time_set("7", "10K", 5),
        "the official time of bib '7' at '10K' is 05:00:05.000 already",
    ),
    ([], time_set("7", "10K", None), "bib '7' has no official time at '10K' that could be taken back"),
    ([run(), excluded("K1", "C7", 2000)], excluded("K1", "C7", 2000), "that read is excluded already"),
    ([status("7", "DQ")], status("7", "DQ", reason="another"), "the status of bib '7' is set to DQ already"),
    ([], status("7", "OK"), "bib '7' has no status that could be taken back"),
    ([], penalty(0), "bib '7' has no penalty as it is"),
    ([penalty(30)], penalty(30), "bib '7' has a penalty of 30 s already"),
    (
        [waived("10K", 5)],
        waived("10K", 5, reason="another"),
        "point '10K' of race 'hm' is waived from 05:00:05.000 already",
    ),
    ([], waived("10K", 5, 5), "its interval is empty: from_us must be before until_us"),
    ([order("7", "7")], order("7", "7"), "that is the latest order of the race already"),
    ([run("7", k10=None), decided("missed:7", "dq")], decided("missed:7", "dq"), "is decided with 'dq' already"),
    ([closed()], closed(), "race 'hm' is closed already"),
    ([closed(at_s=5)], closed(at_s=5), "race 'hm' is closed already"),
    ([], reopened(), "race 'hm' is open already"),
    ([protest()], protest(), "protest 'P1' is filed already"),
    ([protest(), ruled("upheld")], ruled("upheld"), "protest 'P1' is decided with 'upheld' already"),
    ([], published("withdrawn"), "nothing of race 'hm' that could be withdrawn was published"),
    ([published("official"), published("withdrawn")], published("withdrawn", boards=["men"]), "are withdrawn already"),
    ([], hidden(False), "the name of bib '7' is shown already"),
    ([hidden(True)], hidden(True), "the name of bib '7' is hidden already"),
    ([status(id="a"), withdrawn("a")], withdrawn("a"), "fact 'a' is withdrawn already"),
    ([reads(read("S1", "C7", 1), id="r")], withdrawn("r"), "fact 'r' is a reader's: reads cannot be withdrawn"),
    ([notice("battery")], withdrawn("n1"), "its notices change no standing"),
    ([notice("gunshot"), withdrawn("n1")], withdrawn("n1"), "fact 'n1' is withdrawn already"),
    ([fact("event_archived")], fact("event_archived"), "the event is archived already"),
    ([fact("event_archived"), run()], fact("event_reopened"), "the event is not archived"),
]

APPLIED = [
    ([], defined(definition(name="Another"))),
    ([], entries(entry("7", club="Ha Noi"))),
    ([], entries("8")),
    ([entries(entry("8", chips=["C7"]))], entries("7")),  # takes the chip back
    ([], entry_withdrawn("7")),
    ([entries(entry("8", race="10km"))], entry_withdrawn("8")),
    ([entry_withdrawn("7")], entries("7")),
    ([], gun(1)),
    ([], clock("K1", 1)),
    ([clock("K1", 1), clock("K1", 2)], clock("K1", 1)),
    ([], device("K1", "finish")),
    ([device("K1", "finish")], device("K1", "10k")),
    ([], device("SPARE", "10k")),
    ([], chip("NEW", "7")),
    ([chip("C7", "8"), entries("8")], chip("C7", "7")),
    ([], time_set("7", "10K", 5)),
    ([time_set("7", "10K", 5)], time_set("7", "10K", None)),
    ([run()], excluded("K1", "C7", 2000)),
    ([], status("7", "DNF")),
    ([status("7", "DNF")], status("7", "DNF", at_s=5)),
    ([status("7", "DNF")], status("7", "OK")),
    ([], penalty(30)),
    ([penalty(30)], penalty(0)),
    ([], waived("10K")),
    ([waived("10K", 5)], waived("10K", 5, 6)),
    ([], order("7")),
    ([run("7", k10=None)], decided("missed:7", "dq")),
    ([defined(TEAMS), entries(entry("8", team="Hà Nội"))], decided("team:teams:Hà Nội", "accept")),
    ([run("7", k10=None), decided("missed:7", "dq")], decided("missed:7", "accept")),
    ([], closed()),
    ([], closed(at_s=5)),
    ([closed()], closed(at_s=5)),
    ([closed(at_s=5)], closed()),
    ([closed(at_s=5)], closed(at_s=6)),
    ([closed()], reopened()),
    ([], protest()),
    ([protest()], protest("he pushed me")),
    ([protest()], ruled("upheld")),
    ([], published("provisional")),
    ([published("provisional")], published("provisional")),  # once more, as the results have become
    ([published("official", boards=["men"])], published("withdrawn")),
    ([published("official", boards=["men"]), published("withdrawn", boards=["women"])], published("withdrawn")),
    ([], hidden(True)),
    ([status(id="a")], withdrawn("a")),
    ([notice("gunshot")], withdrawn("n1")),
    ([], fact("notice_received", gateway="van", device="S1", kind="gunshot")),
    ([], reads(read("S1", "C7", 1))),
    ([], fact("event_archived")),
    ([fact("event_archived")], fact("event_reopened")),
]

PENDING = [
    ([], entries(entry("8", race="10km")), "race '10km' is not defined; known: 'hm'"),
    ([], gun(race="hn"), "race 'hn' is not defined; did you mean 'hm'?"),
    ([entries(entry("8", wave="A"))], gun(wave="B"), "no entry of race 'hm' is in wave 'B'; known: 'A'"),
    ([], clock("k1", 1), "no mat lists device 'k1'; did you mean 'K1'?"),
    ([], device("K1", "20k"), "mat '20k' is not defined; did you mean '10k'?"),
    ([], chip("C8", "8"), "bib '8' has no entry; known: '7'"),
    ([], chip("C7", "007"), "bib '007' has no entry; did you mean '7'?"),
    ([], time_set("7", "FINSH", 1), "race 'hm', which bib '7' runs, has no point 'FINSH'; did you mean 'FINISH'?"),
    ([], time_set("8", "10K", 1), "bib '8' has no entry; known: '7'"),
    ([], excluded("K1", "C7", 5), "chip 'C7' was never read; none is known yet"),
    ([run()], excluded("K2", "C7", 5), "device 'K2' never read chip 'C7'; did you mean 'K1'?"),
    ([run()], excluded("K1", "C7", 1990), "device 'K1' did not read chip 'C7' at 05:33:10.000 by its own clock; the"),
    ([], status("8"), "bib '8' has no entry; known: '7'"),
    ([], fact("penalty_set", bib="8", seconds=1, reason="x"), "bib '8' has no entry; known: '7'"),
    ([], waived("10k"), "race 'hm' has no point '10k'; did you mean '10K'?"),
    ([], waived("10K", race="full"), "race 'full' is not defined; known: 'hm'"),
    ([], order("7", "8", "9"), "bib '8' has no entry; known: '7'; bib '9' has no entry; known: '7'"),
    ([], decided("missed:8", "dq"), "bib '8' has no entry; known: '7'"),
    ([], decided("missed:7", "dq"), "there is no case 'missed:7' now; none is known yet"),
    ([run("7", k10=None)], decided("mised:7", "dq"), "there can be no case 'mised:7'; did you mean 'missed:7'?"),
    (
        [],
        decided("7", "dq"),
        "there can be no case '7'; cases of that bib are named missed:7, reads_after:7, after_close:7",
    ),
    ([], decided("mised:7", "dq"), "there can be no case 'mised:7'; did you mean 'missed:7'"),
    ([], decided("team:teams:Ha Noi", "dq"), "team board 'teams' is not defined; none is known yet"),
    ([defined(TEAMS)], decided("team:team:Ha Noi", "dq"), "team board 'team' is not defined; did you mean 'teams'?"),
    (
        [defined(TEAMS), entries(entry("8", team="Hà Nội"))],
        decided("team:teams:Ha Noi", "dq"),
        "no entry is of team 'Ha Noi'; did you mean 'Hà Nội'?",
    ),
    ([], closed("full"), "race 'full' is not defined; known: 'hm'"),
    ([], reopened("full"), "race 'full' is not defined; known: 'hm'"),
    ([], fact("protest_filed", protest="P1", race="hm", text="", bib="8"), "bib '8' has no entry; known: '7'"),
    ([protest()], fact("protest_decided", protest="P2", outcome="upheld", reason=""), "no protest 'P2' was filed"),
    ([], published("official", boards=["man"]), "board 'man' is not defined; did you mean 'men' or 'women'?"),
    ([], fact("entry_hidden", bib="8", hidden=True), "bib '8' has no entry; known: '7'"),
    ([status(id="dq-7")], withdrawn("dq7"), "no fact has the id 'dq7'; did you mean 'dq-7'?"),
]


@pytest.mark.parametrize(("before", "given", "why"), UNCHANGED)
def test_a_fact_that_says_what_is_so_already_changes_nothing(before, given, why):
    effect = effect_after(*day(*before), given)
    assert effect.effect == "no_change"
    assert why in (effect.why or "")


@pytest.mark.parametrize(("before", "given"), APPLIED)
def test_a_fact_that_says_something_new_is_applied(before, given):
    effect = effect_after(*day(*before), given)
    assert (effect.effect, effect.why) == ("applied", None)


@pytest.mark.parametrize(("before", "given", "why"), PENDING)
def test_a_fact_that_names_something_unknown_waits_for_it(before, given, why):
    effect = effect_after(*day(*before), given)
    assert effect.effect == "pending"
    assert why in (effect.why or "")


def test_every_kind_of_fact_has_an_example_of_each_effect():
    always_known = {"event_defined", "notice_received", "entry_withdrawn", "event_archived", "event_reopened"}
    assert {given["type"] for _, given in APPLIED} == {*RULING_KINDS, "reads_received"}
    assert {given["type"] for _, given, _ in UNCHANGED} == {*RULING_KINDS} - {"notice_received"}
    assert {given["type"] for _, given, _ in PENDING} == {*RULING_KINDS} - always_known


def test_an_id_in_use_is_said_with_its_record_its_sender_and_whether_the_facts_differ():
    first = status("7", "DQ", id="a", by="Lan", recorded_at_us=at(60))
    same = effect_after(*day(first), status("7", "DQ", id="a", by="Minh", recorded_at_us=at(90)))
    other = effect_after(*day(first), status("7", "DNF", id="a"))
    assert same == FactEffect(
        "repeated", "the id 'a' is in use since record 3 of the log, 05:01:00.000, by Lan; that fact says the same"
    )
    assert other.effect == "repeated"
    assert "that fact says something else: send this one with another id" in (other.why or "")


def test_an_id_of_reads_cannot_be_used_again():
    effect = effect_after(*day(reads(read("S1", "C7", 1), id="r")), status("7", id="r"))
    assert effect.effect == "repeated"
    assert "in use by a reader's fact" in (effect.why or "")


def test_a_fact_whose_withdrawal_came_first_changes_nothing():
    effect = effect_after(*day(withdrawn("a")), status("7", id="a"))
    assert (effect.effect, effect.why) == ("no_change", "a withdrawal of the id 'a' came before it")


def test_where_reads_are_not_known_an_exclusion_is_judged_by_device_and_chip():
    assert effect_after(*day(), excluded("K1", "C7", 5), reads_known=False).effect == "unknown"
    unknown = effect_after(*day(), excluded("K9", "C8", 5), reads_known=False)
    assert unknown.effect == "pending"
    assert (
        unknown.why == "no mat lists device 'K9'; did you mean 'KB' or 'K1'?; nobody has chip 'C8'; did you mean 'C7'?"
    )


def test_an_entry_list_for_a_race_that_is_not_defined_is_said_once():
    given = entries(*(entry(str(bib), race="hn") for bib in range(20)))
    assert effect_after(*day(), given).why == "race 'hn' is not defined; did you mean 'hm'?"


def test_of_many_unknown_names_the_first_five_are_said():
    given = order(*(str(bib) for bib in range(10, 30)))
    assert (effect_after(*day(), given).why or "").count("has no entry") == 5


def test_before_the_definition_nothing_is_known():
    assert effect_after(gun()).why == "race 'hm' is not defined; none is known yet"


def test_effects_are_plain_data():
    assert msgspec.to_builtins(FactEffect("applied")) == {"effect": "applied", "why": None, "warnings": []}


def test_boards_are_known_with_team_boards_and_delegations():
    wanted = definition(boards=[board("men"), board("women")], team_boards=[{"id": "teams", "of": "men"}])
    assert effect_after(*day(definition=wanted), published("official", boards=["teams"])).effect == "applied"
