"""Eligibility: each kind of concern with the row and article behind it, and entries that are no concern."""

import itertools
import random

import msgspec
import pytest

from schemas.definition_parse import parse_definition
from schemas.events import ChipAssigned, Entry
from schemas.office import Role
from schemas.results import PointTime
from services.standings.office.eligibility import attestations, eligibility, entries_of, finished_apart
from services.standings.office.team_concerns import match_roles
from services.standings.office.wave_concerns import waves_by_best
from tests.builders import AT_FINISH, EVENT, START_US, US, at, board, definition, entry, race, result, team


def rule(id="rule", article="5", **asks):
    return {"id": id, "article": article, **asks}


def entered(*plain):
    return [msgspec.convert(item, Entry) for item in plain]


def concerns(entries, *rules, **more):
    """The concerns about entries by a definition with these rules of eligibility."""
    return eligibility(parse_definition(definition(eligibility=list(rules), **more)), entered(*entries))


def subjects(listed):
    """Bib, kind, row and article of each concern."""
    return [(concern.bib, concern.kind, concern.row, concern.article) for concern in listed]


def reasons(listed):
    return [concern.reason for concern in listed]


def test_a_correct_entry_is_no_concern():
    rules = [rule(born_to=2008, consent_under=18, standard_s=5400, once="event", attest="is in good health")]
    good = entry(birth_year=1990, personal_best_s=5400, nationality="VIE")
    assert concerns([good], *rules, boards=[board(nationality="VIE", born_from=1985)]) == []


def test_every_wrongsays_what_to_do():
    young = [entry("7", race="5k"), entry("8", birth_year=2009), entry("9", birth_year=2009)]
    listed = concerns(young, rule(born_to=2008, consent_under=18, standard_s=5400))
    assert len(listed) == 9
    assert all(concern.reason and concern.todo for concern in listed)


def test_concerns_come_by_bib_and_of_one_bib_by_kind():
    young = [entry(bib, birth_year=2009) for bib in ("10", "9", "101")]
    listed = concerns(young, rule("a", consent_under=18), rule("b", born_to=2008))
    assert [(concern.bib, concern.kind) for concern in listed] == [
        (bib, kind) for bib in ("9", "10", "101") for kind in ("age", "consent")
    ]


# --- Single entries, and double ones.


def test_an_unknown_race_is_a_concern():
    listed = concerns([entry(race="5k")])
    assert subjects(listed) == [("7", "race", None, None)]
    assert reasons(listed) == ["race '5k' is not defined; the races are hm"]


def test_a_later_entry_of_a_bib_replaces_the_earlier():
    assert concerns([entry(race="5k"), entry()]) == []
    assert subjects(concerns([entry(), entry(race="5k")])) == [("7", "race", None, None)]


ONCE = rule("one-entry", "7.2", once="event")


def named(bib, family, given, **more):
    return entry(bib, family_name=family, given_name=given, **{"birth_year": 1990, **more})


@pytest.mark.parametrize(
    "second",
    [
        named("8", "Nguyễn", "Văn Đức"),
        named("8", "nguyen", "van  duc"),
        named("8", "Văn Đức", "Nguyễn"),
        named("8", "Nguyễn", "Văn Đức", race="5k"),
    ],
)
def test_the_same_name_without_accents_year_and_gender_is_a_double_entry(second):
    """The later entry is listed with the earlier one. Source: Hanoi 2024, 7.2."""
    listed = concerns([named("7", "Nguyễn", "Văn Đức"), second], ONCE, races=[race(), race("5k")], boards=[])
    doubles = [concern for concern in listed if concern.kind == "double"]
    assert subjects(doubles) == [("8", "double", "eligibility one-entry", "7.2")]
    assert doubles[0].others == ["7"]
    assert "birth year 1990, as bib 7 (hm)" in doubles[0].reason


@pytest.mark.parametrize(
    "second",
    [
        named("8", "Nguyễn", "Đức Văn"),
        named("8", "Nguyễn", "Văn Đức", birth_year=1991),
        named("8", "Nguyễn", "Văn Đức", birth_year=None),
        named("8", "Nguyễn", "Văn Đức", gender="F"),
    ],
)
def test_an_entry_that_differs_in_one_of_them_is_another_person(second):
    """Ngọc Anh and Anh Ngọc are two names; only family and given name as a whole may be swapped."""
    second = {name: value for name, value in second.items() if value is not None}
    assert concerns([named("7", "Nguyễn", "Văn Đức"), second], ONCE) == []


