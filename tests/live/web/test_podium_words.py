"""Whether a place can still change, in words."""

import pytest

from services.live.web.podium_words import podium_words

EVENT = {"timezone": "Asia/Ho_Chi_Minh"}
RIVALS = [
    {"bib": "12", "name": "Trần An", "until": "2026-01-04T09:41:10+07:00"},
    {"bib": "15", "name": "Lê Bình", "until": None},
    {"bib": "17", "name": "Vũ Chi", "until": None},
]


def place(**changed):
    return {"place": 1, "bib": "7", "decided": False, "rivals": [], "rivals_left_out": 0, **changed}


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (place(decided=True), "Place 1 decided"),
        (place(), "May still change"),
        (
            place(rivals=RIVALS, rivals_left_out=3),
            "Trần An (until 9:41:10) and 5 more can still take this place",
        ),
    ],
)
def test_a_place_says_who_can_take_it_and_until_when(entry, words):
    assert podium_words("7", [entry], "live", EVENT, "en") == words


def test_other_places_and_official_results_say_nothing():
    assert podium_words("8", [place(decided=True)], "live", EVENT, "en") is None
    assert podium_words("7", [place(decided=True)], "official", EVENT, "en") is None
