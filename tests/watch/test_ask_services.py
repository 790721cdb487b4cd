"""Services asked how they are, over real sockets."""

from pathlib import Path

import pytest

from services.ingest.settings import IngestSettings
from services.runtime.faults import StartFault
from services.runtime.tls import TlsFiles
from services.watch.ask_services import addresses, look_at, on_hosts
from tests.ingest.conftest import serving
from tests.ingest.memory_log import MemoryLog

TLS = Path(__file__).parents[1] / "data" / "tls"
OWN = TlsFiles(cert=TLS / "server.pem", key=TLS / "server.key")
MUTUAL = TlsFiles(cert=OWN.cert, key=OWN.key, client_ca=TLS / "authority.pem")


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        (OWN, None),
        (None, "TLS fails at https://127.0.0.1:"),
        (MUTUAL, "may want a client's certificate (MATLINE_TLS_CLIENT_CA)"),
    ],
)
async def test_a_certificate_of_another_name_is_no_fault_and_one_of_tls_is_named(tmp_path, tls, fault):
    settings = IngestSettings(port=0, tls=tls, tokens=tmp_path / "tokens.json")
    async with serving(settings, MemoryLog()) as address:
        environment = {"MATLINE_TLS_CERT": str(OWN.cert), "MATLINE_INGEST_PORT": str(address.port)}
        ingest = (await look_at(addresses(environment))).services["ingest"]
    assert ingest.answers == (fault is None)
    assert ingest.fault is None if fault is None else fault in (ingest.fault or "")


def test_services_are_on_this_machine_unless_they_are_named_elsewhere():
    listed = "scoring=http://a:8702/, ingest=https://i, scoring=http://b:8702"
    assert addresses({"MATLINE_LIVE_PORT": "9000", "MATLINE_SERVICES": listed}) == {
        "ingest": ["https://i"],
        "scoring": ["http://a:8702", "http://b:8702"],
        "projections": ["http://127.0.0.1:8703"],
        "live": ["http://127.0.0.1:9000"],
    }


def test_a_name_that_leads_to_several_hosts_stands_for_a_process_on_each():
    assert on_hosts("http://scoring:8702", {"10.0.0.2", "10.0.0.1"}) == ["http://10.0.0.1:8702", "http://10.0.0.2:8702"]
    assert on_hosts("http://scoring:8702", {"10.0.0.2"}) == ["http://scoring:8702"]


@pytest.mark.parametrize("listed", ["scoring", "scorer=http://s", "live=s:8700"])
def test_what_is_no_address_of_a_service_is_refused(listed):
    with pytest.raises(StartFault, match="MATLINE_SERVICES"):
        addresses({"MATLINE_SERVICES": listed})
