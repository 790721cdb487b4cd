"""The answers to requests whose facts or definition are refused."""

import pytest

from schemas.definition_faults import DefinitionRefused, Fault
from schemas.ids import REASON_CHARS
from services.fact_effects.request_problem import FACTS_REFUSED, problem_of
from services.fact_effects.sent_facts import FACTS_MAX, MalformedFacts, WrongNumber, facts_from_body
from tests.builders import EVENT


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (MalformedFacts("it is empty"), (400, "Malformed facts", "it is empty", {})),
        (
            MalformedFacts("fact 0: `bib` is missing", [{"index": 0, "reason": "`bib` is missing"}]),
            (
                400,
                "Malformed facts",
                "fact 0: `bib` is missing",
                {"faults": [{"index": 0, "reason": "`bib` is missing"}]},
            ),
        ),
        (WrongNumber(0), (400, "Wrong number of facts", "this request has 0 facts; send 1 to 1000", {"limit": 1000})),
        (
            WrongNumber(1001),
            (413, "Wrong number of facts", "this request has 1001 facts; send 1 to 1000", {"limit": 1000}),
        ),
        (
            DefinitionRefused([Fault("$", "is not an object"), Fault("races[0].id", "is missing")]),
            (
                422,
                "Definition refused",
                "the definition is not an object; races[0].id: is missing",
                {
                    "faults": [
                        {"path": "$", "reason": "is not an object"},
                        {"path": "races[0].id", "reason": "is missing"},
                    ]
                },
            ),
        ),
    ],
)
def test_a_refusal_says_what_is_wrong_to_people_and_to_programs(error, answer):
    assert problem_of(error) == answer


def test_what_a_definition_holds_is_quoted_no_longer_than_a_reason_may_be():
    _, _, detail, members = problem_of(DefinitionRefused([Fault("name", "x" * (REASON_CHARS + 1))]))
    assert members == {"faults": [{"path": "name", "reason": "x" * REASON_CHARS}]}
    assert detail == f"name: {'x' * REASON_CHARS}"


@pytest.mark.parametrize("body", [b"", b"[" + b"{}," * FACTS_MAX + b"{}]", b"[]", b"[{}]"])
def test_a_body_is_refused_by_an_error_that_has_an_answer(body):
    with pytest.raises(FACTS_REFUSED) as refused:
        facts_from_body(body, EVENT, None)
    assert isinstance(refused.value, FACTS_REFUSED)
    assert 400 <= problem_of(refused.value).status < 500
