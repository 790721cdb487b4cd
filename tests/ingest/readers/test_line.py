"""The line to a reader that we dial."""

import asyncio
import socket

from services.ingest.readers.line import KEEPALIVE, dial


async def test_the_kernel_watches_a_line_on_which_nothing_is_said():
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    _, outgoing = await dial("127.0.0.1", server.sockets[0].getsockname()[1])
    line = outgoing.get_extra_info("socket")
    assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    options = {name: line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in KEEPALIVE}
    assert options == KEEPALIVE
    outgoing.close()
    server.close()
