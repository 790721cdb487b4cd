"""The routes of a service's own description: when a client gets it, and when it hears that nothing has changed."""

import pytest
from aiohttp.test_utils import make_mocked_request

from services.live.http import operations
from services.runtime.operations import OperationRoute
from services.runtime.reference import routes

DESCRIPTIONS = [route for route in routes(operations.SERVICE, []) if isinstance(route, OperationRoute)]


async def served(route: OperationRoute, if_none_match: str | None = None):
    headers = {} if if_none_match is None else {"If-None-Match": if_none_match}
    return await route.handler(make_mocked_request("GET", route.operation.path, headers=headers))


@pytest.mark.parametrize("route", DESCRIPTIONS, ids=lambda route: route.operation.path)
async def test_its_tag_is_weak_since_one_serves_for_all_codings(route):
    tag = (await served(route)).headers["ETag"]
    assert tag.startswith('W/"')
    strong = tag.removeprefix("W/")
    for same in (tag, strong, f'"other", {tag}', "*"):
        assert (await served(route, same)).status == 304, same
    for other in ('"other"', f'"{tag}"', f"x{strong}", ""):
        assert (await served(route, other)).status == 200, other
