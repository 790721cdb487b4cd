"""Times as people write them, and instants in the wrong unit."""

from datetime import UTC, datetime
from typing import Any

import pytest

from schemas.definition_parse import parse_definition
from services.fact_effects.fact_times import check_instants, with_instants
from tests import builders

GUN = {"type": "gun_fired", "event": builders.EVENT, "race": "hm"}
ORIGIN = datetime(1970, 1, 1, tzinfo=UTC)


def defined(timezone="Asia/Ho_Chi_Minh", *starts):
    races = [builders.race(f"r{n}", start=start) for n, start in enumerate(starts or ("2026-01-04T05:00:00",))]
    boards = [{"id": "all", "race": "r0"}]
    return parse_definition(
        builders.definition(timezone=timezone, races=races, boards=boards, date=races[0]["start"][:10])
    )


def utc(text: str) -> int:
    """The microseconds of an instant in UTC."""
    return round((datetime.fromisoformat(f"{text}+00:00") - ORIGIN).total_seconds() * 1_000_000)


def gun_at(text: Any, definition) -> int:
    return with_instants({**GUN, "at": text}, definition)["at_us"]


def why(fact: dict[str, Any], definition=None) -> str:
    """The reason for which a fact's times are refused."""
    with pytest.raises(ValueError) as refused:
        check_instants(with_instants(fact, definition), definition)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("05:35:00.25", "2026-01-03 22:35:00.250000"),
        ("5:35", "2026-01-03 22:35:00"),
        ("05:35:00,000001", "2026-01-03 22:35:00.000001"),
        ("04:00:00", "2026-01-03 21:00:00"),
        ("03:59:59.999999", "2026-01-04 20:59:59.999999"),
        ("+1 05:35:00", "2026-01-04 22:35:00"),
        ("+1 03:00:00", "2026-01-05 20:00:00"),
        ("+0 23:00:00", "2026-01-04 16:00:00"),
        (" 00:10:00 ", "2026-01-04 17:10:00"),
        ("2026-01-04T05:35:00.25+07:00", "2026-01-03 22:35:00.250000"),
        ("2026-01-03T22:35:00Z", "2026-01-03 22:35:00"),
        ("2026-01-03 22:35+0000", "2026-01-03 22:35:00"),
    ],
)
def test_a_time_of_day_is_the_first_from_an_hour_before_the_start_on(text, instant):
    assert gun_at(text, defined()) == utc(instant)


def test_the_earliest_of_several_starts_decides():
    assert gun_at("03:30:00", defined("Asia/Ho_Chi_Minh", "2026-01-04T05:00:00", "2026-01-04T04:15:00")) == utc(
        "2026-01-03 20:30:00"
    )


def test_the_other_fields_stay_and_each_time_goes_into_its_field():
    plain = {"type": "device_assigned", "event": "e", "device": "K1", "mat": "10k", "from": "05:00:00", "until": None}
    assert with_instants(plain, defined()) == {
        "type": "device_assigned",
        "event": "e",
        "device": "K1",
        "mat": "10k",
        "from_us": utc("2026-01-03 22:00:00"),
        "until_us": None,
    }
    untouched = {**GUN, "at_us": 5}
    assert with_instants(untouched, None) is untouched


# --- Changes of the clocks. In Berlin they go forward at 02:00 on 29 March 2026, and back at 03:00 on 25 October.


def test_a_time_that_the_clocks_skip_is_refused():
    spring = defined("Europe/Berlin", "2026-03-29T01:30:00")
    assert "2026-03-29 clocks in Europe/Berlin went forward" in why({**GUN, "at": "02:30:00"}, spring)
    assert gun_at("03:00:00", spring) == utc("2026-03-29 01:00:00")
    assert gun_at("+1 02:30:00", spring) == utc("2026-03-30 00:30:00")


def test_a_time_that_the_clocks_skip_a_day_later_is_refused():
    assert "went forward" in why({**GUN, "at": "+1 02:30"}, defined("Europe/Berlin", "2026-03-28T01:30:00"))


