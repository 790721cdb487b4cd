"""The page of readers has what the registry says of each protocol, word for word, so that it is written once."""

from pathlib import Path

import pytest

from services.ingest.decoders.protocol import ReaderProtocol
from services.ingest.readers.registry import PROTOCOLS

PAGE = (Path(__file__).parents[2] / "docs/readers.md").read_text().splitlines()
CONNECTION = {
    "is dialled": "ingest dials its port {port}",
    "calls us": "it dials port {port}",
    "comes by HTTP": "it posts to ingest's own port",
}


def protocol_row(protocol: ReaderProtocol) -> str:
    connection = CONNECTION[protocol.way].format(port=protocol.port)
    if protocol.broker:
        connection = f"ingest dials the broker's port {protocol.port}"
    return f"| `{protocol.name}` | {protocol.title} | {connection} | {protocol.replays} | {protocol.takes_over} |"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_page_has_the_protocol(name):
    assert protocol_row(PROTOCOLS[name]) in PAGE


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_page_has_the_fields_that_only_this_protocol_has(name):
    for option in PROTOCOLS[name].options:
        assert f"| `{option.name}` | `{name}` | {option.meaning} |" in PAGE
