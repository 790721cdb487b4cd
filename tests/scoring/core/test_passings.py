"""Passings: where one crossing ends and the next begins, and which read gives its time.

Source: R3.2.
"""

import pytest

from services.scoring.core.passings import form_passings, pick_read
from services.scoring.core.reads import NO_RSSI
from tests.builders import definition, half, passed, point, read, reads, run, scored, us

GAP_US = 20_000_000


def used(*seconds, rssi=-50.0):
    return [(us(at_s), rssi, "C7", nth) for nth, at_s in enumerate(seconds)]


def cut(main, backup=()):
    """The passings as lists of seconds with `b` before a backup's, then the backup duplicates."""
    document, same = form_passings("10k", used(*main), used(*backup), GAP_US)
    shown = [("b" if p.backup else "m", *[read[0] / 1_000_000 for read in p.reads]) for p in document]
    return shown, [tuple(read[0] / 1_000_000 for read in p.reads) for p in same]


def test_a_gap_over_the_limit_starts_a_new_passing_and_one_equal_to_it_does_not():
    assert cut([100, 120, 140]) == ([("m", 100, 120, 140)], [])
    assert cut([100, 120, "140.000001", 150]) == ([("m", 100, 120), ("m", 140.000001, 150)], [])


def test_reads_come_in_any_order_and_passings_in_time_order():
    assert cut([300, 100, 110, 290]) == ([("m", 100, 110), ("m", 290, 300)], [])


def test_a_backup_does_not_join_two_main_passings():
    """Main devices read at 100 and 130: two passings, though a backup read in between."""
    assert cut([100, 130], [115]) == ([("m", 100), ("m", 130)], [(115,)])


@pytest.mark.parametrize("backup", [[80], [120], [110, 125], [60, 80], [95, 105]])
def test_a_backup_passing_within_the_gap_of_a_main_passing_is_the_same_crossing(backup):
    assert cut([100], backup) == ([("m", 100)], [tuple(backup)])


@pytest.mark.parametrize("backup", [["79.999999"], ["120.000001"]])
def test_a_backup_passing_farther_away_is_a_passing_of_its_own(backup):
    passings, same = cut([100], backup)
    assert same == []
    assert sorted(passings) == sorted([("m", 100.0), ("b", float(backup[0]))])


def test_a_long_backup_passing_around_a_main_passing_is_the_same_crossing():
    """Somebody lingers by the backup mat: it reads every 15 s from 40 to 160, the main mat once, at 100."""
    lingering = [40, 55, 70, 85, 100, 115, 130, 145, 160]
    assert cut([100], lingering) == ([("m", 100)], [tuple(lingering)])


def test_passings_of_both_kinds_are_in_time_order():
    assert cut([100, 300], [200]) == ([("m", 100), ("b", 200), ("m", 300)], [])


def test_a_point_takes_the_first_the_last_or_the_strongest_read():
    """Source: R3.2: highest rssi, null lowest, equal: the earliest."""
    crossing = [(1, NO_RSSI, "C", 0), (2, -60.0, "C", 1), (3, -40.0, "C", 2), (4, -40.0, "C", 3), (5, -70.0, "C", 4)]
    assert pick_read(crossing, "first")[0] == 1
    assert pick_read(crossing, "last")[0] == 5
    assert pick_read(crossing, "strongest")[0] == 3
    assert pick_read(crossing[:2], "strongest")[0] == 2
    assert pick_read([(1, NO_RSSI, "C", 0), (2, NO_RSSI, "C", 1)], "strongest")[0] == 1


def test_start_takes_the_last_read_of_its_passing_and_other_points_the_first():
    """The athlete stood on the start mat from 1 to 15 s, then left it. Source: R2, `pick`."""
    mats_read = [("S1", 1), ("S1", 10), ("S1", 15), ("K1", 2000), ("K1", 2003), ("F1", 4000), ("F1", 4004)]
    document = scored(reads(*(read(device, "C7", at_s) for device, at_s in mats_read)))
    assert passed(document) == {"START": us(15), "10K": us(2000), "FINISH": us(4000)}
    assert document["unused_reads"] == {"superseded": 4}
    assert document["athletes"][0]["chip_us"] == us(3985)


@pytest.mark.parametrize(("pick", "at_s"), [("first", 2000), ("last", 2008), ("strongest", 2004)])
def test_a_definition_names_the_pick_of_each_point(pick, at_s):
    definition = half(points=[point("START"), point("10K", km=10, pick=pick), point("FINISH", km=21.0975)])
    crossing = [read("K1", "C7", 2000, rssi=-60), read("K1", "C7", 2004, rssi=-45), read("K1", "C7", 2008, rssi=-61)]
    assert passed(scored(reads(*crossing), definition=definition)) == {"10K": us(at_s)}


def test_start_also_takes_the_pick_that_the_definition_names():
    definition = half(points=[point("START", pick="first"), point("FINISH", km=21.0975)])
    assert passed(scored(reads(read("S1", "C7", 1), read("S1", "C7", 9)), definition=definition)) == {"START": us(1)}


def test_a_backup_passing_alone_gives_the_time_with_source_backup():
    document = scored(reads(read("S1", "C7", 1), read("KB", "C7", 2000), read("FB", "C7", 4000)))
    points = [(point["point"], point["source"]) for point in document["athletes"][0]["points"]]
    assert points == [("START", "main"), ("10K", "backup"), ("FINISH", "backup")]
    assert document["athletes"][0]["status"] == "FINISHED"


def test_a_backup_duplicate_is_unused_even_if_it_is_earlier():
    """The backup mat lies a metre before the main one: 1999 s there, 2000 s on the main mat."""
    document = scored(run(), reads(read("KB", "C7", 1999)))
    assert passed(document)["10K"] == us(2000)
    assert document["unused_reads"] == {"backup_duplicate": 1}


def test_a_backup_passing_outside_the_gap_competes_with_the_main_one():
    """1979.999999 on the backup, 2000 on the main mat: two passings, and the earlier one, the backup's, wins."""
    document = scored(run(), reads(read("KB", "C7", "1979.999999")))
    assert [(p["at_us"], p["source"]) for p in document["athletes"][0]["points"]][1][1] == "backup"
    assert document["unused_reads"] == {"superseded": 1}


def test_the_definition_sets_the_gap():
    """With a gap of 0 s every instant is a passing of its own; START still takes the latest."""
    crossing = reads(read("K1", "C7", 2000), read("KB", "C7", 2000), read("KB", "C7", "2000.000001"))
    document = scored(crossing, definition=definition(passing_gap_s=0))
    assert passed(document) == {"10K": us(2000)}
    assert document["unused_reads"] == {"backup_duplicate": 1, "superseded": 1}
    document = scored(crossing, definition=definition(passing_gap_s=0.000001))
    assert document["unused_reads"] == {"backup_duplicate": 2}
