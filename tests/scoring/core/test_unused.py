"""Every unused read has the first reason that applies. Source: R3.1."""

from typing import Any

import pytest

from services.scoring.core.classify_reads import Guns, find_points, sort_reads
from services.scoring.core.event import EventState
from tests.builders import (
    at,
    chip,
    day,
    defined,
    definition,
    device,
    document,
    entries,
    excluded,
    gun,
    half,
    mat,
    mats,
    point,
    read,
    reads,
    run,
    scored,
    status,
    time_set,
    typed,
    withdrawn,
)

ALONE = {  # one read, the facts around it, and why it is unused
    "repeat": ([reads(read("K1", "C7", 2000), read("K1", "C7", 2000))], {}),
    "unknown_device": ([reads(read("ZZ", "C7", 2000))], {}),
    "unknown_chip": ([reads(read("K1", "C99", 2000))], {}),
    "excluded": ([reads(read("K1", "C7", 2000)), excluded("K1", "C7", 2000)], {}),
    "before_gun": ([reads(read("S1", "C7", "-0.000001"))], {}),
    "backup_duplicate": ([run(), reads(read("KB", "C7", 2005))], {}),
    "overridden": ([run(), time_set("7", "10K", 2300)], {}),
    "outside_start_window": ([reads(read("S1", "C7", 1801))], {}),
    "too_early": (
        [reads(read("K1", "C7", 2000))],
        half(points=[point("START"), point("10K", km=10, earliest={"wave": "0:33:21"}), point("FINISH", km=21.0975)]),
    ),
    "too_fast": ([reads(read("K1", "C7", 1333))], {}),
    "not_on_course": ([reads(read("X1", "C7", 2000))], definition(mats=mats(mat("other", "X1")))),
    "superseded": ([run(), reads(read("K1", "C7", 2001))], {}),
}


@pytest.mark.parametrize("reason", ALONE)
def test_each_reason_by_itself(reason):
    facts, definition = ALONE[reason]
    assert scored(*facts, definition=definition or None)["unused_reads"] == {reason: 1}


LOOP = half(points=[point("START", mat="line"), point("10K", km=10), point("FINISH", mat="line", km=21.0975)])
LOOP |= {"mats": [mat("line", "L1"), mat("10k", "K1")]}


def test_a_start_after_the_window_on_the_line_of_the_finish_is_outside_the_window():
    """FINISH takes 2,813 s at least, so the read at 1,801 s is too fast for it; nobody would say so of a late start."""
    late = reads(read("L1", "C7", 1801), read("K1", "C7", 3500), read("L1", "C7", 6000))
    assert scored(late, definition=LOOP)["unused_reads"] == {"outside_start_window": 1}
    again = reads(read("L1", "C7", 5), read("L1", "C7", 1801), read("K1", "C7", 3500), read("L1", "C7", 6000))
    assert scored(again, definition=LOOP)["unused_reads"] == {"too_fast": 1}
    assert scored(reads(read("L1", "C7", 1801)), definition=LOOP)["unused_reads"] == {"too_fast": 1}


def test_a_read_after_a_time_that_officials_set_out_of_order_is_no_late_start():
    """10K is set after FINISH: of the filled points the first on the course lies after the read, but not the other."""
    twice = half(
        points=[
            point("START", mat="line"),
            point("10K", km=10),
            point("15K", mat="line", km=15),
            point("FINISH", mat="10k", km=21.0975),
        ]
    )
    twice |= {"mats": LOOP["mats"]}
    late = reads(read("L1", "C7", 1801))
    set_later = [time_set("7", "10K", 6000), time_set("7", "FINISH", 7000)]
    assert scored(late, *set_later, definition=twice)["unused_reads"] == {"outside_start_window": 1}
    contradictory = [time_set("7", "10K", 6000), time_set("7", "FINISH", 1700)]
    assert scored(late, *contradictory, definition=twice)["unused_reads"] == {"too_fast": 1}