def test_two_entries_without_a_birth_year_may_be_one_person():
    twice = [entry(bib, family_name="Lê", given_name="An") for bib in ("7", "8")]
    (concern,) = concerns(twice, ONCE)
    assert "both without a birth year" in concern.reason


def test_entries_without_names_are_not_one_person():
    assert concerns([entry(bib, family_name="", given_name=" ") for bib in ("7", "8")], ONCE) == []


def test_one_entry_a_race_allows_an_entry_for_another_race():
    twice = [named("7", "Lê", "An"), named("8", "Lê", "An", race="5k"), named("9", "Lê", "An", race="5k")]
    listed = concerns(twice, rule(once="race"), races=[race(), race("5k")], boards=[board(), board("b", "5k")])
    assert [(concern.bib, concern.others) for concern in listed] == [("9", ["8"])]


def test_without_such_a_rule_double_entries_are_no_concern():
    assert concerns([named("7", "Lê", "An"), named("8", "Lê", "An")]) == []


def test_a_chip_named_twice_is_a_wrongfor_the_athlete_who_loses_its_reads():
    """R1.entries_added: the last entry that names a chip owns it."""
    listed = concerns([entry("9", ["C1"]), entry("7", ["C1", "C7"]), entry("8", ["C7"])])
    assert [(concern.bib, concern.kind, concern.others) for concern in listed] == [
        ("7", "chip", ["8"]),
        ("9", "chip", ["7"]),
    ]
    assert reasons(listed)[0] == "chip C7 is also on the later entry of bib 8, which gets all of its reads"


def test_a_chip_that_officials_gave_to_somebody_is_said_by_its_hours():
    shared = entered(entry("7", ["C1"]), entry("8", ["C1"]), entry("9", ["C9"]))

    def said(*facts):
        (concern,) = eligibility(
            parse_definition(definition()),
            shared,
            {"C1": [ChipAssigned(event=EVENT, **fact) for fact in facts]},
        )
        return concern.reason.removeprefix("chip C1 is also on the later entry of bib 8"), concern.todo.split(" ")[0]

    first = {"chip": "C1", "bib": "7", "until_us": at(3600)}
    hours = "; by chip_assigned its reads are for bib 7 until 06:00:00.000, otherwise bib 8"
    assert said(first) == (hours, "check")
    assert said(first, {"chip": "C1", "bib": "9"}) == (
        "; by chip_assigned its reads are for bib 9, bib 7 until 06:00:00.000",
        "check",
    )
    assert said({"chip": "C1", "bib": "unknown"}) == (", which gets all of its reads", "find")
    assert said({"chip": "C1", "bib": "8", "from_us": at(0)}) == (", which gets all of its reads", "find")
    assert said({"chip": "C1", "bib": "9", "from_us": at(0)}) == (
        "; by chip_assigned its reads are for bib 9 from 05:00:00.000, otherwise bib 8",
        "find",
    )


def test_an_entry_sent_again_is_the_last_to_name_its_chip():
    listed = concerns([entry("7", ["C1"]), entry("8", ["C1"]), entry("7", ["C1"])])
    assert [(concern.bib, concern.others) for concern in listed] == [("8", ["7"])]


def test_the_chip_of_a_replaced_entry_belongs_to_nobody():
    assert concerns([entry("7", ["C1"]), entry("8", ["C1"]), entry("7", ["C2"])]) == []


# --- Age and consent.


@pytest.mark.parametrize(("born", "right"), [(2008, True), (2009, False), (1950, True)])
def test_the_half_is_from_16_years_by_birth_year(born, right):
    """Tien Phong 2024, B.1: born 2008 or before."""
    listed = concerns([entry(birth_year=born)], rule("half-age", "B.1", races=["hm"], born_to=2008))
    assert subjects(listed) == ([] if right else [("7", "age", "eligibility half-age", "B.1")])
    assert right or reasons(listed) == ["was born in 2009; the rule is for athletes born in 2008 or before"]


