"""Viewers that measure: what they count of answers and streams of a real server, and from when they count a wait."""

import asyncio
from contextlib import asynccontextmanager

from aiohttp import web

from loadtest.viewers.connections import Arrivals, StreamViewer
from loadtest.viewers.polls import Order, run
from loadtest.viewers.streams import Summary, Watched, percentile, waits

HANG_S = 120.0


@asynccontextmanager
async def serving(handler):
    app = web.Application()
    app.add_routes([web.get("/", handler)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_pollers_count_answers_and_send_the_tag_that_they_have():
    async def answer(request):
        if request.headers.get("If-None-Match") == '"a"':
            return web.Response(status=304, headers={"ETag": '"a"'})
        return web.Response(body=b"x" * 100_000, headers={"ETag": '"a"'})

    async with serving(answer) as url:
        order = Order(url=url, path="/", coding="identity", seconds=0.5, connections=3, tagged=True, pause_s=0.01)
        report = await asyncio.to_thread(run, order)
    assert report.statuses[200] == 3
    assert report.statuses[304] > 3
    assert (report.body_bytes, report.lost) == (300_000, 0)


async def test_pollers_wait_for_the_last_of_an_answer_in_chunks():
    async def answer(request):
        response = web.StreamResponse()
        await response.prepare(request)
        for part in (b"x" * 1_000, b"y" * 50_000, b"z"):
            await response.write(part)
            await asyncio.sleep(0.01)
        return response

    async with serving(answer) as url:
        report = await asyncio.to_thread(run, Order(url=url, path="/", coding="identity", seconds=0.5, connections=1))
    assert report.statuses.keys() == {200}
    # The frames of three chunks and of the empty one: lengths in hexadecimal and line ends.
    framed = 51_001 + len(b"3e8" + b"c350" + b"1" + b"0" + b"\r\n\r\n" * 4)
    assert (report.body_bytes, report.lost) == (framed * report.answers, 0)


async def test_a_stream_notes_each_event_with_the_revision_before_it():
    async def stream(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"retry: 2000\n\nevent: snapshot\nid: 4\ndata: {}\n\n")
        for event in (b'id: 7\ndata: {"a":1}', b"data: {}", b"id: 9\ndata: {}"):
            await response.write(b"event: board\n%b\n\n" % event)
        await asyncio.sleep(HANG_S)
        return response

    arrivals, data = Arrivals(), []
    async with serving(stream) as url:
        host, port = url.removeprefix("http://").split(":")
        _, viewer = await asyncio.get_running_loop().create_connection(
            lambda: StreamViewer("/", host, arrivals, lambda kind, text: data.append((kind, text))),
            host,
            int(port),
        )
        async with asyncio.timeout(HANG_S):
            while len(arrivals.revisions) < 2:
                await asyncio.sleep(0.01)
        viewer.stop()
    assert list(arrivals.revisions) == [7, 9]
    assert list(arrivals.before) == [4, 7]
    assert data == [(b"snapshot", b"{}"), (b"board", b'{"a":1}'), (b"board", b"{}")]
    assert not viewer.lost


def test_a_wait_counts_from_the_first_revision_that_changed_the_subject():
    summaries = [
        Summary(5, ["men"], ["1"], 510, 500),
        Summary(6, ["women"], ["2"], 610, 600),
        Summary(7, ["men"], ["3"], 710, 700),
    ]
    arrivals = Arrivals()
    for revision, before, at_us in ((4, 3, 400), (7, 4, 900)):
        arrivals.revisions.append(revision)
        arrivals.before.append(before)
        arrivals.at_us.append(at_us)
    assert waits(Watched("event", ""), arrivals, summaries) == [(500, 510, 900)]
    assert waits(Watched("board", "", frozenset({"women"})), arrivals, summaries) == [(600, 610, 900)]
    assert waits(Watched("athlete", "", frozenset(), "3"), arrivals, summaries) == [(700, 710, 900)]
    assert waits(Watched("board", "", frozenset({"10k"})), arrivals, summaries) == []


def test_percentiles_of_few_times():
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
