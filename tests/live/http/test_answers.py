"""The headers that every answer of live has."""

from services.live.http import operations
from services.live.http.answers import json_answer
from services.runtime.operations import Operation


def test_pages_of_other_sites_may_read_every_header_that_an_answer_is_described_with():
    described = {
        header
        for operation in vars(operations).values()
        if isinstance(operation, Operation)
        for answer in operation.answers
        for header in answer.headers
    }
    assert {"X-State", "X-SHA256", "Content-Disposition"} <= described
    exposed = json_answer({}, 1).headers["Access-Control-Expose-Headers"].split(", ")
    assert described <= set(exposed)
