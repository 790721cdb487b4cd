"""Names of an event's races, boards and points in the language that is asked for. Source: R2.10."""

from schemas.results import EventRow
from services.standings.event_index import event_index, in_asked_language, point_name, title
from tests.builders import EVENT, board, course, definition, race

BOTH = {"vi": "Nam", "en": "Men"}


def index(**more):
    made = event_index(EventRow(event=EVENT, version=0, definition=definition(**more)))
    assert made is not None
    return made


NAMED = index(
    name={"en": "Half", "vi": "Bán"},
    races=[race(name={"fr": "Semi"}, points=course(K10={"name": {"de": "Zehn"}}))],
    boards=[board("men", name=BOTH), board("plain")],
    team_boards=[{"id": "teams", "of": "men", "name": {"ja": "a"}}],
    delegations=[{"id": "all", "sum": ["teams"], "name": {"ko": "b"}}],
)


def test_the_languages_of_an_event_are_those_of_all_its_names_the_events_own_first():
    assert NAMED.languages == ("en", "vi", "fr", "ja", "ko", "de")
    assert index().languages == ()


def test_a_language_that_the_event_has_is_taken_and_another_is_not():
    assert in_asked_language(NAMED, "VI").language == "vi"
    assert in_asked_language(NAMED, "en-GB").language == "en"
    assert in_asked_language(NAMED, "pl").language is None
    assert in_asked_language(NAMED, None) is NAMED
    assert in_asked_language(in_asked_language(NAMED, "vi"), None) == NAMED


def test_boards_and_points_are_shown_by_name_or_by_id():
    men, plain = NAMED.boards["men"], NAMED.boards["plain"]
    assert [title(men), title(men, "en"), title(men, "fr"), title(plain, "en")] == ["Nam", "Men", "Nam", "plain"]
    start, at_10k, _ = NAMED.races["hm"].points
    assert [point_name(start, "de"), point_name(at_10k), point_name(at_10k, "vi")] == ["START", "Zehn", "Zehn"]