def test_of_a_time_that_occurs_twice_the_first_from_an_hour_before_the_start_on_is_taken():
    assert gun_at("02:30:00", defined("Europe/Berlin", "2026-10-25T01:30:00")) == utc("2026-10-25 00:30:00")
    late = defined("Europe/Berlin", "2026-10-25T03:00:00")  # an hour before it is the second 02:00
    assert gun_at("02:30:00", late) == utc("2026-10-25 01:30:00")
    assert gun_at("+1 02:30:00", defined("Europe/Berlin", "2026-10-24T01:30:00")) == utc("2026-10-25 00:30:00")


# --- Refusals say what to write.


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ({**GUN, "at": "05:35:00", "at_us": 1}, "send only one of the two"),
        ({**GUN, "at": "24:00:00"}, "'24:00:00', which is no time; write a local time of day such as '05:35:00.25'"),
        ({**GUN, "at": "half past five"}, "which is no time"),
        ({**GUN, "at": "2026-13-04T05:35:00Z"}, "which is no time: month must be in 1..12"),
        ({**GUN, "at": "2026-01-04T05:35:00"}, "has no zone; write it with one, such as '2026-01-04T05:35:00+07:00'"),
        ({**GUN, "at": "0001-01-01T00:00:00+14:00"}, "not in the years 2000 to 2100"),
        ({**GUN, "at": 1767479700}, "`at` is 1767479700, not a text"),
        ({**GUN, "from": "05:35:00"}, "gun_fired has no `from`; it takes `at`"),
        ({"type": "entry_hidden", "event": "e", "bib": "7", "hidden": True, "at": "05:00"}, "it takes no time"),
        ({**GUN, "at_us": "05:35:00"}, "a time as text goes into `at`"),
    ],
)
def test_a_time_that_cannot_be_meant_is_refused_with_what_to_write(fact, said):
    assert said in why(fact, defined())


def test_without_a_definition_a_time_of_day_is_refused_and_an_instant_taken():
    assert "send the definition first, or write the instant with its zone" in why({**GUN, "at": "05:35:00"})
    assert gun_at("2026-01-04T05:35:00+07:00", None) == utc("2026-01-03 22:35:00")


# --- Units.


@pytest.mark.parametrize(
    ("value", "unit"),
    [
        (1_767_477_600, "seconds"),
        (1_767_477_600.0, "seconds"),
        (1_767_477_600_000, "milliseconds"),
        (1_767_477_600_000_000_000, "nanoseconds"),
    ],
)
@pytest.mark.parametrize("field", ["at_us", "from_us", "until_us"])
def test_an_instant_in_another_unit_is_refused_with_the_microseconds_and_the_local_time(value, unit, field):
    reason = why({"type": "status_set", field: value}, defined())
    assert f"looks like {unit}" in reason
    assert "1767477600000000 (2026-01-04T05:00:00+07:00)" in reason


@pytest.mark.parametrize("value", [0, -1, 5, 946_684_799_999_999, 4_133_980_800_000_000])
def test_an_instant_outside_the_years_2000_to_2100_is_refused(value):
    assert "from the years 2000 to 2100" in why({**GUN, "at_us": value})


@pytest.mark.parametrize("value", [946_684_800_000_000, 4_133_980_799_999_999, None])
def test_an_instant_of_the_years_2000_to_2100_is_taken(value):
    check_instants({**GUN, "at_us": value}, None)


@pytest.mark.parametrize(
    "fact",
    [
        {"type": "read_excluded", "at_us": 5},
        {"type": "clock_corrected", "from_us": 5, "until_us": 1_767_477_600},
        {"type": "notice_received", "at_us": 5},
    ],
)
def test_a_devices_own_time_may_be_any(fact):
    check_instants(fact, None)


def test_the_assignment_of_a_device_is_no_device_time():
    assert "looks like seconds" in why({"type": "device_assigned", "from_us": 1_767_477_600})
