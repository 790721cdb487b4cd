"""The parts of health by examples that can be worked out by hand."""

import pytest

from schemas.definition_parse import parse_definition
from schemas.events import Entry
from schemas.results import UnknownChip
from services.formatting.times import LocalClock
from services.health.crossings import Crossings, Instants
from services.health.even_pace import Field, estimate_mat
from services.health.finding_words import describe
from services.health.guns import find_gun_faults
from services.health.health_document import NearEntry
from services.health.mats import OnTheWay, Seen, due_since, passed_mat, silent_devices, worst_stretch
from services.health.observed import Observed, ObservedDevice
from services.health.peers import compare, in_order
from services.health.unknown_chips import chips_finding, list_chips
from services.scoring.core.chips_of_nobody import CHIPS_LISTED_MAX, most_like_athletes
from services.scoring.core.course import Course
from tests.builders import START_US, US, at, definition, point, race


def passings(*instants):
    return {f"{nth}": [at_us] for nth, at_us in enumerate(instants)}


def entry_of(bib, chip):
    return Entry(bib=bib, chips=[chip], race="hm", gender="M", given_name="A", family_name="B")


def unknown(chip, reads=3, mats=("finish",)):
    return UnknownChip(chip, reads, START_US, START_US + US, ["F1"], len(mats))


# --- Clocks of one mat.


def test_devices_at_one_mat_that_agree_differ_by_nothing():
    reference = passings(*(at(second) for second in range(0, 600, 10)))
    (phase,) = compare(reference, reference, in_order(reference))
    assert (phase.from_us, phase.ahead_us) == (None, 0)


def test_a_clock_that_is_off_from_the_beginning_is_one_phase():
    reference = passings(*(at(second) for second in range(0, 600, 10)))
    late = {bib: [at_us + 90 * US for at_us in own] for bib, own in reference.items()}
    (phase,) = compare(late, reference, in_order(reference))
    assert (phase.from_us, phase.ahead_us) == (None, 90 * US)


def test_a_clock_that_jumps_is_two_phases_cut_at_its_first_passing_after():
    reference = passings(*(at(second) for second in range(0, 600, 10)))
    jumped = {bib: [own[0] + (120 * US if own[0] >= at(250) else 0)] for bib, own in reference.items()}
    first, second = compare(jumped, reference, in_order(reference))
    assert (first.from_us, first.ahead_us) == (None, 0)
    assert (second.from_us, second.ahead_us) == (at(250) + 120 * US, 120 * US)


def test_a_clock_that_jumps_after_a_few_athletes_does_not_blame_these():
    reference = passings(*(at(second) for second in range(0, 600, 10)))
    jumped = {bib: [own[0] + (120 * US if own[0] >= at(50) else 0)] for bib, own in reference.items()}
    assert [(phase.from_us, phase.ahead_us) for phase in compare(jumped, reference, in_order(reference))] == [
        (None, 0),
        (at(170), 120 * US),
    ]


def test_two_devices_that_saw_nobody_in_common_are_not_compared():
    assert compare({"1": [at(0)]}, {"2": [at(0)]}, [(at(0), "2")]) == []


# --- Clocks by paces.


def field(paces, late_s=0.0, slow=1.0):
    """Athletes of the half marathon by their paces in seconds a kilometre; 10K takes so much longer, and is late."""
    of = Course(parse_definition(definition()), parse_definition(definition()).races[0])
    kms = [point.km for point in of.points]
    crossings: list[Instants] = [
        [at(0), at(round(pace * kms[1] * slow + late_s)), at(round(pace * kms[2]))] for pace in paces
    ]
    return Field(of, crossings, at(round(max(paces) * kms[2])))


def test_a_wrong_clock_is_what_is_the_same_for_the_quick_and_the_slow():
    paces = [200 + nth for nth in range(200)]
    right, _ = estimate_mat("10k", [field(paces, slow=1.03)], frozenset({"start", "10k", "finish"}))
    wrong, _ = estimate_mat("10k", [field(paces, late_s=300, slow=1.03)], frozenset({"start", "10k", "finish"}))
    assert abs(right.ahead_s) < 10  # a hill to 10K makes everybody late in proportion
    assert abs(wrong.ahead_s - 300) < 10
    assert wrong.significance > 5 > right.significance


def test_too_few_athletes_tell_nothing_of_a_clock():
    assert estimate_mat("10k", [field([300, 310, 320])], frozenset({"start", "10k", "finish"})) == (None, None)


# --- Guns.


