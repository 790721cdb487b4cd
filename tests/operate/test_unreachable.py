"""Commands that read Kafka and the live API say in one plain line that these do not answer, and where to name them."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

import pytest

from services.operate import export_log, verify
from services.operate.archive import archive_main, reopen_main
from services.operate.rejected import DeadLetterFilter
from services.operate.rejected_command import list_main
from services.runtime import exit_codes
from services.runtime.topics_admin import check_main

COMMANDS: dict[str, Callable[[Mapping[str, str]], int]] = {
    "export log": lambda environment: export_log.main("e", environment),
    "rejected list": lambda environment: list_main(environment, DeadLetterFilter(), 5),
    "topics check": check_main,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_kafka_that_does_not_answer_is_named_in_a_plain_line(command, unused_tcp_port, capfd):
    assert COMMANDS[command]({"MATLINE_KAFKA": f"127.0.0.1:{unused_tcp_port}"}) == 1
    (line,) = capfd.readouterr().err.splitlines()
    assert line.removeprefix(f"matline {command}: ") == (
        f"Kafka at 127.0.0.1:{unused_tcp_port} does not answer; start it, or give its address, HOST:PORT,"
        " by MATLINE_KAFKA"
    )


def test_a_live_api_that_does_not_answer_is_named_in_a_plain_line(unused_tcp_port, capfd):
    address = f"http://127.0.0.1:{unused_tcp_port}"
    assert verify.main("e", {"MATLINE_LIVE": address}, None, 1) == verify.EXIT_UNKNOWN
    assert capfd.readouterr().err == (
        f"matline verify: the live API at {address} gives no standings (Connection refused); start it, or give its"
        " address by --live or MATLINE_LIVE\n"
    )


def test_a_live_api_that_ends_in_the_middle_of_its_answer_is_named_in_a_plain_line(capfd):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")

        answering = Thread(target=answer)
        answering.start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        assert verify.main("e", {"MATLINE_LIVE": address}, None, 1) == verify.EXIT_UNKNOWN
        answering.join()
    assert f"the live API at {address} gives no standings; start it" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "run"),
    [
        ("archive", lambda environment: archive_main(environment, "e", Path("unused"), despite_reads=False)),
        ("reopen", lambda environment: reopen_main(environment, "e")),
    ],
)
def test_a_live_api_that_does_not_answer_archives_nothing_and_is_named_in_a_plain_line(
    command, run, unused_tcp_port, capfd
):
    address = f"http://127.0.0.1:{unused_tcp_port}"
    assert run({"MATLINE_LIVE": address}) == 1
    assert capfd.readouterr().err == (
        f"matline event {command}: live does not answer at {address} (Connection refused); start it, or give its"
        " address by MATLINE_LIVE\n"
    )


@pytest.mark.parametrize("service", ["scoring", "projections"])
def test_a_service_whose_kafka_is_away_ends_so_that_its_supervisor_tries_again(service, unused_tcp_port, tmp_path):
    own = {"MATLINE_KAFKA": f"127.0.0.1:{unused_tcp_port}", "MATLINE_DATA": str(tmp_path)}
    own |= {"MATLINE_SCORING_PORT": "0", "MATLINE_PROJECTIONS_PORT": "0"}
    ended = subprocess.run(
        [sys.executable, "-m", "services.cli", service],
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, "Traceback" in ended.stderr) == (exit_codes.AWAY, False), ended.stderr
    assert "does not answer" in ended.stderr
