"""Services asked how they are, over real sockets."""

from pathlib import Path

import pytest

from services.ingest.settings import IngestSettings
from services.operate.watched_services import watched_services
from services.runtime.tls import TlsFiles
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
        ingest = (await watched_services(environment))["ingest"]
    assert ingest.answers == (fault is None)
    assert ingest.fault is None if fault is None else fault in (ingest.fault or "")
