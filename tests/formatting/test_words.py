"""Places and lists as text."""

import pytest

from services.formatting.words import join_words, place_text


def test_a_shared_place_is_marked():
    assert (place_text(3, tied=True), place_text(3, tied=False)) == ("=3", "3")


@pytest.mark.parametrize(
    ("words", "text"), [(["5K"], "5K"), (["5K", "10K"], "5K and 10K"), (["5K", "10K", "15K"], "5K, 10K and 15K")]
)
def test_words_are_joined_as_a_sentence_lists_them(words, text):
    assert join_words(words) == text