def test_juniors_are_born_2005_or_later():
    """Tien Phong 2024, A.1; only of that division."""
    young = rule("juniors", "A.1", divisions=["junior", "cadet"], born_from=2005)
    entries = [entry("7", division="junior", birth_year=2004), entry("8", division="senior", birth_year=2004)]
    listed = concerns(entries, young)
    assert subjects(listed) == [("7", "age", "eligibility juniors", "A.1")]
    assert reasons(listed) == ["was born in 2004; the rule is for athletes born in 2005 or later"]


def test_both_years_are_named():
    (concern,) = concerns([entry(birth_year=1984)], rule(born_from=1985, born_to=1994))
    assert concern.reason == "was born in 1984; the rule is for athletes born in 1985 to 1994"


@pytest.mark.parametrize(
    ("born", "says"),
    [
        (2007, None),
        (2008, "was born in 2008 and is 17 or 18 on race day; athletes under 18 need a guardian's written consent"),
        (2009, "was born in 2009 and is under 18 on race day; athletes under 18 need a guardian's written consent"),
    ],
)
def test_under_18_needs_consent_and_the_year_alone_leaves_it_open_for_one_year(born, says):
    """The example race is on 4 January 2026: an athlete born in 2007 is 18, one born in 2009 at most 17."""
    listed = concerns([entry(birth_year=born)], rule("consent", "7.5", consent_under=18))
    assert subjects(listed) == ([] if says is None else [("7", "consent", "eligibility consent", "7.5")])
    assert says is None or reasons(listed) == [says]


def test_a_missing_birth_year_is_one_wrongthat_names_all_rules():
    rules = [rule("half-age", "B.1", born_to=2008), rule("consent", "B.1", consent_under=18)]
    boards = [board(), board("20s", within="men", born_from=1997), board("old", within="men", born_to=1965)]
    listed = concerns([entry()], *rules, boards=boards)
    assert subjects(listed) == [("7", "birth_year", "eligibility half-age", "B.1")]
    asking = "eligibility half-age (B.1), eligibility consent (B.1), 2 boards of hm"
    assert reasons(listed) == [f"has no birth year on the entry; it is needed by {asking}"]


def test_a_missing_birth_year_is_a_wrongif_only_boards_need_it():
    listed = concerns([entry()], boards=[board("old", born_to=1965)])
    assert subjects(listed) == [("7", "birth_year", None, None)]  # and not one of being on no board as well
    assert concerns([entry(ranked=False)], boards=[board("old", born_to=1965)]) == []


def test_a_missing_birth_year_is_no_wrongif_nothing_needs_it():
    assert concerns([entry()], rule(born_to=2008, gender="F")) == []


# --- Standards and divisions.

ELITE = rule("elite-men", "3.3", gender="M", divisions=["elite"], standard_s=5400, unless="national athletes")


@pytest.mark.parametrize(
    ("best", "says"),
    [
        (5400, None),
        (5399.5, None),
        (
            5400.5,
            "has a personal best of 1:30:00.5; the standard is 1:30:00 or faster; the exceptions are national athletes",
        ),
        (
            None,
            "has no personal best on the entry; the standard is 1:30:00 or faster; the exceptions are national"
            " athletes",
        ),
    ],
)
def test_the_elite_have_a_standard(best, says):
    """Hanoi 2024, 3.3: 1:30:00 for men."""
    more = {} if best is None else {"personal_best_s": best}
    listed = concerns([entry(division="elite", **more)], ELITE)
    assert subjects(listed) == ([] if says is None else [("7", "standard", "eligibility elite-men", "3.3")])
    assert says is None or reasons(listed) == [says]


@pytest.mark.parametrize("more", [{"division": "open"}, {"division": "elite", "gender": "F"}, {"division": "elite"}])
def test_the_standard_applies_to_nobody_else(more):
    assert concerns([entry(**more, ranked=more != {"division": "elite"})], ELITE) == []


def test_a_division_without_a_board_in_the_race_is_a_concern():
    boards = [board(), board("e", within="men", division="elite"), board("o", within="men", division="open")]
    listed = concerns([entry("7", division="elit"), entry("8"), entry("9", division="open")], boards=boards)
    assert subjects(listed) == [("7", "division", None, None), ("8", "division", None, None)]
    assert reasons(listed) == [
        "has the unknown division 'elit' on the entry; the divisions of hm are elite, open",
        "has no division on the entry; the divisions of hm are elite, open",
    ]


