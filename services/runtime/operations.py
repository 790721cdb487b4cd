"""The operations of an HTTP service, each declared once: its route and its description come from the same value.

`services.runtime.openapi` makes the OpenAPI document of them. The types of bodies and parameters are such as msgspec
knows; the docstring and the `Meta` of a type are what readers of the document see.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import web
from msgspec import Struct

JSON = "application/json"
PROBLEM = "application/problem+json"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Method = Literal["GET", "POST", "PUT"]
Access = Literal["anybody", "viewer", "gateway", "official"]


class Parameter(Struct, frozen=True):
    """A parameter of a request; those in the path are always required."""

    name: str
    where: Literal["path", "query", "header"]
    kind: Any
    says: str
    required: bool = False
    example: Any = None


class Content(Struct, frozen=True):
    """A body of one media type. It is of one of the `kinds`; with none it is text or bytes of another format."""

    media: str
    says: str
    kinds: tuple[Any, ...] = ()


class Answer(Struct, frozen=True, kw_only=True):
    """The answer of an operation that succeeds: its bodies and the names of its headers (`openapi.HEADERS`)."""

    says: str
    contents: tuple[Content, ...] = ()
    headers: tuple[str, ...] = ()
    status: int = 200


class Operation(Struct, frozen=True, kw_only=True):
    """What a route takes and answers.

    `problems` says for each status of an error when it comes. `suffixes` are endings that the last part of the path
    takes too, each with the body that is answered then. `events` are those of a stream, by name, each with the kinds of
    its data.
    """

    method: Method
    path: str
    name: str
    subject: str
    title: str
    says: str = ""
    access: Access = "viewer"
    parameters: tuple[Parameter, ...] = ()
    body: tuple[Content, ...] = ()
    answers: tuple[Answer, ...]
    problems: Mapping[int, str] = {}
    suffixes: Mapping[str, Content] = {}
    events: Mapping[str, Sequence[Any]] = {}


@dataclass(frozen=True)
class OperationRoute(web.AbstractRouteDef):
    """An operation and its handler, as aiohttp takes routes."""

    operation: Operation
    handler: Handler

    @property
    def method(self) -> str:
        """The method of the route."""
        return self.operation.method

    @property
    def path(self) -> str:
        """The path of the route; aiohttp and OpenAPI write its variables alike."""
        return self.operation.path

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        """Add the route to a router. GET takes HEAD too, but for streams."""
        if self.method == "GET":
            route = web.get(self.path, self.handler, allow_head=not self.operation.events)
        else:
            route = web.route(self.method, self.path, self.handler)
        return route.register(router)