FIRST_OF_TWO = {
    "unknown device and unknown chip": ("unknown_device", [reads(read("ZZ", "C99", 2000))], {}),
    "unknown device and excluded": ("unknown_device", [reads(read("ZZ", "C7", 9)), excluded("ZZ", "C7", 9)], {}),
    "unknown chip and excluded": ("unknown_chip", [reads(read("K1", "C9", 9)), excluded("K1", "C9", 9)], {}),
    "excluded and before the gun": ("excluded", [reads(read("S1", "C7", -9)), excluded("S1", "C7", -9)], {}),
    "before the gun and at no point of the course": (
        "before_gun",
        [reads(read("X1", "C7", -9))],
        definition(mats=mats(mat("other", "X1"))),
    ),
    "backup duplicate and overridden": (
        "backup_duplicate",
        [reads(read("KB", "C7", 2000), read("K1", "C7", 2001)), excluded("K1", "C7", 9), time_set("7", "10K", 2300)],
        {},
    ),
    "overridden and outside the start window": (
        "overridden",
        [reads(read("S1", "C7", 1801)), time_set("7", "START", 3)],
        {},
    ),
    "too early and too fast": (
        "too_early",
        [reads(read("K1", "C7", 1000))],
        half(points=[point("START"), point("10K", km=10, earliest={"wave": "0:33:21"}), point("FINISH", km=21.0975)]),
    ),
}


@pytest.mark.parametrize("name", FIRST_OF_TWO)
def test_the_first_reason_in_the_order_of_the_rules_is_given(name):
    reason, facts, definition = FIRST_OF_TWO[name]
    counted = scored(*facts, definition=definition or None)["unused_reads"]
    assert counted.pop(reason) == 1
    assert sum(counted.values()) == (1 if name.startswith("backup") else 0)  # the main read there is overridden


def test_without_an_own_gun_every_read_is_before_the_gun():
    """Source: R3.1 and R3.8."""
    standings = document(defined(), entries("7"), run())
    assert standings["unused_reads"] == {"before_gun": 3}
    assert standings["athletes"][0]["status"] == "NOT_STARTED"
    assert standings["athletes"][0]["points"] == []


def test_reads_before_the_gun_are_removed_before_passings_are_formed():
    """The athlete stood on the start mat from −5 to 3 s: the passing is 3 s alone, so even "first" picks it."""
    definition = half(points=[point("START", pick="first"), point("FINISH", km=21.0975)])
    document = scored(reads(read("S1", "C7", -5), read("S1", "C7", "-0.5"), read("S1", "C7", 3)), definition=definition)
    assert document["unused_reads"] == {"before_gun": 2}
    assert document["athletes"][0]["points"][0]["at_us"] == 1767477603000000


def test_reads_before_the_gun_do_not_make_a_backup_passing_a_duplicate():
    """The main mat read at −1 s, the backup at 3 s: the start is the backup's."""
    document = scored(reads(read("S1", "C7", -1), read("SB", "C7", 3)))
    assert document["unused_reads"] == {"before_gun": 1}
    assert document["athletes"][0]["points"][0]["source"] == "backup"


def test_reads_of_an_earlier_start_passing_are_superseded():
    document = scored(reads(read("S1", "C7", 5), read("S1", "C7", 6), read("S1", "C7", 100)))
    assert document["unused_reads"] == {"superseded": 2}


def test_at_a_mat_of_two_points_a_read_after_the_window_may_be_too_fast():
    """The finish lies on the start mat: at 700 s START's window of 600 s is over, and the finish takes 2,813 s."""
    points = [point("START"), point("10K", km=10), point("FINISH", "start", km=21.0975)]
    definition = half(start_window_s=600, points=points)
    assert scored(reads(read("S1", "C7", 700)), definition=definition)["unused_reads"] == {"too_fast": 1}


def test_at_a_mat_of_two_points_the_one_not_overridden_gives_the_reason():
    """START was set by an official, so a crossing of the line at 700 s can only be a finish, and is too fast."""
    points = [point("START"), point("10K", km=10), point("FINISH", "start", km=21.0975)]
    definition = half(start_window_s=600, points=points)
    document = scored(reads(read("S1", "C7", 700)), time_set("7", "START", 2), definition=definition)
    assert document["unused_reads"] == {"too_fast": 1}
    document = scored(
        reads(read("S1", "C7", 4000)), time_set("7", "START", 2), time_set("7", "FINISH", 4001), definition=definition
    )
    assert document["unused_reads"] == {"overridden": 1}


def test_a_mat_off_the_course_hides_no_reason_at_another_mat():
    """The definition lists it before the others."""
    plain = definition(mats=[mat("other", "X1"), *mats()])
    document = scored(run(), reads(read("X1", "C7", 2000), read("K1", "C7", 2001)), definition=plain)
    assert document["unused_reads"] == {"not_on_course": 1, "superseded": 1}


