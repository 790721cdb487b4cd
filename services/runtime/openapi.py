"""The OpenAPI document of an HTTP service, made from its operations. Source: OpenAPI 3.1.1."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from services.runtime.build import release
from services.runtime.operations import JSON, PROBLEM, Answer, Content, Operation, Parameter
from services.runtime.problem import Problem

OPENAPI = "3.1.1"
SCHEMA = "#/components/schemas/{name}"

HEADERS: dict[str, tuple[dict[str, Any], str]] = {
    "ETag": (
        {"type": "string"},
        "A strong validator: send it as `If-None-Match`, and get 304 until something changed.",
    ),
    "X-Revision": ({"type": "integer"}, "The revision that the answer is of."),
    "X-Total-Count": ({"type": "integer"}, "How many rows there are in all."),
    "X-State": ({"type": "string"}, "The state of the results."),
    "X-SHA256": ({"type": "string"}, "The SHA-256 of the body, in hexadecimal."),
    "Link": ({"type": "string"}, 'The next page, as `rel="next"`; without one there is none.'),
    "Content-Disposition": ({"type": "string"}, "The name under which to keep the file."),
    "Retry-After": ({"type": "integer"}, "Seconds to wait before the same request is sent again."),
    "WWW-Authenticate": ({"type": "string"}, "The scheme of the tokens."),
    "Allow": ({"type": "string"}, "The methods that this path takes."),
}
"""The headers of answers, by name: the schema and the meaning."""

PROBLEM_HEADERS = {401: ("WWW-Authenticate",), 405: ("Allow",), 429: ("Retry-After",)}

BEARER = {"type": "http", "scheme": "bearer", "description": "A token made by `matline token add`."}


_FOREIGN = {JSON: {"type": "object"}}
"""The schemas of bodies whose types are not ours, by media type."""


class Service(Struct, frozen=True, kw_only=True):
    """What the head of a document says of a service.

    `subjects` are the groups of its operations with a description each. `key`: whether a token may also stand in the
    query. `everywhere` are the errors that any request may get, by status.
    """

    title: str
    says: str
    subjects: Mapping[str, str]
    key: bool
    everywhere: Mapping[int, str]


class _Schemas(NamedTuple):
    """The schemas of all types that a document uses."""

    kinds: Sequence[Any]
    schemas: Sequence[dict[str, Any]]

    def of(self, kind: Any) -> dict[str, Any]:
        """Return the schema of a type, or a reference to it."""
        return self.schemas[next(index for index, known in enumerate(self.kinds) if known is kind or known == kind)]

    def any_of(self, kinds: Sequence[Any]) -> dict[str, Any]:
        """Return the schema of a value of one of these types."""
        schemas = [self.of(kind) for kind in kinds]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def document(service: Service, operations: Sequence[Operation]) -> dict[str, Any]:
    """Return the document as plain objects."""
    kinds = [Problem, *_kinds(operations)]
    schemas, components = msgspec.json.schema_components(kinds, ref_template=SCHEMA)
    known = _Schemas(kinds, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        method = operation.method.lower()
        paths.setdefault(operation.path, {})[method] = _operation(service, operation, known)
        for suffix, content in operation.suffixes.items():
            paths.setdefault(operation.path + suffix, {})[method] = _suffixed(
                service, operation, suffix, content, known
            )
    for component in components.values():
        component["description"] = " ".join(component.get("description", "").split())
    return {
        "openapi": OPENAPI,
        "info": {
            "title": service.title,
            "version": release(),
            "description": service.says,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": name, "description": says} for name, says in service.subjects.items()],
        "paths": paths,
        "components": {
            "schemas": components,
            "headers": {name: {"description": says, "schema": schema} for name, (schema, says) in HEADERS.items()},
            "securitySchemes": _security_schemes(service),
        },
    }


def _kinds(operations: Iterable[Operation]) -> list[Any]:
    """Return every type that operations use, in the order in which they name them."""
    kinds: list[Any] = []
    for operation in operations:
        kinds += [parameter.kind for parameter in operation.parameters]
        contents = [*operation.body, *operation.suffixes.values()]
        for answer in operation.answers:
            contents += answer.contents
        for content in contents:
            kinds += content.kinds
        for data in operation.events.values():
            kinds += data
    return kinds


def _operation(service: Service, operation: Operation, known: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.subject],
        "summary": operation.title,
        "security": _security(service, operation),
        "responses": {
            **{str(answer.status): _answer(answer, known) for answer in operation.answers},
            **_problems(service, operation, known),
        },
    }
    if operation.says:
        described["description"] = operation.says
    if operation.parameters:
        described["parameters"] = [_parameter(parameter, known) for parameter in operation.parameters]
    if operation.body:
        described["requestBody"] = {"required": True, "content": _contents(operation.body, known)}
    if operation.events:
        described["x-events"] = {name: known.any_of(kinds) for name, kinds in operation.events.items()}
    return described


def _suffixed(service: Service, operation: Operation, suffix: str, content: Content, known: _Schemas) -> dict[str, Any]:
    """Return the operation at the path with a suffix: the same with another body."""
    first, *others = operation.answers
    answer = msgspec.structs.replace(first, says=content.says, contents=(content,))
    name = operation.name + suffix.removeprefix(".").capitalize()
    title = f"{operation.title}, as {suffix}"
    return _operation(
        service, msgspec.structs.replace(operation, name=name, title=title, answers=(answer, *others)), known
    )


def _parameter(parameter: Parameter, known: _Schemas) -> dict[str, Any]:
    described = {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.required or parameter.where == "path",
        "description": parameter.says,
        "schema": known.of(parameter.kind),
    }
    return described if parameter.example is None else {**described, "example": parameter.example}


def _answer(answer: Answer, known: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.says}
    if answer.headers:
        described["headers"] = _header_references(answer.headers)
    if answer.contents:
        described["content"] = _contents(answer.contents, known)
    return described


def _contents(contents: Iterable[Content], known: _Schemas) -> dict[str, Any]:
    described = {}
    for content in contents:
        schema = known.any_of(content.kinds) if content.kinds else _FOREIGN.get(content.media, {"type": "string"})
        described[content.media] = {"schema": {"description": content.says, **schema} if content.says else schema}
    return described


def _problems(service: Service, operation: Operation, known: _Schemas) -> dict[str, Any]:
    content = {PROBLEM: {"schema": known.of(Problem)}}
    described = {}
    for status, says in sorted({**service.everywhere, **operation.problems}.items()):
        described[str(status)] = {"description": says, "content": content}
        if headers := PROBLEM_HEADERS.get(status):
            described[str(status)]["headers"] = _header_references(headers)
    return described


def _header_references(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _security_schemes(service: Service) -> dict[str, Any]:
    if not service.key:
        return {"bearer": BEARER}
    key = {"type": "apiKey", "in": "query", "name": "key", "description": "A reader's token, for what sets no header."}
    return {"bearer": BEARER, "key": key}


def _security(service: Service, operation: Operation) -> list[dict[str, list[str]]]:
    """Return what a request has to show; an empty object stands for nothing, as while there is no token file."""
    if operation.access == "anybody":
        return []
    takes_key = service.key and operation.access == "viewer"
    return [{}, {"bearer": []}, {"key": []}] if takes_key else [{}, {"bearer": []}]
