"""Why an official publication is void, in words."""

from typing import Any, get_args, get_type_hints

from services.live.web.void_words import void_words
from services.live.web.words import WORDS
from services.standings.publication import Ground

GROUNDS: list[dict[str, Any]] = [
    {"reason": "protest_window", "board": "men", "until_us": 1},
    {"reason": "protest_window", "board": "women", "until_us": 2},
    {"reason": "open_case", "case": "missed:7"},
    {"reason": "open_case", "case": "missed:8"},
    {"reason": "open_protest", "protest": "p1"},
]


def test_each_reason_is_said_once_in_the_language_of_the_page():
    assert void_words(GROUNDS, "en") == (
        "The official publication is void: the protest window was not over; open cases: 2; open protests: 1."
    )
    assert void_words(GROUNDS, "vi") == (
        "Công bố chính thức không có hiệu lực: chưa hết thời gian khiếu nại; còn 2 vụ đang xét; còn 1 khiếu nại."
    )


def test_without_a_reason_there_is_nothing_to_say():
    assert void_words([], "en") is None


def test_every_reason_has_its_words():
    reasons = get_args(get_type_hints(Ground)["reason"])
    assert {f"void_{reason}" for reason in reasons} <= WORDS["en"].keys()
