"""How HTTP answers a request whose facts or definition are refused, whether it writes or previews them. Pure."""

from typing import Any, NamedTuple

from schemas.definition_faults import DefinitionRefused
from schemas.ids import NAME_CHARS, REASON_CHARS
from services.fact_effects.sent_facts import FACTS_MAX, MalformedFacts, WrongNumber

FACTS_REFUSED = (MalformedFacts, WrongNumber, DefinitionRefused)
"""What `facts_from_body` raises."""


class RequestProblem(NamedTuple):
    """An HTTP status, a short title, a text that says what to do, and members for programs."""

    status: int
    title: str
    detail: str
    members: dict[str, Any]


def problem_of(error: MalformedFacts | WrongNumber | DefinitionRefused) -> RequestProblem:
    """Return the answer to a request that is refused for an error."""
    match error:
        case MalformedFacts():
            members = {"faults": error.faults} if error.faults else {}
            return RequestProblem(400, "Malformed facts", str(error), members)
        case WrongNumber():
            status = 413 if error.count else 400
            return RequestProblem(status, "Wrong number of facts", str(error), {"limit": FACTS_MAX})
        case DefinitionRefused():
            listed = [
                {"path": fault.path[:NAME_CHARS], "reason": fault.reason[:REASON_CHARS]} for fault in error.faults
            ]
            text = "; ".join(
                f"the definition {fault['reason']}" if fault["path"] == "$" else f"{fault['path']}: {fault['reason']}"
                for fault in listed
            )
            return RequestProblem(422, "Definition refused", text, {"faults": listed})
