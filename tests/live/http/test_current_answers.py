"""Which answers are at hand, without a server."""

from aiohttp.test_utils import make_mocked_request

from services.live.http.answers import NOW, ReadyAnswer, answer
from services.live.http.current_answers import CURRENT_BYTES_MAX, CURRENT_MAX, CurrentAnswers


def ready(size: int = 10) -> ReadyAnswer:
    return ReadyAnswer(answer(b"x" * size, "text/plain", 1), NOW)


def request(path: str = "/a", coding: str = ""):
    return make_mocked_request("GET", path, headers={"Accept-Encoding": coding})


def test_an_answer_is_for_one_address_and_coding():
    current = CurrentAnswers()
    made = ready()
    assert current.of(request(), 1) is None
    current.keep(request(), 1, made)
    assert current.of(request(), 1) is made
    assert current.of(request(coding="identity"), 1) is made
    assert current.of(request(coding="br"), 1) is None
    assert current.of(request("/a?limit=1"), 1) is None


def test_all_answers_end_with_the_state_that_they_are_of():
    current = CurrentAnswers()
    current.of(request(), 1)
    current.keep(request(), 1, ready())
    assert current.of(request(), 2) is None
    assert current.of(request(), 1) is None
    current.keep(request(), 2, ready())  # made before the state changed to 1
    assert current.of(request(), 1) is None


def test_there_are_never_too_many_nor_too_large_ones():
    current = CurrentAnswers()
    current.of(request(), 1)
    for number in range(CURRENT_MAX):
        current.keep(request(f"/{number}"), 1, ready())
    assert current.of(request("/0"), 1) is not None
    current.keep(request("/last"), 1, ready())
    assert current.of(request("/0"), 1) is None
    assert current.of(request("/last"), 1) is not None
    current.keep(request("/large"), 1, ready(CURRENT_BYTES_MAX - 5))
    assert current.of(request("/last"), 1) is None
    assert current.of(request("/large"), 1) is not None