def test_an_athlete_on_no_board_is_a_concern():
    """A woman among the advanced seniors of a race that has none for women."""
    boards = [board("men", gender="M", division="senior"), board("mass", gender="F", division="mass")]
    listed = concerns([entry(gender="F", division="senior", birth_year=1990)], boards=boards)
    assert subjects(listed) == [("7", "no_board", None, None)]
    assert reasons(listed) == ["is on none of the 2 boards of hm: gender F, division senior, born in 1990"]


def test_walkers_and_pacers_need_no_board_and_other_athletes_do():
    listed = concerns([entry("7", ranked=False), entry("8")], boards=[])
    assert subjects(listed) == [("8", "no_board", None, None)]
    assert reasons(listed) == ["is on no board, since race hm has none"]


def test_a_missing_nationality_is_a_wrongif_boards_are_by_nation():
    boards = [board(), board("vie", within="men", nationality="VIE"), board("jpn", within="men", nationality="jpn")]
    entries = [entry("7"), entry("8", nationality="KEN"), entry("9", ranked=False)]
    listed = concerns(entries, boards=boards)
    assert subjects(listed) == [("7", "nationality", None, None)]
    assert reasons(listed) == ["has no nationality on the entry; 2 boards of hm are by nationality"]
    assert concerns([entry()], boards=[board()]) == []


# --- Waves.

WAVES = {"id": "by-best", "article": "4.5", "races": ["hm"], "order": ["A", "B", "C"]}


def in_waves(*waves_and_bests):
    """Entries by wave and personal best in seconds, bibs from 1."""
    entries = []
    for number, (wave, best) in enumerate(waves_and_bests, start=1):
        more = {} if best is None else {"personal_best_s": best}
        entries.append(entry(str(number), **more, **({} if wave is None else {"wave": wave})))
    return concerns(entries, waves=[WAVES])


def test_waves_follow_personal_bests_and_athletes_without_one_go_into_the_last():
    assert in_waves(("A", 4000), ("A", 5000), ("B", 5000), ("B", 6000), ("C", 7000), ("C", None)) == []


def test_an_athlete_in_too_fast_a_wave_is_listed_with_the_wave_that_fits():
    """Hanoi 2024, 4.5."""
    wrong = in_waves(("A", 4000), ("A", 7400), ("A", 5000), ("B", 5500), ("B", 6000), ("C", 7000), ("C", 7200))
    assert subjects(wrong) == [("2", "wave", "waves by-best", "4.5")]
    assert reasons(wrong) == [
        "starts in wave A with a personal best of 2:03:20, which compared with the others belongs to wave C"
    ]


def test_an_athlete_too_fast_for_their_wave_is_listed_too():
    wrong = in_waves(("A", 4000), ("A", 4400), ("C", 4200), ("C", 7000), ("C", 7200))
    assert [(concern.bib, concern.reason[-6:]) for concern in wrong] == [("3", "wave A")]


def test_without_a_personal_best_every_wave_but_the_last_is_a_concern():
    wrong = in_waves(("A", None), ("B", 6000))
    assert reasons(wrong) == ["starts in wave A without a personal best, so belongs to the last wave, B"]


def test_a_missing_or_unknown_wave_is_a_wrongif_there_are_waves():
    wrong = in_waves(("A", 4000), (None, 5000), ("X", 6000))
    assert reasons(wrong) == [
        "has no wave on the entry; the waves are A, B, C",
        "has the unknown wave 'X' on the entry; the waves are A, B, C",
    ]
    assert in_waves((None, 4000), (None, None)) == []


def test_pacers_may_start_in_any_wave():
    entries = [entry("1", wave="A", personal_best_s=4000), entry("2", wave="C", personal_best_s=3000, ranked=False)]
    assert concerns(entries, waves=[WAVES]) == []


def test_as_few_runners_as_possible_are_listed():
    """Compared with every way to set the limits, for random short lists."""
    rng = random.Random(5)
    for _ in range(200):
        waves = [rng.randrange(3) for _ in range(rng.randrange(7))]
        limits = waves_by_best(waves, 3)
        assert sorted(limits) == limits
        ways = (sorted(way) for way in itertools.combinations_with_replacement(range(3), len(waves)))
        fewest = min(sum(a != b for a, b in zip(way, waves, strict=True)) for way in ways)
        assert sum(a != b for a, b in zip(limits, waves, strict=True)) == fewest


