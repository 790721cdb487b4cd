"""Certificates that expire: said in advance, while it happens and afterwards, and no reason to stop."""

import logging
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme

from services.operate.doctor import certificate_lines
from services.runtime.certificates import DAY_S, CertificateFile, CertificateWatch, expires_s, expiry
from services.runtime.faults import StartFault
from services.runtime.service_metrics import service_registry

NOW_S = float(int(time.time()))


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def issue(authority: trustme.CA, path: Path, days: float) -> CertificateFile:
    """Write a certificate that is valid for so many days from now on, with its key in the same file."""
    made = authority.issue_cert("127.0.0.1", not_after=datetime.fromtimestamp(NOW_S + days * DAY_S, UTC))
    made.private_key_and_cert_chain_pem.write_to_path(str(path))
    return CertificateFile(variable="MATLINE_TLS_CERT", path=path)


def test_a_chain_expires_with_its_first_certificate_and_authorities_with_their_last(authority, tmp_path):
    soon, late = issue(authority, tmp_path / "soon.pem", 5), issue(authority, tmp_path / "late.pem", 50)
    both = tmp_path / "both.pem"
    both.write_bytes(late.path.read_bytes() + soon.path.read_bytes())
    assert expires_s(soon) == NOW_S + 5 * DAY_S
    assert expires_s(CertificateFile(variable="X", path=both)) == NOW_S + 5 * DAY_S
    assert expires_s(CertificateFile(variable="X", path=both, authority=True)) == NOW_S + 50 * DAY_S


@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"\xff\x00"])
def test_a_file_without_a_certificate_is_named_with_its_variable(content, tmp_path):
    path = tmp_path / "x.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StartFault, match=rf"{path}, named by MATLINE_KAFKA_CA, has no certificate"):
        expires_s(CertificateFile(variable="MATLINE_KAFKA_CA", path=path))


def test_words_say_when_and_in_how_many_days():
    at_s = datetime(2026, 1, 4, 5, 30, tzinfo=UTC).timestamp()
    assert expiry(at_s, at_s) == "expired at 2026-01-04 05:30 UTC"
    assert expiry(at_s, at_s - 2.5 * DAY_S) == "expires at 2026-01-04 05:30 UTC, in 2.5 days"
    assert expiry(at_s, at_s - 15 * DAY_S) is None


def test_the_log_says_once_that_a_certificate_expires_soon_and_once_that_it_has(authority, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    file = issue(authority, tmp_path / "server.pem", 20)
    watch = CertificateWatch([file, CertificateFile(variable="X", path=tmp_path / "none")])
    for day in (0, 7, 8, 19, 21, 22):
        watch.look(NOW_S + day * DAY_S)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "server.pem (MATLINE_TLS_CERT) expired at" in caplog.messages[1]
    issue(authority, file.path, 60)
    watch.look(NOW_S + 22 * DAY_S)
    watch.look(NOW_S + 61 * DAY_S)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR", "ERROR"]


def test_the_metric_is_the_instant_and_a_file_that_cannot_be_read_has_none(authority, tmp_path):
    file = issue(authority, tmp_path / "server.pem", -1)
    registry = service_registry("ingest", None, [file, CertificateFile(variable="X", path=tmp_path / "none")])
    name = "matline_certificate_expires_timestamp_seconds"
    assert registry.get_sample_value(name, {"variable": "MATLINE_TLS_CERT"}) == NOW_S - DAY_S
    assert registry.get_sample_value(name, {"variable": "X"}) is None


@pytest.mark.parametrize(("days", "level"), [(-1, "fault"), (2, "fault"), (10, "note"), (40, "ok")])
def test_doctor_says_in_advance_how_long_a_certificate_is_valid(authority, tmp_path, days, level):
    file = issue(authority, tmp_path / "server.pem", days)
    named = {"MATLINE_TLS_CERT": str(file.path), "MATLINE_TLS_KEY": str(file.path)}
    (line,) = certificate_lines(named, NOW_S)
    assert (line.level, line.subject) == (level, "MATLINE_TLS_CERT")
    assert bool(line.remedy) == (level != "ok")


def test_doctor_looks_at_the_certificates_of_kafka_and_clickhouse_too(authority, tmp_path):
    file = issue(authority, tmp_path / "kafka.pem", 40)
    path = str(file.path)
    named = {
        "MATLINE_KAFKA_CA": path,
        "MATLINE_KAFKA_CERT": path,
        "MATLINE_KAFKA_KEY": path,
        "MATLINE_CLICKHOUSE": "https://db:8443",
        "MATLINE_CLICKHOUSE_CA": str(tmp_path / "none"),
    }
    assert [(line.level, line.subject) for line in certificate_lines(named, NOW_S)] == [
        ("ok", "MATLINE_KAFKA_CA"),
        ("ok", "MATLINE_KAFKA_CERT"),
        ("fault", "MATLINE_CLICKHOUSE_CA"),
    ]
    assert list(certificate_lines({}, NOW_S)) == []