def test_too_fast_is_measured_from_the_nearest_earlier_filled_point():
    """P1 at 2000 s, P2 missed: FINISH at 3000 s is 11.0975 km in 1,000 s; from START it would do."""
    points = [point("START"), point("P1", "10k", km=10), point("P2", "p2", km=15), point("FINISH", km=21.0975)]
    definition = half(points=points) | {"mats": mats(mat("p2", "P2"))}
    document = scored(run(finish=None), reads(read("F1", "C7", 3000), read("F1", "C7", 4000)), definition=definition)
    assert document["unused_reads"] == {"too_fast": 1}


@pytest.mark.parametrize(
    ("finish_s", "reason"), [(4000, "superseded"), ("4000.000001", "too_fast"), (3999, "superseded")]
)
def test_a_read_not_later_than_the_point_before_is_out_of_order_and_not_too_fast(finish_s, reason):
    """10K by an official at 4000 s: a finish by then is out of order, a microsecond later too fast."""
    document = scored(run(start=1, k10=None, finish=finish_s), time_set("7", "10K", 4000))
    assert document["unused_reads"] == {reason: 1}


@pytest.mark.parametrize("each", [True, False], ids=["with a fact of the chip's own", "without"])
def test_every_read_is_named_once_used_or_with_its_reason(each):
    """By chip and the chip's nth read, as explanations need them."""
    came = [("S1", -3), ("S1", 1), ("S1", 2), ("K1", 900), ("K1", 2000), ("KB", 2001), ("K1", 2004), ("F1", 4000)]
    state = EventState("example-2026")
    facts = day(reads(*(read(name, "C7", at_s) for name, at_s in came)))
    facts += [excluded("K1", "C7", 2004)] if each else []
    for offset, logged in enumerate(facts):
        state.fold(offset, 0, typed(logged))
    rulings, places = state.rulings, state.devices.places(state.rulings)
    guns = Guns(at(0), at(0))
    out = sort_reads(rulings, places, state.chips, "7", ("C7",), guns.own_us)
    ground = find_points(rulings, rulings.courses["hm"], places, "7", guns, out)
    named = sorted((group.reason, (used[0] - at(0)) // 1_000_000) for group in ground.unused for used in group.reads)
    third = ("excluded" if each else "superseded", 2004)
    assert named == sorted(
        [("before_gun", -3), ("superseded", 1), ("too_fast", 900), ("backup_duplicate", 2001), third]
    )
    nths: list[Any] = [used[3] for group in ground.unused for used in group.reads] + [
        chosen.read[3] for chosen in ground.taken if chosen.read is not None
    ]
    assert sorted(nths) == list(range(8))
    assert all(used[2] == "C7" for group in ground.unused for used in group.reads)


def test_the_reads_of_an_athlete_whose_entry_was_withdrawn_are_of_an_unknown_chip():
    standings = document(defined(), entries("7", id="e7"), entries("8"), gun(), run("7"), run("8"), withdrawn("e7"))
    assert standings["unused_reads"] == {"unknown_chip": 3}
    assert [athlete["bib"] for athlete in standings["athletes"]] == ["8"]


def test_reads_while_nobody_wears_the_chip_are_of_an_unknown_chip():
    """A spare chip was given out at 3000 s; it was read in its box before."""
    spare = chip("SPARE", "7", from_s=3000)
    document = scored(spare, reads(read("K1", "SPARE", 2000), read("F1", "SPARE", 4000)))
    assert document["unused_reads"] == {"unknown_chip": 1}


def test_reads_of_a_device_before_its_assignment_are_of_an_unknown_device():
    document = scored(device("ZZ", "finish", from_s=3000), reads(read("ZZ", "C7", 2000), read("ZZ", "C7", 4000)))
    assert document["unused_reads"] == {"unknown_device": 1}
    assert document["athletes"][0]["points"][0]["point"] == "FINISH"


def test_used_and_unused_reads_add_up_to_all_reads():
    """Twelve reads, three used."""
    came = [("S1", -3), ("S1", 1), ("S1", 2), ("SB", 3), ("K1", 900), ("K1", 2000), ("K1", 2004), ("KB", 2500)]
    came += [("F1", 3000), ("F1", 4000), ("F1", 4050), ("ZZ", 1)]
    document = scored(reads(*(read(name, "C7", at_s) for name, at_s in came)), status("7", "DQ"))
    assert document["unused_reads"] == {
        "before_gun": 1,
        "superseded": 4,  # 1 s, 2004, the backup's 2500 and 4050
        "backup_duplicate": 1,
        "too_fast": 2,  # 900, and 3000 after 2000 at 10K
        "unknown_device": 1,
    }
    assert len(document["athletes"][0]["points"]) == 3
