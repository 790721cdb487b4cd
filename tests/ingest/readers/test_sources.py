"""The file of sources: every fault named by its path."""

from datetime import date

import pytest

from services.ingest.readers.registry import PROTOCOLS
from services.ingest.readers.sources import Source, SourcesRefused, host_and_port, joined, parse_sources
from services.ingest.settings import settings_from
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
    return [str(fault) for fault in refused.value.faults]


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
    named = faults(
        GOOD.replace("Asia/Dubai", "Asia/Nowhere").replace('"tent"', '""').replace('"bridge"', '"b"\nsecert = "x"')
        + "\n[server]\nport = 1\n"
    )
    assert [fault.partition(":")[0] for fault in named] == [
        "server",
        "sources[0].gateway",
        "sources[0].zone",
        "sources[1].secert",
    ]


def table(protocol: str, **more: str) -> str:
    """A source in TOML, its values as TOML writes them."""
    fields = {"protocol": f'"{protocol}"', "event": '"e"', "gateway": '"g"', **more}
    return "[[sources]]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def test_every_protocol_has_its_table():
    address = {"address": '"192.168.7.2:1"'}
    text = (
        table("mylaps", zone='"+04:00"', secret='"open sesame"', allow='["192.168.7.0/24", "::1"]')
        + table("raceresult", zone='"+04:00"', **address)
        + table("raceresult_http", zone='"+04:00"', secret='"box 7"', allow='["192.168.7.0/24"]')
        + table("chronotrack", zone='"+04:00"', day="2026-01-04")
        + table("ipico", zone='"+04:00"', model='"elite"', address='"192.168.7.3:10200"')
        + table("ultra", zone='"+04:00"', address='"192.168.7.4:23"')
        + table("llrp", address='"192.168.7.5:5084"', devices='{ "g/1" = "S1" }')
    )
    sources = parse_sources(text.encode())
    assert len(sources) == 7
    assert {source.protocol for source in sources} <= set(PROTOCOLS)
    assert sources[3].options == {"day": date(2026, 1, 4)}
    assert sources[6].zone == "UTC"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (table("raceresult", zone='"+04:00"'), "needs `address`"),
        (
            table("ultra", zone='"+04:00"', address='"a:23"', allow='["::1"]'),
            "allow: does not apply to ultra, which is dialled",
        ),
        (table("ultra", address='"a:23"'), "needs `zone`"),
        (table("llrp", address='"a:1"', zone='"UTC"'), "zone: does not apply to llrp"),
        (table("chronotrack", zone='"+04:00"', secret='"x"'), "secret: does not apply to chronotrack"),
        (
            table("chronotrack", zone='"+04:00"', day='"today"'),
            "day: 'today' is not a date; write one such as 2026-01-04",
        ),
        (table("mylaps", zone='"+04:00"', model='"elite"'), "model: does not apply to mylaps"),
        (
            table("ipico", zone='"+04:00"', address='"a:1"', model='"new"'),
            "model: 'new' is not one of elite, lite, trident",
        ),
        (table("mylaps", zone='"+04:00"', secret='"a@b"'), "secret: may hold neither"),
        (table("mylaps", zone='"+04:00"', secret='""'), "secret: is empty; write at least 1 character"),
        (table("mylaps", zone='"+04:00"', allow='["192.168.7.1/24"]'), "allow: '192.168.7.1/24' is not a network"),
        (table("mylaps", zone='"+04:00"', address='"a:65536"'), "address: port 65536"),
        (table("raceresult_http", zone='"+04:00"', address='"a:1"'), "address: does not apply to raceresult_http"),
        (
            table("mylaps", zone='"+04:00"', address='"0.0.0.0:3097"'),
            "address: 0.0.0.0:3097 can be reached by other machines",
        ),
        (table("chronotrack", zone='"+04:00"', address='"192.168.7.2:1"'), "say in `allow` who may call"),
        (table("abacus"), "protocol: 'abacus' is not a protocol; choose one of mylaps, raceresult,"),
        (table("mylaps", zone="1"), "zone: 1 is not a text"),
    ],
)
def test_what_a_protocol_does_not_have_is_named(text, fault):
    [named] = faults(text)
    assert named.startswith("sources[0]")
    assert fault in named