# --- Teams.


def test_members_of_a_unit_over_the_limit_are_listed_in_log_order():
    """At most 5 of a unit in an event. Source: Tien Phong 2024, A.3.2."""
    unit = [entry(bib, team="Hà Nội") for bib in ("9", "8", "7", "6", "5", "4", "3")]
    others = [entry("10", team="Huế"), entry("11", team="Hà Nội", gender="F"), entry("12", team="Hà Nội", ranked=False)]
    listed = concerns(unit + others, team_boards=[{"id": "teams-men", "of": "men"}])
    assert subjects(listed) == [(bib, "team_size", "team_boards teams-men", None) for bib in ("3", "4")]
    assert reasons(listed) == [
        "is number 7 of team 'Hà Nội'; at most 5 can count on teams-men",
        "is number 6 of team 'Hà Nội'; at most 5 can count on teams-men",
    ]
    assert listed[0].others == ["9", "8", "7", "6", "5"]


FAMILY = {
    "id": "sports-family",
    "article": "5",
    "team_boards": ["families"],
    "members": [{"what": "parent", "born_to": 2005}, {"what": "child", "born_from": 2009}],
}


def families(*entries, rows=None, **more):
    plain = definition(
        boards=[board("family")],
        team_boards=[{"id": "families", "of": "family", "score": "last_time", "counting": 2, "max_members": 2}],
        compositions=[{**FAMILY, **more}],
    )
    made = parse_definition(plain)
    return eligibility(made, entered(*entries)) if rows is None else finished_apart(made, rows)


def member(bib, born, team="Gia đình 1", **more):
    return entry(bib, team=team, **({} if born is None else {"birth_year": born}), **more)


def test_a_parent_and_a_child_are_a_family():
    """Hanoi 2024, 3.1 and 5: parent and child, the child born 2009 or later."""
    assert families(member("1", 1985), member("2", 2014), member("3", 2015, "B"), member("4", 1980, "B")) == []


WHOLE = "a team must have 1 parent (born in 2005 or before), 1 child (born in 2009 or later)"


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ([member("1", 1985)], "this one lacks 1 child (born in 2009 or later)"),
        ([member("2", 2014)], "this one lacks 1 parent (born in 2005 or before)"),
        (
            [member("1", 1985), member("2", 2008)],
            "this one lacks 1 child (born in 2009 or later); it has no place for bib 2 (M, born in 2008)",
        ),
        (
            [member("1", 1985), member("2", 1986, gender="F")],
            "this one lacks 1 child (born in 2009 or later); it has no place for bib 2 (F, born in 1986)",
        ),
        (
            [member("1", 1985), member("2", None)],
            "this one lacks 1 child (born in 2009 or later); it has no place for bib 2 (M, no birth year)",
        ),
    ],
)
def test_missing_members_of_a_family_are_named(members, says):
    (listed,) = [concern for concern in families(*members) if concern.kind == "composition"]
    assert (listed.row, listed.article, listed.team) == ("compositions sports-family", "5", "Gia đình 1")
    assert (listed.bib, listed.others) == (members[0]["bib"], [member["bib"] for member in members[1:]])
    assert listed.reason == f"{WHOLE}; {says}"


def test_a_third_member_of_a_family_has_no_place():
    listed = families(member("1", 1985), member("2", 2014), member("3", 2012))
    assert [(concern.kind, concern.bib) for concern in listed] == [("composition", "1"), ("team_size", "3")]
    assert listed[0].reason == f"{WHOLE}; it has no place for bib 3 (M, born in 2012)"


def test_an_athlete_without_a_team_is_a_wrongif_teams_are_required():
    alone = member("1", 1985, "")
    assert reasons(families(alone, required=True)) == ["is in no team; everybody on this board must be in one"]
    assert families(alone) == []


