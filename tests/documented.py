"""Answers against the OpenAPI document that a service gives of itself: no field may be there that is not described."""

import re
from typing import Any

import msgspec
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

URI = "urn:document"


class Documented:
    """A document, whose objects are closed: what it leaves open for later releases is refused here."""

    def __init__(self, document: dict[str, Any]) -> None:
        # By an absolute name the schemas are found without a search of the whole document for each answer.
        named = msgspec.json.encode(document).replace(b'"#/components/', f'"{URI}#/components/'.encode())
        self.document: dict[str, Any] = msgspec.json.decode(named)
        for schema in self.document["components"]["schemas"].values():
            if "properties" in schema:
                schema["additionalProperties"] = False
        self._registry: Registry[Any] = Registry().with_resource(URI, DRAFT202012.create_resource(self.document))
        self.checked: set[tuple[str, str, int]] = set()

    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Every operation by method and path."""
        return {
            (method.upper(), path): operation
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def check(self, method: str, path: str, status: int, headers: Any, body: bytes) -> None:
        """Assert that an answer is described: its status, its media type, its headers, and all of its body."""
        answer = self.document["paths"][path][method.lower()]["responses"].get(str(status))
        assert answer is not None, f"{method} {path} answers {status}, which is not described: {body[:300]!r}"
        for name in answer.get("headers", {}):
            assert name in headers or name in ("Link", "Retry-After"), f"{method} {path} {status} lacks {name}"
        self.checked.add((method, path, status))
        if "content" not in answer:
            assert not body
            return
        media = headers["Content-Type"].partition(";")[0]
        assert media in answer["content"], f"{method} {path} {status} is {media}, described {list(answer['content'])}"
        if media.endswith("json"):
            self.validate(answer["content"][media]["schema"], msgspec.json.decode(body))

    def validate(self, schema: dict[str, Any], value: Any) -> None:
        """Assert that a value fits a schema of the document."""
        validator = Draft202012Validator(schema, registry=self._registry)
        faults = [_said(fault) for fault in validator.iter_errors(value)]
        assert not faults, faults[:5]

    def template(self, path: str) -> str:
        """The path of the document that an address has; of several the one with the fewest variables."""
        fits = [known for known in self.document["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path)]
        return min(fits, key=lambda known: (known.count("{"), -len(known)))


def _said(fault: Any) -> str:
    """A fault with the place where it is; of several forms the nearest."""
    while fault.context:
        fault = max(fault.context, key=lambda inner: len(inner.absolute_path))
    return f"{fault.json_path}: {fault.message[:300]}"