def test_two_readers_of_a_protocol_have_names_and_addresses_of_their_own():
    reader = table("ultra", zone='"+04:00"', address='"a:23"')
    assert faults(reader + reader) == [
        "sources[1].address: a:23 is already the address of sources[0]",
        "sources[1].gateway: 'g' is already the gateway of sources[0]",
    ]


@pytest.mark.parametrize(
    ("address", "other", "clash"),
    [
        ("127.0.0.1:3097", "localhost:3097", True),
        ("0.0.0.0:3097", "localhost:3097", True),
        ("0.0.0.0:3097", "192.168.7.5:3097", True),
        ("[::]:3097", "[::1]:3097", True),
        ("127.0.0.1:3097", "127.0.0.1:3098", False),
        ("192.168.7.5:3097", "192.168.7.6:3097", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
    ],
)
def test_two_sources_do_not_listen_at_one_address_however_it_is_written(address, other, clash):
    common = {"zone": '"+04:00"', "allow": '["192.168.7.0/24"]'}
    text = table("mylaps", address=f'"{address}"', **common)
    text += table("chronotrack", address=f'"{other}"', gateway='"h"', **common)
    if clash:
        assert faults(text) == [f"sources[1].address: {other} is already the address of sources[0] ({address})"]
    else:
        assert len(parse_sources(text.encode())) == 2


def test_a_reader_elsewhere_may_have_the_port_on_which_we_listen():
    listens = table("mylaps", address='"0.0.0.0:3601"', zone='"+04:00"', allow='["192.168.7.0/24"]')
    dialled = table("raceresult", address='"192.168.7.20:3601"', zone='"+04:00"', gateway='"h"')
    assert len(parse_sources((listens + dialled).encode())) == 2


def test_sources_of_one_broker_have_sessions_of_their_own():
    broker = {"address": '"broker:1883"', "topic": '"readers/#"'}
    other = table("zebra_mqtt", address='"Broker:1883"', topic='"readers/#"')
    assert faults(table("impinj_mqtt", **broker) + other) == [
        "sources[1].gateway: 'g' is already that of sources[0] at this broker, which would end the connection of one of"
        " them"
    ]
    for apart in ({"gateway": '"h"'}, {"address": '"broker:1884"'}):
        assert (
            len(parse_sources((table("impinj_mqtt", **broker) + table("zebra_mqtt", **broker | apart)).encode())) == 2
        )


@pytest.mark.parametrize(
    "topic", ["#", "+", "readers/finish", "+/finish/#", "readers/+", "/a//b", "a b", "$share/g/a/#"]
)
def test_a_topic_of_a_broker_is_taken(topic):
    [source] = parse_sources(table("impinj_mqtt", address='"b:1883"', topic=f'"{topic}"').encode())
    assert source.options["topic"] == topic


@pytest.mark.parametrize("topic", ["a/#/b", "#/a", "a#", "a+/b", "readers/finish+", "a\\u0000"])
def test_a_topic_that_no_broker_takes_is_named(topic):
    [fault] = faults(table("impinj_mqtt", address='"b:1883"', topic=f'"{topic}"'))
    assert fault.startswith("sources[0].topic: ")
    assert "is no topic" in fault


@pytest.mark.parametrize("host", ["box..local", "x" * 64])
def test_what_cannot_be_the_name_of_a_machine_is_named(host):
    [fault] = faults(table("ultra", address=f'"{host}:23"', zone='"+04:00"'))
    assert fault == f"sources[0].address: {host!r} is not the name of a machine"


def test_a_byte_order_mark_changes_nothing():
    text = table("mylaps", zone='"+04:00"').encode()
    assert parse_sources(b"\xef\xbb\xbf" + text) == parse_sources(text)


def test_a_secret_is_never_shown():
    source = Source(protocol="mylaps", event="e", gateway="g", secret="open sesame")
    assert "sesame" not in f"{source} {source!r} {[source]}"


def test_faults_name_no_type_and_no_pattern():
    text = table("mylaps", zone='"+04:00"', address='"3097"', devices='{ "5K" = 5 }', allow="[7]", gatewy='"g"')
    assert faults(text) == [
        "sources[0].address: '3097' is not an address; write host and port, such as 192.168.7.20:3601",
        "sources[0].devices.5K: 5 is not a text",
        "sources[0].allow[0]: 7 is not a text",
        "sources[0].gatewy: is not a field here; did you mean `gateway`? The fields are protocol, event, gateway, zone,"
        " address, devices, allow, secret, day, began, tls, model, place, user, topic",
    ]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"began": "2026-01-04"}, "began: '2026-01-04' is not a date and time; write them such as 2026-01-04T05:12:07"),
        ({"began": "2026-03-08T02:30:00"}, "began: 2026-03-08 02:30:00 did not occur in America/New_York"),
        ({"began": "2026-01-04T05:12:07", "day": "2026-01-04"}, "day: contradicts `began`"),
        ({"day": "2026-01-04T05:12:07"}, "day: '2026-01-04 05:12:07' is not a date; write one such as 2026-01-04"),
    ],
)
def test_what_a_clock_that_was_never_set_counts_from_is_said_once_and_exists(given, fault):
    text = table("raceresult", zone='"America/New_York"', address='"a:3601"', **given)
    [said] = faults(text)
    assert said.startswith(f"sources[0].{fault}")


