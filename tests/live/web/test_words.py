"""The words of the pages: both languages have the same, and a page's language is the reader's."""

import re
from typing import get_args

import pytest

from services.health.health_document import FindingKind
from services.live.http.query import STATUSES
from services.live.web.words import WORDS, date_in_words, pick_language, point_label, words_script
from services.standings.result_flags import CASE, SHOWN
from services.watch.alerts import RULES


def test_both_languages_have_the_same_words_with_the_same_blanks():
    def blanks(text: str) -> list[str]:
        return sorted(re.findall(r"{\w+}", text))

    english, vietnamese = WORDS["en"], WORDS["vi"]
    assert english.keys() == vietnamese.keys()
    assert [name for name in english if blanks(english[name]) != blanks(vietnamese[name])] == []


def test_every_alert_and_every_finding_has_its_words():
    wanted = {f"alert_{name}" for name in RULES} | {f"finding_{kind}" for kind in get_args(FindingKind)}
    assert wanted <= WORDS["en"].keys()


def test_every_status_and_every_public_flag_has_its_words():
    wanted = {*STATUSES} | {f"{kind}_{flag}" for kind in ("flag", "means") for flag in (CASE, *SHOWN)}
    assert wanted <= WORDS["en"].keys()


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "language"),
    [
        ("vi", "en", "en", "vi"),
        ("", "vi", "en-GB,en;q=0.9", "vi"),
        ("", None, "de-DE,vi;q=0.4,en;q=0.8", "en"),
        ("", None, "vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("", None, "fr, en;q=0, vi;q=0.1", "vi"),
        ("", "xx", "*;q=nothing", "en"),
    ],
)
def test_the_language_is_the_one_asked_for_then_the_kept_one_then_the_browsers(asked, kept, accepted, language):
    assert pick_language(asked, kept, accepted) == language


def test_a_date_is_in_the_words_of_the_language():
    assert date_in_words("2026-11-29", "en") == "Sunday, November 29, 2026"
    assert date_in_words("2026-11-29", "vi").lower() == "chủ nhật, 29 tháng 11, 2026"


def test_start_and_finish_have_words_unless_the_definition_names_them():
    names = ["START", "10K", "FINISH", "Stadium"]
    assert [point_label(name, WORDS["vi"]) for name in names] == ["Xuất phát", "10K", "Về đích", "Stadium"]


def test_scripts_get_the_words_as_a_module():
    assert words_script().startswith(b'export const WORDS = {"en":{')
