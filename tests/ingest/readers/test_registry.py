"""The registry of protocols: every row is complete, its sample is taken, and its simulated device is there."""

import re

import pytest

from loadtest.devices.registry import SIMULATED_PROTOCOLS
from services.ingest.decoders.messages import Now, Reader
from services.ingest.decoders.protocol import ReaderProtocol
from services.ingest.readers.registry import PROTOCOLS, connected_protocols, sample_file
from services.ingest.readers.sources import fields_of, parse_sources

EACH = pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))


@EACH
def test_a_row_says_how_its_readers_are_reached_and_what_they_get_back(protocol: ReaderProtocol):
    assert (protocol.connect is None) is (protocol.way == "comes by HTTP")
    assert (protocol.port == 0) is (protocol.way == "comes by HTTP")
    for sentence in (protocol.acknowledges, protocol.replays, protocol.takes_over):
        assert sentence[:1].isupper()
        assert sentence.endswith(".")
    re.compile(protocol.begins_with)


@EACH
def test_a_rows_sample_is_a_source_of_its_protocol(protocol: ReaderProtocol):
    [source] = parse_sources(protocol.sample.encode())
    assert source.protocol == protocol.name
    assert set(source.options) <= fields_of(protocol)


def test_all_samples_together_are_a_file():
    assert [source.protocol for source in parse_sources(sample_file().encode())] == list(PROTOCOLS)


@pytest.mark.parametrize("name", connected_protocols())
def test_readers_are_made_for_ingest_and_to_watch(name: str):
    protocol = PROTOCOLS[name]
    [source] = parse_sources(protocol.sample.encode())
    for connect in (protocol.connect, protocol.watch or protocol.connect):
        assert connect is not None
        make = connect(source.settings())
        first, second = make({}), make({})
        assert isinstance(first, Reader)
        assert first is not second
        first.begin(Now(0, 0.0))
        assert len(first.take()) < 300  # a question or two


def test_every_protocol_has_its_simulated_device_and_the_other_way_round():
    assert set(PROTOCOLS) == set(SIMULATED_PROTOCOLS)


@pytest.mark.parametrize("name", SIMULATED_PROTOCOLS)
def test_a_device_and_its_protocol_agree_on_how_they_meet(name: str):
    protocol, device = PROTOCOLS[name], SIMULATED_PROTOCOLS[name]
    assert device.calls is (protocol.way == "calls us")
    assert device.has_zone is protocol.has_zone
    assert device.posts is (protocol.way == "comes by HTTP")
    assert device.broker is protocol.broker
    assert device.posts or device.port == protocol.port or protocol.port < 1024  # which only an administrator may open
