"""Reaching Kafka by settings: plain, SASL, TLS and both."""

from pathlib import Path

import pytest
from aiokafka.errors import AuthenticationFailedError, KafkaConnectionError

from services.runtime.faults import StartFault
from services.runtime.kafka import KafkaOptions, kafka_fault, kafka_options

TLS = Path(__file__).parents[1] / "data" / "tls"
USER = {"MATLINE_KAFKA_USER": "ann", "MATLINE_KAFKA_PASSWORD": "open sesame"}


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({}, "PLAINTEXT"),
        ({"MATLINE_KAFKA_TLS": "0"}, "PLAINTEXT"),
        ({"MATLINE_KAFKA_TLS": "1"}, "SSL"),
        ({"MATLINE_KAFKA_CA": str(TLS / "authority.pem")}, "SSL"),
        (USER, "SASL_PLAINTEXT"),
        ({**USER, "MATLINE_KAFKA_TLS": "1"}, "SASL_SSL"),
    ],
)
def test_the_protocol_follows_from_the_settings(environment, protocol):
    options = kafka_options(environment)
    assert options.protocol == protocol
    client = options.client()
    assert client["security_protocol"] == protocol
    assert ("ssl_context" in client) is protocol.endswith("SSL")
    assert ("sasl_plain_username" in client) is protocol.startswith("SASL")


def test_names_and_addresses_are_taken_as_given():
    options = kafka_options({**USER, "MATLINE_KAFKA": "a:1,b:2", "MATLINE_KAFKA_MECHANISM": "SCRAM-SHA-256"})
    client = options.client()
    assert client["bootstrap_servers"] == "a:1,b:2"
    assert client["sasl_mechanism"] == "SCRAM-SHA-256"
    assert (client["sasl_plain_username"], client["sasl_plain_password"]) == ("ann", "open sesame")


@pytest.mark.parametrize("servers", ["kafka", "kafka:9092", "10.0.0.1:9092, b-2.example:9093", "[::1]:9092,[fe80::1]"])
def test_addresses_are_hosts_with_or_without_ports(servers):
    assert kafka_options({"MATLINE_KAFKA": servers}).servers == servers


def test_a_clients_certificate_is_loaded():
    files = {"MATLINE_KAFKA_CERT": str(TLS / "client.pem"), "MATLINE_KAFKA_KEY": str(TLS / "client.key")}
    context = kafka_options({**files, "MATLINE_KAFKA_CA": str(TLS / "authority.pem")}).context()
    assert context is not None
    assert context.check_hostname
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    "environment",
    [
        {"MATLINE_KAFKA_USER": "ann"},
        {"MATLINE_KAFKA_CA": str(TLS / "none.pem")},
        {"MATLINE_KAFKA_CA": str(TLS / "server.key")},
        {
            "MATLINE_KAFKA_TLS": "1",
            "MATLINE_KAFKA_CERT": str(TLS / "client.pem"),
            "MATLINE_KAFKA_KEY": str(TLS / "server.key"),
        },
    ],
)
def test_unusable_settings_are_reported_before_anything_connects(environment):
    with pytest.raises(StartFault, match="MATLINE_KAFKA"):
        kafka_options(environment).client()


@pytest.mark.parametrize("name", ["CERT", "KEY"])
def test_a_client_certificate_without_tls_would_not_be_used_and_is_refused(name):
    with pytest.raises(StartFault, match="TLS"):
        kafka_options({f"MATLINE_KAFKA_{name}": "x"})


def test_a_password_is_never_shown():
    assert "sesame" not in repr(kafka_options(USER))
    assert repr(KafkaOptions()).startswith("KafkaOptions(")


def test_a_fault_says_in_plain_words_that_nobody_answers_and_keeps_what_a_broker_said():
    raw = KafkaConnectionError("Unable to bootstrap from [('127.0.0.1', 9092, <AddressFamily.AF_INET: 2>)]")
    assert kafka_fault("k:1", raw) == (
        "Kafka at k:1 does not answer; start it, or give its address, HOST:PORT, by MATLINE_KAFKA"
    )
    assert kafka_fault("k:1", raw, "--kafka").endswith(" by --kafka")
    assert "wrong password" in kafka_fault("k:1", AuthenticationFailedError("wrong password"))