def started(*seconds, gone=True):
    return [
        Crossings(f"{nth}", [at(second), at(second) + 1800 * US if gone else None, None], [1, 1, 0], frozenset())
        for nth, second in enumerate(seconds)
    ]


def faults(gun_us, athletes, now_us=None, zone_us=-7 * 3600 * US):
    key = ("hm", None)
    now_us = at(4000) if now_us is None else now_us
    return find_gun_faults({key: gun_us}, {key: athletes}, zone_us, 1800 * US, now_us)


def test_a_right_gun_with_some_who_started_too_early_is_no_fault():
    assert faults(at(0), started(-30, -20, *range(1, 100))) == []


def test_a_gun_two_minutes_late_is_the_minute_before_the_crowd():
    (fault,) = faults(at(120), started(*(nth / 5 for nth in range(3, 1500))))
    assert (fault.side, fault.likely_us, fault.how) == ("before", at(0), "of another minute")


def test_a_gun_of_another_hour_is_told_as_such():
    (fault,) = faults(at(3600), started(*range(1, 100)))
    assert (fault.likely_us, fault.how) == (at(0), "of another hour")


def test_a_gun_hours_before_anybody_starts_is_a_fault_on_the_other_side():
    (fault,) = faults(at(-86400), started(*range(1, 100), gone=False))
    assert (fault.side, fault.likely_us, fault.how) == ("after", at(0), "of another day")


def test_right_after_a_gun_nothing_is_said_of_it():
    """Who walked over the mat on the way to the corral has not started."""
    assert faults(at(0), started(*range(-900, -20, 10), gone=False), now_us=at(10)) == []
    assert faults(at(0), started(*range(-900, -20, 10), gone=False), now_us=at(100)) == []


# --- Mats.


def seen(pattern):
    return [Seen(at(nth), mark == "x", "hm", 1, f"{nth}") for nth, mark in enumerate(pattern)]


def test_a_mat_that_misses_now_and_then_is_in_order():
    assert worst_stretch(seen(("x" * 99 + "-") * 5), 0.012, 0.3) is None
    assert worst_stretch([], 0.012, 0.3) is None


def test_the_stretch_in_which_a_mat_missed_many_runs_from_the_first_missed_to_the_last():
    stretch = worst_stretch(seen("x" * 100 + "-x-x--x---x--x-" + "x" * 100), 0.012, 0.3)
    assert (stretch.from_us, stretch.until_us) == (at(100), at(114))
    assert (len(stretch.missed), stretch.passed, stretch.lasts) == (10, 15, False)


def test_a_mat_that_is_dead_to_the_end_still_misses():
    assert worst_stretch(seen("x" * 100 + "-" * 30), 0.012, 0.3).lasts


def test_who_left_the_course_says_nothing_of_the_mats_they_never_came_to():
    kms = {"START": 0, "5K": 5, "10K": 10, "15K": 15, "FINISH": 21.0975}
    mats = [{"id": name.lower(), "devices": [name]} for name in kms]
    plan = parse_definition(
        definition(mats=mats, races=[race(points=[point(name, km=km) for name, km in kms.items()])])
    )
    course = Course(plan, plan.races[0])
    cut = [at(0), None, None, None, at(3000)]
    unread = [at(0), at(1200), None, at(3700), at(4900)]
    athletes = [("1", cut, cut, frozenset()), ("2", unread, unread, frozenset())]
    assert [(athlete.bib, athlete.seen) for athlete in passed_mat("10k", [("hm", course, athletes)])] == [("2", False)]


def test_a_device_that_reads_nothing_while_others_read_is_silent_since_its_last_athlete():
    crossings = [(at(nth), 0b11 if nth < 100 else 0b01) for nth in range(140)]
    (silent,) = silent_devices([0, 1], crossings, set())
    assert (silent.device, silent.since_us, silent.missed, silent.read_before) == (1, at(99), 40, 100)


def test_a_device_that_reads_every_third_athlete_is_not_silent_soon():
    crossings = [(at(nth), 0b01 | 0b10 * (nth % 3 == 0 and nth < 100)) for nth in range(125)]
    assert silent_devices([0, 1], crossings, set()) == []


def test_a_device_that_never_read_is_silent_once_others_read_many():
    assert silent_devices([0, 1], [(at(nth), 1) for nth in range(49)], {1}) == []
    (silent,) = silent_devices([0, 1], [(at(nth), 1) for nth in range(50)], {1})
    assert (silent.device, silent.since_us) == (1, None)