def test_overlapping_roles_are_filled_as_well_as_possible():
    """The woman born in 1990 fits both roles, but both are filled only if she takes the woman's."""
    roles = [Role(what="adult", born_to=2005), Role(what="woman", gender="F")]
    either, adult, child = entered(
        entry("1", gender="F", birth_year=1990), entry("2", birth_year=1980), entry("3", birth_year=2012)
    )
    assert match_roles(roles, [either, adult]) == {1: 0, 0: 1}
    assert match_roles(roles, [adult, either]) == {0: 0, 1: 1}
    assert match_roles(roles, [child, adult]) == {0: 1}


def came(bib, after_s, team_name="A"):
    crossed = PointTime("FINISH", START_US + round(after_s * US), "official")
    return msgspec.structs.replace(result(bib, after_s, team=team_name), points=[crossed])


def test_a_family_finishes_together():
    """Hanoi 2024, 3.1."""
    rows = [came("1", 900), came("2", 905), came("3", 900, "B"), came("4", 905.001, "B"), came("5", 900, "C")]
    listed = families(rows=rows, together_s=5)
    assert subjects(listed) == [("3", "apart", "compositions sports-family", "5")]
    assert reasons(listed) == ["finished 0:00:05.001 apart; the members must finish within 5 s"]
    assert families(rows=rows) == []


def test_a_family_with_one_finisher_has_no_distance_between_finishes():
    rows = [came("1", 900), *team("A", ("2", None, "DNF"))]
    assert families(rows=rows, together_s=5) == []


# --- Declarations, and entries from results.


def test_declarations_are_asked_of_everybody_to_whom_the_rule_applies():
    rules = [
        rule("teams", "B.2", divisions=["mass"], attest="ran for no provincial team in 2023"),
        rule("elite", "3.3", divisions=["elite"], attest="is invited"),
        rule("age", "B.1", born_to=2008),
    ]
    entries = entered(*(entry(bib, division="mass") for bib in ("10", "9")), entry("8", division="open"))
    (concern,) = attestations(parse_definition(definition(eligibility=rules)), entries)
    assert (concern.row, concern.article, concern.bibs) == ("eligibility teams", "B.2", ["9", "10"])
    assert concern.text == "ran for no provincial team in 2023"


def test_entries_of_results_are_in_the_order_of_the_log():
    rows = [result("7", AT_FINISH, first_entry=2), result("8", AT_FINISH, first_entry=1)]
    gone = msgspec.structs.replace(result("9", AT_FINISH), gone=True)
    assert [added.bib for added in entries_of([*rows, gone])] == ["8", "7"]


# --- What was probably mistyped.


def test_an_entry_without_a_chip_is_a_concern_unless_a_chip_was_assigned():
    listed = concerns([entry("7", chips=[]), entry("8"), entry("9", chips=[], ranked=False)])
    assert subjects(listed) == [("7", "no_chip", None, None)]
    [listed] = concerns([entry(bib, chips=[]) for bib in ("7", "8")])
    assert (listed.bib, listed.reason) == ("7", "none of the 2 ranked athletes of hm has a chip")
    assigned = {"C7": [ChipAssigned(event=EVENT, chip="C7", bib="7")]}
    assert eligibility(parse_definition(definition()), entered(entry("7", chips=[])), assigned) == []


def test_bibs_and_chips_that_differ_by_leading_zeros_only_are_concerns():
    [listed] = concerns([entry("7"), entry("007", chips=["C8"])])
    assert (listed.bib, listed.kind, listed.others) == ("007", "bibs_alike", ["7"])
    assert listed.reason == "bib 007 differs from bib 7 by leading zeros only"
    [listed] = concerns([entry("7", chips=["58"]), entry("8", chips=["0058"])])
    assert (listed.bib, listed.kind, listed.others) == ("8", "chips_alike", ["7"])
    assert listed.reason == "chips 58, 0058 of bibs 7, 8 differ by leading zeros only"


def test_both_codes_of_one_athlete_and_codes_of_zeros_alone_are_no_concern():
    assert concerns([entry("7", chips=["58", "0058"]), entry("0", chips=["0"]), entry("70"), entry("700")]) == []


@pytest.mark.parametrize(("year", "known"), [(1909, False), (1910, True), (2026, True), (2027, False)])
def test_a_birth_year_in_the_future_or_long_ago_is_a_concern(year, known):
    listed = concerns([entry("7", birth_year=year)])
    assert subjects(listed) == ([] if known else [("7", "unlikely_year", None, None)])
    assert all(str(year) in reason for reason in reasons(listed))
