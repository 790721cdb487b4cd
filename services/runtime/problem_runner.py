"""A runner of an aiohttp application that answers with problems where no handler is reached.

aiohttp itself refuses what is no HTTP, lines that are too long and expectations that it does not know, and answers
when a handler fails: all as plain text. Its own classes are made here in one place, as `web.Server` makes them.
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from services.runtime.problem import problem

TOO_LONG = 431

EVERYWHERE = {
    417: "The header `Expect` names what is not known.",
    TOO_LONG: "The request line or a header is too long.",
    500: "A bug; the log of the service says why.",
}
"""What any request may be answered by the runner, by status."""

BaseHandler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _NotTheirs(logging.Filter):
    """Leave out requests that are not HTTP: they are answered 400, and a flood of them would flood the log."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log = logging.getLogger(__name__)
_log.addFilter(_NotTheirs())


class ProblemRunner(web.AppRunner):
    """A runner whose server answers with problems, and logs only what is not the client's fault."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(
            _with_problems(made.request_handler),
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            loop=made._loop,
            **{**made._kwargs, "logger": _log},
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what is no request, or to one whose handler failed; aiohttp logs it."""
        super().handle_error(request, status, exc, message)
        if isinstance(exc, LineTooLong):
            response = problem(TOO_LONG, "Line too long", "the request line or a header is too long; shorten it")
        elif status == 400:
            response = problem(status, "No HTTP", "this is not a request of HTTP/1.1; its connection is closed")
        else:
            response = problem(status, "Internal error", "the request failed by a bug; the log of the service says why")
        response.force_close()
        return response


def _with_problems(handler: BaseHandler) -> BaseHandler:
    """Return a handler that answers with problems what is refused before the application's middlewares."""

    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPExpectationFailed:
            expected = request.headers.get("Expect", "")
            response = problem(
                417, "Unknown expectation", f"`Expect: {expected[:80]}` is not known; send 100-continue, or none"
            )
            response.force_close()  # its body was not read
            return response

    return answered