def test_those_who_are_due_are_counted_by_how_long_the_others_took():
    took = [1 + nth / 1000 for nth in range(500)]
    due = due_since(OnTheWay(took, [(1.0, 1.25)] * 100), known_from_start=False)
    assert 40 < due < 60
    assert due_since(OnTheWay(took, [(0.5, 0.9)] * 100), known_from_start=False) == 0
    assert due_since(OnTheWay(took, [(1.6, 3.0)] * 100), known_from_start=False) == 0  # these have stopped


# --- Chips.


def observed(*chips, read=()):
    return Observed([ObservedDevice(device="F1", mat="finish")], {bib: [] for bib in read}, list(chips))


def test_the_nearest_entries_are_by_zeros_by_the_other_base_and_by_one_digit():
    entries = [entry_of("7", "0042"), entry_of("8", "2A"), entry_of("9", "142")]
    (chip,) = list_chips(observed(unknown("42")), entries)
    assert chip.near == [NearEntry("7", "0042", "leading_zeros"), NearEntry("8", "2A", "decimal_or_hex")]
    (chip,) = list_chips(observed(unknown("143")), entries)
    assert chip.near == [NearEntry("9", "142", "one_digit")]


def test_entries_whose_own_chip_has_not_been_read_are_nearer():
    entries = [entry_of("7", "141"), entry_of("8", "142")]
    (chip,) = list_chips(observed(unknown("143"), read=["7"]), entries)
    assert [near.bib for near in chip.near] == ["8", "7"]


def test_no_more_than_a_thousand_chips_are_listed_those_at_most_mats_first():
    chips = [unknown(f"{nth:05}") for nth in range(CHIPS_LISTED_MAX + 5)] + [unknown("A", mats=("10k", "finish"))]
    listed = list_chips(observed(*most_like_athletes(chips)), [])
    assert (len(listed), listed[0].chip) == (CHIPS_LISTED_MAX, "A")


def test_spares_in_a_bag_are_no_finding_and_chips_seen_along_the_course_are():
    spares = observed(unknown("S1"), unknown("S2"), read=[str(nth) for nth in range(100)])
    assert chips_finding("e", spares, []) is None
    run = observed(unknown("W1", mats=("10k", "finish")), read=[str(nth) for nth in range(100)])
    assert chips_finding("example-2026", run, list_chips(run, [])).subject == {"chips": ["W1"]}


def test_chips_in_another_notation_come_with_the_facts_that_give_them_to_their_bibs():
    run = observed(*(unknown(f"{nth}", mats=("10k", "finish")) for nth in (1001, 1002)))
    entries = [entry_of("7", "01001"), entry_of("8", "01002")]
    assert chips_finding("example-2026", run, list_chips(run, entries)).proposal == [
        {"type": "chip_assigned", "event": "example-2026", "chip": "1001", "bib": "7"},
        {"type": "chip_assigned", "event": "example-2026", "chip": "1002", "bib": "8"},
    ]


@pytest.mark.parametrize(
    ("read_as", "rule"),
    [
        (["01001", "001002", "01003"], {"strip_zeros": True}),
        (["E28011001", "E280101002", "E280111003"], None),
        (["E28001001", "E280001002", "E28001003"], {"strip_zeros": True, "prefixes": ["E28"]}),
        (["01001", "001002"], None),
        (["0003E9", "0003EA", "0003EB"], {"strip_zeros": True, "hex_digits": 6}),
        (["2001", "2002", "2003"], None),
    ],
)
def test_chips_that_one_rule_for_codes_explains_come_with_the_definition_that_has_it(read_as, rule):
    run = observed(*(unknown(code, mats=("10k", "finish")) for code in read_as))
    entries = [entry_of("7", "1001"), entry_of("8", "1002"), entry_of("9", "1003")]
    found = chips_finding("e", run, list_chips(run, entries), entries, {"event": "e", "name": "E"})
    assert found is not None
    first, *others = found.proposal or [{}]
    assert first.get("definition", {}).get("chips") == rule
    if rule is not None:
        assert (found.evidence["explained"], others) == (3, [])
        assert "3 chips of these differ by" in describe(found, LocalClock(None)).todo


def test_a_rule_that_would_make_one_chip_of_two_athletes_is_not_proposed():
    run = observed(*(unknown(f"0{nth}", mats=("10k", "finish")) for nth in (1001, 1002, 1003)))
    entries = [entry_of("7", "1001"), entry_of("8", "1002"), entry_of("9", "1003"), entry_of("10", "001003")]
    found = chips_finding("e", run, list_chips(run, entries), entries, {"event": "e"})
    assert found is not None
    assert {fact["type"] for fact in found.proposal or []} == {"chip_assigned"}
