"""The file of sources: every fault named by its path."""

import pytest

from services.ingest.settings import settings_from, sources_of
from services.ingest.sources import Source, SourcesRefused, host_and_port, parse_sources
from services.runtime.faults import StartFault

GOOD = """
[[sources]]
protocol = "mylaps"
address = "127.0.0.1:3097"
event = "example-2026"
gateway = "tent"
zone = "Asia/Dubai"
devices = { "5Km" = "5K-A" }

[[sources]]
protocol = "mylaps"
event = "example-2026"
gateway = "bridge"
zone = "+04:00"
"""


def faults(text: str) -> list[str]:
    with pytest.raises(SourcesRefused) as refused:
        parse_sources(text.encode())
    return refused.value.faults


def test_sources_come_out_in_the_files_order():
    assert parse_sources(GOOD.encode()) == [
        Source(
            protocol="mylaps",
            address="127.0.0.1:3097",
            event="example-2026",
            gateway="tent",
            zone="Asia/Dubai",
            devices={"5Km": "5K-A"},
        ),
        Source(protocol="mylaps", event="example-2026", gateway="bridge", zone="+04:00"),
    ]


def test_every_fault_is_named_by_its_path():
    found = faults(
        GOOD.replace("Asia/Dubai", "Asia/Nowhere").replace('"tent"', '""').replace('"bridge"', '"b"\nsecert = "x"')
        + "\n[server]\nport = 1\n"
    )
    assert [fault.partition(":")[0] for fault in found] == [
        "server",
        "sources[0].gateway",
        "sources[0].zone",
        "sources[1].secert",
    ]


@pytest.mark.parametrize("name", ["protocol", "event", "gateway", "zone"])
def test_what_a_source_needs_is_named(name):
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{name} ="))
    assert any(fault.startswith("sources[0]") and f"`{name}`" in fault for fault in faults(text))


@pytest.mark.parametrize("address", ["3097", "127.0.0.1", "127.0.0.1:x", "a b:1", ":3097", "127.0.0.1:3097\n"])
def test_an_address_is_a_host_and_a_port(address):
    assert faults(GOOD.replace('"127.0.0.1:3097"', repr(address).replace("'", '"')))[0].startswith("sources[0].address")


def test_an_address_may_be_used_once():
    second = '"bridge"\naddress = "127.0.0.1:3097"'
    assert faults(GOOD.replace('"bridge"', second)) == ["sources[1].address: 127.0.0.1:3097 is used before"]


@pytest.mark.parametrize("text", ["", "sources = 1", "sources = []", "[[sources", "sources = [1]", "\0"])
def test_a_file_without_sources_is_refused(text):
    assert faults(text)


def test_an_address_of_either_family_is_parted():
    assert host_and_port("127.0.0.1:1") == ("127.0.0.1", 1)
    assert host_and_port("[::1]:65535") == ("::1", 65535)


def test_settings_name_the_file_that_will_not_do(tmp_path):
    path = tmp_path / "matline.toml"
    with pytest.raises(StartFault, match=r"matline\.toml"):
        sources_of(path)
    path.write_text(GOOD)
    assert len(settings_from({"MATLINE_SOURCES": str(path)}).sources) == 2
    path.write_text(GOOD.replace("zone", "zoen"))
    with pytest.raises(StartFault, match=r"sources\[0\]\.zoen"):
        settings_from({"MATLINE_SOURCES": str(path)})