@pytest.mark.parametrize(
    ("allow", "host", "lets_in"),
    [
        ([], "203.0.113.9", True),
        (["192.168.7.0/24"], "192.168.7.255", True),
        (["192.168.7.0/24"], "192.168.8.1", False),
        (["192.168.7.0/24", "::1"], "::1", True),
        (["192.168.7.9"], "192.168.7.9", True),
        (["0.0.0.0/0"], "", False),
    ],
)
def test_networks_say_who_may_call(allow, host, lets_in):
    assert Source(protocol="mylaps", event="e", gateway="g", allow=allow).lets_in(host) is lets_in


@pytest.mark.parametrize("name", ["protocol", "event", "gateway", "zone"])
def test_what_a_source_needs_is_named(name):
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith(f"{name} ="))
    assert any(fault.startswith("sources[0]") and f"`{name}`" in fault for fault in faults(text))


@pytest.mark.parametrize("address", ["3097", "127.0.0.1", "127.0.0.1:x", "a b:1", ":3097", "127.0.0.1:3097\n"])
def test_an_address_is_a_host_and_a_port(address):
    assert faults(GOOD.replace('"127.0.0.1:3097"', repr(address).replace("'", '"')))[0].startswith("sources[0].address")


def test_an_address_may_be_used_once():
    second = '"bridge"\naddress = "127.0.0.1:3097"'
    assert faults(GOOD.replace('"bridge"', second)) == [
        "sources[1].address: 127.0.0.1:3097 is already the address of sources[0]"
    ]


@pytest.mark.parametrize("text", ["", "# nothing", "sources = 1", "[[sources", "sources = [1]", "\0"])
def test_a_file_without_sources_is_refused(text):
    assert faults(text)


def test_a_file_may_say_that_there_are_none():
    assert parse_sources(b"sources = []") == []


def test_there_is_a_bound_on_sources_and_on_the_file():
    assert faults("sources = [" + "{}," * 65 + "]")
    assert faults("#" * (1024 * 1024 + 1))


@pytest.mark.parametrize(("address", "parts"), [("127.0.0.1:1", ("127.0.0.1", 1)), ("[::1]:65535", ("::1", 65535))])
def test_an_address_of_either_family_is_parted_and_joined(address, parts):
    assert host_and_port(address) == parts
    assert joined(*parts) == address


def test_settings_name_a_file_that_is_not_there_when_it_was_asked_for(tmp_path):
    path = tmp_path / "readers.toml"
    with pytest.raises(StartFault, match=r"readers\.toml"):
        settings_from({"MATLINE_SOURCES": str(path)})
    path.write_text(GOOD)
    assert settings_from({"MATLINE_SOURCES": str(path)}).config == path
    assert settings_from({"MATLINE_DATA": str(tmp_path)}).config == tmp_path / "matline.toml"
